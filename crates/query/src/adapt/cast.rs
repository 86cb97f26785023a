//! Casts of a member's text, without the text: `(input_features->>'amount')::float8` reads the column of numbers.

use super::{Expr, FlatAdapter};
use crate::json::member::Form;
use crate::table::Source;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::physical_expr::expressions::{CastExpr, TryCastExpr};
use onrecord_lake::schema::Scalar;
use std::sync::Arc;

impl FlatAdapter {
    /// A cast of a member that has a column whose values cast to the same.
    pub(super) fn typed(&self, expr: &Expr) -> Result<Option<Expr>> {
        let (inner, target, strict) = match (expr.downcast_ref::<CastExpr>(), expr.downcast_ref::<TryCastExpr>()) {
            (Some(cast), _) => (cast.expr(), cast.cast_type().clone(), true),
            (_, Some(cast)) => (cast.expr(), cast.cast_type().clone(), false),
            _ => return Ok(None),
        };
        let Some((Source::Document(document), path, Form::Text)) = self.member(inner) else { return Ok(None) };
        let Some((column, scalar)) = self.file.scalar(document, &path) else { return Ok(None) };
        if !casts_alike(scalar, &target) {
            return Ok(None);
        }
        if column.data_type(self.file.schema())? == target {
            return Ok(Some(column));
        }
        Ok(Some(if strict {
            Arc::new(CastExpr::new(column, target, None))
        } else {
            Arc::new(TryCastExpr::new(column, target))
        }))
    }
}

/// Whether a value casts to the type as its text does. A double does not cast to a decimal as its shortest text does,
/// nor to an integer, where the text of a fraction is an error.
fn casts_alike(scalar: Scalar, target: &DataType) -> bool {
    match scalar {
        Scalar::Int64 => target.is_numeric(),
        Scalar::Float64 => matches!(target, DataType::Float64 | DataType::Float32),
        Scalar::Boolean => *target == DataType::Boolean,
        Scalar::Utf8 => false,
    }
}

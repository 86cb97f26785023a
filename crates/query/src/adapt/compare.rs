//! Comparisons with constants, moved to the physical value so that statistics and bloom filters can answer them.
//!
//! Each keeps SQL's third value: where the original is null, so is what replaces it.

use super::{Expr, FlatAdapter};
use crate::json::member::Form;
use crate::kernel::KernelExpr;
use crate::kernel::among::Among;
use crate::table::Source;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{
    BinaryExpr, InListExpr, IsNotNullExpr, IsNullExpr, Literal, NotExpr, in_list, lit,
};
use datafusion::scalar::ScalarValue;
use onrecord_lake::schema::{Scalar, column};
use onrecord_record::canonical;
use std::sync::Arc;
use uuid::Uuid;

/// No token, id or hash is the empty text.
const NEVER: &str = "";

impl FlatAdapter {
    /// `=`, `<>`, `<`, …, and `IN`, of a column or a member with constants; `None` for anything else.
    pub(super) fn comparison(&self, expr: &Expr) -> Result<Option<Expr>> {
        if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
            let flipped = binary.op().swap();
            return match (binary.left(), binary.right(), flipped) {
                (left, right, _) if constant(right).is_some() => self.compare(left, *binary.op(), right),
                (left, right, Some(flipped)) if constant(left).is_some() => self.compare(right, flipped, left),
                _ => Ok(None),
            };
        }
        if let Some(list) = expr.downcast_ref::<InListExpr>() {
            let Some(constants) = list.list().iter().map(constant).collect::<Option<Vec<_>>>() else { return Ok(None) };
            return self.one_of(list.expr(), &constants, list.negated());
        }
        Ok(None)
    }

    fn compare(&self, subject: &Expr, op: Operator, with: &Expr) -> Result<Option<Expr>> {
        let Some(with) = constant(with) else { return Ok(None) };
        match op {
            Operator::Eq => self.one_of(subject, &[with], false),
            Operator::NotEq => self.one_of(subject, &[with], true),
            Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq => {
                // UUIDs in canonical text and their bytes have the same order; other text has no bytes.
                let Some(Source::EventId) = self.column(subject) else { return Ok(None) };
                let Ok(id) = Uuid::try_parse(with) else { return Ok(None) };
                let Some((ids, _)) = self.file.physical(column::EVENT_ID) else { return Ok(None) };
                Ok(Some(Arc::new(BinaryExpr::new(ids, op, bytes(id)))))
            }
            _ => Ok(None),
        }
    }

    /// `subject IN (constants)`, or with `negated` its opposite.
    fn one_of(&self, subject: &Expr, constants: &[&str], negated: bool) -> Result<Option<Expr>> {
        if let Some((Source::Document(document), path, Form::Text)) = self.member(subject) {
            let Some((column, scalar)) = self.file.scalar(document, &path) else { return Ok(None) };
            let Some(values) = scalar_constants(scalar, constants) else { return Ok(None) };
            return self.any_of(column, values, negated).map(Some);
        }
        match self.column(subject) {
            Some(Source::EventId) => {
                let ids = constants.iter().filter_map(|text| Uuid::try_parse(text).ok());
                self.ids_within(column::EVENT_ID, ids, negated)
            }
            Some(Source::InputHash) => {
                let hashes = constants.iter().filter(|text| text.len() == 32);
                self.ids_within(column::INPUT_HASH, hashes.filter_map(|text| Uuid::try_parse(text).ok()), negated)
            }
            Some(Source::DecisionId) => self.decision_among(constants, negated),
            Some(Source::Stored(name, _)) => match self.file.physical(name) {
                Some((column, field)) if matches!(field.data_type(), DataType::Dictionary(..)) => {
                    let values = constants.iter().map(|value| (*value).to_owned()).collect();
                    Ok(Some(KernelExpr::new(Among { values, negated }, vec![column], self.file.schema())))
                }
                _ => Ok(None),
            },
            Some(Source::User) => {
                let Some(identity) = &self.query.identity else { return Ok(None) };
                let Some((tokens, _)) = self.file.physical(column::USER_ID) else { return Ok(None) };
                let wanted =
                    identity.tokens_shown_as(constants).map_err(|error| DataFusionError::External(Box::new(error)))?;
                self.any_of(tokens, wanted.into_iter().map(text).collect(), negated).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn ids_within(&self, name: &str, ids: impl Iterator<Item = Uuid>, negated: bool) -> Result<Option<Expr>> {
        let Some((column, _)) = self.file.physical(name) else { return Ok(None) };
        self.any_of(column, ids.map(uuid_scalar).collect(), negated).map(Some)
    }

    /// A decision id is stored, or it is the event id in text.
    fn decision_among(&self, constants: &[&str], negated: bool) -> Result<Option<Expr>> {
        let physical = (self.file.physical(column::DECISION_ID), self.file.physical(column::EVENT_ID));
        let (Some((own, _)), Some((event_ids, _))) = physical else { return Ok(None) };
        let same_text = |id: &Uuid, text: &str| id.hyphenated().to_string() == text;
        let ids: Vec<ScalarValue> = constants
            .iter()
            .filter_map(|text| Uuid::try_parse(text).ok().filter(|id| same_text(id, text)))
            .map(uuid_scalar)
            .collect();
        let stored: Expr = Arc::new(IsNotNullExpr::new(Arc::clone(&own)));
        let by_own =
            self.any_of(Arc::clone(&own), constants.iter().map(|id| text((*id).to_owned())).collect(), false)?;
        let mut found: Expr = Arc::new(BinaryExpr::new(stored, Operator::And, by_own));
        if !ids.is_empty() {
            let defaulted: Expr = Arc::new(IsNullExpr::new(own));
            let by_event = self.any_of(event_ids, ids, false)?;
            let by_event: Expr = Arc::new(BinaryExpr::new(defaulted, Operator::And, by_event));
            found = Arc::new(BinaryExpr::new(found, Operator::Or, by_event));
        }
        Ok(Some(if negated { Arc::new(NotExpr::new(found)) } else { found }))
    }

    /// `column IN (values)`, the values in the column's own type. With no values it is false where the column is not
    /// null.
    fn any_of(&self, column: Expr, values: Vec<ScalarValue>, negated: bool) -> Result<Expr> {
        let schema: &Schema = self.file.schema();
        let data_type = column.data_type(schema)?;
        let values = values.into_iter().map(|value| value.cast_to(&data_type)).collect::<Result<Vec<_>>>()?;
        let op = if negated { Operator::NotEq } else { Operator::Eq };
        match values.as_slice() {
            [] if data_type.is_string() => {
                Ok(Arc::new(BinaryExpr::new(column, op, lit(text(NEVER.to_owned()).cast_to(&data_type)?))))
            }
            // `<>` of a value with itself is false, but null for null.
            [] => Ok(Arc::new(BinaryExpr::new(Arc::clone(&column), op.negate().unwrap_or(op), column))),
            [value] => Ok(Arc::new(BinaryExpr::new(column, op, lit(value.clone())))),
            _ => in_list(column, values.into_iter().map(lit).collect(), &negated, schema),
        }
    }
}

/// Text constants as values of a column of scalars, leaving out those that no value has as its text; `None` when the
/// column is text itself and needs no translation.
fn scalar_constants(scalar: Scalar, constants: &[&str]) -> Option<Vec<ScalarValue>> {
    let number = |text: &&str| {
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite())?;
        let mut canonical = Vec::new();
        canonical::write_number(number, &mut canonical);
        let shown = std::str::from_utf8(&canonical).ok().and_then(canonical::plain_number);
        (shown.as_deref() == Some(*text)).then_some(number)
    };
    let constants = constants.iter();
    match scalar {
        Scalar::Utf8 => None,
        Scalar::Boolean => Some(
            constants
                .filter_map(|text| text.parse::<bool>().ok())
                .map(|truth| ScalarValue::Boolean(Some(truth)))
                .collect(),
        ),
        Scalar::Float64 => {
            Some(constants.filter_map(number).map(|number| ScalarValue::Float64(Some(number))).collect())
        }
        Scalar::Int64 => Some(
            constants
                .filter_map(|text| text.parse::<i64>().ok().filter(|number| number.to_string() == **text))
                .map(|number| ScalarValue::Int64(Some(number)))
                .collect(),
        ),
    }
}

fn constant(expr: &Expr) -> Option<&str> {
    expr.downcast_ref::<Literal>()?.value().try_as_str().flatten()
}

fn text(text: String) -> ScalarValue {
    ScalarValue::Utf8View(Some(text))
}

fn uuid_scalar(id: Uuid) -> ScalarValue {
    ScalarValue::FixedSizeBinary(16, Some(id.as_bytes().to_vec()))
}

fn bytes(id: Uuid) -> Expr {
    lit(uuid_scalar(id))
}

//! PostgreSQL's spelling of JSON and UUID: `->`, `->>`, `#>`, `#>>`, `?`, and the type names `JSON`, `JSONB`, `UUID`.
//!
//! Documents and ids are text here, so a cast to these types keeps the text, unchecked; the path `'{a,0}'` is a
//! constant, of which a step of digits is an element's number.

use super::function::{HAS, TEXT, VALUE};
use crate::function::{NANOSECOND_DIGITS, NUMERIC};
use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, TypePlanner};
use datafusion::logical_expr::sqlparser::ast;
use datafusion::logical_expr::{Expr, ScalarUDF, lit};
use std::sync::Arc;

/// Turns operators over documents into calls.
#[derive(Debug)]
pub(crate) struct JsonOperators;

impl ExprPlanner for JsonOperators {
    fn plan_binary_op(&self, expr: RawBinaryExpr, _schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let (function, path) = match expr.op {
            ast::BinaryOperator::Arrow => (&VALUE, vec![expr.right]),
            ast::BinaryOperator::LongArrow => (&TEXT, vec![expr.right]),
            ast::BinaryOperator::HashArrow => (&VALUE, path_of(&expr.right)?),
            ast::BinaryOperator::HashLongArrow => (&TEXT, path_of(&expr.right)?),
            ast::BinaryOperator::Question => (&HAS, vec![expr.right]),
            _ => return Ok(PlannerResult::Original(expr)),
        };
        if matches!(&expr.left, Expr::ScalarFunction(inner) if inner.func == *TEXT) {
            return plan_err!("->> gives text, which has no members: use -> for every step but the last");
        }
        Ok(PlannerResult::Planned(call(function, expr.left, path)))
    }
}

/// The call, with a chain `a -> 'b' ->> 'c'` as one path, since only a path from a column can move to the scan.
fn call(function: &Arc<ScalarUDF>, document: Expr, path: Vec<Expr>) -> Expr {
    let mut args = match document {
        Expr::ScalarFunction(inner) if inner.func == *VALUE && *function != *HAS => inner.args,
        document => vec![document],
    };
    args.extend(path);
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(function), args))
}

fn path_of(expr: &Expr) -> Result<Vec<Expr>> {
    let Expr::Literal(value, _) = expr else { return plan_err!("#> needs a constant path such as '{{a,0}}'") };
    let path = value.try_as_str().flatten().and_then(|path| path.strip_prefix('{')?.strip_suffix('}'));
    let Some(path) = path else { return plan_err!("#> needs a constant path such as '{{a,0}}'") };
    let steps = path.split(',').map(|step| step.trim().trim_matches('"')).filter(|step| !step.is_empty());
    Ok(steps
        .map(|step| match step.parse::<i64>() {
            Ok(index) => lit(index),
            Err(_) => lit(ScalarValue::Utf8(Some(step.to_owned()))),
        })
        .collect())
}

/// Reads the type names that DataFusion does not know.
#[derive(Debug)]
pub(crate) struct PostgresTypes;

impl TypePlanner for PostgresTypes {
    fn plan_type_field(&self, sql_type: &ast::DataType) -> Result<Option<FieldRef>> {
        Ok(match sql_type {
            ast::DataType::JSON | ast::DataType::JSONB | ast::DataType::Uuid => {
                Some(Arc::new(Field::new("", DataType::Utf8View, true)))
            }
            ast::DataType::Numeric(ast::ExactNumberInfo::None)
            | ast::DataType::Decimal(ast::ExactNumberInfo::None)
            | ast::DataType::Dec(ast::ExactNumberInfo::None) => Some(Arc::new(Field::new("", NUMERIC, true))),
            ast::DataType::Timestamp(Some(NANOSECOND_DIGITS), _) => None,
            ast::DataType::Timestamp(_, ast::TimezoneInfo::None | ast::TimezoneInfo::WithoutTimeZone) => {
                Some(Arc::new(Field::new("", DataType::Timestamp(TimeUnit::Microsecond, None), true)))
            }
            ast::DataType::Timestamp(..) => {
                Some(Arc::new(Field::new("", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true)))
            }
            _ => None,
        })
    }
}

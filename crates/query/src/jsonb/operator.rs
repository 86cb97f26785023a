//! PostgreSQL's spelling of JSON and UUID: `->`, `->>`, `#>`, `#>>`, `?`, `?|`, `?&`, `@>`, `<@`, `||`, `-`, `#-`, and the type
//! names `JSON`, `JSONB`, `UUID`.
//!
//! A path `'{a,0}'` is a constant. A step of digits is an element's number where it meets an array, and a name where it
//! meets an object.

use super::named;
use super::order::is_document;
use crate::function::NUMERIC;
use crate::json::member::{TEXT, VALUE};
use crate::json::steps;
use crate::syntax::NANOSECOND_DIGITS;
use crate::table::{json_field, uuid_field};
use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::{DFSchema, Result, ScalarValue, internal_err, plan_err};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, TypePlanner};
use datafusion::logical_expr::sqlparser::ast::{self, BinaryOperator};
use datafusion::logical_expr::{Expr, ExprSchemable, ScalarUDF, lit};
use std::sync::Arc;

/// Digits of a second in every time.
const MICROSECOND_DIGITS: u64 = 6;

/// Steps of digits in one path: each doubles the places where it may lead to.
const DIGIT_STEPS_MAX: usize = 4;

/// Turns operators over documents into calls.
#[derive(Debug)]
pub(crate) struct JsonOperators;

impl ExprPlanner for JsonOperators {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let planned = match &expr.op {
            BinaryOperator::Arrow => member(&VALUE, expr.left, vec![expr.right])?,
            BinaryOperator::LongArrow => member(&TEXT, expr.left, vec![expr.right])?,
            BinaryOperator::HashArrow => at_path(&VALUE, expr.left, &expr.right)?,
            BinaryOperator::HashLongArrow => at_path(&TEXT, expr.left, &expr.right)?,
            BinaryOperator::Question => call("json_has", vec![expr.left, expr.right])?,
            BinaryOperator::QuestionPipe => call("json_has_any", vec![expr.left, expr.right])?,
            BinaryOperator::QuestionAnd => call("json_has_all", vec![expr.left, expr.right])?,
            BinaryOperator::HashMinus => call("jsonb_delete_path", vec![expr.left, expr.right])?,
            BinaryOperator::AtQuestion | BinaryOperator::AtAt => {
                return plan_err!(
                    "{} takes a jsonpath, which is not supported: use -> and jsonb_array_elements",
                    expr.op
                );
            }
            _ => return over_documents(expr, schema),
        };
        Ok(PlannerResult::Planned(planned))
    }
}

/// Operators that other types have too.
fn over_documents(expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
    use BinaryOperator::{ArrowAt, AtArrow, Minus, StringConcat};
    if !matches!(expr.op, AtArrow | ArrowAt | StringConcat | Minus) {
        return Ok(PlannerResult::Original(expr));
    }
    let [left, right] = [&expr.left, &expr.right].map(|side| is_document(side, schema));
    let is_literal = |side: &Expr| matches!(side, Expr::Literal(value, _) if value.data_type().is_string());
    let planned = match &expr.op {
        AtArrow if left || right => call("json_contains", vec![expr.left, expr.right])?,
        ArrowAt if left || right => call("json_contains", vec![expr.right, expr.left])?,
        StringConcat if left && (right || is_literal(&expr.right)) || right && is_literal(&expr.left) => {
            call("jsonb_concat", vec![expr.left, expr.right])?
        }
        StringConcat if left || right => {
            let [one, two] = [(expr.left, left), (expr.right, right)]
                .map(|(side, is_document)| if is_document { call("jsonb_out", vec![side]) } else { Ok(side) });
            let (left, right) = (one?, two?);
            return Ok(PlannerResult::Original(RawBinaryExpr { op: expr.op, left, right }));
        }
        Minus if left => {
            let function = match expr.right.get_type(schema)? {
                data_type if data_type.is_integer() => "jsonb_delete_element",
                DataType::List(_) => "jsonb_delete_names",
                _ => "jsonb_delete",
            };
            call(function, vec![expr.left, expr.right])?
        }
        _ => return Ok(PlannerResult::Original(expr)),
    };
    Ok(PlannerResult::Planned(planned))
}

/// A call of one of the functions over documents.
pub(super) fn call(function: &str, args: Vec<Expr>) -> Result<Expr> {
    match named(function) {
        Some(function) => Ok(Expr::ScalarFunction(ScalarFunction::new_udf(function, args))),
        None => internal_err!("no function {function}"),
    }
}

/// The member, with a chain `a -> 'b' ->> 'c'` as one path, since only a path from a column can move to the scan.
fn member(function: &Arc<ScalarUDF>, document: Expr, path: Vec<Expr>) -> Result<Expr> {
    let mut args = match document {
        Expr::ScalarFunction(inner) if inner.func == *TEXT => {
            return plan_err!("->> gives text, which has no members: use -> for every step but the last");
        }
        Expr::ScalarFunction(inner) if inner.func == *VALUE => inner.args,
        document => vec![document],
    };
    args.extend(path);
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(function), args)))
}

/// The value at a path, wherever its steps of digits lead.
fn at_path(function: &Arc<ScalarUDF>, document: Expr, path: &Expr) -> Result<Expr> {
    let mut paths: Vec<Vec<Expr>> = vec![Vec::new()];
    for step in path_of(path)? {
        let name = lit(ScalarValue::Utf8(Some(step.clone())));
        match super::inspect::index(&step) {
            Some(_) if paths.len() >= 1 << DIGIT_STEPS_MAX => {
                return plan_err!("a path has at most {DIGIT_STEPS_MAX} steps of digits");
            }
            Some(index) => {
                let by_name = paths.clone().into_iter().map(|path| [path, vec![name.clone()]].concat());
                let by_index = paths.into_iter().map(|path| [path, vec![lit(index)]].concat());
                paths = by_index.chain(by_name).collect();
            }
            None => paths.iter_mut().for_each(|path| path.push(name.clone())),
        }
    }
    let mut found =
        paths.into_iter().map(|path| member(function, document.clone(), path)).collect::<Result<Vec<_>>>()?;
    Ok(if found.len() == 1 { found.remove(0) } else { coalesce(found) })
}

/// The steps of a constant path, `'{a,0}'` or `ARRAY['a', '0']`.
fn path_of(expr: &Expr) -> Result<Vec<String>> {
    let needs = || plan_err!("a path is a constant such as '{{a,0}}'; jsonb_extract_path takes other ones");
    let steps = match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten().and_then(steps),
        Expr::ScalarFunction(list) if list.name() == "make_array" => {
            let text = |arg: &Expr| match arg {
                Expr::Literal(value, _) => value.try_as_str().flatten().map(|text| Some(text.to_owned())),
                _ => None,
            };
            list.args.iter().map(text).collect()
        }
        _ => None,
    };
    match steps.and_then(|steps| steps.into_iter().collect::<Option<Vec<_>>>()) {
        Some(steps) => Ok(steps),
        None => needs(),
    }
}

/// Reads the type names that DataFusion does not know.
#[derive(Debug)]
pub(crate) struct PostgresTypes;

impl TypePlanner for PostgresTypes {
    fn plan_type_field(&self, sql_type: &ast::DataType) -> Result<Option<FieldRef>> {
        Ok(match sql_type {
            ast::DataType::JSON | ast::DataType::JSONB => Some(Arc::new(json_field(""))),
            ast::DataType::Float(ast::ExactNumberInfo::None) => Some(Arc::new(Field::new("", DataType::Float64, true))),
            ast::DataType::Float(ast::ExactNumberInfo::Precision(bits)) if *bits > 24 => {
                Some(Arc::new(Field::new("", DataType::Float64, true)))
            }
            ast::DataType::Uuid => Some(Arc::new(uuid_field(""))),
            ast::DataType::Numeric(ast::ExactNumberInfo::None)
            | ast::DataType::Decimal(ast::ExactNumberInfo::None)
            | ast::DataType::Dec(ast::ExactNumberInfo::None) => Some(Arc::new(Field::new("", NUMERIC, true))),
            ast::DataType::Timestamp(Some(NANOSECOND_DIGITS), _) => None,
            ast::DataType::Timestamp(Some(digits), _) if *digits < MICROSECOND_DIGITS => {
                return plan_err!("timestamp({digits}) is not supported: date_trunc takes digits away");
            }
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

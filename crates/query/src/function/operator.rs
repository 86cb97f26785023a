//! Which operators are planned as calls of [`Operation`], and what the literals beside them are: a number with a point is
//! a `numeric`, a small integer an `integer`, text beside a number a number.
//!
//! Comparisons stay DataFusion's, since scans prune by them; only where it would round (a double beside a decimal) or
//! misjudge (intervals) they are planned anew.

use super::arithmetic::{Operation, arithmetic, operands, result_of_numbers};
use crate::json::member::JsonMember;
use crate::table::{is_uuid, uuid_field};
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawAggregateExpr, RawBinaryExpr, RawWindowExpr};
use datafusion::logical_expr::sqlparser::ast::BinaryOperator;
use datafusion::logical_expr::{BinaryExpr, Case, Cast, Expr, ExprSchemable, Operator, cast as cast_expr, lit};
use std::sync::Arc;

/// Plans the operators.
#[derive(Debug)]
pub(crate) struct Operators;

impl ExprPlanner for Operators {
    fn plan_aggregate(&self, mut expr: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
        if expr.func.name() == "sum"
            && let [arg] = expr.args.as_slice()
            && let Some(narrow) = narrow(arg)
        {
            expr.args = vec![narrow];
        }
        // A cast is left out of the name of a call, so that the sums of a column and of its cast would have one name.
        for arg in &mut expr.args {
            if matches!(arg, Expr::Cast(_)) {
                let name = arg.to_string();
                *arg = std::mem::replace(arg, lit(ScalarValue::Null)).alias(name);
            }
        }
        Ok(PlannerResult::Original(expr))
    }

    /// A number of a row is a `bigint`, not without a sign.
    fn plan_window(&self, expr: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
        let gives = match expr.func_def.name() {
            "row_number" | "rank" | "dense_rank" => DataType::Int64,
            "ntile" => DataType::Int32,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let params = WindowFunctionParams {
            args: expr.args,
            partition_by: expr.partition_by,
            order_by: expr.order_by,
            window_frame: expr.window_frame,
            filter: expr.filter,
            null_treatment: expr.null_treatment,
            distinct: expr.distinct,
        };
        let window = Expr::from(WindowFunction { fun: expr.func_def, params });
        Ok(PlannerResult::Planned(cast_expr(window, gives)))
    }

    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let (Ok(left), Ok(right)) = (type_of(&expr.left, schema), type_of(&expr.right, schema)) else {
            return Ok(PlannerResult::Original(expr));
        };
        if is_of_bits(&expr.op)
            && let (Some(one), Some(two)) = (narrow(&expr.left), narrow(&expr.right))
        {
            return Ok(PlannerResult::Original(RawBinaryExpr { op: expr.op, left: one, right: two }));
        }
        let planned = match comparison(&expr.op) {
            Some(operator) => plan_comparison(expr, operator, &left, &right),
            None => plan_arithmetic(expr, &left, &right),
        };
        Ok(match planned {
            Ok(planned) => PlannerResult::Planned(planned),
            Err(expr) => PlannerResult::Original(*expr),
        })
    }
}

/// What is planned, or the expression back.
type Planned = std::result::Result<Expr, Box<RawBinaryExpr>>;

fn comparison(op: &BinaryOperator) -> Option<Operator> {
    Some(match op {
        BinaryOperator::Eq => Operator::Eq,
        BinaryOperator::NotEq => Operator::NotEq,
        BinaryOperator::Lt => Operator::Lt,
        BinaryOperator::LtEq => Operator::LtEq,
        BinaryOperator::Gt => Operator::Gt,
        BinaryOperator::GtEq => Operator::GtEq,
        _ => return None,
    })
}

fn is_of_bits(op: &BinaryOperator) -> bool {
    use BinaryOperator::{BitwiseAnd, BitwiseOr, BitwiseXor, PGBitwiseShiftLeft, PGBitwiseShiftRight, PGBitwiseXor};
    matches!(op, BitwiseAnd | BitwiseOr | BitwiseXor | PGBitwiseShiftLeft | PGBitwiseShiftRight | PGBitwiseXor)
}

fn is_literal_text(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(value, _) if value.data_type().is_string())
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_integer() || data_type.is_floating() || data_type.is_decimal()
}

fn is_span(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_) | DataType::Duration(_))
}

fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(..))
}

fn is_date(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Date64)
}

fn plan_comparison(expr: RawBinaryExpr, operator: Operator, left: &DataType, right: &DataType) -> Planned {
    let compared =
        |left: Expr, right: Expr| Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right))));
    // Text beside a truth is one.
    if *left == DataType::Boolean && is_literal_text(&expr.right) {
        return compared(expr.left, cast_expr(expr.right, DataType::Boolean));
    }
    if *right == DataType::Boolean && is_literal_text(&expr.left) {
        return compared(cast_expr(expr.left, DataType::Boolean), expr.right);
    }
    let is_of_uuids = |side: &Expr| matches!(side, Expr::Cast(cast) if is_uuid(&cast.field));
    let as_uuid = |side: Expr| Expr::Cast(Cast::new_from_field(Box::new(side), Arc::new(uuid_field(""))));
    if is_of_uuids(&expr.left) && is_literal_text(&expr.right) {
        return compared(expr.left, as_uuid(expr.right));
    }
    if is_of_uuids(&expr.right) && is_literal_text(&expr.left) {
        return compared(as_uuid(expr.left), expr.right);
    }
    if is_span(left) && is_span(right) {
        return compared(Operation::Order.call(vec![expr.left]), Operation::Order.call(vec![expr.right]));
    }
    let signed = |side: &Expr, data_type: &DataType| data_type.is_floating() && is_computed(side);
    let doubles = [left, right].iter().all(|side| side.is_floating() || side.is_integer());
    if doubles && (signed(&expr.left, left) || signed(&expr.right, right)) {
        let [one, two] =
            [(expr.left, left), (expr.right, right)].map(|(side, data_type)| match signed(&side, data_type) {
                true => Operation::Add.planned(vec![side, lit(0.0)], Some(DataType::Float64)),
                false => side,
            });
        return compared(one, two);
    }
    match (left.is_decimal(), right.is_decimal()) {
        (true, false) if right.is_floating() => match exact(&expr.right) {
            Some(exact) => compared(expr.left, exact),
            None => compared(cast_expr(expr.left, DataType::Float64), expr.right),
        },
        (false, true) if left.is_floating() => match exact(&expr.left) {
            Some(exact) => compared(exact, expr.right),
            None => compared(expr.left, cast_expr(expr.right, DataType::Float64)),
        },
        _ => Err(Box::new(expr)),
    }
}

/// Whether a double may be the zero with a sign, which no record holds and Arrow tells from the other.
fn is_computed(expr: &Expr) -> bool {
    match expr {
        Expr::Negative(_) => true,
        Expr::ScalarFunction(call) => !call.func.inner().is::<JsonMember>(),
        _ => false,
    }
}

/// A literal such as `0.1`, which the parser has as a double, as the exact number that it is in PostgreSQL.
pub(super) fn exact(expr: &Expr) -> Option<Expr> {
    let Expr::Literal(ScalarValue::Float64(Some(value)), _) = expr else { return None };
    if !value.is_finite() {
        return None;
    }
    let text = value.to_string();
    let digits = text.trim_start_matches('-');
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = i8::try_from(fraction.len()).ok()?;
    let precision = u8::try_from(whole.trim_start_matches('0').len() + fraction.len()).ok()?.max(1);
    let unscaled: i128 = text.replace('.', "").parse().ok()?;
    (precision <= 38 && scale <= 38)
        .then(|| lit(ScalarValue::Decimal128(Some(unscaled), precision.max(scale as u8), scale)))
}

/// A literal that fits into 32 bits is an `integer`, and so is a CASE between such literals.
fn narrow(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Literal(ScalarValue::Int64(Some(value)), _) => i32::try_from(*value).ok().map(lit),
        Expr::Case(case) => {
            let branch = |expr: &Expr| match expr {
                Expr::Literal(ScalarValue::Null, _) => Some(expr.clone()),
                expr => narrow(expr),
            };
            let when_then = case.when_then_expr.iter();
            let when_then = when_then
                .map(|(when, then)| Some((when.clone(), Box::new(branch(then)?))))
                .collect::<Option<Vec<_>>>()?;
            let otherwise = match &case.else_expr {
                Some(otherwise) => Some(Box::new(branch(otherwise)?)),
                None => None,
            };
            Some(Expr::Case(Case { expr: case.expr.clone(), when_then_expr: when_then, else_expr: otherwise }))
        }
        _ => None,
    }
}

/// Text beside a number, as a number of its type.
fn number_of(text: &Expr, sidecar: &DataType) -> Option<Expr> {
    match text {
        Expr::Literal(value, _) if value.try_as_str().flatten().is_some() && is_number(sidecar) => {
            Some(cast_expr(text.clone(), sidecar.clone()))
        }
        _ => None,
    }
}

fn plan_arithmetic(expr: RawBinaryExpr, left: &DataType, right: &DataType) -> Planned {
    let operation = match expr.op {
        BinaryOperator::Plus => Operation::Add,
        BinaryOperator::Minus => Operation::Subtract,
        BinaryOperator::Multiply => Operation::Multiply,
        BinaryOperator::Divide => Operation::Divide,
        BinaryOperator::Modulo => Operation::Modulo,
        _ => return Err(Box::new(expr)),
    };
    if let Some(number) = number_of(&expr.left, right) {
        return Ok(plan_numbers(operation, RawBinaryExpr { left: number, ..expr }, right, right));
    }
    if let Some(number) = number_of(&expr.right, left) {
        return Ok(plan_numbers(operation, RawBinaryExpr { right: number, ..expr }, left, left));
    }
    let numbers = (is_number(left) || left.is_null()) && (is_number(right) || right.is_null());
    if numbers && !(left.is_null() && right.is_null()) {
        return Ok(plan_numbers(operation, expr, left, right));
    }
    plan_times(operation, expr, left, right)
}

fn plan_numbers(operation: Operation, expr: RawBinaryExpr, left: &DataType, right: &DataType) -> Expr {
    let RawBinaryExpr { left: mut one, right: mut two, .. } = expr;
    if !right.is_floating() || exact(&two).is_some() {
        one = exact(&one).unwrap_or(one);
    }
    let left_is_exact = !left.is_floating() || matches!(one, Expr::Literal(ScalarValue::Decimal128(..), _));
    if left_is_exact {
        two = exact(&two).unwrap_or(two);
    }
    let small = |data_type: &DataType| matches!(data_type, DataType::Int32 | DataType::Int16 | DataType::Int8);
    match (narrow(&one), narrow(&two)) {
        (Some(narrow_one), Some(narrow_two)) => (one, two) = (narrow_one, narrow_two),
        (Some(narrow), None) if small(right) => one = narrow,
        (None, Some(narrow)) if small(left) => two = narrow,
        _ => {}
    }
    let typed = |expr: &Expr, given: &DataType| match expr {
        Expr::Literal(value, _) => value.data_type(),
        _ => given.clone(),
    };
    let (left, right) = operands(&typed(&one, left), &typed(&two, right));
    let gives = result_of_numbers(operation, &left, &right);
    operation.planned(vec![one, two], Some(gives))
}

fn plan_times(operation: Operation, expr: RawBinaryExpr, left: &DataType, right: &DataType) -> Planned {
    let clock = matches!(right, DataType::Time32(_) | DataType::Time64(_));
    let timestamp = || DataType::Timestamp(TimeUnit::Microsecond, None);
    let planned = match operation {
        Operation::Subtract if is_date(left) && is_date(right) => Operation::Days,
        Operation::Subtract if (is_time(left) || is_date(left)) && (is_time(right) || is_date(right)) => {
            Operation::Elapsed
        }
        Operation::Subtract if is_date(left) && right.is_integer() => Operation::SubtractDays,
        Operation::Add if is_date(left) && right.is_integer() => Operation::AddDays,
        Operation::Add if left.is_integer() && is_date(right) => {
            return Ok(Operation::AddDays.call(vec![expr.right, expr.left]));
        }
        Operation::Add if is_date(left) && clock => Operation::Join,
        Operation::Add | Operation::Subtract if is_date(left) && is_span(right) => {
            let operator = if operation == Operation::Add { Operator::Plus } else { Operator::Minus };
            let time = Box::new(cast_expr(expr.left, timestamp()));
            return Ok(Expr::BinaryExpr(BinaryExpr::new(time, operator, Box::new(expr.right))));
        }
        Operation::Add if is_span(left) && is_date(right) => {
            let time = Box::new(cast_expr(expr.right, timestamp()));
            return Ok(Expr::BinaryExpr(BinaryExpr::new(time, Operator::Plus, Box::new(expr.left))));
        }
        Operation::Multiply if is_span(left) && is_number(right) => Operation::Scale,
        Operation::Multiply if is_number(left) && is_span(right) => {
            return Ok(Operation::Scale.call(vec![expr.right, expr.left]));
        }
        Operation::Divide if is_span(left) && is_number(right) => Operation::Shrink,
        _ => return Err(Box::new(expr)),
    };
    Ok(planned.call(vec![expr.left, expr.right]))
}

/// The type of an operand. What was planned here is not looked at again, so that a long sum is planned in linear time.
fn type_of(expr: &Expr, schema: &DFSchema) -> Result<DataType> {
    match arithmetic(expr).and_then(|inner| inner.gives.clone()) {
        Some(gives) => Ok(gives),
        None => expr.get_type(schema),
    }
}

//! Arithmetic as PostgreSQL does it: what a type cannot hold is an error, a `numeric` stays exact, a difference of times
//! is an interval.
//!
//! DataFusion's operators wrap around silently and let a double divided by zero be infinite, so `operator` plans them as
//! calls of [`Operation`].

use super::call::{fault, instant_type};
use super::interval::{self, Span};
use super::numeric::{self, NUMERIC, by_zero, overflow};
use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Datum, Decimal128Array, Decimal256Array, Float64Array,
    IntervalMonthDayNanoArray, Scalar, TimestampMicrosecondArray,
};
use arrow::compute::kernels::numeric as kernels;
use arrow::compute::{cast, try_binary};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float64Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
    IntervalUnit, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, i256,
};
use arrow::error::ArrowError;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// What is computed of two values, or of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Negate,
    /// Two times to the interval between them.
    Elapsed,
    /// Two dates to the days between them.
    Days,
    /// A date and a number of days.
    AddDays,
    SubtractDays,
    /// A date and a time of the day.
    Join,
    /// An interval by a number.
    Scale,
    Shrink,
    /// What intervals are compared by.
    Order,
}

impl Operation {
    /// The call, for a rule that runs once.
    pub(super) fn call(self, args: Vec<Expr>) -> Expr {
        self.planned(args, None)
    }

    /// The call, with the type of its result where that is known.
    pub(super) fn planned(self, args: Vec<Expr>, gives: Option<DataType>) -> Expr {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        args.iter().for_each(|arg| match arithmetic(arg) {
            Some(inner) => inner.digest.hash(&mut hasher),
            None => arg.hash(&mut hasher),
        });
        let signature = Signature::user_defined(Volatility::Immutable);
        let function = Arithmetic { operation: self, signature, digest: hasher.finish(), gives };
        Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::new_from_impl(function)), args))
    }
}

/// The operation that an expression is a call of.
pub(super) fn arithmetic(expr: &Expr) -> Option<&Arithmetic> {
    match expr {
        Expr::ScalarFunction(call) => call.func.inner().downcast_ref::<Arithmetic>(),
        _ => None,
    }
}

/// Whether the expression divides by something that may be zero.
pub(super) fn divides(expr: &Expr) -> bool {
    let is_division = |call: &Arithmetic| matches!(call.operation, Operation::Divide | Operation::Modulo);
    match expr {
        Expr::ScalarFunction(call) if arithmetic(expr).is_some_and(is_division) => {
            !matches!(call.args.last(), None | Some(Expr::Literal(..)))
        }
        _ => false,
    }
}

/// The function that an operator is planned as.
#[derive(Debug)]
pub(super) struct Arithmetic {
    operation: Operation,
    signature: Signature,
    /// Stands for the whole expression in its name, which would otherwise be written anew for each operator around it.
    digest: u64,
    /// The type of the result, where it was planned as an operator.
    pub(super) gives: Option<DataType>,
}

impl PartialEq for Arithmetic {
    fn eq(&self, other: &Self) -> bool {
        self.operation == other.operation
    }
}

impl Eq for Arithmetic {}

impl Hash for Arithmetic {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.operation.hash(state);
    }
}

/// Precision and scale of a decimal, or of an integer as one.
fn digits(data_type: &DataType) -> (u8, i8) {
    match data_type {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => (*precision, *scale),
        DataType::Int8 | DataType::UInt8 => (3, 0),
        DataType::Int16 | DataType::UInt16 => (5, 0),
        DataType::Int32 | DataType::UInt32 => (10, 0),
        _ => (20, 0),
    }
}

/// The narrowest decimal of that many digits; beyond 76 the values are checked.
fn decimal(precision: i32, scale: i32, wide: bool) -> DataType {
    let scale = scale.clamp(0, 38) as i8;
    match u8::try_from(precision) {
        Ok(precision) if precision <= 38 && !wide => DataType::Decimal128(precision.max(1), scale),
        Ok(precision) => DataType::Decimal256(precision.min(76), scale),
        Err(_) => DataType::Decimal256(76, scale),
    }
}

fn is_wide(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal256(..))
}

/// The type of a number beside another, before they are computed with.
pub(super) fn operands(left: &DataType, right: &DataType) -> (DataType, DataType) {
    let (left, right) = match (left.is_null(), right.is_null()) {
        (true, _) => (right, right),
        (_, true) => (left, left),
        _ => (left, right),
    };
    if left.is_floating() || right.is_floating() {
        return (DataType::Float64, DataType::Float64);
    }
    let is_huge = |data_type: &DataType| data_type.is_decimal() || *data_type == DataType::UInt64;
    if is_huge(left) || is_huge(right) {
        let wide = is_wide(left) || is_wide(right);
        let own = |data_type: &DataType| {
            let (precision, scale) = digits(data_type);
            // A negative scale is a number with zeros at its end.
            decimal(i32::from(precision) - i32::from(scale.min(0)), scale.into(), wide)
        };
        return (own(left), own(right));
    }
    let small = |data_type: &DataType| {
        matches!(data_type, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16)
    };
    let int = if small(left) && small(right) { DataType::Int32 } else { DataType::Int64 };
    (int.clone(), int)
}

/// The type of what is computed of two such numbers.
pub(super) fn result_of_numbers(operation: Operation, left: &DataType, right: &DataType) -> DataType {
    if !left.is_decimal() {
        return left.clone();
    }
    let ((precision1, scale1), (precision2, scale2)) = (digits(left), digits(right));
    let [precision1, scale1, precision2, scale2] =
        [i32::from(precision1), scale1.into(), precision2.into(), scale2.into()];
    let scale = scale1.max(scale2);
    let whole = (precision1 - scale1).max(precision2 - scale2);
    match operation {
        Operation::Multiply => decimal(precision1 + precision2, scale1 + scale2, is_wide(left)),
        Operation::Divide => NUMERIC,
        Operation::Modulo => decimal(whole + scale, scale, is_wide(left)),
        _ => decimal(whole + scale + 1, scale, is_wide(left)),
    }
}

impl ScalarUDFImpl for Arithmetic {
    fn name(&self) -> &str {
        match self.operation {
            Operation::Add => "add",
            Operation::Subtract => "subtract",
            Operation::Multiply => "multiply",
            Operation::Divide => "divide",
            Operation::Modulo => "modulo",
            Operation::Negate => "negate",
            Operation::Elapsed => "elapsed",
            Operation::Days => "days_between",
            Operation::AddDays => "add_days",
            Operation::SubtractDays => "subtract_days",
            Operation::Join => "join_date_time",
            Operation::Scale => "scale_interval",
            Operation::Shrink => "shrink_interval",
            Operation::Order => "interval_order",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn schema_name(&self, _args: &[Expr]) -> Result<String> {
        Ok(format!("{}({:016x})", self.name(), self.digest))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let days = || vec![DataType::Date32, DataType::Int64];
        let span = || DataType::Interval(IntervalUnit::MonthDayNano);
        Ok(match (self.operation, types) {
            (Operation::Negate, [one]) => vec![one.clone()],
            (Operation::Order, [_]) => vec![span()],
            (Operation::Elapsed, [_, _]) => vec![instant_type(), instant_type()],
            (Operation::Days, [_, _]) => vec![DataType::Date32, DataType::Date32],
            (Operation::AddDays | Operation::SubtractDays, [_, _]) => days(),
            (Operation::Join, [_, _]) => vec![DataType::Date32, DataType::Time64(TimeUnit::Microsecond)],
            (Operation::Scale | Operation::Shrink, [_, _]) => vec![span(), DataType::Float64],
            (_, [left, right]) => {
                let (left, right) = operands(left, right);
                vec![left, right]
            }
            _ => return plan_err!("{} takes two values", self.name()),
        })
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(match (self.operation, types) {
            (Operation::Negate, [one]) => one.clone(),
            (Operation::Order, _) => DataType::Decimal128(38, 0),
            (Operation::Elapsed | Operation::Scale | Operation::Shrink, _) => {
                DataType::Interval(IntervalUnit::MonthDayNano)
            }
            (Operation::Days, _) => DataType::Int32,
            (Operation::AddDays | Operation::SubtractDays, _) => DataType::Date32,
            (Operation::Join, _) => DataType::Timestamp(TimeUnit::Microsecond, None),
            (operation, [left, right]) => {
                let (left, right) = operands(left, right);
                result_of_numbers(operation, &left, &right)
            }
            _ => return plan_err!("{} takes two values", self.name()),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let gives = args.return_field.data_type();
        let out = match (self.operation, args.args.as_slice()) {
            (Operation::Negate, [one]) => negate(&one.to_array(if constant { 1 } else { args.number_rows })?)?,
            (Operation::Order, [one]) => order(&one.to_array(if constant { 1 } else { args.number_rows })?)?,
            (operation, [left, right]) if gives.is_numeric() && operation != Operation::Days => {
                let (left, right) = (side(left)?, side(right)?);
                numbers(operation, left.as_ref(), right.as_ref(), gives)?
            }
            (operation, [left, right]) => {
                let rows = if constant { 1 } else { args.number_rows };
                times(operation, &left.to_array(rows)?, &right.to_array(rows)?)?
            }
            _ => return exec_err!("{} takes two values", self.name()),
        };
        match constant {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&out, 0)?)),
            false => Ok(ColumnarValue::Array(out)),
        }
    }
}

/// A column, or a constant that need not be repeated.
fn side(value: &ColumnarValue) -> Result<Box<dyn Datum>> {
    Ok(match value {
        ColumnarValue::Array(array) => Box::new(Arc::clone(array)),
        ColumnarValue::Scalar(value) => Box::new(Scalar::new(value.to_array()?)),
    })
}

fn numbers(operation: Operation, left: &dyn Datum, right: &dyn Datum, gives: &DataType) -> Result<ArrayRef> {
    if gives.is_decimal() {
        return decimals(operation, left, right, gives);
    }
    let out = match operation {
        Operation::Add => kernels::add(left, right)?,
        Operation::Subtract => kernels::sub(left, right)?,
        Operation::Multiply => kernels::mul(left, right)?,
        Operation::Divide => kernels::div(left, right)?,
        _ => kernels::rem(left, right)?,
    };
    match gives {
        DataType::Float64 => check_floats(operation, left.get().0, right.get().0, out),
        _ => Ok(out),
    }
}

/// Refuses what a double cannot hold, and a division by zero.
fn check_floats(operation: Operation, left: &dyn Array, right: &dyn Array, out: ArrayRef) -> Result<ArrayRef> {
    let [left, right, values] = [left, right, &out as &dyn Array].map(|array| array.as_primitive::<Float64Type>());
    let divides = operation == Operation::Divide || operation == Operation::Modulo;
    let multiplies = divides || operation == Operation::Multiply;
    // Most batches are sound, which one pass tells.
    let suspicious = |value: &f64| !value.is_finite() || (multiplies && *value == 0.0);
    if !values.values().iter().any(suspicious) {
        return Ok(out);
    }
    let of = |array: &Float64Array, row: usize| array.value(if array.len() == 1 { 0 } else { row });
    for row in (0..values.len()).filter(|row| values.is_valid(*row) && suspicious(&values.value(*row))) {
        let (left, right, value) = (of(left, row), of(right, row), values.value(row));
        if divides && right == 0.0 && !left.is_nan() {
            return Err(by_zero());
        }
        if value.is_infinite() && left.is_finite() && right.is_finite() {
            return Err(overflow("double precision"));
        }
        let vanishes = value == 0.0 && left != 0.0 && if divides { right.is_finite() } else { right != 0.0 };
        if vanishes && operation != Operation::Modulo {
            return Err(fault("value out of range: double precision underflow"));
        }
    }
    Ok(out)
}

fn scale_of(data_type: &DataType) -> i8 {
    digits(data_type).1
}

fn decimals(operation: Operation, left: &dyn Datum, right: &dyn Datum, gives: &DataType) -> Result<ArrayRef> {
    let scales = scale_of(left.get().0.data_type()) + scale_of(right.get().0.data_type());
    let exact = match operation {
        Operation::Multiply => scales == scale_of(gives),
        Operation::Divide => false,
        _ => true,
    };
    if !exact {
        return slow_decimals(operation, left, right, gives);
    }
    let (left, right) = (widened(left, gives)?, widened(right, gives)?);
    let (left, right) = (left.as_ref(), right.as_ref());
    let out = match operation {
        Operation::Add => kernels::add(left, right)?,
        Operation::Subtract => kernels::sub(left, right)?,
        Operation::Multiply => kernels::mul(left, right)?,
        _ => kernels::rem(left, right)?,
    };
    // The kernel's own precision is capped; the values tell whether they fit.
    Ok(match out.data_type() {
        DataType::Decimal128(..) => Arc::new(fitting_128(out.as_primitive::<Decimal128Type>(), gives)?),
        _ => Arc::new(fitting_256(out.as_primitive::<Decimal256Type>(), gives)?),
    })
}

fn fitting_128(values: &Decimal128Array, gives: &DataType) -> Result<Decimal128Array> {
    let (precision, scale) = digits(gives);
    let values = values.clone().with_precision_and_scale(precision, scale)?;
    values.validate_decimal_precision(precision).map_err(|_| overflow("numeric"))?;
    Ok(values)
}

fn fitting_256(values: &Decimal256Array, gives: &DataType) -> Result<Decimal256Array> {
    let (precision, scale) = digits(gives);
    let values = values.clone().with_precision_and_scale(precision, scale)?;
    values.validate_decimal_precision(precision).map_err(|_| overflow("numeric"))?;
    Ok(values)
}

/// The operand with as many bits as the result, at its own scale.
fn widened(side: &dyn Datum, gives: &DataType) -> Result<Box<dyn Datum>> {
    let (array, is_scalar) = side.get();
    let to = match gives {
        DataType::Decimal128(..) => DataType::Decimal128(38, scale_of(array.data_type())),
        _ => DataType::Decimal256(76, scale_of(array.data_type())),
    };
    let array = cast(array, &to)?;
    Ok(if is_scalar { Box::new(Scalar::new(array)) } else { Box::new(array) })
}

/// Quotients, and products that are rounded.
fn slow_decimals(operation: Operation, left: &dyn Datum, right: &dyn Datum, gives: &DataType) -> Result<ArrayRef> {
    let ((left, left_constant), (right, right_constant)) = (left.get(), right.get());
    let rows = match (left_constant, right_constant) {
        (true, true) => 1,
        (true, false) => right.len(),
        _ => left.len(),
    };
    let (left, right) = (arrow::array::make_array(left.to_data()), arrow::array::make_array(right.to_data()));
    let (precision, scale) = digits(gives);
    let of = |array: &ArrayRef, constant: bool, row: usize| {
        let row = if constant { 0 } else { row };
        if array.is_null(row) { None } else { numeric::read(array, row) }
    };
    let mut out: Vec<Option<i256>> = Vec::with_capacity(rows);
    for row in 0..rows {
        let (Some(left), Some(right)) = (of(&left, left_constant, row), of(&right, right_constant, row)) else {
            out.push(None);
            continue;
        };
        let value = match operation {
            Operation::Divide => numeric::divide(&left, &right)?,
            _ => left * right,
        };
        out.push(Some(numeric::to_i256(&value, precision, scale)?));
    }
    let out = Decimal256Array::from(out).with_precision_and_scale(76, scale)?;
    Ok(cast(&out, gives)?)
}

fn negate(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(kernels::neg(array)?)
}

fn order(array: &ArrayRef) -> Result<ArrayRef> {
    let spans = array.as_primitive::<IntervalMonthDayNanoType>();
    let order: Decimal128Array = spans.unary(|span| Span::from(span).order());
    Ok(Arc::new(order.with_precision_and_scale(38, 0)?))
}

fn external(error: datafusion::common::DataFusionError) -> ArrowError {
    ArrowError::ExternalError(Box::new(error))
}

fn times(operation: Operation, left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef> {
    let day = |date: i32, days: i64| {
        i64::from(date).checked_add(days).ok_or_else(|| fault("date out of range")).and_then(super::calendar::date32)
    };
    Ok(match operation {
        Operation::Elapsed => {
            let [left, right] = [left, right].map(|side| side.as_primitive::<TimestampMicrosecondType>());
            let spans: IntervalMonthDayNanoArray = try_binary(left, right, |left, right: i64| {
                let micros = i64::checked_sub(left, right).ok_or_else(|| external(interval::out_of_range()))?;
                Span::of_difference(micros).and_then(Span::to_arrow).map_err(external)
            })?;
            Arc::new(spans)
        }
        Operation::Days => {
            let (left, right) = (left.as_primitive::<Date32Type>(), right.as_primitive::<Date32Type>());
            Arc::new(try_binary::<_, _, _, Int32Type>(left, right, |left, right| {
                left.checked_sub(right).ok_or_else(|| external(overflow("integer")))
            })?)
        }
        Operation::AddDays | Operation::SubtractDays => {
            let (left, right) = (left.as_primitive::<Date32Type>(), right.as_primitive::<Int64Type>());
            let sign = if operation == Operation::AddDays { 1 } else { -1 };
            let dates: Date32Array = try_binary(left, right, |date, days: i64| {
                let days = days.checked_mul(sign).ok_or_else(|| external(fault("date out of range")))?;
                day(date, days).map_err(external)
            })?;
            Arc::new(dates)
        }
        Operation::Join => {
            let (left, right) = (left.as_primitive::<Date32Type>(), right.as_primitive::<Time64MicrosecondType>());
            let times: TimestampMicrosecondArray = try_binary(left, right, |date, clock: i64| {
                super::calendar::micros_of(date.into(), clock).map_err(external)
            })?;
            Arc::new(times)
        }
        _ => {
            let (left, right) = (left.as_primitive::<IntervalMonthDayNanoType>(), right.as_primitive::<Float64Type>());
            Arc::new(try_binary::<_, _, _, IntervalMonthDayNanoType>(left, right, |span, by: f64| {
                if operation == Operation::Shrink && by == 0.0 {
                    return Err(external(by_zero()));
                }
                let by = if operation == Operation::Shrink { 1.0 / by } else { by };
                interval::scaled(span.into(), by).and_then(Span::to_arrow).map_err(external)
            })?)
        }
    })
}

//! Casts whose result differs between Arrow and PostgreSQL: numbers to integers are rounded, doubles become decimals by
//! their 15 digits, and times, intervals and doubles have PostgreSQL's text.
//!
//! The rule runs after DataFusion's coercion of types, so that it sees the casts that coercion adds, and changes no type.

use super::arithmetic::Operation;
use super::calendar::{DAY, HOUR, MINUTE, Reading, SECOND, date_of};
use super::call::{fault, instant_type};
use super::input;
use super::interval::Span;
use super::numeric::{self, overflow};
use super::text;
use super::uuid::UUID_OF;
use crate::json::member::JsonMember;
use crate::json::steps;
use crate::table::is_uuid;
use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Decimal256Array, Float64Array, ListArray, PrimitiveArray,
    StringViewArray, StringViewBuilder,
};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, FieldRef, Float64Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit,
    Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, i256,
};
use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::expr::{Like, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Cast, ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::optimizer::AnalyzerRule;
use std::sync::Arc;

/// Replaces the casts, and negations of integers, which wrap around.
#[derive(Debug)]
pub(crate) struct PostgresCasts;

impl AnalyzerRule for PostgresCasts {
    fn name(&self) -> &str {
        "postgres_casts"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(replace_casts)?.data)
    }
}

fn replace_casts(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    let sorts = matches!(plan, LogicalPlan::Sort(_));
    let replaced = |expr: Expr| {
        let name = names.save(&expr);
        let expr = expr.transform_up(|expr| replace(expr, &schema))?;
        // Arrow orders intervals by their months first.
        if sorts && is_interval(&expr.data.get_type(&schema)?) {
            return Ok(Transformed::yes(Operation::Order.call(vec![expr.data])));
        }
        Ok(expr.update_data(|expr| name.restore(expr)))
    };
    plan.map_expressions(|expr| match expr {
        // A set of groups has no name of its own; its members have.
        Expr::GroupingSet(_) => expr.map_children(replaced),
        expr => replaced(expr),
    })
}

fn replace(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Cast(cast) if is_uuid(&cast.field) => {
            let call = ScalarFunction::new_udf(Arc::clone(&UUID_OF), vec![*cast.expr]);
            Ok(Transformed::yes(Expr::ScalarFunction(call)))
        }
        Expr::Cast(Cast { expr, field }) => {
            let from = expr.get_type(schema)?;
            let to = field.data_type();
            let is_column = to.is_numeric() && is_member(&expr);
            if is_column || !differs(&from, to) && !is_infinite_text(&expr, to) {
                return Ok(Transformed::no(Expr::Cast(Cast { expr, field })));
            }
            let function = ScalarUDF::new_from_impl(CastTo::new(to.clone()));
            let call = ScalarFunction::new_udf(Arc::new(function), vec![*expr]);
            Ok(Transformed::yes(Expr::ScalarFunction(call)))
        }
        Expr::Negative(expr) if expr.get_type(schema)?.is_integer() => {
            Ok(Transformed::yes(Operation::Negate.call(vec![*expr])))
        }
        // Those with a constant were rewritten; of the others DataFusion takes the pattern for a regular expression.
        Expr::SimilarTo(_) => plan_err!("SIMILAR TO takes a constant pattern"),
        Expr::AggregateFunction(call) if ["min", "max"].contains(&call.func.name()) => {
            match call.params.args.first().map(|arg| arg.get_type(schema)).transpose()? {
                Some(data_type) if is_interval(&data_type) => {
                    plan_err!("{} of intervals is not supported: compare extract(epoch FROM …)", call.func.name())
                }
                _ => Ok(Transformed::no(Expr::AggregateFunction(call))),
            }
        }
        Expr::Like(like) if ends_with_escape(&like) => plan_err!("LIKE pattern must not end with escape character"),
        expr => Ok(Transformed::no(expr)),
    }
}

fn ends_with_escape(like: &Like) -> bool {
    let Expr::Literal(pattern, _) = like.pattern.as_ref() else { return false };
    let escape = like.escape_char.unwrap_or('\\');
    let pattern = pattern.try_as_str().flatten().unwrap_or_default();
    (pattern.len() - pattern.trim_end_matches(escape).len()) % 2 == 1
}

fn is_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_))
}

/// Whether PostgreSQL and Arrow cast differently.
fn differs(from: &DataType, to: &DataType) -> bool {
    let has_own_text = |data_type: &DataType| {
        matches!(
            data_type,
            DataType::Float64
                | DataType::Float32
                | DataType::Timestamp(..)
                | DataType::Time64(_)
                | DataType::Date32
                | DataType::Interval(_)
                | DataType::Duration(_)
                | DataType::Decimal256(..)
                | DataType::Binary
                | DataType::List(_)
        )
    };
    match to {
        to if to.is_integer() => from.is_floating() || from.is_decimal(),
        to if to.is_decimal() => from.is_floating() || from.is_string(),
        DataType::Float64 => from.is_decimal(),
        // Not in the order of the times: no bound of a file says anything about it, as DataFusion would have it.
        DataType::Time64(_) if matches!(from, DataType::Timestamp(..)) => true,
        DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Nanosecond, _)
        | DataType::Date32
        | DataType::Time64(_)
        | DataType::Interval(IntervalUnit::MonthDayNano) => from.is_string(),
        to if to.is_string() => has_own_text(from),
        DataType::List(_) => from.is_string(),
        _ => false,
    }
}

/// A member of a document, whose casts `adapt` answers from columns of numbers and their statistics.
fn is_member(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(call) if call.func.inner().is::<JsonMember>())
}

/// Text that Arrow would read as an infinite double although it names a finite number.
fn is_infinite_text(expr: &Expr, to: &DataType) -> bool {
    matches!(expr, Expr::Literal(value, _) if to.is_floating() && value.try_as_str().flatten().is_some())
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CastTo {
    to: DataType,
    signature: Signature,
}

impl CastTo {
    fn new(to: DataType) -> Self {
        Self { to, signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for CastTo {
    fn name(&self) -> &str {
        "cast"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [_] => Ok(self.to.clone()),
            _ => plan_err!("cast takes one value"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.as_slice() {
            [ColumnarValue::Scalar(value)] => {
                let out = cast_to(&value.to_array()?, &self.to)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&out, 0)?))
            }
            [ColumnarValue::Array(values)] => Ok(ColumnarValue::Array(cast_to(values, &self.to)?)),
            _ => exec_err!("cast takes one value"),
        }
    }
}

fn cast_to(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    match to {
        to if to.is_integer() => to_integers(values, to),
        to if to.is_decimal() => to_decimals(values, to),
        to if to.is_floating() => to_floats(values, to),
        to if to.is_string() => Ok(cast(&texts(values)?, to)?),
        DataType::List(item) => lists_of(values, item),
        to if matches!(values.data_type(), DataType::Timestamp(..)) => Ok(cast(values, to)?),
        to => of_texts(values, to),
    }
}

/// Text as a date, a time or an interval.
fn of_texts(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    fn read<T: ArrowPrimitiveType>(
        texts: &StringViewArray,
        one: impl Fn(&str) -> Result<T::Native>,
    ) -> Result<PrimitiveArray<T>> {
        texts.iter().map(|text| text.map(&one).transpose()).collect::<Result<Vec<_>>>().map(PrimitiveArray::from_iter)
    }
    let texts = cast(values, &DataType::Utf8View)?;
    let texts = texts.as_string_view();
    let out: ArrayRef = match to {
        DataType::Timestamp(_, None) => Arc::new(read::<TimestampMicrosecondType>(texts, input::timestamp)?),
        DataType::Timestamp(..) => {
            Arc::new(read::<TimestampMicrosecondType>(texts, input::instant)?.with_data_type(instant_type()))
        }
        DataType::Date32 => Arc::new(read::<Date32Type>(texts, input::date)?),
        DataType::Time64(_) => Arc::new(read::<Time64MicrosecondType>(texts, input::time)?),
        _ => Arc::new(read::<IntervalMonthDayNanoType>(texts, |text| input::interval(text)?.to_arrow())?),
    };
    let strict = arrow::compute::CastOptions { safe: false, ..Default::default() };
    arrow::compute::cast_with_options(&out, to, &strict).map_err(|_| super::calendar::out_of_range())
}

/// Text such as `{1,2}` as lists.
fn lists_of(values: &ArrayRef, item: &FieldRef) -> Result<ArrayRef> {
    let texts = cast(values, &DataType::Utf8View)?;
    let mut elements = StringViewBuilder::new();
    let mut lengths = Vec::with_capacity(texts.len());
    for text in texts.as_string_view() {
        let steps = text.map(|text| steps(text).ok_or_else(|| fault("malformed array literal"))).transpose()?;
        lengths.push(steps.as_ref().map_or(0, Vec::len));
        steps.into_iter().flatten().for_each(|step| elements.append_option(step));
    }
    let elements: ArrayRef = Arc::new(elements.finish());
    let elements = match item.data_type() {
        to if differs(&DataType::Utf8View, to) => cast_to(&elements, to)?,
        to => {
            let strict = arrow::compute::CastOptions { safe: false, ..Default::default() };
            arrow::compute::cast_with_options(&elements, to, &strict)?
        }
    };
    let offsets = arrow::buffer::OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, elements, texts.nulls().cloned())?))
}

fn to_integers(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let range = || overflow(&numeric::type_name(to));
    let mut out: Vec<Option<i64>> = Vec::with_capacity(values.len());
    if values.data_type().is_floating() {
        let floats = cast(values, &DataType::Float64)?;
        for value in floats.as_primitive::<Float64Type>() {
            let rounded = value.map(f64::round_ties_even);
            // The bounds are exact as doubles; the upper one is no integer of 64 bits any more.
            if rounded
                .is_some_and(|value| !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value))
            {
                return Err(range());
            }
            out.push(rounded.map(|value| value as i64));
        }
    } else {
        for row in 0..values.len() {
            let number = if values.is_null(row) { None } else { numeric::read(values, row) };
            let whole = number.map(|number| number.with_scale_round(0, RoundingMode::HalfUp));
            out.push(whole.map(|whole| whole.to_i64().ok_or_else(range)).transpose()?);
        }
    }
    let wide: ArrayRef = Arc::new(arrow::array::PrimitiveArray::<Int64Type>::from(out));
    let strict = arrow::compute::CastOptions { safe: false, ..Default::default() };
    arrow::compute::cast_with_options(&wide, to, &strict).map_err(|_| range())
}

fn to_decimals(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let (precision, scale) = match to {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => (*precision, *scale),
        _ => return Ok(cast(values, to)?),
    };
    let mut out: Vec<Option<i256>> = Vec::with_capacity(values.len());
    let mut push = |number: Option<BigDecimal>| -> Result<()> {
        out.push(number.map(|number| numeric::to_i256(&number, precision, scale)).transpose()?);
        Ok(())
    };
    if values.data_type().is_floating() {
        let floats = cast(values, &DataType::Float64)?;
        for value in floats.as_primitive::<Float64Type>() {
            push(value.map(numeric::from_float).transpose()?)?;
        }
    } else {
        let texts = cast(values, &DataType::Utf8View)?;
        for text in texts.as_string_view() {
            push(text.map(|text| number_of(text, *to == numeric::NUMERIC)).transpose()?)?;
        }
    }
    match to {
        DataType::Decimal128(..) => {
            let narrow = out.into_iter().map(|digits| digits.and_then(i256::to_i128));
            let out: Decimal128Array = narrow.collect();
            Ok(Arc::new(out.with_precision_and_scale(precision, scale)?))
        }
        _ => {
            let out: Decimal256Array = out.into_iter().collect();
            Ok(Arc::new(out.with_precision_and_scale(precision, scale)?))
        }
    }
}

/// Text as a number; `exactly` refuses one with more digits behind the point than are kept.
fn number_of(text: &str, exactly: bool) -> Result<BigDecimal> {
    let text = text.trim();
    let wrong = || fault("invalid input syntax for type numeric");
    let exponent = text.split_once(['e', 'E']).map_or(Ok(0), |(_, exponent)| exponent.parse::<i64>());
    if text.len() > 400 || !exponent.is_ok_and(|exponent| exponent.abs() < 400) || text.contains('_') {
        return Err(wrong());
    }
    let number: BigDecimal = text.parse().map_err(|_| wrong())?;
    if exactly && number.normalized().fractional_digit_count() > numeric::SCALE.into() {
        return Err(fault("a numeric holds 24 digits behind the point: cast to numeric(p, s), or round"));
    }
    Ok(number)
}

fn to_floats(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if values.data_type().is_string() || values.data_type().is_null() {
        let strict = arrow::compute::CastOptions { safe: false, ..Default::default() };
        let out = arrow::compute::cast_with_options(values, to, &strict)?;
        let doubles = cast(&out, &DataType::Float64)?;
        let texts = cast(values, &DataType::Utf8View)?;
        // What is too small or too large for a double became 0 or infinite.
        let at_an_end = |value: &Option<f64>| value.is_some_and(|value| value == 0.0 || value.is_infinite());
        let doubles = doubles.as_primitive::<Float64Type>().iter();
        let doubtful = texts.as_string_view().iter().zip(doubles).filter(|(_, value)| at_an_end(value));
        for (text, value) in doubtful {
            let mantissa = text.and_then(|text| text.split(['e', 'E']).next()).unwrap_or_default();
            let least = if value == Some(0.0) { '1' } else { '0' };
            if mantissa.contains(|letter: char| (least..='9').contains(&letter)) {
                return Err(fault("a number is out of range for type double precision"));
            }
        }
        return Ok(out);
    }
    let mut out: Vec<Option<f64>> = Vec::with_capacity(values.len());
    for row in 0..values.len() {
        let number = if values.is_null(row) { None } else { numeric::read(values, row) };
        out.push(number.map(|number| numeric::to_float(&number)));
    }
    let doubles: ArrayRef = Arc::new(Float64Array::from(out));
    Ok(cast(&doubles, to)?)
}

/// The values as PostgreSQL's text.
pub(crate) fn texts(values: &ArrayRef) -> Result<StringViewArray> {
    let span = DataType::Interval(IntervalUnit::MonthDayNano);
    let micros = |zone: Option<Arc<str>>| DataType::Timestamp(TimeUnit::Microsecond, zone);
    let (values, show): (ArrayRef, fn(&ArrayRef, usize) -> String) = match values.data_type() {
        DataType::Float64 | DataType::Float16 => {
            (cast(values, &DataType::Float64)?, |values, row| float(values.as_primitive::<Float64Type>().value(row)))
        }
        DataType::Float32 => (Arc::clone(values), |values, row| {
            float32(values.as_primitive::<arrow::datatypes::Float32Type>().value(row))
        }),
        DataType::Timestamp(_, None) => (cast(values, &micros(None))?, |values, row| {
            timestamp(values.as_primitive::<TimestampMicrosecondType>().value(row), "")
        }),
        DataType::Timestamp(_, Some(_)) => (cast(values, &instant_type())?, |values, row| {
            timestamp(values.as_primitive::<TimestampMicrosecondType>().value(row), "+00")
        }),
        DataType::Date32 => {
            (Arc::clone(values), |values, row| date(values.as_primitive::<Date32Type>().value(row).into()))
        }
        DataType::Time64(_) => (cast(values, &DataType::Time64(TimeUnit::Microsecond))?, |values, row| {
            clock(values.as_primitive::<Time64MicrosecondType>().value(row))
        }),
        DataType::Interval(_) | DataType::Duration(_) => (cast(values, &span)?, |values, row| {
            Span::from(values.as_primitive::<IntervalMonthDayNanoType>().value(row)).text()
        }),
        DataType::Decimal256(..) => (Arc::clone(values), |values, row| {
            numeric::read(values, row).map(|number| numeric::shown(&number)).unwrap_or_default()
        }),
        DataType::Binary => return Ok(text::shown_bytes(values)),
        DataType::List(_) => return lists(values),
        _ => return Ok(cast(values, &DataType::Utf8View)?.as_string_view().clone()),
    };
    let mut out = StringViewBuilder::with_capacity(values.len());
    for row in 0..values.len() {
        match values.is_null(row) {
            true => out.append_null(),
            false => out.append_value(show(&values, row)),
        }
    }
    Ok(out.finish())
}

/// Lists as `{1,2,NULL,"a b"}`.
fn lists(values: &ArrayRef) -> Result<StringViewArray> {
    let lists = values.as_list::<i32>();
    let is_nested = matches!(lists.value_type(), DataType::List(_));
    let mut out = StringViewBuilder::with_capacity(lists.len());
    for elements in lists.iter() {
        let Some(elements) = elements else {
            out.append_null();
            continue;
        };
        let shown: Vec<String> = match elements.as_boolean_opt() {
            Some(truths) => truths
                .iter()
                .map(|truth| truth.map_or("NULL", |truth| if truth { "t" } else { "f" }).to_owned())
                .collect(),
            None => {
                let texts = texts(&elements)?;
                texts
                    .iter()
                    .map(|text| text.map_or_else(|| "NULL".to_owned(), |text| element(text, is_nested)))
                    .collect()
            }
        };
        out.append_value(format!("{{{}}}", shown.join(",")));
    }
    Ok(out.finish())
}

/// An element of a list, in quotes where it would be read otherwise.
fn element(text: &str, is_list: bool) -> String {
    let plain = !text.is_empty()
        && !text.eq_ignore_ascii_case("null")
        && !text.contains(|letter: char| letter.is_ascii_whitespace() || "{},\"\\".contains(letter));
    match is_list || plain {
        true => text.to_owned(),
        false => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

/// The fewest digits that read back as the same double.
pub(crate) fn float(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        value => shortest(&format!("{value:e}"), &value.to_string(), 15),
    }
}

fn float32(value: f32) -> String {
    if value.is_finite() { shortest(&format!("{value:e}"), &value.to_string(), 6) } else { float(value.into()) }
}

/// Plain digits, or an exponent where the number is very large or small.
fn shortest(scientific: &str, plain: &str, digits: i32) -> String {
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return plain.to_owned() };
    let power: i32 = exponent.parse().unwrap_or(0);
    if (-4..digits).contains(&power) {
        return plain.to_owned();
    }
    let sign = if power < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", power.abs())
}

fn date(days: i64) -> String {
    let (year, month, day) = date_of(days);
    match year {
        1.. => format!("{year:04}-{month:02}-{day:02}"),
        year => format!("{:04}-{month:02}-{day:02} BC", 1 - year),
    }
}

fn clock(micros: i64) -> String {
    let text = format!("{:02}:{:02}:{:02}", micros / HOUR, micros / MINUTE % 60, micros / SECOND % 60);
    match micros % SECOND {
        0 => text,
        fraction => format!("{text}.{fraction:06}").trim_end_matches('0').to_owned(),
    }
}

fn timestamp(micros: i64, zone: &str) -> String {
    let at = Reading::of(micros);
    let clock = clock(micros.rem_euclid(DAY));
    let day = date(at.days);
    match day.strip_suffix(" BC") {
        Some(day) => format!("{day} {clock}{zone} BC"),
        None => format!("{day} {clock}{zone}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_read_as_in_postgres() {
        for (value, text) in [
            (1.0, "1"),
            (0.1, "0.1"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e300, "1.5e+300"),
            (-0.0, "-0"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(float(value), text);
        }
    }
}

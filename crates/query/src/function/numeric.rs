//! PostgreSQL's `numeric` as Arrow's decimals.
//!
//! A `numeric` with a declared scale, and a literal, is a decimal of that scale. One without, such as a quotient or an
//! average, is [`NUMERIC`]: up to 52 digits before the point and 24 behind it. What does not fit is an error; a digit
//! after the 24th is rounded, half away from zero.

use super::call::fault;
use crate::table::{is_json, is_uuid};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Field, Int8Type,
    Int16Type, Int32Type, Int64Type, IntervalUnit, UInt8Type, UInt16Type, UInt32Type, UInt64Type, i256,
};
use bigdecimal::num_bigint::{BigInt, Sign};
use bigdecimal::{BigDecimal, RoundingMode, Signed, ToPrimitive, Zero};
use datafusion::common::Result;

/// Digits behind the point of a `numeric` without a declared scale.
pub(super) const SCALE: i8 = 24;
/// A `numeric` without a declared scale.
pub(crate) const NUMERIC: DataType = DataType::Decimal256(76, SCALE);

/// The significant digits that a quotient has at least.
const QUOTIENT_DIGITS_MIN: i64 = 16;
/// Decimal digits in one of PostgreSQL's digits, which its scales are counted in.
const GROUP: i64 = 4;

/// The number in that row, which is not null; `None` if the column holds no integers or decimals.
pub(super) fn read(array: &ArrayRef, row: usize) -> Option<BigDecimal> {
    fn int<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize) -> Option<BigDecimal>
    where
        BigDecimal: From<T::Native>,
    {
        array.as_primitive_opt::<T>().map(|values| BigDecimal::from(values.value(row)))
    }
    Some(match array.data_type() {
        DataType::Int8 => int::<Int8Type>(array, row)?,
        DataType::Int16 => int::<Int16Type>(array, row)?,
        DataType::Int32 => int::<Int32Type>(array, row)?,
        DataType::Int64 => int::<Int64Type>(array, row)?,
        DataType::UInt8 => int::<UInt8Type>(array, row)?,
        DataType::UInt16 => int::<UInt16Type>(array, row)?,
        DataType::UInt32 => int::<UInt32Type>(array, row)?,
        DataType::UInt64 => int::<UInt64Type>(array, row)?,
        DataType::Decimal32(_, scale) => decimal(array.as_primitive_opt::<Decimal32Type>()?.value(row).into(), *scale),
        DataType::Decimal64(_, scale) => decimal(array.as_primitive_opt::<Decimal64Type>()?.value(row).into(), *scale),
        DataType::Decimal128(_, scale) => {
            decimal(array.as_primitive_opt::<Decimal128Type>()?.value(row).into(), *scale)
        }
        DataType::Decimal256(_, scale) => {
            let digits = array.as_primitive_opt::<Decimal256Type>()?.value(row);
            from_i256(digits, *scale)
        }
        _ => return None,
    })
}

fn decimal(digits: BigInt, scale: i8) -> BigDecimal {
    BigDecimal::from_bigint(digits, scale.into())
}

/// A decimal's digits as a number.
pub(super) fn from_i256(digits: i256, scale: i8) -> BigDecimal {
    decimal(BigInt::from_signed_bytes_le(&digits.to_le_bytes()), scale)
}

/// The digits of the number as a decimal of that type, rounded half away from zero; an error if they do not fit.
pub(super) fn to_i256(number: &BigDecimal, precision: u8, scale: i8) -> Result<i256> {
    let (digits, _) = number.with_scale_round(scale.into(), RoundingMode::HalfUp).into_bigint_and_scale();
    let fits = digits.abs() < BigInt::from(10).pow(precision.into());
    if !fits {
        return Err(overflow("numeric"));
    }
    let fill = if digits.sign() == Sign::Minus { 0xff } else { 0 };
    let mut bytes = [fill; 32];
    for (to, from) in bytes.iter_mut().zip(digits.to_signed_bytes_le()) {
        *to = from;
    }
    Ok(i256::from_le_bytes(bytes))
}

/// The digits as [`NUMERIC`].
pub(super) fn to_numeric(number: &BigDecimal) -> Result<i256> {
    to_i256(number, 76, SCALE)
}

/// The error of a number that its type cannot hold.
pub(super) fn overflow(what: &str) -> datafusion::common::DataFusionError {
    fault(format!("value out of range: {what} overflow"))
}

/// The error of a division by zero.
pub(super) fn by_zero() -> datafusion::common::DataFusionError {
    fault("division by zero")
}

/// Digits before the point, 0 or less for numbers below 1, in groups of four as PostgreSQL counts: the weight of the
/// first group and its value.
fn weight(number: &BigDecimal) -> (i64, i64) {
    if number.is_zero() {
        return (0, 0);
    }
    let (digits, scale) = number.as_bigint_and_scale();
    let text = digits.magnitude().to_string();
    // The power of ten of the first digit.
    let power = text.len() as i64 - 1 - scale;
    let weight = power.div_euclid(GROUP);
    let wanted = (power - weight * GROUP + 1) as usize;
    let first: i64 = format!("{text:0<wanted$}")[..wanted].parse().unwrap_or(0);
    (weight, first)
}

/// The scale that PostgreSQL gives a quotient (`select_div_scale` in its words: at least 16 significant digits).
fn quotient_scale(dividend: &BigDecimal, divisor: &BigDecimal) -> i64 {
    let ((weight1, first1), (weight2, first2)) = (weight(dividend), weight(divisor));
    let quotient = weight1 - weight2 - i64::from(first1 <= first2);
    let scales = dividend.fractional_digit_count().max(divisor.fractional_digit_count()).max(0);
    (QUOTIENT_DIGITS_MIN - quotient * GROUP).max(scales).max(0)
}

/// The quotient to as many digits as PostgreSQL gives it.
pub(super) fn divide(dividend: &BigDecimal, divisor: &BigDecimal) -> Result<BigDecimal> {
    if divisor.is_zero() {
        return Err(by_zero());
    }
    // Of a number without a declared scale the zeros at its end say nothing.
    let own = |number: &BigDecimal| match number.fractional_digit_count() == i64::from(SCALE) {
        true => number.normalized(),
        false => number.clone(),
    };
    let (dividend, divisor) = (&own(dividend), &own(divisor));
    let scale = quotient_scale(dividend, divisor).min(SCALE.into());
    let (top, top_scale) = dividend.as_bigint_and_scale();
    let (bottom, bottom_scale) = divisor.as_bigint_and_scale();
    // One digit more than asked for says where to round, and half away needs no more than that digit.
    let shift = scale + 1 - top_scale + bottom_scale;
    let ten = |power: i64| BigInt::from(10).pow(u32::try_from(power).unwrap_or(0));
    let (top, bottom) = match shift >= 0 {
        true => (top.as_ref() * ten(shift), bottom.into_owned()),
        false => (top.into_owned(), bottom.as_ref() * ten(-shift)),
    };
    let quotient = BigDecimal::from_bigint(top / bottom, scale + 1);
    Ok(quotient.with_scale_round(scale, RoundingMode::HalfUp))
}

/// A double as PostgreSQL casts it: by its 15 significant digits.
pub(super) fn from_float(value: f64) -> Result<BigDecimal> {
    if !value.is_finite() {
        return Err(fault("NaN and Infinity cannot be a numeric here"));
    }
    format!("{value:.14e}").parse().map_err(|_| overflow("numeric"))
}

/// The nearest double.
pub(super) fn to_float(number: &BigDecimal) -> f64 {
    number.to_string().parse().or_else(|_| number.to_f64().ok_or(())).unwrap_or(f64::NAN)
}

/// The number without trailing zeros behind the point, and without an exponent.
pub(super) fn shown(number: &BigDecimal) -> String {
    let text = number.to_plain_string();
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// The name that PostgreSQL has for the type of a column or of a list's elements.
pub(crate) fn field_type_name(field: &Field) -> String {
    match field {
        field if is_json(field) => "jsonb".to_owned(),
        field if is_uuid(field) => "uuid".to_owned(),
        field => type_name(field.data_type()),
    }
}

/// The name that PostgreSQL has for a type.
pub(crate) fn type_name(data_type: &DataType) -> String {
    use DataType as T;
    let name = match data_type {
        T::Null => "unknown",
        T::Boolean => "boolean",
        T::Int8 | T::Int16 | T::UInt8 => "smallint",
        T::Int32 | T::UInt16 => "integer",
        T::Int64 | T::UInt32 | T::UInt64 => "bigint",
        T::Decimal32(..) | T::Decimal64(..) | T::Decimal128(..) | T::Decimal256(..) => "numeric",
        T::Float16 | T::Float32 => "real",
        T::Float64 => "double precision",
        T::Utf8 | T::LargeUtf8 | T::Utf8View => "text",
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => "bytea",
        T::Date32 | T::Date64 => "date",
        T::Time32(_) | T::Time64(_) => "time without time zone",
        T::Timestamp(_, None) => "timestamp without time zone",
        T::Timestamp(_, Some(_)) => "timestamp with time zone",
        T::Interval(IntervalUnit::YearMonth | IntervalUnit::DayTime | IntervalUnit::MonthDayNano) | T::Duration(_) => {
            "interval"
        }
        T::List(field) | T::LargeList(field) | T::FixedSizeList(field, _) => {
            // However many dimensions a list has, its type is one.
            return format!("{}[]", field_type_name(field).trim_end_matches("[]"));
        }
        T::Dictionary(_, values) => return type_name(values),
        T::Struct(_) => "record",
        _ => "unknown",
    };
    name.to_owned()
}

/// Whether every value of the column is null.
pub(super) fn is_all_null(array: &ArrayRef) -> bool {
    array.null_count() == array.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotient(dividend: &str, divisor: &str) -> String {
        let number = |text: &str| text.parse::<BigDecimal>().unwrap();
        divide(&number(dividend), &number(divisor)).unwrap().to_plain_string()
    }

    #[test]
    fn quotients_have_the_digits_that_postgres_gives() {
        assert_eq!(quotient("1", "3"), "0.33333333333333333333");
        assert_eq!(quotient("5.0", "3"), "1.6666666666666667");
        assert_eq!(quotient("-5.0", "3"), "-1.6666666666666667");
        assert_eq!(quotient("10000", "3"), "3333.3333333333333333");
        assert_eq!(quotient("100000", "3"), "33333.333333333333");
        assert_eq!(quotient("1", "4"), "0.25000000000000000000");
        assert_eq!(quotient("2", "3"), "0.66666666666666666667");
    }

    #[test]
    fn a_double_is_cast_by_fifteen_digits() {
        assert_eq!(shown(&from_float(0.1).unwrap()), "0.1");
        assert_eq!(shown(&from_float(1.0 / 3.0).unwrap()), "0.333333333333333");
        assert_eq!(shown(&from_float(1e20).unwrap()), "100000000000000000000");
        assert!(from_float(f64::NAN).is_err());
    }
}

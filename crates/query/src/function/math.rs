//! Functions of numbers. Those of `numeric` stay exact where PostgreSQL's do.

use super::call::{Args, Function, Kind, fault, function, gives, some, takes, texts, values};
use super::numeric::{self, NUMERIC, by_zero, overflow};
use arrow::array::{Array, ArrayRef};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal256Type, Float64Type, Int32Type, Int64Type};
use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, One, RoundingMode, Signed, ToPrimitive, Zero};
use datafusion::common::Result;
use std::sync::Arc;

/// Digits that a power may have; above it the answer would be slow to make, and is no `numeric`.
const POWER_DIGITS_MAX: f64 = 60.0;

fn numerics(args: &Args<'_>, mut one: impl FnMut(usize) -> Result<Option<BigDecimal>>) -> Result<ArrayRef> {
    let (precision, scale) = match args.gives {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => (*precision, *scale),
        _ => (76, numeric::SCALE),
    };
    let out =
        values_256(args.rows, |row| one(row)?.map(|value| numeric::to_i256(&value, precision, scale)).transpose())?;
    let out: ArrayRef = Arc::new(out.with_precision_and_scale(76, scale)?);
    Ok(cast(&out, args.gives)?)
}

fn values_256(
    rows: usize,
    one: impl FnMut(usize) -> Result<Option<arrow::datatypes::i256>>,
) -> Result<arrow::array::PrimitiveArray<Decimal256Type>> {
    (0..rows).map(one).collect::<Result<Vec<_>>>().map(Into::into)
}

fn floats(args: &Args<'_>, one: impl Fn(f64) -> Result<f64>) -> Result<ArrayRef> {
    values::<Float64Type>(args, |row| one(some!(args.float(0, row))).map(Some))
}

/// An answer of a double that must be finite where the arguments are.
fn finite(value: f64, args: &[f64]) -> Result<f64> {
    if value.is_finite() || args.iter().any(|arg| !arg.is_finite()) {
        return Ok(value);
    }
    match value.is_nan() {
        true => Err(fault("input is out of range")),
        false => Err(overflow("double precision")),
    }
}

fn round_float(args: &Args<'_>) -> Result<ArrayRef> {
    floats(args, |value| Ok(value.round_ties_even()))
}

/// Whole numbers stay what they are.
fn whole(types: &[DataType]) -> DataType {
    match types.first() {
        Some(data_type) if data_type.is_decimal() => match data_type {
            DataType::Decimal128(precision, scale) => {
                DataType::Decimal128((i32::from(*precision) - i32::from(*scale) + 1).clamp(1, 38) as u8, 0)
            }
            _ => DataType::Decimal256(76, 0),
        },
        _ => DataType::Decimal128(20, 0),
    }
}

fn round_to(args: &Args<'_>, mode: RoundingMode) -> Result<ArrayRef> {
    numerics(args, |row| {
        let number = some!(args.numeric(0, row));
        let places = if args.len() > 1 { some!(args.int(1, row)).clamp(-200, 200) } else { 0 };
        Ok(Some(number.with_scale_round(places, mode)))
    })
}

fn round_numeric(args: &Args<'_>) -> Result<ArrayRef> {
    round_to(args, RoundingMode::HalfUp)
}

fn trunc_numeric(args: &Args<'_>) -> Result<ArrayRef> {
    round_to(args, RoundingMode::Down)
}

fn trunc_float(args: &Args<'_>) -> Result<ArrayRef> {
    floats(args, |value| Ok(value.trunc()))
}

fn ceil_numeric(args: &Args<'_>) -> Result<ArrayRef> {
    round_to(args, RoundingMode::Ceiling)
}

fn ceil_float(args: &Args<'_>) -> Result<ArrayRef> {
    floats(args, |value| Ok(value.ceil()))
}

fn floor_numeric(args: &Args<'_>) -> Result<ArrayRef> {
    round_to(args, RoundingMode::Floor)
}

fn floor_float(args: &Args<'_>) -> Result<ArrayRef> {
    floats(args, |value| Ok(value.floor()))
}

fn abs_int4(args: &Args<'_>) -> Result<ArrayRef> {
    values::<Int32Type>(args, |row| {
        let value = some!(args.int(0, row)).abs();
        i32::try_from(value).map(Some).map_err(|_| overflow("integer"))
    })
}

fn abs_int(args: &Args<'_>) -> Result<ArrayRef> {
    values::<Int64Type>(args, |row| some!(args.int(0, row)).checked_abs().map(Some).ok_or_else(|| overflow("bigint")))
}

fn abs_numeric(args: &Args<'_>) -> Result<ArrayRef> {
    numerics(args, |row| Ok(args.numeric(0, row).map(|number| number.abs())))
}

fn abs_float(args: &Args<'_>) -> Result<ArrayRef> {
    floats(args, |value| Ok(value.abs()))
}

fn sign_numeric(args: &Args<'_>) -> Result<ArrayRef> {
    numerics(args, |row| Ok(args.numeric(0, row).map(|number| number.signum())))
}

fn sign_float(args: &Args<'_>) -> Result<ArrayRef> {
    floats(args, |value| Ok(if value == 0.0 || value.is_nan() { value } else { value.signum() }))
}

fn mod_int(args: &Args<'_>) -> Result<ArrayRef> {
    values::<Int64Type>(args, |row| match (some!(args.int(0, row)), some!(args.int(1, row))) {
        (_, 0) => Err(by_zero()),
        (left, right) => Ok(Some(left.wrapping_rem(right))),
    })
}

fn mod_numeric(args: &Args<'_>) -> Result<ArrayRef> {
    numerics(args, |row| {
        let (left, right) = (some!(args.numeric(0, row)), some!(args.numeric(1, row)));
        if right.is_zero() {
            return Err(by_zero());
        }
        Ok(Some(left % right))
    })
}

/// The whole part of a quotient.
fn div(args: &Args<'_>) -> Result<ArrayRef> {
    numerics(args, |row| {
        let (left, right) = (some!(args.numeric(0, row)), some!(args.numeric(1, row)));
        if right.is_zero() {
            return Err(by_zero());
        }
        let rest = &left % &right;
        let (digits, scale) =
            ((left - rest) / right).with_scale_round(0, RoundingMode::HalfEven).into_bigint_and_scale();
        Ok(Some(BigDecimal::from_bigint(digits, scale)))
    })
}

fn common_divisor(left: i64, right: i64) -> u64 {
    let (mut left, mut right) = (left.unsigned_abs(), right.unsigned_abs());
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

fn gcd(args: &Args<'_>) -> Result<ArrayRef> {
    values::<Int64Type>(args, |row| {
        let divisor = common_divisor(some!(args.int(0, row)), some!(args.int(1, row)));
        i64::try_from(divisor).map(Some).map_err(|_| overflow("bigint"))
    })
}

fn lcm(args: &Args<'_>) -> Result<ArrayRef> {
    values::<Int64Type>(args, |row| {
        let (left, right) = (some!(args.int(0, row)), some!(args.int(1, row)));
        let divisor = common_divisor(left, right);
        if divisor == 0 {
            return Ok(Some(0));
        }
        let multiple = u128::from(left.unsigned_abs() / divisor) * u128::from(right.unsigned_abs());
        i64::try_from(multiple).map(Some).map_err(|_| overflow("bigint"))
    })
}

fn power_of(base: f64, exponent: f64) -> Result<f64> {
    if base < 0.0 && exponent.fract() != 0.0 && exponent.is_finite() && base.is_finite() {
        return Err(fault("a negative number raised to a non-integer power yields a complex result"));
    }
    if base == 0.0 && exponent < 0.0 {
        return Err(fault("zero raised to a negative power is undefined"));
    }
    finite(base.powf(exponent), &[base, exponent])
}

fn power_float(args: &Args<'_>) -> Result<ArrayRef> {
    values::<Float64Type>(args, |row| power_of(some!(args.float(0, row)), some!(args.float(1, row))).map(Some))
}

/// Exact for whole exponents, to sixteen digits for others.
fn power_numeric(args: &Args<'_>) -> Result<ArrayRef> {
    numerics(args, |row| {
        let (base, exponent) = (some!(args.numeric(0, row)), some!(args.numeric(1, row)));
        let size = numeric::to_float(&base).abs().log10() * numeric::to_float(&exponent);
        if size > POWER_DIGITS_MAX {
            return Err(overflow("numeric"));
        }
        let whole = exponent.with_scale_round(0, RoundingMode::Down);
        match whole.to_u32().filter(|_| whole == exponent && exponent < 1_000) {
            Some(times) => {
                let mut power = BigDecimal::one();
                for _ in 0..times {
                    // More digits than are kept do not matter.
                    power = (power * &base).with_scale_round(60, RoundingMode::HalfUp);
                }
                Ok(Some(power.normalized()))
            }
            None => {
                let power = power_of(numeric::to_float(&base), numeric::to_float(&exponent))?;
                numeric::from_float(power).map(Some)
            }
        }
    })
}

fn sqrt_numeric(args: &Args<'_>) -> Result<ArrayRef> {
    numerics(args, |row| {
        let number = some!(args.numeric(0, row));
        if number.is_negative() {
            return Err(fault("cannot take square root of a negative number"));
        }
        if number.is_zero() {
            return Ok(Some(number));
        }
        let root = numeric::to_float(&number).sqrt().log10().floor().max(0.0) as i64;
        let places = (16 - (root.div_euclid(4) + 1) * 4 + 3).clamp(1, 24).max(number.fractional_digit_count());
        let (digits, scale) = number.as_bigint_and_scale();
        let shift = 2 * (places + 2) - scale;
        let ten = |power: i64| BigInt::from(10).pow(power.unsigned_abs() as u32);
        let digits = if shift >= 0 { digits.as_ref() * ten(shift) } else { digits.as_ref() / ten(shift) };
        let root = BigDecimal::from_bigint(digits.sqrt(), places + 2);
        Ok(Some(root.with_scale_round(places, RoundingMode::HalfUp)))
    })
}

fn sqrt_float(args: &Args<'_>) -> Result<ArrayRef> {
    floats(args, |value| match value < 0.0 {
        true => Err(fault("cannot take square root of a negative number")),
        false => Ok(value.sqrt()),
    })
}

fn exp_float(args: &Args<'_>) -> Result<ArrayRef> {
    floats(args, |value| finite(value.exp(), &[value]))
}

fn logarithm(value: f64, log: impl Fn(f64) -> f64) -> Result<f64> {
    match value {
        0.0 => Err(fault("cannot take logarithm of zero")),
        value if value < 0.0 => Err(fault("cannot take logarithm of a negative number")),
        value => Ok(log(value)),
    }
}

fn ln_float(args: &Args<'_>) -> Result<ArrayRef> {
    floats(args, |value| logarithm(value, f64::ln))
}

fn log_float(args: &Args<'_>) -> Result<ArrayRef> {
    floats(args, |value| logarithm(value, f64::log10))
}

/// `log(base, number)`.
fn log_base(args: &Args<'_>) -> Result<ArrayRef> {
    values::<Float64Type>(args, |row| {
        let base = logarithm(some!(args.float(0, row)), f64::ln)?;
        let log = logarithm(some!(args.float(1, row)), f64::ln)?;
        match base {
            0.0 => Err(by_zero()),
            base => Ok(Some(log / base)),
        }
    })
}

fn width_bucket_float(args: &Args<'_>) -> Result<ArrayRef> {
    values::<Int32Type>(args, |row| {
        let (value, low) = (some!(args.float(0, row)), some!(args.float(1, row)));
        let (high, count) = (some!(args.float(2, row)), some!(args.int(3, row)));
        if value.is_nan() || !low.is_finite() || !high.is_finite() {
            return Err(fault("operand, lower bound, and upper bound cannot be NaN, bounds must be finite"));
        }
        check_buckets(low == high, count)?;
        let (value, from, to) = if low < high { (value, low, high) } else { (-value, -low, -high) };
        bucket(match value {
            value if value < from => 0,
            value if value >= to => count + 1,
            value => (((value - from) / (to - from)) * count as f64).floor() as i64 + 1,
        })
    })
}

fn check_buckets(bounds_are_equal: bool, count: i64) -> Result<()> {
    if count <= 0 {
        return Err(fault("count must be greater than zero"));
    }
    if bounds_are_equal { Err(fault("lower bound cannot equal upper bound")) } else { Ok(()) }
}

fn bucket(number: i64) -> Result<Option<i32>> {
    i32::try_from(number).map(Some).map_err(|_| overflow("integer"))
}

fn width_bucket_numeric(args: &Args<'_>) -> Result<ArrayRef> {
    values::<Int32Type>(args, |row| {
        let (value, low) = (some!(args.numeric(0, row)), some!(args.numeric(1, row)));
        let (high, count) = (some!(args.numeric(2, row)), some!(args.int(3, row)));
        check_buckets(low == high, count)?;
        let (value, from, to) = if low < high { (value, low, high) } else { (-value, -low, -high) };
        if value < from {
            return Ok(Some(0));
        }
        if value >= to {
            return bucket(count + 1);
        }
        let place = (value - &from) * BigDecimal::from(count);
        let width = to - from;
        // The whole part of place / width, exactly.
        let rest = &place % &width;
        let whole = ((place - rest) / width).with_scale_round(0, RoundingMode::HalfEven);
        bucket(whole.to_i64().unwrap_or(i64::MAX - 1) + 1)
    })
}

/// The bucket among sorted lower bounds.
fn width_bucket_list(args: &Args<'_>) -> Result<ArrayRef> {
    values::<Int32Type>(args, |row| {
        let (value, bounds) = (some!(args.float(0, row)), some!(args.list(1, row)));
        if bounds.null_count() > 0 {
            return Err(fault("thresholds array must not contain NULLs"));
        }
        let bounds = cast(&bounds, &DataType::Float64)?;
        let bounds = arrow::array::AsArray::as_primitive::<Float64Type>(&bounds);
        bucket(bounds.values().partition_point(|bound| *bound <= value) as i64)
    })
}

fn to_hex(args: &Args<'_>) -> Result<ArrayRef> {
    let is_int4 = args.column(0).data_type() == &DataType::Int32;
    texts(args, |row| {
        let value = some!(args.int(0, row));
        Ok(Some(if is_int4 { format!("{:x}", value as i32) } else { format!("{value:x}") }))
    })
}

fn numeric_pair(types: &[DataType]) -> DataType {
    match types {
        [DataType::Decimal128(_, one), DataType::Decimal128(_, two)] => DataType::Decimal128(38, *one.max(two)),
        _ => NUMERIC,
    }
}

const FLOAT: &[Kind] = &[Kind::Float];
const NUMBER: &[Kind] = &[Kind::Numeric];
const DECIMAL: &[Kind] = &[Kind::Decimal];
const PLACES: &[Kind] = &[Kind::Numeric, Kind::Int];
const INTS4: &[Kind] = &[Kind::Int4, Kind::Int4];
const INTS: &[Kind] = &[Kind::Int, Kind::Int];
const NUMBERS: &[Kind] = &[Kind::Numeric, Kind::Numeric];
const FLOATS: &[Kind] = &[Kind::Float, Kind::Float];
const BUCKETS: &[Kind] = &[Kind::Numeric, Kind::Numeric, Kind::Numeric, Kind::Int];
const FLOAT_BUCKETS: &[Kind] = &[Kind::Float, Kind::Float, Kind::Float, Kind::Int];

/// The functions over numbers.
pub(super) const FUNCTIONS: &[Function] = &[
    function(
        "round",
        &[
            takes(FLOAT, gives::float, round_float),
            takes(DECIMAL, whole, round_numeric),
            takes(PLACES, gives::numeric, round_numeric),
        ],
    ),
    function(
        "trunc",
        &[
            takes(FLOAT, gives::float, trunc_float),
            takes(DECIMAL, whole, trunc_numeric),
            takes(PLACES, gives::numeric, trunc_numeric),
        ],
    ),
    function("ceil", &[takes(FLOAT, gives::float, ceil_float), takes(DECIMAL, whole, ceil_numeric)]),
    function("floor", &[takes(FLOAT, gives::float, floor_float), takes(DECIMAL, whole, floor_numeric)]),
    function(
        "abs",
        &[
            takes(&[Kind::Int4], gives::int4, abs_int4),
            takes(&[Kind::Int], gives::int, abs_int),
            takes(FLOAT, gives::float, abs_float),
            takes(NUMBER, gives::first, abs_numeric),
        ],
    ),
    function("sign", &[takes(FLOAT, gives::float, sign_float), takes(DECIMAL, whole, sign_numeric)]),
    function(
        "mod",
        &[
            takes(INTS4, gives::int4, mod_int),
            takes(INTS, gives::int, mod_int),
            takes(NUMBERS, numeric_pair, mod_numeric),
        ],
    ),
    function("div", &[takes(NUMBERS, gives::numeric, div)]),
    function("gcd", &[takes(INTS4, gives::int4, gcd), takes(INTS, gives::int, gcd)]),
    function("lcm", &[takes(INTS4, gives::int4, lcm), takes(INTS, gives::int, lcm)]),
    function(
        "power",
        &[
            takes(FLOATS, gives::float, power_float),
            takes(INTS, gives::float, power_ints),
            takes(NUMBERS, gives::numeric, power_numeric),
        ],
    ),
    function(
        "sqrt",
        &[
            takes(FLOAT, gives::float, sqrt_float),
            takes(&[Kind::Int], gives::float, sqrt_int),
            takes(NUMBER, gives::numeric, sqrt_numeric),
        ],
    ),
    function("exp", &[takes(FLOAT, gives::float, exp_float)]),
    function("ln", &[takes(FLOAT, gives::float, ln_float)]),
    function("log", &[takes(FLOAT, gives::float, log_float), takes(FLOATS, gives::float, log_base)]),
    function("log10", &[takes(FLOAT, gives::float, log_float)]),
    function(
        "width_bucket",
        &[
            takes(FLOAT_BUCKETS, gives::int4, width_bucket_float),
            takes(BUCKETS, gives::int4, width_bucket_numeric),
            takes(&[Kind::Float, Kind::FloatList], gives::int4, width_bucket_list),
        ],
    ),
    function("to_hex", &[takes(&[Kind::Int4], gives::text, to_hex), takes(&[Kind::Int], gives::text, to_hex)]),
];

fn power_ints(args: &Args<'_>) -> Result<ArrayRef> {
    values::<Float64Type>(args, |row| {
        power_of(some!(args.int(0, row)) as f64, some!(args.int(1, row)) as f64).map(Some)
    })
}

fn sqrt_int(args: &Args<'_>) -> Result<ArrayRef> {
    values::<Float64Type>(args, |row| match some!(args.int(0, row)) {
        value if value < 0 => Err(fault("cannot take square root of a negative number")),
        value => Ok(Some((value as f64).sqrt())),
    })
}

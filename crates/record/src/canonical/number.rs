//! Numbers in canonical form: RFC 8785 §3.2.2.3, that is ECMAScript's `Number::toString` of the double.
//!
//! Most numbers in decisions are integers or have a few decimals. For these the shortest digits are found by
//! arithmetic; all others go through `ryu_js`.

use crate::limit::INTEGER_EXACT_MAX;
use std::borrow::Cow;

/// Decimals that the quick way handles. 10^-6 is also the smallest magnitude that ECMAScript writes without an
/// exponent.
const DECIMALS: usize = 6;
const SCALE: f64 = 1e6;

/// Numbers of at most 15 significant digits are told apart by a double, so that digits which give the double are the
/// shortest ones that do.
const SCALED_MAX: u64 = 1_000_000_000_000_000;

/// The largest exponent of a number that is written out.
const EXPONENT_MAX: i64 = 400;

/// Appends a finite double. A double that is not finite has no JSON form and is written as `null`; the parser lets
/// none in.
#[inline]
pub fn write_number(double: f64, out: &mut Vec<u8>) {
    let magnitude = double.abs();
    // A conversion cuts the fraction off in one instruction, where `trunc` and `round` are calls.
    let integer = magnitude as u64;
    if integer <= INTEGER_EXACT_MAX && integer as f64 == magnitude {
        return write_magnitude(double < 0.0, integer, out);
    }
    let scaled = (magnitude * SCALE + 0.5) as u64;
    // Division of two exactly held numbers is correctly rounded: if it gives the double, these are its digits.
    if scaled < SCALED_MAX && scaled as f64 / SCALE == magnitude {
        return write_decimal(double < 0.0, scaled, out);
    }
    if double.is_finite() {
        out.extend_from_slice(ryu_js::Buffer::new().format_finite(double).as_bytes());
    } else {
        out.extend_from_slice(b"null");
    }
}

/// Appends `scaled` / 10^6, without the zeros at its end.
fn write_decimal(negative: bool, scaled: u64, out: &mut Vec<u8>) {
    const SCALE: u64 = 1_000_000;
    if negative {
        out.push(b'-');
    }
    write_magnitude(false, scaled / SCALE, out);
    let mut digits = *b".000000";
    let mut rest = scaled % SCALE;
    for digit in digits[1..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let used = DECIMALS - digits.iter().rev().take_while(|digit| **digit == b'0').count();
    out.extend_from_slice(&digits[..=used]);
}

/// Appends an integer.
#[inline]
pub fn write_integer(integer: i64, out: &mut Vec<u8>) {
    write_magnitude(integer < 0, integer.unsigned_abs(), out);
}

/// Appends an integer; zero has no sign.
#[inline]
pub(crate) fn write_magnitude(negative: bool, magnitude: u64, out: &mut Vec<u8>) {
    if negative && magnitude != 0 {
        out.push(b'-');
    }
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = magnitude;
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends the digits of an integer beyond 2^53.
pub(crate) fn write_wide(negative: bool, magnitude: u128, out: &mut Vec<u8>) {
    const HALF: u128 = 10_u128.pow(19);
    let (high, low) = ((magnitude / HALF) as u64, (magnitude % HALF) as u64);
    if high == 0 {
        return write_magnitude(negative, low, out);
    }
    write_magnitude(negative, high, out);
    let mut digits = [b'0'; 19];
    let mut rest = low;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits);
}

/// A JSON number without an exponent, and without zeros that say nothing, as PostgreSQL shows it; `None` if it would be
/// too long.
pub fn plain_number(number: &str) -> Option<Cow<'_, str>> {
    let is_plain = |number: &str| number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_plain(number) {
        return Some(Cow::Borrowed(if number == "-0" { "0" } else { number }));
    }
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let exponent: i64 = exponent.parse().ok().filter(|exponent: &i64| exponent.abs() <= EXPONENT_MAX)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let point = i64::try_from(whole.len()).ok()? + exponent;
    let (whole, fraction) = match usize::try_from(point) {
        Ok(point) if point >= digits.len() => (format!("{digits:0<point$}"), String::new()),
        Ok(point) => (digits[..point].to_owned(), digits[point..].to_owned()),
        Err(_) => (String::new(), format!("{}{digits}", "0".repeat(usize::try_from(-point).ok()?))),
    };
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(Cow::Owned(match (fraction, whole) {
        ("", "0") => "0".to_owned(),
        ("", whole) => format!("{sign}{whole}"),
        (fraction, whole) => format!("{sign}{whole}.{fraction}"),
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(double: f64) -> String {
        let mut out = Vec::new();
        write_number(double, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn oracle(double: f64) -> String {
        ryu_js::Buffer::new().format_finite(double).to_owned()
    }

    #[test]
    fn the_sign_of_zero_is_not_written() {
        assert_eq!(written(-0.0), "0");
        assert_eq!(written(-0.5), "-0.5");
        assert_eq!(written(-1.5), "-1.5");
        assert_eq!(written(-0.000001), "-0.000001");
    }

    proptest! {
        #[test]
        fn every_digit_of_an_integer_is_written(magnitude in 0..10_u128.pow(38), shift in 0..120_u32) {
            let mut out = Vec::new();
            write_wide(true, magnitude >> shift, &mut out);
            let expected = if magnitude >> shift == 0 { "0".to_owned() } else { format!("-{}", magnitude >> shift) };
            prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
        }

        #[test]
        fn agrees_with_ryu_js_on_any_double(bits in any::<u64>()) {
            let double = f64::from_bits(bits);
            prop_assume!(double.is_finite());
            prop_assert_eq!(written(double), oracle(double));
        }

        #[test]
        fn agrees_with_ryu_js_on_short_decimals(digits in -10_000_000_000_000_000_i64..10_000_000_000_000_000, decimals in 0..12) {
            let double = digits as f64 / 10_f64.powi(decimals);
            prop_assert_eq!(written(double), oracle(double));
        }

        #[test]
        fn agrees_with_ryu_js_on_small_decimals(digits in -20_000_i64..20_000, decimals in 0..12) {
            let double = digits as f64 / 10_f64.powi(decimals);
            prop_assert_eq!(written(double), oracle(double));
        }
    }
}

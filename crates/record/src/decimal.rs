//! Decimal texts, compared by the number that they say.
//!
//! A double is written as its shortest text (RFC 8785 §3.2.2.3): of the decimals that are nearer to it than to any other
//! double, one with the fewest digits. A literal survives being stored as a double if that text says the same number,
//! whatever zeros and exponents it was spelled with. A literal of up to 15 significant digits always does, as long as
//! the double is not so small that it has fewer digits itself (C's `DBL_DIG`).

/// Whether a number's literal says the number that the shortest text of its double says. White space may follow it.
#[inline]
pub(crate) fn survives(literal: &[u8], double: f64) -> bool {
    has_few_digits(literal) && double.abs() >= f64::MIN_POSITIVE || is_shortest(literal.trim_ascii_end(), double)
}

/// A literal of so many bytes has at most 15 digits, unless it is an integer: one of its bytes is a point or belongs to an
/// exponent.
pub(crate) const SHORT_BYTES: usize = 16;

/// Whether the literal of a double cannot have more than 15 significant digits.
#[inline]
fn has_few_digits(literal: &[u8]) -> bool {
    let unsigned = literal.strip_prefix(b"-").unwrap_or(literal);
    unsigned.len() <= SHORT_BYTES || unsigned.len() == SHORT_BYTES + 1 && unsigned.starts_with(b"0.")
}

fn is_shortest(literal: &[u8], double: f64) -> bool {
    let mut buffer = ryu_js::Buffer::new();
    let shortest = buffer.format_finite(double).as_bytes();
    literal == shortest || Decimal::read(literal) == Decimal::read(shortest)
}

/// The double whose shortest text is the digits of this integer, if there is one.
pub(crate) fn double_of(integer: u128) -> Option<f64> {
    let double = integer as f64;
    let mut buffer = ryu_js::Buffer::new();
    let shortest = buffer.format_finite(double);
    (shortest.parse() == Ok(integer)).then_some(double)
}

/// What a literal says, but for its sign.
struct Decimal<'t> {
    /// From the first digit that is not zero to the last, with the point if it is between them; empty for zero.
    digits: &'t [u8],
    /// The power of ten that the first digit counts.
    exponent: i64,
}

impl<'t> Decimal<'t> {
    /// Reads a number in the grammar of JSON (RFC 8259 §6).
    fn read(literal: &'t [u8]) -> Self {
        let unsigned = literal.strip_prefix(b"-").unwrap_or(literal);
        let (mantissa, exponent) = match unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (&unsigned[..at], read_exponent(&unsigned[at + 1..])),
            None => (unsigned, 0),
        };
        let counts = |byte: &u8| matches!(byte, b'1'..=b'9');
        let (Some(first), Some(last)) = (mantissa.iter().position(counts), mantissa.iter().rposition(counts)) else {
            return Self { digits: &[], exponent: 0 };
        };
        let point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
        let before_point = point as i64 - first as i64 - i64::from(first < point);
        Self { digits: &mantissa[first..=last], exponent: exponent.saturating_add(before_point) }
    }
}

impl PartialEq for Decimal<'_> {
    fn eq(&self, other: &Self) -> bool {
        let digit = |byte: &&u8| **byte != b'.';
        self.exponent == other.exponent && self.digits.iter().filter(digit).eq(other.digits.iter().filter(digit))
    }
}

/// An exponent with or without a sign; one that no number of bytes can make up for becomes the greatest there is.
fn read_exponent(text: &[u8]) -> i64 {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let digit =
        |exponent: i64, byte: &u8| exponent.saturating_mul(10).saturating_add(i64::from(byte.wrapping_sub(b'0')));
    let exponent = digits.iter().fold(0, digit);
    if negative { -exponent } else { exponent }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(literal: &str, expected: bool) {
        let double: f64 = literal.parse().unwrap();
        assert_eq!(survives(literal.as_bytes(), double), expected, "{literal}");
        assert_eq!(survives(format!("{literal} \n").as_bytes(), double), expected, "{literal} and white space");
        assert_eq!(survives(format!("-{literal}").as_bytes(), -double), expected, "-{literal}");
    }

    #[test]
    fn spelling_does_not_matter_and_digits_do() {
        for exact in [
            "0.1",
            "1.10",
            "1e20",
            "100000000000000000000.0",
            "1E+2",
            "1.5e-7",
            "0.000000000000000000000000000001",
            "0.30000000000000004",
            "5e-324",
            "1.7976931348623157e308",
            "2.2250738585072014e-308",
            "0.0",
            "0e400",
            "0.00000e-999999999999999999999",
            "10000000000000000000000e-22",
            "1.0000000000000000000000000000000",
            "9007199254740993000e0",
            "1152921504606847000.0",
            "123456789012345.12",
        ] {
            check(exact, true);
        }
        for rounded in [
            "123456789012345.123456789",
            "0.10000000000000001",
            "0.1000000000000000055511151231257827",
            "1e-400",
            "4.9e-324",
            "2e-324",
            "9007199254740993.0",
            "1152921504606846976.0",
            "1.2345678901234567890",
            "1.2345e-320",
            "0.300000000000000040000000000001",
            "1e-99999999999999999999",
        ] {
            check(rounded, false);
        }
    }

    /// A decimal as an integer and a power of ten, in lowest terms: the naive model.
    fn lowest(literal: &str) -> (u128, i64) {
        let unsigned = literal.trim_start_matches('-');
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: u128 = format!("{whole}{fraction}").parse().unwrap();
        let mut power = exponent.parse::<i64>().unwrap() - fraction.len() as i64;
        if digits == 0 {
            return (0, 0);
        }
        while digits.is_multiple_of(10) {
            (digits, power) = (digits / 10, power + 1);
        }
        (digits, power)
    }

    fn literal() -> impl Strategy<Value = String> {
        let exponent = prop_oneof![Just(String::new()), (-330..300).prop_map(|n| format!("e{n}"))];
        prop_oneof![
            ("(0|[1-9][0-9]{0,17})", "[0-9]{1,18}", exponent.clone()).prop_map(|(a, b, e)| format!("{a}.{b}{e}")),
            ("(0|[1-9][0-9]{0,3})", "[0-9]{1,18}").prop_map(|(a, b)| format!("{a}.{b}")),
            // Around the digits of a double, where both answers are frequent.
            (any::<f64>().prop_filter("finite", |n| n.is_finite()), 13..19_usize)
                .prop_map(|(n, digits)| format!("{:.digits$e}", n.abs())),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn agrees_with_integers_and_powers_of_ten(literal in literal()) {
            let double: f64 = literal.parse().unwrap();
            prop_assume!(double.is_finite());
            let shortest = lowest(ryu_js::Buffer::new().format_finite(double));
            prop_assert_eq!(survives(literal.as_bytes(), double), lowest(&literal) == shortest);
        }

        #[test]
        fn a_shortest_text_survives(bits in any::<u64>()) {
            let double = f64::from_bits(bits);
            prop_assume!(double.is_finite());
            let (shortest, spelled_otherwise) = (ryu_js::Buffer::new().format_finite(double).to_owned(), format!("{double:e}"));
            prop_assert!(survives(shortest.as_bytes(), double), "{}", shortest);
            // Of two shortest texts that are equally near, ECMAScript takes the even one and Rust the greater.
            let same = lowest(&shortest) == lowest(&spelled_otherwise);
            prop_assert_eq!(survives(spelled_otherwise.as_bytes(), double), same, "{}", spelled_otherwise);
        }
    }
}

//! Numbers as the parser found them, and which of them can be stored as they were sent.
//!
//! Invariant: the number that is stored is the number that was sent, or it is refused. An integer literal (digits and
//! nothing else) of up to [`limit::INTEGER_DIGITS_MAX`] digits is kept digit for digit. Any other number is a double,
//! and is accepted only if the double's shortest text says the same number (see [`crate::decimal`]).

use simd_json::{Node, StaticNode};

use crate::{decimal, limit};

/// A number that would not come back as it was sent.
pub(crate) const INEXACT: &str =
    "the number would be rounded: no double holds it as written; round it, or send it as a string";
/// An integer literal with more digits than are kept.
pub(crate) const TOO_LONG: &str = "the integer has more than 38 digits; send it as a string";
/// A number that is not zero, and would be.
const TOO_SMALL: &str = "the number is too small for a double; send it as a string";
/// A number beyond the greatest double.
pub(crate) const TOO_LARGE: &str = "the number is too large for a double; send it as a string";

/// 10^38, the least integer of 39 digits.
const WIDE_END: u128 = 10_u128.pow(limit::INTEGER_DIGITS_MAX as u32);

/// A number as the parser found it: integers stay integers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// Magnitude and whether it is negative; at most 2^53.
    Integer { negative: bool, magnitude: u64 },
    /// An integer literal beyond that, of at most 38 digits.
    Wide { negative: bool, magnitude: u128 },
    /// Anything else.
    Double(f64),
}

impl Number {
    #[inline]
    pub(crate) fn of(node: StaticNode) -> Option<Self> {
        Some(match node {
            StaticNode::U64(n) if n <= limit::INTEGER_EXACT_MAX => Self::Integer { negative: false, magnitude: n },
            StaticNode::I64(n) if n.unsigned_abs() <= limit::INTEGER_EXACT_MAX => {
                Self::Integer { negative: n < 0, magnitude: n.unsigned_abs() }
            }
            StaticNode::F64(n) => Self::Double(n),
            StaticNode::U64(n) => Self::Wide { negative: false, magnitude: n.into() },
            StaticNode::I64(n) => Self::Wide { negative: n < 0, magnitude: n.unsigned_abs().into() },
            StaticNode::U128(n) => Self::Wide { negative: false, magnitude: n },
            StaticNode::I128(n) => Self::Wide { negative: n < 0, magnitude: n.unsigned_abs() },
            StaticNode::Null | StaticNode::Bool(_) => return None,
        })
    }

    /// The double that is written as this number is, if there is one.
    #[inline]
    pub(crate) fn as_f64(self) -> Option<f64> {
        match self {
            Self::Integer { negative: false, magnitude } => Some(magnitude as f64),
            Self::Integer { negative: true, magnitude } => Some(-(magnitude as f64)),
            Self::Wide { negative, magnitude } => decimal::double_of(magnitude).map(|n| if negative { -n } else { n }),
            Self::Double(double) => Some(double),
        }
    }

    /// The number, if it is an integer of 64 bits that is written as its digits.
    #[inline]
    pub(crate) fn as_i64(self) -> Option<i64> {
        match self {
            Self::Integer { negative: false, magnitude } => Some(magnitude as i64),
            Self::Integer { negative: true, magnitude } => Some(-(magnitude as i64)),
            Self::Wide { negative, magnitude } => {
                let magnitude = i128::try_from(magnitude).ok()?;
                i64::try_from(if negative { -magnitude } else { magnitude }).ok()
            }
            // Beyond 2^53 the shortest text of a double may end in zeros where the double has other digits.
            Self::Double(double) => {
                let is_exact = double.fract() == 0.0 && double.abs() <= limit::INTEGER_EXACT_MAX as f64;
                is_exact.then_some(double as i64)
            }
        }
    }
}

/// Whether an integer literal has few enough digits. Anything else has, as far as this goes.
#[inline]
pub(crate) fn is_of_few_digits(number: StaticNode) -> bool {
    match number {
        StaticNode::U128(n) => n < WIDE_END,
        StaticNode::I128(n) => n.unsigned_abs() < WIDE_END,
        _ => true,
    }
}

/// Why a number cannot be stored as the literal that it was sent as.
pub(crate) fn problem(number: StaticNode, literal: &[u8]) -> Option<&'static str> {
    match number {
        StaticNode::F64(double) if decimal::survives(literal, double) => None,
        StaticNode::F64(0.0) => Some(TOO_SMALL),
        StaticNode::F64(_) => Some(INEXACT),
        integer => (!is_of_few_digits(integer)).then_some(TOO_LONG),
    }
}

/// Why a number that is sent as this literal would be refused; `None` if it would be recorded as the number that it is.
/// The text is one in the grammar of JSON (RFC 8259 §6).
pub fn number_problem(literal: &str) -> Option<&'static str> {
    if literal.strip_prefix('-').unwrap_or(literal).bytes().all(|byte| byte.is_ascii_digit()) {
        let digits = literal.len() - usize::from(literal.starts_with('-'));
        return (digits > limit::INTEGER_DIGITS_MAX).then_some(TOO_LONG);
    }
    match literal.parse::<f64>() {
        Ok(double) if double.is_finite() => problem(StaticNode::F64(double), literal.as_bytes()),
        _ => Some(TOO_LARGE),
    }
}

/// The literals of a document's nodes, one for each node of the tape, in order: each from its first byte up to the next
/// structural character, which for a number is its text and the white space after it.
#[derive(Clone, Copy)]
pub(crate) struct Literals<'t> {
    json: &'t [u8],
    /// Where structural characters and the literals between them begin.
    starts: &'t [u32],
}

impl<'t> Literals<'t> {
    /// `starts` are the structural indexes that simd-json found in `json`.
    pub(crate) fn new(json: &'t [u8], starts: &'t [u32]) -> Self {
        Self { json, starts }
    }

    /// Whether a number has so many bytes that its digits are to be looked at. Most documents have none: this pass looks
    /// at the distances only, and at what begins a long one.
    #[inline]
    pub(crate) fn any_is_long(&self) -> bool {
        let is_number = |start: u32| matches!(self.json.get(start as usize), Some(b'-' | b'0'..=b'9'));
        let is_long = |pair: &[u32; 2]| (pair[1] - pair[0]) as usize > decimal::SHORT_BYTES && is_number(pair[0]);
        self.starts.array_windows().any(is_long) || self.starts.len() == 1
    }
}

/// The structural characters that have no node.
const NODELESS: [bool; 256] = {
    let mut nodeless = [false; 256];
    nodeless[b',' as usize] = true;
    nodeless[b':' as usize] = true;
    nodeless[b']' as usize] = true;
    nodeless[b'}' as usize] = true;
    nodeless
};

impl<'t> Literals<'t> {
    /// Goes on to the next node, and gives where its literal begins.
    #[inline]
    fn step(&mut self) -> Option<usize> {
        while let Some((start, rest)) = self.starts.split_first() {
            self.starts = rest;
            if !NODELESS[usize::from(*self.json.get(*start as usize)?)] {
                return Some(*start as usize);
            }
        }
        None
    }

    /// The literal that begins there, before the next step.
    #[inline]
    fn text(&self, start: usize) -> Option<&'t [u8]> {
        self.json.get(start..self.starts.first().map_or(self.json.len(), |end| *end as usize))
    }

    /// Whether the doubles among the nodes of a tape, all of them, are the numbers that their literals say.
    pub(crate) fn doubles_survive(mut self, nodes: &[Node<'_>]) -> bool {
        nodes.iter().all(|node| {
            let start = self.step();
            let Node::Static(StaticNode::F64(double)) = node else { return true };
            start.and_then(|start| self.text(start)).is_some_and(|literal| decimal::survives(literal, *double))
        })
    }
}

impl<'t> Iterator for Literals<'t> {
    type Item = &'t [u8];

    fn next(&mut self) -> Option<&'t [u8]> {
        let start = self.step()?;
        self.text(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_is_a_double_only_if_it_is_written_as_one() {
        let double = |magnitude| Number::Wide { negative: true, magnitude }.as_f64();
        assert_eq!(double((1 << 53) + 2), Some(-9_007_199_254_740_994.0));
        assert_eq!(double((1 << 53) + 1), None);
        // 2^60 is a double, which is written 1152921504606847000.
        assert_eq!(double(1 << 60), None);
        assert_eq!(double(1_152_921_504_606_847_000), Some(-1_152_921_504_606_846_976.0));
        assert_eq!(double(100_000_000_000_000_000_000), Some(-1e20));
        // From 10^21 on a double is written with an exponent.
        assert_eq!(double(10_u128.pow(21)), None);
    }

    #[test]
    fn an_integer_of_64_bits_is_one_to_its_last_digit() {
        let integer = |negative, magnitude| Number::Wide { negative, magnitude }.as_i64();
        assert_eq!(integer(false, i64::MAX as u128), Some(i64::MAX));
        assert_eq!(integer(true, 1 << 63), Some(i64::MIN));
        assert_eq!(integer(false, 1 << 63), None);
        assert_eq!(integer(true, (1 << 63) + 1), None);
        assert_eq!(Number::Double(3.0).as_i64(), Some(3));
        assert_eq!(Number::Double(1e18).as_i64(), None);
        assert_eq!(Number::Double(0.5).as_i64(), None);
    }
}

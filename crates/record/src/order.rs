//! The order of member names: by UTF-16 code units, as RFC 8785 §3.2.3 asks.
//!
//! UTF-8 bytes sort by code point. That differs from UTF-16 in one way only: a supplementary character (lead byte
//! `F0`–`F4`) is written in UTF-16 with surrogates (`D800`–`DFFF`), which come before `U+E000`–`U+FFFF` (lead bytes
//! `EE` and `EF`). So names are compared as bytes, with those two ranges of lead bytes exchanged.

use std::cmp::Ordering;

/// Compares two member names by UTF-16 code units.
#[inline]
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    match left.iter().zip(right).position(|(a, b)| a != b) {
        Some(at) => rank(left[at]).cmp(&rank(right[at])),
        None => left.len().cmp(&right.len()),
    }
}

/// The first eight bytes of a name as a number: if two differ, they order their names as [`compare`] does.
#[inline]
pub(crate) fn prefix(name: &str) -> u64 {
    let name = name.as_bytes();
    let first = if let Some(first) = name.first_chunk::<8>() {
        u64::from_be_bytes(*first)
    } else if let (Some(first), Some(last)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        // Four to seven bytes: the last four overlap the first four, and what they add is moved up behind them.
        let (first, last) = (u32::from_be_bytes(*first), u32::from_be_bytes(*last));
        u64::from(first) << 32 | u64::from(last) << (64 - 8 * name.len()) & u64::from(u32::MAX)
    } else {
        name.iter().fold(0, |first, byte| first << 8 | u64::from(*byte)).rotate_right(8 * name.len() as u32)
    };
    if first & 0x8080_8080_8080_8080 == 0 { first } else { u64::from_be_bytes(first.to_be_bytes().map(rank)) }
}

/// A byte's place among the bytes that can differ first. Continuation bytes lie below all that are moved.
#[inline]
const fn rank(byte: u8) -> u8 {
    match byte {
        0xee..=0xef => byte + 5,
        0xf0..=0xf4 => byte - 2,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive(left: &str, right: &str) -> Ordering {
        left.encode_utf16().cmp(right.encode_utf16())
    }

    #[test]
    fn supplementary_characters_come_before_the_end_of_the_basic_plane() {
        for (left, right) in [("\u{e000}", "\u{10000}"), ("a\u{ffff}", "a\u{10ffff}"), ("\u{d7ff}", "\u{10000}")] {
            assert_eq!(compare(left, right), naive(left, right), "{left:?} {right:?}");
            assert_eq!(compare(right, left), naive(right, left), "{right:?} {left:?}");
        }
    }

    #[test]
    fn a_prefix_is_the_first_bytes() {
        let name = "abcdefghi";
        for len in 0..=name.len() {
            let mut first = [0; 8];
            first[..len.min(8)].copy_from_slice(&name.as_bytes()[..len.min(8)]);
            assert_eq!(prefix(&name[..len]).to_be_bytes(), first);
        }
    }

    proptest! {
        #[test]
        fn agrees_with_comparing_code_units(
            left in "[a-c\u{7f}-\u{81}\u{d7f0}-\u{d7ff}\u{e000}-\u{e010}\u{fff0}-\u{10010}\u{10fff0}-\u{10ffff}]{0,6}",
            right in "[a-c\u{7f}-\u{81}\u{d7f0}-\u{d7ff}\u{e000}-\u{e010}\u{fff0}-\u{10010}\u{10fff0}-\u{10ffff}]{0,6}",
        ) {
            prop_assert_eq!(compare(&left, &right), naive(&left, &right));
            if prefix(&left) != prefix(&right) {
                prop_assert_eq!(prefix(&left).cmp(&prefix(&right)), naive(&left, &right));
            }
        }
    }
}

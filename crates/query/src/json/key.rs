//! The place of a document in jsonb's order, as bytes: keys compare, byte by byte, as PostgreSQL compares the documents.
//!
//! Object > array > boolean > number > string > null. Containers compare by how much is in them, then member by member;
//! members stand by the length of their names, then by their bytes. Numbers compare by value, exactly, however many digits
//! they have. One oddity of PostgreSQL is kept: an empty array that is no part of another document is below all else.

use super::{elements, find, members, unescape};
use std::borrow::Cow;

/// Documents of more levels have no key; the stored ones have fewer.
const LEVELS_MAX: usize = 512;

const EMPTY_ARRAY: u8 = 0;
const NULL: u8 = 1;
const STRING: u8 = 2;
const NUMBER: u8 = 3;
const BOOLEAN: u8 = 4;
const ARRAY: u8 = 5;
const OBJECT: u8 = 6;

/// The key of a document; `None` when the text is not JSON, or too deep.
pub(crate) fn key(json: &str) -> Option<Vec<u8>> {
    serde_json::from_str::<serde::de::IgnoredAny>(json).ok()?;
    let value = find(json, &[])?;
    if value.starts_with('[') && elements(value).next().is_none() {
        return Some(vec![EMPTY_ARRAY]);
    }
    let mut out = Vec::with_capacity(value.len() + 16);
    write(value, LEVELS_MAX, &mut out)?;
    Some(out)
}

fn write(value: &str, levels: usize, out: &mut Vec<u8>) -> Option<()> {
    let levels = levels.checked_sub(1)?;
    match value.as_bytes().first()? {
        b'n' => out.push(NULL),
        b'"' => {
            out.push(STRING);
            write_string(&unescape(value)?, out);
        }
        b't' | b'f' => out.extend([BOOLEAN, u8::from(value == "true")]),
        b'[' => {
            out.push(ARRAY);
            write_count(elements(value).count(), out)?;
            for element in elements(value) {
                write(element, levels, out)?;
            }
        }
        b'{' => {
            let members = sorted(value)?;
            out.push(OBJECT);
            write_count(members.len(), out)?;
            for (name, member) in members {
                write_string(&name, out);
                write(member, levels, out)?;
            }
        }
        _ => {
            out.push(NUMBER);
            write_number(value, out)?;
        }
    }
    Some(())
}

/// The members in jsonb's order; of two with one name the later.
pub(crate) fn sorted(object: &str) -> Option<Vec<(Cow<'_, str>, &str)>> {
    let mut sorted = members(object).map(|(name, value)| Some((unescape(name)?, value))).collect::<Option<Vec<_>>>()?;
    sorted.reverse();
    sorted.sort_by(|(one, _), (two, _)| (one.len(), one).cmp(&(two.len(), two)));
    sorted.dedup_by(|(later, _), (first, _)| later == first);
    Some(sorted)
}

fn write_count(count: usize, out: &mut Vec<u8>) -> Option<()> {
    out.extend(u32::try_from(count).ok()?.to_be_bytes());
    Some(())
}

/// The bytes up to a mark that is below every byte; a zero within is told from the mark by what follows.
fn write_string(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        out.push(byte);
        if byte == 0 {
            out.push(1);
        }
    }
    out.extend([0, 0]);
}

/// Sign, place of the first digit, digits; of a negative number all but the sign inverted.
fn write_number(number: &str, out: &mut Vec<u8>) -> Option<()> {
    let (negative, number) = match number.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, number),
    };
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        out.push(1);
        return Some(());
    }
    let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
    let place = i64::try_from(whole.len()).ok()?.checked_sub(zeros)?.checked_add(exponent.parse().ok()?)?;
    out.push(if negative { 0 } else { 2 });
    let start = out.len();
    // With the sign bit turned, two's complement has the order of its bytes.
    out.extend((place ^ i64::MIN).to_be_bytes());
    out.extend(significant.trim_end_matches('0').bytes());
    out.push(0);
    if negative {
        out[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s11_keys_have_the_order_of_jsonb() {
        // As PostgreSQL 15 sorts them, collation C.
        let ascending = [
            "[]",
            "null",
            r#""""#,
            r#""10""#,
            r#""9""#,
            r#""a""#,
            r#""a\u0000""#,
            r#""ab""#,
            r#""é""#,
            "-1e30",
            "-10",
            "-9.5",
            "-9",
            "-0.01",
            "0",
            "1e-7",
            "0.5",
            "1",
            "1.25",
            "9",
            "10",
            "12345678901234567890123456789012345678",
            "12345678901234567890123456789012345679",
            "1e300",
            "false",
            "true",
            "[null]",
            "[9]",
            "[10]",
            "[[]]",
            "[1, 1]",
            "{}",
            r#"{"a": 1}"#,
            r#"{"a": 2}"#,
            r#"{"aa": 0}"#,
            r#"{"b": 0}"#,
            r#"{"b": 0, "aa": 1}"#,
        ];
        let keys: Vec<_> = ascending.iter().map(|json| key(json).unwrap()).collect();
        for (at, pair) in keys.windows(2).enumerate() {
            assert!(pair[0] < pair[1], "{} < {}", ascending[at], ascending[at + 1]);
        }
    }

    #[test]
    fn s11_one_value_has_one_key() {
        for (one, two) in [
            ("1", "1.0"),
            ("100", "1e2"),
            ("0", "-0.0"),
            ("-0.5", "-5E-1"),
            (r#""a""#, r#" "\u0061" "#),
            (r#"{"b":1,"a":[2]}"#, r#"{"a": [2.0], "b": 7, "b": 1}"#),
        ] {
            assert_eq!(key(one).unwrap(), key(two).unwrap(), "{one} = {two}");
        }
    }

    #[test]
    fn what_is_no_json_has_no_key() {
        for text in ["", "x", "nothing", "01", "1 2", "{", r#"{"a"}"#, "'5'", "1e99999999999999999999"] {
            assert_eq!(key(text), None, "{text}");
        }
        assert_eq!(key(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))), None);
    }
}

//! How JSON is written: as it is stored, and as PostgreSQL shows jsonb.
//!
//! What holds: every document inside the engine is in the form that records have, RFC 8785, so that equal documents have
//! equal text and GROUP BY, DISTINCT and joins may compare that. PostgreSQL's spelling, `{"a": 1, "bb": [1, 2]}` with members
//! by the length of their names and numbers without exponent, is made where a document becomes text.

use super::{elements, find, key, members, unescape};
use onrecord_record::canonical::{self, plain_number};
use std::borrow::Cow;

/// Levels of a document that a query makes.
const LEVELS_MAX: usize = 128;

/// The text of any JSON in the form that records have; `None` when it is no JSON.
pub(crate) fn stored(json: &str) -> Option<String> {
    serde_json::from_str::<serde::de::IgnoredAny>(json).ok()?;
    let mut out = Vec::with_capacity(json.len());
    store(find(json, &[])?, LEVELS_MAX, &mut out)?;
    String::from_utf8(out).ok()
}

fn store(value: &str, levels: usize, out: &mut Vec<u8>) -> Option<()> {
    let levels = levels.checked_sub(1)?;
    match value.as_bytes().first()? {
        b'"' => canonical::write_string(&unescape(value)?, out),
        b'[' => {
            out.push(b'[');
            for (at, element) in elements(value).enumerate() {
                comma(at, out);
                store(element, levels, out)?;
            }
            out.push(b']');
        }
        b'{' => {
            let mut named = key::sorted(value)?;
            named.sort_by(|(one, _), (two, _)| one.encode_utf16().cmp(two.encode_utf16()));
            out.push(b'{');
            for (at, (name, member)) in named.into_iter().enumerate() {
                comma(at, out);
                canonical::write_string(&name, out);
                out.push(b':');
                store(member, levels, out)?;
            }
            out.push(b'}');
        }
        b'-' | b'0'..=b'9' => out.extend_from_slice(stored_number(value)?.as_bytes()),
        _ => out.extend_from_slice(value.as_bytes()),
    }
    Some(())
}

fn comma(at: usize, out: &mut Vec<u8>) {
    if at > 0 {
        out.push(b',');
    }
}

/// A number as a record has it; one that no double is, with all its digits.
pub(crate) fn stored_number(number: &str) -> Option<String> {
    let plain = plain_number(number)?;
    if !plain.contains('.') && plain.len() < 22 {
        return Some(plain.into_owned());
    }
    let mut shortest = Vec::new();
    canonical::write_number(plain.parse().ok()?, &mut shortest);
    let shortest = String::from_utf8(shortest).ok()?;
    let same = plain_number(&shortest).as_deref() == Some(&*plain);
    Some(if same { shortest } else { plain.into_owned() })
}

/// A document as PostgreSQL shows it.
pub(crate) fn shown(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + value.len() / 8);
    show(value, &mut out);
    out
}

fn show(value: &str, out: &mut String) {
    match value.as_bytes().first() {
        Some(b'[') => {
            out.push('[');
            for (at, element) in elements(value).enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                show(element, out);
            }
            out.push(']');
        }
        Some(b'{') => {
            out.push('{');
            for (at, (name, member)) in by_length(value).into_iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                out.push_str(name);
                out.push_str(": ");
                show(member, out);
            }
            out.push('}');
        }
        Some(b'-' | b'0'..=b'9') => out.push_str(&plain_number(value).unwrap_or(Cow::Borrowed(value))),
        _ => out.push_str(value),
    }
}

/// A document over several lines, as `jsonb_pretty` shows it.
pub(crate) fn pretty(value: &str) -> String {
    let mut out = String::with_capacity(value.len() * 2);
    lay_out(value, 1, &mut out);
    out
}

fn lay_out(value: &str, depth: usize, out: &mut String) {
    let line = |out: &mut String, at: usize, depth: usize| {
        out.push_str(if at > 0 { ",\n" } else { "\n" });
        out.extend(std::iter::repeat_n("    ", depth));
    };
    let end = |out: &mut String, bracket: char| {
        out.push('\n');
        out.extend(std::iter::repeat_n("    ", depth - 1));
        out.push(bracket);
    };
    match value.as_bytes().first() {
        Some(b'[') => {
            out.push('[');
            for (at, element) in elements(value).enumerate() {
                line(out, at, depth);
                lay_out(element, depth + 1, out);
            }
            end(out, ']');
        }
        Some(b'{') => {
            out.push('{');
            for (at, (name, member)) in by_length(value).into_iter().enumerate() {
                line(out, at, depth);
                out.push_str(name);
                out.push_str(": ");
                lay_out(member, depth + 1, out);
            }
            end(out, '}');
        }
        _ => show(value, out),
    }
}

/// The members of a stored object, names in quotes, as jsonb orders them.
fn by_length(object: &str) -> Vec<(&str, &str)> {
    let mut named: Vec<_> = members(object).collect();
    let bytes = |name: &str| unescape(name).map_or_else(|| name.to_owned(), Cow::into_owned);
    named.sort_by_cached_key(|(name, _)| {
        let name = bytes(name);
        (name.len(), name)
    });
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_documents_are_spelt_as_postgres_spells_jsonb() {
        for (stored, postgres) in [
            (r#"{"aa":1,"b":[1,{"c":null}],"é":"\u0001\n"}"#, r#"{"b": [1, {"c": null}], "aa": 1, "é": "\u0001\n"}"#),
            ("1e+21", "1000000000000000000000"),
            ("[1e-7,-0.5,1.5e+22]", "[0.0000001, -0.5, 15000000000000000000000]"),
            ("[]", "[]"),
        ] {
            assert_eq!(shown(stored), postgres);
        }
    }

    #[test]
    fn s3_equal_documents_are_stored_as_equal_text() {
        for (given, text) in [
            (r#" {"b" : 1.0, "a":[ 2e0 ], "b": -0.0 } "#, Some(r#"{"a":[2],"b":0}"#)),
            ("1e21", Some("1e+21")),
            ("1000000000000000000000.0", Some("1e+21")),
            ("0.10", Some("0.1")),
            ("123456789012345678901234567890", Some("123456789012345678901234567890")),
            ("0.1234567890123456789012345", Some("0.1234567890123456789012345")),
            (r#""\u00e9\/""#, Some(r#""é/""#)),
            ("{", None),
            ("01", None),
            ("'a'", None),
            ("", None),
        ] {
            assert_eq!(stored(given).as_deref(), text, "{given}");
        }
    }
}

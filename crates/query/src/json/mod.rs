//! JSON text as a value: walking to a member without building a tree.
//!
//! Documents lie in columns as RFC 8785 text, so a member is a slice of its document, found by skipping over what lies
//! before it. Text that is not JSON has no members: every look-up answers `None`, never an error, since a query must
//! not fail because of one row. What reads a member is in [`member`]; what SQL does with documents beyond that is in
//! `jsonb`.

pub(super) mod key;
pub(super) mod member;
pub(super) mod spell;
mod steps;

pub(super) use spell::shown;
pub(super) use steps::steps;

use arrow::array::{Array, ArrayRef, StringViewArray, StringViewBuilder};
use onrecord_record::canonical::plain_number;
use std::borrow::Cow;

/// A column of documents as PostgreSQL shows them.
pub(super) fn shown_texts(documents: &ArrayRef) -> datafusion::common::Result<StringViewArray> {
    let documents = member::text_array(documents)?;
    let mut out = StringViewBuilder::with_capacity(documents.len());
    documents.iter().for_each(|document| out.append_option(document.map(shown)));
    Ok(out.finish())
}

/// One step of a path into a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A member of an object: `-> 'gender'`.
    Name(String),
    /// An element of a list, from the end when negative: `-> 0`, `-> -1`.
    Index(i64),
}

/// The value at `path`, as a slice of `json` without white space around it.
pub(super) fn find<'a>(json: &'a str, path: &[Key]) -> Option<&'a str> {
    let mut value = first_value(json)?;
    for key in path {
        value = match (value.as_bytes().first()?, key) {
            (b'{', Key::Name(name)) => member(value, name)?,
            (b'[', Key::Index(index)) => element(value, *index)?,
            _ => return None,
        };
    }
    Some(value)
}

/// What `->>` shows of a value: a string without quotes and escapes, `None` for null, else its JSON as PostgreSQL spells it.
pub(super) fn text(value: &str) -> Option<Cow<'_, str>> {
    match value.as_bytes().first()? {
        b'n' => None,
        b'"' => unescape(value),
        b'{' | b'[' => Some(Cow::Owned(shown(value))),
        b't' | b'f' => Some(Cow::Borrowed(value)),
        _ => Some(plain_number(value).unwrap_or(Cow::Borrowed(value))),
    }
}

/// Whether the key is a member of the object, or an element of the list of strings, or the string itself.
pub(super) fn has(value: &str, key: &str) -> bool {
    let is_key = |text: &str| text.starts_with('"') && unescape(text).as_deref() == Some(key);
    match value.as_bytes().first() {
        Some(b'{') => member(value, key).is_some(),
        Some(b'[') => elements(value).any(is_key),
        _ => is_key(value),
    }
}

/// The elements of a list; none for any other value.
pub(super) fn elements(value: &str) -> impl Iterator<Item = &str> {
    let mut at = if value.starts_with('[') { 1 } else { value.len() };
    std::iter::from_fn(move || {
        at = skip_space(value, at);
        if value.as_bytes().get(at) == Some(&b',') {
            at = skip_space(value, at + 1);
        }
        let start = at;
        at = skip_value(value, start)?;
        Some(&value[start..at])
    })
}

/// The members of an object as (key with quotes, value); none for any other value.
pub(super) fn members(value: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut at = if value.starts_with('{') { 1 } else { value.len() };
    std::iter::from_fn(move || {
        at = skip_space(value, at);
        if value.as_bytes().get(at) == Some(&b',') {
            at = skip_space(value, at + 1);
        }
        let start = at;
        let key_end = skip_string(value, start)?;
        at = skip_space(value, key_end);
        if value.as_bytes().get(at) != Some(&b':') {
            return None;
        }
        let value_start = skip_space(value, at + 1);
        at = skip_value(value, value_start)?;
        Some((&value[start..key_end], &value[value_start..at]))
    })
}

/// A string literal's content; `None` if it is no string literal or an escape in it is wrong.
pub(super) fn unescape(literal: &str) -> Option<Cow<'_, str>> {
    let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(literal).ok().map(Cow::Owned)
}

pub(super) fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    members(object).find(|(key, _)| unescape(key).as_deref() == Some(name)).map(|(_, value)| value)
}

pub(super) fn element(list: &str, index: i64) -> Option<&str> {
    let position = match usize::try_from(index) {
        Ok(position) => position,
        Err(_) => elements(list).count().checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
    };
    elements(list).nth(position)
}

fn first_value(json: &str) -> Option<&str> {
    let start = skip_space(json, 0);
    let end = skip_value(json, start)?;
    Some(&json[start..end])
}

fn skip_space(json: &str, mut at: usize) -> usize {
    while matches!(json.as_bytes().get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// The end of the string literal that starts at `at`.
fn skip_string(json: &str, at: usize) -> Option<usize> {
    let bytes = json.as_bytes();
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The end of the value that starts at `at`: brackets are counted, so the depth of a document costs no stack.
fn skip_value(json: &str, at: usize) -> Option<usize> {
    let bytes = json.as_bytes();
    match bytes.get(at)? {
        b'"' => skip_string(json, at),
        b'{' | b'[' => {
            let (mut at, mut depth) = (at, 0_usize);
            loop {
                match bytes.get(at)? {
                    b'"' => at = skip_string(json, at)? - 1,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
        }
        b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
            let length = bytes[at..].iter().take_while(|byte| !b",]} \t\n\r:".contains(byte)).count();
            Some(at + length)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(key: &str) -> Key {
        Key::Name(key.to_owned())
    }

    #[test]
    fn a_member_is_a_slice_of_its_document() {
        let json = r#" {"a":{"b":[1,{"c":"x\"]"}]},"é\n":null,"t":true} "#;
        assert_eq!(find(json, &[name("a"), name("b"), Key::Index(1), name("c")]), Some(r#""x\"]""#));
        assert_eq!(find(json, &[name("a"), name("b"), Key::Index(-2)]), Some("1"));
        assert_eq!(find(json, &[name("a"), name("b"), Key::Index(-3)]), None);
        assert_eq!(find(json, &[name("a"), name("b"), name("0")]), None);
        assert_eq!(find(json, &[name("é\n")]), Some("null"));
        assert_eq!(find(json, &[name("t")]), Some("true"));
        assert_eq!(find(json, &[name("missing")]), None);
        assert_eq!(find(json, &[name("t"), name("x")]), None);
    }

    #[test]
    fn text_is_what_postgres_shows() {
        assert_eq!(text(r#""a\u00e9\ud83d\ude00""#).as_deref(), Some("aé😀"));
        assert_eq!(text("null"), None);
        assert_eq!(text("1.5").as_deref(), Some("1.5"));
        assert_eq!(text(r#"{"aa":1,"b":2}"#).as_deref(), Some(r#"{"b": 2, "aa": 1}"#));
        assert_eq!(text("1e+21").as_deref(), Some("1000000000000000000000"));
    }

    #[test]
    fn what_is_no_json_has_no_members() {
        for json in ["", " ", "{", "[1", r#"{"a""#, r#"{"a":"#, r#"{"a":"x"#, "x", "\"", "\"\\", r#"{"a" 1}"#] {
            assert_eq!(find(json, &[name("a")]), None, "{json}");
            assert_eq!(find(json, &[Key::Index(1)]), None, "{json}");
        }
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i32>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map("[a-c\"\\\\é]{0,2}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn any_key() -> impl Strategy<Value = Key> {
        prop_oneof!["[a-c\"\\\\é]{0,2}".prop_map(Key::Name), (0_i64..4).prop_map(Key::Index)]
    }

    proptest! {
        #[test]
        fn walking_finds_what_a_tree_finds(json in any_json(), path in prop::collection::vec(any_key(), 0..4)) {
            let mut tree = Some(&json);
            for key in &path {
                tree = tree.and_then(|value| match (value, key) {
                    (serde_json::Value::Object(object), Key::Name(name)) => object.get(name),
                    (serde_json::Value::Array(list), Key::Index(index)) => list.get(usize::try_from(*index).unwrap()),
                    _ => None,
                });
            }
            let text = json.to_string();
            let found = find(&text, &path).map(|value| serde_json::from_str::<serde_json::Value>(value).unwrap());
            prop_assert_eq!(found.as_ref(), tree);
        }

        #[test]
        fn no_text_makes_the_walk_panic(text in "[\\[\\]{}:,\"\\\\ a1-]{0,24}") {
            let _ = find(&text, &[name("a"), Key::Index(0)]);
            let _ = find(&text, &[Key::Index(-1), name("a")]);
            let _ = has(&text, "a");
        }
    }
}

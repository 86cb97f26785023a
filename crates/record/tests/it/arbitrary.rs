//! Arbitrary JSON, and text that is nearly JSON.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Numbers that a double holds: small and large integers, short decimals, any finite double.
pub(crate) fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-1000_i64..1000).prop_map(Value::from),
        (-(1_i64 << 53)..=1 << 53).prop_map(Value::from),
        (-1_000_000_i64..1_000_000, 0..8).prop_map(|(digits, decimals)| json!(digits as f64 / 10_f64.powi(decimals))),
        any::<f64>().prop_filter("finite", |double| double.is_finite()).prop_map(|double| json!(double)),
    ]
}

/// Strings with what needs escaping, and characters of every length in UTF-8 and UTF-16.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_]{0,12}",
        "[ -~]{0,24}",
        "[\u{0}-\u{7f}\u{80}\u{7ff}\u{d7ff}\u{e000}-\u{ffff}\u{10000}-\u{10ffff}\"\\\\]{0,12}",
    ]
}

/// Any document, up to a few levels deep.
pub(crate) fn document() -> impl Strategy<Value = Value> {
    let scalar =
        prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number(), text().prop_map(Value::from)];
    scalar.prop_recursive(5, 48, 8, |inside| {
        prop_oneof![
            vec(inside.clone(), 0..6).prop_map(Value::from),
            vec((text(), inside), 0..8).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// An object with any members.
pub(crate) fn object() -> impl Strategy<Value = Value> {
    vec((text(), document()), 0..6).prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>()))
}

/// Text that is JSON but for a few bytes that were changed, taken out or put in.
pub(crate) fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let change = (
        any::<prop::sample::Index>(),
        0..3_u8,
        prop_oneof![any::<u8>(), prop::sample::select(&b"{}[]\",:\\0-+.eE1tfnu \n"[..])],
    );
    (document(), vec(change, 0..4)).prop_map(|(document, changes)| {
        let mut text = document.to_string().into_bytes();
        for (place, how, byte) in changes {
            let at = place.index(text.len() + 1);
            match how {
                0 => text.insert(at, byte),
                1 if at < text.len() => text[at] = byte,
                _ if at < text.len() => drop(text.remove(at)),
                _ => {}
            }
        }
        text
    })
}

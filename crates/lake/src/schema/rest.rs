//! The rest columns, and what they say of themselves: a reader that knows which keys a rest holds can leave it alone.

use super::{Document, REST_KEYS_MAX, meta};
use arrow::datatypes::{DataType, Field};
use std::collections::BTreeSet;

/// The top-level keys that occur in the rest columns of some rows, by document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestKeys {
    keys: [BTreeSet<String>; Document::ALL.len()],
}

impl RestKeys {
    /// Notes a key. Beyond [`REST_KEYS_MAX`] keys of a document the rest may hold any.
    pub fn insert(&mut self, document: Document, key: &str) {
        let keys = &mut self.keys[document as usize];
        if keys.len() <= REST_KEYS_MAX && !keys.contains(key) {
            keys.insert(key.to_owned());
        }
    }

    /// Notes all keys of `other`.
    pub fn merge(&mut self, other: &RestKeys) {
        for document in Document::ALL {
            for key in &other.keys[document as usize] {
                self.insert(document, key);
            }
        }
    }

    /// Whether the metadata of the field, which is that of `D_rest`, allows for all keys noted of the document.
    pub(crate) fn are_named_by(&self, document: Document, field: &Field) -> bool {
        match field.metadata().get(meta::REST_KEYS).map(|keys| serde_json::from_str::<BTreeSet<String>>(keys)) {
            Some(Ok(named)) => self.keys[document as usize].is_subset(&named),
            _ => true,
        }
    }

    /// The field of `D_rest`, with its keys in the metadata.
    pub fn field(&self, document: Document) -> Field {
        let keys = &self.keys[document as usize];
        let keys = if keys.len() <= REST_KEYS_MAX {
            serde_json::Value::from_iter(keys.iter().map(String::as_str)).to_string()
        } else {
            "\"*\"".to_owned()
        };
        Field::new(document.rest_name(), DataType::Utf8, true)
            .with_metadata([(meta::REST_KEYS.to_owned(), keys)].into())
    }
}

/// Whether the top-level key may occur in the rest column of this field.
///
/// `false` is exact: then the path columns `D.key` and `D.key.…` alone answer `D->'key'` for every row, and where there
/// are none the key occurs in no row. A field without the metadata may hold anything.
pub fn rest_may_hold(field: &Field, key: &str) -> bool {
    match field.metadata().get(meta::REST_KEYS).map(|keys| serde_json::from_str(keys)) {
        Some(Ok(serde_json::Value::Array(keys))) => keys.iter().any(|held| held.as_str() == Some(key)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rest_keys_say_which_keys_can_be_missed() {
        let mut keys = RestKeys::default();
        keys.insert(Document::InputFeatures, "a\"b");
        let some = keys.field(Document::InputFeatures);
        assert!(rest_may_hold(&some, "a\"b"));
        assert!(!rest_may_hold(&some, "gender"));
        assert!(!rest_may_hold(&keys.field(Document::Metadata), "a\"b"));
        assert!(rest_may_hold(&Field::new("input_features_rest", DataType::Utf8, true), "gender"));
        let mut many = RestKeys::default();
        (0..=REST_KEYS_MAX).for_each(|key| many.insert(Document::InputFeatures, &key.to_string()));
        keys.merge(&many);
        assert!(rest_may_hold(&keys.field(Document::InputFeatures), "gender"));
    }
}

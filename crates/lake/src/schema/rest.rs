//! The rest columns, and what they say of themselves: a reader that knows which keys a rest holds can leave it alone.

use super::{Document, REST_KEYS_MAX, meta};
use arrow::datatypes::{DataType, Field, Schema};
use std::collections::BTreeSet;

/// The top-level keys that occur in the rest columns of some rows, by document; `None` if there may be any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestKeys {
    keys: [Option<BTreeSet<String>>; Document::ALL.len()],
}

impl Default for RestKeys {
    fn default() -> Self {
        Self { keys: std::array::from_fn(|_| Some(BTreeSet::new())) }
    }
}

impl RestKeys {
    /// Notes a key. Beyond [`REST_KEYS_MAX`] keys of a document the rest may hold any.
    pub fn insert(&mut self, document: Document, key: &str) {
        let keys = &mut self.keys[document as usize];
        if let Some(some) = keys
            && !some.contains(key)
        {
            some.insert(key.to_owned());
            if some.len() > REST_KEYS_MAX {
                *keys = None;
            }
        }
    }

    /// Notes all keys of `other`.
    pub fn merge(&mut self, other: &RestKeys) {
        for document in Document::ALL {
            match &other.keys[document as usize] {
                Some(keys) => keys.iter().for_each(|key| self.insert(document, key)),
                None => self.keys[document as usize] = None,
            }
        }
    }

    /// Takes the keys of one document from `other`.
    pub(crate) fn take(&mut self, document: Document, other: &RestKeys) {
        self.keys[document as usize].clone_from(&other.keys[document as usize]);
    }

    /// The keys that the rest fields of a schema name.
    pub(crate) fn of(schema: &Schema) -> Self {
        let named = |document: Document| schema.field_with_name(document.rest_name()).ok().and_then(named_keys);
        Self { keys: Document::ALL.map(named) }
    }

    /// Whether the metadata of the field, which is that of `D_rest`, allows for all keys noted of the document.
    pub(crate) fn are_named_by(&self, document: Document, field: &Field) -> bool {
        match (named_keys(field), &self.keys[document as usize]) {
            (None, _) => true,
            (Some(named), Some(keys)) => keys.is_subset(&named),
            (Some(_), None) => false,
        }
    }

    /// The field of `D_rest`, with its keys in the metadata.
    pub fn field(&self, document: Document) -> Field {
        let keys = match &self.keys[document as usize] {
            Some(keys) => serde_json::Value::from_iter(keys.iter().map(String::as_str)).to_string(),
            None => "\"*\"".to_owned(),
        };
        Field::new(document.rest_name(), DataType::Utf8, true)
            .with_metadata([(meta::REST_KEYS.to_owned(), keys)].into())
    }
}

/// The keys that the metadata of a rest field names; `None` if it does not tell.
fn named_keys(field: &Field) -> Option<BTreeSet<String>> {
    serde_json::from_str(field.metadata().get(meta::REST_KEYS)?).ok()
}

/// Whether the top-level key may occur in the rest column of this field.
///
/// `false` is exact: then the path columns `D.key` and `D.key.…` alone answer `D->'key'` for every row, and where there
/// are none the key occurs in no row. A field without the metadata may hold anything.
pub fn rest_may_hold(field: &Field, key: &str) -> bool {
    named_keys(field).is_none_or(|keys| keys.contains(key))
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

//! Event ids made of an idempotency key: the same line of the same source always gets the same one.

use crate::cipher::Mac;
use uuid::{Builder, Uuid};

/// The ids of the lines of one source.
pub(crate) struct IdSpace {
    /// Keyed by the name of the source.
    content: Mac,
    /// What the ids begin with.
    start: u32,
}

impl IdSpace {
    pub(crate) fn new(derived: &Mac, key: &[u8]) -> Self {
        let content = Mac::new(&derived.derive("content", key));
        let [a, b, c, d, ..] = derived.tag(&[b"source", key]);
        IdSpace { content, start: u32::from_be_bytes([a, b, c, d]) }
    }

    /// UUIDv8 (RFC 9562 §5.8) of 32 bits for the source, 34 for the line's number and 56 for its content: the ids of one
    /// source ascend, so that they pack well and a look-up among a ledger's segments goes by their bounds alone. Source
    /// and content are keyed hashes, because either may be guessed and the id is stored in plain. Should two contents
    /// of one line ever share their 56 bits, in one source or in two that share their 32, the second is a conflict, which
    /// is loud.
    pub(crate) fn derive(&self, line: u64, json: &[u8]) -> Uuid {
        let tag = self.content.tag(&[&line.to_le_bytes(), json]);
        let content = tag[..7].iter().fold(0, |bits: u128, byte| bits << 8 | u128::from(*byte));
        let id = u128::from(self.start) << 90 | (u128::from(line) & ((1 << 34) - 1)) << 56 | content;
        // The version takes 4 bits behind the first 48 of the 122, the variant 2 behind the next 12.
        let spread = (id >> 74) << 80 | (id >> 62 & 0xfff) << 64 | (id & ((1 << 62) - 1));
        Builder::from_custom_bytes(spread.to_be_bytes()).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_ids_ascend_within_a_source_and_differ_by_content() {
        let derived = Mac::new(&[7; 32]);
        let id =
            |source: &str, line, json: &str| IdSpace::new(&derived, source.as_bytes()).derive(line, json.as_bytes());
        assert_eq!(id("a", 7, "{}"), id("a", 7, "{}"));
        assert_ne!(id("a", 7, "{}"), id("a", 7, "{ }"));
        assert_ne!(id("a", 7, "{}"), id("b", 7, "{}"));
        let lines = [0, 1, 63, 64, 65, (1 << 18) - 1, 1 << 18, (1 << 34) - 1];
        assert!(lines.map(|line| id("a", line, "{}")).is_sorted());
        let made = id("a", (1 << 34) - 1, "{}");
        assert_eq!((made.get_version_num(), made.get_variant()), (8, uuid::Variant::RFC4122));
    }
}

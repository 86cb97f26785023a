//! Which entries of a chunk have a given decision id or subject token: hashes of these texts, in order, with their leaves.
//!
//! Made when first asked for, by reading every record of the chunk once. A hash may stand for two texts, so that whoever
//! asks looks at the record too.

use super::Chunk;
use crate::index::Key;
use crate::schema::column;
use onrecord_evidence::LeafIndex;
use onrecord_record::Parser;
use std::hash::{BuildHasher, RandomState};

/// Decision ids and subjects of one chunk.
pub(super) struct ChunkLookup {
    hasher: RandomState,
    /// The hash of a member and its text, and the leaf, in order.
    leaves: Vec<(u64, LeafIndex)>,
}

impl ChunkLookup {
    pub(super) fn of(chunk: &Chunk) -> Self {
        let hasher = RandomState::new();
        let mut leaves = Vec::new();
        let mut parser = Parser::new();
        for (leaf, entry) in chunk.entries() {
            let Ok(document) = parser.parse(entry.record()) else { continue };
            for name in [column::DECISION_ID, column::USER_ID] {
                if let Some(text) = document.value().get(name).and_then(|value| value.as_str()) {
                    leaves.push((hasher.hash_one((name, text)), leaf));
                }
            }
        }
        leaves.sort_unstable();
        leaves.shrink_to_fit();
        Self { hasher, leaves }
    }

    /// The leaves that may have that text, ascending; `None` for what is not looked up here.
    pub(super) fn find(&self, key: &Key, text: &str) -> Option<impl Iterator<Item = LeafIndex>> {
        let name = match key {
            Key::DecisionId => column::DECISION_ID,
            Key::Subject => column::USER_ID,
            Key::Input(_) => return None,
        };
        let hash = self.hasher.hash_one((name, text));
        let from = self.leaves.partition_point(|(other, _)| *other < hash);
        let found = self.leaves[from..].iter().take_while(move |(other, _)| *other == hash);
        Some(found.map(|(_, leaf)| *leaf))
    }
}

//! What is to go by what is on the record, and is not gone everywhere yet.

use crate::SubjectToken;
use onrecord_evidence::{LeafRange, LeafSet};
use onrecord_record::{Depth, Erasure, Parser, Retention, RetentionAction, read_leaves, write_leaves};

/// What is to go.
#[derive(Clone, Debug, Default)]
pub struct Due {
    /// Records of subjects that were erased, with all that is theirs.
    pub(crate) erased: LeafSet,
    /// Records whose time is over.
    pub(crate) expired: LeafSet,
    /// Records of erased subjects that stay and lose their ciphertexts.
    pub(crate) unlinked: LeafSet,
}

impl Due {
    /// Takes in an entry as it is stored, if it is one that removes something. Returns the subject if one was erased.
    pub fn take_in(&mut self, record: &[u8]) -> Option<SubjectToken> {
        let mut parser = Parser::new();
        let document = parser.parse(record).ok()?;
        if let Ok(erasure) = Erasure::read(document.value()) {
            self.add_erasure(&erasure);
            return SubjectToken::parse(erasure.subject);
        }
        if let Ok(retention) = Retention::read(document.value()) {
            self.add_retention(&retention);
        }
        None
    }

    fn add_erasure(&mut self, erasure: &Erasure<'_>) {
        match erasure.depth {
            Depth::Delete => insert(&mut self.erased, erasure.leaves),
            Depth::Unlink => insert(&mut self.unlinked, erasure.leaves),
        }
    }

    fn add_retention(&mut self, retention: &Retention<'_>) {
        if retention.action == RetentionAction::Delete {
            insert(&mut self.expired, retention.leaves);
        }
    }

    /// Takes those of the records and ciphertexts in that `all` has.
    pub(crate) fn take_again(&mut self, all: &Self, records: &LeafSet, ciphertexts: &LeafSet) {
        let parts = [
            (&mut self.erased, &all.erased, records),
            (&mut self.expired, &all.expired, records),
            (&mut self.unlinked, &all.unlinked, ciphertexts),
        ];
        for (due, all, again) in parts {
            let mut again = again.clone();
            again.retain_all(all);
            due.insert_all(&again);
        }
    }

    /// Takes out what was done.
    pub(crate) fn remove_all(&mut self, done: &Self) {
        self.erased.remove_all(&done.erased);
        self.expired.remove_all(&done.expired);
        self.unlinked.remove_all(&done.unlinked);
    }

    /// The leaves that lose their records.
    pub fn records(&self) -> LeafSet {
        let mut records = self.erased.clone();
        records.insert_all(&self.expired);
        records
    }

    /// The leaves that keep their records and lose their ciphertexts.
    pub fn ciphertexts(&self) -> &LeafSet {
        &self.unlinked
    }

    /// Whether nothing is due.
    pub(crate) fn is_empty(&self) -> bool {
        self.erased.is_empty() && self.expired.is_empty() && self.unlinked.is_empty()
    }

    /// Whether something of a subject is.
    pub(crate) fn has_erasures(&self) -> bool {
        !self.erased.is_empty() || !self.unlinked.is_empty()
    }
}

fn insert(leaves: &mut LeafSet, text: &str) {
    // What is on the record was written by us.
    read_leaves(text).unwrap_or_default().into_iter().for_each(|run| leaves.insert(LeafRange::from(run)));
}

/// Bytes of the leaves in one entry.
const LEAVES_BYTES_MAX: usize = 256 * 1024;

/// Leaves as entries name them: a text for each entry, none of no leaves.
pub(crate) fn texts(leaves: &LeafSet) -> Vec<String> {
    write_leaves(leaves.runs().into_iter().map(|run| run.start.0..run.end.0), LEAVES_BYTES_MAX)
}

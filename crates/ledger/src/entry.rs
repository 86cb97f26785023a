//! What is appended: opaque bytes under an id.
//!
//! Invariant: an [`Entry`]'s leaf hash is that of its record bytes; it is computed once, by whoever makes the entry, so
//! that hashing runs on the callers' threads and not on the one writer.

use bytes::Bytes;
use onrecord_evidence::{Hash, LeafIndex, leaf_hash};
use std::{fmt, sync::Arc};

/// The id under which an entry is accepted once, forever (a UUID's bytes).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub [u8; 16]);

impl fmt::Debug for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One entry of the ledger. Cloning shares the bytes.
#[derive(Clone)]
pub struct Entry {
    id: EntryId,
    record: Bytes,
    sidecar: Bytes,
    leaf_hash: Hash,
}

impl Entry {
    /// An entry of these bytes. `record` is under the leaf hash, which is computed here (about 0.7 µs per KiB); `beside`
    /// is kept next to the record and is not, so that it can be destroyed later without touching the tree.
    #[must_use]
    pub fn new(id: EntryId, record: impl Into<Bytes>, sidecar: impl Into<Bytes>) -> Self {
        let record = record.into();
        Self { id, leaf_hash: leaf_hash(&record), record, sidecar: sidecar.into() }
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// The bytes under the leaf hash.
    #[must_use]
    pub fn record(&self) -> &Bytes {
        &self.record
    }

    /// The bytes next to the record, usually none.
    #[must_use]
    pub fn sidecar(&self) -> &Bytes {
        &self.sidecar
    }

    /// SHA-256(0x00 ‖ record).
    #[must_use]
    pub fn leaf_hash(&self) -> Hash {
        self.leaf_hash
    }
}

/// Shows sizes only: records must not reach a log line.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (record, sidecar) = (self.record.len(), self.sidecar.len());
        write!(f, "Entry({:?}, record {record} bytes, sidecar {sidecar} bytes)", self.id)
    }
}

/// What one commit made durable, in order: the leaves `first..first + entries.len()`.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The leaf of the first entry.
    pub first: LeafIndex,
    /// The entries, at least one.
    pub entries: Arc<[Entry]>,
}

impl Committed {
    /// The leaf after the last entry.
    #[must_use]
    pub fn end(&self) -> LeafIndex {
        LeafIndex(self.first.0 + self.entries.len() as u64)
    }
}

//! What the service asks of whoever stores the records: the seam to the lake.

use onrecord_evidence::LeafSet;
use onrecord_ledger::LeafIndex;
use onrecord_record::{Kind, StoredDecision};

/// One stored entry.
#[derive(Clone)]
pub struct Stored {
    /// Where it is in the ledger.
    pub leaf: LeafIndex,
    /// Its exact bytes.
    pub record: Vec<u8>,
    /// The ciphertexts beside it; empty when there are none or a rewrite removed them.
    pub sidecar: Vec<u8>,
}

/// Shows sizes only: records must not reach a log line.
impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stored(leaf {}, {} bytes, {} beside)", self.leaf, self.record.len(), self.sidecar.len())
    }
}

/// Records could not be read. The message names files and causes, never content.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(pub String);

/// Reads stored records. Every call sees all entries that were acknowledged before it.
pub trait Records: Send + Sync {
    /// The entry of this leaf; `None` when there is none, or when retention deleted it.
    ///
    /// # Errors
    /// It cannot be told.
    fn by_leaf(&self, leaf: LeafIndex) -> Result<Option<Stored>, ReadError>;

    /// The entries of these leaves, in the order asked: what a batch that is sent again is compared with. Worth
    /// overriding where neighbouring leaves are read faster together, since an import that is run again asks for all of
    /// its leaves, some hundred at a time.
    ///
    /// # Errors
    /// It cannot be told.
    fn by_leaves(&self, leaves: &[LeafIndex]) -> Result<Vec<Option<Stored>>, ReadError> {
        leaves.iter().map(|leaf| self.by_leaf(*leaf)).collect()
    }

    /// The decisions with this id, and their reviews and outcomes, in the order of the ledger.
    ///
    /// # Errors
    /// It cannot be told.
    fn by_decision_id(&self, decision_id: &str) -> Result<Vec<Stored>, ReadError>;

    /// What the decisions with these ids say to what is about them, in no order; of several with one id, the first. A batch
    /// of reviews asks for all of its decisions, some thousand at a time.
    ///
    /// # Errors
    /// It cannot be told.
    fn decisions(&self, decision_ids: &[&str]) -> Result<Vec<StoredDecision>, ReadError>;

    /// Visits the entries of a kind from a leaf on, in the order of their leaves.
    ///
    /// # Errors
    /// It cannot be told.
    fn each_of_kind(&self, kind: Kind, from: LeafIndex, visit: &mut dyn FnMut(Stored)) -> Result<(), ReadError>;

    /// The leaves of all that is about a subject, by its token, ascending: the decisions, and their reviews and outcomes.
    ///
    /// # Errors
    /// It cannot be told.
    fn leaves_about(&self, subject: &str) -> Result<Vec<LeafIndex>, ReadError>;

    /// The newest `system` entry whose `what` is one of these.
    ///
    /// # Errors
    /// It cannot be told.
    fn last_system(&self, whats: &[&str]) -> Result<Option<Stored>, ReadError>;
}

/// What a removal came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Segments that were rewritten.
    pub segments: u64,
    /// Rows that went.
    pub rows: u64,
    /// Rows that stay and lost their ciphertexts.
    pub sidecars: u64,
    /// Whether no file has a byte of it any more: a long query may still hold one.
    pub is_gone: bool,
}

/// Removes what is to go from where records are stored. That it is to go is on the record; nothing is decided here.
pub trait Remover: Send + Sync {
    /// From now on these leaves may have no record. Any other that has none is damage.
    fn may_lack(&self, leaves: &LeafSet);

    /// Those of the records, and of the ciphertexts beside others, that may still be in a file here, without reading one: a file
    /// from a backup has what was removed since.
    fn may_remain(&self, records: &LeafSet, ciphertexts: &LeafSet) -> (LeafSet, LeafSet);

    /// Seals what is on the record, and removes the records of some leaves, and the ciphertexts beside those of others.
    /// Does what is left if some of it is done. Blocks.
    ///
    /// # Errors
    /// Why not all of it could be done: some may be.
    fn remove(&self, records: &LeafSet, ciphertexts: &LeafSet) -> Result<Removed, ReadError>;
}

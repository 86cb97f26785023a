//! What the service asks of whoever stores the records: the seam to the lake.

use onrecord_ledger::LeafIndex;

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

    /// The same for several ids, in no order. Worth overriding where neighbours are read faster together: a batch of
    /// reviews asks for all of its decisions, some thousand at a time.
    ///
    /// # Errors
    /// It cannot be told.
    fn by_decision_ids(&self, decision_ids: &[&str]) -> Result<Vec<Stored>, ReadError> {
        let found: Result<Vec<_>, _> = decision_ids.iter().map(|id| self.by_decision_id(id)).collect();
        Ok(found?.into_iter().flatten().collect())
    }

    /// The newest `system` entry whose `what` is one of these.
    ///
    /// # Errors
    /// It cannot be told.
    fn last_system(&self, whats: &[&str]) -> Result<Option<Stored>, ReadError>;
}

//! What a submit gets when it is durable: its place, and from that its receipts.
//!
//! The writer makes one [`Snapshot`] per group commit; whoever waits makes receipts from it on its own thread.

use onrecord_evidence::{BatchReceipt, LeafIndex, Receipt, Snapshot};
use std::sync::Arc;

/// A durable submit: the leaves `first..first + count` in the order of its entries.
#[derive(Clone, Debug)]
pub struct Commit {
    first: LeafIndex,
    count: u64,
    snapshot: Arc<Snapshot>,
    checkpoint: Arc<str>,
}

impl Commit {
    /// The snapshot must hold the leaves.
    pub(crate) fn new(first: u64, count: u64, snapshot: Arc<Snapshot>, checkpoint: Arc<str>) -> Self {
        Self { first: LeafIndex(first), count, snapshot, checkpoint }
    }

    /// The leaf of the first entry.
    #[must_use]
    pub fn first(&self) -> LeafIndex {
        self.first
    }

    /// How many entries; at least one.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The signed checkpoint that covers them.
    #[must_use]
    pub fn checkpoint(&self) -> &Arc<str> {
        &self.checkpoint
    }

    /// The receipt of the entry at this index in the submit; `None` when it had fewer.
    #[must_use]
    pub fn receipt(&self, index: u64) -> Option<Receipt> {
        if index >= self.count {
            return None;
        }
        self.snapshot.receipt(LeafIndex(self.first.0 + index), &self.checkpoint)
    }

    /// The receipts of all entries, in order.
    #[must_use]
    pub fn receipts(&self) -> Vec<Receipt> {
        (0..self.count).filter_map(|index| self.receipt(index)).collect()
    }

    /// One receipt for all entries, 32 bytes per entry and about log2 of the ledger's size hashes.
    ///
    /// # Panics
    /// Never: a commit is made with a snapshot that holds its leaves.
    #[must_use]
    pub fn batch_receipt(&self) -> BatchReceipt {
        self.snapshot
            .batch_receipt(self.first, self.count, &self.checkpoint)
            .expect("the snapshot begins at or before `first` and ends at or behind the commit's end")
    }
}

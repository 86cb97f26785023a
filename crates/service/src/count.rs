//! What was accepted and what was refused, by reason. Refusals are counted twice: for whoever watches, and until they
//! are on the record themselves.

use crate::Reason;
use std::sync::atomic::{AtomicU64, Ordering};

/// Refusals by reason that are not on the record yet.
pub(crate) type Unrecorded = [u64; Reason::ALL.len()];

/// Counts since the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Entries of producers that are on the record.
    pub accepted: u64,
    /// Entries that were on the record already.
    pub repeated: u64,
    /// Refusals by reason; those of batches count once.
    pub refused: Vec<(&'static str, u64)>,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    accepted: AtomicU64,
    repeated: AtomicU64,
    refused: [AtomicU64; Reason::ALL.len()],
    unrecorded: [AtomicU64; Reason::ALL.len()],
}

impl Counters {
    pub(crate) fn accept(&self, accepted: u64, repeated: u64) {
        self.accepted.fetch_add(accepted, Ordering::Relaxed);
        self.repeated.fetch_add(repeated, Ordering::Relaxed);
    }

    pub(crate) fn refuse(&self, reason: Reason) {
        self.refused[reason as usize].fetch_add(1, Ordering::Relaxed);
        self.unrecorded[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            accepted: self.accepted.load(Ordering::Relaxed),
            repeated: self.repeated.load(Ordering::Relaxed),
            refused: Reason::ALL
                .iter()
                .zip(&self.refused)
                .map(|(reason, n)| (reason.as_str(), n.load(Ordering::Relaxed)))
                .collect(),
        }
    }

    pub(crate) fn any_unrecorded(&self) -> bool {
        self.unrecorded.iter().any(|count| count.load(Ordering::Relaxed) > 0)
    }

    /// Takes the refusals that are not on the record yet; whoever takes them records them or puts them back.
    pub(crate) fn take_unrecorded(&self) -> Unrecorded {
        std::array::from_fn(|reason| self.unrecorded[reason].swap(0, Ordering::Relaxed))
    }

    pub(crate) fn put_back(&self, unrecorded: Unrecorded) {
        for (count, taken) in self.unrecorded.iter().zip(unrecorded) {
            count.fetch_add(taken, Ordering::Relaxed);
        }
    }
}

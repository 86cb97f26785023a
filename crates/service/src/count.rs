//! What was accepted, repeated and refused, by reason. Repeats and refusals are counted twice: for whoever watches, and
//! until they are on the record themselves.

use crate::Reason;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is not on the record yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unrecorded {
    /// Entries of producers that were on the record already.
    pub(crate) repeated: u64,
    /// Refusals by reason.
    pub(crate) refused: [u64; Reason::ALL.len()],
}

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
    unrecorded_repeats: AtomicU64,
}

impl Counters {
    pub(crate) fn accept(&self, accepted: u64, repeated: u64) {
        self.accepted.fetch_add(accepted, Ordering::Relaxed);
        self.repeated.fetch_add(repeated, Ordering::Relaxed);
        self.unrecorded_repeats.fetch_add(repeated, Ordering::Relaxed);
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
        self.unrecorded_repeats.load(Ordering::Relaxed) > 0 || self.any_refusal_unrecorded()
    }

    pub(crate) fn any_refusal_unrecorded(&self) -> bool {
        self.unrecorded.iter().any(|count| count.load(Ordering::Relaxed) > 0)
    }

    /// Takes what is not on the record yet; whoever takes it records it or puts it back.
    pub(crate) fn take_unrecorded(&self) -> Unrecorded {
        Unrecorded {
            repeated: self.unrecorded_repeats.swap(0, Ordering::Relaxed),
            refused: std::array::from_fn(|reason| self.unrecorded[reason].swap(0, Ordering::Relaxed)),
        }
    }

    pub(crate) fn put_back(&self, unrecorded: Unrecorded) {
        self.unrecorded_repeats.fetch_add(unrecorded.repeated, Ordering::Relaxed);
        for (count, taken) in self.unrecorded.iter().zip(unrecorded.refused) {
            count.fetch_add(taken, Ordering::Relaxed);
        }
    }
}

//! Where in the log: the index of a leaf and the size of a tree, kept apart by type because mixing them up is the
//! classical off-by-one of Merkle proofs.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;

/// The place of a record in the log, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeafIndex(pub u64);

/// How many leaves a tree has: the leaves `0..size`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TreeSize(pub u64);

/// Adjoining leaves: those from `start` on, before `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LeafRange {
    /// The first leaf.
    pub start: LeafIndex,
    /// The leaf after the last.
    pub end: LeafIndex,
}

impl LeafRange {
    /// From the first leaf to before the other.
    pub fn new(start: LeafIndex, end: LeafIndex) -> Self {
        Self { start, end }
    }

    /// How many leaves.
    pub fn count(self) -> u64 {
        self.end.0.saturating_sub(self.start.0)
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.count() == 0
    }

    /// Whether the leaf is one of them.
    pub fn contains(self, leaf: LeafIndex) -> bool {
        self.start <= leaf && leaf < self.end
    }

    /// The leaves, one after the other.
    pub fn leaves(self) -> impl Iterator<Item = LeafIndex> {
        (self.start.0..self.end.0).map(LeafIndex)
    }
}

impl From<Range<u64>> for LeafRange {
    fn from(range: Range<u64>) -> Self {
        Self::new(LeafIndex(range.start), LeafIndex(range.end))
    }
}

impl From<LeafRange> for Range<u64> {
    fn from(range: LeafRange) -> Self {
        range.start.0..range.end.0
    }
}

impl fmt::Display for LeafIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TreeSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

//! Sets of leaves: compressed bitmaps, so that runs and scattered leaves of a large ledger take little memory.

use crate::{LeafIndex, LeafRange};
use roaring::RoaringTreemap;

/// A set of leaves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeafSet(RoaringTreemap);

impl LeafSet {
    /// Adds leaves.
    pub fn insert(&mut self, leaves: LeafRange) {
        self.0.insert_range(leaves.start.0..leaves.end.0);
    }

    /// Whether a leaf is in it.
    pub fn contains(&self, leaf: LeafIndex) -> bool {
        self.0.contains(leaf.0)
    }

    /// How many leaves are in it.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// How many of them are before a leaf.
    pub fn count_before(&self, leaf: LeafIndex) -> u64 {
        leaf.0.checked_sub(1).map_or(0, |last| self.0.rank(last))
    }

    /// The greatest.
    pub fn last(&self) -> Option<LeafIndex> {
        self.0.max().map(LeafIndex)
    }

    /// Whether no leaf is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those among some leaves that are in it, ascending.
    pub fn within(&self, leaves: LeafRange) -> impl Iterator<Item = LeafIndex> {
        let mut found = self.0.iter();
        found.advance_to(leaves.start.0);
        found.take_while(move |leaf| *leaf < leaves.end.0).map(LeafIndex)
    }

    /// The first among some leaves that is not in it.
    pub fn first_outside(&self, leaves: LeafRange) -> Option<LeafIndex> {
        if leaves.is_empty() {
            return None;
        }
        let mut next = leaves.start;
        for leaf in self.within(leaves) {
            if leaf > next {
                break;
            }
            next = LeafIndex(leaf.0 + 1);
        }
        (next < leaves.end).then_some(next)
    }

    /// All of them as runs, ascending, none adjoining another.
    pub fn runs(&self) -> Vec<LeafRange> {
        let mut runs: Vec<LeafRange> = Vec::new();
        for leaf in &self.0 {
            match runs.last_mut() {
                Some(run) if run.end.0 == leaf => run.end = LeafIndex(leaf + 1),
                _ => runs.push(LeafRange::from(leaf..leaf + 1)),
            }
        }
        runs
    }

    /// Adds what is in another set.
    pub fn insert_all(&mut self, other: &Self) {
        self.0 |= &other.0;
    }

    /// Takes out what is not in another set.
    pub fn retain_all(&mut self, other: &Self) {
        self.0 &= &other.0;
    }

    /// Takes out what is in another set.
    pub fn remove_all(&mut self, other: &Self) {
        self.0 -= &other.0;
    }
}

impl FromIterator<LeafIndex> for LeafSet {
    fn from_iter<T: IntoIterator<Item = LeafIndex>>(leaves: T) -> Self {
        Self(leaves.into_iter().map(|leaf| leaf.0).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_what_was_inserted() {
        let mut set = LeafSet::default();
        assert!(set.is_empty() && set.runs().is_empty());
        for range in [5..9, 20..21, 9..10, 7..8] {
            set.insert(LeafRange::from(range));
        }
        assert_eq!(set.runs(), [LeafRange::from(5..10), LeafRange::from(20..21)]);
        assert_eq!(set.len(), 6);
        assert_eq!(set.within(LeafRange::from(9..30)).collect::<Vec<_>>(), [LeafIndex(9), LeafIndex(20)]);
        set.remove_all(&[LeafIndex(6), LeafIndex(20)].into_iter().collect());
        assert_eq!(set.runs(), [LeafRange::from(5..6), LeafRange::from(7..10)]);
        assert!(set.contains(LeafIndex(5)) && !set.contains(LeafIndex(6)));
        let outside = |leaves: std::ops::Range<u64>| set.first_outside(LeafRange::from(leaves)).map(|leaf| leaf.0);
        assert_eq!((outside(7..10), outside(7..11), outside(5..9), outside(6..7)), (None, Some(10), Some(6), Some(6)));
        assert_eq!((outside(5..5), outside(20..30)), (None, Some(20)));
        assert_eq!([0, 5, 6, 8, 10, 99].map(|leaf| set.count_before(LeafIndex(leaf))), [0, 0, 1, 2, 4, 4]);
    }
}

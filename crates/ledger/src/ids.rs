//! Which ids the unsealed entries have, so that none is accepted twice.
//!
//! One generation per write-ahead file: when a file is released its ids go at once, and from then on
//! [`crate::Follower::find_sealed`] answers for them. Only the writer thread looks in here, so an id cannot slip through between
//! the two. The hash function is keyed, since ids come from outside.

use crate::EntryId;
use std::collections::{HashMap, VecDeque, hash_map::Entry as Place};

/// The ids of all unsealed entries and their leaves.
#[derive(Debug)]
pub(crate) struct Ids {
    /// Oldest first; never empty.
    generations: VecDeque<Generation>,
}

#[derive(Debug, Default)]
struct Generation {
    first: u64,
    leaves: HashMap<EntryId, u64>,
}

impl Ids {
    /// No ids; the first file begins with leaf `first`.
    pub(crate) fn new(first: u64) -> Self {
        Self { generations: VecDeque::from([Generation { first, ..Generation::default() }]) }
    }

    /// A new file begins with leaf `first`.
    pub(crate) fn begin_file(&mut self, first: u64) {
        self.generations.push_back(Generation { first, ..Generation::default() });
    }

    /// Adds an id, unless it is there: then its leaf.
    pub(crate) fn insert(&mut self, id: EntryId, leaf: u64) -> Result<(), u64> {
        let Some((newest, older)) = self.generations.make_contiguous().split_last_mut() else { return Ok(()) };
        if let Some(&taken) = older.iter().rev().find_map(|generation| generation.leaves.get(&id)) {
            return Err(taken);
        }
        match newest.leaves.entry(id) {
            Place::Occupied(place) => Err(*place.get()),
            Place::Vacant(place) => {
                place.insert(leaf);
                Ok(())
            }
        }
    }

    /// Takes back an id of the newest file.
    pub(crate) fn remove(&mut self, id: EntryId) {
        if let Some(newest) = self.generations.back_mut() {
            newest.leaves.remove(&id);
        }
    }

    /// Forgets the files whose leaves are all before `end`.
    pub(crate) fn release(&mut self, end: u64) {
        while self.generations.get(1).is_some_and(|next| next.first <= end) {
            self.generations.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_until_its_file_is_released() {
        let [a, b, c] = [1, 2, 3].map(|byte| EntryId([byte; 16]));
        let mut ids = Ids::new(0);
        assert_eq!([ids.insert(a, 0), ids.insert(b, 1)], [Ok(()), Ok(())]);
        ids.begin_file(2);
        assert_eq!([ids.insert(a, 2), ids.insert(c, 2), ids.insert(c, 3)], [Err(0), Ok(()), Err(2)]);
        ids.remove(c);
        assert_eq!(ids.insert(c, 2), Ok(()));
        ids.release(1);
        assert_eq!(ids.insert(a, 3), Err(0), "half a file is not released");
        ids.release(2);
        assert_eq!([ids.insert(a, 3), ids.insert(c, 4)], [Ok(()), Err(2)]);
        ids.release(100);
        assert_eq!(ids.insert(c, 5), Err(2), "the newest file is never released");
    }
}

//! The entries that are not in segments yet, in memory.
//!
//! The ledger's writer thread adds each commit before anybody is answered, so adding is only a push. What readers want
//! of it (Arrow batches of the flat schema, an index of ids) is made when they ask, chunk by chunk, and kept with the
//! chunk. A reader freezes what was added since the last one into a chunk; small neighbours are joined, so that a
//! reader after every commit costs each row a logarithmic number of conversions.
//!
//! Invariant: chunks and what is not frozen yet hold adjoining leaves, in order, each once. How much there is, is
//! bounded by the ledger, which stops when too many write-ahead files wait for sealing.

mod lookup;

use self::lookup::ChunkLookup;
use crate::Row;
use crate::index::Key;
use crate::segment::OwnedRow;
use crate::shred::shred_all;
use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use onrecord_evidence::{LeafIndex, LeafRange};
use onrecord_ledger::{Committed, Entry};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// Rows of a chunk that is not joined with others any more.
const CHUNK_ROWS: u64 = 8_192;

/// The tail. Its owner locks it.
pub(crate) struct Tail {
    chunks: Vec<Arc<Chunk>>,
    recent: Vec<Committed>,
    end: LeafIndex,
}

/// Some adjoining entries, and what was made of them.
pub struct Chunk {
    commits: Vec<Committed>,
    leaves: LeafRange,
    batch: OnceLock<RecordBatch>,
    rows_by_id: OnceLock<HashMap<[u8; 16], LeafIndex>>,
    lookup: OnceLock<ChunkLookup>,
}

impl Tail {
    /// An empty tail after the sealed leaves.
    pub(crate) fn new(sealed: LeafIndex) -> Self {
        Self { chunks: Vec::new(), recent: Vec::new(), end: sealed }
    }

    /// Adds a commit. What is already there, or already sealed, is left out. Returns whether the commit adjoins what is
    /// there; it is not added otherwise.
    pub(crate) fn add(&mut self, commit: &Committed) -> bool {
        let leaves = LeafRange::new(commit.first, commit.end());
        if leaves.start > self.end {
            return false;
        }
        if leaves.end > self.end {
            self.recent.push(from_leaf(commit, self.end));
            self.end = leaves.end;
            let rows = self.recent.first().map_or(0, |first| LeafRange::new(first.first, self.end).count());
            if rows >= CHUNK_ROWS {
                self.freeze();
            }
        }
        true
    }

    /// Makes a chunk of what was added since the last one.
    fn freeze(&mut self) {
        if self.recent.is_empty() {
            return;
        }
        self.chunks.push(Arc::new(Chunk::new(std::mem::take(&mut self.recent))));
        while let [.., before, last] = &self.chunks[..]
            && before.rows() <= 2 * last.rows()
            && before.rows() + last.rows() <= CHUNK_ROWS
        {
            let joined = Chunk::new([&before.commits[..], &last.commits[..]].concat());
            self.chunks.truncate(self.chunks.len() - 2);
            self.chunks.push(Arc::new(joined));
        }
    }

    /// Every entry, in chunks.
    pub(crate) fn chunks(&mut self) -> Vec<Arc<Chunk>> {
        self.freeze();
        self.chunks.clone()
    }

    /// The leaf after the last, whether that is here or sealed.
    pub(crate) fn end(&self) -> LeafIndex {
        self.end
    }

    /// The commit that holds a leaf, if it is not sealed.
    pub(crate) fn commit_of(&self, leaf: LeafIndex) -> Option<&Committed> {
        let chunk = self.chunks.partition_point(|chunk| chunk.leaves.end <= leaf);
        let commits = self.chunks.get(chunk).map_or(&self.recent, |chunk| &chunk.commits);
        let commit = commits.get(commits.partition_point(|commit| commit.end() <= leaf))?;
        (commit.first <= leaf).then_some(commit)
    }

    /// Forgets the leaves before `end`: a segment has them.
    pub(crate) fn release(&mut self, end: LeafIndex) {
        self.freeze();
        let chunks = std::mem::take(&mut self.chunks);
        self.chunks.extend(chunks.into_iter().filter(|chunk| chunk.leaves.end > end).map(|chunk| {
            if chunk.leaves.start >= end {
                return chunk;
            }
            let commits = chunk.commits.iter().filter(|commit| commit.end() > end);
            Arc::new(Chunk::new(commits.map(|commit| from_leaf(commit, end)).collect()))
        }));
        self.end = self.end.max(end);
    }
}

/// The part of a commit from a leaf on, which is not empty.
fn from_leaf(commit: &Committed, leaf: LeafIndex) -> Committed {
    let skipped = leaf.0.saturating_sub(commit.first.0);
    if skipped == 0 {
        return commit.clone();
    }
    Committed { first: leaf, entries: commit.entries[skipped as usize..].into() }
}

impl Chunk {
    /// A chunk of adjoining commits, at least one.
    fn new(commits: Vec<Committed>) -> Self {
        let first = commits.first().map_or(LeafIndex(0), |commit| commit.first);
        let end = commits.last().map_or(first, Committed::end);
        Self {
            commits,
            leaves: LeafRange::new(first, end),
            batch: OnceLock::new(),
            rows_by_id: OnceLock::new(),
            lookup: OnceLock::new(),
        }
    }

    /// The leaves in it.
    pub fn leaves(&self) -> LeafRange {
        self.leaves
    }

    fn rows(&self) -> u64 {
        self.leaves.count()
    }

    /// The entries with their leaves.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (LeafIndex, &Entry)> {
        self.commits.iter().flat_map(|commit| (commit.first.0..).map(LeafIndex).zip(commit.entries.iter()))
    }

    /// The entry at a leaf of this chunk.
    pub(crate) fn entry(&self, leaf: LeafIndex) -> Option<&Entry> {
        let after = self.commits.partition_point(|commit| commit.first <= leaf);
        let commit = self.commits.get(after.checked_sub(1)?)?;
        commit.entries.get((leaf.0 - commit.first.0) as usize)
    }

    /// The leaf of an id.
    pub(crate) fn find_id(&self, id: &[u8; 16]) -> Option<LeafIndex> {
        let index = self.rows_by_id.get_or_init(|| self.entries().map(|(leaf, entry)| (entry.id().0, leaf)).collect());
        index.get(id).copied()
    }

    /// The entries that may have that decision id or subject, ascending; `None` for another key.
    pub(crate) fn find(&self, key: &Key, text: &str) -> Option<impl Iterator<Item = (LeafIndex, &Entry)>> {
        let found = self.lookup.get_or_init(|| ChunkLookup::of(self)).find(key, text)?;
        Some(found.filter_map(|leaf| Some((leaf, self.entry(leaf)?))))
    }

    /// The rows as one batch of the flat schema, with path columns of its own choice.
    ///
    /// # Errors
    /// Only if Arrow refuses the columns, which is a mistake in this crate.
    pub fn batch(&self) -> Result<RecordBatch, ArrowError> {
        if let Some(batch) = self.batch.get() {
            return Ok(batch.clone());
        }
        let rows: Vec<Row<'_>> = self.entries().map(|(leaf, entry)| row(leaf, entry)).collect();
        let batch = shred_all(&rows)?.batch;
        Ok(self.batch.get_or_init(|| batch).clone())
    }
}

/// An entry as a row.
pub(crate) fn row(leaf: LeafIndex, entry: &Entry) -> Row<'_> {
    Row { leaf, id: entry.id().0, record: entry.record(), sidecar: entry.sidecar() }
}

/// An entry as a row of its own.
pub(crate) fn owned_row(leaf: LeafIndex, entry: &Entry) -> OwnedRow {
    OwnedRow { leaf, id: entry.id().0, record: entry.record().to_vec(), sidecar: entry.sidecar().to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use onrecord_ledger::EntryId;
    use std::ops::Range;

    fn commit(leaves: Range<u64>) -> Committed {
        let entry = |leaf: u64| {
            let id = EntryId((u128::from(leaf) + 1).to_be_bytes());
            Entry::new(id, format!("{{\"kind\":\"system\",\"leaf\":{leaf}}}").into_bytes(), Vec::new())
        };
        Committed { first: LeafIndex(leaves.start), entries: leaves.map(entry).collect() }
    }

    fn leaves(tail: &mut Tail) -> Vec<u64> {
        tail.chunks().iter().flat_map(|chunk| chunk.entries().map(|(leaf, _)| leaf.0).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn entries_are_there_at_once_and_until_they_are_released() {
        let mut tail = Tail::new(LeafIndex(10));
        assert!(tail.add(&commit(10..11)));
        assert!(tail.add(&commit(11..40)));
        assert_eq!(leaves(&mut tail), (10..40).collect::<Vec<_>>());
        assert!(tail.add(&commit(40..41)));
        tail.release(LeafIndex(12));
        assert_eq!(leaves(&mut tail), (12..41).collect::<Vec<_>>());
        tail.release(LeafIndex(41));
        assert_eq!(leaves(&mut tail), [] as [u64; 0]);
        assert_eq!(tail.end, LeafIndex(41));
    }

    #[test]
    fn what_is_sealed_already_is_not_added_again() {
        let mut tail = Tail::new(LeafIndex(10));
        assert!(tail.add(&commit(0..10)));
        assert!(tail.add(&commit(5..12)));
        assert_eq!(leaves(&mut tail), [10, 11]);
        assert!(!tail.add(&commit(13..14)), "leaf 12 is missing");
        assert_eq!(leaves(&mut tail), [10, 11]);
    }

    #[test]
    fn the_commit_of_a_leaf_is_found_frozen_or_not() {
        let mut tail = Tail::new(LeafIndex(5));
        let commits = [5..6, 6..10, 10..11, 11..30, 30..31];
        for (at, leaves) in commits.iter().enumerate() {
            tail.add(&commit(leaves.clone()));
            if at == 2 {
                tail.freeze();
            }
        }
        let first = |tail: &Tail, leaf| tail.commit_of(LeafIndex(leaf)).map(|commit| commit.first.0);
        for leaves in commits {
            leaves.clone().for_each(|leaf| assert_eq!(first(&tail, leaf), Some(leaves.start)));
        }
        assert_eq!([4, 31, 99].map(|leaf| first(&tail, leaf)), [None; 3]);
        tail.release(LeafIndex(8));
        assert_eq!([7, 8, 9, 10].map(|leaf| first(&tail, leaf)), [None, Some(8), Some(8), Some(10)]);
    }

    #[test]
    fn readers_between_commits_leave_few_chunks() {
        let mut tail = Tail::new(LeafIndex(0));
        for leaf in 0..3_000 {
            tail.add(&commit(leaf..leaf + 1));
            assert!(tail.chunks().len() <= 14, "{} chunks at leaf {leaf}", tail.chunks().len());
        }
        assert_eq!(leaves(&mut tail), (0..3_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_chunk_looks_up_decisions_and_subjects() {
        let entry = |at: u64| {
            let record = format!(
                r#"{{"decision_id":"d-{}","metadata":{{"user_id":"sub_x"}},"user_id":"sub_{}"}}"#,
                at / 2,
                at % 3
            );
            Entry::new(EntryId((u128::from(at) + 1).to_be_bytes()), record.into_bytes(), Vec::new())
        };
        let mut tail = Tail::new(LeafIndex(100));
        tail.add(&Committed { first: LeafIndex(100), entries: (0..60).map(entry).collect() });
        let chunk = &tail.chunks()[0];
        let found = |key: Key, text: &str| -> Option<Vec<u64>> {
            chunk.find(&key, text).map(|found| found.map(|(leaf, _)| leaf.0).collect())
        };
        assert_eq!(found(Key::DecisionId, "d-7"), Some(vec![114, 115]));
        assert_eq!(found(Key::Subject, "sub_2").unwrap(), (0..20).map(|at| 102 + 3 * at).collect::<Vec<_>>());
        for (key, text) in [(Key::DecisionId, "sub_2"), (Key::Subject, "d-7"), (Key::Subject, "sub_x")] {
            assert_eq!(found(key, text), Some(Vec::new()), "{text}");
        }
        assert_eq!(found(Key::Input(vec!["application_id".to_owned()]), "app_1"), None);
    }

    #[test]
    fn a_chunk_finds_its_entries_and_makes_a_batch_of_them() {
        let mut tail = Tail::new(LeafIndex(7));
        tail.add(&commit(7..9));
        tail.add(&commit(9..20));
        for leaf in (7..20).map(LeafIndex) {
            let chunk = tail.chunks().into_iter().find(|chunk| chunk.leaves().contains(leaf)).unwrap();
            let entry = chunk.entry(leaf).unwrap();
            assert_eq!(chunk.find_id(&entry.id().0), Some(leaf));
            assert_eq!(chunk.batch().unwrap().num_rows() as u64, chunk.rows());
        }
        assert!(tail.chunks().iter().all(|chunk| chunk.find_id(&[0; 16]).is_none()));
    }
}

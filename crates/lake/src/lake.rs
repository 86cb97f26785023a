//! The lake: segments and tail as one, and the look-ups over both.
//!
//! Invariant: segments hold the leaves from 0 to where the tail begins. Both change under one lock, so that a
//! [`Snapshot`] has each leaf once: a seal puts the segment in and takes the entries out in one step, a compaction
//! swaps segments in one step. Nothing slow happens under that lock; the ledger's writer thread takes it for each commit.

use crate::cache::LookupCache;
use crate::catalog::{self, Segments};
use crate::error::{Error, Result};
use crate::schema::column;
use crate::segment::{OwnedRow, Segment};
use crate::tail::{Chunk, Tail};
use arrow::array::RecordBatch;
use onrecord_evidence::LeafIndex;
use onrecord_ledger::{Closed, Committed, Entry, EntryId, Follower, Sealed, SealedError};
use onrecord_record::{Parser, canonical};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// Bytes of memory for what look-ups have read of segments: enough for the ids of some ten million entries.
const LOOKUP_BYTES_MAX: usize = 192 * 1024 * 1024;

/// The name of the segments' directory in a data directory.
pub const SEGMENTS: &str = "segments";

/// Everything that was recorded, readable. It follows the ledger; see [`crate::Sealer`] for what moves the tail into
/// segments.
pub struct Lake {
    dir: PathBuf,
    /// Held for moments only.
    state: Mutex<State>,
    lookups: Mutex<LookupCache>,
    /// Counts the reasons to look for something to seal or compact; see [`Lake::wait_for_change`].
    changes: Mutex<u64>,
    changed: Condvar,
}

struct State {
    segments: Segments,
    tail: Tail,
    /// No id in a segment is greater. Fresh UUIDv7 ids are.
    id_max: Option<[u8; 16]>,
}

/// Everything at one moment: each leaf is in exactly one segment or chunk, all in order. Holding it keeps the files.
#[derive(Clone)]
pub struct Snapshot {
    /// The segments, ordered by leaf.
    pub segments: Arc<[Arc<Segment>]>,
    /// The tail, after the last segment.
    pub chunks: Vec<Arc<Chunk>>,
}

impl Snapshot {
    /// The tail as batches of the flat schema; each chunk has path columns of its own. What was not asked for before
    /// is converted now (some 4 µs per row), at once on this thread.
    ///
    /// # Errors
    /// [`Error::Unsealable`] if entries cannot become columns, which is a mistake in this crate.
    pub fn tail_batches(&self) -> Result<Vec<RecordBatch>> {
        self.chunks.iter().map(|chunk| chunk_batch(chunk)).collect()
    }

    /// The leaf after the last.
    pub fn end(&self) -> u64 {
        let sealed = self.segments.last().map_or(0, |segment| segment.end());
        self.chunks.last().map_or(sealed, |chunk| chunk.leaves().end)
    }

    fn segment_of(&self, leaf: u64) -> Option<&Arc<Segment>> {
        let at = self.segments.partition_point(|segment| segment.end() <= leaf);
        self.segments.get(at)
    }

    fn tail_entry(&self, leaf: u64) -> Option<&Entry> {
        let at = self.chunks.partition_point(|chunk| chunk.leaves().end <= leaf);
        self.chunks.get(at)?.entry(leaf)
    }
}

fn chunk_batch(chunk: &Chunk) -> Result<RecordBatch> {
    let leaves = chunk.leaves();
    chunk.batch().map_err(|error| Error::Unsealable {
        first: leaves.start,
        end: leaves.end,
        problem: error.to_string(),
    })
}

impl Lake {
    /// Opens the segments of a data directory (`DIR/segments`, made if it is not there), removing what an interrupted
    /// run left behind. The tail is empty until the ledger, which is opened after it, has handed over what is in its
    /// write-ahead files.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`], [`Error::Format`], [`Error::Ranges`].
    pub fn open(data_dir: &Path) -> Result<Arc<Self>> {
        let dir = data_dir.join(SEGMENTS);
        let segments = catalog::open(&dir)?;
        let sealed = segments.last().map_or(0, |segment| segment.end());
        let id_max = segments.iter().filter_map(|segment| segment.id_max()).max();
        Ok(Arc::new(Self {
            dir,
            state: Mutex::new(State { segments, tail: Tail::new(sealed), id_max }),
            lookups: Mutex::new(LookupCache::new(LOOKUP_BYTES_MAX)),
            changes: Mutex::new(0),
            changed: Condvar::new(),
        }))
    }

    /// Where the segments are.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Everything as it is now.
    pub fn snapshot(&self) -> Snapshot {
        let mut state = self.state();
        Snapshot { segments: Arc::clone(&state.segments), chunks: state.tail.chunks() }
    }

    /// The segments as they are now.
    pub fn segments(&self) -> Arc<[Arc<Segment>]> {
        Arc::clone(&self.state().segments)
    }

    /// The leaf after the last sealed one.
    pub fn sealed_end(&self) -> u64 {
        self.state().segments.last().map_or(0, |segment| segment.end())
    }

    /// Puts a new segment in after the last, and takes its leaves out of the tail.
    pub(crate) fn add_segment(&self, segment: Segment) {
        let mut state = self.state();
        let end = segment.end();
        state.id_max = state.id_max.max(segment.id_max());
        state.segments = state.segments.iter().cloned().chain([Arc::new(segment)]).collect();
        state.tail.release(end);
    }

    /// Puts a segment in for those of which it holds the leaves. Their files go when their last reader does.
    pub(crate) fn replace_segments(&self, segment: Segment) {
        let mut state = self.state();
        let leaves = segment.first()..segment.end();
        let (replaced, mut kept): (Vec<_>, Vec<_>) =
            state.segments.iter().cloned().partition(|old| leaves.contains(&old.first()));
        kept.push(Arc::new(segment));
        kept.sort_by_key(|segment| segment.first());
        state.segments = kept.into();
        drop(state);
        for old in replaced {
            self.lookups().forget(old.path());
            old.replace();
        }
    }

    /// The entry at a leaf.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub fn by_leaf(&self, leaf: u64) -> Result<Option<OwnedRow>> {
        Ok(self.rows(&self.snapshot(), &[leaf])?.pop())
    }

    /// The entries at these leaves, which are sorted and different; those that do not exist are left out.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub fn by_leaves(&self, leaves: &[u64]) -> Result<Vec<OwnedRow>> {
        self.rows(&self.snapshot(), leaves)
    }

    /// The entry with that event id.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub fn by_event_id(&self, id: [u8; 16]) -> Result<Option<OwnedRow>> {
        let snapshot = self.snapshot();
        match self.leaf_of(&snapshot, &id)? {
            Some(leaf) => Ok(self.rows(&snapshot, &[leaf])?.pop()),
            None => Ok(None),
        }
    }

    /// The entries with that decision id, by leaf: the decision, its reviews and outcomes.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub fn by_decision_id(&self, decision_id: &str) -> Result<Vec<OwnedRow>> {
        let snapshot = self.snapshot();
        let mut leaves = self.leaves_with(&snapshot, column::DECISION_ID, decision_id)?;
        // A decision whose id was not given has that of its event, and no text in the column.
        if let Ok(id) = Uuid::try_parse(decision_id)
            && let Some(leaf) = self.leaf_of(&snapshot, id.as_bytes())?
            && let Err(at) = leaves.binary_search(&leaf)
        {
            leaves.insert(at, leaf);
        }
        let mut rows = self.rows(&snapshot, &leaves)?;
        rows.retain(|row| has_member(&row.record, column::DECISION_ID, decision_id));
        Ok(rows)
    }

    /// The leaves of the entries about a subject, by its token, ascending.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub fn leaves_of_user(&self, token: &str) -> Result<Vec<u64>> {
        self.leaves_with(&self.snapshot(), column::USER_ID, token)
    }

    /// The newest entry of a kind whose record `wanted` takes.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub fn newest_of_kind(&self, kind: &str, wanted: &dyn Fn(&[u8]) -> bool) -> Result<Option<OwnedRow>> {
        let snapshot = self.snapshot();
        let in_tail = Snapshot { segments: Arc::from([]), chunks: snapshot.chunks.clone() };
        let mut newest = self.leaves_with(&in_tail, column::KIND, kind)?;
        let mut older = snapshot.segments.iter().rev();
        loop {
            for leaf in newest.iter().rev() {
                let row = self.rows(&snapshot, std::slice::from_ref(leaf))?.pop();
                if let Some(row) = row.filter(|row| wanted(&row.record)) {
                    return Ok(Some(row));
                }
            }
            let Some(segment) = older.next() else { return Ok(None) };
            newest = segment.leaves_with(column::KIND, kind)?;
        }
    }

    fn leaf_of(&self, snapshot: &Snapshot, id: &[u8; 16]) -> Result<Option<u64>> {
        if let Some(leaf) = snapshot.chunks.iter().rev().find_map(|chunk| chunk.find_id(id)) {
            return Ok(Some(leaf));
        }
        for segment in snapshot.segments.iter().rev() {
            if let Some(leaf) = self.find_in(segment, std::slice::from_ref(id))?[0] {
                return Ok(Some(leaf));
            }
        }
        Ok(None)
    }

    /// The leaves of those of the ids that are in the segment.
    fn find_in(&self, segment: &Segment, ids: &[[u8; 16]]) -> Result<Vec<Option<u64>>> {
        if !ids.iter().any(|id| segment.may_hold_id(id)) {
            return Ok(vec![None; ids.len()]);
        }
        let mut lookup = self.lookups().get(segment.path());
        let found = ids.iter().map(|id| segment.find_id(id, &mut lookup)).collect();
        self.lookups().put(segment.path(), lookup);
        found
    }

    fn leaves_with(&self, snapshot: &Snapshot, name: &str, text: &str) -> Result<Vec<u64>> {
        let mut leaves = Vec::new();
        for segment in snapshot.segments.iter() {
            leaves.extend(segment.leaves_with(name, text)?);
        }
        // Looking for bytes is far cheaper than making columns of a tail that nobody queries.
        let mut member = Vec::new();
        canonical::write_string(name, &mut member);
        member.push(b':');
        canonical::write_string(text, &mut member);
        let finder = memchr::memmem::Finder::new(&member);
        for (leaf, entry) in snapshot.chunks.iter().flat_map(|chunk| chunk.entries()) {
            if finder.find(entry.record()).is_some() && has_member(entry.record(), name, text) {
                leaves.push(leaf);
            }
        }
        Ok(leaves)
    }

    /// The entries at these leaves, which are sorted and different; those that do not exist are left out.
    fn rows(&self, snapshot: &Snapshot, leaves: &[u64]) -> Result<Vec<OwnedRow>> {
        let mut rows = Vec::with_capacity(leaves.len());
        let mut left = leaves;
        while let Some(segment) = left.first().and_then(|leaf| snapshot.segment_of(*leaf)) {
            let (here, later) = left.split_at(left.partition_point(|leaf| *leaf < segment.end()));
            let mut lookup = self.lookups().get(segment.path());
            rows.extend(segment.rows_at(here, &mut lookup)?);
            self.lookups().put(segment.path(), lookup);
            left = later;
        }
        rows.extend(left.iter().filter_map(|leaf| {
            let entry = snapshot.tail_entry(*leaf)?;
            let (record, beside) = (entry.record().to_vec(), entry.beside().to_vec());
            Some(OwnedRow { leaf: *leaf, id: entry.id().0, record, beside })
        }));
        Ok(rows)
    }

    /// How often [`Lake::wake`] was called.
    pub(crate) fn changes(&self) -> u64 {
        *self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until [`Lake::wake`] was called more often than that.
    pub(crate) fn wait_for_change(&self, seen: u64, at_most: Duration) {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        // Whether it changed or took too long, the caller looks.
        drop(self.changed.wait_timeout_while(changes, at_most, |changes| *changes == seen));
    }

    /// Says that there may be something to seal or compact.
    pub(crate) fn wake(&self) {
        *self.changes.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }

    // Each change under these locks is complete or not begun, so a panic elsewhere while one was held harms nothing.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lookups(&self) -> MutexGuard<'_, LookupCache> {
        self.lookups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the record has that text in that member, at its top.
fn has_member(record: &[u8], name: &str, text: &str) -> bool {
    let mut parser = Parser::new();
    parser.parse(record).is_ok_and(|document| document.value().get(name).and_then(|value| value.as_str()) == Some(text))
}

impl Follower for Lake {
    fn committed(&self, batch: &Committed) {
        if !self.state().tail.add(batch) {
            // `Sealer::start` refuses such a directory; this is said in case nobody starts one.
            tracing::error!(first = batch.first.0, "the leaves before this commit are in no segment");
        }
    }

    fn closed(&self, _: &Closed) {
        self.wake();
    }
}

impl Sealed for Lake {
    fn find(&self, ids: &[EntryId]) -> std::result::Result<Vec<Option<LeafIndex>>, SealedError> {
        let (segments, id_max) = {
            let state = self.state();
            (Arc::clone(&state.segments), state.id_max)
        };
        let mut leaves = vec![None; ids.len()];
        // Ids that are greater than all sealed ones cost one comparison, however much there is.
        let mut open: Vec<(usize, [u8; 16])> =
            ids.iter().map(|id| id.0).enumerate().filter(|(_, id)| Some(*id) <= id_max).collect();
        for segment in segments.iter().rev() {
            if open.is_empty() {
                break;
            }
            let asked: Vec<[u8; 16]> = open.iter().map(|(_, id)| *id).collect();
            let found = self.find_in(segment, &asked).map_err(|error| SealedError(error.to_string()))?;
            let mut found = found.into_iter();
            open.retain(|(at, _)| {
                let leaf = found.next().flatten();
                leaves[*at] = leaf.map(LeafIndex);
                leaf.is_none()
            });
        }
        Ok(leaves)
    }
}

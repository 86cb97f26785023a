//! The lake: segments and tail as one. `lookup` finds single entries in both.
//!
//! Invariant: segments hold the leaves from 0 to where the tail begins. Both change under one lock, so that a
//! [`Snapshot`] has each leaf once: a seal puts the segment in and takes the entries out in one step, a compaction
//! swaps segments in one step. Nothing slow happens under that lock; the ledger's writer thread takes it for each commit.

use crate::cache::LookupCache;
use crate::catalog::{self, Segments};
use crate::error::{Error, Result};
use crate::index::Key;
use crate::segment::{Retired, Retirement, Segment, Tier, is_v7};
use crate::tail::{Chunk, Tail};
use arrow::array::RecordBatch;
use onrecord_evidence::{LeafIndex, LeafRange, LeafSet, TreeSize};
use onrecord_ledger::{Closed, Committed, Disk, Entry, EntryId, Follower, LookupError, OsDisk};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};
use std::time::Duration;

/// Bytes of memory for what look-ups have read of segments: enough for the ids of some ten million entries.
pub(crate) const LOOKUP_BYTES_MAX: usize = 192 * 1024 * 1024;

/// The name of the segments' directory in a data directory.
pub const SEGMENTS: &str = "segments";

/// Everything that was recorded, readable. It follows the ledger; see [`crate::Sealer`] for what moves the tail into
/// segments.
pub struct Lake {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// What the segments' indexes look up.
    keys: Arc<[Key]>,
    /// Held for moments only.
    state: Mutex<State>,
    lookups: Mutex<LookupCache>,
    /// Held while segments become others: by compaction and rewrites, one at a time.
    segments_change: Mutex<()>,
    /// Held while objects are put into the archive, fetched back, or deleted there.
    archive_change: Mutex<()>,
    /// Held while something is removed from segments: one removal at a time.
    removing: Mutex<()>,
    /// Segments that are not in use any more, as long as their files are there.
    retired: Mutex<Vec<Arc<Retirement>>>,
    /// Leaves that may have no row: that they were to be removed is on the record.
    removal: RwLock<Arc<LeafSet>>,
    /// Counts the reasons to look for something to seal or compact; see [`Lake::wait_for_change`].
    changes: Mutex<u64>,
    changed: Condvar,
    /// Goes with `state`: notified when entries were added.
    grown: Condvar,
}

/// Where an entry is.
pub(crate) enum Place {
    Segment(Arc<Segment>),
    /// The commit that it came with, or what is left of that.
    Tail(Committed),
}

struct State {
    segments: Segments,
    tail: Tail,
    /// No id of version 7 in a segment is greater. Fresh ones are, whatever ids of other versions there are.
    v7_max: Option<[u8; 16]>,
}

/// Everything at one moment: each leaf is in exactly one segment or chunk, all in order. Holding it keeps the files.
#[derive(Clone)]
pub struct Snapshot {
    /// What the segments' indexes look up.
    pub keys: Arc<[Key]>,
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
    pub fn end(&self) -> LeafIndex {
        let sealed = sealed_end(&self.segments);
        self.chunks.last().map_or(sealed, |chunk| chunk.leaves().end)
    }

    pub(crate) fn segment_of(&self, leaf: LeafIndex) -> Option<&Arc<Segment>> {
        let at = self.segments.partition_point(|segment| segment.leaves().end <= leaf);
        self.segments.get(at)
    }

    pub(crate) fn tail_entry(&self, leaf: LeafIndex) -> Option<&Entry> {
        let at = self.chunks.partition_point(|chunk| chunk.leaves().end <= leaf);
        self.chunks.get(at)?.entry(leaf)
    }
}

fn chunk_batch(chunk: &Chunk) -> Result<RecordBatch> {
    chunk.batch().map_err(|error| Error::Unsealable { leaves: chunk.leaves(), problem: error.to_string() })
}

/// The leaf after the last of the segments.
fn sealed_end(segments: &[Arc<Segment>]) -> LeafIndex {
    segments.last().map_or(LeafIndex(0), |segment| segment.leaves().end)
}

impl Lake {
    /// Opens the segments of a data directory (`DIR/segments`, made if it is not there), removing what an interrupted
    /// run left behind. The tail is empty until the ledger, which is opened after it, has handed over what is in its
    /// write-ahead files.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`], [`Error::Format`], [`Error::Ranges`].
    pub fn open(data_dir: &Path) -> Result<Arc<Self>> {
        Self::open_with(data_dir, &[])
    }

    /// As [`Lake::open`]; members of `input_features`, by their paths, are looked up by an index too.
    ///
    /// # Errors
    /// As [`Lake::open`].
    pub fn open_with(data_dir: &Path, identifiers: &[Vec<String>]) -> Result<Arc<Self>> {
        Self::open_on(Arc::new(OsDisk), data_dir, identifiers)
    }

    /// As [`Lake::open_with`], on any disk: all that the lake reads and writes goes through it.
    ///
    /// # Errors
    /// As [`Lake::open`].
    pub fn open_on(disk: Arc<dyn Disk>, data_dir: &Path, identifiers: &[Vec<String>]) -> Result<Arc<Self>> {
        let inputs = identifiers.iter().cloned().map(Key::Input);
        let dir = data_dir.join(SEGMENTS);
        let segments = catalog::open(&disk, &dir)?;
        let keys: Arc<[Key]> = [Key::Subject, Key::DecisionId].into_iter().chain(inputs).collect();
        // An index has the checksums by which single blocks of its segment can be trusted. The archive is asked for nothing.
        let local = segments.iter().filter(|segment| segment.has_local_index());
        local.for_each(|segment| drop(segment.index(&keys)));
        let sealed = sealed_end(&segments);
        let v7_max = segments.iter().filter_map(|segment| segment.v7_max()).max();
        Ok(Arc::new(Self {
            disk,
            dir,
            keys,
            state: Mutex::new(State { segments, tail: Tail::new(sealed), v7_max }),
            lookups: Mutex::new(LookupCache::new(LOOKUP_BYTES_MAX)),
            segments_change: Mutex::default(),
            archive_change: Mutex::default(),
            removing: Mutex::default(),
            retired: Mutex::default(),
            removal: RwLock::default(),
            changes: Mutex::new(0),
            changed: Condvar::new(),
            grown: Condvar::new(),
        }))
    }

    /// What the segments are on.
    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// What the segments' indexes look up.
    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Where the segments are.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Everything as it is now.
    pub fn snapshot(&self) -> Snapshot {
        let mut state = self.state();
        Snapshot { keys: Arc::clone(&self.keys), segments: Arc::clone(&state.segments), chunks: state.tail.chunks() }
    }

    /// The segments as they are now.
    pub fn segments(&self) -> Arc<[Arc<Segment>]> {
        Arc::clone(&self.state().segments)
    }

    /// The leaf after the last sealed one.
    pub fn sealed_end(&self) -> LeafIndex {
        sealed_end(&self.state().segments)
    }

    /// How many entries there are.
    pub fn size(&self) -> TreeSize {
        TreeSize(self.state().tail.end().0)
    }

    /// Waits until there are more entries than that, but not longer than `at_most`; returns how many there are.
    pub fn wait_for_growth(&self, size: TreeSize, at_most: Duration) -> TreeSize {
        let is_as_small = |state: &mut State| state.tail.end().0 <= size.0;
        let waited = self.grown.wait_timeout_while(self.state(), at_most, is_as_small);
        TreeSize(waited.unwrap_or_else(PoisonError::into_inner).0.tail.end().0)
    }

    /// Where the entry at a leaf is; `None` if there is none yet.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it was there and is in no segment.
    pub(crate) fn place_of(&self, leaf: LeafIndex) -> Result<Option<Place>> {
        let state = self.state();
        let segment = state.segments.get(state.segments.partition_point(|segment| segment.leaves().end <= leaf));
        if let Some(segment) = segment {
            return Ok(Some(Place::Segment(Arc::clone(segment))));
        }
        if let Some(commit) = state.tail.commit_of(leaf) {
            return Ok(Some(Place::Tail(commit.clone())));
        }
        if leaf < state.tail.end() {
            return Err(Error::damaged(&self.dir, format!("leaf {leaf} is in no segment")));
        }
        Ok(None)
    }

    /// Puts a new segment in after the last, and takes its leaves out of the tail.
    pub(crate) fn add_segment(&self, segment: Segment) {
        let mut state = self.state();
        let end = segment.leaves().end;
        state.v7_max = state.v7_max.max(segment.v7_max());
        state.segments = state.segments.iter().cloned().chain([Arc::new(segment)]).collect();
        state.tail.release(end);
    }

    /// From now on these leaves may have no row: whoever says so has put it on the record. Any other leaf without a row is
    /// damage, for followers and for compaction.
    pub fn may_lack(&self, leaves: &LeafSet) {
        let mut removal = self.removal.write().unwrap_or_else(PoisonError::into_inner);
        if !leaves.is_empty() {
            Arc::make_mut(&mut removal).insert_all(leaves);
        }
    }

    /// The leaves that may have no row.
    pub(crate) fn removal(&self) -> Arc<LeafSet> {
        Arc::clone(&self.removal.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps others from making segments of these. Sealing only adds one.
    pub(crate) fn lock_segments(&self) -> MutexGuard<'_, ()> {
        self.segments_change.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a segment is in use.
    pub(crate) fn uses(&self, segment: &Arc<Segment>) -> bool {
        self.segments().iter().any(|current| Arc::ptr_eq(current, segment))
    }

    /// Whether somebody reads a segment yet that had this file, or stub, and is not in use any more: the file goes when the
    /// last reader does, so that no other may have its name until then.
    pub(crate) fn is_read(&self, path: &Path) -> bool {
        self.retired().iter().any(|retirement| retirement.path() == path && retirement.is_read())
    }

    /// The segments that are not in use any more and whose files are there, of those whose leaves `concerns` takes.
    pub(crate) fn retired_with(&self, concerns: impl Fn(LeafRange) -> bool) -> Vec<Arc<Retirement>> {
        self.retired().iter().filter(|retirement| concerns(retirement.leaves())).cloned().collect()
    }

    /// A file of a segment that was not in use any more is gone, which its last reader could not remove.
    pub(crate) fn settle(&self, path: &Path) {
        self.retired()
            .iter()
            .filter(|retirement| retirement.path() == path)
            .for_each(|retirement| retirement.settle(true));
    }

    fn retired(&self) -> MutexGuard<'_, Vec<Arc<Retirement>>> {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.retain(|retirement| !retirement.is_gone());
        retired
    }

    /// Keeps others from removing something from segments. Taken before [`Lake::lock_segments`].
    pub(crate) fn lock_removing(&self) -> MutexGuard<'_, ()> {
        self.removing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps others from changing what is in the archive. Taken before [`Lake::lock_segments`].
    pub(crate) fn lock_archive(&self) -> MutexGuard<'_, ()> {
        self.archive_change.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Lake::lock_archive`], unless another holds it.
    pub(crate) fn try_lock_archive(&self) -> Option<MutexGuard<'_, ()>> {
        match self.archive_change.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Puts a segment in for those of which it holds the leaves. Their files go when their last reader does.
    pub(crate) fn replace_segments(&self, segment: Segment) {
        self.put_in_for(segment, Retired::Replaced);
    }

    /// Puts a segment in for those of which it holds the leaves, which are retired for that reason.
    pub(crate) fn put_in_for(&self, segment: Segment, why: Retired) {
        let mut state = self.state();
        let leaves = segment.leaves();
        let (replaced, mut kept): (Vec<_>, Vec<_>) =
            state.segments.iter().cloned().partition(|old| leaves.contains(old.leaves().start));
        kept.push(Arc::new(segment));
        kept.sort_by_key(|segment| segment.leaves().start);
        state.segments = kept.into();
        drop(state);
        for old in replaced {
            self.lookups().forget(old.path());
            let retirement = old.retire(why);
            self.retired().push(retirement);
        }
    }

    /// Makes the index of a new segment. It is derived: what goes wrong is said, and tried again later.
    pub(crate) fn make_index(&self, segment: &Segment) {
        if let Err(error) = segment.make_index(&self.keys) {
            tracing::warn!(%error, "a look-up index cannot be made; queries do without it");
        }
    }

    /// Tries to make the first index that is missing, stale or damaged and is not among those that `failed`, and adds it
    /// to them if it cannot be made. Returns whether there was one to try.
    pub(crate) fn make_next_index(&self, failed: &mut BTreeSet<PathBuf>) -> bool {
        let segments = self.segments();
        // Of what is in the archive, the index was made before it went there.
        let local = segments.iter().filter(|segment| segment.tier() == Tier::Local);
        let mut missing = local.filter(|segment| segment.index(&self.keys).is_none());
        let Some(segment) = missing.find(|segment| !failed.contains(segment.path())) else { return false };
        if let Err(error) = segment.make_index(&self.keys) {
            tracing::warn!(%error, "a look-up index cannot be made; queries do without it");
            failed.insert(segment.path().to_owned());
        }
        true
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

    pub(crate) fn lookups(&self) -> MutexGuard<'_, LookupCache> {
        self.lookups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Follower for Lake {
    fn committed(&self, batch: &Committed) {
        if !self.state().tail.add(batch) {
            // `Sealer::start` refuses such a directory; this is said in case nobody starts one.
            tracing::error!(first = batch.first.0, "the leaves before this commit are in no segment");
        }
        self.grown.notify_all();
    }

    fn closed(&self, _: &Closed) {
        self.wake();
    }

    fn find_sealed(&self, ids: &[EntryId]) -> std::result::Result<Vec<Option<LeafIndex>>, LookupError> {
        let (segments, v7_max) = {
            let state = self.state();
            (Arc::clone(&state.segments), state.v7_max)
        };
        let mut leaves = vec![None; ids.len()];
        // Ids of version 7 that are greater than all sealed ones cost one comparison, however much there is.
        let may_be_sealed = |id: &[u8; 16]| !is_v7(id) || Some(*id) <= v7_max;
        let mut open: Vec<(usize, [u8; 16])> =
            ids.iter().map(|id| id.0).enumerate().filter(|(_, id)| may_be_sealed(id)).collect();
        for segment in segments.iter().rev() {
            if open.is_empty() {
                break;
            }
            let asked: Vec<[u8; 16]> = open.iter().map(|(_, id)| *id).collect();
            let found = self.find_in(segment, &asked).map_err(|error| LookupError(error.to_string()))?;
            let mut found = found.into_iter();
            open.retain(|(at, _)| {
                let leaf = found.next().flatten();
                leaves[*at] = leaf;
                leaf.is_none()
            });
        }
        Ok(leaves)
    }
}

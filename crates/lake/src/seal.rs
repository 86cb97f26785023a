//! The tail into segments, in the background.
//!
//! For each write-ahead file that the ledger has closed: a segment is built of its entries and read back, put into the
//! catalog in the same step in which its entries leave the tail, and only then is the ledger told to let the file go.
//! Interrupted anywhere, the next start does what is left: a segment that is there already is not built again.

use crate::Row;
use crate::build::{Source, build};
use crate::compact;
use crate::error::{Error, Result};
use crate::lake::{Lake, Snapshot};
use crate::segment::Segment;
use crate::shred::survey;
use crate::tail::row;
use onrecord_evidence::{Hash, LeafIndex};
use onrecord_ledger::{Entry, Ledger};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Rows that decide which paths become columns.
const SURVEY_ROWS: usize = 4_096;

/// How long a failed seal waits before the next attempt.
const RETRY_SECONDS: u64 = 5;

/// How often there is a look without being told.
const LOOK_SECONDS: u64 = 60;

/// With so many segments compaction does not wait for sealing to have nothing to do.
const SEGMENTS_WAITING_MAX: usize = 64;

/// The background workers, one that seals and one that compacts, so that a long compaction does not hold up the ledger.
/// Dropping it stops them after the segments at hand.
pub struct Sealer {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    lake: Arc<Lake>,
    ledger: Arc<Ledger>,
    stop: AtomicBool,
    trouble: Mutex<BTreeMap<&'static str, String>>,
}

impl Sealer {
    /// Starts the workers for a lake that follows this ledger.
    ///
    /// # Errors
    /// [`Error::Damaged`] if leaves that the ledger has given away are in no segment; [`Error::Io`] if no thread can be
    /// started.
    pub fn start(lake: Arc<Lake>, ledger: Arc<Ledger>) -> Result<Self> {
        let (sealed, given_away) = (lake.sealed_end(), ledger.status().sealed.0);
        if sealed < given_away {
            let problem = format!("leaves {sealed} to {given_away} are in no segment");
            return Err(Error::damaged(lake.dir(), problem));
        }
        let shared = Arc::new(Shared { lake, ledger, stop: AtomicBool::new(false), trouble: Mutex::default() });
        let mut sealer = Self { threads: Vec::new(), shared };
        sealer.spawn("sealing", Shared::seal)?;
        sealer.spawn("compaction", Shared::compact)?;
        Ok(sealer)
    }

    /// Starts a thread that does `step` until there is nothing to do, then waits to be woken.
    fn spawn(&mut self, what: &'static str, step: fn(&Shared) -> Result<bool>) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name(what.to_owned()).spawn(move || shared.run(what, step));
        self.threads.push(thread.map_err(Error::io(self.shared.lake.dir()))?);
        Ok(())
    }

    /// Why sealing or compaction does not go on, if it does not; it is tried again and again.
    pub fn trouble(&self) -> Option<String> {
        self.shared.trouble().values().next().cloned()
    }

    /// Stops the workers after the segments at hand and waits for them.
    pub fn stop(mut self) {
        self.join();
    }

    fn join(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.lake.wake();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a sealing thread panicked");
            }
        }
    }
}

impl Drop for Sealer {
    fn drop(&mut self) {
        self.join();
    }
}

impl Shared {
    fn run(&self, what: &'static str, step: fn(&Shared) -> Result<bool>) {
        while !self.stop.load(Ordering::Acquire) {
            let seen = self.lake.changes();
            let wait = match step(self) {
                Ok(more) => {
                    self.trouble().remove(what);
                    if more { continue } else { LOOK_SECONDS }
                }
                Err(error) => {
                    tracing::error!(%error, "{what} failed; it will be tried again");
                    self.trouble().insert(what, error.to_string());
                    RETRY_SECONDS
                }
            };
            if !self.stop.load(Ordering::Acquire) {
                self.lake.wait_for_change(seen, Duration::from_secs(wait));
            }
        }
    }

    fn seal(&self) -> Result<bool> {
        let sealed = seal_next(&self.lake, &self.ledger)?;
        if sealed {
            // There may be something to compact.
            self.lake.wake();
        }
        Ok(sealed)
    }

    fn compact(&self) -> Result<bool> {
        let is_calm = self.ledger.sealable().is_empty() || self.lake.segments().len() > SEGMENTS_WAITING_MAX;
        Ok(is_calm && compact::compact_next(&self.lake, &self.ledger)?)
    }

    fn trouble(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seals every closed write-ahead file now, on this thread. Not while a [`Sealer`] runs.
///
/// # Errors
/// As [`Sealer::trouble`] would have it.
pub fn seal_all(lake: &Lake, ledger: &Ledger) -> Result<()> {
    while seal_next(lake, ledger)? {}
    Ok(())
}

/// Seals the oldest closed write-ahead file. Returns whether there was one.
fn seal_next(lake: &Lake, ledger: &Ledger) -> Result<bool> {
    let Some(closed) = ledger.sealable().into_iter().next() else { return Ok(false) };
    let leaves = lake.sealed_end()..closed.end.0;
    if !leaves.is_empty() {
        if leaves.start < closed.first.0 {
            let problem = format!("leaves {} to {} are in no segment", leaves.start, closed.first);
            return Err(Error::damaged(lake.dir(), problem));
        }
        seal(lake, leaves)?;
    }
    ledger.release(closed.end).map_err(|error| Error::Unsealable {
        first: closed.first.0,
        end: closed.end.0,
        problem: format!("the write-ahead file could not be released: {error}"),
    })?;
    Ok(true)
}

/// Builds a segment of these leaves of the tail and puts it in their place.
fn seal(lake: &Lake, leaves: Range<u64>) -> Result<()> {
    let source = Entries { snapshot: lake.snapshot(), leaves: leaves.clone() };
    let rows: Vec<Row<'_>> = source.entries().map(|(leaf, entry)| row(leaf, entry)).collect();
    let columns = survey(&rows, SURVEY_ROWS).plan();
    drop(rows);
    let path = build(lake.dir(), leaves, &columns, &source)?;
    lake.add_segment(Segment::open(&path)?);
    Ok(())
}

/// Entries in memory, whose leaf hashes were computed when they came in.
struct Entries {
    snapshot: Snapshot,
    leaves: Range<u64>,
}

impl Entries {
    fn entries(&self) -> impl Iterator<Item = (u64, &Entry)> {
        let entries = self.snapshot.chunks.iter().flat_map(|chunk| chunk.entries());
        entries.filter(|(leaf, _)| self.leaves.contains(leaf))
    }
}

impl Source for Entries {
    fn each(&self, visit: &mut dyn FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
        self.entries().try_for_each(|(leaf, entry)| visit(&row(leaf, entry)))
    }

    fn leaf_hashes(&self, leaves: Range<u64>) -> Result<Vec<Hash>> {
        let at = |leaf: u64| {
            let chunk = self.snapshot.chunks.partition_point(|chunk| chunk.leaves().end <= leaf);
            self.snapshot.chunks.get(chunk)?.entry(leaf).map(Entry::leaf_hash)
        };
        Ok(leaves.map_while(at).collect())
    }
}

/// Leaf hashes as the ledger's tree has them.
pub(crate) fn ledger_hashes(ledger: &Ledger, leaves: Range<u64>) -> Result<Vec<Hash>> {
    const TILE: u64 = 256;
    let size = ledger.size().0;
    let mut hashes = Vec::with_capacity((leaves.end - leaves.start) as usize);
    let mut leaf = leaves.start;
    while leaf < leaves.end.min(size) {
        let (tile, offset) = (leaf / TILE, leaf % TILE);
        let width = TILE.min(size - tile * TILE);
        let bytes = ledger.tile(0, tile, width as u16).map_err(|error| Error::Unsealable {
            first: leaves.start,
            end: leaves.end,
            problem: format!("their hashes cannot be read: {error}"),
        })?;
        let wanted = (leaves.end - tile * TILE).min(width);
        let chunks = bytes.as_chunks::<32>().0;
        hashes.extend(chunks[offset as usize..wanted as usize].iter().map(|hash| Hash(*hash)));
        leaf = tile * TILE + wanted;
    }
    debug_assert!(LeafIndex(leaf) <= LeafIndex(size));
    Ok(hashes)
}

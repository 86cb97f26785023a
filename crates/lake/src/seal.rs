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
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Rows that decide which paths become columns.
const SURVEY_ROWS: usize = 8_192;

/// How long a failed seal waits before the next attempt.
const RETRY_SECONDS: u64 = 5;

/// How often there is a look without being told.
const LOOK_SECONDS: u64 = 60;

/// The background worker. Dropping it stops it after the segment at hand.
pub struct Sealer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    lake: Arc<Lake>,
    ledger: Arc<Ledger>,
    stop: AtomicBool,
    trouble: Mutex<Option<String>>,
}

impl Sealer {
    /// Starts the worker for a lake that follows this ledger.
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
        let worker = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("sealer".to_owned()).spawn(move || worker.run());
        Ok(Self { thread: Some(thread.map_err(Error::io(shared.lake.dir()))?), shared })
    }

    /// Why sealing does not go on, if it does not; it is tried again and again.
    pub fn trouble(&self) -> Option<String> {
        self.shared.trouble().clone()
    }

    /// Stops the worker after the segment at hand and waits for it.
    pub fn stop(mut self) {
        self.join();
    }

    fn join(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.lake.wake();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the sealing thread panicked");
        }
    }
}

impl Drop for Sealer {
    fn drop(&mut self) {
        self.join();
    }
}

impl Shared {
    fn run(&self) {
        while !self.stop.load(Ordering::Acquire) {
            let done = seal_next(&self.lake, &self.ledger)
                .and_then(|sealed| Ok(sealed || compact::compact_next(&self.lake, &self.ledger)?));
            match done {
                Ok(true) => *self.trouble() = None,
                Ok(false) => {
                    *self.trouble() = None;
                    self.lake.wait_for_work(Duration::from_secs(LOOK_SECONDS));
                }
                Err(error) => {
                    tracing::error!(%error, "sealing failed; it will be tried again");
                    *self.trouble() = Some(error.to_string());
                    self.lake.wait_for_work(Duration::from_secs(RETRY_SECONDS));
                }
            }
        }
    }

    fn trouble(&self) -> std::sync::MutexGuard<'_, Option<String>> {
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

//! The tail into segments.
//!
//! For each write-ahead file that the ledger has closed: a segment is built of its entries and read back, put into the
//! catalog in the same step in which its entries leave the tail, and only then is the ledger told to let the file go.
//! Interrupted anywhere, the next start does what is left: a segment that is there already is not built again.

use crate::Row;
use crate::build::{Source, build};
use crate::error::{Error, Result};
use crate::lake::{Lake, Snapshot};
use crate::segment::{Segment, SegmentName};
use crate::shred::survey;
use crate::tail::row;
use onrecord_evidence::{Hash, LeafIndex, LeafRange};
use onrecord_ledger::{Entry, Ledger};

/// Rows that decide which paths become columns.
const SURVEY_ROWS: usize = 4_096;

/// Seals every closed write-ahead file now, on this thread. Not while a [`crate::Sealer`] runs.
///
/// # Errors
/// As [`crate::Sealer::trouble`] would have it.
pub fn seal_all(lake: &Lake, ledger: &Ledger) -> Result<()> {
    while seal_next(lake, ledger)? {}
    Ok(())
}

/// Seals the oldest closed write-ahead file. Returns whether there was one.
pub(crate) fn seal_next(lake: &Lake, ledger: &Ledger) -> Result<bool> {
    let Some(closed) = ledger.sealable().into_iter().next() else { return Ok(false) };
    let leaves = LeafRange::new(lake.sealed_end(), closed.end);
    if !leaves.is_empty() {
        if leaves.start < closed.first {
            let problem = format!("leaves {} to {} are in no segment", leaves.start, closed.first);
            return Err(Error::damaged(lake.dir(), problem));
        }
        seal(lake, leaves)?;
    }
    ledger.release(closed.end).map_err(|error| Error::Unsealable {
        leaves: LeafRange::new(closed.first, closed.end),
        problem: format!("the write-ahead file could not be released: {error}"),
    })?;
    Ok(true)
}

/// Builds a segment of these leaves of the tail and puts it in their place.
fn seal(lake: &Lake, leaves: LeafRange) -> Result<()> {
    let source = TailSource { snapshot: lake.snapshot(), leaves };
    let rows: Vec<Row<'_>> = source.entries().map(|(leaf, entry)| row(leaf, entry)).collect();
    let columns = survey(&rows, SURVEY_ROWS).plan();
    drop(rows);
    let path = build(lake.disk(), lake.dir(), SegmentName::new(leaves), &columns, &source)?;
    let segment = Segment::open_on(lake.disk(), &path)?;
    lake.make_index(&segment);
    lake.add_segment(segment);
    Ok(())
}

/// Entries in memory, whose leaf hashes were computed when they came in.
struct TailSource {
    snapshot: Snapshot,
    leaves: LeafRange,
}

impl TailSource {
    fn entries(&self) -> impl Iterator<Item = (LeafIndex, &Entry)> {
        let entries = self.snapshot.chunks.iter().flat_map(|chunk| chunk.entries());
        entries.filter(|(leaf, _)| self.leaves.contains(*leaf))
    }
}

impl Source for TailSource {
    fn rows(&self) -> u64 {
        self.leaves.count()
    }

    fn each(&self, visit: &mut dyn FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
        self.entries().try_for_each(|(leaf, entry)| visit(&row(leaf, entry)))
    }

    fn leaf_hashes(&self, leaves: LeafRange) -> Result<Vec<Hash>> {
        let at = |leaf: LeafIndex| {
            let chunk = self.snapshot.chunks.partition_point(|chunk| chunk.leaves().end <= leaf);
            self.snapshot.chunks.get(chunk)?.entry(leaf).map(Entry::leaf_hash)
        };
        Ok(leaves.leaves().map_while(at).collect())
    }
}

//! Segments written anew without what must go: rows of leaves that retention or an erasure removes, and sidecars whose
//! ciphertexts nobody may have any more.
//!
//! Invariant: who calls has put on the record which leaves lose their rows; here nothing is decided. The tree never
//! changes: what stays is hashed against its leaves again before a segment gets its name. A segment that has nothing of
//! what must go is not touched, so that the same call after a crash does what is left, and one that is done does nothing.
//!
//! One segment at a time is rewritten, into a file of its own beside the old one; the old file goes when its last reader
//! does, or when the directory is opened. Writes go on meanwhile, and compaction waits for one segment at most.

use crate::Row;
use crate::build::{Source, build, each_leaf};
use crate::compact::leaf_hashes;
use crate::error::{Error, Result};
use crate::lake::Lake;
use crate::schema::{PathColumn, column};
use crate::segment::{Lookup, Retired, Segment};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use onrecord_evidence::{Hash, LeafIndex, LeafRange, LeafSet};
use onrecord_ledger::Ledger;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How often it is looked whether an old file is gone.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What is to go.
#[derive(Clone, Debug, Default)]
pub struct Removal {
    /// Leaves whose rows go.
    pub rows: LeafSet,
    /// Leaves that keep their rows, whose sidecars go.
    pub sidecars: LeafSet,
}

/// What went.
#[derive(Debug, Default)]
pub struct Removed {
    /// Segments that were rewritten.
    pub segments: u64,
    /// Rows that went.
    pub rows: u64,
    /// Sidecars that went from rows that stay.
    pub sidecars: u64,
    /// The segments as they were, as long as somebody reads them.
    old: Vec<Weak<Segment>>,
}

impl Removed {
    /// Waits until the files that held what went are removed, but not longer than that. Returns whether they are.
    pub fn wait(&self, at_most: Duration) -> bool {
        let end = Instant::now() + at_most;
        while self.old.iter().any(|segment| segment.strong_count() > 0) {
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        true
    }
}

/// Removes from all segments what is to go. What is not sealed yet stays as it is: seal it first.
///
/// # Errors
/// As compaction. What was rewritten before stays so, everything else as it was.
pub fn rewrite(lake: &Lake, ledger: &Ledger, removal: &Removal) -> Result<Removed> {
    lake.may_lack(&removal.rows);
    let mut removed = Removed::default();
    let mut next = LeafIndex(0);
    loop {
        // Held for one segment, so that nobody waits for all of them.
        let _changing = lake.lock_segments();
        let segments = lake.segments();
        let mut behind = segments.iter().filter(|segment| segment.leaves().start >= next);
        let Some(segment) = behind.find(|segment| removal.concerns(segment.leaves())) else { return Ok(removed) };
        next = segment.leaves().end;
        let source = Kept::new(segment, lake, ledger, removal)?;
        if source.is_all() {
            continue;
        }
        removed.segments += 1;
        removed.rows += segment.rows() - source.rows;
        removed.sidecars += source.sidecars;
        removed.old.push(Arc::downgrade(segment));
        replace(lake, &source)?;
    }
}

/// Writes a segment of what is kept and puts it in for the old one.
fn replace(lake: &Lake, source: &Kept<'_>) -> Result<()> {
    let mut name = source.segment.name();
    let mut columns = if source.rows == 0 { Vec::new() } else { source.segment.paths() };
    loop {
        name = name.rewritten();
        let path = build(lake.disk(), lake.dir(), name, &columns, source)?;
        let segment = Segment::open_on(lake.disk(), &path)?;
        let used: Vec<PathColumn> =
            segment.path_columns().into_iter().filter(|(_, values)| *values > 0).map(|(column, _)| column).collect();
        if used.len() < columns.len() {
            // Not even the name of a member stays that only rows had which went.
            columns = used;
            segment.retire(Retired::Replaced);
            continue;
        }
        lake.make_index(&segment);
        lake.replace_segments(segment);
        return Ok(());
    }
}

impl Removal {
    fn concerns(&self, leaves: LeafRange) -> bool {
        self.rows.within(leaves).next().is_some() || self.sidecars.within(leaves).next().is_some()
    }
}

/// What a segment keeps.
struct Kept<'a> {
    segment: &'a Arc<Segment>,
    ledger: &'a Ledger,
    removal: &'a Removal,
    /// Leaves that may have no row.
    may_lack: Arc<LeafSet>,
    rows: u64,
    /// Sidecars that go from rows that stay.
    sidecars: u64,
}

impl<'a> Kept<'a> {
    fn new(segment: &'a Arc<Segment>, lake: &Lake, ledger: &'a Ledger, removal: &'a Removal) -> Result<Self> {
        let may_lack = lake.removal();
        segment.must_be_sound()?;
        let mut lookup = Lookup::default();
        let mut rows = segment.rows();
        for leaf in removal.rows.within(segment.leaves()) {
            rows -= u64::from(segment.has_row(leaf, &mut lookup)?);
        }
        let sidecars = sidecars_of(segment, removal)?;
        Ok(Self { segment, ledger, removal, may_lack, rows, sidecars })
    }

    /// Whether nothing goes.
    fn is_all(&self) -> bool {
        self.rows == self.segment.rows() && self.sidecars == 0
    }
}

/// Counts the sidecars that go from rows that stay.
fn sidecars_of(segment: &Segment, removal: &Removal) -> Result<u64> {
    let concerned = |group: &usize| removal.sidecars.within(segment.leaves_of_group(*group)).next().is_some();
    let groups: Vec<usize> = (0..segment.parquet().num_row_groups()).filter(concerned).collect();
    if groups.is_empty() {
        return Ok(0);
    }
    let mut count = 0;
    for batch in segment.columns(groups, &[column::LEAF_INDEX, column::SIDECAR])? {
        count += sidecars_in(&batch?, removal)
            .ok_or_else(|| Error::damaged(segment.path(), "its columns are of other types"))?;
    }
    Ok(count)
}

fn sidecars_in(batch: &RecordBatch, removal: &Removal) -> Option<u64> {
    let leaves = batch.column_by_name(column::LEAF_INDEX)?.as_primitive_opt::<Int64Type>()?;
    let sidecars = batch.column_by_name(column::SIDECAR)?;
    let goes = |row: &usize| {
        let leaf = LeafIndex(leaves.value(*row) as u64);
        sidecars.is_valid(*row) && removal.sidecars.contains(leaf) && !removal.rows.contains(leaf)
    };
    Some((0..batch.num_rows()).filter(goes).count() as u64)
}

impl Source for Kept<'_> {
    fn rows(&self) -> u64 {
        self.rows
    }

    fn each(&self, visit: &mut dyn FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
        each_leaf(self.segment, &self.may_lack, &mut |rows, row, record| {
            let leaf = rows.leaf(row);
            if self.removal.rows.contains(leaf) {
                return Ok(());
            }
            let sidecar = if self.removal.sidecars.contains(leaf) { &[] } else { rows.sidecar(row) };
            visit(&Row { leaf, id: rows.id(row), record, sidecar })
        })
    }

    fn leaf_hashes(&self, leaves: LeafRange) -> Result<Vec<Hash>> {
        leaf_hashes(self.ledger, leaves)
    }
}

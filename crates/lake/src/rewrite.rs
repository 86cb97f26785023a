//! Segments written anew without what must go: rows of leaves that retention or an erasure removes, and sidecars whose
//! ciphertexts nobody may have any more.
//!
//! Invariant: who calls has put on the record which leaves lose their rows; here nothing is decided. The tree never
//! changes: what stays is compared with what was there, value by value, before a segment gets its name. A segment that has
//! nothing of what must go is not touched, so that the same call after a crash does what is left, and one that is done does
//! nothing.
//!
//! One segment at a time is rewritten, into a file of its own beside the old one; the old file goes when its last reader
//! does, or when the directory is opened. Writes go on meanwhile, and compaction waits for one segment at most.

use crate::compact::leaf_hashes;
use crate::error::{Error, Result};
use crate::lake::Lake;
use crate::schema::PathColumn;
use crate::segment::{Kept, Lookup, Segment, Tier, filter};
use onrecord_evidence::{LeafIndex, LeafRange, LeafSet, leaf_hash};
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

    /// Rewrites a segment, if something of it is to go.
    fn remove_from(&mut self, segment: &Arc<Segment>, lake: &Lake, ledger: &Ledger, removal: &Removal) -> Result<()> {
        let kept = Kept::without(segment, &removal.rows, &removal.sidecars)?;
        if kept.is_all() {
            return Ok(());
        }
        replace(lake, ledger, segment, &kept)?;
        self.segments += 1;
        self.rows += kept.gone();
        self.sidecars += kept.bared();
        self.old.push(Arc::downgrade(segment));
        Ok(())
    }
}

/// Removes from all segments what is to go. What is not sealed yet stays as it is: seal it first. A segment that cannot be
/// rewritten, as when the archive is away, keeps no other from it.
///
/// # Errors
/// That of the first segment that could not be rewritten; it is as it was, and so is each other that could not.
pub fn rewrite(lake: &Lake, ledger: &Ledger, removal: &Removal) -> Result<Removed> {
    lake.may_lack(&removal.rows);
    let mut removed = Removed::default();
    let (mut next, mut failed) = (LeafIndex(0), None);
    loop {
        // Held for one segment, so that nobody waits for all of them.
        let _changing = lake.lock_segments();
        let segments = lake.segments();
        let mut behind = segments.iter().filter(|segment| segment.leaves().start >= next);
        let Some(segment) = behind.find(|segment| removal.concerns(segment.leaves())) else { break };
        next = segment.leaves().end;
        if let Err(error) = removed.remove_from(segment, lake, ledger, removal) {
            failed.get_or_insert(error);
        }
    }
    failed.map_or(Ok(removed), Err)
}

/// Writes a segment of what is kept and puts it in for the old one.
fn replace(lake: &Lake, ledger: &Ledger, old: &Segment, kept: &Kept) -> Result<()> {
    let mut name = old.name();
    let mut columns = if kept.rows() == 0 { Vec::new() } else { old.paths() };
    loop {
        name = name.rewritten();
        let written = filter(lake.disk(), lake.dir(), name, old, kept, &columns)?;
        let segment = Segment::open_as(lake.disk(), written.path(), name)?;
        let used = segment.path_columns().into_iter().filter(|(_, values)| *values > 0);
        let used: Vec<PathColumn> = used.map(|(column, _)| column).collect();
        if used.len() < columns.len() {
            // Not even the name of a member stays that only rows had which went.
            columns = used;
            continue;
        }
        check_ends(&segment, ledger)?;
        let segment = Segment::open_on(lake.disk(), &written.publish()?)?;
        lake.make_index(&segment);
        lake.replace_segments(segment);
        return Ok(());
    }
}

/// The first and the last record of each row group must be those of their leaves.
fn check_ends(segment: &Segment, ledger: &Ledger) -> Result<()> {
    let mut lookup = Lookup::default();
    for group in 0..segment.parquet().num_row_groups() {
        let LeafRange { start, end } = segment.leaves_of_group(group);
        for leaf in [start, LeafIndex(end.0.saturating_sub(1))] {
            let found = segment.rows_at(&[leaf], &mut lookup)?.pop().map(|row| leaf_hash(&row.record));
            let one = LeafRange::new(leaf, LeafIndex(leaf.0 + 1));
            if found.is_none() || found.as_ref() != leaf_hashes(ledger, one)?.first() {
                return Err(Error::ReadBack { path: segment.path().to_owned(), leaf });
            }
        }
    }
    Ok(())
}

impl Lake {
    /// What of a removal may still be in a segment, as far as can be told without reading one: rows where there are more than
    /// would be without what went, and sidecars wherever their leaves are.
    pub fn may_remain(&self, removal: &Removal) -> Removal {
        let mut remaining = Removal::default();
        for segment in self.segments().iter() {
            let leaves = segment.leaves();
            let removed = removal.rows.within(leaves).count() as u64;
            if segment.rows() + removed > leaves.count() {
                remaining.rows.insert_all(&removal.rows.within(leaves).collect());
            }
            // A stub names the very object that was written without them.
            if segment.tier() == Tier::Local {
                remaining.sidecars.insert_all(&removal.sidecars.within(leaves).collect());
            }
        }
        remaining
    }
}

impl Removal {
    fn concerns(&self, leaves: LeafRange) -> bool {
        self.rows.within(leaves).next().is_some() || self.sidecars.within(leaves).next().is_some()
    }
}

//! Segments written anew without what must go: rows of leaves that retention or an erasure removes, and sidecars whose
//! ciphertexts nobody may have any more.
//!
//! Invariant: who calls has put on the record which leaves lose their rows; here nothing is decided. The tree never
//! changes: what stays is compared with what was there, value by value, before a segment gets its name. A segment that has
//! nothing of what must go is not touched, so that the same call after a crash does what is left, and one that is done does
//! nothing.
//!
//! One segment at a time is rewritten, into a file of its own beside the old one; the old file goes when its last reader
//! does, or when the directory is opened. Writes go on meanwhile, and compaction waits for one segment at most: those on the
//! disk come first, and those in the archive, whose server may be slow or away, are read while others may change what they
//! want; if one became another meanwhile, that is rewritten in its place.

use crate::compact::leaf_hashes;
use crate::error::{Error, Result};
use crate::lake::Lake;
use crate::schema::PathColumn;
use crate::segment::{Kept, Lookup, Retirement, Segment, Tier, Written, filter};
use onrecord_evidence::{LeafIndex, LeafRange, LeafSet, leaf_hash};
use onrecord_ledger::Ledger;
use std::sync::Arc;
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
    /// The files that may have what went, of this removal and of what became other segments before it.
    old: Vec<Arc<Retirement>>,
}

impl Removed {
    /// Waits until the files that held what went are removed, but not longer than that. Returns whether they are.
    pub fn wait(&self, at_most: Duration) -> bool {
        let end = Instant::now() + at_most;
        while !self.old.iter().all(|retirement| retirement.is_gone()) {
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        true
    }

    /// Counts what goes from a segment.
    fn count(&mut self, kept: &Kept) {
        self.segments += 1;
        self.rows += kept.gone();
        self.sidecars += kept.bared();
    }
}

/// Removes from all segments what is to go. What is not sealed yet stays as it is: seal it first. A segment that cannot be
/// rewritten, as when the archive is away, keeps no other from it.
///
/// # Errors
/// That of the first segment that could not be rewritten; it is as it was, and so is each other that could not.
pub fn rewrite(lake: &Lake, ledger: &Ledger, removal: &Removal) -> Result<Removed> {
    let _removing = lake.lock_removing();
    lake.may_lack(&removal.rows);
    let mut removed = Removed::default();
    let (mut done, mut failed) = (Vec::new(), None);
    while let Some(segment) = next(lake, removal, &done) {
        let rewritten = match segment.tier() {
            Tier::Local => in_place(lake, ledger, &segment, removal),
            Tier::Archive => from_archive(lake, ledger, &segment, removal),
        };
        match rewritten {
            // What it became is next.
            Ok(None) => continue,
            Ok(Some(kept)) if kept.is_all() => {}
            Ok(Some(kept)) => removed.count(&kept),
            Err(error) => drop(failed.get_or_insert(error)),
        }
        done.push(segment.leaves());
    }
    removed.old = lake.retired_with(|leaves| removal.concerns(leaves));
    failed.map_or(Ok(removed), Err)
}

/// The next segment that something is to go of, those on the disk before those in the archive.
fn next(lake: &Lake, removal: &Removal, done: &[LeafRange]) -> Option<Arc<Segment>> {
    let segments = lake.segments();
    let is_done = |leaves: LeafRange| done.iter().any(|done| done.start <= leaves.start && leaves.end <= done.end);
    let open = |segment: &&Arc<Segment>| !is_done(segment.leaves()) && removal.concerns(segment.leaves());
    let of = |tier: Tier| segments.iter().filter(move |segment| segment.tier() == tier).find(open);
    of(Tier::Local).or_else(|| of(Tier::Archive)).cloned()
}

/// Rewrites a segment on the disk, if something of it is to go. Returns what is kept; `None` if it is not in use any more.
fn in_place(lake: &Lake, ledger: &Ledger, segment: &Arc<Segment>, removal: &Removal) -> Result<Option<Kept>> {
    let _changing = lake.lock_segments();
    if !lake.uses(segment) {
        return Ok(None);
    }
    let kept = Kept::without(segment, &removal.rows, &removal.sidecars)?;
    if !kept.is_all() {
        put_in(lake, write(lake, ledger, segment, &kept)?)?;
    }
    Ok(Some(kept))
}

/// As [`in_place`], of one in the archive: others may change segments while it is read.
fn from_archive(lake: &Lake, ledger: &Ledger, segment: &Arc<Segment>, removal: &Removal) -> Result<Option<Kept>> {
    let kept = Kept::without(segment, &removal.rows, &removal.sidecars)?;
    if kept.is_all() {
        return Ok(Some(kept));
    }
    let written = write(lake, ledger, segment, &kept)?;
    let _changing = lake.lock_segments();
    if !lake.uses(segment) {
        return Ok(None);
    }
    put_in(lake, written)?;
    Ok(Some(kept))
}

/// Writes a segment of what is kept, and checks it.
fn write(lake: &Lake, ledger: &Ledger, old: &Segment, kept: &Kept) -> Result<Written> {
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
        return Ok(written);
    }
}

/// Gives a written segment its name, and puts it in for the old one.
fn put_in(lake: &Lake, written: Written) -> Result<()> {
    let segment = Segment::open_on(lake.disk(), &written.publish()?)?;
    lake.make_index(&segment);
    lake.replace_segments(segment);
    Ok(())
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
    /// Whether something of it is among these leaves.
    pub fn concerns(&self, leaves: LeafRange) -> bool {
        self.rows.within(leaves).next().is_some() || self.sidecars.within(leaves).next().is_some()
    }
}

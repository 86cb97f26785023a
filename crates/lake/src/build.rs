//! Making a segment out of entries, whoever has them: the tail when a write-ahead file is sealed, older segments when
//! they are compacted.
//!
//! Invariant: a segment gets its name only after every record was read back from the file, hashed, and found equal to
//! its leaf; ids and what lies beside the records are compared too. It has as many rows as its source says, so that none
//! is lost on the way. A record that its columns do not reproduce is
//! written again, as exact bytes. The rows stream: one thread shreds while another encodes, one decodes while another
//! hashes, and of each stage a few batches are in memory.

use crate::Row;
use crate::error::{Error, Result};
use crate::schema::PathColumn;
use crate::segment::{Rows, Segment, SegmentName, SegmentWriter, Written};
use crate::shred::{Shredded, Shredder};
use arrow::array::RecordBatch;
use onrecord_evidence::{Hash, LeafIndex, LeafRange, LeafSet, leaf_hash};
use onrecord_ledger::Disk;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Batches between two stages.
const BATCHES_WAITING_MAX: usize = 2;

/// Entries to make a segment of.
pub(crate) trait Source: Sync {
    /// How many entries there are: as many as leaves, unless some were removed.
    fn rows(&self) -> u64;

    /// Visits the entries in the order of their leaves. Gives the same entries each time.
    fn each(&self, visit: &mut dyn FnMut(&Row<'_>) -> Result<()>) -> Result<()>;

    /// The leaf hashes as the ledger has them, from whatever vouches for them other than the bytes visited.
    fn leaf_hashes(&self, leaves: LeafRange) -> Result<Vec<Hash>>;
}

/// A running checksum over what leaf hashes do not cover.
#[derive(Default, PartialEq, Eq)]
struct SidecarChecksum(u32);

impl SidecarChecksum {
    fn add(&mut self, leaf: LeafIndex, id: &[u8; 16], sidecar: &[u8]) {
        self.0 = crc32c::crc32c_append(self.0, &leaf.0.to_le_bytes());
        self.0 = crc32c::crc32c_append(self.0, id);
        self.0 = crc32c::crc32c_append(self.0, &(sidecar.len() as u64).to_le_bytes());
        self.0 = crc32c::crc32c_append(self.0, sidecar);
    }
}

/// Writes, checks and publishes a segment of this name with these path columns. Returns its path.
///
/// # Errors
/// [`Error::Io`], [`Error::Unsealable`], [`Error::ReadBack`], and the source's own. There is no segment then.
pub(crate) fn build(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    name: SegmentName,
    columns: &[PathColumn],
    source: &dyn Source,
) -> Result<PathBuf> {
    let (written, checksum) = write(disk, dir, name, columns, source, &BTreeSet::new())?;
    let differing = read_back(disk, &written, source, &checksum)?;
    if differing.is_empty() {
        return written.publish();
    }
    drop(written);
    let (written, checksum) = write(disk, dir, name, columns, source, &differing)?;
    match read_back(disk, &written, source, &checksum)?.first() {
        None => written.publish(),
        Some(leaf) => Err(Error::ReadBack { path: written.path().to_owned(), leaf: *leaf }),
    }
}

/// Writes the file. The records of the leaves in `exact` are kept as bytes.
fn write(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    name: SegmentName,
    columns: &[PathColumn],
    source: &dyn Source,
    exact: &BTreeSet<LeafIndex>,
) -> Result<(Written, SidecarChecksum)> {
    let mut writer = SegmentWriter::create_on(disk, dir, name, columns.to_vec())?;
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(BATCHES_WAITING_MAX);
        let shredding = scope.spawn(move || shred(name.leaves, columns, source, exact, &sender));
        let encoded = receiver.into_iter().try_for_each(|shredded| writer.write(shredded));
        // When encoding failed the channel is closed, and shredding stopped at its next batch.
        let shredded = shredding.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        encoded?;
        let checksum = shredded?;
        Ok((writer.finish()?, checksum))
    })
}

fn shred(
    leaves: LeafRange,
    columns: &[PathColumn],
    source: &dyn Source,
    exact: &BTreeSet<LeafIndex>,
    sender: &SyncSender<Shredded>,
) -> Result<SidecarChecksum> {
    let unsealable = |problem: String| Error::Unsealable { leaves, problem };
    let mut shredder = Shredder::new(columns);
    let mut checksum = SidecarChecksum::default();
    let (mut next, mut rows) = (leaves.start, 0);
    let is_dense = source.rows() == leaves.count();
    let missing = |next: LeafIndex| unsealable(format!("leaf {next} is missing"));
    let pass_on = |shredder: &mut Shredder<'_>| {
        let shredded = shredder.take().map_err(|error| unsealable(error.to_string()))?;
        sender.send(shredded).map_err(|_| unsealable("encoding stopped".to_owned()))
    };
    source.each(&mut |row| {
        if row.leaf < next || row.leaf >= leaves.end {
            return Err(unsealable(format!("leaf {} is not where it should be", row.leaf)));
        }
        if is_dense && row.leaf != next {
            return Err(missing(next));
        }
        next = LeafIndex(row.leaf.0 + 1);
        rows += 1;
        checksum.add(row.leaf, &row.id, row.sidecar);
        shredder.push(row, exact.contains(&row.leaf)).map_err(|error| unsealable(error.to_string()))?;
        if shredder.is_full() { pass_on(&mut shredder) } else { Ok(()) }
    })?;
    if rows != source.rows() {
        let counted = || unsealable(format!("there are {rows} entries, and should be {}", source.rows()));
        return Err(if is_dense { missing(next) } else { counted() });
    }
    if shredder.rows() > 0 {
        pass_on(&mut shredder)?;
    }
    Ok(checksum)
}

/// Reads the file and returns the leaves whose records differ from what the ledger has.
fn read_back(
    disk: &Arc<dyn Disk>,
    written: &Written,
    source: &dyn Source,
    checksum: &SidecarChecksum,
) -> Result<BTreeSet<LeafIndex>> {
    let segment = Segment::open_as(disk, written.path(), written.name())?;
    segment.check_bytes()?;
    let leaves = written.leaves();
    let mut differing = BTreeSet::new();
    let mut found = SidecarChecksum::default();
    let mut hashes = (LeafRange::new(leaves.start, leaves.start), Vec::new());
    each_row(&segment, 0..segment.parquet().num_row_groups(), &mut |rows, row, record| {
        let leaf = rows.leaf(row);
        if !hashes.0.contains(leaf) {
            let some = LeafRange::new(leaf, LeafIndex(leaf.0.saturating_add(4_096)).min(leaves.end));
            hashes = (some, source.leaf_hashes(some)?);
        }
        let expected = hashes.1.get((leaf.0 - hashes.0.start.0) as usize);
        if expected != Some(&leaf_hash(record)) {
            differing.insert(leaf);
        }
        found.add(leaf, &rows.id(row), rows.sidecar(row));
        Ok(())
    })?;
    if found != *checksum {
        return Err(Error::ReadBack { path: written.path().to_owned(), leaf: leaves.start });
    }
    Ok(differing)
}

/// What is called for a row: the batch, which row of it, its record bytes.
pub(crate) type VisitRow<'v> = dyn FnMut(&Rows, usize, &[u8]) -> Result<()> + 'v;

/// Visits all rows of a segment, in which every leaf has a row but those in `removal`, which may have one.
///
/// # Errors
/// As [`each_row`]; [`Error::Damaged`] names the first leaf without a row that should have one.
pub(crate) fn each_leaf(segment: &Segment, removal: &LeafSet, visit: &mut VisitRow<'_>) -> Result<()> {
    let mut next = segment.leaves().start;
    let must_be_removed = |leaves: LeafRange| match removal.first_outside(leaves) {
        Some(leaf) => Err(Error::damaged(segment.path(), format!("leaf {leaf} is missing"))),
        None => Ok(()),
    };
    each_row(segment, 0..segment.parquet().num_row_groups(), &mut |rows, row, record| {
        let leaf = rows.leaf(row);
        must_be_removed(LeafRange::new(next, leaf))?;
        next = LeafIndex(leaf.0 + 1);
        visit(rows, row, record)
    })?;
    must_be_removed(LeafRange::new(next, segment.leaves().end))
}

/// Visits the rows of some row groups of a segment with their record bytes, decoding on another thread. That the leaves
/// ascend, within those that are these row groups', is checked.
///
/// # Errors
/// [`Error::Io`], [`Error::Damaged`], and what `visit` returns.
pub(crate) fn each_row(segment: &Segment, groups: Range<usize>, visit: &mut VisitRow<'_>) -> Result<()> {
    let leaves = segment.leaves_of_groups(&groups);
    std::thread::scope(|scope| {
        let (sender, receiver): (_, Receiver<Result<RecordBatch>>) = sync_channel(BATCHES_WAITING_MAX);
        let decoding = scope.spawn(move || match segment.batches_of(groups) {
            // Sending fails only when the other side has stopped with an error of its own.
            Ok(batches) => batches.map(|batch| sender.send(batch)).take_while(|sent| sent.is_ok()).for_each(drop),
            Err(error) => drop(sender.send(Err(error))),
        });
        let read = visit_batches(segment, leaves, receiver, visit);
        // What decodes Parquet may panic on bytes that no writer writes.
        match decoding.join() {
            Ok(()) => read,
            Err(_) => Err(Error::damaged(segment.path(), "its pages cannot be decoded")),
        }
    })
}

fn visit_batches(
    segment: &Segment,
    leaves: LeafRange,
    batches: Receiver<Result<RecordBatch>>,
    visit: &mut VisitRow<'_>,
) -> Result<()> {
    let mut next = leaves.start;
    let mut record = Vec::new();
    for batch in batches {
        let mut rows = Rows::new(segment, &batch?)?;
        for row in 0..rows.len() {
            let leaf = rows.leaf(row);
            if leaf < next || leaf >= leaves.end {
                return Err(Error::damaged(segment.path(), format!("leaf {leaf} is not where it should be")));
            }
            next = LeafIndex(leaf.0 + 1);
            record.clear();
            rows.write_record(segment, row, &mut record)?;
            visit(&rows, row, &record)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shred::survey;
    use onrecord_ledger::OsDisk;

    /// Entries with what is claimed to be their leaf hashes, and how many of them it gives.
    struct Claimed(Vec<(String, Hash)>, u64);

    impl Claimed {
        fn row(&self, leaf: u64) -> Row<'_> {
            Row {
                leaf: LeafIndex(leaf),
                id: u128::from(leaf).to_be_bytes(),
                record: self.0[leaf as usize].0.as_bytes(),
                sidecar: &[],
            }
        }
    }

    impl Source for Claimed {
        fn rows(&self) -> u64 {
            self.0.len() as u64
        }

        fn each(&self, visit: &mut dyn FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
            (0..self.1).try_for_each(|leaf| visit(&self.row(leaf)))
        }

        fn leaf_hashes(&self, leaves: LeafRange) -> Result<Vec<Hash>> {
            Ok(leaves.leaves().map_while(|leaf| self.0.get(leaf.0 as usize)).map(|(_, hash)| *hash).collect())
        }
    }

    fn claimed(rows: u64) -> Claimed {
        let record = |leaf: u64| format!(r#"{{"event_id":"00000000-0000-0000-0000-{leaf:012x}","kind":"decision"}}"#);
        Claimed((0..rows).map(record).map(|record| (record.clone(), leaf_hash(record.as_bytes()))).collect(), rows)
    }

    fn files(dir: &Path) -> usize {
        std::fs::read_dir(dir).unwrap().count()
    }

    fn build_all(dir: &Path, source: &Claimed, rows: u64) -> Result<PathBuf> {
        let borrowed: Vec<Row<'_>> = (0..source.0.len() as u64).map(|leaf| source.row(leaf)).collect();
        let name = SegmentName::new(LeafRange::from(0..rows));
        build(&(Arc::new(OsDisk) as _), dir, name, &survey(&borrowed, 10).plan(), source)
    }

    #[test]
    fn a_segment_whose_records_are_not_those_of_the_leaves_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let mut source = claimed(9_000);
        source.0[8_500].1 = leaf_hash(b"something else");
        let error = build_all(dir.path(), &source, 9_000).unwrap_err();
        assert!(matches!(error, Error::ReadBack { leaf: LeafIndex(8_500), .. }), "{error}");
        assert_eq!(files(dir.path()), 0);
        source.0[8_500].1 = leaf_hash(source.0[8_500].0.as_bytes());
        build_all(dir.path(), &source, 9_000).unwrap();
        assert_eq!(files(dir.path()), 1);
    }

    #[test]
    fn a_segment_needs_every_leaf() {
        let dir = tempfile::tempdir().unwrap();
        let mut source = claimed(11);
        source.1 = 10;
        let error = build_all(dir.path(), &source, 11).unwrap_err();
        assert_eq!(error.to_string(), "leaves 0 to 11 cannot be sealed: leaf 10 is missing");
        let error = build_all(dir.path(), &claimed(10), 9).unwrap_err();
        assert_eq!(error.to_string(), "leaves 0 to 9 cannot be sealed: leaf 9 is not where it should be");
        assert_eq!(files(dir.path()), 0);
    }
}

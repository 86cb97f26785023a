//! Small segments into large ones.
//!
//! Adjoining small segments become one of up to [`ROWS_MAX`] rows. The new file's name covers their leaves; once it is
//! there the old ones are superfluous, whether they are removed now or, after a crash, when the lake is opened.
//!
//! Segments that are alike, none of them tiny, are joined as they are; others are written anew, each record hashed
//! against the ledger's tree again. Either way damage in an old segment stops here and is not copied.

use crate::Row;
use crate::build::{Source, build, each_leaf};
use crate::error::{Error, Result};
use crate::lake::Lake;
use crate::schema::PathColumn;
use crate::segment::{Lookup, Segment, SegmentName, Tier, Written, are_joinable, join};
use crate::shred::Survey;
use onrecord_evidence::{Hash, LeafIndex, LeafRange, LeafSet, leaf_hash};
use onrecord_ledger::{Disk, Ledger};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Rows of the largest segment that compaction makes.
pub(crate) const ROWS_MAX: u64 = 1 << 20;

/// Segments of at least this many rows are left alone.
const LARGE_ROWS: u64 = ROWS_MAX / 2;

/// Row groups under this many rows are worth being written anew with their neighbours.
const GROUP_ROWS_MIN: u64 = 1 << 15;

/// So many small segments become one even if they do not fill a large one.
const SMALL_SEGMENTS_MAX: usize = 16;

/// Compacts all that is worth it now, on this thread. Not while a [`crate::Sealer`] runs.
///
/// # Errors
/// As [`crate::Sealer::trouble`] would have it.
pub fn compact_all(lake: &Lake, ledger: &Ledger) -> Result<()> {
    while compact_next(lake, ledger)? {}
    Ok(())
}

/// Compacts one run of small segments, if there is one worth it. Returns whether there was.
///
/// # Errors
/// As sealing. The old segments stay then.
pub(crate) fn compact_next(lake: &Lake, ledger: &Ledger) -> Result<bool> {
    compact(lake, ledger, GROUP_ROWS_MIN)
}

fn compact(lake: &Lake, ledger: &Ledger, group_rows_min: u64) -> Result<bool> {
    let _changing = lake.lock_segments();
    let segments = lake.segments();
    // What is in the archive stays there: it counts as large.
    let rows = |segment: &Arc<Segment>| match segment.tier() {
        Tier::Local => segment.rows(),
        Tier::Archive => u64::MAX,
    };
    let rows: Vec<u64> = segments.iter().map(rows).collect();
    let Some(run) = choose(&rows) else { return Ok(false) };
    let segments = &segments[run];
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else { return Ok(false) };
    let leaves = LeafRange::new(first.leaves().start, last.leaves().end);
    let path = match join_if_alike(lake.disk(), lake.dir(), segments, ledger, group_rows_min)? {
        Some(joined) => joined.publish()?,
        None => {
            let (name, old) = (SegmentName::new(leaves), Old { segments, ledger, removal: lake.removal() });
            build(lake.disk(), lake.dir(), name, &columns_of(segments), &old)?
        }
    };
    let segment = Segment::open_on(lake.disk(), &path)?;
    lake.make_index(&segment);
    lake.replace_segments(segment);
    Ok(true)
}

/// One segment of all these as they are; `None` if they must be written anew.
fn join_if_alike(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    segments: &[Arc<Segment>],
    ledger: &Ledger,
    group_rows_min: u64,
) -> Result<Option<Written>> {
    if !are_joinable(segments, group_rows_min) {
        return Ok(None);
    }
    let joined =
        join(disk, dir, segments).and_then(|joined| check_joined(disk, &joined, segments, ledger).map(|()| joined));
    match joined {
        Ok(joined) => Ok(Some(joined)),
        Err(error @ (Error::Io { .. } | Error::Damaged { .. })) => Err(error),
        Err(error) => {
            tracing::warn!(%error, "segments cannot be joined and are written anew");
            Ok(None)
        }
    }
}

/// Reads a joined file back: every byte against its checksum, and of each row group the first and the last entry, which
/// must be what the source has, and their records those of their leaves. A row group's columns are copied whole, so that
/// a wrong offset in the new footer shows in these.
fn check_joined(disk: &Arc<dyn Disk>, joined: &Written, sources: &[Arc<Segment>], ledger: &Ledger) -> Result<()> {
    let segment = Segment::open_as(disk, joined.path(), joined.name())?;
    segment.check_bytes()?;
    let mut lookup = Lookup::default();
    for group in 0..segment.parquet().num_row_groups() {
        let LeafRange { start, end } = segment.leaves_of_group(group);
        for leaf in [start, LeafIndex(end.0.saturating_sub(1))] {
            let found = segment.rows_at(&[leaf], &mut lookup)?.pop();
            let source = sources.iter().find(|source| source.leaves().contains(leaf));
            let expected =
                source.map_or(Ok(Vec::new()), |source| source.rows_at(&[leaf], &mut Lookup::default()))?.pop();
            let one = LeafRange::new(leaf, LeafIndex(leaf.0 + 1));
            let hash = found.as_ref().map(|row| leaf_hash(&row.record));
            if found.is_none() || found != expected || hash.as_ref() != leaf_hashes(ledger, one)?.first() {
                return Err(Error::ReadBack { path: joined.path().to_owned(), leaf });
            }
        }
    }
    Ok(())
}

/// The path columns of a segment that holds the rows of all these.
fn columns_of(segments: &[Arc<Segment>]) -> Vec<PathColumn> {
    let mut survey = Survey::default();
    for segment in segments {
        survey.add_rows(segment.rows());
        for (column, values) in segment.path_columns() {
            survey.add_column(&column, values);
        }
    }
    survey.plan()
}

/// The first run of adjoining segments that is worth compacting, of segments with these rows.
///
/// A run is taken when it fills a large segment, or when it is long. It does not begin with a segment that is larger
/// than all the others together: rewriting that again and again for a few rows would cost more than it gives.
fn choose(rows: &[u64]) -> Option<Range<usize>> {
    let mut start = 0;
    while start < rows.len() {
        let mut end = start;
        let mut total = 0;
        while end < rows.len()
            && rows[end] < LARGE_ROWS
            && total + rows[end] <= ROWS_MAX
            && end - start < SMALL_SEGMENTS_MAX
        {
            total += rows[end];
            end += 1;
        }
        let is_full = end < rows.len() && rows[end] < LARGE_ROWS;
        let is_worth_it = end - start >= 2 && (is_full || end - start == SMALL_SEGMENTS_MAX);
        if is_worth_it && rows[start] <= total - rows[start] {
            return Some(start..end);
        }
        start += 1;
    }
    None
}

/// Segments that are compacted, with the tree to check them against.
struct Old<'a> {
    segments: &'a [Arc<Segment>],
    ledger: &'a Ledger,
    /// Leaves that may have no row.
    removal: Arc<LeafSet>,
}

impl Source for Old<'_> {
    fn rows(&self) -> u64 {
        self.segments.iter().map(|segment| segment.rows()).sum()
    }

    fn each(&self, visit: &mut dyn FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
        for segment in self.segments {
            each_leaf(segment, &self.removal, &mut |rows, row, record| {
                visit(&Row { leaf: rows.leaf(row), id: rows.id(row), record, sidecar: rows.sidecar(row) })
            })?;
        }
        Ok(())
    }

    fn leaf_hashes(&self, leaves: LeafRange) -> Result<Vec<Hash>> {
        leaf_hashes(self.ledger, leaves)
    }
}

/// Leaf hashes as the ledger's tree has them.
pub(crate) fn leaf_hashes(ledger: &Ledger, leaves: LeafRange) -> Result<Vec<Hash>> {
    let hashes = ledger.leaf_hashes(leaves.into());
    hashes.map_err(|error| Error::Unsealable { leaves, problem: format!("their hashes cannot be read: {error}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use onrecord_evidence::Signer;
    use onrecord_ledger::{Config, Entry, EntryId, OsDisk};

    /// Sixteen segments of one directory, compacted with that bound on row groups.
    fn compacted(group_rows_min: u64) -> (tempfile::TempDir, Arc<Lake>, Vec<Vec<u8>>) {
        let dir = tempfile::tempdir().unwrap();
        let signer = Signer::generate("example.org/test").unwrap();
        Ledger::create(dir.path(), &signer, &OsDisk).unwrap();
        let lake = Lake::open(dir.path()).unwrap();
        let config = Config { unsealed_files_max: 100, ..Config::default() };
        let (ledger, _) = Ledger::open(dir.path(), signer, config, Arc::new(OsDisk), lake.clone()).unwrap();
        let mut records = Vec::new();
        for part in 0..16_u32 {
            let entries = (0..10 + part).map(|row| {
                let id = u128::from(part * 1_000 + row).to_be_bytes();
                let uuid = uuid::Uuid::from_bytes(id);
                let record = format!(
                    r#"{{"decision_id":"d{part}","event_id":"{uuid}","input_features":{{"row":{row}}},"kind":"decision","schema":1}}"#
                );
                records.push(record.clone().into_bytes());
                Entry::new(EntryId(id), record.into_bytes(), format!("beside {row}").into_bytes())
            });
            ledger.append(entries.collect()).unwrap();
            ledger.rotate().unwrap();
            crate::seal_all(&lake, &ledger).unwrap();
        }
        assert_eq!(lake.segments().len(), 16);
        assert!(compact(&lake, &ledger, group_rows_min).unwrap());
        (dir, lake, records)
    }

    #[test]
    fn alike_segments_are_joined_and_others_written_anew_with_the_same_rows() {
        for (group_rows_min, groups) in [(1, 16), (11, 1)] {
            let (dir, lake, records) = compacted(group_rows_min);
            let segments = lake.segments();
            assert_eq!((segments.len(), segments[0].parquet().num_row_groups()), (1, groups));
            let leaves: Vec<LeafIndex> = (0..records.len() as u64).map(LeafIndex).collect();
            let rows = lake.by_leaves(&leaves).unwrap();
            assert!(rows.iter().map(|row| &row.record).eq(&records));
            assert!(rows.iter().all(|row| row.sidecar.starts_with(b"beside ")));
            drop((segments, lake));
            // The files that were replaced are gone, segments and indexes, and the directory opens.
            assert_eq!(std::fs::read_dir(dir.path().join(crate::lake::SEGMENTS)).unwrap().count(), 2);
            assert_eq!(Lake::open(dir.path()).unwrap().sealed_end(), LeafIndex(records.len() as u64));
        }
    }

    #[test]
    fn runs_that_fill_a_segment_are_chosen() {
        let sealed = 1 << 16;
        assert_eq!(choose(&[sealed; 15]), None);
        assert_eq!(choose(&[sealed; 16]), Some(0..16));
        assert_eq!(choose(&[&[ROWS_MAX][..], &[sealed; 16]].concat()), Some(1..17));
        assert_eq!(choose(&[300_000; 3]), None, "they would fit with more");
        assert_eq!(choose(&[300_000; 4]), Some(0..3));
    }

    #[test]
    fn many_tiny_segments_are_joined_without_the_large_one_before() {
        assert_eq!(choose(&[&[400_000][..], &[10; 15]].concat()), None);
        assert_eq!(choose(&[&[400_000][..], &[10; 16]].concat()), Some(1..17));
        assert_eq!(choose(&[ROWS_MAX; 40]), None);
        assert_eq!(choose(&[]), None);
    }
}

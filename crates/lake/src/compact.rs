//! Small segments into large ones.
//!
//! Adjoining small segments become one of up to [`ROWS_MAX`] rows. The new file's name covers their leaves; once it is
//! there the old ones are superfluous, whether they are removed now or, after a crash, when the lake is opened.
//!
//! Segments that are alike and not tiny are joined as they are; others are written anew, each record hashed against the
//! ledger's tree again. Either way damage in an old segment stops here and is not copied.

use crate::Row;
use crate::build::{Source, build, each_row};
use crate::error::{Error, Result};
use crate::lake::Lake;
use crate::schema::PathColumn;
use crate::seal::ledger_hashes;
use crate::segment::{Lookup, Segment, Written, are_joinable, join};
use crate::shred::Survey;
use onrecord_evidence::{Hash, leaf_hash};
use onrecord_ledger::Ledger;
use std::ops::Range;
use std::sync::Arc;

/// Rows of the largest segment that compaction makes.
pub(crate) const ROWS_MAX: u64 = 1 << 20;

/// Segments of at least this many rows are left alone.
const LARGE_ROWS: u64 = ROWS_MAX / 2;

/// So many small segments are joined even if they do not fill a large one.
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
    let segments = lake.segments();
    let rows: Vec<u64> = segments.iter().map(|segment| segment.rows()).collect();
    let Some(run) = choose(&rows) else { return Ok(false) };
    let segments = &segments[run];
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else { return Ok(false) };
    let leaves = first.first()..last.end();
    let path = if are_joinable(segments) {
        let written = join(lake.dir(), segments)?;
        check_joined(&written, leaves, ledger)?;
        written.publish()?
    } else {
        build(lake.dir(), leaves, &columns_of(segments), &Old { segments, ledger })?
    };
    lake.replace_segments(Segment::open(&path)?);
    Ok(true)
}

/// Reads a joined file back: every byte against its checksum, and the first and last record of each row group, whose
/// every column lies where the new footer says only if they hash to their leaves.
fn check_joined(written: &Written, leaves: Range<u64>, ledger: &Ledger) -> Result<()> {
    let segment = Segment::open_as(written.path(), leaves.clone())?;
    segment.check_bytes()?;
    let mut first = leaves.start;
    for group in segment.parquet().row_groups() {
        let end = first + group.num_rows() as u64;
        for leaf in [first, end - 1] {
            let row = segment.rows_at(&[leaf], &mut Lookup::default())?.pop();
            let found = row.map(|row| leaf_hash(&row.record));
            if found.is_none() || found.as_ref() != ledger_hashes(ledger, leaf..leaf + 1)?.first() {
                return Err(Error::ReadBack { path: written.path().to_owned(), leaf });
            }
        }
        first = end;
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
}

impl Source for Old<'_> {
    fn each(&self, visit: &mut dyn FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
        for segment in self.segments {
            each_row(segment, segment.first()..segment.end(), &mut |rows, row, record| {
                visit(&Row { leaf: rows.leaf(row), id: rows.id(row), record, beside: rows.beside(row) })
            })?;
        }
        Ok(())
    }

    fn leaf_hashes(&self, leaves: Range<u64>) -> Result<Vec<Hash>> {
        ledger_hashes(self.ledger, leaves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

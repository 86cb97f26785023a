//! Which row of a segment holds which leaf, as its leaf column says.
//!
//! A leaf is not a row: a segment may have fewer rows than leaves, so that a row's place says nothing about its leaf.
//! Invariant: from row to row leaves ascend, and lie in the segment's range. That no row group says otherwise is checked
//! when a segment is opened, from the bounds that the footer has of the leaf column; `verify` compares these bounds with
//! the column itself.
//!
//! A row group with as many rows as there are leaves between its bounds is *dense*: the leaf of each row follows from
//! the bounds, and nothing is read. Of the others, the column is read once, and the leaves between its bounds that have no
//! row, its *gaps*, stay in memory: a bitmap of at most one bit for each of these leaves.

use super::{Block, Segment};
use crate::error::Result;
use crate::row::RowIndex;
use crate::schema::column;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use onrecord_evidence::{LeafIndex, LeafRange, LeafSet};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use std::ops::Range;
use std::sync::OnceLock;

/// The rows and the leaves of one row group.
#[derive(Debug)]
pub(super) struct LeafGroup {
    rows: Range<RowIndex>,
    /// From its first leaf to its last; some between them may have no row.
    leaves: LeafRange,
    /// Those of them that have none, once they were read.
    gaps: OnceLock<LeafSet>,
}

impl LeafGroup {
    /// Its rows.
    pub(super) fn rows(&self) -> Range<RowIndex> {
        self.rows.clone()
    }

    /// How many they are.
    pub(super) fn row_count(&self) -> usize {
        (self.rows.end.0 - self.rows.start.0) as usize
    }

    /// From its first leaf to its last.
    pub(super) fn leaves(&self) -> LeafRange {
        self.leaves
    }

    fn is_dense(&self) -> bool {
        u64::from(self.rows.end.0 - self.rows.start.0) == self.leaves.count()
    }

    /// The leaf of the row so many rows behind its first.
    fn leaf_behind(&self, rows: u64, gaps: &LeafSet) -> LeafIndex {
        let start = self.leaves.start.0;
        // Each gap before the leaf moves it one further on; those are found by halving.
        let (mut low, mut high) = (start + rows, start + rows + gaps.len());
        while low < high {
            let middle = low.midpoint(high);
            let rows_up_to = middle + 1 - start - gaps.count_before(LeafIndex(middle + 1));
            if rows_up_to > rows { high = middle } else { low = middle + 1 }
        }
        LeafIndex(low)
    }
}

/// Reads the bounds of the leaf column of each row group; `column` is its place among the Parquet columns.
///
/// # Errors
/// What is wrong with them, if they are not those of a segment of these leaves.
pub(super) fn groups(
    parquet: &ParquetMetaData,
    column: Option<usize>,
    leaves: LeafRange,
) -> std::result::Result<Box<[LeafGroup]>, String> {
    let column = column.ok_or("it has no leaf column")?;
    let (mut row, mut next) = (0_u32, leaves.start);
    let mut groups = Vec::with_capacity(parquet.num_row_groups());
    for (at, group) in parquet.row_groups().iter().enumerate() {
        let count = u32::try_from(group.num_rows()).ok().filter(|count| *count > 0);
        let end = count.and_then(|count| row.checked_add(count));
        let end = end.ok_or_else(|| format!("row group {at} cannot have {} rows", group.num_rows()))?;
        let bounds = bounds(group, column).ok_or_else(|| format!("row group {at} has no bounds of its leaves"))?;
        if bounds.start < next || bounds.end > leaves.end {
            return Err(format!("row group {at} does not have leaves {} to {}", bounds.start, bounds.end));
        }
        if u64::from(end - row) > bounds.count() {
            return Err(format!("row group {at} has {} rows for {} leaves", end - row, bounds.count()));
        }
        groups.push(LeafGroup { rows: RowIndex(row)..RowIndex(end), leaves: bounds, gaps: OnceLock::new() });
        (row, next) = (end, bounds.end);
    }
    Ok(groups.into())
}

/// From the least leaf of a row group to the greatest.
fn bounds(group: &RowGroupMetaData, column: usize) -> Option<LeafRange> {
    let Some(Statistics::Int64(bounds)) = group.column(column).statistics() else { return None };
    let leaf = |bound: &i64| u64::try_from(*bound).ok();
    let (first, last) = (leaf(bounds.min_opt()?)?, leaf(bounds.max_opt()?)?);
    Some(LeafRange::from(first..last.checked_add(1)?))
}

impl Segment {
    /// Whether every leaf has a row.
    pub(crate) fn is_dense(&self) -> bool {
        self.rows() == self.leaves().count()
    }

    /// From the first to the last leaf of a row group.
    pub(crate) fn leaves_of_group(&self, group: usize) -> LeafRange {
        self.leaf_groups.get(group).map_or_else(LeafRange::default, |group| group.leaves)
    }

    /// The leaves of which nobody but these row groups can have rows: from behind the last leaf of the group before to the
    /// last one of these, or the last of all.
    pub(crate) fn leaves_of_groups(&self, groups: &Range<usize>) -> LeafRange {
        let end_of = |group: usize| self.leaf_groups.get(group).map(|group| group.leaves.end);
        let start = groups.start.checked_sub(1).and_then(end_of).unwrap_or(self.leaves().start);
        let is_last = groups.end >= self.leaf_groups.len();
        let end = groups.end.checked_sub(1).and_then(end_of).filter(|_| !is_last);
        LeafRange::new(start, end.unwrap_or(self.leaves().end))
    }

    /// The row of the first of the leaves from this one on that has a row; that after the last if none has.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`], [`crate::Error::Archive`].
    pub(super) fn row_from(&self, leaf: LeafIndex) -> Result<RowIndex> {
        let at = self.leaf_groups.partition_point(|group| group.leaves.end <= leaf);
        let Some(group) = self.leaf_groups.get(at) else {
            return Ok(self.leaf_groups.last().map_or(RowIndex(0), |group| group.rows.end));
        };
        let behind = match leaf.0.checked_sub(group.leaves.start.0) {
            None => 0,
            Some(behind) => behind - self.gaps(group, at)?.count_before(leaf),
        };
        Ok(RowIndex(group.rows.start.0 + behind as u32))
    }

    /// The row of a leaf; `None` if it has none here.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`], [`crate::Error::Archive`].
    pub(super) fn row_of(&self, leaf: LeafIndex) -> Result<Option<RowIndex>> {
        let at = self.leaf_groups.partition_point(|group| group.leaves.end <= leaf);
        let Some(group) = self.leaf_groups.get(at).filter(|group| group.leaves.start <= leaf) else { return Ok(None) };
        let gaps = self.gaps(group, at)?;
        let behind = leaf.0 - group.leaves.start.0 - gaps.count_before(leaf);
        Ok((!gaps.contains(leaf)).then_some(RowIndex(group.rows.start.0 + behind as u32)))
    }

    /// The leaf of a row; `None` if there is no such row.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`], [`crate::Error::Archive`].
    pub fn leaf_at(&self, row: RowIndex) -> Result<Option<LeafIndex>> {
        let at = self.leaf_groups.partition_point(|group| group.rows.end <= row);
        let Some(group) = self.leaf_groups.get(at) else { return Ok(None) };
        let gaps = self.gaps(group, at)?;
        Ok(Some(group.leaf_behind(u64::from(row.0 - group.rows.start.0), gaps)))
    }

    /// The leaves of the rows of a block, in order.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`], [`crate::Error::Archive`].
    pub fn leaves_of<'s>(&'s self, block: &Block) -> Result<impl Iterator<Item = LeafIndex> + use<'s>> {
        let group = self.leaf_groups.get(block.group).ok_or_else(|| self.damaged("it has no such row group"))?;
        let gaps = self.gaps(group, block.group)?;
        let first = group.leaf_behind(block.rows.start as u64, gaps);
        let mut next_gaps = gaps.within(LeafRange::new(first, group.leaves.end)).peekable();
        let present = (first.0..).map(LeafIndex).filter(move |leaf| next_gaps.next_if_eq(leaf).is_none());
        Ok(present.take(block.rows.len()))
    }

    /// The leaves between the bounds of a row group, which is that `at` this place, that have no row.
    fn gaps<'s>(&'s self, group: &'s LeafGroup, at: usize) -> Result<&'s LeafSet> {
        if let Some(gaps) = group.gaps.get() {
            return Ok(gaps);
        }
        let gaps = if group.is_dense() { LeafSet::default() } else { self.read_gaps(at)? };
        Ok(group.gaps.get_or_init(|| gaps))
    }

    fn read_gaps(&self, at: usize) -> Result<LeafSet> {
        self.must_be_sound()?;
        let bounds = self.leaves_of_group(at);
        let mut gaps = LeafSet::default();
        let mut next = bounds.start;
        for batch in self.columns(vec![at], &[column::LEAF_INDEX])? {
            let batch = batch?;
            let leaves = batch.column_by_name(column::LEAF_INDEX);
            let leaves = leaves.and_then(|array| array.as_primitive_opt::<Int64Type>());
            let leaves = leaves.ok_or_else(|| self.damaged("its leaf column is of another type"))?;
            for leaf in leaves.values().iter().map(|leaf| LeafIndex(*leaf as u64)) {
                if leaf < next || leaf >= bounds.end {
                    return Err(self.damaged(format!("the leaves of row group {at} do not ascend in its bounds")));
                }
                gaps.insert(LeafRange::new(next, leaf));
                next = LeafIndex(leaf.0 + 1);
            }
        }
        gaps.insert(LeafRange::new(next, bounds.end));
        Ok(gaps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{Lookup, SegmentWriter};
    use crate::shred::Shredder;
    use crate::{LeafSet, Row, verify};

    /// A segment of these leaves with one row group of each of the others.
    fn segment(dir: &std::path::Path, leaves: Range<u64>, groups: &[&[u64]]) -> Segment {
        let mut writer = SegmentWriter::create(dir, LeafRange::from(leaves), Vec::new()).unwrap();
        for group in groups {
            let mut shredder = Shredder::new(&[]);
            for leaf in *group {
                let id = u128::from(*leaf).to_be_bytes();
                shredder.push(&Row { leaf: LeafIndex(*leaf), id, record: b"{}", sidecar: &[] }, false).unwrap();
            }
            writer.write(shredder.take().unwrap()).unwrap();
            writer.end_row_group();
        }
        Segment::open(&writer.finish().unwrap().publish().unwrap()).unwrap()
    }

    #[test]
    fn row_groups_that_are_dense_or_not_say_which_row_has_which_leaf() {
        let dir = tempfile::tempdir().unwrap();
        let held: [&[u64]; 3] = [&[11, 12, 15], &[16, 17, 18], &[21, 30]];
        let segment = segment(dir.path(), 10..32, &held);
        assert_eq!(segment.leaves_of_groups(&(0..1)), LeafRange::from(10..16));
        assert_eq!(segment.leaves_of_groups(&(1..3)), LeafRange::from(16..32));
        let held = held.concat();
        for leaf in 0..40 {
            let row = held.iter().position(|other| *other == leaf).map(|row| RowIndex(row as u32));
            assert_eq!(segment.row_of(LeafIndex(leaf)).unwrap(), row, "leaf {leaf}");
            let from = held.iter().take_while(|other| **other < leaf).count() as u32;
            assert_eq!(segment.row_from(LeafIndex(leaf)).unwrap(), RowIndex(from), "leaf {leaf}");
        }
        for row in 0..10 {
            let leaf = held.get(row as usize).copied().map(LeafIndex);
            assert_eq!(segment.leaf_at(RowIndex(row)).unwrap(), leaf);
        }
        for (group, leaves) in [(0, vec![11, 12, 15]), (1, vec![16, 17, 18]), (2, vec![21, 30])] {
            for rows in [0..leaves.len(), 1..leaves.len(), 0..1, 1..1] {
                let found = segment.leaves_of(&Block { group, rows: rows.clone() }).unwrap();
                assert!(found.map(|leaf| leaf.0).eq(leaves[rows].iter().copied()));
            }
        }
        let mut lookup = Lookup::default();
        let all: Vec<LeafIndex> = (0..40).map(LeafIndex).collect();
        let rows = segment.rows_at(&all, &mut lookup).unwrap();
        assert!(rows.iter().map(|row| row.leaf.0).eq(held.iter().copied()));
        let from: Vec<usize> =
            segment.batches_from(LeafIndex(17)).unwrap().map(|batch| batch.unwrap().num_rows()).collect();
        assert_eq!(from.iter().sum::<usize>(), 4);
    }

    #[test]
    fn verify_names_gaps_within_row_groups_between_them_and_at_both_ends() {
        let dir = tempfile::tempdir().unwrap();
        let segments = dir.path().join(crate::SEGMENTS);
        std::fs::create_dir(&segments).unwrap();
        segment(&segments, 0..12, &[&[1, 2, 5], &[6, 7], &[9, 10]]);
        let seen = std::sync::Mutex::new(Vec::new());
        let verification = verify(dir.path(), 2, &LeafSet::default(), &|_| false, &|checked| {
            seen.lock().unwrap().push((checked.first.0, checked.hashes.len()));
            Ok(())
        });
        let wrong: Vec<String> = verification.unwrap().errors.iter().map(ToString::to_string).collect();
        let [first, last] = &wrong[..] else { panic!("{wrong:?}") };
        assert!(first.ends_with("it has no row for leaf 0, leaves 3\u{2013}4"), "{first}");
        assert!(last.ends_with("it has no row for leaf 8, leaf 11"), "{last}");
        let mut seen = seen.into_inner().unwrap();
        seen.sort_unstable();
        assert_eq!(seen, [(1, 2), (5, 1), (6, 2), (9, 2)], "what has a row is compared");
    }
}

//! Some columns of rows that are known by their place, as a look-up has found them.
//!
//! Which pages hold the rows is known before the first is read, so that a file that is not in memory yet is asked for all of
//! them at once.

use super::lookup::runs;
use super::read::{Batches, select};
use super::{Segment, SegmentFile};
use crate::error::Result;
use crate::row::RowIndex;
use arrow::array::RecordBatch;
use onrecord_evidence::LeafIndex;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, RowSelection};
use std::ops::Range;

/// Batches of chosen rows, in their order.
pub struct Chosen {
    batches: Batches,
    bytes: usize,
}

impl Chosen {
    /// Bytes of the file that hold them.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Iterator for Chosen {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batches.next()
    }
}

impl Segment {
    /// Some columns, by their place in the schema, of these rows, which ascend. `metadata` is the segment's with the places
    /// of pages, and with other types for texts if need be.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`].
    pub fn chosen(&self, rows: &[RowIndex], columns: &[usize], metadata: &ArrowReaderMetadata) -> Result<Chosen> {
        self.must_be_sound()?;
        let runs = runs(rows);
        let bytes = self.fetch(&self.file()?, &runs, columns, metadata);
        let mask = ProjectionMask::roots(metadata.parquet_schema(), columns.iter().copied());
        Ok(Chosen { batches: self.read(&runs, metadata.clone(), mask)?, bytes })
    }

    /// The rows of those of the leaves, which ascend, that have one here.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`], [`crate::Error::Archive`].
    pub fn rows_of(&self, leaves: &[LeafIndex]) -> Result<Vec<RowIndex>> {
        leaves.iter().filter_map(|leaf| self.row_of(*leaf).transpose()).collect()
    }

    /// Asks for all pages that hold the rows, and says how many bytes they are.
    fn fetch(
        &self,
        file: &SegmentFile,
        runs: &[Range<RowIndex>],
        columns: &[usize],
        metadata: &ArrowReaderMetadata,
    ) -> usize {
        let footer = metadata.metadata();
        let mut ranges = Vec::new();
        for (at, group) in self.leaf_groups.iter().enumerate() {
            let rows = group.rows();
            if !runs.iter().any(|run| run.start < rows.end && rows.start < run.end) {
                continue;
            }
            let mut selectors = Vec::new();
            select(&rows, runs, &mut selectors);
            let selection = RowSelection::from(selectors);
            for leaf in columns.iter().filter_map(|column| self.leaf_of_root(*column)) {
                let (start, bytes) = footer.row_group(at).column(leaf).byte_range();
                let pages = footer.offset_index().map(|index| index[at][leaf].page_locations());
                match pages.filter(|pages| !pages.is_empty()) {
                    Some(pages) => {
                        let first = pages[0].offset.cast_unsigned();
                        ranges.extend((start < first).then_some(start..first));
                        ranges.extend(selection.scan_ranges(pages));
                    }
                    None => ranges.push(start..start + bytes),
                }
            }
        }
        file.will_need(&ranges);
        ranges.iter().map(|range| (range.end - range.start) as usize).sum()
    }
}

//! The rows of a segment, as entries again: streamed, a batch in memory at a time.

use super::Segment;
use crate::assemble::Assembler;
use crate::error::{Error, Result};
use crate::object::ArchivedFile;
use crate::row::RowIndex;
use crate::schema::column;
use arrow::array::{Array, AsArray, BinaryArray, FixedSizeBinaryArray, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use onrecord_evidence::LeafIndex;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use parquet::file::metadata::ParquetMetaData;
use std::ops::Range;
use std::path::PathBuf;

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 4_096;

/// One entry, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedRow {
    /// Its leaf index.
    pub leaf: LeafIndex,
    /// The event id's bytes.
    pub id: [u8; 16],
    /// The bytes under the leaf hash.
    pub record: Vec<u8>,
    /// The bytes next to the record.
    pub sidecar: Vec<u8>,
}

/// Batches of rows of a segment, in order, up to the first that cannot be read.
pub(crate) struct Batches {
    path: PathBuf,
    archived: Option<ArchivedFile>,
    /// `None` after an error: what the reader does then is not known, and may be a panic.
    reader: Option<ParquetRecordBatchReader>,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.as_mut()?.next()?;
        Some(batch.map_err(|error| {
            self.reader = None;
            let unreached = self.archived.as_ref().and_then(ArchivedFile::failure);
            unreached.unwrap_or_else(|| Error::damaged(&self.path, error))
        }))
    }
}

/// Some rows of a row group, counted from its first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The row group.
    pub group: usize,
    /// Which of its rows.
    pub rows: Range<usize>,
}

impl Segment {
    /// Some columns, by their place in the schema, of a block, as one batch. `metadata` is the segment's, with other types
    /// for texts if need be.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub fn block(&self, block: &Block, columns: &[usize], metadata: &ArrowReaderMetadata) -> Result<RecordBatch> {
        let mask = ProjectionMask::roots(metadata.parquet_schema(), columns.iter().copied());
        let selection =
            RowSelection::from(vec![RowSelector::skip(block.rows.start), RowSelector::select(block.rows.len())]);
        let mut reader = ParquetRecordBatchReaderBuilder::new_with_metadata(self.file()?, metadata.clone())
            .with_row_groups(vec![block.group])
            .with_row_selection(selection)
            .with_projection(mask)
            .with_batch_size(block.rows.len())
            .build()
            .map_err(|error| self.unreadable(error))?;
        match reader.next() {
            Some(Ok(batch)) if batch.num_rows() == block.rows.len() => Ok(batch),
            Some(Ok(_)) | None => Err(Error::damaged(&self.path, "a row group has fewer rows than its footer says")),
            Some(Err(error)) => Err(self.unreached().unwrap_or_else(|| Error::damaged(&self.path, error))),
        }
    }

    /// About how many bytes of the file a column of a block takes; the place is that in the schema.
    pub fn bytes_of(&self, block: &Block, column: usize) -> usize {
        let group = self.parquet().row_group(block.group);
        let bytes = self.leaf_of_root(column).map_or(0, |leaf| group.column(leaf).compressed_size());
        let rows = usize::try_from(group.num_rows()).unwrap_or(0).max(1);
        usize::try_from(bytes).unwrap_or(0) * block.rows.len() / rows
    }

    /// All columns of the rows of the leaves from this one on. Row groups before are not touched.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub(crate) fn batches_from(&self, leaf: LeafIndex) -> Result<Batches> {
        let first = self.row_from(leaf)?;
        self.read(&[first..RowIndex(u32::MAX)], self.metadata.clone(), ProjectionMask::all())
    }

    /// All columns of some row groups.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub(crate) fn batches_of(&self, groups: Range<usize>) -> Result<Batches> {
        self.of_groups(groups.collect(), ProjectionMask::all())
    }

    /// Some columns, by name, of all rows; columns that the segment does not have are left out.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub(crate) fn columns(&self, groups: Vec<usize>, names: &[&str]) -> Result<Batches> {
        self.of_groups(groups, self.mask(names))
    }

    /// A column, by its place in the schema, of a row group.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub(super) fn column_of_group(&self, group: usize, column: usize) -> Result<Batches> {
        self.of_groups(vec![group], ProjectionMask::roots(self.metadata.parquet_schema(), [column]))
    }

    fn of_groups(&self, groups: Vec<usize>, mask: ProjectionMask) -> Result<Batches> {
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.file()?, self.metadata.clone())
            .with_row_groups(groups)
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS);
        let reader = builder.build().map_err(|error| self.unreadable(error))?;
        Ok(Batches { path: self.path.clone(), archived: self.archived.clone(), reader: Some(reader) })
    }

    /// By place: the names of path columns have dots, as have the paths of nested columns.
    pub(super) fn mask(&self, names: &[&str]) -> ProjectionMask {
        let fields = self.schema().fields().iter().enumerate();
        let places = fields.filter(|(_, field)| names.contains(&field.name().as_str())).map(|(place, _)| place);
        ProjectionMask::roots(self.metadata.parquet_schema(), places)
    }

    /// The columns of the mask of these rows, given as ranges that are sorted and apart. If `metadata` has an offset index, pages
    /// without any of them are not touched.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub(super) fn read(
        &self,
        ranges: &[Range<RowIndex>],
        metadata: ArrowReaderMetadata,
        mask: ProjectionMask,
    ) -> Result<Batches> {
        let mut groups = Vec::new();
        let mut selectors = Vec::new();
        for (at, group) in self.leaf_groups.iter().enumerate() {
            let rows = group.rows();
            if ranges.iter().any(|range| range.start < rows.end && rows.start < range.end) {
                groups.push(at);
                select(&rows, ranges, &mut selectors);
            }
        }
        let file = self.file()?;
        if file.is_remote() {
            file.will_need(&pages(metadata.metadata(), &groups, &mask, &selectors));
        }
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
            .with_row_groups(groups)
            .with_projection(mask)
            .with_row_selection(RowSelection::from(selectors))
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|error| self.unreadable(error))?;
        Ok(Batches { path: self.path.clone(), archived: self.archived.clone(), reader: Some(reader) })
    }
}

/// The pages of some row groups' columns that have rows which are selected; none if their places are not known.
fn pages(
    metadata: &ParquetMetaData,
    groups: &[usize],
    mask: &ProjectionMask,
    selectors: &[RowSelector],
) -> Vec<Range<u64>> {
    let Some(index) = metadata.offset_index() else { return Vec::new() };
    let mut selection = RowSelection::from(selectors.to_vec());
    let mut ranges = Vec::new();
    for group in groups {
        let chunks = metadata.row_group(*group);
        let rows = selection.split_off(usize::try_from(chunks.num_rows()).unwrap_or(usize::MAX));
        for (at, chunk) in chunks.columns().iter().enumerate().filter(|(at, _)| mask.leaf_included(*at)) {
            let Some(pages) = index.get(*group).and_then(|columns| columns.get(at)) else { continue };
            let (start, _) = chunk.byte_range();
            let first = pages.page_locations().first().map_or(start, |page| page.offset as u64);
            // Before the first page there may be a dictionary.
            ranges.extend((start < first).then_some(start..first));
            ranges.extend(rows.scan_ranges(pages.page_locations()));
        }
    }
    ranges
}

/// Adds which of the rows of a row group lie in the ranges.
pub(super) fn select(group: &Range<RowIndex>, ranges: &[Range<RowIndex>], selectors: &mut Vec<RowSelector>) {
    let rows = |from: RowIndex, to: RowIndex| (to.0 - from.0) as usize;
    let mut at = group.start;
    for range in ranges {
        let (start, end) = (range.start.max(at), range.end.min(group.end));
        if start < end {
            selectors.push(RowSelector::skip(rows(at, start)));
            selectors.push(RowSelector::select(rows(start, end)));
            at = end;
        }
    }
    selectors.push(RowSelector::skip(rows(at, group.end)));
}

/// The entries of one batch.
pub(crate) struct Rows {
    leaf_index: Int64Array,
    event_id: FixedSizeBinaryArray,
    sidecar: BinaryArray,
    assembler: Assembler,
    batch: RecordBatch,
}

impl Rows {
    /// Reads the batch's columns; `segment` is named if they are not a segment's.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub(crate) fn new(segment: &Segment, batch: &RecordBatch) -> Result<Self> {
        let damaged = |problem: &dyn std::fmt::Display| Error::damaged(segment.path(), problem);
        let missing = |name: &str| damaged(&format!("its column {name} is missing or of another type"));
        let find = |name: &str| batch.column_by_name(name).ok_or_else(|| missing(name));
        Ok(Self {
            leaf_index: find(column::LEAF_INDEX)?
                .as_primitive_opt::<Int64Type>()
                .ok_or_else(|| missing(column::LEAF_INDEX))?
                .clone(),
            event_id: find(column::EVENT_ID)?
                .as_fixed_size_binary_opt()
                .filter(|ids| ids.value_length() == 16)
                .ok_or_else(|| missing(column::EVENT_ID))?
                .clone(),
            sidecar: find(column::SIDECAR)?.as_binary_opt().ok_or_else(|| missing(column::SIDECAR))?.clone(),
            assembler: Assembler::new(batch).map_err(|error| damaged(&error))?,
            batch: batch.clone(),
        })
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.leaf_index.len()
    }

    /// All columns.
    pub(crate) fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// The leaf index of the row.
    pub(crate) fn leaf(&self, row: usize) -> LeafIndex {
        LeafIndex(self.leaf_index.value(row) as u64)
    }

    /// The event id of the row.
    pub(crate) fn id(&self, row: usize) -> [u8; 16] {
        let mut id = [0; 16];
        id.copy_from_slice(self.event_id.value(row));
        id
    }

    /// The bytes beside the record of the row.
    pub(crate) fn sidecar(&self, row: usize) -> &[u8] {
        if self.sidecar.is_valid(row) { self.sidecar.value(row) } else { &[] }
    }

    /// Appends the record bytes of the row.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub(crate) fn write_record(&mut self, segment: &Segment, row: usize, out: &mut Vec<u8>) -> Result<()> {
        let leaf = self.leaf(row);
        self.assembler
            .write(row, out)
            .map_err(|error| Error::damaged(segment.path(), format!("at leaf {leaf}: {error}")))
    }

    /// The row as an entry of its own.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub(crate) fn row(&mut self, segment: &Segment, row: usize) -> Result<OwnedRow> {
        let mut record = Vec::new();
        self.write_record(segment, row, &mut record)?;
        Ok(OwnedRow { leaf: self.leaf(row), id: self.id(row), record, sidecar: self.sidecar(row).to_vec() })
    }
}

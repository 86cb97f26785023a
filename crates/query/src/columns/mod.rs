//! Columns that stay decoded in memory.
//!
//! Filters and aggregates read the same few columns again and again: times, numbers, flags, and texts of few values
//! such as the model. What takes a column so narrow out of a file (open, decompress, decode, select) costs far more than
//! to compare or to sum it. So such columns are kept as Arrow arrays, block by block, within a bound of bytes
//! ([`ColumnCache`]). Which columns, and in which blocks, is a segment's [`Layout`]; what is answered from them is up to
//! `scan::resident`.
//!
//! What holds: the answer is that of the file. Everything here can be forgotten at any time.

mod cache;

pub(super) use cache::ColumnCache;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{DataFusionError, Result};
use onrecord_lake::schema::column;
use onrecord_lake::{Block, ROW_GROUP_ROWS, RowIndex, Segment};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use std::sync::Arc;

/// Rows of a block.
const BLOCK_ROWS: usize = 1 << 16;

/// Text that takes more than this in the file, once decompressed, is of many values: bytes a row, and bytes that do not
/// count.
const TEXT_BYTES_PER_ROW: i64 = 2;
const TEXT_BYTES: i64 = 4 << 10;

/// What of a segment may be resident.
#[derive(Debug)]
pub(super) struct Layout {
    /// How the columns are read that may be resident.
    pub(super) metadata: ArrowReaderMetadata,
    /// Whether the column at that place may be resident.
    narrow: Vec<bool>,
    /// The place of the leaf index, which is not read where it follows from the row.
    pub(super) leaf_index: Option<usize>,
    pub(super) blocks: Vec<Block>,
    /// The row of the segment that each block begins with.
    starts: Vec<usize>,
}

impl Layout {
    /// `physical` is the schema of the segment as other readers have it.
    ///
    /// # Errors
    /// If the footer does not allow for it.
    pub(super) fn new(segment: &Segment, physical: &Schema) -> Result<Self> {
        let narrow: Vec<bool> =
            physical.fields().iter().enumerate().map(|(at, field)| is_narrow(segment, at, field)).collect();
        let fields = physical.fields().iter().zip(&narrow).map(|(field, narrow)| match field.data_type().is_string() {
            true if *narrow => Arc::new(field.as_ref().clone().with_data_type(text())),
            _ => Arc::clone(field),
        });
        let schema = Schema::new_with_metadata(fields.collect::<Vec<_>>(), physical.metadata().clone());
        let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(segment.parquet()), options)
            .map_err(|error| DataFusionError::ParquetError(Box::new(error)))?;
        let rows = segment.parquet().row_groups().iter().map(|group| usize::try_from(group.num_rows()).unwrap_or(0));
        let blocks = rows.enumerate().flat_map(|(group, rows)| {
            (0..rows).step_by(BLOCK_ROWS).map(move |start| Block { group, rows: start..rows.min(start + BLOCK_ROWS) })
        });
        let blocks: Vec<Block> = blocks.collect();
        let ends = blocks.iter().scan(0, |end, block| {
            *end += block.rows.len();
            Some(*end)
        });
        let starts = std::iter::once(0).chain(ends).take(blocks.len()).collect();
        let leaf_index = physical.index_of(column::LEAF_INDEX).ok();
        Ok(Self { metadata, narrow, leaf_index, blocks, starts })
    }

    /// The block that holds a row of the segment, and the row's place in it.
    pub(super) fn place(&self, row: RowIndex) -> Option<(usize, usize)> {
        let row = row.0 as usize;
        let block = self.starts.partition_point(|start| *start <= row).checked_sub(1)?;
        Some((block, row - self.starts[block])).filter(|(block, at)| *at < self.blocks[*block].rows.len())
    }

    /// The physical schema, with text that may be resident as dictionaries.
    pub(super) fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    /// Whether all of these columns, by their place, may be resident.
    pub(super) fn has(&self, mut columns: impl Iterator<Item = usize>) -> bool {
        columns.all(|column| self.narrow.get(column).is_some_and(|narrow| *narrow))
    }
}

/// Text of few values, whose numbers fit into 16 bits: see [`MORE_BYTES`].
fn text() -> DataType {
    DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8))
}

/// What more values than 16 bits can number take in a row group at least: four bytes and two of text for each in the
/// dictionary, and one row each of 17 bits.
const MORE_BYTES: i64 = (1 << 16) * (4 + 2) + (1 << 16) * 17 / 8;
const _: () = assert!(MORE_BYTES > TEXT_BYTES + TEXT_BYTES_PER_ROW * ROW_GROUP_ROWS as i64);

fn is_narrow(segment: &Segment, at: usize, field: &Field) -> bool {
    if !field.data_type().is_string() {
        return field.data_type().is_primitive() || *field.data_type() == DataType::Boolean;
    }
    let Some(leaf) = segment.leaf_of_root(at) else { return false };
    segment.parquet().row_groups().iter().all(|group| {
        group.column(leaf).dictionary_page_offset().is_some()
            && group.column(leaf).uncompressed_size() <= TEXT_BYTES + TEXT_BYTES_PER_ROW * group.num_rows()
    })
}

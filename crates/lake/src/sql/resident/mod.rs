//! Columns that stay decoded in memory.
//!
//! Filters and aggregates read the same few columns again and again: times, numbers, flags, and texts of few values
//! such as the model. What takes a column so narrow out of a file (open, decompress, decode, select) costs far more than
//! to compare or to sum it. So such columns are kept as Arrow arrays, block by block, within a bound of bytes
//! ([`ColumnCache`]). A scan whose filter reads only such columns is answered here: as a whole if it shows only such
//! columns too, else by telling the Parquet source which rows to read ([`Scan`]).
//!
//! What holds: the answer is that of the file. Everything here can be forgotten at any time.

mod bounds;
mod cache;
mod file;
mod scan;

pub(super) use cache::ColumnCache;
pub(super) use scan::Scan;

use crate::segment::{Block, Segment};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
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
    /// The physical schema, with text that may be resident as dictionaries.
    pub(super) schema: SchemaRef,
    /// Whether the column at that place may be resident.
    fits: Vec<bool>,
    pub(super) blocks: Vec<Block>,
}

impl Layout {
    /// `physical` is the schema of the segment as other readers have it.
    pub(super) fn new(segment: &Segment, physical: &Schema) -> Self {
        let fits: Vec<bool> =
            physical.fields().iter().enumerate().map(|(at, field)| fits(segment, at, field)).collect();
        let fields = physical.fields().iter().zip(&fits).map(|(field, fits)| match field.data_type().is_string() {
            true if *fits => Arc::new(field.as_ref().clone().with_data_type(text())),
            _ => Arc::clone(field),
        });
        let schema = Schema::new_with_metadata(fields.collect::<Vec<_>>(), physical.metadata().clone());
        let rows = segment.parquet().row_groups().iter().map(|group| usize::try_from(group.num_rows()).unwrap_or(0));
        let blocks = rows.enumerate().flat_map(|(group, rows)| {
            (0..rows).step_by(BLOCK_ROWS).map(move |start| Block { group, rows: start..rows.min(start + BLOCK_ROWS) })
        });
        Self { schema: Arc::new(schema), fits, blocks: blocks.collect() }
    }

    pub(super) fn fit(&self, columns: &[usize]) -> bool {
        columns.iter().all(|column| self.fits[*column])
    }
}

/// Text of few values. Their number fits into 16 bits: a dictionary of more, with the 17 bits that each row would then
/// take, is over the bytes that [`fits`] allows.
fn text() -> DataType {
    DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8))
}

fn fits(segment: &Segment, at: usize, field: &Field) -> bool {
    if field.data_type().is_string() {
        let schema = segment.parquet().file_metadata().schema_descr();
        let Some(leaf) = (0..schema.num_columns()).find(|leaf| schema.get_column_root_idx(*leaf) == at) else {
            return false;
        };
        return segment.parquet().row_groups().iter().all(|group| {
            group.column(leaf).dictionary_page_offset().is_some()
                && group.column(leaf).uncompressed_size() <= TEXT_BYTES + TEXT_BYTES_PER_ROW * group.num_rows()
        });
    }
    field.data_type().is_primitive() || *field.data_type() == DataType::Boolean
}

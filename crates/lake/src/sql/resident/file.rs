//! The resident columns of one file, as a scan reads them.

use super::{BLOCK_ROWS, ColumnCache};
use crate::segment::{Block, Segment};
use crate::sql::facts::Facts;
use crate::sql::memory::Reader;
use arrow::array::{Array, ArrayRef, BooleanArray, BooleanBufferBuilder, RecordBatch, RecordBatchOptions};
use arrow::compute::prep_null_mask_filter;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::physical_plan::metrics::Count;
use parquet::arrow::arrow_reader::RowSelection;
use std::sync::Arc;

/// Rows that are filtered and projected at once.
const BATCH_ROWS: usize = 32_768;

/// A file of a scan.
pub(super) struct File {
    pub(super) file: PartitionedFile,
    pub(super) segment: Arc<Segment>,
    pub(super) facts: Arc<Facts>,
    pub(super) reader: Reader,
    /// The blocks to be looked at, as places in the layout.
    pub(super) blocks: Vec<usize>,
}

/// Where blocks come from.
#[derive(Clone)]
pub(super) struct Blocks {
    pub(super) cache: Arc<ColumnCache>,
    /// Bytes that were read from files.
    pub(super) bytes: Count,
}

impl File {
    /// What is asked for, block by block.
    pub(super) fn batches(mut self, from: Blocks) -> impl Iterator<Item = Result<RecordBatch>> {
        let blocks = std::mem::take(&mut self.blocks);
        let file = Arc::new(self);
        blocks.into_iter().flat_map(move |block| {
            let (whole, error) = match file.block(&from, block) {
                Ok(whole) => (Some(whole), None),
                Err(error) => (None, Some(Err(error))),
            };
            let file = Arc::clone(&file);
            whole.into_iter().flat_map(slices).map(move |batch| file.reader.read(&batch)).chain(error)
        })
    }

    /// The file with the rows that the filter wants.
    pub(super) async fn chosen(self, from: &Blocks) -> Result<PartitionedFile> {
        let groups = self.segment.parquet().row_groups();
        let mut access = vec![RowGroupAccess::Skip; groups.len()];
        let in_group = |block: &usize| self.layout_block(*block).group;
        for blocks in self.blocks.chunk_by(|one, other| in_group(one) == in_group(other)) {
            let Some(group) = blocks.first().map(in_group) else { continue };
            let rows = usize::try_from(groups[group].num_rows()).unwrap_or(0);
            let mut mask = BooleanBufferBuilder::new(rows);
            for block in blocks {
                mask.append_n(self.layout_block(*block).rows.start - mask.len(), false);
                for batch in slices(self.block(from, *block)?) {
                    match self.reader.select(&batch)? {
                        Some(selected) => mask.append_buffer(without_nulls(selected).values()),
                        None => mask.append_n(batch.num_rows(), true),
                    }
                }
                // Whoever asked may have gone.
                tokio::task::consume_budget().await;
            }
            mask.append_n(rows - mask.len(), false);
            let mask = mask.finish();
            access[group] = match mask.count_set_bits() {
                0 => RowGroupAccess::Skip,
                all if all == rows => RowGroupAccess::Scan,
                _ => RowGroupAccess::Selection(RowSelection::from_boolean_buffer(mask)),
            };
        }
        Ok(self.file.with_extension(ParquetAccessPlan::new(access)))
    }

    fn layout_block(&self, at: usize) -> &Block {
        &self.facts.layout.blocks[at]
    }

    /// The columns that the reader needs of a block, from memory as far as they are there.
    fn block(&self, from: &Blocks, at: usize) -> Result<RecordBatch> {
        let (block, needed) = (self.layout_block(at), self.reader.needed());
        let mut columns: Vec<Option<ArrayRef>> =
            needed.iter().map(|column| from.cache.get(&self.segment, *column, at)).collect();
        let missing = needed.iter().zip(&columns).filter(|(_, array)| array.is_none());
        let missing: Vec<usize> = missing.map(|(column, _)| *column).collect();
        if !missing.is_empty() {
            let schema = &self.facts.layout.schema;
            let read = self.segment.block(block, &missing, schema);
            let read = read.map_err(|error| DataFusionError::External(Box::new(error)))?;
            // Both in the order of the schema.
            let places = columns.iter_mut().filter(|array| array.is_none());
            for ((place, array), column) in places.zip(read.columns()).zip(&missing) {
                from.bytes.add(self.segment.bytes_of(block, *column));
                from.cache.put(&self.segment, *column, at, array);
                *place = Some(Arc::clone(array));
            }
        }
        let schema = Arc::new(self.facts.layout.schema.project(needed)?);
        let options = RecordBatchOptions::new().with_row_count(Some(block.rows.len()));
        Ok(RecordBatch::try_new_with_options(schema, columns.into_iter().flatten().collect(), &options)?)
    }
}

fn slices(batch: RecordBatch) -> impl Iterator<Item = RecordBatch> {
    let rows = batch.num_rows();
    (0..rows.min(BLOCK_ROWS)).step_by(BATCH_ROWS).map(move |at| batch.slice(at, BATCH_ROWS.min(rows - at)))
}

/// Null is not true.
fn without_nulls(selected: BooleanArray) -> BooleanArray {
    if selected.nulls().is_some() { prep_null_mask_filter(&selected) } else { selected }
}

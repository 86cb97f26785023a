//! The resident columns of one file, as a scan reads them.

use crate::batch::Reader;
use crate::columns::ColumnCache;
use crate::segment::SegmentStats;
use arrow::array::{Array, ArrayRef, BooleanArray, BooleanBufferBuilder, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::compute::prep_null_mask_filter;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::physical_plan::metrics::Count;
use futures::stream::{self, Stream, StreamExt};
use onrecord_lake::{Block, Segment};
use parquet::arrow::arrow_reader::RowSelection;
use std::sync::Arc;
use tokio::task::yield_now;

/// Rows that are filtered and projected at once.
const BATCH_ROWS: usize = 32_768;

/// A file of a scan.
pub(super) struct File {
    pub(super) partitioned: PartitionedFile,
    pub(super) segment: Arc<Segment>,
    pub(super) stats: Arc<SegmentStats>,
    pub(super) reader: Reader,
    /// The blocks to be looked at, as places in the layout.
    pub(super) blocks: Vec<usize>,
}

/// Where columns come from.
#[derive(Clone)]
pub(super) struct Columns {
    pub(super) cache: Arc<ColumnCache>,
    /// Bytes that were read from files.
    pub(super) bytes: Count,
}

/// What is asked for of some blocks of a file, block by block. It yields after each.
pub(super) fn batches(
    file: Arc<File>,
    blocks: Vec<usize>,
    columns: Columns,
) -> impl Stream<Item = Result<RecordBatch>> + Send {
    let of_block = move |block| {
        let (file, columns) = (Arc::clone(&file), columns.clone());
        async move {
            yield_now().await;
            match file.read(&columns, block) {
                Ok(batches) => stream::iter(batches.into_iter().map(Ok).collect::<Vec<_>>()),
                Err(error) => stream::iter(vec![Err(error)]),
            }
        }
    };
    stream::iter(blocks).then(of_block).flatten()
}

impl File {
    fn read(&self, columns: &Columns, block: usize) -> Result<Vec<RecordBatch>> {
        slices(&self.block(columns, block)?).map(|batch| self.reader.read(&batch)).collect()
    }

    /// The file with the rows of some blocks, which ascend, that the filter wants; `None` if it wants none.
    pub(super) async fn chosen(&self, blocks: &[usize], columns: &Columns) -> Result<Option<PartitionedFile>> {
        let groups = self.segment.parquet().row_groups();
        let mut access = vec![RowGroupAccess::Skip; groups.len()];
        let in_group = |block: &usize| self.layout_block(*block).group;
        for blocks in blocks.chunk_by(|one, other| in_group(one) == in_group(other)) {
            let Some(group) = blocks.first().map(in_group) else { continue };
            let rows = usize::try_from(groups[group].num_rows()).unwrap_or(0);
            let mut mask = BooleanBufferBuilder::new(rows);
            for block in blocks {
                yield_now().await;
                mask.append_n(self.layout_block(*block).rows.start - mask.len(), false);
                for batch in slices(&self.block(columns, *block)?) {
                    match self.reader.select(&batch)? {
                        Some(selected) => mask.append_buffer(without_nulls(selected).values()),
                        None => mask.append_n(batch.num_rows(), true),
                    }
                }
            }
            mask.append_n(rows - mask.len(), false);
            let mask = mask.finish();
            access[group] = match mask.count_set_bits() {
                0 => RowGroupAccess::Skip,
                all if all == rows => RowGroupAccess::Scan,
                _ => RowGroupAccess::Selection(RowSelection::from_boolean_buffer(mask)),
            };
        }
        let any = access.iter().any(RowGroupAccess::should_scan);
        Ok(any.then(|| self.partitioned.clone().with_extension(ParquetAccessPlan::new(access))))
    }

    fn layout_block(&self, at: usize) -> &Block {
        &self.stats.layout.blocks[at]
    }

    /// The columns that the reader needs of a block, from memory as far as they are there.
    pub(super) fn block(&self, columns: &Columns, at: usize) -> Result<RecordBatch> {
        let layout = &self.stats.layout;
        let (block, needed) = (self.layout_block(at), self.reader.needed());
        let array = |column: &usize| match layout.leaf_index == Some(*column) {
            true => leaves(&self.segment, block).map(Some),
            false => Ok(columns.cache.get(&self.segment, *column, at)),
        };
        let mut arrays: Vec<Option<ArrayRef>> = needed.iter().map(array).collect::<Result<_>>()?;
        let missing = needed.iter().zip(&arrays).filter(|(_, array)| array.is_none());
        let missing: Vec<usize> = missing.map(|(column, _)| *column).collect();
        if !missing.is_empty() {
            let read = self.segment.block(block, &missing, &layout.metadata);
            let read = read.map_err(|error| DataFusionError::External(Box::new(error)))?;
            // Both in the order of the schema.
            let places = arrays.iter_mut().filter(|array| array.is_none());
            for ((place, array), column) in places.zip(read.columns()).zip(&missing) {
                columns.bytes.add(self.segment.bytes_of(block, *column));
                columns.cache.put(&self.segment, *column, at, array);
                *place = Some(Arc::clone(array));
            }
        }
        let schema = Arc::new(layout.schema().project(needed)?);
        let options = RecordBatchOptions::new().with_row_count(Some(block.rows.len()));
        Ok(RecordBatch::try_new_with_options(schema, arrays.into_iter().flatten().collect(), &options)?)
    }
}

/// The leaf indexes of a block, which are not read for it.
fn leaves(segment: &Segment, block: &Block) -> Result<ArrayRef> {
    let leaves = segment.leaves_of(block).map_err(|error| DataFusionError::External(Box::new(error)))?;
    Ok(Arc::new(Int64Array::from_iter_values(leaves.map(|leaf| leaf.0.cast_signed()))))
}

fn slices(batch: &RecordBatch) -> impl Iterator<Item = RecordBatch> {
    let rows = batch.num_rows();
    (0..rows).step_by(BATCH_ROWS).map(move |at| batch.slice(at, BATCH_ROWS.min(rows - at)))
}

/// Null is not true.
fn without_nulls(selected: BooleanArray) -> BooleanArray {
    if selected.nulls().is_some() { prep_null_mask_filter(&selected) } else { selected }
}

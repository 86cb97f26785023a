//! Scans that resident columns answer, wholly or in part.

use super::ColumnCache;
use super::bounds;
use super::file::{Blocks, File};
use crate::sql::memory::{self, Asked, Reader};
use crate::sql::provider::parquet_source;
use crate::sql::reader::{SegmentHandle, SegmentReaders};
use crate::sql::scan::LakeScan;
use arrow::datatypes::Schema;
use datafusion::common::{Result, internal_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder, FileSource};
use datafusion::datasource::source::DataSource;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr_common::physical_expr::snapshot_generation;
use datafusion::physical_plan::metrics::{BaselineMetrics, MetricBuilder};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt};
use std::collections::HashSet;
use std::sync::Arc;

/// A scan that reads resident columns.
pub(in crate::sql) struct Scan {
    files: Vec<File>,
    cache: Arc<ColumnCache>,
    /// Whether the filter alone is answered, and the rows that it wants must be read.
    chooses: bool,
    /// Row groups that were ruled out, and others.
    ruled_out: (usize, usize),
}

impl Scan {
    /// The scan, if it is one of those: its filter reads resident columns only, and will not change while it runs.
    pub(in crate::sql) fn of(scan: &LakeScan) -> Result<Option<Self>> {
        let source = scan.files.file_source();
        let predicate = source.filter();
        if predicate.as_ref().is_some_and(|predicate| snapshot_generation(predicate) != 0) {
            return Ok(None);
        }
        let Some(projection) = source.projection().cloned() else { return Ok(None) };
        let schema = scan.files.projected_schema()?;
        let asked = Asked { adapter: Arc::clone(&scan.adapter), predicate, projection, schema };
        if let Some(all) = Self::over(scan, &asked, false)? {
            return Ok(Some(all));
        }
        // Choosing rows looks at all of them before the first is shown.
        if asked.predicate.is_none() || scan.files.limit.is_some() {
            return Ok(None);
        }
        let choice = Asked { projection: ProjectionExprs::new([]), schema: Arc::new(Schema::empty()), ..asked };
        Self::over(scan, &choice, true)
    }

    /// `None` if a file has a column in question that is not resident.
    fn over(scan: &LakeScan, asked: &Asked, chooses: bool) -> Result<Option<Self>> {
        let (mut files, mut seen) = (Vec::new(), HashSet::new());
        let (mut pruned, mut matched) = (0, 0);
        for file in scan.files.file_groups.iter().flat_map(FileGroup::iter) {
            let Some(SegmentHandle { segment, facts }) = file.extension::<SegmentHandle>() else { return Ok(None) };
            // Splitting between cores has made several of one.
            if !seen.insert(Arc::as_ptr(segment).addr()) {
                continue;
            }
            let reader = Reader::new(asked, &facts.layout.schema)?;
            if !facts.layout.fit(reader.needed()) {
                return Ok(None);
            }
            let wanted = bounds::wanted(asked, segment, facts)?;
            matched += wanted.iter().filter(|wanted| **wanted).count();
            pruned += wanted.iter().filter(|wanted| !**wanted).count();
            let blocks = facts.layout.blocks.iter().enumerate().filter(|(_, block)| wanted[block.group]);
            let blocks = blocks.map(|(at, _)| at).collect();
            let file = PartitionedFile { range: None, ..file.clone() };
            files.push(File { file, segment: Arc::clone(segment), facts: Arc::clone(facts), reader, blocks });
        }
        Ok(Some(Self { files, cache: Arc::clone(&scan.columns), chooses, ruled_out: (pruned, matched) }))
    }

    /// The rows that fall to a partition of the scan.
    pub(in crate::sql) fn open(
        self,
        scan: &LakeScan,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let schema = scan.files.projected_schema()?;
        let metrics = scan.files.file_source().metrics();
        if partition == 0 {
            let groups = MetricBuilder::new(metrics).pruning_metrics("row_groups_pruned_statistics", partition);
            let (pruned, matched) = self.ruled_out;
            groups.add_pruned(pruned);
            groups.add_matched(matched);
        }
        let from = Blocks { cache: self.cache, bytes: MetricBuilder::new(metrics).counter("bytes_scanned", partition) };
        let files = dealt(self.files, partition, scan.files.file_groups.len());
        if !self.chooses {
            let baseline = BaselineMetrics::new(metrics, partition);
            let batches = files.into_iter().flat_map(move |file| file.batches(from.clone()));
            return Ok(memory::stream(schema, batches, scan.files.limit, baseline));
        }
        let rows = unfiltered(scan, &from)?;
        let chosen = futures::stream::iter(files).then(move |file| {
            let (from, rows, context) = (from.clone(), rows.clone(), Arc::clone(&context));
            async move {
                let one = vec![FileGroup::new(vec![file.chosen(&from).await?])];
                FileScanConfigBuilder::from(rows).with_file_groups(one).build().open(0, context)
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, chosen.try_flatten())))
    }
}

/// The scan of files without its filter.
fn unfiltered(scan: &LakeScan, from: &Blocks) -> Result<FileScanConfig> {
    let files = &scan.files;
    let Some(projection) = files.file_source().projection().cloned() else {
        return internal_err!("a scan without a projection");
    };
    let readers = SegmentReaders { bytes: Some(from.bytes.clone()) };
    let source = parquet_source(scan.adapter.table.inner_schema()).with_parquet_file_reader_factory(Arc::new(readers));
    match source.try_pushdown_projection(&projection)? {
        Some(source) => Ok(FileScanConfigBuilder::from(files.clone()).with_source(source).build()),
        None => internal_err!("the Parquet source takes any projection"),
    }
}

/// The blocks of all files dealt out in turn, and of them the partition's.
fn dealt(files: Vec<File>, partition: usize, partitions: usize) -> Vec<File> {
    let mut turn = 0;
    let deal = |mut file: File| {
        file.blocks.retain(|_| {
            turn += 1;
            (turn - 1) % partitions == partition
        });
        file
    };
    files.into_iter().map(deal).filter(|file| !file.blocks.is_empty()).collect()
}

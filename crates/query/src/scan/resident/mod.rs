//! Scans that resident columns answer, wholly or in part.

mod bounds;
mod file;
mod top;

use super::LakeScan;
use crate::batch::{self, Reader, ScanRequest, columns_of};
use crate::columns::ColumnCache;
use crate::segment::{SegmentHandle, SegmentReaders, SegmentStats, parquet_source, source_of};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::{Result, internal_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSource;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr_adapter::PhysicalExprAdapter;
use datafusion::physical_expr_common::physical_expr::snapshot_generation;
use datafusion::physical_plan::metrics::{BaselineMetrics, MetricBuilder};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use file::{Columns, File};
use futures::{StreamExt, TryStreamExt};
use onrecord_lake::Segment;
use std::collections::HashSet;
use std::sync::Arc;
use top::Queue;

/// A scan that reads resident columns.
pub(crate) struct Scan {
    files: Vec<Arc<File>>,
    cache: Arc<ColumnCache>,
    /// Whether the filter alone is answered, and the rows that it wants must be read.
    chooses: bool,
    /// Present when the filter moves while the scan runs, as that of a top-k does.
    queue: Option<Arc<Queue>>,
    groups_wanted: usize,
    groups_ruled_out: usize,
}

impl Scan {
    /// The scan, if it is one of those: its filter reads resident columns only, and if that moves while the scan runs, so
    /// does all that it shows.
    pub(crate) fn of(scan: &LakeScan) -> Result<Option<Self>> {
        let source = scan.files.file_source();
        let predicate = source.filter();
        let moves = predicate.as_ref().is_some_and(|predicate| snapshot_generation(predicate) != 0);
        let Some(projection) = source.projection().cloned() else { return Ok(None) };
        let schema = scan.files.projected_schema()?;
        let asked = ScanRequest { adapter: Arc::clone(&scan.adapter), predicate, projection, schema };
        let Some(candidates) = candidates(scan, &asked)? else { return Ok(None) };
        let projections = candidates.iter().map(|candidate| candidate.projection(&asked.projection));
        let projections = projections.collect::<Result<Option<Vec<_>>>>()?;
        // Choosing rows looks at all of them before the first is shown.
        if projections.is_none() && (asked.predicate.is_none() || scan.files.limit.is_some() || moves) {
            return Ok(None);
        }
        let chooses = projections.is_none();
        let mut projections = projections.unwrap_or_default().into_iter();
        let (mut groups_wanted, mut groups_ruled_out) = (0, 0);
        let mut files = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let (projection, schema) = match projections.next() {
                Some(projection) => (projection, Arc::clone(&asked.schema)),
                None => (ProjectionExprs::new([]), Arc::new(Schema::empty())),
            };
            let wanted = bounds::wanted(&asked, &candidate.segment, &candidate.stats);
            groups_wanted += wanted.iter().filter(|wanted| **wanted).count();
            groups_ruled_out += wanted.iter().filter(|wanted| !**wanted).count();
            files.push(Arc::new(candidate.file(&wanted, projection, schema)?));
        }
        let queue = moves.then(|| Arc::new(Queue::new(asked, &files, scan.first.as_ref())));
        Ok(Some(Self { files, cache: Arc::clone(&scan.columns), chooses, queue, groups_wanted, groups_ruled_out }))
    }

    /// The rows that fall to a partition of the scan.
    pub(crate) fn open(
        &self,
        scan: &LakeScan,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let schema = scan.files.projected_schema()?;
        let metrics = scan.files.file_source().metrics();
        if partition == 0 {
            let groups = MetricBuilder::new(metrics).pruning_metrics("row_groups_pruned_statistics", partition);
            groups.add_pruned(self.groups_ruled_out);
            groups.add_matched(self.groups_wanted);
        }
        let bytes = MetricBuilder::new(metrics).counter("bytes_scanned", partition);
        let columns = Columns { cache: Arc::clone(&self.cache), bytes };
        let (baseline, partitions) = (BaselineMetrics::new(metrics, partition), scan.files.file_groups.len());
        if let Some(queue) = &self.queue {
            let batches = top::batches(Arc::clone(queue), (partition, partitions), columns);
            return Ok(batch::stream(schema, batches, scan.files.limit, baseline));
        }
        let dealt = futures::stream::iter(self.dealt(partition, partitions));
        if !self.chooses {
            let batches = dealt.flat_map(move |(file, blocks)| file::batches(file, blocks, columns.clone()));
            return Ok(batch::stream(schema, batches, scan.files.limit, baseline));
        }
        let rows = unfiltered(scan, &columns)?;
        let chosen = dealt.then(move |(file, blocks)| {
            let (columns, rows, context) = (columns.clone(), rows.clone(), Arc::clone(&context));
            async move {
                let Some(file) = file.chosen(&blocks, &columns).await? else {
                    let nothing = RecordBatchStreamAdapter::new(rows.projected_schema()?, futures::stream::empty());
                    return Ok(Box::pin(nothing) as SendableRecordBatchStream);
                };
                let one = vec![FileGroup::new(vec![file])];
                FileScanConfigBuilder::from(rows).with_file_groups(one).build().open(0, context)
            }
        });
        Ok(batch::stream(schema, chosen.try_flatten(), None, baseline))
    }

    /// The blocks of all files dealt out in turn, and of them the partition's.
    fn dealt(&self, partition: usize, partitions: usize) -> Vec<(Arc<File>, Vec<usize>)> {
        let mut turn = 0;
        let deal = |file: &Arc<File>| {
            let is_ours = |_: &usize| {
                turn += 1;
                (turn - 1) % partitions == partition
            };
            (Arc::clone(file), file.blocks.iter().copied().filter(is_ours).collect::<Vec<_>>())
        };
        self.files.iter().map(deal).filter(|(_, blocks)| !blocks.is_empty()).collect()
    }
}

/// A file whose resident columns answer the filter.
struct Candidate {
    partitioned: PartitionedFile,
    segment: Arc<Segment>,
    stats: Arc<SegmentStats>,
    adapter: Arc<dyn PhysicalExprAdapter>,
    /// Over the columns as they are kept.
    predicate: Option<Arc<dyn PhysicalExpr>>,
}

/// The files; `None` if the filter reads a column of one of them that is not resident.
fn candidates(scan: &LakeScan, asked: &ScanRequest) -> Result<Option<Vec<Candidate>>> {
    let (mut candidates, mut seen) = (Vec::new(), HashSet::new());
    for file in scan.files.file_groups.iter().flat_map(FileGroup::iter) {
        let Some(SegmentHandle { segment, stats }) = file.extension::<SegmentHandle>() else { return Ok(None) };
        // Splitting between cores has made several of one.
        if !seen.insert(Arc::as_ptr(segment).addr()) {
            continue;
        }
        let adapter = asked.adapter(stats.layout.schema())?;
        let predicate = asked.predicate.as_ref().map(|predicate| adapter.rewrite(Arc::clone(predicate))).transpose()?;
        if !stats.layout.has(predicate.iter().flat_map(columns_of)) {
            return Ok(None);
        }
        let partitioned = PartitionedFile { range: None, ..file.clone() };
        let (segment, stats) = (Arc::clone(segment), Arc::clone(stats));
        candidates.push(Candidate { partitioned, segment, stats, adapter, predicate });
    }
    Ok(Some(candidates))
}

impl Candidate {
    /// The projection over the columns as they are kept; `None` if it reads one that is not resident.
    fn projection(&self, asked: &ProjectionExprs) -> Result<Option<ProjectionExprs>> {
        let projection = asked.clone().try_map_exprs(|expr| self.adapter.rewrite(expr))?;
        let is_resident = self.stats.layout.has(projection.expr_iter().flat_map(|expr| columns_of(&expr)));
        Ok(is_resident.then_some(projection))
    }

    /// The file with the blocks of the row groups that are wanted.
    fn file(self, wanted: &[bool], projection: ProjectionExprs, schema: SchemaRef) -> Result<File> {
        let blocks = self.stats.layout.blocks.iter().enumerate().filter(|(_, block)| wanted[block.group]);
        let blocks = blocks.map(|(at, _)| at).collect();
        let reader = Reader::new(self.predicate, projection, self.stats.layout.schema(), schema)?;
        Ok(File { partitioned: self.partitioned, segment: self.segment, stats: self.stats, reader, blocks })
    }
}

/// The scan of files without its filter.
fn unfiltered(scan: &LakeScan, columns: &Columns) -> Result<FileScanConfig> {
    let files = &scan.files;
    let Some(projection) = files.file_source().projection().cloned() else {
        return internal_err!("a scan without a projection");
    };
    let readers = SegmentReaders { chosen: Some(columns.bytes.clone()) };
    let source = parquet_source(scan.adapter.table.inner_schema()).with_parquet_file_reader_factory(Arc::new(readers));
    let source = source_of(source, None, &projection)?;
    Ok(FileScanConfigBuilder::from(files.clone()).with_source(source).build())
}

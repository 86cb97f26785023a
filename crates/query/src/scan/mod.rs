//! The scan of one table: segments by DataFusion's own Parquet source, or by their resident columns, then the tail by the
//! same rules.
//!
//! One data source holds both, rather than a union of two, because a union lets no projection through that does not
//! make the schema narrower, and it is the projections that turn `input_features->>'gender'` into a column. Whatever
//! the optimizer pushes down (projections, filters, limits, the moving bound of a top-k) goes to the file scan; the
//! tail reads it from there, so the two cannot differ.

mod lookup;
mod resident;
mod tail;

use super::adapt::FlatAdapterFactory;
use super::batch::{self, ScanRequest};
use super::columns::ColumnCache;
use arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::{DataSource, OpenArgs};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, Partitioning, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::SchedulingType;
use datafusion::physical_plan::filter_pushdown::FilterPushdownPropagation;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::{DisplayFormatType, SortOrderPushdownResult};
use onrecord_lake::{Chunk, Key, LeafIndex};
use std::any::Any;
use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, OnceLock};

/// Segments and tail of one table.
#[derive(Clone)]
pub(super) struct LakeScan {
    /// The segments, and everything that was pushed down.
    pub(super) files: FileScanConfig,
    /// The tail, by partition; never without a partition when there are no files.
    pub(super) tail: Vec<Vec<Arc<Chunk>>>,
    /// How expressions are rewritten for a batch in memory.
    pub(super) adapter: Arc<FlatAdapterFactory>,
    /// What of the segments is in memory.
    pub(super) columns: Arc<ColumnCache>,
    /// What the segments' indexes look up.
    pub(super) keys: Arc<[Key]>,
    /// Rows in files and tail, of all kinds.
    pub(super) rows: usize,
    /// The only leaves that are wanted, ascending, where they are known. The filter says so too.
    pub(super) leaves: Option<Arc<[LeafIndex]>>,
    /// What a sort above wants first: worth reading first. A column of the scan's answer.
    pub(super) first: Option<PhysicalSortExpr>,
    /// How the segments are read.
    pub(super) resident: ResidentPlan,
}

/// Made once, by the first partition that is opened, so that all divide the same work among them. The clone of a scan
/// is about to become another scan, for which it must be made anew.
#[derive(Default)]
pub(super) struct ResidentPlan(OnceLock<Chosen>);

/// How the segments are read.
#[derive(Clone)]
enum Chosen {
    /// The rows that indexes found.
    Lookup(Arc<lookup::Scan>),
    /// By what of them is in memory.
    Resident(Arc<resident::Scan>),
    /// By DataFusion's Parquet source.
    Parquet,
}

impl Clone for ResidentPlan {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl ResidentPlan {
    fn of(&self, scan: &LakeScan) -> Result<Chosen> {
        if let Some(decided) = self.0.get() {
            return Ok(decided.clone());
        }
        let decided = match lookup::Scan::of(scan)? {
            Some(scan) => Chosen::Lookup(Arc::new(scan)),
            None => resident::Scan::of(scan)?.map_or(Chosen::Parquet, |scan| Chosen::Resident(Arc::new(scan))),
        };
        Ok(self.0.get_or_init(|| decided).clone())
    }
}

impl Debug for LakeScan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "LakeScan({}, {:?})", self.adapter.table.name, self.files)
    }
}

impl LakeScan {
    fn with_files(&self, files: &dyn DataSource) -> Result<Arc<dyn DataSource>> {
        match files.downcast_ref::<FileScanConfig>() {
            Some(files) => Ok(Arc::new(Self { files: files.clone(), ..self.clone() })),
            None => internal_err!("a file scan became something else"),
        }
    }

    fn projected_schema(&self) -> Result<SchemaRef> {
        self.files.projected_schema()
    }

    fn open_tail(&self, partition: usize) -> Result<SendableRecordBatchStream> {
        let Some(chunks) = self.tail.get(partition) else { return internal_err!("no partition {partition}") };
        let source = self.files.file_source();
        let Some(projection) = source.projection().cloned() else {
            return internal_err!("a scan without a projection");
        };
        let (predicate, schema) = (source.filter(), self.projected_schema()?);
        let asked =
            ScanRequest { adapter: Arc::clone(&self.adapter), predicate, projection, schema: Arc::clone(&schema) };
        let baseline = BaselineMetrics::new(source.metrics(), self.files.file_groups.len() + partition);
        let batches = futures::stream::iter(tail::batches(asked, chunks.clone()));
        Ok(batch::stream(schema, batches, self.files.limit, baseline))
    }
}

/// The scan, told what is wanted first.
fn with_first(scan: &Arc<dyn DataSource>, order: &[PhysicalSortExpr]) -> Arc<dyn DataSource> {
    match scan.downcast_ref::<LakeScan>() {
        Some(scan) => Arc::new(LakeScan { first: order.first().cloned(), ..scan.clone() }),
        None => Arc::clone(scan),
    }
}

impl DataSource for LakeScan {
    fn open(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.open_with_args(OpenArgs::new(partition, context))
    }

    fn open_with_args(&self, args: OpenArgs) -> Result<SendableRecordBatchStream> {
        match args.partition.checked_sub(self.files.file_groups.len()) {
            None => match self.resident.of(self)? {
                Chosen::Lookup(scan) => scan.open(self, args.partition, &args.context),
                Chosen::Resident(scan) => scan.open(self, args.partition, args.context),
                Chosen::Parquet => self.files.open_with_args(args),
            },
            Some(partition) => self.open_tail(partition),
        }
    }

    fn fmt_as(&self, t: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        self.files.fmt_as(t, f)?;
        let chunks: usize = self.tail.iter().map(Vec::len).sum();
        match t {
            DisplayFormatType::TreeRender => writeln!(f, "tail_chunks={chunks}"),
            _ => write!(f, ", tail_chunks={chunks}"),
        }
    }

    fn repartitioned(
        &self,
        target_partitions: usize,
        repartition_file_min_size: usize,
        output_ordering: Option<LexOrdering>,
    ) -> Result<Option<Arc<dyn DataSource>>> {
        if self.files.file_groups.is_empty() {
            return Ok(None);
        }
        let files = self.files.repartitioned(target_partitions, repartition_file_min_size, output_ordering)?;
        files.map(|files| self.with_files(files.as_ref())).transpose()
    }

    fn output_partitioning(&self) -> Partitioning {
        Partitioning::UnknownPartitioning(self.files.file_groups.len() + self.tail.len())
    }

    fn eq_properties(&self) -> EquivalenceProperties {
        self.files.eq_properties()
    }

    fn scheduling_type(&self) -> SchedulingType {
        SchedulingType::Cooperative
    }

    fn partition_statistics(&self, _partition: Option<usize>) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(self.projected_schema()?.as_ref());
        statistics.num_rows = match self.files.file_source().filter() {
            None => Precision::Exact(self.rows),
            Some(_) => Precision::Inexact(self.rows),
        };
        Ok(Arc::new(statistics))
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn DataSource>> {
        self.with_files(self.files.with_fetch(limit)?.as_ref()).ok()
    }

    fn fetch(&self) -> Option<usize> {
        self.files.fetch()
    }

    fn metrics(&self) -> ExecutionPlanMetricsSet {
        self.files.metrics()
    }

    fn try_swapping_with_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn DataSource>>> {
        let files = self.files.try_swapping_with_projection(projection)?;
        files.map(|files| self.with_files(files.as_ref())).transpose()
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn DataSource>>> {
        let pushed = self.files.try_pushdown_filters(filters, config)?;
        let updated_node = pushed.updated_node.map(|files| self.with_files(files.as_ref())).transpose()?;
        Ok(FilterPushdownPropagation { filters: pushed.filters, updated_node })
    }

    fn try_pushdown_sort(&self, order: &[PhysicalSortExpr]) -> Result<SortOrderPushdownResult<Arc<dyn DataSource>>> {
        // The files may come in order, the tail beside them never does: what is exact for them is a hint for both.
        Ok(match self.files.try_pushdown_sort(order)? {
            SortOrderPushdownResult::Exact { inner } | SortOrderPushdownResult::Inexact { inner } => {
                let files = self.with_files(inner.as_ref())?;
                SortOrderPushdownResult::Inexact { inner: with_first(&files, order) }
            }
            SortOrderPushdownResult::Unsupported => SortOrderPushdownResult::Unsupported,
        })
    }

    fn with_preserve_order(&self, preserve_order: bool) -> Option<Arc<dyn DataSource>> {
        self.with_files(self.files.with_preserve_order(preserve_order)?.as_ref()).ok()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.files.apply_expressions(f)
    }

    fn create_sibling_state(&self, config: &ConfigOptions) -> Option<Arc<dyn Any + Send + Sync>> {
        self.files.create_sibling_state(config)
    }
}

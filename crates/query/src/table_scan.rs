//! The scan of a table as it is planned: its segments with what is known of them, the tail, and the whole filter.

use super::adapt::FlatAdapterFactory;
use super::columns::ColumnCache;
use super::guard::SEGMENTS_URL;
use super::identity::IdentityResolver;
use super::kernel::cover;
use super::review::{Followed, Reviews};
use super::scan::{LakeScan, ResidentPlan};
use super::segment::{SegmentHandle, SegmentStats, column_of, parquet_source, source_of};
use super::table::{Replaced, Source, Table, unreviewed_name};
use arrow::datatypes::Schema;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, internal_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, lit};
use datafusion::physical_expr::projection::{ProjectionExpr, ProjectionExprs};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, conjunction as all_of, split_conjunction};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;
use onrecord_lake::schema::column;
use onrecord_lake::{Chunk, LeafRange, Snapshot};
use std::sync::Arc;

/// Ranges of reviewed leaves that a pruning filter lists.
const REVIEW_RANGES_MAX: usize = 16;

/// A snapshot of the lake with what planning needs to know of it.
pub(super) struct QuerySnapshot {
    pub(super) lake: Snapshot,
    /// One for each segment.
    pub(super) stats: Vec<Arc<SegmentStats>>,
    /// What of the segments is in memory.
    pub(super) columns: Arc<ColumnCache>,
}

impl QuerySnapshot {
    /// Those of the segments and chunks that may have some of these leaves.
    pub(super) fn within(&self, leaves: LeafRange) -> Self {
        let meets = |other: LeafRange| other.start < leaves.end && leaves.start < other.end;
        let segments = self.lake.segments.iter().zip(&self.stats).filter(|(segment, _)| meets(segment.leaves()));
        let (segments, stats): (Vec<_>, Vec<_>) =
            segments.map(|(segment, stats)| (Arc::clone(segment), Arc::clone(stats))).unzip();
        let chunks = self.lake.chunks.iter().filter(|chunk| meets(chunk.leaves())).cloned().collect();
        let lake = Snapshot { keys: Arc::clone(&self.lake.keys), segments: segments.into(), chunks };
        Self { lake, stats, columns: Arc::clone(&self.columns) }
    }
}

/// A table over one snapshot, for one caller.
#[derive(Clone)]
pub(super) struct TableScan {
    pub(super) table: Arc<Table>,
    pub(super) snapshot: Arc<QuerySnapshot>,
    pub(super) identity: Option<Arc<IdentityResolver>>,
    pub(super) partitions: usize,
}

impl TableScan {
    /// The scan of visible columns by position, of rows for which `predicate`, over inner columns, holds.
    pub(super) fn plan(
        &self,
        predicate: Option<Arc<dyn PhysicalExpr>>,
        columns: &[usize],
        limit: Option<usize>,
        followed: Followed,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = self.table.inner_schema();
        let reviews = followed.reviews.filter(|reviews| !reviews.is_empty());
        let outcomes = followed.outcomes.filter(|outcomes| !outcomes.is_empty());
        let adapter = Arc::new(FlatAdapterFactory {
            table: Arc::clone(&self.table),
            identity: self.identity.clone(),
            followed: Followed { reviews: reviews.clone(), outcomes },
        });
        let predicate = self.complete(predicate, &schema, reviews.as_deref())?;
        let projection = ProjectionExprs::new(columns.iter().map(|at| {
            let column = &self.table.columns()[*at];
            ProjectionExpr::new(Arc::new(Column::new(column.inner, *at)), column.name)
        }));
        let source = source_of(parquet_source(Arc::clone(&schema)), predicate, &projection)?;
        let files = FileScanConfigBuilder::new(ObjectStoreUrl::parse(SEGMENTS_URL)?, source)
            .with_file_groups(self.file_groups())
            .with_limit(limit)
            .with_expr_adapter(Some(Arc::clone(&adapter) as _))
            .build();
        let sealed: u64 = self.snapshot.lake.segments.iter().map(|segment| segment.rows()).sum();
        let tail = self.snapshot.lake.chunks.iter().map(|chunk| chunk.leaves().count());
        let rows = usize::try_from(sealed + tail.sum::<u64>()).unwrap_or(usize::MAX);
        let columns = Arc::clone(&self.snapshot.columns);
        let (keys, resident) = (Arc::clone(&self.snapshot.lake.keys), ResidentPlan::default());
        let scan =
            LakeScan { files, tail: self.tail(), adapter, columns, keys, rows, leaves: None, first: None, resident };
        Ok(Arc::new(DataSourceExec::new(Arc::new(scan))))
    }

    /// Files dealt out to partitions in turn; which core reads which file is settled while the scan runs.
    fn file_groups(&self) -> Vec<FileGroup> {
        let snapshot = &self.snapshot;
        let groups = snapshot.lake.segments.len().min(self.partitions);
        let mut dealt: Vec<Vec<PartitionedFile>> = vec![Vec::new(); groups];
        for (at, (segment, stats)) in snapshot.lake.segments.iter().zip(&snapshot.stats).enumerate() {
            let name = segment.path().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let file = PartitionedFile::new(name, segment.bytes())
                .with_arrow_schema(Arc::clone(&stats.schema))
                .with_statistics(Arc::new(stats.statistics(&self.table)))
                .with_extension(SegmentHandle { segment: Arc::clone(segment), stats: Arc::clone(stats) });
            dealt[at % groups].push(file);
        }
        dealt.into_iter().map(FileGroup::new).collect()
    }

    fn tail(&self) -> Vec<Vec<Arc<Chunk>>> {
        let snapshot = &self.snapshot.lake;
        let least = usize::from(snapshot.segments.is_empty());
        let mut dealt = vec![Vec::new(); snapshot.chunks.len().min(self.partitions).max(least)];
        let partitions = dealt.len();
        for (at, chunk) in snapshot.chunks.iter().enumerate() {
            dealt[at % partitions].push(Arc::clone(chunk));
        }
        dealt
    }

    /// Visible columns to inner ones.
    pub(super) fn inner(&self, predicate: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        predicate
            .transform(|expr| {
                let Some(column) = expr.downcast_ref::<Column>() else { return Ok(Transformed::no(expr)) };
                let Some(visible) = self.table.columns().get(column.index()) else {
                    return internal_err!("a filter over an unknown column");
                };
                Ok(Transformed::yes(Arc::new(Column::new(visible.inner, column.index())) as _))
            })
            .data()
    }

    /// The predicate with the kind of the table, and with what may be said of reviewed columns before reviews are
    /// looked at.
    fn complete(
        &self,
        predicate: Option<Arc<dyn PhysicalExpr>>,
        schema: &Schema,
        reviews: Option<&Reviews>,
    ) -> Result<Option<Arc<dyn PhysicalExpr>>> {
        let mut parts: Vec<Arc<dyn PhysicalExpr>> = Vec::new();
        if let Some(kind) = self.table.kind {
            let word = lit(ScalarValue::Utf8View(Some(kind.as_str().to_owned())));
            parts.push(Arc::new(BinaryExpr::new(column_of(column::KIND, schema)?, Operator::Eq, word)));
        }
        if let Some(predicate) = predicate {
            for part in split_conjunction(&predicate) {
                if let Some(reviews) = reviews {
                    parts.extend(self.before_reviews(part, schema, reviews)?);
                }
                parts.push(Arc::clone(part));
            }
        }
        Ok((!parts.is_empty()).then(|| all_of(parts)))
    }

    /// For a filter over reviewed columns: that it holds for what the decision itself says, or that the row lies where
    /// reviews are. Statistics can answer that, which they cannot for the filter itself.
    fn before_reviews(
        &self,
        filter: &Arc<dyn PhysicalExpr>,
        schema: &Schema,
        reviews: &Reviews,
    ) -> Result<Option<Arc<dyn PhysicalExpr>>> {
        let reviewed = |name: &str| match self.table.inner_column(name)?.source {
            Source::Reviewed(reviewed) => Some(reviewed),
            _ => None,
        };
        if !collect_columns(filter).iter().any(|column| reviewed(column.name()).is_some()) {
            return Ok(None);
        }
        let own = Arc::clone(filter).transform(|expr| {
            let found = expr.downcast_ref::<Column>().and_then(|column| reviewed(column.name()));
            let Some(found): Option<Replaced> = found else { return Ok(Transformed::no(expr)) };
            Ok(Transformed::yes(column_of(unreviewed_name(found), schema)?))
        });
        let mut may = own.data()?;
        let leaf = column_of(column::LEAF_INDEX, schema)?;
        for (first, last) in cover(&reviews.page_starts(), REVIEW_RANGES_MAX) {
            let (first, last) = reviews.bounds(first, last);
            let bound = |op, leaf_index: i64| -> Arc<dyn PhysicalExpr> {
                Arc::new(BinaryExpr::new(Arc::clone(&leaf), op, lit(leaf_index)))
            };
            let within: Arc<dyn PhysicalExpr> =
                Arc::new(BinaryExpr::new(bound(Operator::GtEq, first), Operator::And, bound(Operator::LtEq, last)));
            may = Arc::new(BinaryExpr::new(may, Operator::Or, within));
        }
        Ok(Some(may))
    }
}

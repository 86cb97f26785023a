//! The tables as DataFusion sees them: every filter is applied by the scan itself.

use super::adapt::FlatAdapterFactory;
use super::desk::ReviewDesk;
use super::facts::Facts;
use super::guard::SEGMENTS_URL;
use super::identity::Entitled;
use super::kernel::cover;
use super::reader::{SegmentHandle, SegmentReaders};
use super::resident::ColumnCache;
use super::review::Reviews;
use super::scan::{Decision, LakeScan};
use super::table::{AI_AUDIT_LOGS, Replaced, Source, Table, unreviewed_name};
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result, internal_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, FileSource, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown, Volatility};
use datafusion::physical_expr::expressions::{BinaryExpr, Column, lit};
use datafusion::physical_expr::projection::{ProjectionExpr, ProjectionExprs};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, conjunction as all_of, split_conjunction};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;
use onrecord_lake::Chunk;
use onrecord_lake::Snapshot;
use onrecord_lake::schema::column;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

/// Ranges of reviewed leaves that a pruning filter lists.
const REVIEW_RANGES_MAX: usize = 16;

/// A snapshot with what planning needs to know of it.
pub(super) struct Moment {
    pub(super) snapshot: Snapshot,
    /// One for each segment.
    pub(super) facts: Vec<Arc<Facts>>,
    /// What of the segments is in memory.
    pub(super) columns: Arc<ColumnCache>,
}

/// One table at one moment, for one caller.
pub(super) struct LakeTable {
    pub(super) table: Arc<Table>,
    pub(super) moment: Arc<Moment>,
    pub(super) identity: Option<Arc<Entitled>>,
    /// Asked when a query touches a column that reviews replace.
    pub(super) desk: Arc<ReviewDesk>,
    pub(super) partitions: usize,
}

impl Debug for LakeTable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "LakeTable({})", self.table.name)
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        if self.table.name == AI_AUDIT_LOGS { TableType::View } else { TableType::Base }
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let applies = |filter: &&Expr| {
            let foreign = filter.exists(|expr| {
                Ok(match expr {
                    Expr::ScalarSubquery(_)
                    | Expr::InSubquery(_)
                    | Expr::Exists(_)
                    | Expr::OuterReferenceColumn(..)
                    | Expr::Placeholder(_) => true,
                    Expr::ScalarFunction(call) => call.func.signature().volatility == Volatility::Volatile,
                    _ => false,
                })
            });
            match foreign {
                Ok(false) => TableProviderFilterPushDown::Exact,
                _ => TableProviderFilterPushDown::Unsupported,
            }
        };
        Ok(filters.iter().map(applies).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let predicate = match conjunction(filters.iter().cloned()) {
            Some(filter) => {
                let schema = DFSchema::try_from(self.table.schema())?;
                Some(self.inner(state.create_physical_expr(filter, &schema)?)?)
            }
            None => None,
        };
        let columns: Vec<usize> = match projection {
            Some(projection) => projection.clone(),
            None => (0..self.table.columns().len()).collect(),
        };
        let reviews = match self.is_reviewed(predicate.as_ref(), &columns) {
            true => Some(self.desk.at(&self.moment, self.partitions, state.task_ctx()).await?),
            false => None,
        };
        self.plan(predicate, &columns, limit, reviews)
    }
}

impl LakeTable {
    /// The scan of visible columns by position, of rows for which `predicate`, over inner columns, holds.
    pub(super) fn plan(
        &self,
        predicate: Option<Arc<dyn PhysicalExpr>>,
        columns: &[usize],
        limit: Option<usize>,
        reviews: Option<Arc<Reviews>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = self.table.inner_schema();
        let reviews = reviews.filter(|reviews| !reviews.is_empty());
        let adapter = Arc::new(FlatAdapterFactory {
            table: Arc::clone(&self.table),
            identity: self.identity.clone(),
            reviews: reviews.clone(),
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
        let sealed: u64 = self.moment.snapshot.segments.iter().map(|segment| segment.rows()).sum();
        let tail =
            self.moment.snapshot.chunks.iter().map(|chunk| chunk.leaves()).map(|leaves| leaves.end - leaves.start);
        let rows = usize::try_from(sealed + tail.sum::<u64>()).unwrap_or(usize::MAX);
        let columns = Arc::clone(&self.moment.columns);
        let (keys, resident) = (Arc::clone(&self.moment.snapshot.keys), Decision::default());
        let scan = LakeScan { files, tail: self.tail(), adapter, columns, keys, rows, resident };
        Ok(Arc::new(DataSourceExec::new(Arc::new(scan))))
    }

    /// Whether a column is read that reviews replace.
    fn is_reviewed(&self, predicate: Option<&Arc<dyn PhysicalExpr>>, columns: &[usize]) -> bool {
        let filtered = predicate.map(collect_columns).unwrap_or_default();
        let filtered = filtered.iter().filter_map(|column| self.table.inner_column(column.name()));
        let read = columns.iter().filter_map(|at| self.table.columns().get(*at));
        filtered.chain(read).any(|column| matches!(column.source, Source::Reviewed(_)))
    }

    /// Files dealt out to partitions in turn; which core reads which file is settled while the scan runs.
    fn file_groups(&self) -> Vec<FileGroup> {
        let moment = &self.moment;
        let groups = moment.snapshot.segments.len().min(self.partitions);
        let mut dealt: Vec<Vec<PartitionedFile>> = vec![Vec::new(); groups];
        for (at, (segment, facts)) in moment.snapshot.segments.iter().zip(&moment.facts).enumerate() {
            let name = segment.path().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let file = PartitionedFile::new(name, segment.bytes())
                .with_arrow_schema(Arc::clone(&facts.schema))
                .with_statistics(Arc::new(facts.statistics(&self.table)))
                .with_extension(SegmentHandle { segment: Arc::clone(segment), facts: Arc::clone(facts) });
            dealt[at % groups].push(file);
        }
        dealt.into_iter().map(FileGroup::new).collect()
    }

    fn tail(&self) -> Vec<Vec<Arc<Chunk>>> {
        let snapshot = &self.moment.snapshot;
        let least = usize::from(snapshot.segments.is_empty());
        let mut dealt = vec![Vec::new(); snapshot.chunks.len().min(self.partitions).max(least)];
        let partitions = dealt.len();
        for (at, chunk) in snapshot.chunks.iter().enumerate() {
            dealt[at % partitions].push(Arc::clone(chunk));
        }
        dealt
    }

    /// Visible columns to inner ones.
    fn inner(&self, predicate: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
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
        for (first, last) in cover(&reviews.leaves, REVIEW_RANGES_MAX) {
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

/// Reads segments, and rules out what it can before it decodes.
pub(super) fn parquet_source(inner_schema: SchemaRef) -> ParquetSource {
    ParquetSource::new(inner_schema)
        .with_parquet_file_reader_factory(Arc::new(SegmentReaders::default()))
        .with_pushdown_filters(true)
        .with_reorder_filters(true)
        .with_enable_page_index(true)
        .with_bloom_filter_on_read(true)
}

/// The source with a predicate and a projection.
pub(super) fn source_of(
    source: ParquetSource,
    predicate: Option<Arc<dyn PhysicalExpr>>,
    projection: &ProjectionExprs,
) -> Result<Arc<dyn FileSource>> {
    let source = match predicate {
        Some(predicate) => source.with_predicate(predicate),
        None => source,
    };
    match source.try_pushdown_projection(projection)? {
        Some(source) => Ok(source),
        None => internal_err!("the Parquet source takes any projection"),
    }
}

/// The column of an inner schema by name.
pub(super) fn column_of(name: &str, schema: &Schema) -> Result<Arc<dyn PhysicalExpr>> {
    Ok(Arc::new(Column::new_with_schema(name, schema)?))
}

//! `ORDER BY … LIMIT`: first which rows, then what they hold.
//!
//! A top-k over a scan would put the documents together of every row that is for a moment among the first k; over rows
//! that lie in the opposite order, that is every row. So where something is costly the scan below the sort gives nulls for
//! all that is not sorted by, and the leaf index; and when the k rows are known, they are read by their leaves.

use super::kernel::cover;
use super::scan::LakeScan;
use super::segment::{column_of, parquet_source, source_of};
use super::table::Source;
use crate::json::member::JsonMember;
use arrow::array::{Array, AsArray, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{Int64Type, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::datasource::physical_plan::FileScanConfigBuilder;
use datafusion::datasource::source::{DataSource, DataSourceExec};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, InListExpr, Literal, lit};
use datafusion::physical_expr::projection::{ProjectionExpr, ProjectionExprs};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, Partitioning, PhysicalExpr, ScalarFunctionExpr, split_conjunction,
};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
    SortOrderPushdownResult, collect, execute_stream,
};
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;
use onrecord_lake::LeafIndex;
use onrecord_lake::schema::column;
use std::collections::{BTreeSet, HashMap};
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

/// With a greater limit, reading rows a second time costs more than it saves.
const ROWS_MAX: usize = 10_000;

/// Ranges of leaves that statistics are asked about.
const RANGES_MAX: usize = 32;

/// The name of the column with the leaf index in the first scan.
const LEAF: &str = "leaf_index of the row";

/// Puts [`ReadLate`] where it helps.
#[derive(Debug)]
pub(super) struct LateReads;

impl PhysicalOptimizerRule for LateReads {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|plan| match top_rows(&plan) {
            Some((sort, scan)) => match read_late(&plan, sort, scan)? {
                Some(late) => Ok(Transformed::new(late, true, TreeNodeRecursion::Jump)),
                None => Ok(Transformed::no(plan)),
            },
            None => Ok(Transformed::no(plan)),
        })
        .data()
    }

    fn name(&self) -> &str {
        "late_reads"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The sort and the scan of a plan that is a top-k over a scan, with one stream of rows.
fn top_rows(plan: &Arc<dyn ExecutionPlan>) -> Option<(&SortExec, &LakeScan)> {
    let sort = match plan.downcast_ref::<SortPreservingMergeExec>() {
        Some(merge) => merge.input().downcast_ref::<SortExec>()?,
        None => plan
            .downcast_ref::<SortExec>()
            .filter(|sort| sort.properties().output_partitioning().partition_count() == 1)?,
    };
    let few = plan.fetch().or(sort.fetch()).is_some_and(|rows| rows <= ROWS_MAX) && sort.fetch().is_some();
    let scan = sort.input().downcast_ref::<DataSourceExec>()?.data_source().downcast_ref::<LakeScan>()?;
    few.then_some((sort, scan))
}

fn read_late(
    plan: &Arc<dyn ExecutionPlan>,
    sort: &SortExec,
    scan: &LakeScan,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let source = scan.files.file_source();
    let Some(projection) = source.projection() else { return Ok(None) };
    if source.filter().is_some_and(|filter| looks_up(scan, &filter)) {
        return Ok(None);
    }
    let sorted_by: BTreeSet<usize> =
        sort.expr().iter().flat_map(|key| collect_columns(&key.expr)).map(|column| column.index()).collect();
    let schema = plan.schema();
    let mut first: Vec<ProjectionExpr> = projection.iter().cloned().collect();
    let later = || (0..first.len()).filter(|at| !sorted_by.contains(at));
    if !later().any(|at| is_costly(scan, &first[at].expr)) {
        return Ok(None);
    }
    for at in later().collect::<Vec<_>>() {
        first[at].expr = Arc::new(Literal::new(ScalarValue::try_from(schema.field(at).data_type())?));
    }
    let leaf = ProjectionExpr::new(column_of(column::LEAF_INDEX, &scan.adapter.table.inner_schema())?, LEAF);
    first.push(leaf.clone());
    let first = projected(scan, ProjectionExprs::new(first), source.filter())?;
    let first = match first.try_pushdown_sort(sort.expr())? {
        SortOrderPushdownResult::Inexact { inner } => inner,
        _ => Arc::new(first),
    };
    let second = ProjectionExprs::new(projection.iter().cloned().chain([leaf]));
    let late = ReadLate {
        which: over(plan, Arc::new(DataSourceExec::new(first)))?,
        rows: projected(scan, second, None)?,
        properties: properties(Arc::clone(&schema), sort.expr().clone()),
        schema,
    };
    Ok(Some(Arc::new(late)))
}

/// Whether the filter wants certain ids: then there are few rows, and reading them twice costs more than it saves.
fn looks_up(scan: &LakeScan, filter: &Arc<dyn PhysicalExpr>) -> bool {
    let is_id = |expr: &Arc<dyn PhysicalExpr>| {
        let column = expr.downcast_ref::<Column>().and_then(|column| scan.adapter.table.inner_column(column.name()));
        match column.map(|column| &column.source) {
            Some(Source::EventId | Source::DecisionId | Source::InputHash | Source::User) => true,
            Some(Source::Stored(name, _)) => [column::USER_ID, column::REQUEST_ID, column::SESSION_ID].contains(name),
            _ => false,
        }
    };
    split_conjunction(filter).into_iter().any(|part| {
        let listed = part.downcast_ref::<InListExpr>().is_some_and(|list| !list.negated() && is_id(list.expr()));
        let equal = part
            .downcast_ref::<BinaryExpr>()
            .is_some_and(|binary| *binary.op() == Operator::Eq && (is_id(binary.left()) || is_id(binary.right())));
        listed || equal
    })
}

/// Whether the value takes a document to be put together, ids to be decoded, or the vault to be asked.
fn is_costly(scan: &LakeScan, expr: &Arc<dyn PhysicalExpr>) -> bool {
    if ScalarFunctionExpr::try_downcast_func::<JsonMember>(expr.as_ref()).is_some() {
        return false;
    }
    if let Some(column) = expr.downcast_ref::<Column>() {
        let source = scan.adapter.table.inner_column(column.name()).map(|column| &column.source);
        return match source {
            Some(Source::Document(_) | Source::Record | Source::Member(..) | Source::JsonMember(_)) => true,
            // Of a page of ids all before the one wanted are decoded.
            Some(Source::Reviewed(_) | Source::EventId | Source::DecisionId | Source::InputHash) => true,
            Some(Source::User) => scan.adapter.identity.is_some(),
            _ => false,
        };
    }
    expr.children().into_iter().any(|child| is_costly(scan, child))
}

/// The scan with another projection and predicate, of all rows.
fn projected(
    scan: &LakeScan,
    projection: ProjectionExprs,
    predicate: Option<Arc<dyn PhysicalExpr>>,
) -> Result<LakeScan> {
    let source = source_of(parquet_source(scan.adapter.table.inner_schema()), predicate, &projection)?;
    let files = FileScanConfigBuilder::from(scan.files.clone()).with_source(source).with_limit(None).build();
    Ok(LakeScan { files, ..scan.clone() })
}

/// The plan's sorting over another scan.
fn over(plan: &Arc<dyn ExecutionPlan>, scan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let below = match plan.downcast_ref::<SortPreservingMergeExec>() {
        Some(merge) => over_child(merge.input(), scan)?,
        None => scan,
    };
    over_child(plan, below)
}

fn over_child(plan: &Arc<dyn ExecutionPlan>, child: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let recompute = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    Arc::clone(plan).replace_children(vec![child], recompute)
}

fn properties(schema: SchemaRef, ordering: LexOrdering) -> Arc<PlanProperties> {
    Arc::new(PlanProperties::new(
        EquivalenceProperties::new_with_orderings(schema, [ordering]),
        Partitioning::UnknownPartitioning(1),
        EmissionType::Final,
        Boundedness::Bounded,
    ))
}

/// Reads rows by the leaves that another plan gives, in that plan's order.
struct ReadLate {
    /// Gives the leaves, in its last column.
    which: Arc<dyn ExecutionPlan>,
    /// Gives the rows, with the leaf in the last column, once it has a predicate.
    rows: LakeScan,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl Debug for ReadLate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "ReadLate({:?})", self.which)
    }
}

impl DisplayAs for ReadLate {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        write!(f, "ReadLate: columns=[{}]", names.join(", "))
    }
}

impl ExecutionPlan for ReadLate {
    fn name(&self) -> &'static str {
        "ReadLate"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.which]
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(which) = children.pop() else { return internal_err!("ReadLate has one child") };
        Ok(Arc::new(Self {
            which,
            rows: self.rows.clone(),
            schema: Arc::clone(&self.schema),
            properties: Arc::clone(&self.properties),
        }))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, _partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (which, rows, schema) = (Arc::clone(&self.which), self.rows.clone(), Arc::clone(&self.schema));
        let read = read(which, rows, Arc::clone(&schema), context);
        let batches = futures::stream::once(read).try_filter(|batch| std::future::ready(batch.num_rows() > 0));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }
}

async fn read(
    which: Arc<dyn ExecutionPlan>,
    rows: LakeScan,
    schema: SchemaRef,
    context: Arc<TaskContext>,
) -> Result<RecordBatch> {
    let mut leaves = Vec::new();
    for batch in collect(which, Arc::clone(&context)).await? {
        leaves.extend_from_slice(leaf_column(&batch)?.values());
    }
    if leaves.is_empty() {
        return Ok(RecordBatch::new_empty(schema));
    }
    let Some(projection) = rows.files.file_source().projection().cloned() else {
        return internal_err!("a scan without a projection");
    };
    let mut sorted: Vec<LeafIndex> = leaves.iter().map(|leaf| LeafIndex(leaf.cast_unsigned())).collect();
    sorted.sort_unstable();
    let rows = LakeScan { leaves: Some(sorted.into()), ..projected(&rows, projection, Some(among(&leaves, &rows)?))? };
    let rows = DataSourceExec::new(Arc::new(rows));
    let found_schema = rows.schema();
    let found: Vec<RecordBatch> = execute_stream(Arc::new(rows), context)?.try_collect().await?;
    in_order(&leaves, concat_batches(&found_schema, &found)?, schema)
}

/// The condition that a row's leaf is one of these.
fn among(leaves: &[i64], scan: &LakeScan) -> Result<Arc<dyn PhysicalExpr>> {
    let schema = scan.adapter.table.inner_schema();
    let leaf = column_of(column::LEAF_INDEX, &schema)?;
    let mut sorted = leaves.to_vec();
    sorted.sort_unstable();
    let bound = |op, at: i64| -> Arc<dyn PhysicalExpr> { Arc::new(BinaryExpr::new(Arc::clone(&leaf), op, lit(at))) };
    let ranges = cover(&sorted, RANGES_MAX).into_iter().map(|(first, last)| -> Arc<dyn PhysicalExpr> {
        Arc::new(BinaryExpr::new(bound(Operator::GtEq, first), Operator::And, bound(Operator::LtEq, last)))
    });
    let ranges = ranges.reduce(|left, right| Arc::new(BinaryExpr::new(left, Operator::Or, right)));
    let set = InListExpr::try_new_from_array(Arc::clone(&leaf), Arc::new(Int64Array::from(sorted)), false, &schema)?;
    Ok(match ranges {
        Some(ranges) => Arc::new(BinaryExpr::new(ranges, Operator::And, Arc::new(set))),
        None => Arc::new(set),
    })
}

/// The rows in the order of the leaves, without the leaf column.
fn in_order(leaves: &[i64], found: RecordBatch, schema: SchemaRef) -> Result<RecordBatch> {
    let places: HashMap<i64, u32> = leaf_column(&found)?.values().iter().copied().zip(0..).collect();
    let order: Option<Vec<u32>> = leaves.iter().map(|leaf| places.get(leaf).copied()).collect();
    let Some(order) = order else { return internal_err!("a row was gone when it was read again") };
    let rows = order.len();
    let sorted = take_record_batch(&found, &UInt32Array::from(order))?;
    let columns = sorted.columns()[..schema.fields().len()].to_vec();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}

fn leaf_column(batch: &RecordBatch) -> Result<&Int64Array> {
    match batch.columns().last().and_then(|column| column.as_primitive_opt::<Int64Type>()) {
        Some(leaves) if leaves.null_count() == 0 => Ok(leaves),
        _ => internal_err!("the last column is no leaf index"),
    }
}

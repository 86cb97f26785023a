//! The tables as DataFusion sees them: every filter is applied by the scan itself.

use super::review::{Followed, Reviews};
use super::review_reader::ReviewReader;
use super::table::{AI_AUDIT_LOGS, Source};
use super::table_scan::TableScan;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Result};
use datafusion::datasource::{TableProvider, TableType};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, Volatility};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::ExecutionPlan;
use onrecord_record::Kind;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

/// One table of a query.
pub(super) struct LakeTable {
    pub(super) scan: TableScan,
    /// Asked when a query touches a column that reviews replace, or where their decisions are.
    pub(super) reviews: Arc<ReviewReader>,
    /// Asked when a query touches the latest outcome, or where the decisions of outcomes are.
    pub(super) outcomes: Arc<ReviewReader>,
    /// What the query runs in.
    pub(super) task: Arc<TaskContext>,
}

impl Debug for LakeTable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "LakeTable({})", self.scan.table.name)
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        self.scan.table.schema()
    }

    fn table_type(&self) -> TableType {
        if self.scan.table.name == AI_AUDIT_LOGS { TableType::View } else { TableType::Base }
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
                let schema = DFSchema::try_from(self.scan.table.schema())?;
                Some(self.scan.inner(state.create_physical_expr(filter, &schema)?)?)
            }
            None => None,
        };
        let columns: Vec<usize> = match projection {
            Some(projection) => projection.clone(),
            None => (0..self.scan.table.columns().len()).collect(),
        };
        let is_read = |wanted: fn(&Source) -> bool| self.reads(predicate.as_ref(), &columns, wanted);
        if let Some(identity) = &self.scan.identity
            && is_read(|source| matches!(source, Source::User))
        {
            identity.note_use();
        }
        let decisions =
            is_read(|source| matches!(source, Source::DecisionLeaf)).then_some(self.scan.table.kind).flatten();
        let are_reviews_read = is_read(|source| matches!(source, Source::Reviewed(_)));
        let are_outcomes_read = is_read(|source| matches!(source, Source::LatestOutcome));
        let mut followed = Followed::default();
        if are_reviews_read || decisions == Some(Kind::Review) {
            followed.reviews = Some(self.read(&self.reviews).await?);
        }
        if are_outcomes_read || decisions == Some(Kind::Outcome) {
            followed.outcomes = Some(self.read(&self.outcomes).await?);
        }
        self.scan.plan(predicate, &columns, limit, followed)
    }
}

impl LakeTable {
    async fn read(&self, reader: &ReviewReader) -> Result<Arc<Reviews>> {
        reader.at(&self.scan.snapshot, self.scan.partitions, Arc::clone(&self.task)).await
    }

    /// Whether a column of that kind is filtered by or shown.
    fn reads(
        &self,
        predicate: Option<&Arc<dyn PhysicalExpr>>,
        columns: &[usize],
        wanted: impl Fn(&Source) -> bool,
    ) -> bool {
        let table = &self.scan.table;
        let filtered = predicate.map(collect_columns).unwrap_or_default();
        let filtered = filtered.iter().filter_map(|column| table.inner_column(column.name()));
        let shown = columns.iter().filter_map(|at| table.columns().get(*at));
        filtered.chain(shown).any(|column| wanted(&column.source))
    }
}

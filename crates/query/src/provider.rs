//! The tables as DataFusion sees them: every filter is applied by the scan itself.

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
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

/// One table of a query.
pub(super) struct LakeTable {
    pub(super) scan: TableScan,
    /// Asked when a query touches a column that reviews replace.
    pub(super) reviews: Arc<ReviewReader>,
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
        let reviews = match is_read(|source| matches!(source, Source::Reviewed(_))) {
            true => Some(self.reviews.at(&self.scan.snapshot, self.scan.partitions, Arc::clone(&self.task)).await?),
            false => None,
        };
        self.scan.plan(predicate, &columns, limit, reviews)
    }
}

impl LakeTable {
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

//! Reading batches that lie in memory: filter first, then only the columns that are asked for.

use super::adapt::FlatAdapterFactory;
use arrow::array::{AsArray, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::{ProjectionExprs, Projector};
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_expr_adapter::{PhysicalExprAdapter, PhysicalExprAdapterFactory};
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::metrics::BaselineMetrics;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{Stream, StreamExt};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a scan is asked for, over the table's inner columns.
#[derive(Clone)]
pub(super) struct ScanRequest {
    pub(super) adapter: Arc<FlatAdapterFactory>,
    pub(super) predicate: Option<Arc<dyn PhysicalExpr>>,
    pub(super) projection: ProjectionExprs,
    /// Of what comes out.
    pub(super) schema: SchemaRef,
}

/// What is asked for, rewritten for batches of one physical schema.
pub(super) struct Reader {
    needed: Vec<usize>,
    /// Over the needed columns.
    predicate: Option<Arc<dyn PhysicalExpr>>,
    /// Those of the needed columns that the projection is made of.
    shown: Vec<usize>,
    projector: Projector,
    schema: SchemaRef,
}

impl ScanRequest {
    /// Rewrites expressions over inner columns for batches of a physical schema.
    pub(super) fn adapter(&self, physical: &SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        self.adapter.create(self.adapter.table.inner_schema(), Arc::clone(physical))
    }

    pub(super) fn reader(&self, physical: &SchemaRef) -> Result<Reader> {
        let adapter = self.adapter(physical)?;
        let predicate = self.predicate.as_ref().map(|predicate| adapter.rewrite(Arc::clone(predicate))).transpose()?;
        let projection = self.projection.clone().try_map_exprs(|expr| adapter.rewrite(expr))?;
        Reader::new(predicate, projection, physical, Arc::clone(&self.schema))
    }
}

/// The places in the schema of the columns that an expression reads.
pub(super) fn columns_of(expr: &Arc<dyn PhysicalExpr>) -> impl Iterator<Item = usize> + use<> {
    collect_columns(expr).into_iter().map(|column| column.index())
}

impl Reader {
    /// `predicate` and `projection` are over the physical schema, `schema` is that of what the projection makes.
    pub(super) fn new(
        predicate: Option<Arc<dyn PhysicalExpr>>,
        projection: ProjectionExprs,
        physical: &SchemaRef,
        schema: SchemaRef,
    ) -> Result<Self> {
        let projected: BTreeSet<usize> = projection.expr_iter().flat_map(|expr| columns_of(&expr)).collect();
        let needed: BTreeSet<usize> = predicate.iter().flat_map(columns_of).chain(projected.iter().copied()).collect();
        let shown =
            needed.iter().enumerate().filter(|(_, at)| projected.contains(at)).map(|(place, _)| place).collect();
        let needed: Vec<usize> = needed.into_iter().collect();
        let (slim, seen) = (physical.project(&needed)?, physical.project(&Vec::from_iter(projected))?);
        Ok(Self {
            predicate: predicate.map(|predicate| reassign_expr_columns(predicate, &slim)).transpose()?,
            projector: projection.try_map_exprs(|expr| reassign_expr_columns(expr, &seen))?.make_projector(&seen)?,
            shown,
            needed,
            schema,
        })
    }

    /// The columns, by their place in the physical schema, that batches must have, and no others.
    pub(super) fn needed(&self) -> &[usize] {
        &self.needed
    }

    /// Which rows are wanted; `None` for all.
    pub(super) fn select(&self, batch: &RecordBatch) -> Result<Option<BooleanArray>> {
        let Some(predicate) = &self.predicate else { return Ok(None) };
        Ok(Some(predicate.evaluate(batch)?.into_array(batch.num_rows())?.as_boolean().clone()))
    }

    /// What is asked for of the wanted rows.
    pub(super) fn read(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let selected = self.select(batch)?;
        let mut batch = batch.project(&self.shown)?;
        if let Some(selected) = selected {
            batch = filter_record_batch(&batch, &selected)?;
        }
        let projected = self.projector.project_batch(&batch)?;
        // Only nullability and metadata differ from what was promised.
        let options = RecordBatchOptions::new().with_row_count(Some(projected.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), projected.columns().to_vec(), &options)?)
    }
}

/// The batches, empty ones left out, of at most so many rows.
pub(super) fn stream(
    schema: SchemaRef,
    batches: impl Stream<Item = Result<RecordBatch>> + Send + 'static,
    limit: Option<usize>,
    baseline: BaselineMetrics,
) -> SendableRecordBatchStream {
    let start = (Box::pin(batches), limit.unwrap_or(usize::MAX), baseline);
    let batches = futures::stream::unfold(start, async |(mut batches, wanted, baseline)| {
        if wanted == 0 {
            return None;
        }
        loop {
            match batches.next().await? {
                Ok(batch) if batch.num_rows() == 0 => {}
                Ok(batch) => {
                    let batch = batch.slice(0, batch.num_rows().min(wanted));
                    baseline.record_output(batch.num_rows());
                    let wanted = wanted - batch.num_rows();
                    return Some((Ok(batch), (batches, wanted, baseline)));
                }
                Err(error) => return Some((Err(error), (batches, 0, baseline))),
            }
        }
    });
    Box::pin(cooperative(RecordBatchStreamAdapter::new(schema, Box::pin(batches))))
}

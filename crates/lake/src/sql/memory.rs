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
use datafusion::physical_expr_adapter::PhysicalExprAdapterFactory;
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::metrics::BaselineMetrics;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a scan is asked for, over the table's inner columns.
#[derive(Clone)]
pub(super) struct Asked {
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

impl Reader {
    pub(super) fn new(asked: &Asked, physical: &SchemaRef) -> Result<Self> {
        let adapter = asked.adapter.create(asked.adapter.table.inner_schema(), Arc::clone(physical))?;
        let predicate = asked.predicate.as_ref().map(|predicate| adapter.rewrite(Arc::clone(predicate))).transpose()?;
        let projection = asked.projection.clone().try_map_exprs(|expr| adapter.rewrite(expr))?;
        let used = |expr: &Arc<dyn PhysicalExpr>| collect_columns(expr).into_iter().map(|column| column.index());
        let projected: BTreeSet<usize> = projection.expr_iter().flat_map(|expr| used(&expr)).collect();
        let needed: BTreeSet<usize> = predicate.iter().flat_map(used).chain(projected.iter().copied()).collect();
        let shown =
            needed.iter().enumerate().filter(|(_, at)| projected.contains(at)).map(|(place, _)| place).collect();
        let needed: Vec<usize> = needed.into_iter().collect();
        let (slim, seen) = (physical.project(&needed)?, physical.project(&Vec::from_iter(projected))?);
        Ok(Self {
            predicate: predicate.map(|predicate| reassign_expr_columns(predicate, &slim)).transpose()?,
            projector: projection.try_map_exprs(|expr| reassign_expr_columns(expr, &seen))?.make_projector(&seen)?,
            shown,
            needed,
            schema: Arc::clone(&asked.schema),
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

/// The batches as a stream, empty ones left out, of at most so many rows.
pub(super) fn stream(
    schema: SchemaRef,
    mut batches: impl Iterator<Item = Result<RecordBatch>> + Send + 'static,
    limit: Option<usize>,
    baseline: BaselineMetrics,
) -> SendableRecordBatchStream {
    let mut wanted = limit.unwrap_or(usize::MAX);
    let batches = std::iter::from_fn(move || {
        while wanted > 0 {
            let timer = baseline.elapsed_compute().timer();
            let batch = batches.next();
            timer.done();
            match batch? {
                Ok(batch) if batch.num_rows() == 0 => {}
                Ok(batch) => {
                    let batch = batch.slice(0, batch.num_rows().min(wanted));
                    wanted -= batch.num_rows();
                    baseline.record_output(batch.num_rows());
                    return Some(Ok(batch));
                }
                Err(error) => {
                    wanted = 0;
                    return Some(Err(error));
                }
            }
        }
        None
    });
    Box::pin(cooperative(RecordBatchStreamAdapter::new(schema, futures::stream::iter(batches))))
}

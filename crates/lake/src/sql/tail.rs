//! Reading the tail: chunk by chunk, filter first, then only the columns that are asked for.

use super::adapt::FlatAdapterFactory;
use crate::tail::Chunk;
use arrow::array::{AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::{ProjectionExprs, Projector};
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_expr_adapter::PhysicalExprAdapterFactory;
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What one partition of the tail is asked for.
pub(super) struct TailStream {
    pub(super) chunks: Vec<Arc<Chunk>>,
    pub(super) adapter: Arc<FlatAdapterFactory>,
    /// Over the table's inner columns.
    pub(super) predicate: Option<Arc<dyn PhysicalExpr>>,
    /// Over the table's inner columns.
    pub(super) projection: ProjectionExprs,
    /// Of what comes out.
    pub(super) schema: SchemaRef,
    /// Rows, at most.
    pub(super) limit: Option<usize>,
    pub(super) metrics: ExecutionPlanMetricsSet,
    pub(super) partition: usize,
}

/// The expressions, rewritten for one physical schema.
struct Rewritten {
    physical: SchemaRef,
    predicate: Option<Arc<dyn PhysicalExpr>>,
    /// The physical columns that the projection needs.
    columns: Vec<usize>,
    projector: Projector,
}

impl TailStream {
    pub(super) fn open(self, _context: &TaskContext) -> Result<SendableRecordBatchStream> {
        let schema = Arc::clone(&self.schema);
        let baseline = BaselineMetrics::new(&self.metrics, self.partition);
        let mut rewritten: Option<Rewritten> = None;
        let mut wanted = self.limit.unwrap_or(usize::MAX);
        let mut chunks = self.chunks.clone().into_iter();
        let batches = std::iter::from_fn(move || {
            while wanted > 0 {
                let chunk = chunks.next()?;
                let timer = baseline.elapsed_compute().timer();
                let batch = self.read(chunk.as_ref(), &mut rewritten);
                timer.done();
                match batch {
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
        let stream = RecordBatchStreamAdapter::new(schema, futures::stream::iter(batches));
        Ok(Box::pin(cooperative(stream)))
    }

    fn read(&self, chunk: &Chunk, rewritten: &mut Option<Rewritten>) -> Result<RecordBatch> {
        let batch = chunk.batch()?;
        let fits = rewritten.as_ref().is_some_and(|rewritten| rewritten.physical == batch.schema());
        let rewritten = match rewritten {
            Some(rewritten) if fits => rewritten,
            _ => rewritten.insert(self.rewrite(batch.schema())?),
        };
        let selected = match &rewritten.predicate {
            Some(predicate) => Some(predicate.evaluate(&batch)?.into_array(batch.num_rows())?),
            None => None,
        };
        let mut batch = batch.project(&rewritten.columns)?;
        if let Some(selected) = selected {
            batch = filter_record_batch(&batch, selected.as_boolean())?;
        }
        let projected = rewritten.projector.project_batch(&batch)?;
        // Only nullability and metadata differ from what was promised.
        let options = RecordBatchOptions::new().with_row_count(Some(projected.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), projected.columns().to_vec(), &options)?)
    }

    fn rewrite(&self, physical: SchemaRef) -> Result<Rewritten> {
        let adapter = self.adapter.create(self.adapter.table.inner_schema(), Arc::clone(&physical))?;
        let predicate = self.predicate.as_ref().map(|predicate| adapter.rewrite(Arc::clone(predicate))).transpose()?;
        let projection = self.projection.clone().try_map_exprs(|expr| adapter.rewrite(expr))?;
        let used: BTreeSet<usize> =
            projection.expr_iter().flat_map(|expr| collect_columns(&expr)).map(|column| column.index()).collect();
        let columns: Vec<usize> = used.into_iter().collect();
        let slim: Schema = physical.project(&columns)?;
        let projector = projection.try_map_exprs(|expr| reassign_expr_columns(expr, &slim))?.make_projector(&slim)?;
        Ok(Rewritten { physical, predicate, columns, projector })
    }
}

//! The rows of an answer, as they come.

use super::engine::QueryContext;
use super::error::Error;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Batches that wait for a slow reader before the query waits too.
const BATCHES_WAITING_MAX: usize = 2;

/// An answer. Dropping it stops the query.
pub struct Rows {
    schema: SchemaRef,
    batches: mpsc::Receiver<Result<RecordBatch, Error>>,
    cut_short: Arc<AtomicBool>,
    task: tokio::task::AbortHandle,
}

impl Rows {
    pub(super) fn start(
        handle: &Handle,
        mut stream: SendableRecordBatchStream,
        context: &QueryContext,
        deadline: Instant,
    ) -> Self {
        let schema = stream.schema();
        let (sender, batches) = mpsc::channel(BATCHES_WAITING_MAX);
        let cut_short = Arc::new(AtomicBool::new(false));
        let (bytes_max, limit) = (context.memory_bytes_max, context.time_max);
        let mut wanted = context.rows_max.unwrap_or(usize::MAX);
        let cut = Arc::clone(&cut_short);
        let task = handle.spawn(async move {
            loop {
                let sent = match tokio::time::timeout_at(deadline, stream.next()).await {
                    Ok(Some(Ok(batch))) if batch.num_rows() > wanted => {
                        cut.store(true, Ordering::Release);
                        let _ = sender.send(Ok(batch.slice(0, wanted))).await;
                        return;
                    }
                    Ok(Some(Ok(batch))) => {
                        wanted -= batch.num_rows();
                        tokio::time::timeout_at(deadline, sender.send(Ok(batch))).await
                    }
                    Ok(Some(Err(error))) => {
                        let _ = sender.send(Err(Error::running(error, bytes_max))).await;
                        return;
                    }
                    Ok(None) => return,
                    Err(late) => Err(late),
                };
                match sent {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return,
                    Err(_) => {
                        let _ = sender.send(Err(Error::Time { limit })).await;
                        return;
                    }
                }
            }
        });
        Self { schema, batches, cut_short, task: task.abort_handle() }
    }

    /// The columns. Documents are marked as JSON: see [`super::print`].
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The next batch, or `None` after the last.
    ///
    /// # Errors
    /// [`Error`]; nothing comes after it.
    pub async fn next(&mut self) -> Option<Result<RecordBatch, Error>> {
        self.batches.recv().await
    }

    /// Like [`Rows::next`], for threads outside any async runtime.
    ///
    /// # Errors
    /// As [`Rows::next`].
    pub fn next_blocking(&mut self) -> Option<Result<RecordBatch, Error>> {
        self.batches.blocking_recv()
    }

    /// Every batch.
    ///
    /// # Errors
    /// As [`Rows::next`].
    pub async fn collect(mut self) -> Result<Vec<RecordBatch>, Error> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next().await {
            batches.push(batch?);
        }
        Ok(batches)
    }

    /// Every batch, for threads outside any async runtime.
    ///
    /// # Errors
    /// As [`Rows::next`].
    pub fn collect_blocking(mut self) -> Result<Vec<RecordBatch>, Error> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next_blocking() {
            batches.push(batch?);
        }
        Ok(batches)
    }

    /// After the last batch: whether there were more rows than [`QueryContext::rows_max`].
    pub fn is_cut_short(&self) -> bool {
        self.cut_short.load(Ordering::Acquire)
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.task.abort();
    }
}

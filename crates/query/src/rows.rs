//! The rows of an answer, as they come.

use super::error::Error;
use super::watch::Running;
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Batches that wait for a slow reader before the query waits too.
const MESSAGES_WAITING_MAX: usize = 2;

/// What the query's task tells its reader.
pub(super) enum Message {
    /// Planning is done.
    Planned {
        schema: SchemaRef,
        is_revealing: bool,
    },
    Batch(RecordBatch),
    Failed(Error),
    /// There are no more rows, or no more that were asked for.
    Done {
        cut_short: bool,
    },
}

/// A query that was planned and runs.
pub(super) struct Started {
    pub(super) batches: SendableRecordBatchStream,
    /// Whether it shows or compares user ids.
    pub(super) is_revealing: bool,
}

/// An answer. Dropping it stops the query.
pub struct Rows {
    schema: SchemaRef,
    is_revealing: bool,
    messages: mpsc::Receiver<Message>,
    running: Running,
    engine: Handle,
    time_max: Duration,
    is_over: bool,
    cut_short: bool,
}

/// The two ends of what a query's task tells its reader.
pub(super) fn channel() -> (mpsc::Sender<Message>, mpsc::Receiver<Message>) {
    mpsc::channel(MESSAGES_WAITING_MAX)
}

/// Sends the stream's batches, and of the rows no more than `rows_max`. Errors mean that nobody listens any more.
pub(super) async fn send(
    started: Started,
    rows_max: Option<usize>,
    bytes_max: usize,
    to: &mpsc::Sender<Message>,
) -> Result<(), mpsc::error::SendError<Message>> {
    let Started { batches: mut stream, is_revealing } = started;
    to.send(Message::Planned { schema: stream.schema(), is_revealing }).await?;
    let mut wanted = rows_max.unwrap_or(usize::MAX);
    while let Some(batch) = stream.next().await {
        match batch {
            Ok(batch) if batch.num_rows() > wanted => {
                to.send(Message::Batch(batch.slice(0, wanted))).await?;
                return to.send(Message::Done { cut_short: true }).await;
            }
            Ok(batch) => {
                wanted -= batch.num_rows();
                to.send(Message::Batch(batch)).await?;
            }
            Err(error) => return to.send(Message::Failed(Error::running(error, bytes_max))).await,
        }
    }
    to.send(Message::Done { cut_short: false }).await
}

impl Rows {
    /// The rows of a query that was started; waits until it is planned.
    ///
    /// # Errors
    /// [`Error`], for anything that is known before the first row.
    pub(super) async fn start(
        messages: mpsc::Receiver<Message>,
        running: Running,
        engine: Handle,
        time_max: Duration,
    ) -> Result<Self, Error> {
        let schema = Arc::new(Schema::empty());
        let mut rows =
            Self { schema, is_revealing: false, messages, running, engine, time_max, is_over: false, cut_short: false };
        match rows.receive().await? {
            Message::Planned { schema, is_revealing } => (rows.schema, rows.is_revealing) = (schema, is_revealing),
            Message::Failed(error) => return Err(error),
            Message::Batch(_) | Message::Done { .. } => return Err(Error::Engine("it answered before it was planned")),
        }
        Ok(rows)
    }

    async fn receive(&mut self) -> Result<Message, Error> {
        let late = Error::Time { limit: self.time_max };
        tokio::select! {
            biased;
            message = self.messages.recv() => match message {
                // A join that sees that its time is up fails, in words of its own.
                Some(Message::Failed(_)) if self.running.watch.is_late() => Err(late),
                message => message.ok_or(Error::Engine("it was stopped")),
            },
            () = self.running.watch.late() => Err(late),
        }
    }

    /// The columns. Documents are marked as JSON: see [`super::print`].
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Whether user ids are compared or shown in plain.
    pub fn is_revealing(&self) -> bool {
        self.is_revealing
    }

    /// The next batch, or `None` after the last.
    ///
    /// # Errors
    /// [`Error`]; nothing comes after it.
    pub async fn next(&mut self) -> Option<Result<RecordBatch, Error>> {
        if self.is_over {
            return None;
        }
        let error = match self.receive().await {
            Ok(Message::Batch(batch)) => return Some(Ok(batch)),
            Ok(Message::Done { cut_short }) => {
                (self.is_over, self.cut_short) = (true, cut_short);
                return None;
            }
            Ok(Message::Failed(error)) | Err(error) => error,
            Ok(Message::Planned { .. }) => Error::Engine("it was planned twice"),
        };
        self.is_over = true;
        Some(Err(error))
    }

    /// Like [`Rows::next`], for threads outside any async runtime.
    ///
    /// # Errors
    /// As [`Rows::next`].
    pub fn next_blocking(&mut self) -> Option<Result<RecordBatch, Error>> {
        let engine = self.engine.clone();
        engine.block_on(self.next())
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
    pub fn collect_blocking(self) -> Result<Vec<RecordBatch>, Error> {
        let engine = self.engine.clone();
        engine.block_on(self.collect())
    }

    /// After the last batch: whether there were more rows than [`super::QueryContext::rows_max`].
    pub fn is_cut_short(&self) -> bool {
        self.cut_short
    }
}

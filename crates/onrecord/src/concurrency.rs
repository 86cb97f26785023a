//! How much may be under way at once, so that memory is bounded however many ask.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Batches being read or recorded at once; each holds up to its own size limit in memory, a few times over.
const BATCHES_MAX: usize = 8;
/// Queries at once; each has its own memory bound.
const QUERIES_MAX: usize = 4;
/// How long a request waits for a permit.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// The limits of one process.
pub(crate) struct ConcurrencyLimits {
    batches: Arc<Semaphore>,
    queries: Arc<Semaphore>,
}

/// The right to work, held while it lives.
pub(crate) type Permit = OwnedSemaphorePermit;

/// Too much of a kind was under way for all the time that a request waits.
#[derive(Debug, thiserror::Error)]
#[error("too many {0} are under way; send it again in a moment")]
pub(crate) struct Busy(&'static str);

impl Default for ConcurrencyLimits {
    fn default() -> Self {
        Self { batches: Arc::new(Semaphore::new(BATCHES_MAX)), queries: Arc::new(Semaphore::new(QUERIES_MAX)) }
    }
}

impl ConcurrencyLimits {
    pub(crate) async fn batch(&self) -> Result<Permit, Busy> {
        wait_for(&self.batches, "batches").await
    }

    pub(crate) async fn query(&self) -> Result<Permit, Busy> {
        wait_for(&self.queries, "queries").await
    }
}

async fn wait_for(permits: &Arc<Semaphore>, what: &'static str) -> Result<Permit, Busy> {
    match tokio::time::timeout(WAIT_MAX, permits.clone().acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(Busy(what)),
    }
}

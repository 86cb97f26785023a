//! Places: how much may be under way at once, so that memory is bounded however many ask.

use super::problem::Problem;
use axum::http::StatusCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Batches being read or recorded at once; each holds up to its own size limit in memory, a few times over.
const BATCHES_MAX: usize = 8;
/// Queries at once; each has its own memory bound.
const QUERIES_MAX: usize = 4;
/// How long a request waits for a place.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// The places of one server.
pub(crate) struct Places {
    batches: Arc<Semaphore>,
    queries: Arc<Semaphore>,
}

/// A place, held while it lives.
pub(super) type Place = OwnedSemaphorePermit;

impl Default for Places {
    fn default() -> Self {
        Self { batches: Arc::new(Semaphore::new(BATCHES_MAX)), queries: Arc::new(Semaphore::new(QUERIES_MAX)) }
    }
}

impl Places {
    pub(super) async fn batch(&self) -> Result<Place, Problem> {
        wait_for(&self.batches, "batches").await
    }

    pub(super) async fn query(&self) -> Result<Place, Problem> {
        wait_for(&self.queries, "queries").await
    }
}

async fn wait_for(places: &Arc<Semaphore>, what: &str) -> Result<Place, Problem> {
    match tokio::time::timeout(WAIT_MAX, places.clone().acquire_owned()).await {
        Ok(Ok(place)) => Ok(place),
        _ => {
            let detail = format!("too many {what} are under way; send it again in a moment");
            Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "busy", "Too much is under way", detail))
        }
    }
}

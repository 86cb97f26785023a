//! Sealing on request: before a backup, say.

use super::auth::Caller;
use crate::api::problem::Problem;
use crate::node::Node;
use crate::sealing::SealError;
use axum::extract::State;
use axum::http::StatusCode;
use onrecord_service::Role;
use std::sync::Arc;

/// Seal everything that is on the record now into segments; the answer comes when that is done.
#[utoipa::path(post, path = "/v1/seal", responses((status = 204, description = "sealed"), 
        (status = 409, description = "a verification is under way", body = Problem), (status = 503, body = Problem)))]
pub(super) async fn seal(State(node): State<Arc<Node>>, caller: Caller) -> Result<StatusCode, Problem> {
    caller.must(&node, Role::Admin)?;
    let sealed = tokio::task::spawn_blocking(move || node.sealing.seal()).await;
    match sealed {
        Ok(Ok(())) => Ok(StatusCode::NO_CONTENT),
        Ok(Err(error @ SealError::Paused)) => Err(Problem::verifying(error.to_string())),
        Ok(Err(error)) => Err(Problem::unavailable(error.to_string())),
        Err(_) => Err(Problem::unavailable("the server is shutting down; ask again")),
    }
}

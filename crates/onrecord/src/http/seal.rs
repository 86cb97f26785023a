//! Sealing on request: before a backup, say.

use super::auth::Caller;
use super::problem::Problem;
use crate::node::Node;
use axum::extract::State;
use axum::http::StatusCode;
use onrecord_service::Role;
use std::sync::Arc;

/// Seal everything that is on the record now into segments; the answer comes when that is done.
#[utoipa::path(post, path = "/v1/seal", responses((status = 204, description = "sealed"), (status = 503, body = Problem)))]
pub(super) async fn seal(State(node): State<Arc<Node>>, caller: Caller) -> Result<StatusCode, Problem> {
    caller.must(&node, Role::Admin)?;
    let sealed = tokio::task::spawn_blocking(move || node.seal()).await;
    match sealed {
        Ok(Ok(())) => Ok(StatusCode::NO_CONTENT),
        Ok(Err(error)) => Err(Problem::unavailable(format!("{error:#}"))),
        Err(_) => Err(Problem::unavailable("the server is shutting down; ask again")),
    }
}

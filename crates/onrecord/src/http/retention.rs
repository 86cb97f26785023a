//! Retention: what is due, and its runs.

use super::auth::Caller;
use super::input;
use crate::api::problem::Problem;
use crate::api::retention::{RetentionPlan, RetentionRequest, RetentionRun, RetentionStatus};
use crate::node::Node;
use crate::retention::{self, RetentionError};
use axum::Json;
use axum::extract::State;
use onrecord_service::Role;
use std::sync::Arc;

/// What is due when, by retention policy.
#[utoipa::path(get, path = "/v1/retention", responses((status = 200, body = RetentionStatus)))]
pub(super) async fn status(State(node): State<Arc<Node>>, caller: Caller) -> Result<Json<RetentionStatus>, Problem> {
    caller.must(&node, Role::Read)?;
    Ok(Json(retention::status(&node).await?))
}

/// What a run would do now.
#[utoipa::path(get, path = "/v1/retention/plan", responses((status = 200, body = RetentionPlan)))]
pub(super) async fn plan(State(node): State<Arc<Node>>, caller: Caller) -> Result<Json<RetentionPlan>, Problem> {
    caller.must(&node, Role::Read)?;
    Ok(Json(retention::plan(&node).await?))
}

/// Put what is due on the record, and remove it.
///
/// What is held stays. Interrupted, the next run does what is left.
#[utoipa::path(post, path = "/v1/retention/runs", request_body = RetentionRequest,
    responses((status = 200, body = RetentionRun),
        (status = 409, description = "a verification is under way", body = Problem),
        (status = 429, description = "holds changed meanwhile; ask again", body = Problem)))]
pub(super) async fn run(
    State(node): State<Arc<Node>>,
    caller: Caller,
    input::Json(asked): input::Json<RetentionRequest>,
) -> Result<Json<RetentionRun>, Problem> {
    caller.must(&node, Role::Admin)?;
    Ok(Json(retention::run(&node, asked.confirm, &caller.0).await?))
}

impl From<RetentionError> for Problem {
    fn from(error: RetentionError) -> Self {
        match error {
            RetentionError::Refused(refusal) => refusal.into(),
            RetentionError::Report(error) => error.into(),
            RetentionError::Archive(error) => error.into(),
        }
    }
}

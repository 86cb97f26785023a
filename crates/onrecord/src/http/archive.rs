//! The archive: what is there, and moves into it and back.

use super::auth::Caller;
use super::input;
use crate::api::archive::{ArchiveStatus, Moved, PushRequest, RestoreRequest};
use crate::api::problem::Problem;
use crate::archive::{self, ArchiveError};
use crate::node::Node;
use crate::retention;
use axum::Json;
use axum::extract::State;
use onrecord_service::Role;
use std::sync::Arc;

/// What is on the disk, and what is in the archive.
#[utoipa::path(get, path = "/v1/archive", responses((status = 200, body = ArchiveStatus)))]
pub(super) async fn status(State(node): State<Arc<Node>>, caller: Caller) -> Result<Json<ArchiveStatus>, Problem> {
    caller.must(&node, Role::Read)?;
    Ok(Json(archive::status(&node)?))
}

/// Put segments into the archive.
///
/// Those of which all decisions are due to be archived by their retention policies, or all that are not held. A segment leaves
/// the disk only after it was read back. What failed is named in the answer and stays.
#[utoipa::path(post, path = "/v1/archive/push", request_body = PushRequest,
    responses((status = 200, body = Moved), (status = 400, description = "there is no place to put them", body = Problem)))]
pub(super) async fn push(
    State(node): State<Arc<Node>>,
    caller: Caller,
    input::Json(asked): input::Json<PushRequest>,
) -> Result<Json<Moved>, Problem> {
    caller.must(&node, Role::Admin)?;
    let to = asked.to.as_deref();
    Ok(Json(if asked.all {
        archive::push_all(&node, to, &caller.0).await?
    } else {
        retention::push_due(&node, to, &caller.0).await?
    }))
}

/// Put segments on the disk again.
///
/// Their objects go from the archive when nobody reads them any more.
#[utoipa::path(post, path = "/v1/archive/restore", request_body = RestoreRequest,
    responses((status = 200, body = Moved), (status = 404, description = "there is no such segment", body = Problem)))]
pub(super) async fn restore(
    State(node): State<Arc<Node>>,
    caller: Caller,
    input::Json(asked): input::Json<RestoreRequest>,
) -> Result<Json<Moved>, Problem> {
    caller.must(&node, Role::Admin)?;
    Ok(Json(archive::restore(&node, &asked, &caller.0).await?))
}

impl From<ArchiveError> for Problem {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Nowhere | ArchiveError::Settings(_) => Self::bad_request(error.to_string()),
            ArchiveError::Unknown(_) => Self::not_found(error.to_string()),
            ArchiveError::Report(error) => error.into(),
            ArchiveError::Refused(refusal) => refusal.into(),
        }
    }
}

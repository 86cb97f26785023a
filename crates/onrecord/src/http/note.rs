//! What persons say about decisions about them.

use super::auth::Caller;
use super::input;
use crate::api::problem::{Fault, Problem};
use crate::api::subject::{NoteRequest, Noted};
use crate::node::Node;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use onrecord_service::{Role, Statement};
use std::sync::Arc;
use uuid::Uuid;

/// Put a statement of a person beside a decision about them, or beside all of these (GDPR Art. 16).
///
/// It is an entry of its own and changes no other. Its text is encrypted under the person's key: histories and explanations show it
/// to callers with the role `reveal`, and an erasure destroys it. The same event_id with the same body gives its receipt again
/// (200).
#[utoipa::path(post, path = "/v1/subjects/{user_id}/notes", params(("user_id" = String, Path)), request_body = NoteRequest,
    responses((status = 201, description = "recorded", body = Noted),
        (status = 200, description = "it was on the record already", body = Noted),
        (status = 404, description = "nobody is known by this user id, or no such decision is on the record", body = Problem),
        (status = 409, description = "the event_id is on the record with another body", body = Problem),
        (status = 422, description = "the text is blank, too long or has control characters, or the decision is not about this person", body = Problem),
        (status = 503, description = "the ledger cannot do this now; send it again with the same event_id to learn whether it was recorded", body = Problem)))]
pub(super) async fn add(
    State(node): State<Arc<Node>>,
    caller: Caller,
    input::Path(user_id): input::Path<String>,
    input::Json(asked): input::Json<NoteRequest>,
) -> Result<(StatusCode, Json<Noted>), Problem> {
    caller.must(&node, Role::Write)?;
    caller.must(&node, Role::Reveal)?;
    let statement = Statement {
        text: asked.text,
        decision_id: asked.decision_id,
        event_id: asked.event_id.as_deref().map(event_id).transpose()?,
    };
    let noted = node.service.note(&user_id, statement, &caller.0).await?;
    let noted = noted
        .ok_or_else(|| Problem::not_found("nobody about whom decisions are on the record is known by this user id"))?;
    let status = if noted.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(Noted { event_id: noted.event_id.to_string(), receipt: noted.receipt })))
}

fn event_id(sent: &str) -> Result<Uuid, Problem> {
    let uuid = Uuid::try_parse(sent).ok().filter(|uuid| !uuid.is_nil());
    uuid.ok_or_else(|| {
        let detail = "must be a UUID that is not all zeros; leave it out to have one made".to_owned();
        Problem::invalid("nothing was recorded", vec![Fault { line: None, pointer: "/event_id".to_owned(), detail }])
    })
}

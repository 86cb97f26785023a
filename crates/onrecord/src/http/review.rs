//! What follows a decision: reviews by people, and outcomes.

use super::auth::Caller;
use super::body;
use super::input;
use crate::api::decision::{Logged, Outcome, Review};
use crate::api::problem::Problem;
use crate::node::Node;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use onrecord_record::Kind;
use onrecord_service::{About, Role};
use std::sync::Arc;

/// Log what a person made of a decision: agreed, or overrode it and why.
///
/// All reviews of a decision stay; `ai_audit_logs` shows the latest. The same event_id with the same body gives its
/// receipt again (200).
#[utoipa::path(post, path = "/v1/decisions/{decision_id}/reviews", params(("decision_id" = String, Path)),
    request_body = Review,
    responses((status = 201, description = "recorded", body = Logged),
        (status = 200, description = "it was on the record already", body = Logged),
        (status = 404, description = "no decision with that id is on the record", body = Problem),
        (status = 409, description = "the event_id is on the record with another body", body = Problem),
        (status = 422, description = "every rule that the review breaks: an override without a reason, or one that decides what the model had decided", body = Problem),
        (status = 503, description = "the ledger cannot do this now; send it again with the same event_id to learn whether it was recorded", body = Problem)))]
pub(super) async fn log_review(
    State(node): State<Arc<Node>>,
    caller: Caller,
    input::Path(decision_id): input::Path<String>,
    body: Body,
) -> Result<(StatusCode, Json<Logged>), Problem> {
    log(&node, &caller, Kind::Review, &decision_id, body).await
}

/// Log what turned out to be true about a decision.
///
/// All outcomes of a decision stay, and the latest counts. The same event_id with the same body gives its receipt again
/// (200).
#[utoipa::path(post, path = "/v1/decisions/{decision_id}/outcomes", params(("decision_id" = String, Path)),
    request_body = Outcome,
    responses((status = 201, description = "recorded", body = Logged),
        (status = 200, description = "it was on the record already", body = Logged),
        (status = 404, description = "no decision with that id is on the record", body = Problem),
        (status = 409, description = "the event_id is on the record with another body", body = Problem),
        (status = 422, description = "every rule that the outcome breaks", body = Problem),
        (status = 503, description = "the ledger cannot do this now; send it again with the same event_id to learn whether it was recorded", body = Problem)))]
pub(super) async fn log_outcome(
    State(node): State<Arc<Node>>,
    caller: Caller,
    input::Path(decision_id): input::Path<String>,
    body: Body,
) -> Result<(StatusCode, Json<Logged>), Problem> {
    log(&node, &caller, Kind::Outcome, &decision_id, body).await
}

async fn log(
    node: &Node,
    caller: &Caller,
    kind: Kind,
    decision_id: &str,
    body: Body,
) -> Result<(StatusCode, Json<Logged>), Problem> {
    caller.must(node, Role::Write)?;
    let body = body::read(body, node.service.sent_bytes_max()).await?;
    let logged = node.service.log_about(body, About { kind, decision_id }, &caller.0).await?;
    Ok(Logged::answer(logged))
}

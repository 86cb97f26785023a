//! One decision: logged, read, proven.

use super::auth::Caller;
use super::body;
use super::input;
use crate::api::decision::{DecisionHistory, Logged};
use crate::api::problem::Problem;
use crate::node::Node;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use onrecord_service::{LineFault, Role};
use serde::Deserialize;
use std::sync::Arc;

/// Log one decision.
///
/// The answer comes after the entry is durable. The same event_id with the same body gives its receipt again (200).
#[utoipa::path(post, path = "/v1/decisions", request_body = serde_json::Value,
    responses((status = 201, description = "recorded", body = Logged),
        (status = 200, description = "it was on the record already", body = Logged),
        (status = 409, description = "the event_id is on the record with another body", body = Problem),
        (status = 408, description = "the body came too slowly; nothing was recorded", body = Problem),
        (status = 413, description = "over the size that the server is set to; 16 MiB if nothing is set", body = Problem),
        (status = 415, description = "the Content-Encoding is neither gzip nor zstd", body = Problem),
        (status = 422, description = "every rule that the record breaks", body = Problem),
        (status = 429, description = "the ledger is busy; Retry-After says when to send it again", body = Problem),
        (status = 503, description = "the ledger cannot do this now; send it again with the same event_id to learn whether it was recorded", body = Problem)))]
pub(super) async fn log(
    State(node): State<Arc<Node>>,
    caller: Caller,
    body: Body,
) -> Result<(StatusCode, Json<Logged>), Problem> {
    caller.must(&node, Role::Write)?;
    let body = body::read(body, node.service.sent_bytes_max()).await?;
    let logged = node.service.log(body, &caller.0).await?;
    Ok(Logged::answer(logged))
}

impl Logged {
    /// 201, or 200 for what was on the record already.
    pub(super) fn answer(logged: onrecord_service::Logged) -> (StatusCode, Json<Self>) {
        let status = if logged.created { StatusCode::CREATED } else { StatusCode::OK };
        let (event_id, decision_id, receipt) = (logged.event_id.to_string(), logged.decision_id, logged.receipt);
        let missing = logged.missing.into_iter().map(|fault| LineFault { line: None, fault }.into()).collect();
        (status, Json(Self { event_id, decision_id, receipt, missing }))
    }
}

/// How a decision is shown.
#[derive(Deserialize, utoipa::IntoParams)]
pub(super) struct Shown {
    /// Show the user id and sealed fields in plain; needs the role `reveal`.
    #[serde(default)]
    reveal: bool,
}

/// Read a decision, its reviews, its outcomes and what its person says about it. The reading itself goes on the record.
#[utoipa::path(get, path = "/v1/decisions/{decision_id}", params(("decision_id" = String, Path), Shown),
    responses((status = 200, body = DecisionHistory), (status = 404, body = Problem)))]
pub(super) async fn read(
    State(node): State<Arc<Node>>,
    caller: Caller,
    input::Path(decision_id): input::Path<String>,
    input::Query(shown): input::Query<Shown>,
) -> Result<Json<DecisionHistory>, Problem> {
    caller.must(&node, Role::Read)?;
    if shown.reveal {
        caller.must(&node, Role::Reveal)?;
    }
    let found = node.service.read(&decision_id, shown.reveal, &caller.0).await?.ok_or_else(unknown_decision)?;
    Ok(Json(DecisionHistory {
        decision: found.decision,
        leaf_index: found.leaf.0,
        reviews: found.reviews,
        outcomes: found.outcomes,
        notes: found.notes,
    }))
}

/// The evidence bundle of a decision: its exact bytes, their inclusion proof and the signed checkpoint.
#[utoipa::path(get, path = "/v1/decisions/{decision_id}/evidence", params(("decision_id" = String, Path)),
    responses((status = 200, description = "for `onrecord-verify bundle`", body = serde_json::Value),
        (status = 404, body = Problem)))]
pub(super) async fn evidence(
    State(node): State<Arc<Node>>,
    caller: Caller,
    input::Path(decision_id): input::Path<String>,
) -> Result<Json<onrecord_evidence::Bundle>, Problem> {
    caller.must(&node, Role::Read)?;
    let bundle = node.service.evidence(&decision_id, &caller.0).await?;
    bundle.map(Json).ok_or_else(unknown_decision)
}

fn unknown_decision() -> Problem {
    Problem::not_found("no decision with that id is on the record")
}

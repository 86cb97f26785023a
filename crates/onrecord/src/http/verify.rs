//! Verification by the server itself, told as it goes: one JSON object a line, the report last.

use super::auth::Caller;
use super::input;
use crate::api::problem::Problem;
use crate::api::verification::{Event, VerifyRequest};
use crate::node::Node;
use crate::verify::served;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use onrecord_service::Role;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Re-read and re-hash everything. NDJSON: `{"progress": …}` lines, then one `{"report": …}` line, or `{"failed": …}`
/// when it could not be done.
#[utoipa::path(post, path = "/v1/verify", request_body = VerifyRequest,
    responses((status = 200, description = "progress, then the report", content_type = "application/x-ndjson"),
        (status = 409, description = "another verification is under way", body = Problem)))]
pub(super) async fn verify(
    State(node): State<Arc<Node>>,
    caller: Caller,
    input::Json(request): input::Json<VerifyRequest>,
) -> Result<Response, Problem> {
    caller.must(&node, Role::Admin)?;
    // While files are read, none may be replaced by a sealed or compacted one.
    let sealing = node.sealing.clone();
    let paused = tokio::task::spawn_blocking(move || sealing.pause()).await.ok().flatten();
    let Some(paused) = paused else { return Err(Problem::verifying("ask again when it is done")) };
    let (sender, events) = mpsc::channel::<Event>(16);
    tokio::task::spawn_blocking(move || {
        let _paused = paused;
        let last = sender.clone();
        let verified = served(&node, &request, &|event| drop(sender.try_send(event)));
        match verified {
            Ok(report) => drop(last.blocking_send(Event::Report(report))),
            Err(error) => drop(last.blocking_send(Event::Failed(format!("{error:#}")))),
        }
    });
    let lines = futures::stream::unfold(events, async |mut events| {
        let event = events.recv().await?;
        let mut line = serde_json::to_vec(&event).unwrap_or_default();
        line.push(b'\n');
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(line)), events))
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines.boxed())).into_response())
}

//! Many decisions at once: NDJSON, all or nothing.

use super::auth::Caller;
use super::body;
use super::input;
use crate::api::decision::{BatchLogged, UnknownDecision};
use crate::api::problem::{Fault, Problem};
use crate::node::Node;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use onrecord_service::{Batch, Role};
use serde::Deserialize;
use std::sync::Arc;

/// A batch after decompression.
const BATCH_BYTES_MAX: usize = 32 << 20;

/// How a batch is taken.
#[derive(Deserialize, utoipa::IntoParams)]
pub(super) struct Taking {
    /// Only check the lines; record nothing.
    #[serde(default)]
    check: bool,
    /// The number by which the first line is named in errors.
    #[serde(default = "one")]
    first_line: u64,
}

fn one() -> u64 {
    1
}

/// Log many decisions, one JSON object a line; plain, gzip or zstd.
///
/// All or nothing: if a line is bad, every bad line is named and nothing is recorded. Lines may also be reviews and
/// outcomes (`"kind":"review"`). With an `Idempotency-Key` header a line without an event_id gets one derived from the
/// key, the line's number and its content, so that the batch can be sent again; batches of one
/// caller with one key are recorded in the order in which they have arrived.
#[utoipa::path(post, path = "/v1/decisions/batch",
    params(Taking, ("Idempotency-Key" = Option<String>, Header,
        description = "Names the batch, so that it can be sent again: what is on the record already is not added twice")),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 200, description = "recorded (or, with check, found good)", body = BatchLogged),
        (status = 409, description = "event ids that are on the record with another body", body = Problem),
        (status = 408, description = "the body came too slowly; nothing was recorded", body = Problem),
        (status = 413, description = "over 32 MiB after decompression", body = Problem),
        (status = 415, description = "the Content-Encoding is neither gzip nor zstd", body = Problem),
        (status = 422, description = "every bad line", body = Problem),
        (status = 429, description = "too many batches are under way; Retry-After says when to send it again", body = Problem),
        (status = 503, description = "the ledger cannot do this now; send it again with the same event_id to learn whether it was recorded", body = Problem)))]
pub(super) async fn log_batch(
    State(node): State<Arc<Node>>,
    caller: Caller,
    input::Query(taking): input::Query<Taking>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<BatchLogged>, Problem> {
    caller.must(&node, Role::Write)?;
    let key = headers.get("idempotency-key").map(|key| key.as_bytes().to_vec());
    let permit = node.limits.batch().await?;
    let lines = body::read(body, BATCH_BYTES_MAX.max(node.service.sent_bytes_max())).await?;
    // Taken once all of it is here, so that nobody waits for a sender.
    let ticket = key.as_deref().filter(|_| !taking.check).map(|key| node.service.ticket(&caller.0, key));
    let work = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let (idempotency_key, ticket) = (key.as_deref(), ticket.as_ref());
        let batch = Batch { lines: &lines, first_line: taking.first_line, idempotency_key, ticket };
        if taking.check {
            node.service.check_batch(&batch, &caller.0).map(|unknown| BatchLogged {
                unknown_decisions: unknown.into_iter().map(UnknownDecision::from).collect(),
                ..BatchLogged::default()
            })
        } else {
            node.service.log_batch(&batch, &caller.0).map(|logged| BatchLogged {
                accepted: logged.accepted,
                already: logged.already,
                receipt: logged.receipt,
                incomplete_lines: logged.missing.lines_total,
                missing: logged.missing.named.into_iter().map(Fault::from).collect(),
                unknown_decisions: Vec::new(),
            })
        }
    });
    let recorded =
        work.await.map_err(|_| Problem::unavailable("an internal error stopped the batch; send it again"))?;
    Ok(Json(recorded?))
}

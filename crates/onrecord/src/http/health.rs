//! Is it alive, is it ready, what are its figures. The first two need no token: they say nothing but yes or no.

use super::auth::Caller;
use crate::api::problem::Problem;
use crate::metrics as figures;
use crate::node::Node;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use std::sync::Arc;

/// The process answers.
#[utoipa::path(get, path = "/healthz", security(()), responses((status = 200, description = "alive")))]
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// The ledger takes entries.
#[utoipa::path(get, path = "/readyz", security(()),
    responses((status = 200, description = "ready"), (status = 503, description = "not ready", body = Problem)))]
pub(super) async fn ready(State(node): State<Arc<Node>>) -> Result<&'static str, Problem> {
    if node.state().writable {
        Ok("ready\n")
    } else {
        Err(Problem::unavailable("the ledger refuses entries now; the log says why"))
    }
}

/// Counters, gauges and histograms in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", responses((status = 200, description = "Prometheus text", body = String)))]
pub(super) async fn metrics(_: Caller, State(node): State<Arc<Node>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], figures::render(&node))
}

//! The HTTP contract: which path does what, what every request must carry, and its description in OpenAPI 3.1.
//! The work itself is the service's and the lake's; a handler translates.

mod access;
mod archive;
pub(crate) mod auth;
mod batch;
mod body;
mod decision;
mod decisions;
mod description;
mod duty;
mod explanation;
mod health;
mod history;
mod hold;
mod input;
mod note;
mod problem;
mod report;
mod retention;
mod review;
mod rows;
mod seal;
pub(crate) mod server;
mod sql;
mod subject;
mod tlog;
mod token;
mod verify;
mod zip;

use crate::api::problem::Problem;
use crate::metrics;
use crate::node::Node;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use onrecord_service::Reason;
use problem::Uncounted;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::decompression::RequestDecompressionLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How long a request's body may pause between two pieces.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// Every path of the contract, over one open data directory.
pub(crate) fn router(node: Arc<Node>) -> Router {
    metrics::start();
    let (router, mut description) = contract().split_for_parts();
    description::complete(&mut description);
    let description = Arc::new(description);
    router
        .route("/openapi.json", get(move |_: auth::Caller| async move { Json((*description).clone()) }))
        // The path is not repeated: it may hold a user id.
        .fallback(async || Problem::not_found("no such path; /openapi.json lists them all"))
        .method_not_allowed_fallback(async || {
            let title = "The method does not fit the path";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", title, "see /openapi.json")
        })
        .layer(RequestDecompressionLayer::new())
        .layer(RequestBodyTimeoutLayer::new(BODY_TIMEOUT))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(node.clone(), measured))
        .with_state(node)
}

/// Every path with what it takes and gives; [`description::complete`] adds what holds for all of them.
fn contract() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::with_openapi(description::opening())
        .routes(routes!(decision::log, decisions::find))
        .routes(routes!(batch::log_batch))
        .routes(routes!(decision::read))
        .routes(routes!(decision::evidence))
        .routes(routes!(explanation::explain))
        .routes(routes!(history::history))
        .routes(routes!(access::find))
        .routes(routes!(subject::erase))
        .routes(routes!(subject::export))
        .routes(routes!(note::add))
        .routes(routes!(subject::remove))
        .routes(routes!(retention::status))
        .routes(routes!(retention::plan))
        .routes(routes!(retention::run))
        .routes(routes!(archive::status))
        .routes(routes!(archive::push))
        .routes(routes!(archive::restore))
        .routes(routes!(hold::place, hold::list))
        .routes(routes!(hold::release))
        .routes(routes!(hold::evidence))
        .routes(routes!(report::usage))
        .routes(routes!(report::confidence))
        .routes(routes!(report::fairness))
        .routes(routes!(report::overrides))
        .routes(routes!(report::drivers))
        .routes(routes!(report::volume))
        .routes(routes!(duty::ai_act))
        .routes(routes!(duty::hipaa))
        .routes(routes!(duty::sox))
        .routes(routes!(duty::ecoa))
        .routes(routes!(duty::nyc_144))
        .routes(routes!(review::log_review))
        .routes(routes!(review::log_outcome))
        .routes(routes!(sql::query))
        .routes(routes!(tlog::checkpoint))
        .routes(routes!(tlog::tile))
        .routes(routes!(tlog::consistency))
        .routes(routes!(verify::verify))
        .routes(routes!(seal::seal))
        .routes(routes!(token::list, token::create))
        .routes(routes!(token::revoke))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
}

/// Measures every request, and counts what was refused before it came to the service.
async fn measured(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response {
    let started = std::time::Instant::now();
    let method = request.method().clone();
    let path = request.extensions().get::<axum::extract::MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        response = unsupported_encoding();
    }
    if let Some(Uncounted(reason)) = response.extensions().get() {
        node.service.refused(*reason);
    }
    let path = path.as_ref().map_or("other", axum::extract::MatchedPath::as_str);
    metrics::request(&method, path, response.status(), started.elapsed());
    response
}

/// The layer that decompresses says no more than the status.
fn unsupported_encoding() -> Response {
    let (title, detail) = ("The Content-Encoding is unknown", "send it plain, gzip or zstd; nothing was written");
    let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-encoding", title, detail);
    problem.refused(Reason::Unsupported).into_response()
}

/// A panic is a bug of ours: the caller learns that nothing is known about their request, and no more.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    let title = "Internal error";
    let detail =
        "an internal error stopped the request; send it again with the same event_id to learn whether it was recorded";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal-error", title, detail).into_response()
}

/// A path with a query of these parameters.
pub(crate) fn path_with_query(path: &str, pairs: &[(&str, String)]) -> String {
    let mut whole = path.to_owned();
    for (at, (name, value)) in pairs.iter().enumerate() {
        whole.push_str(if at == 0 { "?" } else { "&" });
        whole.push_str(&format!("{name}={}", path_segment(value)));
    }
    whole
}

/// `text` as one segment of a path.
pub(crate) fn path_segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("%{byte:02X}"));
        }
    }
    segment
}

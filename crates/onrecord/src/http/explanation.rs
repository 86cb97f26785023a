//! The explanation of one decision, as JSON, as text or as a page that prints.

use super::auth::Caller;
use super::input;
use crate::api::problem::Problem;
use crate::node::Node;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};
use onrecord_report::explanation::{Explanation, Subject};
use onrecord_service::Role;
use serde::Deserialize;
use serde_json::value::to_raw_value;
use std::sync::Arc;

/// How a decision is explained.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Explaining {
    /// The person for whom it is; a decision about somebody else is refused, and the refusal goes on the record
    r#for: Option<String>,
    /// The language of the words: en, de, or one that the deployer has added
    #[serde(default = "english")]
    language: String,
    /// Show the person and sealed fields in plain; needs the role `reveal`
    #[serde(default)]
    reveal: bool,
}

fn english() -> String {
    "en".to_owned()
}

/// Explain a decision to the person whom it is about.
///
/// `Accept: application/json` gives the explanation as JSON, `text/html` as a page that prints, `text/plain` as text. The
/// reading goes on the record.
#[utoipa::path(get, path = "/v1/decisions/{decision_id}/explanation", params(("decision_id" = String, Path), Explaining),
    responses((status = 200, content((Explanation = "application/json"), (String = "text/html"), (String = "text/plain"))),
        (status = 400, description = "there are no words in that language", body = Problem),
        (status = 403, description = "the decision is about somebody else", body = Problem),
        (status = 404, description = "no decision with that id is on the record", body = Problem)))]
pub(super) async fn explain(
    State(node): State<Arc<Node>>,
    caller: Caller,
    headers: HeaderMap,
    input::Path(decision_id): input::Path<String>,
    input::Query(asked): input::Query<Explaining>,
) -> Result<Response, Problem> {
    caller.must(&node, Role::Read)?;
    if asked.reveal {
        caller.must(&node, Role::Reveal)?;
    }
    let settings = node.settings().map_err(|error| Problem::unavailable(error.to_string()))?;
    let language = settings.language(&asked.language).map_err(|error| Problem::bad_request(format!("{error:#}")))?;
    let found = node.service.explain(&decision_id, asked.r#for.as_deref(), asked.reveal, &caller.0).await?;
    let (history, receipt) = found.ok_or_else(|| Problem::not_found("no decision with that id is on the record"))?;
    let receipt = to_raw_value(&receipt).ok();
    let subject = Subject { decision: &history.decision, reviews: &history.reviews, notes: &history.notes, receipt };
    let explanation = Explanation::new(subject, &settings.objection(&asked.language), &language)
        .map_err(|_| Problem::unavailable("the decision is not JSON; run `onrecord verify`"))?;
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    Ok(match accept {
        accept if accept.contains("text/html") => Html(explanation.page(&language)).into_response(),
        accept if accept.contains("text/plain") => explanation.text(&language).into_response(),
        _ => Json(explanation).into_response(),
    })
}

//! All decisions about one person.

use super::auth::Caller;
use super::{input, rows};
use crate::api::problem::Problem;
use crate::node::Node;
use crate::session::{Purpose, QueryOptions, Session};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use onrecord_report::decisions::history_sql;
use std::sync::Arc;

/// All decisions about a person, newest first.
///
/// `[{date, system, decision, explanation, …}]`: when, which model, what it decided and why. The person is named by
/// their user id, or by their token for callers without the role `reveal`. The reading goes on the record.
#[utoipa::path(get, path = "/v1/subjects/{user_id}/history", params(("user_id" = String, Path)),
    responses((status = 200, description = "rows, in the form that `Accept` asks for; none for a person who is not known",
            content((Vec<serde_json::Value> = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"))),
        (status = 429, description = "too many queries are under way; Retry-After says when to ask again", body = Problem)))]
pub(super) async fn history(
    State(node): State<Arc<Node>>,
    Caller(actor): Caller,
    headers: HeaderMap,
    input::Path(user_id): input::Path<String>,
) -> Result<Response, Problem> {
    let options = QueryOptions { purpose: Purpose::History, ..QueryOptions::default() };
    let found = Session::new(node, actor).query(&history_sql(&user_id), options).await?;
    rows::answer(found, rows::format_of(&headers), None).await
}

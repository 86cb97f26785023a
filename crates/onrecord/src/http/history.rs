//! All decisions about one person.

use super::auth::Caller;
use super::{input, rows};
use crate::api::problem::Problem;
use crate::node::Node;
use crate::session::{Purpose, QueryOptions, Session};
use arrow::array::{ArrayRef, AsArray, RecordBatch, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use onrecord_query::json_field;
use onrecord_report::decisions::history_sql;
use onrecord_service::{Actor, Role, StandingNote};
use std::sync::Arc;

/// All decisions about a person, newest first.
///
/// `[{date, system, decision, explanation, …, notes}]`: when, which model, what it decided and why, and what the person says about
/// it. The person is named by their user id, or by their token for callers without the role `reveal`, who see statements
/// sealed. The reading goes on the record.
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
    let session = Session::new(node.clone(), actor.clone());
    let found = session.query(&history_sql(&user_id), options).await?;
    let notes = notes(&node, &actor, &user_id).await?;
    let column = move |batch: &RecordBatch| beside(batch, &notes);
    rows::answer(found.with_column(json_field("notes"), column), rows::format_of(&headers), None).await
}

/// What the person says, to callers with the role `reveal` in plain. It is part of the answer that was just put on the record.
async fn notes(node: &Arc<Node>, actor: &Actor, user_id: &str) -> Result<Vec<StandingNote>, Problem> {
    let (node, actor, user_id) = (node.clone(), actor.clone(), user_id.to_owned());
    let read = tokio::task::spawn_blocking(move || match node.service.subject_token(&user_id, &actor)? {
        Some(subject) => node.service.notes_of(subject, actor.may(Role::Reveal)),
        None => Ok(Vec::new()),
    });
    let ended = |_| Problem::unavailable("the server is shutting down; ask again");
    Ok(read.await.map_err(ended)??)
}

/// Beside each decision the notes about it, and those about all: a list of records.
fn beside(batch: &RecordBatch, notes: &[StandingNote]) -> Result<ArrayRef, ArrowError> {
    let missing = || ArrowError::SchemaError("the history lacks decision_id".to_owned());
    let ids = cast(batch.column_by_name("decision_id").ok_or_else(missing)?, &DataType::Utf8)?;
    let list = |id: Option<&str>| {
        let of = |note: &&StandingNote| note.decision_id.is_none() || note.decision_id.as_deref() == id;
        let records: Vec<&str> = notes.iter().filter(of).map(|note| note.note.get()).collect();
        Some(format!("[{}]", records.join(",")))
    };
    Ok(Arc::new(ids.as_string::<i32>().iter().map(list).collect::<StringViewArray>()))
}

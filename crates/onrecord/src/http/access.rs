//! Who read about a decision or a person, and what somebody read.

use super::auth::Caller;
use super::input;
use crate::api::problem::Problem;
use crate::node::Node;
use crate::session::{ReadingsOf, Session};
use axum::Json;
use axum::extract::State;
use onrecord_report::access::{Accesses, LIMIT_DEFAULT, LIMIT_MAX, Page, read_cursor};
use onrecord_report::period;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Which readings; all that is given must hold, and one of decision_id, user_id and actor must be.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Of this decision
    decision_id: Option<String>,
    /// Of this person and of the decisions about them: a user id, or a token for callers without the role `reveal`
    user_id: Option<String>,
    /// By this reader, as the record names them: `local`, or `token:` and the id of an API token; for callers with the
    /// role `admin` also the name of one
    actor: Option<String>,
    /// From this time on: RFC 3339, or a day of UTC
    since: Option<String>,
    /// Readings to give, 100 if nothing is said
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next_cursor` of the page before
    cursor: Option<String>,
}

/// Who saw this?
///
/// Who read about a decision or a person, when, how and why, or what somebody read: newest first. A query that names neither
/// the decision nor the person may have shown them all the same; those are counted. A page begins where the one before it
/// ended, whatever was read meanwhile. The asking goes on the record.
#[utoipa::path(get, path = "/v1/access", params(Asked),
    responses((status = 200, body = Accesses),
        (status = 400, description = "a parameter is unknown or is not what it should be", body = Problem),
        (status = 404, description = "no such decision or person is on the record", body = Problem),
        (status = 429, description = "too many queries are under way; Retry-After says when to ask again", body = Problem)))]
pub(super) async fn find(
    State(node): State<Arc<Node>>,
    Caller(actor): Caller,
    input::Query(asked): input::Query<Asked>,
) -> Result<Json<Accesses>, Problem> {
    let Asked { decision_id, user_id, actor: reader, since, limit, cursor } = asked;
    if decision_id.is_some() && user_id.is_some() {
        return Err(Problem::bad_request("give decision_id or user_id, not both"));
    }
    if decision_id.is_none() && user_id.is_none() && reader.is_none() {
        return Err(Problem::bad_request("give one of decision_id, user_id and actor: whose readings"));
    }
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::bad_request(format!("limit must be from 1 to {LIMIT_MAX}")));
    }
    let since = since.as_deref().map(period::time).transpose();
    let since = since.map_err(|error| Problem::bad_request(format!("since: {error}")))?;
    let asked = ReadingsOf { decision_id, user_id, actor: reader, since };
    let tag = tag(&asked, &node.service.public_key());
    let before = cursor.as_deref().map(|cursor| read_cursor(cursor, &tag)).transpose();
    let before = before.map_err(|error| Problem::bad_request(error.to_string()))?;
    let found = Session::new(node, actor).accesses(asked, Page { before, limit }).await?;
    Ok(Json(found.with_cursor(&tag)))
}

/// What a cursor of these readings begins with: what was asked, and the ledger that it is over.
fn tag(asked: &ReadingsOf, ledger: &str) -> [u8; 8] {
    let ReadingsOf { decision_id, user_id, actor, since } = asked;
    let question = format!("{ledger}\n{:?}", (decision_id, user_id, actor, since));
    let hash: [u8; 32] = Sha256::digest(question.as_bytes()).into();
    std::array::from_fn(|at| hash[at])
}

//! Reports: one path each, as JSON, CSV or a page that prints.

use super::auth::Caller;
use super::input;
use crate::api::problem::Problem;
use crate::node::Node;
use crate::session::Session;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};
use onrecord_report::Period;
use onrecord_report::usage::Usage;
use onrecord_service::Role;
use serde::Deserialize;
use std::sync::Arc;

/// The days of a period, if nothing is said.
const DAYS_DEFAULT: u32 = 30;

/// What a report is about.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Reported {
    /// The model
    model_id: String,
    /// The period: so many times 24 hours before now; 30 if nothing is said
    #[param(minimum = 1)]
    days: Option<u32>,
    /// Instead of days: from this time on, RFC 3339 or a day of UTC
    since: Option<String>,
    /// Instead of days: before this time
    until: Option<String>,
}

impl Reported {
    fn period(&self) -> Result<Period, Problem> {
        let now = jiff::Timestamp::now();
        let period = Period::new(self.days, self.since.as_deref(), self.until.as_deref(), now, DAYS_DEFAULT);
        period.map_err(|error| Problem::bad_request(error.to_string()))
    }
}

/// Report on the usage of a model.
///
/// How many decisions it made each day, how sure it was, how often people overrode it, how long it took. Totals are
/// weighted by volume. The reading goes on the record.
#[utoipa::path(get, path = "/v1/reports/usage", params(Reported),
    responses((status = 200, description = "in the form that `Accept` asks for; CSV has one row a day",
            content((Usage = "application/json"), (String = "text/csv"), (String = "text/html"))),
        (status = 400, description = "the period is none", body = Problem),
        (status = 404, description = "no decision of that model is on the record", body = Problem),
        (status = 429, description = "too many queries are under way; Retry-After says when to ask again", body = Problem)))]
pub(super) async fn usage(
    State(node): State<Arc<Node>>,
    caller: Caller,
    headers: HeaderMap,
    input::Query(asked): input::Query<Reported>,
) -> Result<Response, Problem> {
    caller.must(&node, Role::Read)?;
    let period = asked.period()?;
    let source = Session::new(node, caller.0).report("usage", &asked.model_id).await?;
    let usage = Usage::ask(&source, &asked.model_id, &period).await?;
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accept.contains("text/html") {
        return Ok(Html(usage.page()).into_response());
    }
    if accept.contains("text/csv") {
        let content_type = [(header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present")];
        return Ok((content_type, csv(&Usage::columns(), &usage.rows())?).into_response());
    }
    Ok(Json(usage).into_response())
}

/// RFC 4180 with a header.
fn csv<const N: usize>(columns: &[&str; N], rows: &[[String; N]]) -> Result<Vec<u8>, Problem> {
    let unwritable = |_| Problem::unavailable("the report cannot be written as CSV");
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns).map_err(unwritable)?;
    for row in rows {
        writer.write_record(row).map_err(unwritable)?;
    }
    writer.into_inner().map_err(|_| Problem::unavailable("the report cannot be written as CSV"))
}

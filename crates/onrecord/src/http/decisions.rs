//! Decisions found without SQL: pages, newest first.

use super::auth::Caller;
use super::input;
use super::rows::unprintable;
use crate::api::decision::DecisionPage;
use crate::api::problem::Problem;
use crate::node::Node;
use crate::session::{Purpose, QueryOptions, Session};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use axum::Json;
use axum::extract::State;
use onrecord_query::print::{Format, Printer};
use onrecord_report::decisions::{Cursor, Filter, LIMIT_DEFAULT, LIMIT_MAX, Position};
use onrecord_report::period;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Which decisions; all that is given must hold.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)] // Says what `Asked::read` reads.
pub(super) struct Find {
    /// Whose: a user id, or a token for callers without the role `reveal`
    user_id: Option<String>,
    model_id: Option<String>,
    model_version: Option<String>,
    environment: Option<String>,
    /// With a confidence below this
    confidence_below: Option<f64>,
    overridden: Option<bool>,
    reviewed: Option<bool>,
    /// From this time on: RFC 3339, or a day of UTC
    since: Option<String>,
    /// Before this time
    until: Option<String>,
    /// PATH=VALUE, as input_features.application_id=app_7; may be given several times
    r#where: Option<Vec<String>>,
    /// Decisions on a page, 100 if nothing is said
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next_cursor` of the page before
    cursor: Option<String>,
}

/// Find decisions.
///
/// Newest first. Pages stay stable while decisions arrive: a cursor goes through what was there when the first page was
/// asked for, and gives no decision twice and leaves none out. The reading goes on the record.
#[utoipa::path(get, path = "/v1/decisions", params(Find),
    responses((status = 200, body = DecisionPage),
        (status = 400, description = "a parameter is unknown or is not what it should be", body = Problem),
        (status = 429, description = "too many queries are under way; Retry-After says when to ask again", body = Problem)))]
pub(super) async fn find(
    State(node): State<Arc<Node>>,
    Caller(actor): Caller,
    input::Query(pairs): input::Query<Vec<(String, String)>>,
) -> Result<Json<DecisionPage>, Problem> {
    let asked = Asked::read(pairs)?;
    let tag = asked.tag(&node.service.public_key());
    let cursor = match &asked.cursor {
        Some(cursor) => Cursor::read(cursor, &tag).map_err(|error| Problem::bad_request(error.to_string()))?,
        None => Cursor::first(node.service.ledger().size().0),
    };
    let sql = asked.filter.sql(&cursor, asked.limit);
    let options = QueryOptions { purpose: Purpose::Decisions, ..QueryOptions::default() };
    let mut rows = Session::new(node, actor).query(&sql, options).await?;
    let (mut decisions, mut last, mut is_last) = (Vec::new(), None, true);
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        let room = asked.limit - decisions.len();
        is_last &= batch.num_rows() <= room;
        let batch = batch.slice(0, batch.num_rows().min(room));
        decisions.extend(objects(&batch)?);
        last = position_of_last(&batch).or(last);
    }
    let next = last.filter(|_| !is_last).map(|after| Cursor { after: Some(after), ..cursor }.write(&tag));
    Ok(Json(DecisionPage { decisions, next_cursor: next }))
}

/// What the parameters say.
struct Asked {
    filter: Filter,
    limit: usize,
    cursor: Option<String>,
}

impl Asked {
    fn read(pairs: Vec<(String, String)>) -> Result<Self, Problem> {
        let mut asked = Self { filter: Filter::default(), limit: LIMIT_DEFAULT, cursor: None };
        let filter = &mut asked.filter;
        let mut seen = Vec::new();
        for (name, value) in pairs {
            if name != "where" && seen.contains(&name) {
                return Err(Problem::bad_request("a parameter is there twice; only where may be"));
            }
            match name.as_str() {
                "user_id" => filter.user_id = Some(value),
                "model_id" => filter.model_id = Some(value),
                "model_version" => filter.model_version = Some(value),
                "environment" => filter.environment = Some(value),
                "confidence_below" => filter.confidence_below = Some(number(&value)?),
                "overridden" => filter.overridden = Some(truth("overridden", &value)?),
                "reviewed" => filter.reviewed = Some(truth("reviewed", &value)?),
                "since" => filter.since = Some(period::time(&value).map_err(bad)?),
                "until" => filter.until = Some(period::time(&value).map_err(bad)?),
                "where" => filter.conditions.push(value.parse().map_err(bad)?),
                "limit" => asked.limit = limit(&value)?,
                "cursor" => asked.cursor = Some(value),
                _ => {
                    return Err(Problem::bad_request(
                        "a parameter is unknown; there are user_id, model_id, model_version, environment, \
                         confidence_below, overridden, reviewed, since, until, where, limit, cursor",
                    ));
                }
            }
            seen.push(name);
        }
        filter.check().map_err(bad)?;
        Ok(asked)
    }

    /// What a cursor of these decisions begins with: the filter, and the ledger that it is over.
    fn tag(&self, ledger: &str) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..]: [u8; 32] =
            Sha256::digest(format!("{ledger}\n{:?}", self.filter).as_bytes()).into();
        [a, b, c, d, e, f, g, h]
    }
}

fn bad(error: impl std::error::Error) -> Problem {
    Problem::bad_request(error.to_string())
}

fn number(value: &str) -> Result<f64, Problem> {
    let number = value.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| Problem::bad_request("confidence_below must be a number, as 0.7"))
}

fn truth(name: &str, value: &str) -> Result<bool, Problem> {
    value.parse().map_err(|_| Problem::bad_request(format!("{name} must be true or false")))
}

fn limit(value: &str) -> Result<usize, Problem> {
    let limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
    limit.ok_or_else(|| Problem::bad_request(format!("limit must be from 1 to {LIMIT_MAX}")))
}

/// The rows as JSON objects.
fn objects(batch: &RecordBatch) -> Result<Vec<Box<RawValue>>, Problem> {
    let mut printed = Vec::new();
    let mut printer = Printer::begin(Format::Json, &batch.schema(), &mut printed).map_err(unprintable)?;
    printer.rows(batch, &mut printed).map_err(unprintable)?;
    printer.end(&mut printed).map_err(unprintable)?;
    serde_json::from_slice(&printed).map_err(|_| Problem::unavailable("a decision cannot be printed as JSON"))
}

fn position_of_last(batch: &RecordBatch) -> Option<Position> {
    let at = batch.num_rows().checked_sub(1)?;
    let timestamp = batch.column_by_name("timestamp")?.as_primitive_opt::<TimestampMicrosecondType>()?;
    let leaf = batch.column_by_name("leaf_index")?.as_primitive_opt::<Int64Type>()?;
    Some(Position { timestamp_micros: timestamp.value(at), leaf_index: leaf.value(at).cast_unsigned() })
}

//! SQL over HTTP: rows as JSON, JSON lines, CSV or an Arrow stream, sent as they come.

use super::auth::Caller;
use super::input;
use super::place::Place;
use super::problem::Problem;
use crate::node::Node;
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use onrecord_query::print::{Format, Printer, is_document};
use onrecord_query::{Error, QueryContext, Rows};
use onrecord_service::{Action, Role, What};
use serde::Deserialize;
use std::sync::Arc;

/// A question.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// One statement that reads, in PostgreSQL's dialect.
    sql: String,
    /// Rows after which the answer is cut short; without it, all rows.
    limit: Option<usize>,
}

/// Ask in SQL.
///
/// `Accept: application/json` gives `{"columns": [{"name", "type"}], "rows": [{…}]}`, `application/x-ndjson` one row a
/// line, `text/csv` CSV, `application/vnd.apache.arrow.stream` an Arrow IPC stream, which is the quickest for many rows.
/// The query, without its literals, goes on the record before any row is given. An answer that fails half way is cut
/// off, so that it cannot be taken for a whole one.
#[utoipa::path(post, path = "/v1/sql", request_body = Asked,
    responses((status = 200, description = "rows, in the form that `Accept` asks for",
            content((serde_json::Value = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"),
                (Vec<u8> = "application/vnd.apache.arrow.stream"))),
        (status = 400, description = "not SQL, not a read, or names what is not there", body = Problem)))]
pub(super) async fn query(
    State(node): State<Arc<Node>>,
    caller: Caller,
    headers: HeaderMap,
    input::Json(asked): input::Json<Asked>,
) -> Result<Response, Problem> {
    caller.must(&node, Role::Read)?;
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("application/json");
    let shape = Shape::of(accept);
    let identity = caller.0.may(Role::Reveal).then(|| node.identity());
    let (rows_max, memory_bytes_max) = (asked.limit, node.query_memory_bytes);
    let context = QueryContext { identity, rows_max, memory_bytes_max, ..QueryContext::default() };
    let place = node.places.query().await?;
    let rows = node.engine.query(node.lake.snapshot(), &asked.sql, &context).await?;
    // Nothing is shown before it is on the record who asked. How many rows there will be is not known yet.
    node.service.record_access(&caller.0, Action::Sql, What::Sql(&asked.sql), None).await?;
    let mut answer = Answer::begin(rows, shape, place)?;
    // The first rows are waited for: a query that fails at once is answered as a problem, not as a broken stream.
    let first = answer.next().await?;
    let rest = stream::unfold(answer, async |mut answer| match answer.next().await {
        Ok(bytes) if bytes.is_empty() => None,
        Ok(bytes) => Some((Ok(bytes), answer)),
        Err(error) => {
            tracing::warn!(%error, "an answer is cut off");
            Some((Err(error), answer))
        }
    });
    let body = stream::once(async move { Ok(first) }).chain(rest);
    Ok(([(header::CONTENT_TYPE, shape.content_type())], Body::from_stream(body)).into_response())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Json,
    JsonLines,
    Csv,
    Arrow,
}

const ARROW: &str = "application/vnd.apache.arrow.stream";

impl Shape {
    fn of(accept: &str) -> Self {
        if accept.contains("application/x-ndjson") {
            Self::JsonLines
        } else if accept.contains("text/csv") {
            Self::Csv
        } else if accept.contains(ARROW) {
            Self::Arrow
        } else {
            Self::Json
        }
    }

    fn format(self) -> Format {
        match self {
            Self::Json => Format::Json,
            Self::JsonLines => Format::JsonLines,
            Self::Csv => Format::Csv,
            Self::Arrow => Format::Arrow,
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::JsonLines => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Arrow => ARROW,
        }
    }
}

/// An answer being printed.
struct Answer {
    rows: Rows,
    /// Gone when the last row is printed.
    printer: Option<Printer>,
    /// Printed, and not sent yet.
    printed: Vec<u8>,
    shape: Shape,
    /// Held until the last row is printed.
    _place: Place,
}

/// A piece is sent when it has grown to this.
const PIECE_BYTES: usize = 64 << 10;

impl Answer {
    fn begin(rows: Rows, shape: Shape, place: Place) -> Result<Self, Error> {
        let mut printed = Vec::new();
        if shape == Shape::Json {
            let columns = rows
                .schema()
                .fields()
                .iter()
                .map(|field| serde_json::json!({ "name": field.name(), "type": postgres_type(field) }));
            let columns = serde_json::Value::Array(columns.collect());
            printed.extend_from_slice(format!("{{\"columns\":{columns},\"rows\":").as_bytes());
        }
        let printer = Printer::begin(shape.format(), rows.schema(), &mut printed).map_err(unprintable)?;
        Ok(Self { rows, printer: Some(printer), printed, shape, _place: place })
    }

    /// The next piece of the body; empty after the last. After an error there is none.
    async fn next(&mut self) -> Result<Bytes, Error> {
        while self.printed.len() < PIECE_BYTES
            && let Some(mut printer) = self.printer.take()
        {
            match self.rows.next().await {
                Some(batch) => {
                    printer.rows(&batch?, &mut self.printed).map_err(unprintable)?;
                    self.printer = Some(printer);
                }
                None => {
                    printer.end(&mut self.printed).map_err(unprintable)?;
                    if self.shape == Shape::Json {
                        self.printed.truncate(self.printed.trim_ascii_end().len());
                        self.printed.extend_from_slice(b"}\n");
                    }
                }
            }
        }
        Ok(Bytes::from(std::mem::take(&mut self.printed)))
    }
}

fn unprintable(_: ArrowError) -> Error {
    Error::Value("a column has a type that cannot be printed; cast it".into())
}

/// The type by PostgreSQL's name for it.
fn postgres_type(field: &Field) -> String {
    match field.data_type() {
        _ if is_document(field) => "json".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Boolean => "bool".to_owned(),
        DataType::Int16 | DataType::UInt8 | DataType::Int8 => "int2".to_owned(),
        DataType::Int32 | DataType::UInt16 => "int4".to_owned(),
        DataType::Int64 | DataType::UInt32 => "int8".to_owned(),
        DataType::UInt64 | DataType::Decimal128(..) | DataType::Decimal256(..) => "numeric".to_owned(),
        DataType::Float32 => "float4".to_owned(),
        DataType::Float64 => "float8".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamptz".to_owned(),
        DataType::Timestamp(_, None) => "timestamp".to_owned(),
        DataType::Interval(_) | DataType::Duration(_) => "interval".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Query { .. } | Error::NotARead(_) | Error::Value(_) => Self::bad_request(error.to_string()),
            Error::Memory { .. } | Error::Time { .. } => Self::too_large(error.to_string()),
            Error::Lake(_) | Error::Engine(_) => {
                tracing::error!(%error, "a query failed");
                Self::unavailable(error.to_string())
            }
        }
    }
}

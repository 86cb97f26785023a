//! SQL over HTTP: rows as JSON, JSON lines, CSV or an Arrow stream, sent as they come.

use super::auth::Caller;
use super::input;
use crate::api::problem::Problem;
use crate::api::sql::{SqlColumn, SqlRequest};
use crate::node::Node;
use crate::session::{Purpose, QueryOptions, RecordedRows, Session};
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use onrecord_query::Error;
use onrecord_query::print::{Format, Printer, is_document};
use std::sync::Arc;
use std::time::Duration;

/// Ask in SQL.
///
/// `Accept: application/json` gives `{"columns": [{"name", "type"}], "rows": [{…}]}`, `application/x-ndjson` one row a
/// line, `text/csv` CSV, `application/vnd.apache.arrow.stream` an Arrow IPC stream, which is the quickest for many rows.
/// The query, without its literals, goes on the record before any row is given. An answer that fails half way is cut
/// off, so that it cannot be taken for a whole one.
#[utoipa::path(post, path = "/v1/sql", request_body = SqlRequest,
    responses((status = 200, description = "rows, in the form that `Accept` asks for",
            content((serde_json::Value = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"),
                (Vec<u8> = "application/vnd.apache.arrow.stream"))),
        (status = 400, description = "not SQL, not a read, or names what is not there", body = Problem),
        (status = 413, description = "over the query's time or memory; the query is stopped", body = Problem),
        (status = 429, description = "too many queries are under way; Retry-After says when to ask again", body = Problem)))]
pub(super) async fn query(
    State(node): State<Arc<Node>>,
    Caller(actor): Caller,
    headers: HeaderMap,
    input::Json(request): input::Json<SqlRequest>,
) -> Result<Response, Problem> {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("application/json");
    let format = format_of(accept);
    let timeout = request.timeout_seconds.map(Duration::from_secs);
    let options = QueryOptions { purpose: Purpose::Sql, rows_max: request.limit, timeout };
    let rows = Session::new(node, actor).query(&request.sql, options).await?;
    let mut answer = Answer::begin(rows, format)?;
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
    Ok(([(header::CONTENT_TYPE, content_type(format))], Body::from_stream(body)).into_response())
}

const ARROW: &str = "application/vnd.apache.arrow.stream";

/// The form that is asked for; JSON, if none that there is.
fn format_of(accept: &str) -> Format {
    if accept.contains("application/x-ndjson") {
        Format::JsonLines
    } else if accept.contains("text/csv") {
        Format::Csv
    } else if accept.contains(ARROW) {
        Format::Arrow
    } else {
        Format::Json
    }
}

fn content_type(format: Format) -> &'static str {
    match format {
        Format::Json => "application/json",
        Format::JsonLines => "application/x-ndjson",
        Format::Csv => "text/csv; charset=utf-8; header=present",
        Format::Arrow => ARROW,
    }
}

/// An answer being printed.
struct Answer {
    rows: RecordedRows,
    /// Gone when the last row is printed.
    printer: Option<Printer>,
    /// Printed, and not sent yet.
    printed: Vec<u8>,
    format: Format,
}

/// A piece is sent when it has grown to this.
const PIECE_BYTES: usize = 64 << 10;

impl Answer {
    fn begin(rows: RecordedRows, format: Format) -> Result<Self, Error> {
        let mut printed = Vec::new();
        if format == Format::Json {
            let fields = rows.schema().fields().iter();
            let columns: Vec<SqlColumn> = fields.map(|field| column(field)).collect();
            let columns = serde_json::to_string(&columns).unwrap_or_default();
            printed.extend_from_slice(format!("{{\"columns\":{columns},\"rows\":").as_bytes());
        }
        let printer = Printer::begin(format, rows.schema(), &mut printed).map_err(unprintable)?;
        Ok(Self { rows, printer: Some(printer), printed, format })
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
                    if self.format == Format::Json {
                        self.printed.truncate(self.printed.trim_ascii_end().len());
                        self.printed.extend_from_slice(b"}\n");
                    }
                }
            }
        }
        Ok(Bytes::from(std::mem::take(&mut self.printed)))
    }
}

pub(super) fn unprintable(_: ArrowError) -> Error {
    Error::Value("a column has a type that cannot be printed; cast it".into())
}

fn column(field: &Field) -> SqlColumn {
    SqlColumn { name: field.name().clone(), column_type: postgres_type(field) }
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

//! SQL over HTTP: rows as JSON, JSON lines, CSV or an Arrow stream, sent as they come.

use super::auth::Caller;
use super::{input, rows};
use crate::api::problem::Problem;
use crate::api::sql::{SqlColumn, SqlRequest};
use crate::node::Node;
use crate::session::{Purpose, QueryOptions, Session};
use arrow::datatypes::{DataType, Field};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use onrecord_query::print::is_document;
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
    let format = rows::format_of(&headers);
    let timeout = request.timeout_seconds.map(Duration::from_secs);
    let options = QueryOptions { purpose: Purpose::Sql, rows_max: request.limit, timeout };
    let rows = Session::new(node, actor).query(&request.sql, options).await?;
    let fields = rows.schema().fields().iter();
    let columns: Vec<SqlColumn> = fields.map(|field| column(field)).collect();
    let columns = serde_json::to_string(&columns).unwrap_or_default();
    rows::answer(rows, format, Some((&format!("{{\"columns\":{columns},\"rows\":"), "}\n"))).await
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

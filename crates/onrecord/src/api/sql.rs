//! SQL: a statement, and its rows as one JSON document.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A statement to answer.
#[derive(Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlRequest {
    /// One statement that reads, in PostgreSQL's dialect.
    pub(crate) sql: String,
    /// Rows after which the answer is cut short; without it, all rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<usize>,
    /// Seconds after which the query is stopped; at most what the server is set to, which is also the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub(crate) timeout_seconds: Option<u64>,
}

/// A row by the names of its columns. Its values stay text: a number parsed and printed again could be another one.
pub(crate) type Row = BTreeMap<String, Box<RawValue>>;

/// An answer to a statement.
#[derive(Deserialize)]
pub(crate) struct SqlAnswer {
    pub(crate) columns: Vec<SqlColumn>,
    pub(crate) rows: Vec<Row>,
}

/// A column of an answer.
#[derive(Serialize, Deserialize)]
pub(crate) struct SqlColumn {
    pub(crate) name: String,
    /// The type by PostgreSQL's name for it.
    #[serde(rename = "type")]
    pub(crate) column_type: String,
}

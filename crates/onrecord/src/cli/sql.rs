//! `onrecord sql`: a question in SQL, its rows as a table, JSON, JSON lines or CSV.

use crate::api::sql::{SqlAnswer, SqlRequest};
use crate::client::Client;
use crate::output::{self, Format};
use crate::target::Target;
use anyhow::{Context, Result};
use clap::Args;
use futures::StreamExt;
use std::io::Read;

/// Rows that a table on a terminal shows; programs get all rows.
const TABLE_ROWS_MAX: usize = 1000;

/// Ask in SQL (PostgreSQL dialect, JSON operators, read only). Start with the tables `ai_audit_logs`, `decisions`,
/// `reviews`, `outcomes` and `entries`.
#[derive(Args)]
pub(crate) struct Sql {
    /// The statement; `-` reads it from standard input
    #[arg(allow_hyphen_values = true)]
    statement: String,
    /// Seconds after which the query is stopped [default: 60, or ONRECORD_STATEMENT_TIMEOUT_SECONDS]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    timeout: Option<u64>,
}

impl Sql {
    pub(super) async fn run(self, target: &Target, client: &Client) -> Result<bool> {
        let mut statement = self.statement;
        if statement == "-" {
            statement.clear();
            std::io::stdin().lock().read_to_string(&mut statement)?;
        }
        let request = SqlRequest { sql: statement, timeout_seconds: self.timeout, limit: None };
        match Format::or_default(target.format) {
            Format::Table | Format::Html => table(client, request).await?,
            Format::Json => stream(client, &request, "application/json").await?,
            Format::Jsonl => stream(client, &request, "application/x-ndjson").await?,
            Format::Csv => stream(client, &request, "text/csv").await?,
        }
        Ok(true)
    }
}

async fn stream(client: &Client, request: &SqlRequest, accept: &str) -> Result<()> {
    let mut body = client.post_json("/v1/sql", accept, request).await?.stream();
    while let Some(chunk) = body.next().await {
        output::bytes(&chunk.context("the answer broke off: the query failed half way or the connection was cut")?)?;
    }
    Ok(())
}

async fn table(client: &Client, request: SqlRequest) -> Result<()> {
    let request = SqlRequest { limit: Some(TABLE_ROWS_MAX + 1), ..request };
    let answer: SqlAnswer = client.post_json("/v1/sql", "application/json", &request).await?.json().await?;
    let columns: Vec<String> = answer.columns.into_iter().map(|column| column.name).collect();
    let shown = &answer.rows[..answer.rows.len().min(TABLE_ROWS_MAX)];
    output::line(&output::table(&columns, shown))?;
    match answer.rows.len() {
        1 => output::line("1 row"),
        rows if rows > TABLE_ROWS_MAX => {
            output::note(&format!(
                "only the first {TABLE_ROWS_MAX} rows are shown; `--format jsonl` gives all of them"
            ));
            Ok(())
        }
        rows => output::line(&format!("{rows} rows")),
    }
}

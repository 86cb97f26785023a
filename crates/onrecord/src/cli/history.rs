//! `onrecord history`: all decisions about one person.

use crate::api::sql::Row;
use crate::client::{Ask, Client};
use crate::http::path_segment;
use crate::output::{self, Format};
use crate::target::Target;
use anyhow::{Context, Result};
use axum::http::{Method, header};
use bytes::Bytes;
use clap::Args;
use futures::StreamExt;

/// Show all decisions about a person, newest first: when, which model, what it decided and why. The reading goes on the
/// record.
#[derive(Args)]
pub(crate) struct History {
    /// The user id
    user: String,
}

/// What a table shows.
const COLUMNS: [&str; 5] = ["date", "system", "decision", "explanation", "decision_id"];

impl History {
    pub(super) async fn run(self, target: &Target, client: &Client) -> Result<bool> {
        let format = Format::or_default(target.format);
        let accept = match format {
            Format::Json | Format::Table | Format::Html => "application/json",
            Format::Jsonl => "application/x-ndjson",
            Format::Csv => "text/csv",
        };
        let path = format!("/v1/subjects/{}/history", path_segment(&self.user));
        let headers = vec![(header::ACCEPT.as_str(), accept.to_owned())];
        let ask = Ask { method: Method::GET, path: &path, headers, body: Bytes::new() };
        let answer = client.send(ask).await?.checked().await?;
        if format == Format::Table {
            let rows: Vec<Row> = answer.json().await?;
            match rows.len() {
                0 => output::line("no decisions about this person are on the record")?,
                _ => output::line(&output::table(&COLUMNS.map(str::to_owned), &rows))?,
            }
            return Ok(true);
        }
        let mut body = answer.stream();
        while let Some(chunk) = body.next().await {
            output::bytes(&chunk.context("the answer broke off: it failed half way or the connection was cut")?)?;
        }
        Ok(true)
    }
}

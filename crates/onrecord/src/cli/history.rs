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
use clap::builder::NonEmptyStringValueParser;
use futures::StreamExt;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Show all decisions about a person, newest first: when, which model, what it decided and why. The reading goes on the
/// record.
#[derive(Args)]
pub(crate) struct History {
    /// The user id
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    user: String,
}

/// What a table shows.
const COLUMNS: [&str; 5] = ["date", "system", "decision", "explanation", "decision_id"];

/// What the person says, each statement once, in the order of the ledger.
fn told(rows: &[Row]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Note {
        event_id: String,
        recorded_at: String,
        actor: String,
        decision_id: Option<String>,
        text: Value,
    }
    let mut notes = BTreeMap::new();
    for row in rows {
        let list = row.get("notes").map(|list| serde_json::from_str::<Vec<Note>>(list.get()));
        let list = list.and_then(Result::ok).unwrap_or_default();
        notes.extend(list.into_iter().map(|note| ((note.recorded_at.clone(), note.event_id.clone()), note)));
    }
    let line = |note: &Note| {
        let of = note.decision_id.as_ref().map_or("all decisions".to_owned(), |id| format!("decision {id}"));
        let text = note.text.as_str().map_or("(sealed)".to_owned(), |text| text.replace(['\r', '\n', '\t'], " "));
        output::printable(&format!("statement of {} by {} beside {of}: {text}", note.recorded_at, note.actor))
    };
    notes.values().map(line).collect()
}

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
            for line in told(&rows) {
                output::line(&line)?;
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

//! `onrecord report`: figures about the decisions of a model.

use crate::client::{Ask, Client};
use crate::http::path_with_query;
use crate::output::{self, Format};
use crate::target::Target;
use anyhow::Result;
use axum::http::{Method, header};
use bytes::Bytes;
use clap::{Args, Subcommand};
use onrecord_report::usage::Usage;
use serde_json::value::{RawValue, to_raw_value};

/// Report on the decisions of a model, as a table, JSON, CSV or a page that prints (`--format html`). The reading goes on
/// the record.
#[derive(Args)]
pub(crate) struct Report {
    #[command(subcommand)]
    name: Name,
}

#[derive(Subcommand)]
enum Name {
    /// How many decisions a day, how sure, how often overridden, how long they took
    Usage(Reported),
}

/// What a report is about.
#[derive(Args)]
struct Reported {
    /// The model
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// The period: so many times 24 hours before now [default: 30]
    #[arg(long, value_name = "N", conflicts_with_all = ["since", "until"], value_parser = clap::value_parser!(u32).range(1..))]
    days: Option<u32>,
    /// From this time on: RFC 3339, or a day of UTC
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Report {
    pub(super) async fn run(self, target: &Target, client: &Client) -> Result<bool> {
        let Name::Usage(reported) = self.name;
        let format = Format::or_default(target.format);
        let accept = match format {
            Format::Json | Format::Jsonl | Format::Table => "application/json",
            Format::Csv => "text/csv",
            Format::Html => "text/html",
        };
        let path = reported.path("/v1/reports/usage");
        let headers = vec![(header::ACCEPT.as_str(), accept.to_owned())];
        let ask = Ask { method: Method::GET, path: &path, headers, body: Bytes::new() };
        let answer = client.send(ask).await?.checked().await?;
        match format {
            Format::Csv | Format::Html => output::bytes(&answer.bytes().await?)?,
            Format::Jsonl => output::line(&serde_json::to_string(&answer.json::<Usage>().await?)?)?,
            Format::Json => output::line(&serde_json::to_string_pretty(&answer.json::<Usage>().await?)?)?,
            Format::Table => print_usage(&answer.json().await?)?,
        }
        Ok(true)
    }
}

impl Reported {
    fn path(self, report: &str) -> String {
        let mut pairs = vec![("model_id", self.model)];
        pairs.extend(self.days.map(|days| ("days", days.to_string())));
        pairs.extend(self.since.map(|since| ("since", since)));
        pairs.extend(self.until.map(|until| ("until", until)));
        path_with_query(report, &pairs)
    }
}

fn print_usage(usage: &Usage) -> Result<()> {
    output::line(&format!("Usage of {} from {} to {}", usage.model_id, usage.since, usage.until))?;
    for (name, value) in usage.totals() {
        output::line(&format!("  {name}: {value}"))?;
    }
    let raw = |text: &String| -> Result<Box<RawValue>> {
        // Numbers stay numbers, so that they stand to the right.
        Ok(RawValue::from_string(text.clone()).or_else(|_| to_raw_value(text))?)
    };
    let columns = Usage::columns().map(str::to_owned);
    let mut rows = Vec::new();
    for row in usage.rows() {
        rows.push(columns.iter().cloned().zip(&row).map(|(name, text)| Ok((name, raw(text)?))).collect::<Result<_>>()?);
    }
    if rows.is_empty() {
        output::line("no decisions in this period")
    } else {
        output::line(&output::table(&columns, &rows))
    }
}

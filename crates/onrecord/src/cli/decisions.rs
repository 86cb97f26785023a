//! `onrecord decisions`: decisions found without SQL.

use crate::api::decision::DecisionPage;
use crate::api::sql::Row;
use crate::client::Client;
use crate::output::{self, Format};
use crate::target::Target;
use anyhow::Result;
use clap::Args;
use onrecord_report::decisions::COLUMNS;

/// Find decisions, newest first, a page at a time. What is given must all hold. The reading goes on the record.
#[derive(Args)]
pub(crate) struct Decisions {
    /// Whose decisions
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Of this model
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Of this version of it
    #[arg(long, value_name = "VERSION")]
    model_version: Option<String>,
    /// Of this environment: production, staging, development
    #[arg(long, value_name = "ENVIRONMENT")]
    environment: Option<String>,
    /// With a confidence below this
    #[arg(long, value_name = "NUMBER")]
    confidence_below: Option<f64>,
    /// That a person overrode, or with =false did not
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    overridden: Option<bool>,
    /// That a person reviewed, or with =false did not
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    reviewed: Option<bool>,
    /// From this time on: RFC 3339, or a day of UTC
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// With this value: PATH=VALUE, as input_features.application_id=app_7; may be given several times
    #[arg(long = "where", value_name = "PATH=VALUE")]
    conditions: Vec<String>,
    /// Decisions on a page, at most 1000 [default: 100]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// The page after the one that gave this cursor
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

impl Decisions {
    pub(super) async fn run(self, target: &Target, client: &Client) -> Result<bool> {
        let page: DecisionPage = client.fetch(&self.path()).await?.json().await?;
        let next = page.next_cursor.clone();
        let columns = COLUMNS.map(str::to_owned);
        match Format::or_default(target.format) {
            Format::Json => output::line(&serde_json::to_string_pretty(&page)?)?,
            Format::Jsonl => page.decisions.iter().try_for_each(|decision| output::line(decision.get()))?,
            Format::Csv => output::line(output::csv(&columns, &rows(&page)?)?.trim_end())?,
            Format::Table if page.decisions.is_empty() => output::line("no decisions")?,
            Format::Table | Format::Html => output::line(&output::table(&columns, &rows(&page)?))?,
        }
        if let Some(next) = next
            && Format::or_default(target.format) != Format::Json
        {
            output::note(&format!("there are more: --cursor {next}"));
        }
        Ok(true)
    }

    fn path(&self) -> String {
        let text = |name: &'static str, value: &Option<String>| value.clone().map(|value| (name, value));
        let mut pairs: Vec<(&str, String)> = Vec::new();
        pairs.extend(text("user_id", &self.user));
        pairs.extend(text("model_id", &self.model));
        pairs.extend(text("model_version", &self.model_version));
        pairs.extend(text("environment", &self.environment));
        pairs.extend(self.confidence_below.map(|below| ("confidence_below", below.to_string())));
        pairs.extend(self.overridden.map(|truth| ("overridden", truth.to_string())));
        pairs.extend(self.reviewed.map(|truth| ("reviewed", truth.to_string())));
        pairs.extend(text("since", &self.since));
        pairs.extend(text("until", &self.until));
        pairs.extend(self.conditions.iter().map(|condition| ("where", condition.clone())));
        pairs.extend(self.limit.map(|limit| ("limit", limit.to_string())));
        pairs.extend(text("cursor", &self.cursor));
        crate::http::path_with_query("/v1/decisions", &pairs)
    }
}

fn rows(page: &DecisionPage) -> Result<Vec<Row>> {
    page.decisions.iter().map(|decision| Ok(serde_json::from_str(decision.get())?)).collect()
}

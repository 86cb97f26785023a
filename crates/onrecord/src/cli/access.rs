//! `onrecord access`: who read about a decision or a person, and what somebody read.

use crate::api::sql::Row;
use crate::client::Client;
use crate::http::path_with_query;
use crate::output::{self, Format};
use crate::target::Target;
use anyhow::Result;
use clap::Args;
use onrecord_report::access::{Accesses, COLUMNS};

/// Who saw this: who read about a decision or a person, when, how and why, newest first. The asking goes on the record.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("whose").args(["decision", "subject", "actor"]).required(true).multiple(true))]
pub(crate) struct Access {
    /// Readings of this decision
    decision: Option<String>,
    /// Readings of this person, and of the decisions about them
    #[arg(long, value_name = "USER", conflicts_with = "decision")]
    subject: Option<String>,
    /// Readings by this one: `local`, or the name or `token:ID` of an API token
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// From this time on: RFC 3339, or a day of UTC
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Readings to give, at most 1000 [default: 100]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// The page after the one that gave this cursor
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

impl Access {
    pub(super) async fn run(self, target: &Target, client: &Client) -> Result<bool> {
        let found: Accesses = client.fetch(&self.path()).await?.json().await?;
        let columns = COLUMNS.map(str::to_owned);
        match Format::or_default(target.format) {
            Format::Json => output::line(&serde_json::to_string_pretty(&found)?)?,
            Format::Jsonl => {
                found.accesses.iter().try_for_each(|access| output::line(&serde_json::to_string(access)?))?;
            }
            Format::Csv => output::line(output::csv(&columns, &rows(&found)?)?.trim_end())?,
            Format::Table if found.accesses.is_empty() => output::line("nobody")?,
            Format::Table | Format::Html => output::line(&output::table(&columns, &rows(&found)?))?,
        }
        if let Some(next) = &found.next_cursor
            && Format::or_default(target.format) != Format::Json
        {
            output::note(&format!("there are more: --cursor {next}"));
        }
        if let Some(queries @ 1..) = found.unnamed_queries {
            output::note(&format!("{queries} other queries name no decision and nobody, and may have shown it, too"));
        }
        Ok(true)
    }

    fn path(&self) -> String {
        let pairs = [
            ("decision_id", self.decision.clone()),
            ("user_id", self.subject.clone()),
            ("actor", self.actor.clone()),
            ("since", self.since.clone()),
            ("limit", self.limit.map(|limit| limit.to_string())),
            ("cursor", self.cursor.clone()),
        ];
        let pairs: Vec<_> = pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        path_with_query("/v1/access", &pairs)
    }
}

fn rows(found: &Accesses) -> Result<Vec<Row>> {
    found.accesses.iter().map(|access| Ok(serde_json::from_str(&serde_json::to_string(access)?)?)).collect()
}

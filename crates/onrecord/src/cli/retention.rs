//! `onrecord retention`: which records' time is over, and what becomes of them.

use crate::api::archive::Moved;
use crate::api::retention::{Confirmation, RetentionPlan, RetentionRequest, RetentionRun, RetentionStatus};
use crate::api::sql::Row;
use crate::client::Client;
use crate::output::{self, Format};
use crate::target::Target;
use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;

/// How long records are kept, by `[retention]` of policy.toml.
#[derive(Args)]
pub(crate) struct Retention {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show what is due when
    Status,
    /// Show what a run would do now, and change nothing
    Plan,
    /// Put what is due on the record, and remove it
    Run {
        /// Let rules that policy.toml made shorter take effect
        #[arg(long)]
        confirm: bool,
    },
}

impl Retention {
    pub(super) async fn run(self, target: &Target, client: &Client) -> Result<bool> {
        let format = Format::or_default(target.format);
        match self.action {
            Action::Status => {
                let status: RetentionStatus = client.fetch("/v1/retention").await?.json().await?;
                if format == Format::Table {
                    let columns = [
                        "policy",
                        "days",
                        "action",
                        "decisions",
                        "due",
                        "held",
                        "due_in_30_days",
                        "oldest_recorded_at",
                    ];
                    table(&columns, &status.policies)?;
                    tell(&status.unconfirmed);
                    if status.waiting_for_removal > 0 {
                        output::note(&format!("{} records wait for their removal", status.waiting_for_removal));
                    }
                    return Ok(true);
                }
                output::line(&serde_json::to_string_pretty(&status)?)?;
            }
            Action::Plan => {
                let plan: RetentionPlan = client.fetch("/v1/retention/plan").await?.json().await?;
                if format == Format::Table {
                    table(&PLAN, &plan.policies)?;
                    tell(&plan.unconfirmed);
                    return Ok(true);
                }
                output::line(&serde_json::to_string_pretty(&plan)?)?;
            }
            Action::Run { confirm } => {
                let request = RetentionRequest { confirm };
                let answer = client.post_json("/v1/retention/runs", "application/json", &request).await?;
                let run: RetentionRun = answer.json().await?;
                if format == Format::Table {
                    table(&PLAN, &run.policies)?;
                    let removal = &run.removal;
                    output::line(&format!(
                        "removed {} records from {} segments, and {} large values",
                        removal.records, removal.segments, removal.large_values
                    ))?;
                    tell(&run.unconfirmed);
                    tell_archived(&run.archived)?;
                } else {
                    output::line(&serde_json::to_string_pretty(&run)?)?;
                }
                return Ok(run.removal.is_gone && run.archived.failed.is_empty());
            }
        }
        Ok(true)
    }
}

/// The columns of a plan.
const PLAN: [&str; 6] = ["policy", "action", "cutoff", "decisions", "reviews_and_outcomes", "segments"];

fn table(columns: &[&str], rows: &impl Serialize) -> Result<()> {
    let rows: Vec<Row> = serde_json::from_str(&serde_json::to_string(rows)?)?;
    let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
    output::line(&output::table(&columns, &rows))
}

fn tell_archived(archived: &Moved) -> Result<()> {
    if archived.segments > 0 {
        output::line(&format!("archived {} segments, {} entries", archived.segments, archived.entries))?;
    }
    if let Some(waits) = &archived.waits {
        output::note(&format!("nothing was archived: {waits}"));
    }
    for failed in &archived.failed {
        output::note(&format!("{} stays: {}", failed.segment, failed.problem));
    }
    Ok(())
}

fn tell(unconfirmed: &[Confirmation]) {
    for Confirmation { policy, days, wanted_days } in unconfirmed {
        let wanted =
            wanted_days.map_or("is gone from policy.toml".to_owned(), |days| format!("is {days} days in policy.toml"));
        output::note(&format!(
            "{policy} {wanted}, fewer than the {days} that are on the record, which stay in effect until `retention run --confirm`"
        ));
    }
}

//! `onrecord incident`: what a model decided is held and given away with its evidence, for an investigation or a court.

use super::download::Download;
use super::hold::tell_waiting;
use crate::api::hold::{HoldRequest, PlacedHold};
use crate::client::Client;
use crate::http::path_segment;
use crate::output::{self, Format};
use crate::target::Target;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;
use std::path::PathBuf;

/// Incidents: hold what a model decided, and write its evidence into a file.
#[derive(Args)]
pub(crate) struct Incident {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Hold what a model decided, and write it into a zip file with its evidence
    Freeze(Freeze),
    /// Write the zip file of a hold that stands
    Evidence {
        /// The hold's name
        hold: String,
        /// The file, which must not exist; incident-TIME.zip if nothing is said
        #[arg(long, value_name = "FILE.zip")]
        output: Option<PathBuf>,
    },
}

#[derive(Args)]
struct Freeze {
    /// The model
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// Its decisions from this time on: RFC 3339, or a day of UTC
    #[arg(long, value_name = "TIME")]
    since: String,
    /// Before this time; without it the hold reaches what comes later, too
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The case that it is for
    #[arg(long, value_name = "CASE")]
    case: Option<String>,
    /// The file, which must not exist; incident-TIME.zip if nothing is said
    #[arg(long, value_name = "FILE.zip")]
    output: Option<PathBuf>,
}

impl Incident {
    pub(super) async fn run(self, target: &Target, client: &Client) -> Result<bool> {
        let format = Format::or_default(target.format);
        match self.action {
            Action::Freeze(freeze) => freeze.run(format, client).await,
            Action::Evidence { hold, output } => {
                let path = path(output);
                Download::begin(&path)?.fetch(client, &evidence(&hold)).await?;
                output::note(&format!("written to {}; manifest.json in it says what each file is", path.display()));
                Ok(true)
            }
        }
    }
}

impl Freeze {
    async fn run(self, format: Format, client: &Client) -> Result<bool> {
        let Self { model, since, until, reason, case, output } = self;
        let path = path(output);
        // Before a hold is placed: a file that cannot be made must not leave one.
        let download = Download::begin(&path)?;
        let (model_id, since) = (Some(model), Some(since));
        let request = HoldRequest { model_id, since, until, case, reason, ..HoldRequest::default() };
        let placed: PlacedHold = client.post_json("/v1/holds", "application/json", &request).await?.json().await?;
        tell_waiting(placed.waiting_for_removal);
        let hold = &placed.hold;
        download.fetch(client, &evidence(hold)).await.with_context(|| {
            format!(
                "the hold {hold} stands, but its file was not written; `onrecord incident evidence {hold}` writes it"
            )
        })?;
        let shown = path.display().to_string();
        match format {
            Format::Table => {
                let decisions = placed.decisions;
                output::line(&format!("hold {hold} stands: it reaches {decisions} decisions now"))?;
                output::note(&format!("written to {shown}; manifest.json in it says what each file is"));
            }
            _ => {
                let frozen = json!({
                    "hold": hold, "decisions": placed.decisions, "waiting_for_removal": placed.waiting_for_removal,
                    "file": shown,
                });
                output::line(&serde_json::to_string_pretty(&frozen)?)?;
            }
        }
        Ok(true)
    }
}

fn evidence(hold: &str) -> String {
    format!("/v1/holds/{}/evidence", path_segment(hold))
}

fn path(output: Option<PathBuf>) -> PathBuf {
    output.unwrap_or_else(|| Timestamp::now().strftime("incident-%Y%m%dT%H%M%SZ.zip").to_string().into())
}

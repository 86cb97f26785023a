//! `onrecord archive`: old segments in an object store, where they can be asked and verified as before.

use crate::api::archive::{ArchiveStatus, Moved, PushRequest, RestoreRequest};
use crate::api::sql::Row;
use crate::client::Client;
use crate::output::{self, Format};
use crate::target::Target;
use anyhow::Result;
use clap::{Args, Subcommand};

/// Segments in an object store (S3 and what speaks it), or in another directory.
#[derive(Args)]
pub(crate) struct Archive {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show what is on the disk, and what is in the archive
    Status,
    /// Put segments into the archive: those that are due by their retention policies
    Push {
        /// All that is recorded now and not held, due or not
        #[arg(long)]
        all: bool,
        /// Where to, in place of onrecord.toml: s3://BUCKET/PREFIX or file:///DIRECTORY
        #[arg(long, value_name = "URL")]
        to: Option<String>,
    },
    /// Put segments on the disk again: all, or those named
    Restore {
        /// Their names, as `status` has them
        #[arg(value_name = "SEGMENT")]
        segments: Vec<String>,
    },
}

impl Archive {
    pub(super) async fn run(self, target: &Target, client: &Client) -> Result<bool> {
        let format = Format::or_default(target.format);
        match self.action {
            Action::Status => {
                let status: ArchiveStatus = client.fetch("/v1/archive").await?.json().await?;
                if format != Format::Table {
                    output::line(&serde_json::to_string_pretty(&status)?)?;
                    return Ok(true);
                }
                let columns = ["segment", "tier", "entries", "bytes", "archived_at", "locked_until"];
                let rows: Vec<Row> = serde_json::from_str(&serde_json::to_string(&status.segments)?)?;
                output::line(&output::table(&columns.map(str::to_owned), &rows))?;
                for tier in &status.tiers {
                    output::line(&format!(
                        "{}: {} segments, {} entries, {} bytes",
                        tier.tier, tier.segments, tier.entries, tier.bytes
                    ))?;
                }
                if status.waiting_for_removal > 0 {
                    let waiting = status.waiting_for_removal;
                    output::note(&format!(
                        "objects of {waiting} segments are to go from the archive and are there yet"
                    ));
                }
                Ok(true)
            }
            Action::Push { all, to } => {
                let request = PushRequest { all, to };
                let answer = client.post_json("/v1/archive/push", "application/json", &request).await?;
                tell(format, "archived", &answer.json().await?)
            }
            Action::Restore { segments } => {
                let request = RestoreRequest { segments };
                let answer = client.post_json("/v1/archive/restore", "application/json", &request).await?;
                tell(format, "restored", &answer.json().await?)
            }
        }
    }
}

/// Says what moved; whether nothing failed.
fn tell(format: Format, what: &str, moved: &Moved) -> Result<bool> {
    if format == Format::Table {
        output::line(&format!("{what} {} segments, {} entries, {} bytes", moved.segments, moved.entries, moved.bytes))?;
        if moved.held > 0 {
            output::note(&format!("{} segments stay: something in them is held", moved.held));
        }
        if let Some(waits) = &moved.waits {
            output::note(waits);
        }
        for failed in &moved.failed {
            output::note(&format!("{} stays: {}", failed.segment, failed.problem));
        }
    } else {
        output::line(&serde_json::to_string_pretty(moved)?)?;
    }
    Ok(moved.failed.is_empty())
}

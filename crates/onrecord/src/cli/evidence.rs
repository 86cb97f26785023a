//! `onrecord evidence`: everything that a third party needs to check one decision offline, in one file.

use crate::client::Client;
use crate::output;
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;

/// Write the evidence bundle of one decision: its exact bytes, their inclusion proof, and the signed checkpoint.
/// `onrecord-verify bundle FILE --key VKEY` checks it without any trust in this system.
#[derive(Args)]
pub(crate) struct Evidence {
    /// The decision's id
    decision_id: String,
    /// Where to write it [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Evidence {
    pub(super) async fn run(self, client: &Client) -> Result<bool> {
        let path = format!("/v1/decisions/{}/evidence", crate::http::path_segment(&self.decision_id));
        let bundle: serde_json::Value = client.fetch(&path).await?.json().await?;
        let text = serde_json::to_string_pretty(&bundle)?;
        match &self.output {
            None => output::line(&text)?,
            Some(file) => {
                std::fs::write(file, text + "\n").with_context(|| format!("cannot write {}", file.display()))?;
                output::note(&format!("evidence written to {}", file.display()));
            }
        }
        Ok(true)
    }
}

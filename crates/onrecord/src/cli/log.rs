//! `onrecord log`: one decision in, its receipt out.

use crate::client::{Ask, Client};
use crate::output;
use anyhow::{Context, Result};
use axum::http::{Method, header};
use bytes::Bytes;
use clap::Args;
use std::io::{IsTerminal, Read};
use std::path::PathBuf;

/// Log one decision: prints its ids and its receipt, which proves offline that it is on the record.
#[derive(Args)]
pub(crate) struct Log {
    /// A file holding one decision as JSON; `-` is standard input
    #[arg(default_value = "-")]
    file: PathBuf,
}

impl Log {
    pub(super) async fn run(self, client: &Client) -> Result<bool> {
        let mut body = Vec::new();
        if self.file.as_os_str() == "-" {
            if std::io::stdin().is_terminal() {
                output::note("reading one decision as JSON from the terminal; end with Ctrl-D");
            }
            std::io::stdin().lock().read_to_end(&mut body)?;
        } else {
            body = std::fs::read(&self.file).with_context(|| format!("cannot read {}", self.file.display()))?;
        }
        let ask = Ask {
            method: Method::POST,
            path: "/v1/decisions",
            headers: vec![(header::CONTENT_TYPE.as_str(), "application/json".to_owned())],
            body: Bytes::from(body),
        };
        let logged: serde_json::Value = client.send(ask).await?.checked().await?.json().await?;
        output::line(&serde_json::to_string_pretty(&logged)?)?;
        for missing in logged["missing"].as_array().into_iter().flatten() {
            let said = |name: &str| missing[name].as_str().unwrap_or_default();
            output::note(&format!("{} {}", said("pointer"), said("detail")));
        }
        Ok(true)
    }
}

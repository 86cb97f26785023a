//! `onrecord outcome`: what turned out to be true about a decision.

use crate::api;
use crate::client::Client;
use crate::http::path_segment;
use crate::output;
use anyhow::Result;
use clap::Args;
use serde_json::value::RawValue;

/// Log what turned out to be true about a decision: prints its ids and its receipt. Reports compare the latest outcome
/// with the prediction.
#[derive(Args)]
pub(crate) struct Outcome {
    /// The decision's id
    decision_id: String,
    /// What is true, as JSON
    #[arg(long, value_name = "JSON", value_parser = super::json, allow_hyphen_values = true)]
    value: Box<RawValue>,
    /// When it came to be known, as RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

impl Outcome {
    pub(super) async fn run(self, client: &Client) -> Result<bool> {
        let outcome =
            api::decision::Outcome { event_id: None, timestamp: self.at, outcome: self.value, metadata: None };
        let path = format!("/v1/decisions/{}/outcomes", path_segment(&self.decision_id));
        let logged: serde_json::Value = client.post_json(&path, "application/json", &outcome).await?.json().await?;
        output::line(&serde_json::to_string_pretty(&logged)?)?;
        Ok(true)
    }
}

//! `onrecord review`: a person agrees with a decision or overrides it.

use crate::api;
use crate::client::Client;
use crate::http::path_segment;
use crate::output;
use anyhow::Result;
use clap::{ArgGroup, Args};
use serde_json::value::RawValue;

/// Log what a person made of a decision: prints its ids and its receipt. The decision itself is never changed; queries
/// show the latest review beside it.
#[derive(Args)]
#[command(group = ArgGroup::new("judgement").required(true).args(["agree", "overrides"]))]
pub(crate) struct Review {
    /// The decision's id
    decision_id: String,
    /// The person agrees with the model
    #[arg(long)]
    agree: bool,
    /// The person decides otherwise: needs --decision and --reason
    #[arg(long = "override", requires_all = ["decision", "reason"])]
    overrides: bool,
    /// What the person decides, as JSON
    #[arg(long, value_name = "JSON", requires = "overrides", value_parser = super::json, allow_hyphen_values = true)]
    decision: Option<Box<RawValue>>,
    /// Why
    #[arg(long, value_name = "TEXT", requires = "overrides")]
    reason: Option<String>,
    /// Who reviewed; kept as a user is, by a token
    #[arg(long, value_name = "WHO")]
    reviewer: String,
}

impl Review {
    pub(super) async fn run(self, client: &Client) -> Result<bool> {
        let review = api::decision::Review {
            reviewer: Some(self.reviewer),
            human_decision: self.decision,
            overridden: self.overrides,
            override_reason: self.reason,
            ..Default::default()
        };
        let path = format!("/v1/decisions/{}/reviews", path_segment(&self.decision_id));
        let logged: serde_json::Value = client.post_json(&path, "application/json", &review).await?.json().await?;
        output::line(&serde_json::to_string_pretty(&logged)?)?;
        Ok(true)
    }
}

//! `onrecord explain`: one decision, in words for the person whom it is about.

use super::Misuse;
use crate::api::decision::DecisionPage;
use crate::client::{Ask, Client};
use crate::http::{path_segment, path_with_query};
use crate::output::{self, Format};
use crate::target::Target;
use anyhow::{Result, bail};
use axum::http::{Method, header};
use bytes::Bytes;
use clap::{ArgGroup, Args};
use onrecord_report::explanation::Explanation;
use serde::Deserialize;

/// Explain a decision: what was decided, why, what a person did, how to object, and the proof. `--format html` gives a
/// page that prints. The reading goes on the record.
#[derive(Args)]
#[command(group = ArgGroup::new("which").required(true).args(["decision_id", "conditions"]))]
pub(crate) struct Explain {
    /// The decision's id
    decision_id: Option<String>,
    /// The one decision with this value: PATH=VALUE, as input_features.application_id=app_7; may be given several times
    #[arg(long = "where", value_name = "PATH=VALUE")]
    conditions: Vec<String>,
    /// The person for whom it is: a decision about somebody else is refused
    #[arg(long = "for", value_name = "USER")]
    for_user: Option<String>,
    /// The language of the words: en, de, or one that was added
    #[arg(long, value_name = "TAG", default_value = "en")]
    language: String,
    /// Show the person and sealed fields in plain
    #[arg(long)]
    reveal: bool,
}

impl Explain {
    pub(super) async fn run(self, target: &Target, client: &Client) -> Result<bool> {
        let accept = match Format::or_default(target.format) {
            Format::Json | Format::Jsonl => "application/json",
            Format::Table => "text/plain",
            Format::Html => "text/html",
            Format::Csv => return Err(Misuse("an explanation is json, table (text) or html".to_owned()).into()),
        };
        let decision_id = match &self.decision_id {
            Some(decision_id) => decision_id.clone(),
            None => find(client, &self.conditions).await?,
        };
        let mut pairs = vec![("language", self.language.clone())];
        pairs.extend(self.for_user.clone().map(|user| ("for", user)));
        if self.reveal {
            pairs.push(("reveal", "true".to_owned()));
        }
        let path = path_with_query(&format!("/v1/decisions/{}/explanation", path_segment(&decision_id)), &pairs);
        let headers = vec![(header::ACCEPT.as_str(), accept.to_owned())];
        let ask = Ask { method: Method::GET, path: &path, headers, body: Bytes::new() };
        let answer = client.send(ask).await?.checked().await?;
        if Format::or_default(target.format) == Format::Json {
            // Not as a JSON value, whose numbers would be rounded.
            let explanation: Explanation = answer.json().await?;
            output::line(&serde_json::to_string_pretty(&explanation)?)?;
        } else {
            output::bytes(&answer.bytes().await?)?;
            if accept == "application/json" {
                output::line("")?;
            }
        }
        Ok(true)
    }
}

/// The id of the one decision for which the conditions hold.
async fn find(client: &Client, conditions: &[String]) -> Result<String> {
    #[derive(Deserialize)]
    struct Found {
        decision_id: String,
    }
    let mut pairs: Vec<(&str, String)> = conditions.iter().map(|condition| ("where", condition.clone())).collect();
    pairs.push(("limit", "2".to_owned()));
    let page: DecisionPage = client.fetch(&path_with_query("/v1/decisions", &pairs)).await?.json().await?;
    match &page.decisions[..] {
        [one] => Ok(serde_json::from_str::<Found>(one.get())?.decision_id),
        [] => bail!("no decision is like that"),
        _ => bail!("several decisions are like that; `onrecord decisions` with the same --where lists them"),
    }
}

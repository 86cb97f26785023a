//! `onrecord hold`: what must stay, whatever retention and erasure say.

use crate::api::hold::{HoldRequest, PlacedHold};
use crate::api::sql::Row;
use crate::client::{Ask, Client};
use crate::http::{path_segment, path_with_query};
use crate::output::{self, Format};
use crate::target::Target;
use anyhow::Result;
use axum::http::Method;
use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::Value;

/// Legal holds: what is held is neither deleted nor erased.
#[derive(Args)]
pub(crate) struct Hold {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Place a hold on the decisions that fit all that is said
    Place(Place),
    /// Release a hold: what was due becomes due
    Release {
        /// The hold's name, as `place` said it and `list` says it
        hold: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// List the holds that stand
    List,
}

#[derive(Args)]
struct Place {
    /// Of this person
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Of this model
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// From this time on: RFC 3339, or a day of UTC
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// That a condition in SQL on ai_audit_logs fits now; decisions that come later are not reached then
    #[arg(long = "where", value_name = "SQL")]
    condition: Option<String>,
    /// The case that it is for
    #[arg(long, value_name = "CASE")]
    case: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Says how many decisions a hold came too late for.
pub(super) fn tell_waiting(decisions: u64) {
    if decisions > 0 {
        output::note(&format!(
            "{decisions} more that it reaches go all the same: their removal was on the record before the hold"
        ));
    }
}

const COLUMNS: [&str; 8] = ["hold", "case", "reason", "subject", "model_id", "since", "until", "leaves"];

impl Hold {
    pub(super) async fn run(self, target: &Target, client: &Client) -> Result<bool> {
        let format = Format::or_default(target.format);
        match self.action {
            Action::Place(place) => {
                let Place { user, model, since, until, condition, case, reason } = place;
                let request =
                    HoldRequest { user_id: user, model_id: model, since, until, r#where: condition, case, reason };
                let placed: PlacedHold =
                    client.post_json("/v1/holds", "application/json", &request).await?.json().await?;
                match format {
                    Format::Table => {
                        output::line(&format!(
                            "hold {} stands: it reaches {} decisions now",
                            placed.hold, placed.decisions
                        ))?;
                        tell_waiting(placed.waiting_for_removal);
                    }
                    _ => output::line(&serde_json::to_string_pretty(&placed)?)?,
                }
            }
            Action::Release { hold, reason } => {
                let pairs: Vec<(&str, String)> = reason.into_iter().map(|reason| ("reason", reason)).collect();
                let path = path_with_query(&format!("/v1/holds/{}", path_segment(&hold)), &pairs);
                let ask = Ask { method: Method::DELETE, path: &path, headers: Vec::new(), body: Bytes::new() };
                client.send(ask).await?.checked().await?;
                output::note("released");
            }
            Action::List => {
                let answer = client.fetch("/v1/holds").await?;
                if format == Format::Table {
                    let list: Vec<Row> = answer.json().await?;
                    output::line(&output::table(&COLUMNS.map(str::to_owned), &list))?;
                } else {
                    let list: Value = answer.json().await?;
                    output::line(&serde_json::to_string_pretty(&list)?)?;
                }
            }
        }
        Ok(true)
    }
}

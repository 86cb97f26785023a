//! `onrecord token`: who may write, read, reveal and administer over the network.

use crate::api::sql::Row;
use crate::api::token::{NewToken, TokenRequest};
use crate::client::{Ask, Client};
use crate::output::{self, Format};
use crate::target::Target;
use anyhow::Result;
use axum::http::Method;
use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::Value;

/// Make, list and revoke API tokens.
#[derive(Args)]
pub(crate) struct Token {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make a token; it is shown once, and stored only as a hash
    Create {
        /// A name for it: who or what uses it
        name: String,
        /// What it may do: write, read, reveal (see user ids and sealed fields), admin
        #[arg(long = "role", value_name = "ROLE", required = true, value_delimiter = ',')]
        roles: Vec<String>,
        /// Days after which it expires [default: never]
        #[arg(long, value_name = "DAYS")]
        expires_days: Option<u32>,
    },
    /// List the tokens
    List,
    /// Revoke a token
    Revoke {
        /// The token's name or id
        name: String,
    },
}

impl Token {
    pub(super) async fn run(self, target: &Target, client: &Client) -> Result<bool> {
        match self.action {
            Action::Create { name, roles, expires_days } => {
                let request = TokenRequest { name, roles, expires_days };
                let made: NewToken = client.post_json("/v1/tokens", "application/json", &request).await?.json().await?;
                output::line(&serde_json::to_string_pretty(&made)?)?;
            }
            Action::List => {
                let answer = client.fetch("/v1/tokens").await?;
                if Format::or_default(target.format) == Format::Table {
                    let list: Vec<Row> = answer.json().await?;
                    let columns = ["id", "name", "roles", "created_at", "expires_at", "revoked_at"].map(str::to_owned);
                    output::line(&output::table(&columns, &list))?;
                } else {
                    let list: Value = answer.json().await?;
                    output::line(&serde_json::to_string_pretty(&list)?)?;
                }
            }
            Action::Revoke { name } => {
                let path = format!("/v1/tokens/{}", crate::http::path_segment(&name));
                let ask = Ask { method: Method::DELETE, path: &path, headers: Vec::new(), body: Bytes::new() };
                client.send(ask).await?.checked().await?;
                output::note("revoked");
            }
        }
        Ok(true)
    }
}

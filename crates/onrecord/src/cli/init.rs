//! `onrecord init`: a fresh data directory.

use super::must_be_local;
use crate::node::Node;
use crate::output;
use crate::target::Target;
use anyhow::Result;
use clap::Args;
use serde_json::json;

/// Make a data directory: the signing key, the vault's key, the default policy, and an admin token, which is shown
/// once.
#[derive(Args)]
pub(crate) struct Init {
    /// The ledger's name in its checkpoints: a schema-less URL that you own, such as `audit.example.com/loans`
    #[arg(long, value_name = "NAME")]
    origin: Option<String>,
}

impl Init {
    pub(super) async fn run(self, target: &Target) -> Result<bool> {
        must_be_local(target, "init")?;
        let made = Node::init(target.data(), self.origin.as_deref()).await?;
        match target.format {
            None | Some(output::Format::Table | output::Format::Html) => {
                output::line(&format!("Data directory  {}", target.data().display()))?;
                output::line(&format!("Ledger          {}", made.origin))?;
                output::line(&format!("Public key      {}", made.public_key))?;
                output::line(&format!("Admin token     {}", made.admin_token))?;
                output::note(
                    "The token is shown only now: keep it. Publish the public key: it is what proofs are checked with.",
                );
                output::note(
                    "Back up the `keys` folder apart from the rest: who has both can read sealed personal data.",
                );
            }
            Some(_) => output::line(
                &json!({
                    "data": target.data(), "origin": made.origin,
                    "public_key": made.public_key, "admin_token": made.admin_token,
                })
                .to_string(),
            )?,
        }
        Ok(true)
    }
}

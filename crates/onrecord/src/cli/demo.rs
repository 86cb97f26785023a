//! `onrecord demo`: a directory with 1,000 real credit decisions, three things worth trying, and a server. A directory that it
//! made before is served as it is.

use super::must_be_local;
use super::serve::Serve;
use crate::api::decision::BatchLogged;
use crate::client::{Ask, Client};
use crate::node::{Node, Purpose};
use crate::output;
use crate::target::Target;
use anyhow::{Context, Result};
use axum::http::Method;
use bytes::Bytes;
use clap::Args;
use onrecord_record::Timestamp;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;

/// A model's decisions on the UCI German credit data, with reviews and outcomes; `examples/german-credit` makes it.
const DECISIONS: &[u8] = include_bytes!("../../demo/decisions.jsonl.gz");

/// The log's name, by which a directory of an earlier demo is known.
const ORIGIN: &str = "onrecord.example/demo";

/// Load 1,000 real credit decisions into a fresh directory, print three things worth trying, and serve. A directory that an
/// earlier demo made is served as it is.
#[derive(Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    serve: Serve,
    /// Load, and end without serving
    #[arg(long)]
    load_only: bool,
}

impl Demo {
    pub(super) async fn run(self, target: &Target) -> Result<bool> {
        must_be_local(target, "demo")?;
        self.serve.check()?;
        let admin_token = match is_of_demo(target.data()) {
            true => None,
            false => Some(Node::init(target.data(), Some(ORIGIN)).await?.admin_token),
        };
        let node = Node::open(target.data(), Purpose::Serve).await?;
        let data = target.data().display();
        // Fewer are there if loading was interrupted: all are loaded at once or none.
        if node.ledger.size().0 < 1_000 {
            let loaded = load(&Client::local(node.clone())).await?;
            output::line(&format!(
                "{loaded} entries loaded into {data}: credit decisions, reviews of them, and how they turned out."
            ))?;
        } else {
            output::line(&format!("{data} is there from an earlier demo; nothing was loaded."))?;
        }
        if self.load_only {
            output::line(&try_these(target.data(), None))?;
            node.close().await?;
            return Ok(true);
        }
        self.serve
            .serve(node, target, |url| {
                let text = try_these(target.data(), Some((url, admin_token.as_deref())));
                let _ = output::line(&text);
            })
            .await
    }
}

/// Whether an earlier demo made `directory`.
fn is_of_demo(directory: &Path) -> bool {
    let key = std::fs::read_to_string(directory.join("keys/ledger.vkey"));
    key.is_ok_and(|key| key.starts_with(&format!("{ORIGIN}+")))
}

/// Moves the newest decision to now and all others with it, and logs them.
async fn load(client: &Client) -> Result<u64> {
    let lines = BufReader::new(flate2::read::GzDecoder::new(DECISIONS)).lines();
    let mut entries = lines
        .map(|line| Ok(serde_json::from_str::<Value>(&line?)?))
        .collect::<Result<Vec<_>>>()
        .context("the built-in decisions cannot be read")?;
    let time = |entry: &Value| entry["timestamp"].as_str().and_then(Timestamp::parse);
    let newest = entries.iter().filter_map(time).max().context("the built-in decisions have no time")?;
    let shift_us = onrecord_service::now().as_micros() - newest.as_micros();
    let mut body = Vec::new();
    for entry in &mut entries {
        if let Some(at) = time(entry) {
            entry["timestamp"] = json!(Timestamp::from_micros(at.as_micros() + shift_us).to_string());
        }
        serde_json::to_writer(&mut body, entry)?;
        body.push(b'\n');
    }
    let ask = Ask {
        method: Method::POST,
        path: "/v1/decisions/batch",
        headers: vec![("content-type", "application/x-ndjson".to_owned())],
        body: Bytes::from(body),
    };
    let logged: BatchLogged = client.send(ask).await?.checked().await?.json().await?;
    Ok(logged.accepted)
}

fn try_these(data: &Path, served: Option<(&str, Option<&str>)>) -> String {
    let (data, onrecord, verify) = (data.display(), program("onrecord"), program("onrecord-verify"));
    let mut text = format!(
        r#"
Three things worth trying{}:

1  Who was approved, by gender? (the model did not see it)
   {onrecord} --data {data} sql "SELECT input_features->>'gender' AS gender, COUNT(*) AS decisions,
     AVG(CASE WHEN prediction->>'approved' = 'true' THEN 1.0 ELSE 0.0 END) AS approval_rate
     FROM ai_audit_logs GROUP BY 1 ORDER BY 1"

2  Which decisions did a human overturn, and why? (phone numbers and the like were masked on the way in)
   {onrecord} --data {data} sql "SELECT timestamp, user_id, prediction, human_decision, override_reason
     FROM ai_audit_logs WHERE overridden ORDER BY timestamp DESC LIMIT 5"

3  Prove one decision to someone who does not trust you, offline:
   {onrecord} --data {data} evidence loan-0001 --output loan-0001.json
   {verify} bundle loan-0001.json --key {data}/keys/ledger.vkey
"#,
        if served.is_some() { ", in another terminal" } else { "" }
    );
    if let Some((url, token)) = served {
        text.push_str(&format!("\nServing {url} (OpenAPI, for a token: {url}/openapi.json). "));
        match token {
            Some(token) => text.push_str(&format!("Admin token, shown only now:\n   {token}\n")),
            None => text.push_str(&format!(
                "The admin token was shown by the first demo; another one:\n   {onrecord} --data {data} token create NAME --role admin\n"
            )),
        }
        text.push_str("Ctrl-C stops it.\n");
    }
    text
}

/// How this program, or the one built beside it, is called from here: by its name if that is on the path.
fn program(name: &str) -> String {
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join(name)));
    let on_path =
        std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|at| at.join(name).is_file()));
    match beside {
        Some(beside) if !on_path && beside.is_file() => {
            let here = std::env::current_dir().unwrap_or_default();
            let beside = beside.strip_prefix(&here).unwrap_or(&beside);
            format!("{}", beside.display())
        }
        _ => name.to_owned(),
    }
}

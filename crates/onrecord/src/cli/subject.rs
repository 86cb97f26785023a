//! `onrecord subject`: a person's rights.

use super::history::History;
use crate::api::retention::Removal;
use crate::api::subject::Erasure;
use crate::client::{Ask, Client};
use crate::http::{path_segment, path_with_query};
use crate::output::{self, Format};
use crate::target::Target;
use anyhow::{Context, Result};
use axum::http::Method;
use bytes::Bytes;
use clap::{Args, Subcommand};
use futures::StreamExt;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// A person's rights: history, export, erasure.
#[derive(Args)]
pub(crate) struct Subject {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show all decisions about a person
    History(History),
    /// Write all that is on the record about a person into a zip file (GDPR Art. 15, 20). The reading goes on the record
    Export(Export),
    /// Erase a person (GDPR Art. 17): their key is gone at once, and what depends on it with the next rewrite
    Erase(Erase),
}

#[derive(Args)]
struct Export {
    /// The user id
    user: String,
    /// The file, which must not exist
    #[arg(long, value_name = "FILE.zip")]
    output: PathBuf,
}

#[derive(Args)]
struct Erase {
    /// The user id
    #[arg(required_unless_present = "pending", conflicts_with = "pending")]
    user: Option<String>,
    /// Keep the records, and let nothing in them lead to the person; so it is without --delete
    #[arg(long, conflicts_with_all = ["delete", "pending"])]
    unlink: bool,
    /// Let the records go too; their leaf hashes stay, and every proof of other records holds
    #[arg(long, conflicts_with = "pending")]
    delete: bool,
    /// Do all rewrites that are due, and end when the bytes are gone
    #[arg(long, conflicts_with = "pending")]
    now: bool,
    /// Erase nobody, and do all rewrites that are due
    #[arg(long)]
    pending: bool,
    /// Why: the article of a law, the reference of a request
    #[arg(long, value_name = "TEXT", conflicts_with = "pending")]
    reason: Option<String>,
}

impl Subject {
    pub(super) async fn run(self, target: &Target, client: &Client) -> Result<bool> {
        match self.action {
            Action::History(history) => history.run(target, client).await,
            Action::Export(export) => export.run(client).await,
            Action::Erase(erase) => erase.run(target, client).await,
        }
    }
}

impl Export {
    async fn run(self, client: &Client) -> Result<bool> {
        let shown = self.output.display();
        // Before anything is asked: what is read goes on the record.
        let mut options = File::options();
        options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(&self.output).with_context(|| format!("cannot make {shown}"))?;
        let written = async {
            let path = format!("/v1/subjects/{}/export", path_segment(&self.user));
            let mut body = client.fetch(&path).await?.stream();
            while let Some(piece) = body.next().await {
                file.write_all(&piece?).with_context(|| format!("cannot write {shown}"))?;
            }
            file.sync_all().with_context(|| format!("cannot write {shown}"))
        };
        if let Err(error) = written.await {
            // Half a file is of no use, and has personal data in it.
            let _ = std::fs::remove_file(&self.output);
            return Err(error);
        }
        output::note(&format!("written to {shown}; manifest.json in it says what each file is"));
        Ok(true)
    }
}

impl Erase {
    async fn run(self, target: &Target, client: &Client) -> Result<bool> {
        let format = Format::or_default(target.format);
        let Some(user) = &self.user else {
            let removal: Removal = client.post_json("/v1/removals", "application/json", &()).await?.json().await?;
            return show_removal(&removal, format);
        };
        let mut pairs = vec![("depth", if self.delete { "delete" } else { "unlink" }.to_owned())];
        pairs.extend(self.now.then(|| ("now", "true".to_owned())));
        pairs.extend(self.reason.clone().map(|reason| ("reason", reason)));
        let path = path_with_query(&format!("/v1/subjects/{}", path_segment(user)), &pairs);
        let ask = Ask { method: Method::DELETE, path: &path, headers: Vec::new(), body: Bytes::new() };
        let erasure: Erasure = client.send(ask).await?.checked().await?.json().await?;
        if format != Format::Table {
            output::line(&serde_json::to_string_pretty(&erasure)?)?;
            return Ok(erasure.removal.is_none_or(|removal| removal.is_gone));
        }
        let records = match erasure.depth.as_str() {
            "delete" => format!("{} records are to go", erasure.records),
            _ => format!("{} records stay, and nothing in them leads to the person", erasure.records),
        };
        output::line(&format!("erased {}: the key is gone; {records}", erasure.subject))?;
        if !erasure.indirect.is_empty() {
            let told: Vec<String> =
                erasure.indirect.iter().map(|(name, records)| format!("{name} in {records}")).collect();
            output::line(&format!(
                "values that stay, by which a person may be found together with other knowledge: {}",
                told.join(", ")
            ))?;
        }
        match &erasure.removal {
            Some(removal) => show_removal(removal, format),
            None => {
                output::note("what depends on the key goes with the next rewrite: now with `subject erase --pending`");
                Ok(true)
            }
        }
    }
}

/// Shows what went; the answer is "no" while a file still has some of it.
fn show_removal(removal: &Removal, format: Format) -> Result<bool> {
    if format != Format::Table {
        output::line(&serde_json::to_string_pretty(removal)?)?;
        return Ok(removal.is_gone);
    }
    let Removal { records, ciphertexts, large_values, segments, is_gone } = removal;
    output::line(&format!(
        "removed {records} records, the ciphertexts of {ciphertexts} others and {large_values} large values from {segments} segments"
    ))?;
    if !is_gone {
        output::note(
            "a query still reads an older file; its bytes go when it ends. Ask again with `subject erase --pending`",
        );
    }
    Ok(*is_gone)
}

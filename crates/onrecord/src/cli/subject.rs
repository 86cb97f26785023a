//! `onrecord subject`: a person's rights.

use super::download::Download;
use super::history::History;
use crate::api::retention::Removal;
use crate::api::subject::{Erasure, NoteRequest, Noted};
use crate::client::{Ask, Client};
use crate::export::person::Regulation;
use crate::http::{path_segment, path_with_query};
use crate::output::{self, Format};
use crate::target::Target;
use anyhow::{Context, Result};
use axum::http::Method;
use bytes::Bytes;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// A person's rights: history, export, statements, erasure.
#[derive(Args)]
pub(crate) struct Subject {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show all decisions about a person
    History(History),
    /// Write all that is on the record about a person into a zip file (GDPR Art. 15, 20; CCPA)
    ///
    /// The reading goes on the record.
    Export(Export),
    /// Put a statement of a person beside decisions about them (GDPR Art. 16)
    ///
    /// It changes nothing of these.
    Note(Note),
    /// Erase a person (GDPR Art. 17): their key is gone at once, and what depends on it with the next rewrite
    Erase(Erase),
}

#[derive(Args)]
struct Export {
    /// The user id
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    user: String,
    /// The file, which must not exist
    #[arg(long, value_name = "FILE.zip")]
    output: PathBuf,
    /// The law under which the person asks
    #[arg(long, value_enum, default_value_t)]
    regulation: Regulation,
}

#[derive(Args)]
struct Erase {
    /// The user id
    #[arg(required_unless_present = "pending", conflicts_with = "pending", value_parser = NonEmptyStringValueParser::new())]
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
            Action::Note(note) => note.run(target, client).await,
            Action::Erase(erase) => erase.run(target, client).await,
        }
    }
}

#[derive(Args)]
struct Note {
    /// The user id
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    user: String,
    /// What the person says; - reads standard input
    #[arg(long, value_name = "TEXT")]
    text: String,
    /// The decision that it stands beside; all decisions about the person, if nothing is said
    #[arg(long, value_name = "DECISION")]
    decision: Option<String>,
    /// The id under which it is recorded once; a new one if nothing is said
    #[arg(long, value_name = "UUID")]
    event_id: Option<String>,
}

impl Note {
    async fn run(self, target: &Target, client: &Client) -> Result<bool> {
        let text = if self.text == "-" {
            let read = std::io::read_to_string(std::io::stdin()).context("cannot read standard input as UTF-8 text")?;
            read.trim_end_matches(['\r', '\n']).to_owned()
        } else {
            self.text
        };
        let request = NoteRequest { text, decision_id: self.decision, event_id: self.event_id };
        let path = format!("/v1/subjects/{}/notes", path_segment(&self.user));
        let noted: Noted = client.post_json(&path, "application/json", &request).await?.json().await?;
        match Format::or_default(target.format) {
            Format::Table => {
                let leaf = noted.receipt.leaf_index;
                output::line(&format!("on the record as entry {} at leaf {leaf}", noted.event_id))?;
            }
            _ => output::line(&serde_json::to_string_pretty(&noted)?)?,
        }
        Ok(true)
    }
}

impl Export {
    async fn run(self, client: &Client) -> Result<bool> {
        // Before anything is asked: what is read goes on the record.
        let download = Download::begin(&self.output)?;
        let path = format!("/v1/subjects/{}/export", path_segment(&self.user));
        let pairs = [("regulation", self.regulation.as_str().to_owned())];
        download.fetch(client, &path_with_query(&path, &pairs)).await?;
        output::note(&format!("written to {}; manifest.json in it says what each file is", self.output.display()));
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

//! What a hold reaches as a zip file: the evidence of an incident, for whoever has to judge.
//!
//! | file | what |
//! |---|---|
//! | `decisions.jsonl`, `decisions.csv` | the decisions as recorded: persons are tokens, sealed fields stay sealed |
//! | `reviews.jsonl`, `outcomes.jsonl`, `notes.jsonl` | what followed them |
//! | `model_versions.json` | the versions that decided, how often, from when to when |
//! | `holds.jsonl` | the entries that placed the hold |
//! | `systems.jsonl` | what is on the record about the system itself: starts, changes of policy and keys, retention rules |
//! | `policy.toml` | the policy as it is now; the newest entry in `systems.jsonl` with `detail.files` has its SHA-256 |
//! | `checkpoint` | the signed checkpoint: a C2SP signed note |
//! | `evidence/<number>.jsonl` | the exact bytes of each record with their proof, a line each, for `onrecord-verify` |
//! | `manifest.json` | what this is, the public key, and the SHA-256 of each file |

use super::archive::{DecisionRows, File, RECORDS_AT_ONCE, Zip, line, members};
use crate::held::condition_of;
use crate::node::Node;
use crate::session::{ReportError, ReportSource};
use anyhow::{Context, Result};
use jiff::Timestamp;
use onrecord_lake::{LeafIndex, LeafRange, LeafSet};
use onrecord_record::Kind;
use onrecord_report::held::Reached;
use onrecord_service::{Exported, HeldExport, HoldScope, policy};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

/// Leaves that are asked for at a time.
const LEAVES_AT_ONCE: u64 = 1 << 20;

/// Evidence that one file of the zip holds; `onrecord-verify` reads files of up to 256 MiB.
const BUNDLES_IN_FILE: usize = 10_000;
const BUNDLE_FILE_BYTES: u64 = 64 << 20;

/// Bundles that are in memory at a time: each has up to a mebibyte of record, in base64.
const BUNDLES_AT_ONCE: usize = 64;

/// What the system says of itself that matters to who judges a decision.
const WHATS: [&str; 5] = ["started", "policy_changed", "key_changed", "torn_tail_cut", "retention_rules"];

/// The records that a hold reaches.
pub(crate) struct Reach {
    decisions: LeafSet,
    followers: LeafSet,
}

impl Reach {
    /// What a hold of this scope reaches of what is on the record now.
    pub(crate) async fn ask(node: &Arc<Node>, scope: &HoldScope) -> Result<Self, ReportError> {
        let (held, end) = (condition_of(scope), node.service.ledger().size().0);
        let source = ReportSource::own(node.clone());
        let is_one = |leaf: u64| scope.leaves.as_ref().is_none_or(|leaves| leaves.contains(LeafIndex(leaf)));
        let is_one: Option<&(dyn Fn(u64) -> bool + Sync)> = if scope.leaves.is_some() { Some(&is_one) } else { None };
        let mut reach = Self { decisions: LeafSet::default(), followers: LeafSet::default() };
        let mut start = 0;
        while start < end {
            let part = start..end.min(start + LEAVES_AT_ONCE);
            start = part.end;
            let Reached { decisions, followers } = Reached::ask(&source, &held, is_one, part).await?;
            insert(&mut reach.decisions, decisions);
            insert(&mut reach.followers, followers);
        }
        Ok(reach)
    }

    /// How many they are.
    pub(crate) fn records(&self) -> u64 {
        self.decisions.len() + self.followers.len()
    }
}

fn insert(set: &mut LeafSet, leaves: Vec<u64>) {
    leaves.into_iter().for_each(|leaf| set.insert(LeafRange::from(leaf..leaf + 1)));
}

fn all(set: &LeafSet) -> impl Iterator<Item = LeafIndex> {
    set.within(LeafRange::from(0..u64::MAX))
}

#[derive(Serialize)]
struct Manifest<'a> {
    /// What this is.
    title: &'static str,
    made_at: String,
    hold: &'a str,
    case: Option<&'a str>,
    reason: &'a str,
    placed_by: &'a str,
    placed_at: String,
    /// The token of the person, where the hold is of one.
    subject: Option<String>,
    model_id: Option<&'a str>,
    since: Option<String>,
    until: Option<String>,
    decisions: u64,
    reviews_outcomes_and_notes: u64,
    /// Entries that were there when the checkpoint was signed.
    tree_size: u64,
    /// The public key of the log: `onrecord-verify bundle evidence/… --key KEY`.
    public_key: String,
    files: &'a [File],
}

/// A version of a model, and what it decided.
#[derive(Default, Serialize)]
struct Version {
    model_id: String,
    model_version: String,
    decisions: u64,
    /// The first and the last by `timestamp` (RFC 3339).
    first: String,
    last: String,
}

/// Writes the zip. Blocks.
pub(crate) fn write(node: &Node, export: &HeldExport, reach: &Reach, out: impl Write) -> Result<()> {
    let mut zip = Zip::begin(out);
    let (mut decisions, mut followers) = (0, 0);
    let mut versions: BTreeMap<(String, String), Version> = BTreeMap::new();
    zip.file("decisions.jsonl", |file| {
        each(node, export, all(&reach.decisions), &mut |decision| {
            decisions += 1;
            count(&mut versions, decision)?;
            line(file, &decision.shown)
        })
    })?;
    zip.file("decisions.csv", |file| {
        let mut rows = DecisionRows::begin(file)?;
        each(node, export, all(&reach.decisions), &mut |decision| rows.add(decision))?;
        rows.end()
    })?;
    for (name, kind) in
        [("reviews.jsonl", Kind::Review), ("outcomes.jsonl", Kind::Outcome), ("notes.jsonl", Kind::Note)]
    {
        zip.file(name, |file| {
            each(node, export, all(&reach.followers), &mut |record| {
                if record.kind != kind {
                    return Ok(());
                }
                followers += 1;
                line(file, &record.shown)
            })
        })?;
    }
    let versions: Vec<Version> = versions.into_values().collect();
    zip.file("model_versions.json", |file| Ok(serde_json::to_writer_pretty(file, &versions)?))?;
    let systems = systems(node)?;
    for (name, leaves) in [("holds.jsonl", &export.placed), ("systems.jsonl", &systems)] {
        zip.file(name, |file| each(node, export, leaves.iter().copied(), &mut |record| line(file, &record.shown)))?;
    }
    let policy = node.directory().join(policy::FILE);
    let policy = std::fs::read(&policy).with_context(|| format!("cannot read {}", policy.display()))?;
    zip.file(policy::FILE, |file| Ok(file.write_all(&policy)?))?;
    let checkpoint = node.ledger.checkpoint().to_string();
    zip.file("checkpoint", |file| Ok(file.write_all(checkpoint.as_bytes())?))?;
    let leaves =
        export.placed.iter().chain(&systems).copied().chain(all(&reach.decisions)).chain(all(&reach.followers));
    evidence(&mut zip, node, export, leaves)?;
    let (hold, time) = (&export.hold, |time: &onrecord_record::Timestamp| time.to_string());
    zip.end(|files| {
        serde_json::to_vec_pretty(&Manifest {
            title: "What a legal hold reaches, with its evidence",
            made_at: Timestamp::now().to_string(),
            hold: &hold.hold,
            case: hold.case.as_deref(),
            reason: &hold.reason,
            placed_by: &hold.actor,
            placed_at: hold.placed_at.to_string(),
            subject: hold.scope.subject.map(|subject| subject.to_string()),
            model_id: hold.scope.model_id.as_deref(),
            since: hold.scope.since.as_ref().map(time),
            until: hold.scope.until.as_ref().map(time),
            decisions,
            reviews_outcomes_and_notes: followers,
            tree_size: node.ledger.size().0,
            public_key: node.service.public_key(),
            files,
        })
    })
}

/// Visits records, a bounded number of them at a time.
fn each(
    node: &Node,
    export: &HeldExport,
    leaves: impl Iterator<Item = LeafIndex>,
    visit: &mut dyn FnMut(&Exported) -> Result<()>,
) -> Result<()> {
    let mut leaves = leaves.peekable();
    while leaves.peek().is_some() {
        let some: Vec<LeafIndex> = leaves.by_ref().take(RECORDS_AT_ONCE).collect();
        node.service.held(export, &some)?.iter().try_for_each(&mut *visit)?;
    }
    Ok(())
}

fn count(versions: &mut BTreeMap<(String, String), Version>, decision: &Exported) -> Result<()> {
    let members = members(&decision.shown)?;
    let text = |name: &str| -> String {
        members.get(name).and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default()
    };
    let (model_id, model_version, at) = (text("model_id"), text("model_version"), text("timestamp"));
    let version = versions.entry((model_id.clone(), model_version.clone())).or_insert_with(|| Version {
        model_id,
        model_version,
        decisions: 0,
        first: at.clone(),
        last: at.clone(),
    });
    version.decisions += 1;
    // As records have them, texts of times compare as the times do.
    version.first = at.clone().min(std::mem::take(&mut version.first));
    version.last = at.max(std::mem::take(&mut version.last));
    Ok(())
}

/// Where the entries about the system itself are.
fn systems(node: &Node) -> Result<Vec<LeafIndex>> {
    let mut leaves = Vec::new();
    node.lake.each_of_kind(Kind::System.as_str(), LeafIndex(0), &mut |row| {
        let record: Option<serde_json::Value> = serde_json::from_slice(&row.record).ok();
        let is_one = record.is_some_and(|record| record["what"].as_str().is_some_and(|what| WHATS.contains(&what)));
        leaves.extend(is_one.then_some(row.leaf));
    })?;
    Ok(leaves)
}

/// Writes the evidence of records, into as many files as it takes.
fn evidence<W: Write>(
    zip: &mut Zip<W>,
    node: &Node,
    export: &HeldExport,
    leaves: impl Iterator<Item = LeafIndex>,
) -> Result<()> {
    let mut leaves = leaves.peekable();
    let mut number = 0;
    while leaves.peek().is_some() {
        number += 1;
        zip.file(&format!("evidence/{number:06}.jsonl"), |file| {
            let mut bundles = 0;
            while bundles < BUNDLES_IN_FILE && file.bytes() < BUNDLE_FILE_BYTES && leaves.peek().is_some() {
                let some: Vec<LeafIndex> = leaves.by_ref().take(BUNDLES_AT_ONCE).collect();
                for record in node.service.held(export, &some)? {
                    bundles += 1;
                    line(file, &serde_json::to_vec(&record.evidence)?)?;
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

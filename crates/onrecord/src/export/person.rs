//! A person's records as a zip file.
//!
//! | file | what |
//! |---|---|
//! | `decisions.jsonl`, `decisions.csv` | the decisions as recorded, the person and sealed fields in plain |
//! | `supplied.jsonl` | of each decision what was said about the person: inputs, metadata, consent |
//! | `inferred.jsonl` | of each decision what was made of it: prediction, confidence, explanation |
//! | `reviews.jsonl`, `outcomes.jsonl`, `notes.jsonl` | what followed; what the person says |
//! | `accesses.jsonl` | who read it, when, how and why |
//! | `fields.csv`, `README.txt` | under the CCPA: each field with its category; what is to be disclosed, in words |
//! | `evidence/<leaf>.json` | the exact bytes of each record with their proof, for `onrecord-verify` |
//! | `manifest.json` | what this is, the public key, and the SHA-256 of each file |

use super::archive::{DecisionRows, File, RECORDS_AT_ONCE, Zip, line, members};
use super::ccpa::{Disclosure, Fields};
use anyhow::Result;
use jiff::Timestamp;
use onrecord_lake::LeafIndex;
use onrecord_record::Kind;
use onrecord_report::access::Accesses;
use onrecord_service::{Export, Exported, Service};
use serde::{Deserialize, Serialize};
use std::io::Write;

/// The law under which a person asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Regulation {
    /// GDPR Art. 15 and 20
    #[default]
    Gdpr,
    /// California: Cal. Civ. Code 1798.110 and 1798.130, with the categories of 1798.140(v)
    Ccpa,
}

impl Regulation {
    /// The word on the command line and in the URL.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Gdpr => "gdpr",
            Self::Ccpa => "ccpa",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Gdpr => "All that is on the record about one person (GDPR Art. 15 and 20)",
            Self::Ccpa => "All that is on the record about one consumer (Cal. Civ. Code 1798.110 and 1798.130)",
        }
    }
}

/// What is said of a person, and what is made of it. Anything else of a decision is about the decision.
pub(super) const SUPPLIED: [&str; 4] = ["input_features", "metadata", "consent_given", "session_id"];
pub(super) const INFERRED: [&str; 4] = ["prediction", "alternative_predictions", "confidence", "explanation"];

/// By what a line of these two is found among the decisions.
const NAMING: [&str; 5] = ["decision_id", "timestamp", "recorded_at", "model_id", "model_version"];

#[derive(Serialize)]
struct Manifest<'a> {
    /// What this is.
    title: &'static str,
    regulation: Regulation,
    made_at: String,
    /// The person's token in the evidence, which holds no user id.
    subject: String,
    records: u64,
    /// The public key of the log: `onrecord-verify bundle evidence/… --key KEY`.
    public_key: String,
    /// Whether there are more readings than `accesses.jsonl` has.
    more_accesses: bool,
    /// What the CCPA asks to be disclosed.
    #[serde(skip_serializing_if = "Option::is_none")]
    ccpa: Option<Disclosure<'a>>,
    files: &'a [File],
}

/// Writes the zip. Blocks.
pub(crate) fn write(
    service: &Service,
    export: &Export,
    accesses: &Accesses,
    regulation: Regulation,
    out: impl Write,
) -> Result<()> {
    let mut zip = Zip::begin(out);
    let each = |visit: &mut dyn FnMut(&Exported) -> Result<()>| each(service, export, visit);
    let each_decision = |visit: &mut dyn FnMut(&Exported) -> Result<()>| {
        each(&mut |record| if record.kind == Kind::Decision { visit(record) } else { Ok(()) })
    };
    let mut fields = (regulation == Regulation::Ccpa).then(|| Fields::new(service.policy()));
    zip.file("decisions.jsonl", |file| {
        each_decision(&mut |decision| {
            if let Some(fields) = &mut fields {
                fields.add(&decision.shown)?;
            }
            line(file, &decision.shown)
        })
    })?;
    zip.file("decisions.csv", |file| {
        let mut rows = DecisionRows::begin(file)?;
        each_decision(&mut |decision| rows.add(decision))?;
        rows.end()
    })?;
    for (name, parts) in [("supplied.jsonl", SUPPLIED), ("inferred.jsonl", INFERRED)] {
        zip.file(name, |file| {
            each_decision(&mut |decision| {
                let mut members = members(&decision.shown)?;
                members.retain(|name, _| NAMING.contains(&name.as_str()) || parts.contains(&name.as_str()));
                line(file, &serde_json::to_vec(&members)?)
            })
        })?;
    }
    for (name, kind) in
        [("reviews.jsonl", Kind::Review), ("outcomes.jsonl", Kind::Outcome), ("notes.jsonl", Kind::Note)]
    {
        zip.file(name, |file| {
            each(&mut |record| if record.kind == kind { line(file, &record.shown) } else { Ok(()) })
        })?;
    }
    zip.file("accesses.jsonl", |file| {
        accesses.accesses.iter().try_for_each(|access| line(file, &serde_json::to_vec(access)?))
    })?;
    let mut records = 0;
    each(&mut |record| {
        records += 1;
        let bundle = serde_json::to_vec(&record.evidence)?;
        zip.file(&format!("evidence/{}.json", record.leaf), |file| Ok(file.write_all(&bundle)?))
    })?;
    if let Some(fields) = &fields {
        zip.file("fields.csv", |file| fields.write(file))?;
        zip.file("README.txt", |file| Ok(file.write_all(fields.disclosure().in_words().as_bytes())?))?;
    }
    zip.end(|files| {
        serde_json::to_vec_pretty(&Manifest {
            title: regulation.title(),
            regulation,
            made_at: Timestamp::now().to_string(),
            subject: export.subject.to_string(),
            records,
            public_key: service.public_key(),
            more_accesses: accesses.more,
            ccpa: fields.as_ref().map(Fields::disclosure),
            files,
        })
    })
}

fn each(service: &Service, export: &Export, visit: &mut dyn FnMut(&Exported) -> Result<()>) -> Result<()> {
    export
        .leaves
        .chunks(RECORDS_AT_ONCE)
        .try_for_each(|leaves: &[LeafIndex]| service.exported(export, leaves)?.iter().try_for_each(&mut *visit))
}

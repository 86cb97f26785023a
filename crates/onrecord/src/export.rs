//! A person's records as a zip file: written as it is read, in memory that does not grow with what there is but for the list of
//! its files.
//!
//! | file | what |
//! |---|---|
//! | `decisions.jsonl`, `decisions.csv` | the decisions as recorded, the person and sealed fields in plain |
//! | `supplied.jsonl` | of each decision what was said about the person: inputs, metadata, consent |
//! | `inferred.jsonl` | of each decision what was made of it: prediction, confidence, explanation |
//! | `reviews.jsonl`, `outcomes.jsonl` | what followed |
//! | `accesses.jsonl` | who read it, when, how and why |
//! | `evidence/<leaf>.json` | the exact bytes of each record with their proof, for `onrecord-verify` |
//! | `manifest.json` | what this is, the public key, and the SHA-256 of each file |

use anyhow::{Context, Result};
use jiff::Timestamp;
use onrecord_lake::LeafIndex;
use onrecord_record::Kind;
use onrecord_report::access::Accesses;
use onrecord_service::{Export, Exported, Service};
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Write;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

/// Records that are in memory at a time.
const RECORDS_AT_ONCE: usize = 256;

/// What is said of a person, and what is made of it. Anything else of a decision is about the decision.
const SUPPLIED: [&str; 4] = ["input_features", "metadata", "consent_given", "session_id"];
const INFERRED: [&str; 4] = ["prediction", "alternative_predictions", "confidence", "explanation"];

/// By what a line of these two is found among the decisions.
const NAMING: [&str; 5] = ["decision_id", "timestamp", "recorded_at", "model_id", "model_version"];

/// The columns of `decisions.csv`.
const COLUMNS: [&str; 20] = [
    "decision_id",
    "timestamp",
    "recorded_at",
    "user_id",
    "system_actor",
    "model_id",
    "model_version",
    "model_type",
    "input_features",
    "prediction",
    "confidence",
    "alternative_predictions",
    "explanation",
    "human_reviewed",
    "human_decision",
    "overridden",
    "override_reason",
    "environment",
    "consent_given",
    "metadata",
];

/// One file of the zip.
#[derive(Serialize)]
struct File {
    name: String,
    bytes: u64,
    sha256: String,
}

#[derive(Serialize)]
struct Manifest<'a> {
    /// What this is.
    title: &'static str,
    made_at: String,
    /// The person's token in the evidence, which holds no user id.
    subject: String,
    records: u64,
    /// The public key of the log: `onrecord-verify bundle evidence/… --key KEY`.
    public_key: String,
    /// Whether there are more readings than `accesses.jsonl` has.
    more_accesses: bool,
    files: &'a [File],
}

/// Writes the zip. Blocks.
pub(crate) fn write(service: &Service, export: &Export, accesses: &Accesses, out: impl Write) -> Result<()> {
    let mut zip = Zip { writer: ZipWriter::new_stream(out), files: Vec::new() };
    let each = |visit: &mut dyn FnMut(&Exported) -> Result<()>| each(service, export, visit);
    zip.file("decisions.jsonl", |file| {
        each(&mut |record| if record.kind == Kind::Decision { line(file, &record.shown) } else { Ok(()) })
    })?;
    zip.file("decisions.csv", |file| {
        let mut csv = csv::Writer::from_writer(file);
        csv.write_record(COLUMNS)?;
        each(&mut |record| {
            if record.kind == Kind::Decision {
                let members = members(&record.shown)?;
                csv.write_record(COLUMNS.map(|column| members.get(column).map_or(String::new(), |value| cell(value))))?;
            }
            Ok(())
        })?;
        Ok(csv.flush()?)
    })?;
    for (name, parts) in [("supplied.jsonl", SUPPLIED), ("inferred.jsonl", INFERRED)] {
        zip.file(name, |file| {
            each(&mut |record| {
                if record.kind != Kind::Decision {
                    return Ok(());
                }
                let mut members = members(&record.shown)?;
                members.retain(|name, _| NAMING.contains(&name.as_str()) || parts.contains(&name.as_str()));
                line(file, &serde_json::to_vec(&members)?)
            })
        })?;
    }
    for (name, kind) in [("reviews.jsonl", Kind::Review), ("outcomes.jsonl", Kind::Outcome)] {
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
    let files = std::mem::take(&mut zip.files);
    let manifest = Manifest {
        title: "All that is on the record about one person (GDPR Art. 15 and 20)",
        made_at: Timestamp::now().to_string(),
        subject: export.subject.to_string(),
        records,
        public_key: service.public_key(),
        more_accesses: accesses.more,
        files: &files,
    };
    zip.file("manifest.json", |file| Ok(serde_json::to_writer_pretty(file, &manifest)?))?;
    zip.writer.finish().context("the end of the file cannot be written")?;
    Ok(())
}

fn each(service: &Service, export: &Export, visit: &mut dyn FnMut(&Exported) -> Result<()>) -> Result<()> {
    export
        .leaves
        .chunks(RECORDS_AT_ONCE)
        .try_for_each(|leaves: &[LeafIndex]| service.exported(export, leaves)?.iter().try_for_each(&mut *visit))
}

fn line(file: &mut dyn Write, json: &[u8]) -> Result<()> {
    file.write_all(json)?;
    Ok(file.write_all(b"\n")?)
}

/// The members of a record, each as it is written: a number that is parsed and printed again could be another one.
fn members(record: &[u8]) -> Result<BTreeMap<String, Box<RawValue>>> {
    Ok(serde_json::from_slice(record)?)
}

/// A value in a cell: a text without its quotes, anything else as JSON.
fn cell(value: &RawValue) -> String {
    serde_json::from_str::<String>(value.get()).unwrap_or_else(|_| value.get().to_owned())
}

struct Zip<W: Write> {
    writer: ZipWriter<StreamWriter<W>>,
    files: Vec<File>,
}

impl<W: Write> Zip<W> {
    /// Writes a file of the zip, and notes its hash.
    fn file(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut Hashing<'_, ZipWriter<StreamWriter<W>>>) -> Result<()>,
    ) -> Result<()> {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).large_file(true);
        self.writer.start_file(name, options)?;
        let mut file = Hashing { writer: &mut self.writer, hash: Sha256::new(), bytes: 0 };
        write(&mut file)?;
        let sha256 = file.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        self.files.push(File { name: name.to_owned(), bytes: file.bytes, sha256 });
        Ok(())
    }
}

/// Hashes what is written.
struct Hashing<'w, W: Write> {
    writer: &'w mut W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.writer.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}

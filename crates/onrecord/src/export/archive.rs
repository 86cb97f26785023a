//! A zip file that is written as a stream, with the hash of each file in it; and how records stand in its files.

use anyhow::{Context, Result};
use onrecord_service::Exported;
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Write;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

/// Records that are in memory at a time.
pub(super) const RECORDS_AT_ONCE: usize = 256;

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
pub(super) struct File {
    name: String,
    bytes: u64,
    sha256: String,
}

/// Decisions as rows of a CSV file.
pub(super) struct DecisionRows<W: Write>(csv::Writer<W>);

impl<W: Write> DecisionRows<W> {
    pub(super) fn begin(file: W) -> Result<Self> {
        let mut csv = csv::Writer::from_writer(file);
        csv.write_record(COLUMNS)?;
        Ok(Self(csv))
    }

    pub(super) fn add(&mut self, decision: &Exported) -> Result<()> {
        let members = members(&decision.shown)?;
        let cells = COLUMNS.map(|column| members.get(column).map_or(String::new(), |value| cell(value)));
        Ok(self.0.write_record(cells)?)
    }

    pub(super) fn end(mut self) -> Result<()> {
        Ok(self.0.flush()?)
    }
}

/// A record on a line of its own.
pub(super) fn line(file: &mut dyn Write, json: &[u8]) -> Result<()> {
    file.write_all(json)?;
    Ok(file.write_all(b"\n")?)
}

/// The members of a record, each as it is written: a number that is parsed and printed again could be another one.
pub(super) fn members(record: &[u8]) -> Result<BTreeMap<String, Box<RawValue>>> {
    Ok(serde_json::from_slice(record)?)
}

/// A value in a cell: a text without its quotes, anything else as JSON.
fn cell(value: &RawValue) -> String {
    serde_json::from_str::<String>(value.get()).unwrap_or_else(|_| value.get().to_owned())
}

/// The zip file.
pub(super) struct Zip<W: Write> {
    writer: ZipWriter<StreamWriter<W>>,
    files: Vec<File>,
}

/// A file of it, being written.
pub(super) type Written<'w, W> = Hashing<'w, ZipWriter<StreamWriter<W>>>;

impl<W: Write> Zip<W> {
    pub(super) fn begin(out: W) -> Self {
        Self { writer: ZipWriter::new_stream(out), files: Vec::new() }
    }

    /// Writes a file of the zip, and notes its hash.
    pub(super) fn file(&mut self, name: &str, write: impl FnOnce(&mut Written<'_, W>) -> Result<()>) -> Result<()> {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).large_file(true);
        self.writer.start_file(name, options)?;
        let mut file = Hashing { writer: &mut self.writer, hash: Sha256::new(), bytes: 0 };
        write(&mut file)?;
        let sha256 = file.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        self.files.push(File { name: name.to_owned(), bytes: file.bytes, sha256 });
        Ok(())
    }

    /// Writes `manifest.json`, which is made with the list of all other files, and ends.
    pub(super) fn end(mut self, manifest: impl FnOnce(&[File]) -> serde_json::Result<Vec<u8>>) -> Result<()> {
        let files = std::mem::take(&mut self.files);
        let manifest = manifest(&files)?;
        self.file("manifest.json", |file| Ok(file.write_all(&manifest)?))?;
        self.writer.finish().context("the end of the file cannot be written")?;
        Ok(())
    }
}

/// Hashes what is written.
pub(super) struct Hashing<'w, W: Write> {
    writer: &'w mut W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Hashing<'_, W> {
    /// Bytes so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
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

//! Reading files in chunks: JSONL, CSV and Parquet, plain or compressed, in constant memory.

use super::chunk::Chunk;
use super::mapping::{Kind, Mapping};
use super::{csv, jsonl, parquet};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How a file is to be read.
pub(super) struct Reading<'a> {
    pub(super) path: &'a Path,
    pub(super) kind: Kind,
    pub(super) mapping: Option<&'a Mapping>,
    pub(super) keep_originals: bool,
}

/// What kind of file `path` is, by the mapping, else by its name.
pub(super) fn kind_of(path: &Path, asked: Option<Kind>, mapping: Option<&Mapping>) -> Result<Kind> {
    if let Some(kind) = asked.or(mapping.and_then(|mapping| mapping.format)) {
        return Ok(kind);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    match name.rsplit('.').next() {
        Some("jsonl" | "ndjson") => Ok(Kind::Jsonl),
        Some("csv") => Ok(Kind::Csv),
        Some("parquet") => Ok(Kind::Parquet),
        _ => bail!("{}: is it jsonl, csv or parquet? say so with --kind", path.display()),
    }
}

/// Reads the file and hands over its chunks until the end, or until `send` says that nobody wants more.
pub(super) fn read(reading: &Reading<'_>, send: &mut dyn FnMut(Chunk) -> bool) -> Result<()> {
    match reading.kind {
        Kind::Jsonl => jsonl::read(reading, send),
        Kind::Csv => csv::read(reading, send),
        Kind::Parquet => parquet::read(reading, send),
    }
    .with_context(|| format!("cannot read {}", reading.path.display()))
}

/// The first line that a file of bad rows starts with, so that it can be imported again once corrected.
pub(super) fn header(reading: &Reading<'_>) -> Result<Vec<u8>> {
    let mut header = Vec::new();
    if reading.kind == Kind::Csv {
        open(reading.path)?.reader.read_until(b'\n', &mut header)?;
    }
    Ok(header)
}

/// A file opened for reading, decompressed by its name's ending.
pub(super) struct Opened {
    pub(super) reader: Box<dyn BufRead>,
    pub(super) position: Arc<AtomicU64>,
}

impl Opened {
    /// Bytes of the file read so far.
    pub(super) fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }
}

pub(super) fn open(path: &Path) -> Result<Opened> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let position = Arc::new(AtomicU64::new(0));
    let counted = BufReader::with_capacity(1 << 20, Counted { file, position: position.clone() });
    let reader: Box<dyn BufRead> = match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => Box::new(BufReader::with_capacity(1 << 20, flate2::bufread::MultiGzDecoder::new(counted))),
        Some("zst") => Box::new(BufReader::with_capacity(1 << 20, zstd::Decoder::with_buffer(counted)?)),
        _ => Box::new(counted),
    };
    Ok(Opened { reader, position })
}

struct Counted {
    file: File,
    position: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.position.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

//! Looks for texts in every byte of a data directory: as they are and in the forms in which they could hide.

use crate::program::files;
use arrow::array::{Array, ArrayData};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

/// What is looked for, ordered by first bytes so that every position of a file is looked at once.
pub(crate) struct Scan {
    needles: Vec<Needle>,
    by_start: HashMap<[u8; 4], Vec<usize>>,
    /// Whether a needle starts with these two bytes.
    starts: Vec<bool>,
}

struct Needle {
    bytes: Vec<u8>,
    what: String,
}

impl Scan {
    /// For texts of 6 bytes and more: shorter ones would be found in random bytes.
    pub(crate) fn new(texts: &[String]) -> Self {
        let mut scan = Self { needles: Vec::new(), by_start: HashMap::new(), starts: vec![false; 1 << 16] };
        for text in texts {
            assert!(text.len() >= 6, "{text} is too short to be looked for");
            for (form, bytes) in forms(text) {
                let start: [u8; 4] = bytes[..4].try_into().unwrap();
                scan.starts[usize::from(u16::from_le_bytes([start[0], start[1]]))] = true;
                scan.by_start.entry(start).or_default().push(scan.needles.len());
                scan.needles.push(Needle { bytes, what: format!("{text} {form}") });
            }
        }
        scan
    }

    /// What is found in `bytes`, in words.
    pub(crate) fn find(&self, bytes: &[u8]) -> Vec<&str> {
        let mut found = Vec::new();
        for (at, start) in bytes.windows(4).enumerate() {
            if !self.starts[usize::from(u16::from_le_bytes([start[0], start[1]]))] {
                continue;
            }
            let Some(needles) = self.by_start.get(start) else { continue };
            let here = needles.iter().map(|needle| &self.needles[*needle]);
            found.extend(
                here.filter(|needle| bytes[at..].starts_with(&needle.bytes)).map(|needle| needle.what.as_str()),
            );
        }
        found
    }

    /// Checks that nothing is found.
    #[track_caller]
    pub(crate) fn absent(&self, place: &str, bytes: &[u8]) {
        let found = self.find(bytes);
        assert!(found.is_empty(), "{place} holds {} values, as {}", found.len(), found[0]);
    }

    /// Checks that nothing is found in any file below `root`, nor in the unpacked columns of any Parquet file. Gives how
    /// many bytes were looked at.
    #[track_caller]
    pub(crate) fn absent_in_files(&self, when: &str, root: &Path) -> u64 {
        let mut seen = 0;
        for path in files(root) {
            let bytes = std::fs::read(&path).unwrap();
            self.absent(&format!("{when}: {}", path.display()), &bytes);
            seen += bytes.len() as u64;
            if path.extension().is_some_and(|extension| extension == "parquet") {
                let unpacked = unpacked(&path);
                self.absent(&format!("{when}: {} unpacked", path.display()), &unpacked);
                seen += unpacked.len() as u64;
            }
        }
        seen
    }
}

/// Every byte of every column of a Parquet file, decompressed and decoded.
fn unpacked(path: &Path) -> Vec<u8> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let mut bytes = Vec::new();
    for batch in builder.build().unwrap() {
        batch.unwrap().columns().iter().for_each(|column| push_buffers(&column.to_data(), &mut bytes));
    }
    bytes
}

fn push_buffers(data: &ArrayData, bytes: &mut Vec<u8>) {
    data.buffers().iter().for_each(|buffer| bytes.extend_from_slice(buffer));
    data.child_data().iter().for_each(|child| push_buffers(child, bytes));
}

/// The forms in which a text is looked for, each with its name. An unsalted hash is one: who guesses the text finds it.
fn forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let hash = Sha256::digest(text);
    let mut forms = vec![
        ("as it is", text.as_bytes().to_vec()),
        ("in UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("in UTF-16, big end first", text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("in hexadecimal", hex(text.as_bytes()).into_bytes()),
        ("in upper-case hexadecimal", hex(text.as_bytes()).to_uppercase().into_bytes()),
        ("as a SHA-256", hash.to_vec()),
        ("as a SHA-256 in hexadecimal", hex(&hash).into_bytes()),
        ("as a SHA-256 in base64", base64(&hash, 0)),
    ];
    // In the middle of other bytes, base64 has one of three alignments.
    forms.extend((0..3).map(|before| ("in base64", base64(text.as_bytes(), before))));
    if !text.is_ascii() {
        let escape = |unit: u16| if unit < 128 { char::from(unit as u8).to_string() } else { format!("\\u{unit:04x}") };
        forms.push(("escaped", text.encode_utf16().map(escape).collect::<String>().into_bytes()));
    }
    forms
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The characters that `bytes` alone determine, when `before` bytes stand before them.
fn base64(bytes: &[u8], before: usize) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let padded: Vec<u8> = std::iter::repeat_n(0, before).chain(bytes.iter().copied()).collect();
    let bit = |at: usize| padded[at / 8] >> (7 - at % 8) & 1;
    let first = (before * 8).div_ceil(6);
    (first..padded.len() * 8 / 6)
        .map(|digit| DIGITS[usize::from((digit * 6..digit * 6 + 6).fold(0, |value, at| value << 1 | bit(at)))])
        .collect()
}

#[test]
fn the_scan_finds_every_form() {
    let text = "jörg.müller@mail.example".to_owned();
    let scan = Scan::new(std::slice::from_ref(&text));
    for (form, bytes) in forms(&text) {
        let hidden = [b"some bytes before ", &bytes[..], b" and after"].concat();
        assert!(scan.find(&hidden).contains(&format!("{text} {form}").as_str()), "{form}");
    }
    // As `base64` of any tool gives it, with 0, 1 and 2 bytes before.
    for packed in ["bWFpbC5leGFtcGxl", "IG1haWwuZXhhbXBsZSE=", "ICBtYWlsLmV4YW1wbGUhIQ=="] {
        assert!(!Scan::new(&["mail.example".to_owned()]).find(packed.as_bytes()).is_empty(), "{packed}");
    }
    assert!(scan.find("jorg.muller@mail.example".as_bytes()).is_empty());
}

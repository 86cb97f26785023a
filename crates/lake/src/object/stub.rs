//! The stub: what stays on the disk of a segment that is in the archive.
//!
//! `ONRECARC`, the lengths of the head and of the rows (u32 each), the head (JSON), the rows that stay (JSON), the checksums of
//! the segment's blocks before its footer (u32 each), the CRC-32C of all that (u32), then the bytes that stay: runs of whole
//! blocks, and the footer. All numbers are little-endian. Each block that stays has its checksum among the others, the footer
//! has one of its own.
//!
//! The rows that stay are those of entries that say how things stand: what opening a directory reads, so that it opens, and
//! takes what is sent, while the archive is away.

use super::store::Storage;
use crate::checksum::{BLOCK_BYTES, BlockSums};
use crate::error::{Error, Result};
use onrecord_evidence::LeafRange;
use onrecord_ledger::disk::durable::{self, Readers};
use onrecord_ledger::disk::{Disk, DiskFile};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::Path;

const MAGIC: &[u8; 8] = b"ONRECARC";
const VERSION: u32 = 1;

/// The kinds of entry whose rows stay.
pub(crate) const KEPT_KINDS: [&str; 4] = ["erasure", "hold", "retention", "system"];

/// Where the head begins.
const HEAD_AT: u64 = 16;

/// A head has some hundred bytes; a damaged length is not believed.
const HEAD_BYTES_MAX: u32 = 1 << 20;

/// Nor is one of rows.
const ROWS_BYTES_MAX: u32 = 1 << 30;

/// What was put into an object store. It is on the record, and lies there too, beside the objects, as `NAME.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this form.
    pub version: u32,
    /// The log whose segment it is: its name and key, which tell it from any other.
    pub log: String,
    /// The name of the object, behind that of the place: the segment's file name.
    pub name: String,
    /// The first leaf that the segment can have a row of.
    pub first_leaf: u64,
    /// The leaf after the last.
    pub end_leaf: u64,
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// The object of its look-up index, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<IndexObject>,
}

/// The look-up index of a segment in the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexObject {
    /// The name of the object.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hex.
    pub sha256: String,
}

impl Manifest {
    /// The leaves that the segment can have rows of.
    pub fn leaves(&self) -> LeafRange {
        LeafRange::from(self.first_leaf..self.end_leaf)
    }

    /// The name of the object that holds the manifest.
    pub(crate) fn own_name(segment: &str) -> String {
        format!("{}.json", segment.strip_suffix(".parquet").unwrap_or(segment))
    }

    /// The objects that it describes, but for its own: name, bytes, SHA-256.
    pub(crate) fn objects(&self) -> impl Iterator<Item = (&str, u64, &str)> {
        let index = self.index.iter().map(|index| (&*index.name, index.bytes, &*index.sha256));
        index.chain([(&*self.name, self.bytes, &*self.sha256)])
    }

    pub(crate) const VERSION: u32 = 1;
}

/// A segment in the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    /// The place of the objects.
    pub url: String,
    /// What is there.
    pub manifest: Manifest,
    /// When it was put there (RFC 3339).
    pub archived_at: String,
    /// Until when the server refuses to delete it (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<String>,
}

impl Archived {
    /// The URL of the segment's object.
    pub fn object_url(&self) -> String {
        format!("{}/{}", self.url, self.manifest.name)
    }
}

/// The head of a stub.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    version: u32,
    pub(crate) archived: Archived,
    /// Where the footer begins.
    footer: u64,
    /// The runs of blocks that stay: first block, and the one after the last.
    blocks: Vec<(u64, u64)>,
}

/// A row that stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptRow {
    pub(crate) kind: String,
    pub(crate) leaf: u64,
    pub(crate) id: [u8; 16],
    /// JSON, as all records.
    pub(crate) record: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) sidecar: Vec<u8>,
}

/// A stub that is open.
pub(crate) struct Stub {
    pub(crate) head: Head,
    /// Ordered by leaf.
    pub(crate) rows: Vec<KeptRow>,
    /// The checksums of the blocks.
    pub(super) sums: BlockSums,
    file: Box<dyn DiskFile>,
    /// Where what stays begins.
    offset: u64,
}

/// Writes the stub of a segment's file, durably, under its name. `kept` are ranges that stay, besides the footer.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn write(
    disk: &dyn Disk,
    path: &Path,
    segment: &dyn DiskFile,
    (crcs, footer): &(Vec<u32>, u64),
    (kept, rows): (&[Range<u64>], &[KeptRow]),
    archived: Archived,
) -> Result<()> {
    let end = archived.manifest.bytes;
    let head = Head { version: VERSION, archived, footer: *footer, blocks: runs(kept, *footer) };
    let json = |text: serde_json::Result<Vec<u8>>| text.map_err(|error| Error::io(path)(error.into()));
    let (text, rows) = (json(serde_json::to_vec(&head))?, json(serde_json::to_vec(rows))?);
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&(rows.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&text);
    bytes.extend_from_slice(&rows);
    crcs.iter().for_each(|crc| bytes.extend_from_slice(&crc.to_le_bytes()));
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    for range in head.kept(end) {
        let at = bytes.len();
        bytes.resize(at + (range.end - range.start) as usize, 0);
        segment.read_at(&mut bytes[at..], range.start).map_err(Error::io(path))?;
    }
    durable::replace(disk, path, &bytes, Readers::All).map_err(Error::io(path))
}

/// The runs of blocks that cover some ranges before the footer.
fn runs(ranges: &[Range<u64>], footer: u64) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = ranges
        .iter()
        .map(|range| (range.start / BLOCK_BYTES, range.end.min(footer).div_ceil(BLOCK_BYTES)))
        .filter(|(start, end)| start < end)
        .collect();
    runs.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (start, end) in runs {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    merged
}

impl Head {
    /// The ranges of the segment's file that stay, in the order in which the stub has them.
    fn kept(&self, end: u64) -> impl Iterator<Item = Range<u64>> {
        let blocks = self.blocks.iter().map(|(first, last)| first * BLOCK_BYTES..(last * BLOCK_BYTES).min(self.footer));
        blocks.chain(std::iter::once(self.footer..end))
    }
}

impl Stub {
    /// Opens a stub.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`], [`Error::Format`].
    pub(crate) fn open(disk: &dyn Disk, path: &Path) -> Result<Self> {
        let file = disk.open_to_read(path).map_err(Error::io(path))?;
        let len = file.bytes().map_err(Error::io(path))?;
        let damaged = |problem: &str| Error::damaged(path, problem);
        let read = |range: Range<u64>| -> Result<Vec<u8>> {
            if range.start > range.end || range.end > len {
                return Err(damaged("it is too short for a stub"));
            }
            let mut bytes = vec![0; (range.end - range.start) as usize];
            file.read_at(&mut bytes, range.start).map_err(Error::io(path))?;
            Ok(bytes)
        };
        let start = read(0..HEAD_AT)?;
        let length = |at: usize| u32::from_le_bytes([start[at], start[at + 1], start[at + 2], start[at + 3]]);
        let (head_bytes, rows_bytes) = (length(8), length(12));
        if start[..8] != MAGIC[..] || head_bytes > HEAD_BYTES_MAX || rows_bytes > ROWS_BYTES_MAX {
            return Err(damaged("it does not begin as a stub does"));
        }
        let rows_at = HEAD_AT + u64::from(head_bytes);
        let text = read(HEAD_AT..rows_at)?;
        let head: Head = serde_json::from_slice(&text).map_err(|_| damaged("its head is malformed"))?;
        if head.version != VERSION {
            return Err(Error::Format { path: path.to_owned(), found: Some(head.version.to_string()) });
        }
        if head.footer > head.archived.manifest.bytes || head.blocks.iter().any(|(first, end)| first >= end) {
            return Err(damaged("its head is malformed"));
        }
        let sums = rows_at + u64::from(rows_bytes);
        let blocks = head.footer.div_ceil(BLOCK_BYTES);
        let end = blocks.checked_mul(4).and_then(|bytes| sums.checked_add(bytes)).filter(|end| *end < len);
        let end = end.ok_or_else(|| damaged("it is too short for a stub"))?;
        let checked = read(0..end)?;
        if read(end..end + 4)? != crc32c::crc32c(&checked).to_le_bytes() {
            return Err(damaged("its checksum differs"));
        }
        let rows = serde_json::from_slice(&checked[rows_at as usize..sums as usize]);
        let rows = rows.map_err(|_| damaged("its rows are malformed"))?;
        let crcs = checked[sums as usize..].chunks_exact(4);
        let crcs = crcs.map(|crc| u32::from_le_bytes([crc[0], crc[1], crc[2], crc[3]])).collect();
        let sums = BlockSums::new(crcs, head.footer).ok_or_else(|| damaged("its head is malformed"))?;
        let kept: u64 =
            head.kept(head.archived.manifest.bytes).map(|range| range.end.saturating_sub(range.start)).sum();
        if end.checked_add(4).and_then(|at| at.checked_add(kept)) != Some(len) {
            return Err(damaged("it has other bytes than its head says"));
        }
        Ok(Self { head, rows, sums, file, offset: end + 4 })
    }

    /// The place of the objects.
    ///
    /// # Errors
    /// [`Error::Archive`].
    pub(crate) fn storage(&self) -> Result<Storage> {
        Storage::open(&self.head.archived.url)
    }

    /// Where the footer begins.
    pub(super) fn footer(&self) -> u64 {
        self.head.footer
    }

    /// The size of the segment's file.
    pub(super) fn bytes(&self) -> u64 {
        self.head.archived.manifest.bytes
    }

    /// The ranges of the segment's file that are here.
    pub(super) fn kept(&self) -> impl Iterator<Item = Range<u64>> {
        self.head.kept(self.bytes())
    }

    /// Fills `out` with bytes of the segment's file from `start` on, if all of them are here.
    pub(super) fn read(&self, out: &mut [u8], start: u64) -> Option<std::io::Result<()>> {
        let end = start + out.len() as u64;
        let mut at = self.offset;
        for range in self.kept() {
            if range.start <= start && end <= range.end {
                return Some(self.file.read_at(out, at + (start - range.start)));
            }
            at += range.end - range.start;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_blocks_cover_the_ranges_and_end_at_the_footer() {
        let block = BLOCK_BYTES;
        assert_eq!(runs(&[], 100 * block), []);
        let ranges = [5 * block..5 * block + 1, 0..1, block..2 * block + 1, 7 * block + 3..20 * block];
        assert_eq!(runs(&ranges, 9 * block + 1), [(0, 3), (5, 6), (7, 10)]);
    }
}

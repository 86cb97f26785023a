//! The checksums of a segment file.
//!
//! Leaf hashes vouch for what the records say; these vouch for every other byte too: statistics, indexes, bloom filters
//! and the footer, from which queries decide what not to read. Parquet has a checksum per page (which the writer that
//! we use leaves out) but none over its metadata, and nothing may follow the footer. So the footer holds, as its last
//! two key-value pairs, the CRC-32C of the footer and that of the whole file, in 8 hex digits each, computed while
//! these digits are zeros. The footer's is compared whenever a segment is opened, the file's by `verify`.

mod block;

pub(crate) use block::{BLOCK_BYTES, BlockSums};

use crate::error::{Error, Result};
use crate::schema::meta;
use onrecord_ledger::disk::DiskFile;
use std::io::Write;
use std::ops::Range;
use std::path::Path;

/// What the digits are while the checksums are computed.
pub(crate) const PLACEHOLDER: &str = "00000000";

const DIGITS: usize = PLACEHOLDER.len();

/// The end of every Parquet file: the length of the footer, then `PAR1`.
const TRAILER_BYTES: usize = 8;

/// Bytes read at once.
const READ_BYTES: u64 = 1 << 20;

/// A writer that computes the checksum of what passes through.
pub(crate) struct Summing<W> {
    inner: W,
    sum: u32,
}

impl<W: Write> Summing<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, sum: 0 }
    }

    /// The checksum of the bytes written so far.
    pub(crate) fn sum(&self) -> u32 {
        self.sum
    }
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.sum = crc32c::crc32c_append(self.sum, &bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// Puts the checksums into the finished file, of which `sum` is that of all bytes.
pub(crate) fn stamp(path: &Path, file: &dyn DiskFile, sum: u32) -> Result<()> {
    let footer = Footer::read(path, file)?;
    let digits = |sum: u32| format!("{sum:08x}").into_bytes();
    file.write_at(&digits(footer.sum()), footer.start + footer.own.start as u64).map_err(Error::io(path))?;
    file.write_at(&digits(sum), footer.start + footer.whole.start as u64).map_err(Error::io(path))
}

/// Compares the footer's checksum.
///
/// # Errors
/// [`Error::Io`], [`Error::Damaged`] if it differs.
pub(crate) fn check_footer(path: &Path, file: &dyn DiskFile) -> Result<()> {
    let footer = Footer::read(path, file)?;
    if says(&footer.bytes[footer.own.clone()], footer.sum()) {
        Ok(())
    } else {
        Err(Error::damaged(path, "the checksum of its footer differs"))
    }
}

/// Reads the whole file and compares its checksum.
///
/// # Errors
/// [`Error::Io`], [`Error::Damaged`] if it differs.
pub(crate) fn check(path: &Path, file: &dyn DiskFile) -> Result<()> {
    let footer = Footer::read(path, file)?;
    let mut sum = 0;
    let mut at = 0;
    let mut buffer = vec![0; READ_BYTES.min(footer.start) as usize];
    while at < footer.start {
        let some = &mut buffer[..READ_BYTES.min(footer.start - at) as usize];
        file.read_at(some, at).map_err(Error::io(path))?;
        sum = crc32c::crc32c_append(sum, some);
        at += some.len() as u64;
    }
    if says(&footer.bytes[footer.whole.clone()], crc32c::crc32c_append(sum, &footer.blank())) {
        Ok(())
    } else {
        Err(Error::damaged(path, "its checksum differs"))
    }
}

/// The checksums of the blocks before the footer, and where that begins.
///
/// # Errors
/// [`Error::Io`], [`Error::Damaged`] if there is no footer.
pub(crate) fn of_blocks(path: &Path, file: &dyn DiskFile) -> Result<(Vec<u32>, u64)> {
    let end = Footer::read(path, file)?.start;
    let mut block = vec![0; BLOCK_BYTES as usize];
    let mut crcs = Vec::with_capacity(end.div_ceil(BLOCK_BYTES) as usize);
    for first in (0..end).step_by(block.len()) {
        let some = &mut block[..(end - first).min(BLOCK_BYTES) as usize];
        file.read_at(some, first).map_err(Error::io(path))?;
        crcs.push(crc32c::crc32c(some));
    }
    Ok((crcs, end))
}

/// Compares the checksum of a whole file that is in memory.
///
/// # Errors
/// [`Error::Damaged`] if it differs.
pub(crate) fn check_loaded(path: &Path, bytes: &[u8]) -> Result<()> {
    let footer = Footer::of(path, bytes)?;
    let sum = crc32c::crc32c_append(crc32c::crc32c(&bytes[..footer.start as usize]), &footer.blank());
    if says(&footer.bytes[footer.whole.clone()], sum) {
        Ok(())
    } else {
        Err(Error::damaged(path, "its checksum differs"))
    }
}

fn says(digits: &[u8], sum: u32) -> bool {
    digits == format!("{sum:08x}").as_bytes()
}

/// The footer with what follows it, up to the end of the file.
struct Footer {
    start: u64,
    bytes: Vec<u8>,
    /// Where in it the digits of its own checksum are.
    own: Range<usize>,
    /// Where in it the digits of the file's checksum are.
    whole: Range<usize>,
}

impl Footer {
    fn read(path: &Path, file: &dyn DiskFile) -> Result<Self> {
        let len = file.bytes().map_err(Error::io(path))?;
        let mut trailer = [0; TRAILER_BYTES];
        let end = len.checked_sub(TRAILER_BYTES as u64).ok_or_else(|| without_sum(path))?;
        file.read_at(&mut trailer, end).map_err(Error::io(path))?;
        let start = footer_start(end, trailer).ok_or_else(|| without_sum(path))?;
        let mut bytes = vec![0; (len - start) as usize];
        file.read_at(&mut bytes, start).map_err(Error::io(path))?;
        Self::at(path, start, bytes)
    }

    /// That of a whole file.
    fn of(path: &Path, file: &[u8]) -> Result<Self> {
        let (_, trailer) = file.split_last_chunk::<TRAILER_BYTES>().ok_or_else(|| without_sum(path))?;
        let end = (file.len() - TRAILER_BYTES) as u64;
        let start = footer_start(end, *trailer).ok_or_else(|| without_sum(path))?;
        Self::at(path, start, file[start as usize..].to_vec())
    }

    fn at(path: &Path, start: u64, bytes: Vec<u8>) -> Result<Self> {
        let find = |key| find(&bytes, key).ok_or_else(|| without_sum(path));
        let (own, whole) = (find(meta::FOOTER_CHECKSUM)?, find(meta::CHECKSUM)?);
        Ok(Self { start, own, whole, bytes })
    }

    /// The bytes with zeros for digits.
    fn blank(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes[self.own.clone()].copy_from_slice(PLACEHOLDER.as_bytes());
        bytes[self.whole.clone()].copy_from_slice(PLACEHOLDER.as_bytes());
        bytes
    }

    fn sum(&self) -> u32 {
        crc32c::crc32c(&self.blank())
    }
}

/// Where the footer starts that ends at `end`, with this trailer behind it.
fn footer_start(end: u64, trailer: [u8; TRAILER_BYTES]) -> Option<u64> {
    let [a, b, c, d, ..] = trailer;
    end.checked_sub(u64::from(u32::from_le_bytes([a, b, c, d])))
}

fn without_sum(path: &Path) -> Error {
    Error::damaged(path, "its footer holds no checksum")
}

/// Where the digits after the key are. In Thrift's compact protocol a value follows its key as type and field (0x18),
/// length, bytes. The last such pair is ours: what comes from records lies before the key-value pairs.
fn find(footer: &[u8], key: &str) -> Option<Range<usize>> {
    let mut pattern = key.as_bytes().to_vec();
    pattern.extend([0x18, DIGITS as u8]);
    let start = footer.windows(pattern.len()).rposition(|window| window == pattern)? + pattern.len();
    (start + DIGITS <= footer.len()).then_some(start..start + DIGITS)
}

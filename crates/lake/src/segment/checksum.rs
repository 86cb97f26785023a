//! The checksum of a whole segment file.
//!
//! Leaf hashes vouch for what the records say; this vouches for every other byte too: statistics, indexes, bloom
//! filters and the footer, from which queries decide what not to read. Parquet has a checksum per page but none over its
//! metadata, and nothing may follow the footer. So the footer holds, as its last key-value pair, the CRC-32C of the file
//! in 8 hex digits, computed while these digits are zeros.

use crate::error::{Error, Result};
use crate::schema::meta;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What the digits are while the checksum is computed.
pub(super) const PLACEHOLDER: &str = "00000000";

/// The end of every Parquet file: the length of the footer, then `PAR1`.
const TRAILER_BYTES: usize = 8;

/// A writer that computes the checksum of what passes through.
pub(super) struct Summing<W> {
    inner: W,
    sum: u32,
    len: u64,
}

impl<W: Write> Summing<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, sum: 0, len: 0 }
    }

    /// The checksum and the number of bytes written.
    pub(super) fn sum(&self) -> (u32, u64) {
        (self.sum, self.len)
    }
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.sum = crc32c::crc32c_append(self.sum, &bytes[..written]);
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// Puts the checksum into the finished file.
pub(super) fn stamp(path: &Path, file: &File, sum: u32, len: u64) -> Result<()> {
    let (at, _) = find(path, file, len)?;
    file.write_all_at(format!("{sum:08x}").as_bytes(), at).map_err(Error::io(path))
}

/// Reads the whole file and compares its checksum.
///
/// # Errors
/// [`Error::Damaged`] if it differs.
pub(super) fn check(path: &Path, file: &File) -> Result<()> {
    let len = file.metadata().map_err(Error::io(path))?.len();
    let (at, expected) = find(path, file, len)?;
    let mut reader = file.try_clone().map_err(Error::io(path))?;
    std::io::Seek::rewind(&mut reader).map_err(Error::io(path))?;
    let mut buffer = vec![0; 1 << 20];
    let (mut sum, mut start) = (0, 0_u64);
    loop {
        let read = reader.read(&mut buffer).map_err(Error::io(path))?;
        if read == 0 {
            break;
        }
        let bytes = &mut buffer[..read];
        // The eight digits count as zeros.
        let digits = at.max(start)..(at + PLACEHOLDER.len() as u64).min(start + read as u64);
        if !digits.is_empty() {
            bytes[(digits.start - start) as usize..(digits.end - start) as usize].fill(b'0');
        }
        sum = crc32c::crc32c_append(sum, bytes);
        start += read as u64;
    }
    if format!("{sum:08x}").as_bytes() != expected {
        return Err(Error::damaged(path, "its checksum differs"));
    }
    Ok(())
}

/// Where the digits are, and what they are.
fn find(path: &Path, file: &File, len: u64) -> Result<(u64, [u8; 8])> {
    let damaged = || Error::damaged(path, "its footer holds no checksum");
    let mut trailer = [0; TRAILER_BYTES];
    let footer_end = len.checked_sub(TRAILER_BYTES as u64).ok_or_else(damaged)?;
    file.read_exact_at(&mut trailer, footer_end).map_err(Error::io(path))?;
    let [a, b, c, d, ..] = trailer;
    let footer_start = footer_end.checked_sub(u64::from(u32::from_le_bytes([a, b, c, d]))).ok_or_else(damaged)?;
    let mut footer = vec![0; (footer_end - footer_start) as usize];
    file.read_exact_at(&mut footer, footer_start).map_err(Error::io(path))?;
    // In Thrift's compact protocol the value follows its key as: type and field (0x18), length, bytes. It is the last
    // such pair of the footer, after all that comes from records.
    let mut pattern = meta::CHECKSUM.as_bytes().to_vec();
    pattern.extend([0x18, PLACEHOLDER.len() as u8]);
    let start =
        footer.windows(pattern.len()).rposition(|window| window == pattern).ok_or_else(damaged)? + pattern.len();
    let digits = footer.get(start..).and_then(|rest| rest.first_chunk::<8>()).ok_or_else(damaged)?;
    Ok((footer_start + start as u64, *digits))
}

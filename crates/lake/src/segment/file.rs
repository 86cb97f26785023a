//! The bytes of a segment: whoever reads one reads ranges of this, and whoever writes one writes to a [`Sink`].
//!
//! Where the bytes are, only the [`Disk`](onrecord_ledger::Disk) knows that a segment was opened on. Reading has no shared
//! cursor, so that threads can read one segment at once.

use crate::checksum::BlockSums;
use crate::object::ArchivedFile;
use bytes::Bytes;
use onrecord_ledger::disk::DiskFile;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use std::io::{BufReader, Read, Write};
use std::ops::Range;
use std::sync::Arc;

/// Bytes that a sequential reader takes at once.
const READ_BYTES: usize = 64 * 1024;

/// An open segment file.
#[derive(Clone)]
pub struct SegmentFile {
    file: Arc<dyn DiskFile>,
    len: u64,
    sums: Option<Arc<BlockSums>>,
    archived: Option<ArchivedFile>,
}

impl SegmentFile {
    /// A file of which every block that is read is compared with its checksum, if there are any.
    pub(crate) fn new(file: Box<dyn DiskFile>, sums: Option<Arc<BlockSums>>) -> std::io::Result<Self> {
        let len = file.bytes()?;
        Ok(Self { file: Arc::from(file), len, sums, archived: None })
    }

    /// A file in the archive, which compares what it reads.
    pub(crate) fn archived(file: &ArchivedFile) -> std::io::Result<Self> {
        let len = file.bytes()?;
        Ok(Self { file: Arc::new(file.clone()), len, sums: None, archived: Some(file.clone()) })
    }

    /// Whether reading may wait for a server.
    pub fn is_remote(&self) -> bool {
        self.archived.is_some()
    }

    /// Says that these ranges will be read next, so that the operating system fetches them all at once and not one after
    /// the other. What was read since the segment was opened is most likely in memory, and a range that the system does
    /// not take is fetched when it is read.
    pub fn will_need(&self, ranges: &[Range<u64>]) {
        if let Some(archived) = &self.archived {
            // What fails here is said when it is read.
            let _ = archived.fetch(ranges);
        }
        let Some(sums) = &self.sums else { return };
        for range in ranges.iter().filter(|range| !sums.is_read(range)) {
            self.file.will_need(range.clone());
        }
    }

    /// The bytes of a range, which lies in the file.
    fn read(&self, asked: Range<u64>) -> std::io::Result<Bytes> {
        let read = self.sums.as_ref().map_or_else(|| asked.clone(), |sums| sums.widened(&asked));
        let mut buffer = vec![0; (read.end - read.start) as usize];
        self.file.read_at(&mut buffer, read.start)?;
        if let Some(sums) = &self.sums {
            sums.compare(read.start, &buffer)?;
        }
        let asked = (asked.start - read.start) as usize..(asked.end - read.start) as usize;
        Ok(Bytes::from(buffer).slice(asked))
    }
}

impl Length for SegmentFile {
    fn len(&self) -> u64 {
        self.len
    }
}

impl ChunkReader for SegmentFile {
    type T = BufReader<Cursor>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::with_capacity(READ_BYTES, Cursor { file: self.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        // A damaged footer may ask for any length; the file's own bounds what is allocated.
        if start.checked_add(length as u64).is_none_or(|end| end > self.len) {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} of a file of {}", self.len)));
        }
        Ok(self.read(start..start + length as u64)?)
    }
}

/// A place in a file, read from there on.
pub struct Cursor {
    file: SegmentFile,
    at: u64,
}

impl Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let end = self.file.len.min(self.at.saturating_add(buffer.len() as u64));
        if self.at >= end {
            return Ok(0);
        }
        let bytes = self.file.read(self.at..end)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.at = end;
        Ok(bytes.len())
    }
}

/// A file that is written from its beginning on.
pub(super) struct Sink {
    file: Arc<dyn DiskFile>,
    at: u64,
}

impl Sink {
    pub(super) fn new(file: &Arc<dyn DiskFile>) -> Self {
        Self { file: Arc::clone(file), at: 0 }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write_at(bytes, self.at)?;
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

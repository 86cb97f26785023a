//! A segment in the archive, read as a file: from its stub, from memory, and from the object store.
//!
//! Invariant: nothing is given out that was not compared with the checksum of its block in the stub, each time that it
//! comes from the object store: an object can be changed by others at any time.

use super::cache::chunks;
use super::hash::hex;
use super::store::ObjectReader;
use super::stub::{Manifest, Stub};
use crate::checksum::BLOCK_BYTES;
use crate::error::{Error, Result};
use bytes::Bytes;
use onrecord_ledger::disk::DiskFile;
use sha2::{Digest, Sha256};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that are fetched and kept together.
const CHUNK_BYTES: u64 = 4 * BLOCK_BYTES;

/// Bytes that are fetched ahead of someone who reads on and on.
const AHEAD_BYTES: u64 = 2 << 20;

/// Bytes that one read takes into memory, of those that the cache has room for.
const AT_ONCE_BYTES: u64 = 16 << 20;

/// How long a failed read counts.
const FAILURE_COUNTS: Duration = Duration::from_secs(60);

/// Of all open segments in the archive of this process.
static OPENED: AtomicU64 = AtomicU64::new(0);

/// A segment's file in the archive.
#[derive(Clone)]
pub(crate) struct ArchivedFile(Arc<Inner>);

struct Inner {
    /// Tells it from every other in the cache.
    number: u64,
    stub: Stub,
    /// The last chunk that was read, to see who reads on and on.
    last: AtomicU64,
    /// Why the object store was not read last, and when: what decodes Parquet makes a text of every error.
    failure: Mutex<Option<(io::ErrorKind, String, Instant)>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        chunks().forget(self.number);
    }
}

impl ArchivedFile {
    pub(crate) fn new(stub: Stub) -> Self {
        let number = OPENED.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(Inner { number, stub, last: AtomicU64::new(u64::MAX), failure: Mutex::default() }))
    }

    /// What stays on the disk.
    pub(crate) fn stub(&self) -> &Stub {
        &self.0.stub
    }

    /// Why the object store could not be read lately, if it could not: its server is away or refused. What was found wrong
    /// meanwhile may be for want of bytes.
    pub(crate) fn failure(&self) -> Option<Error> {
        let failure = self.0.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let (kind, text, _) = failure.as_ref().filter(|(.., at)| at.elapsed() < FAILURE_COUNTS)?;
        let url = self.0.stub.head.archived.object_url();
        Some(Error::Archive { url, source: io::Error::new(*kind, text.clone()) })
    }

    /// Fetches what is missing of some ranges, all of it at once.
    pub(crate) fn fetch(&self, ranges: &[Range<u64>]) -> io::Result<()> {
        let mut missing: Vec<u64> = ranges.iter().flat_map(|range| self.chunks_of(range)).collect();
        missing.sort_unstable();
        missing.dedup();
        {
            let mut cache = chunks();
            missing.retain(|chunk| cache.get((self.0.number, *chunk)).is_none());
        }
        self.fetch_chunks(&missing).map(drop)
    }

    /// Compares the whole object with what was put there: its hash, and every byte that stayed here. Nothing of it comes
    /// from memory.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it differs, [`Error::Archive`] if it cannot be read.
    pub(crate) fn check(&self, path: &Path) -> Result<()> {
        let stub = &self.0.stub;
        let kept: Vec<Range<u64>> = stub.kept().collect();
        let differs =
            |what: &str| Error::damaged(path, format!("{what} of the object in the archive is not what was put there"));
        let (mut at, mut hash) = (0_u64, Sha256::new());
        let mut buffer = Vec::new();
        let read = self.object()?.each_part(&mut |part| {
            hash.update(part);
            let end = at + part.len() as u64;
            for range in &kept {
                let both = range.start.max(at)..range.end.min(end);
                if both.start < both.end {
                    buffer.resize((both.end - both.start) as usize, 0);
                    let here = stub.read(&mut buffer, both.start).transpose().map_err(Error::io(path))?;
                    let there = &part[(both.start - at) as usize..(both.end - at) as usize];
                    if here.is_none() || buffer != there {
                        return Err(Error::damaged(path, "the bytes that stayed here are not those of the object"));
                    }
                }
            }
            at = end;
            Ok(())
        });
        match read {
            Err(Error::Archive { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Err(Error::damaged(path, "there is no such object in the archive any more"));
            }
            read => read?,
        }
        if at != stub.bytes() {
            return Err(differs(&format!("the length, {at} for {} bytes,", stub.bytes())));
        }
        if hex(hash) == stub.head.archived.manifest.sha256 {
            self.check_beside(path)
        } else {
            Err(differs("the SHA-256"))
        }
    }

    /// Compares what lies beside the object: its manifest, and its look-up index.
    fn check_beside(&self, path: &Path) -> Result<()> {
        let manifest = &self.0.stub.head.archived.manifest;
        let storage = self.0.stub.storage()?;
        let differs = |name: &str| Error::damaged(path, format!("{name} in the archive is not what was put there"));
        let own = Manifest::own_name(&manifest.name);
        let there = storage.get(&own)?;
        if there.and_then(|bytes| serde_json::from_slice::<Manifest>(&bytes).ok()).as_ref() != Some(manifest) {
            return Err(differs(&own));
        }
        for (name, bytes, sha256) in manifest.objects().filter(|(name, ..)| *name != manifest.name) {
            if storage.read_back(name)? != Some((bytes, sha256.to_owned())) {
                return Err(differs(name));
            }
        }
        Ok(())
    }

    /// The object.
    pub(crate) fn object(&self) -> Result<ObjectReader> {
        Ok(ObjectReader::new(self.0.stub.storage()?, self.0.stub.head.archived.manifest.name.clone()))
    }

    /// The chunks that some bytes before the footer lie in, but for those that the stub has.
    fn chunks_of(&self, range: &Range<u64>) -> Vec<u64> {
        let stub = &self.0.stub;
        let end = range.end.min(stub.footer());
        if range.start >= end || stub.kept().any(|kept| kept.start <= range.start && end <= kept.end) {
            return Vec::new();
        }
        (range.start / CHUNK_BYTES..end.div_ceil(CHUNK_BYTES)).collect()
    }

    /// A chunk's bytes.
    fn bytes_of(&self, chunk: u64) -> Range<u64> {
        chunk * CHUNK_BYTES..((chunk + 1) * CHUNK_BYTES).min(self.0.stub.footer())
    }

    fn fetch_chunks(&self, wanted: &[u64]) -> io::Result<Vec<Bytes>> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let object = self.object().map_err(|error| io::Error::other(error.to_string()))?;
        let fetched = object.read(wanted.iter().map(|chunk| self.bytes_of(*chunk)).collect());
        let fetched = fetched.map_err(|error| self.explain(&object, error)).inspect_err(|error| {
            if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) {
                let noted = (error.kind(), error.to_string(), Instant::now());
                *self.0.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(noted);
            }
        })?;
        for (chunk, bytes) in wanted.iter().zip(&fetched) {
            let range = self.bytes_of(*chunk);
            if bytes.len() as u64 != range.end - range.start {
                return Err(io::Error::new(ErrorKind::InvalidData, "the object is shorter than what was archived"));
            }
            self.0.stub.sums.compare_again(range.start, bytes)?;
        }
        let mut cache = chunks();
        for (chunk, bytes) in wanted.iter().zip(&fetched) {
            cache.put((self.0.number, *chunk), bytes.clone());
        }
        Ok(fetched)
    }

    /// What an error of reading ranges is: not to be had of an object that is too short, servers say in many ways.
    fn explain(&self, object: &ObjectReader, error: io::Error) -> io::Error {
        match object.size() {
            Ok(Some(bytes)) if bytes != self.0.stub.bytes() => {
                let problem = format!("the object in the archive has {bytes} bytes, not {}", self.0.stub.bytes());
                io::Error::new(ErrorKind::InvalidData, problem)
            }
            _ => error,
        }
    }

    /// Reads what the stub has, in whole blocks, so that they can be compared; `None` if it does not have it.
    fn read_kept(&self, out: &mut [u8], range: Range<u64>) -> Option<io::Result<()>> {
        let stub = &self.0.stub;
        if range.start >= stub.footer() {
            // The footer has a checksum of its own.
            return stub.read(out, range.start);
        }
        let start = range.start / BLOCK_BYTES * BLOCK_BYTES;
        let end = (range.end.div_ceil(BLOCK_BYTES) * BLOCK_BYTES).min(stub.footer());
        if !stub.kept().any(|kept| kept.start <= start && end <= kept.end) {
            return None;
        }
        let mut blocks = vec![0; (end - start) as usize];
        let read = stub.read(&mut blocks, start)?;
        Some(read.and_then(|()| stub.sums.compare_again(start, &blocks)).map(|()| {
            out.copy_from_slice(&blocks[(range.start - start) as usize..(range.end - start) as usize]);
        }))
    }

    /// One chunk, and with it those behind it if it was the next one to be read.
    fn chunk(&self, chunk: u64) -> io::Result<Bytes> {
        let last = self.0.last.swap(chunk, Ordering::Relaxed);
        if let Some(bytes) = chunks().get((self.0.number, chunk)) {
            return Ok(bytes);
        }
        let mut end = chunk + 1;
        if last.wrapping_add(1) == chunk {
            end = (chunk + AHEAD_BYTES / CHUNK_BYTES).min(self.0.stub.footer().div_ceil(CHUNK_BYTES));
            let mut cache = chunks();
            end = (chunk + 1..end).find(|next| cache.get((self.0.number, *next)).is_some()).unwrap_or(end);
        }
        let mut fetched = self.fetch_chunks(&(chunk..end).collect::<Vec<_>>())?.into_iter();
        fetched.next().ok_or_else(|| io::Error::from(ErrorKind::UnexpectedEof))
    }
}

impl DiskFile for ArchivedFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.0.stub.bytes())
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(out.len() as u64).filter(|end| *end <= self.0.stub.bytes());
        let end = end.ok_or(ErrorKind::UnexpectedEof)?;
        let footer = self.0.stub.footer();
        if offset < footer && end > footer {
            let (before, behind) = out.split_at_mut((footer - offset) as usize);
            self.read_at(before, offset)?;
            return self.read_at(behind, footer);
        }
        if let Some(read) = self.read_kept(out, offset..end) {
            return read;
        }
        if end - offset > AT_ONCE_BYTES {
            let (first, rest) = out.split_at_mut(AT_ONCE_BYTES as usize);
            self.read_at(first, offset)?;
            return self.read_at(rest, offset + AT_ONCE_BYTES);
        }
        let chunks = self.chunks_of(&(offset..end));
        if chunks.len() > 1 {
            self.fetch(std::slice::from_ref(&(offset..end)))?;
        }
        for chunk in chunks {
            let (bytes, at) = (self.chunk(chunk)?, chunk * CHUNK_BYTES);
            let both = offset.max(at)..end.min(at + bytes.len() as u64);
            out[(both.start - offset) as usize..(both.end - offset) as usize]
                .copy_from_slice(&bytes[(both.start - at) as usize..(both.end - at) as usize]);
        }
        Ok(())
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn reserve(&self, _: u64, _: u64) -> io::Result<()> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn will_need(&self, range: Range<u64>) {
        // What fails here is said when it is read.
        let _ = self.fetch(&[range]);
    }

    fn forget_cached(&self) -> io::Result<()> {
        chunks().forget(self.0.number);
        Ok(())
    }
}

/// An object, read as a file; what is read says itself whether it is right, as an index does.
pub(crate) struct ObjectFile {
    object: ObjectReader,
    bytes: u64,
}

impl ObjectFile {
    pub(crate) fn new(object: ObjectReader, bytes: u64) -> Self {
        Self { object, bytes }
    }
}

impl DiskFile for ObjectFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.bytes)
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        let range = offset..offset + out.len() as u64;
        if range.end > self.bytes {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let read = self.object.read(vec![range])?.pop().filter(|bytes| bytes.len() == out.len());
        out.copy_from_slice(&read.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn reserve(&self, _: u64, _: u64) -> io::Result<()> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn will_need(&self, _: Range<u64>) {}

    fn forget_cached(&self) -> io::Result<()> {
        Ok(())
    }
}

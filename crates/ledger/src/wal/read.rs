//! Reading a write-ahead file, without believing a byte of it.
//!
//! Lengths are checked before they are used, checksums before anything else is. What is read shares the file's buffer.

use super::{ENTRY_HEADER_BYTES, FILE_MAGIC, FRAME_HEADER_BYTES, FRAME_MAGIC, HEADER_BYTES, Header, VERSION};
use crate::{Entry, EntryId};
use bytes::Bytes;
use onrecord_evidence::{Hash, LeafIndex};
use std::{num::NonZero, thread};

/// Less than this is hashed before a thread has started.
const BYTES_PER_THREAD_MIN: usize = 1 << 20;

/// Where a file stops making sense, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Byte offset in the file of the header or frame that is broken.
    pub offset: u64,
    /// What is wrong with it.
    pub problem: &'static str,
    /// How many entries the broken frame was to have, when its header is sound.
    pub entries: Option<u32>,
}

/// One commit, as read. Its checksums are right; its signature and hashes are not looked at.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Where it begins in the file, in bytes.
    pub offset: u64,
    /// The leaf of its first entry.
    pub first: LeafIndex,
    /// The signed checkpoint of the tree after its entries.
    pub checkpoint: String,
    /// The frame's own bytes.
    pub(crate) bytes: Bytes,
    entries: Vec<(EntryId, Bytes, Bytes)>,
}

impl Frame {
    /// How many entries it has; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a frame is never empty")]
    pub fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The leaf after its last entry.
    #[must_use]
    pub fn end(&self) -> LeafIndex {
        LeafIndex(self.first.0 + self.len())
    }

    /// Where it ends in the file, in bytes.
    #[must_use]
    pub fn end_offset(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }

    /// The entries, hashed.
    #[must_use]
    pub fn entries(self) -> Vec<Entry> {
        self.entries.into_iter().map(|(id, record, sidecar)| Entry::new(id, record, sidecar)).collect()
    }
}

/// The frames of a file in order. After a [`Flaw`] there are no more.
#[derive(Clone, Debug)]
pub struct Frames {
    bytes: Bytes,
    offset: usize,
}

impl Frames {
    /// Takes the whole content of a file.
    ///
    /// # Errors
    /// The flaw in its header.
    pub fn open(bytes: Bytes) -> Result<(Header, Self), Flaw> {
        let header = parse_header(&bytes).map_err(|problem| Flaw { offset: 0, problem, entries: None })?;
        Ok((header, Self { bytes, offset: HEADER_BYTES }))
    }

    /// The first sound frame that begins behind `offset` with `leaf_min` or a later leaf. As `is_ours` vouches for its
    /// checkpoint, bytes that came from outside (a record that looks like a frame) cannot pretend to be one.
    pub(crate) fn find_behind(
        bytes: &Bytes,
        offset: u64,
        leaf_min: LeafIndex,
        is_ours: impl Fn(&Frame) -> bool,
    ) -> Option<Frame> {
        let start = usize::try_from(offset).ok()?.checked_add(1)?;
        let behind = bytes.get(start..)?;
        let magics = behind.windows(FRAME_MAGIC.len()).enumerate().filter(|(_, window)| *window == FRAME_MAGIC);
        magics
            .filter_map(|(place, _)| parse_frame(bytes, start + place).ok())
            .find(|frame| frame.first >= leaf_min && is_ours(frame))
    }
}

impl Iterator for Frames {
    type Item = Result<Frame, Flaw>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.offset >= self.bytes.len() {
            return None;
        }
        let frame = parse_frame(&self.bytes, self.offset);
        self.offset = frame.as_ref().map_or(self.bytes.len(), |frame| self.offset + frame.bytes.len());
        Some(frame)
    }
}

/// Hashes the entries of many frames on all cores; one list per frame.
#[must_use]
pub fn hash_entries(frames: Vec<Frame>) -> Vec<Vec<Entry>> {
    let bytes: usize = frames.iter().map(|frame| frame.bytes.len()).sum();
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(bytes / BYTES_PER_THREAD_MIN);
    if threads < 2 {
        return frames.into_iter().map(Frame::entries).collect();
    }
    let per_thread = frames.len().div_ceil(threads);
    let mut frames = frames.into_iter();
    let parts: Vec<Vec<Frame>> = (0..threads).map(|_| frames.by_ref().take(per_thread).collect()).collect();
    thread::scope(|scope| {
        let spawn = |part: Vec<Frame>| scope.spawn(|| part.into_iter().map(Frame::entries).collect::<Vec<_>>());
        let handles: Vec<_> = parts.into_iter().map(spawn).collect();
        let join = |handle: thread::ScopedJoinHandle<'_, Vec<Vec<Entry>>>| match handle.join() {
            Ok(entries) => entries,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        handles.into_iter().flat_map(join).collect()
    })
}

fn parse_header(bytes: &[u8]) -> Result<Header, &'static str> {
    let header = bytes.get(..HEADER_BYTES).ok_or("the file header is cut off")?;
    if header[..8] != FILE_MAGIC {
        return Err("it does not begin as a write-ahead file");
    }
    if u32_at(header, 60) != crc32c::crc32c(&header[..60]) {
        return Err("the checksum of the file header is wrong");
    }
    if u32_at(header, 8) != VERSION {
        return Err("a newer version of onrecord wrote it");
    }
    let mut root = [0; 32];
    root.copy_from_slice(&header[24..56]);
    Ok(Header { first: LeafIndex(u64_at(header, 16)), root: Hash(root) })
}

fn parse_frame(bytes: &Bytes, start: usize) -> Result<Frame, Flaw> {
    let offset = start as u64;
    let flaw = |problem| Flaw { offset, problem, entries: None };
    let header = bytes.get(start..start.saturating_add(FRAME_HEADER_BYTES)).ok_or(flaw("a frame header is cut off"))?;
    if header[..4] != FRAME_MAGIC {
        return Err(flaw("no frame begins here"));
    }
    if u32_at(header, 28) != crc32c::crc32c(&header[..28]) {
        return Err(flaw("the checksum of a frame header is wrong"));
    }
    let count = u32_at(header, 4);
    let flaw = |problem| Flaw { offset, problem, entries: Some(count) };
    let body = start + FRAME_HEADER_BYTES;
    let note = body.saturating_add(u32_at(header, 16) as usize);
    let end = note.saturating_add(u32_at(header, 20) as usize);
    let content = bytes.get(body..end).ok_or(flaw("a frame is cut off"))?;
    if u32_at(header, 24) != crc32c::crc32c(content) {
        return Err(flaw("the checksum of a frame is wrong"));
    }
    let checkpoint = std::str::from_utf8(&bytes[note..end]).map_err(|_| flaw("a checkpoint is not text"))?.to_owned();
    let entries = parse_entries(bytes, body, note, count).ok_or(flaw("the entries do not fill their frame"))?;
    let first = LeafIndex(u64_at(header, 8));
    if first.0.checked_add(u64::from(count)).is_none() {
        return Err(flaw("a leaf index is out of range"));
    }
    Ok(Frame { offset, first, checkpoint, bytes: bytes.slice(start..end), entries })
}

fn parse_entries(bytes: &Bytes, start: usize, end: usize, count: u32) -> Option<Vec<(EntryId, Bytes, Bytes)>> {
    if count == 0 || (end - start) / ENTRY_HEADER_BYTES < count as usize {
        return None;
    }
    let mut entries = Vec::with_capacity(count as usize);
    let mut place = start;
    for _ in 0..count {
        let header = bytes.get(place..place.checked_add(ENTRY_HEADER_BYTES)?)?;
        let mut id = [0; 16];
        id.copy_from_slice(&header[..16]);
        let record = place + ENTRY_HEADER_BYTES;
        let sidecar = record.checked_add(u32_at(header, 16) as usize)?;
        place = sidecar.checked_add(u32_at(header, 20) as usize)?;
        if place > end {
            return None;
        }
        entries.push((EntryId(id), bytes.slice(record..sidecar), bytes.slice(sidecar..place)));
    }
    (place == end).then_some(entries)
}

/// The callers index inside a header that they have cut to its length.
fn u32_at(header: &[u8], place: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&header[place..place + 4]);
    u32::from_le_bytes(bytes)
}

fn u64_at(header: &[u8], place: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&header[place..place + 8]);
    u64::from_le_bytes(bytes)
}

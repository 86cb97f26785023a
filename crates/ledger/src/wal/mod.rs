//! The write-ahead file: how committed entries lie on disk until they are sealed.
//!
//! `wal/<first leaf, 20 digits>.wal` is a header and then one frame per commit, without gaps; the file ends with its last
//! frame. All numbers are little-endian.
//!
//! ```text
//! file header, 64 bytes            frame header, 32 bytes           entry, 24 bytes and two runs of bytes
//!  0  8  "ONRECWAL"                 0  4  "ONRF"                     0 16  id
//!  8  4  version, 1                 4  4  entries, at least 1       16  4  bytes of the record
//! 12  4  zero                       8  8  leaf of the first         20  4  bytes beside it
//! 16  8  leaf of the first entry   16  4  bytes of all entries      24  .  record
//! 24 32  root of the tree of all   20  4  bytes of the checkpoint    .  .  beside
//!        leaves before it          24  4  crc32c of what follows
//! 56  4  zero                      28  4  crc32c of bytes 0–27
//! 60  4  crc32c of bytes 0–59      32  .  entries, then the signed checkpoint of the tree after them
//! ```
//!
//! Invariant: every byte of the file is under a checksum, and every frame carries the signed checkpoint that its entries
//! led to, so that damage is found in whichever byte it is. A frame is acknowledged only when the one write that brought
//! it is durable, and the next frame is written only after that. So what a crash leaves can be broken in its last frame
//! only: a broken frame with a sound, signed one behind it is damage, never a torn tail. This module knows bytes; which
//! of the two it is, decides [`crate::verify`] or the recovery.

mod read;

pub use read::{Flaw, Frame, Frames, hash_entries};

use crate::{Entry, EntryId};
use onrecord_evidence::{Hash, LeafIndex};

/// Bytes of the file header.
pub const HEADER_BYTES: usize = 64;
/// Bytes of a frame without entries and checkpoint.
pub const FRAME_HEADER_BYTES: usize = 32;
/// Bytes of an entry without its record and what is beside it.
pub const ENTRY_HEADER_BYTES: usize = 24;
/// The longest signed checkpoint, which also must fit a slot of the checkpoint file.
pub const NOTE_BYTES_MAX: usize = 2048;

const FILE_MAGIC: [u8; 8] = *b"ONRECWAL";
const FRAME_MAGIC: [u8; 4] = *b"ONRF";
const VERSION: u32 = 1;

/// The name of the file that begins with this leaf.
#[must_use]
pub fn file_name(first: LeafIndex) -> String {
    format!("{:020}.wal", first.0)
}

/// The first leaf of the file with this name; `None` when it is no name of a write-ahead file.
#[must_use]
pub fn first_leaf(name: &str) -> Option<LeafIndex> {
    let digits = name.strip_suffix(".wal")?;
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok().map(LeafIndex) } else { None }
}

/// What a write-ahead file begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The leaf of the first entry.
    pub first: LeafIndex,
    /// The root of the tree of all leaves before it.
    pub root: Hash,
}

impl Header {
    pub(crate) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&FILE_MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[24..56].copy_from_slice(&self.root.0);
        let crc = crc32c::crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }
}

/// Bytes that an entry takes in a frame.
pub(crate) fn stored_bytes(entry: &Entry) -> usize {
    ENTRY_HEADER_BYTES + entry.record().len() + entry.sidecar().len()
}

/// Builds frames in one buffer that is kept from commit to commit. Record bytes are copied once, into it.
#[derive(Debug, Default)]
pub(crate) struct FrameBuilder {
    buffer: Vec<u8>,
    entries: u32,
    crc: u32,
}

/// A buffer that one large commit made is not kept for the small ones after it.
const BUFFER_BYTES_KEPT: usize = 16 << 20;

impl FrameBuilder {
    /// Forgets the last frame.
    pub(crate) fn clear(&mut self) {
        if self.buffer.capacity() > BUFFER_BYTES_KEPT {
            self.buffer = Vec::new();
        }
        self.buffer.clear();
        self.buffer.resize(FRAME_HEADER_BYTES, 0);
        (self.entries, self.crc) = (0, 0);
    }

    /// Adds an entry. The caller bounds the bytes of all to less than 4 GiB.
    pub(crate) fn push(&mut self, entry: &Entry) {
        let EntryId(id) = entry.id();
        let start = self.buffer.len();
        self.buffer.reserve(stored_bytes(entry));
        self.buffer.extend_from_slice(&id);
        self.buffer.extend_from_slice(&(entry.record().len() as u32).to_le_bytes());
        self.buffer.extend_from_slice(&(entry.sidecar().len() as u32).to_le_bytes());
        self.buffer.extend_from_slice(entry.record());
        self.buffer.extend_from_slice(entry.sidecar());
        self.crc = crc32c::crc32c_append(self.crc, &self.buffer[start..]);
        self.entries += 1;
    }

    /// The whole frame.
    pub(crate) fn finish(&mut self, first: LeafIndex, checkpoint: &str) -> &[u8] {
        let body_bytes = (self.buffer.len() - FRAME_HEADER_BYTES) as u32;
        self.buffer.extend_from_slice(checkpoint.as_bytes());
        self.crc = crc32c::crc32c_append(self.crc, checkpoint.as_bytes());
        let header = &mut self.buffer[..FRAME_HEADER_BYTES];
        header[..4].copy_from_slice(&FRAME_MAGIC);
        header[4..8].copy_from_slice(&self.entries.to_le_bytes());
        header[8..16].copy_from_slice(&first.0.to_le_bytes());
        header[16..20].copy_from_slice(&body_bytes.to_le_bytes());
        header[20..24].copy_from_slice(&(checkpoint.len() as u32).to_le_bytes());
        header[24..28].copy_from_slice(&self.crc.to_le_bytes());
        let crc = crc32c::crc32c(&header[..28]);
        header[28..].copy_from_slice(&crc.to_le_bytes());
        &self.buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn file() -> (Vec<u8>, Vec<Entry>) {
        let entries: Vec<Entry> =
            (0..5u8).map(|i| Entry::new(EntryId([i; 16]), vec![i; i as usize * 7], vec![i; i as usize % 3])).collect();
        let mut bytes = Header { first: LeafIndex(9), root: Hash([3; 32]) }.to_bytes().to_vec();
        let mut builder = FrameBuilder::default();
        for (first, range) in [(9, 0..2), (11, 2..5)] {
            builder.clear();
            entries[range].iter().for_each(|entry| builder.push(entry));
            bytes.extend_from_slice(builder.finish(LeafIndex(first), "a note\n"));
        }
        (bytes, entries)
    }

    #[test]
    fn what_was_built_is_read() {
        let (bytes, entries) = file();
        let (header, frames) = Frames::open(Bytes::from(bytes.clone())).unwrap();
        assert_eq!(header, Header { first: LeafIndex(9), root: Hash([3; 32]) });
        let frames: Vec<Frame> = frames.map(Result::unwrap).collect();
        assert_eq!(frames.iter().map(|frame| (frame.first.0, frame.len())).collect::<Vec<_>>(), [(9, 2), (11, 3)]);
        assert!(frames.iter().all(|frame| frame.checkpoint == "a note\n"));
        assert_eq!(frames[1].end_offset(), bytes.len() as u64);
        let read: Vec<Entry> = hash_entries(frames).into_iter().flatten().collect();
        let parts = |entry: &Entry| (entry.id(), entry.record().clone(), entry.sidecar().clone(), entry.leaf_hash());
        assert_eq!(read.iter().map(parts).collect::<Vec<_>>(), entries.iter().map(parts).collect::<Vec<_>>());
    }

    #[test]
    fn the_format_is_the_one_that_is_written_down() {
        assert_eq!(file().0, include_bytes!("../../golden/example.wal"), "see golden/make.py");
    }

    #[test]
    fn every_flipped_bit_is_a_flaw() {
        let (bytes, _) = file();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[place] ^= 1 << bit;
                let flawed = match Frames::open(Bytes::from(bytes)) {
                    Ok((_, mut frames)) => frames.any(|frame| frame.is_err()),
                    Err(_) => true,
                };
                assert!(flawed, "bit {bit} of byte {place}");
            }
        }
    }

    #[test]
    fn every_cut_but_at_a_frame_is_a_flaw() {
        let (bytes, _) = file();
        let (_, frames) = Frames::open(Bytes::from(bytes.clone())).unwrap();
        let mut ends = vec![HEADER_BYTES as u64];
        ends.extend(frames.map(|frame| frame.unwrap().end_offset()));
        for len in 0..bytes.len() {
            let sound = match Frames::open(Bytes::copy_from_slice(&bytes[..len])) {
                Ok((_, mut frames)) => frames.all(|frame| frame.is_ok()),
                Err(_) => false,
            };
            assert_eq!(sound, ends.contains(&(len as u64)), "cut to {len}");
        }
    }

    #[test]
    fn names_are_read_back() {
        assert_eq!(file_name(LeafIndex(42)), "00000000000000000042.wal");
        assert_eq!(first_leaf("00000000000000000042.wal"), Some(LeafIndex(42)));
        for name in ["42.wal", "00000000000000000042", "+0000000000000000042.wal", "99999999999999999999.wal"] {
            assert_eq!(first_leaf(name), None, "{name}");
        }
    }
}

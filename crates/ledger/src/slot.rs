//! The file `checkpoint`: the newest signed checkpoint, kept beside the entries it is about.
//!
//! Write-ahead files alone cannot tell that their end was cut off exactly behind a frame. This file can: it is written
//! after a commit is durable and before anybody is told, so that what it promises must be there on opening.
//!
//! Two slots of 4 KiB, nothing else; numbers are little-endian:
//! ```text
//!    0    8  "ONRECCKP"
//!    8    4  version, 1
//!   12    4  bytes of the note
//!   16    .  the signed checkpoint
//!    .    .  zeros
//! 4092    4  crc32c of bytes 0–4091
//! ```
//! Invariant: between two fsyncs only one of the slots is written, the other holds the checkpoint of the last fsync. So a
//! power cut can tear one of them at most. Slots are not synced per commit: after a power cut the file may be behind the
//! write-ahead files, never ahead.

use crate::{Error, disk::DiskFile, wal::NOTE_BYTES_MAX};
use std::path::PathBuf;

const SLOT_BYTES: usize = 4096;
const FILE_BYTES: usize = 2 * SLOT_BYTES;
const NOTE: usize = 16;
const CRC: usize = SLOT_BYTES - 4;
const MAGIC: [u8; 8] = *b"ONRECCKP";
const VERSION: u32 = 1;

/// The open file, and which slot is written.
pub(crate) struct Slots {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    active: usize,
    /// Whether the active slot was written since the last sync.
    is_dirty: bool,
}

impl Slots {
    /// `active` is the slot that may be overwritten: the other one must be durable.
    pub(crate) fn new(file: Box<dyn DiskFile>, path: PathBuf, active: usize) -> Self {
        Self { file, path, active: active % 2, is_dirty: false }
    }

    /// Keeps a signed checkpoint, without making it durable.
    pub(crate) fn write(&mut self, note: &str) -> Result<(), Error> {
        self.is_dirty = true;
        let offset = (self.active * SLOT_BYTES) as u64;
        self.file.write_at(&format(note), offset).map_err(Error::io("write", &self.path))
    }

    /// Makes the last checkpoint durable and leaves its slot alone until the next call.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        if self.is_dirty {
            self.file.sync().map_err(Error::io("sync", &self.path))?;
            // Only a slot that was written holds more than the other; without this it would now be the one to lose.
            self.active ^= 1;
            self.is_dirty = false;
        }
        Ok(())
    }
}

/// A whole file, both slots with the same note.
pub(crate) fn format_file(note: &str) -> Vec<u8> {
    format(note).repeat(2)
}

/// What the slots hold, or why one cannot be read.
pub(crate) fn parse_file(bytes: &[u8]) -> [Result<&str, &'static str>; 2] {
    let slot = |index: usize| {
        if bytes.len() > FILE_BYTES {
            return Err("the file is longer than two slots");
        }
        parse(bytes.get(index * SLOT_BYTES..(index + 1) * SLOT_BYTES).ok_or("the slot is cut off")?)
    };
    [slot(0), slot(1)]
}

fn format(note: &str) -> [u8; SLOT_BYTES] {
    // `Ledger::create` and `Ledger::open` refuse key names with which a note could be longer than NOTE_BYTES_MAX.
    let note = &note.as_bytes()[..note.len().min(NOTE_BYTES_MAX)];
    let mut slot = [0; SLOT_BYTES];
    slot[..8].copy_from_slice(&MAGIC);
    slot[8..12].copy_from_slice(&VERSION.to_le_bytes());
    slot[12..16].copy_from_slice(&(note.len() as u32).to_le_bytes());
    slot[NOTE..NOTE + note.len()].copy_from_slice(note);
    let crc = crc32c::crc32c(&slot[..CRC]);
    slot[CRC..].copy_from_slice(&crc.to_le_bytes());
    slot
}

fn parse(slot: &[u8]) -> Result<&str, &'static str> {
    if slot[..8] != MAGIC {
        return Err("the slot does not begin as one");
    }
    if slot[CRC..] != crc32c::crc32c(&slot[..CRC]).to_le_bytes() {
        return Err("the checksum of the slot is wrong");
    }
    if slot[8..12] != VERSION.to_le_bytes() {
        return Err("a newer version of onrecord wrote the slot");
    }
    let len = slot[12..16].iter().rev().fold(0, |len, &byte| len << 8 | usize::from(byte));
    let note = slot[NOTE..CRC].get(..len).ok_or("the note is longer than its slot")?;
    std::str::from_utf8(note).map_err(|_| "the note is not text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let file = format_file("a note\n");
        assert_eq!(file, include_bytes!("../golden/checkpoint"), "see golden/make.py");
        assert_eq!(parse_file(&file), [Ok("a note\n"), Ok("a note\n")]);
        assert_eq!(parse_file(&file[..FILE_BYTES - 1]), [Ok("a note\n"), Err("the slot is cut off")]);
    }

    #[test]
    fn every_flipped_bit_spoils_its_slot_only() {
        let sound = format_file("a note\n");
        for place in 0..FILE_BYTES {
            let mut file = sound.clone();
            file[place] ^= 0x10;
            let slots = parse_file(&file);
            assert!(slots[place / SLOT_BYTES].is_err() && slots[1 - place / SLOT_BYTES].is_ok(), "byte {place}");
        }
    }
}

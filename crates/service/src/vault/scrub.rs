//! Bytes of rows that are no longer rows: redb writes a changed page to a new place, and leaves the old one as it was until
//! the place is used again.
//!
//! What is looked for is ciphertext, which occurs nowhere else. No page that a committed transaction uses has it; so the
//! places where it is found are free, and may be overwritten behind the database's back: redb writes all of a free page before
//! it reads it, and its checksums end with a page's last row.

use memchr::memmem::Finder;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Overwrites every occurrence of `ciphertext` in the file with zeros, durably. Returns how many there were.
pub(super) fn scrub(path: &Path, ciphertext: &[u8]) -> io::Result<u64> {
    if ciphertext.is_empty() {
        return Ok(0);
    }
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let finder = Finder::new(ciphertext);
    let zeros = vec![0; ciphertext.len()];
    // Chunks overlap, so that an occurrence is whole in one of them.
    let mut buffer = vec![0; CHUNK_BYTES + ciphertext.len() - 1];
    let (mut offset, mut found) = (0, 0);
    loop {
        let filled = read_full(&file, &mut buffer, offset)?;
        for at in finder.find_iter(&buffer[..filled]) {
            file.write_all_at(&zeros, offset + at as u64)?;
            found += 1;
        }
        if filled < buffer.len() {
            break;
        }
        offset += CHUNK_BYTES as u64;
    }
    if found > 0 {
        file.sync_data()?;
    }
    Ok(found)
}

/// Fills the buffer from an offset on, as far as the file goes.
fn read_full(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occurrence_is_overwritten_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let needle = b"ciphertext of a row";
        // At both ends, across the border of two chunks, and side by side.
        let places = [0, CHUNK_BYTES - 7, CHUNK_BYTES + 40, CHUNK_BYTES + 40 + needle.len(), 3 * CHUNK_BYTES];
        let mut bytes = vec![7; 3 * CHUNK_BYTES + needle.len()];
        let mut expected = bytes.clone();
        for at in places {
            bytes[at..at + needle.len()].copy_from_slice(needle);
            expected[at..at + needle.len()].fill(0);
        }
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(scrub(&path, needle).unwrap(), 5);
        assert!(std::fs::read(&path).unwrap() == expected);
        assert_eq!(scrub(&path, needle).unwrap(), 0);
        assert_eq!(scrub(&path, b"").unwrap(), 0);
    }
}

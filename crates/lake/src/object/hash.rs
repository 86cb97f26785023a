//! Hashes as a manifest has them.

use onrecord_ledger::disk::DiskFile;
use sha2::{Digest, Sha256};
use std::io;

/// Bytes that are hashed at once.
const READ_BYTES: u64 = 1 << 20;

/// A SHA-256 in hex.
pub(crate) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of a file's bytes, in hex.
///
/// # Errors
/// That it cannot be read.
pub(crate) fn of_file(file: &dyn DiskFile) -> io::Result<String> {
    let (end, mut at, mut hash) = (file.bytes()?, 0, Sha256::new());
    let mut buffer = vec![0; READ_BYTES.min(end) as usize];
    while at < end {
        let some = &mut buffer[..READ_BYTES.min(end - at) as usize];
        file.read_at(some, at)?;
        hash.update(&*some);
        at += some.len() as u64;
    }
    Ok(hex(hash))
}

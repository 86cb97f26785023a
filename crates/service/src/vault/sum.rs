//! `vault.sum`: the SHA-256 of `vault.redb` as it was closed, by which any flipped byte is found, also in pages that the
//! database does not use.

use super::{FILE, SUM_FILE};
use crate::{Error, file, hex};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Writes the sum of the closed database.
pub(super) fn write(dir: &Path) -> Result<(), Error> {
    let sum = format!("{}\n", hex::encode(&sha256(&dir.join(FILE))?));
    file::replace(&dir.join(SUM_FILE), sum.as_bytes())
}

/// Compares the database with its sum: true when it fits, false when there is no sum because the database was not
/// closed cleanly.
pub(super) fn check(dir: &Path) -> Result<bool, Error> {
    let path = dir.join(SUM_FILE);
    let written = match file::read(&path) {
        Ok(written) => written,
        Err(Error::Absent(_)) => return Ok(false),
        Err(error) => return Err(error),
    };
    let sum = format!("{}\n", hex::encode(&sha256(&dir.join(FILE))?));
    if written.as_slice() != sum.as_bytes() {
        return Err(Error::corrupt(
            &dir.join(FILE),
            format!("its SHA-256 is not the one in {SUM_FILE}: one of the two files was changed after the last close"),
        ));
    }
    Ok(true)
}

/// Removes the sum, durably, before the database is written to.
pub(super) fn remove(dir: &Path) -> Result<(), Error> {
    file::remove(&dir.join(SUM_FILE))
}

fn sha256(path: &Path) -> Result<[u8; 32], Error> {
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer).map_err(Error::io("read", path))? {
            0 => return Ok(hasher.finalize().into()),
            length => hasher.update(&buffer[..length]),
        }
    }
}

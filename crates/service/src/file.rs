//! Small files that must never be half written or readable by others: keys, tokens, sums.
//!
//! Invariant: a file is either the old bytes or the new bytes, also after a power cut, and its mode is 0600 from its
//! first moment. The directory's entry is made durable with it.

use crate::Error;
use onrecord_ledger::OsDisk;
use onrecord_ledger::disk::durable::{self, Readers};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// The most bytes that a small file may have: a larger one was not written by us.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Makes a file that must not exist yet.
pub(crate) fn create(path: &Path, content: &[u8]) -> Result<(), Error> {
    let mut file = private(OpenOptions::new().create_new(true)).open(path).map_err(Error::io("make", path))?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // Half a key file would be mistaken for a damaged one.
        let _ = fs::remove_file(path);
        return Err(Error::io("write", path)(error));
    }
    sync_parent(path)
}

/// Replaces a file, or makes it: the new bytes are durable under another name before they take the file's name.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), Error> {
    durable::replace(&OsDisk, path, content, Readers::Owner).map_err(Error::io("write", path))
}

/// All bytes of a small file, wiped when dropped.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let length = fs::metadata(path).map_err(Error::io("read", path))?.len();
    if length > BYTES_MAX {
        return Err(Error::corrupt(path, format!("it has {length} bytes, more than it can ever have")));
    }
    fs::read(path).map(Zeroizing::new).map_err(Error::io("read", path))
}

/// The text of a small file, wiped when dropped.
pub(crate) fn read_text(path: &Path) -> Result<Zeroizing<String>, Error> {
    let bytes = read(path)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Error::corrupt(path, "it is not UTF-8 text")),
    }
}

/// Removes a file if it is there, durably.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("remove", path)(error)),
    }
}

/// Makes a directory that only its owner may enter; one that exists is left as it is.
pub(crate) fn create_dir(path: &Path) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Error::io("make", path)(error)),
    }
}

/// Open options that give a new file the mode 0600.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.write(true).mode(0o600)
}

/// Makes what happened to a name durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), Error> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(Error::io("sync", parent))
}

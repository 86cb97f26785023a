//! Files that are whole or not there, also after a power cut: a file gets its name only when its bytes are durable.
//!
//! The system calls, in order: `open` of a name of its own (`O_CREAT | O_TRUNC`), `pwrite`, `fdatasync` (content and
//! length), `close`, `rename` over the name, `open` and `fsync` of the directory. After the `rename` whoever opens the name
//! has the old bytes or the new ones; after the `fsync` of the directory a power cut leaves the new ones.

use super::Disk;
use std::{
    io,
    path::{Path, PathBuf},
};

/// The end of the names of files that are not finished. Whoever owns the directory may remove what has it when it starts.
pub const UNFINISHED: &str = ".tmp";

/// Who may read a file that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Whoever the process's umask lets.
    All,
    /// Its owner only, from its first moment: mode 0600.
    Owner,
}

/// Puts bytes under a name, over whatever has it, durably.
///
/// # Errors
/// Of the call that failed. The old bytes are there then, or, if it was the last call, perhaps the new ones; not half of
/// them. The unfinished file is removed if it can be.
pub fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let unfinished = unfinished(path);
    write(disk, &unfinished, bytes, readers)?;
    publish(disk, &unfinished, path)
}

/// Makes a file of these bytes under a name that stands for nothing yet, and syncs it; the name is not durable.
///
/// # Errors
/// Of the call that failed. The file is removed if it can be.
pub fn write(disk: &dyn Disk, unfinished: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let made = match readers {
        Readers::All => disk.create(unfinished),
        Readers::Owner => disk.create_private(unfinished),
    };
    let written = made.and_then(|file| file.write_at(bytes, 0).and_then(|()| file.sync()));
    written.inspect_err(|_| drop(disk.remove(unfinished)))
}

/// Gives a finished file, whose content was synced, its name, over whatever has it, durably.
///
/// # Errors
/// Of the call that failed. The file may have either name then; it is removed from the first if it can be.
pub fn publish(disk: &dyn Disk, unfinished: &Path, path: &Path) -> io::Result<()> {
    if let Err(error) = disk.rename(unfinished, path) {
        let _ = disk.remove(unfinished);
        return Err(error);
    }
    disk.sync_dir(parent(path))
}

/// The name of a file until it is finished.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(UNFINISHED);
    path.with_file_name(name)
}

/// The directory that has the name.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

//! Making and opening a directory: the lock, and the few writes that bring it into shape after a crash.
//!
//! Invariant: nothing is written before [`crate::replay`] has found the whole directory sound. What is cut off then is
//! one unfinished write, which nobody was told about.

use crate::{
    Disk, Error,
    disk::{Lock, LockError, durable},
    layout::Layout,
    replay::{Found, list_files},
    slot::{self, Slots},
    wal::{HEADER_BYTES, Header, NOTE_BYTES_MAX},
    writer::{Current, Start},
};
use onrecord_evidence::{EMPTY_ROOT, LeafIndex, Signer, TreeSize};
use std::{
    io,
    path::{Path, PathBuf},
};

/// What opening found and did. To be recorded by the caller where it says something.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// Durable entries.
    pub size: TreeSize,
    /// Leaves before this are not in write-ahead files; the follower was handed those from here on.
    pub sealed: LeafIndex,
    /// An unfinished write that was cut off.
    pub torn_tail: Option<TornTail>,
    /// Why one of the two checkpoint slots could not be read; it was written anew. A power cut can do that.
    pub slot_flaw: Option<&'static str>,
}

/// The end of a write-ahead file that a crash left unfinished. Nobody was told that it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The file.
    pub file: PathBuf,
    /// Where it was cut, in bytes.
    pub offset: u64,
    /// How many bytes were cut off.
    pub bytes: u64,
    /// How many entries they were to hold, where that can be read.
    pub entries: Option<u32>,
    /// What was wrong with them.
    pub problem: &'static str,
}

impl Found {
    pub(crate) fn recovery(&self) -> Recovery {
        // An empty file is a file that was just made: nothing was cut off.
        let torn = self.torn.as_ref().filter(|torn| torn.bytes > 0);
        let torn_tail = torn.map(|torn| TornTail {
            file: torn.path.clone(),
            offset: torn.flaw.offset,
            bytes: torn.bytes,
            entries: torn.flaw.entries,
            problem: torn.flaw.problem,
        });
        let (size, sealed) = (self.tree.size(), LeafIndex(self.sealed));
        Recovery { size, sealed, torn_tail, slot_flaw: self.slot_flaw }
    }
}

/// The lock of a directory that holds a ledger; leaves no trace in one that does not.
pub(crate) fn lock_existing(layout: &Layout, disk: &dyn Disk) -> Result<Box<dyn Lock>, Error> {
    match disk.read(&layout.checkpoint()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::Absent(layout.dir().to_owned())),
        _ => lock(layout, disk),
    }
}

fn lock(layout: &Layout, disk: &dyn Disk) -> Result<Box<dyn Lock>, Error> {
    disk.lock(&layout.lock()).map_err(|error| match error {
        LockError::Held { pid } => Error::Locked { dir: layout.dir().to_owned(), pid },
        LockError::Io(error) => Error::io("lock", layout.lock())(error),
    })
}

/// The checkpoint file comes last, by renaming: a directory without it is no ledger, and can be made into one again.
pub(crate) fn create(layout: &Layout, signer: &Signer, disk: &dyn Disk) -> Result<(), Error> {
    for dir in [layout.dir().to_owned(), layout.wal_dir(), layout.tree_dir()] {
        disk.create_dir(&dir).map_err(Error::io("make", dir))?;
    }
    sync_parents(layout.dir(), disk)?;
    let _lock = lock(layout, disk)?;
    match disk.read(&layout.checkpoint()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::io("read", layout.checkpoint())(error)),
        Ok(_) => return Err(Error::Exists(layout.dir().to_owned())),
    }
    check_unused(layout, disk)?;
    let header = Header { first: LeafIndex(0), root: EMPTY_ROOT }.to_bytes();
    write_new(disk, layout.wal(0), &header)?;
    let note = sign(signer, TreeSize(0))?;
    write_new(disk, layout.checkpoint_draft(), &slot::format_file(&note))?;
    // The names of the two directories as well: they must not come after that of the checkpoint file.
    for dir in [layout.wal_dir(), layout.tree_dir(), layout.dir().to_owned()] {
        disk.sync_dir(&dir).map_err(Error::io("sync", dir))?;
    }
    let published = durable::publish(disk, &layout.checkpoint_draft(), &layout.checkpoint());
    published.map_err(Error::io("make", layout.checkpoint()))
}

/// Makes the directory's own name durable, and those of its parents, any of which may just have been made.
fn sync_parents(dir: &Path, disk: &dyn Disk) -> Result<(), Error> {
    for parent in dir.ancestors().skip(1) {
        // The last parent of a relative path is the empty one.
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        match disk.sync_dir(parent) {
            // It is another user's, who made it before.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced.map_err(Error::io("sync", parent))?,
        }
    }
    Ok(())
}

/// A write-ahead file with entries and no checkpoint file beside it is a ledger that lost one, not an empty directory.
fn check_unused(layout: &Layout, disk: &dyn Disk) -> Result<(), Error> {
    for first in list_files(disk, layout)? {
        let path = layout.wal(first);
        let bytes = disk.read(&path).map_err(Error::io("read", &path))?;
        if bytes.len() > HEADER_BYTES || first > 0 {
            return Err(Error::corrupt(layout.checkpoint(), None, "it is missing, but there are write-ahead files"));
        }
    }
    Ok(())
}

fn write_new(disk: &dyn Disk, path: PathBuf, bytes: &[u8]) -> Result<(), Error> {
    let file = disk.create(&path).map_err(Error::io("create", &path))?;
    file.write_at(bytes, 0).map_err(Error::io("write", &path))?;
    file.sync().map_err(Error::io("sync", path))
}

/// Checks once that all checkpoints of this key fit: only the size grows, to 20 digits at most.
fn sign(signer: &Signer, size: TreeSize) -> Result<String, Error> {
    let note = signer.sign(size, EMPTY_ROOT);
    if note.len() + 20 > NOTE_BYTES_MAX {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "the name of the key is too long");
        return Err(Error::io("sign for", signer.verifier().name())(source));
    }
    Ok(note)
}

/// Cuts off what is torn, makes the rest durable, and gives the writer its files.
pub(crate) fn repair(disk: &dyn Disk, layout: &Layout, found: &Found) -> Result<Start, Error> {
    let current = &found.current;
    let file = disk.open(&current.path).map_err(Error::io("open", &current.path))?;
    if let Some(torn) = &found.torn {
        if torn.path == current.path {
            file.set_len(torn.flaw.offset).map_err(Error::io("cut", &torn.path))?;
        } else {
            disk.remove(&torn.path).map_err(Error::io("remove", &torn.path))?;
        }
    }
    // A process that died of a failed fsync can leave bytes that are in memory and not on the device, and which the
    // kernel believes to be written. Written again they become durable, or this fails.
    let (offset, bytes) = &current.last_write;
    file.write_at(bytes, *offset).map_err(Error::io("write", &current.path))?;
    file.sync().map_err(Error::io("sync", &current.path))?;
    disk.sync_dir(&layout.wal_dir()).map_err(Error::io("sync", layout.wal_dir()))?;
    let path = layout.checkpoint();
    let slots = disk.open(&path).map_err(Error::io("open", &path))?;
    // The slot that stays must be durable before the other is written.
    slots.sync().map_err(Error::io("sync", &path))?;
    let mut slots = Slots::new(slots, path, found.active_slot);
    slots.write(&found.checkpoint)?;
    slots.sync()?;
    let current = Current {
        path: current.path.clone(),
        file,
        first: current.first,
        bytes: current.bytes,
        entries: current.entries,
        reserved: current.bytes,
    };
    Ok(Start { current, slots })
}

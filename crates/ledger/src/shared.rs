//! What the writer thread and the callers both see, and which of them changes it.
//!
//! Reading, proving and releasing happen here, on the callers' threads; the writer only pushes.

use crate::{
    Closed, Config, Disk, Error,
    layout::Layout,
    queue::Queue,
    tree_file::{AllHashes, LEVELS, TreeFiles, complete},
};
use onrecord_evidence::{Hash, HashReader, LeafIndex, ReadError, Tree};
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

/// What the writer thread and the callers both see.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) layout: Layout,
    pub(crate) queue: Queue,
    pub(crate) tree_files: TreeFiles,
    /// Pushed to by the writer, cut at its left by `release`.
    pub(crate) grown: RwLock<Grown>,
    /// Written by the writer.
    pub(crate) head: RwLock<Head>,
    /// Pushed to by the writer, taken from by `release`. Oldest first.
    pub(crate) closed: Mutex<Vec<Closed>>,
    /// Written by the writer.
    pub(crate) poisoned: Mutex<Option<Arc<str>>>,
    /// Held by the one `release` that is at work.
    releasing: Mutex<()>,
}

/// The tree in memory. It can be ahead of the head by a commit in flight or failed.
pub(crate) struct Grown {
    pub(crate) tree: Tree,
    /// The hashes of the leaves before this are in `tree/`.
    pub(crate) sealed: u64,
}

/// The newest durable checkpoint.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) size: u64,
    pub(crate) root: Hash,
    pub(crate) checkpoint: Arc<str>,
}

impl Shared {
    pub(crate) fn new(
        config: Config,
        disk: Arc<dyn Disk>,
        layout: Layout,
        tree_files: TreeFiles,
        grown: Grown,
        head: Head,
        closed: Vec<Closed>,
    ) -> Self {
        Self {
            queue: Queue::new(config.queue_bytes_max),
            config,
            disk,
            layout,
            tree_files,
            grown: RwLock::new(grown),
            head: RwLock::new(head),
            closed: Mutex::new(closed),
            poisoned: Mutex::default(),
            releasing: Mutex::default(),
        }
    }

    pub(crate) fn head(&self) -> Head {
        self.head.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn closed(&self) -> MutexGuard<'_, Vec<Closed>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn with_hashes<T>(&self, read: impl FnOnce(&dyn HashReader) -> T) -> T {
        let grown = self.grown.read().unwrap_or_else(PoisonError::into_inner);
        read(&AllHashes { files: &self.tree_files, tree: &grown.tree, sealed: grown.sealed })
    }

    /// See [`crate::Ledger::release`]. The hashes are durable before a file goes, and both before memory forgets.
    pub(crate) fn release(&self, end: LeafIndex) -> Result<(), Error> {
        let _one_at_a_time = self.releasing.lock().unwrap_or_else(PoisonError::into_inner);
        let sealed = self.grown.read().unwrap_or_else(PoisonError::into_inner).sealed;
        if end.0 <= sealed {
            return Ok(());
        }
        let files: Vec<Closed> = self.closed().iter().filter(|file| file.end <= end).cloned().collect();
        if files.last().is_none_or(|file| file.end != end) {
            return Err(Error::NotAnEnd { end });
        }
        self.store_hashes(sealed, end.0)?;
        for file in &files {
            match self.disk.remove(&file.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", &file.path)(error));
                }
                _ => {}
            }
        }
        self.disk.sync_dir(&self.layout.wal_dir()).map_err(Error::io("sync", self.layout.wal_dir()))?;
        {
            let mut grown = self.grown.write().unwrap_or_else(PoisonError::into_inner);
            grown.sealed = end.0;
            grown.tree.forget_before(end);
        }
        self.closed().retain(|file| file.end > end);
        self.queue.released(end.0);
        Ok(())
    }

    /// Makes the complete hashes of the leaves `start..end` durable in `tree/`.
    fn store_hashes(&self, start: u64, end: u64) -> Result<(), Error> {
        for level in 0..LEVELS {
            let (start, end) = (complete(start, level), complete(end, level));
            if start == end {
                break;
            }
            let hashes = {
                let grown = self.grown.read().unwrap_or_else(PoisonError::into_inner);
                let hashes = grown.tree.tile_hashes(level, start..end).map(<[Hash]>::to_vec);
                hashes.ok_or(ReadError::Missing { level, start, end })?
            };
            self.tree_files.write(level, start, &hashes)?;
        }
        self.disk.sync_dir(&self.layout.tree_dir()).map_err(Error::io("sync", self.layout.tree_dir()))
    }
}

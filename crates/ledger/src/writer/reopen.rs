//! Back to work after a failed write or fsync, without a restart.
//!
//! After a failed fsync the kernel may hold bytes in memory that are not on the device and that it takes for written.
//! So nothing of the failed commit is kept: the file is cut back to the last acknowledged frame, synced, and read again
//! from the device; every hash in it must be that of the tree, and its last checkpoint the newest that was published.
//! Then, and only then, is work taken again. Should the process die before, opening the directory does the same, but
//! that it keeps a whole frame: nobody was told that it is not there.

use super::{Failure, Writer};
use crate::{
    AppendError, Entry, Error, LeafIndex,
    shared::Grown,
    tree_file::AllHashes,
    wal::{Frame, Frames, hash_entries},
};
use onrecord_evidence::{Hash, ReadError, Tree, TreeSize};
use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

impl Writer {
    /// Whether work can be taken; tries to reopen when that was not tried lately.
    pub(super) fn check_sound(&mut self) -> Result<(), AppendError> {
        let Some(reason) = &self.poisoned else { return Ok(()) };
        let interval = Duration::from_millis(self.shared.config.reopen_interval_ms);
        if self.tried.is_some_and(|tried| tried.elapsed() < interval) {
            return Err(AppendError::Poisoned(Arc::clone(reason)));
        }
        self.reopen().map_err(|error| match error {
            Error::Refused(refusal) => refusal,
            error => AppendError::Poisoned(Arc::from(error.to_string())),
        })
    }

    /// See the module.
    pub(super) fn reopen(&mut self) -> Result<(), Error> {
        if self.poisoned.is_none() {
            return Ok(());
        }
        self.tried = Some(Instant::now());
        let outcome = self.try_reopen();
        match &outcome {
            Ok(()) => {
                tracing::info!("the ledger was found sound and takes work again");
                self.poisoned = None;
                self.tried = None;
                *self.shared.poisoned.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
            Err(error) => {
                self.poison(error);
            }
        }
        outcome
    }

    fn try_reopen(&mut self) -> Result<(), Error> {
        if let Some(current) = &mut self.current {
            let path = &current.path;
            current.file = self.shared.disk.open(path).map_err(Error::io("open", path))?;
            current.file.set_len(current.bytes).map_err(Error::io("cut", path))?;
            current.reserved = current.bytes;
            current.file.sync().map_err(Error::io("sync", path))?;
            current.file.forget_cached().map_err(Error::io("read", path))?;
            self.check_current()?;
        }
        self.regrow()?;
        let wal_dir = self.shared.layout.wal_dir();
        self.shared.disk.sync_dir(&wal_dir).map_err(Error::io("sync", wal_dir))?;
        self.slots.write(&self.shared.head().checkpoint)?;
        self.slots.sync()?;
        if self.current.is_none() {
            self.rotate().map_err(|failure| match failure {
                Failure::Refused(error) => error.into(),
                Failure::Broken(error) => error,
            })?;
        }
        Ok(())
    }

    /// Reads the current file again and compares all that is in it with what is in memory.
    fn check_current(&self) -> Result<(), Error> {
        let Some(current) = &self.current else { return Ok(()) };
        let path = &current.path;
        let bytes = self.shared.disk.read(path).map_err(Error::io("read", path))?;
        let corrupt = |problem| Error::corrupt(path, LeafIndex(current.first), problem);
        let (_, frames) = Frames::open(bytes).map_err(|flaw| corrupt(flaw.problem))?;
        let frames: Vec<Frame> = frames.collect::<Result<_, _>>().map_err(|flaw| corrupt(flaw.problem))?;
        let head = self.shared.head();
        if frames.last().is_some_and(|frame| *frame.checkpoint != *head.checkpoint) {
            return Err(corrupt("its last checkpoint is not the newest"));
        }
        let found: Vec<Hash> = hash_entries(frames).iter().flatten().map(Entry::leaf_hash).collect();
        let grown = self.shared.grown.read().unwrap_or_else(PoisonError::into_inner);
        if grown.tree.tile_hashes(0, current.first..self.size) == Some(&*found) {
            Ok(())
        } else {
            Err(corrupt("its entries are not those that were acknowledged"))
        }
    }

    /// Takes the leaves of a failed commit out of the tree: grows it again from what is sealed. Until then nobody reads
    /// them, since everybody reads at the size of the head.
    fn regrow(&self) -> Result<(), Error> {
        let mut grown = self.shared.grown.write().unwrap_or_else(PoisonError::into_inner);
        let Grown { tree, sealed } = &*grown;
        if tree.size().0 == self.size {
            return Ok(());
        }
        let all = AllHashes { files: &self.shared.tree_files, tree, sealed: *sealed };
        let mut regrown = Tree::load(TreeSize(*sealed), &all)?;
        let missing = ReadError::Missing { level: 0, start: *sealed, end: self.size };
        tree.tile_hashes(0, *sealed..self.size).ok_or(missing)?.iter().for_each(|&leaf| regrown.push(leaf));
        if regrown.root() != self.shared.head().root {
            let problem = "the stored hashes do not lead to the newest checkpoint";
            return Err(Error::corrupt(self.shared.layout.tree_dir(), None, problem));
        }
        grown.tree = regrown;
        Ok(())
    }
}

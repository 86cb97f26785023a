//! Where the ledger's files lie in the data directory.

use crate::wal;
use onrecord_evidence::LeafIndex;
use std::path::{Path, PathBuf};

/// A data directory.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    dir: PathBuf,
}

impl Layout {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.dir.join("lock")
    }

    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.dir.join("checkpoint")
    }

    /// The checkpoint file while it is being made for the first time.
    pub(crate) fn checkpoint_draft(&self) -> PathBuf {
        self.dir.join("checkpoint.new")
    }

    pub(crate) fn wal_dir(&self) -> PathBuf {
        self.dir.join("wal")
    }

    pub(crate) fn wal(&self, first: u64) -> PathBuf {
        self.wal_dir().join(wal::file_name(LeafIndex(first)))
    }

    pub(crate) fn tree_dir(&self) -> PathBuf {
        self.dir.join("tree")
    }

    pub(crate) fn tree(&self, level: u8) -> PathBuf {
        self.tree_dir().join(level.to_string())
    }
}

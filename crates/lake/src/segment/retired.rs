//! What becomes of a segment's file when the segment is not in use any more: it goes when its last reader does.

use onrecord_evidence::LeafRange;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};

/// Why a segment is not in use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retired {
    /// Another segment holds its leaves.
    Replaced = 1,
    /// Its bytes are in the archive; its index stays.
    Archived = 2,
    /// Its bytes are on the disk again, under its name; its index stays.
    Restored = 3,
}

const GONE: u8 = 4;
const LEFT: u8 = 5;

/// A segment's file, as long as it is there.
#[derive(Debug)]
pub(crate) struct Retirement {
    path: PathBuf,
    leaves: LeafRange,
    /// 0 as long as it is in use; then why it is not ([`Retired`]), as long as somebody reads it; then whether it is gone.
    state: AtomicU8,
}

impl Retirement {
    /// Of a segment that is in use.
    pub(super) fn new(path: &Path, leaves: LeafRange) -> Self {
        Self { path: path.to_owned(), leaves, state: AtomicU8::new(0) }
    }

    /// The file, or the stub.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The leaves that it can have rows of.
    pub(crate) fn leaves(&self) -> LeafRange {
        self.leaves
    }

    /// It is not in use any more.
    pub(super) fn retire(&self, why: Retired) {
        self.state.store(why as u8, Ordering::Release);
    }

    /// Why it is not in use any more, if it is not and its file was not let go of yet.
    pub(super) fn why(&self) -> Option<Retired> {
        let state = self.state.load(Ordering::Acquire);
        [Retired::Replaced, Retired::Archived, Retired::Restored].into_iter().find(|why| *why as u8 == state)
    }

    /// Nobody reads it any more; whether its file is gone.
    pub(crate) fn settle(&self, is_gone: bool) {
        self.state.store(if is_gone { GONE } else { LEFT }, Ordering::Release);
    }

    /// Whether it is retired and somebody reads it yet, or is about to remove its file.
    pub(crate) fn is_read(&self) -> bool {
        self.why().is_some()
    }

    /// Whether its file is gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.state.load(Ordering::Acquire) == GONE
    }
}

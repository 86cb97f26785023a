//! What can go wrong, by what the caller can do about it. No message holds a byte of a record.

use onrecord_evidence::{LeafIndex, ReadError, TreeSize};
use std::{io, path::PathBuf, sync::Arc};

/// A ledger could not be made, opened or worked on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the directory open. Use that one, or stop it.
    #[error("{dir} is in use by {}; use that one or stop it first", holder(*pid))]
    Locked {
        /// The data directory.
        dir: PathBuf,
        /// The other process, when the lock file names it.
        pid: Option<u32>,
    },
    /// The directory holds no ledger. Create one, or name another directory.
    #[error("{0} holds no ledger: it has no checkpoint file")]
    Absent(PathBuf),
    /// The directory holds a ledger already.
    #[error("{0} holds a ledger already")]
    Exists(PathBuf),
    /// The bytes on disk are not what was written and acknowledged. Nothing was changed; restore the file.
    #[error("{file} is corrupt{}: {problem}", at(*leaf))]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// The first leaf that is damaged or missing, where one can be named.
        leaf: Option<LeafIndex>,
        /// What does not fit.
        problem: String,
    },
    /// A checkpoint on disk was not made by the given key. Give the key of this log.
    #[error("{file}: {source}")]
    Key {
        /// The file that holds the checkpoint.
        file: PathBuf,
        /// Why the key does not vouch for it.
        source: onrecord_evidence::Error,
    },
    /// The operating system refused. Fix the disk or the permissions, then try again.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// Stored hashes could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Only whole write-ahead files that are closed can be released: `end` must be the end of one.
    #[error("leaf {end} is not the end of a closed write-ahead file")]
    NotAnEnd {
        /// What was asked for.
        end: LeafIndex,
    },
    /// The writer refuses work; see [`AppendError`].
    #[error(transparent)]
    Refused(#[from] AppendError),
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

fn at(leaf: Option<LeafIndex>) -> String {
    leaf.map_or_else(String::new, |leaf| format!(" at leaf {leaf}"))
}

impl Error {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn corrupt(
        file: impl Into<PathBuf>,
        leaf: impl Into<Option<LeafIndex>>,
        problem: impl Into<String>,
    ) -> Self {
        Self::Corrupt { file: file.into(), leaf: leaf.into(), problem: problem.into() }
    }
}

/// A submit was not acknowledged. All but [`AppendError::Poisoned`] promise that nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Entries of the submit are in the ledger already: (index in the submit, its leaf). Compare, answer from what is
    /// there, submit the others again.
    #[error("{} entries have ids that are in the ledger already", .0.len())]
    Taken(Vec<(usize, LeafIndex)>),
    /// The same id occurs twice in the submit: (index, earlier index). Fix the input.
    #[error("{} entries repeat the id of an earlier one in the same submit", .0.len())]
    Repeated(Vec<(usize, usize)>),
    /// More bytes than one submit may have. Split it.
    #[error("a submit of {bytes} bytes is over the limit of {bytes_max}")]
    TooLarge {
        /// Size of the submit as stored.
        bytes: usize,
        /// The bound, [`crate::Config::submit_bytes_max`].
        bytes_max: usize,
    },
    /// A submit without entries proves nothing. Fix the caller.
    #[error("a submit must have at least one entry")]
    Empty,
    /// The queue is at its bound, or sealing lags behind. Retry later.
    #[error("the ledger has no room for more waiting entries; retry later")]
    Busy,
    /// The disk is full. Retry when there is space.
    #[error("the disk is full: {0}")]
    Full(Arc<str>),
    /// No file can be made: permission lost, directory read-only. Retry when that is fixed.
    #[error("the ledger cannot be written to: {0}")]
    Unwritable(Arc<str>),
    /// Ids of sealed entries could not be looked up. Retry.
    #[error("earlier ids could not be looked up: {0}")]
    Lookup(Arc<str>),
    /// A write or fsync failed, and the ledger has not been found sound since. Whether this submit is on disk is
    /// unknown; it is safe to submit it again with the same ids, see [`crate::Ledger::reopen`].
    #[error("the ledger refuses work since a write failed: {0}")]
    Poisoned(Arc<str>),
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
}

/// The ids of sealed entries could not be looked up, and why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LookupError(pub String);

/// The tree is too small for what was asked.
pub(crate) fn out_of_tree(first: u64, count: u64, size: u64) -> ReadError {
    ReadError::OutOfTree(onrecord_evidence::ProofError::OutOfTree {
        first: LeafIndex(first),
        count,
        size: TreeSize(size),
    })
}

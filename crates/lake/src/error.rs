//! What can go wrong with records at rest, by what the caller can do about it.

use onrecord_evidence::{LeafIndex, LeafRange, TreeSize};
use std::path::{Path, PathBuf};

/// An error of the lake. No message holds record content or a user id.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused: fix the disk or the permissions and try again.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not what was written. Restore it from a copy; it is never repaired silently.
    #[error("{} is damaged: {problem}", path.display())]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// What is wrong, and at which leaf where that is known.
        problem: String,
    },
    /// A segment, or an index, was written by another version of this program.
    #[error("{} has format {found:?}; this program reads format {}", path.display(), crate::schema::FORMAT)]
    Format {
        /// The file.
        path: PathBuf,
        /// What it says of its format.
        found: Option<String>,
    },
    /// Two segments hold the same leaves, or leaves between two segments are missing. Restore the directory.
    #[error("{} and {} {problem}", first.display(), second.display())]
    Ranges {
        /// The segment before.
        first: PathBuf,
        /// The segment after.
        second: PathBuf,
        /// `overlap`, or which leaves are missing between them.
        problem: String,
    },
    /// What was read back from a new segment is not what was sealed. The write-ahead file stays.
    #[error("{}: leaf {leaf} does not read back as it was written", path.display())]
    ReadBack {
        /// The new segment, which is removed again.
        path: PathBuf,
        /// The first leaf that differs.
        leaf: LeafIndex,
    },
    /// Whoever follows the ledger knows leaves that it does not have: one of the two was restored from an older copy, or
    /// they do not belong together. Compare the follower with the ledger before it goes on.
    #[error(
        "entries from leaf {from} on were asked for, but there are only {size}: the follower has leaves that this ledger \
         does not have; was one of them restored from an older copy?"
    )]
    Ahead {
        /// The leaf that was asked for.
        from: LeafIndex,
        /// How many leaves there are.
        size: TreeSize,
    },
    /// The archive could not be used: its server is away or refused. Nothing was changed; try again.
    #[error("the archive {url}: {source}")]
    Archive {
        /// The place, or the object.
        url: String,
        /// What its client said.
        source: std::io::Error,
    },
    /// A segment could not be made of these records. The write-ahead file stays.
    #[error("leaves {} to {} cannot be sealed: {problem}", leaves.start, leaves.end)]
    Unsealable {
        /// Their leaves.
        leaves: LeafRange,
        /// Why.
        problem: String,
    },
}

/// A result of the lake.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The file or directory that it is about, where it is about one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Error::Io { path, .. }
            | Error::Damaged { path, .. }
            | Error::Format { path, .. }
            | Error::Ranges { second: path, .. }
            | Error::ReadBack { path, .. } => Some(path),
            Error::Ahead { .. } | Error::Archive { .. } | Error::Unsealable { .. } => None,
        }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Error::Io { path, source }
    }

    pub(crate) fn damaged(path: &Path, problem: impl std::fmt::Display) -> Self {
        Error::Damaged { path: path.to_owned(), problem: problem.to_string() }
    }
}

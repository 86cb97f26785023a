//! What can be wrong, by what the caller can do about it: fetch the evidence again in a sound form, ask for the right
//! key, believe the "no", or repair the store the hashes are read from. No message holds a byte of a record.

use crate::{LeafIndex, TreeSize};

/// Evidence was looked at and did not convince. Every variant means "no"; they differ in what to do next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not in its format: it was cut, edited, or is something else.
    #[error("malformed {what}: {problem}")]
    Malformed {
        /// The format that was expected, such as `signed note`.
        what: &'static str,
        /// What breaks it.
        problem: String,
    },
    /// Nobody whose key was given signed this; another key, perhaps an older one of the same log, may be the right one.
    #[error("not signed by {key}")]
    UntrustedKey {
        /// Name and id of the key that was asked, as a vkey begins.
        key: String,
    },
    /// A signature claims to be by the given key and is not.
    #[error("the signature of {key} is wrong: the checkpoint was changed after signing")]
    WrongSignature {
        /// Name and id of the key.
        key: String,
    },
    /// A sound checkpoint of another log than the key's.
    #[error("the checkpoint is of the log {origin}, the key of {key}")]
    OtherLog {
        /// First line of the checkpoint.
        origin: String,
        /// Name and id of the key.
        key: String,
    },
    /// The record is not the one that the leaf hash stands for.
    #[error("the record does not hash to leaf {0}: it was changed, or the receipt is another record's")]
    OtherRecord(LeafIndex),
    /// The hashes do not lead to the signed root.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The operating system gave no random bytes for a new key.
    #[error("no random bytes from the operating system: {0}")]
    NoEntropy(String),
}

impl Error {
    pub(crate) fn malformed(what: &'static str, problem: impl Into<String>) -> Self {
        Self::Malformed { what, problem: problem.into() }
    }
}

/// A proof was checked and does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaves asked about are not in a tree of that size, or there are none of them.
    #[error("the tree of {size} leaves does not hold {count} from leaf {first} on")]
    OutOfTree {
        /// First leaf asked about.
        first: LeafIndex,
        /// How many.
        count: u64,
        /// Size of the tree.
        size: TreeSize,
    },
    /// The newer tree is smaller than the older: leaves were cut off, or the two were swapped.
    #[error("the newer tree has {new} leaves, fewer than the older with {old}")]
    Shrunk {
        /// Size of the older tree.
        old: TreeSize,
        /// Size of the newer tree.
        new: TreeSize,
    },
    /// Too many or too few hashes for that place in that tree.
    #[error("the proof has {found} hashes where {expected} are needed")]
    Length {
        /// How many were needed.
        expected: u64,
        /// How many were given.
        found: u64,
    },
    /// The hashes lead to another root.
    #[error("the proof leads to another root than that of the tree of {0} leaves")]
    Root(TreeSize),
}

/// Stored hashes could not be had, so that a proof could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The caller asked for what no tree of that size can prove.
    #[error(transparent)]
    OutOfTree(#[from] ProofError),
    /// The store does not hold these hashes, though a tree of that size has them.
    #[error("hashes {start}..{end} of tile level {level} are missing")]
    Missing {
        /// Tile level: 0 = leaves, 1 = roots of 256 leaves, and so on.
        level: u8,
        /// First hash asked for.
        start: u64,
        /// End of the range, exclusive.
        end: u64,
    },
    /// The store could not be read.
    #[error("hashes could not be read: {0}")]
    Io(#[from] std::io::Error),
}

//! Who follows a ledger: sees every entry when it is durable, seals it, and answers for its id from then on.
//!
//! This is one trait because it is one promise. The ledger knows the ids of the entries in its write-ahead files, and
//! forgets them when a file goes; from [`crate::Ledger::release`] on only the follower can say that such an id is taken.
//! An object that seals and another that looks ids up could disagree about one entry, and its id would be accepted
//! twice.
//!
//! The follower works on the writer thread, and every append waits for it. What must know of all entries but may lag
//! behind (a copy in another store) reads them from the lake instead, at its own pace.

use crate::{Committed, EntryId, LeafIndex, LookupError};
use std::path::PathBuf;

/// Whoever has to know of every entry, in order, before its append is answered; and of its id forever.
pub trait Follower: Send + Sync {
    /// Called by the writer thread after the entries are durable and before anybody is answered, and by
    /// [`crate::Ledger::open`] for the entries in write-ahead files, which may be sealed already when a release was
    /// interrupted. The writer waits for it.
    fn committed(&self, batch: &Committed);

    /// A write-ahead file was closed and can be sealed. Called by the writer thread; must not wait.
    fn closed(&self, file: &Closed) {
        let _ = file;
    }

    /// The leaves of those of the ids that are sealed, in the order asked. Called by the writer thread with the ids of
    /// every submit, so it must be cheap for ids that are new. It must answer for an entry before
    /// [`crate::Ledger::release`] is called with an end behind it.
    ///
    /// # Errors
    /// When it cannot tell; the submits are refused.
    fn find_sealed(&self, ids: &[EntryId]) -> Result<Vec<Option<LeafIndex>>, LookupError>;
}

/// A write-ahead file that will not grow any more: the leaves `first..end`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Its first leaf.
    pub first: LeafIndex,
    /// The leaf after its last.
    pub end: LeafIndex,
    /// Its size in bytes.
    pub bytes: u64,
    /// Where it is.
    pub path: PathBuf,
}

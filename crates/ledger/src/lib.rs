//! The only truth: append, fsync, recover, sign.
//!
//! An entry is opaque bytes under an id. It is appended once, never changed, and acknowledged only when it is durable
//! and covered by a signed checkpoint. This crate knows no decision, no user and no query; sealing entries into segments
//! is the work of whoever follows it, and HTTP, clocks and keys on disk are not its business either.
//!
//! ```text
//! Ledger::submit ─┐                        ┌─ write ─ fdatasync ─ checkpoint ─ Follower ─ answers
//! Ledger::submit ─┼─ queue ─ writer thread ┤   (one of each for all that wait: group commit)
//! Ledger::submit ─┘                        └─ wal/…  ──── release(end), when sealed ───→ tree/…
//! ```
//!
//! Invariants:
//! 1. Nothing is acknowledged before its bytes are durable. After a failed write or fsync nothing is acknowledged until
//!    the ledger was reopened ([`Ledger::reopen`], which it also tries by itself when work comes).
//! 2. A signed checkpoint never covers a leaf that is not durable, and what is acknowledged is covered by one.
//! 3. An id is accepted once, forever: ids of unsealed entries are in memory, the [`Follower`] answers for the others.
//! 4. A write-ahead file goes only when its hashes are durable in `tree/`, after its entries were sealed.
//! 5. Damage is refused with the file and the leaf, never repaired silently. The only thing that opening cuts off is
//!    a frame that no acknowledgement can have covered, and it says so ([`Recovery`]).
//! 6. Memory is bounded by [`Config`].

mod commit;
mod config;
pub mod disk;
mod entry;
mod error;
mod follower;
mod ids;
mod layout;
mod ledger;
mod open;
mod queue;
mod replay;
mod shared;
mod slot;
mod tree_file;
pub mod verify;
pub mod wal;
mod writer;

pub use commit::Commit;
pub use config::Config;
pub use disk::{Disk, OsDisk};
pub use entry::{Committed, Entry, EntryId};
pub use error::{AppendError, Error, LookupError};
pub use follower::{Closed, Follower};
pub use ledger::{Ledger, Status};
pub use onrecord_evidence::LeafIndex;
pub use open::{Recovery, TornTail};
pub use queue::Done;

//! What proves that a record is in the log, and that the log only ever grew.
//!
//! The formats are public ones, so that tools made for transparency logs read them: the Merkle tree of RFC 6962
//! (RFC 9162 §2), tiles as in C2SP `tlog-tiles`, checkpoints as in C2SP `tlog-checkpoint`, signed as in C2SP
//! `signed-note` with Ed25519. Records are opaque bytes here: this crate knows no decision, no file layout and no clock,
//! and does no I/O; whoever keeps the hashes hands them in through [`HashReader`].
//!
//! * Making: [`Tree`] grows at its right edge; a [`Snapshot`] of it proves the freshest leaves on any thread;
//!   [`prove_inclusion`], [`prove_range`] and [`prove_consistency`] prove anything from stored hashes.
//! * Checking: [`verify_inclusion`], [`verify_range`], [`verify_consistency`] are pure functions of their arguments.
//! * Handing out: [`Receipt`], [`BatchReceipt`], [`ConsistencyProof`] and [`Bundle`] are the JSON forms.
//!
//! A writer appends, signs once for all that waits, and each waiter makes its own receipt from the shared snapshot:
//!
//! ```
//! use onrecord_evidence::{LeafIndex, Signer, Tree, leaf_hash};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let signer = Signer::generate("example.com/decisions")?;
//! let mut tree = Tree::new();
//! let records = [b"approved", b"declined"];
//! records.iter().for_each(|record| tree.push(leaf_hash(*record)));
//! let checkpoint = signer.sign(tree.size(), tree.root());
//! let snapshot = tree.snapshot(LeafIndex(0)).ok_or("leaves from the base on")?;
//!
//! let receipt = snapshot.receipt(LeafIndex(1), &checkpoint).ok_or("a leaf of the snapshot")?;
//! assert!(receipt.verify_record(b"declined", signer.verifier()).is_ok());
//! assert!(receipt.verify_record(b"approved", signer.verifier()).is_err());
//! # Ok(())
//! # }
//! ```

mod bundle;
mod checkpoint;
mod error;
mod hash;
mod key;
mod leaf_set;
mod node;
mod note;
mod position;
mod proof;
mod reader;
mod receipt;
mod snapshot;
pub mod tile;
mod tree;

pub use bundle::Bundle;
pub use checkpoint::Checkpoint;
pub use error::{Error, ProofError, ReadError};
pub use hash::{EMPTY_ROOT, Hash, leaf_hash, node_hash};
pub use key::{Signer, Verifier};
pub use leaf_set::LeafSet;
pub use note::{NOTE_BYTES_MAX, SIGNATURES_MAX};
pub use position::{LeafIndex, LeafRange, TreeSize};
pub use proof::{RangeProof, verify_consistency, verify_inclusion, verify_range};
pub use reader::{HashReader, prove_consistency, prove_inclusion, prove_range, root_of};
pub use receipt::{BatchReceipt, ConsistencyProof, Receipt};
pub use snapshot::Snapshot;
pub use tree::Tree;

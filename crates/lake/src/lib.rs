//! Records at rest and in motion as columns: the tail in memory, sealed Parquet segments, look-ups, and SQL.
//!
//! Everything here is derived from the ledger's entries. A segment may replace a write-ahead file only after every
//! record was read back from it and hashed to its leaf again.

pub mod assemble;
mod build;
mod error;
pub mod schema;
mod segment;
pub mod shred;

pub use error::{Error, Result};
pub use segment::Segment;

/// One entry, borrowed: what a row of a segment is made of.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    /// Its leaf index.
    pub leaf: u64,
    /// The event id's bytes.
    pub id: [u8; 16],
    /// The bytes under the leaf hash.
    pub record: &'a [u8],
    /// The bytes next to the record, usually none.
    pub beside: &'a [u8],
}

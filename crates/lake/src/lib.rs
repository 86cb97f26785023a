//! Records at rest and in motion as columns: the tail in memory, sealed Parquet segments, and look-ups.
//!
//! Everything here is derived from the ledger's entries. A segment may replace a write-ahead file only after every
//! record was read back from it and hashed to its leaf again.
//!
//! The life of an entry here: [`Lake`] follows the ledger and has it in the tail before its append is answered;
//! [`Sealer`] shreds it into columns, writes a Parquet segment, reads that back and lets the write-ahead file go;
//! compaction moves it into a larger segment; [`rewrite()`] removes what has to go; [`verify`] reads it again. Who wants
//! all entries in order, wherever they are, follows [`Lake::entries`].

mod agreement;
mod archive;
pub mod assemble;
mod build;
mod cache;
mod catalog;
mod checksum;
mod compact;
mod entries;
mod error;
mod index;
mod lake;
mod lookup;
mod object;
mod pruning;
mod rewrite;
mod row;
pub mod schema;
mod seal;
mod segment;
pub mod shred;
mod tail;
mod verify;
mod worker;

pub use archive::{ArchiveTarget, Left, Swept, push, restore, sweep, trim_indexes, waiting};
pub use compact::compact_all;
pub use entries::Entries;
pub use error::{Error, Result};
pub use index::{Key, Rows as FoundRows};
pub use lake::{Lake, SEGMENTS, Snapshot};
pub use object::{Archived, IndexObject, LockMode, Manifest, ObjectLock, PutSettings, Storage};
pub use onrecord_evidence::{LeafIndex, LeafRange, LeafSet};
pub use rewrite::{Removal, Removed, rewrite};
pub use row::{Row, RowIndex};
pub use seal::seal_all;
pub use segment::{Block, Chosen, OwnedRow, ROW_GROUP_ROWS, Segment, SegmentFile, SegmentWriter, Tier, Written};
pub use tail::Chunk;
pub use verify::{Checked, Verification, Visit, Wanted, each_sealed, newest_sealed, verify, verify_on};
pub use worker::Sealer;

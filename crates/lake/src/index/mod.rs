//! The look-up index of a segment: which of its rows are about a subject, a decision, or have an identifier.
//!
//! Statistics and filters of Parquet rule row groups and pages out; to find ten rows among a million they must still read
//! the column. The index answers by reading a small directory once and one block of some 4 KiB per look-up.
//!
//! It is a file beside the segment, `<first>-<end>.index`, made of the segment's columns after the segment is in place,
//! when it is sealed as when it is compacted. It names the segment by the checksum of its file and the identifiers by
//! their paths: one that is missing, stale or damaged is not used, and made again. Losing it loses nothing.
//!
//! It has the checksums of the segment's blocks, too, so that what a look-up reads of the segment can be trusted without
//! reading all of it.
//!
//! What holds: for a value that an index answers, every row of the segment that has it is among the rows given. Where the
//! key is a subject's token, no other row is. `verify` makes the index again and compares.
//!
//! `key` says what is looked up, `file` has the bytes, `block` and `bits` the rows of keys. The values are collected by
//! `segment::index`.

mod bits;
mod block;
mod file;
mod key;

use crate::row::RowIndex;
pub(crate) use file::{Entry, Index, Of, Run, Values, path_of, write};
pub use key::Key;
pub(crate) use key::{Coding, hash, token};

/// The rows of a segment that may have one of some values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// By their place in the segment, ascending.
    pub rows: Vec<RowIndex>,
    /// Whether all of them have one, so that there is no need to look.
    pub exact: bool,
}

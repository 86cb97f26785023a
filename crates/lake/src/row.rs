//! A row of a segment: the entry that it is made of, and its place.

use onrecord_evidence::LeafIndex;

/// One entry, borrowed: what a row of a segment is made of.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    /// Its leaf index.
    pub leaf: LeafIndex,
    /// The event id's bytes.
    pub id: [u8; 16],
    /// The bytes under the leaf hash.
    pub record: &'a [u8],
    /// The bytes next to the record, usually none.
    pub sidecar: &'a [u8],
}

/// The place of a row in its segment, counted from 0. It says nothing about the leaf: see `segment::leaf`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowIndex(pub u32);

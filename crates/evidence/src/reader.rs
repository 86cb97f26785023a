//! Proofs made from stored hashes, for leaves that are no longer in memory.
//!
//! Only every eighth height is stored (C2SP `tlog-tiles`); what lies between is hashed again, at most 128 hashes per
//! node. What is read is believed: a proof made from damaged hashes does not verify, it does not mislead.

use crate::{
    Hash, LeafIndex, ProofError, RangeProof, ReadError, TreeSize,
    node::{Nodes, RightEdge, check_range, consistency, inclusion, range},
    node_hash, tile,
};

/// A store of complete tile hashes.
pub trait HashReader {
    /// Fills `out` with the hashes `start..start + out.len()` of a tile level: at level 0 leaf hashes, at level 1 the
    /// hashes of 256 leaves each, at level `l` of `256^l`. Asks only for hashes that are complete in the tree at hand,
    /// and for at most 256 at a time, all of one tile.
    ///
    /// # Errors
    /// [`ReadError::Missing`] when the store does not hold them all, [`ReadError::Io`] when it cannot be read.
    fn read(&self, level: u8, start: u64, out: &mut [Hash]) -> Result<(), ReadError>;
}

impl<R: HashReader + ?Sized> HashReader for &R {
    fn read(&self, level: u8, start: u64, out: &mut [Hash]) -> Result<(), ReadError> {
        (**self).read(level, start, out)
    }
}

/// The inclusion proof of a leaf in the tree of the first `size` leaves (RFC 9162 §2.1.3.1).
///
/// # Errors
/// [`ReadError::OutOfTree`] when the leaf is not in that tree, else those of the reader.
pub fn prove_inclusion(leaf: LeafIndex, size: TreeSize, reader: &dyn HashReader) -> Result<Vec<Hash>, ReadError> {
    check_range(leaf, 1, size)?;
    inclusion(&Stored(reader), &RightEdge::compute(&Stored(reader), size.0)?, leaf.0)
}

/// The proof of `count` neighbouring leaves at once in the tree of the first `size` leaves.
///
/// # Errors
/// [`ReadError::OutOfTree`] when they are none or not all in that tree, else those of the reader.
pub fn prove_range(
    first: LeafIndex,
    count: u64,
    size: TreeSize,
    reader: &dyn HashReader,
) -> Result<RangeProof, ReadError> {
    check_range(first, count, size)?;
    let (left, right) = range(&Stored(reader), &RightEdge::compute(&Stored(reader), size.0)?, first.0, count)?;
    Ok(RangeProof { left, right })
}

/// The proof that the tree of `new` leaves begins with the tree of `old` leaves (RFC 9162 §2.1.4.1). Empty when the
/// older tree is empty or the two are the same.
///
/// # Errors
/// [`ReadError::OutOfTree`] when `new` is the smaller, else those of the reader.
pub fn prove_consistency(old: TreeSize, new: TreeSize, reader: &dyn HashReader) -> Result<Vec<Hash>, ReadError> {
    if old > new {
        return Err(ProofError::Shrunk { old, new }.into());
    }
    if old.0 == 0 || old == new {
        return Ok(Vec::new());
    }
    consistency(&Stored(reader), &RightEdge::compute(&Stored(reader), new.0)?, old.0)
}

/// The root of the tree of the first `size` leaves.
///
/// # Errors
/// Those of the reader.
pub fn root_of(size: TreeSize, reader: &dyn HashReader) -> Result<Hash, ReadError> {
    Ok(RightEdge::compute(&Stored(reader), size.0)?.root())
}

/// Stored tile hashes as nodes of every height.
pub(crate) struct Stored<'a>(pub(crate) &'a dyn HashReader);

impl Nodes for Stored<'_> {
    type Error = ReadError;

    fn node(&self, height: u32, index: u64) -> Result<Hash, ReadError> {
        let (level, above) = (height / tile::HEIGHT, height % tile::HEIGHT);
        let mut hashes = [Hash::default(); 1 << (tile::HEIGHT - 1)];
        let mut len = 1 << above;
        // A height is below 64, so a level is below 8.
        self.0.read(level as u8, index << above, &mut hashes[..len])?;
        while len > 1 {
            len /= 2;
            for i in 0..len {
                hashes[i] = node_hash(hashes[2 * i], hashes[2 * i + 1]);
            }
        }
        Ok(hashes[0])
    }
}

//! The walks up the tree, written once for every place that holds nodes: memory, a snapshot, stored tiles.
//!
//! Node `(height, index)` covers the leaves `[index << height, (index + 1) << height)`. A node is *complete* in a
//! tree of `size` leaves when all of these exist; a complete node never changes. The one node per height that is cut
//! off by the right edge is held in [`RightEdge`]. Invariant: with `size` fixed, every sibling on the way from any
//! leaf to the root is either complete or in the edge, so a proof is made of copies alone.

use crate::{EMPTY_ROOT, Hash, LeafIndex, ProofError, TreeSize, node_hash};

/// A source of complete nodes.
pub(crate) trait Nodes {
    type Error;

    /// The hash of a node that is complete in the tree at hand.
    fn node(&self, height: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// A node is not in memory: it is left of what is kept there.
#[derive(Debug)]
pub(crate) struct Forgotten;

/// The right edge of a tree of a given size: per height the hash of the leaves that no complete node covers.
#[derive(Clone, Debug)]
pub(crate) struct RightEdge {
    pub(crate) size: u64,
    /// `[h]` is the hash of the leaves `[(size >> h) << h, size)`, `None` when there are none; up to the height at which
    /// this is the whole tree.
    clipped: Vec<Option<Hash>>,
}

impl RightEdge {
    /// Reads the complete nodes that the set bits of `size` stand for, and hashes them together from the right.
    pub(crate) fn compute<N: Nodes + ?Sized>(nodes: &N, size: u64) -> Result<Self, N::Error> {
        let top = u64::BITS - size.leading_zeros();
        let mut clipped = Vec::with_capacity(top as usize + 1);
        let mut right = None;
        clipped.push(right);
        for height in 0..top {
            let index = size >> height;
            if index % 2 == 1 {
                let left = nodes.node(height, index - 1)?;
                right = Some(right.map_or(left, |right| node_hash(left, right)));
            }
            clipped.push(right);
        }
        Ok(Self { size, clipped })
    }

    pub(crate) fn root(&self) -> Hash {
        self.clipped.last().copied().flatten().unwrap_or(EMPTY_ROOT)
    }

    /// The hash of any node that has leaves, complete or cut off.
    fn hash<N: Nodes + ?Sized>(&self, nodes: &N, height: u32, index: u64) -> Result<Hash, N::Error> {
        match self.clipped.get(height as usize) {
            Some(Some(clipped)) if index == self.size >> height => Ok(*clipped),
            _ => nodes.node(height, index),
        }
    }
}

/// Checks that `count` leaves from `first` on are in the tree and are not none.
pub(crate) fn check_range(first: LeafIndex, count: u64, size: TreeSize) -> Result<(), ProofError> {
    match first.0.checked_add(count) {
        Some(end) if count > 0 && end <= size.0 => Ok(()),
        _ => Err(ProofError::OutOfTree { first, count, size }),
    }
}

/// The siblings on the way from node `(height, index)` to the root, bottom up. The node must have leaves.
pub(crate) fn siblings<N: Nodes + ?Sized>(
    nodes: &N,
    edge: &RightEdge,
    mut height: u32,
    mut index: u64,
    proof: &mut Vec<Hash>,
) -> Result<(), N::Error> {
    let mut last = (edge.size - 1) >> height;
    while last > 0 {
        let sibling = index ^ 1;
        if sibling <= last {
            proof.push(edge.hash(nodes, height, sibling)?);
        }
        (height, index, last) = (height + 1, index >> 1, last >> 1);
    }
    Ok(())
}

/// The inclusion proof of a leaf that is in the tree (RFC 9162 §2.1.3.1).
pub(crate) fn inclusion<N: Nodes + ?Sized>(nodes: &N, edge: &RightEdge, leaf: u64) -> Result<Vec<Hash>, N::Error> {
    let mut proof = Vec::with_capacity(edge.clipped.len());
    siblings(nodes, edge, 0, leaf, &mut proof)?;
    Ok(proof)
}

/// What stands left and right of the leaves `[first, first + count)` on every height, bottom up. `count` is not 0.
pub(crate) fn range<N: Nodes + ?Sized>(
    nodes: &N,
    edge: &RightEdge,
    first: u64,
    count: u64,
) -> Result<(Vec<Hash>, Vec<Hash>), N::Error> {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let (mut low, mut high, mut last, mut height) = (first, first + (count - 1), edge.size - 1, 0);
    while last > 0 {
        if low % 2 == 1 {
            left.push(edge.hash(nodes, height, low - 1)?);
        }
        if high % 2 == 0 && high < last {
            right.push(edge.hash(nodes, height, high + 1)?);
        }
        (low, high, last, height) = (low >> 1, high >> 1, last >> 1, height + 1);
    }
    Ok((left, right))
}

/// The consistency proof from a tree of `old` leaves, `0 < old <= edge.size` (RFC 9162 §2.1.4.1).
pub(crate) fn consistency<N: Nodes + ?Sized>(nodes: &N, edge: &RightEdge, old: u64) -> Result<Vec<Hash>, N::Error> {
    let mut proof = Vec::new();
    if old == edge.size {
        return Ok(proof);
    }
    // The last complete subtree of the old tree. When it is the whole old tree, the verifier has its hash already.
    let height = old.trailing_zeros();
    let index = (old >> height) - 1;
    if index > 0 {
        proof.push(nodes.node(height, index)?);
    }
    siblings(nodes, edge, height, index, &mut proof)?;
    Ok(proof)
}

//! An immutable piece of the right edge, from which other threads prove what one commit appended.
//!
//! Invariant: it holds every complete node that the proof of a leaf in `[first, size)` can need, and the right edge
//! hashed once, so that a proof copies about log2(size) hashes and computes none.

use crate::{
    BatchReceipt, Hash, LeafIndex, RangeProof, Receipt, TreeSize,
    node::{Forgotten, Nodes, RightEdge, check_range, inclusion, range},
};

/// The tree as it was, seen from the leaf `first` on. Made by [`crate::Tree::snapshot`].
#[derive(Clone, Debug)]
pub struct Snapshot {
    first: LeafIndex,
    edge: RightEdge,
    rows: Vec<Row>,
    /// All rows one after the other: two big allocations instead of one per height.
    nodes: Vec<Hash>,
}

/// The nodes `[first, first + len)` of a height are `nodes[start..start + len]`.
#[derive(Clone, Copy, Debug)]
struct Row {
    first: u64,
    start: usize,
    len: usize,
}

impl Snapshot {
    pub(crate) fn new<'a>(
        first: LeafIndex,
        edge: RightEdge,
        source: impl Iterator<Item = (u64, &'a [Hash])> + Clone,
    ) -> Self {
        let mut nodes = Vec::with_capacity(source.clone().map(|(_, row)| row.len()).sum());
        let rows = source
            .map(|(first, row)| {
                let start = nodes.len();
                nodes.extend_from_slice(row);
                Row { first, start, len: row.len() }
            })
            .collect();
        Self { first, edge, rows, nodes }
    }

    /// The first leaf that can be proven.
    #[must_use]
    pub fn first(&self) -> LeafIndex {
        self.first
    }

    /// The size of the tree that the proofs are for.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        TreeSize(self.edge.size)
    }

    /// The root of that tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.edge.root()
    }

    /// The hash of a leaf; `None` outside `[first, size)`.
    #[must_use]
    pub fn leaf_hash(&self, leaf: LeafIndex) -> Option<Hash> {
        self.covers(leaf, 1)?;
        self.node(0, leaf.0).ok()
    }

    /// The inclusion proof of a leaf; `None` outside `[first, size)`.
    #[must_use]
    pub fn prove(&self, leaf: LeafIndex) -> Option<Vec<Hash>> {
        self.covers(leaf, 1)?;
        inclusion(self, &self.edge, leaf.0).ok()
    }

    /// The proof of `count` neighbouring leaves at once; `None` when there are none or some are outside `[first, size)`.
    #[must_use]
    pub fn prove_range(&self, first: LeafIndex, count: u64) -> Option<RangeProof> {
        self.covers(first, count)?;
        let (left, right) = range(self, &self.edge, first.0, count).ok()?;
        Some(RangeProof { left, right })
    }

    /// The receipt of one leaf; `checkpoint` is the signed checkpoint of exactly this size and root.
    #[must_use]
    pub fn receipt(&self, leaf_index: LeafIndex, checkpoint: &str) -> Option<Receipt> {
        let leaf_hash = self.leaf_hash(leaf_index)?;
        let inclusion_proof = self.prove(leaf_index)?;
        Some(Receipt { leaf_index, leaf_hash, inclusion_proof, checkpoint: checkpoint.to_owned() })
    }

    /// One receipt for `count` neighbouring leaves; `checkpoint` is the signed checkpoint of exactly this size and root.
    #[must_use]
    pub fn batch_receipt(&self, first_leaf_index: LeafIndex, count: u64, checkpoint: &str) -> Option<BatchReceipt> {
        let RangeProof { left, right } = self.prove_range(first_leaf_index, count)?;
        let leaves = self.rows.first()?;
        let from = leaves.start + usize::try_from(first_leaf_index.0 - leaves.first).ok()?;
        let leaf_hashes = self.nodes.get(from..from + usize::try_from(count).ok()?)?.to_vec();
        Some(BatchReceipt { first_leaf_index, leaf_hashes, left, right, checkpoint: checkpoint.to_owned() })
    }

    fn covers(&self, first: LeafIndex, count: u64) -> Option<()> {
        check_range(first, count, self.size()).ok()?;
        (first >= self.first).then_some(())
    }
}

impl Nodes for Snapshot {
    type Error = Forgotten;

    fn node(&self, height: u32, index: u64) -> Result<Hash, Forgotten> {
        let row = self.rows.get(height as usize).ok_or(Forgotten)?;
        let place = index.checked_sub(row.first).and_then(|place| usize::try_from(place).ok()).ok_or(Forgotten)?;
        if place < row.len { self.nodes.get(row.start + place).copied().ok_or(Forgotten) } else { Err(Forgotten) }
    }
}

//! The growing right edge of the log, in memory.
//!
//! Holds every complete node from a base on and, left of it, just what the right edge needs, so that the root and the
//! proof of any leaf from the base on come without reading a file. A leaf costs one hash on average and 64 bytes until
//! it is forgotten. Storing hashes, and proving leaves older than the base, is left to whoever implements [`HashReader`].

use crate::{
    Hash, HashReader, LeafIndex, RangeProof, ReadError, Snapshot, TreeSize,
    node::{Forgotten, Nodes, RightEdge, check_range, inclusion, range},
    node_hash,
    reader::Stored,
    tile,
};
use std::{ops::Range, sync::OnceLock};

/// A Merkle tree that is appended to. Cheap to read from one thread while it grows; other threads get a [`Snapshot`].
#[derive(Debug, Default)]
pub struct Tree {
    size: u64,
    /// Leaves from here on can be proven.
    base: u64,
    /// One row per height. Invariant: row `h` holds the nodes `[(base >> h) & !1, size >> h)`, which includes the left
    /// siblings of all leaves from the base on and the peaks of the tree.
    rows: Vec<Row>,
    /// Computed once per size; a batch of pushes costs nothing here.
    edge: OnceLock<RightEdge>,
}

#[derive(Debug, Default)]
struct Row {
    first: u64,
    nodes: Vec<Hash>,
}

impl Tree {
    /// The tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree of the first `size` stored leaves, ready to grow; its base is `size`. Reads at most 255 hashes per tile
    /// level. The caller compares [`Tree::root`] with what it knows: the stored hashes are believed.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn load(size: TreeSize, reader: &dyn HashReader) -> Result<Self, ReadError> {
        let mut tree = Self { size: size.0, base: size.0, ..Self::default() };
        for height in 0..u64::BITS - size.0.leading_zeros() {
            let index = size.0 >> height;
            let nodes = if index % 2 == 1 { vec![Stored(reader).node(height, index - 1)?] } else { Vec::new() };
            tree.rows.push(Row { first: index & !1, nodes });
        }
        Ok(tree)
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        self.edge.take();
        let (mut index, mut hash) = (self.size, leaf);
        self.size += 1;
        for height in 0.. {
            if height == self.rows.len() {
                self.rows.push(Row::default());
            }
            let row = &mut self.rows[height];
            let left = if index % 2 == 1 { row.nodes.last().copied() } else { None };
            row.nodes.push(hash);
            let Some(left) = left else { break };
            (index, hash) = (index >> 1, node_hash(left, hash));
        }
    }

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        TreeSize(self.size)
    }

    /// The first leaf that can be proven from memory.
    #[must_use]
    pub fn base(&self) -> LeafIndex {
        LeafIndex(self.base)
    }

    /// The root hash of all leaves. The first call after a push hashes about log2(size) nodes, later ones none.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.edge().root()
    }

    /// The inclusion proof of a leaf in the tree as it is now; `None` for a leaf before the base (see
    /// [`crate::prove_inclusion`]) or not in the tree.
    #[must_use]
    pub fn prove(&self, leaf: LeafIndex) -> Option<Vec<Hash>> {
        check_range(leaf, 1, self.size()).ok()?;
        inclusion(self, self.edge(), leaf.0).ok()
    }

    /// The proof of `count` neighbouring leaves at once; `None` when there are none, or some are before the base or not
    /// in the tree.
    #[must_use]
    pub fn prove_range(&self, first: LeafIndex, count: u64) -> Option<RangeProof> {
        check_range(first, count, self.size()).ok()?;
        let (left, right) = range(self, self.edge(), first.0, count).ok()?;
        Some(RangeProof { left, right })
    }

    /// An immutable copy of what proves the leaves from `first` on in the tree as it is now: some 64 bytes for each of
    /// them and 64 bytes per height, in three allocations. The writer makes one per commit and shares it (`Arc`) with
    /// all who wait. `None` when `first` is before the base or behind the end of the tree.
    #[must_use]
    pub fn snapshot(&self, first: LeafIndex) -> Option<Snapshot> {
        if first.0 < self.base || first.0 > self.size {
            return None;
        }
        let rows = self.rows.iter().enumerate().map(|(height, row)| {
            let from = (first.0 >> height) & !1;
            let skip = usize::try_from(from.saturating_sub(row.first)).unwrap_or(usize::MAX).min(row.nodes.len());
            (from, &row.nodes[skip..])
        });
        Some(Snapshot::new(first, self.edge().clone(), rows))
    }

    /// Complete tile hashes in memory, `None` unless all of `range` are: at level 0 leaf hashes, at level 1 the hashes
    /// of 256 leaves each, and so on. From the base on (`base >> 8 * level`) every complete one is here.
    #[must_use]
    pub fn tile_hashes(&self, level: u8, range: Range<u64>) -> Option<&[Hash]> {
        let row = self.rows.get(usize::from(level) * tile::HEIGHT as usize)?;
        let start = usize::try_from(range.start.checked_sub(row.first)?).ok()?;
        let end = usize::try_from(range.end.checked_sub(row.first)?).ok()?;
        row.nodes.get(start..end)
    }

    /// Moves the base up to `leaf` (at most the size): leaves before it are stored elsewhere now.
    pub fn forget_before(&mut self, leaf: LeafIndex) {
        let base = leaf.0.min(self.size);
        if base <= self.base {
            return;
        }
        self.base = base;
        for (height, row) in self.rows.iter_mut().enumerate() {
            let first = (base >> height) & !1;
            let gone = usize::try_from(first - row.first).unwrap_or(usize::MAX).min(row.nodes.len());
            row.nodes.drain(..gone);
            row.first = first;
        }
    }

    fn edge(&self) -> &RightEdge {
        self.edge.get_or_init(|| {
            RightEdge::compute(self, self.size)
                .expect("every row keeps the peak of its height, see the invariant of `rows`")
        })
    }
}

impl Nodes for Tree {
    type Error = Forgotten;

    fn node(&self, height: u32, index: u64) -> Result<Hash, Forgotten> {
        let row = self.rows.get(height as usize).ok_or(Forgotten)?;
        let place = index.checked_sub(row.first).and_then(|place| usize::try_from(place).ok()).ok_or(Forgotten)?;
        row.nodes.get(place).copied().ok_or(Forgotten)
    }
}

/// Tile hashes from memory, for a store that answers the rest from its files.
impl HashReader for Tree {
    fn read(&self, level: u8, start: u64, out: &mut [Hash]) -> Result<(), ReadError> {
        let end = start.saturating_add(out.len() as u64);
        let hashes = self.tile_hashes(level, start..end).ok_or(ReadError::Missing { level, start, end })?;
        out.copy_from_slice(hashes);
        Ok(())
    }
}

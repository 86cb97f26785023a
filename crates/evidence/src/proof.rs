//! Checking proofs. Pure functions of public inputs: no key, no store, no clock.
//!
//! Every hash of a proof must be used and every needed hash must be there, so that no two different proofs of the same
//! fact are both accepted. The hashes may come from an adversary; their number is bounded by the caller's parser.

use crate::{EMPTY_ROOT, Hash, LeafIndex, ProofError, TreeSize, node::check_range, node_hash};

/// What stands beside a run of neighbouring leaves: with their hashes it gives the root. The two lists are the left and
/// right siblings of the run on each height, bottom up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeProof {
    /// Left siblings, bottom up.
    pub left: Vec<Hash>,
    /// Right siblings, bottom up.
    pub right: Vec<Hash>,
}

/// Checks that `leaf_hash` is leaf `leaf` of the tree with this size and root (RFC 9162 §2.1.3.2).
///
/// # Errors
/// The reason why it is not shown to be.
pub fn verify_inclusion(
    leaf_hash: Hash,
    leaf: LeafIndex,
    size: TreeSize,
    root: Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    check_range(leaf, 1, size)?;
    let mut siblings = Siblings::new(proof);
    let (mut index, mut last, mut hash) = (leaf.0, size.0 - 1, leaf_hash);
    while last > 0 {
        if index % 2 == 1 {
            hash = node_hash(siblings.next(), hash);
        } else if index < last {
            hash = node_hash(hash, siblings.next());
        }
        (index, last) = (index >> 1, last >> 1);
    }
    siblings.finish()?;
    if hash == root { Ok(()) } else { Err(ProofError::Root(size)) }
}

/// Checks that `leaf_hashes` are the leaves from `first` on of the tree with this size and root.
///
/// # Errors
/// The reason why they are not shown to be.
pub fn verify_range(
    first: LeafIndex,
    leaf_hashes: &[Hash],
    size: TreeSize,
    root: Hash,
    proof: &RangeProof,
) -> Result<(), ProofError> {
    let count = leaf_hashes.len() as u64;
    check_range(first, count, size)?;
    let (mut left, mut right) = (Siblings::new(&proof.left), Siblings::new(&proof.right));
    let (mut low, mut high, mut last) = (first.0, first.0 + (count - 1), size.0 - 1);
    let mut row = leaf_hashes.to_vec();
    while last > 0 {
        let mut above = Vec::with_capacity(row.len() / 2 + 1);
        let lone_left = (low % 2 == 1).then(|| node_hash(left.next(), row[0]));
        above.extend(lone_left);
        let pairs = row[usize::from(low % 2 == 1)..].chunks_exact(2);
        let lone_right = pairs.remainder().first().copied();
        above.extend(pairs.map(|pair| node_hash(pair[0], pair[1])));
        // The last node of a height without a sibling goes up as it is.
        above.extend(lone_right.map(|hash| if high < last { node_hash(hash, right.next()) } else { hash }));
        row = above;
        (low, high, last) = (low >> 1, high >> 1, last >> 1);
    }
    left.finish()?;
    right.finish()?;
    if row[..] == [root] { Ok(()) } else { Err(ProofError::Root(size)) }
}

/// Checks that the tree with the newer size and root begins with the leaves of the older (RFC 9162 §2.1.4.2). Every tree
/// begins with the empty one.
///
/// # Errors
/// The reason why it is not shown to.
pub fn verify_consistency(
    old: TreeSize,
    old_root: Hash,
    new: TreeSize,
    new_root: Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::Shrunk { old, new });
    }
    if old.0 == 0 || old == new {
        Siblings::new(proof).finish()?;
        let want = if old.0 == 0 { EMPTY_ROOT } else { new_root };
        let empty_is_empty = new.0 > 0 || new_root == EMPTY_ROOT;
        return if old_root == want && empty_is_empty { Ok(()) } else { Err(ProofError::Root(old)) };
    }
    let height = old.0.trailing_zeros();
    let (mut index, mut last) = ((old.0 >> height) - 1, (new.0 - 1) >> height);
    let mut siblings = Siblings::new(proof);
    // The last complete subtree of the old tree; it is the old root itself when it covers the whole old tree.
    let seed = if index > 0 { siblings.next() } else { old_root };
    let (mut old_hash, mut new_hash) = (seed, seed);
    while last > 0 {
        if index % 2 == 1 {
            let left = siblings.next();
            (old_hash, new_hash) = (node_hash(left, old_hash), node_hash(left, new_hash));
        } else if index < last {
            new_hash = node_hash(new_hash, siblings.next());
        }
        (index, last) = (index >> 1, last >> 1);
    }
    siblings.finish()?;
    if old_hash != old_root {
        Err(ProofError::Root(old))
    } else if new_hash != new_root {
        Err(ProofError::Root(new))
    } else {
        Ok(())
    }
}

/// The hashes of a proof, taken in order; counts what was needed, so that the verdict can wait until the end.
struct Siblings<'a> {
    hashes: &'a [Hash],
    taken: u64,
}

impl<'a> Siblings<'a> {
    fn new(hashes: &'a [Hash]) -> Self {
        Self { hashes, taken: 0 }
    }

    /// The next hash; when there is none, any, since `finish` will refuse.
    fn next(&mut self) -> Hash {
        let hash = usize::try_from(self.taken).ok().and_then(|place| self.hashes.get(place)).copied();
        self.taken += 1;
        hash.unwrap_or_default()
    }

    fn finish(self) -> Result<(), ProofError> {
        let (expected, found) = (self.taken, self.hashes.len() as u64);
        if expected == found { Ok(()) } else { Err(ProofError::Length { expected, found }) }
    }
}

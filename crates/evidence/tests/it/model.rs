//! The tree as RFC 6962 §2.1 defines it: recursive functions over the list of all leaf hashes, slow and obvious.

use onrecord_evidence::{EMPTY_ROOT, Hash, HashReader, RangeProof, ReadError, leaf_hash, node_hash};
use std::ops::Range;

/// Leaf `i` is the hash of its number.
pub(crate) fn leaves(count: usize) -> Vec<Hash> {
    (0..count as u64).map(|i| leaf_hash(&i.to_le_bytes())).collect()
}

pub(crate) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => EMPTY_ROOT,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(root(left), root(right))
        }
    }
}

/// PATH(m, D[n])
pub(crate) fn inclusion(leaves: &[Hash], leaf: usize) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut proof, sibling) = match leaf.checked_sub(left.len()) {
        None => (inclusion(left, leaf), root(right)),
        Some(leaf) => (inclusion(right, leaf), root(left)),
    };
    proof.push(sibling);
    proof
}

/// PROOF(m, D[n])
pub(crate) fn consistency(leaves: &[Hash], old: usize) -> Vec<Hash> {
    if old == 0 { Vec::new() } else { subproof(leaves, old, true) }
}

/// SUBPROOF(m, D[n], b)
fn subproof(leaves: &[Hash], old: usize, known: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if known { Vec::new() } else { vec![root(leaves)] };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut proof, sibling) = if old <= left.len() {
        (subproof(left, old, known), root(right))
    } else {
        (subproof(right, old - left.len(), false), root(left))
    };
    proof.push(sibling);
    proof
}

/// The biggest subtrees left and right of the range, those next to it first.
pub(crate) fn range(leaves: &[Hash], range: Range<usize>) -> RangeProof {
    let mut proof = RangeProof::default();
    sidecar(leaves, 0, &range, &mut proof);
    proof.left.reverse();
    proof
}

fn sidecar(leaves: &[Hash], first: usize, range: &Range<usize>, proof: &mut RangeProof) {
    let end = first + leaves.len();
    if end <= range.start {
        proof.left.push(root(leaves));
    } else if first >= range.end {
        proof.right.push(root(leaves));
    } else if first < range.start || end > range.end {
        let (left, right) = leaves.split_at(split(leaves.len()));
        sidecar(left, first, range, proof);
        sidecar(right, first + left.len(), range, proof);
    }
}

/// The largest power of two smaller than `len`, which is at least 2.
fn split(len: usize) -> usize {
    len.next_power_of_two() / 2
}

/// Tile hashes as a log stores them: level 0 all leaves, level 1 the roots of each full 256 of them, and so on.
pub(crate) struct Levels(pub(crate) Vec<Vec<Hash>>);

impl Levels {
    pub(crate) fn of(leaves: &[Hash]) -> Self {
        let mut levels = vec![leaves.to_vec()];
        while let Some(last) = levels.last().filter(|level| level.len() >= 256) {
            let above = last.chunks_exact(256).map(root).collect();
            levels.push(above);
        }
        Self(levels)
    }
}

impl HashReader for Levels {
    fn read(&self, level: u8, start: u64, out: &mut [Hash]) -> Result<(), ReadError> {
        let (from, end) = (start as usize, start as usize + out.len());
        assert!(from / 256 == (end - 1) / 256, "a read stays within one tile");
        let hashes = self.0.get(usize::from(level)).and_then(|level| level.get(from..end));
        out.copy_from_slice(hashes.ok_or(ReadError::Missing { level, start, end: end as u64 })?);
        Ok(())
    }
}

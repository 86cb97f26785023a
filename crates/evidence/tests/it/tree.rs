//! The tree, its snapshots and the stored hashes against the naive tree.

use crate::model::{self, Levels, leaves};
use onrecord_evidence::{
    Hash, HashReader, LeafIndex, ProofError, RangeProof, ReadError, Tree, TreeSize, prove_consistency, prove_inclusion,
    prove_range, root_of, tile, verify_consistency, verify_inclusion, verify_range,
};
use proptest::prelude::*;

fn tree_of(leaves: &[Hash]) -> Tree {
    let mut tree = Tree::new();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree
}

/// What tree and snapshot say about the leaves from the base on is what the naive tree says about all.
fn check_edge(tree: &Tree, leaves: &[Hash]) -> Result<(), TestCaseError> {
    let (size, root, base) = (TreeSize(leaves.len() as u64), model::root(leaves), tree.base().0 as usize);
    prop_assert_eq!((tree.size(), tree.root()), (size, root));
    let snapshot = tree.snapshot(tree.base()).unwrap();
    prop_assert_eq!((snapshot.size(), snapshot.root(), snapshot.first()), (size, root, tree.base()));
    for leaf in base..leaves.len() {
        let index = LeafIndex(leaf as u64);
        let proof = model::inclusion(leaves, leaf);
        verify_inclusion(leaves[leaf], index, size, root, &proof)?;
        prop_assert_eq!(snapshot.leaf_hash(index), Some(leaves[leaf]));
        prop_assert_eq!(tree.prove(index), Some(proof.clone()));
        prop_assert_eq!(snapshot.prove(index), Some(proof));
    }
    prop_assert_eq!(tree.prove(LeafIndex(size.0)), None);
    prop_assert_eq!(snapshot.prove(LeafIndex(size.0)), None);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_edge_is_the_naive_tree_while_it_grows_and_forgets(
        steps in prop::collection::vec((0_usize..90, 0.0..1.0_f64), 1..6),
    ) {
        let all = leaves(steps.iter().map(|(count, _)| count).sum());
        let (mut tree, mut size) = (Tree::new(), 0);
        for (count, kept) in steps {
            all[size..size + count].iter().for_each(|leaf| tree.push(*leaf));
            size += count;
            check_edge(&tree, &all[..size])?;
            let known = size - tree.base().0 as usize;
            tree.forget_before(LeafIndex(tree.base().0 + (known as f64 * kept) as u64));
            check_edge(&tree, &all[..size])?;
        }
    }

    #[test]
    fn a_loaded_tree_grows_like_one_that_never_stopped(stored in 0_usize..700, more in 0_usize..40) {
        let all = leaves(stored + more);
        let mut tree = Tree::load(TreeSize(stored as u64), &Levels::of(&all[..stored])).unwrap();
        check_edge(&tree, &all[..stored])?;
        all[stored..].iter().for_each(|leaf| tree.push(*leaf));
        check_edge(&tree, &all)?;
    }

    #[test]
    fn stored_hashes_prove_what_the_naive_tree_proves(size in 1_usize..700, a in 0.0..1.0_f64, b in 0.0..1.0_f64) {
        let all = leaves(700);
        let reader = Levels::of(&all);
        let (low, high) = ((size as f64 * a.min(b)) as usize, (size as f64 * a.max(b)) as usize);
        let (now, root) = (TreeSize(size as u64), model::root(&all[..size]));
        prop_assert_eq!(root_of(now, &reader).unwrap(), root);

        let index = LeafIndex(low as u64);
        let proof = prove_inclusion(index, now, &reader).unwrap();
        prop_assert_eq!(&proof, &model::inclusion(&all[..size], low));
        verify_inclusion(all[low], index, now, root, &proof)?;

        let count = (high - low + 1) as u64;
        let proof = prove_range(index, count, now, &reader).unwrap();
        prop_assert_eq!(&proof, &model::range(&all[..size], low..high + 1));
        prop_assert_eq!(tree_of(&all[..size]).prove_range(index, count), Some(proof.clone()));
        verify_range(index, &all[low..=high], now, root, &proof)?;

        let old = TreeSize(high as u64);
        let proof = prove_consistency(old, now, &reader).unwrap();
        prop_assert_eq!(&proof, &model::consistency(&all[..size], high));
        verify_consistency(old, model::root(&all[..high]), now, root, &proof)?;
    }

    #[test]
    fn a_changed_inclusion_proof_is_refused(size in 1_usize..300, at in 0.0..1.0_f64, byte in 0_usize..32, bit in 0..8) {
        let all = leaves(size);
        let leaf = (size as f64 * at) as usize;
        let (index, now, root) = (LeafIndex(leaf as u64), TreeSize(size as u64), model::root(&all));
        let proof = model::inclusion(&all, leaf);
        let flip = |hash: Hash| { let mut hash = hash; hash.0[byte] ^= 1_u8 << bit; hash };

        prop_assert_eq!(verify_inclusion(flip(all[leaf]), index, now, root, &proof), Err(ProofError::Root(now)));
        prop_assert_eq!(verify_inclusion(all[leaf], index, now, flip(root), &proof), Err(ProofError::Root(now)));
        for place in 0..proof.len() {
            let mut changed = proof.clone();
            changed[place] = flip(changed[place]);
            prop_assert_eq!(verify_inclusion(all[leaf], index, now, root, &changed), Err(ProofError::Root(now)));
            changed.remove(place);
            let (expected, found) = (proof.len() as u64, proof.len() as u64 - 1);
            prop_assert_eq!(
                verify_inclusion(all[leaf], index, now, root, &changed),
                Err(ProofError::Length { expected, found })
            );
        }
        let longer = [&proof[..], &[root]].concat();
        prop_assert!(verify_inclusion(all[leaf], index, now, root, &longer).is_err());
        for other in (0..size).filter(|other| *other != leaf) {
            prop_assert!(verify_inclusion(all[leaf], LeafIndex(other as u64), now, root, &proof).is_err());
        }
    }

    #[test]
    fn a_changed_range_proof_is_refused(size in 1_usize..200, a in 0.0..1.0_f64, b in 0.0..1.0_f64, byte in 0_usize..32) {
        let all = leaves(size);
        let (low, high) = ((size as f64 * a.min(b)) as usize, (size as f64 * a.max(b)) as usize);
        let (first, now, root) = (LeafIndex(low as u64), TreeSize(size as u64), model::root(&all));
        let (run, proof) = (all[low..=high].to_vec(), model::range(&all, low..high + 1));
        for place in 0..run.len() {
            let mut run = run.clone();
            run[place].0[byte] ^= 1;
            prop_assert!(verify_range(first, &run, now, root, &proof).is_err());
        }
        for place in 0..proof.left.len() + proof.right.len() {
            let (mut changed, mut shorter) = (proof.clone(), proof.clone());
            match place.checked_sub(proof.left.len()) {
                None => { changed.left[place].0[byte] ^= 1; shorter.left.remove(place); }
                Some(place) => { changed.right[place].0[byte] ^= 1; shorter.right.remove(place); }
            }
            prop_assert!(verify_range(first, &run, now, root, &changed).is_err());
            prop_assert!(verify_range(first, &run, now, root, &shorter).is_err());
        }
        let longer = RangeProof { left: [&proof.left[..], &[root]].concat(), ..proof.clone() };
        prop_assert!(verify_range(first, &run, now, root, &longer).is_err());
        prop_assert!(verify_range(first, &run[1..], now, root, &proof).is_err());
        prop_assert!(verify_range(LeafIndex(first.0 + 1), &run, now, root, &proof).is_err());
    }

    #[test]
    fn a_changed_consistency_proof_is_refused(new in 2_usize..300, at in 0.0..1.0_f64, byte in 0_usize..32) {
        let all = leaves(new);
        let old = 1 + ((new - 1) as f64 * at) as usize;
        let (was, is) = (TreeSize(old as u64), TreeSize(new as u64));
        let (old_root, new_root, proof) = (model::root(&all[..old]), model::root(&all), model::consistency(&all, old));
        let flip = |hash: Hash| { let mut hash = hash; hash.0[byte] ^= 1; hash };

        prop_assert!(verify_consistency(was, flip(old_root), is, new_root, &proof).is_err());
        prop_assert!(verify_consistency(was, old_root, is, flip(new_root), &proof).is_err());
        prop_assert!(verify_consistency(was, old_root, is, new_root, &[&proof[..], &[new_root]].concat()).is_err());
        for place in 0..proof.len() {
            let mut changed = proof.clone();
            changed[place] = flip(changed[place]);
            prop_assert!(verify_consistency(was, old_root, is, new_root, &changed).is_err());
            changed.remove(place);
            prop_assert!(verify_consistency(was, old_root, is, new_root, &changed).is_err());
        }
    }
}

/// The example of C2SP `tlog-tiles`: a tree of 70,000 leaves. Also the smallest round size with three tile levels.
#[test]
fn three_tile_levels_agree_with_the_naive_tree() {
    let all = leaves(70_000);
    let (reader, size) = (Levels::of(&all), TreeSize(70_000));
    let widths = |level| [272, 273, 274].map(|index| tile::width(level, index, size));
    assert_eq!(widths(0), [256, 112, 0]);
    assert_eq!([0, 1, 2].map(|index| tile::width(1, index, size)), [256, 17, 0]);
    assert_eq!([0, 1].map(|index| tile::width(2, index, size)), [1, 0]);

    let mut tree = tree_of(&all);
    for (level, hashes) in reader.0.iter().enumerate() {
        assert_eq!(tree.tile_hashes(level as u8, 0..hashes.len() as u64), Some(&hashes[..]));
        assert_eq!(tree.tile_hashes(level as u8, 0..hashes.len() as u64 + 1), None);
    }
    assert_eq!(tree.tile_hashes(3, 0..1), None);
    for leaf in [0, 1, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999] {
        let proof = prove_inclusion(LeafIndex(leaf), size, &reader).unwrap();
        assert_eq!(Some(&proof), tree.prove(LeafIndex(leaf)).as_ref());
        assert_eq!(proof, model::inclusion(&all, leaf as usize));
    }
    for old in [1, 256, 65_536, 65_537, 69_999, 70_000] {
        let proof = prove_consistency(TreeSize(old), size, &reader).unwrap();
        assert_eq!(proof, model::consistency(&all, old as usize));
    }

    // After sealing, what the files hold and what the tree holds meet without a gap.
    let sealed = 66_000;
    tree.forget_before(LeafIndex(sealed));
    for (level, hashes) in reader.0.iter().enumerate() {
        let stored = sealed >> (8 * level);
        assert_eq!(tree.tile_hashes(level as u8, stored..hashes.len() as u64), Some(&hashes[stored as usize..]));
    }
    assert_eq!(tree.tile_hashes(0, 65_000..66_000), None);
    let mut hash = [Hash::default()];
    assert!(matches!(
        tree.read(0, 65_000, &mut hash),
        Err(ReadError::Missing { level: 0, start: 65_000, end: 65_001 })
    ));
}

#[test]
fn a_snapshot_outlives_what_the_tree_forgets_and_shows_no_more_than_it_covers() {
    let all = leaves(1000);
    let mut tree = tree_of(&all[..600]);
    let snapshot = std::sync::Arc::new(tree.snapshot(LeafIndex(500)).unwrap());
    all[600..].iter().for_each(|leaf| tree.push(*leaf));
    tree.forget_before(LeafIndex(1000));
    let waiter = std::sync::Arc::clone(&snapshot);
    let proof = std::thread::spawn(move || waiter.prove(LeafIndex(555))).join().unwrap();
    assert_eq!(proof, Some(model::inclusion(&all[..600], 555)));
    assert_eq!(snapshot.prove(LeafIndex(499)), None);
    assert_eq!(snapshot.prove_range(LeafIndex(499), 2), None);
    assert_eq!(snapshot.prove_range(LeafIndex(599), 2), None);
    assert_eq!(snapshot.prove_range(LeafIndex(550), 0), None);
    assert_eq!(snapshot.leaf_hash(LeafIndex(600)), None);
    assert!(tree.snapshot(LeafIndex(999)).is_none());
    assert!(tree.snapshot(LeafIndex(1001)).is_none());
    assert_eq!(tree.snapshot(LeafIndex(1000)).map(|nothing| nothing.root()), Some(model::root(&all)));
}

#[test]
fn what_no_tree_can_prove_is_refused_by_name() {
    let reader = Levels::of(&leaves(300));
    let out = |result: Result<Vec<Hash>, ReadError>| matches!(result, Err(ReadError::OutOfTree(_)));
    assert!(out(prove_inclusion(LeafIndex(5), TreeSize(5), &reader)));
    assert!(out(prove_inclusion(LeafIndex(0), TreeSize(0), &reader)));
    assert!(out(prove_consistency(TreeSize(6), TreeSize(5), &reader)));
    assert!(prove_range(LeafIndex(0), 0, TreeSize(5), &reader).is_err());
    assert!(prove_range(LeafIndex(u64::MAX), 2, TreeSize(5), &reader).is_err());
    // The tree is larger than what is stored.
    assert!(matches!(prove_inclusion(LeafIndex(5), TreeSize(301), &reader), Err(ReadError::Missing { .. })));

    let huge = TreeSize(u64::MAX);
    let root = Hash::default();
    assert!(verify_inclusion(root, LeafIndex(u64::MAX), huge, root, &[]).is_err());
    assert!(verify_inclusion(root, LeafIndex(u64::MAX - 1), huge, root, &[root; 64]).is_err());
    assert!(verify_range(LeafIndex(u64::MAX), &[root; 2], huge, root, &RangeProof::default()).is_err());
    assert!(verify_consistency(TreeSize(1 << 63), root, huge, root, &[]).is_err());
    assert!(verify_consistency(TreeSize(u64::MAX - 1), root, huge, root, &[root; 70]).is_err());
}

#[test]
fn every_tree_continues_the_empty_one_and_itself() {
    let (empty, root) = (model::root(&[]), model::root(&leaves(3)));
    assert_eq!(verify_consistency(TreeSize(0), empty, TreeSize(3), root, &[]), Ok(()));
    assert_eq!(verify_consistency(TreeSize(0), empty, TreeSize(0), empty, &[]), Ok(()));
    assert_eq!(verify_consistency(TreeSize(3), root, TreeSize(3), root, &[]), Ok(()));
    assert!(verify_consistency(TreeSize(0), root, TreeSize(3), root, &[]).is_err());
    assert!(verify_consistency(TreeSize(0), root, TreeSize(0), root, &[]).is_err());
    assert!(verify_consistency(TreeSize(3), empty, TreeSize(3), root, &[]).is_err());
    assert!(verify_consistency(TreeSize(3), root, TreeSize(3), root, &[root]).is_err());
    let shrunk = ProofError::Shrunk { old: TreeSize(4), new: TreeSize(3) };
    assert_eq!(verify_consistency(TreeSize(4), root, TreeSize(3), root, &[]), Err(shrunk));
}

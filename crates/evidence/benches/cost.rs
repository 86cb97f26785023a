//! What evidence costs per record, each figure the median of nine runs: `cargo bench -p onrecord-evidence`.

use onrecord_evidence::{Hash, LeafIndex, Receipt, Signer, Snapshot, Tree, TreeSize, leaf_hash, node_hash};
use std::{hint::black_box, time::Instant};

const LEAVES: u64 = 1_000_000;
const RUNS: usize = 9;

fn main() {
    let record = [7_u8; 1024];
    print("leaf hash of 1 KiB", 10_000, || leaf_hash(black_box(&record)));
    print("node hash", 10_000, || node_hash(black_box(Hash([1; 32])), black_box(Hash([2; 32]))));

    let mut tree = Tree::new();
    (0..LEAVES).for_each(|i| tree.push(leaf_hash(&i.to_le_bytes())));
    tree.forget_before(LeafIndex(LEAVES - 100_000));
    print("tree: append a leaf (amortised)", 10_000, || tree.push(black_box(Hash([3; 32]))));
    print("tree: append a leaf and take the root", 1_000, || {
        tree.push(black_box(Hash([3; 32])));
        tree.root()
    });
    let fresh = |tree: &Tree, batch: u64| LeafIndex(tree.size().0 - batch);
    for batch in [1, 32, 1_000] {
        let first = fresh(&tree, batch);
        print(&format!("snapshot of a commit of {batch}"), 1_000, || tree.snapshot(black_box(first)));
    }

    let signer = Signer::generate("example.com/bench").expect("a name of the right form");
    let note = signer.sign(tree.size(), tree.root());
    let snapshot: Snapshot = tree.snapshot(fresh(&tree, 1_000)).expect("fresh leaves");
    let leaf = fresh(&tree, 500);
    print("inclusion proof of a fresh leaf", 10_000, || snapshot.prove(black_box(leaf)));
    print("receipt of a fresh leaf", 10_000, || snapshot.receipt(black_box(leaf), &note));
    print("batch receipt of 1000", 100, || snapshot.batch_receipt(snapshot.first(), 1_000, &note));
    let receipt = snapshot.receipt(leaf, &note).expect("a fresh leaf");
    print("receipt as JSON", 1_000, || serde_json::to_vec(black_box(&receipt)).expect("plain data"));
    let json = serde_json::to_vec(&receipt).expect("plain data");
    print("receipt from JSON", 1_000, || Receipt::parse(black_box(&json)));
    print("checkpoint: sign", 1_000, || signer.sign(black_box(TreeSize(LEAVES)), Hash([4; 32])));
    print("receipt: verify", 100, || receipt.verify(black_box(signer.verifier())));
}

/// Prints the time of one call in microseconds.
fn print<T>(what: &str, calls: u32, mut call: impl FnMut() -> T) {
    let mut micros: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| drop(black_box(call())));
            start.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
        })
        .collect();
    micros.sort_by(f64::total_cmp);
    println!("{what:<40} {:>9.3} µs", micros[RUNS / 2]);
}

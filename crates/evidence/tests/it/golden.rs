//! The vectors in `golden/`, which implementations in other languages check against too. What others published is taken
//! from them; `log.json` is what this crate makes of a small log under a fixed key, and must never change.
//! `ONRECORD_BLESS=1 cargo test` writes `log.json` anew, for a wanted change of a format.

use crate::model::{self, Levels};
use onrecord_evidence::{
    BatchReceipt, Bundle, Checkpoint, ConsistencyProof, Error, Hash, LeafIndex, Receipt, Signer, Tree, TreeSize,
    Verifier, leaf_hash, node_hash, prove_consistency, tile::Tile, verify_consistency, verify_inclusion,
};
use serde_json::{Value, json};

const PRIVATE_KEY: &str = "PRIVATE+KEY+example.com/golden+cc58cb31+AZYlEnSRZTRDSsRUI034RzUNDx30sTJMFDVVWjyuE/eM";
pub(crate) const OTHER_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

pub(crate) fn file(name: &str) -> Value {
    let path = format!("{}/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = text(hex);
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn hash(hex: &Value) -> Hash {
    Hash(bytes(hex).try_into().unwrap())
}

fn hashes(hex: &Value) -> Vec<Hash> {
    list(hex).iter().map(hash).collect()
}

#[test]
fn rfc_6962_as_its_reference_implementations_publish_it() {
    let golden = file("rfc6962.json");
    for case in list(&golden["leaf_hashes"]) {
        assert_eq!(leaf_hash(&bytes(&case["record"])), hash(&case["hash"]));
    }
    let leaves: Vec<_> = list(&golden["records"]).iter().map(|record| leaf_hash(&bytes(record))).collect();
    let nodes: Vec<_> = list(&golden["nodes"]).iter().map(hashes).collect();
    assert_eq!(leaves, nodes[0]);
    for (below, above) in nodes.iter().zip(&nodes[1..]) {
        assert!(below.chunks_exact(2).map(|pair| node_hash(pair[0], pair[1])).eq(above.iter().copied()));
    }
    let roots = hashes(&golden["roots"]);
    let (mut tree, reader) = (Tree::new(), Levels::of(&leaves));
    for (size, root) in roots.iter().enumerate() {
        assert_eq!((tree.size(), tree.root()), (TreeSize(size as u64), *root));
        for case in list(&golden["inclusion"]).iter().filter(|case| number(&case["tree_size"]) == size as u64) {
            let (leaf, proof) = (number(&case["leaf_index"]), hashes(&case["proof"]));
            assert_eq!(tree.prove(LeafIndex(leaf)).as_ref(), Some(&proof));
            let verdict = verify_inclusion(leaves[leaf as usize], LeafIndex(leaf), tree.size(), *root, &proof);
            assert_eq!(verdict, Ok(()));
        }
        leaves.get(size).into_iter().for_each(|leaf| tree.push(*leaf));
    }
    for case in list(&golden["consistency"]) {
        let (old, new) = (TreeSize(number(&case["old_size"])), TreeSize(number(&case["new_size"])));
        let proof = hashes(&case["proof"]);
        assert_eq!(prove_consistency(old, new, &reader).unwrap(), proof);
        assert_eq!(verify_consistency(old, roots[old.0 as usize], new, roots[new.0 as usize], &proof), Ok(()));
    }
}

#[test]
fn roots_of_larger_trees() {
    let (mut tree, mut next) = (Tree::new(), 0_u16);
    for case in list(&file("rfc6962.json")["numbered_roots"]) {
        while tree.size().0 < number(&case["tree_size"]) {
            tree.push(leaf_hash(&next.to_le_bytes()));
            next = next.wrapping_add(1);
        }
        assert_eq!(tree.root(), text(&case["root"]).parse().unwrap(), "{} leaves", tree.size());
    }
}

/// The signed text is no checkpoint: a sound signature must get as far as that.
#[test]
fn signed_note_keys_and_signatures() {
    let golden = file("signed_note.json");
    let note_text = text(&golden["text"]);
    let signatures: String = list(&golden["keys"]).iter().map(|key| text(&key["signature"])).collect();
    for key in list(&golden["keys"]) {
        let verifier = Verifier::parse(text(&key["public"])).unwrap();
        assert_eq!(verifier.to_text(), text(&key["public"]));
        let past_the_signature = verifier.verify(&format!("{note_text}\n{signatures}"));
        assert!(matches!(past_the_signature, Err(Error::Malformed { what: "checkpoint", .. })));
        let changed = format!("{}\n{signatures}", note_text.replace("answer", "Answer"));
        assert_eq!(verifier.verify(&changed), Err(Error::WrongSignature { key: verifier.key_name() }));
    }
    let peter = &golden["keys"][0];
    let signer = Signer::parse(text(&peter["private"])).unwrap();
    assert_eq!(signer.to_text().as_str(), text(&peter["private"]));
    assert_eq!(signer.verifier().to_text(), text(&peter["public"]));
}

#[test]
fn checkpoint_texts() {
    let golden = file("checkpoint.json");
    for case in list(&golden["accepted"]) {
        let checkpoint: Checkpoint = text(&case["text"]).parse().unwrap();
        assert_eq!((checkpoint.origin.as_str(), checkpoint.size.0), (text(&case["origin"]), number(&case["size"])));
        assert!(text(&case["text"]).starts_with(&checkpoint.to_string()));
    }
    for case in list(&golden["refused"]) {
        let read: Result<Checkpoint, _> = text(&case["text"]).parse();
        assert!(matches!(read, Err(Error::Malformed { what: "checkpoint", .. })), "{}", case["why"]);
    }
}

#[test]
fn tile_paths() {
    let golden = file("tile.json");
    for case in list(&golden["paths"]) {
        let (level, width) = (number(&case["level"]) as u8, number(&case["width"]) as u16);
        let tile = Tile::new(level, number(&case["index"]), width).unwrap();
        assert_eq!(tile.to_string(), text(&case["path"]));
        assert_eq!(text(&case["path"]).parse(), Ok(tile));
        assert_eq!((tile.level(), tile.width()), (level, width));
        assert_eq!(tile.start(), tile.index() * 256);
    }
    for path in list(&golden["refused"]) {
        assert!(text(path).parse::<Tile>().is_err(), "{path}");
    }
}

/// A log of eleven records under the fixed key, and what can be shown about it.
fn log() -> Value {
    let signer = Signer::parse(PRIVATE_KEY).unwrap();
    let key = signer.verifier();
    let records: Vec<String> = (0..11).map(|i| format!(r#"{{"decision":{i},"input":"é"}}"#)).collect();
    let leaves: Vec<_> = records.iter().map(|record| leaf_hash(record.as_bytes())).collect();
    let note = |size: usize| signer.sign(TreeSize(size as u64), model::root(&leaves[..size]));
    let mut tree = Tree::new();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    let snapshot = tree.snapshot(LeafIndex(0)).unwrap();
    let receipt = |leaf| snapshot.receipt(LeafIndex(leaf), &note(11)).unwrap();
    let batch = |(first, count)| snapshot.batch_receipt(LeafIndex(first), count, &note(11)).unwrap();
    let consistency = |(old, new): (usize, usize)| {
        let (old_size, new_size) = (TreeSize(old as u64), TreeSize(new as u64));
        let consistency_proof = prove_consistency(old_size, new_size, &Levels::of(&leaves)).unwrap();
        json!({ "old": note(old), "new": note(new), "proof": ConsistencyProof { old_size, new_size, consistency_proof } })
    };
    let bundle = |leaf: usize| Bundle::new(records[leaf].clone().into_bytes(), receipt(leaf as u64), key);
    json!({
        "about": "A log of this project under a key that is public and worthless. Records are UTF-8 texts.",
        "private_key": PRIVATE_KEY,
        "public_key": key.to_text(),
        "records": records,
        "receipts": (0..11).map(receipt).collect::<Vec<_>>(),
        "batch_receipts": ([(0, 11), (4, 1), (3, 5), (8, 3)].map(batch)),
        "consistency": ([(0, 11), (1, 11), (3, 7), (7, 11), (8, 11), (11, 11)].map(consistency)),
        "bundles": [bundle(0), bundle(4), bundle(10)],
        "refused": refused(&signer, &records, &receipt(4), &batch((3, 5)), &leaves),
    })
}

/// Evidence with one thing wrong with it, and what is said about it.
fn refused(signer: &Signer, records: &[String], good: &Receipt, batch: &BatchReceipt, leaves: &[Hash]) -> Vec<Value> {
    let (key, other) = (signer.verifier(), Verifier::parse(OTHER_KEY).unwrap());
    let mut cases = Vec::new();
    let mut receipt = |why: &str, change: &dyn Fn(&mut Receipt), key: &Verifier| {
        let mut receipt = good.clone();
        change(&mut receipt);
        let because = receipt.verify(key).unwrap_err().to_string();
        cases.push(json!({ "why": why, "key": key.to_text(), "receipt": receipt, "because": because }));
    };
    receipt("another leaf", &|receipt| receipt.leaf_index = LeafIndex(5), key);
    receipt("a leaf behind the end of the tree", &|receipt| receipt.leaf_index = LeafIndex(11), key);
    receipt("another leaf hash", &|receipt| receipt.leaf_hash = leaves[5], key);
    receipt("a proof cut short", &|receipt| receipt.inclusion_proof.truncate(3), key);
    receipt("a proof with a hash too many", &|receipt| receipt.inclusion_proof.push(leaves[0]), key);
    receipt("a proof in another order", &|receipt| receipt.inclusion_proof.swap(0, 1), key);
    let grown = |note: &str| note.replace("\n11\n", "\n12\n");
    receipt("a checkpoint changed after signing", &|receipt| receipt.checkpoint = grown(&receipt.checkpoint), key);
    let earlier = signer.sign(TreeSize(7), model::root(&leaves[..7]));
    receipt("the checkpoint of another size", &|receipt| receipt.checkpoint.clone_from(&earlier), key);
    receipt("another key", &|_| (), &other);
    let mut changed = batch.clone();
    changed.leaf_hashes.swap(1, 2);
    let because = changed.verify(key).unwrap_err().to_string();
    cases.push(
        json!({ "why": "two records swapped", "key": key.to_text(), "batch_receipt": changed, "because": because }),
    );
    let changed = Bundle::new(records[4].replace('4', "5").into_bytes(), good.clone(), key);
    let because = changed.verify(key).unwrap_err().to_string();
    cases.push(json!({ "why": "another record", "key": key.to_text(), "bundle": changed, "because": because }));
    cases
}

#[test]
fn evidence_of_a_log_never_changes_and_convinces() {
    let made = log();
    if std::env::var_os("ONRECORD_BLESS").is_some() {
        let path = format!("{}/golden/log.json", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, serde_json::to_string_pretty(&made).unwrap() + "\n").unwrap();
    }
    let golden = file("log.json");
    assert_eq!(golden, made);
    let key = Verifier::parse(text(&golden["public_key"])).unwrap();
    let json = |value: &Value| serde_json::to_vec(value).unwrap();
    for (receipt, record) in list(&golden["receipts"]).iter().zip(list(&golden["records"])) {
        let checkpoint = Receipt::parse(&json(receipt)).unwrap().verify_record(text(record).as_bytes(), &key).unwrap();
        assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("example.com/golden", TreeSize(11)));
    }
    for receipt in list(&golden["batch_receipts"]) {
        let receipt = BatchReceipt::parse(&json(receipt)).unwrap();
        receipt.verify(&key).unwrap();
        let last = receipt.first_leaf_index.0 + receipt.leaf_hashes.len() as u64 - 1;
        let record = text(&golden["records"][last as usize]);
        assert_eq!(receipt.find(record.as_bytes()), Some(LeafIndex(last)));
        assert_eq!(receipt.find(b"another record"), None);
    }
    for case in list(&golden["consistency"]) {
        let (old, new) = (key.verify(text(&case["old"])).unwrap(), key.verify(text(&case["new"])).unwrap());
        ConsistencyProof::parse(&json(&case["proof"])).unwrap().verify(&old, &new).unwrap();
    }
    for bundle in list(&golden["bundles"]) {
        let bundle = Bundle::parse(&json(bundle)).unwrap();
        bundle.verify(&key).unwrap();
        assert_eq!(bundle.key_name(), key.key_name());
        let leaf = bundle.receipt().leaf_index.0 as usize;
        assert_eq!(bundle.record(), text(&golden["records"][leaf]).as_bytes());
    }
}

#[test]
fn evidence_with_one_thing_wrong_is_refused() {
    for case in list(&file("log.json")["refused"]) {
        let key = Verifier::parse(text(&case["key"])).unwrap();
        let json = |form: &str| serde_json::to_vec(&case[form]).unwrap();
        let verdict = if case["receipt"].is_object() {
            Receipt::parse(&json("receipt")).unwrap().verify(&key)
        } else if case["bundle"].is_object() {
            Bundle::parse(&json("bundle")).unwrap().verify(&key)
        } else {
            BatchReceipt::parse(&json("batch_receipt")).unwrap().verify(&key)
        };
        assert_eq!(verdict.unwrap_err().to_string(), text(&case["because"]), "{}", case["why"]);
    }
}

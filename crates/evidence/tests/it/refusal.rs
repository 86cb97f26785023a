//! Malformed, hostile and foreign input: every parser says no by name, none panics, and nothing is a yes by accident.

use crate::{golden, model};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer as _, SigningKey};
use onrecord_evidence::{
    BatchReceipt, Bundle, Checkpoint, ConsistencyProof, Error, Hash, NOTE_BYTES_MAX, Receipt, SIGNATURES_MAX, Signer,
    TreeSize, Verifier, tile::Tile,
};
use proptest::prelude::*;

fn signer() -> Signer {
    Signer::generate("example.com/log").unwrap()
}

/// The base64 of a key: 33 bytes in 44 characters, which may hold a `+`.
fn secret(key: &str) -> &str {
    &key[key.len() - 44..]
}

fn malformed<T>(result: Result<T, Error>, wanted: &'static str) -> bool {
    matches!(result, Err(Error::Malformed { what, .. }) if what == wanted)
}

/// The note with its signature lines replaced.
fn resigned(note: &str, signatures: &str) -> String {
    let (text, _) = note.rsplit_once("\n\n").unwrap();
    format!("{text}\n\n{signatures}")
}

#[test]
fn a_note_is_read_in_its_one_form() {
    let signer = signer();
    let key = signer.verifier();
    let note = signer.sign(TreeSize(3), Hash([7; 32]));
    let (text, line) = note.rsplit_once("\n\n").unwrap();
    let checkpoint = Checkpoint { origin: "example.com/log".to_owned(), size: TreeSize(3), root: Hash([7; 32]) };
    assert_eq!(key.verify(&note), Ok(checkpoint));

    let base64 = line.trim_end().rsplit(' ').next().unwrap();
    assert!(base64.ends_with('='), "68 bytes are padded: {base64}");
    let mut with_stray_bits = base64.to_owned();
    // The last character before the padding carries bits that belong to no byte.
    let last = with_stray_bits.len() - 2;
    let stray = char::from(with_stray_bits.as_bytes()[last] + 1).to_string();
    with_stray_bits.replace_range(last..=last, &stray);

    for (why, bad) in [
        ("empty", String::new()),
        ("no signatures", format!("{text}\n")),
        ("an empty signature block", format!("{text}\n\n")),
        ("no blank line", note.replace("\n\n", "\n")),
        ("no final newline", note.trim_end().to_owned()),
        ("something after the signatures", format!("{note}more\n")),
        ("an empty line after the signatures", format!("{note}\n")),
        ("a carriage return", note.replace('\n', "\r\n")),
        ("a control character", note.replace("example", "exa\u{1}mple")),
        ("a hyphen for the dash", note.replace('\u{2014}', "-")),
        ("no key name", resigned(&note, &format!("\u{2014} {base64}\n"))),
        ("a key name with a plus", resigned(&note, &format!("\u{2014} a+b {base64}\n"))),
        ("two spaces", resigned(&note, &format!("\u{2014} example.com/log  {base64}\n"))),
        ("padding cut off", note.replace('=', "")),
        ("bits beyond the end", note.replace(base64, &with_stray_bits)),
        ("a space in the base64", note.replace(base64, &format!("{} {}", &base64[..20], &base64[20..]))),
        ("a signature of no bytes", resigned(&note, "\u{2014} example.com/log AAAAAA==\n")),
        ("a signature shorter than an id", resigned(&note, "\u{2014} example.com/log AAAA\n")),
        ("too long", format!("{}{note}", "x\n".repeat(NOTE_BYTES_MAX / 2))),
        ("too many signatures", resigned(&note, &line.repeat(SIGNATURES_MAX + 1))),
    ] {
        assert!(malformed(key.verify(&bad), "signed note"), "{why}: {:?}", key.verify(&bad));
    }
}

#[test]
fn only_our_signatures_count_and_all_of_them() {
    let (ours, theirs) = (signer(), signer());
    let key = ours.verifier();
    let note = ours.sign(TreeSize(3), Hash([7; 32]));
    let line = |note: &str| note.rsplit_once("\n\n").unwrap().1.to_owned();
    let other_text = line(&ours.sign(TreeSize(4), Hash([7; 32])));
    let other_key = line(&theirs.sign(TreeSize(3), Hash([7; 32])));
    let (ours_named, untrusted) = (key.key_name(), Error::UntrustedKey { key: key.key_name() });
    let wrong = Error::WrongSignature { key: ours_named };

    assert!(key.verify(&note.replacen("\n\n", &format!("\n\n{other_key}"), 1)).is_ok(), "a witness beside ours");
    assert!(key.verify(&note.replacen("\n\n", &format!("\n\n{}", line(&note)), 1)).is_ok(), "ours twice");
    assert!(key.verify(&resigned(&note, &line(&note).repeat(SIGNATURES_MAX))).is_ok());
    assert_eq!(key.verify(&resigned(&note, &other_key)), Err(untrusted.clone()), "same name, another key");
    assert_eq!(key.verify(&resigned(&note, &other_text)), Err(wrong.clone()), "ours, under another text");
    assert_eq!(key.verify(&format!("{note}{other_text}")), Err(wrong.clone()), "a right one and a wrong one");
    assert_eq!(key.verify(&format!("{}{}", resigned(&note, &other_text), line(&note))), Err(wrong.clone()));
    let renamed = line(&note).replace("example.com/log", "example.com/other");
    assert_eq!(key.verify(&resigned(&note, &renamed)), Err(untrusted), "our id under another name");
    let cut = format!("\u{2014} example.com/log {}\n", &line(&note).rsplit(' ').next().unwrap()[..8]);
    assert_eq!(key.verify(&resigned(&note, &cut)), Err(wrong), "a signature of two bytes");
}

/// Soundly signed, but the text is of another log than the key: believing it would let one key vouch for two logs.
#[test]
fn a_checkpoint_of_another_log_is_refused() {
    let signer = signer();
    let key = signer.verifier();
    let seed = STANDARD.decode(secret(&signer.to_text())).unwrap();
    let raw = SigningKey::from_bytes(seed[1..].try_into().unwrap());
    let note = |origin: &str| {
        let text = Checkpoint { origin: origin.to_owned(), size: TreeSize(0), root: Hash([0; 32]) }.to_string();
        let id = u32::from_str_radix(&key.key_name()[key.name().len() + 1..], 16).unwrap();
        let signature = [&id.to_be_bytes()[..], &raw.sign(text.as_bytes()).to_bytes()].concat();
        format!("{text}\n\u{2014} {} {}\n", key.name(), STANDARD.encode(signature))
    };
    assert_eq!(note("example.com/log"), signer.sign(TreeSize(0), Hash([0; 32])));
    let refused = Error::OtherLog { origin: "another.example".to_owned(), key: key.key_name() };
    assert_eq!(key.verify(&note("another.example")), Err(refused));
}

#[test]
fn keys_are_read_in_their_one_form() {
    let signer = signer();
    let (public, private) = (signer.verifier().to_text(), signer.to_text());
    assert_eq!(Verifier::parse(&public).unwrap(), *signer.verifier());
    assert_eq!(Signer::parse(&private).unwrap().verifier(), signer.verifier());
    let id = &public["example.com/log+".len()..][..8];
    let wrong_id = if id == "00000000" { "00000001" } else { "00000000" };

    for (why, bad) in [
        ("empty", String::new()),
        ("a private key", private.to_string()),
        ("another name", public.replace("example", "sample")),
        ("another id", public.replacen(id, wrong_id, 1)),
        ("a short id", public.replacen(id, &id[1..], 1)),
        ("a signed id", public.replacen(id, &format!("+{}", &id[1..]), 1)),
        ("no key", public[..public.len() - 45].to_owned()),
        ("a newline", format!("{public}\n")),
        ("cut", public[..public.len() - 4].to_owned()),
        ("longer", format!("{public}AAAA")),
        ("an algorithm we do not know", public.replacen("+A", "+B", 1)),
    ] {
        assert!(malformed(Verifier::parse(&bad), "public key"), "{why}: {:?}", Verifier::parse(&bad));
    }
    let nameless = Verifier::parse(&public["example.com/log".len()..]);
    assert!(malformed(nameless, "key name"));
    let weak = Verifier::parse("example.com/log+00000000+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap_err();
    assert!(weak.to_string().contains("weak"), "{weak}");
    for (why, bad) in [
        ("a public key", public.clone()),
        ("another name", private.replace("example", "sample")),
        ("another id", private.replacen(id, wrong_id, 1)),
        ("cut", private[..private.len() - 4].to_owned()),
    ] {
        let error = Signer::parse(&bad).unwrap_err();
        assert!(matches!(error, Error::Malformed { what: "private key", .. }), "{why}: {error}");
        assert!(!error.to_string().contains(secret(&private)), "{why}: {error}");
    }
    for name in ["", "a b", "a+b", "a\u{a0}b", "a\nb", "a\u{0}b"] {
        assert!(malformed(Signer::generate(name), "key name"), "{name:?}");
    }
    assert!(!format!("{signer:?}").contains(secret(&private)), "Debug shows no key");
}

#[test]
fn json_evidence_is_complete_or_refused() {
    let golden = golden::file("log.json");
    let receipt = serde_json::to_string(&golden["receipts"][4]).unwrap();
    let bundle = serde_json::to_string(&golden["bundles"][1]).unwrap();
    assert!(Receipt::parse(receipt.as_bytes()).is_ok() && Bundle::parse(bundle.as_bytes()).is_ok());
    for member in ["leaf_index", "leaf_hash", "inclusion_proof", "checkpoint"] {
        let renamed = receipt.replace(&format!("\"{member}\""), "\"other\"");
        assert!(malformed(Receipt::parse(renamed.as_bytes()), "receipt"), "{member} missing");
        let twice = format!("{},\"{member}\":null}}", &receipt[..receipt.len() - 1]);
        assert!(malformed(Receipt::parse(twice.as_bytes()), "receipt"), "{member} twice");
    }
    for bad in ["-1", "4.0", "4.5", "\"4\"", "18446744073709551616", "1e400", "null"] {
        let changed = receipt.replace("\"leaf_index\":4", &format!("\"leaf_index\":{bad}"));
        assert!(malformed(Receipt::parse(changed.as_bytes()), "receipt"), "leaf index {bad}");
    }
    for (from, to) in [("\"version\":1", "\"version\":2"), ("\"record\":\"e", "\"record\":\"%"), ("=\"", "\"")] {
        assert!(malformed(Bundle::parse(bundle.replace(from, to).as_bytes()), "bundle"), "{from} to {to}");
    }
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(malformed(Receipt::parse(deep.as_bytes()), "receipt"));
    assert!(malformed(BatchReceipt::parse(b"[]"), "batch receipt"));
    assert!(malformed(ConsistencyProof::parse(b"{\"old_size\":1}"), "consistency proof"));
    for end in 0..receipt.len() {
        assert!(malformed(Receipt::parse(&receipt.as_bytes()[..end]), "receipt"), "cut after {end} bytes");
    }
}

#[test]
fn a_consistency_proof_is_for_its_two_checkpoints() {
    let leaves = model::leaves(9);
    let head = |origin: &str, size: usize| Checkpoint {
        origin: origin.to_owned(),
        size: TreeSize(size as u64),
        root: model::root(&leaves[..size]),
    };
    let (old_size, new_size) = (TreeSize(4), TreeSize(9));
    let proof = ConsistencyProof { old_size, new_size, consistency_proof: model::consistency(&leaves, 4) };
    assert_eq!(proof.verify(&head("a", 4), &head("a", 9)), Ok(()));
    assert!(matches!(proof.verify(&head("a", 4), &head("b", 9)), Err(Error::OtherLog { .. })));
    assert!(matches!(proof.verify(&head("a", 9), &head("a", 4)), Err(Error::Proof(_))));
    assert!(malformed(proof.verify(&head("a", 5), &head("a", 9)), "consistency proof"));
    assert!(malformed(proof.verify(&head("a", 4), &head("a", 8)), "consistency proof"));
    let rewritten = Checkpoint { root: Hash([1; 32]), ..head("a", 9) };
    assert!(matches!(proof.verify(&head("a", 4), &rewritten), Err(Error::Proof(_))));
}

/// Any byte of any evidence changed: never a yes, unless the change does not change the meaning of the JSON.
#[test]
fn no_flipped_byte_convinces() {
    let golden = golden::file("log.json");
    let key = Verifier::parse(golden["public_key"].as_str().unwrap()).unwrap();
    let bundle = serde_json::to_vec(&golden["bundles"][1]).unwrap();
    let meant = Bundle::parse(&bundle).unwrap();
    for place in 0..bundle.len() {
        for bit in [0, 1, 5, 7] {
            let mut changed = bundle.clone();
            changed[place] ^= 1 << bit;
            let verdict = Bundle::parse(&changed).and_then(|read| read.verify(&key).map(|_| read));
            if let Ok(read) = verdict {
                let same = (read.record(), read.receipt()) == (meant.record(), meant.receipt());
                assert!(same, "byte {place}, bit {bit}: {:?}", String::from_utf8_lossy(&changed));
            }
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_text_is_refused_without_panic(text in "\\PC{0,80}", bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        prop_assert!(Verifier::parse(&text).is_err() && Signer::parse(&text).is_err());
        prop_assert!(text.parse::<Tile>().is_err() && text.parse::<Checkpoint>().is_err());
        prop_assert!(text.parse::<Hash>().is_err() && signer().verifier().verify(&text).is_err());
        prop_assert!(Receipt::parse(&bytes).is_err() && Bundle::parse(&bytes).is_err());
    }

    #[test]
    fn text_in_the_shape_of_a_note_is_refused_without_panic(note in "[a\\n \u{2014}+/=é0-9]{0,60}\\n\\n\u{2014} a[ A-Za-z0-9+/=\\n]{0,90}\\n") {
        prop_assert!(signer().verifier().verify(&note).is_err());
    }

    #[test]
    fn a_checkpoint_reads_back(size in any::<u64>(), root in any::<[u8; 32]>()) {
        let signer = signer();
        let checkpoint = signer.verifier().verify(&signer.sign(TreeSize(size), Hash(root))).unwrap();
        prop_assert_eq!((checkpoint.size, checkpoint.root), (TreeSize(size), Hash(root)));
        prop_assert_eq!(checkpoint.to_string().parse(), Ok(checkpoint));
    }

    #[test]
    fn a_tile_path_reads_back(level in 0_u8..=7, index in 0_u64..1 << 56, width in 1_u16..=256) {
        let tile = Tile::new(level, index, width).unwrap();
        prop_assert_eq!(tile.to_string().parse(), Ok(tile));
    }
}

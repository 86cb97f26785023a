//! `onrecord verify`: says yes to what was not touched, and finds every touched byte, cut file and changed history.

use crate::program::{Directory, decision, text, wait_until};
use onrecord_testing::Random;
use serde_json::Value;
use std::fs;

/// Positions that are flipped in each file, beside its first and its last byte.
const FLIPS: u64 = 5;

/// A small directory that has everything: segments, a tree, a write-ahead file with entries, a vault with subjects, keys,
/// tokens and a policy.
fn complete() -> Directory {
    let directory = Directory::demo();
    directory.seal();
    let tail: String = (0..40).map(|at| decision(&format!(r#","userId":"late-{at}""#)) + "\n").collect();
    let server = directory.serve();
    assert_eq!(server.post("/v1/decisions/batch", tail).status, 200);
    assert_eq!(server.stop().0, Some(0));
    directory
}

/// What could be touched: all but the lock, which holds nothing.
fn durable(directory: &Directory) -> Vec<String> {
    let files: Vec<String> = directory.files().into_iter().filter(|file| file != "lock").collect();
    let parts = [
        "checkpoint",
        "keys/",
        "policy.toml",
        "segments/",
        "tokens.json",
        "tree/0",
        "tree/1",
        "vault.redb",
        "vault.sum",
        "wal/",
    ];
    for part in parts {
        assert!(files.iter().any(|file| file.starts_with(part)), "{part} in {files:?}");
    }
    files
}

/// Checks that `verify` says no, and names the file; of the tree's files, and of those that are gone, their folder.
#[track_caller]
fn finds(directory: &Directory, file: &str, what: &str) {
    let output = directory.run(&["verify", "--format", "table"]);
    let printed = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{what} in {file} was not found: {printed}");
    let folder = file.split_once('/').map_or(file, |(folder, _)| folder);
    let named = if folder == "tree" || !directory.path().join(file).exists() { folder } else { file };
    assert!(printed.contains(named), "{what} in {file}: another file is blamed: {printed}");
}

#[test]
fn an_untouched_directory_verifies_wherever_it_is_open() {
    let directory = complete();
    let alone = directory.ok(&["verify", "--format", "table"]);
    assert!(alone.contains("OK"), "{alone}");
    let report = directory.json(&["verify", "--format", "json"]);
    assert_eq!(report["faults"], serde_json::json!([]));
    assert!(report["entries"].as_u64().unwrap() >= 1300, "{report}");

    let server = directory.serve();
    let (code, through) = directory.verified(&["verify"]);
    assert_eq!(code, 3, "the vault is open: {through}");
    assert!(through["entries"].as_u64() >= report["entries"].as_u64(), "{through}");
    let size = server.checkpoint(&directory.key()).size;
    let remote = ["--url", &server.url(), "--token", &directory.token, "verify"];
    assert_eq!(directory.verified(&remote).1["tree_size"], size.0);
    let checkpoint = directory.write("now", server.note());
    assert_eq!(server.stop().0, Some(0));
    let earlier = directory.ok(&["verify", "--checkpoint", &checkpoint, "--format", "table"]);
    assert!(earlier.contains(&format!("size {size} ")), "{earlier}");
}

#[test]
fn files_of_others_among_the_segments_are_named() {
    let directory = complete();
    let segments = directory.path().join("segments");
    fs::write(segments.join("copy.parquet"), "whatever").unwrap();
    fs::write(segments.join("notes.index"), "whatever").unwrap();
    let (code, report) = directory.verified(&["verify"]);
    let mut unchecked: Vec<&str> = report["unchecked"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    unchecked.sort_unstable();
    assert_eq!((code, unchecked.len()), (3, 2), "{report}");
    for (text, name) in unchecked.iter().zip(["segments/copy.parquet", "segments/notes.index"]) {
        assert!(text.starts_with(&format!("{name}: it is no file of onrecord")), "{text}");
    }
    assert!(directory.count("SELECT count(*) FROM decisions") > 0);
    assert!(segments.join("notes.index").exists(), "nobody removes what is not ours");
}

#[test]
fn one_flipped_bit_in_any_file_is_found() {
    let directory = complete();
    let files = durable(&directory);
    let mut random = Random::new(0x0066_6c69_7073);
    let cases: Vec<(String, u64, u8)> = files
        .iter()
        .flat_map(|file| {
            let length = fs::metadata(directory.path().join(file)).unwrap().len();
            let mut places = vec![0, length - 1];
            places.extend((0..FLIPS).map(|_| random.below(length)));
            places.into_iter().map(|place| (file.clone(), place, 1 << random.below(8))).collect::<Vec<_>>()
        })
        .collect();
    let halves = cases.split_at(cases.len() / 2);
    std::thread::scope(|scope| {
        for cases in [halves.0, halves.1] {
            let copy = directory.copy();
            scope.spawn(move || {
                for (file, place, mask) in cases {
                    let path = copy.path().join(file);
                    let good = fs::read(&path).unwrap();
                    let mut touched = good.clone();
                    touched[*place as usize] ^= mask;
                    fs::write(&path, touched).unwrap();
                    finds(&copy, file, &format!("a flipped bit ({mask:#04x}) at {place} of {}", good.len()));
                    fs::write(&path, good).unwrap();
                }
                copy.ok(&["verify"]);
            });
        }
    });
}

#[test]
fn a_damaged_segment_gives_no_wrong_answer() {
    let directory = complete();
    let sql = "SELECT * FROM ai_audit_logs ORDER BY leaf_index";
    let whole = directory.rows(sql);
    let segment = directory.files().into_iter().find(|file| file.ends_with(".parquet")).unwrap();
    let path = directory.path().join(segment);
    let good = fs::read(&path).unwrap();
    let mut random = Random::new(0x0000_7761_726d);
    for _ in 0..12 {
        let place = random.below(good.len() as u64) as usize;
        let mut touched = good.clone();
        touched[place] ^= 1 << random.below(8);
        fs::write(&path, touched).unwrap();
        let output = directory.run(&["sql", sql, "--format", "jsonl"]);
        match output.status.code() {
            Some(0) => {
                let answer: Vec<Value> =
                    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                assert!(answer == whole, "a flipped bit at {place} of {} changes what is answered", good.len());
            }
            code => assert_eq!(code, Some(1), "a flipped bit at {place}: {}", text(&output.stderr)),
        }
    }
}

#[test]
fn a_cut_or_missing_file_is_found_and_the_directory_does_not_open() {
    let directory = complete();
    for file in durable(&directory) {
        let copy = directory.copy();
        let path = copy.path().join(&file);
        let bytes = fs::read(&path).unwrap();
        let cuts = [("a byte less", bytes.len() - 1), ("half", bytes.len() / 2), ("no byte", 0)];
        for (what, length) in cuts {
            fs::write(&path, &bytes[..length]).unwrap();
            finds(&copy, &file, what);
        }
        fs::remove_file(&path).unwrap();
        if file == "vault.sum" {
            // As after a crash: then the vault itself is read, but its unused parts are not vouched for.
            let (code, report) = copy.verified(&["verify"]);
            assert!(code == 3 && report["unchecked"].to_string().contains("not closed cleanly"), "{report}");
            continue;
        }
        if file.ends_with(".index") {
            // It is derived: nothing is lost, and who serves the directory makes it again.
            copy.ok(&["verify"]);
            copy.ok(&["sql", "SELECT COUNT(*) FROM decisions"]);
            copy.serve().post("/v1/seal", "");
            wait_until("it is made again", || path.exists());
            copy.verified(&["verify"]);
            continue;
        }
        finds(&copy, &file, "nothing");
        if file.starts_with("wal/") || file.starts_with("segments/") || file == "vault.redb" || file.ends_with(".key") {
            let printed = copy.fails(&["sql", "SELECT COUNT(*) FROM decisions"]);
            assert!(printed.contains(file.split('/').next().unwrap()), "{file} is gone, and opening says {printed}");
            assert!(!path.exists(), "{file} is not made up");
        }
    }
}

#[test]
fn a_write_ahead_file_that_lost_acknowledged_entries_does_not_open() {
    let directory = complete();
    let wal = directory.files().into_iter().rfind(|file| file.starts_with("wal/")).unwrap();
    let path = directory.path().join(&wal);
    let bytes = fs::read(&path).unwrap();
    for lost in [1, 700, bytes.len() / 2] {
        let copy = directory.copy();
        let path = copy.path().join(&wal);
        fs::write(&path, &bytes[..bytes.len() - lost]).unwrap();
        let before: Vec<Vec<u8>> = copy.files().iter().map(|file| fs::read(copy.path().join(file)).unwrap()).collect();
        let printed = copy.fails(&["sql", "SELECT COUNT(*) FROM decisions"]);
        assert!(printed.contains("wal") || printed.contains("checkpoint"), "{lost} bytes lost: {printed}");
        let after: Vec<Vec<u8>> = copy.files().iter().map(|file| fs::read(copy.path().join(file)).unwrap()).collect();
        assert!(before == after, "{lost} bytes lost: nothing is repaired by itself");
    }
}

#[test]
fn an_earlier_checkpoint_shows_a_changed_or_older_history() {
    let directory = Directory::init();
    let log = |directory: &Directory, session: &str| {
        let body: String = (0..9).map(|at| decision(&format!(r#","sessionId":"{session}-{at}""#)) + "\n").collect();
        let server = directory.serve();
        assert_eq!(server.post("/v1/decisions/batch", body).status, 200);
        let note = server.note();
        assert_eq!(server.stop().0, Some(0));
        directory.write(session, note)
    };
    let first = log(&directory, "first");
    let (old, other) = (directory.copy(), directory.copy());
    let second = log(&directory, "second");
    for checkpoint in [&first, &second] {
        directory.ok(&["verify", "--checkpoint", checkpoint]);
    }

    old.ok(&["verify"]);
    let printed = old.fails(&["verify", "--checkpoint", &second, "--format", "table"]);
    assert!(printed.contains("checkpoint"), "an older copy was put in place: {printed}");

    let third = log(&other, "third");
    log(&other, "fourth");
    other.ok(&["verify", "--checkpoint", &first]);
    other.ok(&["verify", "--checkpoint", &third]);
    let printed = other.fails(&["verify", "--checkpoint", &second, "--format", "table"]);
    assert!(printed.contains("checkpoint"), "the history was replaced: {printed}");

    let stranger = Directory::init();
    let foreign = log(&stranger, "foreign");
    let printed = directory.fails(&["verify", "--checkpoint", &foreign]);
    assert!(printed.contains("not one of this ledger"), "another log's checkpoint: {printed}");
    directory.fails(&["verify", "--checkpoint", &directory.write("none", "nothing signed\n")]);
}

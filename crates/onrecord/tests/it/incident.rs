//! An incident: what a model decided is held, and given away in one file that convinces a third party.

use crate::export::{lines, unzip};
use crate::program::{Directory, verifier_program};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::process::Command;

fn fill(directory: &Directory) {
    for (id, user, model, at) in [
        ("d-1", "jane", "loan", "2026-01-05T00:00:00Z"),
        ("d-2", "john", "loan", "2026-02-05T00:00:00Z"),
        ("d-3", "jane", "fraud", "2026-02-06T00:00:00Z"),
        ("d-4", "jim", "loan", "2026-03-05T00:00:00Z"),
    ] {
        let decision = json!({
            "decision_id": id, "user_id": user, "model_id": model, "model_version": format!("v{}", &id[2..]),
            "timestamp": at, "input_features": {"name": "Jane Zq"}, "prediction": {"approved": false},
        });
        assert!(directory.log(decision.to_string()).status.success());
    }
    directory.ok(&["review", "d-2", "--agree", "--reviewer", "kim"]);
    directory.ok(&["outcome", "d-2", "--value", "true"]);
    directory.ok(&["outcome", "d-3", "--value", "true"]);
    directory.ok(&["subject", "note", "john", "--text", "a statement of John Zq"]);
    directory.ok(&["subject", "note", "jane", "--text", "a statement of Jane", "--decision", "d-3"]);
}

const FREEZE: [&str; 8] =
    ["incident", "freeze", "--model", "loan", "--since", "2026-02-01", "--reason", "complaint of john@example.com"];

#[test]
fn a_freeze_holds_what_a_model_decided_and_its_file_convinces_a_third_party() {
    let directory = Directory::init();
    fill(&directory);
    directory.seal();
    let path = directory.beside("incident.zip");
    let shown = path.display().to_string();
    let until = ["--until", "2026-03-01", "--case", "C-7", "--output", &shown, "--format", "json"];
    let frozen = directory.json(&[&FREEZE[..], &until].concat());
    assert_eq!((&frozen["decisions"], &frozen["file"]), (&json!(1), &json!(shown)));
    let files = unzip(&path);
    let ids =
        |name: &str| -> Vec<Value> { lines(&files[name]).iter().map(|record| record["decision_id"].clone()).collect() };
    assert_eq!(
        (ids("decisions.jsonl"), ids("reviews.jsonl"), ids("outcomes.jsonl")),
        (vec![json!("d-2")], vec![json!("d-2")], vec![json!("d-2")])
    );
    let notes = lines(&files["notes.jsonl"]);
    assert!(notes.len() == 1 && notes[0]["text"]["sealed"].is_string(), "{notes:?}");
    assert_eq!(csv::Reader::from_reader(&files["decisions.csv"][..]).records().count(), 1);
    let all = String::from_utf8_lossy(&files.values().flatten().copied().collect::<Vec<u8>>()).into_owned();
    for needle in ["john@", "\"john\"", "Jane Zq", "John Zq"] {
        assert!(!all.contains(needle), "persons are tokens: {needle}");
    }
    let versions: Value = serde_json::from_slice(&files["model_versions.json"]).unwrap();
    assert_eq!((&versions[0]["model_version"], &versions[0]["decisions"]), (&json!("v2"), &json!(1)));
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    assert_eq!((&manifest["hold"], &manifest["case"]), (&frozen["hold"], &json!("C-7")));
    assert_eq!((&manifest["decisions"], &manifest["reviews_outcomes_and_notes"]), (&json!(1), &json!(3)));
    let hash = |bytes: &[u8]| -> String { Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect() };
    for file in manifest["files"].as_array().unwrap() {
        assert_eq!(file["sha256"], json!(hash(&files[file["name"].as_str().unwrap()])));
    }
    let systems = lines(&files["systems.jsonl"]);
    let newest = systems.iter().rev().find(|entry| entry["detail"]["files"].is_object()).unwrap();
    assert_eq!(newest["detail"]["files"]["policy.toml"], json!(hash(&files["policy.toml"])));
    assert_eq!(lines(&files["holds.jsonl"])[0]["reason"], "complaint of [email]");

    // Each record of it is proven offline, and one that was changed is not.
    let key = manifest["public_key"].as_str().unwrap();
    assert_eq!(key, directory.key().to_text());
    let bundles = &files["evidence/000001.jsonl"];
    assert_eq!(lines(bundles).len(), 4 + 1 + systems.len());
    let verify = |bundles: &[u8]| {
        let file = directory.write("bundles.jsonl", bundles);
        Command::new(verifier_program()).args(["bundle", &file, "--key", key]).output().unwrap()
    };
    let verified = verify(bundles);
    let said = String::from_utf8(verified.stdout).unwrap();
    assert!(
        verified.status.success() && said.contains(&format!("each of these {} records", lines(bundles).len())),
        "{said}"
    );
    let mut broken = bundles.clone();
    let at = memchr::memmem::rfind(&broken, b"\"record\":\"").unwrap() + 20;
    broken[at] = if broken[at] == b'A' { b'B' } else { b'A' };
    let refused = verify(&broken);
    let said = String::from_utf8(refused.stdout).unwrap();
    assert!(refused.status.code() == Some(1) && said.contains("bundle"), "{said}");

    // What it holds stays, and the file can be made again; the reading is on the record.
    let told = directory.fails(&["subject", "erase", "john"]);
    assert!(told.contains(frozen["hold"].as_str().unwrap()), "{told}");
    let again = directory.beside("again.zip");
    directory.ok(&["incident", "evidence", frozen["hold"].as_str().unwrap(), "--output", &again.display().to_string()]);
    assert_eq!(unzip(&again)["decisions.jsonl"], files["decisions.jsonl"]);
    assert_eq!(directory.count("SELECT count(*) FROM accesses WHERE action = 'hold_evidence' AND rows = 4"), 2);
    let access = directory.json(&["access", "d-2", "--format", "json"]);
    assert!(access["unnamed_queries"].as_u64().unwrap() >= 2, "{access}");
}

#[test]
fn a_freeze_of_nothing_or_into_a_file_that_exists_places_no_hold() {
    let directory = Directory::init();
    fill(&directory);
    let kept = directory.write("kept.zip", "mine");
    assert!(directory.fails(&[&FREEZE[..], &["--output", &kept]].concat()).contains("exists already"));
    assert_eq!(std::fs::read(&kept).unwrap(), b"mine");
    let new = directory.beside("new.zip");
    let output = ["--output", &new.display().to_string()];
    assert!(directory.fails(&[&FREEZE[..], &["--until", "2026-02-02"], &output].concat()).contains("nothing is held"));
    assert!(directory.fails(&[&FREEZE[..], &["--until", "soon"], &output].concat()).contains("RFC 3339"));
    let nowhere = directory.beside("no/such/folder.zip").display().to_string();
    assert!(directory.fails(&[&FREEZE[..], &["--output", &nowhere]].concat()).contains("cannot make"));
    assert_eq!(directory.count("SELECT count(*) FROM holds"), 0);
    assert!(!new.exists() && !directory.beside("new.zip.part").exists(), "nothing is left behind");
    assert_eq!(directory.run(&["incident", "freeze", "--model", "loan"]).status.code(), Some(2));
    assert!(
        directory.fails(&["incident", "evidence", "h1", "--output", &new.display().to_string()]).contains("no hold")
    );
    let server = directory.serve();
    let reader = server.with_token(&directory.make_token("reader", "read"));
    assert_eq!(reader.get("/v1/holds/h1/evidence").status, 403);
    assert_eq!(server.get("/v1/holds/h1/evidence").status, 404);
}

#[test]
fn a_hold_by_a_condition_gives_the_evidence_of_what_it_names_and_no_more() {
    let directory = Directory::init();
    fill(&directory);
    let placed = directory.json(&[
        "hold",
        "place",
        "--where",
        "decision_id IN ('d-3', 'd-4')",
        "--reason",
        "r",
        "--format",
        "json",
    ]);
    let path = directory.beside("held.zip");
    directory.ok(&["incident", "evidence", placed["hold"].as_str().unwrap(), "--output", &path.display().to_string()]);
    let files = unzip(&path);
    let ids = |name: &str| lines(&files[name]).iter().map(|record| record["decision_id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids("decisions.jsonl"), ["d-3", "d-4"]);
    assert_eq!(
        (ids("reviews.jsonl").len(), ids("outcomes.jsonl"), ids("notes.jsonl")),
        (0, vec![json!("d-3")], vec![json!("d-3")])
    );
}

#[test]
fn an_interrupted_download_leaves_nothing_behind() {
    let directory = Directory::init();
    fill(&directory);
    // A server that begins to answer and does not go on.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let path = directory.beside("cut.zip");
    let mut command = directory.command(&["--url", &url, "--token", "t", "incident", "evidence", "h", "--output"]);
    let mut child = command.arg(&path).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    use std::io::{Read, Write};
    let mut request = [0; 1024];
    assert!(stream.read(&mut request).unwrap() > 0);
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nPK").unwrap();
    let part = directory.beside("cut.zip.part");
    crate::program::wait_until("the first bytes", || part.metadata().is_ok_and(|part| part.len() > 0));
    assert!(!path.exists(), "it has its name only when it is whole");
    assert!(Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(!part.exists() && !path.exists());
}

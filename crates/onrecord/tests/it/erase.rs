//! People are erased: by both depths, with a kill in the middle and an older vault put back. Every byte of the directory is
//! looked at afterwards: nothing of who was erased, all of the others, and every proof that was handed out still holds.

use crate::program::{Directory, Server, files, verifier_program};
use crate::scan::Scan;
use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::Command;

const PEOPLE: usize = 200;

/// Decisions about each.
const DECISIONS: usize = 3;

fn user(person: usize) -> String {
    format!("customer-{person:03}-zq")
}

/// What stands in a person's records as it is.
fn kept(person: usize) -> String {
    format!("kept-value-of-{person:03}-zq")
}

/// Who is erased, and whether the records go too.
fn depth(person: usize) -> Option<&'static str> {
    match person % 4 {
        0 => Some("unlink"),
        1 => Some("delete"),
        _ => None,
    }
}

fn lines() -> String {
    let mut lines = String::new();
    for at in 0..PEOPLE * DECISIONS {
        let person = at % PEOPLE;
        let decision = json!({
            "decision_id": format!("d-{person}-{}", at / PEOPLE), "user_id": user(person), "model_id": "assistant",
            "model_version": "1", "model_type": "llm", "prediction": {"class": 1},
            "input_features": {"prompt": format!("I am person {person}"), "note": kept(person), "postcode": "10115"},
        });
        lines.push_str(&format!("{decision}\n"));
    }
    for person in 0..PEOPLE {
        let review = json!({
            "kind": "review", "decision_id": format!("d-{person}-0"), "reviewer": "kim", "overridden": false,
            "metadata": {"note": kept(person)},
        });
        lines.push_str(&format!("{review}\n"));
    }
    lines
}

/// The ciphertexts beside each record that is sealed, by its leaf.
fn sidecars(data: &Path) -> BTreeMap<i64, Vec<u8>> {
    let mut found = BTreeMap::new();
    for path in files(data).iter().filter(|path| path.extension().is_some_and(|extension| extension == "parquet")) {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
        for batch in reader {
            let batch = batch.unwrap();
            let leaves = batch.column_by_name("leaf_index").unwrap().as_primitive::<Int64Type>().clone();
            let sidecars = batch.column_by_name("sidecar").unwrap().as_binary::<i32>().clone();
            let rows = (0..batch.num_rows()).filter(|row| sidecars.is_valid(*row));
            found.extend(rows.map(|row| (leaves.value(row), sidecars.value(row).to_vec())));
        }
    }
    found
}

fn holds(data: &Path, bytes: &[u8]) -> bool {
    files(data).iter().any(|file| memchr::memmem::find(&std::fs::read(file).unwrap(), bytes).is_some())
}

fn erase(server: &Server, person: usize, depth: &str, query: &str) -> Value {
    let path = format!("/v1/subjects/{}?depth={depth}{query}", user(person));
    let answer = server.call("DELETE", &path, &[], b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[test]
fn who_is_erased_is_in_no_byte_and_everyone_else_is() {
    let directory = Directory::init();
    let file = directory.write("people.jsonl", lines());
    directory.ok(&["import", &file]);
    directory.seal();
    let before = sidecars(&directory.path());
    assert_eq!(before.len(), PEOPLE * DECISIONS, "every prompt is sealed");
    let bundles: Vec<(usize, String)> = (0..PEOPLE)
        .step_by(13)
        .map(|person| {
            let path = directory.beside(&format!("bundle-{person}.json"));
            std::fs::write(&path, directory.ok(&["evidence", &format!("d-{person}-1")])).unwrap();
            (person, path.display().to_string())
        })
        .collect();
    let vault = std::fs::read(directory.path().join("vault.redb")).unwrap();
    let vault_sum = std::fs::read(directory.path().join("vault.sum")).unwrap();

    // In the middle the server is killed, while it rewrites.
    let server = directory.serve();
    let people: Vec<(usize, &str)> = (0..PEOPLE).filter_map(|person| Some((person, depth(person)?))).collect();
    for (person, depth) in &people[..people.len() / 2] {
        let erasure = erase(&server, *person, depth, "");
        assert_eq!((&erasure["records"], &erasure["depth"]), (&json!(DECISIONS + 1), &json!(depth)));
        let stays = if *depth == "unlink" { json!({"postcode": DECISIONS}) } else { json!({}) };
        assert_eq!(erasure["indirect"], stays);
    }
    let again = server.call("DELETE", &format!("/v1/subjects/{}", user(people[0].0)), &[], b"");
    assert_eq!(again.status, 404, "who is erased is unknown");
    std::thread::scope(|scope| {
        // Nobody waits for an answer that cannot come.
        let killed = scope.spawn(|| drop(server.try_call("POST", "/v1/removals", &[], b"")));
        std::thread::sleep(std::time::Duration::from_millis(30));
        server.signal("KILL");
        killed.join().unwrap();
    });
    drop(server);
    let server = directory.serve();
    for (person, depth) in &people[people.len() / 2..] {
        erase(&server, *person, depth, "&reason=request");
    }
    let removal = server.post("/v1/removals", "").json();
    assert_eq!(removal["is_gone"], json!(true), "{removal}");
    assert_eq!(server.stop().0, Some(0));
    check(&directory, &before);

    // An older vault would bring them back.
    std::fs::write(directory.path().join("vault.redb"), &vault).unwrap();
    std::fs::write(directory.path().join("vault.sum"), &vault_sum).unwrap();
    let told = directory.fails(&["verify"]);
    assert!(told.contains("vault.redb") && told.contains("of the subjects that were erased"), "{told}");
    let history: Value = directory.json(&["subject", "history", &user(0), "--format", "json"]);
    assert_eq!(history, json!([]));
    assert!(directory.fails(&["subject", "erase", &user(1)]).contains("nobody is known by this user id"));
    let removal = directory.json(&["subject", "erase", "--pending", "--format", "json"]);
    assert_eq!((&removal["records"], &removal["is_gone"]), (&json!(0), &json!(true)), "{removal}");
    check(&directory, &before);

    // Proofs from before hold, also of records that are gone.
    for (person, bundle) in bundles {
        let mut verifier = Command::new(verifier_program());
        let verified = verifier.args(["bundle", &bundle, "--key", &directory.key().to_text()]).output().unwrap();
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
        let found = directory.run(&["evidence", &format!("d-{person}-1")]);
        assert_eq!(found.status.success(), depth(person) != Some("delete"), "person {person}");
    }
    // The same user is a new subject.
    let again = json!({"user_id": user(1), "model_id": "assistant", "model_version": "1", "input_features": {}, "prediction": 1});
    assert!(directory.log(again.to_string()).status.success());
    assert_eq!(directory.json(&["subject", "history", &user(1), "--format", "json"]).as_array().unwrap().len(), 1);
}

#[test]
fn segments_from_a_backup_bring_nobody_back() {
    let directory = Directory::init();
    let file = directory.write("people.jsonl", lines());
    directory.ok(&["import", &file]);
    directory.seal();
    let segments = directory.path().join("segments");
    let backup: Vec<_> =
        files(&segments).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    directory.ok(&["subject", "erase", &user(0), "--unlink", "--now"]);
    directory.ok(&["subject", "erase", &user(1), "--delete", "--now"]);
    let now = files(&segments);
    for (path, bytes) in &backup {
        std::fs::write(path, bytes).unwrap();
    }
    now.iter()
        .filter(|path| backup.iter().all(|(old, _)| old != *path))
        .for_each(|path| std::fs::remove_file(path).unwrap());

    let report = directory.json(&["verify", "--format", "json"]);
    let (bare, gone) = (DECISIONS, DECISIONS + 1);
    assert_eq!((&report["faults"], &report["removable"]), (&json!([]), &json!(bare + gone)), "{report}");
    let removal = directory.json(&["subject", "erase", "--pending", "--format", "json"]);
    assert_eq!(
        (&removal["records"], &removal["ciphertexts"], &removal["is_gone"]),
        (&json!(gone), &json!(bare), &json!(true)),
        "{removal}"
    );
    Scan::new(&[kept(1), user(0), user(1)]).absent_in_files("afterwards", &directory.path());
    assert_eq!(directory.count("SELECT count(*) FROM decisions") as usize, (PEOPLE - 1) * DECISIONS);
    let report = directory.json(&["verify", "--format", "json"]);
    assert_eq!((&report["faults"], &report["removable"]), (&json!([]), &json!(0)), "{report}");
}

#[track_caller]
fn check(directory: &Directory, before: &BTreeMap<i64, Vec<u8>>) {
    let data = directory.path();
    let all: Vec<usize> = (0..PEOPLE).collect();
    let deleted = all.iter().filter(|person| depth(**person) == Some("delete"));
    let mut gone: Vec<String> = deleted.map(|person| kept(*person)).collect();
    gone.extend(all.iter().map(|person| user(*person)));
    Scan::new(&gone).absent_in_files("afterwards", &data);
    let after = sidecars(&data);
    let first = first_decision(directory);
    for (leaf, sidecar) in before {
        let person = (*leaf as usize - first) % PEOPLE;
        assert_eq!(
            after.get(leaf),
            Some(sidecar).filter(|_| depth(person).is_none()),
            "leaf {leaf} of person {person}"
        );
        // It lies in a page that is compressed, or not, as it was.
        assert!(depth(person).is_none() || !holds(&data, &sidecar[8..40]), "leaf {leaf} of person {person}");
    }
    let counted = directory
        .rows("SELECT input_features->>'note' AS note, count(*)::int AS n FROM ai_audit_logs GROUP BY 1 ORDER BY 1");
    let expected = all.iter().filter(|person| depth(**person) != Some("delete"));
    let expected: Vec<Value> = expected.map(|person| json!({"note": kept(*person), "n": DECISIONS})).collect();
    assert_eq!(counted, expected);
    let reviews = directory.count("SELECT count(*) FROM reviews");
    assert_eq!(reviews as usize, all.iter().filter(|person| depth(**person) != Some("delete")).count());
    let report = directory.json(&["verify", "--format", "json"]);
    assert_eq!((&report["faults"], &report["removable"]), (&json!([]), &json!(0)), "{report}");
    assert_eq!(report["removed"], json!(PEOPLE / 4 * (DECISIONS + 1)));
}

/// The leaf of the first decision.
fn first_decision(directory: &Directory) -> usize {
    directory.count("SELECT min(leaf_index) FROM decisions WHERE decision_id = 'd-2-0'") as usize - 2
}

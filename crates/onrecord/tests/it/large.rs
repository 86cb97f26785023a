//! Large values: a record with a long text is recorded, given back as it was sent, kept once and checked.

use crate::program::{Directory, decision, text};
use crate::scan::Scan;
use serde_json::{Value, json};
use std::fs;

/// A document of 1.2 MB that a language model was asked about, with someone's address in it.
fn document(seed: u64) -> String {
    let lines = (0..30_000).map(|line| format!("Line {line} of document {seed} says \"nothing\" new.\n"));
    lines.collect::<String>() + "Write to Jane at jane.roe@example.com about it."
}

fn with_prompt(prompt: &str, extra: &str) -> String {
    let record = decision(extra);
    let mut record: Value = serde_json::from_str(&record).unwrap();
    record["inputFeatures"] = json!({"prompt": prompt, "temperature": 0.2});
    record.to_string()
}

/// The files of large values, by their path in the directory.
fn kept(directory: &Directory) -> Vec<String> {
    directory.files().into_iter().filter(|file| file.starts_with("large/")).collect()
}

#[test]
fn v3_a_record_with_a_long_text_is_recorded_and_given_back() {
    let directory = Directory::init();
    let server = directory.serve();
    let prompt = document(1);
    let masked = prompt.replace("jane.roe@example.com", "[email]");
    let body = with_prompt(
        &prompt,
        r#","userId":"user-1","decisionId":"d-1","eventId":"019ab000-0000-7000-8000-000000000001""#,
    );
    assert!(body.len() > 1_200_000);
    let answer = server.post("/v1/decisions", &body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let receipt = answer.json()["receipt"]["leaf_hash"].clone();

    // The same body again is the same record, and the same text is kept once.
    let again = server.post("/v1/decisions", &body);
    assert_eq!((again.status, &again.json()["receipt"]["leaf_hash"]), (200, &receipt));
    let other = with_prompt(&prompt, r#","userId":"user-1","decisionId":"d-2""#);
    assert_eq!(server.post("/v1/decisions", other).status, 201);
    assert_eq!(kept(&directory).len(), 1);
    // Under the keys of somebody else it is another one, so that it can die with them.
    let other = with_prompt(&prompt, r#","userId":"user-2","decisionId":"d-3""#);
    assert_eq!(server.post("/v1/decisions", other).status, 201);
    assert_eq!(kept(&directory).len(), 2);

    for decision_id in ["d-1", "d-2", "d-3"] {
        let told = server.get(&format!("/v1/decisions/{decision_id}")).json();
        assert_eq!(told["decision"]["input_features"]["prompt"], masked.as_str(), "{decision_id}");
    }
    let rows = server.rows("SELECT input_features->'prompt' AS prompt FROM decisions ORDER BY leaf_index LIMIT 1");
    let hash = kept(&directory).iter().map(|file| file.rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(rows[0]["prompt"]["bytes"], masked.len());
    assert!(hash.iter().any(|hash| rows[0]["prompt"]["large"] == hash.as_str()), "{rows:?}");
    assert_eq!(server.stop().0, Some(0));

    let seen = Scan::new(&["jane.roe@example.com".to_owned(), "Line 19 of document".to_owned()]);
    assert!(seen.absent_in_files("in plain", &directory.path()) > 2_000_000);
    directory.ok(&["verify"]);
    directory.seal();
    directory.ok(&["verify"]);
}

#[test]
fn v3_a_changed_or_missing_large_value_is_found_sealed_or_not() {
    let directory = Directory::init();
    let body = with_prompt(&document(2), r#","userId":"user-1","decisionId":"d-1""#);
    assert!(directory.log(body).status.success());
    let file = kept(&directory).remove(0);
    let path = directory.path().join(&file);
    let sound = fs::read(&path).unwrap();
    for sealed in [false, true] {
        if sealed {
            directory.seal();
        }
        let mut flipped = sound.clone();
        flipped[sound.len() / 2] ^= 4;
        for (what, change) in [("flipped", Some(&flipped)), ("missing", None)] {
            match change {
                Some(bytes) => fs::write(&path, bytes).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let output = directory.run(&["verify", "--format", "table"]);
            let printed = text(&output.stdout) + &text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{what}: {printed}");
            assert!(printed.contains(&file), "{what}: {printed}");
            fs::write(&path, &sound).unwrap();
        }
        directory.ok(&["verify"]);
    }
}

#[test]
fn v3_what_looks_like_a_reference_to_a_large_or_sealed_value_is_refused() {
    let directory = Directory::init();
    let server = directory.serve();
    for x in [json!({"bytes": 70_000, "large": "ab".repeat(32)}), json!([{"sealed": "ab".repeat(32)}])] {
        let mut record: Value = serde_json::from_str(&decision("")).unwrap();
        record["metadata"] = json!({"x": x});
        let answer = server.post("/v1/decisions", record.to_string());
        assert_eq!(answer.status, 422, "{}", answer.text());
        assert!(answer.text().contains("large values"), "{}", answer.text());
        // An import says so before anything of it is on the record, also far behind its beginning.
        let mut lines = vec![decision(""); 5_000];
        lines.push(record.to_string());
        let file = directory.write("reserved.jsonl", lines.join("\n"));
        let refused = directory.fails(&["import", &file]);
        assert!(refused.contains("row 5001") && refused.contains("large values"), "{refused}");
    }
    assert_eq!(server.stop().0, Some(0));
    assert_eq!(directory.count("SELECT count(*) FROM decisions"), 0);
}

#[test]
fn v3_the_size_of_a_record_is_a_setting() {
    let directory = Directory::init();
    let server = directory.serve_with(&[], &[("ONRECORD_RECORD_MB", "1")]);
    let answer = server.post("/v1/decisions", with_prompt(&document(3), ""));
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert!(answer.text().contains("1048576"), "{}", answer.text());
    assert_eq!(server.stop().0, Some(0));
    let mut command = directory.command(&["sql", "SELECT 1"]);
    let output = command.env("ONRECORD_RECORD_MB", "65").output().unwrap();
    assert!(text(&output.stderr).contains("ONRECORD_RECORD_MB must be at most 64"), "{output:?}");
}

#[test]
fn v3_a_large_sealed_text_is_revealed_to_who_may() {
    let directory = Directory::init();
    let policy = directory.path().join("policy.toml");
    let rules = fs::read_to_string(&policy).unwrap();
    fs::write(&policy, rules.replace("[fields]\n", "[fields]\nprompt = \"seal\"\n")).unwrap();
    let server = directory.serve();
    let prompt = document(4);
    let body = with_prompt(&prompt, r#","userId":"user-1","decisionId":"d-1""#);
    let answer = server.post("/v1/decisions", &body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(kept(&directory).len(), 1);
    let hidden = server.get("/v1/decisions/d-1").json();
    assert!(hidden["decision"]["input_features"]["prompt"]["sealed"].is_string(), "{hidden}");
    let shown = server.get("/v1/decisions/d-1?reveal=true").json();
    assert_eq!(shown["decision"]["input_features"]["prompt"], prompt.as_str());
    assert_eq!(server.stop().0, Some(0));
    directory.ok(&["verify"]);
    // Nobody but the record knows that the file was there.
    let path = directory.path().join(&kept(&directory)[0]);
    let bytes = fs::read(&path).unwrap();
    for is_sealed in [false, true] {
        if is_sealed {
            directory.seal();
        }
        fs::remove_file(&path).unwrap();
        let printed = directory.fails(&["verify", "--format", "table"]);
        assert!(printed.contains("the ciphertexts beside the record are not"), "{printed}");
        fs::write(&path, &bytes).unwrap();
        directory.ok(&["verify"]);
    }
}

#[test]
fn v3_an_import_with_a_record_that_becomes_too_large_records_nothing() {
    let directory = Directory::init();
    let mut record: Value = serde_json::from_str(&decision("")).unwrap();
    // Each a large number of four characters, and in the record of 21.
    record["inputFeatures"] = json!({"x": 0});
    let record = record.to_string().replace("\"x\":0", &format!("\"x\":[{}1]", "1e20,".repeat(60_000)));
    assert!(record.len() < 400_000);
    let mut lines = vec![decision(""); 5_000];
    lines.push(record);
    let file = directory.write("large.jsonl", lines.join("\n"));
    let refused = directory.fails(&["import", &file]);
    assert!(refused.contains("row 5001") && refused.contains("1048576"), "{refused}");
    assert_eq!(directory.count("SELECT count(*) FROM decisions"), 0);
}

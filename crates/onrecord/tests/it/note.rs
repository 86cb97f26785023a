//! A person's statement beside decisions about them, from the command to the last byte.

use crate::export::{lines, unzip};
use crate::program::Directory;
use serde_json::{Value, json};

const TEXT: &str = "I am Jane Zq and I earn 5,200.";

fn fill(directory: &Directory) {
    for (id, user) in [("d-1", "jane"), ("d-2", "jane"), ("d-3", "john")] {
        let decision = json!({
            "decision_id": id, "user_id": user, "model_id": "loan", "model_version": "1",
            "input_features": {"income": 2500}, "prediction": {"approved": false},
            "explanation": {"reasoning": "too little"},
        });
        assert!(directory.log(decision.to_string()).status.success());
    }
}

/// What the notes of a history say, by decision.
fn texts(row: &Value) -> Vec<Value> {
    row["notes"].as_array().unwrap().iter().map(|note| note["text"].clone()).collect()
}

#[test]
fn a_statement_is_shown_beside_its_decisions_and_changes_none() {
    let directory = Directory::init();
    fill(&directory);
    let before = directory.rows("SELECT record FROM entries WHERE kind = 'decision' ORDER BY leaf_index");
    let noted = directory.json(&["subject", "note", "jane", "--text", TEXT, "--decision", "d-1", "--format", "json"]);
    directory.ok(&["subject", "note", "jane", "--text", "about all of them"]);
    assert_eq!(before, directory.rows("SELECT record FROM entries WHERE kind = 'decision' ORDER BY leaf_index"));

    let history = directory.json(&["history", "jane", "--format", "json"]);
    assert_eq!(texts(&history[0]), ["about all of them"]);
    assert_eq!(texts(&history[1]), [TEXT, "about all of them"]);
    let note = &history[1]["notes"][0];
    assert_eq!((&note["actor"], &note["event_id"]), (&json!("local"), &noted["event_id"]));
    assert!(note["recorded_at"].as_str().unwrap().ends_with('Z'));
    let table = directory.ok(&["history", "jane", "--format", "table"]);
    assert!(table.contains(&format!("by local beside decision d-1: {TEXT}")), "{table}");
    assert!(directory.ok(&["history", "jane", "--format", "csv"]).contains("about all of them"));
    let explained = directory.ok(&["explain", "d-1", "--for", "jane", "--reveal", "--format", "table"]);
    assert!(explained.contains("What the person says") && explained.contains(TEXT), "{explained}");
    let sealed = directory.json(&["explain", "d-1", "--for", "jane", "--format", "json"]);
    assert_eq!((&sealed["notes"][0]["statement"], sealed["notes"].as_array().unwrap().len()), (&Value::Null, 2));

    // It is found in SQL by its person, and sealed there; it is in no byte in plain, and verifies.
    directory.seal();
    let rows = directory.rows("SELECT decision_id, actor, text FROM notes ORDER BY leaf_index");
    assert_eq!((&rows[0]["decision_id"], &rows[1]["decision_id"]), (&json!("d-1"), &Value::Null));
    assert!(rows[0]["text"]["sealed"].is_string(), "{rows:?}");
    assert_eq!(
        directory.count(
            "SELECT count(*) FROM notes WHERE user_id = (SELECT user_id FROM decisions WHERE decision_id = 'd-1')"
        ),
        2
    );
    for needle in ["Jane Zq", "earn 5,200", "about all of them"] {
        assert!(!holds(&directory, needle), "{needle}");
    }
    assert_eq!(directory.verified(&["verify"]).0, 0);

    let server = directory.serve();
    let reader = server.with_token(&directory.make_token("reader", "read"));
    let token = directory.rows("SELECT user_id FROM decisions WHERE decision_id = 'd-1'")[0]["user_id"].clone();
    let history = reader.get(&format!("/v1/subjects/{}/history", token.as_str().unwrap())).json();
    assert!(texts(&history[1])[0]["sealed"].is_string(), "{history}");
    assert!(server.get("/v1/decisions/d-1?reveal=true").json()["notes"][0]["text"] == TEXT);
    assert!(server.get("/v1/decisions/d-3?reveal=true").json()["notes"] == json!([]));
}

fn holds(directory: &Directory, needle: &str) -> bool {
    let paths = directory.files().into_iter().map(|file| directory.path().join(file));
    paths.into_iter().any(|path| memchr::memmem::find(&std::fs::read(path).unwrap(), needle.as_bytes()).is_some())
}

#[test]
fn a_statement_is_exported_and_goes_with_its_person() {
    for depth in ["--unlink", "--delete"] {
        let directory = Directory::init();
        fill(&directory);
        directory.ok(&["subject", "note", "jane", "--text", TEXT]);
        directory.seal();
        let zip = directory.beside("jane.zip");
        directory.ok(&["subject", "export", "jane", "--output", &zip.display().to_string()]);
        let files = unzip(&zip);
        assert_eq!(lines(&files["notes.jsonl"])[0]["text"], TEXT);
        assert_eq!(lines(&files["notes.jsonl"])[0]["user_id"], "jane");
        assert_eq!(files.keys().filter(|name| name.starts_with("evidence/")).count(), 3);
        let sidecars = "SELECT count(*) FROM notes";
        assert_eq!(directory.count(sidecars), 1);
        directory.ok(&["subject", "erase", "jane", depth, "--now"]);
        assert_eq!(directory.count(sidecars), u64::from(depth == "--unlink"));
        assert_eq!(directory.json(&["history", "jane", "--format", "json"]), json!([]));
        assert_eq!(directory.verified(&["verify"]).0, 0);
        let told = directory.fails(&["subject", "note", "jane", "--text", TEXT]);
        assert!(told.contains("Not found") && !told.contains("Jane"), "{told}");
    }
}

#[test]
fn a_statement_that_cannot_be_recorded_is_refused_by_place() {
    let directory = Directory::init();
    fill(&directory);
    for (arguments, told) in [
        (&["jane", "--text", " "][..], "must not be blank"),
        (&["jane", "--text", "a\u{1b}[2J"], "control character at character 2"),
        (&["jane", "--text", &"x".repeat(10_001)], "has 10001 characters"),
        (&["jane", "--text", "x", "--decision", "d-3"], "not about this person"),
        (&["jane", "--text", "x", "--decision", "d-9"], "no decision with that id"),
        (&["jane", "--text", "x", "--event-id", "7"], "must be a UUID"),
        (&["nobody-zq", "--text", "x"], "Not found"),
    ] {
        let said = directory.fails(&[&["subject", "note"], arguments].concat());
        assert!(said.contains(told) && !said.contains("nobody-zq") && !said.contains('\u{1b}'), "{told}: {said}");
    }
    assert_eq!(directory.run(&["subject", "note", "jane"]).status.code(), Some(2));
    assert_eq!(directory.count("SELECT count(*) FROM notes"), 0);
    let server = directory.serve();
    let body = json!({"text": "x"}).to_string();
    for roles in ["write", "reveal,read", "admin"] {
        let caller = server.with_token(&directory.make_token(&format!("only {roles}"), roles));
        assert_eq!(caller.post("/v1/subjects/jane/notes", &body).status, 403, "{roles}");
    }
    let support = server.with_token(&directory.make_token("support", "write,reveal"));
    assert_eq!(support.post("/v1/subjects/nobody/notes", &body).status, 404);
    assert_eq!(support.post("/v1/subjects/jane/notes", r#"{"text":"x","more":1}"#).status, 400);
    assert_eq!(support.post("/v1/subjects/jane/notes", r#"{"text":""}"#).status, 422);
    let body = json!({"text": "x", "event_id": "01935a3e-5e43-7cc1-a7b2-3f1d5a0c9e11"});
    let statuses = [body.to_string(), body.to_string(), body.to_string().replace("\"x\"", "\"y\"")];
    let statuses = statuses.map(|body| support.post("/v1/subjects/jane/notes", body).status);
    assert_eq!(statuses, [201, 200, 409]);
    let actor = directory.rows("SELECT actor FROM notes")[0]["actor"].clone();
    assert!(actor.as_str().unwrap().starts_with("token:"), "{actor}");
}

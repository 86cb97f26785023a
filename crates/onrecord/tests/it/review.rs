//! What follows a decision: reviews and outcomes, by command and over HTTP, and what is refused.

use crate::program::{Directory, decision, text};
use serde_json::{Value, json};

fn directory() -> Directory {
    let directory = Directory::init();
    for id in ["d-1", "d-2"] {
        let body = format!(
            r#"{{"decision_id":"{id}","user_id":"customer-4711","model_id":"loan","model_version":"1","confidence":0.8,
                "input_features":{{"age":41}},"prediction":{{"approved":false}}}}"#
        );
        assert!(directory.log(body).status.success());
    }
    directory
}

fn state(directory: &Directory, id: &str) -> Value {
    let sql = format!(
        "SELECT human_reviewed, overridden, override_reason, human_decision FROM ai_audit_logs WHERE decision_id = '{id}'"
    );
    directory.rows(&sql).remove(0)
}

#[test]
fn people_agree_and_override_and_the_latest_counts() {
    let directory = directory();
    assert_eq!(state(&directory, "d-1")["human_reviewed"], false);
    let agreed = directory.json(&["review", "d-1", "--agree", "--reviewer", "kim@example.com"]);
    assert_eq!(agreed["decision_id"], "d-1");
    assert!(agreed["receipt"]["leaf_index"].is_u64(), "{agreed}");
    assert_eq!(
        state(&directory, "d-1"),
        json!({"human_reviewed": true, "overridden": false, "override_reason": null, "human_decision": null})
    );
    let decided = r#"{"approved":true}"#;
    let arguments =
        ["review", "d-1", "--override", "--decision", decided, "--reason", "a guarantor", "--reviewer", "lee"];
    directory.ok(&arguments);
    assert_eq!(
        state(&directory, "d-1"),
        json!({"human_reviewed": true, "overridden": true, "override_reason": "a guarantor",
            "human_decision": {"approved": true}})
    );
    assert_eq!(state(&directory, "d-2")["human_reviewed"], false);

    for (value, at) in [("{\"repaid\":false}", "2026-01-02T03:04:05Z"), ("{\"repaid\":true}", "2026-02-03T04:05:06Z")] {
        directory.ok(&["outcome", "d-1", "--value", value, "--at", at]);
    }
    let outcomes = directory.rows("SELECT timestamp, outcome FROM outcomes ORDER BY leaf_index");
    let repaid: Vec<&Value> = outcomes.iter().map(|row| &row["outcome"]["repaid"]).collect();
    assert_eq!(repaid, [&json!(false), &json!(true)]);
    assert!(outcomes[0]["timestamp"].as_str().unwrap().starts_with("2026-01-02"), "{outcomes:?}");
    assert_eq!(directory.count("SELECT count(*) FROM reviews"), 2, "both reviews stay");

    // The same through a server, and what was recorded survives being sealed.
    directory.seal();
    let server = directory.serve();
    directory.ok(&["review", "d-2", "--agree", "--reviewer", "kim@example.com"]);
    let answer = server.post("/v1/decisions/d-2/outcomes", r#"{"outcome":{"repaid":true}}"#);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let event = r#"{"event_id":"01935a3e-0000-7000-8000-00000000000a","reviewer":"lee","overridden":true,
        "human_decision":{"approved":true},"override_reason":"income proven"}"#;
    let first = server.post("/v1/decisions/d-2/reviews", event);
    let again = server.post("/v1/decisions/d-2/reviews", event);
    assert_eq!((first.status, again.status), (201, 200), "{} {}", first.text(), again.text());
    assert_eq!(first.json(), again.json());
    let history = server.get("/v1/decisions/d-2").json();
    assert_eq!((history["reviews"].as_array().unwrap().len(), history["outcomes"].as_array().unwrap().len()), (2, 1));
    assert_eq!(server.stop().0, Some(0));
    assert_eq!(directory.verified(&["verify"]).0, 0);
    let stored = std::fs::read(directory.path().join("vault.redb")).unwrap();
    assert!(memchr_free(&stored, b"kim@example.com"), "a reviewer is kept encrypted");
}

fn memchr_free(bytes: &[u8], needle: &[u8]) -> bool {
    !bytes.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn what_is_no_review_is_refused_with_a_reason() {
    let directory = directory();
    let same = r#"{"approved":false}"#;
    let failed = |arguments: &[&str], said: &str| {
        let printed = directory.fails(arguments);
        assert!(printed.contains(said), "{arguments:?}: {printed}");
    };
    failed(
        &["review", "d-1", "--override", "--decision", same, "--reason", "no", "--reviewer", "kim"],
        "/human_decision: is what the model had decided",
    );
    failed(
        &["review", "d-1", "--override", "--decision", "true", "--reason", "  ", "--reviewer", "kim"],
        "/override_reason: must not be blank",
    );
    failed(&["review", "d-9", "--agree", "--reviewer", "kim"], "no decision with that id is on the record");
    failed(&["outcome", "d-9", "--value", "1"], "no decision with that id is on the record");
    failed(&["outcome", "d-1", "--value", "null"], "/outcome");
    failed(&["outcome", "d-1", "--value", "1", "--at", "yesterday"], "/timestamp");
    for misuse in [
        &["review", "d-1", "--reviewer", "kim"] as &[&str],
        &["review", "d-1", "--agree"],
        &["review", "d-1", "--agree", "--override", "--decision", "1", "--reason", "r", "--reviewer", "kim"],
        &["review", "d-1", "--agree", "--decision", "1", "--reviewer", "kim"],
        &["review", "d-1", "--override", "--decision", "1", "--reviewer", "kim"],
        &["review", "d-1", "--override", "--reason", "r", "--reviewer", "kim"],
        &["review", "d-1", "--override", "--decision", "approved", "--reason", "r", "--reviewer", "kim"],
        &["outcome", "d-1"],
        &["outcome", "d-1", "--value", "{"],
    ] {
        let output = directory.run(misuse);
        assert_eq!(output.status.code(), Some(2), "{misuse:?}: {}", text(&output.stderr));
    }
    assert_eq!(directory.count("SELECT count(*) FROM entries WHERE kind IN ('review', 'outcome')"), 0);

    let server = directory.serve();
    for (path, body, status) in [
        ("/v1/decisions/d-9/reviews", r#"{"reviewer":"kim"}"#, 404),
        ("/v1/decisions/d-9/outcomes", r#"{"outcome":1}"#, 404),
        ("/v1/decisions", r#"{"kind":"review","decision_id":"d-9"}"#, 404),
        ("/v1/decisions/d-1/reviews", r#"{"overridden":true,"human_decision":{"approved":true}}"#, 422),
        ("/v1/decisions/d-1/reviews", r#"{"decision_id":"d-2"}"#, 422),
        ("/v1/decisions/d-1/outcomes", r#"{"kind":"review"}"#, 422),
        ("/v1/decisions/d-1/outcomes", "", 422),
        ("/v1/decisions/batch", r#"{"kind":"review","decision_id":"d-9"}"#, 422),
    ] {
        let answer = server.post(path, body);
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
    }
    let reader = server.with_token(&directory.make_token("reader", "read"));
    assert_eq!(reader.post("/v1/decisions/d-1/reviews", "{}").status, 403);
    assert_eq!(server.count("SELECT count(*) FROM entries WHERE kind IN ('review', 'outcome')"), 0);
}

#[test]
fn an_import_may_hold_reviews_of_its_own_decisions() {
    let directory = Directory::init();
    let mut lines = Vec::new();
    for number in 0..3_000 {
        // In any order, and across the chunks of an import; the decision first.
        lines.push(decision(&format!(r#","decisionId":"d-{number}","userId":"customer-{number}""#)));
        if number >= 1_500 {
            let of = number - 1_500;
            lines.push(format!(
                r#"{{"kind":"review","decision_id":"d-{of}","reviewer":"kim","metadata":{{"note":"customer-{of} called"}}}}"#
            ));
            lines.push(format!(r#"{{"kind":"outcome","decision_id":"d-{number}","outcome":{{"repaid":true}}}}"#));
        }
    }
    let file = directory.write("all.jsonl", lines.join("\n"));
    directory.ok(&["import", &file]);
    assert_eq!(directory.count("SELECT count(*) FROM ai_audit_logs WHERE human_reviewed"), 1_500);
    assert_eq!(directory.count("SELECT count(*) FROM outcomes"), 1_500);
    assert_eq!(directory.count("SELECT count(*) FROM reviews WHERE metadata->>'note' LIKE 'sub_% called'"), 1_500);
    // Some of it as another file, and that again: nothing is added twice.
    let file = directory.write("some.jsonl", lines[1_495..1_530].join("\n"));
    directory.ok(&["import", &file]);
    directory.ok(&["import", &file]);
    assert_eq!(directory.count("SELECT count(*) FROM entries WHERE kind IN ('decision', 'review', 'outcome')"), 6_035);

    let file = directory.write("none.jsonl", r#"{"kind":"review","decision_id":"nobody's","reviewer":"kim"}"#);
    let printed = directory.fails(&["import", &file]);
    assert!(printed.contains("/decision_id: no decision with this id is on the record"), "{printed}");
}

//! Decisions found without SQL: filters, pages that stay stable, and what is refused.

use crate::program::Directory;
use serde_json::Value;
use std::collections::BTreeSet;

fn line(number: usize) -> String {
    let (user, model) = (number % 7, if number.is_multiple_of(3) { "loan" } else { "fraud" });
    // Many share one instant, and time goes forth and back.
    let minute = (number * 17) % 30;
    format!(
        r#"{{"decision_id":"d-{number}","user_id":"customer-{user}","model_id":"{model}","model_version":"v{}",
            "timestamp":"2026-03-01T10:{minute:02}:00Z","confidence":0.{:02},"environment":"{}",
            "input_features":{{"application_id":"app_{number}","a.b":{{"😀":"it's"}},"age":{}}},
            "prediction":{{"approved":{}}}}}"#,
        number % 2,
        number % 100,
        if number.is_multiple_of(5) { "staging" } else { "production" },
        number % 90,
        number.is_multiple_of(4),
    )
    .replace('\n', " ")
}

fn ids(page: &Value) -> Vec<String> {
    let decisions = page["decisions"].as_array().unwrap();
    decisions.iter().map(|decision| decision["decision_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn pages_give_each_decision_once_while_others_arrive() {
    let directory = Directory::init();
    let file = directory.write("all.jsonl", (0..500).map(line).collect::<Vec<_>>().join("\n"));
    directory.ok(&["import", &file]);
    let server = directory.serve();
    let (mut seen, mut keys, mut pages, mut cursor) = (Vec::new(), Vec::new(), 0, String::new());
    loop {
        let page = server.get(&format!("/v1/decisions?model_id=fraud&limit=40{cursor}")).json();
        seen.extend(ids(&page));
        for decision in page["decisions"].as_array().unwrap() {
            let key = (decision["timestamp"].as_str().unwrap().to_owned(), decision["leaf_index"].as_u64().unwrap());
            keys.push(key);
        }
        pages += 1;
        // Newer ones, older ones, and ones of the same instants arrive meanwhile, and the tail is sealed.
        let more: Vec<String> = (0..20).map(|at| line(1_000 + pages * 20 + at)).collect();
        assert_eq!(server.post("/v1/decisions/batch", more.join("\n")).status, 200);
        if pages == 3 {
            assert_eq!(server.post("/v1/seal", "").status, 204);
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let expected: BTreeSet<String> = (0..500).filter(|at| at % 3 != 0).map(|at| format!("d-{at}")).collect();
    assert_eq!(seen.len(), expected.len());
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
    assert!(keys.is_sorted_by(|left, right| left > right), "newest first, by the ledger within an instant");
    assert!(pages >= 8, "{pages}");
}

#[test]
fn every_filter_is_that_of_sql() {
    let directory = Directory::init();
    let file = directory.write("all.jsonl", (0..300).map(line).collect::<Vec<_>>().join("\n"));
    directory.ok(&["import", &file]);
    for at in 0..20 {
        let id = format!("d-{}", at * 3);
        let reviewer = ["--reviewer", "kim"];
        if at % 2 == 0 {
            directory.ok(&[&["review", &id, "--agree"], &reviewer[..]].concat());
        } else {
            let arguments = ["review", &id, "--override", "--decision", "\"no\"", "--reason", "r"];
            directory.ok(&[&arguments[..], &reviewer[..]].concat());
        }
    }
    let found = |arguments: &[&str]| {
        let mut all = vec!["decisions", "--limit", "1000", "--format", "json"];
        all.extend(arguments);
        let page = directory.json(&all);
        assert_eq!(page["next_cursor"], Value::Null);
        ids(&page).into_iter().collect::<BTreeSet<_>>()
    };
    let by_sql = |condition: &str| {
        let rows = directory.rows(&format!("SELECT decision_id FROM ai_audit_logs WHERE {condition}"));
        rows.iter().map(|row| row["decision_id"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    for (arguments, condition) in [
        (&["--user", "customer-3"] as &[&str], "user_id = 'customer-3'"),
        (&["--model", "loan"], "model_id = 'loan'"),
        (&["--model", "loan", "--model-version", "v1"], "model_id = 'loan' AND model_version = 'v1'"),
        (&["--environment", "staging"], "environment = 'staging'"),
        (&["--confidence-below", "0.07"], "confidence < 0.07"),
        (&["--overridden"], "overridden"),
        (&["--overridden=false"], "NOT overridden"),
        (&["--reviewed"], "human_reviewed"),
        (&["--reviewed=false", "--user", "customer-1"], "NOT human_reviewed AND user_id = 'customer-1'"),
        (&["--since", "2026-03-01T10:10:00Z"], "timestamp >= '2026-03-01T10:10:00Z'"),
        (
            &["--since", "2026-03-01T11:10:00+01:00", "--until", "2026-03-01T10:20:00Z"],
            "timestamp >= '2026-03-01T10:10:00Z' AND timestamp < '2026-03-01T10:20:00Z'",
        ),
        (&["--where", "input_features.application_id=app_7"], "decision_id = 'd-7'"),
        (
            &["--where", "input_features.age=5", "--where", "prediction.approved=false"],
            "input_features->>'age' = '5' AND prediction->>'approved' = 'false'",
        ),
        (&["--where", "input_features.\"a.b\".😀=it's", "--model", "loan"], "model_id = 'loan'"),
        (&["--where", "input_features.\"no'thing\"=x"], "false"),
    ] {
        let expected = by_sql(condition);
        assert_eq!(found(arguments), expected, "{arguments:?}");
        assert!(condition == "false" || (!expected.is_empty() && expected.len() < 300), "{condition}");
    }
    let long = "x".repeat(10_000);
    assert!(
        found(&["--user", &long]).is_empty() && found(&["--user", "a\nb\r\n\u{0}".trim_end_matches('\0')]).is_empty()
    );

    let csv = directory.ok(&["decisions", "--where", "input_features.application_id=app_7", "--format", "csv"]);
    assert!(csv.starts_with("event_id,decision_id,timestamp,user_id,model_id") && csv.lines().count() == 2, "{csv}");
    let table = directory.ok(&["decisions", "--where", "input_features.application_id=app_7", "--format", "table"]);
    assert!(table.contains("customer-0"), "{table}");
    let accesses =
        directory.rows("SELECT action, what FROM accesses WHERE action LIKE '%decisions' ORDER BY leaf_index");
    assert_eq!(accesses[0]["action"], "reveal_decisions");
    assert!(!accesses.iter().any(|access| access["what"].as_str().unwrap().contains("customer")), "{accesses:?}");
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let directory = Directory::init();
    directory.log(line(1));
    directory.log(line(2));
    let server = directory.serve();
    let page = server.get("/v1/decisions?limit=1").json();
    let cursor = page["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(server.get(&format!("/v1/decisions?limit=1&cursor={cursor}")).status, 200);
    for query in [
        "user=x".to_owned(),
        "limit=0".to_owned(),
        "limit=1001".to_owned(),
        "limit=-1".to_owned(),
        "overridden=maybe".to_owned(),
        "confidence_below=NaN".to_owned(),
        "confidence_below=low".to_owned(),
        "since=yesterday".to_owned(),
        "since=2026-03-02&until=2026-03-01".to_owned(),
        "since=2026-03-02&until=2026-03-02".to_owned(),
        "model_id=a&model_id=b".to_owned(),
        "where=gender=f".to_owned(),
        "where=input_features.gender".to_owned(),
        "where=environment.x=1".to_owned(),
        "cursor=1".to_owned(),
        "cursor=%00".to_owned(),
        format!("cursor={cursor}&model_id=loan"),
        format!("cursor={}", cursor.replace('0', "1")),
    ] {
        let answer = server.get(&format!("/v1/decisions?{query}"));
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
        assert!(answer.json()["detail"].as_str().unwrap().len() > 10, "{query}");
    }
    let other = Directory::init();
    other.log(line(1));
    other.log(line(2));
    let printed = other.fails(&["decisions", "--cursor", &cursor, "--limit", "1"]);
    assert!(printed.contains("the cursor is not one of these decisions"), "{printed}");
    assert_eq!(server.without_token().get("/v1/decisions").status, 401);
    let writer = server.with_token(&directory.make_token("writer", "write"));
    assert_eq!(writer.get("/v1/decisions").status, 403);
}

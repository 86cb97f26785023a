//! "Who saw this?": the readings of a decision, of a person, and by somebody.

use crate::program::Directory;
use serde_json::{Value, json};

/// Two decisions about one person and one about another; the middle one has no id of its own.
fn directory() -> (Directory, String) {
    let directory = Directory::init();
    let log = |body: Value| {
        let output = directory.log(body.to_string());
        assert!(output.status.success());
        let logged: Value = serde_json::from_slice(&output.stdout).unwrap();
        logged["event_id"].as_str().unwrap().to_owned()
    };
    let decision = |user: &str| json!({"user_id": user, "model_id": "loan", "model_version": "3", "prediction": 1, "input_features": {"a": 1}});
    let with_id = |id: &str, user: &str| {
        let mut body = decision(user);
        body["decision_id"] = json!(id);
        body
    };
    log(with_id("d-1", "customer-1"));
    let event_id = log(decision("customer-1"));
    log(with_id("d-3", "customer-2"));
    (directory, event_id)
}

/// The actions of the readings that are given, newest first.
fn actions(found: &Value) -> Vec<&str> {
    found["accesses"].as_array().unwrap().iter().map(|access| access["action"].as_str().unwrap()).collect()
}

#[test]
fn who_read_a_decision_is_found_however_they_named_it() {
    let (directory, event_id) = directory();
    directory.ok(&["history", "customer-1"]);
    directory.ok(&["explain", "d-1", "--purpose", "complaint 17"]);
    directory.ok(&["evidence", "d-1"]);
    directory.ok(&["evidence", &event_id]);
    directory.ok(&["explain", "d-3"]);
    directory.rows("SELECT prediction FROM ai_audit_logs WHERE decision_id IN ('d-0', 'd-1')");
    directory.rows(&format!("SELECT prediction FROM ai_audit_logs WHERE event_id = '{event_id}'"));
    directory.rows("SELECT prediction FROM ai_audit_logs WHERE 'd-3' = decision_id");
    directory.rows("SELECT count(*) FROM ai_audit_logs");
    directory.ok(&["decisions", "--user", "customer-2"]);

    let of = |id: &str| directory.json(&["access", id, "--format", "json"]);
    let first = of("d-1");
    assert_eq!(actions(&first), ["sql", "evidence", "explain", "history"], "{first}");
    assert_eq!((&first["more"], &first["unnamed_queries"]), (&json!(false), &json!(1)));
    let explained = &first["accesses"][2];
    assert_eq!((&explained["what"], &explained["purpose"]), (&json!("d-1"), &json!("complaint 17")));
    assert_eq!((&explained["actor"], &explained["rows"]), (&json!("local"), &json!(1)));
    assert_eq!(actions(&of(&event_id)), ["sql", "evidence", "history"]);
    assert_eq!(actions(&of("d-3")), ["reveal_decisions", "sql", "explain"]);

    // The same from a segment, and for the person: what names them, and what names a decision about them.
    directory.seal();
    assert_eq!(actions(&of("d-1")), ["sql", "evidence", "explain", "history"]);
    let person = directory.json(&["access", "--subject", "customer-1", "--format", "json"]);
    assert_eq!(actions(&person), ["sql", "sql", "evidence", "evidence", "explain", "history"], "{person}");

    // Compared with the entries themselves: of all that read anything, who is named and who is not.
    let all = directory.rows("SELECT action, what FROM accesses WHERE action <> 'access' ORDER BY leaf_index DESC");
    assert!(all.iter().all(|access| !access["what"].as_str().unwrap().contains("customer")), "{all:?}");
    let token = all.iter().find(|access| access["action"] == "history").unwrap()["what"].as_str().unwrap();
    let token = &token[token.find("sub_").unwrap()..][..28];
    assert_eq!(
        directory
            .rows(&format!(
                "SELECT DISTINCT user_id FROM ai_audit_logs WHERE decision_id = 'd-1' AND user_id = '{token}'"
            ))
            .len(),
        0,
        "who may reveal sees user ids, and a token of a known person is none of them"
    );
    let server = directory.serve();
    let reader = server.with_token(&directory.make_token("reader", "read"));
    assert_eq!(reader.rows("SELECT user_id FROM ai_audit_logs WHERE decision_id = 'd-1'"), [json!({"user_id": token})]);
    // A reader finds the person by the token, and not by the user id.
    assert_eq!(reader.get("/v1/access?user_id=customer-1").status, 404);
    assert!(actions(&reader.get(&format!("/v1/access?user_id={token}")).json()).ends_with(&["explain", "history"]));
    let sql = reader.rows("SELECT what FROM accesses WHERE action = 'access' ORDER BY leaf_index DESC LIMIT 2");
    assert_eq!(sql[0]["what"], format!("subject {token}"));
    assert!(sql[1]["what"].as_str().unwrap().starts_with("tok_"), "{sql:?}");
}

#[test]
fn what_somebody_read_is_found_by_their_name_and_asking_is_on_the_record() {
    let (directory, _) = directory();
    let token = directory.make_token("support desk", "read");
    let server = directory.serve();
    let support = server.with_token(&token);
    for id in ["d-1", "d-3", "d-9"] {
        support.get(&format!("/v1/decisions/{id}"));
    }
    let named = server.get("/v1/access?actor=support%20desk&limit=2").json();
    assert_eq!((actions(&named), &named["more"]), (vec!["get", "get"], &json!(true)));
    assert!(named["accesses"][0]["what"].as_str().unwrap().starts_with("tok_"), "{named}");
    assert_eq!(named["accesses"][1]["what"], "d-3");
    assert_eq!(named.get("unnamed_queries"), None);
    let actor = named["accesses"][0]["actor"].as_str().unwrap().to_owned();
    assert!(actor.starts_with("token:") && !actor.contains("support"), "{actor}");
    // Names of tokens are for the role admin.
    assert_eq!(actions(&support.get("/v1/access?actor=support%20desk").json()), [] as [&str; 0]);
    let own = support.get(&format!("/v1/access?actor={actor}")).json();
    assert_eq!(actions(&own), ["access", "get", "get", "get"]);
    assert_eq!(actions(&server.get("/v1/access?decision_id=d-1&actor=local").json()), [] as [&str; 0]);
    assert_eq!(actions(&server.get("/v1/access?decision_id=d-1").json()), ["get"]);
    // An id that no decision has was asked for all the same.
    assert_eq!(actions(&server.get("/v1/access?decision_id=d-9").json()), ["get"]);
    let since = server.get("/v1/access?decision_id=d-1&since=2200-01-01").json();
    assert_eq!(actions(&since), [] as [&str; 0]);
    let writer = server.with_token(&directory.make_token("writer", "write"));
    assert_eq!(writer.get("/v1/access?decision_id=d-1").status, 403);
    for (query, status) in [
        ("", 400),
        ("since=2026-01-01", 400),
        ("decision_id=d-1&user_id=customer-1", 400),
        ("decision_id=d-1&since=yesterday", 400),
        ("decision_id=d-1&limit=0", 400),
        ("decision_id=d-1&limit=1001", 400),
        ("decision_id=d-1&who=me", 400),
        ("decision_id=nothing", 404),
        ("user_id=nobody", 404),
    ] {
        let answer = server.get(&format!("/v1/access?{query}"));
        assert_eq!(answer.status, status, "{query}");
        assert!(!answer.text().contains("nobody\"") && !answer.text().contains("customer-1"), "{}", answer.text());
    }
    let asked = server.rows("SELECT what, rows FROM accesses WHERE action = 'access' AND what LIKE 'decision d-1%'");
    assert_eq!(asked[0], json!({"what": "decision d-1, actor local", "rows": 0}));
    drop(server);
    for misuse in [&["access"] as &[&str], &["access", "--since", "2026-01-01"], &["access", "d-1", "--subject", "x"]] {
        assert_eq!(directory.run(misuse).status.code(), Some(2), "{misuse:?}");
    }
    assert!(
        directory.ok(&["access", "d-1", "--format", "csv"]).starts_with("recorded_at,actor,action,what,purpose,rows")
    );
    assert_eq!(directory.ok(&["access", "--actor", &actor, "--format", "jsonl", "--limit", "3"]).lines().count(), 3);
    assert_eq!(directory.ok(&["access", "d-1", "--since", "2200-01-01", "--format", "table"]).trim(), "nobody");
}

#[test]
fn a_person_with_many_readings_is_read_in_pages() {
    let directory = Directory::init();
    let server = directory.serve();
    let body = json!({"decision_id": "d-1", "user_id": "u", "model_id": "m", "model_version": "1", "input_features": {}, "prediction": 1});
    server.post("/v1/decisions", body.to_string());
    for at in 0..30 {
        server.get(&format!("/v1/decisions/d-{}", 1 + at % 3));
    }
    let found = server.get("/v1/access?user_id=u&limit=4").json();
    assert_eq!((actions(&found).len(), &found["more"]), (4, &json!(true)));
    let mut pages = vec![found];
    while let Some(cursor) = pages.last().unwrap()["next_cursor"].as_str().map(str::to_owned) {
        // What is read meanwhile is on no later page.
        server.get("/v1/decisions/d-1");
        let path = |cursor: &str, user: &str| format!("/v1/access?user_id={user}&limit=4&cursor={cursor}");
        pages.push(server.get(&path(&cursor, "u")).json());
        let another = format!("{}{}", if cursor.starts_with('a') { "b" } else { "a" }, &cursor[1..]);
        for foreign in [another, cursor[1..].to_owned(), "zz".to_owned(), String::new()] {
            assert_eq!(server.get(&path(&foreign, "u")).status, 400, "{foreign}");
        }
        let elsewhere = server.get(&format!("/v1/access?decision_id=d-1&cursor={cursor}"));
        assert!(
            elsewhere.status == 400 && elsewhere.text().contains("not one of these readings"),
            "{}",
            elsewhere.text()
        );
    }
    let leaves = |page: &Value| -> Vec<u64> {
        page["accesses"].as_array().unwrap().iter().map(|access| access["leaf_index"].as_u64().unwrap()).collect()
    };
    let paged: Vec<u64> = pages.iter().flat_map(leaves).collect();
    let at_once = leaves(&server.get("/v1/access?user_id=u&limit=1000").json());
    assert_eq!((pages.len(), &paged[..]), (3, &at_once[2..]), "two were read since");
    let found = server.get("/v1/access?user_id=u&limit=1000").json();
    assert_eq!((actions(&found).len(), &found["more"], &found["next_cursor"]), (12, &json!(false), &Value::Null));
    let leaves = leaves(&found);
    assert!(leaves.windows(2).all(|pair| pair[0] > pair[1]), "{leaves:?}");
}

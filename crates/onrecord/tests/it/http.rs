//! The HTTP contract: what each path answers, and that what it hands out convinces someone who trusts nobody here.

use crate::program::{Directory, Server, decision};
use crate::wire::Answer;
use flate2::{Compression, write::GzEncoder};
use onrecord_evidence::{BatchReceipt, Bundle, ConsistencyProof, Hash, LeafIndex, Receipt, Tree, Verifier, leaf_hash};
use serde_json::Value;
use std::io::Write;

/// Logs a decision that must be new, and gives its receipt, checked.
#[track_caller]
fn logged(server: &Server, key: &Verifier, body: &str) -> (Value, Receipt) {
    let answer = server.post("/v1/decisions", body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let logged = answer.json();
    let receipt = receipt(&logged);
    receipt.verify(key).unwrap();
    (logged, receipt)
}

fn receipt(logged: &Value) -> Receipt {
    Receipt::parse(logged["receipt"].to_string().as_bytes()).unwrap()
}

/// `count` decisions, a line each, numbered in their request ids.
fn lines(count: usize) -> String {
    (0..count).map(|at| decision(&format!(r#","sessionId":"line-{at}""#)) + "\n").collect()
}

#[test]
fn a_decision_gets_a_receipt_and_a_bundle_that_convince_offline() {
    let directory = Directory::init();
    let (server, key) = (directory.serve(), directory.key());
    let before = server.checkpoint(&key);
    let (made, receipt) = logged(&server, &key, &decision(r#","decisionId":"loan 1/ä""#));
    assert_eq!(made["decision_id"], "loan 1/ä");
    assert!(receipt.leaf_index.0 >= before.size.0);

    let told = server.get("/v1/decisions/loan%201%2F%C3%A4").json();
    assert_eq!(told["leaf_index"], receipt.leaf_index.0);
    assert_eq!(told["decision"]["event_id"], made["event_id"]);
    assert_eq!(told["decision"]["input_features"]["income"], 4200);
    assert_eq!(told["decision"]["environment"], "production", "defaults are part of the record");

    let answer = server.get("/v1/decisions/loan%201%2F%C3%A4/evidence");
    let bundle = Bundle::parse(&answer.body).unwrap();
    bundle.verify(&key).unwrap();
    assert_eq!(bundle.receipt().leaf_index, receipt.leaf_index);
    assert_eq!(leaf_hash(bundle.record()), receipt.leaf_hash, "the bundle holds the very bytes of the receipt");
    let record: Value = serde_json::from_slice(bundle.record()).unwrap();
    assert_eq!((&record["kind"], &record["schema"]), (&"decision".into(), &1.into()));

    let anonymous = server.post("/v1/decisions", decision("")).json();
    assert_eq!(anonymous["decision_id"], anonymous["event_id"], "a decision without an id is known by its event id");
    assert_eq!(server.get("/v1/decisions/never-made").status, 404);
    assert_eq!(server.get("/v1/decisions/never-made/evidence").status, 404);
}

#[test]
fn an_event_id_is_accepted_once_forever() {
    let directory = Directory::init();
    let (mut server, key) = (directory.serve(), directory.key());
    let id = r#","eventId":"01981f6e-7a00-7000-8000-000000000001""#;
    let body = decision(id);
    let (first, first_receipt) = logged(&server, &key, &body);

    let check = |server: &Server, when: &str| {
        let again = server.post("/v1/decisions", &body);
        assert_eq!(again.status, 200, "{when}: {}", again.text());
        assert_eq!(again.json()["event_id"], first["event_id"]);
        let receipt = receipt(&again.json());
        receipt.verify(&key).unwrap();
        assert_eq!((receipt.leaf_index, receipt.leaf_hash), (first_receipt.leaf_index, first_receipt.leaf_hash));

        let other = server.post("/v1/decisions", decision(&format!(r#"{id},"sessionId":"other""#)));
        assert_eq!(other.status, 409, "{when}: {}", other.text());
        assert_eq!(other.header("content-type"), Some("application/problem+json"));
        let in_batch =
            format!("{}\n{}\n", decision(r#","sessionId":"new""#), decision(&format!(r#"{id},"sessionId":"x""#)));
        let batch = server.post("/v1/decisions/batch", in_batch);
        assert_eq!(batch.status, 409, "{when}: {}", batch.text());
        assert_eq!(batch.json()["errors"][0]["line"], 2, "{}", batch.text());
        assert_eq!(server.recorded(), 1, "{when}: a repetition or a conflict writes nothing");
    };
    check(&server, "at once");
    assert_eq!(server.stop().0, Some(0));
    server = directory.serve();
    check(&server, "after a restart");
    server.kill();
    server = directory.serve();
    check(&server, "after a crash");
    drop(server);
    directory.seal();
    server = directory.serve();
    check(&server, "after it moved to a segment");
}

#[test]
fn a_batch_is_proven_at_once_however_it_is_packed() {
    let directory = Directory::init();
    let (server, key) = (directory.serve(), directory.key());
    let plain = lines(120).into_bytes();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&plain).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(&plain[..], 1).unwrap();
    for (packed, encoding) in [(&plain, None), (&gzip, Some("gzip")), (&zstd, Some("zstd"))] {
        let mut headers = vec![("content-type", "application/x-ndjson")];
        headers.extend(encoding.map(|encoding| ("content-encoding", encoding)));
        let answer = server.call("POST", "/v1/decisions/batch", &headers, packed);
        assert_eq!(answer.status, 200, "{encoding:?}: {}", answer.text());
        let recorded = answer.json();
        assert_eq!((&recorded["accepted"], &recorded["already"]), (&120.into(), &0.into()), "{encoding:?}");
        let receipt = BatchReceipt::parse(recorded["receipt"].to_string().as_bytes()).unwrap();
        receipt.verify(&key).unwrap();
        assert_eq!(receipt.leaf_hashes.len(), 120);
        let first = receipt.first_leaf_index;
        let told = server.rows(&format!("SELECT session_id FROM decisions WHERE leaf_index = {first}"));
        assert_eq!(told[0]["session_id"], "line-0", "the leaves are in the order of the lines");
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM decisions"), 360);
}

#[test]
fn a_batch_with_an_idempotency_key_can_be_sent_again() {
    let directory = Directory::init();
    let (server, key) = (directory.serve(), directory.key());
    let send = |name: &str, body: &str| {
        let headers = [("content-type", "application/x-ndjson"), ("idempotency-key", name)];
        let answer = server.call("POST", "/v1/decisions/batch", &headers, body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        let recorded = answer.json();
        (recorded["accepted"].as_u64().unwrap(), recorded["already"].as_u64().unwrap())
    };
    assert_eq!(send("first", &lines(30)), (30, 0));
    let size = server.checkpoint(&key).size;
    assert_eq!(send("first", &lines(30)), (0, 30));
    assert_eq!(server.checkpoint(&key).size, size);
    assert_eq!(send("first", &lines(40)), (10, 30), "what is new is added, what is there is not");
    assert_eq!(send("second", &lines(30)), (30, 0), "another key, other decisions");
    let checked = server.call("POST", "/v1/decisions/batch?check=true", &[], lines(5).as_bytes());
    assert_eq!((checked.status, &checked.json()["accepted"]), (200, &0.into()));
    assert_eq!(server.count("SELECT COUNT(*) FROM decisions"), 70);
}

#[test]
fn reviews_and_outcomes_follow_their_decision() {
    let directory = Directory::init();
    let server = directory.serve();
    let body = [
        decision(r#","decisionId":"d-1""#),
        r#"{"kind":"review","decision_id":"d-1","reviewer":"kim","human_decision":{"approved":false},"overridden":true,"override_reason":"income not proven"}"#.to_owned(),
        r#"{"kind":"outcome","decision_id":"d-1","outcome":{"repaid":true}}"#.to_owned(),
    ]
    .join("\n");
    let answer = server.post("/v1/decisions/batch", body);
    assert_eq!((answer.status, &answer.json()["accepted"]), (200, &3.into()), "{}", answer.text());
    let told = server.get("/v1/decisions/d-1").json();
    assert_eq!(told["decision"]["overridden"], false, "the decision itself is never changed");
    assert_eq!(told["reviews"][0]["override_reason"], "income not proven");
    assert_eq!(told["outcomes"][0]["outcome"]["repaid"], true);
    let seen =
        server.rows("SELECT overridden, override_reason, human_decision->>'approved' AS approved FROM ai_audit_logs");
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0]["overridden"], true, "the view merges the review: {seen:?}");
    assert_eq!((&seen[0]["override_reason"], &seen[0]["approved"]), (&"income not proven".into(), &"false".into()));
}

/// The leaf hashes that the tiles of a tree of `size` leaves hold.
fn tile_hashes(server: &Server, level: u8, count: u64) -> Vec<Hash> {
    let mut hashes = Vec::new();
    for index in 0..count.div_ceil(256) {
        let width = (count - index * 256).min(256);
        let part = if width < 256 { format!(".p/{width}") } else { String::new() };
        let answer = server.get(&format!("/tile/{level}/{index:03}{part}"));
        assert_eq!((answer.status, answer.body.len() as u64), (200, width * 32), "tile {level}/{index}{part}");
        hashes.extend(answer.body.chunks_exact(32).map(|bytes| Hash(bytes.try_into().unwrap())));
    }
    hashes
}

fn tree_of(hashes: &[Hash]) -> Tree {
    let mut tree = Tree::new();
    hashes.iter().for_each(|hash| tree.push(*hash));
    tree
}

#[test]
fn tiles_and_checkpoints_are_one_tree_that_only_grows() {
    let directory = Directory::init();
    let (mut server, key) = (directory.serve(), directory.key());
    server.post("/v1/decisions/batch", lines(300));
    let old = server.note();
    server.post("/v1/decisions/batch", lines(350));
    let check = |server: &Server| {
        let (old, new) = (key.verify(&old).unwrap(), server.checkpoint(&key));
        assert!(new.size.0 >= 650);
        let leaves = tile_hashes(server, 0, new.size.0);
        assert_eq!(tree_of(&leaves).root(), new.root, "the leaves in the tiles have the signed root");
        assert_eq!(tree_of(&leaves[..old.size.0 as usize]).root(), old.root);
        let above: Vec<Hash> = leaves.chunks_exact(256).map(|leaves| tree_of(leaves).root()).collect();
        assert_eq!(tile_hashes(server, 1, new.size.0 / 256), above);

        let proof = server.get(&format!("/v1/consistency?from={}&to={}", old.size, new.size));
        ConsistencyProof::parse(&proof.body).unwrap().verify(&old, &new).unwrap();
        let latest = server.get(&format!("/v1/consistency?from={}", old.size));
        assert_eq!(ConsistencyProof::parse(&latest.body).unwrap().new_size, new.size);
        for missing in [format!("/tile/0/{:03}", new.size.0 / 256), "/tile/9/000".to_owned(), "/tile/0/1".to_owned()] {
            assert_eq!(server.get(&missing).status, 404, "{missing}");
        }
        assert_eq!(server.get(&format!("/v1/consistency?from=1&to={}", new.size.0 + 1)).status, 404);
    };
    check(&server);
    drop(server);
    directory.seal();
    server = directory.serve();
    check(&server);
    let note = server.note();
    let receipt = receipt_of_leaf(&server, &key, 7);
    assert_eq!(key.verify(&note).unwrap().origin, "test.example/ledger");
    assert_eq!(receipt.leaf_index, LeafIndex(7), "an old leaf is proven from the stored hashes");
}

fn receipt_of_leaf(server: &Server, key: &Verifier, leaf: u64) -> Receipt {
    let rows = server.rows(&format!("SELECT event_id FROM decisions WHERE leaf_index = {leaf}"));
    let bundle = server.get(&format!("/v1/decisions/{}/evidence", rows[0]["event_id"].as_str().unwrap()));
    let bundle = Bundle::parse(&bundle.body).unwrap();
    bundle.verify(key).unwrap();
    bundle.receipt().clone()
}

#[test]
fn sql_answers_in_three_forms() {
    let directory = Directory::init();
    let server = directory.serve();
    server.post("/v1/decisions", decision(r#","decisionId":"a,\"1\"""#));
    let ask = |accept| server.sql("SELECT decision_id, confidence, input_features FROM decisions", accept);
    let is =
        |answer: &Answer, kind: &str| assert!(answer.header("content-type").unwrap().starts_with(kind), "{answer:?}");

    let json = ask("application/json");
    is(&json, "application/json");
    let json = json.json();
    let names: Vec<&Value> = json["columns"].as_array().unwrap().iter().map(|column| &column["name"]).collect();
    assert_eq!(names, ["decision_id", "confidence", "input_features"]);
    let row = &json["rows"][0];
    assert_eq!((&row["decision_id"], &row["confidence"]), (&"a,\"1\"".into(), &0.91.into()));
    assert_eq!(row["input_features"]["gender"], "female", "a document is a document, not a text");

    let lines = ask("application/x-ndjson");
    is(&lines, "application/x-ndjson");
    assert_eq!(serde_json::from_str::<Value>(lines.text().trim_end()).unwrap(), *row);

    let table = ask("text/csv");
    is(&table, "text/csv");
    let mut reader = csv::Reader::from_reader(&table.body[..]);
    assert_eq!(reader.headers().unwrap(), vec!["decision_id", "confidence", "input_features"]);
    let cells = reader.records().next().unwrap().unwrap();
    assert_eq!((&cells[0], &cells[1]), ("a,\"1\"", "0.91"));
    assert_eq!(serde_json::from_str::<Value>(&cells[2]).unwrap(), row["input_features"]);
}

#[test]
fn a_read_is_itself_on_the_record() {
    let directory = Directory::init();
    let reader = directory.make_token("auditor", "read");
    let server = directory.serve();
    server.post("/v1/decisions", decision(r#","decisionId":"d-1""#));
    let auditor = server.with_token(&reader);
    assert_eq!(auditor.get("/v1/decisions/d-1").status, 200);
    assert_eq!(auditor.get("/v1/decisions/d-1/evidence").status, 200);
    assert_eq!(auditor.rows("SELECT event_id FROM ai_audit_logs").len(), 1);
    let tokens = server.get("/v1/tokens").json();
    let token = tokens.as_array().unwrap().iter().find(|token| token["name"] == "auditor").unwrap();
    let actor = format!("token:{}", token["id"].as_str().unwrap());
    let entries = server.rows("SELECT record FROM entries WHERE kind = 'access' ORDER BY leaf_index");
    let of_auditor: Vec<&Value> =
        entries.iter().map(|row| &row["record"]).filter(|record| record["actor"] == actor).collect();
    let read: Vec<_> = of_auditor.iter().map(|record| (&record["action"], &record["what"], &record["rows"])).collect();
    assert_eq!(read.len(), 3, "one entry for each read: {entries:?}");
    assert_eq!((read[0].0, read[0].1), (&"get".into(), &"d-1".into()));
    assert_eq!(read[1].0, "evidence");
    assert_eq!((read[2].0, read[2].1), (&"sql".into(), &"SELECT event_id FROM ai_audit_logs".into()));
}

#[test]
fn the_description_lists_every_path() {
    let directory = Directory::init();
    let server = directory.serve();
    let description = server.get("/openapi.json").json();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    let described: Vec<(String, String)> = description["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| (path.clone(), method.clone()))
        })
        .collect();
    let expected = [
        ("/v1/decisions", "post"),
        ("/v1/decisions", "get"),
        ("/v1/decisions/batch", "post"),
        ("/v1/decisions/{decision_id}", "get"),
        ("/v1/decisions/{decision_id}/evidence", "get"),
        ("/v1/decisions/{decision_id}/explanation", "get"),
        ("/v1/decisions/{decision_id}/reviews", "post"),
        ("/v1/decisions/{decision_id}/outcomes", "post"),
        ("/v1/subjects/{user_id}", "delete"),
        ("/v1/subjects/{user_id}/export", "get"),
        ("/v1/subjects/{user_id}/history", "get"),
        ("/v1/subjects/{user_id}/notes", "post"),
        ("/v1/removals", "post"),
        ("/v1/retention", "get"),
        ("/v1/retention/plan", "get"),
        ("/v1/retention/runs", "post"),
        ("/v1/archive", "get"),
        ("/v1/archive/push", "post"),
        ("/v1/archive/restore", "post"),
        ("/v1/holds", "get"),
        ("/v1/holds", "post"),
        ("/v1/holds/{hold}", "delete"),
        ("/v1/holds/{hold}/evidence", "get"),
        ("/v1/access", "get"),
        ("/v1/reports/ai-act", "get"),
        ("/v1/reports/confidence", "get"),
        ("/v1/reports/drivers", "get"),
        ("/v1/reports/ecoa", "get"),
        ("/v1/reports/fairness", "get"),
        ("/v1/reports/hipaa", "get"),
        ("/v1/reports/nyc-144", "get"),
        ("/v1/reports/overrides", "get"),
        ("/v1/reports/sox", "get"),
        ("/v1/reports/usage", "get"),
        ("/v1/reports/volume", "get"),
        ("/v1/sql", "post"),
        ("/v1/consistency", "get"),
        ("/v1/seal", "post"),
        ("/v1/verify", "post"),
        ("/v1/tokens", "get"),
        ("/v1/tokens", "post"),
        ("/v1/tokens/{name}", "delete"),
        ("/checkpoint", "get"),
        ("/healthz", "get"),
        ("/readyz", "get"),
        ("/metrics", "get"),
    ];
    for (path, method) in expected {
        assert!(described.contains(&(path.to_owned(), method.to_owned())), "{method} {path} in {described:?}");
    }
    assert!(described.iter().any(|(path, _)| path.starts_with("/tile/")));
    assert_eq!(described.len(), expected.len() + 1, "a path that this test does not know: {described:?}");
    let pointers: Vec<String> = references(&description);
    assert!(!pointers.is_empty());
    for pointer in pointers {
        assert!(description.pointer(pointer.trim_start_matches('#')).is_some(), "{pointer} leads nowhere");
    }
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match value {
                Value::String(text) if name == "$ref" => vec![text.clone()],
                value => references(value),
            })
            .collect(),
        Value::Array(elements) => elements.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn only_health_is_told_without_a_token_and_metrics_hold_what_they_promise() {
    let directory = Directory::init();
    let server = directory.serve();
    server.post("/v1/decisions", decision(""));
    server.post("/v1/decisions", "{}");
    let stranger = server.without_token();
    assert_eq!((stranger.get("/healthz").status, stranger.get("/readyz").status), (200, 200));
    for path in ["/metrics", "/checkpoint", "/tile/0/000.p/1", "/openapi.json", "/v1/decisions/x", "/v1/tokens"] {
        assert_eq!(stranger.get(path).status, 401, "{path}");
    }
    let metrics = server.get("/metrics").text();
    for line in [
        "onrecord_entries_accepted_total ",
        "onrecord_entries_refused_total{",
        "onrecord_http_request_seconds_bucket{",
        "onrecord_http_requests_total{method=\"POST\",path=\"/v1/decisions\",status=\"201\"} 1",
        "onrecord_sealed_size ",
        "onrecord_segments ",
        "onrecord_tree_size ",
        "onrecord_writable 1",
    ] {
        assert!(metrics.lines().any(|found| found.starts_with(line)), "{line} in {metrics}");
    }
}

#[test]
fn a_command_answers_the_same_wherever_the_directory_is_open() {
    let directory = Directory::init();
    let body: String =
        (0..20).map(|at| decision(&format!(r#","decisionId":"d-{at}","userId":"user-{at}""#)) + "\n").collect();
    let sql =
        "SELECT leaf_index, decision_id, user_id, confidence, input_features FROM ai_audit_logs ORDER BY leaf_index";
    let file = directory.write("some.jsonl", body);
    directory.ok(&["import", &file]);
    let alone = directory.rows(sql);
    assert_eq!(alone.len(), 20);
    assert_eq!(alone[3]["user_id"], "user-3", "who owns the directory may see whom it is about");

    let server = directory.serve();
    assert_eq!(directory.rows(sql), alone, "through the socket of the server");
    let remote = directory.ok(&["--url", &server.url(), "--token", &directory.token, "sql", sql, "--format", "jsonl"]);
    let remote: Vec<Value> = remote.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(remote, alone, "through its address");
    let refused = directory.fails(&["--url", &server.url(), "--token", "orec_nobody", "sql", sql]);
    assert!(refused.contains("token"), "{refused}");

    let through_socket = directory.json(&["evidence", "d-7"]);
    assert_eq!(server.stop().0, Some(0));
    assert_eq!(directory.json(&["evidence", "d-7"])["record"], through_socket["record"]);
}

//! A server at its limits: what takes too long, what is too much at once, what is refused before it is read.

use crate::program::{Directory, decision, failed, text};
use crate::wire::{self, Answer};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Asks in SQL with a timeout of the request's own.
fn ask(server: &wire::Caller, sql: &str, timeout_seconds: u64) -> Answer {
    server.post("/v1/sql", json!({ "sql": sql, "timeout_seconds": timeout_seconds }).to_string())
}

/// Joins so many rows that no machine is done in a second.
const ENDLESS: &str =
    "SELECT count(*) FROM entries a, entries b, entries c WHERE a.kind || b.kind || c.kind LIKE '%x%y%'";

#[test]
fn a_query_is_stopped_after_the_time_that_is_set_or_asked_for() {
    let directory = Directory::demo();
    let server = directory.serve_with(&[], &[("ONRECORD_STATEMENT_TIMEOUT_SECONDS", "2")]);
    let started = Instant::now();
    let answer = server.sql(ENDLESS, "application/json");
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert!(answer.text().contains("longer than its 2 s"), "{}", answer.text());
    assert!(started.elapsed() >= Duration::from_secs(2));
    let answer = ask(&server, ENDLESS, 1);
    assert_eq!(answer.status, 413);
    assert!(answer.text().contains("longer than its 1 s"), "{}", answer.text());
    for beyond in [0, 3] {
        let answer = ask(&server, "SELECT 1", beyond);
        assert_eq!(answer.status, 400, "{beyond}");
        assert!(answer.text().contains("from 1 s to the 2 s"), "{}", answer.text());
    }
    assert_eq!(ask(&server, "SELECT 1", 2).status, 200);
    // Who owns the directory may wait longer.
    directory.ok(&["sql", "SELECT 1", "--timeout", "3600"]);
    let stopped = directory.fails(&["sql", ENDLESS, "--timeout", "1"]);
    assert!(stopped.contains("longer than its 1 s"), "{stopped}");
    assert_eq!(directory.run(&["sql", "SELECT 1", "--timeout", "0"]).status.code(), Some(2));
}

#[test]
fn who_asks_while_all_places_are_taken_is_told_when_to_come_back() {
    let directory = Directory::demo();
    let server = directory.serve();
    // Answers far larger than what lies between two ends of a connection, and nobody reads them.
    let sql = json!({ "sql": "SELECT a.record FROM entries a, entries b" }).to_string();
    let request = server.request("POST", "/v1/sql", &[("content-type", "application/json")], sql.as_bytes());
    let unread: Vec<TcpStream> = (0..4)
        .map(|_| {
            let mut stream = TcpStream::connect(&server.address).unwrap();
            stream.write_all(&request).unwrap();
            let mut first = [0; 12];
            stream.read_exact(&mut first).unwrap();
            assert_eq!(&first, b"HTTP/1.1 200");
            stream
        })
        .collect();
    let refused = server.sql("SELECT 1", "application/json");
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    assert_eq!(refused.header("retry-after").and_then(|seconds| seconds.parse().ok()), Some(1_u64));
    drop(unread);
    assert_eq!(server.sql("SELECT 1", "application/json").status, 200);
}

/// The refusals that are on the record, by reason.
fn refused_on_record(directory: &Directory) -> Value {
    let rows = directory.rows("SELECT record->'detail' AS detail FROM entries WHERE record->>'what' = 'refused'");
    let mut sums = serde_json::Map::new();
    for (reason, count) in rows.iter().flat_map(|row| row["detail"].as_object().unwrap()) {
        let sum = sums.get(reason).and_then(Value::as_u64).unwrap_or(0) + count.as_u64().unwrap();
        sums.insert(reason.clone(), sum.into());
    }
    Value::Object(sums)
}

#[test]
fn what_http_refuses_by_itself_is_on_the_record_too() {
    let directory = Directory::init();
    let server = directory.serve_with(&[], &[("ONRECORD_RECORD_MB", "1")]);
    let large = decision(&format!(r#","metadata":{{"text":"{}"}}"#, "x".repeat(2 << 20)));
    assert_eq!(server.post("/v1/decisions", large).status, 413);
    for encoding in ["br", "made-up"] {
        let answer = server.call("POST", "/v1/decisions", &[("content-encoding", encoding)], decision("").as_bytes());
        assert_eq!(answer.status, 415, "{encoding}");
        assert!(answer.text().contains("gzip or zstd"), "{}", answer.text());
    }
    assert_eq!(server.call("POST", "/v1/decisions", &[("content-encoding", "gzip")], b"not gzip").status, 400);
    // A body that is announced and never comes.
    let head = format!(
        "POST /v1/decisions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 100\r\n\r\n{{",
        directory.token
    );
    let mut stalled = TcpStream::connect(&server.address).unwrap();
    stalled.write_all(head.as_bytes()).unwrap();
    let answer = wire::answer(&stalled).unwrap();
    assert_eq!(answer.status, 408, "{}", answer.text());
    // What the service refuses is counted once, as before.
    assert_eq!(server.post("/v1/decisions", "{}").status, 422);
    let metrics = server.get("/metrics").text();
    let expected = [("too_large", 1), ("unsupported", 2), ("too_slow", 1), ("invalid", 2)];
    for (reason, count) in expected {
        let line = format!("onrecord_entries_refused_total{{reason=\"{reason}\"}} {count}");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    assert_eq!(server.stop().0, Some(0));
    let expected: serde_json::Map<_, _> =
        expected.into_iter().map(|(reason, count)| (reason.to_owned(), count.into())).collect();
    assert_eq!(refused_on_record(&directory), Value::Object(expected));
}

#[test]
fn an_idle_connection_is_kept_for_a_minute() {
    let directory = Directory::init();
    let server = directory.serve();
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut ask = || {
        stream.write_all(request).unwrap();
        let mut answer = [0; 512];
        let read = stream.read(&mut answer).unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{}", text(&answer[..read]));
    };
    ask();
    std::thread::sleep(Duration::from_secs(62));
    ask();
}

#[test]
fn a_timeout_that_is_none_is_refused_by_name() {
    let directory = Directory::init();
    for setting in ["soon", "0", "-1", "1.5"] {
        let mut command = directory.command(&["sql", "SELECT 1"]);
        let output = command.env("ONRECORD_STATEMENT_TIMEOUT_SECONDS", setting).output().unwrap();
        assert!(failed(&output, setting).contains("ONRECORD_STATEMENT_TIMEOUT_SECONDS"));
    }
}

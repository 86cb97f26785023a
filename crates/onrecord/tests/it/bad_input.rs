//! Bad input, and what it gets: a 4xx that names the place, nothing written, nothing repeated of what was sent.

use crate::program::{Directory, decision, failed};
use crate::wire::{Answer, Caller, answer};
use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// Stands in every bad value: no answer may repeat it.
const MARK: &str = "Xq7-secret";

/// What a bomb unpacks to.
const UNPACKED_MIB: u64 = 256;

/// A record, the status that it gets, and what the answer must name.
struct Bad {
    what: &'static str,
    body: Vec<u8>,
    status: u16,
    named: &'static str,
}

fn bad(what: &'static str, body: impl Into<Vec<u8>>, status: u16, named: &'static str) -> Bad {
    Bad { what, body: body.into(), status, named }
}

/// A good decision in which `from` is replaced.
fn but(from: &str, to: &str) -> String {
    let good = decision(&format!(r#","metadata":{{"note":"{MARK}"}}"#));
    assert!(good.contains(from), "{from}");
    good.replacen(from, to, 1)
}

/// The issue's table, as far as one record goes.
fn records() -> Vec<Bad> {
    let deep =
        |levels: usize| but(r#""income":4200"#, &format!(r#""deep":{}{}"#, "[".repeat(levels), "]".repeat(levels)));
    let mut not_utf8 = but(MARK, "Xq7-secret?").into_bytes();
    let at = not_utf8.iter().position(|byte| *byte == b'?').unwrap();
    not_utf8[at] = 0xff;
    let large = but(r#""income":4200"#, &format!(r#""text":"{}""#, "x".repeat(16 << 20)));
    let short = (0..20).map(|at| format!(r#""text{at}":"{}""#, "x".repeat(60_000))).collect::<Vec<_>>();
    let over = but(r#""income":4200"#, &short.join(","));
    vec![
        bad("nothing", "", 422, "there is no document"),
        bad("malformed JSON", but(r#""income":4200"#, r#""income":4200,,"#), 422, "column"),
        bad("cut off", but(r#""note":"Xq7-secret"}}"#, r#""note":"Xq7-"#), 422, "/metadata/note"),
        bad("two documents", but("}}", "}} {}"), 422, "column"),
        bad("an array", format!("[{}]", decision("")), 422, "object"),
        bad("a wrong type", but(r#""modelVersion":"1""#, r#""modelVersion":{"a":"Xq7-secret"}"#), 422, "/modelVersion"),
        bad("a wrong type", but(r#""requestId":"r-1""#, r#""humanReviewed":"Xq7-secret""#), 422, "/humanReviewed"),
        bad("a wrong word", but(r#""classification""#, r#""Xq7-secret""#), 422, "/modelType"),
        bad("a missing field", but(r#""modelId":"loan_approval_model","#, ""), 422, "/model_id"),
        bad("an unknown field", but(r#""requestId""#, r#""reqestId""#), 422, "/reqestId"),
        bad("one field in two spellings", but(r#""requestId":"r-1""#, r#""model_id":"Xq7-secret""#), 422, "/model_id"),
        bad("confidence over 1", but("0.91", "1.01"), 422, "/confidence"),
        bad("confidence below 0", but("0.91", "-0.01"), 422, "/confidence"),
        bad("confidence as text", but("0.91", r#""Xq7-secret""#), 422, "/confidence"),
        bad("NaN", but("0.91", "NaN"), 422, "/confidence"),
        bad("infinity", but("4200", "-Infinity"), 422, "/inputFeatures/income"),
        bad("a number too large for a double", but("4200", "1e400"), 422, "/inputFeatures/income"),
        bad("a fraction that a double rounds", but("4200", "123456789012345.123456789"), 422, "/inputFeatures/income"),
        bad("a number that a double makes 0", but("4200", "1e-400"), 422, "/inputFeatures/income"),
        bad("an integer of 39 digits", but("4200", &"7".repeat(39)), 422, "/inputFeatures/income"),
        bad("a duplicate key", but(r#""gender":"female""#, r#""income":"Xq7-secret""#), 422, "/inputFeatures/income"),
        bad("a duplicate top-level key", but(r#""requestId":"r-1""#, r#""modelId":"Xq7-secret""#), 422, "/modelId"),
        bad("invalid UTF-8", not_utf8, 422, "UTF-8"),
        bad("half a surrogate pair", but("r-1", r"\ud800"), 422, "/requestId"),
        bad("nesting of 10,000", deep(10_000), 422, "nest"),
        bad("nesting of 65", deep(65), 422, "nest"),
        bad(
            "texts of a record that are each too short to be kept apart, and together over 1 MiB",
            over,
            413,
            "1048576",
        ),
        bad("a record over 16 MiB", large, 413, "bytes"),
        bad("a far future timestamp", decision(r#","timestamp":"2999-01-01T00:00:00Z""#), 422, "/timestamp"),
        bad("no timestamp", decision(r#","timestamp":"Xq7-secret""#), 422, "/timestamp"),
        bad("no event id", decision(r#","eventId":"Xq7-secret""#), 422, "/eventId"),
        bad("retention of no days", decision(r#","dataRetentionDays":0"#), 422, "/dataRetentionDays"),
        bad("an id of 256 characters", but("r-1", &"x".repeat(256)), 422, "/requestId"),
        bad("no prediction", but(r#"{"approved":true}"#, "null"), 422, "/prediction"),
    ]
}

/// Checks that the answer is a problem with that status that names the place and nothing else, and gives it.
#[track_caller]
fn check(what: &str, answer: &Answer, status: u16, named: &str) -> Value {
    let text = answer.text();
    assert_eq!(answer.status, status, "{what}: {text}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}: {text}");
    let problem = answer.json();
    assert_eq!(problem["status"], status, "{what}");
    assert!(problem["type"].as_str().unwrap().starts_with("urn:onrecord:problem:"), "{what}: {text}");
    assert!(!problem["title"].as_str().unwrap().is_empty(), "{what}");
    assert!(text.contains(named), "{what}: {named} is not named in {text}");
    assert!(!text.contains(MARK) && !text.contains("panick"), "{what}: {text}");
    problem
}

#[test]
fn a_bad_record_is_refused_by_place_and_nothing_is_written() {
    let directory = Directory::init();
    let server = directory.serve();
    for Bad { what, body, status, named } in &records() {
        check(what, &server.post("/v1/decisions", body), *status, named);
        assert_eq!(server.recorded(), 0, "{what}: nothing is written");
    }
    let many = but(r#""confidence":0.91"#, r#""confidence":7,"oops":1,"humanReviewed":3"#);
    let problem = check("three faults", &server.post("/v1/decisions", many), 422, "/oops");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 3, "every fault is named: {problem}");
    assert_eq!(server.post("/v1/decisions", decision("")).status, 201, "the server is well");
    assert_eq!(server.recorded(), 1);
}

#[test]
fn one_bad_line_refuses_its_whole_batch() {
    let directory = Directory::init();
    let server = directory.serve();
    let good = decision("");
    for Bad { what, body, status, named } in records().iter().filter(|bad| !bad.body.is_empty()) {
        if body.contains(&b'\n') || *status == 413 && body.len() > 4 << 20 {
            continue;
        }
        let batch = [good.as_bytes(), &body[..], good.as_bytes()].join(&b'\n');
        let problem = check(what, &server.post("/v1/decisions/batch", batch), 422, named);
        let lines: Vec<&Value> = problem["errors"].as_array().unwrap().iter().map(|fault| &fault["line"]).collect();
        assert!(lines.iter().all(|line| **line == 2) && !lines.is_empty(), "{what}: {problem}");
        assert_eq!(server.recorded(), 0, "{what}: nothing of the batch is written");
    }
    let batch: String = (0..9).map(|at| if at % 3 == 1 { "{\n".to_owned() } else { good.clone() + "\n" }).collect();
    let problem = check("three bad lines", &server.post("/v1/decisions/batch", batch), 422, "line");
    let lines: Vec<&Value> = problem["errors"].as_array().unwrap().iter().map(|fault| &fault["line"]).collect();
    assert_eq!(lines, [2, 5, 8], "every bad line is named");
    let twice = decision(r#","eventId":"01981f6e-7a00-7000-8000-000000000001""#);
    let other = decision(r#","eventId":"01981f6e-7a00-7000-8000-000000000001","sessionId":"2""#);
    let answer = server.post("/v1/decisions/batch", format!("{twice}\n{other}"));
    assert!((400..500).contains(&answer.status), "one id twice in a batch, with two bodies: {}", answer.text());
    assert_eq!(server.recorded(), 0);
}

#[test]
fn the_command_line_refuses_the_same() {
    let directory = Directory::init();
    for Bad { what, body, named, .. } in &records() {
        let printed = failed(&directory.log(body), what);
        assert!(printed.contains(named), "{what}: {named} is not named in {printed}");
        assert!(!printed.contains(MARK), "{what}: {printed}");
    }
    assert_eq!(directory.count("SELECT COUNT(*) FROM decisions"), 0);
}

#[test]
fn a_bomb_does_not_grow_in_memory() {
    let directory = Directory::init();
    let server = directory.serve();
    let before = server.peak_memory_bytes();
    let line = vec![b' '; 1 << 20];
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let mut zstd = zstd::Encoder::new(Vec::new(), 3).unwrap();
    for _ in 0..UNPACKED_MIB {
        gzip.write_all(&line).unwrap();
        zstd.write_all(&line).unwrap();
    }
    let bombs = [("gzip", gzip.finish().unwrap()), ("zstd", zstd.finish().unwrap())];
    for (encoding, bomb) in &bombs {
        assert!(bomb.len() < 4 << 20, "{UNPACKED_MIB} MiB in {} bytes", bomb.len());
        for path in ["/v1/decisions/batch", "/v1/decisions"] {
            let headers = [("content-type", "application/x-ndjson"), ("content-encoding", encoding)];
            check(encoding, &server.call("POST", path, &headers, bomb), 413, "after decompression");
        }
    }
    let broken = server.call("POST", "/v1/decisions/batch", &[("content-encoding", "gzip")], b"no gzip at all");
    check("no gzip", &broken, 400, "Content-Encoding");
    let cut = server.call("POST", "/v1/decisions/batch", &[("content-encoding", "zstd")], &bombs[1].1[..100]);
    check("half a zstd frame", &cut, 400, "Content-Encoding");
    let unknown = server.call("POST", "/v1/decisions", &[("content-encoding", "rot13")], decision("").as_bytes());
    assert!((400..500).contains(&unknown.status), "{}", unknown.text());
    assert_eq!(server.recorded(), 0);
    let grown = (server.peak_memory_bytes() - before) >> 20;
    assert!(grown < UNPACKED_MIB / 2, "memory grew by {grown} MiB");
}

#[test]
fn who_may_not_is_told_so() {
    let directory = Directory::init();
    let writer = directory.make_token("writer", "write");
    let reader = directory.make_token("reader", "read");
    let revoked = directory.make_token("revoked", "write,read");
    directory.ok(&["token", "revoke", "revoked"]);
    let server = directory.serve();
    let (writer, reader) = (server.with_token(&writer), server.with_token(&reader));
    let good = decision("");
    let sql = |caller: &Caller| caller.sql("SELECT 1 FROM decisions", "application/json");

    check("no token", &server.without_token().post("/v1/decisions", &good), 401, "Bearer");
    check("an unknown token", &server.with_token(MARK).post("/v1/decisions", &good), 401, "token");
    check("a revoked token", &server.with_token(&revoked).post("/v1/decisions", &good), 401, "revoked");
    let basic = [("authorization", "Basic eDp5")];
    check(
        "another scheme",
        &server.without_token().call("POST", "/v1/decisions", &basic, good.as_bytes()),
        401,
        "Bearer",
    );
    check("a reader writes", &reader.post("/v1/decisions", &good), 403, "write");
    check("a reader writes many", &reader.post("/v1/decisions/batch", &good), 403, "write");
    check("a writer asks", &sql(&writer), 403, "read");
    check("a writer reads", &writer.get("/v1/decisions/x"), 403, "read");
    check("a writer proves", &writer.get("/v1/decisions/x/evidence"), 403, "read");
    check("a reader reveals", &reader.get("/v1/decisions/x?reveal=true"), 403, "reveal");
    check("a reader verifies", &reader.post("/v1/verify", "{}"), 403, "admin");
    check("a reader lists tokens", &reader.get("/v1/tokens"), 403, "admin");
    check("a writer makes tokens", &writer.post("/v1/tokens", r#"{"name":"n","roles":["admin"]}"#), 403, "admin");
    check("a writer revokes", &writer.call("DELETE", "/v1/tokens/reader", &[], b""), 403, "admin");
    assert_eq!(server.recorded(), 0);

    assert_eq!((writer.post("/v1/decisions", &good).status, sql(&reader).status), (201, 200));
    check("a taken name", &server.post("/v1/tokens", r#"{"name":"reader","roles":["read"]}"#), 409, "name");
    let no_role = server.post("/v1/tokens", r#"{"name":"n","roles":["king"]}"#);
    check("no such role", &no_role, 400, "roles");
    check("no such token", &server.call("DELETE", "/v1/tokens/nobody", &[], b""), 404, "name");
}

#[test]
fn what_is_not_in_the_contract_is_a_problem_too() {
    let directory = Directory::init();
    let server = directory.serve();
    check("an unknown path", &server.get(&format!("/v1/people/{MARK}")), 404, "path");
    check("a wrong method", &server.call("PUT", "/v1/decisions", &[], b"{}"), 405, "method");
    check("a wrong method", &server.call("DELETE", "/checkpoint", &[], b""), 405, "method");
    check("a bad number", &server.get("/v1/consistency?from=Xq7-secret"), 400, "parameter");
    check("a missing number", &server.get("/v1/consistency"), 400, "parameter");
    check("a bad flag", &server.post("/v1/decisions/batch?check=Xq7-secret", "{}"), 400, "parameter");
    check("a path that is not UTF-8", &server.get("/v1/decisions/%ff"), 400, "UTF-8");
    check("no JSON", &server.post("/v1/tokens", "{\n!"), 400, "line 2, column 1");
    let too_many = r#"{"name":"Xq7-secret","roles":[],"Xq7-secret":1}"#;
    check("a member too many", &server.post("/v1/tokens", too_many), 400, "line 1");
    check("no statement", &server.post("/v1/sql", r#"{"sql":{"Xq7-secret":1}}"#), 400, "line 1");
    check("a long body", &server.post("/v1/sql", vec![b' '; 3 << 20]), 413, "bytes");
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn sql_can_only_read_the_ledger() {
    let directory = Directory::init();
    let server = directory.serve();
    server.post("/v1/decisions", decision(""));
    let outside = directory.write("outside.csv", format!("a\n{MARK}\n"));
    let key = directory.path().join("keys/ledger.key");
    let deep =
        |open: &str, inner: &str, close: &str| format!("SELECT {}{inner}{}", open.repeat(20_000), close.repeat(20_000));
    let statements = [
        "INSERT INTO decisions (decision_id) VALUES ('x')".to_owned(),
        "UPDATE decisions SET confidence = 1".to_owned(),
        "DELETE FROM decisions".to_owned(),
        "DROP TABLE decisions".to_owned(),
        "TRUNCATE TABLE decisions".to_owned(),
        "CREATE TABLE mine AS SELECT 1".to_owned(),
        "CREATE VIEW ai_audit_logs AS SELECT 1".to_owned(),
        format!("CREATE EXTERNAL TABLE f STORED AS CSV LOCATION '{outside}'"),
        format!("COPY (SELECT * FROM decisions) TO '{outside}' STORED AS CSV"),
        format!("SELECT * FROM '{outside}'"),
        format!("SELECT * FROM read_csv('{outside}')"),
        format!("SELECT pg_read_file('{}')", key.display()),
        "SELECT * FROM 'http://127.0.0.1:1/x.csv'".to_owned(),
        "SET datafusion.execution.batch_size = 1".to_owned(),
        "RESET datafusion.execution.batch_size".to_owned(),
        "PREPARE p AS SELECT 1".to_owned(),
        "BEGIN".to_owned(),
        "SELECT 1; DELETE FROM decisions".to_owned(),
        "SELECT 1; SELECT 2".to_owned(),
        "EXPLAIN ANALYZE INSERT INTO decisions (decision_id) VALUES ('x')".to_owned(),
        "WITH gone AS (DELETE FROM decisions RETURNING *) SELECT * FROM gone".to_owned(),
        "SELECT * INTO mine FROM decisions".to_owned(),
        String::new(),
        "-- nothing".to_owned(),
        "SELEC 1".to_owned(),
        "SELECT FROM WHERE".to_owned(),
        "SELECT * FROM nowhere".to_owned(),
        "SELECT nothing FROM decisions".to_owned(),
        "SELECT 'unended".to_owned(),
        "SELECT confidence + decision_id FROM decisions".to_owned(),
        "SELECT 1 / 0".to_owned(),
        "SELECT CAST(decision_id AS INT) FROM decisions".to_owned(),
        deep("(", "1", ")"),
        deep("NOT ", "true", ""),
        "SELECT * FROM (".repeat(5_000),
    ];
    for statement in &statements {
        let what = &statement[..statement.len().min(80)];
        let answer = server.sql(statement, "application/json");
        assert!((400..500).contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
        check(what, &answer, answer.status, "");
    }
    let error = check("a wrong column", &server.sql("SELECT nothing FROM decisions", "text/csv"), 400, "nothing");
    assert!(error["detail"].as_str().unwrap().contains("nothing"), "{error}");
    assert_eq!(server.recorded(), 1, "the server is well, and nothing was changed");
    assert_eq!(std::fs::read_to_string(outside).unwrap(), format!("a\n{MARK}\n"));
    for statement in statements.iter().filter(|statement| statement.len() < 1000) {
        let printed = directory.fails(&["sql", "--", statement]);
        assert!(!printed.contains(MARK), "{printed}");
    }
}

#[test]
fn a_long_expression_does_not_stop_the_server() {
    let directory = Directory::init();
    let server = directory.serve();
    for terms in [100, 300, 1000, 5000, 50_000] {
        let answer = server.sql(&format!("SELECT {} AS sum", vec!["1"; terms].join(" + ")), "application/json");
        if answer.status == 200 {
            assert_eq!(answer.json()["rows"][0]["sum"], terms);
        } else {
            check("a long sum", &answer, 400, "");
            assert!(terms > 100, "{terms} terms are not many");
        }
    }
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn a_cut_connection_writes_nothing() {
    let directory = Directory::init();
    let server = directory.serve();
    let request = server.request("POST", "/v1/decisions", &[], decision("").as_bytes());
    let batch = server.request("POST", "/v1/decisions/batch", &[], (decision("") + "\n").repeat(50).as_bytes());
    for (request, missing) in [(&request, 1), (&request, 200), (&batch, 1), (&batch, 3000)] {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.write_all(&request[..request.len() - missing]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        // The half that is left open may carry an answer: then it is a refusal.
        if let Ok(answer) = answer(&stream) {
            check("cut", &answer, 400, "ended early");
        }
    }
    // A chunked body whose end never comes.
    let head = format!(
        "POST /v1/decisions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ntransfer-encoding: chunked\r\n\r\n",
        directory.token
    );
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let body = decision("");
    stream.write_all(format!("{head}{:x}\r\n{body}\r\n", body.len()).as_bytes()).unwrap();
    drop(stream);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(server.recorded(), 0);
    assert_eq!(server.post("/v1/decisions", body).status, 201);
}

#[test]
fn a_slow_client_is_sent_away() {
    let directory = Directory::init();
    let server = directory.serve();
    let request = server.request("POST", "/v1/decisions", &[], decision("").as_bytes());
    let body_starts = request.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let started = Instant::now();
            let mut stream = TcpStream::connect(&server.address).unwrap();
            stream.write_all(&request[..30]).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(100))).unwrap();
            let mut told = Vec::new();
            stream.read_to_end(&mut told).unwrap();
            let told = String::from_utf8_lossy(&told);
            assert!(told.is_empty() || told.starts_with("HTTP/1.1 408"), "{told}");
            assert!(started.elapsed() < Duration::from_secs(90), "a head that never ends");
        });
        scope.spawn(|| {
            let mut stream = TcpStream::connect(&server.address).unwrap();
            stream.write_all(&request[..body_starts + 10]).unwrap();
            check("a body that never ends", &answer(&stream).unwrap(), 408, "nothing was written");
        });
        scope.spawn(|| {
            std::thread::sleep(Duration::from_secs(2));
            assert_eq!(server.get("/readyz").status, 200, "others are served meanwhile");
        });
    });
    assert_eq!(server.recorded(), 0);
}

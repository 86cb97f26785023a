//! The archive on real servers: segments go there and come back, everything is answered from there as before, and erased
//! persons are gone from there too.

use crate::program::{Directory, text, verifier_program};
use onrecord_testing::ObjectServer;
use onrecord_testing::object_server::Kind;
use serde_json::{Value, json};
use std::process::{Command, Output};

/// Decisions, with reviews, outcomes and sealed fields.
pub(crate) fn filled(decisions: usize) -> Directory {
    let directory = Directory::init();
    let mut lines = String::new();
    for at in 0..decisions {
        let decision = json!({
            "decision_id": format!("d-{at}"), "user_id": format!("person-{}-zq", at % 50), "model_id": "loan", "model_version": "1",
            "input_features": {"application_id": format!("app_{at}"), "note": format!("needle-{at}-zq"), "amount": at},
            "prediction": {"approved": at % 3 == 0}, "confidence": (at % 100) as f64 / 100.0,
            "explanation": {"top_features": [{"feature": "amount", "importance": 0.5}], "reasoning": "by the amount"},
        });
        lines.push_str(&format!("{decision}\n"));
        if at % 5 == 0 {
            lines.push_str(&format!(
                "{}\n{}\n",
                json!({"kind": "review", "decision_id": format!("d-{at}"), "overridden": false, "reviewer": "kim"}),
                json!({"kind": "outcome", "decision_id": format!("d-{at}"), "outcome": {"repaid": true}})
            ));
        }
    }
    directory.ok(&["import", &directory.write("filled.jsonl", lines)]);
    directory
}

/// Runs the program as a client of a server.
pub(crate) fn run(directory: &Directory, server: &ObjectServer, endpoint: &str, arguments: &[&str]) -> Output {
    directory.command(arguments).envs(server.env(endpoint)).output().unwrap()
}

#[track_caller]
pub(crate) fn ok(directory: &Directory, server: &ObjectServer, arguments: &[&str]) -> String {
    let output = run(directory, server, &server.endpoint(), arguments);
    assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

pub(crate) const PUSH: [&str; 5] = ["archive", "push", "--all", "--to", "s3://archive/ledger"];

/// What people ask.
fn questions() -> Vec<Vec<&'static str>> {
    let sql = |text: &'static str| vec!["sql", text, "--format", "jsonl"];
    vec![
        sql("SELECT count(*) AS n, avg(confidence) AS c, min(timestamp) AS t FROM ai_audit_logs"),
        sql(
            "SELECT decision_id, leaf_index, record FROM entries JOIN decisions USING (leaf_index) ORDER BY 2 LIMIT 50",
        ),
        sql(
            "SELECT * FROM ai_audit_logs WHERE user_id = 'person-7-zq' ORDER BY timestamp DESC, leaf_index DESC LIMIT 5",
        ),
        sql("SELECT decision_id FROM ai_audit_logs WHERE input_features->>'application_id' = 'app_77'"),
        sql("SELECT input_features->>'note' AS n FROM ai_audit_logs WHERE confidence < 0.02 ORDER BY 1"),
        sql("SELECT human_reviewed, count(*) AS n FROM ai_audit_logs GROUP BY 1 ORDER BY 1"),
        vec!["decisions", "--user", "person-3-zq", "--format", "json"],
        vec!["decisions", "--where", "input_features.application_id=app_12", "--format", "json"],
        vec!["history", "person-4-zq", "--format", "json"],
        vec!["explain", "d-40", "--format", "json"],
        vec![
            "report",
            "usage",
            "--model",
            "loan",
            "--since",
            "2020-01-01",
            "--until",
            "2100-01-01",
            "--format",
            "json",
        ],
        vec![
            "report",
            "confidence",
            "--model",
            "loan",
            "--since",
            "2020-01-01",
            "--until",
            "2100-01-01",
            "--positive",
            "prediction.approved=true",
            "--format",
            "json",
        ],
    ]
}

/// The answers, but for what changes with each reading: receipts, and where an entry is.
fn answers(directory: &Directory, server: &ObjectServer) -> Vec<String> {
    let plain = |answer: String| {
        let lines = answer.lines().filter(|line| !line.contains("\"checkpoint\"") && !line.contains("\"proof\""));
        let lines: Vec<String> = lines.map(|line| line.replace("\"tier\":\"archive\"", "\"tier\":\"local\"")).collect();
        lines.join("\n").split("\"receipt\"").next().unwrap_or_default().to_owned()
    };
    questions().iter().map(|question| plain(ok(directory, server, question))).collect()
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn everything_is_answered_from_the_archive_as_before() {
    let server = ObjectServer::start(Kind::S3sFs);
    let directory = filled(3_000);
    directory.seal();
    let before = answers(&directory, &server);
    let pushed: Value =
        serde_json::from_str(&ok(&directory, &server, &[&PUSH[..], &["--format", "json"]].concat())).unwrap();
    assert!(pushed["segments"].as_u64() > Some(0) && pushed["failed"] == json!([]), "{pushed}");
    let local = |directory: &Directory| {
        directory.files().iter().any(|file| file.starts_with("segments/") && file.ends_with(".parquet"))
    };
    assert!(!local(&directory), "{:?}", directory.files());
    for ((question, now), before) in questions().iter().zip(answers(&directory, &server)).zip(&before) {
        assert_eq!(now, *before, "{question:?}");
    }

    // Evidence from there is what a third party accepts; verification reads all of it.
    let bundle = directory.beside("bundle.json");
    ok(&directory, &server, &["evidence", "d-7", "--output", bundle.to_str().unwrap()]);
    let key = directory.path().join("keys/ledger.vkey");
    let checked = Command::new(verifier_program()).arg("bundle").arg(&bundle).arg("--key").arg(key).output().unwrap();
    assert!(checked.status.success(), "{}{}", text(&checked.stdout), text(&checked.stderr));
    ok(&directory, &server, &["verify"]);

    // Ids are accepted once, also those that are in the archive.
    let again = directory.beside("filled.jsonl");
    let repeated = ok(&directory, &server, &["import", again.to_str().unwrap(), "--format", "json"]);
    assert!(!repeated.contains("\"accepted\": 3000"), "{repeated}");

    // Others read it without us.
    let sql = "SELECT count(*) AS n, sum(confidence) AS c FROM read_parquet('s3://archive/ledger/*.parquet', union_by_name = true) WHERE kind = 'decision' AND model_id = 'loan' AND leaf_index < 4202";
    let theirs: Value = serde_json::from_str(&server.duckdb(sql)).unwrap();
    let ours = ok(
        &directory,
        &server,
        &[
            "sql",
            "SELECT count(*) AS n, sum(confidence) AS c FROM decisions WHERE leaf_index < 4202",
            "--format",
            "jsonl",
        ],
    );
    let ours: Value = serde_json::from_str(&ours).unwrap();
    assert_eq!(theirs[0]["n"], ours["n"]);
    assert!((theirs[0]["c"].as_f64().unwrap() - ours["c"].as_f64().unwrap()).abs() < 1e-6);

    ok(&directory, &server, &["archive", "restore"]);
    assert!(local(&directory));
    let left: Vec<_> = std::fs::read_dir(server.data_dir().join("ledger")).map(Iterator::collect).unwrap_or_default();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(answers(&directory, &server), before);
    assert_eq!(directory.verified(&["verify"]).0, 0);
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn who_is_erased_is_gone_from_the_archive_and_what_is_held_does_not_go_there() {
    let server = ObjectServer::start(Kind::S3sFs);
    let directory = filled(400);
    directory.seal();
    let hold = directory.json(&["hold", "place", "--user", "person-9-zq", "--reason", "a claim", "--format", "json"]);
    let pushed: Value =
        serde_json::from_str(&ok(&directory, &server, &[&PUSH[..], &["--format", "json"]].concat())).unwrap();
    assert!(pushed["held"].as_u64() > Some(0), "{pushed}");
    directory.ok(&["hold", "release", hold["hold"].as_str().unwrap()]);
    ok(&directory, &server, &PUSH);
    ok(&directory, &server, &["subject", "erase", "person-3-zq", "--delete", "--now"]);
    ok(&directory, &server, &PUSH);
    let sql = "SELECT count(*) AS n FROM read_parquet('s3://archive/ledger/*.parquet', union_by_name = true) \
               WHERE \"input_features.note\" IN ('needle-3-zq', 'needle-53-zq', 'needle-103-zq')";
    let left: Value = serde_json::from_str(&server.duckdb(sql)).unwrap();
    assert_eq!(left[0]["n"], json!(0));
    let sql = "SELECT count(*) AS n FROM read_parquet('s3://archive/ledger/*.parquet', union_by_name = true) \
               WHERE \"input_features.note\" IN ('needle-4-zq', 'needle-54-zq')";
    let left: Value = serde_json::from_str(&server.duckdb(sql)).unwrap();
    assert_eq!(left[0]["n"], json!(2));
    ok(&directory, &server, &["verify"]);
    // Each segment has its manifest beside it, and nothing else is there.
    let status: Value =
        serde_json::from_str(&ok(&directory, &server, &["archive", "status", "--format", "json"])).unwrap();
    let archived = status["segments"].as_array().unwrap().iter().filter(|segment| segment["tier"] == "archive").count();
    assert_eq!(std::fs::read_dir(server.data_dir().join("ledger")).unwrap().count(), 3 * archived);
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn a_server_that_locks_objects_keeps_them_and_that_is_said() {
    let server = ObjectServer::start(Kind::MotoObjectLock);
    let directory = filled(200);
    directory.seal();
    let settings = "[archive]\nurl = \"s3://archive/ledger\"\nstorage_class = \"GLACIER_IR\"\nobject_lock = \"compliance\"\nobject_lock_days = 30\n";
    std::fs::write(directory.path().join("onrecord.toml"), settings).unwrap();
    let mut command = directory.command(&["archive", "push", "--all"]);
    let output =
        command.envs(server.env(&server.endpoint())).env("AWS_SERVER_SIDE_ENCRYPTION", "AES256").output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    let status: Value =
        serde_json::from_str(&ok(&directory, &server, &["archive", "status", "--format", "json"])).unwrap();
    let segment =
        status["segments"].as_array().unwrap().iter().find(|segment| segment["tier"] == "archive").unwrap().clone();
    let name = segment["segment"].as_str().unwrap();
    assert!(segment["locked_until"].is_string(), "{segment}");
    for ending in ["parquet", "index", "json"] {
        let head = server.request("HEAD", &format!("/ledger/{name}.{ending}"), &[], b"");
        let header = |wanted: &str| {
            let found = head.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.clone())
        };
        assert_eq!(header("x-amz-object-lock-mode").as_deref(), Some("COMPLIANCE"), "{ending}");
        assert_eq!(header("x-amz-storage-class").as_deref(), Some("GLACIER_IR"), "{ending}");
        assert_eq!(header("x-amz-server-side-encryption").as_deref(), Some("AES256"), "{ending}");
    }
    ok(&directory, &server, &["verify"]);
    // What is locked is not gone, and is not said to be.
    let versions = || server.request("GET", "/?versions", &[], b"").text().matches("<Version>").count();
    let waiting = |directory: &Directory| {
        let status = ok(directory, &server, &["archive", "status", "--format", "json"]);
        serde_json::from_str::<Value>(&status).unwrap()["waiting_for_removal"].as_u64().unwrap()
    };
    let locked = versions();
    ok(&directory, &server, &["archive", "restore"]);
    assert_eq!((versions(), waiting(&directory)), (locked, locked as u64 / 3));
    // Of what is not locked no version stays, though the bucket keeps versions.
    let unlocked = filled(20);
    ok(&unlocked, &server, &["archive", "push", "--all", "--to", "s3://archive/unlocked"]);
    assert!(locked >= 3 && versions() > locked);
    ok(&unlocked, &server, &["archive", "restore"]);
    assert_eq!((versions(), waiting(&unlocked)), (locked, 0));
    assert!(!server.request("GET", "/?versions", &[], b"").text().contains("<DeleteMarker>"));
    // A bucket without Object Lock does not do what is asked for, and nothing leaves the disk.
    let plain = ObjectServer::start(Kind::Moto);
    let other = filled(20);
    std::fs::write(other.path().join("onrecord.toml"), settings).unwrap();
    let output = run(&other, &plain, &plain.endpoint(), &["archive", "push", "--all"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("does not lock it"), "{}", text(&output.stdout));
    assert_eq!(other.count("SELECT count(*) FROM entries WHERE tier = 'archive'"), 0);
}

#[test]
fn a_place_that_is_none_is_refused() {
    let directory = Directory::init();
    for (arguments, problem) in [
        (&["archive", "push"][..], "say where to"),
        (&["archive", "push", "--to", "nowhere"], "s3://BUCKET/PREFIX"),
        (&["archive", "push", "--to", "ftp://x/y"], "s3://BUCKET/PREFIX"),
        (&["archive", "push", "--all", "--to", "file:///proc/nowhere/x"], "proc"),
        (&["archive", "restore", "no-such"], "no segment has the name"),
    ] {
        let output = directory.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).contains(problem), "{arguments:?}: {}", text(&output.stderr));
    }
    let inside = format!("file://{}/segments", directory.path().display());
    assert!(directory.fails(&["archive", "push", "--all", "--to", &inside]).contains("is the data directory itself"));
    for (settings, problem) in [
        ("[archive]\nobject_lock = \"compliance\"\n", "go together"),
        ("[archive]\nobject_lock = \"compliance\"\nobject_lock_days = 0\n", "from 1 to"),
        ("[archive]\nuri = \"x\"\n", "uri"),
    ] {
        std::fs::write(directory.path().join("onrecord.toml"), settings).unwrap();
        assert!(directory.fails(&["archive", "status"]).contains(problem), "{settings}");
    }
}

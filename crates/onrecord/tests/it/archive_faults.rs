//! An archive that fails: away, refusing, full, slow, with an answer that is lost, cut or changed. Nothing is lost and nothing
//! wrong is answered; what could not be read is said.

use crate::archive::{PUSH, filled, ok, run};
use crate::program::{Directory, text};
use onrecord_testing::fault_proxy::Fault;
use onrecord_testing::object_server::Kind;
use onrecord_testing::{FaultProxy, ObjectServer};
use serde_json::json;
use std::time::Duration;

const COUNT: &str =
    "SELECT count(*) AS n, sum(confidence) AS c, count(DISTINCT input_features->>'note') AS d FROM decisions";

fn local_segments(directory: &Directory) -> usize {
    directory.files().iter().filter(|file| file.starts_with("segments/") && file.ends_with(".parquet")).count()
}

/// Decisions in segments, and what a query says of them.
fn house() -> (Directory, Vec<serde_json::Value>) {
    let directory = filled(600);
    directory.seal();
    let expected = directory.rows(COUNT);
    (directory, expected)
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn a_push_that_fails_changes_nothing_and_the_next_one_does_it() {
    let server = ObjectServer::start(Kind::S3sFs);
    let proxy = FaultProxy::start(server.address());
    let (directory, expected) = house();
    type Told<'a> = (&'a dyn Fn(&FaultProxy), &'a str);
    let faults: [Told<'_>; 5] = [
        (&|proxy| proxy.refuse(), ""),
        (&|proxy| proxy.always(Fault::Answer(403), "PUT", ""), "refused"),
        (&|proxy| proxy.always(Fault::Answer(507), "PUT", ".parquet"), ""),
        (&|proxy| proxy.always(Fault::FlipBit(5_000), "GET", ".parquet"), "something else is there"),
        (&|proxy| proxy.always(Fault::CutAfter(3_000), "GET", ".parquet"), ""),
    ];
    for (at, (fault, told)) in faults.iter().enumerate() {
        fault(&proxy);
        let output = run(&directory, &server, &proxy.endpoint(), &PUSH);
        assert_eq!(output.status.code(), Some(1), "fault {at}: {}", text(&output.stdout));
        assert!(text(&output.stdout).contains(told), "fault {at}: {}", text(&output.stdout));
        proxy.clear();
        proxy.accept();
        assert!(local_segments(&directory) > 0);
        assert_eq!(directory.rows(COUNT), expected, "fault {at}");
        assert_eq!(directory.verified(&["verify"]).1["faults"], json!([]));
    }
    // Answers that are lost are asked for again.
    proxy.times(3, Fault::LoseAnswer, "PUT", "");
    proxy.times(2, Fault::Answer(503), "", "");
    proxy.times(2, Fault::Delay(Duration::from_millis(300)), "", "");
    let output = run(&directory, &server, &proxy.endpoint(), &PUSH);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(local_segments(&directory), 0);
    let rows = ok(&directory, &server, &["sql", COUNT, "--format", "jsonl"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&rows).unwrap(), expected[0]);
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn while_the_archive_is_away_writes_go_on_and_reading_it_says_so() {
    let server = ObjectServer::start(Kind::S3sFs);
    let proxy = FaultProxy::start(server.address());
    let (directory, expected) = house();
    ok(&directory, &server, &PUSH);
    proxy.refuse();
    let away = |arguments: &[&str]| run(&directory, &server, &proxy.endpoint(), arguments);
    let output = away(&["sql", COUNT]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("archive"), "{}", text(&output.stderr));
    let lines: String = (0..20)
        .map(|at| {
            format!(
                "{}\n",
                json!({"model_id": "m", "model_version": "1", "input_features": {"at": at}, "prediction": 1})
            )
        })
        .collect();
    let file = directory.write("more.jsonl", lines);
    let output = away(&["import", &file]);
    assert!(output.status.success(), "writes do not need it: {}", text(&output.stderr));
    let output = away(&["verify", "--format", "json"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stdout));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["faults"] == json!([]) && report["unchecked"].to_string().contains("archive"), "{report}");
    let output = away(&["subject", "erase", "person-3-zq", "--delete", "--now"]);
    assert_eq!(output.status.code(), Some(1), "where the person's records are cannot be told now");
    assert!(text(&output.stderr).contains("archive"), "{}", text(&output.stderr));
    proxy.accept();
    assert!(away(&["subject", "erase", "person-3-zq", "--delete", "--now"]).status.success());
    let rows = ok(
        &directory,
        &server,
        &["sql", "SELECT count(*) AS n FROM decisions WHERE model_id = 'loan'", "--format", "jsonl"],
    );
    let left = expected[0]["n"].as_u64().unwrap() - 12;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&rows).unwrap()["n"], json!(left));
    assert!(away(&["verify"]).status.success());
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn what_was_changed_in_the_archive_is_not_believed() {
    let server = ObjectServer::start(Kind::S3sFs);
    let (directory, expected) = house();
    ok(&directory, &server, &PUSH);
    let place = server.data_dir().join("ledger");
    let objects = std::fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path());
    let object = objects.filter(|path| path.extension().is_some_and(|end| end == "parquet"));
    let object = object.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let whole = std::fs::read(&object).unwrap();
    let mut changed = whole.clone();
    (4..whole.len() / 2).step_by(97).for_each(|at| changed[at] ^= 1);
    for bytes in [Some(changed), Some(whole[..whole.len() / 3].to_vec()), None] {
        match &bytes {
            Some(bytes) => std::fs::write(&object, bytes).unwrap(),
            None => std::fs::remove_file(&object).unwrap(),
        }
        let output = run(&directory, &server, &server.endpoint(), &["sql", COUNT]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
        let output = run(&directory, &server, &server.endpoint(), &["verify"]);
        assert_eq!(output.status.code(), Some(1), "it is a fault: {}", text(&output.stdout));
        let output = run(&directory, &server, &server.endpoint(), &["archive", "restore"]);
        assert_eq!(output.status.code(), Some(1));
    }
    std::fs::write(&object, whole).unwrap();
    ok(&directory, &server, &["verify"]);
    let rows = ok(&directory, &server, &["sql", COUNT, "--format", "jsonl"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&rows).unwrap(), expected[0]);
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn wrong_credentials_a_read_only_bucket_and_a_full_one_are_said() {
    let (directory, expected) = house();
    let server = ObjectServer::start(Kind::Moto);
    let mut wrong = directory.command(&PUSH);
    let wrong = wrong.envs(server.env(&server.endpoint())).env("AWS_SECRET_ACCESS_KEY", "not-it").output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stdout).contains("credentials"), "{}", text(&wrong.stdout));
    assert!(!text(&wrong.stdout).contains("not-it") && !text(&wrong.stderr).contains("not-it"));
    let none = directory.run(&["archive", "push", "--all", "--to", "s3://archive/x"]);
    assert_eq!(none.status.code(), Some(1));
    server.read_only();
    let output = run(&directory, &server, &server.endpoint(), &PUSH);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("refused"), "{}", text(&output.stdout));
    let full = ObjectServer::start_small(64 * 1024);
    let output = run(&directory, &full, &full.endpoint(), &PUSH);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert_eq!(directory.rows(COUNT), expected);
    assert_eq!(directory.verified(&["verify"]).1["faults"], json!([]));
}

//! What a server needs before it starts, and what it does while the disk is full.

use crate::program::{Directory, Server, decision, failed, text, wait_until};
use std::process::Command;

#[test]
fn a_listener_in_plain_beyond_this_machine_must_be_asked_for() {
    let directory = Directory::init();
    for address in ["0.0.0.0:0", "[::]:0", "nowhere"] {
        let output = directory.run(&["serve", "--listen", address]);
        assert_eq!(output.status.code(), Some(2), "{address}: {}", text(&output.stderr));
        if address != "nowhere" {
            let said = text(&output.stderr);
            assert!(said.contains("--plaintext") && said.contains("--tls-cert"), "{said}");
        }
    }
    let mut open = directory.command(&["serve", "--listen", "0.0.0.0:0", "--plaintext"]);
    let server = Server::start(&mut open, &directory.token);
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn a_second_server_on_a_directory_is_refused_by_name() {
    let directory = Directory::init();
    let server = directory.serve();
    let printed = directory.fails(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(printed.contains(&format!("process {}", server.process())), "{printed}");
    assert_eq!(server.post("/v1/decisions", decision("")).status, 201, "the first goes on");
    server.kill();
    assert_eq!(directory.serve().recorded(), 1, "a lock does not outlive its process");
}

#[test]
fn what_is_no_directory_of_ours_is_said_to_be_none() {
    let directory = Directory::absent();
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["sql", "SELECT 1"], &["verify"], &["log"]] {
        let printed = directory.fails(command);
        assert!(printed.contains(directory.path().to_str().unwrap()) && printed.contains("init"), "{printed}");
        assert!(!directory.path().exists(), "{command:?} makes nothing");
    }
    let made = Directory::init();
    let before = made.files();
    let printed = made.fails(&["init"]);
    assert!(printed.contains(made.path().to_str().unwrap()), "{printed}");
    assert_eq!(made.files(), before, "init overwrites nothing");
}

/// A limit on the size of files stands in for a full disk: it needs no rights, and it can be lifted while the server
/// runs.
#[test]
fn a_full_disk_is_said_so_and_work_goes_on_when_there_is_room() {
    let directory = Directory::init();
    let program = directory.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut limited = Command::new("bash");
    limited.args(["-c", r#"trap "" XFSZ; ulimit -S -f 4096; exec "$@""#, "bash"]);
    limited.arg(program.get_program()).args(program.get_args()).env("ONRECORD_DATA", directory.path());
    let server = Server::start(&mut limited, &directory.token);
    // Not so long that it would be kept apart from the record.
    let padding = "x".repeat(60_000);
    let padding = format!(r#"{{"a":"{padding}","b":"{padding}","c":"{padding}"}}"#);
    let body = |at: u64| decision(&format!(r#","decisionId":"d-{at}","metadata":{padding}"#));
    let mut accepted = 0;
    let refused = loop {
        let answer = server.post("/v1/decisions", body(accepted));
        if answer.status != 201 {
            break answer;
        }
        accepted += 1;
        assert!(accepted < 100, "4 MiB hold no {accepted} records of 180 kB");
    };
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(server.post("/v1/decisions", body(accepted)).status, 503, "it stays so");
    assert_eq!((server.get("/healthz").status, server.get("/readyz").status), (200, 503));

    let lift = ["--fsize=unlimited", "--pid", &server.process().to_string()];
    assert!(Command::new("prlimit").args(lift).status().unwrap().success());
    wait_until("there is room again", || server.post("/v1/decisions", body(accepted)).status == 201);
    assert_eq!(server.get("/readyz").status, 200);
    let ids = server.rows("SELECT decision_id FROM decisions ORDER BY leaf_index");
    let expected: Vec<String> = (0..=accepted).map(|at| format!("d-{at}")).collect();
    assert_eq!(ids.iter().map(|row| row["decision_id"].as_str().unwrap()).collect::<Vec<_>>(), expected);
    assert_eq!(server.stop().0, Some(0));
    directory.ok(&["verify"]);
}

#[test]
fn a_setting_that_says_nothing_is_refused_by_name() {
    let directory = Directory::init();
    for variable in ["ONRECORD_QUERY_MEMORY_MB", "ONRECORD_COLUMN_MEMORY_MB", "ONRECORD_RECORD_MB"] {
        for setting in ["much", "0", "-1", ""] {
            let mut command = directory.command(&["sql", "SELECT 1"]);
            let output = command.env(variable, setting).output().unwrap();
            assert!(failed(&output, setting).contains(variable));
        }
    }
}

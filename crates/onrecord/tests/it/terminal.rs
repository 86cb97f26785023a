//! What a person at a terminal sees.

use crate::program::{Directory, PROGRAM, text};
use std::io::Write;
use std::process::{Command, Stdio};

/// Runs a command line of the program in a pseudo-terminal, after `before`, and gives what it shows.
fn in_terminal(directory: &Directory, before: &str, arguments: &[&str]) -> String {
    let quote = |argument: &str| format!("'{}'", argument.replace('\'', r"'\''"));
    let words: Vec<String> = std::iter::once(PROGRAM).chain(arguments.iter().copied()).map(quote).collect();
    let line = format!("{before}{}", words.join(" "));
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]).env("ONRECORD_DATA", directory.path());
    let output = script.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout).replace("\r\n", "\n")
}

/// Where a terminal has no width, as in an editor's or in a pipeline's.
#[test]
fn u1_an_unknown_width_is_not_zero() {
    let directory = Directory::demo();
    let sql = "SELECT decision_id, model_id, overridden FROM ai_audit_logs ORDER BY leaf_index LIMIT 1";
    for width in ["stty cols 0 rows 0; ", "stty cols 120 rows 40; "] {
        let shown = in_terminal(&directory, width, &["sql", sql]);
        assert!(shown.contains("│ decision_id ┆ model_id"), "{width}: {shown}");
        assert_eq!(shown.lines().filter(|line| line.starts_with('│')).count(), 2, "{width}: {shown}");
    }
}

#[test]
fn u1_rows_that_do_not_fit_are_shown_as_lines() {
    let directory = Directory::demo();
    let sql = "SELECT decision_id, confidence, override_reason, input_features FROM ai_audit_logs ORDER BY leaf_index LIMIT 2";
    let shown = in_terminal(&directory, "stty cols 60 rows 40; ", &["sql", sql]);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], "-[ row 1 ]-");
    assert_eq!(lines[1], "decision_id: loan-0001");
    assert!(lines[2].starts_with("confidence: 0."), "{shown}");
    assert!(lines[3].starts_with("override_reason:"), "{shown}");
    assert!(lines[4].starts_with("input_features: {") && lines[4].ends_with('}'), "{shown}");
    assert_eq!((lines[5], lines[6]), ("", "-[ row 2 ]-"), "{shown}");
    assert_eq!(*lines.last().unwrap(), "2 rows");
}

/// `onrecord import` at its bar: rates are whole numbers.
#[test]
fn u4_rates_have_no_fractions() {
    let directory = Directory::demo();
    let shown = in_terminal(&directory, "stty cols 120 rows 40; ", &["verify"]);
    let rates: Vec<&str> = shown.split_whitespace().filter(|word| word.contains("/s")).collect();
    assert!(!rates.is_empty() && rates.iter().all(|rate| !rate.contains('.')), "{shown}");
}

#[test]
fn u5_the_version_names_commit_and_build() {
    let output = Command::new(PROGRAM).arg("--version").output().unwrap();
    let said = text(&output.stdout);
    let (version, build) = said.trim().strip_prefix("onrecord ").and_then(|said| said.split_once(" (commit ")).unwrap();
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    let (commit, profile) = build.strip_suffix(" build)").and_then(|build| build.split_once(", ")).unwrap();
    let profiles = if cfg!(debug_assertions) { "debug" } else { "release" };
    assert_eq!(profile, profiles);
    let head = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    match head.ok().filter(|head| head.status.success()) {
        Some(head) => {
            let commit = commit.strip_suffix("+changes").unwrap_or(commit);
            assert!(text(&head.stdout).starts_with(commit), "{said}");
        }
        None => assert_eq!(commit, "unknown"),
    }
}

#[test]
fn u5_completions_and_manual_pages_are_printed() {
    let print = |arguments: &[&str]| {
        let output = Command::new(PROGRAM).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    for shell in ["bash", "zsh", "fish"] {
        let script = print(&["completions", shell]);
        for word in ["import", "skip-bad", "completions"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    // The shell itself takes it.
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(print(&["completions", "bash"]).as_bytes()).unwrap();
    let check = bash.wait_with_output().unwrap();
    assert!(check.status.success(), "{}", text(&check.stderr));
    let page = print(&["man"]);
    assert!(page.contains(".TH onrecord 1") && page.contains("SUBCOMMANDS"), "{page}");
    let page = print(&["man", "serve"]);
    assert!(page.contains("onrecord serve") && page.contains("ONRECORD_STATEMENT_TIMEOUT_SECONDS"), "{page}");
    assert_eq!(Command::new(PROGRAM).args(["man", "nothing"]).output().unwrap().status.code(), Some(2));
}

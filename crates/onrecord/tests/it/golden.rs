//! What programs are written against, as files in `golden/`: the description of the HTTP contract, the help of every
//! command, the names of the metrics. A change of one shows in review. `ONRECORD_GOLDEN=write cargo test golden` writes them.

use crate::program::{Directory, PROGRAM, repository, text};
use serde_json::Value;
use std::process::Command;

#[track_caller]
fn check(name: &str, found: &str) {
    let path = repository().join("golden").join(name);
    if std::env::var_os("ONRECORD_GOLDEN").is_some_and(|what| what == "write") {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if let Some((at, (found, expected))) =
        found.lines().zip(expected.lines()).enumerate().find(|(_, (found, expected))| found != expected)
    {
        panic!("golden/{name}, line {}: expected {expected:?}, found {found:?}", at + 1);
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "golden/{name} has more or fewer lines");
}

#[test]
fn the_description_of_the_http_contract() {
    let directory = Directory::init();
    let description: Value = directory.serve().get("/openapi.json").json();
    check("openapi.json", &(serde_json::to_string_pretty(&description).unwrap() + "\n"));
}

/// The help of the program and of its commands, at any depth, one after the other.
#[test]
fn the_help_of_every_command() {
    let mut found = String::new();
    let mut open = vec![Vec::new()];
    while let Some(path) = open.pop() {
        let mut command = Command::new(PROGRAM);
        for variable in
            std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("ONRECORD_"))
        {
            command.env_remove(variable);
        }
        let output = command.args(&path).arg("--help").env("COLUMNS", "100").output().unwrap();
        let help = text(&output.stdout);
        let commands = help.split("Commands:\n").nth(1).unwrap_or_default();
        let lines = commands.lines().take_while(|line| !line.is_empty());
        // What is said of a command may go on in the next line, further in.
        let names = lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
        let names: Vec<String> = names.filter(|name| *name != "help").map(str::to_owned).collect();
        open.extend(names.into_iter().rev().map(|name| [path.clone(), vec![name]].concat()));
        let words = [vec!["onrecord".to_owned()], path].concat().join(" ");
        found.push_str(&format!("$ {words} --help\n{help}\n"));
    }
    check("help.txt", &found);
}

#[test]
fn the_names_of_the_metrics() {
    let directory = Directory::demo();
    let server = directory.serve();
    // What is counted by path appears once there was a request.
    assert_eq!(server.sql("SELECT 1", "application/json").status, 200);
    let metrics = server.get("/metrics").text();
    let mut names: Vec<&str> = metrics.lines().filter(|line| line.starts_with("# ")).collect();
    names.sort_unstable();
    check("metrics.txt", &(names.join("\n") + "\n"));
}

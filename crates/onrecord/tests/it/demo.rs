//! `onrecord demo`: a thousand decisions, and three things worth trying that work as they are printed.

use crate::program::{Directory, PROGRAM, text, verifier_program};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// Runs what a person would paste into a shell, with the two programs in the path.
fn shell(directory: &Directory, script: &str) -> Output {
    let found_in = [Path::new(PROGRAM).parent().unwrap(), verifier_program().parent().unwrap()];
    let others = std::env::var_os("PATH").unwrap();
    let path = std::env::join_paths(found_in.into_iter().map(Path::to_owned).chain(std::env::split_paths(&others)));
    let mut command = Command::new("sh");
    command.args(["-e", "-c", script]).env("PATH", path.unwrap()).current_dir(directory.beside("."));
    for name in ["ONRECORD_DATA", "ONRECORD_URL", "ONRECORD_TOKEN"] {
        command.env_remove(name);
    }
    command.output().unwrap()
}

/// The indented lines below each numbered heading.
fn scripts(printed: &str) -> Vec<String> {
    let mut scripts: Vec<String> = Vec::new();
    for line in printed.lines() {
        if line.starts_with(|char: char| char.is_ascii_digit()) && line.contains("  ") {
            scripts.push(String::new());
        } else if let (Some(script), Some(command)) = (scripts.last_mut(), line.strip_prefix("   ")) {
            script.push_str(command);
            script.push('\n');
        }
    }
    scripts
}

#[test]
fn the_demo_loads_and_what_it_prints_works_as_printed() {
    let directory = Directory::absent();
    let printed = directory.ok(&["demo", "--load-only"]);
    assert!(printed.contains("1260 entries"), "{printed}");
    for (kind, count) in [("decisions", 1000), ("reviews", 60), ("outcomes", 200), ("ai_audit_logs", 1000)] {
        assert_eq!(directory.count(&format!("SELECT COUNT(*) FROM {kind}")), count, "{kind}");
    }
    let scripts = scripts(&printed);
    assert_eq!(scripts.len(), 3, "{printed}");
    let answers: Vec<String> = scripts
        .iter()
        .map(|script| {
            let output = shell(&directory, script);
            assert!(output.status.success(), "{script}: {}", text(&output.stderr));
            text(&output.stdout)
        })
        .collect();

    let groups: Value = serde_json::from_str(&answers[0]).unwrap();
    let groups = groups["rows"].as_array().unwrap();
    assert_eq!(groups.iter().map(|row| &row["gender"]).collect::<Vec<_>>(), ["female", "male"]);
    assert_eq!(groups.iter().map(|row| row["decisions"].as_u64().unwrap()).sum::<u64>(), 1000);
    assert!(groups.iter().all(|row| (0.5..1.0).contains(&row["approval_rate"].as_f64().unwrap())));

    let told: Value = serde_json::from_str(&answers[1]).unwrap();
    let told = told["rows"].as_array().unwrap();
    assert_eq!(told.len(), 5, "{told:?}");
    assert!(told.iter().all(|row| row["override_reason"].is_string() && row["human_decision"].is_object()), "{told:?}");
    assert!(told.iter().all(|row| row["user_id"].as_str().unwrap().starts_with("user_")), "{told:?}");

    assert!(answers[2].starts_with("yes: "), "{}", answers[2]);
    let bundle = directory.beside("loan-0001.json");
    let forged = std::fs::read_to_string(&bundle).unwrap().replacen("\"leaf_index\": ", "\"leaf_index\": 1", 1);
    std::fs::write(&bundle, forged).unwrap();
    let check = scripts[2].lines().find(|line| line.contains(" bundle ")).unwrap();
    let output = shell(&directory, check);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(text(&output.stdout).starts_with("no: "), "{}", text(&output.stdout));
}

#[test]
fn the_demo_serves_its_own_directory_again() {
    let directory = Directory::absent();
    directory.ok(&["demo", "--load-only"]);
    let printed = directory.ok(&["demo", "--load-only"]);
    assert!(printed.contains("nothing was loaded") && printed.contains("Three things"), "{printed}");
    assert_eq!(directory.count("SELECT COUNT(*) FROM decisions"), 1000);
}

#[test]
fn the_demo_needs_a_fresh_directory() {
    let directory = Directory::init();
    let printed = directory.fails(&["demo", "--load-only"]);
    assert!(printed.contains(directory.path().to_str().unwrap()), "{printed}");
    assert_eq!(directory.count("SELECT COUNT(*) FROM decisions"), 0);
}

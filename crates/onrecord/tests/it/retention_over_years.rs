//! Retention and holds against a naive model: decisions of many ages, made by a program whose clock is set back; what a run
//! leaves is what the model leaves, also when it was killed in the middle.

use crate::program::{Directory, text};
use onrecord_testing::Random;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::{Command, Stdio};

/// The program, started so many days ago.
fn days_ago(directory: &Directory, days: u32, arguments: &[&str]) -> String {
    let program = directory.command(arguments);
    let mut command = Command::new("faketime");
    command.args(["-f", &format!("-{days}d")]).arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command.env("DONT_FAKE_MONOTONIC", "1").stdin(Stdio::null()).output();
    let output = output.expect("faketime (Debian's package of that name) sets the clock back");
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// A decision, as the model has it.
struct Decision {
    id: String,
    user: String,
    model: &'static str,
    policy: Option<&'static str>,
    days: Option<u32>,
    age_days: u32,
}

/// Days by policy, with the least that a decision can ask for.
const RULES: [(&str, u32, u32); 3] = [("standard", 365, 30), ("development", 90, 90), ("high_risk", 3650, 3650)];

impl Decision {
    fn is_due(&self) -> bool {
        let policy = self.policy.unwrap_or("standard");
        let (_, days, min_days) = RULES.into_iter().find(|(name, ..)| *name == policy).unwrap();
        self.age_days >= self.days.map_or(days, |asked| asked.max(min_days))
    }

    fn sent(&self) -> String {
        let mut sent = json!({
            "decision_id": self.id, "user_id": self.user, "model_id": self.model, "model_version": "1",
            "input_features": {"id": self.id}, "prediction": {"approved": true},
        });
        for (name, value) in [
            ("data_retention_policy", self.policy.map(Value::from)),
            ("data_retention_days", self.days.map(Value::from)),
        ] {
            sent.as_object_mut().unwrap().extend(value.map(|value| (name.to_owned(), value)));
        }
        format!("{sent}\n")
    }
}

/// Decisions of four ages, each third with a review and an outcome.
fn fill(directory: &Directory, seed: u64) -> Vec<Decision> {
    let mut random = Random::new(seed);
    let mut all = Vec::new();
    for age_days in [400, 200, 95, 20] {
        let mut lines = String::new();
        for _ in 0..150 {
            let decision = Decision {
                id: format!("d-{}", all.len()),
                user: format!("user-{}", random.below(12)),
                model: ["loan", "fraud"][random.place(2)],
                policy: [None, Some("standard"), Some("development"), Some("high_risk")][random.place(4)],
                days: [None, None, Some(1), Some(100), Some(300), Some(36_525)][random.place(6)],
                age_days,
            };
            lines.push_str(&decision.sent());
            if random.below(3) == 0 {
                lines.push_str(&format!(
                    "{}\n{}\n",
                    json!({"kind": "review", "decision_id": decision.id, "overridden": false}),
                    json!({"kind": "outcome", "decision_id": decision.id, "outcome": true})
                ));
            }
            all.push(decision);
        }
        let file = directory.write(&format!("{age_days}.jsonl"), lines);
        days_ago(directory, age_days, &["import", &file]);
    }
    all
}

fn directory() -> Directory {
    let directory = Directory::absent();
    days_ago(&directory, 400, &["init", "--origin", "test.example/ledger"]);
    let policy = directory.path().join("policy.toml");
    let text = std::fs::read_to_string(&policy).unwrap();
    std::fs::write(&policy, text.replace("days = 365,", "days = 365, min_days = 30,")).unwrap();
    directory
}

fn ids(directory: &Directory, table: &str) -> BTreeSet<String> {
    let rows = directory.rows(&format!("SELECT decision_id FROM {table}"));
    rows.iter().map(|row| row["decision_id"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn check(directory: &Directory, expected: &BTreeSet<String>, followed: &BTreeSet<String>) {
    assert_eq!(&ids(directory, "decisions"), expected);
    for table in ["reviews", "outcomes"] {
        assert_eq!(ids(directory, table), followed.intersection(expected).cloned().collect());
    }
    let report = directory.json(&["verify", "--format", "json"]);
    assert_eq!((&report["faults"], &report["removable"]), (&json!([]), &json!(0)), "{report}");
}

#[test]
fn what_is_due_goes_and_what_is_held_or_not_due_stays() {
    let directory = directory();
    let all = fill(&directory, 7);
    let followed = ids(&directory, "reviews");
    let hold = |arguments: &[&str]| {
        let placed =
            directory.json(&[&["hold", "place"], arguments, &["--reason", "a claim", "--format", "json"]].concat());
        placed["hold"].as_str().unwrap().to_owned()
    };
    let of_user = hold(&["--user", "user-3", "--case", "7"]);
    let of_model = hold(&["--model", "fraud", "--until", "2100-01-01"]);
    let one_by_one = hold(&["--where", "decision_id IN ('d-1', 'd-2', 'd-3', 'd-4', 'd-5', 'd-6')"]);
    let is_held = |decision: &Decision| decision.user == "user-3" || decision.model == "fraud";
    let is_named = |decision: &Decision| (1..7).any(|at| decision.id == format!("d-{at}"));

    let expected = |stays: &dyn Fn(&Decision) -> bool| -> BTreeSet<String> {
        all.iter().filter(|decision| stays(decision)).map(|decision| decision.id.clone()).collect()
    };
    let stay = expected(&|decision| !decision.is_due() || is_held(decision) || is_named(decision));
    let due = all.len() - stay.len();
    assert!(due > 50 && stay.len() > 50);
    let plan = directory.json(&["retention", "plan", "--format", "json"]);
    let planned: u64 =
        plan["policies"].as_array().unwrap().iter().map(|policy| policy["decisions"].as_u64().unwrap()).sum();
    assert_eq!(planned as usize, due);
    assert_eq!(ids(&directory, "decisions").len(), all.len(), "a plan changes nothing");
    let run = directory.json(&["retention", "run", "--format", "json"]);
    assert_eq!(run["unconfirmed"], json!([]));
    check(&directory, &stay, &followed);
    let status = directory.json(&["retention", "status", "--format", "json"]);
    let sum = |name: &str| -> u64 {
        status["policies"].as_array().unwrap().iter().map(|policy| policy[name].as_u64().unwrap()).sum()
    };
    assert_eq!((sum("due"), sum("held")), (sum("held"), sum("due")), "what is still due is held");
    assert_eq!(status["waiting_for_removal"], json!(0));

    // A held person is not erased. What is released becomes due.
    assert!(directory.fails(&["subject", "erase", "user-3"]).contains(&of_user));
    for hold in [&of_user, &of_model, &one_by_one] {
        directory.ok(&["hold", "release", hold]);
    }
    directory.ok(&["retention", "run"]);
    check(&directory, &expected(&|decision| !decision.is_due()), &followed);
    let again = directory.json(&["retention", "run", "--format", "json"]);
    assert_eq!(again["removal"]["records"], json!(0));
    let entries = directory.rows("SELECT policy, sum(count)::int AS n FROM retentions GROUP BY policy ORDER BY policy");
    assert_eq!(entries.len(), 2, "{entries:?}");
}

#[test]
fn a_run_that_is_killed_is_finished_by_the_next() {
    let directory = directory();
    let all = fill(&directory, 11);
    let followed = ids(&directory, "reviews");
    let stay: BTreeSet<String> =
        all.iter().filter(|decision| !decision.is_due()).map(|decision| decision.id.clone()).collect();
    for after_ms in [5, 40, 80, 120, 160, 200, 260, 320] {
        let mut run =
            directory.command(&["retention", "run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(after_ms));
        run.kill().unwrap();
        run.wait().unwrap();
        // Nothing that stays is missing, and what is gone is explained.
        assert!(ids(&directory, "decisions").is_superset(&stay));
        assert_eq!(directory.verified(&["verify"]).1["faults"], json!([]));
    }
    directory.ok(&["retention", "run"]);
    check(&directory, &stay, &followed);
}

#[test]
fn a_policy_made_shorter_takes_effect_when_it_is_confirmed() {
    let directory = directory();
    let all = fill(&directory, 13);
    let run = |arguments: &[&str]| directory.json(&[&["retention", "run", "--format", "json"], arguments].concat());
    run(&[]);
    let left = ids(&directory, "decisions");
    let policy = directory.path().join("policy.toml");
    let text = std::fs::read_to_string(&policy).unwrap();
    std::fs::write(&policy, text.replace("days = 3650,", "days = 10,")).unwrap();
    let waits = json!([{"policy": "high_risk", "days": 3650, "wanted_days": 10}]);
    assert_eq!(directory.json(&["retention", "plan", "--format", "json"])["unconfirmed"], waits);
    assert_eq!(run(&[])["unconfirmed"], waits);
    assert_eq!(ids(&directory, "decisions"), left);
    assert_eq!(run(&["--confirm"])["unconfirmed"], json!([]));
    let is_kept = |decision: &&Decision| {
        decision.policy == Some("high_risk") && decision.age_days >= decision.days.unwrap_or(10).max(10)
    };
    let gone: BTreeSet<String> = all.iter().filter(is_kept).map(|decision| decision.id.clone()).collect();
    assert_eq!(ids(&directory, "decisions"), left.difference(&gone).cloned().collect());
    for wrong in ["days = -1,", "days = 0,", "", "days = 99999999999,", "days = 1.5,"] {
        std::fs::write(&policy, text.replace("days = 3650,", wrong)).unwrap();
        let told = directory.fails(&["retention", "plan"]);
        assert!(told.contains("policy.toml"), "{wrong}: {told}");
    }
}

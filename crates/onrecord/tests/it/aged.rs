//! Decisions of many ages, made by a program whose clock is set back, and what should become of them.

use crate::program::{Directory, text};
use onrecord_testing::Random;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::{Command, Stdio};

/// The program, started so many days ago.
pub(crate) fn days_ago(directory: &Directory, days: u32, arguments: &[&str]) -> String {
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
pub(crate) struct Decision {
    pub(crate) id: String,
    pub(crate) user: String,
    pub(crate) model: &'static str,
    pub(crate) policy: Option<&'static str>,
    pub(crate) days: Option<u32>,
    pub(crate) age_days: u32,
}

/// Days by policy, with the least that a decision can ask for.
const RULES: [(&str, u32, u32); 3] = [("standard", 365, 30), ("development", 90, 90), ("high_risk", 3650, 3650)];

impl Decision {
    pub(crate) fn is_due(&self) -> bool {
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
pub(crate) fn fill(directory: &Directory, seed: u64) -> Vec<Decision> {
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

pub(crate) fn directory() -> Directory {
    let directory = Directory::absent();
    days_ago(&directory, 400, &["init", "--origin", "test.example/ledger"]);
    let policy = directory.path().join("policy.toml");
    let text = std::fs::read_to_string(&policy).unwrap();
    std::fs::write(&policy, text.replace("days = 365,", "days = 365, min_days = 30,")).unwrap();
    directory
}

pub(crate) fn ids(directory: &Directory, table: &str) -> BTreeSet<String> {
    let rows = directory.rows(&format!("SELECT decision_id FROM {table}"));
    rows.iter().map(|row| row["decision_id"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
pub(crate) fn check(directory: &Directory, expected: &BTreeSet<String>, followed: &BTreeSet<String>) {
    assert_eq!(&ids(directory, "decisions"), expected);
    for table in ["reviews", "outcomes"] {
        assert_eq!(ids(directory, table), followed.intersection(expected).cloned().collect());
    }
    let report = directory.json(&["verify", "--format", "json"]);
    assert_eq!((&report["faults"], &report["removable"]), (&json!([]), &json!(0)), "{report}");
}

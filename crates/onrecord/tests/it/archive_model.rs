//! Holds, erasures, retention and the archive against a naive model: in any order, each of them killed now and then, what is
//! there is what the model has, and no object is left in the archive that no segment has.

use crate::aged::{self, Decision};
use crate::program::Directory;
use onrecord_testing::Random;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

struct Model<'a> {
    directory: &'a Directory,
    place: PathBuf,
    all: &'a [Decision],
    /// The ids of the decisions that are there.
    there: BTreeSet<String>,
    /// Users who were erased: their names lead nowhere.
    erased: BTreeSet<String>,
    /// By the name of the hold, the user whom it is about.
    holds: BTreeMap<String, String>,
}

impl Model<'_> {
    fn url(&self) -> String {
        format!("file://{}", self.place.display())
    }

    fn is_held(&self, decision: &Decision) -> bool {
        // Who was unlinked is nobody whom a hold could name; whom a hold names is not erased.
        self.holds.values().any(|user| *user == decision.user)
    }

    /// Runs a command, or kills it in the middle and runs it again.
    fn run(&self, random: &mut Random, arguments: &[&str]) -> Value {
        for _ in 0..random.below(3) {
            let mut command = self.directory.command(arguments);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(20 + random.below(400)));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let output = self.directory.run(&[arguments, &["--format", "json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    fn step(&mut self, random: &mut Random) {
        let user = format!("user-{}", random.below(12));
        match random.below(7) {
            0 => {
                self.run(random, &["retention", "run"]);
                let stays = |decision: &Decision| !decision.is_due() || self.is_held(decision);
                let gone: BTreeSet<&String> =
                    self.all.iter().filter(|decision| !stays(decision)).map(|decision| &decision.id).collect();
                self.there.retain(|id| !gone.contains(id));
            }
            1 if !self.erased.contains(&user) => {
                let placed =
                    self.directory.run(&["hold", "place", "--user", &user, "--reason", "r", "--format", "json"]);
                // Nothing is held of whom nothing is there.
                let placed: Value = serde_json::from_slice(&placed.stdout).unwrap_or_default();
                if let Some(hold) = placed["hold"].as_str() {
                    self.holds.insert(hold.to_owned(), user);
                }
            }
            2 => {
                if let Some((hold, _)) = self.holds.pop_first() {
                    self.run_once(&["hold", "release", &hold]);
                }
            }
            3 if !self.erased.contains(&user) && !self.holds.values().any(|held| *held == user) => {
                let depth = ["--unlink", "--delete"][random.place(2)];
                let erased = self.directory.run(&["subject", "erase", &user, depth]);
                if erased.status.success() {
                    self.run(random, &["subject", "erase", "--pending"]);
                    if depth == "--delete" {
                        self.there.retain(|id| self.all.iter().all(|one| one.id != *id || one.user != user));
                    }
                    self.erased.insert(user);
                }
            }
            4 => drop(self.run(random, &["archive", "restore"])),
            _ => drop(self.run(random, &["archive", "push", "--all", "--to", &self.url()])),
        }
    }

    fn run_once(&self, arguments: &[&str]) {
        self.directory.ok(arguments);
    }

    fn check(&self, seed: u64, at: usize) {
        assert_eq!(aged::ids(self.directory, "decisions"), self.there, "seed {seed}, step {at}");
        for user in (0..12).map(|user| format!("user-{user}")) {
            let expected = self.all.iter().filter(|one| one.user == user && self.there.contains(&one.id)).count();
            let expected = if self.erased.contains(&user) { 0 } else { expected };
            let sql = format!("SELECT count(*) FROM ai_audit_logs WHERE user_id = '{user}'");
            assert_eq!(self.directory.count(&sql), expected as u64, "seed {seed}, step {at}, {user}");
        }
        let report = self.directory.verified(&["verify"]).1;
        assert_eq!(report["removable"], json!(0), "{report}");
        // Three objects of each segment that is there, or two where it had no index.
        let status = self.directory.json(&["archive", "status", "--format", "json"]);
        let segments = status["segments"].as_array().unwrap();
        let archived: BTreeSet<String> = segments
            .iter()
            .filter(|segment| segment["tier"] == "archive")
            .map(|segment| segment["segment"].as_str().unwrap().to_owned())
            .collect();
        let objects = std::fs::read_dir(&self.place).unwrap().map(|entry| entry.unwrap().path());
        let objects: BTreeSet<String> =
            objects.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        assert_eq!(objects, archived, "seed {seed}, step {at}");
    }
}

#[test]
fn holds_erasures_retention_and_the_archive_do_what_a_naive_model_does() {
    for seed in [3, 4] {
        let directory = aged::directory();
        let all = aged::fill(&directory, seed);
        let mut random = Random::new(seed);
        let place = directory.beside("archive");
        std::fs::create_dir(&place).unwrap();
        let there = all.iter().map(|decision| decision.id.clone()).collect();
        let mut model =
            Model { directory: &directory, place, all: &all, there, erased: BTreeSet::new(), holds: BTreeMap::new() };
        for at in 0..12 {
            model.step(&mut random);
            // What a killed push left in the archive goes with the next that is not.
            model.run_once(&["archive", "push", "--to", &model.url()]);
            model.check(seed, at);
        }
    }
}

#[test]
fn what_is_due_by_retention_is_archived_and_deleted_later() {
    let mut directory = aged::directory();
    directory.token = directory.make_token("all", "write,read,reveal,admin");
    let policy = directory.path().join("policy.toml");
    let text = std::fs::read_to_string(&policy).unwrap();
    let text = text.replace(
        "development = { days = 90,",
        "development = { days = 90, action = \"archive\", delete_after_days = 100,",
    );
    std::fs::write(&policy, text).unwrap();
    let line = |policy: &str, at: usize| {
        format!(
            "{}\n",
            json!({"decision_id": format!("{policy}-{at}"), "user_id": format!("u{at}"), "model_id": "m", "model_version": "1",
                "data_retention_policy": policy, "input_features": {}, "prediction": 1})
        )
    };
    for (age_days, policy) in [(200, "development"), (95, "development"), (94, "high_risk"), (20, "development")] {
        let lines: String = (0..40).map(|at| line(policy, at + age_days as usize * 1_000)).collect();
        let file = directory.write(&format!("{age_days}.jsonl"), lines);
        aged::days_ago(&directory, age_days, &["import", &file]);
        // A segment of its own.
        directory.seal();
    }
    let tiers = || {
        directory
            .rows("SELECT data_retention_policy AS p, tier, count(*) AS n FROM decisions GROUP BY 1, 2 ORDER BY 1, 2")
    };
    let waits = directory.json(&["retention", "plan", "--format", "json"]);
    assert!(waits.to_string().contains("no [archive] url"), "{waits}");
    let told = directory.json(&["retention", "run", "--format", "json"]);
    assert!(told["archived"]["waits"].as_str().unwrap().contains("say where to"), "{told}");
    let place = directory.beside("archive");
    std::fs::write(
        directory.path().join("onrecord.toml"),
        format!("[archive]\nurl = \"file://{}\"\n", place.display()),
    )
    .unwrap();
    let run = directory.json(&["retention", "run", "--format", "json"]);
    assert_eq!((&run["archived"]["segments"], &run["archived"]["failed"]), (&json!(1), &json!([])), "{run}");
    assert_eq!(
        tiers(),
        [
            json!({"p": "development", "tier": "archive", "n": 40}),
            json!({"p": "development", "tier": "local", "n": 40}),
            json!({"p": "high_risk", "tier": "local", "n": 40}),
        ],
        "those of 200 days were deleted by the first run, those of 95 are in the archive"
    );
    let recorded = directory.rows("SELECT action, sum(count)::int AS n FROM retentions GROUP BY 1 ORDER BY 1");
    assert_eq!(recorded, [json!({"action": "archive", "n": 40}), json!({"action": "delete", "n": 40})]);
    let archived = directory.rows("SELECT detail->'manifest'->>'rows' AS rows FROM systems WHERE what = 'archived'");
    assert_eq!(archived.len(), 1);
    let again = directory.json(&["retention", "run", "--format", "json"]);
    assert_eq!(again["archived"]["segments"], json!(0));
    assert_eq!(directory.verified(&["verify"]).0, 0);
}

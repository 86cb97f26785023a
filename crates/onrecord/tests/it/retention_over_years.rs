//! Retention and holds against a naive model: decisions of many ages, made by a program whose clock is set back; what a run
//! leaves is what the model leaves, also when it was killed in the middle.

use crate::aged::{Decision, check, days_ago, directory, fill, ids};
use serde_json::json;
use std::collections::BTreeSet;
use std::process::Stdio;

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
    let oldest: Vec<&str> = status["policies"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|policy| policy["oldest_recorded_at"].as_str())
        .collect();
    let is_rfc_3339 =
        |time: &&str| time.contains('T') && time.ends_with('Z') && time.parse::<jiff::Timestamp>().is_ok();
    assert!(!oldest.is_empty() && oldest.iter().all(is_rfc_3339), "{oldest:?}");

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
fn a_statement_goes_with_the_last_decision_that_it_stands_beside() {
    let directory = directory();
    let log = |days: u32, id: &str, user: &str| {
        let decision = json!({
            "decision_id": id, "user_id": user, "model_id": "m", "model_version": "1", "input_features": {}, "prediction": 1,
        });
        let file = directory.write("one.json", decision.to_string());
        days_ago(&directory, days, &["log", &file]);
    };
    for (days, id, user) in
        [(390, "old-1", "jane"), (389, "old-2", "john"), (388, "old-3", "jim"), (10, "new-1", "jane")]
    {
        log(days, id, user);
    }
    for (user, more) in [("jane", &["--decision", "old-1"][..]), ("jane", &[]), ("john", &[]), ("jim", &[])] {
        directory.ok(&[&["subject", "note", user, "--text", "so it is not"], more].concat());
    }
    let hold = directory.json(&["hold", "place", "--user", "jim", "--reason", "r", "--format", "json"]);
    directory.ok(&["retention", "run"]);
    let left = || directory.rows("SELECT decision_id, user_id FROM notes ORDER BY leaf_index");
    assert_eq!(left().len(), 2, "beside all of jane's, of which one stays, and beside the held one: {:?}", left());
    assert!(left().iter().all(|note| note["decision_id"].is_null()));
    assert_eq!(directory.verified(&["verify"]).0, 0);
    directory.ok(&["hold", "release", hold["hold"].as_str().unwrap()]);
    directory.ok(&["retention", "run"]);
    assert_eq!((left().len(), directory.count("SELECT count(*) FROM decisions")), (1, 1));
    assert_eq!(directory.verified(&["verify"]).0, 0);
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

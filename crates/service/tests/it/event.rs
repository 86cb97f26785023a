//! What onrecord puts on the record about itself: starts, changes of state files, refusals, and who read what.

use crate::house::{self, House, decision};
use onrecord_service::{Action, Actor, Refusal, Role, StateFiles, What, check_state_files};
use serde_json::Value as Json;

fn whats(house: &House) -> Vec<String> {
    house.entries("system").iter().map(|entry| entry["what"].as_str().unwrap().to_owned()).collect()
}

fn newest_state(house: &House) -> StateFiles {
    let all = house.memory.all();
    all.iter().rev().find_map(|stored| StateFiles::recorded(&stored.record)).unwrap()
}

#[test]
fn the_first_opening_puts_the_state_on_the_record_and_later_ones_only_changes() {
    let house = House::new();
    assert_eq!(whats(&house), ["started"]);
    let house = house.reopen();
    assert_eq!(whats(&house), ["started"], "a short command leaves no trace");

    let policy = house.dir.path().join("policy.toml");
    let text = std::fs::read_to_string(&policy).unwrap();
    std::fs::write(&policy, text.replace("86400", "60")).unwrap();
    let changes = check_state_files(house.dir.path(), &newest_state(&house)).unwrap();
    assert_eq!(changes.iter().map(|change| change.file.as_str()).collect::<Vec<_>>(), ["policy.toml"]);

    let house = house.reopen();
    assert_eq!(whats(&house), ["started", "policy_changed"]);
    assert_eq!(check_state_files(house.dir.path(), &newest_state(&house)).unwrap(), []);
    assert_eq!(house.service.policy().future_seconds_max, 60);
}

#[test]
fn a_serving_process_says_that_it_started() {
    let house = House::new();
    house::close(&house.service);
    let dir = house.dir.path().to_owned();
    drop(house.service);
    let (service, memory) = house::open(&dir, Some("serve")).unwrap();
    let last: Json = serde_json::from_slice(&memory.all().last().unwrap().record).unwrap();
    assert_eq!((last["what"].as_str(), last["detail"]["as"].as_str()), (Some("started"), Some("serve")));
    house::close(&service);
}

#[test]
fn changes_of_tokens_are_on_the_record_without_names_or_secrets() {
    let house = House::new();
    let make = |name: &str| house.run(house.service.create_token(name, &[Role::Read], Some(3), &Actor::local()));
    let text = make("jane's laptop").unwrap();
    assert!(matches!(make("jane's laptop"), Err(Refusal::NameTaken)));
    assert!(matches!(make(""), Err(Refusal::Invalid(_))));
    assert!(house.run(house.service.revoke_token("jane's laptop", &Actor::local())).unwrap());
    assert!(!house.run(house.service.revoke_token("jane's laptop", &Actor::local())).unwrap());
    assert_eq!(whats(&house), ["started", "tokens_changed", "tokens_changed"]);
    let entry = &house.entries("system")[1];
    assert_eq!((entry["detail"]["change"].as_str(), entry["detail"]["actor"].as_str()), (Some("made"), Some("local")));
    assert_eq!(entry["detail"]["token"], house.service.tokens(&Actor::local()).unwrap()[1].id);
    assert!(house.memory.all().iter().all(|stored| {
        let record = String::from_utf8(stored.record.clone()).unwrap();
        !record.contains("jane") && !record.contains(&text[4..])
    }));
    assert_eq!(check_state_files(house.dir.path(), &newest_state(&house)).unwrap(), []);
}

#[test]
fn a_change_of_tokens_by_another_process_is_noticed() {
    let house = House::new();
    let elsewhere = onrecord_service::Tokens::open(house.dir.path()).unwrap();
    elsewhere.add("cli", &[Role::Write], None).unwrap();
    house.service.tick().unwrap();
    house.service.tick().unwrap();
    assert_eq!(whats(&house), ["started", "tokens_changed"]);
}

#[test]
fn a_read_is_on_the_record_before_its_answer() {
    let house = House::new();
    house.log(decision(r#""decision_id":"d1""#)).unwrap();
    let actor = house.service.authenticate(Some(&house.admin_token)).unwrap().unwrap();
    house.run(house.service.read("d1", false, &actor)).unwrap().unwrap();
    house.run(house.service.read("d1", true, &actor)).unwrap().unwrap();
    house.run(house.service.evidence("d1", &actor)).unwrap().unwrap();
    assert!(house.run(house.service.read("nobody@example.com", false, &actor)).unwrap().is_none());
    let sql = "SELECT * FROM decisions WHERE user_id = ?";
    house.run(house.service.record_access(&actor, Action::Sql, What::Query { shape: sql, names: &[] }, None)).unwrap();
    let entries = house.entries("access");
    let unknown = entries[3]["what"].as_str().unwrap();
    assert!(unknown.starts_with("tok_"), "{unknown}");
    let accesses: Vec<_> = entries
        .iter()
        .map(|entry| {
            assert_eq!(entry["actor"], actor.name());
            let rows = entry.get("rows").map_or("?".to_owned(), Json::to_string);
            format!("{} {} {rows}", entry["action"].as_str().unwrap(), entry["what"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        accesses,
        [
            "get d1 1",
            "reveal d1 1",
            "evidence d1 1",
            &format!("get {unknown} 0"),
            "sql SELECT * FROM decisions WHERE user_id = ? ?"
        ]
    );
}

#[test]
fn no_answer_when_the_reading_cannot_be_recorded() {
    let house = House::new();
    house.log(decision(r#""decision_id":"d1""#)).unwrap();
    house.service.ledger().close();
    assert!(matches!(house.run(house.service.read("d1", false, &Actor::local())), Err(Refusal::Unavailable(_))));
    assert!(house.run(house.service.evidence("d1", &Actor::local())).is_err());
}

#[test]
fn refusals_are_counted_and_put_on_the_record_together() {
    let house = House::new();
    for _ in 0..3 {
        house.log("{").unwrap_err();
    }
    house.log("x".repeat(17 << 20)).unwrap_err();
    assert_eq!(whats(&house), ["started"]);
    house.log(decision("")).unwrap();
    // The first success submitted the entry and did not wait for it; the second one comes after it in the ledger.
    house.log(decision("")).unwrap();
    assert_eq!(whats(&house), ["started", "refused"]);
    let detail = &house.entries("system")[1]["detail"];
    assert_eq!(*detail, serde_json::json!({"invalid": 3, "too_large": 1}));

    house.log("{").unwrap_err();
    house.log(decision("")).unwrap();
    house.service.tick().unwrap();
    assert_eq!(whats(&house).len(), 2, "not more often than once a minute");
    let house = house.reopen();
    assert_eq!(whats(&house), ["started", "refused", "refused"], "closing records what is left");
    let refused: u64 = house.service.counts().refused.iter().map(|(_, count)| count).sum();
    assert_eq!(refused, 0, "counts are since the start");
}

#[test]
fn repeats_are_put_on_the_record_in_time() {
    let house = House::new();
    let body = decision(r#""event_id":"01935a3e-0000-7000-8000-000000000001""#);
    for _ in 0..3 {
        house.log(body.clone()).unwrap();
    }
    assert_eq!(whats(&house), ["started"]);
    house.service.tick().unwrap();
    assert_eq!(whats(&house), ["started", "repeated"]);
    assert_eq!(house.entries("system")[1]["detail"], serde_json::json!({"repeated": 2}));
}

#[test]
fn a_reading_says_what_it_is_for() {
    let house = House::new();
    let actor = Actor::local().for_purpose(Some("complaint 12, ask jane@example.com".to_owned()));
    house.run(house.service.read("d1", false, &actor)).unwrap();
    house.run(house.service.read("d1", false, &Actor::local())).unwrap();
    let entries = house.entries("access");
    assert_eq!(entries[0]["purpose"], "complaint 12, ask [email]");
    assert!(entries[1].get("purpose").is_none());
}

#[test]
fn who_is_not_let_in_is_counted_once() {
    let house = House::new();
    assert!(house.service.authenticate(None).unwrap().is_none());
    assert!(house.service.authenticate(Some("onr_0000")).unwrap().is_none());
    let token = house.run(house.service.create_token("r", &[Role::Read], None, &Actor::local())).unwrap();
    let reader = house.service.authenticate(Some(&token)).unwrap().unwrap();
    house.service.must(&reader, Role::Read).unwrap();
    assert!(matches!(house.service.must(&reader, Role::Admin), Err(Refusal::Forbidden(Role::Admin))));
    assert!(house.run(house.service.read("d1", true, &reader)).is_err());
    assert!(house.run(house.service.log(decision(""), &reader)).is_err());
    assert!(house.run(house.service.create_token("s", &[Role::Read], None, &reader)).is_err());
    let counts = house.service.counts();
    let refused: Vec<_> = counts.refused.into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(refused, [("forbidden", 4), ("unauthorized", 2)]);
    house.reopen();
}

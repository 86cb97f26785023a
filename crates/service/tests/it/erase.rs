//! A person is erased: by both depths, at once and for good, also when an older vault comes back, and while others write.

use crate::house::{House, close, decision};
use onrecord_evidence::{LeafSet, Verifier};
use onrecord_record::{Depth, RetentionAction, Timestamp};
use onrecord_service::retention::STANDARD;
use onrecord_service::{Actor, Batch, Expiry, HoldScope, Records, Refusal, Role, SubjectToken};
use std::sync::atomic::{AtomicBool, Ordering};

/// A decision about a user with a sealed prompt and a large one.
fn about(user: &str, id: &str) -> String {
    let large = format!("{user} {}", "wrote a long text, ".repeat(5_000));
    decision(&format!(
        r#""user_id":"{user}","decision_id":"{id}","model_type":"llm","input_features":{{"prompt":"I am {user}","notes":{large:?},"age":41,"home":{{"postcode":"10115"}}}}"#
    ))
}

fn erase(house: &House, user: &str, depth: Depth) -> Result<Option<onrecord_service::Erased>, Refusal> {
    house.run(house.service.erase(user, depth, Some("request 7 of jane@example.com"), &Actor::local()))
}

fn token(house: &House, user: &str) -> SubjectToken {
    house.service.vault().find(user).unwrap().unwrap()
}

#[test]
fn who_is_unlinked_is_gone_and_the_decisions_stay() {
    let house = House::new();
    let logged = house.log(about("jane", "d1")).unwrap();
    house.log(about("john", "d2")).unwrap();
    house.log(r#"{"kind":"review","decision_id":"d1","reviewer":"jo","overridden":false}"#).unwrap();
    let subject = token(&house, "jane");
    let erased = erase(&house, "jane", Depth::Unlink).unwrap().unwrap();
    assert_eq!((erased.subject, erased.records), (subject, 2));
    assert_eq!(erased.indirect.into_iter().collect::<Vec<_>>(), [("age".to_owned(), 1), ("postcode".to_owned(), 1)]);
    let key = Verifier::parse(&house.service.public_key()).unwrap();
    erased.certificate.verify(&key).unwrap();
    let entry = &house.entries("erasure")[0];
    assert_eq!(
        (&entry["subject"], &entry["depth"], &entry["leaves"]),
        (&subject.to_string().into(), &"unlink".into(), &"1,3".into())
    );
    assert_eq!(entry["reason"], "request 7 of [email]");
    assert_eq!(house.service.vault().find("jane").unwrap(), None);
    assert!(erase(&house, "jane", Depth::Unlink).unwrap().is_none(), "nobody is known by this name");
    assert_eq!(house.service.pending().unlinked, 2);
    let before = house.memory.by_leaf(logged.receipt.leaf_index).unwrap().unwrap();
    assert!(!before.sidecar.is_empty());
    let done = house.service.carry_out(&Actor::local()).unwrap();
    assert_eq!((done.removed.sidecars, done.removed.rows, done.large_values), (1, 0, 1));
    assert_eq!(house.service.pending(), onrecord_service::Pending::default());
    let after = house.memory.by_leaf(logged.receipt.leaf_index).unwrap().unwrap();
    assert_eq!((after.record, after.sidecar), (before.record, Vec::new()));
    let history = house.run(house.service.read("d1", true, &Actor::local())).unwrap().unwrap();
    let shown = history.decision.get();
    assert!(shown.contains(r#""sealed":"#) && shown.contains(r#""large":"#) && !shown.contains("jane"), "{shown}");
    let others = house.run(house.service.read("d2", true, &Actor::local())).unwrap().unwrap();
    assert!(others.decision.get().contains("I am john") && others.decision.get().contains("john wrote a long text"));
    // The same user is a new subject.
    house.log(about("jane", "d3")).unwrap();
    assert_ne!(token(&house, "jane"), subject);
}

#[test]
fn who_is_deleted_takes_the_records_along() {
    let house = House::new();
    let logged = house.log(about("jane", "d1")).unwrap();
    house.log(about("john", "d2")).unwrap();
    house.log(r#"{"kind":"outcome","decision_id":"d1","outcome":true}"#).unwrap();
    let erased = erase(&house, "jane", Depth::Delete).unwrap().unwrap();
    assert_eq!((erased.records, erased.indirect.len()), (2, 0));
    let done = house.service.carry_out(&Actor::local()).unwrap();
    assert_eq!((done.removed.rows, done.large_values), (2, 1));
    assert!(house.memory.by_leaf(logged.receipt.leaf_index).unwrap().is_none());
    assert!(house.run(house.service.read("d1", false, &Actor::local())).unwrap().is_none());
    assert!(house.run(house.service.read("d2", false, &Actor::local())).unwrap().is_some());
    assert_eq!(house.service.carry_out(&Actor::local()).unwrap().removed.rows, 0);
}

#[test]
fn an_older_vault_brings_nobody_back() {
    let house = House::new();
    house.log(about("jane", "d1")).unwrap();
    house.log(about("john", "d2")).unwrap();
    let house = house.reopen();
    let path = house.dir.path().join("vault.redb");
    close(&house.service);
    let kept = [&path, &house.dir.path().join("vault.sum")].map(|path| (path.clone(), std::fs::read(path).unwrap()));
    let house = house.reopen();
    erase(&house, "jane", Depth::Unlink).unwrap().unwrap();
    house.service.carry_out(&Actor::local()).unwrap();
    close(&house.service);
    kept.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
    let house = house.reopen();
    assert_eq!(house.service.vault().find("jane").unwrap(), None);
    assert!(house.service.vault().find("john").unwrap().is_some());
    assert_eq!(house.service.pending().unlinked, 1, "what depends on it is looked for again");
    house.service.carry_out(&Actor::local()).unwrap();
}

#[test]
fn an_erasure_that_broke_off_is_carried_out_when_the_directory_is_opened() {
    let house = House::new();
    house.log(about("jane", "d1")).unwrap();
    erase(&house, "jane", Depth::Delete).unwrap().unwrap();
    let house = house.reopen();
    assert_eq!(house.service.pending().erased, 1);
    assert_eq!(house.service.carry_out(&Actor::local()).unwrap().removed.rows, 1);
    // What is opened again has the record again, as files from a backup would.
    let house = house.reopen();
    assert_eq!(house.service.pending().erased, 1);
    assert_eq!(house.service.carry_out(&Actor::local()).unwrap().removed.rows, 1);
}

#[test]
fn nothing_is_due_that_is_not_on_the_record() {
    let house = House::new();
    let logged = house.log(about("jane", "d1")).unwrap();
    house.service.ledger().close();
    erase(&house, "jane", Depth::Delete).unwrap_err();
    let (action, cutoff) = (RetentionAction::Delete, Timestamp::from_micros(7));
    let leaves: LeafSet = [logged.receipt.leaf_index].into_iter().collect();
    let expiry = [Expiry { policy: STANDARD, action, cutoff, leaves }];
    house.service.expire(&expiry, house.service.holds_version(), &Actor::local()).unwrap_err();
    assert_eq!(house.service.pending(), onrecord_service::Pending::default());
    house.service.carry_out(&Actor::local()).unwrap();
    assert!(house.memory.by_leaf(logged.receipt.leaf_index).unwrap().is_some());
    assert!(house.service.vault().find("jane").unwrap().is_some(), "the key is there as the record is");
}

#[test]
fn nobody_is_erased_without_the_role_or_against_a_hold() {
    let house = House::new();
    house.log(about("jane", "d1")).unwrap();
    let secret = house.run(house.service.create_token(
        "writer",
        &[Role::Write, Role::Read, Role::Reveal],
        None,
        &Actor::local(),
    ));
    let writer = house.service.authenticate(Some(&secret.unwrap())).unwrap().unwrap();
    let refused = house.run(house.service.erase("jane", Depth::Unlink, None, &writer)).unwrap_err();
    assert!(matches!(refused, Refusal::Forbidden(Role::Admin)));
    assert!(house.service.carry_out(&writer).is_err());

    for scope in [
        HoldScope { subject: Some(token(&house, "jane")), ..HoldScope::default() },
        HoldScope { model_id: Some("loan".to_owned()), since: Some(Timestamp::from_micros(0)), ..HoldScope::default() },
    ] {
        let hold = house.run(house.service.place_hold(&scope, Some("7"), "a claim", &Actor::local())).unwrap();
        let refused = erase(&house, "jane", Depth::Delete).unwrap_err();
        assert!(matches!(&refused, Refusal::Held(name) if *name == hold), "{refused}");
        assert_eq!(house.service.hold_list().len(), 1);
        assert!(house.run(house.service.release_hold(&hold, "settled", &Actor::local())).unwrap());
        assert!(!house.run(house.service.release_hold(&hold, "again", &Actor::local())).unwrap());
    }
    let scope = HoldScope { model_id: Some("another".to_owned()), ..HoldScope::default() };
    house.run(house.service.place_hold(&scope, None, "elsewhere", &Actor::local())).unwrap();
    let house = house.reopen();
    assert_eq!(house.service.hold_list()[0].reason, "elsewhere", "holds are on the record");
    assert!(erase(&house, "jane", Depth::Delete).unwrap().is_some());
}

#[test]
fn records_that_are_made_meanwhile_are_of_the_subject_before_or_of_a_new_one() {
    let house = House::new();
    let stop = AtomicBool::new(false);
    let (service, actor) = (house.service.clone(), Actor::local());
    let erased = std::thread::scope(|scope| {
        for writer in 0..3 {
            let (service, stop, actor) = (&service, &stop, &actor);
            scope.spawn(move || {
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let lines: Vec<String> = (0..20)
                        .map(|line| decision(&format!(r#""user_id":"jane","decision_id":"{writer}-{number}-{line}""#)))
                        .collect();
                    let lines = lines.join("\n");
                    let batch = Batch { lines: lines.as_bytes(), first_line: 1, idempotency_key: None, ticket: None };
                    service.log_batch(&batch, actor).unwrap();
                }
            });
        }
        // Callers who go away at once, with a record on its way.
        let (house, stop) = (&house, &stop);
        scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let actor = Actor::local();
                house.run(async {
                    tokio::select! {
                        biased;
                        _ = house.service.log(decision(r#""user_id":"jane""#), &actor) => {}
                        () = tokio::task::yield_now() => {}
                    }
                });
            }
        });
        let mut erased = Vec::new();
        while erased.len() < 8 {
            erased.extend(erase(house, "jane", Depth::Delete).unwrap());
        }
        stop.store(true, Ordering::Relaxed);
        erased
    });
    // Each record of an erased subject is named by its erasure, and lies before it.
    let mut named = LeafSet::default();
    for entry in house.entries("erasure") {
        for run in onrecord_record::read_leaves(entry["leaves"].as_str().unwrap()).unwrap() {
            named.insert(run.into());
        }
    }
    for subject in &erased {
        let leaves = house.memory.leaves_about(&subject.subject.to_string()).unwrap();
        assert_eq!(leaves.len() as u64, subject.records);
        assert!(leaves.iter().all(|leaf| named.contains(*leaf) && leaf.0 < subject.certificate.receipt().leaf_index.0));
    }
    house.service.carry_out(&actor).unwrap();
    assert!(house.memory.all().iter().all(|stored| !named.contains(stored.leaf)));
}

#[test]
fn what_is_said_about_a_person_does_not_name_them() {
    let house = House::new();
    for (user, id) in [("jane-4711", "d1"), ("j 7", "d2"), ("john-4712", "d3")] {
        house.log(about(user, id)).unwrap();
    }
    let scope = HoldScope { subject: Some(token(&house, "jane-4711")), ..HoldScope::default() };
    let actor = Actor::local();
    // Another person is named, too.
    let hold =
        house.run(house.service.place_hold(&scope, Some("jane-4711/26"), "jane-4711 v john-4712.", &actor)).unwrap();
    let reader = Actor::local().for_purpose(Some("asked by (john-4712), jane-47110 and jane@example.com".to_owned()));
    house.run(house.service.read("d1", false, &reader)).unwrap().unwrap();
    assert!(house.run(house.service.release_hold(&hold, "settled with jane-4711", &actor)).unwrap());
    let [jane, john, seven] = ["jane-4711", "john-4712", "j 7"].map(|user| token(&house, user).to_string());
    for (user, reason) in [("jane-4711", "request of jane-4711"), ("j 7", "request of j 7, not of j 78")] {
        house.run(house.service.erase(user, Depth::Delete, Some(reason), &actor)).unwrap().unwrap();
    }
    let said = |kind: &str, name: &str| -> Vec<String> {
        house.entries(kind).iter().filter_map(|entry| Some(entry[name].as_str()?.to_owned())).collect()
    };
    assert_eq!(said("hold", "case"), [format!("{jane}/26")]);
    assert_eq!(said("hold", "reason"), [format!("{jane} v {john}."), format!("settled with {jane}")]);
    assert_eq!(said("access", "purpose"), [format!("asked by ({john}), jane-47110 and [email]")]);
    let requests = [format!("request of {jane}"), format!("request of {seven}, not of j 78")];
    assert_eq!(said("erasure", "reason"), requests);
}

#[test]
fn what_expires_is_on_the_record_first_and_a_hold_that_came_between_stops_it() {
    let house = House::new();
    let logged = house.log(about("jane", "d1")).unwrap();
    house.log(about("john", "d2")).unwrap();
    let leaves: LeafSet = [logged.receipt.leaf_index].into_iter().collect();
    let (action, cutoff) = (RetentionAction::Delete, Timestamp::from_micros(7));
    let expiry = [Expiry { policy: STANDARD, action, cutoff, leaves }];
    let version = house.service.holds_version();
    let scope = HoldScope { model_id: Some("another".to_owned()), ..HoldScope::default() };
    house.run(house.service.place_hold(&scope, None, "a claim", &Actor::local())).unwrap();
    assert!(matches!(house.service.expire(&expiry, version, &Actor::local()), Err(Refusal::Busy)));
    let version = house.service.holds_version();
    assert_eq!(house.service.expire(&expiry, version, &Actor::local()).unwrap(), 1);
    assert_eq!(house.service.expire(&expiry, version, &Actor::local()).unwrap(), 0, "it is due already");
    let entry = &house.entries("retention")[0];
    assert_eq!(
        (&entry["policy"], &entry["action"], &entry["count"]),
        (&"standard".into(), &"delete".into(), &1.into())
    );
    let house = house.reopen();
    assert_eq!(house.service.pending().expired, 1);
    let done = house.service.carry_out(&Actor::local()).unwrap();
    assert_eq!((done.removed.rows, done.large_values), (1, 1));
    assert!(
        house
            .run(house.service.read("d2", true, &Actor::local()))
            .unwrap()
            .unwrap()
            .decision
            .get()
            .contains("john wrote")
    );
}

#[test]
fn a_rule_made_shorter_waits_for_a_confirmation() {
    let policy = |days: u32| onrecord_service::policy::DEFAULT_TEXT.replace("days = 365,", &format!("days = {days},"));
    let house = House::with_policy(&policy(365));
    assert_eq!(house.service.adopt_rules(false, &Actor::local()).unwrap().0.0[STANDARD].days, 365);
    let with_days = |house: House, days: u32| {
        std::fs::write(house.dir.path().join("policy.toml"), policy(days)).unwrap();
        house.reopen()
    };
    let house = with_days(house, 30);
    let (rules, shortened) = house.service.adopt_rules(false, &Actor::local()).unwrap();
    assert_eq!((rules.0[STANDARD].days, shortened[0].wanted_days), (365, Some(30)));
    assert_eq!(house.service.retention_rules().unwrap().1, shortened);
    let (rules, shortened) = house.service.adopt_rules(true, &Actor::local()).unwrap();
    assert_eq!((rules.0[STANDARD].days, shortened.len()), (30, 0));
    let house = with_days(house, 400);
    assert_eq!(house.service.adopt_rules(false, &Actor::local()).unwrap().0.0[STANDARD].days, 400, "longer at once");
    assert_eq!(house.entries("system").iter().filter(|entry| entry["what"] == "retention_rules").count(), 3);
}

#[test]
fn a_retention_policy_that_does_not_exist_is_refused_with_those_that_do() {
    let house = House::new();
    let refused = house.log(decision(r#""data_retention_policy":"for ever""#)).unwrap_err().to_string();
    assert!(
        refused.contains("/data_retention_policy") && refused.contains("development, financial, healthcare"),
        "{refused}"
    );
    house.log(decision(r#""data_retention_policy":"healthcare""#)).unwrap();
}

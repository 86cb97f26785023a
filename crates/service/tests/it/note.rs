//! A person's statement beside decisions: encrypted, shown to who may see it, and gone with the person.

use crate::house::{House, decision};
use onrecord_record::{Depth, RetentionAction, Timestamp};
use onrecord_service::retention::STANDARD;
use onrecord_service::{Actor, Expiry, Noted, Records, Refusal, Statement};
use uuid::Uuid;

const TEXT: &str = "I am Jane Zq and I earn 5,200 a month.\nNot 2,500.";

fn statement(text: &str, decision_id: Option<&str>) -> Statement {
    Statement { text: text.to_owned(), decision_id: decision_id.map(str::to_owned), event_id: None }
}

fn note(house: &House, user: &str, statement: Statement) -> Result<Option<Noted>, Refusal> {
    house.run(house.service.note(user, statement, &Actor::local()))
}

/// What each note beside a decision says, if that can be seen.
fn told(house: &House, decision_id: &str, reveal: bool) -> Vec<Option<String>> {
    let history = house.run(house.service.read(decision_id, reveal, &Actor::local())).unwrap().unwrap();
    let note = |note: &str| {
        let note: serde_json::Value = serde_json::from_str(note).unwrap();
        assert_eq!((&note["kind"], &note["actor"]), (&"note".into(), &"local".into()));
        note["text"].as_str().map(str::to_owned)
    };
    history.notes.iter().map(|record| note(record.get())).collect()
}

fn filled() -> House {
    let house = House::new();
    for (user, id) in [("jane", "d1"), ("jane", "d2"), ("john", "d3")] {
        house.log(decision(&format!(r#""user_id":"{user}","decision_id":"{id}""#))).unwrap();
    }
    house
}

#[test]
fn a_statement_stands_beside_one_decision_or_all_and_is_in_no_byte_in_plain() {
    let house = filled();
    let before = house.memory.all()[1].record.clone();
    note(&house, "jane", statement(TEXT, Some("d1"))).unwrap().unwrap();
    note(&house, "jane", statement("beside all", None)).unwrap().unwrap();
    assert_eq!(told(&house, "d1", true), [Some(TEXT.to_owned()), Some("beside all".to_owned())]);
    assert_eq!(told(&house, "d2", true), [Some("beside all".to_owned())]);
    assert_eq!(told(&house, "d1", false), [None, None]);
    assert_eq!(told(&house, "d3", true), []);
    assert_eq!(house.memory.all()[1].record, before, "the decision is as it was");
    assert!(!house.holds("Jane Zq") && !house.holds("earn 5,200") && !house.holds("beside all"));
    let house = house.reopen();
    assert!(house.log(decision(r#""user_id":"jo","decision_id":"d9""#)).is_ok());
}

#[test]
fn a_statement_that_cannot_be_recorded_says_why() {
    let house = filled();
    let faults = |user: &str, statement: Statement| match note(&house, user, statement) {
        Err(Refusal::Invalid(lines)) => {
            lines.named.into_iter().map(|fault| (fault.fault.pointer, fault.fault.problem)).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(faults("jane", statement(" \n", None)), [("/text".to_owned(), "must not be blank".to_owned())]);
    assert!(faults("jane", statement("a\u{1b}[2J", None))[0].1.contains("control character"));
    assert!(faults("jane", statement(&"x".repeat(10_001), None))[0].1.contains("10001 characters"));
    let (pointer, problem) = faults("jane", statement("x", Some("d3"))).remove(0);
    assert!(pointer == "/decision_id" && problem.contains("not about this person") && !problem.contains("john"));
    assert!(note(&house, "nobody", statement("x", None)).unwrap().is_none());
    assert!(note(&house, "nobody", statement("x", Some("d1"))).unwrap().is_none());
    assert!(matches!(note(&house, "jane", statement("x", Some("d7"))), Err(Refusal::UnknownDecision)));
    // A reviewer is known, and no decision is about them.
    house.log(r#"{"kind":"review","decision_id":"d1","reviewer":"kim","overridden":false}"#).unwrap();
    assert!(note(&house, "kim", statement("x", None)).unwrap().is_none());
    assert!(house.entries("note").is_empty());
}

#[test]
fn the_same_statement_again_gives_its_receipt_and_another_is_a_conflict() {
    let house = filled();
    let event_id = Some(Uuid::from_u128(7));
    let sent = |text: &str| Statement { event_id, ..statement(text, Some("d1")) };
    let first = note(&house, "jane", sent(TEXT)).unwrap().unwrap();
    let again = note(&house, "jane", sent(TEXT)).unwrap().unwrap();
    assert!(first.created && !again.created && first.receipt.leaf_index == again.receipt.leaf_index);
    assert!(matches!(note(&house, "jane", sent("another")), Err(Refusal::Conflict(_))));
    assert_eq!((house.entries("note").len(), told(&house, "d1", true).len()), (1, 1));
}

#[test]
fn an_erasure_of_either_depth_destroys_the_statement() {
    for depth in [Depth::Unlink, Depth::Delete] {
        let house = filled();
        let noted = note(&house, "jane", statement(TEXT, None)).unwrap().unwrap();
        assert_eq!(told(&house, "d1", true).len(), 1);
        let erased = house.run(house.service.erase("jane", depth, None, &Actor::local())).unwrap().unwrap();
        assert_eq!(erased.records, 3);
        if depth == Depth::Unlink {
            assert_eq!(told(&house, "d1", true), [None], "the key is gone at once");
        }
        house.service.carry_out(&Actor::local()).unwrap();
        let stored = house.memory.by_leaf(noted.receipt.leaf_index).unwrap();
        match depth {
            Depth::Unlink => assert!(stored.unwrap().sidecar.is_empty()),
            Depth::Delete => assert!(stored.is_none()),
        }
        assert!(note(&house, "jane", statement(TEXT, None)).unwrap().is_none());
    }
}

#[test]
fn no_statement_is_put_beside_a_decision_that_is_to_go() {
    let house = filled();
    let leaf = house.memory.by_decision_id("d1").unwrap()[0].leaf;
    let (action, cutoff) = (RetentionAction::Delete, Timestamp::from_micros(7));
    let expiry = [Expiry { policy: STANDARD, action, cutoff, leaves: [leaf].into_iter().collect() }];
    assert_eq!(house.service.expire(&expiry, house.service.holds_version(), &Actor::local()).unwrap(), 1);
    assert!(matches!(note(&house, "jane", statement("x", Some("d1"))), Err(Refusal::UnknownDecision)));
    assert!(note(&house, "jane", statement("x", None)).unwrap().is_some(), "another decision stays");
}

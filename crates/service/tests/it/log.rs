//! Putting things on the record: once, in order, all or nothing, with a receipt that convinces a third party.

use crate::house::{self, House, decision};
use onrecord_record::Kind;
use onrecord_service::{About, Actor, Batch, Keys, Refusal, Role, vault};
use uuid::Uuid;

const ID: &str = "0193a3e0-0000-7000-8000-000000000001";

fn batch(lines: &str) -> Batch<'_> {
    Batch { lines: lines.as_bytes(), first_line: 1, idempotency_key: None, ticket: None }
}

#[test]
fn a_receipt_proves_the_stored_bytes_offline() {
    let house = House::new();
    let logged = house.log(decision("")).unwrap();
    let (record, json) = house.stored(&logged);
    let key = Keys::open_public(house.dir.path()).unwrap();
    logged.receipt.verify_record(record.as_bytes(), &key).unwrap();
    assert!(logged.receipt.verify_record(record.replace("41", "42").as_bytes(), &key).is_err());
    assert!(logged.created);
    assert_eq!(logged.event_id.get_version_num(), 7);
    assert_eq!(logged.decision_id, logged.event_id.to_string());
    assert_eq!(json["decision_id"], logged.decision_id);
    assert_eq!(json["input_hash"].as_str().unwrap().len(), 32);
    assert_eq!(json["timestamp"], json["recorded_at"]);
}

#[test]
fn the_same_body_gets_the_first_receipt_and_another_body_is_a_conflict() {
    let house = House::with_policy("version = 1\n[fields]\nincome = 'seal'\nemail = 'token'\n");
    let body = decision(&format!(
        r#""event_id":"{ID}","user_id":"user-1","input_features":{{"income":42000,"email":"a@b.io","n":1}}"#
    ));
    let first = house.log(&*body).unwrap();
    // Order and spelling do not make another body: the record is the same.
    let again = house.log(body.replace("\"event_id\"", "\"eventId\"")).unwrap();
    assert!(first.created && !again.created);
    assert_eq!(again.receipt.leaf_index, first.receipt.leaf_index);
    assert_eq!(again.receipt.leaf_hash, first.receipt.leaf_hash);

    let size = house.service.ledger().size();
    let other = house.log(body.replace("42000", "42001"));
    assert!(
        matches!(&other, Err(Refusal::Conflict(conflicts)) if conflicts.named == [(None, ID.parse::<Uuid>().unwrap())])
    );
    let other = house.log(body.replace("user-1", "user-2"));
    assert!(matches!(other, Err(Refusal::Conflict(_))));
    assert_eq!(house.service.ledger().size(), size, "a conflict writes nothing");

    let house = house.reopen();
    let after = house.log(&*body).unwrap();
    assert!(!after.created);
    assert_eq!(after.receipt.leaf_hash, first.receipt.leaf_hash);
    let counts = house.service.counts();
    assert_eq!((counts.accepted, counts.repeated), (0, 1));
}

#[test]
fn a_batch_keeps_the_order_of_its_lines() {
    let house = House::new();
    let lines: Vec<String> = (0..1000).map(|n| decision(&format!(r#""input_features":{{"n":{n}}}"#))).collect();
    let logged = house.service.log_batch(&batch(&lines.join("\n")), &Actor::local()).unwrap();
    assert_eq!((logged.accepted, logged.already), (1000, 0));
    let numbers: Vec<_> =
        house.entries("decision").iter().map(|json| json["input_features"]["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
    let receipt = logged.receipt.unwrap();
    receipt.verify(&Keys::open_public(house.dir.path()).unwrap()).unwrap();
    assert_eq!(receipt.leaf_hashes.len(), 1000);
}

#[test]
fn a_bad_line_stops_the_batch_and_every_one_is_named() {
    let house = House::new();
    let size = house.service.ledger().size();
    let mut lines = vec![decision(r#""user_id":"user-1""#); 3000];
    lines[6] = "{".to_owned();
    lines[1499] = decision(r#""confidence":2,"nonsense":1"#);
    lines[2999] = decision(r#""timestamp":"3000-01-01T00:00:00Z""#);
    for refused in [
        house.service.log_batch(&batch(&lines.join("\n")), &Actor::local()).unwrap_err(),
        house.service.check_batch(&batch(&lines.join("\n")), &Actor::local()).unwrap_err(),
    ] {
        let Refusal::Invalid(faults) = refused else { panic!("{refused}") };
        assert_eq!(faults.lines_total, 3);
        let places: Vec<_> =
            faults.named.iter().map(|named| (named.line.unwrap(), named.fault.pointer.as_str())).collect();
        assert_eq!(places, [(7, ""), (1500, "/nonsense"), (1500, "/confidence"), (3000, "/timestamp")]);
    }
    assert_eq!(house.service.ledger().size(), size);
    assert_eq!(house.service.vault().find("user-1").unwrap(), None, "a refused batch leaves no subject");

    let all_bad = "{\n".repeat(5000);
    let Refusal::Invalid(faults) = house.service.log_batch(&batch(&all_bad), &Actor::local()).unwrap_err() else {
        panic!()
    };
    assert_eq!((faults.named.len(), faults.lines_total), (1000, 5000));
    assert_eq!(house.service.counts().refused[0], ("invalid", 3));
}

#[test]
fn a_batch_sent_again_adds_nothing() {
    let house = House::new();
    let lines = [
        decision(r#""user_id":"user-1""#),
        String::new(),
        decision(r#""user_id":"user-1""#),
        decision(&format!(r#""event_id":"{ID}""#)),
    ]
    .join("\n");
    let keyed = Batch { idempotency_key: Some(b"file"), ..batch(&lines) };
    let first = house.service.log_batch(&keyed, &Actor::local()).unwrap();
    assert_eq!((first.accepted, first.already), (3, 0), "equal lines at different places are different entries");
    let size = house.service.ledger().size();

    let house = house.reopen();
    let again = house.service.log_batch(&keyed, &Actor::local()).unwrap();
    assert_eq!((again.accepted, again.already, again.receipt), (0, 3, None));
    assert_eq!(house.service.ledger().size(), size);

    let more = format!("{lines}\n{}", decision(r#""confidence":0.5"#));
    let partly = house.service.log_batch(&Batch { lines: more.as_bytes(), ..keyed }, &Actor::local()).unwrap();
    assert_eq!((partly.accepted, partly.already), (1, 3));
    let other = Batch { idempotency_key: Some(b"other file"), ..keyed };
    assert_eq!(house.service.log_batch(&other, &Actor::local()).unwrap().accepted, 2);
}

#[test]
fn a_conflict_in_a_batch_writes_nothing_and_is_named_by_line() {
    let house = House::new();
    house.log(decision(&format!(r#""event_id":"{ID}""#))).unwrap();
    let size = house.service.ledger().size();
    let lines = [decision(""), decision(&format!(r#""event_id":"{ID}","confidence":0.1"#))].join("\n");
    let refused = house.service.log_batch(&batch(&lines), &Actor::local()).unwrap_err();
    let Refusal::Conflict(conflicts) = refused else { panic!("{refused}") };
    assert_eq!(conflicts.named, [(Some(2), ID.parse().unwrap())]);
    assert_eq!(house.service.ledger().size(), size);
}

#[test]
fn an_id_twice_in_a_batch_is_one_entry_or_a_fault() {
    let house = House::new();
    let same = decision(&format!(r#""event_id":"{ID}""#));
    let twice = [same.clone(), decision(""), same.clone()].join("\n");
    let logged = house.service.log_batch(&batch(&twice), &Actor::local()).unwrap();
    assert_eq!((logged.accepted, logged.already), (2, 1));

    let id = ID.replace('1', "2");
    let differ = [same.replace(ID, &id), decision(&format!(r#""event_id":"{id}","confidence":0.1"#))].join("\n");
    let refused = house.service.log_batch(&batch(&differ), &Actor::local()).unwrap_err();
    let Refusal::Invalid(faults) = refused else { panic!("{refused}") };
    assert_eq!((faults.named[0].line, faults.named[0].fault.pointer.as_str()), (Some(2), "/event_id"));
}

#[test]
fn reviews_and_outcomes_are_logged_by_their_kind() {
    let house = House::new();
    let lines = [
        decision(r#""decision_id":"d1","user_id":"user-1""#),
        r#"{"kind":"review","decision_id":"d1","reviewer":"erika.muster@example.com","human_decision":{"other":1},"overridden":true,"override_reason":"call 415-555-2671"}"#.to_owned(),
        r#"{"kind":"outcome","decisionId":"d1","outcome":{"repaid":true}}"#.to_owned(),
    ];
    house.service.log_batch(&batch(&lines.join("\n")), &Actor::local()).unwrap();
    let review = &house.entries("review")[0];
    let token = house.service.vault().find("erika.muster@example.com").unwrap().unwrap();
    assert_eq!(review["reviewer"], token.to_string());
    assert_eq!(review["override_reason"], "call [phone]");
    assert_eq!(house.entries("outcome")[0]["outcome"]["repaid"], true);
    assert!(!house.holds("erika.muster"));

    let told = house.run(house.service.read("d1", false, &Actor::local())).unwrap().unwrap();
    assert_eq!((told.reviews.len(), told.outcomes.len()), (1, 1));
    for kind in ["access", "system", "erasure", "nonsense"] {
        let refused = house.log(format!(r#"{{"kind":"{kind}"}}"#)).unwrap_err();
        assert!(matches!(&refused, Refusal::Invalid(faults) if faults.named[0].fault.pointer == "/kind"), "{refused}");
    }
}

fn about<'a>(kind: Kind, decision_id: &'a str) -> About<'a> {
    About { kind, decision_id }
}

#[test]
fn a_review_and_an_outcome_may_have_their_decision_named_beside_them() {
    let house = House::new();
    house.log(decision(r#""decision_id":"d1","user_id":"user-1""#)).unwrap();
    let log = |kind, id: &str, body: &str| {
        house.run(house.service.log_about(body.to_owned(), about(kind, id), &Actor::local()))
    };
    let review = r#"{"reviewer":"kim","human_decision":{"other":1},"overridden":true,"override_reason":"user-1 has a guarantor",
        "event_id":"01935a3e-0000-7000-8000-00000000000a"}"#;
    let logged = log(Kind::Review, "d1", review).unwrap();
    assert!(logged.created && logged.decision_id == "d1");
    assert!(!log(Kind::Review, "d1", review).unwrap().created, "the same once more");
    log(Kind::Outcome, "d1", r#"{"outcome":{"repaid":true}}"#).unwrap();
    let stored = &house.entries("review")[0];
    let token = house.service.vault().find("user-1").unwrap().unwrap();
    assert_eq!(stored["override_reason"], format!("{token} has a guarantor"));

    for (kind, body, pointer) in [
        (Kind::Review, r#"{"decision_id":"d2"}"#, "/decision_id"),
        (Kind::Review, r#"{"kind":"outcome","outcome":1}"#, "/kind"),
        (Kind::Outcome, r#"{"kind":"review"}"#, "/kind"),
        (Kind::Outcome, "{}", "/outcome"),
        (Kind::Review, r#"{"overridden":true}"#, "/override_reason"),
    ] {
        let refused = log(kind, "d1", body).unwrap_err();
        assert!(matches!(&refused, Refusal::Invalid(faults) if faults.named[0].fault.pointer == pointer), "{refused}");
    }
    let refused = log(Kind::Review, "nobody's", "{}").unwrap_err();
    assert!(matches!(refused, Refusal::UnknownDecision), "{refused}");
    let refused = log(Kind::Outcome, "nobody's", r#"{"outcome":1}"#).unwrap_err();
    assert!(matches!(refused, Refusal::UnknownDecision), "{refused}");
    assert_eq!((house.entries("review").len(), house.entries("outcome").len()), (1, 1));
}

#[test]
fn an_override_that_decides_the_same_is_refused() {
    let policy = "version = 1\n[fields]\nname = \"token\"\n";
    for house in [House::new(), House::with_policy(policy)] {
        let sent = r#"{"decision_id":"d1","user_id":"user-1","model_id":"m","model_version":"1","confidence":0.5,
            "input_features":{},"prediction":{"limit":1e3,"approved":false,"name":"Jane Doe","user_id":"user-1"}}"#;
        house.log(sent).unwrap();
        let review = |human: &str, overridden: bool| {
            let body = format!(r#"{{"human_decision":{human},"overridden":{overridden},"override_reason":"because"}}"#);
            house.run(house.service.log_about(body, about(Kind::Review, "d1"), &Actor::local()))
        };
        let same = r#"{"name":"Jane Doe","user_id":"user-1","approved":false,"limit":1000.0}"#;
        let refused = review(same, true).unwrap_err();
        let at = |refused: &Refusal| match refused {
            Refusal::Invalid(faults) => faults.named[0].fault.pointer.clone(),
            other => other.to_string(),
        };
        assert_eq!(at(&refused), "/human_decision");
        review(same, false).unwrap();
        review(r#"{"name":"Jane Doe","approved":true,"limit":1000.0}"#, true).unwrap();
        review(r#"{"name":"Jane Roe","approved":false,"limit":1000.0}"#, true).unwrap();
        let line = format!(
            r#"{{"kind":"review","decision_id":"d1","human_decision":{same},"overridden":true,"override_reason":"b"}}"#
        );
        assert_eq!(at(&house.log(line.clone()).unwrap_err()), "/human_decision");
        let checked = house.service.check_batch(&batch(&line), &Actor::local()).unwrap_err();
        assert_eq!(at(&checked), "/human_decision");

        // Whoever agrees agrees with what the model decided.
        let others = [
            r#"{"name":"Jane Doe","user_id":"user-1","approved":true,"limit":1000.0}"#,
            r#"{"name":"Jane Roe","user_id":"user-1","approved":false,"limit":1000.0}"#,
            r#"{"approved":true,"comment":"fine"}"#,
        ];
        for alike in [r#"{"approved":false,"comment":"no new facts","limit":null}"#, "false", "\"refused\""] {
            review(alike, false).unwrap_or_else(|refused| panic!("{alike}: {refused}"));
        }
        for other in others {
            assert_eq!(at(&review(other, false).unwrap_err()), "/human_decision", "{other}");
            let line = format!(r#"{{"kind":"review","decision_id":"d1","human_decision":{other}}}"#);
            assert_eq!(at(&house.log(line.clone()).unwrap_err()), "/human_decision");
            assert_eq!(at(&house.service.log_batch(&batch(&line), &Actor::local()).unwrap_err()), "/human_decision");
            assert_eq!(at(&house.service.check_batch(&batch(&line), &Actor::local()).unwrap_err()), "/human_decision");
        }
        // What is sealed cannot be compared.
        house
            .log(
                r#"{"decision_id":"d2","user_id":"user-1","model_id":"m","model_version":"1","model_type":"llm",
            "input_features":{"prompt":"?"},"prediction":"Dear Jane"}"#
                    .replace('\n', " "),
            )
            .unwrap();
        house.log(r#"{"kind":"review","decision_id":"d2","human_decision":"Dear Jane"}"#).unwrap();
    }
}

#[test]
fn in_a_batch_a_review_may_follow_its_decision_and_not_stand_alone() {
    let house = House::new();
    let review = |of: &str| format!(r#"{{"kind":"review","decision_id":"{of}","metadata":{{"note":"ask user-22"}}}}"#);
    let outcome = r#"{"kind":"outcome","decision_id":"d9","outcome":1}"#.to_owned();
    let lines = [review("d1"), decision(r#""decision_id":"d1","user_id":"user-22""#), review("d2"), outcome];
    let refused = house.service.log_batch(&batch(&lines.join("\n")), &Actor::local()).unwrap_err();
    let Refusal::Invalid(faults) = refused else { panic!("{refused}") };
    let named: Vec<_> = faults.named.iter().map(|fault| (fault.line, fault.fault.pointer.as_str())).collect();
    assert_eq!(named, [(Some(3), "/decision_id"), (Some(4), "/decision_id")]);
    assert!(house.entries("review").is_empty() && house.entries("decision").is_empty());

    house.service.log_batch(&batch(&lines[..2].join("\n")), &Actor::local()).unwrap();
    let token = house.service.vault().find("user-22").unwrap().unwrap();
    assert_eq!(house.entries("review")[0]["metadata"]["note"], format!("ask {token}"));
    assert!(!house.holds("user-22"));

    // An override in the same batch is compared with its decision, too.
    let same = [
        r#"{"decision_id":"d3","model_id":"m","model_version":"1","input_features":{},"prediction":"no"}"#,
        r#"{"kind":"review","decision_id":"d3","human_decision":"no","overridden":true,"override_reason":"b"}"#,
    ];
    let refused = house.service.log_batch(&batch(&same.join("\n")), &Actor::local()).unwrap_err();
    assert!(refused.to_string().contains("line 2"), "{refused}");
    // A decision without an id of its own is found by its event id.
    let event_id = "01935a3e-0000-7000-8000-0000000000ff";
    let lines = [decision(&format!(r#""event_id":"{event_id}""#)), review(event_id)];
    assert_eq!(house.service.log_batch(&batch(&lines.join("\n")), &Actor::local()).unwrap().accepted, 2);
}

#[test]
fn decisions_of_reviews_that_are_sent_again_are_looked_up_together() {
    let house = House::new();
    let lines = |of: &dyn Fn(usize) -> String| (0..500).map(of).collect::<Vec<_>>().join("\n");
    let decisions = lines(&|at| decision(&format!(r#""decision_id":"d{at}""#)));
    house.service.log_batch(&batch(&decisions), &Actor::local()).unwrap();
    let reviews = lines(&|at| {
        let event_id = format!("01935a3e-0000-7000-8000-{at:012x}");
        format!(r#"{{"kind":"review","event_id":"{event_id}","decision_id":"d{at}","reviewer":"kim"}}"#)
    });
    let log = || {
        let before = house.memory.searches();
        let logged = house.service.log_batch(&batch(&reviews), &Actor::local()).unwrap();
        (logged.accepted, logged.already, house.memory.searches() - before)
    };
    assert_eq!(log(), (500, 0, 1));
    assert_eq!(log(), (0, 500, 2), "once to prepare them, once to compare them");
    let other = reviews.replacen("\"d7\"", "\"d8\"", 1);
    let refused = house.service.log_batch(&batch(&other), &Actor::local()).unwrap_err();
    let Refusal::Conflict(conflicts) = refused else { panic!("{refused}") };
    assert_eq!(conflicts.named[0].0, Some(8));
}

#[test]
fn bad_input_is_refused_with_its_place() {
    let house = House::new();
    let size = house.service.ledger().size();
    let nested = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let large = "x".repeat(17 << 20);
    for (body, pointer) in [
        ("".to_owned(), ""),
        ("{".to_owned(), ""),
        ("[]".to_owned(), ""),
        (decision(r#""confidence":1.5"#), "/confidence"),
        (decision(r#""confidence":NaN"#), "/confidence"),
        (decision(r#""input_features":{"n":1.2345678901234567890}"#), "/input_features/n"),
        (decision(&format!(r#""input_features":{{"n":{}}}"#, "7".repeat(39))), "/input_features/n"),
        (decision(r#""input_features":{"n":1e999}"#), "/input_features/n"),
        (decision(r#""input_features":{"n":1,"n":2}"#), "/input_features/n"),
        (decision(r#""unknown":1"#), "/unknown"),
        (decision(r#""user_id":"a","userId":"b""#), "/userId"),
        (decision(r#""timestamp":"2999-01-01T00:00:00Z""#), "/timestamp"),
        (decision(r#""timestamp":"yesterday""#), "/timestamp"),
        (decision(&format!(r#""metadata":{{"deep":{nested}}}"#)), &format!("/metadata/deep{}", "/0".repeat(62))),
    ] {
        let refused = house.log(body.clone()).unwrap_err();
        let Refusal::Invalid(faults) = &refused else { panic!("{body:.80}: {refused}") };
        assert_eq!(faults.named[0].fault.pointer, pointer, "{body:.80}: {refused}");
    }
    let refused = house.log(decision(&format!(r#""metadata":{{"x":"{large}"}}"#))).unwrap_err();
    assert!(matches!(refused, Refusal::TooLarge { .. }), "{refused}");
    let refused = house.run(house.service.log(b"{\"a\":\"\xff\"}".to_vec(), &Actor::local())).unwrap_err();
    assert!(matches!(refused, Refusal::Invalid(_)), "{refused}");
    assert_eq!(house.service.ledger().size(), size, "nothing was written");
}

#[test]
fn every_call_asks_for_its_role() {
    let house = House::new();
    let actor = |roles: &[Role]| {
        let text = house.run(house.service.create_token(&format!("{roles:?}"), roles, None, &Actor::local())).unwrap();
        house.service.authenticate(Some(&text)).unwrap().unwrap()
    };
    let (writer, reader) = (actor(&[Role::Write]), actor(&[Role::Read]));
    let needs = |refused: Refusal, role: Role| assert!(matches!(refused, Refusal::Forbidden(needed) if needed == role));
    needs(house.run(house.service.log(decision(""), &reader)).unwrap_err(), Role::Write);
    needs(house.service.log_batch(&batch(&decision("")), &reader).unwrap_err(), Role::Write);
    needs(house.run(house.service.read("d", false, &writer)).unwrap_err(), Role::Read);
    needs(house.run(house.service.read("d", true, &reader)).unwrap_err(), Role::Reveal);
    needs(house.run(house.service.evidence("d", &writer)).unwrap_err(), Role::Read);
    needs(house.run(house.service.create_token("x", &[Role::Read], None, &reader)).unwrap_err(), Role::Admin);
    needs(house.run(house.service.revoke_token("x", &reader)).unwrap_err(), Role::Admin);
    let admin = house.service.authenticate(Some(&house.admin_token)).unwrap().unwrap();
    house.run(house.service.log(decision(""), &admin)).unwrap();
}

#[test]
fn writers_at_the_same_time_share_new_subjects() {
    let house = House::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..20 {
                    house.log(decision(&format!(r#""user_id":"user-{number}""#))).unwrap();
                }
            });
        }
    });
    let tokens: std::collections::HashSet<_> =
        house.entries("decision").iter().map(|json| json["user_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(tokens.len(), 20);
    house::close(&house.service);
    let kek = Keys::open(house.dir.path(), None).unwrap().kek().clone();
    assert_eq!(vault::verify(house.dir.path(), &kek, &[]).unwrap().subjects_total, 20, "none that no record names");
}

//! The other kinds of entry: written in canonical form, and read back where they are.

use onrecord_record::{
    Access, Decision, Depth, Erasure, Header, Hold, HoldState, Kind, Note, Outcome, Parser, Retention, RetentionAction,
    Review, Stamp, System, Unprotected, limit,
};
use serde_json::{Value, json};

use crate::decision::STAMP;

const EVENT: &str = "01935a3e-5e43-7cc1-a7b2-3f1d5a0c9e11";
const RECORDED_AT: &str = "2026-11-23T07:46:40.123456Z";

/// Checks that a record is canonical, is this value, and has the header that all records have.
#[track_caller]
fn check(record: &[u8], kind: Kind, mut members: Value) {
    members["kind"] = json!(kind.as_str());
    members["schema"] = json!(1);
    members["event_id"] = json!(EVENT);
    members["recorded_at"] = json!(RECORDED_AT);
    assert_eq!(std::str::from_utf8(record).unwrap(), serde_json_canonicalizer::to_string(&members).unwrap());
    let mut parser = Parser::new();
    let document = parser.parse(record).unwrap();
    let decision_id = members.get("decision_id").map(|id| id.as_str().unwrap());
    let (event_id, recorded_at) = (STAMP.event_id, STAMP.recorded_at);
    assert_eq!(Header::read(document.value()), Ok(Header { kind, event_id, recorded_at, decision_id }));
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

#[test]
fn a_review() {
    let sent = json!({
        "decisionId": "d1", "reviewer": "jane", "humanDecision": {"approved": true}, "overridden": true,
        "overrideReason": "a guarantor", "timestamp": "2026-11-22T09:46:40+02:00", "metadata": {"b": 1, "a": 2},
    });
    let mut parser = Parser::new();
    let json = sent.to_string();
    let document = parser.parse(json.as_bytes()).unwrap();
    let review = Review::read(document.value(), None).unwrap();
    assert_eq!(review.reviewer, Some("jane"));
    let stamp = Stamp { user: Some("sub_1"), ..STAMP };
    let record = written(|out| review.write(&stamp, &mut Unprotected, out));
    check(
        &record,
        Kind::Review,
        json!({
            "decision_id": "d1", "reviewer": "sub_1", "human_decision": {"approved": true}, "overridden": true,
            "override_reason": "a guarantor", "timestamp": "2026-11-22T07:46:40.000000Z",
            "timestamp_sent": "2026-11-22T09:46:40+02:00", "metadata": {"a": 2, "b": 1},
        }),
    );
    let mut parser = Parser::new();
    let document = parser.parse(&record).unwrap();
    let again = Review::read(document.value(), Some("d1")).unwrap();
    assert_eq!(written(|out| again.write(&stamp, &mut Unprotected, out)), record);
}

#[test]
fn the_decision_of_a_review_is_named_once_or_the_same_twice() {
    let faults = |json: &[u8], known| Review::read(Parser::new().parse(json).unwrap().value(), known).err();
    assert_eq!(faults(b"{}", Some("d1")), None);
    assert_eq!(faults(br#"{"decision_id":"d1"}"#, Some("d1")), None);
    assert_eq!(faults(br#"{"decision_id":"d2"}"#, Some("d1")).unwrap()[0].pointer, "/decision_id");
    assert_eq!(faults(b"{}", None).unwrap()[0].pointer, "/decision_id");
    assert_eq!(faults(b"{}", Some("")).unwrap().len(), 1);
    assert_eq!(faults(br#"{"confidence":1,"kind":"decision"}"#, Some("d1")).unwrap().len(), 2);
}

#[test]
fn an_override_says_why() {
    let faults = |json: &[u8]| {
        let review = Review::read(Parser::new().parse(json).unwrap().value(), Some("d1")).map(|_| ());
        review.err().unwrap_or_default().into_iter().map(|fault| (fault.pointer, fault.problem)).collect::<Vec<_>>()
    };
    let named = |problem: &str| vec![("/override_reason".to_owned(), problem.to_owned())];
    assert_eq!(faults(br#"{"overridden":true,"human_decision":1,"override_reason":"a guarantor"}"#), []);
    assert_eq!(faults(br#"{"overridden":false}"#), []);
    assert_eq!(faults(br#"{"overridden":true,"human_decision":1}"#), named("is required"));
    for blank in ["", " \n", "\u{a0}\u{2003}", "\u{200b}", "\u{feff} \u{2060}\u{2800}\u{3164}"] {
        let review = format!(r#"{{"overridden":true,"human_decision":1,"overrideReason":{}}}"#, json!(blank));
        assert_eq!(faults(review.as_bytes())[0].1, "must not be blank", "{blank:?}");
    }
    let undecided = [("/human_decision".to_owned(), "is required".to_owned())];
    assert_eq!(faults(br#"{"overridden":true,"override_reason":"a guarantor"}"#), undecided);
}

#[test]
fn an_outcome() {
    let mut parser = Parser::new();
    let document = parser.parse(br#"{"outcome":{"defaulted":false},"metadata":{}}"#).unwrap();
    let outcome = Outcome::read(document.value(), Some("d1")).unwrap();
    let record = written(|out| outcome.write(&STAMP, &mut Unprotected, out));
    check(
        &record,
        Kind::Outcome,
        json!({
            "decision_id": "d1", "outcome": {"defaulted": false}, "metadata": {}, "timestamp": RECORDED_AT,
        }),
    );
    let document = Parser::new();
    let mut parser = document;
    let nothing = parser.parse(br#"{"outcome":null}"#).unwrap();
    let pointers: Vec<_> = Outcome::read(nothing.value(), None).unwrap_err().into_iter().map(|f| f.pointer).collect();
    assert_eq!(pointers, ["/decision_id", "/outcome"]);
}

#[test]
fn a_note_commits_to_a_ciphertext_and_holds_no_text() {
    let mut note = Note { actor: "local", decision_id: Some("d1"), text_sha256: [0xab; 32], user_id: "sub_1" };
    let sealed = json!({"sealed": "ab".repeat(32)});
    let record = written(|out| note.write(STAMP.event_id, STAMP.recorded_at, out));
    check(&record, Kind::Note, json!({"actor": "local", "decision_id": "d1", "text": sealed, "user_id": "sub_1"}));
    note.decision_id = None;
    let record = written(|out| note.write(STAMP.event_id, STAMP.recorded_at, out));
    check(&record, Kind::Note, json!({"actor": "local", "text": sealed, "user_id": "sub_1"}));
}

#[test]
fn a_statement_says_something_and_moves_nothing_around_it() {
    let problem = |text: &str| Note::fault(text).map(|fault| fault.problem).unwrap_or_default();
    for fine in ["I earn 5,200.", "two\r\n\tlines", "é \u{1f600}", &"x".repeat(limit::NOTE_CHARS_MAX)] {
        assert_eq!(problem(fine), "", "{fine:?}");
    }
    for blank in ["", " \n", "\u{200b}\u{2060}"] {
        assert_eq!(problem(blank), "must not be blank", "{blank:?}");
    }
    assert!(problem(&"ü".repeat(limit::NOTE_CHARS_MAX + 1)).starts_with("has 10001 characters"));
    for (text, at) in [("a\u{1b}[2J", 2), ("\0a", 1), ("a\u{85}", 2), ("ab\u{202e}c", 3), ("a\u{7f}", 2)] {
        assert!(problem(text).starts_with(&format!("has a control character at character {at};")), "{text:?}");
    }
}

#[test]
fn an_erasure() {
    let erasure =
        Erasure { subject: "sub_1", depth: Depth::Delete, leaves: "0-4,7", actor: "dpo", reason: Some("GDPR Art. 17") };
    let record = written(|out| erasure.write(STAMP.event_id, STAMP.recorded_at, out));
    let members =
        json!({"subject": "sub_1", "depth": "delete", "leaves": "0-4,7", "actor": "dpo", "reason": "GDPR Art. 17"});
    check(&record, Kind::Erasure, members);
    assert_eq!(Erasure::read(Parser::new().parse(&record).unwrap().value()).unwrap(), erasure);
    let odd = br#"{"subject":"s","depth":"all","actor":"a","leaves":"4-1"}"#;
    let faults = Erasure::read(Parser::new().parse(odd).unwrap().value()).unwrap_err();
    let mut pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/depth", "/leaves"]);
}

#[test]
fn a_hold() {
    let hold = Hold {
        hold: "h7",
        state: HoldState::Released,
        case: Some("case 7"),
        subject: None,
        model_id: Some("loan"),
        since: Some(STAMP.recorded_at),
        until: None,
        leaves: None,
        actor: "counsel",
        reason: "settled",
    };
    let record = written(|out| hold.write(STAMP.event_id, STAMP.recorded_at, out));
    check(
        &record,
        Kind::Hold,
        json!({
            "hold": "h7", "state": "released", "case": "case 7", "model_id": "loan", "since": RECORDED_AT, "actor": "counsel",
            "reason": "settled",
        }),
    );
    assert_eq!(Hold::read(Parser::new().parse(&record).unwrap().value()).unwrap(), hold);
    let subject = Hold { subject: Some("sub_1"), leaves: Some("3,5-6"), state: HoldState::Placed, ..hold };
    let record = written(|out| subject.write(STAMP.event_id, STAMP.recorded_at, out));
    assert_eq!(Hold::read(Parser::new().parse(&record).unwrap().value()).unwrap(), subject);
    let odd = br#"{"hold":"h","state":"placed","actor":"a","reason":"r","leaves":"x"}"#;
    assert_eq!(Hold::read(Parser::new().parse(odd).unwrap().value()).unwrap_err()[0].pointer, "/leaves");
}

#[test]
fn a_retention_an_access_and_a_system_entry() {
    let retention = Retention {
        policy: "standard",
        action: RetentionAction::Archive,
        leaves: "10-16,1099511627776",
        count: 8,
        cutoff: STAMP.recorded_at,
        actor: "schedule",
    };
    let record = written(|out| retention.write(STAMP.event_id, STAMP.recorded_at, out));
    let members = json!({
        "policy": "standard", "action": "archive", "leaves": "10-16,1099511627776", "count": 8, "cutoff": RECORDED_AT,
        "actor": "schedule",
    });
    check(&record, Kind::Retention, members);
    assert_eq!(Retention::read(Parser::new().parse(&record).unwrap().value()).unwrap(), retention);

    let access = Access { actor: "analyst", action: "sql", what: "ai_audit_logs", purpose: None, rows: Some(100) };
    let record = written(|out| access.write(STAMP.event_id, STAMP.recorded_at, out));
    check(&record, Kind::Access, json!({"actor": "analyst", "action": "sql", "what": "ai_audit_logs", "rows": 100}));
    let access = Access { rows: None, ..access };
    let record = written(|out| access.write(STAMP.event_id, STAMP.recorded_at, out));
    check(&record, Kind::Access, json!({"actor": "analyst", "action": "sql", "what": "ai_audit_logs"}));

    let detail = json!({"file": "00000000000000000007.wal", "bytes": 1234, "b": [null, true], "a": -0.5});
    let system = System { what: "torn_tail_cut", detail: detail.as_object().unwrap() };
    let record = written(|out| system.write(STAMP.event_id, STAMP.recorded_at, out));
    check(&record, Kind::System, json!({"what": "torn_tail_cut", "detail": detail}));
}

#[test]
fn a_header_needs_all_its_members() {
    let json = br#"{"kind":"decisions","schema":2,"event_id":"x","recorded_at":"now","more":1}"#;
    let mut faults = Header::read(Parser::new().parse(json).unwrap().value()).unwrap_err();
    faults.sort();
    let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(pointers, ["/event_id", "/kind", "/recorded_at", "/schema"]);
    assert_eq!(Header::read(Parser::new().parse(b"{}").unwrap().value()).unwrap_err().len(), 4);
}

#[test]
fn a_record_of_one_kind_is_not_read_as_another() {
    let erasure = Erasure { subject: "sub_1", depth: Depth::Unlink, leaves: "", actor: "dpo", reason: None };
    let record = written(|out| erasure.write(STAMP.event_id, STAMP.recorded_at, out));
    let mut parser = Parser::new();
    let document = parser.parse(&record).unwrap();
    assert!(Decision::read(document.value()).is_err());
    assert!(Hold::read(document.value()).unwrap_err().iter().any(|fault| fault.pointer == "/kind"));
}

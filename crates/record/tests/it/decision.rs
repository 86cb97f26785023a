//! Decisions: every rule of every field, and the one stored form.

use onrecord_record::{Decision, Fault, Parser, SCHEMA, Stamp, Timestamp, Unprotected, limit};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::arbitrary;

pub(crate) const STAMP: Stamp<'static> = Stamp {
    event_id: Uuid::from_u128(0x01935a3e_5e43_7cc1_a7b2_3f1d5a0c9e11),
    recorded_at: Timestamp::from_micros(1_795_420_000_123_456),
    user: None,
    input_hash: [0xab; 16],
};

pub(crate) fn faults(sent: &Value) -> Vec<(String, String)> {
    let mut parser = Parser::new();
    let json = sent.to_string();
    let document = parser.parse(json.as_bytes()).unwrap();
    let faults = Decision::read(document.value()).err().unwrap_or_default();
    faults.into_iter().map(|Fault { pointer, problem }| (pointer, problem)).collect()
}

/// The stored form of what was sent.
pub(crate) fn stored(sent: &Value, stamp: &Stamp<'_>) -> String {
    let mut parser = Parser::new();
    let json = sent.to_string();
    let document = parser.parse(json.as_bytes()).unwrap();
    let mut out = Vec::new();
    Decision::read(document.value()).unwrap().write(stamp, &mut Unprotected, &mut out);
    String::from_utf8(out).unwrap()
}

pub(crate) fn least() -> Value {
    json!({"model_id": "m", "model_version": "1", "input_features": {}, "prediction": 1})
}

fn with(field: &str, value: Value) -> Value {
    let mut sent = least();
    sent[field] = value;
    sent
}

/// Checks that this field's value is refused with this one fault.
#[track_caller]
fn check(field: &str, value: Value, pointer: &str, problem: &str) {
    assert_eq!(faults(&with(field, value)), [(pointer.to_owned(), problem.to_owned())]);
}

#[test]
fn the_stored_forms_are_as_they_were() {
    let golden: Value = serde_json::from_str(include_str!("../../golden/decision.json")).unwrap();
    let stamp = Stamp { user: Some("sub_0123456789abcdef0123456789abcdef"), ..STAMP };
    for example in golden["decisions"].as_array().unwrap() {
        let stamp =
            if example["sent"].get("user_id").or(example["sent"].get("userId")).is_some() { stamp } else { STAMP };
        assert_eq!(stored(&example["sent"], &stamp), example["stored"].as_str().unwrap(), "{}", example["name"]);
    }
}

#[test]
fn the_least_decision_gets_its_defaults() {
    let mut parser = Parser::new();
    let json = least().to_string();
    let document = parser.parse(json.as_bytes()).unwrap();
    let decision = Decision::read(document.value()).unwrap();
    assert_eq!((decision.event_id, decision.decision_id, decision.timestamp), (None, None, None));
    assert!(!decision.human_reviewed && !decision.overridden && decision.consent_given);
    assert_eq!(decision.environment.as_str(), "production");
    let stored: Value = serde_json::from_str(&stored(&least(), &STAMP)).unwrap();
    assert_eq!(stored["schema"], SCHEMA);
    assert_eq!(stored["decision_id"], STAMP.event_id.to_string());
    assert_eq!(stored["timestamp"], STAMP.recorded_at.to_string());
    assert!(stored.get("user_id").is_none());
}

#[test]
fn v4_a_timestamp_that_says_more_is_kept_as_it_was_sent() {
    let stored = |sent: &Value| serde_json::from_str::<Value>(&stored(sent, &STAMP)).unwrap();
    let nine = "2026-11-20T10:00:00.123456789Z";
    let once = stored(&with("timestamp", json!(nine)));
    assert_eq!((&once["timestamp"], &once["timestamp_sent"]), (&json!("2026-11-20T10:00:00.123456Z"), &json!(nine)));
    // What was exported says the same when it is sent again.
    let mut again = with("timestamp", once["timestamp"].clone());
    again["timestampSent"] = once["timestamp_sent"].clone();
    assert_eq!(stored(&again), once);
    again["timestamp"] = Value::Null;
    assert_eq!(stored(&again), once);
    for no_more in ["2026-11-20T10:00:00Z", "2026-11-20 10:00:00", "2026-11-20T10:00:00.120000000+00:00"] {
        assert_eq!(stored(&with("timestamp", json!(no_more))).get("timestamp_sent"), None, "{no_more}");
    }
    let leap = stored(&with("timestamp", json!("2016-12-31T23:59:60Z")));
    assert_eq!(leap["timestamp"], "2017-01-01T00:00:00.000000Z");
    assert_eq!(leap["timestamp_sent"], "2016-12-31T23:59:60Z");
}

#[test]
fn v4_a_text_of_another_time_is_refused() {
    let problem = "must be a text of the very time that timestamp says".to_owned();
    for (timestamp, text) in [
        (json!("2026-11-20T10:00:00Z"), "2026-11-20T10:00:01Z"),
        (json!("2026-11-20T10:00:00.000000001Z"), "2026-11-20T10:00:00.000000002Z"),
        (json!("2026-11-20T10:00:00.000000001Z"), "2026-11-20T10:00:00Z"),
    ] {
        let mut sent = with("timestamp", timestamp);
        sent["timestamp_sent"] = json!(text);
        assert_eq!(faults(&sent), [("/timestamp_sent".to_owned(), problem.clone())]);
    }
    check(
        "timestamp",
        json!(format!("2026-11-20T10:00:00.{}Z", "1".repeat(60))),
        "/timestamp",
        "must have at most 64 characters",
    );
}

#[test]
fn null_is_absent_but_for_what_is_required() {
    let mut sent = least();
    for field in
        ["event_id", "userId", "confidence", "explanation", "human_decision", "metadata", "environment", "kind"]
    {
        sent[field] = Value::Null;
    }
    assert_eq!(stored(&sent, &STAMP), stored(&least(), &STAMP));
    let nothing = json!({"model_id": null, "modelVersion": null, "input_features": null, "prediction": null});
    let required = |field: &str| (format!("/{field}"), "is required and must not be null".to_owned());
    let mut found = faults(&nothing);
    found.sort();
    assert_eq!(found, ["input_features", "modelVersion", "model_id", "prediction"].map(required));
}

#[test]
fn every_fault_of_a_record_is_named() {
    let sent = json!({
        "event_id": "7", "timestamp": "yesterday", "model_id": "", "modelType": "magic", "confidence": 1.5,
        "input_features": [], "overridden": "no", "metadata": 3, "colour": "red", "data_retention_days": 0,
        "alternative_predictions": [{"confidence": 0.5}, 3, {"value": 1, "confidence": -1}],
        "explanation": {"topFeatures": [{"feature": 1}, "x"], "reasoning": {}},
    });
    let mut pointers: Vec<_> = faults(&sent).into_iter().map(|(pointer, _)| pointer).collect();
    pointers.sort();
    assert_eq!(
        pointers,
        [
            "/alternative_predictions/0",
            "/alternative_predictions/1",
            "/alternative_predictions/2/confidence",
            "/colour",
            "/confidence",
            "/data_retention_days",
            "/event_id",
            "/explanation/reasoning",
            "/explanation/topFeatures/0",
            "/explanation/topFeatures/0/feature",
            "/explanation/topFeatures/1",
            "/input_features",
            "/metadata",
            "/modelType",
            "/model_id",
            "/model_version",
            "/overridden",
            "/prediction",
            "/timestamp",
        ]
    );
}

#[test]
fn the_rules_of_the_fields() {
    check("confidence", json!("0.5"), "/confidence", "must be a number, not a string");
    check("confidence", json!(1.0000001), "/confidence", "must be from 0 to 1");
    check("confidence", json!(-0.1), "/confidence", "must be from 0 to 1");
    check("processing_time_ms", json!(-1), "/processing_time_ms", "must be at least 0");
    check("data_retention_days", json!(1.5), "/data_retention_days", "must be a whole number from 1 to 36525");
    check("human_reviewed", json!(1), "/human_reviewed", "must be a boolean, not a number");
    check("environment", json!("prod"), "/environment", "must be one of production, staging, development");
    check("kind", json!("review"), "/kind", "must be one of decision");
    check("schema", json!(2), "/schema", "must be a whole number from 1 to 1");
    check("user_id", json!(12345), "/user_id", "must be a string, not a number");
    check("request_id", json!(""), "/request_id", "must have 1 to 255 characters");
    check("request_id", json!("é".repeat(256)), "/request_id", "must have 1 to 255 characters");
    check("session_id", json!("a\nb"), "/session_id", "must not hold control characters");
    check("explanation", json!("because"), "/explanation", "must be an object, not a string");
    check("explanation", json!({"top_features": {}}), "/explanation/top_features", "must be an array, not an object");
    check("alternative_predictions", json!({}), "/alternative_predictions", "must be an array, not an object");
    let uuid = "must be a UUID that is not all zeros; leave it out to have one made";
    for id in ["x", "00000000-0000-0000-0000-000000000000", "{01935a3e-5e43-7cc1-a7b2-3f1d5a0c9e11}"] {
        check("event_id", json!(id), "/event_id", uuid);
    }
    let unknown = "is not a field of this record; what has no field of its own goes into metadata";
    for field in ["Model_Id", "model-id", "modelID", "", "a/b", "input"] {
        let pointer = format!("/{}", field.replace('/', "~1"));
        check(field, json!(1), &pointer, unknown);
    }
    for ok in [json!("é".repeat(255)), json!("a b")] {
        assert_eq!(faults(&with("request_id", ok)), []);
    }
    assert_eq!(faults(&with("data_retention_days", json!(3650.0))), []);
    assert_eq!(faults(&with("event_id", json!("01935A3E5E437CC1A7B23F1D5A0C9E11"))), []);
}

#[test]
fn both_spellings_of_a_field_are_one_too_many() {
    let json = br#"{"model_id":"m","model_version":"1","input_features":{},"prediction":1,"modelId":null,
        "explanation":{"topFeatures":[],"top_features":[]}}"#;
    let faults = Decision::read(Parser::new().parse(json).unwrap().value()).unwrap_err();
    let fault = |pointer: &str, names: &str| Fault::new(pointer, format!("the field is there twice, as {names}"));
    let expected = [
        fault("/modelId", "model_id and as modelId"),
        fault("/explanation/top_features", "top_features and as topFeatures"),
    ];
    assert_eq!(faults, expected);
}

#[test]
fn what_is_no_object_has_one_fault() {
    for (sent, found) in
        [(json!([]), "an array"), (json!(1), "a number"), (json!(null), "null"), (json!("x"), "a string")]
    {
        assert_eq!(faults(&sent), [(String::new(), format!("must be a JSON object, not {found}"))]);
    }
}

#[test]
fn faults_never_repeat_a_value() {
    let secret = "jane.doe@example.org";
    let mut sent = Map::new();
    for field in ["event_id", "timestamp", "processing_time_ms", "model_type", "input_features", "confidence"] {
        sent.insert(field.to_owned(), json!(secret));
    }
    sent.insert("alternative_predictions".to_owned(), json!([secret]));
    sent.insert("explanation".to_owned(), json!({"top_features": [secret], "reasoning": [secret]}));
    let named = format!("{:?}", faults(&Value::Object(sent)));
    assert!(!named.contains("jane"), "{named}");
    let json = format!(r#"{{"a":"{secret}\ud800"}}"#);
    let named = format!("{:?}", Parser::new().parse(json.as_bytes()).err());
    assert!(!named.contains("jane"), "{named}");
}

#[test]
fn more_faults_than_the_limit_are_counted() {
    let mut sent = least();
    for at in 0..limit::FAULTS_MAX + 10 {
        sent[format!("field{at}")] = json!(1);
    }
    let faults = faults(&sent);
    assert_eq!(faults.len(), limit::FAULTS_MAX + 1);
    assert_eq!(faults.last().unwrap().1, "and 10 more faults");
}

fn id() -> impl Strategy<Value = String> {
    "[ -~é€😀]{1,20}"
}

fn timestamp() -> impl Strategy<Value = String> {
    (0..4_000_000_000_000_000_i64).prop_map(|micros| Timestamp::from_micros(micros).to_string())
}

fn explanation() -> impl Strategy<Value = Value> {
    (arbitrary::object(), option::of((any::<bool>(), arbitrary::number())), option::of(arbitrary::text())).prop_map(
        |(mut explanation, feature, reasoning)| {
            for key in ["top_features", "topFeatures", "reasoning"] {
                explanation.as_object_mut().unwrap().remove(key);
            }
            if let Some((snake, importance)) = feature {
                let key = if snake { "top_features" } else { "topFeatures" };
                explanation[key] = json!([{"importance": importance, "feature": "age"}]);
            }
            if let Some(reasoning) = reasoning {
                explanation["reasoning"] = json!(reasoning);
            }
            explanation
        },
    )
}

/// A sound decision: required fields, and each optional one or not, in `snake_case`.
fn decision() -> impl Strategy<Value = Map<String, Value>> {
    let required =
        (id(), id(), arbitrary::object(), arbitrary::document().prop_filter("a prediction", |p| !p.is_null()));
    let optional = (
        option::of(id()),
        option::of(timestamp()),
        option::of(0.0..1e9),
        option::of(0.0..=1.0),
        option::of(explanation()),
        option::of(arbitrary::document()),
        option::of(arbitrary::object()),
        option::of(arbitrary::text()),
        (any::<bool>(), any::<bool>(), any::<bool>()),
        option::of(1..36_525_i64),
    );
    (required, optional).prop_map(|((model_id, model_version, input, prediction), optional)| {
        let (id, timestamp, ms, confidence, explanation, decided, metadata, text, truths, days) = optional;
        let sent = json!({
            "model_id": model_id, "model_version": model_version, "input_features": input, "prediction": prediction,
            "decision_id": id, "system_actor": id, "timestamp": timestamp, "processing_time_ms": ms,
            "confidence": confidence, "explanation": explanation, "human_decision": decided, "metadata": metadata,
            "override_reason": text, "human_reviewed": truths.0 || truths.1, "overridden": truths.1, "consent_given": truths.2,
            "alternative_predictions": confidence.map(|confidence| json!([{"value": metadata, "confidence": confidence}])),
            "data_retention_days": days, "model_type": text.as_ref().map(|_| "llm"),
        });
        sent.as_object().unwrap().clone()
    })
}

#[test]
fn who_overrides_has_looked() {
    let with = |members: &str| {
        format!(r#"{{"model_id":"m","model_version":"1","input_features":{{}},"prediction":1{members}}}"#)
    };
    for (members, reviewed) in [
        (r#","overridden":true,"override_reason":"a guarantor""#, true),
        (r#","overridden":true,"humanReviewed":null"#, true),
        (r#","overridden":true,"humanReviewed":true"#, true),
        (r#","humanReviewed":true"#, true),
        (r#","overridden":false"#, false),
    ] {
        let sent: Value = serde_json::from_str(&with(members)).unwrap();
        let record: Value = serde_json::from_str(&stored(&sent, &STAMP)).unwrap();
        assert_eq!(record["human_reviewed"], reviewed, "{members}");
    }
    let sent = with(r#","overridden":true,"humanReviewed":false"#);
    let mut parser = Parser::new();
    let faults = Decision::read(parser.parse(sent.as_bytes()).unwrap().value()).unwrap_err();
    assert_eq!((faults.len(), faults[0].pointer.as_str()), (1, "/humanReviewed"));
}

fn camel(snake: &str) -> String {
    let mut words = snake.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_stored_form_is_canonical_and_stores_as_itself(sent in decision()) {
        let sent = Value::Object(sent);
        let once = stored(&sent, &STAMP);
        let parsed: Value = serde_json::from_str(&once).unwrap();
        prop_assert_eq!(&serde_json_canonicalizer::to_string(&parsed).unwrap(), &once);
        let parsed: Value = serde_json::from_str(&once).unwrap();
        prop_assert_eq!(stored(&parsed, &STAMP), once);
    }

    #[test]
    fn either_spelling_and_any_order_store_the_same(sent in decision()) {
        let expected = stored(&Value::Object(sent.clone()), &STAMP);
        let other: Vec<_> =
            sent.into_iter().rev().map(|(name, value)| format!("{}:{value}", Value::from(camel(&name)))).collect();
        let json = format!("{{{}}}", other.join(","));
        let mut parser = Parser::new();
        let document = parser.parse(json.as_bytes()).unwrap();
        let mut out = Vec::new();
        Decision::read(document.value()).unwrap().write(&STAMP, &mut Unprotected, &mut out);
        prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

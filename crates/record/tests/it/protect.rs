//! What the writer asks the protection rules, and what it makes of their answers.

use onrecord_record::{Action, Decision, Parser, Protect, Stamp, Value};
use serde_json::json;

use crate::decision::STAMP;

/// Notes what it is asked; answers by member name, and masks one word.
#[derive(Default)]
struct Rules {
    members: Vec<String>,
    texts: Vec<String>,
    integers: Vec<u128>,
}

impl Protect for Rules {
    fn integer(&mut self, integer: u128, _place: u32) -> Option<&'static str> {
        self.integers.push(integer);
        None
    }

    fn member(&mut self, key: &str, value: Value<'_>) -> Action {
        self.members.push(value.pointer());
        match key {
            "email" => Action::Text("tok_0123456789abcdef".to_owned()),
            "ssn" => Action::Drop,
            "address" => Action::Sealed { sha256: [0x5a; 32] },
            _ => Action::Keep,
        }
    }

    fn text(&mut self, text: &str, out: &mut String) -> bool {
        assert!(out.is_empty());
        self.texts.push(text.to_owned());
        out.push_str(&text.replace("secret", "[word]"));
        text.contains("secret")
    }
}

fn write(sent: &serde_json::Value, rules: &mut Rules) -> serde_json::Value {
    let mut parser = Parser::new();
    let json = sent.to_string();
    let document = parser.parse(json.as_bytes()).unwrap();
    let mut out = Vec::new();
    let stamp = Stamp { user: Some("sub_1"), ..STAMP };
    Decision::read(document.value()).unwrap().write(&stamp, rules, &mut out);
    let stored: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(serde_json_canonicalizer::to_vec(&stored).unwrap(), out);
    stored
}

#[test]
fn integers_are_asked_about_by_the_digits_that_are_written() {
    let json = r#"{"model_id":"m","model_version":"1","prediction":1,"input_features":{"a":6.304000000000012e18,"b":4.1e15,"c":-7,"d":1e21,"e":0.5,"f":12345678901234567890123}}"#;
    let mut parser = Parser::new();
    let document = parser.parse(json.as_bytes()).unwrap();
    let (mut rules, mut out) = (Rules::default(), Vec::new());
    Decision::read(document.value()).unwrap().write(&STAMP, &mut rules, &mut out);
    let expected = [6_304_000_000_000_012_000, 4_100_000_000_000_000, 12_345_678_901_234_567_890_123, 1];
    assert_eq!(rules.integers, expected);
    let written = String::from_utf8(out).unwrap();
    assert!(expected.iter().all(|integer| written.contains(&integer.to_string())), "{written}");
}

#[test]
fn every_member_and_text_is_asked_about_and_answered() {
    let sent = json!({
        "model_id": "secret-model", "model_version": "1", "user_id": "jane", "system_actor": "secret-service",
        "decision_id": "d", "request_id": "a secret", "session_id": "s", "override_reason": "secret reason",
        "input_features": {"email": "a@b", "nested": [{"ssn": "1", "name": "x secret"}], "age": 4},
        "prediction": "the secret", "human_decision": {"address": {"street": "secret street"}},
        "alternative_predictions": [{"value": "secret", "confidence": 0.5}],
        "explanation": {"topFeatures": [{"feature": "email", "importance": 1}], "reasoning": "secret", "zone": 1},
        "metadata": {"ssn": "2"},
    });
    let mut rules = Rules::default();
    let stored = write(&sent, &mut rules);
    assert_eq!(
        stored["input_features"],
        json!({"email": "tok_0123456789abcdef", "nested": [{"name": "x [word]"}], "age": 4})
    );
    assert_eq!(stored["human_decision"], json!({"address": {"sealed": "5a".repeat(32)}}));
    assert_eq!(stored["alternative_predictions"], json!([{"value": "[word]", "confidence": 0.5}]));
    let explained = json!({"top_features": [{"feature": "email", "importance": 1}], "reasoning": "[word]", "zone": 1});
    assert_eq!(stored["explanation"], explained);
    assert_eq!(stored["metadata"], json!({}));
    assert_eq!(stored["prediction"], "the [word]");
    assert_eq!(stored["user_id"], "sub_1");
    for (field, text) in
        [("system_actor", "[word]-service"), ("request_id", "a [word]"), ("override_reason", "[word] reason")]
    {
        assert_eq!(stored[field], text);
    }
    // Looked up by, and so written as it is.
    assert_eq!(stored["model_id"], "secret-model");

    let asked = [
        "/alternative_predictions/0/confidence",
        "/alternative_predictions/0/value",
        "/explanation/reasoning",
        "/explanation/topFeatures",
        "/explanation/topFeatures/0/feature",
        "/explanation/topFeatures/0/importance",
        "/explanation/zone",
        "/human_decision/address",
        "/input_features/age",
        "/input_features/email",
        "/input_features/nested",
        "/input_features/nested/0/name",
        "/input_features/nested/0/ssn",
        "/metadata/ssn",
    ];
    assert_eq!(rules.members, asked);
    assert!(!rules.texts.iter().any(|text| text == "jane" || text == "a@b" || text == "secret street"));
}

#[test]
fn a_dropped_first_member_leaves_no_comma() {
    let sent = json!({
        "model_id": "m", "model_version": "1", "prediction": 1,
        "input_features": {"ssn": 1, "zip": 2}, "explanation": {"ssn": 1, "topFeatures": []}, "metadata": {"a": 1, "ssn": 1},
    });
    let stored = write(&sent, &mut Rules::default());
    assert_eq!(stored["input_features"], json!({"zip": 2}));
    assert_eq!(stored["explanation"], json!({"top_features": []}));
    assert_eq!(stored["metadata"], json!({"a": 1}));
}

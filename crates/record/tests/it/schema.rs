//! The published schema against the validation: they accept and refuse the same.

use jsonschema::Validator;
use onrecord_record::schema;
use serde_json::{Value, json};

use crate::decision::{faults, least};

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).unwrap()
}

#[test]
fn the_examples_are_accepted_by_both() {
    let examples = schema()["examples"].as_array().unwrap().clone();
    assert_eq!(examples.len(), 3);
    for example in examples {
        assert!(validator().is_valid(&example), "{:?}", validator().validate(&example).err());
        assert_eq!(faults(&example), []);
    }
}

#[test]
fn every_field_has_a_rule_in_both_spellings() {
    let schema = schema();
    let properties = schema["properties"].as_object().unwrap();
    for (name, rule) in properties {
        assert!(rule.is_object(), "{name}");
        let camel = name.split('_').enumerate().map(|(at, word)| match (at, word.split_at_checked(1)) {
            (1.., Some((first, rest))) => first.to_uppercase() + rest,
            _ => word.to_owned(),
        });
        assert!(properties.contains_key(&camel.collect::<String>()), "{name}");
    }
}

/// Values that fit some fields and not others.
fn values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(2),
        json!(-1),
        json!(0.5),
        json!(1.0),
        json!(1.5),
        json!(36_525),
        json!(36_526),
        json!(""),
        json!("x"),
        json!("a\u{7f}b"),
        json!("a\nb"),
        json!("x".repeat(255)),
        json!("😀".repeat(255)),
        json!("x".repeat(256)),
        json!("decision"),
        json!("review"),
        json!("llm"),
        json!("staging"),
        json!("01935a3e-5e43-7cc1-a7b2-3f1d5a0c9e11"),
        json!("01935A3E5E437CC1A7B23F1D5A0C9E11"),
        json!("01935a3e-5e437cc1-a7b2-3f1d-5a0c9e11"),
        json!("00000000-0000-0000-0000-000000000000"),
        json!("urn:uuid:01935a3e-5e43-7cc1-a7b2-3f1d5a0c9e11"),
        json!("2026-11-23T07:46:33.123456Z"),
        json!("2026-11-23 07:46:33+02"),
        json!("2026-11-23"),
        json!("2026-11-23T07:46:33.Z"),
        json!([]),
        json!([1]),
        json!([{"value": null, "confidence": 0.5}]),
        json!([{"value": 1}]),
        json!([{"value": 1, "confidence": null, "more": 1}]),
        json!([{"value": 1, "confidence": 2}]),
        json!([{"value": 1, "confidence": "1"}]),
        json!([{"confidence": 1}]),
        json!({}),
        json!({"any": {"thing": [1, null]}}),
        json!({"top_features": [{"feature": "a", "importance": 1, "more": 2}], "reasoning": "r"}),
        json!({"topFeatures": null, "reasoning": null}),
        json!({"topFeatures": [], "top_features": []}),
        json!({"top_features": {}}),
        json!({"topFeatures": ["a"]}),
        json!({"topFeatures": [{"feature": "a"}]}),
        json!({"topFeatures": [{"feature": 1, "importance": 1}]}),
        json!({"top_features": [{"feature": "a", "importance": "1"}]}),
        json!({"reasoning": 1}),
    ]
}

#[test]
fn the_schema_and_the_validation_agree() {
    let validator = validator();
    let check = |sent: &Value| {
        let named = faults(sent);
        assert_eq!(validator.is_valid(sent), named.is_empty(), "{sent}: {named:?}");
        named.is_empty()
    };
    let (mut accepted, mut refused) = (0, 0);
    for field in schema()["properties"].as_object().unwrap().keys() {
        for value in values() {
            let mut sent = least();
            sent[field] = value;
            *if check(&sent) { &mut accepted } else { &mut refused } += 1;
        }
        let mut sent = least();
        sent.as_object_mut().unwrap().remove(field);
        check(&sent);
    }
    // The table tells something: neither side accepts everything or refuses everything.
    assert!(accepted > 200 && refused > 1000, "{accepted} accepted, {refused} refused");
    for sent in [json!({}), json!([]), json!(null), json!("x"), json!({"modelId": "m"})] {
        assert!(!check(&sent));
    }
}

#[test]
fn an_override_that_nobody_reviewed_is_refused_by_both() {
    for name in ["human_reviewed", "humanReviewed"] {
        for (overridden, reviewed) in
            [(true, json!(false)), (true, json!(true)), (true, json!(null)), (false, json!(false))]
        {
            let mut decision = least();
            decision["overridden"] = overridden.into();
            decision[name] = reviewed.clone();
            let is_denied = overridden && reviewed == false;
            assert_eq!(validator().is_valid(&decision), !is_denied, "{decision}");
            assert_eq!(faults(&decision).is_empty(), !is_denied, "{decision}");
        }
    }
}

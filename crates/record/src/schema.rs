//! The accepted decision as a JSON Schema.
//!
//! It is made from the same tables and limits as the validation, field by field in both spellings, and says all that
//! a schema can say. What it cannot say is in its description: bytes, depth, duplicate names, numbers that would be
//! rounded, days that are not in the calendar.

use serde_json::{Map, Value, json};

use crate::decision::{Environment, ModelType, NAMES};
use crate::{Kind, SCHEMA, limit};

/// The fields that must be there.
const REQUIRED: [&str; 4] = ["model_id", "model_version", "input_features", "prediction"];

/// The JSON Schema (2020-12) of what is accepted as a decision, in either spelling.
pub fn schema() -> Value {
    let mut properties = Map::new();
    let mut rules = Vec::new();
    for (snake, camel) in NAMES.iter() {
        let rule = field(snake);
        if snake != camel {
            let mut other = rule.clone();
            other["description"] = json!(format!("The same as {snake}; only one of the two may be there."));
            properties.insert(camel.to_owned(), other);
            rules.push(json!({"not": {"required": [snake, camel]}}));
        }
        properties.insert(snake.to_owned(), rule);
        if REQUIRED.contains(&snake) {
            let mut spellings = vec![json!({"required": [snake]})];
            if snake != camel {
                spellings.push(json!({"required": [camel]}));
            }
            rules.push(json!({"anyOf": spellings}));
        }
    }
    rules.extend(["human_reviewed", "humanReviewed"].map(|reviewed| {
        let unseen = json!({"overridden": {"const": true}, reviewed: {"const": false}});
        json!({"not": {"properties": unseen, "required": ["overridden", reviewed]}})
    }));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:onrecord:decision:{SCHEMA}"),
        "title": "Decision",
        "description": format!(
            "A decision of an AI system, as onrecord accepts it: snake_case or camelCase, null where a member is \
             absent. Beyond this schema: at most {} bytes as servers are set, of which {} without texts over {} bytes; at \
             most {} levels and {} values; no member twice at any depth; no integer of more than {} digits, and no \
             other number that a double would round; dates of the calendar; a timestamp no further ahead than the \
             policy allows.",
            limit::SENT_BYTES_DEFAULT,
            limit::RECORD_BYTES_MAX,
            limit::LARGE_TEXT_BYTES,
            limit::NESTING_MAX,
            limit::VALUES_MAX,
            limit::INTEGER_DIGITS_MAX
        ),
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "allOf": rules,
        "examples": examples(),
    })
}

/// The rule of one field, by its `snake_case` name.
fn field(name: &str) -> Value {
    match name {
        "kind" => optional(json!({"enum": [Kind::Decision.as_str()]}), "What the record is."),
        "schema" => optional(json!({"const": SCHEMA}), "The version of the stored form."),
        "event_id" => optional(
            json!({
                "type": "string",
                "pattern": "^([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$",
                "not": {"pattern": "^[0-]*$"},
            }),
            "A UUID under which the decision is accepted once, forever. Made if absent.",
        ),
        "decision_id" => optional(id(), "What reviews and outcomes refer to. The event id if absent."),
        "timestamp" => optional(
            timestamp(),
            "When the decision was made; without an offset from UTC it is taken as UTC. Held in UTC to the microsecond; a \
             text that says more (further digits, an offset, a leap second) is kept as timestamp_sent. The time of \
             recording if absent.",
        ),
        "timestamp_sent" => optional(
            timestamp(),
            "The text that timestamp was sent as, where it says more; set by onrecord. One that is sent must say the \
             very time that timestamp says.",
        ),
        "recorded_at" => optional(timestamp(), "Set by onrecord when it records; one that is sent is replaced."),
        "processing_time_ms" => optional(json!({"type": "number", "minimum": 0}), "How long the model took, in ms."),
        "user_id" => optional(id(), "The person it concerns. Stored as a token."),
        "system_actor" => optional(id(), "The service that asked."),
        "model_id" => described(id(), "The model."),
        "model_version" => described(id(), "Its version."),
        "model_type" => optional(words(&ModelType::WORDS), "What sort of model it is."),
        "input_features" => described(json!({"type": "object"}), "What the model was given."),
        "input_hash" => optional(json!({"type": "string"}), "Set by onrecord, keyed; one that is sent is replaced."),
        "prediction" => described(json!({"not": {"type": "null"}}), "What the model answered."),
        "confidence" => optional(fraction(), "How sure the model was."),
        "alternative_predictions" => optional(alternatives(), "What else it considered."),
        "explanation" => optional(explanation(), "Why."),
        "human_reviewed" => {
            optional(json!({"type": "boolean"}), "Whether a person has looked at it; default what overridden is.")
        }
        "human_decision" => described(json!({}), "What that person decided."),
        "overridden" => {
            optional(json!({"type": "boolean"}), "Whether that differs; then human_reviewed is true. Default false.")
        }
        "override_reason" => optional(json!({"type": "string"}), "Why it differs."),
        "environment" => optional(words(&Environment::WORDS), "Where the model runs; default production."),
        "request_id" => optional(id(), "The producer's id of the request."),
        "session_id" => optional(id(), "The producer's id of the session."),
        "data_retention_policy" => optional(id(), "The retention policy that applies."),
        "data_retention_days" => optional(
            json!({"type": "integer", "minimum": 1, "maximum": limit::RETENTION_DAYS_MAX}),
            "How long to keep the record, in days.",
        ),
        "consent_given" => optional(json!({"type": "boolean"}), "Whether the person consented; default true."),
        // A field without a rule here accepts nothing, which the test of the examples would show.
        "metadata" => optional(json!({"type": "object"}), "What has no field of its own."),
        _ => Value::Bool(false),
    }
}

fn described(mut rule: Value, description: &str) -> Value {
    rule["description"] = json!(description);
    rule
}

/// A rule that `null` fulfils too.
fn optional(rule: Value, description: &str) -> Value {
    json!({"anyOf": [rule, {"type": "null"}], "description": description})
}

fn id() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": limit::ID_CHARS_MAX, "pattern": "^[^\\u0000-\\u001f\\u007f]*$"})
}

fn timestamp() -> Value {
    json!({
        "type": "string",
        "maxLength": limit::TIMESTAMP_CHARS_MAX,
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?$",
    })
}

fn fraction() -> Value {
    json!({"type": "number", "minimum": 0, "maximum": 1})
}

fn words<T>(words: &[(&str, T)]) -> Value {
    json!({"enum": words.iter().map(|(word, _)| *word).collect::<Vec<_>>()})
}

fn alternatives() -> Value {
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["value"],
            "properties": {"confidence": {"anyOf": [fraction(), {"type": "null"}]}},
        },
    })
}

fn explanation() -> Value {
    let top_features = json!({
        "type": ["array", "null"],
        "items": {
            "type": "object",
            "required": ["feature", "importance"],
            "properties": {"feature": {"type": "string"}, "importance": {"type": "number"}},
        },
    });
    json!({
        "type": "object",
        "properties": {
            "top_features": top_features,
            "topFeatures": top_features,
            "reasoning": {"type": ["string", "null"]},
        },
        "not": {"required": ["top_features", "topFeatures"]},
    })
}

/// The least that a decision is, and all of it in both spellings.
fn examples() -> Value {
    json!([
        {
            "model_id": "loan_approval_model",
            "model_version": "2.4.1",
            "input_features": {"gender": "female", "income": 52_000},
            "prediction": {"approved": true},
        },
        {
            "event_id": "01935a3e-5e43-7cc1-a7b2-3f1d5a0c9e11",
            "decision_id": "application-48213",
            "timestamp": "2026-11-23T07:46:33.123456Z",
            "processing_time_ms": 12.5,
            "user_id": "user_12345",
            "system_actor": "loan-service",
            "model_id": "loan_approval_model",
            "model_version": "2.4.1",
            "model_type": "classification",
            "input_features": {"application_id": "48213", "gender": "female", "income": 52_000, "email": "a@example.org"},
            "prediction": {"approved": false},
            "confidence": 0.64,
            "alternative_predictions": [{"value": {"approved": true}, "confidence": 0.36}],
            "explanation": {
                "top_features": [{"feature": "debt_ratio", "importance": 0.41}, {"feature": "income", "importance": -0.2}],
                "reasoning": "The debt ratio is above the limit for this product.",
            },
            "human_reviewed": true,
            "human_decision": {"approved": true},
            "overridden": true,
            "override_reason": "A guarantor signed.",
            "environment": "production",
            "request_id": "req-7f3a",
            "session_id": "session-19",
            "data_retention_policy": "high_risk",
            "data_retention_days": 3650,
            "consent_given": true,
            "metadata": {"region": "eu-west"},
        },
        {
            "eventId": "01935a3e-5e43-7cc1-a7b2-3f1d5a0c9e12",
            "decisionId": "application-48214",
            "timestamp": "2026-11-23T07:46:33.123Z",
            "processingTimeMs": 12,
            "userId": null,
            "systemActor": "loan-service",
            "modelId": "loan_approval_model",
            "modelVersion": "2.4.1",
            "modelType": "llm",
            "inputFeatures": {"prompt": "Summarise the application."},
            "prediction": "The applicant asks for a loan of 10,000.",
            "alternativePredictions": [],
            "explanation": {"topFeatures": [{"feature": "prompt", "importance": 1}]},
            "humanReviewed": false,
            "overridden": false,
            "environment": "staging",
            "requestId": "req-7f3b",
            "sessionId": "session-20",
            "dataRetentionPolicy": "standard",
            "dataRetentionDays": 365,
            "consentGiven": true,
        },
    ])
}

//! Reading a decision: every field's rule.

use super::{Decision, Environment, ModelType};
use crate::field::{Fields, Names, at, range_problem};
use crate::{Fault, Kind, Value, ValueKind, limit, opening};

/// The fields of a decision in both spellings.
pub(crate) static NAMES: Names<30> = NAMES_CONST;

const NAMES_CONST: Names<30> = Names::new(opening::names([
    ("processing_time_ms", "processingTimeMs"),
    ("user_id", "userId"),
    ("system_actor", "systemActor"),
    ("model_id", "modelId"),
    ("model_version", "modelVersion"),
    ("model_type", "modelType"),
    ("input_features", "inputFeatures"),
    ("input_hash", "inputHash"),
    ("prediction", "prediction"),
    ("confidence", "confidence"),
    ("alternative_predictions", "alternativePredictions"),
    ("explanation", "explanation"),
    ("human_reviewed", "humanReviewed"),
    ("human_decision", "humanDecision"),
    ("overridden", "overridden"),
    ("override_reason", "overrideReason"),
    ("environment", "environment"),
    ("request_id", "requestId"),
    ("session_id", "sessionId"),
    ("data_retention_policy", "dataRetentionPolicy"),
    ("data_retention_days", "dataRetentionDays"),
    ("consent_given", "consentGiven"),
    ("metadata", "metadata"),
]));

impl<'a> Decision<'a> {
    /// Reads a decision in either spelling.
    ///
    /// A stored record is accepted too, so that what was exported can be sent again: its `recorded_at` and
    /// `input_hash` are checked and then replaced by ours.
    ///
    /// # Errors
    /// Every fault in the record, each with its place.
    pub fn read(value: Value<'a>) -> Result<Self, Vec<Fault>> {
        let mut fields = Fields::sort(value, &NAMES);
        let opening = fields.opening(Kind::Decision);
        fields.typed(at!("input_hash"), ValueKind::String);
        fields.require(at!("input_features"));
        let overridden = fields.truth(at!("overridden")).unwrap_or(false);
        let human_reviewed = fields.truth(at!("human_reviewed"));
        if let Some(value) = fields.value(at!("human_reviewed"))
            && overridden
            && human_reviewed == Some(false)
        {
            fields.fault(value, "must not be false where overridden is true: who overrides has looked at it");
        }
        let decision = Self {
            event_id: opening.event_id,
            decision_id: fields.id(at!("decision_id")),
            timestamp: opening.timestamp,
            timestamp_sent: opening.timestamp_sent,
            processing_time_ms: fields.number(at!("processing_time_ms"), 0.0, f64::MAX),
            user_id: fields.id(at!("user_id")),
            system_actor: fields.id(at!("system_actor")),
            model_id: fields.required_id(at!("model_id")),
            model_version: fields.required_id(at!("model_version")),
            model_type: fields.word(at!("model_type"), &ModelType::WORDS),
            input_features: fields.typed(at!("input_features"), ValueKind::Object).unwrap_or(value),
            prediction: fields.required(at!("prediction")),
            confidence: fields.number(at!("confidence"), 0.0, 1.0),
            alternative_predictions: fields.typed(at!("alternative_predictions"), ValueKind::Array),
            explanation: fields.typed(at!("explanation"), ValueKind::Object),
            human_reviewed: human_reviewed.unwrap_or(overridden),
            human_decision: fields.value(at!("human_decision")),
            overridden,
            override_reason: fields.text(at!("override_reason")),
            environment: fields.word(at!("environment"), &Environment::WORDS).unwrap_or_default(),
            request_id: fields.id(at!("request_id")),
            session_id: fields.id(at!("session_id")),
            data_retention_policy: fields.id(at!("data_retention_policy")),
            data_retention_days: fields.integer(at!("data_retention_days"), 1, limit::RETENTION_DAYS_MAX),
            consent_given: fields.truth(at!("consent_given")).unwrap_or(true),
            metadata: fields.typed(at!("metadata"), ValueKind::Object),
        };
        if let Some(alternatives) = decision.alternative_predictions {
            check_alternatives(alternatives, &mut fields);
        }
        if let Some(explanation) = decision.explanation {
            check_explanation(explanation, &mut fields);
        }
        fields.finish(decision)
    }
}

type Found<'a> = Fields<'a, 30>;

/// An alternative has a `value`, and may have a `confidence` from 0 to 1.
fn check_alternatives(alternatives: Value<'_>, fields: &mut Found<'_>) {
    for alternative in alternatives.elements() {
        if !check_kind(alternative, ValueKind::Object, fields) {
            continue;
        }
        check_member(alternative, "value", None, fields);
        let Some(confidence) = alternative.get("confidence").filter(|confidence| !confidence.is_null()) else {
            continue;
        };
        if check_kind(confidence, ValueKind::Number, fields)
            && !confidence.as_f64().is_some_and(|confidence| (0.0..=1.0).contains(&confidence))
        {
            fields.fault(confidence, range_problem(0.0, 1.0));
        }
    }
}

/// An explanation may have `top_features`, each with its `feature` and `importance`, and a `reasoning`.
fn check_explanation(explanation: Value<'_>, fields: &mut Found<'_>) {
    let mut top_features = None;
    for (key, member) in explanation.members() {
        match key {
            "top_features" | "topFeatures" if top_features.is_some() => {
                fields.fault(member, "the field is there twice, as top_features and as topFeatures");
            }
            "top_features" | "topFeatures" => top_features = Some(member),
            "reasoning" if !member.is_null() => {
                check_kind(member, ValueKind::String, fields);
            }
            _ => {}
        }
    }
    let Some(top_features) = top_features.filter(|features| !features.is_null()) else { return };
    if !check_kind(top_features, ValueKind::Array, fields) {
        return;
    }
    for feature in top_features.elements() {
        if check_kind(feature, ValueKind::Object, fields) {
            check_member(feature, "feature", Some(ValueKind::String), fields);
            check_member(feature, "importance", Some(ValueKind::Number), fields);
        }
    }
}

fn check_kind(value: Value<'_>, kind: ValueKind, fields: &mut Found<'_>) -> bool {
    if value.kind() != kind {
        fields.fault(value, format!("must be {}, not {}", kind.describe(), value.kind().describe()));
    }
    value.kind() == kind
}

/// A member that must be there, and of one type if one is asked for.
fn check_member(of: Value<'_>, key: &str, kind: Option<ValueKind>, fields: &mut Found<'_>) {
    match (of.get(key), kind) {
        (None, _) => fields.fault(of, format!("must have a member {key}")),
        (Some(member), Some(kind)) => {
            check_kind(member, kind, fields);
        }
        (Some(_), None) => {}
    }
}

//! What a decision must say, by its retention policy: the seed's check of required fields, under the policy's names.
//!
//! A field is a member of the decision, in either spelling, or a JSON pointer (RFC 6901) into one of its documents. It is
//! missing where it is absent, null or empty. What onrecord gives a decision itself, such as `timestamp`, is never missing.

use crate::retention::STANDARD;
use onrecord_record::{Fault, Value, ValueKind, schema};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Members that a stored decision has, whatever was sent.
const GIVEN: [&str; 9] = [
    "event_id",
    "decision_id",
    "timestamp",
    "recorded_at",
    "input_hash",
    "human_reviewed",
    "overridden",
    "environment",
    "consent_given",
];

/// Fields that a requirement may name.
const FIELDS_MAX: usize = 64;

/// What becomes of a decision that lacks a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnMissing {
    /// It is recorded, and the answer names what is missing.
    Warn,
    /// It is refused.
    Refuse,
}

/// What decisions of one retention policy must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    fields: Vec<Field>,
    /// What becomes of one that does not.
    pub on_missing: OnMissing,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    fields: Vec<String>,
    on_missing: OnMissing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    pointer: String,
    /// The names on the way, each in both spellings: `model_id`, `modelId`.
    steps: Vec<[String; 2]>,
}

impl Form {
    /// What the file says, read.
    pub(super) fn read(&self) -> Result<Requirement, &'static str> {
        if self.fields.is_empty() || self.fields.len() > FIELDS_MAX {
            return Err("requirements: fields names 1 to 64 fields");
        }
        let known = schema();
        let fields: Vec<Field> = self.fields.iter().map(|name| Field::read(name, &known)).collect::<Result<_, _>>()?;
        if (1..fields.len()).any(|at| fields[..at].iter().any(|other| other.steps == fields[at].steps)) {
            return Err("requirements: a field is named twice");
        }
        Ok(Requirement { fields, on_missing: self.on_missing })
    }
}

impl Field {
    /// `known` is the schema of a decision.
    fn read(name: &str, known: &serde_json::Value) -> Result<Self, &'static str> {
        let unescaped = |step: &str| step.replace("~1", "/").replace("~0", "~");
        let names: Vec<String> = match name.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(unescaped).collect(),
            None => vec![name.to_owned()],
        };
        if names.iter().any(|name| name.is_empty() || name.len() > 255) {
            return Err("requirements: a name must have 1 to 255 bytes");
        }
        let is_field = |name: &String| known["properties"].get(name).is_some() || GIVEN.contains(&snake(name).as_str());
        if !names.first().is_some_and(is_field) {
            return Err("requirements: a field is no member of a decision; `onrecord schema` lists them");
        }
        let pointer = match name.starts_with('/') {
            true => name.to_owned(),
            false => format!("/{name}"),
        };
        Ok(Field { pointer, steps: names.iter().map(|name| [snake(name), camel(name)]).collect() })
    }

    fn is_missing(&self, decision: Value<'_>) -> bool {
        if matches!(&self.steps[..], [[snake, _]] if GIVEN.contains(&snake.as_str())) {
            return false;
        }
        let mut steps = self.steps.iter();
        let found = steps.try_fold(decision, |at, [snake, camel]| at.get(snake).or_else(|| at.get(camel)));
        found.is_none_or(|value| match value.kind() {
            ValueKind::Null => true,
            ValueKind::Object | ValueKind::Array => value.is_empty(),
            ValueKind::String => value.as_str().is_some_and(str::is_empty),
            _ => false,
        })
    }
}

impl Requirement {
    /// A fault for each field that a decision, as it was sent, does not say.
    pub(crate) fn faults(&self, retention_policy: &str, decision: Value<'_>) -> Vec<Fault> {
        let missing = self.fields.iter().filter(|field| field.is_missing(decision));
        let problem = format!("is missing; policy.toml requires it ([requirements.{retention_policy}])");
        missing.map(|field| Fault::new(field.pointer.clone(), problem.clone())).collect()
    }
}

/// The requirement that a decision must meet, by the retention policy that it names.
pub(super) fn of<'a>(
    requirements: &'a BTreeMap<String, Requirement>,
    retention_policy: Option<&str>,
) -> Option<(&'a str, &'a Requirement)> {
    let (name, requirement) = requirements.get_key_value(retention_policy.unwrap_or(STANDARD))?;
    Some((name.as_str(), requirement))
}

fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let mut camel = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;
    use onrecord_record::Parser;

    fn missing(fields: &[&str], decision: &str) -> Vec<String> {
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        let requirement = Form { fields, on_missing: OnMissing::Warn }.read().unwrap();
        let mut parser = Parser::new();
        let faults = requirement.faults("high_risk", parser.parse(decision.as_bytes()).unwrap().value());
        faults.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn what_is_absent_null_or_empty_is_missing_in_either_spelling() {
        let fields =
            ["model_id", "input_features", "prediction", "explanation", "timestamp", "/explanation/top_features"];
        let whole = r#"{"modelId":"m","inputFeatures":{"a":1},"prediction":0,
            "explanation":{"topFeatures":[{"feature":"a","importance":1}]}}"#;
        assert_eq!(missing(&fields, whole), [] as [&str; 0]);
        let empty = r#"{"model_id":"","input_features":{},"prediction":false,"explanation":null}"#;
        assert_eq!(
            missing(&fields, empty),
            ["/model_id", "/input_features", "/explanation", "/explanation/top_features"]
        );
    }

    #[test]
    fn a_field_that_a_decision_cannot_have_is_refused() {
        let read = |field: &str| Form { fields: vec![field.to_owned()], on_missing: OnMissing::Refuse }.read();
        for good in ["explanation", "modelVersion", "recorded_at", "/metadata/a~1b", "recordedAt"] {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "explanations", "/nothing/here", "/explanation/"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(Form { fields: Vec::new(), on_missing: OnMissing::Warn }.read().is_err());
        let twice = vec!["user_id".to_owned(), "/userId".to_owned()];
        assert!(Form { fields: twice, on_missing: OnMissing::Warn }.read().is_err());
    }
}

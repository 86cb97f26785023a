//! Paths into a decision, as people write them: `input_features.gender`, `prediction.approved`, `environment`.
//!
//! A path begins with a column of `ai_audit_logs`. Steps into a document follow, each after a dot; a step with a dot, an
//! equals sign or a double quote in it stands in double quotes, as a JSON string: `input_features."a.b"`.

use crate::period;
use crate::sql::text;
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// Columns that hold a document.
const DOCUMENTS: [&str; 6] =
    ["input_features", "prediction", "human_decision", "alternative_predictions", "explanation", "metadata"];

/// The document of an outcome.
const OUTCOME: &str = "outcome";

/// Columns that hold one value, which a path ends at.
const PLAIN: [&str; 17] = [
    "event_id",
    "decision_id",
    "timestamp",
    "user_id",
    "system_actor",
    "model_id",
    "model_version",
    "model_type",
    "confidence",
    "human_reviewed",
    "overridden",
    "override_reason",
    "processing_time_ms",
    "environment",
    "request_id",
    "session_id",
    "data_retention_policy",
];

/// A path into a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    column: &'static str,
    steps: Vec<String>,
}

/// A path and the text that must stand there: `input_features.application_id=app_7`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Where.
    pub path: Path,
    /// What.
    pub value: String,
}

/// What is wrong with a path. Holds no part of it, since it may name a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It begins with no column.
    #[error("a path begins with a column of ai_audit_logs, as in input_features.gender or environment")]
    Column,
    /// A condition on an outcome that begins otherwise.
    #[error(
        "a condition on an outcome begins with outcome, as in outcome.repaid=true, or outcome=true where it is one value"
    )]
    Outcome,
    /// Steps after a column that is no document.
    #[error(
        "only documents have steps: input_features, prediction, human_decision, alternative_predictions, explanation, metadata"
    )]
    Steps,
    /// Nothing between two dots, or a broken quotation.
    #[error(
        "a step of a path is empty or broken; one with a dot, an equals sign or a quote stands in double quotes, as a JSON string"
    )]
    Step,
    /// A condition without `=`.
    #[error("a condition is PATH=VALUE, as in input_features.application_id=app_7")]
    Condition,
}

impl Path {
    /// The column that it begins with.
    pub fn column(&self) -> &'static str {
        self.column
    }

    /// Whether it is a whole document, which has no single value.
    pub fn is_document(&self) -> bool {
        self.steps.is_empty() && !PLAIN.contains(&self.column)
    }

    /// Whether it is a document or leads into one.
    pub fn is_in_document(&self) -> bool {
        !PLAIN.contains(&self.column)
    }

    /// Whether it is a column of numbers.
    pub fn is_number(&self) -> bool {
        matches!(self.column, "confidence" | "processing_time_ms")
    }

    /// The same path of another document.
    #[must_use]
    pub fn within(&self, column: &'static str) -> Self {
        Self { column, steps: self.steps.clone() }
    }

    /// The SQL expression of its value as text; null where there is none.
    pub fn text_sql(&self) -> String {
        match self.steps.split_last() {
            // A document that is one text or number, as a prediction may be, without quotation marks.
            None if self.is_document() => format!("{} #>> '{{}}'", self.column),
            None => match self.column {
                "model_id" | "model_version" | "environment" | "user_id" | "decision_id" | "event_id" => {
                    self.column.to_owned()
                }
                column => format!("{column}::text"),
            },
            Some((last, before)) => {
                let steps: String = before.iter().map(|step| format!("->{}", text(step))).collect();
                format!("{}{steps}->>{}", self.column, text(last))
            }
        }
    }

    /// The SQL expression of its JSON value; the column itself for one that is no document.
    pub fn json_sql(&self) -> String {
        let steps: String = self.steps.iter().map(|step| format!("->{}", text(step))).collect();
        format!("{}{steps}", self.column)
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(written: &str) -> Result<Self, PathError> {
        match read(written, of_decision)? {
            (path, "") => Ok(path),
            _ => Err(PathError::Step),
        }
    }
}

impl FromStr for Condition {
    type Err = PathError;

    fn from_str(written: &str) -> Result<Self, PathError> {
        let (path, rest) = read(written, of_decision)?;
        let value = rest.strip_prefix('=').ok_or(PathError::Condition)?;
        Ok(Self { path, value: value.to_owned() })
    }
}

impl Condition {
    /// A condition on an outcome: the path begins with `outcome`.
    ///
    /// # Errors
    /// [`PathError::Outcome`], or whatever else is wrong with it.
    pub fn of_outcome(written: &str) -> Result<Self, PathError> {
        let (path, rest) = read(written, of_outcome).map_err(|error| match error {
            PathError::Column => PathError::Outcome,
            other => other,
        })?;
        let value = rest.strip_prefix('=').ok_or(PathError::Condition)?;
        Ok(Self { path, value: value.to_owned() })
    }

    /// The SQL condition. Texts are compared as they are, numbers and times by their value, however they are written.
    pub fn sql(&self) -> String {
        let by_text = format!("{} = {}", self.path.text_sql(), text(&self.value));
        if self.path.column == "timestamp" {
            return period::time(&self.value).map_or(by_text, |time| format!("timestamp = TIMESTAMPTZ '{time}'"));
        }
        let Some(number) = number(&self.value) else { return by_text };
        if self.path.is_number() {
            return format!("{} = '{number:?}'::double precision", self.path.column);
        }
        // Numbers stand in documents in one form only, so that what is written in it needs no second look: look-up indexes find
        // it by its text.
        match self.path.is_in_document() && !is_canonical(&self.value, number) {
            true => format!("({by_text} OR {} = {}::jsonb)", self.path.json_sql(), text(&self.value)),
            false => by_text,
        }
    }
}

/// The double next to a number in the grammar of JSON.
fn number(written: &str) -> Option<f64> {
    let is_bare = written.starts_with(|char: char| char == '-' || char.is_ascii_digit())
        && !written.ends_with(char::is_whitespace);
    is_bare.then(|| serde_json::from_str(written).ok()).flatten()
}

/// Whether a number is written as documents have it (RFC 8785, and integers digit for digit).
fn is_canonical(written: &str, number: f64) -> bool {
    let is_integer = written != "-0" && written.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
    // Smaller and greater ones have an exponent.
    is_integer || ((1e-6..1e21).contains(&number.abs()) && number.to_string() == written)
}

/// The column of a decision that is called so.
fn of_decision(name: &str) -> Option<&'static str> {
    DOCUMENTS.iter().chain(&PLAIN).find(|column| **column == name).copied()
}

fn of_outcome(name: &str) -> Option<&'static str> {
    (name == OUTCOME).then_some(OUTCOME)
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.path, self.value)
    }
}

/// A path, and what follows it from an equals sign on.
fn read(written: &str, column: fn(&str) -> Option<&'static str>) -> Result<(Path, &str), PathError> {
    let (first, mut rest) = step(written)?;
    let mut steps = Vec::new();
    while let Some(after) = rest.strip_prefix('.') {
        let (name, left) = step(after)?;
        steps.push(name);
        rest = left;
    }
    let column = column(&first).ok_or(PathError::Column)?;
    if !steps.is_empty() && PLAIN.contains(&column) {
        return Err(PathError::Steps);
    }
    Ok((Path { column, steps }, rest))
}

/// One step, and what follows it.
fn step(written: &str) -> Result<(String, &str), PathError> {
    if written.starts_with('"') {
        let mut parsed = serde_json::Deserializer::from_str(written).into_iter::<String>();
        let name = parsed.next().and_then(Result::ok).ok_or(PathError::Step)?;
        let rest = &written[parsed.byte_offset()..];
        return if rest.is_empty() || rest.starts_with(['.', '=']) { Ok((name, rest)) } else { Err(PathError::Step) };
    }
    let end = written.find(['.', '=']).unwrap_or(written.len());
    let (name, rest) = written.split_at(end);
    if name.is_empty() || name.contains('"') { Err(PathError::Step) } else { Ok((name.to_owned(), rest)) }
}

impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.column)?;
        for step in &self.steps {
            match step.is_empty() || step.contains(['.', '=', '"']) {
                true => write!(f, ".{}", serde_json::Value::from(step.as_str()))?,
                false => write!(f, ".{step}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(path: &str) -> String {
        path.parse::<Path>().unwrap_or_else(|error| panic!("{path}: {error}")).text_sql()
    }

    #[test]
    fn a_path_is_an_expression() {
        assert_eq!(sql("input_features.gender"), "input_features->>'gender'");
        assert_eq!(sql("prediction.a.b.c"), "prediction->'a'->'b'->>'c'");
        assert_eq!(sql("environment"), "environment");
        assert_eq!(sql("overridden"), "overridden::text");
        assert_eq!(sql("metadata"), "metadata #>> '{}'");
        assert_eq!(sql(r#"metadata."a.b"."o'x=\"y\"".😀"#), r#"metadata->'a.b'->'o''x="y"'->>'😀'"#);
    }

    #[test]
    fn what_is_no_path_is_said_without_repeating_it() {
        for (written, error) in [
            ("", PathError::Step),
            ("gender", PathError::Column),
            ("kind", PathError::Column),
            ("environment.x", PathError::Steps),
            ("input_features.", PathError::Step),
            ("input_features..a", PathError::Step),
            ("input_features.a\"b", PathError::Step),
            ("input_features.\"a", PathError::Step),
            ("input_features.\"a\"b", PathError::Step),
            ("input_features.a=b", PathError::Step),
            ("; DROP TABLE decisions", PathError::Column),
        ] {
            assert_eq!(written.parse::<Path>(), Err(error), "{written}");
        }
    }

    #[test]
    fn a_condition_is_a_path_and_a_value() {
        let condition = |written: &str| written.parse::<Condition>().map(|condition| condition.sql());
        assert_eq!(condition("input_features.id=a=b").unwrap(), "input_features->>'id' = 'a=b'");
        assert_eq!(condition("input_features.\"a=b\"=it's").unwrap(), "input_features->>'a=b' = 'it''s'");
        assert_eq!(condition("environment=").unwrap(), "environment = ''");
        assert_eq!(condition("environment"), Err(PathError::Condition));
        for (written, sql) in [
            ("confidence=1.0", "confidence = '1.0'::double precision"),
            ("confidence=high", "confidence::text = 'high'"),
            ("input_features.age=30", "input_features->>'age' = '30'"),
            (
                "input_features.id=12345678901234567890123456789",
                "input_features->>'id' = '12345678901234567890123456789'",
            ),
            ("input_features.id=007", "input_features->>'id' = '007'"),
            ("input_features.rate=0.25", "input_features->>'rate' = '0.25'"),
            ("input_features.age=30.0", "(input_features->>'age' = '30.0' OR input_features->'age' = '30.0'::jsonb)"),
            ("prediction=1e2", "(prediction #>> '{}' = '1e2' OR prediction = '1e2'::jsonb)"),
            ("model_version=2.0", "model_version = '2.0'"),
            ("timestamp=2026-11-12T18:00:00+01:00", "timestamp = TIMESTAMPTZ '2026-11-12T17:00:00Z'"),
        ] {
            assert_eq!(condition(written).unwrap(), sql);
        }
    }

    #[test]
    fn a_path_is_shown_as_it_is_written() {
        for written in ["input_features.gender", "metadata.\"a.b\".c", "environment"] {
            assert_eq!(written.parse::<Path>().unwrap().to_string(), written);
        }
    }
}

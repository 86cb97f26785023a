//! Private answers that were given, as they stand on the record: what each cost, and what it was.

use crate::source::{Error, Rows, Source};
use crate::sql::text;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A private answer, as its entry has it (`system`, `privacy_release`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// The model.
    pub model_id: String,
    /// Everything that was asked for, so that the same question is known again.
    pub question: Value,
    /// What it cost.
    pub epsilon: f64,
    /// What was answered.
    pub answer: Value,
}

/// What was released of a model so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Released {
    /// What it cost in all.
    pub epsilon: f64,
    /// The answer to the same question, if it was asked before.
    pub answer: Option<Value>,
}

/// Asks what was released of a model, and whether this question was answered.
///
/// # Errors
/// What the source says.
pub async fn released<S: Source + ?Sized>(
    source: &S,
    model_id: &str,
    question: &Value,
) -> Result<Released, Error<S::Error>> {
    let of_model = format!("what = 'privacy_release' AND detail->>'model_id' = {}", text(model_id));
    let sql = format!("SELECT sum((detail->>'epsilon')::double precision) AS epsilon FROM systems WHERE {of_model}");
    let spent = Rows::of(source, sql).await?.number("epsilon")?.unwrap_or(0.0);
    let sql = format!(
        "SELECT (detail->'answer')::text AS answer FROM systems WHERE {of_model} AND detail->'question' = {}::jsonb \
         ORDER BY leaf_index LIMIT 1",
        text(&question.to_string())
    );
    let answer = Rows::of(source, sql).await?.texts("answer")?.into_iter().next().flatten();
    let answer = answer.map(|answer| serde_json::from_str(&answer).map_err(|_| Error::Answer("answer"))).transpose()?;
    Ok(Released { epsilon: spent, answer })
}

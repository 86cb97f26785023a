//! Private answers that were given, as they stand on the record: what each cost, and what it was.
//!
//! Invariant: what a caller wrote, which may name a person, stands there as keyed tokens only. The same question has the
//! same token, and whoever asks it again knows the texts that belong into the answer.

use crate::source::{Error, Rows, Source};
use crate::sql::text;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;

/// A question of which the answer is private.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The name of the report.
    pub report: &'static str,
    /// Everything that the answer depends on.
    pub asked: Value,
    /// The texts in it that the caller wrote and that the answer may repeat.
    pub texts: Vec<String>,
}

/// A question as it may stand on the record.
#[derive(Clone, Debug, PartialEq)]
pub struct Disguised {
    token: String,
    tokens: HashMap<String, String>,
    texts: HashMap<String, String>,
}

/// A private answer, as its entry has it (`system`, `privacy_release`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// The model.
    pub model_id: String,
    /// The name of the report.
    pub report: String,
    /// The keyed token of everything that was asked for, so that the same question is known again.
    pub question: String,
    /// What it cost.
    pub epsilon: f64,
    /// What was answered, with keyed tokens in place of the texts of the question.
    pub answer: Value,
}

impl Question {
    /// With keyed tokens, which `token` makes.
    pub fn disguised(&self, token: impl Fn(&str) -> String) -> Disguised {
        let asked = serde_json::json!([self.report, self.asked]).to_string();
        let tokens: HashMap<String, String> = self.texts.iter().map(|text| (text.clone(), token(text))).collect();
        let texts = tokens.iter().map(|(text, token)| (token.clone(), text.clone())).collect();
        Disguised { token: token(&asked), tokens, texts }
    }
}

impl Disguised {
    /// The answer as it may stand on the record.
    pub fn hide(&self, answer: Value) -> Value {
        replaced(answer, &self.tokens)
    }

    /// The answer as it was given.
    fn show(&self, answer: Value) -> Value {
        replaced(answer, &self.texts)
    }

    /// The token of the question.
    pub fn token(&self) -> &str {
        &self.token
    }
}

/// The document with other texts in place of those that are named.
fn replaced(document: Value, by: &HashMap<String, String>) -> Value {
    match document {
        Value::String(text) => Value::String(by.get(&text).cloned().unwrap_or(text)),
        Value::Array(items) => items.into_iter().map(|item| replaced(item, by)).collect(),
        Value::Object(members) => members.into_iter().map(|(name, member)| (name, replaced(member, by))).collect(),
        other => other,
    }
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
    question: &Disguised,
) -> Result<Released, Error<S::Error>> {
    let of_model = format!("what = 'privacy_release' AND detail->>'model_id' = {}", text(model_id));
    let sql = format!("SELECT sum((detail->>'epsilon')::double precision) AS epsilon FROM systems WHERE {of_model}");
    let spent = Rows::of(source, sql).await?.number("epsilon")?.unwrap_or(0.0);
    let sql = format!(
        "SELECT (detail->'answer')::text AS answer FROM systems WHERE {of_model} AND detail->>'question' = {} \
         ORDER BY leaf_index LIMIT 1",
        text(&question.token)
    );
    let answer = Rows::of(source, sql).await?.texts("answer")?.into_iter().next().flatten();
    let answer = answer.map(|answer| serde_json::from_str(&answer).map_err(|_| Error::Answer("answer"))).transpose()?;
    Ok(Released { epsilon: spent, answer: answer.map(|answer| question.show(answer)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_of_the_question_are_tokens_in_the_answer_that_is_recorded() {
        let texts = vec!["prediction.ok=jane".to_owned(), "jane".to_owned()];
        let question = Question { report: "fairness", asked: json!({"epsilon": 1.0, "of": "jane"}), texts };
        let token = |text: &str| format!("tok_{}", text.len());
        let answer = json!({"positive": "prediction.ok=jane", "n": 3, "groups": [{"group": "jane"}, {"group": null}]});
        let disguised = question.disguised(token);
        let hidden = disguised.hide(answer.clone());
        assert_eq!(hidden, json!({"positive": "tok_18", "n": 3, "groups": [{"group": "tok_4"}, {"group": null}]}));
        assert_eq!(disguised.show(hidden), answer);
        let other = Question { asked: json!({"epsilon": 1.0, "of": "jane roe"}), ..question.clone() };
        assert_ne!(other.disguised(token).token(), disguised.token());
    }
}

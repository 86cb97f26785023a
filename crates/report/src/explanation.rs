//! The explanation of one decision to the person whom it is about.
//!
//! Everything in it comes from the record: the decision, what people made of it, and the words of a language file. What
//! is not on the record is said to be missing; nothing is made up.

use crate::language::Language;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// Factors that are told in words.
const FACTORS_MAX: usize = 5;

/// What is known about a decision, as it is stored.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The decision.
    pub decision: &'a Value,
    /// Its reviews, oldest first.
    pub reviews: &'a [Value],
    /// Proves offline that the decision is in the ledger.
    pub receipt: Option<Box<RawValue>>,
}

/// Whom to turn to, as the deployer has set it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objection {
    /// An address, a telephone number, a page.
    pub contact: Option<String>,
    /// The deployer's own wording instead of that of the language file.
    pub wording: Option<String>,
}

/// Why a decision is what it is, in words for the person whom it is about.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Explanation {
    /// The decision's id.
    pub decision_id: String,
    /// When it was made (RFC 3339).
    pub timestamp: String,
    /// What the model decided.
    pub decision: Value,
    /// The reason that the model's explanation gives; null if none is on the record.
    pub reasoning: Option<String>,
    /// The features that weighed most, as they were recorded.
    pub key_factors: Vec<KeyFactor>,
    /// How sure the model was, from 0 to 1; null if it did not say.
    pub confidence: Option<f64>,
    /// classification, regression, llm, recommendation; null if not recorded.
    pub model_type: Option<String>,
    /// Whether a person looked at it.
    pub human_reviewed: bool,
    /// The right to object, and how.
    pub right_to_object: String,
    /// The model.
    pub model_id: String,
    /// Its version.
    pub model_version: String,
    /// The language of the words: a tag of BCP 47.
    pub language: String,
    /// The factors in words.
    pub factors: Vec<Factor>,
    /// What people made of the decision, oldest first.
    pub human: Vec<HumanReview>,
    /// What holds in the end: the latest human decision, else the model's.
    pub decision_in_force: Value,
    /// The names of the data that the model was given.
    pub data_used: Vec<String>,
    /// Whom to turn to; null if the deployer has set no contact.
    pub contact: Option<String>,
    /// What is not on the record, in words.
    pub missing: Vec<String>,
    /// Proves offline that the decision is in the ledger.
    #[schema(value_type = Option<Object>)]
    pub receipt: Option<Box<RawValue>>,
}

/// A feature and its weight, as the model explained itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KeyFactor {
    /// The feature.
    pub feature: String,
    /// Its weight, in the model's own unit; the sign is the direction.
    pub importance: f64,
}

/// A factor in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Factor {
    /// The feature.
    pub feature: String,
    /// Its part of the weight of all recorded factors, from 0 to 1.
    pub share: f64,
    /// `raised` the model's score or `lowered` it, as its explanation says by the sign; null without weight. Which
    /// decision a high score stands for is the model's own affair.
    pub direction: Option<String>,
    /// One sentence.
    pub text: String,
}

/// What a person made of the decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HumanReview {
    /// When (RFC 3339).
    pub timestamp: String,
    /// Whether the person decided otherwise.
    pub overridden: bool,
    /// What the person decided; null if they agreed without a decision of their own.
    pub human_decision: Value,
    /// Why.
    pub override_reason: Option<String>,
    /// One sentence.
    pub text: String,
}

impl Explanation {
    /// Explains a decision in a language.
    pub fn new(subject: Subject<'_>, objection: &Objection, language: &Language) -> Self {
        let decision = subject.decision;
        let text = |name: &str| decision[name].as_str().map(str::to_owned);
        let explained = &decision["explanation"];
        let reasoning = explained["reasoning"].as_str().map(str::to_owned);
        let key_factors = key_factors(explained);
        let human = human(decision, subject.reviews, language);
        let mut missing = Vec::new();
        if reasoning.is_none() && key_factors.is_empty() {
            missing.push(language.say("missing_explanation", &[]));
        }
        if objection.contact.is_none() {
            missing.push(language.say("missing_contact", &[]));
        }
        let decision_in_force = in_force(decision, &human);
        Self {
            decision_id: text("decision_id").or_else(|| text("event_id")).unwrap_or_default(),
            timestamp: text("timestamp").unwrap_or_default(),
            decision: decision["prediction"].clone(),
            reasoning,
            factors: factors(&key_factors, language),
            key_factors,
            confidence: decision["confidence"].as_f64(),
            model_type: text("model_type"),
            human_reviewed: !human.is_empty(),
            right_to_object: right_to_object(objection, language),
            model_id: text("model_id").unwrap_or_default(),
            model_version: text("model_version").unwrap_or_default(),
            language: language.tag().to_owned(),
            human,
            decision_in_force,
            data_used: data_used(&decision["input_features"]),
            contact: objection.contact.clone(),
            missing,
            receipt: subject.receipt,
        }
    }
}

fn key_factors(explained: &Value) -> Vec<KeyFactor> {
    let features = explained["top_features"].as_array().map(Vec::as_slice).unwrap_or_default();
    let read = features.iter().filter_map(|feature| {
        let importance = feature["importance"].as_f64()?;
        Some(KeyFactor { feature: feature["feature"].as_str()?.to_owned(), importance })
    });
    read.collect()
}

/// The factors by weight, the heaviest first; shares are of all recorded factors.
fn factors(key_factors: &[KeyFactor], language: &Language) -> Vec<Factor> {
    let total: f64 = key_factors.iter().map(|factor| factor.importance.abs()).sum();
    let mut sorted: Vec<&KeyFactor> = key_factors.iter().collect();
    sorted.sort_by(|left, right| right.importance.abs().total_cmp(&left.importance.abs()));
    let told = sorted.into_iter().take(FACTORS_MAX).map(|KeyFactor { feature, importance }| {
        let share = if total > 0.0 { importance.abs() / total } else { 0.0 };
        let (direction, sentence) = match importance.total_cmp(&0.0) {
            std::cmp::Ordering::Greater => (Some("raised"), "factor_raised"),
            std::cmp::Ordering::Less => (Some("lowered"), "factor_lowered"),
            std::cmp::Ordering::Equal => (None, "factor_none"),
        };
        let name = feature.replace(['_', '.'], " ");
        let percent = format!("{:.0}", share * 100.0);
        Factor {
            feature: feature.clone(),
            share,
            direction: direction.map(str::to_owned),
            text: language.say(sentence, &[("feature", &name), ("percent", &percent)]),
        }
    });
    told.collect()
}

/// What people made of the decision: what it says itself, and its reviews.
fn human(decision: &Value, reviews: &[Value], language: &Language) -> Vec<HumanReview> {
    let own = (decision["human_reviewed"] == true).then_some(decision);
    let all = own.into_iter().chain(reviews);
    all.map(|review| {
        let timestamp = review["timestamp"].as_str().unwrap_or_default().to_owned();
        let overridden = review["overridden"] == true;
        let override_reason = review["override_reason"].as_str().map(str::to_owned);
        let day = timestamp.get(..10).unwrap_or(&timestamp).to_owned();
        let text = match (&override_reason, overridden) {
            (Some(reason), true) => language.say("review_overridden_because", &[("day", &day), ("reason", reason)]),
            (None, true) => language.say("review_overridden", &[("day", &day)]),
            (_, false) => language.say("review_agreed", &[("day", &day)]),
        };
        HumanReview { timestamp, overridden, human_decision: review["human_decision"].clone(), override_reason, text }
    })
    .collect()
}

/// The latest review counts, as in `ai_audit_logs`.
fn in_force(decision: &Value, human: &[HumanReview]) -> Value {
    match human.last() {
        Some(review) if review.overridden => review.human_decision.clone(),
        _ => decision["prediction"].clone(),
    }
}

fn right_to_object(objection: &Objection, language: &Language) -> String {
    let wording = match &objection.wording {
        Some(wording) => wording.clone(),
        None => language.say("right_to_object", &[]),
    };
    let how = match &objection.contact {
        Some(contact) => language.say("contact", &[("contact", contact)]),
        None => language.say("missing_contact", &[]),
    };
    format!("{wording} {how}")
}

/// The names of what the model was given, with those of nested members after a dot.
fn data_used(inputs: &Value) -> Vec<String> {
    fn walk(value: &Value, before: &str, names: &mut Vec<String>) {
        let Some(members) = value.as_object().filter(|members| !members.is_empty()) else {
            if !before.is_empty() {
                names.push(before.to_owned());
            }
            return;
        };
        for (name, inner) in members {
            let path = if before.is_empty() { name.clone() } else { format!("{before}.{name}") };
            // A field that is kept encrypted is one datum.
            let is_sealed = inner.as_object().is_some_and(|inner| inner.len() == 1 && inner.contains_key("sealed"));
            if is_sealed { names.push(path) } else { walk(inner, &path, names) }
        }
    }
    let mut names = Vec::new();
    walk(inputs, "", &mut names);
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn decision() -> Value {
        json!({
            "decision_id": "loan-1", "timestamp": "2026-03-01T10:00:00.000000Z", "model_id": "loan", "model_version": "2",
            "model_type": "classification", "confidence": 0.75, "prediction": {"approved": false},
            "input_features": {"age": 41, "applicant": {"name": "tok_1", "email": {"sealed": "00"}}, "none": {}},
            "explanation": {"reasoning": "Too long.", "top_features": [
                {"feature": "age", "importance": 0.1}, {"feature": "duration_months", "importance": -0.3}]},
        })
    }

    fn explain(decision: &Value, reviews: &[Value], objection: &Objection, tag: &str) -> Explanation {
        let language = Language::built_in(tag).unwrap();
        Explanation::new(Subject { decision, reviews, receipt: None }, objection, &language)
    }

    #[test]
    fn factors_are_told_by_weight_with_share_and_direction() {
        let told = explain(&decision(), &[], &Objection::default(), "en");
        assert_eq!(told.key_factors[0], KeyFactor { feature: "age".to_owned(), importance: 0.1 });
        assert_eq!(told.factors[0].feature, "duration_months");
        assert!((told.factors[0].share - 0.75).abs() < 1e-12);
        assert_eq!(told.factors[0].direction.as_deref(), Some("lowered"));
        assert_eq!(told.factors[0].text, "“duration months” lowered the model’s score (75 % of the recorded weight).");
        assert_eq!(told.data_used, ["age", "applicant.email", "applicant.name", "none"]);
        assert!(!told.human_reviewed);
        assert_eq!(
            told.right_to_object,
            "You have the right to object to this automated decision. No contact is configured."
        );
        assert_eq!(told.missing, ["No contact is configured."]);
    }

    #[test]
    fn what_people_did_is_told_and_the_latest_counts() {
        let reviews = [
            json!({"timestamp": "2026-03-02T08:00:00Z", "overridden": true, "override_reason": "a guarantor",
                "human_decision": {"approved": true}}),
            json!({"timestamp": "2026-03-03T08:00:00Z", "overridden": false}),
        ];
        let contact = Objection { contact: Some("appeals@bank.example".to_owned()), wording: None };
        let first = explain(&decision(), &reviews[..1], &contact, "de");
        assert_eq!(first.decision_in_force, json!({"approved": true}));
        assert!(first.human[0].text.contains("2026-03-02") && first.human[0].text.contains("a guarantor"));
        assert!(first.right_to_object.ends_with("appeals@bank.example."), "{}", first.right_to_object);
        let both = explain(&decision(), &reviews, &contact, "en");
        assert_eq!((both.human.len(), both.decision_in_force), (2, json!({"approved": false})));
        assert!(both.missing.is_empty());
    }

    #[test]
    fn a_decision_without_an_explanation_says_so() {
        let mut decision = decision();
        for nothing in [Value::Null, json!({}), json!({"top_features": "x", "reasoning": 3}), json!([1])] {
            decision["explanation"] = nothing;
            let told = explain(&decision, &[], &Objection::default(), "en");
            assert_eq!(told.missing[0], "The model’s explanation of this decision is not on the record.");
            assert!(told.factors.is_empty() && told.reasoning.is_none());
        }
        decision["explanation"] = json!({"top_features": [{"feature": "x", "importance": 0}]});
        let told = explain(&decision, &[], &Objection::default(), "en");
        assert_eq!((told.factors[0].share, &told.factors[0].direction), (0.0, &None));
    }
}

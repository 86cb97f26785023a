//! The explanation of one decision to the person whom it is about.
//!
//! Everything in it comes from the record: the decision, what people made of it, and the words of a language file. What
//! is not on the record is said to be missing; nothing is made up.

use crate::exact::Exact;
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
    pub decision: &'a RawValue,
    /// Its reviews, oldest first.
    pub reviews: &'a [Box<RawValue>],
    /// What its person says about it, oldest first.
    pub notes: &'a [Box<RawValue>],
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
    #[schema(value_type = Value)]
    pub decision: Exact,
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
    /// What the person says about the decision, oldest first.
    #[serde(default)]
    pub notes: Vec<Statement>,
    /// What holds in the end: the latest human decision, else the model's.
    #[schema(value_type = Value)]
    pub decision_in_force: Exact,
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
    #[schema(value_type = f64)]
    pub importance: Exact,
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
    #[schema(value_type = Value)]
    pub human_decision: Exact,
    /// Why.
    pub override_reason: Option<String>,
    /// One sentence.
    pub text: String,
}

/// What the person says about the decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Statement {
    /// When it was put on the record (RFC 3339).
    pub recorded_at: String,
    /// Who put it there.
    pub actor: String,
    /// In plain; null where it is sealed.
    pub statement: Option<String>,
    /// One sentence.
    pub text: String,
}

impl Explanation {
    /// Explains a decision in a language.
    ///
    /// # Errors
    /// The decision or a review is not JSON.
    pub fn new(subject: Subject<'_>, objection: &Objection, language: &Language) -> serde_json::Result<Self> {
        let stored = Stored::read(subject.decision)?;
        let reviews: Vec<Stored<'_>> =
            subject.reviews.iter().map(|review| Stored::read(review)).collect::<Result<_, _>>()?;
        let decision = &stored.members;
        let text = |name: &str| decision[name].as_str().map(str::to_owned);
        let explained = &decision["explanation"];
        let reasoning = explained["reasoning"].as_str().map(str::to_owned);
        let key_factors = key_factors(stored.documents.explanation);
        let human = human(&stored, &reviews, language);
        let mut missing = Vec::new();
        if reasoning.is_none() && key_factors.is_empty() {
            missing.push(language.say("missing_explanation", &[]));
        }
        if objection.contact.is_none() {
            missing.push(language.say("missing_contact", &[]));
        }
        let prediction = Exact::of(stored.documents.prediction);
        let decision_in_force = in_force(&prediction, &human);
        Ok(Self {
            decision_id: text("decision_id").or_else(|| text("event_id")).unwrap_or_default(),
            timestamp: text("timestamp").unwrap_or_default(),
            decision: prediction,
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
            notes: subject.notes.iter().map(|note| statement(note, language)).collect::<Result<_, _>>()?,
            decision_in_force,
            data_used: data_used(&decision["input_features"]),
            contact: objection.contact.clone(),
            missing,
            receipt: subject.receipt,
        })
    }
}

/// A stored record: its members, and the texts of those whose numbers must keep their digits.
struct Stored<'a> {
    members: Value,
    documents: Documents<'a>,
}

#[derive(Deserialize)]
struct Documents<'a> {
    #[serde(borrow)]
    prediction: Option<&'a RawValue>,
    #[serde(borrow)]
    human_decision: Option<&'a RawValue>,
    #[serde(borrow)]
    explanation: Option<&'a RawValue>,
}

impl<'a> Stored<'a> {
    fn read(record: &'a RawValue) -> serde_json::Result<Self> {
        Ok(Self { members: serde_json::from_str(record.get())?, documents: serde_json::from_str(record.get())? })
    }
}

/// The features of an explanation that are whole.
fn key_factors(explanation: Option<&RawValue>) -> Vec<KeyFactor> {
    #[derive(Deserialize)]
    struct Explained<'a> {
        #[serde(borrow)]
        top_features: Vec<&'a RawValue>,
    }
    let explained = explanation.and_then(|text| serde_json::from_str::<Explained<'_>>(text.get()).ok());
    let factor = |text: &&RawValue| {
        let factor: KeyFactor = serde_json::from_str(text.get()).ok()?;
        factor.importance.number().is_some().then_some(factor)
    };
    explained.map_or(Vec::new(), |explained| explained.top_features.iter().filter_map(factor).collect())
}

/// The factors by weight, the heaviest first; shares are of all recorded factors.
fn factors(key_factors: &[KeyFactor], language: &Language) -> Vec<Factor> {
    let numbered = key_factors.iter().filter_map(|factor| Some((&factor.feature, factor.importance.number()?)));
    let mut sorted: Vec<(&String, f64)> = numbered.collect();
    sorted.sort_by(|(_, left), (_, right)| right.abs().total_cmp(&left.abs()));
    // Beside the heaviest, so that the sum of all cannot be infinite.
    let heaviest = sorted.first().map_or(0.0, |(_, importance)| importance.abs());
    let weight = |importance: f64| if heaviest > 0.0 { importance.abs() / heaviest } else { 0.0 };
    let total: f64 = sorted.iter().map(|(_, importance)| weight(*importance)).sum();
    let told = sorted.into_iter().take(FACTORS_MAX).map(|(feature, importance)| {
        let share = if total > 0.0 { weight(importance) / total } else { 0.0 };
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
fn human(decision: &Stored<'_>, reviews: &[Stored<'_>], language: &Language) -> Vec<HumanReview> {
    let is_reviewed = decision.members["human_reviewed"] == true || decision.members["overridden"] == true;
    let own = is_reviewed.then_some(decision);
    let all = own.into_iter().chain(reviews);
    all.map(|stored| {
        let review = &stored.members;
        let timestamp = review["timestamp"].as_str().unwrap_or_default().to_owned();
        let overridden = review["overridden"] == true;
        let override_reason = review["override_reason"].as_str().map(str::to_owned);
        let day = timestamp.get(..10).unwrap_or(&timestamp).to_owned();
        let text = match (&override_reason, overridden) {
            (Some(reason), true) => language.say("review_overridden_because", &[("day", &day), ("reason", reason)]),
            (None, true) => language.say("review_overridden", &[("day", &day)]),
            (_, false) => language.say("review_agreed", &[("day", &day)]),
        };
        let human_decision = Exact::of(stored.documents.human_decision);
        HumanReview { timestamp, overridden, human_decision, override_reason, text }
    })
    .collect()
}

fn statement(note: &RawValue, language: &Language) -> serde_json::Result<Statement> {
    let note: Value = serde_json::from_str(note.get())?;
    let member = |name: &str| note[name].as_str().unwrap_or_default().to_owned();
    let (recorded_at, actor, statement) = (member("recorded_at"), member("actor"), note["text"].as_str());
    let day = recorded_at.get(..10).unwrap_or(&recorded_at).to_owned();
    let text = match statement {
        Some(statement) => language.say("note", &[("day", &day), ("text", statement)]),
        None => language.say("note_sealed", &[("day", &day)]),
    };
    Ok(Statement { recorded_at, actor, statement: statement.map(str::to_owned), text })
}

/// The latest review counts, as in `ai_audit_logs`.
fn in_force(prediction: &Exact, human: &[HumanReview]) -> Exact {
    match human.last() {
        Some(review) if review.overridden => review.human_decision.clone(),
        _ => prediction.clone(),
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
        let raw = |value: &Value| serde_json::value::to_raw_value(value).unwrap();
        let reviews: Vec<_> = reviews.iter().map(raw).collect();
        let subject = Subject { decision: &raw(decision), reviews: &reviews, notes: &[], receipt: None };
        Explanation::new(subject, objection, &language).unwrap()
    }

    fn exact(json: &str) -> Exact {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn every_digit_stays() {
        let digits = "12345678901234567890123456789012345678";
        let decision = format!(
            r#"{{"prediction":{{"limit":{digits}}},"human_decision":-{digits},"human_reviewed":true,"overridden":true,
                "explanation":{{"top_features":[{{"feature":"a","importance":{digits}}}]}}}}"#
        );
        let decision: Box<RawValue> = serde_json::from_str(&decision).unwrap();
        let subject = Subject { decision: &decision, reviews: &[], notes: &[], receipt: None };
        let language = Language::built_in("en").unwrap();
        let told = Explanation::new(subject, &Objection::default(), &language).unwrap();
        let json = serde_json::to_string(&told).unwrap();
        assert!(json.contains(&format!(r#""decision":{{"limit":{digits}}}"#)), "{json}");
        assert!(json.contains(&format!(r#""decision_in_force":-{digits}"#)), "{json}");
        assert!(json.contains(&format!(r#""importance":{digits}"#)), "{json}");
        assert_eq!(told.factors[0].share, 1.0);
        assert!(told.text(&language).contains(digits));
        let again: Explanation = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), json);
    }

    #[test]
    fn weights_whose_sum_is_no_double_have_their_shares() {
        let mut decision = decision();
        decision["explanation"]["top_features"] =
            json!([{"feature": "a", "importance": 1.5e308}, {"feature": "b", "importance": -1.5e308}]);
        let told = explain(&decision, &[], &Objection::default(), "en");
        assert_eq!((told.factors[0].share, told.factors[1].share), (0.5, 0.5));
        assert!(told.factors[0].text.contains("50 %"), "{}", told.factors[0].text);
    }

    #[test]
    fn who_overrides_has_looked() {
        let mut decision = decision();
        decision["overridden"] = true.into();
        decision["override_reason"] = "a guarantor".into();
        let told = explain(&decision, &[], &Objection::default(), "en");
        assert!(told.human_reviewed && told.human[0].overridden);
        assert_eq!(told.decision_in_force, exact("null"));
    }

    #[test]
    fn factors_are_told_by_weight_with_share_and_direction() {
        let told = explain(&decision(), &[], &Objection::default(), "en");
        assert_eq!(told.key_factors[0], KeyFactor { feature: "age".to_owned(), importance: exact("0.1") });
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
        assert_eq!(first.decision_in_force, exact(r#"{"approved":true}"#));
        assert!(first.human[0].text.contains("2026-03-02") && first.human[0].text.contains("a guarantor"));
        assert!(first.right_to_object.ends_with("appeals@bank.example."), "{}", first.right_to_object);
        let both = explain(&decision(), &reviews, &contact, "en");
        assert_eq!((both.human.len(), both.decision_in_force), (2, exact(r#"{"approved":false}"#)));
        assert!(both.missing.is_empty());
    }

    #[test]
    fn what_the_person_says_is_told_and_what_is_sealed_is_said_to_be() {
        let raw = |value: Value| serde_json::value::to_raw_value(&value).unwrap();
        let note = |text: Value| raw(json!({"recorded_at": "2026-03-04T08:00:00Z", "actor": "local", "text": text}));
        let notes = [note(json!("I earn more.\nMuch more.")), note(json!({"sealed": "00"}))];
        let language = Language::built_in("en").unwrap();
        let subject = Subject { decision: &raw(decision()), reviews: &[], notes: &notes, receipt: None };
        let told = Explanation::new(subject, &Objection::default(), &language).unwrap();
        assert_eq!(told.notes[0].text, "On 2026-03-04: I earn more.\nMuch more.");
        assert_eq!((told.notes[1].statement.as_deref(), told.notes[0].actor.as_str()), (None, "local"));
        assert!(told.notes[1].text.contains("2026-03-04") && !told.notes[1].text.contains("sealed"));
        let text = told.text(&language);
        assert!(text.contains("What the person says\n  On 2026-03-04: I earn more.\n  Much more.\n"), "{text}");
        assert!(told.page(&language).contains("Much more."));
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

//! A record as it was sent, of whichever kind, read and checked.

use crate::about::About;
use crate::policy::Policy;
use crate::protect::{self, UserIdMatcher};
use onrecord_record::{Decision, Fault, Kind, ModelType, Outcome, Protect, Review, Stamp, Timestamp, Value};
use uuid::Uuid;

/// A record that was read, of whichever kind. Lives on the stack for one record, and most are decisions.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Sent<'a> {
    Decision(Decision<'a>),
    Review(Review<'a>),
    Outcome(Outcome<'a>),
}

impl<'a> Sent<'a> {
    /// Reads what was sent: of the kind that it says it is, or that the caller asked for beside the body.
    pub(crate) fn read(value: Value<'a>, about: Option<About<'a>>) -> Result<Self, Vec<Fault>> {
        let asked = about.map_or(Kind::Decision, |about| about.kind);
        let kind = match value.get("kind").filter(|kind| !kind.is_null()) {
            None => Some(asked),
            Some(kind) => kind.as_str().and_then(Kind::parse),
        };
        if about.is_some() && kind != Some(asked) {
            return Err(vec![Fault::new("/kind", format!("must be {}", asked.as_str()))]);
        }
        let decision_id = about.map(|about| about.decision_id);
        match kind {
            Some(Kind::Decision) => Decision::read(value).map(Sent::Decision),
            Some(Kind::Review) => Review::read(value, decision_id).map(Sent::Review),
            Some(Kind::Outcome) => Outcome::read(value, decision_id).map(Sent::Outcome),
            _ => Err(vec![Fault::new("/kind", "must be decision, review or outcome")]),
        }
    }

    /// The decision that it is about, if it is none itself.
    pub(crate) fn about(&self) -> Option<&'a str> {
        match self {
            Sent::Decision(_) => None,
            Sent::Review(review) => Some(review.decision_id),
            Sent::Outcome(outcome) => Some(outcome.decision_id),
        }
    }

    /// Whether it is a decision of a language model.
    pub(crate) fn is_llm(&self) -> bool {
        matches!(self, Sent::Decision(Decision { model_type: Some(ModelType::Llm), .. }))
    }

    pub(crate) fn event_id(&self) -> Option<Uuid> {
        match self {
            Sent::Decision(decision) => decision.event_id,
            Sent::Review(review) => review.event_id,
            Sent::Outcome(outcome) => outcome.event_id,
        }
    }

    pub(crate) fn decision_id(&self) -> Option<&'a str> {
        match self {
            Sent::Decision(decision) => decision.decision_id,
            Sent::Review(review) => Some(review.decision_id),
            Sent::Outcome(outcome) => Some(outcome.decision_id),
        }
    }

    pub(crate) fn timestamp(&self) -> Option<Timestamp> {
        match self {
            Sent::Decision(decision) => decision.timestamp,
            Sent::Review(review) => review.timestamp,
            Sent::Outcome(outcome) => outcome.timestamp,
        }
    }

    /// The person who becomes a subject.
    pub(crate) fn user_id(&self) -> Option<&'a str> {
        match self {
            Sent::Decision(decision) => decision.user_id,
            Sent::Review(review) => review.reviewer,
            Sent::Outcome(_) => None,
        }
    }

    /// What is written through [`Protect::member`].
    pub(crate) fn documents(&self) -> [Option<Value<'a>>; 6] {
        match self {
            Sent::Decision(decision) => [
                Some(decision.input_features),
                Some(decision.prediction),
                decision.alternative_predictions,
                decision.explanation,
                decision.human_decision,
                decision.metadata,
            ],
            Sent::Review(review) => [review.human_decision, review.metadata, None, None, None, None],
            Sent::Outcome(outcome) => [Some(outcome.outcome), outcome.metadata, None, None, None, None],
        }
    }

    /// What is written as it is.
    pub(crate) fn check_identifiers(&self, policy: &Policy, user_ids: &[UserIdMatcher<'_>], faults: &mut Vec<Fault>) {
        protect::check_identifier(policy, user_ids, "/decision_id", self.decision_id(), faults);
        if let Sent::Decision(decision) = self {
            protect::check_identifier(policy, &[], "/model_id", Some(decision.model_id), faults);
            protect::check_identifier(policy, &[], "/model_version", Some(decision.model_version), faults);
            protect::check_identifier(policy, &[], "/data_retention_policy", decision.data_retention_policy, faults);
            if let Some(name) = decision.data_retention_policy
                && !policy.retention.0.contains_key(name)
            {
                let names: Vec<&str> = policy.retention.0.keys().map(String::as_str).collect();
                faults.push(Fault::new("/data_retention_policy", format!("must be one of {}", names.join(", "))));
            }
        }
    }

    pub(crate) fn write<P: Protect>(&self, stamp: &Stamp<'_>, protect: &mut P, out: &mut Vec<u8>) {
        match self {
            Sent::Decision(decision) => decision.write(stamp, protect, out),
            Sent::Review(review) => review.write(stamp, protect, out),
            Sent::Outcome(outcome) => outcome.write(stamp, protect, out),
        }
    }
}

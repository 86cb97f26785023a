//! The decision: what a model was asked, what it answered, and all that makes the answer accountable.
//!
//! [`Decision::read`] takes what a producer sent, in either spelling, and names every fault in it. [`Decision`] borrows
//! from the parsed document and can be changed field by field before it is written.

mod read;
mod stored;
mod write;

use uuid::Uuid;

use crate::{Timestamp, Value};

pub(crate) use read::NAMES;
pub use stored::StoredDecision;

/// A decision as it was sent, checked. Optional members that were absent or `null` are `None`; defaults are applied.
#[derive(Clone, Debug)]
pub struct Decision<'a> {
    /// The id under which it is accepted once, forever. Made by the service if absent.
    pub event_id: Option<Uuid>,
    /// What reviews and outcomes refer to. The event id's text if absent.
    pub decision_id: Option<&'a str>,
    /// When the producer says that it decided; not trusted. The time of recording if absent.
    pub timestamp: Option<Timestamp>,
    /// The text that `timestamp` was sent as, if it says more: see [`Timestamp::parse_sent`].
    pub timestamp_sent: Option<&'a str>,
    /// How long the model took, in milliseconds, at least 0.
    pub processing_time_ms: Option<f64>,
    /// The person it concerns, in plain: never written. The stored `user_id` is [`Stamp::user`].
    pub user_id: Option<&'a str>,
    /// The service that asked.
    pub system_actor: Option<&'a str>,
    /// The model.
    pub model_id: &'a str,
    /// Its version.
    pub model_version: &'a str,
    /// What sort of model it is.
    pub model_type: Option<ModelType>,
    /// What the model was given: an object.
    pub input_features: Value<'a>,
    /// What the model answered: anything but `null`.
    pub prediction: Value<'a>,
    /// How sure it was, from 0 to 1. A language model may not say.
    pub confidence: Option<f64>,
    /// What else it considered: an array of `{value, confidence}`.
    pub alternative_predictions: Option<Value<'a>>,
    /// Why: an object with `top_features` (an array of `{feature, importance}`), `reasoning` and whatever else.
    pub explanation: Option<Value<'a>>,
    /// Whether a person has looked at it. False if absent.
    pub human_reviewed: bool,
    /// What that person decided: anything.
    pub human_decision: Option<Value<'a>>,
    /// Whether that differs from the prediction. False if absent.
    pub overridden: bool,
    /// Why it differs.
    pub override_reason: Option<&'a str>,
    /// Where the model runs. Production if absent.
    pub environment: Environment,
    /// The producer's id of the request.
    pub request_id: Option<&'a str>,
    /// The producer's id of the session.
    pub session_id: Option<&'a str>,
    /// The name of the retention policy that applies.
    pub data_retention_policy: Option<&'a str>,
    /// How long to keep the record, in days, at least 1.
    pub data_retention_days: Option<i64>,
    /// Whether the person consented. True if absent, as in the seed's schema.
    pub consent_given: bool,
    /// What has no field of its own: an object.
    pub metadata: Option<Value<'a>>,
}

/// What we add to an entry when we record it.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// The id of the entry.
    pub event_id: Uuid,
    /// When it is recorded, by our clock.
    pub recorded_at: Timestamp,
    /// The subject token of the person it concerns; for a review, of the reviewer.
    pub user: Option<&'a str>,
    /// The keyed hash over a decision's input features. Other kinds have none and ignore it.
    pub input_hash: [u8; 16],
}

/// The sort of model: the member `model_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModelType {
    /// One of several classes.
    Classification,
    /// A number.
    Regression,
    /// Text by a language model.
    Llm,
    /// A choice of items.
    Recommendation,
}

/// Where a model runs: the member `environment`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Environment {
    /// For real people.
    #[default]
    Production,
    /// For a rehearsal.
    Staging,
    /// For trying out.
    Development,
}

impl ModelType {
    /// The sort with that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, sort)| *sort)
    }

    /// Every sort with its word.
    pub(crate) const WORDS: [(&'static str, Self); 4] = [
        ("classification", Self::Classification),
        ("regression", Self::Regression),
        ("llm", Self::Llm),
        ("recommendation", Self::Recommendation),
    ];

    /// The word in the record.
    pub const fn as_str(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

impl Environment {
    /// Every environment with its word.
    pub(crate) const WORDS: [(&'static str, Self); 3] =
        [("production", Self::Production), ("staging", Self::Staging), ("development", Self::Development)];

    /// The word in the record.
    pub const fn as_str(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

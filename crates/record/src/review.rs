//! The review: a person looked at a decision, and confirmed it or overrode it.

use uuid::Uuid;

use crate::canonical::{Writer, name};
use crate::decision::Stamp;
use crate::field::{Fields, Names, at};
use crate::{Fault, Kind, Protect, Timestamp, Value, ValueKind, opening};

pub(crate) static NAMES: Names<12> = NAMES_CONST;

const NAMES_CONST: Names<12> = Names::new(opening::names([
    ("reviewer", "reviewer"),
    ("human_decision", "humanDecision"),
    ("overridden", "overridden"),
    ("override_reason", "overrideReason"),
    ("metadata", "metadata"),
]));

/// A review as it was sent, checked.
#[derive(Clone, Debug)]
pub struct Review<'a> {
    /// The id under which it is accepted once. Made by the service if absent.
    pub event_id: Option<Uuid>,
    /// The decision that was looked at.
    pub decision_id: &'a str,
    /// When the reviewer says it happened. The time of recording if absent.
    pub timestamp: Option<Timestamp>,
    /// The text that `timestamp` was sent as, if it says more: see [`Timestamp::parse_sent`].
    pub timestamp_sent: Option<&'a str>,
    /// Who reviewed, in plain: never written. The stored `reviewer` is [`Stamp::user`].
    pub reviewer: Option<&'a str>,
    /// What the reviewer decided: anything. There if `overridden`.
    pub human_decision: Option<Value<'a>>,
    /// Whether that differs from the prediction. False if absent.
    pub overridden: bool,
    /// Why it differs: there if `overridden`.
    pub override_reason: Option<&'a str>,
    /// What has no field of its own: an object.
    pub metadata: Option<Value<'a>>,
}

impl<'a> Review<'a> {
    /// Reads a review. `decision_id` is the decision that the caller was asked about by other means, a path for
    /// instance; the body may then leave its own out, and must not name another.
    ///
    /// # Errors
    /// Every fault in the review, each with its place.
    pub fn read(value: Value<'a>, decision_id: Option<&'a str>) -> Result<Self, Vec<Fault>> {
        let mut fields = Fields::sort(value, &NAMES);
        let opening = fields.opening(Kind::Review);
        let overridden = fields.truth(at!("overridden")).unwrap_or(false);
        if overridden {
            fields.require_words(at!("override_reason"));
            fields.require(at!("human_decision"));
        }
        let review = Self {
            event_id: opening.event_id,
            decision_id: fields.decision_id(at!("decision_id"), decision_id),
            timestamp: opening.timestamp,
            timestamp_sent: opening.timestamp_sent,
            reviewer: fields.id(at!("reviewer")),
            human_decision: fields.value(at!("human_decision")),
            overridden,
            override_reason: fields.text(at!("override_reason")),
            metadata: fields.typed(at!("metadata"), ValueKind::Object),
        };
        fields.finish(review)
    }

    /// Appends the record in canonical form.
    pub fn write<P: Protect + ?Sized>(&self, stamp: &Stamp<'_>, protect: &mut P, out: &mut Vec<u8>) {
        let mut record = Writer::new(protect, out);
        record.id(name!("decision_id"), Some(self.decision_id));
        record.uuid(name!("event_id"), stamp.event_id);
        record.document(name!("human_decision"), self.human_decision);
        record.id(name!("kind"), Some(Kind::Review.as_str()));
        record.document(name!("metadata"), self.metadata);
        record.truth(name!("overridden"), self.overridden);
        record.free_text(name!("override_reason"), self.override_reason);
        record.timestamp(name!("recorded_at"), stamp.recorded_at);
        record.id(name!("reviewer"), stamp.user);
        record.schema();
        record.timestamp(name!("timestamp"), self.timestamp.unwrap_or(stamp.recorded_at));
        record.id(name!("timestamp_sent"), self.timestamp_sent);
        record.close();
    }
}

//! The outcome: what turned out to be true about a decision, known later.

use uuid::Uuid;

use crate::canonical::{Writer, name};
use crate::decision::Stamp;
use crate::field::{Fields, Names, at};
use crate::{Fault, Kind, Protect, Timestamp, Value, ValueKind, opening};

pub(crate) static NAMES: Names<9> = NAMES_CONST;

const NAMES_CONST: Names<9> = Names::new(opening::names([("outcome", "outcome"), ("metadata", "metadata")]));

/// An outcome as it was sent, checked.
#[derive(Clone, Debug)]
pub struct Outcome<'a> {
    /// The id under which it is accepted once. Made by the service if absent.
    pub event_id: Option<Uuid>,
    /// The decision that it is about.
    pub decision_id: &'a str,
    /// When it came to be known. The time of recording if absent.
    pub timestamp: Option<Timestamp>,
    /// The text that `timestamp` was sent as, if it says more: see [`Timestamp::parse_sent`].
    pub timestamp_sent: Option<&'a str>,
    /// What turned out to be true: anything but `null`.
    pub outcome: Value<'a>,
    /// What has no field of its own: an object.
    pub metadata: Option<Value<'a>>,
}

impl<'a> Outcome<'a> {
    /// Reads an outcome; `decision_id` as in [`Review::read`](crate::Review::read).
    ///
    /// # Errors
    /// Every fault in the outcome, each with its place.
    pub fn read(value: Value<'a>, decision_id: Option<&'a str>) -> Result<Self, Vec<Fault>> {
        let mut fields = Fields::sort(value, &NAMES);
        let opening = fields.opening(Kind::Outcome);
        let outcome = Self {
            event_id: opening.event_id,
            decision_id: fields.decision_id(at!("decision_id"), decision_id),
            timestamp: opening.timestamp,
            timestamp_sent: opening.timestamp_sent,
            outcome: fields.required(at!("outcome")),
            metadata: fields.typed(at!("metadata"), ValueKind::Object),
        };
        fields.finish(outcome)
    }

    /// Appends the record in canonical form.
    pub fn write<P: Protect + ?Sized>(&self, stamp: &Stamp<'_>, protect: &mut P, out: &mut Vec<u8>) {
        let mut record = Writer::new(protect, out);
        record.id(name!("decision_id"), Some(self.decision_id));
        record.uuid(name!("event_id"), stamp.event_id);
        record.id(name!("kind"), Some(Kind::Outcome.as_str()));
        record.document(name!("metadata"), self.metadata);
        record.document(name!("outcome"), Some(self.outcome));
        record.timestamp(name!("recorded_at"), stamp.recorded_at);
        record.schema();
        record.timestamp(name!("timestamp"), self.timestamp.unwrap_or(stamp.recorded_at));
        record.id(name!("timestamp_sent"), self.timestamp_sent);
        record.close();
    }
}

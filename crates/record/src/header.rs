//! What every stored record has, whatever its kind.

use uuid::Uuid;

use crate::field::{Fields, Names};
use crate::{Fault, Kind, Timestamp, Value};

/// The members that all stored records share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// What the record is.
    pub kind: Kind,
    /// The id under which it was accepted once.
    pub event_id: Uuid,
    /// When it was recorded, by our clock.
    pub recorded_at: Timestamp,
    /// The decision that it is, or is about; decisions, reviews and outcomes have one, and notes may.
    pub decision_id: Option<&'a str>,
}

static NAMES: Names<5> = NAMES_CONST;

const NAMES_CONST: Names<5> = Names::new([
    ("kind", "kind"),
    ("schema", "schema"),
    ("event_id", "event_id"),
    ("recorded_at", "recorded_at"),
    ("decision_id", "decision_id"),
]);

impl<'a> Header<'a> {
    /// Reads the header of a stored record.
    ///
    /// # Errors
    /// Every fault in it: then it is not a record that this version stored.
    pub fn read(value: Value<'a>) -> Result<Self, Vec<Fault>> {
        const KIND: usize = NAMES_CONST.place("kind");
        const SCHEMA: usize = NAMES_CONST.place("schema");
        const EVENT_ID: usize = NAMES_CONST.place("event_id");
        const RECORDED_AT: usize = NAMES_CONST.place("recorded_at");
        let mut fields = Fields::pick(value, &NAMES);
        for needed in [KIND, SCHEMA, EVENT_ID, RECORDED_AT] {
            fields.require(needed);
        }
        let version = crate::SCHEMA as i64;
        fields.integer(SCHEMA, version, version);
        let header = Self {
            kind: fields.word(KIND, &Kind::WORDS).unwrap_or(Kind::System),
            event_id: fields.uuid(EVENT_ID).unwrap_or_default(),
            recorded_at: fields.timestamp(RECORDED_AT).unwrap_or(Timestamp::MIN),
            decision_id: fields.id(const { NAMES_CONST.place("decision_id") }),
        };
        fields.finish(header)
    }
}

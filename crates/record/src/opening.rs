//! What decisions, reviews and outcomes have in common when they are sent.
//!
//! The table of each begins with the same [`NAMES`], and [`Fields::opening`] checks these members in one way for all.
//! The decision that a record is, or is about, has a rule of its own in each.

use uuid::Uuid;

use crate::field::Fields;
use crate::{Kind, Timestamp};

/// The members, in both spellings: the first of every table, in this order.
const NAMES: [(&str, &str); 6] = [
    ("kind", "kind"),
    ("schema", "schema"),
    ("recorded_at", "recordedAt"),
    ("event_id", "eventId"),
    ("decision_id", "decisionId"),
    ("timestamp", "timestamp"),
];
const KIND: usize = 0;
const SCHEMA: usize = 1;
const RECORDED_AT: usize = 2;
const EVENT_ID: usize = 3;
const TIMESTAMP: usize = 5;

/// The members of a kind of record: these, then its own.
pub(crate) const fn names<const OWN: usize, const ALL: usize>(
    own: [(&'static str, &'static str); OWN],
) -> [(&'static str, &'static str); ALL] {
    assert!(ALL == NAMES.len() + OWN, "the table has another length");
    let mut all = [("", ""); ALL];
    let mut at = 0;
    while at < ALL {
        all[at] = if at < NAMES.len() { NAMES[at] } else { own[at - NAMES.len()] };
        at += 1;
    }
    all
}

/// The members that are kept of what was sent.
pub(crate) struct Opening {
    /// The id under which the record is accepted once.
    pub(crate) event_id: Option<Uuid>,
    /// When it happened, as the producer says.
    pub(crate) timestamp: Option<Timestamp>,
}

impl<const N: usize> Fields<'_, N> {
    /// Reads and checks these members. A stored record may be sent again: its `kind` and `schema` must be right, and its
    /// `recorded_at` is checked and then replaced by ours.
    pub(crate) fn opening(&mut self, kind: Kind) -> Opening {
        self.stored(KIND, SCHEMA, RECORDED_AT, kind);
        Opening { event_id: self.uuid(EVENT_ID), timestamp: self.timestamp(TIMESTAMP) }
    }
}

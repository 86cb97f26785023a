//! What decisions, reviews and outcomes have in common when they are sent.
//!
//! The table of each begins with the same [`NAMES`], and [`Fields::opening`] checks these members in one way for all.
//! The decision that a record is, or is about, has a rule of its own in each.

use uuid::Uuid;

use crate::field::{Fields, SentTimestamp};
use crate::{Kind, Timestamp};

/// The members, in both spellings: the first of every table, in this order.
const NAMES: [(&str, &str); 7] = [
    ("kind", "kind"),
    ("schema", "schema"),
    ("recorded_at", "recordedAt"),
    ("event_id", "eventId"),
    ("decision_id", "decisionId"),
    ("timestamp", "timestamp"),
    ("timestamp_sent", "timestampSent"),
];
const KIND: usize = 0;
const SCHEMA: usize = 1;
const RECORDED_AT: usize = 2;
const EVENT_ID: usize = 3;
const TIMESTAMP: usize = 5;
const TIMESTAMP_SENT: usize = 6;

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
pub(crate) struct Opening<'a> {
    /// The id under which the record is accepted once.
    pub(crate) event_id: Option<Uuid>,
    /// When it happened, as the producer says.
    pub(crate) timestamp: Option<Timestamp>,
    /// The text that `timestamp` was sent as, if it says more.
    pub(crate) timestamp_sent: Option<&'a str>,
}

impl<'a, const N: usize> Fields<'a, N> {
    /// Reads and checks these members. A stored record may be sent again: its `kind` and `schema` must be right, and its
    /// `recorded_at` is checked and then replaced by ours. Its
    /// `timestamp_sent` stands for the text of its `timestamp`.
    pub(crate) fn opening(&mut self, kind: Kind) -> Opening<'a> {
        self.stored(KIND, SCHEMA, RECORDED_AT, kind);
        let event_id = self.uuid(EVENT_ID);
        let sent = self.sent_timestamp(TIMESTAMP);
        let again = self.sent_timestamp(TIMESTAMP_SENT);
        if let (Some(value), Some(sent), Some(again)) = (self.value(TIMESTAMP_SENT), sent, again)
            && (sent.timestamp != again.timestamp || sent.text.is_some_and(|text| again.text != Some(text)))
        {
            self.fault(value, "must be a text of the very time that timestamp says");
        }
        let text = |sent: SentTimestamp<'a>| sent.text;
        Opening {
            event_id,
            timestamp: sent.or(again).map(|sent| sent.timestamp),
            timestamp_sent: sent.and_then(text).or(again.and_then(text)),
        }
    }
}

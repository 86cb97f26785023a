//! The entries that onrecord writes itself: erasure, hold, retention, access, system.
//!
//! They are made by the service, not sent by a producer, so that there is nothing to protect: persons appear in them
//! by their tokens. What must be known again after a restart (erasures, holds, deletions) can be read back from the
//! stored record.

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::canonical::{Writer, name, write_json, write_string};
use crate::field::{Fields, Names};
use crate::{Fault, Kind, Timestamp, Unprotected, Value, ValueKind};

/// A subject's personal data was made unreadable: the subject's key is destroyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure<'a> {
    /// The subject's token.
    pub subject: &'a str,
    /// Who asked for it or did it.
    pub actor: &'a str,
    /// Why: the article of a law, the reference of a request.
    pub reason: Option<&'a str>,
}

/// Records were put under a legal hold or released from it: what is held is not deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold<'a> {
    /// Which hold it is; placing and releasing name the same.
    pub hold: &'a str,
    /// Placed or released.
    pub state: HoldState,
    /// The token of the subject whose records are held.
    pub subject: Option<&'a str>,
    /// The decisions that are held.
    pub decision_ids: Vec<&'a str>,
    /// Who ordered it.
    pub actor: &'a str,
    /// Why.
    pub reason: &'a str,
}

/// What happened to a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HoldState {
    /// It holds from now on.
    Placed,
    /// It no longer holds.
    Released,
}

/// Records were deleted because their time was over. Their leaf hashes stay in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention<'a> {
    /// The first leaf of the range that was looked through.
    pub first_leaf: u64,
    /// The leaf after the last one of it.
    pub end_leaf: u64,
    /// The retention policy that asked for it.
    pub policy: &'a str,
    /// How many records were deleted.
    pub count: u64,
    /// Who or what ran it.
    pub actor: &'a str,
}

/// Someone read records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access<'a> {
    /// Who: the name of an API key, a person's token.
    pub actor: &'a str,
    /// How: `sql`, `decisions`, `get`, `evidence`, `explain`, `history`, `report`, `access`, and `reveal_…` where personal data is
    /// shown in plain.
    pub action: &'a str,
    /// What was asked for, without personal data.
    pub what: &'a str,
    /// Why, as the actor says.
    pub purpose: Option<&'a str>,
    /// How many records the answer holds; `None` when the answer is still to be computed.
    pub rows: Option<u64>,
}

/// The system did or noticed something itself.
#[derive(Clone, Debug, PartialEq)]
pub struct System<'a> {
    /// What: `started`, `torn_tail_cut`, `refused`, `repeated`, `policy_changed`, `tokens_changed`, `key_changed`,
    /// `privacy_release`.
    pub what: &'a str,
    /// The circumstances.
    pub detail: &'a Map<String, Json>,
}

impl HoldState {
    const WORDS: [(&'static str, Self); 2] = [("placed", Self::Placed), ("released", Self::Released)];

    /// The word in the record.
    pub const fn as_str(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

impl Erasure<'_> {
    /// Appends the record in canonical form.
    pub fn write(&self, event_id: Uuid, recorded_at: Timestamp, out: &mut Vec<u8>) {
        let mut protect = Unprotected;
        let mut record = Writer::new(&mut protect, out);
        record.id(name!("actor"), Some(self.actor));
        record.uuid(name!("event_id"), event_id);
        record.id(name!("kind"), Some(Kind::Erasure.as_str()));
        record.id(name!("reason"), self.reason);
        record.timestamp(name!("recorded_at"), recorded_at);
        record.schema();
        record.id(name!("subject"), Some(self.subject));
        record.close();
    }
}

impl Hold<'_> {
    /// Appends the record in canonical form.
    pub fn write(&self, event_id: Uuid, recorded_at: Timestamp, out: &mut Vec<u8>) {
        let mut protect = Unprotected;
        let mut record = Writer::new(&mut protect, out);
        record.id(name!("actor"), Some(self.actor));
        if !self.decision_ids.is_empty() {
            record.name(name!("decision_ids"));
            record.out.push(b'[');
            for (at, id) in self.decision_ids.iter().enumerate() {
                if at > 0 {
                    record.out.push(b',');
                }
                write_string(id, record.out);
            }
            record.out.push(b']');
        }
        record.uuid(name!("event_id"), event_id);
        record.id(name!("hold"), Some(self.hold));
        record.id(name!("kind"), Some(Kind::Hold.as_str()));
        record.id(name!("reason"), Some(self.reason));
        record.timestamp(name!("recorded_at"), recorded_at);
        record.schema();
        record.id(name!("state"), Some(self.state.as_str()));
        record.id(name!("subject"), self.subject);
        record.close();
    }
}

impl Retention<'_> {
    /// Appends the record in canonical form.
    pub fn write(&self, event_id: Uuid, recorded_at: Timestamp, out: &mut Vec<u8>) {
        let mut protect = Unprotected;
        let mut record = Writer::new(&mut protect, out);
        record.id(name!("actor"), Some(self.actor));
        record.count(name!("count"), self.count);
        record.count(name!("end_leaf"), self.end_leaf);
        record.uuid(name!("event_id"), event_id);
        record.count(name!("first_leaf"), self.first_leaf);
        record.id(name!("kind"), Some(Kind::Retention.as_str()));
        record.id(name!("policy"), Some(self.policy));
        record.timestamp(name!("recorded_at"), recorded_at);
        record.schema();
        record.close();
    }
}

impl Access<'_> {
    /// Appends the record in canonical form.
    pub fn write(&self, event_id: Uuid, recorded_at: Timestamp, out: &mut Vec<u8>) {
        let mut protect = Unprotected;
        let mut record = Writer::new(&mut protect, out);
        record.id(name!("action"), Some(self.action));
        record.id(name!("actor"), Some(self.actor));
        record.uuid(name!("event_id"), event_id);
        record.id(name!("kind"), Some(Kind::Access.as_str()));
        record.id(name!("purpose"), self.purpose);
        record.timestamp(name!("recorded_at"), recorded_at);
        if let Some(rows) = self.rows {
            record.count(name!("rows"), rows);
        }
        record.schema();
        record.id(name!("what"), Some(self.what));
        record.close();
    }
}

impl System<'_> {
    /// Appends the record in canonical form.
    pub fn write(&self, event_id: Uuid, recorded_at: Timestamp, out: &mut Vec<u8>) {
        let mut protect = Unprotected;
        let mut record = Writer::new(&mut protect, out);
        record.name(name!("detail"));
        write_json(&Json::Object(self.detail.clone()), record.out);
        record.uuid(name!("event_id"), event_id);
        record.id(name!("kind"), Some(Kind::System.as_str()));
        record.timestamp(name!("recorded_at"), recorded_at);
        record.schema();
        record.id(name!("what"), Some(self.what));
        record.close();
    }
}

impl<'a> Erasure<'a> {
    /// Reads a stored erasure.
    ///
    /// # Errors
    /// Every fault in it: then it is not one that this version stored.
    pub fn read(value: Value<'a>) -> Result<Self, Vec<Fault>> {
        let mut fields = Fields::sort(value, &NAMES);
        fields.stored(at("kind"), at("schema"), at("recorded_at"), Kind::Erasure);
        let erasure = Self {
            subject: fields.required_id(at("subject")),
            actor: fields.required_id(at("actor")),
            reason: fields.text(at("reason")),
        };
        fields.finish(erasure)
    }
}

impl<'a> Hold<'a> {
    /// Reads a stored hold.
    ///
    /// # Errors
    /// Every fault in it: then it is not one that this version stored.
    pub fn read(value: Value<'a>) -> Result<Self, Vec<Fault>> {
        let mut fields = Fields::sort(value, &NAMES);
        fields.stored(at("kind"), at("schema"), at("recorded_at"), Kind::Hold);
        for needed in ["state", "reason"] {
            fields.require(at(needed));
        }
        let decision_ids = fields.typed(at("decision_ids"), ValueKind::Array);
        let hold = Self {
            hold: fields.required_id(at("hold")),
            state: fields.word(at("state"), &HoldState::WORDS).unwrap_or(HoldState::Placed),
            subject: fields.id(at("subject")),
            decision_ids: decision_ids.into_iter().flat_map(Value::elements).filter_map(Value::as_str).collect(),
            actor: fields.required_id(at("actor")),
            reason: fields.text(at("reason")).unwrap_or_default(),
        };
        if let Some(ids) = decision_ids.filter(|ids| ids.len() != hold.decision_ids.len()) {
            fields.fault(ids, "must hold strings only");
        }
        fields.finish(hold)
    }
}

impl<'a> Retention<'a> {
    /// Reads a stored deletion.
    ///
    /// # Errors
    /// Every fault in it: then it is not one that this version stored.
    pub fn read(value: Value<'a>) -> Result<Self, Vec<Fault>> {
        let mut fields = Fields::sort(value, &NAMES);
        fields.stored(at("kind"), at("schema"), at("recorded_at"), Kind::Retention);
        let retention = Self {
            first_leaf: fields.required_count(at("first_leaf")),
            end_leaf: fields.required_count(at("end_leaf")),
            policy: fields.required_id(at("policy")),
            count: fields.required_count(at("count")),
            actor: fields.required_id(at("actor")),
        };
        fields.finish(retention)
    }
}

static NAMES: Names<15> = NAMES_CONST;

/// The members of all entries of our own that are read back.
const NAMES_CONST: Names<15> = Names::new([
    ("kind", "kind"),
    ("schema", "schema"),
    ("event_id", "event_id"),
    ("recorded_at", "recorded_at"),
    ("actor", "actor"),
    ("subject", "subject"),
    ("reason", "reason"),
    ("hold", "hold"),
    ("state", "state"),
    ("decision_ids", "decision_ids"),
    ("policy", "policy"),
    ("first_leaf", "first_leaf"),
    ("end_leaf", "end_leaf"),
    ("count", "count"),
    ("rows", "rows"),
]);

const fn at(name: &str) -> usize {
    NAMES_CONST.place(name)
}

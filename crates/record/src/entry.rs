//! The entries that onrecord writes itself: erasure, hold, retention, access, system.
//!
//! They are made by the service, not sent by a producer, so that there is nothing to protect: persons appear in them
//! by their tokens. What must be known again after a restart (erasures, holds, deletions) can be read back from the
//! stored record.

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::canonical::{Writer, name, write_json};
use crate::field::{Fields, Names};
use crate::{Fault, Kind, Timestamp, Unprotected, Value, ValueKind, read_leaves};

/// A subject is erased: the subject's key is destroyed, and what depends on it goes at the next rewrite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure<'a> {
    /// The subject's token, which nothing computes from the user id.
    pub subject: &'a str,
    /// Whether the person's records stay, without the person.
    pub depth: Depth,
    /// The leaves of the person's records, as [`crate::write_leaves`] has them; with many there are several entries.
    pub leaves: &'a str,
    /// Who asked for it or did it.
    pub actor: &'a str,
    /// Why: the article of a law, the reference of a request.
    pub reason: Option<&'a str>,
}

/// How deep an erasure goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Depth {
    /// The records stay and nothing leads to the person; their ciphertexts go.
    Unlink,
    /// The records go too; their leaf hashes stay in the tree.
    Delete,
}

/// Records were put under a legal hold or released from it: what is held is not deleted, archived away or erased. What is
/// held are the decisions that fit all that is said, from before and after the hold was placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold<'a> {
    /// Which hold it is; placing and releasing name the same.
    pub hold: &'a str,
    /// Placed or released.
    pub state: HoldState,
    /// The case that it is for.
    pub case: Option<&'a str>,
    /// The token of the subject whose records are held.
    pub subject: Option<&'a str>,
    /// The model whose decisions are held.
    pub model_id: Option<&'a str>,
    /// Decisions from this time on.
    pub since: Option<Timestamp>,
    /// Decisions before this time.
    pub until: Option<Timestamp>,
    /// The decisions at these leaves only, as [`crate::write_leaves`] has them: those that a condition fitted when the hold
    /// was placed. With many there are several entries.
    pub leaves: Option<&'a str>,
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

/// The time of records is over by their retention policy. Their leaf hashes stay in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention<'a> {
    /// The retention policy that asks for it.
    pub policy: &'a str,
    /// What happens to them.
    pub action: RetentionAction,
    /// Their leaves, as [`crate::write_leaves`] has them; with many there are several entries.
    pub leaves: &'a str,
    /// How many they are.
    pub count: u64,
    /// Decisions recorded before this time are due.
    pub cutoff: Timestamp,
    /// Who or what ran it.
    pub actor: &'a str,
}

/// What becomes of records whose time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RetentionAction {
    /// They are deleted.
    Delete,
    /// They move to cold storage.
    Archive,
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
    /// `privacy_release`, `retention_rules`, `archived`, `restored`.
    pub what: &'a str,
    /// The circumstances.
    pub detail: &'a Map<String, Json>,
}

impl Depth {
    const WORDS: [(&'static str, Self); 2] = [("unlink", Self::Unlink), ("delete", Self::Delete)];

    /// The word in the record.
    pub const fn as_str(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

impl HoldState {
    const WORDS: [(&'static str, Self); 2] = [("placed", Self::Placed), ("released", Self::Released)];

    /// The word in the record.
    pub const fn as_str(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

impl RetentionAction {
    const WORDS: [(&'static str, Self); 2] = [("delete", Self::Delete), ("archive", Self::Archive)];

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
        record.id(name!("depth"), Some(self.depth.as_str()));
        record.uuid(name!("event_id"), event_id);
        record.id(name!("kind"), Some(Kind::Erasure.as_str()));
        record.id(name!("leaves"), Some(self.leaves));
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
        record.id(name!("case"), self.case);
        record.uuid(name!("event_id"), event_id);
        record.id(name!("hold"), Some(self.hold));
        record.id(name!("kind"), Some(Kind::Hold.as_str()));
        record.id(name!("leaves"), self.leaves);
        record.id(name!("model_id"), self.model_id);
        record.id(name!("reason"), Some(self.reason));
        record.timestamp(name!("recorded_at"), recorded_at);
        record.schema();
        if let Some(since) = self.since {
            record.timestamp(name!("since"), since);
        }
        record.id(name!("state"), Some(self.state.as_str()));
        record.id(name!("subject"), self.subject);
        if let Some(until) = self.until {
            record.timestamp(name!("until"), until);
        }
        record.close();
    }
}

impl Retention<'_> {
    /// Appends the record in canonical form.
    pub fn write(&self, event_id: Uuid, recorded_at: Timestamp, out: &mut Vec<u8>) {
        let mut protect = Unprotected;
        let mut record = Writer::new(&mut protect, out);
        record.id(name!("action"), Some(self.action.as_str()));
        record.id(name!("actor"), Some(self.actor));
        record.count(name!("count"), self.count);
        record.timestamp(name!("cutoff"), self.cutoff);
        record.uuid(name!("event_id"), event_id);
        record.id(name!("kind"), Some(Kind::Retention.as_str()));
        record.id(name!("leaves"), Some(self.leaves));
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
        fields.require(at("depth"));
        let erasure = Self {
            subject: fields.required_id(at("subject")),
            depth: fields.word(at("depth"), &Depth::WORDS).unwrap_or(Depth::Unlink),
            leaves: leaves(&mut fields).unwrap_or_default(),
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
        let hold = Self {
            hold: fields.required_id(at("hold")),
            state: fields.word(at("state"), &HoldState::WORDS).unwrap_or(HoldState::Placed),
            case: fields.text(at("case")),
            subject: fields.id(at("subject")),
            model_id: fields.id(at("model_id")),
            since: fields.timestamp(at("since")),
            until: fields.timestamp(at("until")),
            leaves: leaves(&mut fields),
            actor: fields.required_id(at("actor")),
            reason: fields.text(at("reason")).unwrap_or_default(),
        };
        fields.finish(hold)
    }
}

impl<'a> Retention<'a> {
    /// Reads a stored retention.
    ///
    /// # Errors
    /// Every fault in it: then it is not one that this version stored.
    pub fn read(value: Value<'a>) -> Result<Self, Vec<Fault>> {
        let mut fields = Fields::sort(value, &NAMES);
        fields.stored(at("kind"), at("schema"), at("recorded_at"), Kind::Retention);
        for needed in ["action", "cutoff", "leaves"] {
            fields.require(at(needed));
        }
        let retention = Self {
            policy: fields.required_id(at("policy")),
            action: fields.word(at("action"), &RetentionAction::WORDS).unwrap_or(RetentionAction::Delete),
            leaves: leaves(&mut fields).unwrap_or_default(),
            count: fields.required_count(at("count")),
            cutoff: fields.timestamp(at("cutoff")).unwrap_or(Timestamp::from_micros(0)),
            actor: fields.required_id(at("actor")),
        };
        fields.finish(retention)
    }
}

/// The text of leaves, which must be one.
fn leaves<'a>(fields: &mut Fields<'a, NAMES_TOTAL>) -> Option<&'a str> {
    let value = fields.typed(at("leaves"), ValueKind::String)?;
    let text = value.as_str()?;
    if read_leaves(text).is_none() {
        fields.fault(value, "must be runs of leaves, as 0-4,7");
    }
    Some(text)
}

const NAMES_TOTAL: usize = 19;

static NAMES: Names<NAMES_TOTAL> = NAMES_CONST;

/// The members of all entries of our own that are read back.
const NAMES_CONST: Names<NAMES_TOTAL> = Names::new([
    ("kind", "kind"),
    ("schema", "schema"),
    ("event_id", "event_id"),
    ("recorded_at", "recorded_at"),
    ("actor", "actor"),
    ("subject", "subject"),
    ("reason", "reason"),
    ("hold", "hold"),
    ("state", "state"),
    ("case", "case"),
    ("model_id", "model_id"),
    ("since", "since"),
    ("until", "until"),
    ("leaves", "leaves"),
    ("depth", "depth"),
    ("policy", "policy"),
    ("action", "action"),
    ("cutoff", "cutoff"),
    ("count", "count"),
]);

const fn at(name: &str) -> usize {
    NAMES_CONST.place(name)
}

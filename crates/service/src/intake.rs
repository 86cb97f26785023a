//! Intake: what a producer sent becomes the bytes of an entry.
//!
//! Job: parse, validate, default, protect, write the canonical form. Invariants: every fault of a record is named; what
//! is written holds no plain personal data; the result is a function of (body, event id, time of recording, policy,
//! keys), which is how a repeated body is recognised. Left to others: durability (ledger), threads (`batch`).

use crate::cipher::Mac;
use crate::clock::IdSource;
use crate::policy::{Correlation, Policy};
use crate::protect::{self, OwnUser, Shield};
use crate::vault::{FieldKeys, Subject, Vault};
use crate::{Error, Refusal};
use onrecord_ledger::{Entry, EntryId};
use onrecord_record::{
    Decision, Fault, Kind, Outcome, Parser, Protect, Review, Stamp, Timestamp, Value, canonical, limit,
};
use std::sync::Arc;
use uuid::{Builder, Uuid};

/// The rules, and the keys they need.
#[derive(Debug)]
pub(crate) struct Intake {
    pub(crate) policy: Policy,
    pub(crate) vault: Arc<Vault>,
    /// Makes ids from an idempotency key.
    derived: Mac,
}

/// What one thread needs to work on records, kept from record to record.
pub(crate) struct Worker {
    parser: Parser,
    scratch: Vec<u8>,
    ids: IdSource,
}

impl Worker {
    pub(crate) fn new() -> Result<Self, Error> {
        let ids = IdSource::new().map_err(Error::io("make ids from", std::path::Path::new("/dev/urandom")))?;
        Ok(Worker { parser: Parser::new(), scratch: Vec::new(), ids })
    }
}

/// Which id a record gets that has none.
#[derive(Clone, Copy)]
pub(crate) enum Id<'a> {
    /// A new one.
    Fresh,
    /// This one: intake runs again on a record that is stored.
    Stored(Uuid),
    /// One that the same line of the same source always gets.
    Derived { source: &'a IdSpace, line: u64 },
}

/// The ids of the lines of one source.
pub(crate) struct IdSpace {
    /// Keyed by the name of the source.
    content: Mac,
    /// What the ids begin with.
    start: u32,
}

/// A record, ready to be appended once its subject is durable.
pub(crate) struct Prepared {
    pub(crate) entry: Entry,
    pub(crate) event_id: Uuid,
    /// The decision that the record is or is about; the event id's text if `None`.
    pub(crate) decision_id: Option<String>,
    /// Must be durable before the entry is appended.
    pub(crate) subject: Option<Arc<Subject>>,
}

/// A record that was read, of whichever kind. Lives on the stack for one record, and most are decisions.
#[allow(clippy::large_enum_variant)]
enum Sent<'a> {
    Decision(Decision<'a>),
    Review(Review<'a>),
    Outcome(Outcome<'a>),
}

impl Intake {
    pub(crate) fn new(policy: Policy, vault: Arc<Vault>, kek: &crate::Kek) -> Self {
        Intake { policy, vault, derived: Mac::new(&kek.mac().derive("derived event ids", b"")) }
    }

    /// Turns one JSON document into an entry.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every fault; [`Refusal::TooLarge`]; whatever keeps the vault from answering.
    pub(crate) fn prepare(
        &self,
        worker: &mut Worker,
        json: &[u8],
        id: Id<'_>,
        recorded_at: Timestamp,
    ) -> Result<Prepared, Refusal> {
        let Worker { parser, scratch, ids } = worker;
        let document = self.parse(parser, json)?;
        let sent = self.read(document.value(), json, recorded_at)?;
        let event_id = match (id, sent.event_id()) {
            (Id::Stored(stored), _) => stored,
            (_, Some(given)) => given,
            (Id::Fresh, None) => ids.make(recorded_at).map_err(|error| Refusal::Unavailable(error.to_string()))?,
            (Id::Derived { source, line }, None) => source.derive(line, json),
        };
        let subject = sent.user_id().map(|user_id| self.vault.subject(user_id)).transpose()?;
        let token = subject.as_ref().map(|subject| subject.token_text());
        let keys: &FieldKeys = match (&subject, self.policy.correlation) {
            // What a reviewer wrote is about someone else than the reviewer.
            (Some(subject), Correlation::Subject) if matches!(sent, Sent::Decision(_)) => &subject.keys,
            _ => self.vault.tenant(),
        };
        let user = sent.user_id().zip(token);
        let own_user = user.and_then(|(user_id, token)| OwnUser::new(&self.policy, user_id, token, json));
        let own_user = own_user.as_ref();
        let input_hash = match &sent {
            Sent::Decision(decision) => {
                scratch.clear();
                canonical::write(decision.input_features, scratch);
                keys.input_hash(scratch)
            }
            _ => [0; 16],
        };
        let stamp = Stamp { event_id, recorded_at, user: token, input_hash };
        let mut record = Vec::with_capacity(json.len() + 512);
        let mut beside = Vec::new();
        let mut shield = Shield {
            policy: &self.policy,
            keys,
            user,
            own_user,
            event_id: *event_id.as_bytes(),
            scratch,
            beside: &mut beside,
            sealed_count: 0,
            faults: Vec::new(),
        };
        sent.check_identifiers(&self.policy, own_user, &mut shield.faults);
        sent.write(&stamp, &mut shield, &mut record);
        let faults = shield.faults;
        if !faults.is_empty() {
            return Err(self.refuse(faults, own_user));
        }
        check_size(record.len() + beside.len())?;
        let decision_id = sent.decision_id().map(str::to_owned);
        let entry = Entry::new(EntryId(*event_id.as_bytes()), record, beside);
        Ok(Prepared { entry, event_id, decision_id, subject })
    }

    /// Says all that [`Intake::prepare`] would refuse, and makes nothing: no id, no subject, no record.
    ///
    /// # Errors
    /// As [`Intake::prepare`].
    pub(crate) fn check(&self, worker: &mut Worker, json: &[u8], recorded_at: Timestamp) -> Result<(), Refusal> {
        let document = self.parse(&mut worker.parser, json)?;
        let sent = self.read(document.value(), json, recorded_at)?;
        let own_user = sent.user_id().and_then(|user_id| OwnUser::new(&self.policy, user_id, "", json));
        let own_user = own_user.as_ref();
        let mut faults = Vec::new();
        sent.check_identifiers(&self.policy, own_user, &mut faults);
        for document in sent.documents().into_iter().flatten() {
            protect::check_names(&self.policy, own_user, document, &mut faults);
        }
        if faults.is_empty() { Ok(()) } else { Err(self.refuse(faults, own_user)) }
    }

    fn parse<'p>(&self, parser: &'p mut Parser, json: &[u8]) -> Result<onrecord_record::Document<'p>, Refusal> {
        check_size(json.len())?;
        // A document with a doubled member is still read, so that all that is wrong with it is named at once.
        let also = |value: Value<'_>| Sent::read(value).err().unwrap_or_default();
        parser.parse_and(json, also).map_err(|faults| self.refuse(faults, None))
    }

    fn read<'a>(&self, value: Value<'a>, json: &[u8], recorded_at: Timestamp) -> Result<Sent<'a>, Refusal> {
        let sent = Sent::read(value).map_err(|faults| {
            let user_id = value.get("user_id").or_else(|| value.get("userId")).and_then(Value::as_str);
            let own_user = user_id.and_then(|user_id| OwnUser::new(&self.policy, user_id, "sub_…", json));
            self.refuse(faults, own_user.as_ref())
        })?;
        let ahead = |at: Timestamp| at.check_not_ahead(recorded_at, self.policy.future_seconds_max, "/timestamp");
        sent.timestamp().map_or(Ok(()), ahead).map_err(|fault| Refusal::invalid(vec![fault]))?;
        Ok(sent)
    }

    fn refuse(&self, mut faults: Vec<Fault>, own_user: Option<&OwnUser<'_>>) -> Refusal {
        protect::mask_pointers(&self.policy.detector, own_user, &mut faults);
        Refusal::invalid(faults)
    }

    /// The ids of the lines of a source that an idempotency key names.
    pub(crate) fn source(&self, key: &[u8]) -> IdSpace {
        let content = Mac::new(&self.derived.derive("content", key));
        let [a, b, c, d, ..] = self.derived.tag(&[b"source", key]);
        IdSpace { content, start: u32::from_be_bytes([a, b, c, d]) }
    }
}

impl IdSpace {
    /// UUIDv8 (RFC 9562 §5.8) of 32 bits for the source, 34 for the line's number and 56 for its content: the ids of one
    /// source ascend, so that they pack well and a look-up among a ledger's segments goes by their bounds alone. Source
    /// and content are keyed hashes, because either may be guessed and the id is stored in plain. Should two contents
    /// of one line ever share their 56 bits, in one source or in two that share their 32, the second is a conflict, which
    /// is loud.
    fn derive(&self, line: u64, json: &[u8]) -> Uuid {
        let tag = self.content.tag(&[&line.to_le_bytes(), json]);
        let content = tag[..7].iter().fold(0, |bits: u128, byte| bits << 8 | u128::from(*byte));
        let id = u128::from(self.start) << 90 | (u128::from(line) & ((1 << 34) - 1)) << 56 | content;
        // The version takes 4 bits behind the first 48 of the 122, the variant 2 behind the next 12.
        let spread = (id >> 74) << 80 | (id >> 62 & 0xfff) << 64 | (id & ((1 << 62) - 1));
        Builder::from_custom_bytes(spread.to_be_bytes()).into_uuid()
    }
}

fn check_size(bytes: usize) -> Result<(), Refusal> {
    if bytes > limit::RECORD_BYTES_MAX {
        return Err(Refusal::TooLarge { bytes, bytes_max: limit::RECORD_BYTES_MAX });
    }
    Ok(())
}

impl<'a> Sent<'a> {
    fn read(value: Value<'a>) -> Result<Self, Vec<Fault>> {
        let kind = match value.get("kind").filter(|kind| !kind.is_null()) {
            None => Some(Kind::Decision),
            Some(kind) => kind.as_str().and_then(Kind::parse),
        };
        match kind {
            Some(Kind::Decision) => Decision::read(value).map(Sent::Decision),
            Some(Kind::Review) => Review::read(value, None).map(Sent::Review),
            Some(Kind::Outcome) => Outcome::read(value, None).map(Sent::Outcome),
            _ => Err(vec![Fault::new("/kind", "must be decision, review or outcome")]),
        }
    }

    fn event_id(&self) -> Option<Uuid> {
        match self {
            Sent::Decision(decision) => decision.event_id,
            Sent::Review(review) => review.event_id,
            Sent::Outcome(outcome) => outcome.event_id,
        }
    }

    fn decision_id(&self) -> Option<&'a str> {
        match self {
            Sent::Decision(decision) => decision.decision_id,
            Sent::Review(review) => Some(review.decision_id),
            Sent::Outcome(outcome) => Some(outcome.decision_id),
        }
    }

    fn timestamp(&self) -> Option<Timestamp> {
        match self {
            Sent::Decision(decision) => decision.timestamp,
            Sent::Review(review) => review.timestamp,
            Sent::Outcome(outcome) => outcome.timestamp,
        }
    }

    /// The person who becomes a subject.
    fn user_id(&self) -> Option<&'a str> {
        match self {
            Sent::Decision(decision) => decision.user_id,
            Sent::Review(review) => review.reviewer,
            Sent::Outcome(_) => None,
        }
    }

    /// What is written through [`Protect::member`].
    fn documents(&self) -> [Option<Value<'a>>; 6] {
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
    fn check_identifiers(&self, policy: &Policy, own_user: Option<&OwnUser<'_>>, faults: &mut Vec<Fault>) {
        protect::check_identifier(policy, own_user, "/decision_id", self.decision_id(), faults);
        if let Sent::Decision(decision) = self {
            protect::check_identifier(policy, None, "/model_id", Some(decision.model_id), faults);
            protect::check_identifier(policy, None, "/model_version", Some(decision.model_version), faults);
            protect::check_identifier(policy, None, "/data_retention_policy", decision.data_retention_policy, faults);
        }
    }

    fn write<P: Protect>(&self, stamp: &Stamp<'_>, protect: &mut P, out: &mut Vec<u8>) {
        match self {
            Sent::Decision(decision) => decision.write(stamp, protect, out),
            Sent::Review(review) => review.write(stamp, protect, out),
            Sent::Outcome(outcome) => outcome.write(stamp, protect, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kek;

    #[test]
    fn derived_ids_ascend_within_a_source_and_differ_by_content() {
        let dir = tempfile::tempdir().unwrap();
        let kek = Kek::generate().unwrap();
        let vault = Arc::new(Vault::create(dir.path(), &kek).unwrap());
        let intake = Intake::new(Policy::default(), vault, &kek);
        let id = |source: &str, line, json: &str| intake.source(source.as_bytes()).derive(line, json.as_bytes());
        assert_eq!(id("a", 7, "{}"), id("a", 7, "{}"));
        assert_ne!(id("a", 7, "{}"), id("a", 7, "{ }"));
        assert_ne!(id("a", 7, "{}"), id("b", 7, "{}"));
        let lines = [0, 1, 63, 64, 65, (1 << 18) - 1, 1 << 18, (1 << 34) - 1];
        assert!(lines.map(|line| id("a", line, "{}")).is_sorted());
        let made = id("a", (1 << 34) - 1, "{}");
        assert_eq!((made.get_version_num(), made.get_variant()), (8, uuid::Variant::RFC4122));
    }
}

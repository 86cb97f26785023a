//! Intake: what a producer sent becomes the bytes of an entry.
//!
//! Job: parse, validate, default, protect, write the canonical form. Invariants: every fault of a record is named; what
//! is written holds no plain personal data; the result is a function of (body, event id, time of recording, policy,
//! keys), which is how a repeated body is recognised. Left to others: durability (ledger), threads (`batch`).

use crate::cipher::Mac;
use crate::clock::IdSource;
use crate::large::{self, LargeValue};
use crate::policy::{Correlation, Policy};
use crate::protect::{self, RecordProtector, UserIdMatcher};
use crate::records::Records;
use crate::vault::{FieldKeys, Subject, SubjectToken, Vault};
use crate::{Error, Refusal};
use onrecord_ledger::{Entry, EntryId};
use onrecord_record::{
    Decision, Fault, Kind, ModelType, Outcome, Parser, Protect, Review, Stamp, Timestamp, Value, canonical, limit,
};
use std::sync::Arc;
use uuid::{Builder, Uuid};
use zeroize::Zeroizing;

/// The rules, and the keys they need.
pub(crate) struct Intake {
    pub(crate) policy: Policy,
    pub(crate) vault: Arc<Vault>,
    /// Where the decision is that a review is about.
    records: Arc<dyn Records>,
    /// Bytes of a record as it is sent.
    sent_bytes_max: usize,
    /// Makes ids from an idempotency key.
    derived: Mac,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Intake({:?})", self.vault)
    }
}

/// Who a stored decision is about.
struct Person {
    user_id: Arc<Zeroizing<String>>,
    token: String,
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
    /// Must be durable before the entry is appended, too.
    pub(crate) large: Vec<LargeValue>,
}

/// A record that was read, of whichever kind. Lives on the stack for one record, and most are decisions.
#[allow(clippy::large_enum_variant)]
enum Sent<'a> {
    Decision(Decision<'a>),
    Review(Review<'a>),
    Outcome(Outcome<'a>),
}

impl Intake {
    pub(crate) fn new(
        policy: Policy,
        vault: Arc<Vault>,
        records: Arc<dyn Records>,
        sent_bytes_max: usize,
        kek: &crate::Kek,
    ) -> Self {
        Intake {
            policy,
            vault,
            records,
            sent_bytes_max,
            derived: Mac::new(&kek.mac().derive("derived event ids", b"")),
        }
    }

    /// Bytes of a record as it is sent.
    pub(crate) fn sent_bytes_max(&self) -> usize {
        self.sent_bytes_max
    }

    /// Sequencer one JSON document into an entry.
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
        let about = self.person_of(&sent)?;
        let user_ids = self.user_ids(user, about.as_ref(), json);
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
        let mut sidecar = Vec::new();
        let mut protector = RecordProtector {
            policy: &self.policy,
            is_llm: sent.is_llm(),
            at_identifier: false,
            keys,
            user,
            user_ids: &user_ids,
            event_id: *event_id.as_bytes(),
            scratch,
            sidecar: &mut sidecar,
            sealed_count: 0,
            large: Vec::new(),
            large_texts: 0,
            faults: Vec::new(),
        };
        sent.check_identifiers(&self.policy, &user_ids, &mut protector.faults);
        sent.write(&stamp, &mut protector, &mut record);
        let (large, large_texts, mut faults) = (protector.large, protector.large_texts, protector.faults);
        if large::count(&record) != large_texts {
            faults.push(Fault::new(
                "",
                "holds a member of the form in which large values are kept, {\"bytes\":…,\"large\":…}",
            ));
        }
        if !faults.is_empty() {
            return Err(self.refuse(faults, &user_ids));
        }
        check_size(record.len() + sidecar.len(), limit::RECORD_BYTES_MAX)?;
        let decision_id = sent.decision_id().map(str::to_owned);
        let entry = Entry::new(EntryId(*event_id.as_bytes()), record, sidecar);
        Ok(Prepared { entry, event_id, decision_id, subject, large })
    }

    /// Says all that [`Intake::prepare`] would refuse, and makes nothing: no id, no subject, no record.
    ///
    /// # Errors
    /// As [`Intake::prepare`].
    pub(crate) fn check(&self, worker: &mut Worker, json: &[u8], recorded_at: Timestamp) -> Result<(), Refusal> {
        let document = self.parse(&mut worker.parser, json)?;
        let sent = self.read(document.value(), json, recorded_at)?;
        let about = self.person_of(&sent)?;
        let user_ids = self.user_ids(sent.user_id().map(|user_id| (user_id, "")), about.as_ref(), json);
        let mut faults = Vec::new();
        sent.check_identifiers(&self.policy, &user_ids, &mut faults);
        for document in sent.documents().into_iter().flatten() {
            protect::check_names(&self.policy, sent.is_llm(), &user_ids, document, &mut faults);
        }
        if faults.is_empty() { Ok(()) } else { Err(self.refuse(faults, &user_ids)) }
    }

    fn parse<'p>(&self, parser: &'p mut Parser, json: &[u8]) -> Result<onrecord_record::Document<'p>, Refusal> {
        check_size(json.len(), self.sent_bytes_max)?;
        // A document with a doubled member is still read, so that all that is wrong with it is named at once.
        let also = |value: Value<'_>| Sent::read(value).err().unwrap_or_default();
        parser.parse_and(json, also).map_err(|faults| self.refuse(faults, &[]))
    }

    fn read<'a>(&self, value: Value<'a>, json: &[u8], recorded_at: Timestamp) -> Result<Sent<'a>, Refusal> {
        let sent = Sent::read(value).map_err(|faults| {
            let user_id = value.get("user_id").or_else(|| value.get("userId")).and_then(Value::as_str);
            self.refuse(faults, &self.user_ids(user_id.map(|user_id| (user_id, "sub_…")), None, json))
        })?;
        let ahead = |at: Timestamp| at.check_not_ahead(recorded_at, self.policy.future_seconds_max, "/timestamp");
        sent.timestamp().map_or(Ok(()), ahead).map_err(|fault| Refusal::invalid(vec![fault]))?;
        Ok(sent)
    }

    /// The user ids that must not stand in the record's texts.
    fn user_ids<'a>(
        &'a self,
        user: Option<(&'a str, &'a str)>,
        about: Option<&'a Person>,
        json: &[u8],
    ) -> Vec<UserIdMatcher<'a>> {
        let own = user.and_then(|(user_id, token)| UserIdMatcher::new(&self.policy, user_id, token, json, 1));
        let other = about.and_then(|about| UserIdMatcher::new(&self.policy, &about.user_id, &about.token, json, 0));
        own.into_iter().chain(other).collect()
    }

    /// The person of the decision that a review or an outcome is about, if the decision is on the record already.
    fn person_of(&self, sent: &Sent<'_>) -> Result<Option<Person>, Refusal> {
        let (Sent::Review(Review { decision_id, .. }) | Sent::Outcome(Outcome { decision_id, .. })) = sent else {
            return Ok(None);
        };
        let mut parser = Parser::new();
        for stored in self.records.by_decision_id(decision_id)? {
            let Ok(document) = parser.parse(&stored.record) else { continue };
            let token = document.value().get("user_id").and_then(Value::as_str).and_then(SubjectToken::parse);
            if let Some(token) = token {
                let user_id = self.vault.user_of(token)?;
                return Ok(user_id.map(|user_id| Person { user_id, token: token.to_string() }));
            }
        }
        Ok(None)
    }

    fn refuse(&self, mut faults: Vec<Fault>, user_ids: &[UserIdMatcher<'_>]) -> Refusal {
        protect::mask_pointers(&self.policy.detector, user_ids, &mut faults);
        Refusal::invalid(faults)
    }

    /// The ids of the lines of a source that an idempotency key names.
    pub(crate) fn source(&self, key: &[u8]) -> IdSpace {
        IdSpace::new(&self.derived, key)
    }
}

impl IdSpace {
    fn new(derived: &Mac, key: &[u8]) -> Self {
        let content = Mac::new(&derived.derive("content", key));
        let [a, b, c, d, ..] = derived.tag(&[b"source", key]);
        IdSpace { content, start: u32::from_be_bytes([a, b, c, d]) }
    }

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

fn check_size(bytes: usize, bytes_max: usize) -> Result<(), Refusal> {
    if bytes > bytes_max {
        return Err(Refusal::TooLarge { bytes, bytes_max });
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

    /// Whether it is a decision of a language model.
    fn is_llm(&self) -> bool {
        matches!(self, Sent::Decision(Decision { model_type: Some(ModelType::Llm), .. }))
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
    fn check_identifiers(&self, policy: &Policy, user_ids: &[UserIdMatcher<'_>], faults: &mut Vec<Fault>) {
        protect::check_identifier(policy, user_ids, "/decision_id", self.decision_id(), faults);
        if let Sent::Decision(decision) = self {
            protect::check_identifier(policy, &[], "/model_id", Some(decision.model_id), faults);
            protect::check_identifier(policy, &[], "/model_version", Some(decision.model_version), faults);
            protect::check_identifier(policy, &[], "/data_retention_policy", decision.data_retention_policy, faults);
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

    #[test]
    fn derived_ids_ascend_within_a_source_and_differ_by_content() {
        let derived = Mac::new(&[7; 32]);
        let id =
            |source: &str, line, json: &str| IdSpace::new(&derived, source.as_bytes()).derive(line, json.as_bytes());
        assert_eq!(id("a", 7, "{}"), id("a", 7, "{}"));
        assert_ne!(id("a", 7, "{}"), id("a", 7, "{ }"));
        assert_ne!(id("a", 7, "{}"), id("b", 7, "{}"));
        let lines = [0, 1, 63, 64, 65, (1 << 18) - 1, 1 << 18, (1 << 34) - 1];
        assert!(lines.map(|line| id("a", line, "{}")).is_sorted());
        let made = id("a", (1 << 34) - 1, "{}");
        assert_eq!((made.get_version_num(), made.get_variant()), (8, uuid::Variant::RFC4122));
    }
}

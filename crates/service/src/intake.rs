//! Intake: what a producer sent becomes the bytes of an entry.
//!
//! Job: parse, validate, default, protect, write the canonical form. Invariants: every fault of a record is named; what
//! is written holds no plain personal data; the result is a function of (body, event id, time of recording, policy,
//! keys), which is how a repeated body is recognised. Left to others: durability (ledger), threads (`batch`).

use crate::about::{self, About, Decided, Decisions, Known};
use crate::cipher::Mac;
use crate::clock::IdSource;
use crate::id_space::IdSpace;
use crate::large::{self, LargeValue};
use crate::policy::{Correlation, OnMissing, Policy};
use crate::protect::{self, Origin, RecordProtector, UserIdMatcher};
use crate::records::Records;
use crate::sealed;
use crate::sent::Sent;
use crate::vault::{FieldKeys, Subject, Vault};
use crate::{Error, Refusal};
use memchr::memmem;
use onrecord_ledger::{Entry, EntryId};
use onrecord_record::{Fault, Parser, Review, Stamp, StoredDecision, Timestamp, Value, ValueKind, canonical, limit};
use std::sync::Arc;
use uuid::Uuid;

/// By how much a record may be longer than what was sent: most for a short value under a short name that is sealed.
const GROWTH_MAX: usize = 32;

/// As long as every token of a subject.
const ANY_TOKEN: &str = "sub_000000000000000000000000";

/// What stands in a review whose decision is the model's own.
const OVERRIDES_NOTHING: &str = "is what the model had decided; a review that agrees has overridden false";

/// What stands in a review that agrees with another decision than the model's.
const AGREES_WITH_ANOTHER: &str =
    "is not what the model had decided; a review that decides otherwise has overridden true, and an override_reason";

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

/// A record on its way in.
#[derive(Clone, Copy)]
pub(crate) struct Sending<'a> {
    pub(crate) json: &'a [u8],
    /// The decision that the caller named beside the body.
    pub(crate) about: Option<About<'a>>,
    pub(crate) id: Id<'a>,
    pub(crate) recorded_at: Timestamp,
}

/// A record as it is written, and what is wrong with it.
struct Written {
    record: Vec<u8>,
    sidecar: Vec<u8>,
    large: Vec<LargeValue>,
    faults: Vec<Fault>,
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
    pub(crate) is_decision: bool,
    /// What the policy requires and the decision does not say.
    pub(crate) missing: Vec<Fault>,
    /// The record is about a decision that was not found: it must not be appended like this.
    pub(crate) is_of_unknown_decision: bool,
}

impl Prepared {
    /// The decision that the record is or is about.
    pub(crate) fn decision_id(&self) -> String {
        self.decision_id.clone().unwrap_or_else(|| self.event_id.to_string())
    }
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

    /// Decisions on the record, by their ids; see [`about::find_all`].
    pub(crate) fn decisions(&self, decision_ids: &[&str]) -> Result<Known, Refusal> {
        about::find_all(decision_ids, self.records.as_ref(), &self.vault)
    }

    /// Decisions by their ids, from their records.
    pub(crate) fn decisions_in<'r>(&self, records: impl Iterator<Item = &'r [u8]>) -> Result<Known, Refusal> {
        let mut parser = Parser::new();
        let decisions: Option<Vec<StoredDecision>> =
            records.map(|record| StoredDecision::read(parser.parse_stored(record).ok()?.value())).collect();
        let damaged = || Refusal::Corrupt("an entry of the batch is not a record".to_owned());
        about::with_persons(decisions.ok_or_else(damaged)?, &self.vault)
    }

    /// The decision that a document is about, if it says so. It is not checked: what is wrong with it shows later.
    pub(crate) fn about(&self, worker: &mut Worker, json: &[u8]) -> Option<String> {
        // Most are decisions, which say nothing of their kind. The name may also be spelt in escapes.
        if json.len() > self.sent_bytes_max {
            return None;
        }
        memmem::find(json, b"\"kind\"").or_else(|| memmem::find(json, b"\\u"))?;
        let document = worker.parser.parse(json).ok()?;
        Some(Sent::read(document.value(), None).ok()?.about()?.to_owned())
    }

    /// Bytes of a record as it is sent.
    pub(crate) fn sent_bytes_max(&self) -> usize {
        self.sent_bytes_max
    }

    /// Makes one JSON document into an entry. What it may be about is among `decisions`.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every fault; [`Refusal::TooLarge`]; whatever keeps the vault from answering.
    pub(crate) fn prepare(
        &self,
        worker: &mut Worker,
        sending: Sending<'_>,
        decisions: Decisions<'_>,
    ) -> Result<Prepared, Refusal> {
        let Worker { parser, scratch, ids } = worker;
        let Sending { json, about, id, recorded_at } = sending;
        let document = self.parse(parser, json, about)?;
        let sent = self.read(document.value(), json, about, recorded_at)?;
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
        let decided = self.decided(&sent, decisions)?;
        let user_ids = self.user_ids(user, decided.as_deref(), json);
        let input_hash = match &sent {
            Sent::Decision(decision) => {
                scratch.clear();
                canonical::write(decision.input_features, scratch);
                keys.input_hash(scratch)
            }
            _ => [0; 16],
        };
        let stamp = Stamp { event_id, recorded_at, user: token, input_hash };
        let Written { record, sidecar, large, mut faults } = self.write(&sent, &stamp, keys, &user_ids, json, scratch);
        if let (Sent::Review(review), Some(decided)) = (&sent, &decided)
            && let Some(problem) = self.contradiction(review, decided, &user_ids, scratch)?
        {
            faults.push(Fault::new("/human_decision", problem));
        }
        let missing = self.missing(&sent, document.value(), &mut faults);
        if !faults.is_empty() {
            return Err(self.refuse(faults, &user_ids));
        }
        check_size(record.len() + sidecar.len(), limit::RECORD_BYTES_MAX)?;
        let decision_id = sent.decision_id().map(str::to_owned);
        let is_decision = sent.about().is_none();
        let is_of_unknown_decision = !is_decision && decided.is_none();
        let entry = Entry::new(EntryId(*event_id.as_bytes()), record, sidecar);
        Ok(Prepared { entry, event_id, decision_id, subject, large, is_decision, missing, is_of_unknown_decision })
    }

    /// Says all that [`Intake::prepare`] would refuse, and makes nothing: no id, no subject, no record. Gives the id of the
    /// decision that the record is about, if it is about one that is not found.
    ///
    /// # Errors
    /// As [`Intake::prepare`].
    pub(crate) fn check(
        &self,
        worker: &mut Worker,
        json: &[u8],
        recorded_at: Timestamp,
        decisions: Decisions<'_>,
    ) -> Result<Option<String>, Refusal> {
        let Worker { parser, scratch, .. } = worker;
        let document = self.parse(parser, json, None)?;
        let sent = self.read(document.value(), json, None, recorded_at)?;
        let decided = self.decided(&sent, decisions)?;
        let user = sent.user_id().map(|user_id| (user_id, ANY_TOKEN));
        let user_ids = self.user_ids(user, decided.as_deref(), json);
        let (mut faults, mut bytes) = (Vec::new(), 0);
        if json.len() > limit::RECORD_BYTES_MAX / GROWTH_MAX {
            // Whose keys they are changes no length.
            let user = user.map(|(_, token)| token);
            let stamp = Stamp { event_id: Uuid::nil(), recorded_at, user, input_hash: [0; 16] };
            let written = self.write(&sent, &stamp, self.vault.tenant(), &user_ids, json, scratch);
            (faults, bytes) = (written.faults, written.record.len() + written.sidecar.len());
        } else {
            sent.check_identifiers(&self.policy, &user_ids, &mut faults);
            for document in sent.documents().into_iter().flatten() {
                protect::check_members(&self.policy, sent.is_llm(), &user_ids, document, &mut faults);
            }
        }
        if let (Sent::Review(review), Some(decided)) = (&sent, &decided)
            && let Some(problem) = self.contradiction(review, decided, &user_ids, scratch)?
        {
            faults.push(Fault::new("/human_decision", problem));
        }
        self.missing(&sent, document.value(), &mut faults);
        if !faults.is_empty() {
            return Err(self.refuse(faults, &user_ids));
        }
        check_size(bytes, limit::RECORD_BYTES_MAX)?;
        Ok(sent.about().filter(|_| decided.is_none()).map(str::to_owned))
    }

    /// Writes a record as the policy says.
    fn write(
        &self,
        sent: &Sent<'_>,
        stamp: &Stamp<'_>,
        keys: &FieldKeys,
        user_ids: &[UserIdMatcher<'_>],
        json: &[u8],
        scratch: &mut Vec<u8>,
    ) -> Written {
        let origin = Origin {
            is_llm: sent.is_llm(),
            keys,
            user: sent.user_id().zip(stamp.user),
            user_ids,
            event_id: *stamp.event_id.as_bytes(),
        };
        let mut record = Vec::with_capacity(json.len() + 512);
        let mut protector = RecordProtector::new(&self.policy, origin, scratch);
        sent.check_identifiers(&self.policy, user_ids, &mut protector.faults);
        sent.write(stamp, &mut protector, &mut record);
        let RecordProtector { sidecar, sealed_count, large, large_texts, mut faults, .. } = protector;
        if large::count(&record) != large_texts || sealed::count(&record) != sealed_count {
            faults.push(Fault::new("", protect::RESERVED));
        }
        Written { record, sidecar, large, faults }
    }

    fn parse<'p>(
        &self,
        parser: &'p mut Parser,
        json: &[u8],
        about: Option<About<'_>>,
    ) -> Result<onrecord_record::Document<'p>, Refusal> {
        check_size(json.len(), self.sent_bytes_max)?;
        // A document with a doubled member is still read, so that all that is wrong with it is named at once.
        let also = |value: Value<'_>| Sent::read(value, about).err().unwrap_or_default();
        parser.parse_and(json, also).map_err(|faults| self.refuse(faults, &[]))
    }

    fn read<'a>(
        &self,
        value: Value<'a>,
        json: &[u8],
        about: Option<About<'a>>,
        recorded_at: Timestamp,
    ) -> Result<Sent<'a>, Refusal> {
        let sent = Sent::read(value, about).map_err(|faults| {
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
        decided: Option<&'a Decided>,
        json: &[u8],
    ) -> Vec<UserIdMatcher<'a>> {
        let own = user.and_then(|(user_id, token)| UserIdMatcher::new(&self.policy, user_id, token, json, 1));
        let other = decided.and_then(|decided| decided.person.as_ref());
        let other =
            other.and_then(|person| UserIdMatcher::new(&self.policy, &person.user_id, &person.token_text, json, 0));
        own.into_iter().chain(other).collect()
    }

    /// What a review or an outcome is about; `None` for a decision, and where its decision is not found.
    fn decided(&self, sent: &Sent<'_>, decisions: Decisions<'_>) -> Result<Option<Arc<Decided>>, Refusal> {
        let Some(decision_id) = sent.about() else { return Ok(None) };
        match decisions {
            Decisions::Known(known) => Ok(known.get(decision_id).cloned()),
            Decisions::Recorded => Ok(self.decisions(&[decision_id])?.remove(decision_id)),
        }
    }

    /// What the policy requires of a decision and this one, as it was sent, does not say; among the faults instead, if it is
    /// to be refused for that.
    fn missing(&self, sent: &Sent<'_>, value: Value<'_>, faults: &mut Vec<Fault>) -> Vec<Fault> {
        let Sent::Decision(decision) = sent else { return Vec::new() };
        let Some((name, requirement)) = self.policy.requirement(decision.data_retention_policy) else {
            return Vec::new();
        };
        let mut missing = requirement.faults(name, value);
        if requirement.on_missing == OnMissing::Refuse {
            faults.append(&mut missing);
        }
        missing
    }

    /// What is wrong with a person's decision beside the model's: an override that is the same, an agreement that is another.
    /// What the person decided is written for this as the model's own decision was, under the same keys, so that personal
    /// fields compare too; sealed ones and large ones never do.
    fn contradiction(
        &self,
        review: &Review<'_>,
        decided: &Decided,
        user_ids: &[UserIdMatcher<'_>],
        scratch: &mut Vec<u8>,
    ) -> Result<Option<&'static str>, Refusal> {
        let Some(human_decision) = review.human_decision else { return Ok(None) };
        let subject_keys = match (&decided.person, self.policy.correlation) {
            (Some(person), Correlation::Subject) => self.vault.keys_of(person.token)?,
            _ => None,
        };
        let person = decided.person.as_ref();
        let origin = Origin {
            is_llm: decided.is_llm,
            keys: subject_keys.as_ref().unwrap_or(self.vault.tenant()),
            user: person.map(|person| (person.user_id.as_str(), person.token_text.as_str())),
            user_ids,
            event_id: [0; 16],
        };
        let mut written = Vec::new();
        let mut protector = RecordProtector::new(&self.policy, origin, scratch);
        canonical::write_document("prediction", human_decision, &mut protector, &mut written);
        let is_comparable = decided.is_comparable && protector.sealed_count == 0 && protector.large_texts == 0;
        if review.overridden {
            return Ok((written == decided.prediction).then_some(OVERRIDES_NOTHING));
        }
        let damaged = |_| Refusal::Corrupt("the record of a decision is not what was stored".to_owned());
        let (mut human, mut model) = (Parser::new(), Parser::new());
        let is_another = is_comparable
            && is_another(
                human.parse(&written).map_err(damaged)?.value(),
                model.parse(&decided.prediction).map_err(damaged)?.value(),
            );
        Ok(is_another.then_some(AGREES_WITH_ANOTHER))
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

/// Whether what a person decided is another decision than the model's. They need not say the same: a person may leave out
/// the model's score, and add a comment. What both say must be equal; what is of another type is said in other words.
fn is_another(human: Value<'_>, model: Value<'_>) -> bool {
    match (human.kind(), model.kind()) {
        (ValueKind::Object, ValueKind::Object) => {
            human.members().any(|(name, member)| model.get(name).is_some_and(|other| is_another(member, other)))
        }
        (one, other) if one != other => false,
        _ => {
            let (mut one, mut other) = (Vec::new(), Vec::new());
            canonical::write(human, &mut one);
            canonical::write(model, &mut other);
            one != other
        }
    }
}

fn check_size(bytes: usize, bytes_max: usize) -> Result<(), Refusal> {
    if bytes > bytes_max {
        return Err(Refusal::TooLarge { bytes, bytes_max });
    }
    Ok(())
}

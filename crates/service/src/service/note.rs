//! A person's statement beside decisions about them (GDPR Art. 16): written, and found again.
//!
//! Invariants: a statement is encrypted under the person's key before it is an entry, so that an erasure destroys it; it stands
//! beside decisions and changes none. Where a person's notes are is read from the ledger once and then kept in memory, so that
//! who reads a decision does not look through all that is about its person.

use super::{Service, blocking, read};
use crate::api_token::{Actor, Role};
use crate::refusal::Conflicts;
use crate::{Refusal, SubjectToken, clock, sealed};
use onrecord_evidence::Receipt;
use onrecord_ledger::{AppendError, Entry, EntryId, LeafIndex};
use onrecord_record::{Fault, Header, Kind, Note, Parser, Timestamp, Value, canonical};
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use uuid::Uuid;

/// What a person says.
#[derive(Clone)]
pub struct Statement {
    /// In plain: it is encrypted before it is written.
    pub text: String,
    /// The decision that it stands beside; all decisions about the person, if `None`.
    pub decision_id: Option<String>,
    /// The id under which it is accepted once; a new one if `None`.
    pub event_id: Option<Uuid>,
}

/// Shows nothing of what was said.
impl std::fmt::Debug for Statement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Statement({} bytes)", self.text.len())
    }
}

/// A statement is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The entry's id.
    pub event_id: Uuid,
    /// Proves offline that the entry is in the ledger.
    pub receipt: Receipt,
    /// False when it was on the record already, with the same body.
    pub created: bool,
}

/// A note that stands beside decisions.
#[derive(Clone, Debug)]
pub struct StandingNote {
    /// The decision; all decisions about the person, if `None`.
    pub decision_id: Option<String>,
    /// The note as recorded, or with the person and the statement in plain.
    pub note: Box<RawValue>,
}

/// Where the notes are, by whose they are; `None` until somebody asks.
pub(super) type NoteIndex = Option<BTreeSet<(SubjectToken, LeafIndex)>>;

impl Service {
    /// Puts a statement of a person beside a decision about them, or beside all of these; `None` if nobody is known by this
    /// user id, or no decision about them is on the record.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the roles `write` and `reveal`: the answer tells whether a user is known;
    /// [`Refusal::Invalid`], [`Refusal::UnknownDecision`], [`Refusal::Conflict`]; [`Refusal::Unavailable`]: send it again with
    /// the same event id to learn whether it was recorded.
    pub async fn note(
        self: &Arc<Self>,
        user_id: &str,
        statement: Statement,
        actor: &Actor,
    ) -> Result<Option<Noted>, Refusal> {
        self.must(actor, Role::Reveal)?;
        let (service, user_id, name) = (self.clone(), user_id.to_owned(), actor.name().to_owned());
        let note = blocking(move || service.append_note(&user_id, &statement, &name));
        self.authorised(actor, Role::Write, note).await
    }

    fn append_note(&self, user_id: &str, statement: &Statement, actor: &str) -> Result<Option<Noted>, Refusal> {
        if let Some(fault) = Note::fault(&statement.text) {
            return Err(Refusal::invalid(vec![fault]));
        }
        if statement.decision_id.is_none() && !self.has_decisions(user_id)? {
            return Ok(None);
        }
        // Nobody is erased and nothing expires meanwhile: the note is named by an erasure, or finds nobody.
        let _making = self.making.blocking_read();
        let Some(subject) = self.vault.find(user_id)? else { return Ok(None) };
        let Some(keys) = self.vault.keys_of(subject)? else { return Ok(None) };
        if let Some(decision_id) = &statement.decision_id {
            self.must_be_theirs(decision_id, subject)?;
        }
        let event_id = statement.event_id.map_or_else(clock::fresh_id, Ok)?;
        let mut plain = Vec::with_capacity(statement.text.len() + 2);
        canonical::write_string(&statement.text, &mut plain);
        let too_long = || Refusal::invalid(vec![Fault::new("/text", "is too long to be encrypted")]);
        let ciphertext = keys.seal(event_id.as_bytes(), 0, &plain).ok_or_else(too_long)?;
        let mut sidecar = Vec::new();
        let text_sha256 = sealed::push(&mut sidecar, &ciphertext);
        let token = subject.to_string();
        let written = |at: Timestamp| {
            let note = Note { actor, decision_id: statement.decision_id.as_deref(), text_sha256, user_id: &token };
            let mut record = Vec::with_capacity(512);
            note.write(event_id, at, &mut record);
            record
        };
        let entry = Entry::new(EntryId(*event_id.as_bytes()), written(clock::now()), sidecar);
        let (receipt, created) = match self.ledger.append(vec![entry]) {
            Ok(commit) => {
                let missing = || Refusal::Corrupt("a commit without its entry".to_owned());
                (commit.receipt(0).ok_or_else(missing)?, true)
            }
            Err(AppendError::Taken(taken)) => {
                let Some((_, leaf)) = taken.first().copied() else { return Err(Refusal::Busy) };
                self.must_be_same(leaf, event_id, written)?;
                (self.ledger.prove(leaf).map_err(|error| Refusal::Unavailable(error.to_string()))?, false)
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(notes) = self.note_index().as_mut() {
            notes.insert((subject, receipt.leaf_index));
        }
        Ok(Some(Noted { event_id, receipt, created }))
    }

    /// Whether a decision about a user is on the record, and stays there.
    fn has_decisions(&self, user_id: &str) -> Result<bool, Refusal> {
        let Some(subject) = self.vault.find(user_id)? else { return Ok(false) };
        let due = self.due().records();
        let leaves = self.records.leaves_about(&subject.to_string())?;
        let (mut parser, mut found) = (Parser::new(), false);
        self.each_record(leaves.into_iter().filter(|leaf| !due.contains(*leaf)), &mut |stored| {
            found = found || kind_of(&mut parser, &stored.record) == Some(Kind::Decision);
            Ok(())
        })?;
        Ok(found)
    }

    /// Refuses a decision that is not there, is about to go, or is about somebody else.
    fn must_be_theirs(&self, decision_id: &str, subject: SubjectToken) -> Result<(), Refusal> {
        let due = self.due().records();
        let (mut parser, mut is_there) = (Parser::new(), false);
        for stored in self.records.by_decision_id(decision_id)? {
            if due.contains(stored.leaf) || kind_of(&mut parser, &stored.record) != Some(Kind::Decision) {
                continue;
            }
            let document = parser.parse(&stored.record);
            if document.is_ok_and(|document| read::subject_of(document.value()) == Some(subject)) {
                return Ok(());
            }
            is_there = true;
        }
        if !is_there {
            return Err(Refusal::UnknownDecision);
        }
        Err(Refusal::invalid(vec![Fault::new("/decision_id", "is a decision that is not about this person")]))
    }

    /// Refuses an event id under which something else is on the record.
    fn must_be_same(
        &self,
        leaf: LeafIndex,
        event_id: Uuid,
        written: impl Fn(Timestamp) -> Vec<u8>,
    ) -> Result<(), Refusal> {
        let stored = self.records.by_leaf(leaf)?;
        let is_same = stored.is_some_and(|stored| {
            let mut parser = Parser::new();
            let recorded_at = parser
                .parse(&stored.record)
                .ok()
                .and_then(|document| Header::read(document.value()).ok().map(|header| header.recorded_at));
            recorded_at.is_some_and(|at| written(at) == stored.record)
        });
        if is_same {
            return Ok(());
        }
        let mut conflicts = Conflicts::default();
        conflicts.add(None, event_id);
        Err(Refusal::Conflict(conflicts))
    }

    /// The notes of a person, oldest first: for an answer that is on the record as a reading of what is about them. With `reveal`
    /// the person and the statements are in plain. Blocks.
    ///
    /// # Errors
    /// [`Refusal::Corrupt`], [`Refusal::Unavailable`].
    pub fn notes_of(&self, subject: SubjectToken, reveal: bool) -> Result<Vec<StandingNote>, Refusal> {
        let leaves = self.note_leaves(subject)?;
        let mut parser = Parser::new();
        let mut notes = Vec::with_capacity(leaves.len());
        for stored in self.records.by_leaves(&leaves)?.into_iter().flatten() {
            let damaged = || Refusal::Corrupt(format!("the record of leaf {} is not what was stored", stored.leaf));
            let decision_id = {
                let document = parser.parse(&stored.record).map_err(|_| damaged())?;
                Header::read(document.value()).map_err(|_| damaged())?.decision_id.map(str::to_owned)
            };
            let record = if reveal { self.reveal(&stored)? } else { stored.record.clone() };
            let text = String::from_utf8(record).map_err(|_| damaged())?;
            notes.push(StandingNote { decision_id, note: RawValue::from_string(text).map_err(|_| damaged())? });
        }
        Ok(notes)
    }

    fn note_leaves(&self, subject: SubjectToken) -> Result<Vec<LeafIndex>, Refusal> {
        let mut index = self.note_index();
        let notes = match index.as_mut() {
            Some(notes) => notes,
            None => {
                let (mut parser, mut read) = (Parser::new(), BTreeSet::new());
                self.records.each_of_kind(Kind::Note, LeafIndex(0), &mut |stored| {
                    let document = parser.parse(&stored.record).ok();
                    let subject = document.and_then(|document| read::subject_of(document.value()));
                    read.extend(subject.map(|subject| (subject, stored.leaf)));
                })?;
                index.insert(read)
            }
        };
        let theirs = (subject, LeafIndex(0))..=(subject, LeafIndex(u64::MAX));
        Ok(notes.range(theirs).map(|(_, leaf)| *leaf).collect())
    }

    fn note_index(&self) -> std::sync::MutexGuard<'_, NoteIndex> {
        // What is in it is right whenever it is there.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn kind_of(parser: &mut Parser, record: &[u8]) -> Option<Kind> {
    let document = parser.parse(record).ok()?;
    document.value().get("kind").and_then(Value::as_str).and_then(Kind::parse)
}

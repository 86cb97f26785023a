//! What onrecord puts on the record about itself: starts, changes, refusals, and who read what.

use super::Service;
use crate::Reason;
use crate::Refusal;
use crate::SubjectToken;
use crate::access::{self, Action, What};
use crate::api_token::{self, Actor, Role};
use crate::clock;
use crate::count::Unrecorded;
use crate::protect::UserIdMatcher;
use crate::state::{StateFiles, WHATS};
use onrecord_ledger::{AppendError, Commit, Entry, EntryId, Recovery};
use onrecord_record::{Access, System, Timestamp};
use serde_json::{Map, Value as Json, json};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use uuid::Uuid;

/// Refusals are put on the record at most this often while the service runs, so that whoever sends nonsense does not
/// fill the ledger.
const REFUSALS_INTERVAL_MICROS: i64 = 60_000_000;

impl Service {
    /// Puts on the record that records are read, and how many where that is known beforehand. The answer may be given
    /// only afterwards.
    ///
    /// # Errors
    /// [`Refusal`], [`Refusal::Forbidden`] without the role `read` among them: then the answer must not be given.
    pub async fn record_access(
        &self,
        actor: &Actor,
        action: Action,
        what: What<'_>,
        rows: Option<u64>,
    ) -> Result<(), Refusal> {
        self.authorised(actor, Role::Read, self.append_access(actor, action, what, rows)).await
    }

    /// How the record names a decision where its id may not stand: a keyed token, which says nothing without the key.
    pub fn decision_token(&self, decision_id: &str) -> String {
        access::token(self.vault.tenant(), decision_id)
    }

    /// How the record names a person: by their token. For callers with the role `reveal` of a user id, for all others only
    /// of a token, since whether a user is known is not theirs to know; `None` for anybody else.
    ///
    /// # Errors
    /// [`Refusal::Corrupt`], [`Refusal::Unavailable`].
    pub fn subject_token(&self, user: &str, actor: &Actor) -> Result<Option<SubjectToken>, Refusal> {
        let known = if actor.may(Role::Reveal) { self.vault.find(user)? } else { None };
        Ok(known.or_else(|| SubjectToken::parse(user)))
    }

    /// How the record names who is called so: as it stands there, or, for callers with the role `admin`, by the name of an
    /// API token, of which there may have been several.
    ///
    /// # Errors
    /// [`Refusal::Corrupt`], [`Refusal::Unavailable`].
    pub fn actors(&self, name: &str, actor: &Actor) -> Result<Vec<String>, Refusal> {
        let tokens = if actor.may(Role::Admin) { self.all_tokens()? } else { Vec::new() };
        let named = tokens.into_iter().filter(|token| token.name == name);
        Ok(named.map(|token| token.actor_name()).chain([name.to_owned()]).collect())
    }

    /// Puts a private answer on the record, with what it cost. It may be given only afterwards. `detail` has
    /// [`Service::release_token`]s in place of what the caller wrote.
    ///
    /// # Errors
    /// [`Refusal`], [`Refusal::Forbidden`] without the role `read` among them: then the answer must not be given.
    pub async fn record_release(&self, actor: &Actor, detail: &Map<String, Json>) -> Result<(), Refusal> {
        self.must(actor, Role::Read)?;
        self.append(vec![system_entry("privacy_release", detail)?]).await?;
        Ok(())
    }

    /// The keyed token that stands in a private answer on the record for a text of the question, which may name a person.
    pub fn release_token(&self, text: &str) -> String {
        let mut token = String::new();
        // Apart from the tokens of fields, so that nobody can tell that a field has this text.
        self.vault.tenant().token(&[b"privacy_release\0", text.as_bytes()].concat(), &mut token);
        token
    }

    /// What somebody wrote about a reading, a hold or an erasure, as it goes on the record: without what looks personal, and with
    /// tokens in place of the user ids of `subjects` and of each word that is one.
    pub(super) fn masked(&self, text: &str, subjects: &[SubjectToken]) -> Result<String, Refusal> {
        let mut masked = text.to_owned();
        let mut replace = |user_id: &str, subject: SubjectToken| {
            let (token, mut shown) = (subject.to_string(), String::new());
            if UserIdMatcher::of(user_id, &token).replace(&masked, &mut shown) {
                masked = shown;
            }
        };
        for subject in subjects {
            if let Some(user_id) = self.vault.user_of(*subject)? {
                replace(&user_id, *subject);
            }
        }
        for word in text.split_whitespace() {
            for word in [word, word.trim_matches(|letter: char| !letter.is_alphanumeric())] {
                if let Some(subject) = self.vault.find(word)?.filter(|_| !word.is_empty()) {
                    replace(word, subject);
                }
            }
        }
        Ok(access::without_findings(&masked))
    }

    /// The same for callers that count what they refuse themselves.
    pub(super) async fn append_access(
        &self,
        actor: &Actor,
        action: Action,
        what: What<'_>,
        rows: Option<u64>,
    ) -> Result<(), Refusal> {
        let subjects = what.subjects();
        let purpose = actor.purpose().map(|purpose| self.masked(purpose, &subjects)).transpose()?;
        let what = what.recorded(self.vault.tenant());
        let entry = entry(|event_id, at, out| {
            let (actor, purpose) = (actor.name(), purpose.as_deref());
            Access { actor, action: action.as_str(), what: &what, purpose, rows }.write(event_id, at, out);
        })?;
        self.append(vec![entry]).await?;
        Ok(())
    }

    /// Housekeeping, to be called every few seconds: puts on the record what was refused, and that the tokens were
    /// changed by another process. Blocks.
    ///
    /// # Errors
    /// [`Refusal`]; the next call tries again.
    pub fn tick(&self) -> Result<(), Refusal> {
        self.note_token_change(&Map::new())?;
        if self.refusals_due() {
            self.record_refusals()?;
        }
        Ok(())
    }

    pub(super) fn record_opening(&self, recovery: &Recovery, started_as: Option<&str>) -> Result<(), Refusal> {
        let now = StateFiles::read(&self.dir)?;
        let recorded = self.records.last_system(&WHATS)?.and_then(|stored| StateFiles::recorded(&stored.record));
        let mut entries = Vec::new();
        if let Some(torn) = &recovery.torn_tail {
            let file = torn.file.file_name().map(|name| name.to_string_lossy().into_owned());
            let detail = json!({ "file": file, "offset": torn.offset, "bytes": torn.bytes, "entries": torn.entries });
            entries.push(system_entry("torn_tail_cut", detail.as_object().unwrap_or(&Map::new()))?);
        }
        if let Some(recorded) = &recorded {
            let mut whats: Vec<_> = recorded.changes(&now).iter().map(|change| change.what()).collect();
            whats.sort_unstable();
            whats.dedup();
            for what in whats {
                entries.push(system_entry(what, &now.to_detail())?);
            }
        }
        // The very first opening puts the state on the record in any case: changes are told against it.
        if started_as.is_some() || recorded.is_none() {
            let mut detail = now.to_detail();
            detail.insert("as".to_owned(), started_as.unwrap_or("open").into());
            detail.insert("version".to_owned(), env!("CARGO_PKG_VERSION").into());
            entries.push(system_entry("started", &detail)?);
        }
        if !entries.is_empty() {
            self.ledger.append(entries)?;
        }
        *self.recorded.lock().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(())
    }

    /// Puts a change of the token file on the record, with `detail`, if there is one. Blocks.
    pub(super) fn note_token_change(&self, detail: &Map<String, Json>) -> Result<(), Refusal> {
        // Held while appending, so that two callers do not record one change twice.
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        let now = StateFiles::read(&self.dir)?;
        if !recorded.changes(&now).iter().any(|change| change.file == api_token::FILE) {
            return Ok(());
        }
        // The policy and keys in effect are those of the opening; a change of them is recorded when it takes effect.
        let now = recorded.with_file_of(&now, api_token::FILE);
        let mut all = now.to_detail();
        all.extend(detail.clone());
        self.ledger.append(vec![system_entry("tokens_changed", &all)?])?;
        *recorded = now;
        Ok(())
    }

    /// Puts the refusals since the last time on the record. Blocks.
    pub(super) fn record_refusals(&self) -> Result<(), Refusal> {
        let Some((entries, taken)) = self.take_refusals()? else { return Ok(()) };
        self.ledger.append(entries).inspect_err(|_| self.counters.put_back(taken))?;
        self.refusals_recorded.store(clock::now().as_micros(), Ordering::Relaxed);
        Ok(())
    }

    /// After a success, when writing is possible: the same without waiting, and not too often.
    pub(super) fn record_refusals_soon(&self) {
        // Repeats wait for the next tick: they are no sign of trouble.
        if !self.counters.any_refusal_unrecorded() || !self.refusals_due() {
            return;
        }
        // Before it is known how it ends: until then others must not begin the same.
        self.refusals_recorded.store(clock::now().as_micros(), Ordering::Relaxed);
        match self.take_refusals() {
            Ok(Some((entries, taken))) => {
                let counters = self.counters.clone();
                let done = move |outcome: Result<Commit, AppendError>| {
                    if let Err(error) = outcome {
                        counters.put_back(taken);
                        tracing::warn!(%error, "refusals are not on the record yet");
                    }
                };
                self.ledger.submit(entries, Box::new(done));
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "refusals are not on the record yet"),
        }
    }

    /// The refusals and repeats that are not on the record yet, and the entries about them. Whoever takes them appends the
    /// entries or puts them back.
    fn take_refusals(&self) -> Result<Option<(Vec<Entry>, Unrecorded)>, Refusal> {
        let taken = self.counters.take_unrecorded();
        let entries = refusal_entries(&taken).inspect_err(|_| self.counters.put_back(taken))?;
        Ok(Some((entries, taken)).filter(|(entries, _)| !entries.is_empty()))
    }

    fn refusals_due(&self) -> bool {
        let last = self.refusals_recorded.load(Ordering::Relaxed);
        self.counters.any_unrecorded() && clock::now().as_micros() - last >= REFUSALS_INTERVAL_MICROS
    }
}

fn refusal_entries(taken: &Unrecorded) -> Result<Vec<Entry>, Refusal> {
    let detail = |counts: &mut dyn Iterator<Item = (&str, u64)>| -> Map<String, Json> {
        counts.filter(|(_, count)| *count > 0).map(|(name, count)| (name.to_owned(), count.into())).collect()
    };
    let refused = Reason::ALL.iter().zip(taken.refused).map(|(reason, count)| (reason.as_str(), count));
    let told = [
        ("refused", detail(&mut { refused })),
        ("repeated", detail(&mut std::iter::once(("repeated", taken.repeated)))),
    ];
    told.iter().filter(|(_, detail)| !detail.is_empty()).map(|(what, detail)| system_entry(what, detail)).collect()
}

pub(super) fn system_entry(what: &str, detail: &Map<String, Json>) -> Result<Entry, Refusal> {
    entry(|event_id, at, out| System { what, detail }.write(event_id, at, out))
}

/// An entry of our own, recorded now.
pub(super) fn entry(write: impl FnOnce(Uuid, Timestamp, &mut Vec<u8>)) -> Result<Entry, Refusal> {
    let (at, event_id) = (clock::now(), clock::fresh_id()?);
    let mut record = Vec::with_capacity(256);
    write(event_id, at, &mut record);
    Ok(Entry::new(EntryId(*event_id.as_bytes()), record, Vec::new()))
}

#[cfg(test)]
mod tests {
    use crate::api_token::Actor;
    use crate::service::{Parts, Service, init};
    use crate::{ReadError, Records, Removed, Remover, Role, Stored, Vault};
    use onrecord_evidence::LeafSet;
    use onrecord_ledger::{Committed, Config, EntryId, Follower, LeafIndex, Ledger, LookupError, OsDisk};
    use onrecord_record::{Kind, StoredDecision};
    use std::sync::Arc;

    /// A lake in which nothing can be found.
    struct Nowhere;

    impl Follower for Nowhere {
        fn committed(&self, _: &Committed) {}

        fn find_sealed(&self, ids: &[EntryId]) -> Result<Vec<Option<LeafIndex>>, LookupError> {
            Ok(vec![None; ids.len()])
        }
    }

    impl Records for Nowhere {
        fn by_leaf(&self, _: LeafIndex) -> Result<Option<Stored>, ReadError> {
            Ok(None)
        }

        fn by_decision_id(&self, _: &str) -> Result<Vec<Stored>, ReadError> {
            Ok(Vec::new())
        }

        fn decisions(&self, _: &[&str]) -> Result<Vec<StoredDecision>, ReadError> {
            Ok(Vec::new())
        }

        fn each_of_kind(&self, _: Kind, _: LeafIndex, _: &mut dyn FnMut(Stored)) -> Result<(), ReadError> {
            Ok(())
        }

        fn leaves_about(&self, _: &str) -> Result<Vec<LeafIndex>, ReadError> {
            Ok(Vec::new())
        }

        fn last_system(&self, _: &[&str]) -> Result<Option<Stored>, ReadError> {
            Ok(None)
        }
    }

    impl Remover for Nowhere {
        fn may_lack(&self, _: &LeafSet) {}

        fn may_remain(&self, _: &LeafSet, _: &LeafSet) -> (LeafSet, LeafSet) {
            Default::default()
        }

        fn remove(&self, _: &LeafSet, _: &LeafSet) -> Result<Removed, ReadError> {
            Ok(Removed { is_gone: true, ..Removed::default() })
        }
    }

    #[test]
    fn refusals_that_cannot_be_recorded_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let keys = init(dir.path(), "example.com/test", None).unwrap().keys;
        Ledger::create(dir.path(), keys.signer(), &OsDisk).unwrap();
        let vault = Arc::new(Vault::open(dir.path(), keys.kek()).unwrap());
        let (disk, nowhere, signer) = (Arc::new(OsDisk), Arc::new(Nowhere), keys.ledger_signer().unwrap());
        let (ledger, recovery) = Ledger::open(dir.path(), signer, Config::default(), disk, nowhere.clone()).unwrap();
        let (dir, ledger) = (dir.path().to_owned(), Arc::new(ledger));
        let parts = Parts {
            dir,
            keys,
            vault,
            ledger,
            records: nowhere.clone(),
            remover: nowhere,
            recovery,
            sent_bytes_max: onrecord_record::limit::SENT_BYTES_DEFAULT,
            started_as: None,
        };
        let service = Service::open(parts).unwrap();

        service.must(&Actor::local(), Role::Admin).unwrap();
        for _ in 0..3 {
            assert_eq!(service.authenticate(None).unwrap(), None);
        }
        let unrecorded = || {
            let unrecorded = service.counters.take_unrecorded();
            service.counters.put_back(unrecorded);
            unrecorded
        };
        let kept = unrecorded();
        assert_eq!(kept.refused.iter().sum::<u64>(), 3);
        service.ledger.close();
        assert!(service.refusals_due());
        service.record_refusals().unwrap_err();
        assert_eq!(unrecorded(), kept);
        assert!(service.refusals_due(), "the next tick tries again");
        service.record_refusals_soon();
        assert_eq!(unrecorded(), kept);
        assert!(!service.refusals_due(), "the next success in a minute tries again");
    }
}

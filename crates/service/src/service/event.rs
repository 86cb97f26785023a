//! What onrecord puts on the record about itself: starts, changes, refusals, and who read what.

use super::Service;
use crate::access::{Action, What};
use crate::api_token::{self, Actor};
use crate::clock::{self, IdSource};
use crate::count::REASONS;
use crate::state::{StateFiles, WHATS};
use crate::{Error, Refusal};
use onrecord_ledger::{Entry, EntryId, Recovery};
use onrecord_record::{Access, System, Timestamp};
use serde_json::{Map, Value as Json, json};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use uuid::Uuid;

/// Refusals are put on the record at most this often while the service runs, so that whoever sends nonsense does not
/// fill the ledger.
const REFUSALS_INTERVAL_MICROS: i64 = 60_000_000;

impl Service {
    /// Puts on the record that records were read. The answer may be given only afterwards.
    ///
    /// # Errors
    /// [`Refusal`]: then the answer must not be given.
    pub async fn record_access(&self, actor: &Actor, action: Action, what: What<'_>, rows: u64) -> Result<(), Refusal> {
        let what = what.recorded();
        let entry = entry(|event_id, at, out| {
            Access { actor: actor.name(), action: action.as_str(), what: &what, rows }.write(event_id, at, out);
        })?;
        let recorded = self.append(vec![entry]).await.map(|_| ()).map_err(Refusal::from);
        self.counted(recorded)
    }

    /// Puts an event of the system on the record. `detail` must hold no personal data and no number over 2^53. Blocks.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn record_system(&self, what: &str, detail: &Map<String, Json>) -> Result<(), Refusal> {
        self.ledger.append(vec![system_entry(what, detail)?])?;
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
        let taken = self.counters.take_unrecorded();
        let Some(entry) = refusals_entry(&taken)? else { return Ok(()) };
        self.refusals_recorded.store(clock::now().as_micros(), Ordering::Relaxed);
        self.ledger.append(vec![entry]).map(|_| ()).map_err(|error| {
            self.counters.put_back(taken);
            error.into()
        })
    }

    /// After a success, when writing is possible: the same without waiting, and not too often.
    pub(super) fn record_refusals_soon(&self) {
        if !self.refusals_due() {
            return;
        }
        self.refusals_recorded.store(clock::now().as_micros(), Ordering::Relaxed);
        let taken = self.counters.take_unrecorded();
        match refusals_entry(&taken) {
            Ok(Some(entry)) => self.ledger.submit(
                vec![entry],
                Box::new(|outcome| {
                    if let Err(error) = outcome {
                        tracing::warn!(%error, "refusals could not be put on the record");
                    }
                }),
            ),
            Ok(None) => {}
            Err(_) => self.counters.put_back(taken),
        }
    }

    fn refusals_due(&self) -> bool {
        let last = self.refusals_recorded.load(Ordering::Relaxed);
        self.counters.any_unrecorded() && clock::now().as_micros() - last >= REFUSALS_INTERVAL_MICROS
    }
}

fn refusals_entry(taken: &[u64; REASONS.len()]) -> Result<Option<Entry>, Refusal> {
    let counts = REASONS.iter().zip(taken).filter(|(_, count)| **count > 0);
    let detail: Map<String, Json> = counts.map(|(reason, count)| ((*reason).to_owned(), (*count).into())).collect();
    if detail.is_empty() { Ok(None) } else { system_entry("refused", &detail).map(Some) }
}

fn system_entry(what: &str, detail: &Map<String, Json>) -> Result<Entry, Refusal> {
    entry(|event_id, at, out| System { what, detail }.write(event_id, at, out))
}

fn entry(write: impl FnOnce(Uuid, Timestamp, &mut Vec<u8>)) -> Result<Entry, Refusal> {
    let at = clock::now();
    let event_id = IdSource::new().and_then(|mut ids| ids.make(at));
    let event_id = event_id.map_err(Error::io("make an id from", std::path::Path::new("/dev/urandom")))?;
    let mut record = Vec::with_capacity(256);
    write(event_id, at, &mut record);
    Ok(Entry::new(EntryId(*event_id.as_bytes()), record, Vec::new()))
}

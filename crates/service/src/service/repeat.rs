//! The same event id again (invariant 7): the same body gives the first receipt, another body is a conflict.
//!
//! "The same body" means that intake, run again with the id and the time of the stored record, gives the same bytes. That
//! needs no copy of what was sent, and holds because intake is deterministic. It also means that after a change of the
//! policy a body may no longer be recognised; then it is a conflict, which is loud, and never a second entry.

use super::{Logged, Service};
use crate::about::{About, Decisions, Known};
use crate::batch::{DECISIONS_AT_ONCE, Line};
use crate::intake::{Id, Sending};
use crate::records::ReadError;
use crate::refusal::{Conflicts, LineFaults};
use crate::{Refusal, Stored};
use onrecord_ledger::{AppendError, Commit, Entry, LeafIndex};
use onrecord_record::{Fault, Header, Kind, Parser};
use std::collections::BTreeSet;
use uuid::Uuid;

/// A batch whose repeated lines were left out.
pub(super) struct Settled {
    /// `None` when nothing was left to append.
    pub(super) commit: Option<Commit>,
    pub(super) already: u64,
}

/// Ids can be taken by other calls between two tries; so often in a row only if somebody tries to.
const TRIES_MAX: usize = 4;

/// Stored records that are in memory at a time while a batch is compared with them.
const LEAVES_AT_ONCE: usize = 512;

impl Service {
    /// Answers for a record whose id is taken by the entry at `leaf`. Blocks.
    pub(super) fn repeated(
        &self,
        body: &[u8],
        about: Option<About<'_>>,
        leaf: LeafIndex,
        event_id: Uuid,
    ) -> Result<Logged, Refusal> {
        let stored = self.records.by_leaf(leaf)?;
        let Some(decision_id) = self.same(body, about, stored.as_ref(), Decisions::Recorded)? else {
            let mut conflicts = Conflicts::default();
            conflicts.add(None, event_id);
            return Err(Refusal::Conflict(conflicts));
        };
        let receipt = self.ledger.prove(leaf).map_err(|error| Refusal::Unavailable(error.to_string()))?;
        Ok(Logged { event_id, decision_id, receipt, created: false, missing: Vec::new() })
    }

    /// Appends the entries that are not on the record yet, and only if all others are there with the same body.
    /// `entries` are those of `lines`, in order. Blocks.
    pub(super) fn append_new(&self, lines: &[Line<'_>], entries: Vec<Entry>) -> Result<Settled, Refusal> {
        let mut already = 0;
        let mut left: Vec<(Line<'_>, Entry)> = lines.iter().copied().zip(entries).collect();
        for _ in 0..TRIES_MAX {
            if left.is_empty() {
                return Ok(Settled { commit: None, already });
            }
            let repeated = match self.ledger.append(left.iter().map(|(_, entry)| entry.clone()).collect()) {
                Ok(commit) => return Ok(Settled { commit: Some(commit), already }),
                Err(AppendError::Taken(taken)) => self.settle_taken(&left, &taken)?,
                Err(AppendError::Repeated(repeated)) => settle_repeated(&left, &repeated)?,
                Err(error) => return Err(error.into()),
            };
            already += repeated.len() as u64;
            let mut place = 0;
            left.retain(|_| {
                place += 1;
                repeated.binary_search(&(place - 1)).is_err()
            });
        }
        Err(Refusal::Busy)
    }

    /// The places of the lines that are on the record with the same body, in order.
    fn settle_taken(&self, left: &[(Line<'_>, Entry)], taken: &[(usize, LeafIndex)]) -> Result<Vec<usize>, Refusal> {
        let mut repeated = Vec::with_capacity(taken.len());
        let mut conflicts = Conflicts::default();
        for many in taken.chunks(DECISIONS_AT_ONCE) {
            let known = self.decisions_of(many.iter().filter_map(|(place, _)| Some(&left.get(*place)?.1)))?;
            for some in many.chunks(LEAVES_AT_ONCE) {
                let leaves: Vec<LeafIndex> = some.iter().map(|(_, leaf)| *leaf).collect();
                for ((place, _), stored) in some.iter().zip(self.records.by_leaves(&leaves)?) {
                    let Some((line, entry)) = left.get(*place) else { continue };
                    match self.same(line.json, None, stored.as_ref(), Decisions::Known(&known))? {
                        Some(_) => repeated.push(*place),
                        None => conflicts.add(Some(line.number), Uuid::from_bytes(entry.id().0)),
                    }
                }
            }
        }
        if conflicts.total > 0 {
            return Err(Refusal::Conflict(conflicts));
        }
        repeated.sort_unstable();
        Ok(repeated)
    }

    /// The decisions that these entries are about, by their ids, looked up together.
    fn decisions_of<'e>(&self, entries: impl Iterator<Item = &'e Entry>) -> Result<Known, Refusal> {
        let mut parser = Parser::new();
        let mut wanted = BTreeSet::new();
        for entry in entries {
            let damaged = |_| Refusal::Corrupt("an entry of the batch is not a record".to_owned());
            let document = parser.parse(entry.record()).map_err(damaged)?;
            let header = Header::read(document.value()).map_err(damaged)?;
            wanted.extend(header.decision_id.filter(|_| header.kind != Kind::Decision).map(str::to_owned));
        }
        self.intake.decisions(&wanted.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Whether the body is the one that was stored; then the decision id that it gives. A record that
    /// retention deleted cannot be compared, and its id stays taken.
    fn same(
        &self,
        body: &[u8],
        about: Option<About<'_>>,
        stored: Option<&Stored>,
        decisions: Decisions<'_>,
    ) -> Result<Option<String>, Refusal> {
        let Some(Stored { leaf, record, .. }) = stored else { return Ok(None) };
        let (event_id, recorded_at) = {
            let mut parser = Parser::new();
            let damaged = |_| Refusal::Corrupt(format!("the record of leaf {leaf} is not one that onrecord stored"));
            let document = parser.parse(record).map_err(damaged)?;
            let header = Header::read(document.value()).map_err(damaged)?;
            (header.event_id, header.recorded_at)
        };
        let sending = Sending { json: body, about, id: Id::Stored(event_id), recorded_at };
        let again = self.workers.with(|worker| self.intake.prepare(worker, sending, decisions))??;
        Ok((again.entry.record().as_ref() == record.as_slice()).then(|| again.decision_id()))
    }
}

/// The places of the lines that repeat an earlier one of the same batch word for word.
fn settle_repeated(left: &[(Line<'_>, Entry)], repeated: &[(usize, usize)]) -> Result<Vec<usize>, Refusal> {
    let mut places = Vec::with_capacity(repeated.len());
    let mut faults = LineFaults::default();
    for (place, earlier) in repeated {
        let (Some((line, entry)), Some((first, original))) = (left.get(*place), left.get(*earlier)) else { continue };
        if entry.record() == original.record() {
            places.push(*place);
        } else {
            let problem = format!("is the id of line {} too, whose content is another", first.number);
            faults.add(Some(line.number), vec![Fault::new("/event_id", problem)]);
        }
    }
    if !faults.is_empty() {
        return Err(Refusal::Invalid(faults));
    }
    places.sort_unstable();
    Ok(places)
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        Refusal::Unavailable(error.to_string())
    }
}

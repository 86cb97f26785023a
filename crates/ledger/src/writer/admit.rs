//! Which of the waiting submits go into the commit: those whose ids are all new.
//!
//! Invariant: the ids of admitted entries are in `ids` with the leaves that they will have, those of refused submits are
//! not. A submit that repeats an id of an earlier one in the same commit is answered only when that one is durable.

use super::{Answer, Writer};
use crate::{AppendError, Entry, EntryId, LeafIndex, queue::Done, queue::Submit};
use std::sync::Arc;

/// The outcome: what is to be written, who waits for it, and who is answered already.
#[derive(Default)]
pub(super) struct Admitted {
    pub(super) entries: Vec<Entry>,
    /// First leaf and count of each admitted submit.
    pub(super) members: Vec<(Done, u64, u64)>,
    /// True once the commit is durable.
    pub(super) pending: Vec<(Done, AppendError)>,
    pub(super) answers: Vec<Answer>,
}

impl Writer {
    pub(super) fn admit(&mut self, submits: Vec<Submit>) -> Admitted {
        let mut admitted = Admitted::default();
        let ids: Vec<EntryId> = submits.iter().flat_map(|submit| submit.entries.iter().map(Entry::id)).collect();
        let sealed = match self.follower.find_sealed(&ids) {
            Ok(sealed) if sealed.len() == ids.len() => sealed,
            refused => {
                let reason = refused.err().map_or("an answer is missing".to_owned(), |error| error.to_string());
                let error = AppendError::Lookup(Arc::from(reason));
                admitted.answers.extend(submits.into_iter().map(|submit| (submit.done, Err(error.clone()))));
                return admitted;
            }
        };
        admitted.entries.reserve(ids.len());
        let mut sealed = sealed.into_iter();
        for submit in submits {
            let sealed: Vec<Option<LeafIndex>> = sealed.by_ref().take(submit.entries.len()).collect();
            let first = self.size + admitted.entries.len() as u64;
            match self.claim(&submit.entries, &sealed, first) {
                Ok(()) => {
                    admitted.members.push((submit.done, first, submit.entries.len() as u64));
                    admitted.entries.extend(submit.entries);
                }
                Err(AppendError::Taken(taken)) if taken.iter().any(|(_, leaf)| leaf.0 >= self.size) => {
                    admitted.pending.push((submit.done, AppendError::Taken(taken)));
                }
                Err(error) => admitted.answers.push((submit.done, Err(error))),
            }
        }
        admitted
    }

    /// Adds the ids of a submit that will begin with leaf `first`; all or none.
    fn claim(&mut self, entries: &[Entry], sealed: &[Option<LeafIndex>], first: u64) -> Result<(), AppendError> {
        let (mut taken, mut repeated) = (Vec::new(), Vec::new());
        let mut claimed = Vec::new();
        for (index, (entry, sealed)) in entries.iter().zip(sealed).enumerate() {
            let leaf = first + index as u64;
            match self.ids.insert(entry.id(), leaf) {
                Err(earlier) if earlier >= first => repeated.push((index, (earlier - first) as usize)),
                Err(earlier) => taken.push((index, LeafIndex(earlier))),
                Ok(()) => {
                    claimed.push(entry.id());
                    taken.extend(sealed.map(|leaf| (index, leaf)));
                }
            }
        }
        if taken.is_empty() && repeated.is_empty() {
            return Ok(());
        }
        claimed.into_iter().for_each(|id| self.ids.remove(id));
        Err(if repeated.is_empty() { AppendError::Taken(taken) } else { AppendError::Repeated(repeated) })
    }
}

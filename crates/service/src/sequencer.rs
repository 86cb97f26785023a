//! The order of batches of one source: each is prepared beside the others and appended in the order of arrival.
//!
//! A source is what one caller sends under one idempotency key, so that nobody can hold up another. Invariant: a ticket
//! that was taken ends, whatever becomes of its batch, because dropping it ends it; and none is waited for longer than
//! [`WAIT_MAX`].

use crate::Refusal;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// As long as the ledger lets an append wait.
const WAIT_MAX: Duration = Duration::from_secs(30);

type Source = (String, Vec<u8>);

/// Numbers tickets, by source, and lets their holders go on in turn.
#[derive(Debug, Default)]
pub(crate) struct Sequencer {
    taken: Mutex<HashMap<Source, VecDeque<u64>>>,
    ended: Condvar,
}

/// A place in the order of one source.
#[derive(Debug)]
pub struct Ticket {
    sequencer: Arc<Sequencer>,
    source: Source,
    number: u64,
}

impl Sequencer {
    /// The next ticket of a caller's source.
    pub(crate) fn take(self: &Arc<Self>, caller: &str, idempotency_key: &[u8]) -> Ticket {
        let source = (caller.to_owned(), idempotency_key.to_vec());
        let mut taken = self.taken();
        let queue = taken.entry(source.clone()).or_default();
        let number = queue.back().map_or(0, |last| last + 1);
        queue.push_back(number);
        Ticket { sequencer: self.clone(), source, number }
    }

    // Every change is one call, so a panic elsewhere cannot leave it half changed.
    fn taken(&self) -> MutexGuard<'_, HashMap<Source, VecDeque<u64>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Blocks until all tickets before this one have ended.
    ///
    /// # Errors
    /// [`Refusal::Busy`] if they do not in time.
    pub(crate) fn wait(&self) -> Result<(), Refusal> {
        let waits = |taken: &mut HashMap<Source, VecDeque<u64>>| {
            taken.get(&self.source).and_then(VecDeque::front).is_some_and(|first| *first < self.number)
        };
        let waited = self.sequencer.ended.wait_timeout_while(self.sequencer.taken(), WAIT_MAX, waits);
        if waited.unwrap_or_else(PoisonError::into_inner).1.timed_out() { Err(Refusal::Busy) } else { Ok(()) }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut taken = self.sequencer.taken();
        if let Some(queue) = taken.get_mut(&self.source) {
            queue.retain(|number| *number != self.number);
            if queue.is_empty() {
                taken.remove(&self.source);
            }
        }
        drop(taken);
        self.sequencer.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_of_one_source_come_in_order_and_those_of_others_do_not_wait() {
        let sequencer = Arc::new(Sequencer::default());
        let mine: Vec<Ticket> = (0..8).map(|_| sequencer.take("me", b"mine")).collect();
        sequencer.take("me", b"other").wait().unwrap();
        sequencer.take("somebody", b"mine").wait().unwrap();
        let order = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for (at, turn) in mine.into_iter().enumerate().rev() {
                let order = &order;
                scope.spawn(move || {
                    // A batch that is refused does not wait for its turn.
                    if at != 3 {
                        turn.wait().unwrap();
                        order.lock().unwrap().push(at);
                    }
                });
            }
        });
        assert_eq!(order.into_inner().unwrap(), [0, 1, 2, 4, 5, 6, 7]);
        assert!(sequencer.taken().is_empty());
    }
}

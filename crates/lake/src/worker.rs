//! The threads that work on the lake in the background: one seals, one compacts.
//!
//! Each does one step after another until there is nothing to do, then waits to be woken. A step that fails is said,
//! and tried again; what it found stays as it was.

use crate::error::{Error, Result};
use crate::lake::Lake;
use crate::{compact, seal};
use onrecord_ledger::Ledger;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a failed seal waits before the next attempt.
const RETRY_SECONDS: u64 = 5;

/// How often there is a look without being told.
const LOOK_SECONDS: u64 = 60;

/// With so many segments compaction does not wait for sealing to have nothing to do.
const SEGMENTS_WAITING_MAX: usize = 64;

/// The background workers, one that seals and one that compacts, so that a long compaction does not hold up the ledger.
/// Dropping it stops them after the segments at hand.
pub struct Sealer {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    lake: Arc<Lake>,
    ledger: Arc<Ledger>,
    stop: AtomicBool,
    trouble: Mutex<BTreeMap<&'static str, String>>,
}

const SEALING: &str = "sealing";
const COMPACTION: &str = "compaction";

impl Sealer {
    /// Starts the workers for a lake that follows this ledger.
    ///
    /// # Errors
    /// [`Error::Damaged`] if leaves that the ledger has given away are in no segment; [`Error::Io`] if no thread can be
    /// started.
    pub fn start(lake: Arc<Lake>, ledger: Arc<Ledger>) -> Result<Self> {
        let (sealed, given_away) = (lake.sealed_end(), ledger.status().sealed);
        if sealed < given_away {
            let problem = format!("leaves {sealed} to {given_away} are in no segment");
            return Err(Error::damaged(lake.dir(), problem));
        }
        let shared = Arc::new(Shared { lake, ledger, stop: AtomicBool::new(false), trouble: Mutex::default() });
        let mut sealer = Self { threads: Vec::new(), shared };
        sealer.spawn(SEALING, Shared::seal)?;
        sealer.spawn(COMPACTION, Shared::compact)?;
        Ok(sealer)
    }

    /// Starts a thread that does `step` until there is nothing to do, then waits to be woken.
    fn spawn(&mut self, what: &'static str, step: fn(&Shared) -> Result<bool>) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name(what.to_owned()).spawn(move || shared.run(what, step));
        self.threads.push(thread.map_err(Error::io(self.shared.lake.dir()))?);
        Ok(())
    }

    /// Why sealing or compaction does not go on, if it does not; it is tried again and again.
    pub fn trouble(&self) -> Option<String> {
        self.shared.trouble().values().next().cloned()
    }

    /// Why sealing does not go on, if it does not.
    pub fn sealing_trouble(&self) -> Option<String> {
        self.shared.trouble().get(SEALING).cloned()
    }

    /// Stops the workers after the segments at hand and waits for them.
    pub fn stop(mut self) {
        self.join();
    }

    fn join(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.lake.wake();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a sealing thread panicked");
            }
        }
    }
}

impl Drop for Sealer {
    fn drop(&mut self) {
        self.join();
    }
}

impl Shared {
    fn run(&self, what: &'static str, step: fn(&Shared) -> Result<bool>) {
        while !self.stop.load(Ordering::Acquire) {
            let seen = self.lake.changes();
            let wait = match step(self) {
                Ok(more) => {
                    self.trouble().remove(what);
                    if more { continue } else { LOOK_SECONDS }
                }
                Err(error) => {
                    tracing::error!(%error, "{what} failed; it will be tried again");
                    self.trouble().insert(what, error.to_string());
                    RETRY_SECONDS
                }
            };
            if !self.stop.load(Ordering::Acquire) {
                self.lake.wait_for_change(seen, Duration::from_secs(wait));
            }
        }
    }

    fn seal(&self) -> Result<bool> {
        let sealed = seal::seal_next(&self.lake, &self.ledger)?;
        if sealed {
            // There may be something to compact.
            self.lake.wake();
        }
        Ok(sealed)
    }

    fn compact(&self) -> Result<bool> {
        let mut failed = BTreeSet::new();
        while self.lake.make_next_index(&mut failed) {
            if self.stop.load(Ordering::Acquire) {
                return Ok(false);
            }
        }
        let is_calm = self.ledger.sealable().is_empty() || self.lake.segments().len() > SEGMENTS_WAITING_MAX;
        Ok(is_calm && compact::compact_next(&self.lake, &self.ledger)?)
    }

    fn trouble(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The background maintenance thread of a server: records refusals and changed files, and closes write-ahead files that
//! have grown old.

use anyhow::Result;
use onrecord_ledger::Ledger;
use onrecord_service::Service;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often refusals and changed files are looked for.
const TICK: Duration = Duration::from_secs(5);
/// After this long, what is in the write-ahead file is sealed even if the file is not full.
const SEAL_AFTER: Duration = Duration::from_secs(600);

/// A running maintenance thread. It runs until it is stopped.
pub(crate) struct Maintenance {
    stop: Arc<Stop>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Stop {
    asked: Mutex<bool>,
    changed: Condvar,
}

impl Maintenance {
    pub(crate) fn start(service: Arc<Service>, ledger: Arc<Ledger>) -> Result<Self> {
        let stop = Arc::new(Stop::default());
        let stopped = stop.clone();
        let maintain = move || {
            let mut rotated = Instant::now();
            while !stopped.wait(TICK) {
                if let Err(error) = service.tick() {
                    tracing::warn!(%error, "maintenance is put off");
                }
                if rotated.elapsed() > SEAL_AFTER {
                    rotated = Instant::now();
                    if let Err(error) = ledger.rotate() {
                        tracing::warn!(%error, "the write-ahead file cannot be closed yet");
                    }
                }
            }
        };
        let thread = std::thread::Builder::new().name("maintenance".to_owned()).spawn(maintain)?;
        Ok(Self { stop, thread })
    }

    /// Stops, and waits for what is under way.
    pub(crate) fn stop(self) {
        *self.stop.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_all();
        if self.thread.join().is_err() {
            tracing::error!("the maintenance thread ended in a panic");
        }
    }
}

impl Stop {
    /// Waits `at_most`, or until asked to stop; says whether asked.
    fn wait(&self, at_most: Duration) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(asked, at_most, |asked| !*asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

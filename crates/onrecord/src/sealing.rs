//! Sealing while a directory is open: in the background, when asked for, or paused while files are verified. Removals, which
//! rewrite segments, wait while it is paused too.

use onrecord_lake::{Lake, Removal, Removed, Sealer};
use onrecord_ledger::Ledger;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a seal that was asked for may take.
const TIMEOUT: Duration = Duration::from_secs(600);
/// How often it is looked whether it is done.
const LOOK: Duration = Duration::from_millis(5);

/// The sealer of an open directory, and whether it may run.
pub(crate) struct Sealing {
    lake: Arc<Lake>,
    ledger: Arc<Ledger>,
    state: Mutex<State>,
    /// Removals under way.
    rewrites: Mutex<u32>,
    rewritten: Condvar,
}

enum State {
    /// Nothing runs until something is asked for.
    Idle,
    Running(Sealer),
    /// While a [`Paused`] lives.
    Paused {
        was_running: bool,
    },
    Closed,
}

/// Why not everything was sealed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealError {
    #[error("a verification is under way, and nothing is sealed meanwhile; ask again when it is done")]
    Paused,
    #[error("the directory is being closed")]
    Closed,
    #[error("sealing does not go on: {0}")]
    Stuck(String),
    #[error("sealing was not done after {TIMEOUT:?}")]
    TimedOut,
    #[error(transparent)]
    Ledger(#[from] onrecord_ledger::Error),
    #[error(transparent)]
    Lake(#[from] onrecord_lake::Error),
}

impl Sealing {
    /// Nothing is sealed before it is asked for.
    pub(crate) fn new(lake: Arc<Lake>, ledger: Arc<Ledger>) -> Arc<Self> {
        Arc::new(Self {
            lake,
            ledger,
            state: Mutex::new(State::Idle),
            rewrites: Mutex::new(0),
            rewritten: Condvar::new(),
        })
    }

    /// Seals in the background from now on.
    pub(crate) fn start(&self) -> Result<(), SealError> {
        let mut state = self.state();
        match *state {
            State::Idle => *state = State::Running(Sealer::start(self.lake.clone(), self.ledger.clone())?),
            State::Running(_) => {}
            State::Paused { .. } => return Err(SealError::Paused),
            State::Closed => return Err(SealError::Closed),
        }
        Ok(())
    }

    /// Seals everything that is on the record now into segments, and waits until that is done. Blocks.
    pub(crate) fn seal(&self) -> Result<(), SealError> {
        self.start()?;
        let end = self.ledger.size().0;
        self.ledger.rotate()?;
        let started = Instant::now();
        while self.ledger.status().sealed.0 < end {
            match &*self.state() {
                State::Running(sealer) => {
                    sealer.sealing_trouble().map_or(Ok(()), |trouble| Err(SealError::Stuck(trouble)))?;
                }
                State::Paused { .. } => return Err(SealError::Paused),
                State::Idle | State::Closed => return Err(SealError::Closed),
            }
            if started.elapsed() > TIMEOUT {
                return Err(SealError::TimedOut);
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Removes rows and sidecars from all segments. Blocks.
    pub(crate) fn rewrite(&self, removal: &Removal) -> Result<Removed, SealError> {
        let rewrite = || onrecord_lake::rewrite(&self.lake, &self.ledger, removal);
        match self.while_not_paused(rewrite) {
            Some(removed) => Ok(removed?),
            None if matches!(*self.state(), State::Closed) => Err(SealError::Closed),
            None => Err(SealError::Paused),
        }
    }

    /// Does work that replaces segments; `None` if a verification reads them now, or the directory is being closed.
    pub(crate) fn while_not_paused<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        {
            let state = self.state();
            match *state {
                State::Paused { .. } | State::Closed => return None,
                State::Idle | State::Running(_) => *self.rewrites() += 1,
            }
        }
        let done = work();
        *self.rewrites() -= 1;
        self.rewritten.notify_all();
        Some(done)
    }

    /// Why sealing or compaction does not go on, if it does not.
    pub(crate) fn trouble(&self) -> Option<String> {
        match &*self.state() {
            State::Running(sealer) => sealer.trouble(),
            State::Idle | State::Paused { .. } | State::Closed => None,
        }
    }

    /// Stops sealing and compaction, so that no segment is replaced while the answer lives; `None` when that is so
    /// already. Blocks until the segments at hand are done.
    pub(crate) fn pause(self: &Arc<Self>) -> Option<Paused> {
        let sealer = {
            let mut state = self.state();
            match mem::replace(&mut *state, State::Paused { was_running: false }) {
                State::Idle => None,
                State::Running(sealer) => {
                    *state = State::Paused { was_running: true };
                    Some(sealer)
                }
                before @ (State::Paused { .. } | State::Closed) => {
                    *state = before;
                    return None;
                }
            }
        };
        // Out of the lock, which whoever asks how things are waits for.
        if let Some(sealer) = sealer {
            sealer.stop();
        }
        self.wait_for_rewrites();
        Some(Paused(self.clone()))
    }

    fn resume(&self) {
        let mut state = self.state();
        let State::Paused { was_running } = *state else { return };
        *state = State::Idle;
        if was_running {
            match Sealer::start(self.lake.clone(), self.ledger.clone()) {
                Ok(sealer) => *state = State::Running(sealer),
                Err(error) => tracing::error!(%error, "sealing cannot be started again; restart the server"),
            }
        }
    }

    /// Stops for good. Blocks until the segments at hand are done.
    pub(crate) fn close(&self) {
        let before = mem::replace(&mut *self.state(), State::Closed);
        if let State::Running(sealer) = before {
            sealer.stop();
        }
        self.wait_for_rewrites();
    }

    fn wait_for_rewrites(&self) {
        drop(self.rewritten.wait_while(self.rewrites(), |rewrites| *rewrites > 0));
    }

    fn rewrites(&self) -> MutexGuard<'_, u32> {
        self.rewrites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While this lives, nothing is sealed and no segment is replaced.
pub(crate) struct Paused(Arc<Sealing>);

impl Drop for Paused {
    fn drop(&mut self) {
        self.0.resume();
    }
}

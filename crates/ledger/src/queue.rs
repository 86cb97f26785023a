//! What waits for the writer: submits, bounded by their bytes, and a few requests.
//!
//! Invariant: every submit that is taken in is answered, also when the writer ends; the bytes counted are those of
//! submits that wait or are being written, so that they bound memory.

use crate::{AppendError, Commit, Entry, Error};
use std::{
    collections::VecDeque,
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Called once with the outcome of a submit; dropped uncalled only when the writer thread panics, and then it is not
/// known whether the entries are there.
pub type Done = Box<dyn FnOnce(Result<Commit, AppendError>) + Send>;

/// Entries that are to be committed together or not at all.
pub(crate) struct Submit {
    pub(crate) entries: Vec<Entry>,
    pub(crate) bytes: usize,
    pub(crate) done: Done,
}

/// What somebody asks of the writer apart from appending.
pub(crate) struct Request {
    pub(crate) kind: RequestKind,
    pub(crate) done: Box<dyn FnOnce(Result<(), Error>) + Send>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum RequestKind {
    Rotate,
    Reopen,
    /// Nothing: its `done` runs between two commits.
    Pause,
}

/// What the writer is to do next, in this order.
pub(crate) struct Work {
    /// Leaves before this were released.
    pub(crate) released: Option<u64>,
    pub(crate) requests: Vec<Request>,
    pub(crate) submits: Vec<Submit>,
    /// Nothing more will come.
    pub(crate) is_last: bool,
}

#[derive(Default)]
struct State {
    submits: VecDeque<Submit>,
    requests: Vec<Request>,
    released: Option<u64>,
    bytes: usize,
    closed: bool,
}

/// See the module.
pub(crate) struct Queue {
    bytes_max: usize,
    state: Mutex<State>,
    /// There is work.
    arrived: Condvar,
    /// There is room.
    left: Condvar,
}

impl Queue {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, state: Mutex::default(), arrived: Condvar::new(), left: Condvar::new() }
    }

    /// Takes a submit in, waiting up to `wait` for room; gives it back when there is none.
    pub(crate) fn push(&self, submit: Submit, wait: Duration) -> Result<(), (Submit, AppendError)> {
        let deadline = Instant::now() + wait;
        let mut state = self.lock();
        loop {
            if state.closed {
                return Err((submit, AppendError::Closed));
            }
            // Alone, a submit of any size is taken: its own bound was checked before.
            if state.bytes == 0 || state.bytes.saturating_add(submit.bytes) <= self.bytes_max {
                break;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err((submit, AppendError::Busy));
            }
            state = self.left.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.bytes += submit.bytes;
        state.submits.push_back(submit);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    pub(crate) fn request(&self, request: Request) -> Result<(), Request> {
        let mut state = self.lock();
        if state.closed {
            return Err(request);
        }
        state.requests.push(request);
        self.arrived.notify_one();
        Ok(())
    }

    pub(crate) fn released(&self, end: u64) {
        let mut state = self.lock();
        state.released = state.released.max(Some(end));
        self.arrived.notify_one();
    }

    /// Takes nothing in any more; what is in will be worked off.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
        self.left.notify_all();
    }

    /// Waits for work and takes submits of up to `bytes_max` bytes, but at least one if there are any.
    pub(crate) fn take(&self, bytes_max: usize) -> Work {
        let mut state = self.lock();
        while state.submits.is_empty() && state.requests.is_empty() && state.released.is_none() && !state.closed {
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let (mut submits, mut bytes) = (Vec::with_capacity(state.submits.len()), 0_usize);
        while let Some(submit) = state.submits.pop_front_if(|submit| bytes == 0 || bytes + submit.bytes <= bytes_max) {
            bytes += submit.bytes;
            submits.push(submit);
        }
        let is_last = state.closed && state.submits.is_empty();
        Work { released: state.released.take(), requests: mem::take(&mut state.requests), submits, is_last }
    }

    /// Waits for a release until the deadline, or until the queue is closed.
    pub(crate) fn wait_released(&self, deadline: Instant) -> Option<u64> {
        let mut state = self.lock();
        while state.released.is_none() && !state.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            state = self.arrived.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.released.take()
    }

    /// Submits of so many bytes were answered.
    pub(crate) fn answered(&self, bytes: usize) {
        self.lock().bytes -= bytes;
        self.left.notify_all();
    }

    /// Bytes of submits that are not answered.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Closes the queue and answers all who wait. For the end of the writer, however it came.
    pub(crate) fn refuse_all(&self) {
        let mut state = self.lock();
        state.closed = true;
        let (submits, requests) = (mem::take(&mut state.submits), mem::take(&mut state.requests));
        drop(state);
        self.left.notify_all();
        submits.into_iter().for_each(|submit| (submit.done)(Err(AppendError::Closed)));
        requests.into_iter().for_each(|request| (request.done)(Err(AppendError::Closed.into())));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

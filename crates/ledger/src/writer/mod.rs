//! The one thread that writes: takes what waits, makes it durable with one write and one fsync, signs, answers.
//!
//! The life of a commit: wait for work → room in the file (or rotate) → refuse ids that are taken → build the frame, grow
//! the tree, sign → write → fsync → *durable* → publish the checkpoint → slot → follower → answers. Steps before
//! *durable* are rolled back when one of them fails; those behind it never are.
//!
//! Invariants: `size`, the head and the slot only ever speak of durable leaves. The ids are ahead of them by the commit
//! in flight, the tree by that or by the one that failed; whoever reads it does so at the size of the head. A failed
//! write or fsync sets `poisoned`, and only a reopening that has re-read the file clears it.

mod admit;
mod file;
mod reopen;

pub(crate) use file::Current;

use crate::{
    AppendError, Closed, Commit, Committed, Entry, Error, Follower,
    ids::Ids,
    queue::{Done, Request, RequestKind, Submit},
    shared::{Head, Shared},
    slot::Slots,
    wal::FrameBuilder,
};
use admit::Admitted;
use onrecord_evidence::{LeafIndex, Signer, Snapshot};
use std::{
    io,
    sync::{Arc, PoisonError},
    time::Instant,
};

/// The files with which the writer starts.
pub(crate) struct Start {
    pub(crate) current: Current,
    pub(crate) slots: Slots,
}

pub(crate) struct Writer {
    shared: Arc<Shared>,
    signer: Signer,
    follower: Arc<dyn Follower>,
    ids: Ids,
    frame: FrameBuilder,
    /// Durable entries.
    size: u64,
    /// The file that grows; `None` between the end of one file and the beginning of the next.
    current: Option<Current>,
    /// A finished file whose successor is not durable yet. It is not handed out before, so that the directory never is
    /// without a write-ahead file.
    finished: Option<Closed>,
    slots: Slots,
    poisoned: Option<Arc<str>>,
    /// When reopening was last tried.
    tried: Option<Instant>,
}

/// Why a step did not succeed.
pub(crate) enum Failure {
    /// Nothing was written; the next attempt may succeed.
    Refused(AppendError),
    /// Something was or may have been written.
    Broken(Error),
}

type Answer = (Done, Result<Commit, AppendError>);

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        signer: Signer,
        follower: Arc<dyn Follower>,
        ids: Ids,
        start: Start,
    ) -> Self {
        let size = shared.head().size;
        let Start { current, slots } = start;
        Self {
            shared,
            signer,
            follower,
            ids,
            frame: FrameBuilder::default(),
            size,
            current: Some(current),
            finished: None,
            slots,
            poisoned: None,
            tried: None,
        }
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Works until the queue is closed and empty.
    pub(crate) fn run(&mut self) {
        // A frame counts its bytes in 32 bits.
        let bytes_max = self.shared.config.commit_bytes_max.min(u32::MAX as usize / 2);
        loop {
            let work = self.shared.queue.take(bytes_max);
            self.release(work.released);
            if !work.submits.is_empty() {
                self.work(work.submits);
            }
            for Request { kind, done } in work.requests {
                done(self.serve(kind));
            }
            if work.is_last {
                break;
            }
        }
        self.finish();
    }

    fn work(&mut self, submits: Vec<Submit>) {
        let bytes = submits.iter().map(|submit| submit.bytes).sum();
        let answers = self.commit(submits);
        self.shared.queue.answered(bytes);
        for (done, answer) in answers {
            done(answer);
        }
    }

    fn serve(&mut self, kind: RequestKind) -> Result<(), Error> {
        match kind {
            RequestKind::Pause => Ok(()),
            RequestKind::Reopen => self.reopen(),
            RequestKind::Rotate => {
                self.check_sound()?;
                if self.current.as_ref().is_some_and(|current| current.entries == 0) {
                    return Ok(());
                }
                match self.rotate() {
                    Ok(()) => Ok(()),
                    Err(Failure::Refused(error)) => Err(error.into()),
                    Err(Failure::Broken(error)) => Err(self.poison(&error).into()),
                }
            }
        }
    }

    fn release(&mut self, released: Option<u64>) {
        if let Some(end) = released {
            self.ids.release(end);
        }
    }

    /// One group commit.
    fn commit(&mut self, submits: Vec<Submit>) -> Vec<Answer> {
        let entries = submits.iter().map(|submit| submit.entries.len() as u64).sum();
        let bytes = submits.iter().map(|submit| submit.bytes as u64).sum();
        let ready = self.check_sound().map_err(Failure::Refused).and_then(|()| self.make_room(entries, bytes));
        if let Err(failure) = ready {
            let error = self.refusal(failure);
            return submits.into_iter().map(|submit| (submit.done, Err(error.clone()))).collect();
        }
        let Admitted { entries, members, pending, mut answers } = self.admit(submits);
        if entries.is_empty() {
            return answers;
        }
        match self.append(entries) {
            Ok((snapshot, checkpoint)) => {
                answers.extend(members.into_iter().map(|(done, first, count)| {
                    let commit = Commit::new(first, count, Arc::clone(&snapshot), Arc::clone(&checkpoint));
                    (done, Ok(commit))
                }));
                answers.extend(pending.into_iter().map(|(done, error)| (done, Err(error))));
            }
            Err(error) => {
                let error = self.poison(&error);
                let done = members.into_iter().map(|(done, ..)| done).chain(pending.into_iter().map(|(done, _)| done));
                answers.extend(done.map(|done| (done, Err(error.clone()))));
            }
        }
        answers
    }

    /// Makes admitted entries durable. After an error they are not acknowledged, whether they are durable or not.
    fn append(&mut self, entries: Vec<Entry>) -> Result<(Arc<Snapshot>, Arc<str>), Error> {
        let first = LeafIndex(self.size);
        let batch = Committed { first, entries: Arc::from(entries) };
        let (snapshot, checkpoint) = self.grow(&batch)?;
        if let Err(error) = self.write(&batch, &checkpoint) {
            batch.entries.iter().for_each(|entry| self.ids.remove(entry.id()));
            return Err(error);
        }
        self.size = batch.end().0;
        *self.shared.head.write().unwrap_or_else(PoisonError::into_inner) =
            Head { size: self.size, root: snapshot.root(), checkpoint: Arc::clone(&checkpoint) };
        let slot = self.slots.write(&checkpoint);
        // Durable entries are in the ledger, so whoever follows it must see them, also when nobody is told.
        self.follower.committed(&batch);
        slot.map(|()| (Arc::new(snapshot), checkpoint))
    }

    /// Grows the tree by a batch and signs what it leads to.
    fn grow(&mut self, batch: &Committed) -> Result<(Snapshot, Arc<str>), Error> {
        let mut grown = self.shared.grown.write().unwrap_or_else(PoisonError::into_inner);
        batch.entries.iter().for_each(|entry| grown.tree.push(entry.leaf_hash()));
        let snapshot = grown.tree.snapshot(batch.first);
        drop(grown);
        let end = batch.end().0;
        // Only sealed leaves are forgotten, and those of a commit are not sealed before it is made.
        let missing = onrecord_evidence::ReadError::Missing { level: 0, start: batch.first.0, end };
        let snapshot = snapshot.ok_or(missing)?;
        let checkpoint = Arc::from(self.signer.sign(snapshot.size(), snapshot.root()));
        Ok((snapshot, checkpoint))
    }

    /// One write and one fsync.
    fn write(&mut self, batch: &Committed, checkpoint: &str) -> Result<(), Error> {
        let Some(current) = &mut self.current else {
            return Err(Error::io("write", self.shared.layout.wal_dir())(io::ErrorKind::NotFound.into()));
        };
        self.frame.clear();
        batch.entries.iter().for_each(|entry| self.frame.push(entry));
        let frame = self.frame.finish(batch.first, checkpoint);
        current.file.write_at(frame, current.bytes).map_err(Error::io("write", &current.path))?;
        current.file.sync().map_err(Error::io("sync", &current.path))?;
        current.bytes += frame.len() as u64;
        current.entries += batch.entries.len() as u64;
        Ok(())
    }

    /// Refuses all work from here on, until reopened.
    fn poison(&mut self, error: &Error) -> AppendError {
        let reason: Arc<str> = Arc::from(error.to_string());
        tracing::error!(%error, "the ledger refuses work until it is reopened");
        self.poisoned = Some(Arc::clone(&reason));
        *self.shared.poisoned.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&reason));
        AppendError::Poisoned(reason)
    }

    fn refusal(&mut self, failure: Failure) -> AppendError {
        match failure {
            Failure::Refused(error) => error,
            Failure::Broken(error) => self.poison(&error),
        }
    }

    /// At the end: gives reserved space back and makes the checkpoint durable. Nothing depends on either.
    fn finish(&mut self) {
        if self.poisoned.is_some() {
            return;
        }
        let trimmed = self.current.as_ref().map_or(Ok(()), Current::trim);
        if let Err(error) = trimmed.and_then(|()| self.slots.sync()) {
            tracing::warn!(%error, "closing the ledger");
        }
    }
}

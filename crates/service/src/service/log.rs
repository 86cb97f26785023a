//! Putting decisions, reviews and outcomes on the record.

use super::repeat::Settled;
use super::{Service, blocking};
use crate::about::{About, Decisions};
use crate::api_token::{Actor, Role};
use crate::batch::{self, Batch};
use crate::intake::{Id, Prepared, Sending};
use crate::refusal::LineFaults;
use crate::sequencer::Ticket;
use crate::{Refusal, clock};
use memchr::memmem;
use onrecord_evidence::{BatchReceipt, Receipt};
use onrecord_ledger::{AppendError, Commit, Entry};
use onrecord_record::{Fault, Kind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use uuid::Uuid;

/// A record is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// The entry's id.
    pub event_id: Uuid,
    /// The decision that it is, or is about.
    pub decision_id: String,
    /// Proves offline that the entry is in the ledger.
    pub receipt: Receipt,
    /// False when it was on the record already, with the same body.
    pub created: bool,
    /// What the policy requires of such a decision, and it does not say.
    pub missing: Vec<Fault>,
}

/// A batch is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchLogged {
    /// Entries added.
    pub accepted: u64,
    /// Lines that were on the record already, with the same body.
    pub already: u64,
    /// Proves all added entries at once; `None` when none was added.
    pub receipt: Option<BatchReceipt>,
    /// What the policy requires of such decisions, and they do not say.
    pub missing: LineFaults,
}

/// The bytes of one record, shared with threads that may block.
trait Body: AsRef<[u8]> + Send + Sync + 'static {}

impl<T: AsRef<[u8]> + Send + Sync + 'static> Body for T {}

/// One record, with what the caller said beside it.
struct One<B> {
    body: B,
    about: Option<(Kind, String)>,
}

impl<B> One<B> {
    fn about(&self) -> Option<About<'_>> {
        self.about.as_ref().map(|(kind, decision_id)| About { kind: *kind, decision_id })
    }
}

impl Service {
    /// Appends one record: a decision, or what its `kind` says. Returns when it is durable.
    ///
    /// # Errors
    /// [`Refusal`]; nothing was written then, except that after [`Refusal::Unavailable`] sending the same event id again
    /// is the way to find out. [`Refusal::UnknownDecision`] for a review or an outcome of a decision that is not there.
    pub async fn log(
        self: &Arc<Self>,
        body: impl AsRef<[u8]> + Send + Sync + 'static,
        actor: &Actor,
    ) -> Result<Logged, Refusal> {
        // What names its kind may be about a decision, which is looked up: that may block.
        let may_block = memmem::find(body.as_ref(), b"\"kind\"").is_some();
        self.log_one(One { body, about: None }, may_block, actor).await
    }

    /// Appends a review or an outcome of the decision that is named beside the body. Returns when it is durable.
    ///
    /// # Errors
    /// As [`Service::log`].
    pub async fn log_about(
        self: &Arc<Self>,
        body: impl AsRef<[u8]> + Send + Sync + 'static,
        about: About<'_>,
        actor: &Actor,
    ) -> Result<Logged, Refusal> {
        let about = Some((about.kind, about.decision_id.to_owned()));
        self.log_one(One { body, about }, true, actor).await
    }

    async fn log_one(self: &Arc<Self>, one: One<impl Body>, may_block: bool, actor: &Actor) -> Result<Logged, Refusal> {
        let logged = self.authorised(actor, Role::Write, self.append_one(one, may_block)).await?;
        self.accepted(u64::from(logged.created), u64::from(!logged.created));
        Ok(logged)
    }

    async fn append_one(self: &Arc<Self>, one: One<impl Body>, may_block: bool) -> Result<Logged, Refusal> {
        let one = Arc::new(one);
        let (prepared, making) = loop {
            let erasures = self.erasures.load(Ordering::Acquire);
            let prepared = self.prepare_durably(&one, may_block).await?;
            let making = self.making.clone().read_owned().await;
            if self.erasures.load(Ordering::Acquire) == erasures {
                break (prepared, making);
            }
            // Somebody was erased since: perhaps whom this is about, who is a new subject then.
        };
        let decision_id = prepared.decision_id();
        let Prepared { entry, event_id, large, missing, .. } = prepared;
        if !large.is_empty() {
            let service = self.clone();
            blocking(move || Ok(service.large.put(&large)?)).await?;
        }
        match self.append_with(vec![entry], making).await {
            Ok(commit) => {
                let receipt =
                    commit.receipt(0).ok_or_else(|| Refusal::Corrupt("a commit without its entry".to_owned()))?;
                Ok(Logged { event_id, decision_id, receipt, created: true, missing })
            }
            Err(AppendError::Taken(taken)) => {
                let Some((_, leaf)) = taken.first().copied() else { return Err(Refusal::Busy) };
                let service = self.clone();
                let repeated = blocking(move || service.repeated(one.body.as_ref(), one.about(), leaf, event_id));
                Ok(Logged { missing, ..repeated.await? })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Prepares a record, and makes its subject durable.
    async fn prepare_durably(
        self: &Arc<Self>,
        one: &Arc<One<impl Body>>,
        may_block: bool,
    ) -> Result<Prepared, Refusal> {
        let prepared = if may_block {
            let (service, one) = (self.clone(), one.clone());
            blocking(move || service.prepare(&one)).await?
        } else {
            self.prepare(one)?
        };
        if let Some(subject) = prepared.subject.clone().filter(|subject| !subject.is_durable()) {
            let vault = self.vault.clone();
            blocking(move || Ok(vault.flush(std::slice::from_ref(&subject))?)).await?;
        }
        Ok(prepared)
    }

    /// The next ticket among the batches of this caller with this idempotency key; see [`Batch::ticket`].
    pub fn ticket(&self, actor: &Actor, idempotency_key: &[u8]) -> Ticket {
        self.sequencer.take(actor.name(), idempotency_key)
    }

    fn prepare(&self, one: &One<impl Body>) -> Result<Prepared, Refusal> {
        let sending = Sending { json: one.body.as_ref(), about: one.about(), id: Id::Fresh, recorded_at: clock::now() };
        let prepared = self.workers.with(|worker| self.intake.prepare(worker, sending, Decisions::Recorded))??;
        if prepared.is_of_unknown_decision { Err(Refusal::UnknownDecision) } else { Ok(prepared) }
    }

    /// Appends many records, all or none. Blocks until they are durable; uses all cores.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every bad line, [`Refusal::Conflict`], and the others as for [`Service::log`].
    pub fn log_batch(&self, batch: &Batch<'_>, actor: &Actor) -> Result<BatchLogged, Refusal> {
        let logged = self.authorised_blocking(actor, Role::Write, || self.log_lines(batch))?;
        self.accepted(logged.accepted, logged.already);
        Ok(logged)
    }

    /// After a success.
    fn accepted(&self, created: u64, already: u64) {
        self.counters.accept(created, already);
        self.record_refusals_soon();
    }

    fn log_lines(&self, batch: &Batch<'_>) -> Result<BatchLogged, Refusal> {
        let lines = batch.split();
        let now = clock::now();
        let (mut prepared, _making) = loop {
            let erasures = self.erasures.load(Ordering::Acquire);
            let prepared = batch::prepare(&self.intake, &self.workers, batch, &lines, now)?;
            let subjects: Vec<_> = prepared.iter().filter_map(|prepared| prepared.subject.clone()).collect();
            self.vault.flush(&subjects)?;
            batch.ticket.map_or(Ok(()), Ticket::wait)?;
            let making = self.making.blocking_read();
            if self.erasures.load(Ordering::Acquire) == erasures {
                break (prepared, making);
            }
            // Somebody was erased since: perhaps one of those whom this is about, who is a new subject then.
        };
        batch::prepare_late(&self.intake, &self.workers, batch, &lines, &mut prepared, now)?;
        prepared.iter().try_for_each(|prepared| self.large.put(&prepared.large))?;
        let mut missing = LineFaults::default();
        for (line, prepared) in lines.iter().zip(&mut prepared).filter(|(_, prepared)| !prepared.missing.is_empty()) {
            missing.add(Some(line.number), std::mem::take(&mut prepared.missing));
        }
        let entries: Vec<Entry> = prepared.into_iter().map(|prepared| prepared.entry).collect();
        let Settled { commit, already } = self.append_new(&lines, entries)?;
        Ok(BatchLogged {
            accepted: commit.as_ref().map_or(0, Commit::count),
            already,
            receipt: commit.map(|commit| commit.batch_receipt()),
            missing,
        })
    }

    /// Says everything that [`Service::log_batch`] would find wrong with the lines, and records nothing. Blocks; uses
    /// all cores. Conflicts with what is on the record are not looked for. Gives the lines that are about a decision that is
    /// not on the record, by their numbers, with its id: it may come before them, or in one batch with them.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the role `write`; [`Refusal::Invalid`] with every bad line.
    pub fn check_batch(&self, batch: &Batch<'_>, actor: &Actor) -> Result<Vec<(u64, String)>, Refusal> {
        let check = || batch::check(&self.intake, &self.workers, &batch.split(), clock::now());
        self.authorised_blocking(actor, Role::Write, check)
    }

    /// Makes the entries of a batch and throws them away: what intake costs without the ledger. For benchmarks.
    ///
    /// # Errors
    /// As [`Service::check_batch`].
    #[doc(hidden)]
    pub fn prepare_only(&self, batch: &Batch<'_>) -> Result<usize, Refusal> {
        let prepared = batch::prepare(&self.intake, &self.workers, batch, &batch.split(), clock::now())?;
        Ok(prepared.len())
    }

    /// Appends entries without blocking the thread.
    pub(super) async fn append(&self, entries: Vec<Entry>) -> Result<Commit, AppendError> {
        self.append_with(entries, ()).await
    }

    /// The same; `held` is let go when it is known what came of it, whether or not the caller still waits.
    async fn append_with(&self, entries: Vec<Entry>, held: impl Send + 'static) -> Result<Commit, AppendError> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.ledger.submit(
            entries,
            Box::new(move |outcome| {
                drop(held);
                // Nobody waits any more when the caller went away; the entry stays.
                let _ = sender.send(outcome);
            }),
        );
        receiver.await.unwrap_or(Err(AppendError::Closed))
    }
}

//! Putting decisions, reviews and outcomes on the record.

use super::repeat::Settled;
use super::{Service, blocking};
use crate::api_token::{Actor, Role};
use crate::batch::{self, Batch};
use crate::intake::{Id, Prepared};
use crate::sequencer::Ticket;
use crate::{Refusal, clock};
use memchr::memmem;
use onrecord_evidence::{BatchReceipt, Receipt};
use onrecord_ledger::{AppendError, Commit, Entry};
use std::sync::Arc;
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
}

impl Service {
    /// Appends one record. Returns when it is durable.
    ///
    /// # Errors
    /// [`Refusal`]; nothing was written then, except that after [`Refusal::Unavailable`] sending the same event id again
    /// is the way to find out.
    pub async fn log(
        self: &Arc<Self>,
        body: impl AsRef<[u8]> + Send + Sync + 'static,
        actor: &Actor,
    ) -> Result<Logged, Refusal> {
        let logged = self.authorised(actor, Role::Write, self.log_one(body)).await?;
        self.accepted(u64::from(logged.created), u64::from(!logged.created));
        Ok(logged)
    }

    async fn log_one(self: &Arc<Self>, body: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Logged, Refusal> {
        let body = Arc::new(body);
        // What names its kind may be about a decision, which is looked up: that may block.
        let prepared = if memmem::find((*body).as_ref(), b"\"kind\"").is_some() {
            let (service, body) = (self.clone(), body.clone());
            blocking(move || service.prepare((*body).as_ref())).await?
        } else {
            self.prepare((*body).as_ref())?
        };
        let Prepared { entry, event_id, decision_id, subject, large } = prepared;
        if let Some(subject) = subject.filter(|subject| !subject.is_durable()) {
            let vault = self.vault.clone();
            blocking(move || Ok(vault.flush(std::slice::from_ref(&subject))?)).await?;
        }
        if !large.is_empty() {
            let service = self.clone();
            blocking(move || Ok(service.large.put(&large)?)).await?;
        }
        let decision_id = decision_id.unwrap_or_else(|| event_id.to_string());
        match self.append(vec![entry]).await {
            Ok(commit) => {
                let receipt =
                    commit.receipt(0).ok_or_else(|| Refusal::Corrupt("a commit without its entry".to_owned()))?;
                Ok(Logged { event_id, decision_id, receipt, created: true })
            }
            Err(AppendError::Taken(taken)) => {
                let Some((_, leaf)) = taken.first().copied() else { return Err(Refusal::Busy) };
                let service = self.clone();
                blocking(move || service.repeated((*body).as_ref(), leaf, event_id)).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The next ticket among the batches of this caller with this idempotency key; see [`Batch::ticket`].
    pub fn ticket(&self, actor: &Actor, idempotency_key: &[u8]) -> Ticket {
        self.sequencer.take(actor.name(), idempotency_key)
    }

    fn prepare(&self, body: &[u8]) -> Result<Prepared, Refusal> {
        self.workers.with(|worker| self.intake.prepare(worker, body, Id::Fresh, clock::now()))?
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
        let prepared = batch::prepare(&self.intake, &self.workers, batch, &lines, clock::now())?;
        let subjects: Vec<_> = prepared.iter().filter_map(|prepared| prepared.subject.clone()).collect();
        self.vault.flush(&subjects)?;
        prepared.iter().try_for_each(|prepared| self.large.put(&prepared.large))?;
        let entries: Vec<Entry> = prepared.into_iter().map(|prepared| prepared.entry).collect();
        batch.ticket.map_or(Ok(()), Ticket::wait)?;
        let Settled { commit, already } = self.append_new(&lines, entries)?;
        Ok(BatchLogged {
            accepted: commit.as_ref().map_or(0, Commit::count),
            already,
            receipt: commit.map(|commit| commit.batch_receipt()),
        })
    }

    /// Says everything that [`Service::log_batch`] would find wrong with the lines, and records nothing. Blocks; uses
    /// all cores. Conflicts with what is on the record are not looked for.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the role `write`; [`Refusal::Invalid`] with every bad line.
    pub fn check_batch(&self, batch: &Batch<'_>, actor: &Actor) -> Result<(), Refusal> {
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
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.ledger.submit(
            entries,
            Box::new(move |outcome| {
                // Nobody waits any more when the caller went away; the entry stays.
                let _ = sender.send(outcome);
            }),
        );
        receiver.await.unwrap_or(Err(AppendError::Closed))
    }
}

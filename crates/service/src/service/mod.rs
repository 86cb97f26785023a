//! The service: every interface's way to the rules.
//!
//! Job: open what a data directory needs beside its ledger, put decisions, reviews and outcomes on the record, read them
//! back for who may, and put on the record what happens around them. Invariants: nothing is acknowledged before the
//! ledger has it; a subject is durable before its first record; what is refused is counted; a read is an entry before
//! its answer is given; nobody gets in without the role (`Service::authorised`). Left to others: HTTP and the command line (`onrecord`), storage and queries (`ledger`, `lake`).

mod archive;
mod erase;
mod event;
mod expire;
mod export;
mod hold;
mod init;
mod log;
mod note;
mod read;
mod remove;
mod repeat;
mod token;

pub use erase::Erased;
pub use expire::Expiry;
pub use export::{Export, Exported, HeldExport};
pub use init::{Initial, init};
pub use log::{BatchLogged, Logged};
pub use note::{Noted, StandingNote, Statement};
pub use read::DecisionHistory;
pub use remove::{CarriedOut, Pending};

use crate::api_token::{Actor, Role, Tokens};
use crate::batch::Workers;
use crate::count::{Counters, Counts};
use crate::hold::Holds;
use crate::intake::Intake;
use crate::large::LargeStore;
use crate::records::{Records, Remover};
use crate::removal::Due;
use crate::sequencer::Sequencer;
use crate::state::StateFiles;
use crate::vault::Vault;
use crate::{Keys, Policy, Reason, Refusal};
use onrecord_evidence::Verifier;
use onrecord_ledger::{Ledger, Recovery};
use onrecord_record::limit;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a service is made of. The ledger's follower and the records are the lake's, wired by the caller.
pub struct Parts {
    /// The data directory.
    pub dir: PathBuf,
    /// Its keys.
    pub keys: Keys,
    /// Its vault, which queries use too.
    pub vault: Arc<Vault>,
    /// Its ledger.
    pub ledger: Arc<Ledger>,
    /// Reads what is stored.
    pub records: Arc<dyn Records>,
    /// Removes what is to go.
    pub remover: Arc<dyn Remover>,
    /// What opening the ledger found.
    pub recovery: Recovery,
    /// Bytes that a record may have as it is sent; what is over [`limit::SENT_BYTES_MAX`] counts as that.
    pub sent_bytes_max: usize,
    /// Puts the start of a long-running process on the record, by its name (`serve`); short ones give `None`.
    pub started_as: Option<&'static str>,
}

/// An opened service. Share it by `Arc`.
pub struct Service {
    dir: PathBuf,
    verifier: Verifier,
    vault: Arc<Vault>,
    intake: Intake,
    ledger: Arc<Ledger>,
    records: Arc<dyn Records>,
    remover: Arc<dyn Remover>,
    tokens: Tokens,
    large: LargeStore,
    workers: Workers,
    sequencer: Arc<Sequencer>,
    counters: Arc<Counters>,
    /// What the newest entry about the state files says.
    recorded: Mutex<StateFiles>,
    /// Held for reading while a record is appended, until it is known what came of it, and for writing while a person is erased
    /// or records expire. Whoever holds it does not depend on a caller who may go away.
    making: Arc<tokio::sync::RwLock<()>>,
    /// Grows with every erasure: a record that was prepared before may name a person who is no longer there.
    erasures: AtomicU64,
    /// What is to go and is not gone yet.
    due: Mutex<Due>,
    /// Held by the one who removes it.
    removing: Mutex<()>,
    /// The holds that stand.
    holds: Mutex<Holds>,
    /// Grows when they change.
    holds_version: AtomicU64,
    /// Where the statements of persons are.
    notes: Mutex<note::NoteIndex>,
    /// When refusals were last put on the record, in microseconds.
    refusals_recorded: AtomicI64,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Service({})", self.verifier.name())
    }
}

impl Service {
    /// Opens the service, and puts on the record what happened since the last time: a cut tail, changed state files, and
    /// the start itself. Blocks.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] or [`Refusal::Corrupt`], naming the file; whatever keeps the ledger from appending.
    pub fn open(parts: Parts) -> Result<Arc<Self>, Refusal> {
        let Parts { dir, keys, vault, ledger, records, remover, recovery, sent_bytes_max, started_as } = parts;
        let policy = Policy::open(&dir)?;
        let tokens = Tokens::open(&dir)?;
        let service = Service {
            intake: Intake::new(
                policy,
                vault.clone(),
                records.clone(),
                sent_bytes_max.min(limit::SENT_BYTES_MAX),
                keys.kek(),
            ),
            verifier: keys.verifier().clone(),
            vault,
            ledger,
            records,
            remover,
            tokens,
            large: LargeStore::open(&dir)?,
            workers: Workers::default(),
            sequencer: Arc::default(),
            counters: Arc::default(),
            recorded: Mutex::default(),
            making: Arc::default(),
            erasures: AtomicU64::new(0),
            due: Mutex::default(),
            removing: Mutex::default(),
            holds: Mutex::default(),
            holds_version: AtomicU64::new(0),
            notes: Mutex::default(),
            refusals_recorded: AtomicI64::new(0),
            dir,
        };
        service.read_removals()?;
        service.record_opening(&recovery, started_as)?;
        service.mark_vault()?;
        Ok(Arc::new(service))
    }

    /// The vault.
    pub fn vault(&self) -> &Arc<Vault> {
        &self.vault
    }

    /// The public key of the log, with its name: it tells this ledger from any other.
    pub fn public_key(&self) -> String {
        self.verifier.to_text()
    }

    /// The ledger.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// The rules in effect, as they were when the service was opened.
    pub fn policy(&self) -> &Policy {
        &self.intake.policy
    }

    /// Bytes that a record may have as it is sent.
    pub fn sent_bytes_max(&self) -> usize {
        self.intake.sent_bytes_max()
    }

    /// What was accepted and refused since the start.
    pub fn counts(&self) -> Counts {
        self.counters.counts()
    }

    /// Who holds the API token that came with a request; `None`, which is counted, when there came none or it is
    /// unknown, expired or revoked.
    ///
    /// # Errors
    /// The token file cannot be read: then nobody is let in.
    pub fn authenticate(&self, token: Option<&str>) -> Result<Option<Actor>, Refusal> {
        let found = token.map_or(Ok(None), |token| self.tokens.authenticate(token)).map_err(Refusal::from);
        if let Ok(None) = found {
            self.refused(Reason::Unauthorized);
        }
        self.counted(found)
    }

    /// Refuses, and counts it, when `actor` lacks `role`. Every call here asks it for itself; interfaces ask it before
    /// they read what was sent, and where they answer by themselves.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub fn must(&self, actor: &Actor, role: Role) -> Result<(), Refusal> {
        self.counted(if actor.may(role) { Ok(()) } else { Err(Refusal::Forbidden(role)) })
    }

    /// Puts what is left on the record and closes the vault. The ledger is the caller's to close afterwards. Blocks.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`]. The vault is closed in any case.
    pub fn close(&self) -> Result<(), Refusal> {
        let recorded = self.record_refusals();
        self.vault.close()?;
        recorded
    }

    /// Counts what an interface refused by itself, before anything reached the service.
    pub fn refused(&self, reason: Reason) {
        self.counters.refuse(reason);
    }

    /// Does the work of a call, if `actor` has `role`, and counts what is refused on its way out: the one way into every
    /// call that takes an actor. Once, so that no call within another counts it too.
    async fn authorised<T>(
        &self,
        actor: &Actor,
        role: Role,
        work: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        self.must(actor, role)?;
        self.counted(work.await)
    }

    /// The same for work that blocks.
    fn authorised_blocking<T>(
        &self,
        actor: &Actor,
        role: Role,
        work: impl FnOnce() -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.must(actor, role)?;
        self.counted(work())
    }

    // Each change under these locks is complete or not begun.
    fn due(&self) -> MutexGuard<'_, Due> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holds(&self) -> MutexGuard<'_, Holds> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counted<T>(&self, result: Result<T, Refusal>) -> Result<T, Refusal> {
        result.inspect_err(|refusal| self.refused(refusal.reason()))
    }
}

/// Runs what blocks where it may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Refusal> + Send + 'static) -> Result<T, Refusal> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.unwrap_or_else(|_| {
        Err(Refusal::Unavailable("an internal error stopped the work, or it is shutting down".to_owned()))
    })
}

//! The wiring: a data directory opened, its ledger, lake, queries and service put together, and closed again in the
//! order that keeps everything acknowledged.

use crate::concurrency::ConcurrencyLimits;
use crate::config::Config;
use crate::directory::{self, Made};
use crate::maintenance::Maintenance;
use crate::sealing::Sealing;
use crate::settings::Settings;
use crate::storage::{LakeRecords, LakeRemover, VaultIdentity};
use anyhow::{Result, bail};
use onrecord_lake::Lake;
use onrecord_ledger::{Ledger, OsDisk};
use onrecord_query::{Engine, Identity};
use onrecord_service::{Parts, Policy, Service, Vault};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What a directory is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// One command: nothing runs in the background but what the command cannot do without.
    Command,
    /// A command that writes much.
    Bulk,
    /// A server.
    Serve,
}

/// An open data directory.
pub(crate) struct Node {
    directory: PathBuf,
    pub(crate) config: Config,
    pub(crate) service: Arc<Service>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) lake: Arc<Lake>,
    pub(crate) engine: Engine,
    pub(crate) limits: ConcurrencyLimits,
    pub(crate) sealing: Arc<Sealing>,
    /// Held while a private answer is made: what is left of a budget is known only then.
    pub(crate) releasing: tokio::sync::Mutex<()>,
    /// Of a server, until it is closed.
    maintenance: Mutex<Option<Maintenance>>,
}

/// How a node is, for health checks and metrics.
pub(crate) struct State {
    pub(crate) tree_size: u64,
    pub(crate) sealed_size: u64,
    pub(crate) segments: usize,
    pub(crate) unsealed_files: usize,
    pub(crate) writable: bool,
}

impl Node {
    /// Makes a data directory, and opens it once: that puts its policy, tokens and keys on the record.
    pub(crate) async fn init(directory: &Path, origin: Option<&str>) -> Result<Made> {
        let made = directory::make(directory, origin)?;
        Self::open(directory, Purpose::Command).await?.close().await?;
        Ok(made)
    }

    /// Opens `directory`.
    pub(crate) async fn open(directory: &Path, purpose: Purpose) -> Result<Arc<Self>> {
        let directory = directory.to_owned();
        tokio::task::spawn_blocking(move || Self::open_blocking(directory, purpose)).await?
    }

    fn open_blocking(directory: PathBuf, purpose: Purpose) -> Result<Arc<Self>> {
        let config = Config::from_environment()?;
        let keys = directory::keys(&directory)?;
        let lake = Lake::open_with(&directory, &Policy::open(&directory)?.identifiers)?;
        let signer = directory::signer(&keys)?;
        let settings = onrecord_ledger::Config::default();
        let (ledger, recovery) = Ledger::open(&directory, signer, settings, Arc::new(OsDisk), lake.clone())?;
        let (in_segments, given_away) = (lake.sealed_end(), ledger.status().sealed);
        if in_segments < given_away {
            let segments = directory.join(onrecord_lake::SEGMENTS);
            bail!("{}: leaves {in_segments} to {given_away} are in no segment; restore the file", segments.display());
        }
        let ledger = Arc::new(ledger);
        let vault = Arc::new(Vault::open(&directory, keys.kek())?);
        let sealing = Sealing::new(lake.clone(), ledger.clone());
        let service = Service::open(Parts {
            dir: directory.clone(),
            keys,
            vault,
            ledger: ledger.clone(),
            records: Arc::new(LakeRecords(lake.clone())),
            remover: Arc::new(LakeRemover { lake: lake.clone(), sealing: sealing.clone() }),
            recovery,
            sent_bytes_max: config.sent_bytes_max,
            started_as: (purpose == Purpose::Serve).then_some("serve"),
        })?;
        // Not before it is known which leaves may have no record: compaction takes any other gap for damage.
        if purpose != Purpose::Command || ledger.sealable().len() > 1 {
            sealing.start()?;
        }
        let engine = Engine::new(0, config.column_memory_bytes)?;
        let is_server = purpose == Purpose::Serve;
        let maintenance = is_server.then(|| Maintenance::start(service.clone(), ledger.clone())).transpose()?;
        Ok(Arc::new(Self {
            directory,
            config,
            service,
            ledger,
            lake,
            engine,
            limits: ConcurrencyLimits::default(),
            sealing,
            releasing: tokio::sync::Mutex::default(),
            maintenance: Mutex::new(maintenance),
        }))
    }

    /// The settings of the deployment, as they are now.
    pub(crate) fn settings(&self) -> Result<Settings> {
        Settings::read(&self.directory)
    }

    /// The data directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Who is behind the subject tokens, for callers with the role `reveal`.
    pub(crate) fn identity(&self) -> Arc<dyn Identity> {
        Arc::new(VaultIdentity(self.service.vault().clone()))
    }

    pub(crate) fn state(&self) -> State {
        let status = self.ledger.status();
        State {
            tree_size: status.size.0,
            sealed_size: self.lake.sealed_end().0,
            segments: self.lake.segments().len(),
            unsealed_files: status.unsealed_files,
            writable: status.poisoned.is_none() && self.sealing.trouble().is_none(),
        }
    }

    /// Closes everything, in order: nothing new, what waits is finished, the vault and the ledger last.
    pub(crate) async fn close(self: Arc<Self>) -> Result<()> {
        tokio::task::spawn_blocking(move || {
            let maintenance = self.maintenance.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(maintenance) = maintenance {
                maintenance.stop();
            }
            self.sealing.close();
            let closed = self.service.close();
            self.ledger.close();
            Ok(closed?)
        })
        .await?
    }
}

//! The wiring: a data directory opened, its ledger, lake, queries and service put together, and closed again in the
//! order that keeps everything acknowledged.

use crate::http::place::Places;
use crate::metrics;
use crate::storage::{LakeRecords, VaultIdentity};
use anyhow::{Context, Result, bail};
use onrecord_evidence::Signer;
use onrecord_lake::{Lake, Sealer};
use onrecord_ledger::{Config, Ledger, OsDisk};
use onrecord_query::{Engine, Identity};
use onrecord_record::limit;
use onrecord_service::{Initial, Kek, Keys, Parts, Policy, Service, Vault};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Where a key-encryption key is read from that is kept outside the directory.
const KEK_FILE_VARIABLE: &str = "ONRECORD_KEK_FILE";
/// Memory that sorting, grouping and joining of one query may take, in MB. The default is enough to sort a million
/// decisions by a column with a document beside each.
const QUERY_MEMORY: (&str, usize) = ("ONRECORD_QUERY_MEMORY_MB", 1024);
/// Memory for decoded columns, in MB. Reports by day read some 30 bytes a decision: the default is enough for eight
/// million.
const COLUMN_MEMORY: (&str, usize) = ("ONRECORD_COLUMN_MEMORY_MB", 256);
/// Size of one record as it is sent, in MB; at most 64. Its texts over 64 KiB are kept apart from it.
const RECORD_SIZE: (&str, usize) = ("ONRECORD_RECORD_MB", limit::SENT_BYTES_DEFAULT >> 20);
/// How often refusals and changed files are looked for.
const TICK: Duration = Duration::from_secs(5);
/// After this long, what is in the write-ahead file is sealed even if the file is not full.
const SEAL_AFTER: Duration = Duration::from_secs(600);
/// How long a seal that was asked for may take.
const SEAL_TIMEOUT: Duration = Duration::from_secs(600);

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
    pub(crate) service: Arc<Service>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) lake: Arc<Lake>,
    pub(crate) engine: Engine,
    pub(crate) places: Places,
    /// What one query may take.
    pub(crate) query_memory_bytes: usize,
    sealer: Mutex<Option<Sealer>>,
    /// Whether a [`SealingPaused`] lives.
    paused: AtomicBool,
    closed: AtomicBool,
    keeper: Keeper,
}

/// While this lives, nothing is sealed and no segment is replaced.
pub(crate) struct SealingPaused {
    node: Arc<Node>,
    was_sealing: bool,
}

impl Drop for SealingPaused {
    fn drop(&mut self) {
        if self.was_sealing && !self.node.closed.load(Ordering::Acquire) {
            match Sealer::start(self.node.lake.clone(), self.node.ledger.clone()) {
                Ok(sealer) => *self.node.sealer() = Some(sealer),
                Err(error) => tracing::error!(%error, "sealing cannot be started again; restart the server"),
            }
        }
        self.node.paused.store(false, Ordering::Release);
    }
}

/// The thread that keeps house: it stops when told.
#[derive(Default)]
struct Keeper {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

/// How a node is, for health checks and metrics.
pub(crate) struct State {
    pub(crate) tree_size: u64,
    pub(crate) sealed_size: u64,
    pub(crate) segments: usize,
    pub(crate) unsealed_files: usize,
    pub(crate) writable: bool,
}

/// What `init` made.
pub(crate) struct Made {
    pub(crate) origin: String,
    pub(crate) public_key: String,
    pub(crate) admin_token: String,
}

/// The socket of whoever serves `directory`.
pub(crate) fn socket_path(directory: &Path) -> PathBuf {
    directory.join("server.sock")
}

/// Whether a living server has `directory` open.
pub(crate) fn is_served(directory: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(socket_path(directory)).is_ok()
}

/// Makes a data directory at `directory`, which must not hold one, and puts its policy, tokens and keys on the record.
pub(crate) async fn init(directory: &Path, origin: Option<&str>) -> Result<Made> {
    let is_empty = std::fs::read_dir(directory).map_or(true, |mut entries| entries.next().is_none());
    if !is_empty {
        bail!("{} is not empty: choose another directory with --data, or remove it", directory.display());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let origin = match origin {
        Some(origin) => origin.to_owned(),
        None => format!("onrecord.local/{:08x}", uuid::Uuid::now_v7().as_u128() as u32),
    };
    let Initial { keys, admin_token } = onrecord_service::init(directory, &origin, external_kek()?)?;
    Ledger::create(directory, &signer(&keys)?, &OsDisk)?;
    let node = Node::open(directory, Purpose::Command).await?;
    node.close().await?;
    Ok(Made { origin, public_key: keys.verifier().to_text(), admin_token })
}

fn signer(keys: &Keys) -> Result<Signer> {
    keys.ledger_signer().context("the signing key cannot be used")
}

fn external_kek() -> Result<Option<Kek>> {
    let path = std::env::var_os(KEK_FILE_VARIABLE);
    Ok(path.map(|path| Kek::read(Path::new(&path))).transpose()?)
}

/// A setting of memory, in bytes: a variable of the environment, or the default beside its name.
fn memory_bytes((variable, default_mb): (&str, usize)) -> Result<usize> {
    let Some(text) = std::env::var_os(variable) else { return Ok(default_mb << 20) };
    let megabytes: Option<usize> = text.to_str().and_then(|text| text.parse().ok()).filter(|mb| *mb > 0);
    let bytes = megabytes.and_then(|megabytes| megabytes.checked_mul(1 << 20));
    bytes.with_context(|| format!("{variable} must be a whole number of megabytes, such as 512"))
}

/// Says what to do when `directory` is none.
pub(crate) fn must_be_data_directory(directory: &Path) -> Result<()> {
    if directory.join("keys").is_dir() {
        return Ok(());
    }
    bail!("{0} is not a data directory; `onrecord --data {0} init` makes one", directory.display())
}

/// The keys of `directory`, with the key-encryption key from where it is kept.
pub(crate) fn keys(directory: &Path) -> Result<Keys> {
    must_be_data_directory(directory)?;
    Ok(Keys::open(directory, external_kek()?)?)
}

impl Node {
    /// Opens `directory`.
    pub(crate) async fn open(directory: &Path, purpose: Purpose) -> Result<Arc<Self>> {
        let directory = directory.to_owned();
        tokio::task::spawn_blocking(move || Self::open_blocking(directory, purpose)).await?
    }

    fn open_blocking(directory: PathBuf, purpose: Purpose) -> Result<Arc<Self>> {
        metrics::start();
        let query_memory_bytes = memory_bytes(QUERY_MEMORY)?;
        let column_memory_bytes = memory_bytes(COLUMN_MEMORY)?;
        let sent_bytes_max = memory_bytes(RECORD_SIZE)?;
        if sent_bytes_max > limit::SENT_BYTES_MAX {
            bail!("{} must be at most {}", RECORD_SIZE.0, limit::SENT_BYTES_MAX >> 20);
        }
        let keys = keys(&directory)?;
        let lake = Lake::open_with(&directory, &Policy::open(&directory)?.identifiers)?;
        let (ledger, recovery) =
            Ledger::open(&directory, signer(&keys)?, Config::default(), Arc::new(OsDisk), lake.clone())?;
        let (in_segments, given_away) = (lake.sealed_end(), ledger.status().sealed.0);
        if in_segments < given_away {
            let segments = directory.join(onrecord_lake::SEGMENTS);
            bail!("{}: leaves {in_segments} to {given_away} are in no segment; restore the file", segments.display());
        }
        let ledger = Arc::new(ledger);
        let vault = Arc::new(Vault::open(&directory, keys.kek())?);
        let in_background = purpose != Purpose::Command || ledger.sealable().len() > 1;
        let sealer = in_background.then(|| Sealer::start(lake.clone(), ledger.clone())).transpose()?;
        let service = Service::open(Parts {
            dir: directory.clone(),
            keys,
            vault,
            ledger: ledger.clone(),
            records: Arc::new(LakeRecords(lake.clone())),
            recovery,
            sent_bytes_max,
            started_as: (purpose == Purpose::Serve).then_some("serve"),
        })?;
        let engine = Engine::new(0, column_memory_bytes)?;
        let keeper = Keeper::default();
        if purpose == Purpose::Serve {
            keeper.start(service.clone(), ledger.clone())?;
        }
        Ok(Arc::new(Self {
            directory,
            service,
            ledger,
            lake,
            engine,
            places: Places::default(),
            query_memory_bytes,
            sealer: Mutex::new(sealer),
            paused: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            keeper,
        }))
    }

    /// The data directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Who may be shown in plain to those entitled.
    pub(crate) fn identity(&self) -> Arc<dyn Identity> {
        Arc::new(VaultIdentity(self.service.vault().clone()))
    }

    pub(crate) fn state(&self) -> State {
        let status = self.ledger.status();
        State {
            tree_size: status.size.0,
            sealed_size: self.lake.sealed_end(),
            segments: self.lake.segments().len(),
            unsealed_files: status.unsealed_files,
            writable: status.poisoned.is_none() && self.sealer().as_ref().and_then(Sealer::trouble).is_none(),
        }
    }

    /// Seals everything that is on the record now into segments, and waits until that is done. Blocks.
    pub(crate) fn seal(&self) -> Result<()> {
        if self.paused.load(Ordering::Acquire) {
            bail!("a verification is under way, and nothing is sealed meanwhile; ask again when it is done");
        }
        let end = self.ledger.size().0;
        self.ledger.rotate()?;
        {
            let mut sealer = self.sealer();
            if sealer.is_none() {
                *sealer = Some(Sealer::start(self.lake.clone(), self.ledger.clone())?);
            }
        }
        let started = Instant::now();
        while self.ledger.status().sealed.0 < end {
            if let Some(trouble) = self.sealer().as_ref().and_then(Sealer::trouble) {
                bail!("sealing does not go on: {trouble}");
            }
            if started.elapsed() > SEAL_TIMEOUT {
                bail!("sealing was not done after {SEAL_TIMEOUT:?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Stops sealing and compaction, so that no segment is replaced while the answer lives; `None` when that is so already.
    pub(crate) fn pause_sealing(self: &Arc<Self>) -> Option<SealingPaused> {
        if self.paused.swap(true, Ordering::AcqRel) {
            return None;
        }
        let paused = SealingPaused { node: self.clone(), was_sealing: self.stop_sealer() };
        Some(paused)
    }

    fn stop_sealer(&self) -> bool {
        let sealer = self.sealer().take();
        sealer.map(Sealer::stop).is_some()
    }

    /// Closes everything, in order: nothing new, what waits is finished, the vault and the ledger last.
    pub(crate) async fn close(self: Arc<Self>) -> Result<()> {
        tokio::task::spawn_blocking(move || {
            self.keeper.stop();
            self.closed.store(true, Ordering::Release);
            self.stop_sealer();
            let closed = self.service.close();
            self.ledger.close();
            Ok(closed?)
        })
        .await?
    }

    fn sealer(&self) -> MutexGuard<'_, Option<Sealer>> {
        self.sealer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper {
    fn start(&self, service: Arc<Service>, ledger: Arc<Ledger>) -> Result<()> {
        let stop = self.stop.clone();
        let keep = move || {
            let mut rotated = Instant::now();
            while !wait(&stop, TICK) {
                if let Err(error) = service.tick() {
                    tracing::warn!(%error, "housekeeping is put off");
                }
                if rotated.elapsed() > SEAL_AFTER {
                    rotated = Instant::now();
                    if let Err(error) = ledger.rotate() {
                        tracing::warn!(%error, "the write-ahead file cannot be closed yet");
                    }
                }
            }
        };
        let thread = std::thread::Builder::new().name("keeper".to_owned()).spawn(keep)?;
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    fn stop(&self) {
        *self.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.1.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the housekeeping thread met a defect");
        }
    }
}

/// Waits `at_most`, or until told to stop; says which.
fn wait(stop: &(Mutex<bool>, Condvar), at_most: Duration) -> bool {
    let stopped = stop.0.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = stop.1.wait_timeout_while(stopped, at_most, |stopped| !*stopped);
    *waited.unwrap_or_else(PoisonError::into_inner).0
}

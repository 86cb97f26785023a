//! The vault: who is behind a subject token, and the secret that the subject's tokens and ciphertexts depend on.
//!
//! Job: map a user id to its [`SubjectToken`] and back, and hand out the subject's keys. One embedded database,
//! `vault.redb`, changed in transactions.
//!
//! Invariants: no user id is in any byte of the file; names are looked up by keyed hash, and all else is encrypted under
//! keys that derive from the key-encryption key. A subject is durable before the first record that names it is
//! appended: `Vault::flush` commits all that wait in one transaction. Memory is bounded by the number of cached
//! subjects, not by the number of users.
//!
//! Left to others: what a token is made of (`protect`), who may see a user id (`service`).
//!
//! Files: `vault.redb`, and `vault.sum`, the SHA-256 of `vault.redb` after a clean close. `vault.sum` is removed before
//! the database is opened for writing, so that it is either right or absent; where it is absent on opening, the database
//! checks every page instead.

mod cache;
#[cfg(test)]
mod fault;
mod scrub;
mod store;
mod subject;
mod sum;
mod verify;

pub use subject::SubjectToken;
pub(crate) use subject::{FieldKeys, Subject};
pub use verify::{Examined, verify};

use crate::cipher::Mac;
use crate::{Error, Kek};
use cache::Cache;
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use store::{Mark, Store};
use zeroize::Zeroizing;

/// The database's name in the data directory.
pub const FILE: &str = "vault.redb";
/// The name of the file that holds the database's SHA-256 after a clean close.
pub const SUM_FILE: &str = "vault.sum";

/// Bytes of a user's key: among a billion users, two have the same one with a chance of 1 in 10¹¹, and then the second is
/// refused.
const INDEX_BYTES: usize = 12;

/// Subjects held in memory, about 500 bytes each.
const CACHED_SUBJECTS_MAX: usize = 131_072;

/// User ids held in memory for who may see them, about 100 bytes each.
const CACHED_NAMES_MAX: usize = 131_072;

/// Names of subjects that wait are looked through for forgotten ones from this number on.
const SWEEP_FROM: usize = 4096;

/// The keys that derive from the key-encryption key and open the vault.
#[derive(Clone, Debug)]
struct Root {
    /// Sequencer a user id into the key of its row.
    index: Mac,
    /// Sequencer a subject's secret into the subject's keys.
    subject: Mac,
    /// Encrypts rows.
    row: crate::cipher::Aead256,
    /// Says whether a database belongs to this key-encryption key.
    check: [u8; 32],
    /// Keys of what belongs to no subject.
    tenant: Arc<FieldKeys>,
}

impl Root {
    fn new(kek: &Kek) -> Self {
        let mac = kek.mac();
        Root {
            index: Mac::new(&mac.derive("vault index", b"")),
            subject: Mac::new(&mac.derive("vault subject", b"")),
            row: crate::cipher::Aead256::new(&mac.derive("vault row", b"")),
            check: *mac.derive("vault check", b""),
            tenant: Arc::new(FieldKeys::new(&mac.derive("tenant", b""))),
        }
    }

    fn index_of(&self, user_id: &str) -> [u8; INDEX_BYTES] {
        let tag = self.index.tag(&[user_id.as_bytes()]);
        let mut index = [0; INDEX_BYTES];
        index.copy_from_slice(&tag[..INDEX_BYTES]);
        index
    }
}

/// The opened vault. Share it freely between threads.
pub struct Vault {
    root: Root,
    store: Store,
    cache: Cache<Box<str>, Arc<Subject>>,
    /// The user ids behind tokens that were asked for.
    names: Cache<SubjectToken, Arc<Zeroizing<String>>>,
    /// Subjects that records in preparation use and that are not durable yet. Weak: a batch that is refused leaves none.
    pending: Mutex<HashMap<Box<str>, Weak<Subject>>>,
    /// Grows with every flush, so that a reader knows whether what it read may be outdated.
    flushes: AtomicU64,
    /// Grows with every subject that is erased: what was read before is not put into a cache afterwards.
    erasures: AtomicU64,
    /// Held by the thread that writes.
    writer: Mutex<()>,
}

/// Shows no map: their keys are user ids.
impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({:?}, {} pending)", self.store, self.pending().len())
    }
}

impl Vault {
    /// Makes an empty vault in `dir`.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Io`].
    pub fn create(dir: &Path, kek: &Kek) -> Result<Self, Error> {
        let root = Root::new(kek);
        let store = Store::create(dir, &root.check)?;
        Ok(Vault::of(root, store))
    }

    /// Opens the vault in `dir`.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::InUse`], [`Error::WrongKey`], [`Error::Corrupt`], [`Error::Io`].
    pub fn open(dir: &Path, kek: &Kek) -> Result<Self, Error> {
        let root = Root::new(kek);
        let store = Store::open(dir, &root.check)?;
        Ok(Vault::of(root, store))
    }

    fn of(root: Root, store: Store) -> Self {
        Vault {
            root,
            store,
            cache: Cache::new(CACHED_SUBJECTS_MAX),
            names: Cache::new(CACHED_NAMES_MAX),
            pending: Mutex::default(),
            flushes: AtomicU64::new(0),
            erasures: AtomicU64::new(0),
            writer: Mutex::default(),
        }
    }

    /// The token of a user, made and stored durably if the user is new.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Corrupt`].
    pub fn subject_of(&self, user_id: &str) -> Result<SubjectToken, Error> {
        let subject = self.subject(user_id)?;
        self.flush(std::slice::from_ref(&subject))?;
        Ok(subject.token)
    }

    /// The token of a user, if the user is known. Makes nothing: for queries.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Corrupt`].
    pub fn find(&self, user_id: &str) -> Result<Option<SubjectToken>, Error> {
        if let Some(subject) = self.cache.get(user_id) {
            return Ok(Some(subject.token));
        }
        Ok(self.load(user_id)?.map(|subject| subject.token))
    }

    /// The user behind a token, if there is one. The text is wiped when dropped.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Corrupt`].
    pub fn user_of(&self, token: SubjectToken) -> Result<Option<Arc<Zeroizing<String>>>, Error> {
        Ok(self.users_of(&[token])?.pop().flatten())
    }

    /// The user behind each of these tokens, in their order.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Corrupt`].
    pub fn users_of(&self, tokens: &[SubjectToken]) -> Result<Vec<Option<Arc<Zeroizing<String>>>>, Error> {
        let mut users: Vec<_> = tokens.iter().map(|token| self.names.get(token)).collect();
        let unknown = |user: &Option<Arc<Zeroizing<String>>>| user.is_none();
        let asked: Vec<SubjectToken> =
            tokens.iter().zip(&users).filter(|(_, user)| unknown(user)).map(|(token, _)| *token).collect();
        if asked.is_empty() {
            return Ok(users);
        }
        let erasures = self.erasures.load(Ordering::Acquire);
        let rows = asked.iter().zip(self.store.rows(&self.root.row, &asked)?);
        for ((token, row), user) in rows.zip(users.iter_mut().filter(|user| unknown(user))) {
            let Some(row) = row else { continue };
            let name = Arc::new(row.user_id);
            self.names.insert(*token, Arc::clone(&name));
            if self.erasures.load(Ordering::Acquire) != erasures {
                self.names.remove(token);
            }
            *user = Some(name);
        }
        Ok(users)
    }

    /// Erases a subject: its key, its user id and what leads to it are gone, durably, when this returns. Returns whether it was
    /// there. What still uses the subject's keys goes on with them; whoever erases lets no record be made meanwhile.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Corrupt`]. The subject may be gone then, or not.
    pub fn erase(&self, token: SubjectToken) -> Result<bool, Error> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(row) = self.store.row(&self.root.row, token)? else { return Ok(false) };
        let removed = self.store.remove(&self.root.index_of(&row.user_id), token)?;
        self.erasures.fetch_add(1, Ordering::AcqRel);
        self.cache.remove(row.user_id.as_str());
        self.names.remove(&token);
        Ok(removed)
    }

    /// Writes the database anew, so that it has no byte of subjects that were erased.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Corrupt`]. The database is as it was.
    pub fn rewrite(&self) -> Result<(), Error> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.store.rewrite()
    }

    /// The number of entries of the ledger before which every erasure was carried out here. Of a vault that comes from an
    /// older backup it is that of the backup.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Corrupt`].
    pub fn erased(&self) -> Result<u64, Error> {
        self.store.mark(Mark::Erased)
    }

    /// Says before which number of entries every erasure was carried out.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn set_erased(&self, entries: u64) -> Result<(), Error> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.store.set_mark(Mark::Erased, entries)
    }

    /// The number of entries of the ledger before which all that was to go was removed from every file.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Corrupt`].
    pub fn rewritten(&self) -> Result<u64, Error> {
        self.store.mark(Mark::Rewritten)
    }

    /// Says before which number of entries that is so.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn set_rewritten(&self, entries: u64) -> Result<(), Error> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.store.set_mark(Mark::Rewritten, entries)
    }

    /// Closes the database and writes its sum. Afterwards every call fails. Dropping does the same, but tells nobody
    /// when it fails.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn close(&self) -> Result<(), Error> {
        self.cache.clear();
        self.names.clear();
        self.store.close()
    }

    /// The keys of a subject by its token.
    pub(crate) fn keys_of(&self, token: SubjectToken) -> Result<Option<FieldKeys>, Error> {
        let row = self.store.row(&self.root.row, token)?;
        Ok(row.map(|row| FieldKeys::derive(&self.root.subject, &row.secret)))
    }

    /// The keys of what belongs to no subject.
    pub(crate) fn tenant(&self) -> &Arc<FieldKeys> {
        &self.root.tenant
    }

    /// The subject of a user, made if new. A new one is durable only after [`Vault::flush`].
    pub(crate) fn subject(&self, user_id: &str) -> Result<Arc<Subject>, Error> {
        if let Some(subject) = self.cache.get(user_id) {
            return Ok(subject);
        }
        let flushes = self.flushes.load(Ordering::Acquire);
        if let Some(subject) = self.load(user_id)? {
            return Ok(subject);
        }
        let mut pending = self.pending();
        if let Some(subject) = pending.get(user_id).and_then(Weak::upgrade) {
            return Ok(subject);
        }
        // A flush between the reading and the locking may have stored this very user.
        if self.flushes.load(Ordering::Acquire) != flushes
            && let Some(subject) = self.load(user_id)?
        {
            return Ok(subject);
        }
        let subject =
            Arc::new(Subject::generate(&self.root.subject).map_err(Error::io("make a secret for", Path::new(FILE)))?);
        // Batches that were refused leave names behind; a flush clears them away, but there may be none for long.
        if pending.len() >= SWEEP_FROM && pending.len().is_power_of_two() {
            pending.retain(|_, subject| subject.strong_count() > 0);
        }
        pending.insert(user_id.into(), Arc::downgrade(&subject));
        Ok(subject)
    }

    /// Makes subjects durable: all that wait, of every caller, in one transaction. Returns at once when all of
    /// `subjects` are durable already.
    ///
    /// # Errors
    /// [`Error::Io`] with nothing stored; the subjects still wait and the next flush stores them.
    pub(crate) fn flush(&self, subjects: &[Arc<Subject>]) -> Result<(), Error> {
        let waits = || subjects.iter().any(|subject| !subject.is_durable());
        if !waits() {
            return Ok(());
        }
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // While this caller waited for its turn, the one before may have stored its subjects too.
        if !waits() {
            return Ok(());
        }
        let mut batch: Vec<([u8; INDEX_BYTES], Box<str>, Arc<Subject>)> = {
            let mut pending = self.pending();
            pending.retain(|_, subject| subject.strong_count() > 0);
            pending
                .iter()
                .filter_map(|(user_id, subject)| {
                    Some((self.root.index_of(user_id), user_id.clone(), subject.upgrade()?))
                })
                .collect()
        };
        batch.sort_unstable_by_key(|(index, ..)| *index);
        self.store.insert(&self.root.row, &batch)?;
        // Marked under the lock: whoever finds a subject gone from `pending` must find it in the database.
        let mut pending = self.pending();
        self.flushes.fetch_add(1, Ordering::AcqRel);
        for (_, user_id, subject) in batch {
            subject.set_durable();
            pending.remove(&user_id);
            self.cache.insert(user_id, subject);
        }
        Ok(())
    }

    fn load(&self, user_id: &str) -> Result<Option<Arc<Subject>>, Error> {
        let erasures = self.erasures.load(Ordering::Acquire);
        let Some((token, row)) = self.store.user(&self.root.row, self.root.index_of(user_id))? else { return Ok(None) };
        let Some(row) = row.filter(|row| *row.user_id == user_id) else {
            return Err(self.store.corrupt("a user leads to a subject of another user, or to none"));
        };
        let subject = Arc::new(Subject::stored(token, FieldKeys::derive(&self.root.subject, &row.secret)));
        self.cache.insert(user_id.into(), Arc::clone(&subject));
        if self.erasures.load(Ordering::Acquire) != erasures {
            self.cache.remove(user_id);
        }
        Ok(Some(subject))
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<Box<str>, Weak<Subject>>> {
        // Every change of the map is one call, so a panic elsewhere cannot leave it half changed.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

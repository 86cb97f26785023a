//! The vault's tables in redb, and their rows.
//!
//! | table      | key                               | value                                                   |
//! |------------|-----------------------------------|---------------------------------------------------------|
//! | `users`    | 12 bytes of HMAC(user id)         | the 12 bytes of the subject token                       |
//! | `subjects` | the subject token                 | AES-256-GCM-SIV of secret ‖ length ‖ user id ‖ padding, the token being its nonce |
//! | `meta`     | `version`, `check`, marks         | 2; a keyed hash that the right key-encryption key gives; 8 bytes for each [`Mark`] |
//!
//! Tokens ascend, so that new rows go to the end of `subjects`, and only the small rows of `users` are spread over their
//! table. What is encrypted is padded to a multiple of 32 bytes, so that its length says little. After a failed write
//! the database is closed and opened again before the next one, because redb refuses work after an I/O error.

use super::subject::TOKEN_BYTES;
use super::{FILE, INDEX_BYTES, Subject, SubjectToken, scrub, sum};
use crate::cipher::{Aead256, NONCE_BYTES};
use crate::{Error, file};
use redb::{Builder, Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use zeroize::Zeroizing;

pub(super) const USERS: TableDefinition<&[u8; INDEX_BYTES], &[u8; TOKEN_BYTES]> = TableDefinition::new("users");
pub(super) const SUBJECTS: TableDefinition<&[u8; TOKEN_BYTES], &[u8]> = TableDefinition::new("subjects");
pub(super) const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");

const VERSION: &[u8] = &[2];
/// The name of the file into which the live rows are copied.
const REWRITTEN: &str = "vault.redb.tmp";
/// A mark in `meta`: how much of the ledger was heeded here.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    /// Every erasure before so many entries was carried out in this vault.
    Erased,
    /// And all that was to go by what is on the record was removed from every file.
    Rewritten,
}

impl Mark {
    fn name(self) -> &'static str {
        match self {
            Self::Erased => "erased",
            Self::Rewritten => "rewritten",
        }
    }
}
const PADDED_TO: usize = 32;

/// New subjects from which on it is worth it.
const COMPACT_FROM: u64 = 4096;

/// Pages that redb may hold in memory, in bytes. Rows are small and subjects are cached above.
const PAGE_CACHE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// One decrypted row.
pub(super) struct Row {
    pub(super) secret: Zeroizing<[u8; 16]>,
    pub(super) user_id: Zeroizing<String>,
}

#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
    state: RwLock<State>,
    /// Subjects added since this was opened.
    added: AtomicU64,
}

enum State {
    Open(Database),
    /// A write failed: open again before the next use.
    Failed,
    Closed,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            State::Open(_) => "Open",
            State::Failed => "Failed",
            State::Closed => "Closed",
        })
    }
}

impl Store {
    pub(super) fn create(dir: &Path, check: &[u8; 32]) -> Result<Self, Error> {
        let path = dir.join(FILE);
        let made = file::private(OpenOptions::new().create_new(true).read(true))
            .open(&path)
            .map_err(Error::io("make", &path))?;
        let database = builder()
            .create_with_backend(backend(made).map_err(|error| failure(&path, error.into()))?)
            .map_err(|error| failure(&path, error.into()))?;
        set_up(&database, check).map_err(|error| failure(&path, error))?;
        Ok(Store { dir: dir.to_owned(), state: RwLock::new(State::Open(database)), added: AtomicU64::new(0) })
    }

    pub(super) fn open(dir: &Path, check: &[u8; 32]) -> Result<Self, Error> {
        let path = dir.join(FILE);
        if !path.exists() {
            return Err(Error::Absent(path));
        }
        // What is left of a rewrite that did not come to its end.
        file::remove(&dir.join(REWRITTEN))?;
        let closed_cleanly = sum::check(dir)?;
        sum::remove(dir)?;
        let database = open_database(&path, !closed_cleanly)?;
        if let Err(refused) = check_meta(&database, &path, check) {
            // Opening touched the file: the sum of before would accuse a sound file.
            if closed_cleanly && database.close().is_ok() {
                sum::write(dir)?;
            }
            return Err(refused);
        }
        Ok(Store { dir: dir.to_owned(), state: RwLock::new(State::Open(database)), added: AtomicU64::new(0) })
    }

    pub(super) fn close(&self) -> Result<(), Error> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Closed) {
            State::Open(mut database) => {
                if let Err(error) = self.compact(&mut database) {
                    tracing::warn!(%error, "the vault keeps the space that it does not need");
                }
                database.close().map_err(|error| failure(&self.path(), error.into()))?;
                sum::write(&self.dir)
            }
            // The file was not closed cleanly: without a sum the next opening checks every page.
            State::Failed | State::Closed => Ok(()),
        }
    }

    /// Gives back the space that growing left free, if most of the database grew since it was opened: then that is soon
    /// done, and there is much of it.
    fn compact(&self, database: &mut Database) -> Result<(), redb::Error> {
        let added = self.added.load(Ordering::Relaxed);
        if added >= COMPACT_FROM && 2 * added > database.begin_read()?.open_table(SUBJECTS)?.len()? {
            database.compact()?;
        }
        Ok(())
    }

    pub(super) fn row(&self, aead: &Aead256, token: SubjectToken) -> Result<Option<Row>, Error> {
        Ok(self.rows(aead, &[token])?.pop().flatten())
    }

    /// The rows of these subjects, in their order, as of one moment.
    pub(super) fn rows(&self, aead: &Aead256, tokens: &[SubjectToken]) -> Result<Vec<Option<Row>>, Error> {
        let sealed = self.run(|database| {
            let subjects = database.begin_read()?.open_table(SUBJECTS)?;
            let row = |token: &SubjectToken| Ok(subjects.get(&token.0)?.map(|value| value.value().to_vec()));
            tokens.iter().map(row).collect::<Result<Vec<_>, _>>()
        })?;
        let rows = tokens.iter().zip(sealed);
        rows.map(|(token, sealed)| sealed.map(|sealed| self.open_row(aead, *token, &sealed)).transpose()).collect()
    }

    /// The token that the key of a user leads to, and the row that the token leads to.
    pub(super) fn user(
        &self,
        aead: &Aead256,
        index: [u8; INDEX_BYTES],
    ) -> Result<Option<(SubjectToken, Option<Row>)>, Error> {
        let found = self.run(|database| {
            let transaction = database.begin_read()?;
            let Some(token) = transaction.open_table(USERS)?.get(&index)?.map(|value| SubjectToken(*value.value()))
            else {
                return Ok(None);
            };
            let sealed = transaction.open_table(SUBJECTS)?.get(&token.0)?.map(|value| value.value().to_vec());
            Ok(Some((token, sealed)))
        })?;
        let Some((token, sealed)) = found else { return Ok(None) };
        let row = sealed.map(|sealed| self.open_row(aead, token, &sealed)).transpose()?;
        Ok(Some((token, row)))
    }

    fn open_row(&self, aead: &Aead256, token: SubjectToken, sealed: &[u8]) -> Result<Row, Error> {
        open_row(aead, token, sealed).ok_or_else(|| self.corrupt(UNREADABLE))
    }

    /// Stores subjects in one durable transaction; `batch` is (key in `users`, user id, subject).
    pub(super) fn insert(
        &self,
        aead: &Aead256,
        batch: &[([u8; INDEX_BYTES], Box<str>, Arc<Subject>)],
    ) -> Result<(), Error> {
        let rows = batch.iter().map(|(_, user_id, subject)| {
            let row = seal_row(aead, user_id, subject);
            Ok((subject.token.0, row.ok_or_else(|| Error::corrupt(&self.path(), "a user id is longer than any row"))?))
        });
        let rows = rows.collect::<Result<Vec<_>, Error>>()?;
        let stored = self.run(|database| {
            let transaction = database.begin_write()?;
            // A commit may have failed after it was durable: then the same rows come again.
            let mut is_free = true;
            {
                let mut users = transaction.open_table(USERS)?;
                for (index, _, subject) in batch {
                    let before = users.insert(index, &subject.token.0)?;
                    is_free &= before.is_none_or(|before| *before.value() == subject.token.0);
                }
                // In the order of `users`, which is any order here: in their own, each would leave a half empty page.
                let mut subjects = transaction.open_table(SUBJECTS)?;
                for (token, row) in &rows {
                    let before = subjects.insert(token, row.as_slice())?;
                    is_free &= before.is_none_or(|before| before.value() == row.as_slice());
                }
            }
            if is_free {
                transaction.commit()?
            } else {
                transaction.abort()?
            }
            Ok(is_free)
        })?;
        if !stored {
            return Err(Error::io("store in", &self.path())(io::Error::other(TAKEN)));
        }
        self.added.fetch_add(batch.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Removes a subject and what leads to it, durably, also from pages that are no longer used. Returns whether it was
    /// there. Nothing may be stored meanwhile.
    pub(super) fn remove(&self, index: &[u8; INDEX_BYTES], token: SubjectToken) -> Result<bool, Error> {
        let removed = self.run(|database| {
            let transaction = database.begin_write()?;
            let row = {
                let mut users = transaction.open_table(USERS)?;
                // Of another subject with this key nothing is taken away.
                if users.get(index)?.is_some_and(|found| *found.value() == token.0) {
                    users.remove(index)?;
                }
                let mut subjects = transaction.open_table(SUBJECTS)?;
                subjects.remove(&token.0)?.map(|row| row.value().to_vec())
            };
            transaction.commit()?;
            // The database keeps the state before the last commit too: after a second one that has no such row either.
            let transaction = database.begin_write()?;
            transaction.open_table(META)?.insert("version", VERSION)?;
            transaction.commit()?;
            Ok(row)
        })?;
        let Some(row) = removed else { return Ok(false) };
        scrub::scrub(&self.path(), &row).map_err(Error::io("erase from", &self.path()))?;
        Ok(true)
    }

    /// The number of entries at a mark; 0 if there is none.
    pub(super) fn mark(&self, mark: Mark) -> Result<u64, Error> {
        self.run(|database| self::mark(database, mark))?.ok_or_else(|| self.corrupt(NO_NUMBER))
    }

    pub(super) fn set_mark(&self, mark: Mark, entries: u64) -> Result<(), Error> {
        self.run(|database| {
            let transaction = database.begin_write()?;
            transaction.open_table(META)?.insert(mark.name(), entries.to_le_bytes().as_slice())?;
            transaction.commit()?;
            Ok(())
        })
    }

    /// Copies the live rows into a new file, which takes the place of the old one: nothing of rows that were removed is left,
    /// not even the keys by which they were found. Nothing may be stored meanwhile; readers wait for the exchange only.
    pub(super) fn rewrite(&self) -> Result<(), Error> {
        let unfinished = self.dir.join(REWRITTEN);
        let copied = self.copy_to(&unfinished);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let exchanged = copied.and_then(|()| {
            let State::Open(database) = std::mem::replace(&mut *state, State::Failed) else {
                return Err(closed(&self.path()));
            };
            database.close().map_err(|error| failure(&self.path(), error.into()))?;
            std::fs::rename(&unfinished, self.path()).map_err(Error::io("replace", &self.path()))?;
            file::sync_parent(&self.path())?;
            *state = State::Open(open_database(&self.path(), false)?);
            Ok(())
        });
        exchanged.inspect_err(|_| drop(std::fs::remove_file(&unfinished)))
    }

    fn copy_to(&self, path: &Path) -> Result<(), Error> {
        file::remove(path)?;
        let made = file::private(OpenOptions::new().create_new(true).read(true)).open(path);
        let made = backend(made.map_err(Error::io("make", path))?).map_err(|error| failure(path, error.into()))?;
        let copy = builder().create_with_backend(made).map_err(|error| failure(path, error.into()))?;
        self.run(|database| {
            let from = database.begin_read()?;
            let to = copy.begin_write()?;
            {
                let mut meta = to.open_table(META)?;
                for entry in from.open_table(META)?.iter()? {
                    let (name, value) = entry?;
                    meta.insert(name.value(), value.value())?;
                }
                let mut users = to.open_table(USERS)?;
                for entry in from.open_table(USERS)?.iter()? {
                    let (index, token) = entry?;
                    users.insert(index.value(), token.value())?;
                }
                let mut subjects = to.open_table(SUBJECTS)?;
                for entry in from.open_table(SUBJECTS)?.iter()? {
                    let (token, row) = entry?;
                    subjects.insert(token.value(), row.value())?;
                }
            }
            to.commit()?;
            Ok(())
        })?;
        copy.close().map_err(|error| failure(path, error.into()))?;
        File::open(path).and_then(|file| file.sync_all()).map_err(Error::io("write", path))
    }

    pub(super) fn corrupt(&self, problem: &str) -> Error {
        Error::corrupt(&self.path(), problem)
    }

    fn path(&self) -> PathBuf {
        self.dir.join(FILE)
    }

    /// Works on the open database; opens it again first if an earlier call failed on it.
    fn run<T>(&self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, Error> {
        if matches!(*self.state(), State::Failed) {
            self.reopen()?;
        }
        let result = match &*self.state() {
            State::Open(database) => work(database),
            State::Failed | State::Closed => return Err(closed(&self.path())),
        };
        result.map_err(|error| {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            if matches!(*state, State::Open(_)) {
                *state = State::Failed;
            }
            failure(&self.path(), error)
        })
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn reopen(&self) -> Result<(), Error> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        match *state {
            State::Open(_) => Ok(()),
            State::Closed => Err(closed(&self.path())),
            State::Failed => {
                *state = State::Open(open_database(&self.path(), true)?);
                Ok(())
            }
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(%error, "the vault was not closed cleanly; the next opening checks all of it");
        }
    }
}

const TAKEN: &str = "a new user's key or token is that of another; try again";
pub(super) const NO_NUMBER: &str = "what it says of erasures is not a number";
const UNREADABLE: &str = "a row cannot be decrypted: it was changed, or belongs to another key";

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(PAGE_CACHE_BYTES_MAX);
    builder
}

fn open_database(path: &Path, check_every_page: bool) -> Result<Database, Error> {
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(Error::io("open", path))?;
    // redb would take an empty file for a database that is still to be made.
    if file.metadata().map_err(Error::io("open", path))?.len() == 0 {
        return Err(Error::corrupt(path, "it is empty"));
    }
    let backend = backend(file).map_err(|error| failure(path, error.into()))?;
    builder()
        .set_check_integrity_on_open(check_every_page)
        .create_with_backend(backend)
        .map_err(|error| failure(path, error.into()))
}

#[cfg(not(test))]
fn backend(file: File) -> Result<redb::backends::FileBackend, redb::DatabaseError> {
    redb::backends::FileBackend::new(file)
}

#[cfg(test)]
fn backend(file: File) -> Result<super::fault::Faulty, redb::DatabaseError> {
    super::fault::Faulty::new(file)
}

fn set_up(database: &Database, check: &[u8; 32]) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert("version", VERSION)?;
        meta.insert("check", check.as_slice())?;
        transaction.open_table(USERS)?;
        transaction.open_table(SUBJECTS)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Refuses a database of another version or another key-encryption key.
pub(super) fn check_meta(database: &Database, path: &Path, check: &[u8; 32]) -> Result<(), Error> {
    let read = || -> Result<_, redb::Error> {
        let meta = database.begin_read()?.open_table(META)?;
        let value = |name: &str| -> Result<_, redb::Error> { Ok(meta.get(name)?.map(|value| value.value().to_vec())) };
        Ok((value("version")?, value("check")?))
    };
    let (version, found) = read().map_err(|error| failure(path, error))?;
    if version.as_deref() != Some(VERSION) {
        return Err(Error::corrupt(path, "it is not a vault of this version"));
    }
    if found.as_deref() != Some(check.as_slice()) {
        return Err(Error::WrongKey { file: path.to_owned() });
    }
    Ok(())
}

/// The number at a mark: 0 if there is none, `None` if it is no number.
pub(super) fn mark(database: &Database, mark: Mark) -> Result<Option<u64>, redb::Error> {
    let meta = database.begin_read()?.open_table(META)?;
    let Some(value) = meta.get(mark.name())? else { return Ok(Some(0)) };
    Ok(value.value().try_into().ok().map(u64::from_le_bytes))
}

fn seal_row(aead: &Aead256, user_id: &str, subject: &Subject) -> Option<Vec<u8>> {
    let length = u16::try_from(user_id.len()).ok()?;
    let bytes = (18 + user_id.len()).next_multiple_of(PADDED_TO);
    let mut plain = Zeroizing::new(Vec::with_capacity(bytes));
    plain.extend_from_slice(&*subject.secret);
    plain.extend_from_slice(&length.to_le_bytes());
    plain.extend_from_slice(user_id.as_bytes());
    plain.resize(bytes, 0);
    // The token is the row's key and is not stored again.
    aead.seal(subject.token.0, b"", &plain).map(|sealed| sealed[NONCE_BYTES..].to_vec())
}

/// Decrypts a row; `None` unless it is exactly what [`seal_row`] made for this token.
pub(super) fn open_row(aead: &Aead256, token: SubjectToken, sealed: &[u8]) -> Option<Row> {
    let plain = aead.open(b"", &[&token.0, sealed].concat())?;
    let (secret, rest) = plain.split_first_chunk::<16>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let user_id = std::str::from_utf8(rest.get(..usize::from(u16::from_le_bytes(*length)))?).ok()?;
    Some(Row { secret: Zeroizing::new(*secret), user_id: Zeroizing::new(user_id.to_owned()) })
}

fn closed(path: &Path) -> Error {
    Error::Io { action: "use", path: path.to_owned(), source: io::Error::other("it is closed") }
}

/// What redb's errors mean to the caller.
pub(super) fn failure(path: &Path, error: redb::Error) -> Error {
    match error {
        redb::Error::Io(source) => Error::io("use", path)(source),
        redb::Error::DatabaseAlreadyOpen => Error::InUse(path.to_owned()),
        redb::Error::Corrupted(problem) => Error::corrupt(path, problem),
        redb::Error::TableDoesNotExist(table) => Error::corrupt(path, format!("it has no table `{table}`")),
        redb::Error::PreviousIo | redb::Error::DatabaseClosed => closed(path),
        other => Error::Io { action: "use", path: path.to_owned(), source: io::Error::other(other.to_string()) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kek;
    use crate::vault::Root;

    #[test]
    fn the_same_rows_may_come_again_and_others_may_not_take_their_place() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(&Kek::generate().unwrap());
        let store = Store::create(dir.path(), &root.check).unwrap();
        let row = |user: &str, subject: &Arc<Subject>| (root.index_of(user), user.into(), subject.clone());
        let new = || Arc::new(Subject::generate(&root.subject).unwrap());
        let (first, second) = (new(), new());
        store.insert(&root.row, &[row("a", &first)]).unwrap();
        // As after a commit that failed when it was durable already, with others that wait.
        store.insert(&root.row, &[row("a", &first), row("b", &second)]).unwrap();
        for taken in [row("c", &second), row("a", &new())] {
            let error = store.insert(&root.row, &[row("d", &new()), taken]).unwrap_err();
            assert!(error.to_string().contains("another"), "{error}");
        }
        let user = |name| store.user(&root.row, root.index_of(name)).unwrap();
        assert_eq!(user("a").unwrap().0, first.token);
        assert!(user("d").is_none(), "all or none");
        assert_eq!(*user("b").unwrap().1.unwrap().user_id, "b");
        let rows = store.rows(&root.row, &[second.token, new().token, first.token]).unwrap();
        let users: Vec<_> = rows.iter().map(|row| row.as_ref().map(|row| row.user_id.as_str())).collect();
        assert_eq!(users, [Some("b"), None, Some("a")]);
    }

    #[test]
    fn no_page_has_the_row_of_a_subject_that_was_removed() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(&Kek::generate().unwrap());
        let store = Store::create(dir.path(), &root.check).unwrap();
        let subjects: Vec<_> = (0..200).map(|_| Arc::new(Subject::generate(&root.subject).unwrap())).collect();
        for (number, subject) in subjects.iter().enumerate() {
            let user = format!("user {number}");
            store.insert(&root.row, &[(root.index_of(&user), user.as_str().into(), subject.clone())]).unwrap();
        }
        let occurs = |row: &[u8]| memchr::memmem::find(&std::fs::read(dir.path().join(FILE)).unwrap(), row).is_some();
        for (number, subject) in subjects.iter().enumerate().step_by(7) {
            let user = format!("user {number}");
            let row = seal_row(&root.row, &user, subject).unwrap();
            assert!(occurs(&row));
            assert!(!store.remove(&root.index_of(&user), SubjectToken([9; 12])).unwrap(), "not of another subject");
            assert!(store.remove(&root.index_of(&user), subject.token).unwrap());
            assert!(!occurs(&row), "{user}");
            assert!(store.user(&root.row, root.index_of(&user)).unwrap().is_none());
        }
        assert_eq!(*store.row(&root.row, subjects[1].token).unwrap().unwrap().user_id, "user 1");
    }
}

//! Examines a vault without changing it: the sum, every page, every row.
//!
//! redb repairs and marks a file when it opens one. So it gets the file through [`Overlay`], which reads the file and
//! keeps what redb writes in memory.

use super::store::{Mark, NO_NUMBER, SUBJECTS, USERS, check_meta, failure, mark, open_row};
use super::{FILE, Root, SubjectToken, sum};
use crate::{Error, Kek};
use redb::{Builder, Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageBackend};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// What an examination found to be sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Examined {
    /// Rows that decrypt and are found by both their keys.
    pub subjects_total: u64,
    /// How many of the subjects that were asked for are still there.
    pub asked_total: u64,
    /// The number of entries of the ledger before which every erasure was carried out here.
    pub erased: u64,
    /// Whether `vault.sum` was there. If not, the vault was not closed cleanly: pages that hold no row were not
    /// checked, because nothing says what they should hold.
    pub sum_checked: bool,
}

/// Examines the vault of `dir`, and looks for subjects that should not be in it. No other process may have the directory open.
///
/// # Errors
/// [`Error::Absent`], [`Error::Corrupt`], [`Error::WrongKey`], [`Error::Io`].
pub fn verify(dir: &Path, kek: &Kek, asked: &[SubjectToken]) -> Result<Examined, Error> {
    let path = dir.join(FILE);
    let sum_checked = sum::check(dir)?;
    let root = Root::new(kek);
    let overlay = Overlay::open(&path).map_err(Error::io("read", &path))?;
    let database = Builder::new()
        .set_check_integrity_on_open(true)
        .set_cache_size(CACHE_BYTES)
        .create_with_backend(overlay)
        .map_err(|error| failure(&path, error.into()))?;
    check_meta(&database, &path, &root.check)?;
    let subjects_total = check_rows(&database, &root, &path)?;
    let asked_total = count(&database, asked).map_err(|error| failure(&path, error))?;
    let erased = mark(&database, Mark::Erased).map_err(|error| failure(&path, error))?;
    Ok(Examined {
        subjects_total,
        asked_total,
        erased: erased.ok_or_else(|| Error::corrupt(&path, NO_NUMBER))?,
        sum_checked,
    })
}

fn count(database: &Database, subjects: &[SubjectToken]) -> Result<u64, redb::Error> {
    let table = database.begin_read()?.open_table(SUBJECTS)?;
    let is_there = |subject: &SubjectToken| Ok(u64::from(table.get(&subject.0)?.is_some()));
    subjects.iter().map(is_there).sum()
}

fn check_rows(database: &Database, root: &Root, path: &Path) -> Result<u64, Error> {
    let failed = |error: redb::Error| failure(path, error);
    let transaction = database.begin_read().map_err(|error| failed(error.into()))?;
    let users = transaction.open_table(USERS).map_err(|error| failed(error.into()))?;
    let subjects = transaction.open_table(SUBJECTS).map_err(|error| failed(error.into()))?;
    let mut total = 0;
    for entry in subjects.iter().map_err(|error| failed(error.into()))? {
        let (token, sealed) = entry.map_err(|error| failed(error.into()))?;
        let token = SubjectToken(*token.value());
        let Some(row) = open_row(&root.row, token, sealed.value()) else {
            return Err(Error::corrupt(path, "a row cannot be decrypted"));
        };
        let back = users.get(&root.index_of(&row.user_id)).map_err(|error| failed(error.into()))?;
        if back.is_none_or(|back| *back.value() != token.0) {
            return Err(Error::corrupt(path, "a user does not lead to their subject"));
        }
        total += 1;
    }
    if users.len().map_err(|error| failed(error.into()))? != total {
        return Err(Error::corrupt(path, "there are users without a subject"));
    }
    Ok(total)
}

/// Each page is read about once: redb's own default of a gigabyte would fill with pages that nobody asks for again.
const CACHE_BYTES: usize = 32 << 20;

const PAGE_BYTES: u64 = 4096;

/// A file that is read, and whose changes stay in memory.
#[derive(Debug)]
struct Overlay {
    file: File,
    file_bytes: u64,
    changes: Mutex<Changes>,
}

#[derive(Debug)]
struct Changes {
    bytes: u64,
    pages: BTreeMap<u64, Vec<u8>>,
}

impl Overlay {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let file_bytes = file.metadata()?.len();
        Ok(Overlay { file, file_bytes, changes: Mutex::new(Changes { bytes: file_bytes, pages: BTreeMap::new() }) })
    }

    /// Part of one page of the file; zeros beyond its end.
    fn read_file(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let there = self.file_bytes.saturating_sub(offset).min(out.len() as u64) as usize;
        out[there..].fill(0);
        self.file.read_exact_at(&mut out[..there], offset)
    }
}

/// The pieces of `offset..offset + length` by page: (page, first byte in the page, first byte in the buffer, bytes).
fn pieces(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, usize, usize)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let within = (at % PAGE_BYTES) as usize;
        let bytes = (length - done).min(PAGE_BYTES as usize - within);
        let piece = (at / PAGE_BYTES, within, done, bytes);
        done += bytes;
        (bytes > 0).then_some(piece)
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.changes.lock().unwrap_or_else(PoisonError::into_inner).bytes)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if offset + out.len() as u64 > changes.bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (page, within, done, bytes) in pieces(offset, out.len()) {
            let part = &mut out[done..done + bytes];
            match changes.pages.get(&page) {
                Some(changed) => part.copy_from_slice(&changed[within..within + bytes]),
                None => self.read_file(page * PAGE_BYTES + within as u64, part)?,
            }
        }
        Ok(())
    }

    fn set_len(&self, bytes: u64) -> Result<(), io::Error> {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes < changes.bytes {
            // What is cut off must read as zeros if the file grows again.
            for page in bytes / PAGE_BYTES..changes.bytes.div_ceil(PAGE_BYTES) {
                let mut content = vec![0; PAGE_BYTES as usize];
                let kept = bytes.saturating_sub(page * PAGE_BYTES).min(PAGE_BYTES) as usize;
                match changes.pages.get(&page) {
                    Some(changed) => content[..kept].copy_from_slice(&changed[..kept]),
                    None => self.read_file(page * PAGE_BYTES, &mut content[..kept])?,
                }
                changes.pages.insert(page, content);
            }
        }
        changes.bytes = bytes;
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        for (page, within, done, bytes) in pieces(offset, data.len()) {
            let content = match changes.pages.entry(page) {
                Entry::Occupied(changed) => changed.into_mut(),
                Entry::Vacant(unchanged) => {
                    let mut content = vec![0; PAGE_BYTES as usize];
                    self.read_file(page * PAGE_BYTES, &mut content)?;
                    unchanged.insert(content)
                }
            };
            content[within..within + bytes].copy_from_slice(&data[done..done + bytes]);
        }
        Ok(())
    }
}

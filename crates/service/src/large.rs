//! Large values: texts that are kept once, apart from their records, by the hash of what is kept.
//!
//! A text of more than 64 KiB would fill the memory of whatever holds many records at once. So it is encrypted, under the
//! keys of the subject whom the record is about (or the tenant's where there is none), and kept in a file of its own,
//! `large/<2 digits>/<SHA-256 of the ciphertext>`. In the record stands `{"bytes":<length of the text>,"large":"<that
//! SHA-256>"}`.
//!
//! Invariants: the file is durable before its record is appended. The record commits to its bytes, so that a changed one is
//! noticed and a removed one changes no leaf hash. The same text under the same keys gives the same bytes, so that it is
//! kept once however many records hold it, and a body that is sent again gives the same record. Destroying the keys
//! makes it unreadable. The ciphertext of a sealed field as large as that is kept here too.
//!
//! Left to others: what is personal inside the text, which was masked before.

use crate::vault::FieldKeys;
use crate::{Error, hex, sealed};
use onrecord_ledger::disk::durable::{self, Readers};
use onrecord_ledger::{Disk, OsDisk};
use onrecord_record::canonical;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use zeroize::Zeroizing;

/// The directory in a data directory.
pub const DIR: &str = "large";

/// Where files are written until they have their name; what is left there was never acknowledged.
const UNFINISHED: &str = "unfinished";

/// Between the length and the hash of a reference.
const BETWEEN: &[u8] = br#","large":""#;
const BEFORE: &[u8] = br#"{"bytes":"#;
const AFTER: &[u8] = br#""}"#;
const DIGITS: usize = 64;

/// A text, encrypted, on its way into the store.
pub(crate) struct LargeValue {
    sha256: [u8; 32],
    ciphertext: Vec<u8>,
}

impl LargeValue {
    /// Encrypts a text. `None` over 64 GiB.
    pub(crate) fn new(keys: &FieldKeys, text: &str) -> Option<Self> {
        let ciphertext = keys.encrypt_large(text.as_bytes())?;
        Some(Self::of_ciphertext(ciphertext))
    }

    /// What a sealed field became, to which its record commits as to one in the sidecar.
    pub(crate) fn of_ciphertext(ciphertext: Vec<u8>) -> Self {
        Self { sha256: Sha256::digest(&ciphertext).into(), ciphertext }
    }

    /// What it is kept under.
    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.sha256
    }
}

/// The directory of large values.
pub(crate) struct LargeStore {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// Tells the unfinished files of this process apart.
    next: AtomicU64,
}

impl LargeStore {
    /// Opens the store of a data directory, and removes what an interrupted run left unfinished. The directory is made
    /// with the first value.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn open(data_dir: &Path) -> Result<Self, Error> {
        Self::open_on(Arc::new(OsDisk), data_dir)
    }

    /// As [`LargeStore::open`], on any disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    fn open_on(disk: Arc<dyn Disk>, data_dir: &Path) -> Result<Self, Error> {
        let dir = data_dir.join(DIR);
        let unfinished = dir.join(UNFINISHED);
        let left = match disk.list(&unfinished) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            listed => listed.map_err(Error::io("list", &unfinished))?,
        };
        for path in left.iter().map(|name| unfinished.join(name)) {
            disk.remove(&path).map_err(Error::io("remove", &path))?;
        }
        Ok(Self { disk, dir, next: AtomicU64::new(0) })
    }

    /// Makes values durable; those that are there already cost a look.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn put(&self, values: &[LargeValue]) -> Result<(), Error> {
        values.iter().try_for_each(|value| self.put_one(value))
    }

    fn put_one(&self, value: &LargeValue) -> Result<(), Error> {
        let path = path_of(&self.dir, &value.sha256);
        let (disk, failed) = (&*self.disk, |error| Error::io("write", &path)(error));
        let unfinished = self.dir.join(UNFINISHED);
        let shelf = path.parent().unwrap_or(&self.dir);
        // A file gets its name only when its bytes are durable, and the names of its directories. One whose bytes were
        // changed since is written again.
        match disk.read(&path) {
            Ok(found) if *found == *value.ciphertext => return disk.sync_dir(shelf).map_err(failed),
            Ok(_) => tracing::warn!(file = %path.display(), "a large value was damaged, and is written again"),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        // A directory that is there may not be durable: whoever made it did not get so far.
        for dir in [&self.dir, &unfinished, shelf] {
            disk.create_private_dir(dir).map_err(failed)?;
            disk.sync_dir(dir.parent().unwrap_or(dir)).map_err(failed)?;
        }
        let new = unfinished.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        durable::write(disk, &new, &value.ciphertext, Readers::Owner).map_err(failed)?;
        durable::publish(disk, &new, &path).map_err(failed)
    }

    /// The record with every large value in its place that these keys open. What cannot be opened stays a reference: its
    /// file was removed, or its subject's keys were destroyed.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Corrupt`] if a file is not what the record commits to.
    pub(crate) fn show(&self, record: &[u8], keys: &FieldKeys) -> Result<Vec<u8>, Error> {
        let mut shown = Vec::with_capacity(record.len());
        let mut from = 0;
        for reference in references(record) {
            let Some(text) = self.open_one(&reference, keys)? else { continue };
            let Ok(text) = std::str::from_utf8(&text) else { continue };
            shown.extend_from_slice(&record[from..reference.start]);
            canonical::write_string(text, &mut shown);
            from = reference.end;
        }
        shown.extend_from_slice(&record[from..]);
        Ok(shown)
    }

    fn open_one(&self, reference: &Reference, keys: &FieldKeys) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        Ok(self.ciphertext(&reference.sha256)?.and_then(|ciphertext| keys.decrypt_large(&ciphertext)))
    }

    /// The hashes of what records of this one may be kept here: large values, and ciphertexts that its sidecar may be too small
    /// for.
    pub(crate) fn kept_of<'r>(&self, record: &'r [u8]) -> impl Iterator<Item = [u8; 32]> + 'r {
        references(record).map(|reference| reference.sha256).chain(sealed::committed(record))
    }

    /// Removes what is kept under a hash, durably. Returns whether it was there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn remove(&self, sha256: &[u8; 32]) -> Result<bool, Error> {
        let path = path_of(&self.dir, sha256);
        match self.disk.remove(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::io("remove", &path)(error)),
        }
        self.disk.sync_dir(path.parent().unwrap_or(&self.dir)).map_err(Error::io("remove", &path))?;
        Ok(true)
    }

    /// What is kept under a hash, if it is there.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Corrupt`] if it is not what the hash is of.
    pub(crate) fn ciphertext(&self, sha256: &[u8; 32]) -> Result<Option<Vec<u8>>, Error> {
        let path = path_of(&self.dir, sha256);
        let ciphertext = match self.disk.read(&path) {
            Ok(ciphertext) => Vec::from(ciphertext),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        if <[u8; 32]>::from(Sha256::digest(&ciphertext)) != *sha256 {
            return Err(Error::corrupt(&path, CHANGED));
        }
        Ok(Some(ciphertext))
    }
}

const CHANGED: &str = "its bytes are not those that records commit to by its name";

/// Where a record refers to a large value.
struct Reference {
    start: usize,
    end: usize,
    bytes: u64,
    sha256: [u8; 32],
}

/// The references of a canonical record. Inside a string the quotation marks would be escaped, so the pattern can only
/// be an object.
fn references(record: &[u8]) -> impl Iterator<Item = Reference> + '_ {
    memchr::memmem::find_iter(record, BETWEEN).filter_map(|at| {
        let start = record[..at].iter().rposition(|byte| !byte.is_ascii_digit())? + 1;
        let bytes = std::str::from_utf8(&record[start..at]).ok()?.parse().ok()?;
        let start = record[..start].ends_with(BEFORE).then_some(start - BEFORE.len())?;
        let digits = record.get(at + BETWEEN.len()..at + BETWEEN.len() + DIGITS)?;
        let end = at + BETWEEN.len() + DIGITS + AFTER.len();
        let closed = record[at + BETWEEN.len() + DIGITS..].starts_with(AFTER);
        let sha256 = hex::decode(std::str::from_utf8(digits).ok()?)?;
        closed.then_some(Reference { start, end, bytes, sha256 })
    })
}

/// How many references to large values a canonical record has.
pub fn count(record: &[u8]) -> usize {
    references(record).count()
}

/// Whether something is kept under a hash. Its bytes are checked by [`verify`].
pub fn is_there(data_dir: &Path, sha256: &[u8; 32]) -> bool {
    path_of(&data_dir.join(DIR), sha256).is_file()
}

/// Checks that the large values of a record are there, with the length that it says. Their bytes are checked by
/// [`verify`].
///
/// # Errors
/// What is wrong, naming the file.
pub fn check(data_dir: &Path, record: &[u8]) -> Result<(), Error> {
    let dir = data_dir.join(DIR);
    references(record).try_for_each(|reference| {
        let path = path_of(&dir, &reference.sha256);
        let length = match fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::corrupt(&path, "it is missing, and a record commits to it"));
            }
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        if length != reference.bytes.saturating_add(FieldKeys::OVERHEAD_BYTES) {
            return Err(Error::corrupt(&path, "it has not the length that a record says"));
        }
        Ok(())
    })
}

/// Reads every large value of a data directory and compares it with its name. Returns how many there are, and what is
/// wrong.
///
/// # Errors
/// [`Error::Io`] if they cannot be listed.
pub fn verify(data_dir: &Path) -> Result<(u64, Vec<Error>), Error> {
    let dir = data_dir.join(DIR);
    let (mut values, mut faults) = (0, Vec::new());
    for shelf in entries(&dir)? {
        if shelf.file_name().is_some_and(|name| name == UNFINISHED) {
            continue;
        }
        for path in entries(&shelf)? {
            values += 1;
            match hash_of(&path) {
                Ok(sha256) if path_of(&dir, &sha256) == path => {}
                Ok(_) => faults.push(Error::corrupt(&path, CHANGED)),
                Err(error) => faults.push(Error::io("read", &path)(error)),
            }
        }
    }
    Ok((values, faults))
}

/// What is in a directory, which need not exist; a file in its place is an entry of its own.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let listed = match fs::read_dir(dir) {
        Ok(listed) => listed,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => return Ok(vec![dir.to_owned()]),
        Err(error) => return Err(Error::io("list", dir)(error)),
    };
    listed.map(|entry| entry.map(|entry| entry.path()).map_err(Error::io("list", dir))).collect()
}

fn hash_of(path: &Path) -> std::io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(&buffer[..read]),
        }
    }
}

fn path_of(dir: &Path, sha256: &[u8; 32]) -> PathBuf {
    let name = hex::encode(sha256);
    dir.join(&name[..2]).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use onrecord_testing::FaultyDisk;
    use onrecord_testing::faulty::FAULTS;

    fn record_of(value: &LargeValue, bytes: usize) -> Vec<u8> {
        format!(r#"{{"a":{{"bytes":{bytes},"large":"{}"}},"b":1}}"#, hex::encode(&value.sha256)).into_bytes()
    }

    #[test]
    fn a_value_is_kept_once_and_shown_to_the_right_keys_only() {
        let dir = tempfile::tempdir().unwrap();
        let store = LargeStore::open(dir.path()).unwrap();
        let (keys, text) = (FieldKeys::new(&[1; 32]), "a \"long\" text");
        let values = [LargeValue::new(&keys, text).unwrap(), LargeValue::new(&keys, text).unwrap()];
        store.put(&values).unwrap();
        store.put(&values).unwrap();
        assert_eq!(verify(dir.path()).unwrap().0, 1);
        let record = record_of(&values[0], text.len());
        check(dir.path(), &record).unwrap();
        assert_eq!(store.show(&record, &keys).unwrap(), br#"{"a":"a \"long\" text","b":1}"#);
        assert_eq!(store.show(&record, &FieldKeys::new(&[2; 32])).unwrap(), record);
        assert!(check(dir.path(), &record_of(&values[0], text.len() + 1)).is_err());
        let kept = fs::read(path_of(&store.dir, &values[0].sha256)).unwrap();
        assert!(!kept.windows(4).any(|window| window == b"long"));
    }

    #[test]
    fn whatever_fails_a_value_that_was_put_is_there_and_none_is_half_there() {
        let (keys, dir) = (FieldKeys::new(&[1; 32]), Path::new("/data"));
        let value = LargeValue::new(&keys, &"text ".repeat(20_000)).unwrap();
        for fault in FAULTS {
            for number in 0.. {
                let disk = FaultyDisk::new(number);
                let open = || LargeStore::open_on(Arc::new(disk.clone()), dir).unwrap();
                disk.create_dir(dir).unwrap();
                disk.sync_dir(Path::new("/")).unwrap();
                let store = open();
                let at = disk.operations() + number;
                disk.fail_at(at, fault);
                let put = store.put(std::slice::from_ref(&value));
                let came = disk.operations() > at;
                disk.stop();
                disk.restart_machine();
                let store = open();
                match store.ciphertext(&value.sha256).unwrap() {
                    Some(found) => assert_eq!(found, value.ciphertext),
                    None => assert!(put.is_err(), "{number} {fault:?}"),
                }
                store.put(std::slice::from_ref(&value)).unwrap();
                disk.restart_machine();
                assert_eq!(open().ciphertext(&value.sha256).unwrap().as_ref(), Some(&value.ciphertext));
                assert!(!disk.files().keys().any(|path| path.starts_with(dir.join(DIR).join(UNFINISHED))));
                if !came {
                    assert!(number >= 12, "{number} operations");
                    break;
                }
            }
        }
    }

    #[test]
    fn a_changed_or_missing_value_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let store = LargeStore::open(dir.path()).unwrap();
        let keys = FieldKeys::new(&[1; 32]);
        let value = LargeValue::new(&keys, "text").unwrap();
        store.put(std::slice::from_ref(&value)).unwrap();
        let (path, record) = (path_of(&store.dir, &value.sha256), record_of(&value, 4));
        let mut bytes = value.ciphertext.clone();
        bytes[3] ^= 1;
        fs::write(&path, bytes).unwrap();
        let (values, faults) = verify(dir.path()).unwrap();
        assert_eq!((values, faults.len()), (1, 1));
        assert!(faults[0].to_string().contains(&hex::encode(&value.sha256)), "{}", faults[0]);
        assert!(store.show(&record, &keys).is_err());
        store.put(std::slice::from_ref(&value)).unwrap();
        assert_eq!(store.show(&record, &keys).unwrap(), br#"{"a":"text","b":1}"#, "written again");
        fs::remove_file(&path).unwrap();
        assert!(check(dir.path(), &record).unwrap_err().to_string().contains("it is missing"));
        assert_eq!(store.show(&record, &keys).unwrap(), record);
        fs::write(store.dir.join("stray"), b"x").unwrap();
        assert_eq!(verify(dir.path()).unwrap().1.len(), 1);
    }

    #[test]
    fn only_whole_references_count() {
        let hash = "ab".repeat(32);
        for (text, references) in [
            (format!(r#"{{"x":{{"bytes":70000,"large":"{hash}"}}}}"#), 1),
            (format!(r#"{{"x":{{"bytes":70000,"large":"{hash}","z":1}}}}"#), 0),
            (format!(r#"{{"x":{{"a":1,"bytes":70000,"large":"{hash}"}}}}"#), 0),
            (format!(r#"{{"x":"{{\"bytes\":7,\"large\":\"{hash}\"}}"}}"#), 0),
            (r#"{"x":{"bytes":70000,"large":"abc"}}"#.to_owned(), 0),
        ] {
            assert_eq!(count(text.as_bytes()), references, "{text}");
        }
    }
}

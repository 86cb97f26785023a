//! A disk that fails on demand, for the tests of this module only: redb's own file backend, whose writes and syncs can
//! be made to fail as on a full disk.

use redb::backends::FileBackend;
use redb::{BackendError, DatabaseError, StorageBackend};
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};

/// While set, nothing can be written.
pub(super) static FULL: AtomicBool = AtomicBool::new(false);

#[derive(Debug)]
pub(super) struct Faulty(FileBackend);

impl Faulty {
    pub(super) fn new(file: File) -> Result<Self, DatabaseError> {
        FileBackend::new(file).map(Faulty)
    }
}

fn may_write() -> io::Result<()> {
    if FULL.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
}

impl StorageBackend for Faulty {
    fn len(&self) -> Result<u64, io::Error> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        may_write()?;
        self.0.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        may_write()?;
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        may_write()?;
        self.0.write(offset, data)
    }

    fn close(&self) -> Result<(), io::Error> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.query_lock_range(start, end)
    }
}

#[test]
fn a_full_disk_stops_new_subjects_only_and_is_survived() {
    use crate::{Error, Kek, Vault};
    let dir = tempfile::tempdir().unwrap();
    let kek = Kek::generate().unwrap();
    let vault = Vault::create(dir.path(), &kek).unwrap();
    let known = vault.subject_of("known").unwrap();

    FULL.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let error = vault.subject_of("new").unwrap_err();
        assert!(matches!(&error, Error::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull), "{error}");
        assert_eq!(vault.subject_of("known").unwrap(), known, "who is known still is");
    }
    FULL.store(false, Ordering::SeqCst);
    let new = vault.subject_of("new").unwrap();
    assert_eq!(vault.user_of(new).unwrap().unwrap().as_str(), "new");
    vault.close().unwrap();
    assert_eq!(super::verify(dir.path(), &kek, &[]).unwrap().subjects_total, 2);
    let vault = Vault::open(dir.path(), &kek).unwrap();
    assert_eq!((vault.find("known").unwrap(), vault.find("new").unwrap()), (Some(known), Some(new)));
}

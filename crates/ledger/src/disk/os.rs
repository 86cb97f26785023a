//! The operating system's files.

use super::{Disk, DiskFile, Lock, LockError};
use bytes::Bytes;
use rustix::{
    fs::{Advice, FallocateFlags, fadvise, fallocate},
    io::retry_on_intr,
};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    num::NonZeroU64,
    ops::Range,
    os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _},
    path::Path,
    process,
};

/// The real disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn create_private_dir(&self, dir: &Path) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        // A name that is not UTF-8 is none of ours.
        fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn read(&self, path: &Path) -> io::Result<Bytes> {
        fs::read(path).map(Bytes::from)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().read(true).write(true).open(path)?))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::open(path)?))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?))
    }

    fn create_private(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        Ok(Box::new(options.read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, LockError> {
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = open.map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let read = file.read_to_string(&mut pid);
                return Err(LockError::Held { pid: read.ok().and_then(|_| pid.trim().parse().ok()) });
            }
            Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
        }
        // The process id is only there to be read by people and by the message above: on a full disk the lock holds
        // without it.
        if file.set_len(0).and_then(|()| writeln!(file, "{}", process::id())).is_err() {
            tracing::debug!("the lock file does not name this process");
        }
        Ok(Box::new(HeldFile(file)))
    }
}

/// `flock` ends with the last descriptor of the open file; the kernel closes it even after `kill -9`.
struct HeldFile(File);

impl Lock for HeldFile {}

impl Drop for HeldFile {
    fn drop(&mut self) {
        // A process id says something only while the process lives.
        let _ = self.0.set_len(0);
    }
}

impl DiskFile for File {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(out, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        File::set_len(self, bytes)
    }

    fn reserve(&self, from: u64, to: u64) -> io::Result<()> {
        Ok(retry_on_intr(|| fallocate(self, FallocateFlags::KEEP_SIZE, from, to.saturating_sub(from)))?)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn will_need(&self, range: Range<u64>) {
        // Only advice: what the system does not take is fetched when it is read.
        let length = NonZeroU64::new(range.end.saturating_sub(range.start));
        let _ = fadvise(self, range.start, length, Advice::WillNeed);
    }

    fn forget_cached(&self) -> io::Result<()> {
        Ok(fadvise(self, 0, None, Advice::DontNeed)?)
    }
}

//! The system calls that the ledger expects, and what each must guarantee; lake and service expect the same.
//!
//! Everything durable goes through [`Disk`], so that the tests can make any single call fail and cut the power after any
//! other. Writes are positional: a file has no hidden cursor that a failed write could leave anywhere.

pub mod durable;
mod os;

pub use os::OsDisk;

use bytes::Bytes;
use std::{io, ops::Range, path::Path};

/// A file system.
pub trait Disk: Send + Sync {
    /// Makes a directory and its parents; fine when it is there.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// As [`Disk::create_dir`]; directories that are made can be entered by their owner only.
    fn create_private_dir(&self, dir: &Path) -> io::Result<()>;
    /// The names of the files in a directory, in any order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// The whole content of a file. [`io::ErrorKind::NotFound`] when there is none.
    fn read(&self, path: &Path) -> io::Result<Bytes>;
    /// Opens a file for reading and writing. [`io::ErrorKind::NotFound`] when there is none.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for reading only. [`io::ErrorKind::NotFound`] when there is none.
    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Makes an empty file, or empties the one that is there.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// As [`Disk::create`]; a file that is made can be read by its owner only.
    fn create_private(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Removes a file; durable after [`Disk::sync_dir`].
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Renames a file over another, atomically; durable after [`Disk::sync_dir`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable: files created, renamed and removed.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes the exclusive lock that a file stands for, until the answer is dropped or the process ends.
    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, LockError>;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Its length in bytes.
    fn bytes(&self) -> io::Result<u64>;
    /// Fills `out` from `offset` on; [`io::ErrorKind::UnexpectedEof`] when the file is too short.
    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`. After an error any part may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts or lengthens the file, and gives back what was reserved behind its end.
    fn set_len(&self, bytes: u64) -> io::Result<()>;
    /// Reserves the space of the bytes `from..to`, not none, without changing the length, so that writes there do not
    /// find the disk full. [`io::ErrorKind::Unsupported`] when the file system cannot.
    fn reserve(&self, from: u64, to: u64) -> io::Result<()>;
    /// Makes content and length durable. After an error what was written since the last success may be lost, even when
    /// a later call succeeds.
    fn sync(&self) -> io::Result<()>;
    /// Says that a range will be read soon, so that it is fetched together with others.
    fn will_need(&self, range: Range<u64>);
    /// Asks that the next read comes from the device and not from memory.
    fn forget_cached(&self) -> io::Result<()>;
}

/// A lock that is held; dropping it lets go.
pub trait Lock: Send + Sync {}

/// The lock was not had.
#[derive(Debug)]
pub enum LockError {
    /// Somebody has it.
    Held {
        /// The process, when the file names it.
        pid: Option<u32>,
    },
    /// The file could not be opened or locked.
    Io(io::Error),
}

//! Segments in an object store: S3 and what speaks it, or a directory.
//!
//! Of a segment in the archive the local disk keeps a *stub*: where its objects are, the checksum of every block, and the
//! bytes that opening and looking for ids need. Whatever else is read is fetched in ranges, compared with these checksums,
//! and kept in memory up to a bound.
//!
//! This is how bytes get there and back, and no more; what is archived, and when, is decided elsewhere.

mod cache;
mod file;
mod hash;
mod leftover;
mod lock;
mod s3;
mod store;
mod stub;
mod versions;

pub(crate) use file::{ArchivedFile, ObjectFile};
pub(crate) use hash::{hex, of_file};
pub(crate) use leftover::{LEFTOVER, Leftover};
pub use lock::{LockMode, ObjectLock};
pub(crate) use store::ObjectReader;
pub use store::{PutSettings, Storage};
pub use stub::{Archived, IndexObject, Manifest};
pub(crate) use stub::{KEPT_KINDS, KeptRow, Stub, write as write_stub};

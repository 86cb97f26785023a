//! Objects that are to go from the archive: they were replaced or restored, or it is not known whether they got there whole.
//!
//! Invariant: before an object is put there is a leftover of it, durable, and that goes only when its stub is durable or the
//! object is deleted. So nothing stays in an object store that no file here knows of: what must be erased can be.

use super::store::Storage;
use super::stub::{Archived, Manifest};
use crate::error::{Error, Result};
use onrecord_ledger::Disk;
use onrecord_ledger::disk::durable::{self, Readers};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::Path;

/// The end of the names of leftovers.
pub(crate) const LEFTOVER: &str = ".leftover";

/// What is to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Leftover(pub(crate) Archived);

impl Leftover {
    pub(crate) fn of(archived: &Archived) -> Self {
        Self(archived.clone())
    }

    /// Writes it, durably, beside a file of its segment.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn write(&self, disk: &dyn Disk, beside: &Path) -> Result<()> {
        let path = beside.with_extension(&LEFTOVER[1..]);
        let bytes = serde_json::to_vec(self).map_err(|error| Error::io(&path)(error.into()))?;
        durable::replace(disk, &path, &bytes, Readers::All).map_err(Error::io(&path))
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub(crate) fn read(disk: &dyn Disk, path: &Path) -> Result<Self> {
        let bytes = disk.read(path).map_err(Error::io(path))?;
        serde_json::from_slice(&bytes).map_err(|_| Error::damaged(path, "it is no leftover"))
    }

    /// Deletes the objects, if they are those of this segment: nothing that another log has put there.
    ///
    /// Who has a place is said by the manifest there, which is put first, where no other object was, and deleted last. Without
    /// it an object is known by its hash only.
    ///
    /// # Errors
    /// [`Error::Archive`]: what is left goes when this is called again.
    pub(crate) fn delete_objects(&self) -> Result<()> {
        let Archived { url, manifest, .. } = &self.0;
        let storage = Storage::open(url)?;
        let own = Manifest::own_name(&manifest.name);
        let there = storage.get(&own)?.map(|bytes| serde_json::from_slice::<Manifest>(&bytes).ok());
        let is_claimed = there.as_ref().is_some_and(|there| there.as_ref() == Some(manifest));
        for (name, bytes, sha256) in manifest.objects() {
            if !is_claimed {
                match storage.read_back(name)? {
                    None => continue,
                    Some((there, hash)) if there == bytes && hash == sha256 => {}
                    // What another manifest says is there is of its log.
                    Some(_) if matches!(there, Some(Some(_))) => continue,
                    Some(_) => return Err(storage.failed(name, unknown(&own))),
                }
            }
            storage.delete(name)?;
        }
        if is_claimed { storage.delete(&own) } else { Ok(()) }
    }
}

/// Nothing says whose an object is.
fn unknown(own: &str) -> std::io::Error {
    let problem = format!(
        "it is not what was put there, and {own}, which says whose it is, is missing or malformed; \
         delete it if it is of this log"
    );
    std::io::Error::new(ErrorKind::InvalidData, problem)
}

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
    /// # Errors
    /// [`Error::Archive`]: what is left goes when this is called again.
    pub(crate) fn delete_objects(&self) -> Result<()> {
        let Archived { url, manifest, .. } = &self.0;
        let storage = Storage::open(url)?;
        let own = Manifest::own_name(&manifest.name);
        let Some(there) = storage.get(&own)? else { return Ok(()) };
        if serde_json::from_slice::<Manifest>(&there).ok().as_ref() != Some(manifest) {
            return Ok(());
        }
        if let Some(index) = &manifest.index {
            storage.delete(&index.name)?;
        }
        storage.delete(&manifest.name)?;
        // Last: as long as it is there, it is known whose the others are.
        storage.delete(&own)
    }
}

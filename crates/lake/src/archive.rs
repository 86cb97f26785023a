//! Segments into the archive, and back.
//!
//! Invariant: a segment's file leaves the disk only after its object was read back and has the same hash, after that is on the
//! record, and after its stub is durable; in this order, so that whatever is interrupted leaves the segment whole in one of
//! the two places. What may be in the archive and must not stay there has a leftover on the disk until it is deleted: see
//! [`Leftover`].
//!
//! Which segments go, and that nothing in them is held, is for the caller to say.

use crate::catalog;
use crate::checksum;
use crate::error::{Error, Result};
use crate::index::path_of;
use crate::lake::Lake;
use crate::object::{
    Archived, IndexObject, LEFTOVER, Leftover, Manifest, ObjectReader, PutSettings, Storage, Stub, hex,
    of_file as hash_of, write_stub,
};
use crate::segment::{Retired, Segment, Tier};
use onrecord_evidence::{LeafIndex, LeafRange};
use onrecord_ledger::disk::durable;
use sha2::{Digest, Sha256};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where segments go, and how.
#[derive(Clone)]
pub struct ArchiveTarget {
    /// The place.
    pub storage: Storage,
    /// How objects are put there.
    pub settings: PutSettings,
    /// The log that the segments are of: its name and key.
    pub log: String,
    /// The time now (RFC 3339).
    pub now: String,
}

/// What became of objects that were to go.
#[derive(Debug, Default)]
pub struct Swept {
    /// Segments whose objects are deleted.
    pub deleted: u64,
    /// Others that are there yet.
    pub left: Vec<Left>,
}

/// Objects of a segment that are there yet.
#[derive(Debug)]
pub struct Left {
    /// The leaves that it can have rows of.
    pub leaves: LeafRange,
    /// Why they are there.
    pub error: Error,
}

impl Swept {
    fn leave(&mut self, path: &Path, error: Error) {
        // Only files with such names are looked at.
        let leaves = catalog::leaves_of(path).unwrap_or(LeafRange::new(LeafIndex(0), LeafIndex(u64::MAX)));
        self.left.push(Left { leaves, error });
    }
}

/// Puts a segment into the archive, and lets its file go. `record` puts it on the record. Returns whether the segment was
/// still in use in the end: compaction or a removal may have made another of it meanwhile. Blocks.
///
/// # Errors
/// [`Error::Archive`] if its server does not take it, or has something else under its name; [`Error::Io`], [`Error::Damaged`];
/// and what `record` returns. The segment is where it was then.
pub fn push<E: From<Error>>(
    lake: &Lake,
    segment: &Arc<Segment>,
    target: &ArchiveTarget,
    record: impl FnOnce(&Archived) -> std::result::Result<(), E>,
) -> std::result::Result<bool, E> {
    let _archiving = lake.lock_archive();
    if segment.tier() == Tier::Archive {
        return Ok(true);
    }
    let stub_path = segment.path().with_file_name(segment.name().stub());
    must_be_free(lake, &stub_path)?;
    let archived = upload(lake, segment, target)?;
    let file = segment.bytes_file()?;
    // All that reads the segment comes before the lock, and before it is on the record that it moves.
    let sums = checksum::of_blocks(segment.path(), &*file)?;
    let kept = (&segment.guiding_ranges()[..], &segment.rows_to_keep()?[..]);
    let _changing = lake.lock_segments();
    if !lake.uses(segment) {
        return Ok(false);
    }
    record(&archived)?;
    write_stub(&**lake.disk(), &stub_path, &*file, &sums, kept, archived)?;
    lake.put_in_for(Segment::open_on(lake.disk(), &stub_path)?, Retired::Archived);
    let leftover = leftover_of(segment);
    lake.disk().remove(&leftover).map_err(Error::io(&leftover))?;
    Ok(true)
}

/// That nobody reads a segment yet that had this file before and will remove it.
fn must_be_free(lake: &Lake, path: &Path) -> Result<()> {
    if !lake.is_read(path) {
        return Ok(());
    }
    let read = "a query reads it yet where it was before; ask again when that is done";
    Err(Error::io(path)(std::io::Error::new(ErrorKind::ResourceBusy, read)))
}

/// Puts the objects of a segment, and reads them back.
fn upload(lake: &Lake, segment: &Segment, target: &ArchiveTarget) -> Result<Archived> {
    segment.check_bytes()?;
    let disk = lake.disk();
    let leftover = leftover_of(segment);
    if disk.open_to_read(&leftover).is_ok() {
        // Of an earlier time that it was there.
        Leftover::read(&**disk, &leftover)?.delete_objects()?;
    }
    let file = segment.bytes_file()?;
    let name = segment.name().finished();
    let index_path = path_of(segment.path());
    let index_file = disk.open_to_read(&index_path).ok();
    let index = match &index_file {
        Some(file) => {
            let bytes = file.bytes().map_err(Error::io(&index_path))?;
            let sha256 = hash_of(&**file).map_err(Error::io(&index_path))?;
            Some(IndexObject { name: file_name(&index_path), bytes, sha256 })
        }
        None => None,
    };
    let leaves = segment.leaves();
    let manifest = Manifest {
        version: Manifest::VERSION,
        log: target.log.clone(),
        name: name.clone(),
        first_leaf: leaves.start.0,
        end_leaf: leaves.end.0,
        rows: segment.rows(),
        bytes: segment.bytes(),
        sha256: hash_of(&*file).map_err(Error::io(segment.path()))?,
        index,
    };
    let archived = Archived {
        url: target.storage.url().to_owned(),
        manifest,
        archived_at: target.now.clone(),
        locked_until: target.settings.lock.as_ref().map(|lock| lock.until.clone()),
    };
    Leftover::of(&archived).write(&**disk, segment.path())?;
    let ArchiveTarget { storage, settings, .. } = target;
    let manifest = &archived.manifest;
    if let Some(name) = claim(segment, manifest, target)? {
        disk.remove(&leftover).map_err(Error::io(&leftover))?;
        return Err(taken(storage, &name));
    }
    storage.put_file(&name, &*file, settings)?;
    if let (Some(file), Some(index)) = (&index_file, &manifest.index) {
        storage.put_file(&index.name, &**file, settings)?;
    }
    for (name, bytes, sha256) in manifest.objects() {
        if storage.read_back(name)? != Some((bytes, sha256.to_owned())) {
            return Err(taken(storage, name));
        }
        storage.lock(name, settings)?;
    }
    storage.lock(&Manifest::own_name(&name), settings)?;
    Ok(archived)
}

/// Puts the manifest of a segment into its place, so that it is known whose the objects are. Returns the name of what another
/// has there, if there is something.
fn claim(segment: &Segment, manifest: &Manifest, target: &ArchiveTarget) -> Result<Option<String>> {
    let storage = &target.storage;
    let own = Manifest::own_name(&manifest.name);
    let is_of_another = || {
        let there = storage.get(&own)?;
        Ok(there.map(|there| serde_json::from_slice::<Manifest>(&there).ok().as_ref() != Some(manifest)))
    };
    if let Some(is_of_another) = is_of_another()? {
        return Ok(is_of_another.then_some(own));
    }
    for (name, bytes, sha256) in manifest.objects() {
        if storage.read_back(name)?.is_some_and(|there| there != (bytes, sha256.to_owned())) {
            return Ok(Some(name.to_owned()));
        }
    }
    let text = serde_json::to_vec_pretty(manifest).map_err(|error| Error::io(segment.path())(error.into()))?;
    // The answer to an earlier try of this put may have been lost.
    let is_ours = storage.put_new(&own, text, &target.settings)? || is_of_another()? == Some(false);
    Ok((!is_ours).then_some(own))
}

/// Something else has the name of an object.
fn taken(storage: &Storage, name: &str) -> Error {
    let problem = "something else is there under this name: another log has this place, or it was changed; \
                   give each log a place of its own";
    storage.failed(name, std::io::Error::new(ErrorKind::AlreadyExists, problem))
}

/// Puts a segment that is in the archive on the disk again; its objects go when nobody reads them any more. `record` puts it
/// on the record. Returns whether it was still in use in the end. Blocks.
///
/// # Errors
/// [`Error::Archive`], [`Error::Io`], [`Error::Damaged`] if the object is not what was put there; and what `record` returns. The
/// segment is where it was then.
pub fn restore<E: From<Error>>(
    lake: &Lake,
    segment: &Arc<Segment>,
    record: impl FnOnce(&Archived) -> std::result::Result<(), E>,
) -> std::result::Result<bool, E> {
    let _archiving = lake.lock_archive();
    let Some(archived) = segment.archived() else { return Ok(true) };
    let path = segment.path().with_file_name(segment.name().finished());
    must_be_free(lake, &path)?;
    let unfinished = download(lake, segment, archived)?;
    let _changing = lake.lock_segments();
    let disk = lake.disk();
    if !lake.uses(segment) {
        disk.remove(&unfinished).map_err(Error::io(&unfinished))?;
        return Ok(false);
    }
    if let Err(error) = record(archived) {
        let _ = disk.remove(&unfinished);
        return Err(error);
    }
    durable::publish(&**disk, &unfinished, &path).map_err(Error::io(&path))?;
    let restored = Segment::open_on(disk, &path)?;
    if restored.index(lake.keys()).is_none() {
        lake.make_index(&restored);
    }
    lake.put_in_for(restored, Retired::Restored);
    Ok(true)
}

/// Fetches a segment's file into one that has not its name yet, durably.
fn download(lake: &Lake, segment: &Segment, archived: &Archived) -> Result<PathBuf> {
    let path = segment.path().with_file_name(segment.name().unfinished());
    let disk = lake.disk();
    let file = disk.create(&path).map_err(Error::io(&path))?;
    let (mut at, mut hash) = (0_u64, Sha256::new());
    let object = ObjectReader::new(Storage::open(&archived.url)?, archived.manifest.name.clone());
    let fetched = object.each_part(&mut |part| {
        hash.update(part);
        file.write_at(part, at).map_err(Error::io(&path))?;
        at += part.len() as u64;
        Ok(())
    });
    let checked = fetched.and_then(|()| {
        if (at, hex(hash)) == (archived.manifest.bytes, archived.manifest.sha256.clone()) {
            return file.sync().map_err(Error::io(&path));
        }
        Err(Error::damaged(segment.path(), "the object in the archive is not what was put there"))
    });
    checked.inspect_err(|_| drop(disk.remove(&path))).map(|()| path)
}

/// Deletes objects that are to go. What is in use yet stays, and all while segments move there or back.
///
/// # Errors
/// [`Error::Io`] of the directory; why an object stays is in the answer.
pub fn sweep(lake: &Lake) -> Result<Swept> {
    let mut swept = Swept::default();
    // It may wait for a server that does not answer.
    let Some(_archiving) = lake.try_lock_archive() else {
        for path in waiting(lake)? {
            let moving = "segments move to the archive or back; it is tried again";
            swept.leave(&path, Error::io(&path)(std::io::Error::new(ErrorKind::ResourceBusy, moving)));
        }
        return Ok(swept);
    };
    for stub in unused(lake)? {
        // Whoever let go of it last could not say that its objects are to go.
        if let Err(error) = Stub::open(&**lake.disk(), &stub).and_then(|open| mark(lake, &stub, &open.head.archived)) {
            swept.leave(&stub, error);
        }
    }
    for path in leftovers(lake)? {
        let disk = &**lake.disk();
        // With its stub there the objects are in use: the leftover should have gone then.
        let is_settled = disk.open_to_read(&path.with_extension("archived")).is_ok();
        let leftover = || Leftover::read(disk, &path);
        let gone = if is_settled { Ok(()) } else { leftover().and_then(|leftover| leftover.delete_objects()) };
        match gone.and_then(|()| disk.remove(&path).map_err(Error::io(&path))) {
            Ok(()) => swept.deleted += 1,
            Err(error) => swept.leave(&path, error),
        }
    }
    Ok(swept)
}

/// The segments whose objects are to go, by their files on the disk: also those that somebody reads yet.
///
/// # Errors
/// [`Error::Io`].
pub fn waiting(lake: &Lake) -> Result<Vec<PathBuf>> {
    let mut waiting = unused(lake)?;
    waiting.extend(leftovers(lake)?);
    Ok(waiting)
}

fn leftovers(lake: &Lake) -> Result<Vec<PathBuf>> {
    Ok(catalog::leftovers(&**lake.disk(), lake.dir())?.0)
}

/// The stubs of segments that are not in use any more.
fn unused(lake: &Lake) -> Result<Vec<PathBuf>> {
    let (_, mut stubs) = catalog::leftovers(&**lake.disk(), lake.dir())?;
    let segments = lake.segments();
    stubs.retain(|stub| segments.iter().all(|segment| segment.path() != stub));
    Ok(stubs)
}

/// Says that the objects of an unused stub are to go, in its place; not while somebody reads them.
fn mark(lake: &Lake, stub: &Path, archived: &Archived) -> Result<()> {
    if lake.is_read(stub) {
        let read = std::io::Error::new(ErrorKind::ResourceBusy, "somebody reads it");
        return Err(Error::Archive { url: archived.object_url(), source: read });
    }
    Leftover::of(archived).write(&**lake.disk(), stub)?;
    lake.disk().remove(stub).map_err(Error::io(stub))?;
    lake.settle(stub);
    Ok(())
}

/// Removes from the disk look-up indexes of segments in the archive, where they lie too, the oldest first, until the others
/// take no more bytes than that.
///
/// # Errors
/// [`Error::Io`].
pub fn trim_indexes(lake: &Lake, bytes_max: u64) -> Result<()> {
    let _archiving = lake.lock_archive();
    let mut bytes = 0;
    for segment in lake.segments().iter().rev() {
        if segment.archived().is_none_or(|archived| archived.manifest.index.is_none()) {
            continue;
        }
        let path = path_of(segment.path());
        let Ok(file) = lake.disk().open_to_read(&path) else { continue };
        bytes += file.bytes().map_err(Error::io(&path))?;
        if bytes > bytes_max {
            lake.disk().remove(&path).map_err(Error::io(&path))?;
        }
    }
    Ok(())
}

fn leftover_of(segment: &Segment) -> PathBuf {
    segment.path().with_extension(&LEFTOVER[1..])
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

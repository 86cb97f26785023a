//! The files `tree/<level>`: the hashes of sealed leaves, which outlive their write-ahead files.
//!
//! `tree/0` holds the leaf hashes from leaf 0 on, 32 bytes each and nothing between; `tree/1` the hashes of 256 leaves
//! each, `tree/<l>` of `256^l` (the complete hashes of the C2SP `tlog-tiles` levels: tile `N` of a level is its bytes
//! `[8192 N, 8192 (N + 1))`). They cover the leaves up to the first write-ahead file. What lies behind that is left over
//! from a release that did not finish; the next one writes the same bytes again.
//!
//! No checksum is stored: every hash is checked by the tree above it, up to the signed root.

use crate::{Error, disk::Disk, disk::DiskFile, layout::Layout};
use onrecord_evidence::{Hash, HashReader, LeafIndex, ReadError, Tree};
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

/// Bytes of a hash.
pub(crate) const HASH_BYTES: u64 = 32;
/// Levels that a tree of 2^64 leaves has.
pub(crate) const LEVELS: u8 = 8;

/// How many complete hashes of a level a tree of `size` leaves has.
pub(crate) fn complete(size: u64, level: u8) -> u64 {
    size.checked_shr(u32::from(level) * 8).unwrap_or(0)
}

/// The stored hashes.
pub(crate) struct TreeFiles {
    disk: Arc<dyn Disk>,
    layout: Layout,
    /// Opened when first needed.
    files: Mutex<[Option<Arc<dyn DiskFile>>; LEVELS as usize]>,
}

impl TreeFiles {
    pub(crate) fn new(disk: Arc<dyn Disk>, layout: Layout) -> Self {
        Self { disk, layout, files: Mutex::default() }
    }

    /// Checks that the files are long enough for the leaves before `end`.
    pub(crate) fn check_lengths(&self, end: u64) -> Result<(), Error> {
        for level in 0..LEVELS {
            let want = complete(end, level);
            if want == 0 {
                break;
            }
            let path = self.layout.tree(level);
            let len = match self.open(level) {
                Ok(file) => file.bytes().map_err(Error::io("read", &path))?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
                Err(error) => return Err(Error::io("open", path)(error)),
            };
            if len / HASH_BYTES < want {
                let leaf = LeafIndex((len / HASH_BYTES) << (u32::from(level) * 8));
                let problem = format!("it holds {} hashes, {want} are sealed", len / HASH_BYTES);
                return Err(Error::corrupt(path, leaf, problem));
            }
        }
        Ok(())
    }

    /// Writes hashes of a level from `start` on and makes them durable, but for the name of a new
    /// file.
    pub(crate) fn write(&self, level: u8, start: u64, hashes: &[Hash]) -> Result<(), Error> {
        let path = self.layout.tree(level);
        let file = match self.open(level) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = Arc::from(self.disk.create(&path).map_err(Error::io("create", &path))?);
                self.files.lock().unwrap_or_else(PoisonError::into_inner)[usize::from(level)] = Some(Arc::clone(&file));
                file
            }
            Err(error) => return Err(Error::io("open", path)(error)),
        };
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        let end = (start + hashes.len() as u64) * HASH_BYTES;
        file.write_at(&bytes, start * HASH_BYTES)
            .and_then(|()| file.set_len(end))
            .map_err(Error::io("write", &path))?;
        file.sync().map_err(Error::io("sync", &path))
    }

    pub(crate) fn open(&self, level: u8) -> io::Result<Arc<dyn DiskFile>> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = files.get_mut(usize::from(level)) else { return Err(io::ErrorKind::NotFound.into()) };
        if let Some(file) = slot {
            return Ok(Arc::clone(file));
        }
        let file: Arc<dyn DiskFile> = Arc::from(self.disk.open(&self.layout.tree(level))?);
        Ok(Arc::clone(slot.insert(file)))
    }
}

impl HashReader for TreeFiles {
    fn read(&self, level: u8, start: u64, out: &mut [Hash]) -> Result<(), ReadError> {
        let missing = || ReadError::Missing { level, start, end: start.saturating_add(out.len() as u64) };
        let mut bytes = vec![0; out.len() * HASH_BYTES as usize];
        let read = self.open(level).and_then(|file| file.read_at(&mut bytes, start * HASH_BYTES));
        match read {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => {
                return Err(missing());
            }
            Err(error) => return Err(error.into()),
        }
        for (hash, bytes) in out.iter_mut().zip(bytes.chunks_exact(HASH_BYTES as usize)) {
            hash.0.copy_from_slice(bytes);
        }
        Ok(())
    }
}

/// All hashes of the tree: of sealed leaves from the files, of the others from memory.
pub(crate) struct AllHashes<'a> {
    pub(crate) files: &'a TreeFiles,
    pub(crate) tree: &'a Tree,
    /// Leaves before this are in the files.
    pub(crate) sealed: u64,
}

impl HashReader for AllHashes<'_> {
    fn read(&self, level: u8, start: u64, out: &mut [Hash]) -> Result<(), ReadError> {
        let boundary = complete(self.sealed, level);
        let stored = usize::try_from(boundary.saturating_sub(start)).unwrap_or(usize::MAX).min(out.len());
        let (stored, fresh) = out.split_at_mut(stored);
        if !stored.is_empty() {
            self.files.read(level, start, stored)?;
        }
        if fresh.is_empty() { Ok(()) } else { self.tree.read(level, start + stored.len() as u64, fresh) }
    }
}

//! Checks all that the ledger keeps in a directory, changing nothing, and names every place where something is wrong.
//!
//! More than opening does: every stored hash is computed again from those below it, bytes behind the end of anything are
//! looked at, ids are compared. Whether segments hold what the leaf hashes stand for is for the lake to check, with
//! [`Verified::leaf_hashes`]; whether an earlier checkpoint still holds, with [`Verified::root_of`].

use crate::{
    Committed, Disk, Error,
    layout::Layout,
    open,
    replay::{Found, Image, find},
    tree_file::{AllHashes, HASH_BYTES, LEVELS, TreeFiles, complete},
    wal,
};
use onrecord_evidence::{Hash, HashReader, LeafIndex, ReadError, Tree, TreeSize, Verifier, node_hash, root_of};
use std::{io, num::NonZero, path::Path, path::PathBuf, sync::Arc, thread};

/// Something is wrong here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, or the directory when no one file can be blamed.
    pub file: PathBuf,
    /// The first leaf that is concerned, where one can be named.
    pub leaf: Option<LeafIndex>,
    /// What is wrong.
    pub problem: String,
}

/// What was found.
pub struct Verified {
    /// Leaves that are there. When the write-ahead files are damaged, only those before the first of them.
    pub size: TreeSize,
    /// Leaves before this are in segments, not in write-ahead files.
    pub sealed: LeafIndex,
    /// The newest signed checkpoint, when all is well with it.
    pub checkpoint: Option<String>,
    /// The entries of the write-ahead files, by commit, oldest first.
    pub unsealed: Vec<Committed>,
    /// What is wrong; empty when nothing is.
    pub problems: Vec<Problem>,
    tree: Tree,
    files: TreeFiles,
}

/// Hashes of a parent level whose children are read at once: 8 MiB of them.
const PARENTS_PER_READ: u64 = 1024;
const CHILDREN: u64 = 256;

/// Checks a directory that no other process has open. On a read-only disk it is taken that none has.
///
/// # Errors
/// [`Error::Locked`], [`Error::Absent`], [`Error::Io`]: nothing can be said then. What is wrong with the ledger is not an
/// error but a [`Problem`].
pub fn directory(dir: &Path, key: &Verifier, disk: Arc<dyn Disk>) -> Result<Verified, Error> {
    let layout = Layout::new(dir);
    let _lock = match open::lock_existing(&layout, &*disk) {
        Err(Error::Io { .. }) => None,
        lock => Some(lock?),
    };
    WalImage::read(dir, disk)?.check(key)
}

/// What changes with every commit, as it is at one moment: the write-ahead files and the checkpoint.
///
/// How a directory is checked that this process has open: [`WalImage::read`] inside [`crate::Ledger::with_writer_paused`], which
/// is short, then [`WalImage::check`] outside, while appends go on. From the reading until the last use of what was
/// found nothing may be released.
pub struct WalImage {
    disk: Arc<dyn Disk>,
    layout: Layout,
    image: Image,
}

impl WalImage {
    /// Reads the files, without looking at what is in them.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Io`].
    pub fn read(dir: &Path, disk: Arc<dyn Disk>) -> Result<Self, Error> {
        let layout = Layout::new(dir);
        let image = Image::read(&*disk, &layout)?;
        Ok(Self { disk, layout, image })
    }

    /// Checks them, and the stored hashes before them.
    ///
    /// # Errors
    /// [`Error::Io`]. What is wrong with the ledger is not an error but a [`Problem`].
    pub fn check(self, key: &Verifier) -> Result<Verified, Error> {
        let Self { disk, layout, image } = self;
        let files = TreeFiles::new(Arc::clone(&disk), layout.clone());
        let mut problems = Vec::new();
        let found = match find(&image, &layout, key, &files) {
            Ok(found) => {
                check_found(&found, &layout, &mut problems);
                Some(found)
            }
            Err(error) => {
                problems.push(as_problem(error, &layout)?);
                None
            }
        };
        let sealed = image.sealed().unwrap_or(0);
        for level in 0..LEVELS {
            check_level(&files, &layout, level, sealed, &mut problems)?;
            check_behind(&files, &layout, level, sealed, found.as_ref(), &mut problems)?;
        }
        check_names(&*disk, &layout, &mut problems)?;
        let checkpoint = found.as_ref().map(|found| found.checkpoint.clone());
        let (tree, size, unsealed) = found.map_or((Tree::new(), TreeSize(sealed), Vec::new()), |found| {
            let size = found.tree.size();
            (found.tree, size, found.batches)
        });
        Ok(Verified { size, sealed: LeafIndex(sealed), checkpoint, unsealed, problems, tree, files })
    }
}

impl Verified {
    /// The root of the tree of the first `size` leaves, from the stored hashes. To be compared with an earlier
    /// checkpoint: when they agree, nothing up to it was changed or cut off.
    ///
    /// # Errors
    /// When there are fewer leaves, or the stored hashes cannot be read.
    pub fn root_of(&self, size: TreeSize) -> Result<Hash, ReadError> {
        root_of(size, &self.all())
    }

    /// The leaf hashes of `count` leaves from `first` on.
    ///
    /// # Errors
    /// When they are not all there, or cannot be read.
    pub fn leaf_hashes(&self, first: LeafIndex, count: usize) -> Result<Vec<Hash>, ReadError> {
        let mut hashes = vec![Hash::default(); count];
        self.all().read(0, first.0, &mut hashes)?;
        Ok(hashes)
    }

    fn all(&self) -> AllHashes<'_> {
        AllHashes { files: &self.files, tree: &self.tree, sealed: self.sealed.0 }
    }
}

/// Damage is what was looked for; everything else keeps from looking.
fn as_problem(error: Error, layout: &Layout) -> Result<Problem, Error> {
    match error {
        Error::Corrupt { file, leaf, problem } => Ok(Problem { file, leaf, problem }),
        Error::Key { file, source } => Ok(Problem { file, leaf: None, problem: source.to_string() }),
        Error::Read(error) => Ok(Problem { file: layout.tree_dir(), leaf: None, problem: error.to_string() }),
        error => Err(error),
    }
}

/// What opening repairs or lets pass.
fn check_found(found: &Found, layout: &Layout, problems: &mut Vec<Problem>) {
    if let Some(torn) = &found.torn {
        let problem = format!("{} bytes at its end are no entries: {}", torn.bytes, torn.flaw.problem);
        problems.push(Problem { file: torn.path.clone(), leaf: Some(LeafIndex(found.tree.size().0)), problem });
    }
    if let Some(flaw) = found.slot_flaw {
        problems.push(Problem { file: layout.checkpoint(), leaf: None, problem: flaw.to_owned() });
    }
    for &(leaf, earlier) in &found.repeated {
        let problem = format!("its entry has the id of leaf {earlier}");
        problems.push(Problem { file: layout.wal_dir(), leaf: Some(LeafIndex(leaf)), problem });
    }
}

/// Computes the hashes of the next level again from those of this one.
fn check_level(
    files: &TreeFiles,
    layout: &Layout,
    level: u8,
    sealed: u64,
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    let parents = complete(sealed, level + 1);
    for start in (0..parents).step_by(PARENTS_PER_READ as usize) {
        let count = PARENTS_PER_READ.min(parents - start);
        let mut expect = vec![Hash::default(); count as usize];
        let mut hashes = vec![Hash::default(); (count * CHILDREN) as usize];
        let read =
            files.read(level + 1, start, &mut expect).and_then(|()| files.read(level, start * CHILDREN, &mut hashes));
        match read {
            Ok(()) => {}
            // Too short a file is named already.
            Err(ReadError::Missing { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let computed = roots(&hashes);
        for (place, _) in computed.iter().zip(&expect).enumerate().filter(|(_, (computed, expect))| computed != expect)
        {
            let parent = start + place as u64;
            let leaf = LeafIndex(parent << (u32::from(level + 1) * 8));
            let problem = format!("tile {parent} does not lead to its hash in {}", layout.tree(level + 1).display());
            problems.push(Problem { file: layout.tree(level), leaf: Some(leaf), problem });
        }
    }
    Ok(())
}

/// The root of every 256 hashes, on all cores.
fn roots(hashes: &[Hash]) -> Vec<Hash> {
    let tiles = hashes.len().div_ceil(CHILDREN as usize);
    let per_thread = tiles.div_ceil(thread::available_parallelism().map_or(1, NonZero::get)).max(1) * CHILDREN as usize;
    let work = |part: &[Hash]| part.chunks(CHILDREN as usize).map(root).collect::<Vec<_>>();
    if tiles < 64 {
        return work(hashes);
    }
    thread::scope(|scope| {
        let handles: Vec<_> = hashes.chunks(per_thread).map(|part| scope.spawn(move || work(part))).collect();
        let join = |handle: thread::ScopedJoinHandle<'_, Vec<Hash>>| match handle.join() {
            Ok(roots) => roots,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        handles.into_iter().flat_map(join).collect()
    })
}

fn root(tile: &[Hash]) -> Hash {
    let mut row = tile.to_vec();
    while row.len() > 1 {
        row = row.chunks(2).map(|pair| node_hash(pair[0], pair[pair.len() - 1])).collect();
    }
    row[0]
}

/// What lies in a file behind the sealed leaves is left from a release that did not finish, and must be right as well.
fn check_behind(
    files: &TreeFiles,
    layout: &Layout,
    level: u8,
    sealed: u64,
    found: Option<&Found>,
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    let path = layout.tree(level);
    let file = match files.open(level) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("open", path)(error)),
    };
    let end = file.bytes().map_err(Error::io("read", &path))?;
    let start = complete(sealed, level);
    let mut piece = [0; (CHILDREN * HASH_BYTES) as usize];
    for offset in (start * HASH_BYTES..end).step_by(piece.len()) {
        let piece = &mut piece[..(end - offset).min(CHILDREN * HASH_BYTES) as usize];
        file.read_at(piece, offset).map_err(Error::io("read", &path))?;
        let hashes = offset / HASH_BYTES..(offset + piece.len() as u64).div_ceil(HASH_BYTES);
        let expect = found.and_then(|found| found.tree.tile_hashes(level, hashes)).unwrap_or_default();
        if !expect.iter().flat_map(|hash| hash.0).take(piece.len()).eq(piece.iter().copied()) {
            let leaf = Some(LeafIndex(start << (u32::from(level) * 8)));
            let problem =
                format!("{} bytes at its end are no hashes of leaves that are there", end - start * HASH_BYTES);
            problems.push(Problem { file: path, leaf, problem });
            break;
        }
    }
    Ok(())
}

/// Files that the ledger did not make are not looked into, and so must not be there.
fn check_names(disk: &dyn Disk, layout: &Layout, problems: &mut Vec<Problem>) -> Result<(), Error> {
    let is_level = |name: &str| (0..LEVELS).any(|level| level.to_string() == name);
    let is_wal = |name: &str| wal::first_leaf(name).is_some();
    for (dir, is_ours) in [(layout.tree_dir(), &is_level as &dyn Fn(&str) -> bool), (layout.wal_dir(), &is_wal)] {
        let names = disk.list(&dir).map_err(Error::io("list", &dir))?;
        for name in names.iter().filter(|name| !is_ours(name)) {
            problems.push(Problem { file: dir.join(name), leaf: None, problem: "not a file of the ledger".to_owned() });
        }
    }
    Ok(())
}

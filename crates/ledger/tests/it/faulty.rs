//! A disk in memory that fails at a chosen operation and loses what was not synced when its power is cut.
//!
//! A file has what the process sees and what the device has. A write changes the first; a sync brings both together. When
//! a sync fails, what it should have brought over stays visible and counts as written, as kernels do it: only
//! `forget_cached` or a power cut shows the truth. Names of files are durable after `sync_dir`, in order, as long as
//! those of their directories are.

use bytes::Bytes;
use onrecord_ledger::disk::{Disk, DiskFile, Lock, LockError};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// How an operation goes wrong. All but the first report an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The power goes: this and every later operation fails without effect, until `power_on`.
    PowerCut,
    /// The power goes while the operation has half happened.
    PowerCutInside,
    /// It fails without effect.
    Before,
    /// It fails half done: a write is torn, a sync brings some of it to the device.
    Inside,
    /// It happens, but is reported as failed.
    After,
}

pub(crate) const FAULTS: [Fault; 5] =
    [Fault::PowerCut, Fault::PowerCutInside, Fault::Before, Fault::Inside, Fault::After];

#[derive(Clone, Default)]
pub(crate) struct FaultyDisk(Arc<Mutex<World>>);

#[derive(Default)]
struct World {
    names: BTreeMap<PathBuf, usize>,
    /// What a power cut leaves of `names`, but for `renamings`.
    durable_names: BTreeMap<PathBuf, usize>,
    renamings: Vec<Naming>,
    /// Directories that were made, and whether their own names are durable. A power cut takes one that is not, with all
    /// that is in it.
    dirs: BTreeMap<PathBuf, bool>,
    files: Vec<Content>,
    operations: u64,
    fault: Option<(u64, Fault)>,
    is_off: bool,
    is_locked: bool,
    /// Bytes that all files may have together.
    capacity: Option<u64>,
    cannot_reserve: bool,
    dice: Dice,
}

#[derive(Clone)]
enum Naming {
    Is(PathBuf, usize),
    IsNot(PathBuf),
}

#[derive(Clone, Default)]
struct Content {
    seen: Vec<u8>,
    device: Vec<u8>,
    unsynced: Vec<Change>,
    reserved: u64,
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

/// Small random numbers from a seed (SplitMix64).
#[derive(Clone, Copy, Default)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end.max(1) as u64) as usize
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(offset, new) => {
            let end = offset + new.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*offset..end].copy_from_slice(new);
        }
        Change::Cut(len) => bytes.resize(*len, 0),
    }
}

impl Content {
    fn change(&mut self, change: Change) {
        apply(&mut self.seen, &change);
        self.unsynced.push(change);
    }

    /// The device gets each pending change, a part of it, or none of it; torn at any byte.
    fn half_sync(&mut self, dice: &mut Dice) {
        for change in std::mem::take(&mut self.unsynced) {
            match (dice.below(3), change) {
                (0, change) => apply(&mut self.device, &change),
                (1, Change::Write(offset, mut bytes)) => {
                    bytes.truncate(dice.below(bytes.len() + 1));
                    apply(&mut self.device, &Change::Write(offset, bytes));
                }
                _ => {}
            }
        }
    }
}

impl World {
    fn fail(&mut self) -> io::Error {
        io::Error::other("the disk failed on purpose")
    }

    /// Counts an operation. `Ok(None)`: go on. `Ok(Some(fault))`: do what the fault says and report an error.
    fn begin(&mut self) -> io::Result<Option<Fault>> {
        if self.is_off {
            return Err(self.fail());
        }
        let number = self.operations;
        self.operations += 1;
        let Some((_, fault)) = self.fault.filter(|&(at, _)| at == number) else { return Ok(None) };
        self.is_off = matches!(fault, Fault::PowerCut | Fault::PowerCutInside);
        if matches!(fault, Fault::PowerCut | Fault::Before) { Err(self.fail()) } else { Ok(Some(fault)) }
    }

    fn end<T>(&mut self, fault: Option<Fault>, value: T) -> io::Result<T> {
        if fault.is_some() { Err(self.fail()) } else { Ok(value) }
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn name(&mut self, naming: Naming) {
        World::apply_name(&mut self.names, &naming);
        self.renamings.push(naming);
    }

    fn apply_name(names: &mut BTreeMap<PathBuf, usize>, naming: &Naming) {
        match naming {
            Naming::Is(path, file) => names.insert(path.clone(), *file),
            Naming::IsNot(path) => names.remove(path),
        };
    }

    fn used(&self) -> u64 {
        self.names.values().map(|&file| (self.files[file].seen.len() as u64).max(self.files[file].reserved)).sum()
    }
}

impl FaultyDisk {
    fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    pub(crate) fn new(seed: u64) -> Self {
        let disk = Self::default();
        disk.world(|world| world.dice = Dice(seed));
        disk
    }

    /// The operation with this number, counted from 0, goes wrong.
    pub(crate) fn fail_at(&self, number: u64, fault: Fault) {
        self.world(|world| world.fault = Some((number, fault)));
    }

    pub(crate) fn operations(&self) -> u64 {
        self.world(|world| world.operations)
    }

    /// Nothing works any more, as for a process that was killed.
    pub(crate) fn stop(&self) {
        self.world(|world| world.is_off = true);
    }

    /// Whether `stop` or a power cut came.
    pub(crate) fn is_off(&self) -> bool {
        self.world(|world| world.is_off)
    }

    /// The process was killed, the machine went on: what was written is seen, synced or not. A fault that is to come
    /// still comes.
    pub(crate) fn restart_process(&self) {
        self.world(|world| world.is_off = false);
    }

    /// No fault will come.
    pub(crate) fn repair(&self) {
        self.world(|world| world.fault = None);
    }

    /// The machine went down: what was not synced is there, or half there, or not.
    pub(crate) fn restart_machine(&self) {
        self.world(|world| {
            (world.is_off, world.fault) = (false, None);
            let mut dice = world.dice;
            let kept = dice.below(world.renamings.len() + 1);
            for naming in world.renamings.drain(..).take(kept) {
                World::apply_name(&mut world.durable_names, &naming);
            }
            let lost: Vec<PathBuf> =
                world.dirs.iter().filter(|(_, durable)| !**durable).map(|(dir, _)| dir.clone()).collect();
            let is_lost = |path: &Path| lost.iter().any(|dir| path.starts_with(dir));
            world.durable_names.retain(|path, _| !is_lost(path));
            world.dirs.retain(|dir, _| !is_lost(dir));
            world.names = world.durable_names.clone();
            for file in &mut world.files {
                file.half_sync(&mut dice);
                file.seen = file.device.clone();
                file.reserved = 0;
            }
            world.dice = dice;
        });
    }

    pub(crate) fn set_capacity(&self, bytes: Option<u64>, cannot_reserve: bool) {
        self.world(|world| (world.capacity, world.cannot_reserve) = (bytes, cannot_reserve));
    }

    pub(crate) fn used(&self) -> u64 {
        self.world(|world| world.used())
    }

    /// All files and what is seen in them.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        self.world(|world| {
            world.names.iter().map(|(path, &file)| (path.clone(), world.files[file].seen.clone())).collect()
        })
    }

    /// A disk with exactly these files, all durable.
    pub(crate) fn with_files(files: &BTreeMap<PathBuf, Vec<u8>>) -> Self {
        let disk = Self::default();
        disk.world(|world| {
            for (path, bytes) in files {
                world.names.insert(path.clone(), world.files.len());
                let (seen, device) = (bytes.clone(), bytes.clone());
                world.files.push(Content { seen, device, ..Content::default() });
            }
            world.durable_names = world.names.clone();
        });
        disk
    }
}

impl Disk for FaultyDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.world(|world| {
            let fault = world.begin()?;
            for dir in dir.ancestors().filter(|dir| dir.parent().is_some()) {
                world.dirs.entry(dir.to_owned()).or_insert(false);
            }
            world.end(fault, ())
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.world(|world| {
            let fault = world.begin()?;
            let here = world.names.keys().filter(|path| path.parent() == Some(dir));
            let names = here.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
            world.end(fault, names)
        })
    }

    fn read(&self, path: &Path) -> io::Result<Bytes> {
        self.world(|world| {
            let fault = world.begin()?;
            let file = world.file(path)?;
            let bytes = Bytes::copy_from_slice(&world.files[file].seen);
            world.end(fault, bytes)
        })
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.world(|world| {
            let fault = world.begin()?;
            let file = world.file(path)?;
            world.end(fault, Box::new(FaultyFile(self.clone(), file)) as _)
        })
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.world(|world| {
            let fault = world.begin()?;
            let file = match world.file(path) {
                Ok(file) => {
                    world.files[file].change(Change::Cut(0));
                    file
                }
                Err(_) => {
                    world.files.push(Content::default());
                    let file = world.files.len() - 1;
                    world.name(Naming::Is(path.to_owned(), file));
                    file
                }
            };
            world.end(fault, Box::new(FaultyFile(self.clone(), file)) as _)
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.world(|world| {
            let fault = world.begin()?;
            world.file(path)?;
            world.name(Naming::IsNot(path.to_owned()));
            world.end(fault, ())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.world(|world| {
            let fault = world.begin()?;
            let file = world.file(from)?;
            world.name(Naming::Is(to.to_owned(), file));
            world.name(Naming::IsNot(from.to_owned()));
            world.end(fault, ())
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.world(|world| {
            let fault = world.begin()?;
            let mut left = Vec::new();
            let mut dice = world.dice;
            for naming in std::mem::take(&mut world.renamings) {
                let (Naming::Is(path, _) | Naming::IsNot(path)) = &naming;
                let is_half = matches!(fault, Some(Fault::Inside | Fault::PowerCutInside));
                if path.parent() != Some(dir) || is_half && dice.below(2) == 0 {
                    left.push(naming);
                } else {
                    World::apply_name(&mut world.durable_names, &naming);
                }
            }
            let is_whole = matches!(fault, None | Some(Fault::After));
            for (_, durable) in world.dirs.iter_mut().filter(|(made, _)| made.parent() == Some(dir)) {
                *durable |= is_whole || dice.below(2) == 0;
            }
            (world.renamings, world.dice) = (left, dice);
            world.end(fault, ())
        })
    }

    fn lock(&self, _: &Path) -> Result<Box<dyn Lock>, LockError> {
        self.world(|world| {
            let fault = world.begin().map_err(LockError::Io)?;
            if world.is_locked {
                return Err(LockError::Held { pid: Some(42) });
            }
            world.end(fault, ()).map_err(LockError::Io)?;
            world.is_locked = true;
            Ok(Box::new(FaultyLock(self.clone())) as _)
        })
    }
}

struct FaultyLock(FaultyDisk);

impl Lock for FaultyLock {}

impl Drop for FaultyLock {
    fn drop(&mut self) {
        self.0.world(|world| world.is_locked = false);
    }
}

struct FaultyFile(FaultyDisk, usize);

impl DiskFile for FaultyFile {
    fn bytes(&self) -> io::Result<u64> {
        self.0.world(|world| {
            let fault = world.begin()?;
            let len = world.files[self.1].seen.len() as u64;
            world.end(fault, len)
        })
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.world(|world| {
            let fault = world.begin()?;
            let start = offset as usize;
            let bytes = world.files[self.1].seen.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
            out.copy_from_slice(bytes);
            world.end(fault, ())
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.world(|world| {
            let fault = world.begin()?;
            let mut bytes = bytes.to_vec();
            if matches!(fault, Some(Fault::Inside | Fault::PowerCutInside)) {
                let mut dice = world.dice;
                bytes.truncate(dice.below(bytes.len() + 1));
                world.dice = dice;
            }
            let end = offset + bytes.len() as u64;
            let file = &world.files[self.1];
            let held = (file.seen.len() as u64).max(file.reserved);
            let room = world.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(world.used() - held));
            if end > room {
                bytes.truncate(room.saturating_sub(offset) as usize);
                world.files[self.1].change(Change::Write(offset as usize, bytes));
                return Err(io::ErrorKind::StorageFull.into());
            }
            world.files[self.1].change(Change::Write(offset as usize, bytes));
            world.end(fault, ())
        })
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.0.world(|world| {
            let fault = world.begin()?;
            world.files[self.1].change(Change::Cut(bytes as usize));
            world.files[self.1].reserved = 0;
            world.end(fault, ())
        })
    }

    fn reserve(&self, from: u64, to: u64) -> io::Result<()> {
        self.0.world(|world| {
            let fault = world.begin()?;
            if world.cannot_reserve {
                return Err(io::ErrorKind::Unsupported.into());
            }
            if from >= to {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            let file = &world.files[self.1];
            let held = (file.seen.len() as u64).max(file.reserved);
            if world.capacity.is_some_and(|capacity| world.used() - held + to > capacity) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            world.files[self.1].reserved = to.max(held);
            world.end(fault, ())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.0.world(|world| {
            let fault = world.begin()?;
            let mut dice = world.dice;
            let file = &mut world.files[self.1];
            match fault {
                // Not all that is seen: what an earlier sync failed to bring over counts as written.
                None | Some(Fault::After) => {
                    std::mem::take(&mut file.unsynced).iter().for_each(|change| apply(&mut file.device, change));
                }
                _ => file.half_sync(&mut dice),
            }
            world.dice = dice;
            world.end(fault, ())
        })
    }

    fn forget_cached(&self) -> io::Result<()> {
        self.0.world(|world| {
            let fault = world.begin()?;
            let file = &mut world.files[self.1];
            let mut seen = file.device.clone();
            file.unsynced.iter().for_each(|change| apply(&mut seen, change));
            file.seen = seen;
            world.end(fault, ())
        })
    }
}

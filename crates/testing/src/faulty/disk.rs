//! The operations, as the ledger asks for them. Each is counted, and goes wrong when it is its turn.

use super::world::{Change, Content, Naming, World, apply};
use super::{Fault, FaultyDisk};
use bytes::Bytes;
use onrecord_ledger::disk::{Disk, DiskFile, Lock, LockError};
use std::io;
use std::ops::Range;
use std::path::Path;

impl Disk for FaultyDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.world(|world| {
            let fault = world.begin_change()?;
            for dir in dir.ancestors().filter(|dir| dir.parent().is_some()) {
                world.dirs.entry(dir.to_owned()).or_insert(false);
            }
            world.end(fault, ())
        })
    }

    fn create_private_dir(&self, dir: &Path) -> io::Result<()> {
        self.create_dir(dir)
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

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.open(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.world(|world| {
            let fault = world.begin_change()?;
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

    fn create_private(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.create(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.world(|world| {
            let fault = world.begin_change()?;
            world.file(path)?;
            world.name(Naming::IsNot(path.to_owned()));
            world.end(fault, ())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.world(|world| {
            let fault = world.begin_change()?;
            let file = world.file(from)?;
            world.name(Naming::Is(to.to_owned(), file));
            world.name(Naming::IsNot(from.to_owned()));
            world.end(fault, ())
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.world(|world| {
            let fault = world.begin_change()?;
            let mut left = Vec::new();
            let mut random = world.random;
            for naming in std::mem::take(&mut world.renamings) {
                let (Naming::Is(path, _) | Naming::IsNot(path)) = &naming;
                let is_half = matches!(fault, Some(Fault::Inside | Fault::PowerCutInside));
                if path.parent() != Some(dir) || is_half && random.place(2) == 0 {
                    left.push(naming);
                } else {
                    World::apply_name(&mut world.durable_names, &naming);
                }
            }
            let is_whole = matches!(fault, None | Some(Fault::After));
            for (_, durable) in world.dirs.iter_mut().filter(|(made, _)| made.parent() == Some(dir)) {
                *durable |= is_whole || random.place(2) == 0;
            }
            (world.renamings, world.random) = (left, random);
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
            let fault = world.begin_change()?;
            let mut bytes = bytes.to_vec();
            if matches!(fault, Some(Fault::Inside | Fault::PowerCutInside)) {
                let mut random = world.random;
                bytes.truncate(random.place(bytes.len() + 1));
                world.random = random;
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
            let fault = world.begin_change()?;
            world.files[self.1].change(Change::Cut(bytes as usize));
            world.files[self.1].reserved = 0;
            world.end(fault, ())
        })
    }

    fn reserve(&self, from: u64, to: u64) -> io::Result<()> {
        self.0.world(|world| {
            let fault = world.begin_change()?;
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
            let fault = world.begin_change()?;
            let mut random = world.random;
            let file = &mut world.files[self.1];
            match fault {
                // Not all that is seen: what an earlier sync failed to bring over counts as written.
                None | Some(Fault::After) => {
                    std::mem::take(&mut file.unsynced).iter().for_each(|change| apply(&mut file.device, change));
                }
                _ => file.half_sync(&mut random),
            }
            world.random = random;
            world.end(fault, ())
        })
    }

    fn will_need(&self, _: Range<u64>) {}

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

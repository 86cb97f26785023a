//! A disk in memory that fails at a chosen operation and loses what was not synced when its power is cut.
//!
//! A file has what the process sees and what the device has. A write changes the first; a sync brings both together. When
//! a sync fails, what it should have brought over stays visible and counts as written, as kernels do it: only
//! `forget_cached` or a power cut shows the truth. Names of files are durable after `sync_dir`, in order, as long as
//! those of their directories are.

mod disk;
mod world;

use crate::random::Random;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use world::{Content, World};

/// How an operation goes wrong. All but the first report an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
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

/// Every way to go wrong.
pub const FAULTS: [Fault; 5] = [Fault::PowerCut, Fault::PowerCutInside, Fault::Before, Fault::Inside, Fault::After];

/// The disk; a clone is the same one.
#[derive(Clone, Default)]
pub struct FaultyDisk(Arc<Mutex<World>>);

impl FaultyDisk {
    fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    /// An empty disk. The seed decides what is left of what was half done.
    pub fn new(seed: u64) -> Self {
        let disk = Self::default();
        disk.world(|world| world.random = Random::new(seed));
        disk
    }

    /// The operation with this number, counted from 0, goes wrong.
    pub fn fail_at(&self, number: u64, fault: Fault) {
        self.world(|world| world.fault = Some((number, fault)));
    }

    /// Of the operations that change something, that with this number, counted from 0, goes wrong.
    pub fn fail_at_change(&self, number: u64, fault: Fault) {
        self.world(|world| world.fault_of_change = Some((number, fault)));
    }

    /// How many operations changed something, or tried to.
    pub fn changes(&self) -> u64 {
        self.world(|world| world.changes)
    }

    /// How many operations there were.
    pub fn operations(&self) -> u64 {
        self.world(|world| world.operations)
    }

    /// Nothing works any more, as for a process that was killed.
    pub fn stop(&self) {
        self.world(|world| world.is_off = true);
    }

    /// Whether `stop` or a power cut came.
    pub fn is_off(&self) -> bool {
        self.world(|world| world.is_off)
    }

    /// The process was killed, the machine went on: what was written is seen, synced or not. A fault that is to come
    /// still comes.
    pub fn restart_process(&self) {
        self.world(|world| world.is_off = false);
    }

    /// No fault will come.
    pub fn repair(&self) {
        self.world(|world| (world.fault, world.fault_of_change) = (None, None));
    }

    /// The machine went down: what was not synced is there, or half there, or not.
    pub fn restart_machine(&self) {
        self.world(|world| {
            (world.is_off, world.fault, world.fault_of_change) = (false, None, None);
            let mut random = world.random;
            let kept = random.place(world.renamings.len() + 1);
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
                file.half_sync(&mut random);
                file.seen = file.device.clone();
                file.reserved = 0;
            }
            world.random = random;
        });
    }

    /// How many bytes all files may have together, and whether room can be reserved.
    pub fn set_capacity(&self, bytes: Option<u64>, cannot_reserve: bool) {
        self.world(|world| (world.capacity, world.cannot_reserve) = (bytes, cannot_reserve));
    }

    /// Bytes that all files have together, reserved ones too.
    pub fn used(&self) -> u64 {
        self.world(|world| world.used())
    }

    /// All files and what is seen in them.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        self.world(|world| {
            world.names.iter().map(|(path, &file)| (path.clone(), world.files[file].seen.clone())).collect()
        })
    }

    /// A disk with exactly these files and their directories, all durable.
    pub fn with_files(files: &BTreeMap<PathBuf, Vec<u8>>) -> Self {
        let disk = Self::default();
        disk.world(|world| {
            for (path, bytes) in files {
                let dirs = path.ancestors().skip(1).filter(|dir| dir.parent().is_some());
                world.dirs.extend(dirs.map(|dir| (dir.to_owned(), true)));
                world.names.insert(path.clone(), world.files.len());
                let (seen, device) = (bytes.clone(), bytes.clone());
                world.files.push(Content { seen, device, ..Content::default() });
            }
            world.durable_names = world.names.clone();
        });
        disk
    }
}

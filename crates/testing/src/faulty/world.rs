//! What is seen, what the device has, and what is on its way from the one to the other.

use super::Fault;
use crate::random::Random;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Default)]
pub(super) struct World {
    pub(super) names: BTreeMap<PathBuf, usize>,
    /// What a power cut leaves of `names`, but for `renamings`.
    pub(super) durable_names: BTreeMap<PathBuf, usize>,
    pub(super) renamings: Vec<Naming>,
    /// Directories that were made, and whether their own names are durable. A power cut takes one that is not, with all
    /// that is in it.
    pub(super) dirs: BTreeMap<PathBuf, bool>,
    pub(super) files: Vec<Content>,
    pub(super) operations: u64,
    pub(super) fault: Option<(u64, Fault)>,
    /// Of the operations, those that change something.
    pub(super) changes: u64,
    pub(super) fault_of_change: Option<(u64, Fault)>,
    pub(super) is_off: bool,
    pub(super) is_locked: bool,
    /// Bytes that all files may have together.
    pub(super) capacity: Option<u64>,
    pub(super) cannot_reserve: bool,
    pub(super) random: Random,
}

#[derive(Clone)]
pub(super) enum Naming {
    Is(PathBuf, usize),
    IsNot(PathBuf),
}

#[derive(Clone, Default)]
pub(super) struct Content {
    pub(super) seen: Vec<u8>,
    pub(super) device: Vec<u8>,
    pub(super) unsynced: Vec<Change>,
    pub(super) reserved: u64,
}

#[derive(Clone)]
pub(super) enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

pub(super) fn apply(bytes: &mut Vec<u8>, change: &Change) {
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
    pub(super) fn change(&mut self, change: Change) {
        apply(&mut self.seen, &change);
        self.unsynced.push(change);
    }

    /// The device gets each pending change, a part of it, or none of it; torn at any byte.
    pub(super) fn half_sync(&mut self, random: &mut Random) {
        for change in std::mem::take(&mut self.unsynced) {
            match (random.place(3), change) {
                (0, change) => apply(&mut self.device, &change),
                (1, Change::Write(offset, mut bytes)) => {
                    bytes.truncate(random.place(bytes.len() + 1));
                    apply(&mut self.device, &Change::Write(offset, bytes));
                }
                _ => {}
            }
        }
    }
}

impl World {
    pub(super) fn fail(&mut self) -> io::Error {
        io::Error::other("the disk failed on purpose")
    }

    /// Counts an operation. `Ok(None)`: go on. `Ok(Some(fault))`: do what the fault says and report an error.
    pub(super) fn begin(&mut self) -> io::Result<Option<Fault>> {
        if self.is_off {
            return Err(self.fail());
        }
        let number = self.operations;
        self.operations += 1;
        let Some((_, fault)) = self.fault.filter(|&(at, _)| at == number) else { return Ok(None) };
        self.is_off = matches!(fault, Fault::PowerCut | Fault::PowerCutInside);
        if matches!(fault, Fault::PowerCut | Fault::Before) { Err(self.fail()) } else { Ok(Some(fault)) }
    }

    /// As `begin`, of an operation that changes something.
    pub(super) fn begin_change(&mut self) -> io::Result<Option<Fault>> {
        if !self.is_off {
            let number = self.changes;
            self.changes += 1;
            if let Some((_, fault)) = self.fault_of_change.take_if(|(at, _)| *at == number) {
                self.fault = Some((self.operations, fault));
            }
        }
        self.begin()
    }

    pub(super) fn end<T>(&mut self, fault: Option<Fault>, value: T) -> io::Result<T> {
        if fault.is_some() { Err(self.fail()) } else { Ok(value) }
    }

    pub(super) fn file(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn name(&mut self, naming: Naming) {
        World::apply_name(&mut self.names, &naming);
        self.renamings.push(naming);
    }

    pub(super) fn apply_name(names: &mut BTreeMap<PathBuf, usize>, naming: &Naming) {
        match naming {
            Naming::Is(path, file) => names.insert(path.clone(), *file),
            Naming::IsNot(path) => names.remove(path),
        };
    }

    pub(super) fn used(&self) -> u64 {
        self.names.values().map(|&file| (self.files[file].seen.len() as u64).max(self.files[file].reserved)).sum()
    }
}

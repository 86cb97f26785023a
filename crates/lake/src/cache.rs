//! What look-ups have read of segments, kept up to a number of bytes: the least recently used goes first.

use crate::segment::Lookup;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Look-up data by segment file. Its owner locks it.
pub(crate) struct LookupCache {
    entries: HashMap<PathBuf, (Lookup, u64)>,
    clock: u64,
    bytes_max: usize,
}

impl LookupCache {
    /// An empty cache.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { entries: HashMap::new(), clock: 0, bytes_max }
    }

    /// What is known of a segment. Cloning it shares the data.
    pub(crate) fn get(&mut self, path: &Path) -> Lookup {
        self.clock += 1;
        self.entries.get_mut(path).map_or_else(Lookup::default, |(lookup, used)| {
            *used = self.clock;
            lookup.clone()
        })
    }

    /// Keeps what is known of a segment now.
    pub(crate) fn put(&mut self, path: &Path, lookup: Lookup) {
        self.clock += 1;
        self.entries.insert(path.to_owned(), (lookup, self.clock));
        let mut bytes: usize = self.entries.values().map(|(lookup, _)| lookup.bytes()).sum();
        while bytes > self.bytes_max {
            let Some(oldest) = self.entries.iter().min_by_key(|(_, (_, used))| *used).map(|(path, _)| path.clone())
            else {
                break;
            };
            bytes -= self.entries.remove(&oldest).map_or(0, |(lookup, _)| lookup.bytes());
        }
    }

    /// Forgets a segment that was replaced.
    pub(crate) fn forget(&mut self, path: &Path) {
        self.entries.remove(path);
    }
}

//! What look-ups have read of segments, kept up to a number of bytes: the least recently used goes first.

use crate::segment::Lookup;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Look-up data by segment file. Its owner locks it.
pub(crate) struct LookupCache {
    entries: HashMap<PathBuf, Kept>,
    clock: u64,
    bytes: usize,
    bytes_max: usize,
}

struct Kept {
    lookup: Lookup,
    bytes: usize,
    /// When it was used last.
    used: u64,
}

impl LookupCache {
    /// An empty cache.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { entries: HashMap::new(), clock: 0, bytes: 0, bytes_max }
    }

    /// What is known of a segment. Cloning it shares the data.
    pub(crate) fn get(&mut self, path: &Path) -> Lookup {
        self.clock += 1;
        self.entries.get_mut(path).map_or_else(Lookup::default, |kept| {
            kept.used = self.clock;
            kept.lookup.clone()
        })
    }

    /// Keeps what is known of a segment now.
    pub(crate) fn put(&mut self, path: &Path, lookup: Lookup) {
        self.clock += 1;
        self.forget(path);
        let bytes = lookup.bytes();
        self.bytes += bytes;
        self.entries.insert(path.to_owned(), Kept { lookup, bytes, used: self.clock });
        while self.bytes > self.bytes_max {
            let oldest = self.entries.iter().min_by_key(|(_, kept)| kept.used).map(|(path, _)| path.clone());
            let Some(oldest) = oldest else { break };
            self.forget(&oldest);
        }
    }

    /// Forgets a segment.
    pub(crate) fn forget(&mut self, path: &Path) {
        self.bytes -= self.entries.remove(path).map_or(0, |kept| kept.bytes);
    }
}

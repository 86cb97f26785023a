//! Chunks of objects in memory, up to a number of bytes for the whole process: the least recently used goes first.

use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// Bytes of memory for chunks: of some thousand look-ups.
const BYTES_MAX: usize = 64 << 20;

/// A chunk: which open segment, and which of its chunks.
type ChunkKey = (u64, u64);

static CACHE: LazyLock<Mutex<ChunkCache>> = LazyLock::new(|| Mutex::new(ChunkCache::new(BYTES_MAX)));

/// The chunks.
pub(super) fn chunks() -> MutexGuard<'static, ChunkCache> {
    CACHE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Chunks by key, and in the order of their last use.
pub(super) struct ChunkCache {
    chunks: HashMap<ChunkKey, (Bytes, u64)>,
    used: BTreeMap<u64, ChunkKey>,
    clock: u64,
    bytes: usize,
    bytes_max: usize,
}

impl ChunkCache {
    fn new(bytes_max: usize) -> Self {
        Self { chunks: HashMap::new(), used: BTreeMap::new(), clock: 0, bytes: 0, bytes_max }
    }

    pub(super) fn get(&mut self, key: ChunkKey) -> Option<Bytes> {
        let (bytes, used) = self.chunks.get_mut(&key)?;
        self.clock += 1;
        self.used.remove(used);
        *used = self.clock;
        self.used.insert(self.clock, key);
        Some(bytes.clone())
    }

    pub(super) fn put(&mut self, key: ChunkKey, bytes: Bytes) {
        self.clock += 1;
        self.bytes += bytes.len();
        if let Some((old, used)) = self.chunks.insert(key, (bytes, self.clock)) {
            self.bytes -= old.len();
            self.used.remove(&used);
        }
        self.used.insert(self.clock, key);
        while self.bytes > self.bytes_max {
            let Some((_, oldest)) = self.used.pop_first() else { break };
            self.bytes -= self.chunks.remove(&oldest).map_or(0, |(bytes, _)| bytes.len());
        }
    }

    /// Forgets an open segment's chunks.
    pub(super) fn forget(&mut self, segment: u64) {
        let gone: Vec<(ChunkKey, u64)> =
            self.chunks.iter().filter(|((of, _), _)| *of == segment).map(|(key, (_, used))| (*key, *used)).collect();
        for (key, used) in gone {
            self.used.remove(&used);
            self.bytes -= self.chunks.remove(&key).map_or(0, |(bytes, _)| bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut cache = ChunkCache::new(30);
        let bytes = || Bytes::from_static(&[0; 10]);
        for chunk in 0..3 {
            cache.put((1, chunk), bytes());
        }
        assert!(cache.get((1, 0)).is_some());
        cache.put((2, 0), bytes());
        let there = |cache: &mut ChunkCache, key| cache.get(key).is_some();
        assert!(!there(&mut cache, (1, 1)) && there(&mut cache, (1, 0)) && there(&mut cache, (1, 2)));
        cache.put((2, 0), bytes());
        assert_eq!(cache.bytes, 30);
        cache.forget(1);
        assert_eq!((cache.bytes, cache.used.len()), (10, 1));
        cache.put((3, 0), Bytes::from_static(&[0; 31]));
        assert_eq!((cache.bytes, cache.used.len()), (0, 0), "one that does not fit is not kept");
    }
}

//! What is known of subjects, in memory, bounded.
//!
//! Two generations instead of an exact order of use: what is used moves to the young one; when that is full, it becomes
//! the old one and the old one goes. A subject in use stays, an idle one goes within two generations, and a hit writes
//! nothing but, at most once per generation, one move. Sharded, so that cores do not wait for each other.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 16;

#[derive(Debug)]
pub(super) struct Cache<K, V> {
    shards: Vec<Mutex<Shard<K, V>>>,
    hasher: RandomState,
    generation_max: usize,
}

struct Shard<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

/// Shows sizes only: user ids are among what is held.
impl<K, V> std::fmt::Debug for Shard<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shard({} young, {} old)", self.young.len(), self.old.len())
    }
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    /// A cache of at most about `entries_max` entries.
    pub(super) fn new(entries_max: usize) -> Self {
        let shard = || Mutex::new(Shard { young: HashMap::new(), old: HashMap::new() });
        Cache {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            hasher: RandomState::new(),
            generation_max: (entries_max / SHARDS / 2).max(1),
        }
    }

    pub(super) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let mut shard = self.shard(key);
        if let Some(value) = shard.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = shard.old.remove_entry(key)?;
        self.put(&mut shard, key, value.clone());
        Some(value)
    }

    pub(super) fn insert(&self, key: K, value: V) {
        self.put(&mut self.shard(&key), key, value);
    }

    pub(super) fn remove<Q: Hash + Eq + ?Sized>(&self, key: &Q)
    where
        K: Borrow<Q>,
    {
        let mut shard = self.shard(key);
        shard.young.remove(key);
        shard.old.remove(key);
    }

    pub(super) fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.young.clear();
            shard.old.clear();
        }
    }

    fn put(&self, shard: &mut Shard<K, V>, key: K, value: V) {
        if shard.young.len() >= self.generation_max {
            shard.old = std::mem::take(&mut shard.young);
        }
        shard.young.insert(key, value);
    }

    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> MutexGuard<'_, Shard<K, V>> {
        let shard = self.hasher.hash_one(key) as usize % SHARDS;
        // Lost or doubled entries of a cache do no harm.
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_bounded_and_keeps_what_is_used() {
        let cache: Cache<Box<str>, u32> = Cache::new(320);
        cache.insert("in use".into(), 7);
        for number in 0..10_000 {
            cache.insert(format!("user {number}").into(), number);
            assert_eq!(cache.get("in use"), Some(7));
        }
        let held: usize =
            (0..10_000).filter(|number| cache.get(format!("user {number}").as_str()) == Some(*number)).count();
        assert!(held > 0);
        let total: usize =
            cache.shards.iter().map(|shard| shard.lock().unwrap()).map(|s| s.young.len() + s.old.len()).sum();
        assert!(total <= 320, "{total}");
        assert!(!format!("{cache:?}").contains("user"));
    }
}

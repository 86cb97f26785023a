//! Known subjects in memory, bounded.
//!
//! Two generations instead of an exact order of use: what is used moves to the young one; when that is full, it becomes
//! the old one and the old one goes. A subject in use stays, an idle one goes within two generations, and a hit writes
//! nothing but, at most once per generation, one move. Sharded, so that cores do not wait for each other.

use super::Subject;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 16;

#[derive(Debug)]
pub(super) struct Cache {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    generation_max: usize,
}

#[derive(Default)]
struct Shard {
    young: HashMap<Box<str>, Arc<Subject>>,
    old: HashMap<Box<str>, Arc<Subject>>,
}

/// Shows sizes only: the keys are user ids.
impl std::fmt::Debug for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shard({} young, {} old)", self.young.len(), self.old.len())
    }
}

impl Cache {
    /// A cache of at most about `subjects_max` subjects.
    pub(super) fn new(subjects_max: usize) -> Self {
        Cache {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            generation_max: (subjects_max / SHARDS / 2).max(1),
        }
    }

    pub(super) fn get(&self, user_id: &str) -> Option<Arc<Subject>> {
        let mut shard = self.shard(user_id);
        if let Some(subject) = shard.young.get(user_id) {
            return Some(subject.clone());
        }
        let (name, subject) = shard.old.remove_entry(user_id)?;
        self.put(&mut shard, name, subject.clone());
        Some(subject)
    }

    pub(super) fn insert(&self, user_id: &str, subject: &Arc<Subject>) {
        self.put(&mut self.shard(user_id), user_id.into(), subject.clone());
    }

    fn put(&self, shard: &mut Shard, user_id: Box<str>, subject: Arc<Subject>) {
        if shard.young.len() >= self.generation_max {
            shard.old = std::mem::take(&mut shard.young);
        }
        shard.young.insert(user_id, subject);
    }

    fn shard(&self, user_id: &str) -> MutexGuard<'_, Shard> {
        let shard = self.hasher.hash_one(user_id) as usize % SHARDS;
        // Lost or doubled entries of a cache do no harm.
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cipher::Mac;

    #[test]
    fn stays_bounded_and_keeps_what_is_used() {
        let cache = Cache::new(320);
        let subject = Arc::new(Subject::generate(&Mac::new(&[1; 32])).unwrap());
        cache.insert("in use", &subject);
        for number in 0..10_000 {
            cache.insert(&format!("user {number}"), &subject);
            assert!(cache.get("in use").is_some());
        }
        let held: usize = (0..10_000).filter(|number| cache.get(&format!("user {number}")).is_some()).count();
        assert!(held > 0);
        let total: usize =
            cache.shards.iter().map(|shard| shard.lock().unwrap()).map(|s| s.young.len() + s.old.len()).sum();
        assert!(total <= 320, "{total}");
        assert!(!format!("{cache:?}").contains("user"));
    }
}

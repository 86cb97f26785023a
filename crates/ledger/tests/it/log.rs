//! A ledger under test: its directory, its key, and a follower that seals in memory.

use onrecord_evidence::{Signer, Verifier};
use onrecord_ledger::{
    Committed, Config, Disk, Entry, EntryId, Error, Follower, LeafIndex, Ledger, LookupError, Recovery,
};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// Keeps what it is handed; what is sealed outlives a restart, as segments do.
#[derive(Default)]
pub(crate) struct Lake {
    pub(crate) entries: Mutex<Vec<Entry>>,
    sealed: Mutex<HashMap<EntryId, LeafIndex>>,
}

impl Follower for Lake {
    fn committed(&self, batch: &Committed) {
        let mut entries = self.entries.lock().unwrap();
        for (leaf, entry) in (batch.first.0 as usize..).zip(&*batch.entries) {
            // What is sealed already may be handed over once more.
            match entries.get(leaf) {
                Some(known) => assert_eq!(known.leaf_hash(), entry.leaf_hash(), "leaf {leaf} has changed"),
                None => {
                    assert_eq!(leaf, entries.len(), "leaves are left out");
                    entries.push(entry.clone());
                }
            }
        }
    }

    fn find_sealed(&self, ids: &[EntryId]) -> Result<Vec<Option<LeafIndex>>, LookupError> {
        let sealed = self.sealed.lock().unwrap();
        Ok(ids.iter().map(|id| sealed.get(id).copied()).collect())
    }
}

impl Lake {
    pub(crate) fn seal_before(&self, end: LeafIndex) {
        let entries = self.entries.lock().unwrap();
        let ids = (0..).map(LeafIndex).zip(&entries[..end.0 as usize]).map(|(leaf, entry)| (entry.id(), leaf));
        self.sealed.lock().unwrap().extend(ids);
    }

    /// What a new process knows before the ledger tells it the rest.
    pub(crate) fn restart(&self) {
        let end = self.sealed.lock().unwrap().len();
        self.entries.lock().unwrap().truncate(end);
    }
}

/// A directory and all that is needed to open it.
pub(crate) struct Log {
    pub(crate) dir: PathBuf,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) config: Config,
    pub(crate) lake: Arc<Lake>,
    key: String,
}

impl Log {
    /// A new ledger.
    pub(crate) fn create(dir: &Path, disk: Arc<dyn Disk>, config: Config) -> Self {
        let signer = Signer::generate("ledger.test/log").unwrap();
        Ledger::create(dir, &signer, &*disk).unwrap();
        Self { dir: dir.to_owned(), disk, config, lake: Arc::default(), key: signer.to_text().to_string() }
    }

    /// A ledger that is there already, opened.
    pub(crate) fn opened(dir: &Path, disk: Arc<dyn Disk>, signer: &Signer) -> Ledger {
        let (config, lake, key) = (Config::default(), Arc::default(), signer.to_text().to_string());
        Self { dir: dir.to_owned(), disk, config, lake, key }.open().unwrap().0
    }

    pub(crate) fn open(&self) -> Result<(Ledger, Recovery), Error> {
        self.lake.restart();
        let (disk, lake) = (Arc::clone(&self.disk), Arc::clone(&self.lake));
        Ledger::open(&self.dir, Signer::parse(&self.key).unwrap(), self.config.clone(), disk, lake)
    }

    pub(crate) fn signer(&self) -> Signer {
        Signer::parse(&self.key).unwrap()
    }

    pub(crate) fn key(&self) -> Verifier {
        self.signer().verifier().clone()
    }

    /// Seals and releases all closed files.
    pub(crate) fn seal(&self, ledger: &Ledger) -> Result<(), Error> {
        for file in ledger.sealable() {
            self.lake.seal_before(file.end);
            ledger.release(file.end)?;
        }
        Ok(())
    }
}

/// An entry whose id and bytes follow from a number.
pub(crate) fn entry(number: u64) -> Entry {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    let sidecar = if number.is_multiple_of(3) { format!("beside {number}") } else { String::new() };
    Entry::new(EntryId(id), format!("record {number} {}", "x".repeat(number as usize % 40)), sidecar)
}

pub(crate) fn entries(numbers: impl IntoIterator<Item = u64>) -> Vec<Entry> {
    numbers.into_iter().map(entry).collect()
}

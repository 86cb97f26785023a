//! Every operation of the ledger's disk fails in turn, in every way, while entries are appended and sealed: each entry
//! that was acknowledged is there afterwards, once, at its leaf, and sealing goes on.
//!
//! Segments are on the real disk here; what fails is what the ledger does: its frames, the tree's files, the removal of
//! write-ahead files.

use onrecord_evidence::{LeafIndex, Signer, leaf_hash};
use onrecord_lake::{Lake, OwnedRow, seal_all};
use onrecord_ledger::{AppendError, Config, Entry, EntryId, Ledger};
use onrecord_testing::faulty::{FAULTS, Fault};
use onrecord_testing::{FaultyDisk, id, sample};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Times that a write-ahead file is filled and sealed.
const ROUNDS: u64 = 3;

/// Entries of each.
const ENTRIES: u64 = 3;

fn entries(leaves: Range<u64>) -> Vec<Entry> {
    leaves.map(|leaf| Entry::new(EntryId(id(leaf)), sample::decision(leaf), Vec::new())).collect()
}

/// Ledger and lake of one directory, open.
struct Node {
    lake: Arc<Lake>,
    ledger: Ledger,
}

impl Node {
    fn open(dir: &Path, disk: &FaultyDisk, key: &str) -> Self {
        let lake = Lake::open(dir).unwrap();
        let (signer, disk, follower) = (Signer::parse(key).unwrap(), Arc::new(disk.clone()), Arc::clone(&lake) as _);
        let (ledger, _) = Ledger::open(dir, signer, Config::default(), disk, follower).unwrap();
        Self { lake, ledger }
    }

    /// Appends and seals; `acknowledged` counts what was promised. What fails ends it.
    fn work(&self, acknowledged: &mut u64) -> Result<(), String> {
        for _ in 0..ROUNDS {
            let first = *acknowledged;
            self.ledger.append(entries(first..first + ENTRIES)).map_err(|error| error.to_string())?;
            *acknowledged += ENTRIES;
            self.ledger.rotate().map_err(|error| error.to_string())?;
            seal_all(&self.lake, &self.ledger).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Checks all that is there, in the lake and in the ledger, and seals the rest of it.
    fn check(&self, acknowledged: u64) {
        let size = self.ledger.size().0;
        // The entries in flight are there or not, all of them.
        assert!(size == acknowledged || size == acknowledged + ENTRIES, "{size} of {acknowledged}");
        self.check_entries(size);
        self.ledger.rotate().unwrap();
        seal_all(&self.lake, &self.ledger).unwrap();
        assert_eq!((self.lake.sealed_end(), self.ledger.status().sealed), (LeafIndex(size), LeafIndex(size)));
        self.check_entries(size);
        for leaf in 0..size {
            let again = self.ledger.append(entries(leaf..leaf + 1)).map(|_| ());
            assert_eq!(again, Err(AppendError::Taken(vec![(0, LeafIndex(leaf))])));
        }
    }

    fn check_entries(&self, size: u64) {
        let rows: Vec<OwnedRow> = self.lake.entries(LeafIndex(0)).unwrap().map(Result::unwrap).collect();
        let expected = (0..size).map(|leaf| {
            let (record, sidecar) = (sample::decision(leaf), Vec::new());
            OwnedRow { leaf: LeafIndex(leaf), id: id(leaf), record, sidecar }
        });
        assert!(rows.iter().cloned().eq(expected), "the lake has other entries");
        let hashes = self.ledger.leaf_hashes(0..size).unwrap();
        assert!(rows.iter().map(|row| leaf_hash(&row.record)).eq(hashes), "the tree has other leaves");
    }
}

/// Works until the operation with that number, counted from the opening, goes wrong; then goes on in one of three ways
/// and checks. Returns whether the operation came.
fn run(number: u64, fault: Fault) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let (disk, signer) = (FaultyDisk::new(number), Signer::generate("example.org/test").unwrap());
    Ledger::create(dir.path(), &signer, &disk).unwrap();
    let key = signer.to_text().to_string();
    let node = Node::open(dir.path(), &disk, &key);
    let at = disk.operations() + number;
    disk.fail_at(at, fault);
    let mut acknowledged = 0;
    let worked = node.work(&mut acknowledged);
    let came = disk.operations() > at;
    if !came {
        assert_eq!(worked, Ok(()));
        return false;
    }
    let is_off = disk.is_off();
    match number % 3 {
        0 if !is_off => {
            node.ledger.reopen().unwrap();
            node.check(acknowledged);
            return true;
        }
        1 if !is_off => {
            disk.stop();
            drop(node);
            disk.restart_process();
        }
        _ => {
            disk.stop();
            drop(node);
            disk.restart_machine();
        }
    }
    Node::open(dir.path(), &disk, &key).check(acknowledged);
    true
}

#[test]
fn a_fault_of_the_ledgers_disk_at_any_step_of_sealing_loses_nothing() {
    std::thread::scope(|scope| {
        for fault in FAULTS {
            scope.spawn(move || {
                let steps = (0..).take_while(|number| run(*number, fault)).count();
                // A frame, a slot, the hashes, the removal, each with what makes it durable.
                assert!(steps > 10 * ROUNDS as usize, "{steps} operations failed by {fault:?}");
            });
        }
    });
}

//! Every disk operation fails in turn, in every way, and the ledger is checked against a model of what it promised.
//!
//! The model: an acknowledged entry is at its leaf, forever; an entry that was not acknowledged is there or not; nothing
//! is there twice; nothing else is there.

use crate::log::{Log, entries, entry};
use onrecord_evidence::{Checkpoint, Signer, verify_consistency, verify_inclusion};
use onrecord_ledger::{AppendError, Config, Disk as _, Error, LeafIndex, Ledger};
use onrecord_testing::faulty::{FAULTS, Fault};
use onrecord_testing::{FaultyDisk, Random};
use std::{
    collections::BTreeMap,
    ops::Range,
    path::Path,
    sync::{Arc, mpsc},
};

const DIR: &str = "/data";
const STEPS: u64 = 14;

/// Small files and steps of reservation, so that a short run does everything.
fn config() -> Config {
    Config {
        wal_file_entries_max: 6,
        unsealed_files_max: 3,
        stall_ms_max: 0,
        reserve_bytes: 300,
        reopen_interval_ms: 0,
        ..Config::default()
    }
}

/// What was promised.
#[derive(Default)]
struct Model {
    acknowledged: BTreeMap<u64, LeafIndex>,
    attempted: Vec<u64>,
    newest: Option<Checkpoint>,
}

impl Model {
    fn append(&mut self, log: &Log, ledger: &Ledger, numbers: Vec<u64>) {
        self.attempted.extend(&numbers);
        match ledger.append(entries(numbers.clone())) {
            Ok(commit) => {
                for (receipt, &number) in commit.receipts().iter().zip(&numbers) {
                    let signed = receipt.verify_record(entry(number).record(), &log.key()).unwrap();
                    assert_eq!(self.acknowledged.insert(number, receipt.leaf_index), None, "accepted twice");
                    self.newest = Some(signed);
                }
            }
            Err(AppendError::Taken(taken)) => {
                for (index, leaf) in taken {
                    let known = *self.acknowledged.entry(numbers[index]).or_insert(leaf);
                    assert_eq!(known, leaf, "the leaf of {} has changed", numbers[index]);
                }
            }
            Err(_) => {}
        }
    }

    /// Appends, rotates, seals and restarts as chance has it; with a fault pending, any of it may fail.
    fn run(&mut self, log: &Log, disk: &FaultyDisk, random: &mut Random) {
        let Ok((mut ledger, _)) = log.open() else { return };
        let mut fresh = 0;
        for _ in 0..STEPS {
            match random.below(10) {
                0 => drop(ledger.rotate()),
                1 => drop(log.seal(&ledger)),
                kind @ (2 | 3) => {
                    if disk.is_off() {
                        return;
                    }
                    // Closed in good order, or killed.
                    if kind == 2 {
                        disk.stop();
                    }
                    drop(ledger);
                    if kind == 2 {
                        disk.restart_process();
                    }
                    match log.open() {
                        Ok((opened, _)) => ledger = opened,
                        Err(_) => return,
                    }
                }
                // An id that was used before, as a client that got no answer does.
                4 if fresh > 0 => self.append(log, &ledger, vec![random.place(fresh) as u64]),
                _ => {
                    let count = 1 + random.place(3);
                    self.append(log, &ledger, (fresh..fresh + count).map(|number| number as u64).collect());
                    fresh += count;
                }
            }
        }
    }

    /// Opens without faults, and holds the ledger to all that was promised.
    fn check(&mut self, log: &Log, disk: &FaultyDisk) {
        let (ledger, _) = log.open().unwrap();
        let found: Vec<_> = log.lake.entries.lock().unwrap().iter().map(|entry| entry.id()).collect();
        assert_eq!(found.len() as u64, ledger.size().0);
        let mut unique = found.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), found.len(), "an entry is there twice");
        assert!(
            found.iter().all(|id| self.attempted.iter().any(|&number| entry(number).id() == *id)),
            "a foreign entry"
        );
        let new = log.key().verify(&ledger.checkpoint()).unwrap();
        for (&number, &leaf) in &self.acknowledged {
            assert_eq!(found.get(leaf.0 as usize), Some(&entry(number).id()), "entry {number} at leaf {leaf}");
            let proof = ledger.prove(leaf).unwrap().inclusion_proof;
            verify_inclusion(entry(number).leaf_hash(), leaf, new.size, new.root, &proof).unwrap();
        }
        if let Some(old) = &self.newest {
            let proof = ledger.consistency(old.size, new.size).unwrap();
            verify_consistency(old.size, old.root, new.size, new.root, &proof.consistency_proof).unwrap();
        }
        // Who got no answer asks again: with all at once some are there, with the others then none.
        for _ in 0..2 {
            log.seal(&ledger).unwrap();
            let mut unsure: Vec<u64> = self.attempted.clone();
            unsure.retain(|number| !self.acknowledged.contains_key(number));
            unsure.sort_unstable();
            unsure.dedup();
            self.append(log, &ledger, unsure);
        }
        for number in &self.attempted {
            assert!(self.acknowledged.contains_key(number), "entry {number} is neither there nor accepted");
        }
        // No closing in good order: what is acknowledged is durable now.
        disk.stop();
    }
}

/// One run in which one operation goes wrong; `None` for a run without a fault. Returns how many operations there were.
fn scenario(seed: u64, fault: Option<(u64, Fault)>, kill: bool) -> u64 {
    let disk = FaultyDisk::new(seed);
    let log = Log::create(Path::new(DIR), Arc::new(disk.clone()), config());
    let start = disk.operations();
    if let Some((number, fault)) = fault {
        disk.fail_at(start + number, fault);
    }
    let mut model = Model::default();
    model.run(&log, &disk, &mut Random::new(seed));
    let operations = disk.operations() - start;
    disk.repair();
    if kill {
        disk.restart_process();
    } else {
        disk.restart_machine();
    }
    model.check(&log, &disk);
    // What was seen only because the machine went on must not have been relied on.
    disk.restart_machine();
    model.check(&log, &disk);
    operations
}

fn every_operation(seed: u64, kill: bool) {
    let operations = scenario(seed, None, kill);
    assert!(operations > 50, "the scenario does something");
    for number in 0..operations {
        for fault in FAULTS {
            let run = || scenario(seed, Some((number, fault)), kill);
            if std::panic::catch_unwind(run).is_err() {
                panic!("seed {seed}, operation {number}, {fault:?}, kill {kill}");
            }
        }
    }
}

/// `LEDGER_CRASH_SEEDS=100 cargo test -p onrecord-ledger --test it crash` for a longer run.
fn seeds() -> Range<u64> {
    1..1 + std::env::var("LEDGER_CRASH_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(2)
}

#[test]
fn no_fault_and_power_cut_breaks_a_promise() {
    seeds().for_each(|seed| every_operation(seed, false));
}

#[test]
fn no_fault_and_killed_process_breaks_a_promise() {
    seeds().for_each(|seed| every_operation(seed, true));
}

#[test]
fn a_fault_that_passes_needs_no_restart() {
    for number in 0..60 {
        for fault in [Fault::Before, Fault::Inside, Fault::After] {
            let disk = FaultyDisk::new(number);
            let log = Log::create(Path::new(DIR), Arc::new(disk.clone()), config());
            let (ledger, _) = log.open().unwrap();
            disk.fail_at(disk.operations() + number, fault);
            let mut model = Model::default();
            for number in 0..12 {
                model.append(&log, &ledger, vec![number]);
            }
            let (tried, served) = (model.attempted.len(), model.acknowledged.len());
            assert!(served + 1 >= tried, "operation {number}, {fault:?}: {served} of {tried}");
            // The fault may also come in the first of these, and not in both.
            assert!([100, 101].iter().any(|&number| ledger.append(entries([number])).is_ok()));
            model.attempted.extend([100, 101]);
            assert_eq!(ledger.status().poisoned, None);
            drop(ledger);
            model.check(&log, &disk);
        }
    }
}

#[test]
fn a_ledger_that_cannot_be_reopened_refuses_until_it_can() {
    let disk = FaultyDisk::new(1);
    let config = Config { reopen_interval_ms: 3_600_000, reserve_bytes: 1 << 20, ..config() };
    let log = Log::create(Path::new(DIR), Arc::new(disk.clone()), config);
    let (ledger, _) = log.open().unwrap();
    ledger.append(entries(0..2)).unwrap();
    disk.stop();
    for _ in 0..3 {
        let refusal = ledger.append(entries(2..3)).unwrap_err();
        assert!(matches!(&refusal, AppendError::Poisoned(reason) if reason.contains("/data/wal/")), "{refusal}");
    }
    assert!(ledger.reopen().is_err() && ledger.status().poisoned.is_some());
    assert_eq!(ledger.size().0, 2, "reading goes on");
    ledger.prove(LeafIndex(1)).unwrap().verify(&log.key()).unwrap();
    disk.restart_process();
    assert!(ledger.append(entries(2..3)).is_err(), "not tried again so soon");
    ledger.reopen().unwrap();
    assert_eq!(ledger.append(entries(2..3)).unwrap().first(), LeafIndex(2));
}

#[test]
fn reopening_looks_at_what_was_acknowledged() {
    let disk = FaultyDisk::new(1);
    let config = Config { reopen_interval_ms: 3_600_000, reserve_bytes: 1 << 20, ..config() };
    let log = Log::create(Path::new(DIR), Arc::new(disk.clone()), config);
    let (ledger, _) = log.open().unwrap();
    ledger.append(entries(0..2)).unwrap();
    disk.stop();
    ledger.append(entries(2..3)).unwrap_err();
    disk.restart_process();
    let file = disk.open(&Path::new(DIR).join("wal/00000000000000000000.wal")).unwrap();
    let mut byte = [0];
    file.read_at(&mut byte, 150).unwrap();
    file.write_at(&[byte[0] ^ 1], 150).unwrap();
    assert!(matches!(ledger.reopen(), Err(Error::Corrupt { .. })));
    assert!(matches!(ledger.append(entries(2..3)), Err(AppendError::Poisoned(_))));
    file.write_at(&byte, 150).unwrap();
    ledger.reopen().unwrap();
    ledger.append(entries(2..3)).unwrap();
}

#[test]
fn an_id_is_not_called_taken_by_a_commit_that_fails() {
    let disk = FaultyDisk::new(1);
    let log = Log::create(Path::new(DIR), Arc::new(disk.clone()), Config { reserve_bytes: 1 << 20, ..config() });
    let (ledger, _) = log.open().unwrap();
    // Holds the writer, so that the next two submits wait and are committed together.
    let ((entered, inside), (go, gate)) = (mpsc::channel(), mpsc::channel::<()>());
    let hold = move |_| {
        entered.send(()).unwrap();
        gate.recv().unwrap();
    };
    ledger.submit(entries([0]), Box::new(hold));
    inside.recv().unwrap();
    let (sender, receiver) = mpsc::channel();
    for _ in 0..2 {
        let sender = sender.clone();
        ledger.submit(entries([1]), Box::new(move |outcome| sender.send(outcome.map(|_| ())).unwrap()));
    }
    disk.stop();
    go.send(()).unwrap();
    for _ in 0..2 {
        let outcome = receiver.recv().unwrap().unwrap_err();
        assert!(matches!(outcome, AppendError::Poisoned(_)), "{outcome}");
    }
    disk.restart_process();
    assert_eq!(ledger.append(entries([1])).unwrap().first(), LeafIndex(1));
}

#[test]
fn the_last_file_is_not_handed_out_before_its_successor_is_durable() {
    for number in 0..12 {
        for fault in FAULTS {
            let disk = FaultyDisk::new(number);
            let log = Log::create(Path::new(DIR), Arc::new(disk.clone()), config());
            let (ledger, _) = log.open().unwrap();
            ledger.append(entries(0..3)).unwrap();
            disk.fail_at(disk.operations() + number, fault);
            let _ = ledger.rotate();
            let _ = log.seal(&ledger);
            disk.stop();
            drop(ledger);
            disk.repair();
            disk.restart_machine();
            let (ledger, _) = log.open().unwrap();
            assert_eq!(ledger.append(entries(3..4)).unwrap().first(), LeafIndex(3), "operation {number}, {fault:?}");
        }
    }
}

#[test]
fn a_torn_tail_is_cut_once_and_told() {
    let disk = FaultyDisk::new(0);
    let log = Log::create(Path::new(DIR), Arc::new(disk.clone()), Config::default());
    let (ledger, _) = log.open().unwrap();
    ledger.append(entries(0..3)).unwrap();
    drop(ledger);
    let file = Path::new(DIR).join("wal/00000000000000000000.wal");
    let sound = disk.files()[&file].clone();
    // The same frame again is as good as any: its checksums are right for its first part.
    let (whole, part) = (sound.len() as u64, (sound.len() - 64) / 2);
    let torn = [&sound[..], &sound[64..64 + part]].concat();
    disk.open(&file).unwrap().write_at(&torn, 0).unwrap();
    let (ledger, recovery) = log.open().unwrap();
    let tail = recovery.torn_tail.unwrap();
    assert_eq!((&tail.file, tail.offset, tail.bytes, tail.entries), (&file, whole, part as u64, Some(3)));
    assert_eq!(tail.problem, "a frame is cut off");
    assert_eq!(disk.files()[&file], sound);
    drop(ledger);
    assert_eq!(log.open().unwrap().1.torn_tail, None);
}

#[test]
fn a_ledger_that_was_made_is_there_after_a_power_cut() {
    let signer = Signer::generate("ledger.test/log").unwrap();
    for dir in ["/data", "/made/with/it/data"] {
        let disk = FaultyDisk::new(1);
        // Its maker may have made the directory before, and put other things there.
        disk.create_dir(Path::new(dir)).unwrap();
        Ledger::create(Path::new(dir), &signer, &disk).unwrap();
        disk.restart_machine();
        assert!(matches!(Ledger::create(Path::new(dir), &signer, &disk), Err(Error::Exists(_))), "{dir}");
        Log::opened(Path::new(dir), Arc::new(disk), &signer).append(entries(0..3)).unwrap();
    }
}

#[test]
fn every_operation_of_making_a_ledger_can_fail() {
    let signer = Signer::generate("ledger.test/log").unwrap();
    for number in 0.. {
        let mut failed = false;
        for fault in FAULTS {
            let disk = FaultyDisk::new(number);
            disk.fail_at(number, fault);
            failed |= Ledger::create(Path::new(DIR), &signer, &disk).is_err();
            disk.restart_machine();
            match Ledger::create(Path::new(DIR), &signer, &disk) {
                Ok(()) | Err(Error::Exists(_)) => {}
                Err(error) => panic!("operation {number}, {fault:?}: {error}"),
            }
            Log::opened(Path::new(DIR), Arc::new(disk), &signer).append(entries(0..3)).unwrap();
        }
        if !failed {
            break;
        }
    }
}

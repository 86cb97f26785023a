//! Appending, proving and restarting on a real directory.

use crate::log::{Log, entries, entry};
use onrecord_evidence::{ReadError, TreeSize, verify_consistency};
use onrecord_ledger::{AppendError, Config, Entry, Error, LeafIndex, Ledger, OsDisk};
use std::{
    sync::{Arc, mpsc},
    thread,
};

fn log(config: Config) -> (tempfile::TempDir, Log) {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::create(&dir.path().join("data"), Arc::new(OsDisk), config);
    (dir, log)
}

/// Small files, so that a few dozen entries fill several.
fn small() -> Config {
    Config { wal_file_entries_max: 10, unsealed_files_max: 100, ..Config::default() }
}

#[test]
fn what_is_acknowledged_is_followed_proven_and_there_after_a_restart() {
    let (_dir, log) = log(small());
    let (ledger, _) = log.open().unwrap();
    let mut receipts = Vec::new();
    for numbers in [0..1, 1..4, 4..25, 25..26] {
        let batch = entries(numbers.clone());
        let commit = ledger.append(batch.clone()).unwrap();
        assert_eq!((commit.first().0, commit.count()), (numbers.start, numbers.end - numbers.start));
        assert_eq!(log.lake.entries.lock().unwrap().len() as u64, numbers.end, "the follower was first");
        commit.batch_receipt().verify(&log.key()).unwrap();
        for (receipt, entry) in commit.receipts().into_iter().zip(&batch) {
            receipt.verify_record(entry.record(), &log.key()).unwrap();
            receipts.push(receipt);
        }
    }
    log.seal(&ledger).unwrap();
    drop(ledger);

    let (ledger, recovery) = log.open().unwrap();
    assert_eq!((recovery.size.0, recovery.torn_tail, recovery.slot_flaw), (26, None, None));
    assert!(recovery.sealed.0 > 0, "some files were released");
    for (number, old) in (0..26).zip(&receipts) {
        let receipt = ledger.prove(LeafIndex(number)).unwrap();
        let new = receipt.verify_record(entry(number).record(), &log.key()).unwrap();
        let old = old.verify(&log.key()).unwrap();
        let proof = ledger.consistency(old.size, new.size).unwrap();
        verify_consistency(old.size, old.root, new.size, new.root, &proof.consistency_proof).unwrap();
    }
    assert!(ledger.prove(LeafIndex(26)).is_err());
    assert!(ledger.consistency(TreeSize(3), TreeSize(27)).is_err());
}

#[test]
fn an_id_is_accepted_once_before_and_after_sealing_and_restarting() {
    let (_dir, log) = log(small());
    let (ledger, _) = log.open().unwrap();
    ledger.append(entries(0..12)).unwrap();
    ledger.append(entries(12..15)).unwrap();
    let taken = |ledger: &Ledger| {
        let outcome = ledger.append(entries([20, 3, 21, 13])).unwrap_err();
        assert_eq!(outcome, AppendError::Taken(vec![(1, LeafIndex(3)), (3, LeafIndex(13))]));
        assert_eq!(ledger.size().0, 15);
    };
    taken(&ledger);
    log.seal(&ledger).unwrap();
    assert_eq!(ledger.status().sealed, LeafIndex(12));
    taken(&ledger);
    drop(ledger);
    let (ledger, _) = log.open().unwrap();
    taken(&ledger);
    let repeated = ledger.append(entries([30, 31, 30, 32, 31])).unwrap_err();
    assert_eq!(repeated, AppendError::Repeated(vec![(2, 0), (4, 1)]));
    assert_eq!(ledger.append(entries([20, 30])).unwrap().first(), LeafIndex(15), "refused ids are free");
}

#[test]
fn of_many_who_race_with_one_id_one_wins_and_the_others_learn_its_leaf() {
    let (_dir, log) = log(Config::default());
    let (ledger, _) = log.open().unwrap();
    let (sender, receiver) = mpsc::channel();
    for round in 0..200 {
        let sender = sender.clone();
        ledger.submit(entries([round / 4]), Box::new(move |outcome| sender.send((round / 4, outcome)).unwrap()));
    }
    drop(sender);
    let mut won = vec![None; 50];
    let mut lost = Vec::new();
    for (number, outcome) in receiver {
        match outcome {
            Ok(commit) => assert_eq!(won[number as usize].replace(commit.first()), None),
            Err(AppendError::Taken(taken)) => lost.push((number, taken)),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(lost.len(), 150);
    for (number, taken) in lost {
        assert_eq!(taken, [(0, won[number as usize].unwrap())]);
    }
}

#[test]
fn commits_from_many_threads_are_whole_and_gapless() {
    let (_dir, log) = log(Config { wal_file_entries_max: 100, unsealed_files_max: 2, ..Config::default() });
    let (ledger, _) = log.open().unwrap();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..8_u64)
            .map(|client| {
                let (ledger, log) = (&ledger, &log);
                scope.spawn(move || {
                    for round in 0..20 {
                        let first = client * 1000 + round * 3;
                        let batch = entries(first..first + 3);
                        let commit = ledger.append(batch.clone()).unwrap();
                        let receipt = commit.receipt(2).unwrap();
                        receipt.verify_record(batch[2].record(), &log.key()).unwrap();
                    }
                })
            })
            .collect();
        // With at most two files unsealed the writer would stall without this.
        while !clients.iter().all(|client| client.is_finished()) {
            log.seal(&ledger).unwrap();
            thread::yield_now();
        }
    });
    assert_eq!(ledger.size().0, 480);
    let followed: Vec<_> = log.lake.entries.lock().unwrap().iter().map(|entry| entry.id()).collect();
    assert!(followed.chunks(3).all(|chunk| chunk[2].0[15] == chunk[0].0[15].wrapping_add(2)), "submits are whole");
}

#[test]
fn bounds_are_answered_not_exceeded() {
    let config = Config { submit_bytes_max: 1000, queue_bytes_max: 500, stall_ms_max: 50, ..small() };
    let (_dir, log) = log(Config { unsealed_files_max: 1, ..config });
    let (ledger, _) = log.open().unwrap();
    assert_eq!(ledger.append(Vec::new()).unwrap_err(), AppendError::Empty);
    let outcome = ledger.append(entries(100..120)).unwrap_err();
    assert!(matches!(outcome, AppendError::TooLarge { bytes_max: 1000, .. }), "{outcome}");
    ledger.append(entries(0..10)).unwrap();
    ledger.append(entries(10..20)).unwrap();
    assert_eq!(ledger.append(entries(20..30)).unwrap_err(), AppendError::Busy, "one file waits for sealing");
    log.seal(&ledger).unwrap();
    ledger.append(entries(20..30)).unwrap();
    ledger.close();
    assert_eq!(ledger.append(entries(30..31)).unwrap_err(), AppendError::Closed);
}

#[test]
fn rotating_closes_a_file_that_has_entries() {
    let (_dir, log) = log(Config::default());
    let (ledger, _) = log.open().unwrap();
    ledger.rotate().unwrap();
    assert_eq!(ledger.sealable(), []);
    ledger.append(entries(0..3)).unwrap();
    ledger.rotate().unwrap();
    ledger.rotate().unwrap();
    let files: Vec<_> = ledger.sealable().iter().map(|file| (file.first.0, file.end.0)).collect();
    assert_eq!(files, [(0, 3)]);
    let outcome = ledger.release(LeafIndex(2)).unwrap_err();
    assert!(matches!(outcome, Error::NotAnEnd { end: LeafIndex(2) }), "{outcome}");
    log.seal(&ledger).unwrap();
    ledger.release(LeafIndex(3)).unwrap();
    assert_eq!(ledger.append(entries(3..4)).unwrap().first(), LeafIndex(3));
}

#[test]
fn tiles_are_those_of_the_newest_checkpoint() {
    let (_dir, log) = log(Config { wal_file_entries_max: 300, ..Config::default() });
    let (ledger, _) = log.open().unwrap();
    ledger.append(entries(0..300)).unwrap();
    let expect: Vec<u8> = entries(0..300).iter().flat_map(|entry| entry.leaf_hash().0).collect();
    for _sealed in [false, true] {
        assert_eq!(ledger.tile(0, 0, 256).unwrap(), expect[..8192]);
        assert_eq!(ledger.tile(0, 1, 44).unwrap(), expect[8192..]);
        assert_eq!(ledger.tile(1, 0, 1).unwrap().len(), 32);
        for (level, index, width) in [(0, 1, 45), (1, 0, 2), (2, 0, 1), (0, 0, 0), (0, 0, 257), (8, 0, 1)] {
            assert!(ledger.tile(level, index, width).is_err(), "tile {level}/{index}.p/{width}");
        }
        ledger.rotate().unwrap();
        log.seal(&ledger).unwrap();
        assert_eq!(ledger.status().sealed.0, 300);
    }
}

#[test]
fn leaf_hashes_are_given_across_tiles_and_across_what_is_sealed() {
    let (_dir, log) = log(Config { wal_file_entries_max: 300, ..Config::default() });
    let (ledger, _) = log.open().unwrap();
    ledger.append(entries(0..300)).unwrap();
    ledger.rotate().unwrap();
    log.seal(&ledger).unwrap();
    ledger.append(entries(300..600)).unwrap();
    let expect: Vec<_> = entries(0..600).iter().map(Entry::leaf_hash).collect();
    for (first, end) in [(0, 600), (0, 1), (255, 257), (256, 512), (290, 310), (299, 300), (600, 600), (7, 7)] {
        assert_eq!(ledger.leaf_hashes(first..end).unwrap(), expect[first as usize..end as usize], "{first}..{end}");
    }
    for leaves in [0..601, 600..601, 700..800] {
        assert!(matches!(ledger.leaf_hashes(leaves), Err(ReadError::OutOfTree(_))));
    }
}

//! A full disk: refused with a reason, nothing lost, and work goes on when there is space, without a restart.

use crate::log::{Log, entries};
use onrecord_ledger::{AppendError, Config, LeafIndex};
use onrecord_testing::FaultyDisk;
use std::{path::Path, sync::Arc};

fn fill(cannot_reserve: bool) {
    let disk = FaultyDisk::new(7);
    let config = Config {
        wal_file_entries_max: 20,
        unsealed_files_max: 10,
        reserve_bytes: 4096,
        reopen_interval_ms: 0,
        ..Config::default()
    };
    let log = Log::create(Path::new("/data"), Arc::new(disk.clone()), config);
    let (ledger, _) = log.open().unwrap();
    let mut next = 0;
    // Full at many places: in a frame, between two, and where a file begins.
    for room in (0..6000).step_by(237) {
        disk.set_capacity(Some(disk.used() + room), cannot_reserve);
        let refusal = loop {
            match ledger.append(entries(next..next + 3)) {
                Ok(commit) => assert_eq!(commit.first(), LeafIndex(next)),
                Err(refusal) => break refusal,
            }
            next += 3;
        };
        match &refusal {
            AppendError::Full(_) if !cannot_reserve => assert_eq!(ledger.status().poisoned, None),
            AppendError::Poisoned(reason) | AppendError::Full(reason) if cannot_reserve => {
                assert!(reason.contains("/data/wal/"), "{refusal}");
            }
            refusal => panic!("{refusal}"),
        }
        assert!(ledger.append(entries(next..next + 3)).is_err(), "still full");
        assert_eq!(ledger.size().0, next);
        disk.set_capacity(None, cannot_reserve);
        assert_eq!(ledger.append(entries(next..next + 3)).unwrap().first(), LeafIndex(next), "there is space again");
        next += 3;
        log.seal(&ledger).unwrap();
    }
    disk.stop();
    drop(ledger);
    disk.restart_machine();
    let (ledger, recovery) = log.open().unwrap();
    assert_eq!((ledger.size().0, recovery.torn_tail), (next, None));
}

#[test]
fn with_reserved_space_nothing_is_ever_half_written() {
    fill(false);
}

#[test]
fn without_reservation_what_was_half_written_is_taken_back() {
    fill(true);
}

//! Following at one's own pace: every entry, in order, wherever it is meanwhile.

use onrecord_evidence::{LeafIndex, TreeSize};
use onrecord_lake::{Entries, Error, OwnedRow, Sealer, compact_all};
use onrecord_ledger::{Entry, EntryId};
use onrecord_testing::{LakeFixture, id, sample};
use proptest::prelude::*;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(20);

/// What is at a leaf of these tests; some entries have bytes beside the record.
fn expected(leaf: u64) -> OwnedRow {
    let sidecar = if leaf.is_multiple_of(7) { format!("beside {leaf}").into_bytes() } else { Vec::new() };
    OwnedRow { leaf: LeafIndex(leaf), id: id(leaf), record: sample::decision(leaf), sidecar }
}

fn append(house: &LakeFixture, leaves: Range<u64>) {
    let entry = |row: OwnedRow| Entry::new(EntryId(row.id), row.record, row.sidecar);
    house.ledger().append(leaves.map(expected).map(entry).collect()).unwrap();
}

fn follow(house: &LakeFixture, from: u64) -> Entries {
    house.lake().entries(LeafIndex(from)).unwrap()
}

#[test]
fn a_follower_has_every_entry_once_in_order_while_they_are_sealed_and_compacted() {
    let house = LakeFixture::new(50);
    let sealer = Sealer::start(Arc::clone(house.lake()), Arc::clone(house.ledger())).unwrap();
    std::thread::scope(|scope| {
        let house = &house;
        scope.spawn(move || (0..1_200).step_by(3).for_each(|leaf| append(house, leaf..leaf + 3)));
        for _ in 0..2 {
            let mut entries = follow(house, 0);
            scope.spawn(move || {
                let mut next = 0;
                while next < 1_200 {
                    for row in entries.by_ref() {
                        assert_eq!(row.unwrap(), expected(next));
                        next += 1;
                    }
                    assert_eq!(entries.position(), TreeSize(next));
                    house.lake().wait_for_growth(entries.position(), SOON);
                }
            });
        }
    });
    assert_eq!(sealer.trouble(), None);
    sealer.stop();
    assert!(follow(&house, 0).map(Result::unwrap).eq((0..1_200).map(expected)));
}

#[derive(Clone, Debug)]
enum Step {
    Append(u64),
    Seal,
    Compact,
    Reopen,
    /// Takes so many entries, or all that there are.
    Read(usize),
    /// Lets go of the iterator and asks again from where it was.
    Again,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..25_u64).prop_map(Step::Append),
        4 => Just(Step::Seal),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
        4 => (0..40_usize).prop_map(Step::Read),
        1 => Just(Step::Again),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_read_is_what_was_appended_whatever_happens_between(steps in prop::collection::vec(step(), 1..60)) {
        let mut house = LakeFixture::new(100);
        let (mut size, mut read) = (0, 0);
        let mut entries = follow(&house, 0);
        for step in steps.into_iter().chain([Step::Again, Step::Read(usize::MAX)]) {
            match step {
                Step::Append(more) => {
                    append(&house, size..size + more);
                    size += more;
                }
                Step::Seal => house.seal(),
                Step::Compact => compact_all(house.lake(), house.ledger()).unwrap(),
                Step::Reopen => {
                    house.reopen();
                    entries = follow(&house, read);
                }
                Step::Again => entries = follow(&house, read),
                Step::Read(some) => {
                    let expect = (read..size).take(some);
                    read += expect.clone().count() as u64;
                    let rows: Vec<OwnedRow> = entries.by_ref().take(some).map(Result::unwrap).collect();
                    prop_assert_eq!(rows, expect.map(expected).collect::<Vec<_>>());
                    prop_assert_eq!(entries.position(), TreeSize(read));
                }
            }
            prop_assert_eq!(house.lake().size(), house.ledger().size());
        }
        prop_assert_eq!(read, size);
    }
}

#[test]
fn a_file_that_compaction_replaced_stays_until_its_reader_is_through() {
    let house = LakeFixture::new(100);
    for part in 0..16 {
        append(&house, part * 10..part * 10 + 10);
        house.seal();
    }
    let files = house.segment_files();
    let mut entries = follow(&house, 12);
    assert_eq!(entries.next().unwrap().unwrap(), expected(12));
    compact_all(house.lake(), house.ledger()).unwrap();
    let left = house.segment_files();
    assert!(left.contains(&files[1]) && !left.contains(&files[0]) && !left.contains(&files[2]), "{left:?}");
    assert!(entries.by_ref().take(8).map(Result::unwrap).eq((13..21).map(expected)));
    assert!(!files[1].exists());
    assert!(entries.map(Result::unwrap).eq((21..160).map(expected)));
}

#[test]
fn what_cannot_be_read_is_an_error_and_is_not_skipped() {
    let mut house = LakeFixture::new(100);
    for part in 0..3 {
        append(&house, part * 10..part * 10 + 10);
        house.seal();
    }
    house.close();
    let file = house.segment_files()[1].clone();
    let sound = std::fs::read(&file).unwrap();
    let mut bytes = sound.clone();
    bytes[sound.len() / 3] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    house.open();
    let mut entries = follow(&house, 0);
    assert!(entries.by_ref().take(10).map(Result::unwrap).eq((0..10).map(expected)));
    for _ in 0..3 {
        let error = entries.next().unwrap().unwrap_err();
        assert!(matches!(&error, Error::Damaged { path, .. } if *path == file), "{error}");
        assert_eq!(entries.position(), TreeSize(10));
    }
    // The file was restored.
    std::fs::write(&file, &sound).unwrap();
    assert!(entries.map(Result::unwrap).eq((10..30).map(expected)));
}

#[test]
fn a_follower_that_knows_more_than_the_ledger_is_refused() {
    let house = LakeFixture::new(100);
    append(&house, 0..5);
    assert!(matches!(house.lake().entries(LeafIndex(6)), Err(Error::Ahead { from: LeafIndex(6), size: TreeSize(5) })));
    let mut entries = follow(&house, 5);
    assert!(entries.next().is_none());
    append(&house, 5..6);
    assert_eq!(entries.next().unwrap().unwrap(), expected(5));
    assert!(entries.next().is_none());
}

#[test]
fn who_waits_for_growth_is_woken_by_the_commit() {
    let mut house = LakeFixture::new(100);
    let wait = |house: &LakeFixture, size, at_most| house.lake().wait_for_growth(TreeSize(size), at_most);
    assert_eq!(wait(&house, 0, Duration::from_millis(20)), TreeSize(0));
    std::thread::scope(|scope| {
        let start = Instant::now();
        let waiting = scope.spawn(|| wait(&house, 0, SOON));
        std::thread::sleep(Duration::from_millis(50));
        append(&house, 0..3);
        assert_eq!(waiting.join().unwrap(), TreeSize(3));
        assert!(start.elapsed() < SOON / 2);
    });
    assert_eq!(wait(&house, 2, SOON), TreeSize(3));
    // Neither sealing nor a restart is growth.
    house.seal();
    assert_eq!(wait(&house, 3, Duration::from_millis(20)), TreeSize(3));
    house.reopen();
    assert_eq!((house.lake().size(), wait(&house, 2, SOON)), (TreeSize(3), TreeSize(3)));
}

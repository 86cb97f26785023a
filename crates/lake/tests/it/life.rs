//! An entry's life: seen at once, sealed, compacted, found again by everything it can be looked up by.

use onrecord_lake::{Lake, LeafIndex, Sealer, Snapshot};
use onrecord_ledger::{AppendError, Entry, EntryId};
use onrecord_testing::sample;
use onrecord_testing::{LakeFixture, id};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What look-ups should say, kept the simple way.
#[derive(Default)]
struct Model {
    records: Vec<([u8; 16], Vec<u8>)>,
    by_decision: BTreeMap<String, Vec<LeafIndex>>,
    by_user: BTreeMap<String, Vec<LeafIndex>>,
}

impl Model {
    fn append(&mut self, house: &LakeFixture, entries: Vec<([u8; 16], Vec<u8>)>) {
        for (leaf, (_, record)) in (self.records.len() as u64..).map(LeafIndex).zip(&entries) {
            let json: serde_json::Value = serde_json::from_slice(record).unwrap();
            let note = |map: &mut BTreeMap<String, Vec<LeafIndex>>, name: &str| {
                if let Some(text) = json[name].as_str() {
                    map.entry(text.to_owned()).or_default().push(leaf);
                }
            };
            note(&mut self.by_decision, "decision_id");
            note(&mut self.by_user, "user_id");
        }
        self.records.extend(entries.clone());
        house.append(entries);
    }

    fn check(&self, lake: &Lake) {
        for (leaf, (id, record)) in (0..).map(LeafIndex).zip(&self.records).step_by(13) {
            let row = lake.by_leaf(leaf).unwrap().unwrap();
            assert_eq!((row.leaf, &row.id, &row.record), (leaf, id, record));
            assert_eq!(lake.by_event_id(*id).unwrap().unwrap().leaf, leaf);
        }
        assert_eq!(lake.by_leaf(LeafIndex(self.records.len() as u64)).unwrap(), None);
        assert_eq!(lake.by_event_id([0xff; 16]).unwrap(), None);
        for (decision, leaves) in self.by_decision.iter().step_by(17) {
            let found: Vec<LeafIndex> = lake.by_decision_id(decision).unwrap().iter().map(|row| row.leaf).collect();
            assert_eq!(&found, leaves, "{decision}");
        }
        assert_eq!(lake.by_decision_id("nobody's").unwrap(), []);
        for (user, leaves) in self.by_user.iter().step_by(29) {
            assert_eq!(&lake.leaves_of_user(user).unwrap(), leaves, "{user}");
        }
    }
}

/// Decisions, some with a decision id of their own and some reviewed.
fn entries(numbers: std::ops::Range<u64>) -> Vec<([u8; 16], Vec<u8>)> {
    let mut entries = Vec::new();
    for number in numbers {
        let mut record = sample::decision(number);
        if number % 10 == 3 {
            let own = format!("\"decision_id\":\"{}\"", sample::event_id(number));
            let other = format!("\"decision_id\":\"loan \\\"{}\\\"\"", number / 20);
            record = String::from_utf8(record).unwrap().replace(&own, &other).into_bytes();
        }
        entries.push((sample::event_id(number).into_bytes(), record));
        if number % 25 == 0 {
            let (id, record) = sample::review(number, number.saturating_sub(50));
            entries.push((id.into_bytes(), record));
        }
    }
    entries
}

#[test]
fn entries_are_found_in_the_tail_in_segments_and_after_compaction() {
    let mut house = LakeFixture::new(60);
    let mut model = Model::default();
    for part in 0..6 {
        model.append(&house, entries(part * 100..part * 100 + 100));
        model.check(house.lake());
        if part % 2 == 1 {
            house.seal();
        }
    }
    assert!(house.segment_files().len() > 8);
    model.check(house.lake());
    model.append(&house, entries(600..650));
    house.reopen();
    model.check(house.lake());
    assert_eq!(house.verify(), [] as [String; 0]);

    // Enough small segments for the worker to join them.
    for part in 0..12 {
        model.append(&house, entries(700 + part * 10..710 + part * 10));
        house.seal();
    }
    let before = house.segment_files().len();
    let sealer = Sealer::start(Arc::clone(house.lake()), Arc::clone(house.ledger())).unwrap();
    wait_until(|| house.segment_files().len() < before - 10);
    sealer.stop();
    model.check(house.lake());
    assert_eq!(house.verify(), [] as [String; 0]);
    house.reopen();
    model.check(house.lake());
}

#[test]
fn an_id_is_taken_wherever_its_entry_is() {
    let mut house = LakeFixture::new(40);
    house.append(entries(0..100));
    let again = |house: &LakeFixture, numbers: [u64; 3]| {
        let entry = |number| Entry::new(EntryId(sample::event_id(number).into_bytes()), b"{}".to_vec(), Vec::new());
        house.ledger().append(numbers.map(entry).to_vec()).map(|_| ())
    };
    let taken = |house: &LakeFixture| {
        let leaf = |number| house.lake().by_event_id(sample::event_id(number).into_bytes()).unwrap().unwrap().leaf;
        let expected = [(0, leaf(0)), (2, leaf(99))];
        match again(house, [0, 5_000, 99]) {
            Err(AppendError::Taken(taken)) => {
                assert_eq!(taken.iter().map(|(at, leaf)| (*at, *leaf)).collect::<Vec<_>>(), expected);
            }
            other => panic!("{other:?}"),
        }
    };
    taken(&house);
    house.seal();
    taken(&house);
    house.reopen();
    taken(&house);
    assert_eq!(again(&house, [6_000, 6_001, 6_002]), Ok(()));
}

/// Checks that each leaf is there once, in order; returns the end.
fn check_leaves(snapshot: &Snapshot) -> u64 {
    let segments = snapshot.segments.iter().map(|segment| segment.leaves());
    let chunks = snapshot.chunks.iter().map(|chunk| chunk.leaves());
    let end = segments.chain(chunks).fold(LeafIndex(0), |end, leaves| {
        assert_eq!(leaves.start, end);
        leaves.end
    });
    assert_eq!(end, snapshot.end());
    end.0
}

#[test]
fn a_reader_sees_every_entry_once_while_they_are_sealed_and_compacted() {
    let house = LakeFixture::new(50);
    let sealer = Sealer::start(Arc::clone(house.lake()), Arc::clone(house.ledger())).unwrap();
    let writing = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let (house, writing) = (&house, &writing);
        scope.spawn(move || {
            for number in 0..1_200 {
                house.append([(sample::event_id(number).into_bytes(), sample::decision(number))]);
                // Read your writes.
                assert!(house.lake().by_event_id(sample::event_id(number).into_bytes()).unwrap().is_some());
            }
            writing.store(false, Ordering::Release);
        });
        let mut end = 0;
        while writing.load(Ordering::Acquire) {
            let snapshot = house.lake().snapshot();
            let now = check_leaves(&snapshot);
            assert!(now >= end, "entries went away");
            end = now;
            let rows: u64 = snapshot.tail_batches().unwrap().iter().map(|batch| batch.num_rows() as u64).sum();
            assert_eq!(snapshot.segments.last().map_or(0, |segment| segment.leaves().end.0) + rows, now);
            // A file of the snapshot stays as long as the snapshot does.
            assert!(snapshot.segments.iter().all(|segment| segment.path().exists()));
        }
    });
    house.ledger().rotate().unwrap();
    wait_until(|| house.lake().sealed_end() == LeafIndex(1_200) && house.segment_files().len() < 17);
    assert_eq!(sealer.trouble(), None);
    sealer.stop();
    assert_eq!(check_leaves(&house.lake().snapshot()), 1_200);
    assert_eq!(house.verify(), [] as [String; 0]);
}

#[test]
fn what_an_interrupted_run_left_behind_is_dealt_with() {
    let mut house = LakeFixture::new(30);
    house.append(entries(0..28));
    house.ledger().rotate().unwrap();
    let wal = house.path().join("wal");
    let saved = house.path().join("saved");
    copy(&wal, &saved);
    house.seal();
    let old = house.segment_files();
    let records: Vec<Vec<u8>> = (0..house.lake().sealed_end().0).map(|leaf| house.record(leaf)).collect();
    // Sealed, but the ledger did not get to removing its write-ahead file.
    house.close();
    copy(&saved, &wal);
    house.open();
    assert!(house.lake().snapshot().chunks.is_empty());
    house.seal();
    assert_eq!(house.segment_files(), old, "nothing is sealed twice");
    assert_eq!(house.ledger().sealable(), []);
    // A file that was not finished.
    let segments = house.path().join(onrecord_lake::SEGMENTS);
    let unfinished = segments.join("00000000000000000900-00000000000000000999.parquet.tmp");
    std::fs::write(&unfinished, b"PAR1").unwrap();
    house.reopen();
    assert!(!unfinished.exists());
    assert_eq!(house.segment_files(), old);
    assert_eq!(check_leaves(&house.lake().snapshot()), records.len() as u64);
    assert_eq!(
        (0..)
            .map_while(|leaf| house.lake().by_leaf(LeafIndex(leaf)).unwrap())
            .map(|row| row.record)
            .collect::<Vec<_>>(),
        records
    );
}

#[test]
fn segments_that_compaction_replaced_go_at_the_next_start() {
    let mut house = LakeFixture::new(10);
    for part in 0..16 {
        house.append([(id(part), sample::decision(part))]);
        house.seal();
    }
    let saved = house.path().join("saved");
    let segments = house.path().join(onrecord_lake::SEGMENTS);
    copy(&segments, &saved);
    let sealer = Sealer::start(Arc::clone(house.lake()), Arc::clone(house.ledger())).unwrap();
    wait_until(|| house.segment_files().len() == 1);
    sealer.stop();
    house.close();
    copy(&saved, &segments);
    assert_eq!(house.segment_files().len(), 17);
    house.open();
    assert_eq!(house.segment_files().len(), 1);
    assert_eq!(check_leaves(&house.lake().snapshot()), 16);
}

#[test]
fn a_seal_that_fails_leaves_the_entries_where_they_are_and_is_tried_again() {
    let house = LakeFixture::new(20);
    house.append(entries(1..11));
    // A directory where the file should be written.
    let name = "00000000000000000000-00000000000000000010.parquet.tmp";
    let obstacle = house.path().join(onrecord_lake::SEGMENTS).join(name);
    std::fs::create_dir(&obstacle).unwrap();
    let sealer = Sealer::start(Arc::clone(house.lake()), Arc::clone(house.ledger())).unwrap();
    house.ledger().rotate().unwrap();
    wait_until(|| sealer.trouble().is_some());
    assert!(sealer.trouble().unwrap().contains(name));
    assert_eq!(house.record(3), sample::decision(4));
    house.append(entries(11..12));
    std::fs::remove_dir(&obstacle).unwrap();
    house.ledger().rotate().unwrap();
    wait_until(|| house.lake().sealed_end() == LeafIndex(11) && sealer.trouble().is_none());
    sealer.stop();
    assert_eq!(house.ledger().status().unsealed_files, 0);
    assert_eq!(house.verify(), [] as [String; 0]);
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "it did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

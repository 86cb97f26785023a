//! A segment with fewer rows than leaves, as whoever removes rows would leave it: what has a row is found at its leaf, what
//! has none is not there, and `verify` says which leaves that are.

use onrecord_evidence::LeafRange;
use onrecord_lake::shred::{Shredder, survey};
use onrecord_lake::{Error, LeafIndex, Row, SEGMENTS, Segment, SegmentWriter, compact_all};
use onrecord_record::{Parser, StoredDecision};
use onrecord_testing::{LakeFixture, sample};
use std::ops::Range;
use std::path::Path;

fn id(leaf: u64) -> [u8; 16] {
    sample::event_id(leaf).into_bytes()
}

/// A small record with the id, a decision and a user; ten leaves have the same user.
fn record(leaf: u64) -> Vec<u8> {
    let (event, user) = (sample::event_id(leaf), leaf / 10);
    let record = format!(
        r#"{{"decision_id":"d{leaf}","event_id":"{event}","kind":"decision","schema":1,"user_id":"sub_{user:024x}"}}"#
    );
    record.into_bytes()
}

/// Writes the segment of these leaves again, without some.
fn write(dir: &Path, leaves: Range<u64>, without: &[Range<u64>]) -> Segment {
    let held: Vec<u64> = leaves.clone().filter(|leaf| !without.iter().any(|range| range.contains(leaf))).collect();
    let records: Vec<Vec<u8>> = held.iter().map(|leaf| record(*leaf)).collect();
    let row = |(leaf, record)| Row { leaf: LeafIndex(leaf), id: id(leaf), record, sidecar: &[] };
    let rows: Vec<Row<'_>> = held.iter().copied().zip(records.iter().map(Vec::as_slice)).map(row).collect();
    let columns = survey(&rows, 100).plan();
    let mut writer = SegmentWriter::create(&dir.join(SEGMENTS), LeafRange::from(leaves), columns.clone()).unwrap();
    let mut shredder = Shredder::new(&columns);
    for row in &rows {
        shredder.push(row, false).unwrap();
        if shredder.is_full() {
            writer.write(shredder.take().unwrap()).unwrap();
        }
    }
    if shredder.rows() > 0 {
        writer.write(shredder.take().unwrap()).unwrap();
    }
    Segment::open(&writer.finish().unwrap().publish().unwrap()).unwrap()
}

/// A directory with one sealed segment, which is then written without some of its leaves, and opened again.
fn house(leaves: u64, without: &[Range<u64>]) -> LakeFixture {
    let mut house = LakeFixture::new(1 << 20);
    house.append((0..leaves).map(|leaf| (id(leaf), record(leaf))));
    house.seal();
    house.close();
    let segment = write(house.path(), 0..leaves, without);
    let gone: u64 = without.iter().map(|range| range.end - range.start).sum();
    assert_eq!((segment.leaves(), segment.rows()), (LeafRange::from(0..leaves), leaves - gone));
    house.open();
    house
}

fn check_look_ups(house: &LakeFixture, asked: impl Iterator<Item = u64>, without: &[Range<u64>]) {
    let lake = house.lake();
    let is_held = |leaf: &u64| !without.iter().any(|range| range.contains(leaf));
    for leaf in asked {
        let expected = is_held(&leaf).then_some((LeafIndex(leaf), id(leaf), record(leaf)));
        let found = lake.by_leaf(LeafIndex(leaf)).unwrap();
        assert_eq!(found.map(|row| (row.leaf, row.id, row.record)), expected, "leaf {leaf}");
        let found = lake.by_event_id(id(leaf)).unwrap();
        assert_eq!(found.map(|row| (row.leaf, row.id, row.record)), expected, "the id of leaf {leaf}");
        let found: Vec<u64> = lake.by_decision_id(&format!("d{leaf}")).unwrap().iter().map(|row| row.leaf.0).collect();
        assert_eq!(found, is_held(&leaf).then_some(leaf).into_iter().collect::<Vec<_>>(), "decision d{leaf}");
        let user = leaf / 10;
        let of_user = lake.leaves_of_user(&format!("sub_{user:024x}")).unwrap();
        let expected = (user * 10..user * 10 + 10).filter(is_held).filter(|leaf| *leaf < lake.size().0);
        assert_eq!(of_user, expected.map(LeafIndex).collect::<Vec<_>>(), "user {user}");
    }
}

#[test]
fn what_has_a_row_is_found_at_its_leaf_and_what_has_none_is_not_there() {
    let without = [0..1, 17..40, 60..61, 998..1_000];
    let mut house = house(1_000, &without);
    check_look_ups(&house, 0..1_000, &without);
    let all: Vec<LeafIndex> = (0..1_000).map(LeafIndex).collect();
    let rows = house.lake().by_leaves(&all).unwrap();
    assert_eq!(rows.len(), 1_000 - 27);
    assert!(rows.iter().all(|row| row.record == record(row.leaf.0)));
    // With a look-up index made of these rows, and without one.
    assert!(house.segment_files()[0].with_extension("index").exists());
    house.remove_indexes();
    check_look_ups(&house, (0..1_000).step_by(7), &without);
}

#[test]
fn verify_names_the_leaves_that_have_no_row() {
    let house = house(1_000, &[0..1, 17..40, 60..61, 998..1_000]);
    let wrong = house.verify();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    let told = "is damaged: it has no row for leaf 0, leaves 17–39, leaf 60, leaves 998–999";
    assert!(wrong[0].ends_with(told), "{wrong:?}");
    let many: Vec<Range<u64>> = (0..50).map(|at| at * 10 + 3..at * 10 + 5).collect();
    let house = self::house(1_000, &many);
    let wrong = house.verify();
    assert!(wrong.len() == 1 && wrong[0].ends_with("leaves 153–154, 68 more leaves"), "{wrong:?}");
}

#[test]
fn a_follower_stops_at_a_leaf_without_a_row_and_skips_nothing() {
    let house = house(100, &[40..42, 90..91]);
    let mut entries = house.lake().entries(LeafIndex(30)).unwrap();
    let read: Vec<u64> = entries.by_ref().map_while(Result::ok).map(|row| row.leaf.0).collect();
    assert_eq!(read, (30..40).collect::<Vec<_>>());
    let error = entries.next().unwrap().unwrap_err();
    assert!(error.to_string().ends_with("is damaged: leaf 40 has no row"), "{error}");
    assert_eq!(house.lake().entries(LeafIndex(42)).unwrap().next().unwrap().unwrap().leaf, LeafIndex(42));
}

#[test]
fn compaction_does_not_copy_a_gap() {
    let mut house = LakeFixture::new(1 << 20);
    for part in 0..16 {
        house.append((part * 10..part * 10 + 10).map(|leaf| (id(leaf), record(leaf))));
        house.seal();
    }
    house.close();
    write(house.path(), 50..60, &[53..54, 57..58]);
    house.open();
    let error = compact_all(house.lake(), house.ledger()).unwrap_err();
    assert!(error.to_string().ends_with("is damaged: leaf 53 is missing"), "{error}");
    assert_eq!(house.segment_files().len(), 16);
}

#[test]
fn more_rows_than_leaves_are_refused_at_the_door() {
    let house = LakeFixture::new(100);
    let rows = shredded(0..3);
    let mut writer = SegmentWriter::create(&house.path().join(SEGMENTS), LeafRange::from(0..2), Vec::new()).unwrap();
    writer.write(rows).unwrap();
    let error = Segment::open(&writer.finish().unwrap().publish().unwrap()).err().unwrap();
    assert!(matches!(&error, Error::Damaged { problem, .. } if problem == "it has 3 rows for 2 leaves"), "{error}");
}

#[test]
fn leaves_that_are_not_those_of_the_name_are_refused_at_the_door() {
    let house = LakeFixture::new(100);
    for (leaves, held) in [(0..5, 3..6), (10..15, 9..12)] {
        let dir = house.path().join(SEGMENTS);
        let mut writer = SegmentWriter::create(&dir, LeafRange::from(leaves), Vec::new()).unwrap();
        writer.write(shredded(held.clone())).unwrap();
        let error = Segment::open(&writer.finish().unwrap().publish().unwrap()).err().unwrap();
        let told = format!("row group 0 does not have leaves {} to {}", held.start, held.end);
        assert!(error.to_string().ends_with(&told), "{error}");
    }
}

fn shredded(leaves: Range<u64>) -> onrecord_lake::shred::Shredded {
    let mut shredder = Shredder::new(&[]);
    for leaf in leaves {
        let row = Row { leaf: LeafIndex(leaf), id: id(leaf), record: b"{}", sidecar: &[] };
        shredder.push(&row, false).unwrap();
    }
    shredder.take().unwrap()
}

#[test]
fn many_decisions_are_found_together_as_one_by_one() {
    let without = [17..40, 998..1_000];
    let mut house = house(1_000, &without);
    house.append((1_000..1_100).map(|leaf| (id(leaf), record(leaf))));
    for is_indexed in [true, false] {
        let ids: Vec<String> =
            (0..1_200).step_by(3).map(|leaf| format!("d{leaf}")).chain([sample::event_id(5).to_string()]).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let lake = house.lake();
        let mut parser = Parser::new();
        let one_by_one = ids.iter().filter_map(|id| {
            let mut rows = lake.by_decision_id(id).unwrap().into_iter();
            rows.find_map(|row| StoredDecision::read(parser.parse(&row.record).unwrap().value()))
        });
        let one_by_one: Vec<StoredDecision> = one_by_one.collect();
        let together = lake.decisions_by_id(&ids).unwrap();
        assert!(together.len() > 300 && together == one_by_one, "{together:?} {one_by_one:?}");
        if is_indexed {
            house.remove_indexes();
        }
    }
}

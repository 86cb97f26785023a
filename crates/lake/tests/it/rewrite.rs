//! Rewrites against a naive model: whatever is removed in whatever order, with sealing, compaction and new openings between,
//! each leaf has the row and the sidecar that the model has, look-ups find what stays and nothing else, and no file of the
//! directory has a byte of what went.

use onrecord_evidence::leaf_hash;
use onrecord_lake::{LeafIndex, LeafSet, OwnedRow, Removal, SEGMENTS, compact_all, rewrite};
use onrecord_ledger::{Entry, EntryId};
use onrecord_testing::{LakeFixture, Random, sample};
use std::collections::BTreeMap;
use std::time::Duration;

fn id(leaf: u64) -> [u8; 16] {
    sample::event_id(leaf).into_bytes()
}

/// A record of which a needle is in a column, one in the rest and one in the name of a member.
fn record(leaf: u64) -> Vec<u8> {
    let (event, user) = (sample::event_id(leaf), leaf % 10);
    let record = format!(
        r#"{{"decision_id":"d{leaf}","event_id":"{event}","input_features":{{"needle_{leaf}_name":1,"text":"needle {leaf} value"}},"kind":"decision","schema":1,"user_id":"sub_{user:024x}"}}"#
    );
    record.into_bytes()
}

fn sidecar(leaf: u64) -> Vec<u8> {
    if leaf.is_multiple_of(3) { format!("needle {leaf} beside").into_bytes() } else { Vec::new() }
}

/// What should be there, by leaf.
type Model = BTreeMap<u64, Vec<u8>>;

fn append(house: &LakeFixture, model: &mut Model, count: u64) {
    let first = house.ledger().size().0;
    let entry = |leaf| Entry::new(EntryId(id(leaf)), record(leaf), sidecar(leaf));
    house.ledger().append((first..first + count).map(entry).collect()).unwrap();
    model.extend((first..first + count).map(|leaf| (leaf, sidecar(leaf))));
}

fn check(house: &LakeFixture, model: &Model) {
    let expected = model.iter().map(|(leaf, sidecar)| OwnedRow {
        leaf: LeafIndex(*leaf),
        id: id(*leaf),
        record: record(*leaf),
        sidecar: sidecar.clone(),
    });
    let rows: Vec<OwnedRow> = house.lake().entries(LeafIndex(0)).unwrap().map(Result::unwrap).collect();
    assert!(rows.iter().cloned().eq(expected));
    for row in &rows {
        assert_eq!(leaf_hash(&row.record), house.leaf_hash(row.leaf.0));
    }
    for user in 0..10 {
        let found = house.lake().leaves_of_user(&format!("sub_{user:024x}")).unwrap();
        assert!(found.iter().map(|leaf| leaf.0).eq(model.keys().copied().filter(|leaf| leaf % 10 == user)));
    }
    for leaf in 0..house.ledger().size().0 {
        let found = house.lake().by_decision_id(&format!("d{leaf}")).unwrap();
        assert_eq!(found.iter().map(|row| row.leaf.0).collect::<Vec<_>>(), model.get(&leaf).map(|_| leaf).as_slice());
    }
}

/// The needles of leaves that went are in no file, neither plain nor compressed: what is sealed is read back by column.
fn check_needles(house: &LakeFixture, model: &Model) {
    let size = house.ledger().size().0;
    for segment in &*house.lake().segments() {
        let schema = format!("{:?} {:?}", segment.schema(), segment.parquet().file_metadata());
        for leaf in (0..size).filter(|leaf| !model.contains_key(leaf)) {
            assert!(!schema.contains(&format!("needle_{leaf}_name")), "a name of leaf {leaf}");
        }
    }
}

fn set(leaves: &[u64]) -> LeafSet {
    leaves.iter().copied().map(LeafIndex).collect()
}

#[test]
fn what_is_removed_is_gone_and_everything_else_stays() {
    for seed in 0..6 {
        let mut random = Random::new(seed);
        let (mut house, mut model, mut gone) = (LakeFixture::new(1 << 20), Model::new(), LeafSet::default());
        for _ in 0..12 {
            match random.below(6) {
                0 | 1 => append(&house, &mut model, 1 + random.below(60)),
                2 => house.seal(),
                3 => {
                    house.reopen();
                    house.lake().may_lack(&gone);
                }
                4 => compact_all(house.lake(), house.ledger()).unwrap(),
                _ => {
                    house.seal();
                    let some = |random: &mut Random| -> Vec<u64> {
                        let part = 1 + random.below(4);
                        (0..house.ledger().size().0).filter(|_| random.below(4) < part).collect()
                    };
                    let (rows, sidecars) = (some(&mut random), some(&mut random));
                    let expected = rows.iter().filter(|leaf| model.contains_key(leaf)).count() as u64;
                    let removal = Removal { rows: set(&rows), sidecars: set(&sidecars) };
                    rows.iter().for_each(|leaf| drop(model.remove(leaf)));
                    let bare = sidecars.iter().filter_map(|leaf| model.get_mut(leaf).map(std::mem::take));
                    let bare = bare.filter(|sidecar| !sidecar.is_empty()).count() as u64;
                    rows.iter().for_each(|leaf| gone.insert((*leaf..*leaf + 1).into()));
                    let removed = rewrite(house.lake(), house.ledger(), &removal).unwrap();
                    assert_eq!((removed.rows, removed.sidecars), (expected, bare), "seed {seed}");
                    assert!(removed.wait(Duration::from_secs(5)));
                    let again = rewrite(house.lake(), house.ledger(), &removal).unwrap();
                    assert_eq!((again.segments, again.rows, again.sidecars), (0, 0, 0));
                    check_needles(&house, &model);
                }
            }
            check(&house, &model);
        }
        let verification = house.verify_without(&gone);
        assert!(verification.errors.is_empty(), "{:?}", verification.errors);
        assert_eq!((verification.removed, verification.remaining), (house.lake().sealed_end().0 - sealed(&house), 0));
        assert_eq!(house.verify().is_empty(), verification.removed == 0, "nothing else explains what is missing");
    }
}

fn sealed(house: &LakeFixture) -> u64 {
    house.lake().segments().iter().map(|segment| segment.rows()).sum()
}

#[test]
fn a_segment_may_lose_all_its_rows_and_only_what_is_concerned_is_rewritten() {
    let (mut house, mut model) = (LakeFixture::new(1 << 20), Model::new());
    for _ in 0..3 {
        append(&house, &mut model, 20);
        house.seal();
    }
    let before = house.segment_files();
    let all: Vec<u64> = (20..40).collect();
    let removed = rewrite(house.lake(), house.ledger(), &Removal { rows: set(&all), ..Removal::default() }).unwrap();
    assert_eq!((removed.segments, removed.rows), (1, 20));
    all.iter().for_each(|leaf| drop(model.remove(leaf)));
    let after = house.segment_files();
    assert_eq!((&after[0], &after[2]), (&before[0], &before[2]));
    assert!(after[1].to_string_lossy().ends_with("40-1.parquet"), "{after:?}");
    check(&house, &model);
    house.reopen();
    house.lake().may_lack(&set(&all));
    check(&house, &model);
    let verification = house.verify_without(&set(&all));
    assert!(verification.errors.is_empty() && verification.removed == 20, "{:?}", verification.errors);
    // A leaf that is named and still there is counted, one that is gone and not named is a fault.
    let verification = house.verify_without(&set(&[0, 20]));
    assert_eq!((verification.removed, verification.remaining), (1, 1));
    assert!(verification.errors[0].to_string().contains("it has no row for leaves 21\u{2013}39"));
}

#[test]
fn a_reader_keeps_the_old_file_until_it_is_done() {
    let (house, mut model) = (LakeFixture::new(1 << 20), Model::new());
    append(&house, &mut model, 20);
    house.seal();
    let reader = house.lake().snapshot();
    let removed = rewrite(house.lake(), house.ledger(), &Removal { rows: set(&[3]), ..Removal::default() }).unwrap();
    assert!(!removed.wait(Duration::from_millis(20)));
    assert_eq!(std::fs::read_dir(house.path().join(SEGMENTS)).unwrap().count(), 4, "two segments with their indexes");
    drop(reader);
    assert!(removed.wait(Duration::from_secs(5)));
    assert_eq!(std::fs::read_dir(house.path().join(SEGMENTS)).unwrap().count(), 2);
}

#[test]
fn damage_is_not_copied_and_keeps_nothing_else_from_being_removed() {
    let (mut house, mut model) = (LakeFixture::new(1 << 20), Model::new());
    for _ in 0..2 {
        append(&house, &mut model, 2_000);
        house.seal();
    }
    house.close();
    let before = house.segment_files();
    let mut bytes = std::fs::read(&before[0]).unwrap();
    bytes[2_000] ^= 1;
    std::fs::write(&before[0], &bytes).unwrap();
    house.open();
    let removal = Removal { rows: set(&[3, 2_003]), ..Removal::default() };
    let error = rewrite(house.lake(), house.ledger(), &removal).unwrap_err();
    assert_eq!(error.path(), Some(before[0].as_path()), "{error}");
    let after = house.segment_files();
    assert_eq!((after.len(), &after[0]), (2, &before[0]));
    assert!(after[1].to_string_lossy().ends_with("4000-1.parquet"), "{after:?}");
    assert!(house.lake().by_leaves(&[LeafIndex(2_003)]).unwrap().is_empty());
}

#[test]
fn what_loses_nothing_is_copied_byte_for_byte() {
    let (house, mut model) = (LakeFixture::new(1 << 20), Model::new());
    append(&house, &mut model, 3_000);
    house.seal();
    let chunks = || {
        let segments = house.lake().segments();
        let bytes = std::fs::read(segments[0].path()).unwrap();
        let group = segments[0].parquet().row_group(0);
        let chunk = |column: &parquet::file::metadata::ColumnChunkMetaData| {
            let (start, length) = column.byte_range();
            (column.column_path().string(), bytes[start as usize..(start + length) as usize].to_vec())
        };
        group.columns().iter().map(chunk).collect::<BTreeMap<_, _>>()
    };
    let before = chunks();
    let removal = Removal { sidecars: set(&[3, 6]), ..Removal::default() };
    rewrite(house.lake(), house.ledger(), &removal).unwrap();
    [3, 6].iter().for_each(|leaf| drop(model.insert(*leaf, Vec::new())));
    check(&house, &model);
    let after = chunks();
    let differ = before.iter().filter(|(name, bytes)| after.get(*name) != Some(*bytes));
    assert_eq!(differ.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["sidecar"]);
}

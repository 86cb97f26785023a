//! SQL over a segment with fewer rows than leaves, as whoever removes rows leaves it: what has a row is seen at its leaf,
//! what has none is nowhere, with reviews and without, from columns in memory and from the file.

use crate::answers::{engine, rows};
use onrecord_evidence::LeafRange;
use onrecord_lake::shred::{Shredder, survey};
use onrecord_lake::{LeafIndex, Row, SEGMENTS, SegmentWriter};
use onrecord_query::QueryContext;
use onrecord_testing::{LakeFixture, sample};
use serde_json::{Value, json};
use std::ops::Range;

const LEAVES: u64 = 9_000;
const WITHOUT: [Range<u64>; 4] = [0..1, 17..40, 4_000..7_000, 8_998..9_000];

fn is_held(leaf: &u64) -> bool {
    !WITHOUT.iter().any(|range| range.contains(leaf))
}

/// A directory with one sealed segment, written again without some of its leaves, and reviews in the tail.
fn house() -> LakeFixture {
    let id = |leaf: u64| sample::event_id(leaf).into_bytes();
    let mut house = LakeFixture::new(1 << 20);
    house.append((0..LEAVES).map(|leaf| (id(leaf), sample::decision(leaf))));
    house.seal();
    house.close();
    let held: Vec<u64> = (0..LEAVES).filter(is_held).collect();
    let records: Vec<Vec<u8>> = held.iter().map(|leaf| sample::decision(*leaf)).collect();
    let row = |(leaf, record)| Row { leaf: LeafIndex(leaf), id: id(leaf), record, sidecar: &[] };
    let all: Vec<Row<'_>> = held.iter().copied().zip(records.iter().map(Vec::as_slice)).map(row).collect();
    let columns = survey(&all, 100).plan();
    let leaves = LeafRange::from(0..LEAVES);
    let mut writer = SegmentWriter::create(&house.path().join(SEGMENTS), leaves, columns.clone()).unwrap();
    let mut shredder = Shredder::new(&columns);
    for row in &all {
        shredder.push(row, false).unwrap();
        if shredder.is_full() {
            writer.write(shredder.take().unwrap()).unwrap();
        }
    }
    writer.write(shredder.take().unwrap()).unwrap();
    writer.finish().unwrap().publish().unwrap();
    house.open();
    house.append([7_500, 100, 5_000].map(|of| {
        let (id, record) = sample::review(LEAVES + of, of);
        (id.into_bytes(), record)
    }));
    house
}

#[test]
fn a_query_sees_each_row_at_its_leaf_and_no_other() {
    let (house, engine) = (house(), engine());
    let ask = |sql: &str| rows(&engine, &house, sql, &QueryContext::default());
    let held: Vec<u64> = (0..LEAVES).filter(is_held).collect();
    let decisions: Vec<Value> =
        (0..LEAVES).map(|leaf| serde_json::from_slice(&sample::decision(leaf)).unwrap()).collect();
    let decision = |leaf: u64| &decisions[leaf as usize];
    let confidence = |leaf: u64| decision(leaf)["confidence"].as_f64().unwrap();
    let leaves = |rows: Vec<Value>| rows.iter().map(|row| row["leaf_index"].as_u64().unwrap()).collect::<Vec<_>>();
    // Twice: the second time narrow columns are in memory.
    for _ in 0..2 {
        assert_eq!(ask("SELECT count(*) AS n FROM ai_audit_logs"), [json!({"n": held.len()})]);
        assert_eq!(leaves(ask("SELECT leaf_index FROM decisions ORDER BY leaf_index")), held);
        let unsure: Vec<u64> = held.iter().copied().filter(|leaf| confidence(*leaf) < 0.75).collect();
        let found = ask("SELECT leaf_index, confidence FROM ai_audit_logs WHERE confidence < 0.75 ORDER BY leaf_index");
        assert!(found.iter().all(|row| row["confidence"] == confidence(row["leaf_index"].as_u64().unwrap())));
        assert!(unsure.len() > 100 && leaves(found) == unsure);
        // The documents of a top-k are put together afterwards, by their leaves.
        let found =
            ask("SELECT leaf_index, input_features FROM ai_audit_logs ORDER BY confidence, leaf_index LIMIT 50");
        let mut by_confidence = held.clone();
        by_confidence.sort_by(|left, right| confidence(*left).total_cmp(&confidence(*right)).then(left.cmp(right)));
        assert_eq!(leaves(found.clone()), by_confidence[..50]);
        for row in found {
            let expected = &decision(row["leaf_index"].as_u64().unwrap())["input_features"];
            assert_eq!(&row["input_features"], expected);
        }
        let between = ask("SELECT leaf_index FROM decisions WHERE leaf_index BETWEEN 10 AND 50 ORDER BY 1");
        assert_eq!(leaves(between), (10..=50).filter(is_held).collect::<Vec<_>>());
        // A review of a row that is gone is about nothing.
        let overridden =
            ask("SELECT leaf_index FROM ai_audit_logs WHERE overridden AND NOT human_decision IS NULL ORDER BY 1");
        let by_review: Vec<u64> =
            leaves(overridden).into_iter().filter(|leaf| [100, 5_000, 7_500].contains(leaf)).collect();
        assert_eq!(by_review, [100, 7_500]);
        for leaf in [1, 16, 17, 39, 40, 3_999, 4_000, 6_999, 7_000, 8_997, 8_998] {
            let id = sample::event_id(leaf);
            let expected: Vec<u64> = Some(leaf).filter(is_held).into_iter().collect();
            for column in ["event_id", "decision_id"] {
                let found = ask(&format!("SELECT leaf_index, prediction FROM ai_audit_logs WHERE {column} = '{id}'"));
                assert!(found.iter().all(|row| row["prediction"] == decision(leaf)["prediction"]));
                assert_eq!(leaves(found), expected, "{column} of leaf {leaf}");
            }
            let user = decision(leaf)["user_id"].as_str().unwrap().to_owned();
            let expected: Vec<u64> =
                held.iter().copied().filter(|leaf| decision(*leaf)["user_id"] == user.as_str()).collect();
            let found =
                ask(&format!("SELECT leaf_index FROM ai_audit_logs WHERE user_id = '{user}' ORDER BY leaf_index"));
            assert_eq!(leaves(found), expected, "the user of leaf {leaf}");
        }
    }
    let groups = ask("SELECT input_features->>'gender' AS g, count(*) AS n FROM ai_audit_logs GROUP BY 1");
    assert_eq!(groups.iter().map(|row| row["n"].as_u64().unwrap()).sum::<u64>(), held.len() as u64);
}

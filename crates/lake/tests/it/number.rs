//! Numbers in columns: each comes back digit for digit, whether a column holds it or the rest does.

use crate::round_trip::{assemble, kept_exact, shred};
use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int64Type};
use onrecord_testing::{LakeFixture, id};
use proptest::prelude::*;
use uuid::Uuid;

/// The stored form of a decision with these input features, which are canonical.
fn decision(number: u64, features: &str) -> ([u8; 16], Vec<u8>) {
    let event_id = id(number);
    let text = Uuid::from_bytes(event_id);
    let record = format!(
        r#"{{"decision_id":"{text}","event_id":"{text}","input_features":{features},"kind":"decision","recorded_at":"2026-11-23T07:46:33.123456Z","schema":1}}"#
    );
    (event_id, record.into_bytes())
}

/// The account number of V1 and what comes after it: up to 64 bits, beyond, beside fractions, and in lists.
fn numbers(number: u64) -> ([u8; 16], Vec<u8>) {
    let account = 107_505_301_260_286_111 + number;
    let wei = 19_876_543_210_987_654_321 + u128::from(number);
    let rate = if number.is_multiple_of(3) { "9007199254740993".to_owned() } else { format!("{number}.5") };
    let features = format!(
        r#"{{"account":{account},"accounts":[{account},-9223372036854775808],"mixed":{rate},"odd":[{wei},1],"wei":{wei}}}"#
    );
    decision(number, &features)
}

#[test]
fn v1_integers_of_64_bits_have_a_column_and_longer_ones_are_in_the_rest() {
    let records: Vec<_> = (0..9).map(numbers).collect();
    let batch = shred(&records);
    assert_eq!(kept_exact(&batch), 0);
    let column = |name: &str| batch.column_by_name(name);
    let accounts = column("input_features.account").unwrap().as_primitive::<Int64Type>().clone();
    assert_eq!(accounts.value(8), 107_505_301_260_286_119);
    let lists = column("input_features.accounts").unwrap().as_list::<i32>().value(8);
    assert_eq!(lists.as_primitive::<Int64Type>().values(), &[107_505_301_260_286_119, i64::MIN]);
    assert!(column("input_features.wei").is_none() && column("input_features.odd").is_none());
    // A double holds two of three of these, and no double holds the third.
    let mixed = column("input_features.mixed").unwrap();
    assert_eq!((mixed.data_type(), mixed.null_count()), (&DataType::Float64, 3));
    let rest = column("input_features_rest").unwrap().as_string::<i32>().clone();
    assert_eq!(
        rest.value(6),
        r#"{"mixed":9007199254740993,"odd":[19876543210987654327,1],"wei":19876543210987654327}"#
    );
    assert_eq!(rest.value(7), r#"{"odd":[19876543210987654328,1],"wei":19876543210987654328}"#);
    assert_eq!(assemble(&batch), records.into_iter().map(|(_, record)| record).collect::<Vec<_>>());
}

#[test]
fn v1_a_segment_gives_every_digit_back_and_verifies() {
    let house = LakeFixture::new(1_000);
    let records: Vec<_> = (0..160).map(numbers).collect();
    for part in records.chunks(10) {
        house.append(part.to_vec());
        house.seal();
    }
    onrecord_lake::compact_all(house.lake(), house.ledger()).unwrap();
    assert_eq!(house.segment_files().len(), 1);
    for (leaf, (_, record)) in (0..).zip(&records) {
        assert_eq!(String::from_utf8_lossy(&house.record(leaf)), String::from_utf8_lossy(record));
    }
    assert_eq!(house.verify(), Vec::<String>::new());
}

/// Canonical numbers: integers of up to 38 digits, and doubles.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        ("-?", "[1-9][0-9]{0,37}").prop_map(|(sign, digits)| format!("{sign}{digits}")),
        any::<i64>().prop_map(|integer| integer.to_string()),
        (-100_i32..100).prop_map(|integer| integer.to_string()),
        any::<f64>().prop_filter("finite", |double| double.is_finite()).prop_map(|double| {
            let mut out = Vec::new();
            onrecord_record::canonical::write_number(double, &mut out);
            String::from_utf8(out).unwrap()
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn v1_any_numbers_come_back_from_the_columns(rows in prop::collection::vec(prop::collection::vec(number(), 1..4), 1..12)) {
        let features = |list: &Vec<String>| format!(r#"{{"a":{},"b":[{}],"c":[{{"d":{}}}]}}"#, list[0], list.join(","), list[0]);
        let records: Vec<_> = (0..).zip(&rows).map(|(number, list)| decision(number, &features(list))).collect();
        let batch = shred(&records);
        prop_assert_eq!(kept_exact(&batch), 0, "columns alone must do");
        for (assembled, (_, record)) in assemble(&batch).iter().zip(&records) {
            prop_assert_eq!(String::from_utf8_lossy(assembled), String::from_utf8_lossy(record));
        }
    }
}

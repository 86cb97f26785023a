//! The decisions that both are asked about: the sample's, made less regular.
//!
//! Missing and null members, members of mixed types, nested documents, lists, letters beyond ASCII, times with fractions of
//! any length on both sides of a change of summer time, a decision without an explanation, reviews that override, and outcomes,
//! of some decisions two.

use onrecord_record::canonical;
use onrecord_testing::{LakeFixture, sample};
use serde_json::{Value, json};
use std::fmt::Write;

const DECISIONS: u64 = 600;

/// Eleven hours between two decisions: 600 of them last from March to December 2026.
const STEP_MICROS: u64 = 11 * 3_600 * 1_000_000;
/// 2026-03-14T05:00:00Z
const START_MICROS: u64 = 1_773_464_400_000_000;

fn decision(number: u64) -> Value {
    let mut record: Value = serde_json::from_slice(&sample::decision(number)).unwrap();
    let micros = START_MICROS + number * STEP_MICROS + [0, 500_000, 123_456, 7, 999_999][number as usize % 5];
    record["timestamp"] = onrecord_record::Timestamp::from_micros(micros as i64).to_string().into();
    record["model_version"] = ["2.3.0", "2.10.0", "1.0"][number as usize % 3].into();
    record["system_actor"] = ["loan-service", "Loan-Service", "batch_job", "50%"][number as usize % 4].into();
    let inputs = &mut record["input_features"];
    inputs["applicant"] = json!({
        "address": {"city": (["Zürich", "Łódź", "Paris", "O'Fallon"][number as usize % 4]), "zip": format!("{:05}", number * 37)},
        "children": number % 4,
    });
    inputs["tags"] = json!((0..number % 4).map(|tag| format!("t{tag}")).collect::<Vec<_>>());
    inputs["ratio"] = json!(number as f64 / 8.0 - 10.0);
    inputs["mixed"] = [json!(7), json!("seven"), json!(null), json!(true), json!([1, {"a": null}]), json!({"b": 0.5})]
        [number as usize % 6]
        .clone();
    let take = |record: &mut Value, name: &str| drop(record.as_object_mut().unwrap().remove(name));
    if number.is_multiple_of(7) {
        take(&mut record, "confidence");
    }
    if number.is_multiple_of(11) {
        take(&mut record, "explanation");
    }
    if number.is_multiple_of(5) {
        take(&mut record, "metadata");
    }
    if number.is_multiple_of(13) {
        take(&mut record, "processing_time_ms");
        take(&mut record, "request_id");
    }
    if number.is_multiple_of(9) {
        record["input_features"].as_object_mut().unwrap().remove("purpose");
        record["input_features"]["gender"] = Value::Null;
    }
    record
}

/// What came of every ninth decision, as of every eighteenth some days before.
fn outcome(number: u64) -> ([u8; 16], Vec<u8>) {
    let event_id = uuid::Uuid::from_u128(sample::event_id(number + 3_000).as_u128() ^ 0xffff);
    let of = if number < 30 { number * 18 } else { (number - 30) * 9 };
    let at =
        onrecord_record::Timestamp::from_micros((START_MICROS + (1_000 + number) * STEP_MICROS) as i64).to_string();
    let outcome = [json!({"repaid": number.is_multiple_of(3), "days": number}), json!("late"), json!({"repaid": null})]
        [number as usize % 3]
        .clone();
    let record = json!({
        "kind": "outcome", "schema": 1, "event_id": event_id.to_string(), "recorded_at": at, "timestamp": at,
        "decision_id": sample::event_id(of).to_string(), "outcome": outcome,
    });
    (*event_id.as_bytes(), bytes(&record))
}

fn bytes(record: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    canonical::write_json(record, &mut out);
    out
}

/// A ledger with the decisions and the reviews, most of them sealed.
pub(super) fn house() -> LakeFixture {
    let house = LakeFixture::new(1_000_000);
    let append = |numbers: std::ops::Range<u64>| {
        house.append(numbers.map(|number| (*sample::event_id(number).as_bytes(), bytes(&decision(number)))));
    };
    append(0..300);
    house.seal();
    append(300..500);
    house.append((0..40).map(|number| {
        let (id, record) = sample::review(number + 2_000, number * 12);
        (*id.as_bytes(), record)
    }));
    house.append((0..60).map(outcome));
    house.seal();
    append(500..DECISIONS);
    house.append((60..90).map(outcome));
    house
}

/// The same for `psql`: the records as they are in the ledger, and views of them that PostgreSQL makes by itself.
pub(super) fn script(house: &LakeFixture) -> String {
    let mut script = "CREATE TABLE entries (leaf_index bigint, record jsonb);\nCOPY entries FROM STDIN;\n".to_owned();
    for leaf in 0..house.ledger().size().0 {
        let record = String::from_utf8(house.record(leaf)).unwrap();
        writeln!(script, "{leaf}\t{}", record.replace('\\', "\\\\")).unwrap();
    }
    script + "\\.\n" + include_str!("../../differential/setup.sql")
}

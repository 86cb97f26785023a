//! Bytes in, bytes out: through the tail's columns, and through Parquet.

use arrow::array::{Array, RecordBatch};
use onrecord_lake::schema::{Document, PathColumn, column};
use onrecord_lake::{LeafIndex, Row, assemble::Assembler, shred};
use onrecord_record::{Parser, canonical};
use onrecord_testing::sample;
use onrecord_testing::{LakeFixture, id};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Any JSON, with keys that meet each other, that are odd, and values that change type.
fn any_json() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        (-9i64..9).prop_map(Value::from),
        (-(1i64 << 53)..=1 << 53).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |number| number.is_finite().then(|| Value::from(number))),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number,
        "[a-c\"\\\\\u{0}-\u{1f}é\u{e000}\u{1f600}]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any_key(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec!["a", "b", "c", "A", "element", "rest", "a-b", "_"]).prop_map(str::to_owned),
        prop::sample::select(vec!["", "a.b", " ", "ä", "\u{e000}", "\u{1f600}", "1", "\"", "key\n"])
            .prop_map(str::to_owned),
    ]
}

/// Decisions whose documents are any JSON, in canonical form.
fn any_decision() -> impl Strategy<Value = Map<String, Value>> {
    let documents = prop::collection::vec((0..Document::ALL.len(), any_json()), 0..5);
    let fixed = (any::<bool>(), prop::option::of(any::<f64>()), prop::option::of("[a-z]{0,5}"), any::<i32>());
    (documents, fixed).prop_map(|(documents, (flag, number, text, days))| {
        let mut record = Map::new();
        record.insert("human_reviewed".into(), flag.into());
        record.insert("data_retention_days".into(), days.into());
        if let Some(number) = number.filter(|number| number.is_finite()) {
            record.insert("confidence".into(), number.into());
        }
        if let Some(text) = text {
            record.insert("decision_id".into(), text.clone().into());
            record.insert("override_reason".into(), text.into());
        }
        for (document, value) in documents {
            record.insert(Document::ALL[document].name().into(), value);
        }
        record
    })
}

/// The stored form, under an id of its own.
fn stored(number: u64, mut record: Map<String, Value>) -> ([u8; 16], Vec<u8>) {
    let event_id = id(number);
    let text = Uuid::from_bytes(event_id).to_string();
    record.insert("kind".into(), "decision".into());
    record.insert("schema".into(), 1.into());
    record.insert("recorded_at".into(), "2026-11-23T07:46:33.123456Z".into());
    record.insert("event_id".into(), text.clone().into());
    record.entry("decision_id").or_insert_with(|| text.into());
    let mut bytes = Vec::new();
    canonical::write_json(&Value::Object(record), &mut bytes);
    (event_id, bytes)
}

pub(crate) fn shred(records: &[([u8; 16], Vec<u8>)]) -> RecordBatch {
    let rows: Vec<Row<'_>> = (0..)
        .map(LeafIndex)
        .zip(records)
        .map(|(leaf, (id, record))| Row { leaf, id: *id, record, sidecar: &[] })
        .collect();
    shred::shred_all(&rows).unwrap().batch
}

pub(crate) fn assemble(batch: &RecordBatch) -> Vec<Vec<u8>> {
    let mut assembler = Assembler::new(batch).unwrap();
    let write = |row| {
        let mut record = Vec::new();
        assembler.write(row, &mut record).unwrap();
        record
    };
    (0..batch.num_rows()).map(write).collect()
}

pub(crate) fn kept_exact(batch: &RecordBatch) -> usize {
    let record = batch.column_by_name(column::RECORD).unwrap();
    record.len() - record.null_count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_decision_comes_back_from_its_columns(records in prop::collection::vec(any_decision(), 1..20)) {
        let records: Vec<_> = (0..).zip(records).map(|(number, record)| stored(number, record)).collect();
        let batch = shred(&records);
        prop_assert_eq!(kept_exact(&batch), 0, "columns alone must do");
        for (assembled, (_, record)) in assemble(&batch).iter().zip(&records) {
            prop_assert_eq!(String::from_utf8_lossy(assembled), String::from_utf8_lossy(record));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_bytes_come_back_from_a_segment(
        decisions in prop::collection::vec(any_decision(), 1..40),
        others in prop::collection::vec(any::<Vec<u8>>(), 0..5),
        sidecar in any::<Vec<u8>>(),
    ) {
        let house = LakeFixture::new(1_000);
        let mut records: Vec<_> = (0..).zip(decisions).map(|(number, record)| stored(number, record)).collect();
        records.extend((1_000..).zip(others).map(|(number, bytes)| (id(number), bytes)));
        let entries = records.iter().map(|(id, record)| {
            onrecord_ledger::Entry::new(onrecord_ledger::EntryId(*id), record.clone(), sidecar.clone())
        });
        house.ledger().append(entries.collect()).unwrap();
        house.seal();
        let leaves: Vec<LeafIndex> = (0..records.len() as u64).map(LeafIndex).collect();
        let rows = house.lake().by_leaves(&leaves).unwrap();
        prop_assert_eq!(rows.len(), records.len());
        for (row, (id, record)) in rows.iter().zip(&records) {
            prop_assert_eq!(&row.record, record);
            prop_assert_eq!(&row.id, id);
            prop_assert_eq!(&row.sidecar, &sidecar);
        }
        prop_assert_eq!(house.verify(), Vec::<String>::new());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    /// Segments that have different columns, and different types for the same path, become one.
    #[test]
    fn any_decision_comes_back_after_compaction(parts in prop::collection::vec(prop::collection::vec(any_decision(), 1..8), 16)) {
        let house = LakeFixture::new(1_000);
        let mut numbers = 0..;
        let mut records = Vec::new();
        for part in parts {
            let part: Vec<_> = part.into_iter().map(|record| (numbers.next().unwrap(), record)).map(|(number, record)| stored(number, record)).collect();
            house.append(part.clone());
            house.seal();
            records.extend(part);
        }
        onrecord_lake::compact_all(house.lake(), house.ledger()).unwrap();
        prop_assert_eq!(house.segment_files().len(), 1);
        let leaves: Vec<LeafIndex> = (0..records.len() as u64).map(LeafIndex).collect();
        for (row, (_, record)) in house.lake().by_leaves(&leaves).unwrap().iter().zip(&records) {
            prop_assert_eq!(&row.record, record);
        }
        prop_assert_eq!(house.verify(), Vec::<String>::new());
    }
}

#[test]
fn sample_decisions_need_no_exact_bytes_and_few_rest() {
    let records: Vec<_> =
        (0..2_000).map(|number| (sample::event_id(number).into_bytes(), sample::decision(number))).collect();
    let mut parser = Parser::new();
    for (_, record) in &records {
        let mut written = Vec::new();
        canonical::write(parser.parse(record).unwrap().value(), &mut written);
        assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(record), "the sample is not canonical");
    }
    let batch = shred(&records);
    assert_eq!(kept_exact(&batch), 0);
    for document in Document::ALL {
        let rest = batch.column_by_name(document.rest_name()).unwrap();
        assert_eq!(rest.null_count(), rest.len(), "{document:?}");
    }
    assert_eq!(assemble(&batch), records.into_iter().map(|(_, record)| record).collect::<Vec<_>>());
}

/// What each line says of the columns that hold the documents of one record, and of what is left in the rest.
#[test]
fn what_does_not_fit_a_column_is_in_the_rest() {
    let table = [
        (json!({"a": 1, "b": null}), r#"{"b":null}"#),
        (json!({"a": "text"}), r#"{"a":"text"}"#),
        (json!({"a": 1, "n": {"x": true, "odd key": 2}}), r#"{"n":{"odd key":2}}"#),
        (json!({"a": 1, "n": {}}), r#"{"n":{}}"#),
        (json!({}), "{}"),
        (json!([1]), "[1]"),
        (json!("scalar"), r#""scalar""#),
        (Value::Null, "null"),
        (json!({"a": 2, "n": {"x": false}}), ""),
        (json!({"A": 2, "a": 1}), r#"{"A":2}"#),
    ];
    let usual = json!({"a": 1, "n": {"x": true}});
    let documents = table.iter().map(|(document, _)| document).chain(std::iter::repeat_n(&usual, 30));
    let records: Vec<_> = (0..)
        .zip(documents)
        .map(|(number, document)| stored(number, Map::from_iter([("metadata".to_owned(), document.clone())])))
        .collect();
    let batch = shred(&records);
    let columns: Vec<String> =
        batch.schema().fields().iter().filter_map(|field| Some(PathColumn::of(field)?.name())).collect();
    assert_eq!(columns, ["metadata", "metadata.a", "metadata.n.x"]);
    let rest = batch.column_by_name("metadata_rest").unwrap();
    let rest = arrow::array::AsArray::as_string::<i32>(rest);
    for (row, (document, expected)) in table.iter().enumerate() {
        // The bare column takes the one shape that is most frequent among scalars and lists.
        let expected = if document.is_array() || document.is_string() { None } else { Some(*expected) };
        let found = if rest.is_valid(row) { rest.value(row) } else { "" };
        if let Some(expected) = expected {
            assert_eq!(found, expected, "{document}");
        }
    }
    assert_eq!(assemble(&batch), records.into_iter().map(|(_, record)| record).collect::<Vec<_>>());
}

#[test]
fn v4_the_text_of_a_timestamp_comes_back_from_its_column() {
    let members = [("timestamp", "2026-11-20T10:00:00.123456Z"), ("timestamp_sent", "2026-11-20T10:00:00.123456789Z")];
    let record = Map::from_iter(members.map(|(name, text)| (name.to_owned(), text.into())));
    let records = [stored(0, record), stored(1, Map::new())];
    let batch = shred(&records);
    assert_eq!(kept_exact(&batch), 0);
    let texts = batch.column_by_name(column::TIMESTAMP_SENT).unwrap();
    let texts = arrow::array::AsArray::as_string::<i32>(texts);
    assert_eq!((texts.value(0), texts.is_null(1)), (members[1].1, true));
    assert_eq!(assemble(&batch), records.map(|(_, record)| record));
}

/// Records that no column can give back, each in its own way.
#[test]
fn records_that_columns_do_not_determine_are_kept_exactly() {
    let good = String::from_utf8(stored(0, Map::new()).1).unwrap();
    let table = [
        ("not json", "oops".to_owned()),
        ("empty", String::new()),
        ("not an object", "[]".to_owned()),
        ("unknown kind", good.replace("decision\"", "fantasy\"")),
        ("unknown member", good.replace("\"schema\":1", "\"schema\":1,\"zebra\":1")),
        ("other schema", good.replace("\"schema\":1", "\"schema\":2")),
        ("other time form", good.replace("33.123456Z", "33.123Z")),
        ("leap second", good.replace("33.123456Z", "60.123456Z")),
        ("other event id", good.replace("000000000001\"", "000000000002\"")),
        ("upper case hash", good.replace("\"kind\"", "\"input_hash\":\"0123456789ABCDEF0123456789ABCDEF\",\"kind\"")),
        ("wrong type", good.replace("\"kind\"", "\"human_reviewed\":\"yes\",\"kind\"")),
        ("white space", good.replace("\"schema\":1", "\"schema\": 1")),
        (
            "other order",
            good.replace("{\"decision_id\"", "{\"schema\":1,\"decision_id\"").replace(",\"schema\":1}", "}"),
        ),
        ("other number form", good.replace("\"kind\"", "\"confidence\":0.50,\"kind\"")),
        ("escapes", good.replace("\"kind\"", "\"metadata\":{\"\\u0061\":1},\"kind\"")),
    ];
    let house = LakeFixture::new(1_000);
    let own_id = |number| Uuid::from_bytes(id(number)).to_string();
    let records = (0..).zip(&table).map(|(number, (_, record))| record.replace(&own_id(0), &own_id(number)));
    let records: Vec<String> = records.collect();
    house.append((0..).zip(&records).map(|(number, record)| (id(number), record.clone().into_bytes())));
    house.seal();
    for (leaf, ((what, _), record)) in (0..).zip(table.iter().zip(&records)) {
        assert_eq!(String::from_utf8_lossy(&house.record(leaf)), *record, "{what}");
    }
    let other = table.iter().position(|(what, _)| *what == "other event id").unwrap();
    let wrong = house.verify();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(
        wrong[0].ends_with(&format!("at leaf {other}: its column event_id is not what its record says")),
        "{wrong:?}"
    );
}

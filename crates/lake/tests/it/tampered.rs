//! Segments whose records and checksums are right and whose columns lie: whoever may write files can make them.

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow::compute::{concat_batches, interleave};
use onrecord_lake::schema::{Document, PathColumn, RestKeys, column, meta};
use onrecord_lake::shred::Shredded;
use onrecord_lake::{Segment, SegmentWriter};
use onrecord_record::canonical;
use onrecord_testing::sample;
use onrecord_testing::{LakeFixture, id};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::fs::File;
use std::sync::Arc;
use uuid::Uuid;

/// An ordinary decision.
const PLAIN: usize = 3;
/// A decision with a member that has no column.
const EXACT: usize = 30;
/// A review.
const REVIEW: usize = 31;
/// A decision whose metadata is text.
const TEXT: usize = 32;
/// A decision with a null in its input.
const NULL: usize = 36;
/// A decision with a confidence of 0.
const SURE_OF_NOTHING: usize = 37;
/// Bytes that are no record.
const NOISE: usize = 38;

fn house() -> LakeFixture {
    let house = LakeFixture::new(100);
    let changed = |number: u64, from: &str, to: &str| {
        let record = String::from_utf8(sample::decision(number)).unwrap();
        assert!(record.contains(from));
        (sample::event_id(number).into_bytes(), record.replacen(from, to, 1).into_bytes())
    };
    let plain = |number| (sample::event_id(number).into_bytes(), sample::decision(number));
    let edited = |number, edit: &dyn Fn(&mut Value)| {
        let (id, record) = plain(number);
        let mut record: Value = serde_json::from_slice(&record).unwrap();
        edit(&mut record);
        let mut canonical = Vec::new();
        canonical::write_json(&record, &mut canonical);
        (id, canonical)
    };
    let with_text = |number| edited(number, &|record| record["metadata"] = "text".into());
    let with_no_confidence = |number| edited(number, &|record| record["confidence"] = 0.into());
    let review = sample::review(100, 3);
    house.append((0..EXACT as u64).map(plain));
    house.append([changed(30, "\"schema\":1", "\"schema\":1,\"score\":2"), (review.0.into_bytes(), review.1)]);
    house.append((TEXT as u64..NULL as u64).map(with_text));
    house.append([changed(36, "\"input_features\":{", "\"input_features\":{\"a\":null,"), with_no_confidence(37)]);
    house.append([(id(NOISE as u64), b"noise".to_vec())]);
    house.seal();
    house
}

/// Writes the segment again, with `change` made to its rows. The checksums are those of the new file.
fn rewrite(house: &LakeFixture, rest_keys: RestKeys, change: impl FnOnce(RecordBatch) -> RecordBatch) {
    let path = house.segment_files().remove(0);
    let segment = Segment::open(&path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let batch = change(concat_batches(&batches[0].schema(), &batches).unwrap());
    let columns = segment.schema().fields().iter().filter_map(|field| PathColumn::of(field)).collect();
    let mut writer = SegmentWriter::create(path.parent().unwrap(), segment.leaves(), columns).unwrap();
    writer.write(Shredded { batch, rest_keys }).unwrap();
    assert_eq!(writer.finish().unwrap().publish().unwrap(), path);
}

fn rest_keys() -> RestKeys {
    let mut keys = RestKeys::default();
    keys.insert(Document::InputFeatures, "a");
    keys
}

/// The rows with one value of a column replaced by the only one of `value`.
fn with(batch: &RecordBatch, name: &str, row: usize, value: &dyn Array) -> RecordBatch {
    let place = batch.schema().index_of(name).unwrap();
    let old = Arc::clone(batch.column(place));
    let indices: Vec<(usize, usize)> = (0..old.len()).map(|at| if at == row { (1, 0) } else { (0, at) }).collect();
    let mut arrays = batch.columns().to_vec();
    arrays[place] = interleave(&[old.as_ref(), value], &indices).unwrap();
    RecordBatch::try_new(batch.schema(), arrays).unwrap()
}

fn text(text: &str) -> ArrayRef {
    Arc::new(StringArray::from(vec![text]))
}

fn uuid(id: Uuid) -> ArrayRef {
    Arc::new(FixedSizeBinaryArray::try_from_iter([id.into_bytes()].into_iter()).unwrap())
}

fn timestamp() -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(vec![1_795_417_200_000_001]).with_timezone("UTC"))
}

#[test]
fn a_column_that_says_something_else_than_its_record_is_named() {
    let plain = sample::decision(PLAIN as u64);
    let none: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>]));
    let table: Vec<(usize, &str, ArrayRef)> = vec![
        (REVIEW, "kind", text("decision")),
        (NOISE, "kind", text("decision")),
        (EXACT, "kind", text("review")),
        (REVIEW, "event_id", uuid(sample::event_id(5_000))),
        (EXACT, "event_id", uuid(Uuid::max())),
        (REVIEW, "recorded_at", timestamp()),
        (EXACT, "timestamp", timestamp()),
        (REVIEW, "decision_id", text(&sample::event_id(4).to_string())),
        (REVIEW, "decision_id", Arc::clone(&none)),
        (EXACT, "user_id", text("sub_00000000000000000000000000000000")),
        (REVIEW, "user_id", text("sub_00000000000000000000000000000000")),
        (REVIEW, "model_id", text("loan_approval_model")),
        (EXACT, "input_hash", uuid(Uuid::nil())),
        (EXACT, "confidence", Arc::new(Float64Array::from(vec![0.123]))),
        (EXACT, "consent_given", Arc::new(BooleanArray::from(vec![false]))),
        (EXACT, "data_retention_days", Arc::new(Int64Array::from(vec![None]))),
        (EXACT, "input_features.gender", text("other than that")),
        (REVIEW, "prediction.approved", Arc::new(BooleanArray::from(vec![true]))),
        (NOISE, "metadata_rest", text("{}")),
        // Assembled rows: what assembly does not look at.
        (TEXT, "metadata.channel", text("web")),
        (SURE_OF_NOTHING, "confidence", Arc::new(Float64Array::from(vec![-0.0]))),
        (PLAIN, "record", Arc::new(BinaryArray::from_vec(vec![&plain]))),
    ];
    let house = house();
    let path = house.segment_files().remove(0);
    let sound = std::fs::read(&path).unwrap();
    for (row, name, value) in table {
        std::fs::write(&path, &sound).unwrap();
        rewrite(&house, rest_keys(), |batch| {
            let lie = with(&batch, name, row, &value);
            assert_ne!(lie, batch, "{name} of {row} is not changed");
            lie
        });
        let wrong = house.verify();
        assert_eq!(wrong.len(), 1, "{name} of {row}: {wrong:?}");
        let told = format!("at leaf {row}: its column {name} ");
        assert!(wrong[0].contains(&told) && wrong[0].contains("-00000000000000000039.parquet"), "{wrong:?}");
    }
}

#[test]
fn a_segment_written_again_without_a_lie_is_sound() {
    let house = house();
    rewrite(&house, rest_keys(), |batch| {
        let record = batch.column_by_name(column::RECORD).unwrap();
        let kept: Vec<usize> = (0..record.len()).filter(|row| record.is_valid(*row)).collect();
        assert_eq!(kept, [EXACT, REVIEW, NOISE], "the rows are what the tests take them for");
        assert!(batch.column_by_name("metadata").unwrap().is_valid(TEXT));
        assert!(batch.column_by_name("input_features_rest").unwrap().is_valid(NULL));
        batch
    });
    assert_eq!(house.verify(), [] as [String; 0]);
}

#[test]
fn a_footer_that_hides_keys_of_the_rest_is_found() {
    let house = house();
    rewrite(&house, RestKeys::default(), |batch| batch);
    let wrong = house.verify();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].contains("its column input_features_rest holds a key"), "{wrong:?}");
}

#[test]
fn a_footer_whose_bounds_hide_ids_is_found() {
    let house = house();
    let path = house.segment_files().remove(0);
    let mut file = std::fs::read(&path).unwrap();
    let (bounds, _) = value_of(&file, meta::IDS_V7, 73);
    file[bounds + 37..bounds + 73].copy_from_slice(sample::event_id(0).to_string().as_bytes());
    stamp(&mut file);
    std::fs::write(&path, file).unwrap();
    let wrong = house.verify();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].contains("its column event_id is outside the bounds of its footer"), "{wrong:?}");
}

/// Where the value of a key in the footer is, which is so long.
fn value_of(file: &[u8], key: &str, len: u8) -> (usize, usize) {
    let pattern = [key.as_bytes(), &[0x18, len]].concat();
    let start = file.windows(pattern.len()).rposition(|window| window == pattern).unwrap() + pattern.len();
    (start, start + usize::from(len))
}

/// Puts the checksums in that `docs/format.md` describes.
pub(crate) fn stamp(file: &mut [u8]) {
    let places = [meta::FOOTER_CHECKSUM, meta::CHECKSUM].map(|key| value_of(file, key, 8));
    places.iter().for_each(|(start, end)| file[*start..*end].copy_from_slice(b"00000000"));
    let trailer = file.len() - 8;
    let footer_bytes = u32::from_le_bytes(file[trailer..trailer + 4].try_into().unwrap());
    let sums = [crc32c::crc32c(&file[trailer - footer_bytes as usize..]), crc32c::crc32c(file)];
    for ((start, end), sum) in places.iter().zip(sums) {
        file[*start..*end].copy_from_slice(format!("{sum:08x}").as_bytes());
    }
}

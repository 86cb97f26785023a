//! What a segment looks like to a program that knows Parquet and nothing of us.

use bytes::Bytes;
use onrecord_lake::schema::{column, meta};
use onrecord_testing::LakeFixture;
use onrecord_testing::sample;
use parquet::basic::LogicalType;
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::fmt::Write;

fn reader() -> SerializedFileReader<Bytes> {
    let house = LakeFixture::new(3_000);
    house.append((0..3_000).map(|number| (sample::event_id(number).into_bytes(), sample::decision(number))));
    house.seal();
    SerializedFileReader::new(Bytes::from(std::fs::read(&house.segment_files()[0]).unwrap())).unwrap()
}

/// The columns, their types, encodings and filters, as `golden/segment.txt` has them. After a wanted change, run with
/// `UPDATE_GOLDEN=1`.
#[test]
fn columns_have_the_names_and_types_that_are_promised() {
    let reader = reader();
    let group = reader.metadata().row_group(0);
    let mut found = String::new();
    for column in group.columns() {
        let descriptor = column.column_descr();
        let logical = descriptor.logical_type_ref().map_or(String::new(), |logical| format!(" {logical:?}"));
        let bloom = if column.bloom_filter_offset().is_some() { " bloom" } else { "" };
        let mut encodings: Vec<String> = column.encodings().map(|encoding| encoding.to_string()).collect();
        encodings.sort();
        let (name, physical) = (descriptor.path().string(), descriptor.physical_type());
        writeln!(found, "{name}: {physical}{logical} [{}]{bloom}", encodings.join(" ")).unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/segment.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(path).unwrap_or_default());
}

#[test]
fn the_footer_says_what_the_file_is() {
    let reader = reader();
    let metadata = reader.metadata();
    let value = |key: &str| {
        let pairs = metadata.file_metadata().key_value_metadata().unwrap();
        pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone()).unwrap()
    };
    assert_eq!(value(meta::FORMAT), "2");
    assert_eq!(
        (value(meta::FIRST_LEAF), value(meta::END_LEAF), value(meta::ROWS)),
        ("0".into(), "3000".into(), "3000".into())
    );
    let bounds = format!("{} {}", sample::event_id(0), sample::event_id(2_999));
    let is_between = |bounds: &str| bounds.split(' ').all(|id| id.len() == 36);
    assert!(is_between(&value(meta::IDS_V7)) && value(meta::IDS_V7)[..13] == bounds[..13], "{bounds}");
    assert_eq!(value(meta::IDS_OTHER), "none");
    assert_eq!(value(meta::CHECKSUM).len(), 8);
    let schema = metadata.file_metadata().schema_descr();
    let event_id = schema.columns().iter().find(|descriptor| descriptor.name() == column::EVENT_ID).unwrap();
    assert_eq!(event_id.logical_type_ref(), Some(&LogicalType::Uuid));
}

/// Statistics and filters are open to whoever has the file. They hold what the columns hold, nothing more; bytes beside
/// the record have none.
#[test]
fn bytes_beside_the_record_have_no_statistics() {
    let reader = reader();
    for column in reader.metadata().row_group(0).columns() {
        let name = column.column_descr().path().string();
        if name == column::SIDECAR || name == column::RECORD || name.ends_with("_rest") {
            let bounds = column.statistics().and_then(|statistics| statistics.min_bytes_opt());
            assert_eq!(bounds, None, "{name}");
            assert!(column.bloom_filter_offset().is_none(), "{name}");
        }
    }
}

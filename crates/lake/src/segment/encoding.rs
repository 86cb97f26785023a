//! How each column is written: encoding, dictionary, statistics, bloom filter.
//!
//! Most columns of decisions repeat a few values: a dictionary holds them best, and Parquet pages of small indexes are
//! quick to filter. What does not repeat (found out on a sample) gets the encoding that compresses its type best, so
//! that no time goes into a dictionary that will be thrown away.

use super::ROW_GROUP_ROWS;
use crate::schema::{Document, PathColumn, column};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use std::collections::HashSet;

/// A dictionary of 8 MiB holds the tokens of 250,000 users.
const DICTIONARY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Rows of one page. A look-up of one record decodes one page of each column; a quarter of the rows costs one part in
/// eighty of the bytes, and so much less time.
const PAGE_ROWS: usize = 2_048;

/// Statistics of strings are cut to this many bytes.
const STATISTICS_BYTES_MAX: usize = 24;

/// The rate of false positives at which a bloom filter takes one byte per value.
const BLOOM_FALSE_RATE: f64 = 0.0256;

/// The rate for event ids, at two bytes per value: a false positive costs the reading of all ids of the segment.
const BLOOM_FALSE_RATE_OF_IDS: f64 = 0.0006;

/// String columns of documents that may have a bloom filter.
const BLOOM_PATHS_MAX: usize = 16;

/// A document's strings with more than this share of distinct values are identifiers, which are looked up one by one.
const BLOOM_SHARE: f64 = 0.99;

/// Values of which this share is greater than all before come in order: their bounds alone rule out nearly all row groups,
/// and a bloom filter would add nothing but its bytes.
const ASCENDING_SHARE: f64 = 0.9;

/// Fewer values than this say nothing about how they repeat.
const SAMPLE_VALUES_MIN: usize = 512;

/// The properties for a segment whose first rows are `sample`.
pub(super) fn properties(sample: &RecordBatch, rows: usize) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(created_by())
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_statistics_truncate_length(Some(STATISTICS_BYTES_MAX))
        .set_column_index_truncate_length(Some(STATISTICS_BYTES_MAX))
        .set_key_value_metadata(Some(Vec::<KeyValue>::new()));
    let values = rows.min(ROW_GROUP_ROWS) as u64;
    let mut bloom_paths = 0;
    for (field, array) in sample.schema().fields().iter().zip(sample.columns()) {
        let path = ColumnPath::new(vec![field.name().clone()]);
        builder = match PathColumn::of(field) {
            Some(column) => {
                let share = distinct_share(array);
                let bloom = *array.data_type() == DataType::Utf8
                    && matches!(column.document, Document::InputFeatures | Document::Metadata)
                    && share.is_some_and(|share| share > BLOOM_SHARE)
                    && !ascends(array)
                    && bloom_paths < BLOOM_PATHS_MAX;
                bloom_paths += usize::from(bloom);
                let builder = if bloom { filtered(builder, &path, BLOOM_FALSE_RATE, values) } else { builder };
                by_share(builder, path, array, share, values)
            }
            None => fixed(builder, path, field.name(), array, values),
        };
    }
    builder.build()
}

/// What the footer says of the program.
pub(super) fn created_by() -> String {
    format!("onrecord {}", env!("CARGO_PKG_VERSION"))
}

/// The fixed columns whose values are known not to repeat, and those that are looked up.
fn fixed(
    builder: WriterPropertiesBuilder,
    path: ColumnPath,
    name: &str,
    array: &ArrayRef,
    values: u64,
) -> WriterPropertiesBuilder {
    let plain = |builder: WriterPropertiesBuilder, encoding| {
        builder.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path.clone(), encoding)
    };
    match name {
        column::LEAF_INDEX | column::RECORDED_AT | column::TIMESTAMP => plain(builder, Encoding::DELTA_BINARY_PACKED),
        // Ids made one after the other have their first bytes in common.
        column::EVENT_ID => {
            let builder = plain(builder, Encoding::DELTA_BYTE_ARRAY);
            if ascends(array) { builder } else { filtered(builder, &path, BLOOM_FALSE_RATE_OF_IDS, values) }
        }
        // Hashes do not compress.
        column::INPUT_HASH => plain(builder, Encoding::PLAIN)
            .set_column_compression(path.clone(), Compression::UNCOMPRESSED)
            .set_column_statistics_enabled(path.clone(), EnabledStatistics::Chunk),
        // Users come back, though rarely within a sample: always a dictionary.
        column::USER_ID => builder,
        column::REQUEST_ID => {
            let share = distinct_share(array);
            let builder = if ascends(array) { builder } else { filtered(builder, &path, BLOOM_FALSE_RATE, values) };
            by_share(builder, path, array, share, values)
        }
        column::SIDECAR | column::RECORD => plain(builder, Encoding::DELTA_LENGTH_BYTE_ARRAY)
            .set_column_statistics_enabled(path.clone(), EnabledStatistics::None),
        name if name.ends_with("_rest") => builder.set_column_statistics_enabled(path, EnabledStatistics::None),
        _ => by_share(builder, path, array, distinct_share(array), values),
    }
}

/// Adds a bloom filter for at most so many values. The writer folds it when there are fewer. (Setting any property of
/// filters for all columns would give each of them one.)
fn filtered(
    builder: WriterPropertiesBuilder,
    path: &ColumnPath,
    false_rate: f64,
    values: u64,
) -> WriterPropertiesBuilder {
    builder
        .set_column_bloom_filter_enabled(path.clone(), true)
        .set_column_bloom_filter_fpp(path.clone(), false_rate)
        .set_column_bloom_filter_max_ndv(path.clone(), values)
}

fn by_share(
    builder: WriterPropertiesBuilder,
    path: ColumnPath,
    sample: &ArrayRef,
    share: Option<f64>,
    values: u64,
) -> WriterPropertiesBuilder {
    // When a dictionary outgrows its limit, the writer goes on with this encoding.
    let encoding = match sample.data_type() {
        DataType::Int64 => Encoding::DELTA_BINARY_PACKED,
        DataType::Float64 => Encoding::BYTE_STREAM_SPLIT,
        DataType::Utf8 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        _ => return builder,
    };
    // Of `n` values drawn from `d` different ones, about n / 2d are repeated, as long as that is a small share. A
    // dictionary of more values than there are rows would not pay.
    let sampled = (sample.len() - sample.null_count()) as f64;
    let unique = share.is_some_and(|share| sampled > 2.0 * (1.0 - share) * values as f64);
    builder.set_column_dictionary_enabled(path.clone(), !unique).set_column_encoding(path, encoding)
}

/// Whether the values come in order, near enough; not if there are too few to tell. What counts is the greatest value so
/// far and not the neighbour: many short runs that each begin anywhere are no order.
fn ascends(array: &ArrayRef) -> bool {
    fn share<T: PartialOrd>(values: impl Iterator<Item = T>, count: usize) -> f64 {
        let mut greatest = None;
        let mut ascending = 0;
        for value in values {
            if greatest.as_ref().is_none_or(|greatest| value > *greatest) {
                greatest = Some(value);
                ascending += 1;
            }
        }
        f64::from(ascending) / count as f64
    }
    let count = array.len() - array.null_count();
    let share = match array.data_type() {
        _ if count < SAMPLE_VALUES_MIN => return false,
        DataType::Utf8 => share(array.as_string::<i32>().iter().flatten(), count),
        DataType::FixedSizeBinary(_) => share(array.as_fixed_size_binary().iter().flatten(), count),
        _ => return false,
    };
    share >= ASCENDING_SHARE
}

/// The share of different values among those that are there; `None` if there are too few to tell.
fn distinct_share(array: &ArrayRef) -> Option<f64> {
    let values = array.len() - array.null_count();
    if values < SAMPLE_VALUES_MIN {
        return None;
    }
    let distinct = match array.data_type() {
        DataType::Int64 => array.as_primitive::<Int64Type>().iter().flatten().collect::<HashSet<_>>().len(),
        DataType::Float64 => {
            array.as_primitive::<Float64Type>().iter().flatten().map(f64::to_bits).collect::<HashSet<_>>().len()
        }
        DataType::Utf8 => array.as_string::<i32>().iter().flatten().collect::<HashSet<_>>().len(),
        _ => return None,
    };
    Some(distinct as f64 / values as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::FixedSizeBinaryArray;
    use std::sync::Arc;

    fn ids(ids: impl Iterator<Item = u64>) -> ArrayRef {
        let ids = ids.map(|id| u128::from(id).to_be_bytes());
        Arc::new(FixedSizeBinaryArray::try_from_iter(ids).unwrap())
    }

    #[test]
    fn short_runs_that_begin_anywhere_are_no_order() {
        assert!(ascends(&ids(0..1_000)));
        assert!(ascends(&ids((0..1_000).map(|id| if id % 20 == 7 { id - 5 } else { id }))), "a few are late");
        let runs =
            (0..20).flat_map(|run: u64| (0..100).map(move |id| run.wrapping_mul(0x9e37_79b9_7f4a_7c15) / 1000 + id));
        assert!(!ascends(&ids(runs)));
        assert!(!ascends(&ids(0..100)), "too few to tell");
    }
}

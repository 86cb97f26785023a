//! Parquet: each row becomes a line of JSON, and goes on as in a JSONL file.

use super::chunk::Chunk;
use super::jsonl::Lines;
use super::row::BadCell;
use super::source::Reading;
use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type};
use arrow::json::LineDelimitedWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeMap;
use std::fs::File;

const ROWS_PER_BATCH: usize = 1024;

pub(super) fn read(reading: &Reading<'_>, send: &mut dyn FnMut(Chunk) -> bool) -> Result<()> {
    let file = File::open(reading.path)?;
    let file_bytes = file.metadata()?.len();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).context("it is not a Parquet file")?;
    let rows_total = builder.metadata().file_metadata().num_rows().max(1) as u64;
    if let Some(mapping) = reading.mapping {
        let columns: Vec<String> = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
        mapping.template(Some(&columns))?;
    }
    let mut lines = Lines::new(reading.mapping);
    let mut chunk = Chunk::new(1, reading.keep_originals);
    let mut rows_read = 0_u64;
    for batch in builder.with_batch_size(ROWS_PER_BATCH).build()? {
        let batch = batch.context("a page of the file cannot be decoded")?;
        let mut writer = LineDelimitedWriter::new(Vec::new());
        writer.write(&batch)?;
        writer.finish()?;
        let unwritable = unwritable(&batch);
        rows_read += batch.num_rows() as u64;
        for (row, line) in writer.into_inner().split_inclusive(|byte| *byte == b'\n').enumerate() {
            match unwritable.get(&row) {
                Some(column) => chunk.push(line, |_| Err(BadCell { column: column.clone(), problem: NOT_FINITE })),
                None => chunk.push(line, |out| lines.write(line, out)),
            }
        }
        if !chunk.send_if_full(file_bytes * rows_read / rows_total, send) {
            return Ok(());
        }
    }
    chunk.position = file_bytes;
    send(chunk);
    Ok(())
}

const NOT_FINITE: &str = "NaN and infinity are no numbers in JSON, and are not recorded as something else";

/// The rows with a number that JSON does not have, at any depth, and the column that it is in. The JSON writer would
/// make it null.
fn unwritable(batch: &RecordBatch) -> BTreeMap<usize, String> {
    let mut rows = BTreeMap::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if !may_be_unwritable(field.data_type()) {
            continue;
        }
        for row in 0..batch.num_rows() {
            if holds_unwritable(&column.slice(row, 1)) {
                rows.entry(row).or_insert_with(|| field.name().clone());
            }
        }
    }
    rows
}

fn may_be_unwritable(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => may_be_unwritable(values),
        DataType::RunEndEncoded(_, values) => may_be_unwritable(values.data_type()),
        other => other.is_floating() || other.is_nested(),
    }
}

fn holds_unwritable(values: &ArrayRef) -> bool {
    let is_not_finite = |number: f64| !number.is_finite();
    match values.data_type() {
        DataType::Float64 => values.as_primitive::<Float64Type>().iter().flatten().any(is_not_finite),
        DataType::Float32 => values.as_primitive::<Float32Type>().iter().flatten().any(|n| is_not_finite(n.into())),
        DataType::Float16 => values.as_primitive::<Float16Type>().iter().flatten().any(|n| is_not_finite(n.into())),
        DataType::Struct(_) => values.as_struct().columns().iter().any(holds_unwritable),
        DataType::List(_) => values.as_list::<i32>().iter().flatten().any(|list| holds_unwritable(&list)),
        DataType::LargeList(_) => values.as_list::<i64>().iter().flatten().any(|list| holds_unwritable(&list)),
        DataType::ListView(_) => values.as_list_view::<i32>().iter().flatten().any(|list| holds_unwritable(&list)),
        DataType::LargeListView(_) => values.as_list_view::<i64>().iter().flatten().any(|list| holds_unwritable(&list)),
        DataType::FixedSizeList(..) => values.as_fixed_size_list().iter().flatten().any(|list| holds_unwritable(&list)),
        DataType::Map(..) => values.as_map().iter().flatten().any(|map| map.columns().iter().any(holds_unwritable)),
        // Only the values that these rows refer to count: others may stand beside them.
        DataType::Dictionary(_, of) => cast(values, of).is_ok_and(|plain| holds_unwritable(&plain)),
        DataType::RunEndEncoded(_, of) => cast(values, of.data_type()).is_ok_and(|plain| holds_unwritable(&plain)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        DictionaryArray, FixedSizeListArray, Float64Array, Int32Array, ListArray, ListViewArray, RunArray,
    };
    use arrow::buffer::ScalarBuffer;
    use arrow::datatypes::{Field, Int32Type};
    use std::sync::Arc;

    #[test]
    fn a_number_that_json_lacks_is_found_in_every_type() {
        let floats = |second: f64| Arc::new(Float64Array::from(vec![1.0, second, 2.0, 3.0])) as ArrayRef;
        let field = || Arc::new(Field::new_list_field(DataType::Float64, true));
        let made = |second: f64| -> [ArrayRef; 5] {
            let keys = Int32Array::from(vec![1, 2]);
            let ends = Int32Array::from(vec![1, 2, 3, 4]);
            let (starts, sizes) = (ScalarBuffer::from(vec![0, 2]), ScalarBuffer::from(vec![2, 2]));
            let offsets = arrow::buffer::OffsetBuffer::from_lengths([2, 2]);
            [
                Arc::new(DictionaryArray::<Int32Type>::new(keys, floats(second))),
                Arc::new(RunArray::try_new(&ends, &floats(second)).unwrap().slice(1, 2)),
                Arc::new(ListArray::new(field(), offsets, floats(second), None)),
                Arc::new(ListViewArray::new(field(), starts, sizes, floats(second), None)),
                Arc::new(FixedSizeListArray::new(field(), 2, floats(second), None)),
            ]
        };
        let rows = |column: &ArrayRef| {
            let batch = RecordBatch::try_from_iter([("column", column.clone())]).unwrap();
            unwritable(&batch).into_keys().collect::<Vec<_>>()
        };
        for column in made(f64::NAN).iter().chain(&made(f64::INFINITY)) {
            assert_eq!(rows(column), [0], "{}", column.data_type());
        }
        for column in made(0.5) {
            assert!(rows(&column).is_empty(), "{}", column.data_type());
        }
        // What no row refers to is no row's.
        let unused = DictionaryArray::<Int32Type>::new(Int32Array::from(vec![0, 2]), floats(f64::NAN));
        assert!(rows(&(Arc::new(unused) as ArrayRef)).is_empty());
    }
}

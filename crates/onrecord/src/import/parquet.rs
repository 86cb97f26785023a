//! Parquet: each row becomes a line of JSON, and goes on as in a JSONL file.

use super::chunk::Chunk;
use super::jsonl::Lines;
use super::row::BadCell;
use super::source::Reading;
use anyhow::{Context, Result};
use arrow::array::{ArrayRef, AsArray, RecordBatch};
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
    data_type.is_floating() || data_type.is_nested()
}

fn holds_unwritable(values: &ArrayRef) -> bool {
    if let Some(floats) = values.as_primitive_opt::<Float64Type>() {
        return floats.iter().flatten().any(|value| !value.is_finite());
    }
    if let Some(floats) = values.as_primitive_opt::<Float32Type>() {
        return floats.iter().flatten().any(|value| !value.is_finite());
    }
    if let Some(floats) = values.as_primitive_opt::<Float16Type>() {
        return floats.iter().flatten().any(|value| !value.is_finite());
    }
    if let Some(fields) = values.as_struct_opt() {
        return fields.columns().iter().any(holds_unwritable);
    }
    if let Some(lists) = values.as_list_opt::<i32>() {
        return lists.iter().flatten().any(|list| holds_unwritable(&list));
    }
    if let Some(lists) = values.as_list_opt::<i64>() {
        return lists.iter().flatten().any(|list| holds_unwritable(&list));
    }
    if let Some(maps) = values.as_map_opt() {
        return maps.iter().flatten().any(|map| map.columns().iter().any(holds_unwritable));
    }
    false
}

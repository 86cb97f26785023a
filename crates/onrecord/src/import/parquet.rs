//! Parquet: each row becomes a line of JSON, and goes on as in a JSONL file.

use super::chunk::Chunk;
use super::jsonl::Lines;
use super::source::Reading;
use anyhow::{Context, Result};
use arrow::json::LineDelimitedWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
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
        rows_read += batch.num_rows() as u64;
        for line in writer.into_inner().split_inclusive(|byte| *byte == b'\n') {
            chunk.push(line, |out| lines.write(line, out));
        }
        if !chunk.send_if_full(file_bytes * rows_read / rows_total, send) {
            return Ok(());
        }
    }
    chunk.position = file_bytes;
    send(chunk);
    Ok(())
}

//! Rows as an Arrow IPC stream (Arrow columnar format, "IPC Streaming Format").
//!
//! Views go out as plain `Utf8`: every reader knows it, and a view would take along the whole buffers that it looks
//! into, of which an answer may need a few bytes.

use super::{is_elsewhere, utc};
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

/// A stream that is being written.
pub(super) struct Stream {
    writer: StreamWriter<Vec<u8>>,
    schema: SchemaRef,
}

impl Debug for Stream {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({})", self.schema)
    }
}

impl Stream {
    /// Appends the schema.
    pub(super) fn begin(schema: &Schema, out: &mut Vec<u8>) -> Result<Self, ArrowError> {
        let fields: Vec<Field> = schema.fields().iter().map(|field| sent(field)).collect();
        let schema = Arc::new(Schema::new(fields));
        let mut stream = Self { writer: StreamWriter::try_new(Vec::new(), &schema)?, schema };
        hand_over(&mut stream.writer, out);
        Ok(stream)
    }

    /// Appends a batch, whose instants are in UTC.
    pub(super) fn rows(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let columns = batch.columns().iter().zip(self.schema.fields());
        let columns = columns.map(|(column, field)| match column.data_type() == field.data_type() {
            true => Ok(Arc::clone(column)),
            false => cast(column, field.data_type()),
        });
        let columns = columns.collect::<Result<Vec<ArrayRef>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        self.writer.write(&RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)?;
        hand_over(&mut self.writer, out);
        Ok(())
    }

    /// Appends the end of the stream.
    pub(super) fn end(mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.writer.finish()?;
        hand_over(&mut self.writer, out);
        Ok(())
    }
}

/// Moves what was written, without a copy where nothing waits before it.
fn hand_over(writer: &mut StreamWriter<Vec<u8>>, out: &mut Vec<u8>) {
    match out.is_empty() {
        true => std::mem::swap(out, writer.get_mut()),
        false => out.append(writer.get_mut()),
    }
}

/// A column as it is sent.
fn sent(field: &Field) -> Field {
    match field.data_type() {
        DataType::Utf8View => field.clone().with_data_type(DataType::Utf8),
        DataType::BinaryView => field.clone().with_data_type(DataType::Binary),
        _ if is_elsewhere(field) => field.clone().with_data_type(utc()),
        _ => field.clone(),
    }
    .with_nullable(true)
}

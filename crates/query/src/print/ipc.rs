//! Rows as an Arrow IPC stream (Arrow columnar format, "IPC Streaming Format").
//!
//! Views go out as plain `Utf8`: every reader knows it, and a view would take along the whole buffers that it looks
//! into, of which an answer may need a few bytes.

use super::{is_elsewhere, utc};
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::util::display::FormatOptions;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

/// Digits behind the point of a `numeric` without a declared scale, which leaves 22 before it.
const DECIMAL_SCALE_MAX: i8 = 16;

/// What does not fit is an error, not a null.
const STRICT: CastOptions<'static> = CastOptions { safe: false, format_options: FormatOptions::new() };

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
            false => cast_with_options(column, field.data_type(), &STRICT),
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

/// A column, or what is in it, as it is sent.
fn sent(field: &Field) -> Field {
    let data_type = match field.data_type() {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        // Few readers know decimals of 256 bits.
        DataType::Decimal256(_, scale) => DataType::Decimal128(38, (*scale).min(DECIMAL_SCALE_MAX)),
        DataType::List(item) => DataType::List(Arc::new(sent(item))),
        DataType::LargeList(item) => DataType::LargeList(Arc::new(sent(item))),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(Arc::new(sent(item)), *length),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|field| sent(field)).collect()),
        _ if is_elsewhere(field) => utc(),
        other => other.clone(),
    };
    field.clone().with_data_type(data_type).with_nullable(true)
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Printer};
    use crate::table::json_field;
    use arrow::array::{Array, AsArray, ListArray, RecordBatch, StringViewArray, TimestampMicrosecondArray};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema, TimestampMicrosecondType};
    use arrow::ipc::reader::StreamReader;
    use std::sync::Arc;

    fn batch() -> RecordBatch {
        let timestamp =
            TimestampMicrosecondArray::from(vec![Some(1_763_884_800_123_456), None]).with_timezone("+02:00");
        let list = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None]), None]);
        let words = ListArray::new(
            Arc::new(Field::new("item", DataType::Utf8View, true)),
            list.offsets().clone(),
            Arc::new(StringViewArray::from(vec!["a word of more than twelve bytes", "b"])),
            list.nulls().cloned(),
        );
        let schema = Schema::new(vec![
            json_field("prediction"),
            Field::new("timestamp", timestamp.data_type().clone(), true),
            Field::new("words", words.data_type().clone(), true),
        ]);
        let prediction = StringViewArray::from(vec![Some(r#"{"approved":true}"#), None]);
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(prediction), Arc::new(timestamp), Arc::new(words)])
            .unwrap()
    }

    fn sent(batches: &[RecordBatch]) -> Vec<RecordBatch> {
        let mut out = Vec::new();
        let mut printer = Printer::begin(Format::Arrow, &batch().schema(), &mut out).unwrap();
        batches.iter().for_each(|batch| printer.rows(batch, &mut out).unwrap());
        printer.end(&mut out).unwrap();
        StreamReader::try_new(out.as_slice(), None).unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn a_stream_has_plain_text_documents_by_name_and_instants_in_utc() {
        let found = sent(&[batch().slice(0, 1), batch().slice(1, 1)]);
        assert_eq!(found.len(), 2);
        let schema = found[0].schema();
        assert_eq!(*schema.field(0).data_type(), DataType::Utf8);
        assert_eq!(schema.field(0).metadata()["ARROW:extension:name"], "arrow.json");
        assert_eq!(found[0].column(0).as_string::<i32>().value(0), r#"{"approved":true}"#);
        assert!(found[1].columns().iter().all(|column| column.is_null(0)));
        assert_eq!(*schema.field(1).data_type(), super::utc());
        assert_eq!(found[0].column(1).as_primitive::<TimestampMicrosecondType>().value(0), 1_763_884_800_123_456);
        let DataType::List(item) = schema.field(2).data_type() else { panic!("{schema}") };
        assert_eq!(*item.data_type(), DataType::Utf8);
    }

    #[test]
    fn an_answer_without_rows_has_its_columns() {
        assert!(sent(&[]).is_empty());
    }
}

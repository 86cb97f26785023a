//! Rows as people and programs read them: JSON, JSON lines, CSV, an Arrow stream, or a table.
//!
//! A column marked as a document is printed as the JSON it is, not as a string that holds JSON. Times are RFC 3339 in
//! UTC with six digits, as records have them; a null is `null` in JSON and nothing in CSV and tables. `NaN` and `Infinity`
//! are these words, in JSON as strings; a `numeric` without a declared scale has no zeros at its end; an interval reads as in
//! PostgreSQL.

mod csv;
mod ipc;
mod json;
mod value;

use super::function::{field_type_name, texts};
use super::json::shown_texts;
use super::table::is_json;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::error::ArrowError;
use arrow::util::display::FormatOptions;
use arrow::util::pretty::pretty_format_batches_with_options;
use std::sync::Arc;

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One array of objects.
    Json,
    /// One object a line.
    JsonLines,
    /// RFC 4180, with a header, lines ended by LF.
    Csv,
    /// An Arrow IPC stream: text is `Utf8`, documents are text of the extension type `arrow.json`.
    Arrow,
}

/// Whether a column's values are JSON text.
pub fn is_document(field: &Field) -> bool {
    is_json(field)
}

/// PostgreSQL's name of a column's type, `timestamp with time zone` or `jsonb`.
pub fn type_name(field: &Field) -> String {
    // A column of nothing but untyped nulls is text, as in PostgreSQL.
    if field.data_type().is_null() { "text".to_owned() } else { field_type_name(field) }
}

/// The values of a column as PostgreSQL's text, as `::text` gives them.
///
/// # Errors
/// If the column has a type that cannot be printed.
pub fn text(field: &Field, values: &ArrayRef) -> Result<StringViewArray, ArrowError> {
    let texts = if is_json(field) { shown_texts(values) } else { texts(values) };
    texts.map_err(|error| ArrowError::ExternalError(Box::new(error)))
}

/// Prints an answer batch by batch: [`Printer::begin`], [`Printer::rows`] for each batch, [`Printer::end`].
#[derive(Debug)]
pub struct Printer {
    form: Form,
    rows: u64,
}

#[derive(Debug)]
enum Form {
    Json,
    JsonLines,
    Csv,
    Arrow(Box<ipc::Stream>),
}

impl Printer {
    /// A printer for one answer with these columns, and what comes before the rows appended to `out`.
    ///
    /// # Errors
    /// If a column has a type that cannot be printed.
    pub fn begin(format: Format, schema: &Schema, out: &mut Vec<u8>) -> Result<Self, ArrowError> {
        let form = match format {
            Format::Json => {
                out.push(b'[');
                Form::Json
            }
            Format::JsonLines => Form::JsonLines,
            Format::Csv => {
                csv::header(schema, out);
                Form::Csv
            }
            Format::Arrow => Form::Arrow(Box::new(ipc::Stream::begin(schema, out)?)),
        };
        Ok(Self { form, rows: 0 })
    }

    /// Appends the rows of a batch.
    ///
    /// # Errors
    /// If a column has a type that cannot be printed.
    pub fn rows(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let batch = &in_utc(batch)?;
        match &mut self.form {
            Form::Json => json::rows(batch, self.rows > 0, out)?,
            Form::JsonLines => json::lines(batch, out)?,
            Form::Csv => csv::rows(batch, out)?,
            Form::Arrow(stream) => stream.rows(batch, out)?,
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Appends what comes after the rows.
    ///
    /// # Errors
    /// Never for JSON and CSV.
    pub fn end(self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        match self.form {
            Form::Json => out.extend_from_slice(b"]\n"),
            Form::JsonLines | Form::Csv => {}
            Form::Arrow(stream) => stream.end(out)?,
        }
        Ok(())
    }
}

/// A whole answer as a table for a terminal.
///
/// # Errors
/// If a column has a type that cannot be printed.
pub fn table(batches: &[RecordBatch]) -> Result<String, ArrowError> {
    let batches = batches.iter().map(in_utc).collect::<Result<Vec<_>, _>>()?;
    Ok(pretty_format_batches_with_options(&batches, &options())?.to_string())
}

/// An instant; [`in_utc`] makes the `Z` true.
const INSTANT: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";
const LOCAL: &str = "%Y-%m-%dT%H:%M:%S%.6f";

fn options() -> FormatOptions<'static> {
    FormatOptions::default()
        .with_null("")
        .with_timestamp_format(Some(LOCAL))
        .with_timestamp_tz_format(Some(INSTANT))
        .with_formatter_factory(Some(&value::Formatters))
}

/// The type of every instant that is printed.
fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn is_elsewhere(field: &Field) -> bool {
    matches!(field.data_type(), DataType::Timestamp(_, Some(_))) && *field.data_type() != utc()
}

/// The batch with every instant in UTC, whatever zone a query put it into.
fn in_utc(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    if !batch.schema().fields().iter().any(|field| is_elsewhere(field)) {
        return Ok(batch.clone());
    }
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let moves = is_elsewhere(field);
        columns.push(if moves { cast(column, &utc())? } else { Arc::clone(column) });
        fields.push(if moves { Arc::new(field.as_ref().clone().with_data_type(utc())) } else { Arc::clone(field) });
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::json_field;
    use arrow::array::{Array, Float64Array, ListArray, StringViewArray, TimestampMicrosecondArray};
    use arrow::datatypes::Int64Type;

    fn batch() -> RecordBatch {
        let timestamp = TimestampMicrosecondArray::from(vec![Some(1_763_884_800_123_456), None]).with_timezone("UTC");
        let list = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None]), None]);
        let schema = Schema::new(vec![
            Field::new("model_id", DataType::Utf8View, true),
            json_field("prediction"),
            Field::new("timestamp", timestamp.data_type().clone(), true),
            Field::new("confidence", DataType::Float64, true),
            Field::new("list", list.data_type().clone(), true),
        ]);
        RecordBatch::try_new(
            Arc::new(schema),
            vec![
                Arc::new(StringViewArray::from(vec![Some("a,\"b\"\n"), None])),
                Arc::new(StringViewArray::from(vec![Some(r#"{"approved":true}"#), None])),
                Arc::new(timestamp),
                Arc::new(Float64Array::from(vec![Some(0.5), Some(f64::NAN)])),
                Arc::new(list),
            ],
        )
        .unwrap()
    }

    fn print(format: Format) -> String {
        let mut out = Vec::new();
        let mut printer = Printer::begin(format, &batch().schema(), &mut out).unwrap();
        printer.rows(&batch().slice(0, 1), &mut out).unwrap();
        printer.rows(&batch().slice(1, 1), &mut out).unwrap();
        printer.end(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    const FIRST: &str = r#"{"model_id":"a,\"b\"\n","prediction":{"approved":true},"timestamp":"2025-11-23T08:00:00.123456Z","confidence":0.5,"list":[1,null]}"#;
    const SECOND: &str = r#"{"model_id":null,"prediction":null,"timestamp":null,"confidence":"NaN","list":null}"#;

    #[test]
    fn documents_are_json_in_json() {
        assert_eq!(print(Format::Json), format!("[{FIRST},{SECOND}]\n"));
        assert_eq!(print(Format::JsonLines), format!("{FIRST}\n{SECOND}\n"));
    }

    #[test]
    fn an_instant_that_no_record_has_is_printed_too() {
        let year_10000 = 253_402_300_800_000_000;
        let moments = TimestampMicrosecondArray::from(vec![year_10000]).with_timezone("UTC");
        let schema = Arc::new(Schema::new(vec![Field::new("moment", moments.data_type().clone(), true)]));
        let batch = RecordBatch::try_new(schema, vec![Arc::new(moments)]).unwrap();
        let mut out = Vec::new();
        Printer::begin(Format::JsonLines, &batch.schema(), &mut out).unwrap().rows(&batch, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "{\"moment\":\"+10000-01-01T00:00:00.000000Z\"}\n");
    }

    #[test]
    fn csv_quotes_what_it_must() {
        let expected = "model_id,prediction,timestamp,confidence,list\n\
                        \"a,\"\"b\"\"\n\",\"{\"\"approved\"\":true}\",2025-11-23T08:00:00.123456Z,0.5,\"[1, ]\"\n\
                        ,,,NaN,\n";
        assert_eq!(print(Format::Csv), expected);
    }

    #[test]
    fn a_table_shows_documents_as_json() {
        let table = table(&[batch()]).unwrap();
        assert!(table.contains(r#"{"approved":true}"#), "{table}");
    }
}

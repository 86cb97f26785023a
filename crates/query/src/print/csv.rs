//! Rows as CSV (RFC 4180).

use super::{options, value};
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use std::fmt::Write;

pub(super) fn header(schema: &Schema, out: &mut Vec<u8>) {
    for (at, field) in schema.fields().iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        cell(field.name(), out);
    }
    out.push(b'\n');
}

pub(super) fn rows(batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let options = options();
    let columns =
        batch.columns().iter().map(|column| value::formatter(column, &options)).collect::<Result<Vec<_>, _>>()?;
    let mut text = String::new();
    for row in 0..batch.num_rows() {
        for (at, column) in columns.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            text.clear();
            write!(text, "{}", column.value(row))
                .map_err(|_| ArrowError::CsvError("a value cannot be shown".to_owned()))?;
            cell(&text, out);
        }
        out.push(b'\n');
    }
    Ok(())
}

fn cell(text: &str, out: &mut Vec<u8>) {
    if !text.contains([',', '"', '\n', '\r']) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}

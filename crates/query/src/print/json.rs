//! Rows as JSON objects, by Arrow's writer, which is told what a document is.

use super::{INSTANT, LOCAL, is_document, utc, value};
use crate::json::member::text_array;
use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, RecordBatch, StringViewArray, make_array};
use arrow::compute::{max, min};
use arrow::datatypes::{FieldRef, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::json::writer::{Encoder, EncoderFactory, EncoderOptions, LineDelimited, NullableEncoder, WriterBuilder};
use memchr::memchr_iter;
use onrecord_record::Timestamp;
use std::sync::Arc;

/// Appends one object a line.
pub(super) fn lines(batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let builder = WriterBuilder::new()
        .with_explicit_nulls(true)
        .with_timestamp_format(LOCAL.to_owned())
        .with_timestamp_tz_format(INSTANT.to_owned())
        .with_encoder_factory(Arc::new(Documents));
    let mut writer = builder.build::<_, LineDelimited>(out);
    writer.write(batch)?;
    writer.finish()
}

/// Appends objects with commas between them, and one before them if there were rows before.
pub(super) fn rows(batch: &RecordBatch, after_rows: bool, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let start = out.len();
    if after_rows {
        out.push(b',');
    }
    let objects = out.len();
    lines(batch, out)?;
    if out.len() == objects {
        out.truncate(start);
        return Ok(());
    }
    // Inside an object a line feed is always escaped, so the others are the ends of rows.
    out.pop();
    out[objects..].iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b',');
    Ok(())
}

/// Writes documents as they are, and instants without asking a calendar for each.
#[derive(Debug)]
struct Documents;

impl EncoderFactory for Documents {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        if *array.data_type() == utc() {
            let instants = array.as_primitive::<TimestampMicrosecondType>();
            // A query can compute instants that no record has; a calendar knows how they are written.
            let known = Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros();
            if ![min(instants), max(instants)].iter().flatten().all(|instant| known.contains(instant)) {
                return Ok(None);
            }
            return Ok(Some(NullableEncoder::new(Box::new(Instants(instants)), instants.nulls().cloned())));
        }
        if !is_document(field) || !array.data_type().is_string() {
            return value::encoder(array);
        }
        let array: ArrayRef = make_array(array.to_data());
        let documents = text_array(&array).map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
        let nulls = documents.nulls().cloned();
        Ok(Some(NullableEncoder::new(Box::new(Raw(documents)), nulls)))
    }
}

struct Raw(StringViewArray);

impl Encoder for Raw {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(self.0.value(row).as_bytes());
        // Stored documents have no line feeds. JSON that a query made may have them, as white space.
        let feeds: Vec<usize> = memchr_iter(b'\n', &out[start..]).collect();
        feeds.into_iter().for_each(|at| out[start + at] = b' ');
    }
}

struct Instants<'a>(&'a PrimitiveArray<TimestampMicrosecondType>);

impl Encoder for Instants<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        Timestamp::from_micros(self.0.value(row)).write(out);
        out.push(b'"');
    }
}

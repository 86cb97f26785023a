//! Rows as JSON objects, by Arrow's writer, which is told what a document is.

use super::{INSTANT, LOCAL, is_document};
use crate::sql::json::function::text_array;
use arrow::array::{Array, ArrayRef, RecordBatch, StringViewArray, make_array};
use arrow::datatypes::FieldRef;
use arrow::error::ArrowError;
use arrow::json::writer::{Encoder, EncoderFactory, EncoderOptions, LineDelimited, NullableEncoder, WriterBuilder};
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

/// Writes documents as they are.
#[derive(Debug)]
struct Documents;

impl EncoderFactory for Documents {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        if !is_document(field) || !array.data_type().is_string() {
            return Ok(None);
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
        // Stored documents have no line feeds. JSON that a query made may have them, as white space.
        out.extend(self.0.value(row).bytes().map(|byte| if byte == b'\n' { b' ' } else { byte }));
    }
}

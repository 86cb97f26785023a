//! Values that Arrow writes otherwise than PostgreSQL: doubles that are not finite, decimals of 256 bits, intervals.

use crate::function::{float, texts};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, StringViewArray, make_array};
use arrow::datatypes::{DataType, Field, Float64Type};
use arrow::error::ArrowError;
use arrow::json::writer::{Encoder, NullableEncoder};
use arrow::util::display::{ArrayFormatter, ArrayFormatterFactory, DisplayIndex, FormatOptions, FormatResult};
use std::fmt::Write;

/// The formatters of CSV and of tables.
#[derive(Debug)]
pub(super) struct Formatters;

impl ArrayFormatterFactory for Formatters {
    fn create_array_formatter<'formatter>(
        &self,
        array: &'formatter dyn Array,
        options: &FormatOptions<'formatter>,
        _field: Option<&'formatter Field>,
    ) -> Result<Option<ArrayFormatter<'formatter>>, ArrowError> {
        let shown: Box<dyn DisplayIndex> = match not_finite(array) {
            Some(doubles) => Box::new(Doubles(doubles)),
            None if has_own_text(array.data_type()) => Box::new(Texts(text_of(array)?)),
            None => return Ok(None),
        };
        Ok(Some(ArrayFormatter::new(shown, options.safe())))
    }
}

/// The formatter of a column.
pub(super) fn formatter<'a>(
    array: &'a dyn Array,
    options: &FormatOptions<'a>,
) -> Result<ArrayFormatter<'a>, ArrowError> {
    match Formatters.create_array_formatter(array, options, None)? {
        Some(formatter) => Ok(formatter),
        None => ArrayFormatter::try_new(array, options),
    }
}

fn has_own_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_) | DataType::Duration(_) | DataType::Decimal256(..))
}

/// The doubles, if one of them is not finite.
fn not_finite(array: &dyn Array) -> Option<Float64Array> {
    let doubles = array.as_primitive_opt::<Float64Type>()?;
    doubles.iter().flatten().any(|value| !value.is_finite()).then(|| doubles.clone())
}

fn text_of(array: &dyn Array) -> Result<StringViewArray, ArrowError> {
    let array: ArrayRef = make_array(array.to_data());
    texts(&array).map_err(|error| ArrowError::ExternalError(Box::new(error)))
}

struct Doubles(Float64Array);

impl DisplayIndex for Doubles {
    fn write(&self, row: usize, out: &mut dyn Write) -> FormatResult {
        if self.0.is_valid(row) {
            let value = self.0.value(row);
            match value.is_finite() {
                true => write!(out, "{value:?}")?,
                false => out.write_str(&float(value))?,
            }
        }
        Ok(())
    }
}

struct Texts(StringViewArray);

impl DisplayIndex for Texts {
    fn write(&self, row: usize, out: &mut dyn Write) -> FormatResult {
        if self.0.is_valid(row) {
            out.write_str(self.0.value(row))?;
        }
        Ok(())
    }
}

/// The encoder of a column in JSON, if Arrow's would not do.
pub(super) fn encoder<'a>(array: &dyn Array) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
    if let Some(doubles) = not_finite(array) {
        let nulls = doubles.nulls().cloned();
        return Ok(Some(NullableEncoder::new(Box::new(Doubles(doubles)), nulls)));
    }
    if !has_own_text(array.data_type()) {
        return Ok(None);
    }
    let is_number = array.data_type().is_decimal();
    let texts = text_of(array)?;
    let nulls = texts.nulls().cloned();
    Ok(Some(NullableEncoder::new(Box::new(JsonTexts { texts, is_number }), nulls)))
}

impl Encoder for Doubles {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let value = self.0.value(row);
        match value.is_finite() {
            true => out.extend_from_slice(format!("{value:?}").as_bytes()),
            false => out.extend_from_slice(format!("\"{}\"", float(value)).as_bytes()),
        }
    }
}

struct JsonTexts {
    texts: StringViewArray,
    is_number: bool,
}

impl Encoder for JsonTexts {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let quote: &[u8] = if self.is_number { b"" } else { b"\"" };
        out.extend_from_slice(quote);
        out.extend_from_slice(self.texts.value(row).as_bytes());
        out.extend_from_slice(quote);
    }
}

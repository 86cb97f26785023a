//! Physical values as the text that SQL shows: ids, hashes, and scalars of documents.

use super::Kernel;
use crate::json::Key;
use crate::json::member::{Form, members, text_array};
use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StringViewBuilder};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{Result, exec_err};
use onrecord_record::canonical;
use std::sync::Arc;

/// Sixteen bytes as a UUID, or in hex.
#[derive(Debug)]
pub(crate) enum IdText {
    /// `01935a3e-0000-7000-8000-000000000001`
    Uuid,
    /// 32 hex digits.
    Hex,
}

impl Kernel for IdText {
    fn describe(&self) -> String {
        match self {
            IdText::Uuid => "uuid_text".to_owned(),
            IdText::Hex => "hex".to_owned(),
        }
    }

    fn data_type(&self) -> DataType {
        DataType::Utf8View
    }

    fn evaluate(&self, args: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
        let [ids] = args else { return exec_err!("{} takes one column", self.describe()) };
        let Some(ids) = ids.as_fixed_size_binary_opt() else {
            return exec_err!("{} takes ids, not {}", self.describe(), ids.data_type());
        };
        let mut out = StringViewBuilder::with_capacity(ids.len());
        let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
        for id in ids {
            let id = id.and_then(|id| uuid::Uuid::from_slice(id).ok());
            out.append_option(id.map(|id| match self {
                IdText::Uuid => &*id.hyphenated().encode_lower(&mut buffer),
                IdText::Hex => &*id.simple().encode_lower(&mut buffer),
            }));
        }
        Ok(Arc::new(out.finish()))
    }
}

/// The text or JSON of the scalars in a path column: what `->>` or `->` shows.
#[derive(Debug)]
pub(crate) struct ScalarText(pub(crate) Form);

impl Kernel for ScalarText {
    fn describe(&self) -> String {
        match self.0 {
            Form::Text => "text".to_owned(),
            Form::Json => "json".to_owned(),
        }
    }

    fn data_type(&self) -> DataType {
        DataType::Utf8View
    }

    fn evaluate(&self, args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let [column] = args else { return exec_err!("{} takes one column", self.describe()) };
        if self.0 == Form::Text && column.data_type().is_string() {
            return Ok(Arc::new(text_array(column)?));
        }
        Ok(Arc::new(match column.data_type() {
            DataType::Int64 => {
                let values = column.as_primitive::<Int64Type>();
                text_of(rows, values, |row, out| canonical::write_integer(values.value(row), out))
            }
            DataType::Float64 => {
                let values = column.as_primitive::<Float64Type>();
                text_of(rows, values, |row, out| self.write_number(values.value(row), out))
            }
            DataType::Boolean => {
                let values = column.as_boolean();
                let word = |truth| if truth { "true" } else { "false" };
                values.iter().map(|truth| truth.map(word)).collect::<StringViewArray>()
            }
            other if other.is_string() => {
                let values = text_array(column)?;
                text_of(rows, &values, |row, out| canonical::write_string(values.value(row), out))
            }
            other => return exec_err!("{} takes a scalar, not {other}", self.describe()),
        }))
    }
}

impl ScalarText {
    /// A number as the record has it, or as text without an exponent.
    fn write_number(&self, number: f64, out: &mut Vec<u8>) {
        canonical::write_number(number, out);
        if self.0 == Form::Text && out.contains(&b'e') {
            let plain = std::str::from_utf8(out).ok().and_then(canonical::plain_number).map(|plain| plain.into_owned());
            *out = plain.map_or_else(|| std::mem::take(out), String::into_bytes);
        }
    }
}

fn text_of(rows: usize, values: &dyn Array, write: impl Fn(usize, &mut Vec<u8>)) -> StringViewArray {
    let mut out = StringViewBuilder::with_capacity(rows);
    let mut scratch = Vec::new();
    for row in 0..rows {
        scratch.clear();
        if values.is_valid(row) {
            write(row, &mut scratch);
        }
        // What the canonical writer writes is UTF-8.
        out.append_option(std::str::from_utf8(&scratch).ok().filter(|_| values.is_valid(row)));
    }
    out.finish()
}

/// The member at a path of documents that are text already: the rest of a document, or an assembled one.
#[derive(Debug)]
pub(crate) struct Member {
    /// Where, from the document down.
    pub(crate) path: Vec<Key>,
    /// How it is shown.
    pub(crate) form: Form,
}

impl Kernel for Member {
    fn describe(&self) -> String {
        format!("member[{:?}, {:?}]", self.path, self.form)
    }

    fn data_type(&self) -> DataType {
        DataType::Utf8View
    }

    fn evaluate(&self, args: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
        let [documents] = args else { return exec_err!("a member is taken of one column") };
        Ok(Arc::new(members(&text_array(documents)?, self.form, |_| Some(&self.path))))
    }
}

/// The first argument where it is not null, else the second.
#[derive(Debug)]
pub(crate) struct FirstText;

impl Kernel for FirstText {
    fn describe(&self) -> String {
        "first".to_owned()
    }

    fn data_type(&self) -> DataType {
        DataType::Utf8View
    }

    fn evaluate(&self, args: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
        let [first, second] = args else { return exec_err!("first takes two columns") };
        if first.null_count() == 0 {
            return Ok(Arc::clone(first));
        }
        if second.null_count() == second.len() {
            return Ok(Arc::clone(first));
        }
        let present = arrow::compute::is_not_null(first)?;
        Ok(arrow::compute::kernels::zip::zip(&present, first, second)?)
    }
}

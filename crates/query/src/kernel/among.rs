//! Whether a value is one of a few, for texts that lie in a dictionary.

use super::Kernel;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, UInt16Type};
use datafusion::common::{Result, exec_err};
use std::sync::Arc;

/// `IN (values)`, or with `negated` its opposite. Null stays null. The values are looked for in the dictionary, and rows
/// only by their number in it.
#[derive(Debug)]
pub(crate) struct Among {
    pub(crate) values: Vec<String>,
    pub(crate) negated: bool,
}

impl Kernel for Among {
    fn describe(&self) -> String {
        format!("{}among{:?}", if self.negated { "not " } else { "" }, self.values)
    }

    fn data_type(&self) -> DataType {
        DataType::Boolean
    }

    fn evaluate(&self, args: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
        let [column] = args else { return exec_err!("one column is compared") };
        let Some(column) = column.as_dictionary_opt::<UInt16Type>() else { return exec_err!("not a dictionary") };
        let Some(texts) = column.values().as_string_opt::<i32>() else { return exec_err!("not a dictionary of texts") };
        let holds: Vec<bool> = texts
            .iter()
            .map(|text| self.negated != self.values.iter().any(|value| Some(value.as_str()) == text))
            .collect();
        let keys = column.keys();
        // The key of a null may be any number.
        let of_row = |row| holds.get(usize::from(keys.value(row))).copied().unwrap_or(false);
        let values = BooleanBuffer::collect_bool(keys.len(), of_row);
        Ok(Arc::new(BooleanArray::new(values, keys.nulls().cloned())))
    }
}

//! Whether a document is there at all, without putting it together.

use super::Kernel;
use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use std::sync::Arc;

/// True where any argument is not null.
#[derive(Debug)]
pub(crate) struct AnyPresent;

impl Kernel for AnyPresent {
    fn describe(&self) -> String {
        "present".to_owned()
    }

    fn data_type(&self) -> DataType {
        DataType::Boolean
    }

    fn evaluate(&self, args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let mut present = BooleanBuffer::new_unset(rows);
        for arg in args {
            match arg.logical_nulls() {
                Some(nulls) => present = &present | nulls.inner(),
                None => present = BooleanBuffer::new_set(rows),
            }
        }
        Ok(Arc::new(BooleanArray::new(present, None)))
    }
}

//! The latest review of a decision in place of what the decision itself says.

use super::Kernel;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_err};
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

/// Puts reviewed values over a column. Its arguments are the leaf index and the column.
pub(crate) struct Replace {
    /// What is replaced, for EXPLAIN.
    name: &'static str,
    /// Leaf indexes of the decisions that have a review, ascending.
    leaves: Arc<[i64]>,
    /// What their latest reviews say, in the same order.
    values: ArrayRef,
}

impl Replace {
    /// `values` has one value for each of `leaves`, which ascend.
    pub(crate) fn new(name: &'static str, leaves: Arc<[i64]>, values: ArrayRef) -> Self {
        Self { name, leaves, values }
    }
}

impl Debug for Replace {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Replace({}, {} reviews)", self.name, self.leaves.len())
    }
}

impl Kernel for Replace {
    fn describe(&self) -> String {
        format!("latest_review[{}]", self.name)
    }

    fn data_type(&self) -> DataType {
        self.values.data_type().clone()
    }

    fn evaluate(&self, args: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
        let [leaves, column] = args else { return exec_err!("a review replaces one column, by leaf index") };
        let Some(leaves) = leaves.as_primitive_opt::<Int64Type>() else {
            return exec_err!("a leaf index is not {}", leaves.data_type());
        };
        // Most batches have no review in their range of leaves, and are passed through.
        let (Some(first), Some(last)) = (arrow::compute::min(leaves), arrow::compute::max(leaves)) else {
            return Ok(Arc::clone(column));
        };
        let from = self.leaves.partition_point(|leaf| *leaf < first);
        let to = self.leaves.partition_point(|leaf| *leaf <= last);
        let near = &self.leaves[from..to];
        if near.is_empty() {
            return Ok(Arc::clone(column));
        }
        let sources: Vec<(usize, usize)> = leaves
            .values()
            .iter()
            .enumerate()
            .map(|(row, leaf)| match near.binary_search(leaf) {
                Ok(at) => (1, from + at),
                Err(_) => (0, row),
            })
            .collect();
        Ok(interleave(&[column.as_ref(), self.values.as_ref()], &sources)?)
    }
}

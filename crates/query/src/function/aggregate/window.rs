//! Sums and averages of doubles over a moving window, added up anew for each row: to take out what leaves the window, as
//! DataFusion does, leaves its rounding behind.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Float64Type;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::Accumulator;
use std::collections::VecDeque;

/// What is made of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Sum,
    Average,
}

/// The doubles of a window that are not null.
#[derive(Debug)]
pub(super) struct Window {
    of: Of,
    values: VecDeque<f64>,
}

impl Window {
    pub(super) fn new(of: Of) -> Self {
        Self { of, values: VecDeque::new() }
    }
}

impl Accumulator for Window {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if let [values] = values {
            self.values.extend(values.as_primitive::<Float64Type>().iter().flatten());
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if let [values] = values {
            self.values.drain(..values.len() - values.null_count());
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sum = self.values.iter().copied().reduce(|sum, value| sum + value);
        Ok(ScalarValue::Float64(match self.of {
            Of::Sum => sum,
            Of::Average => sum.map(|sum| sum / self.values.len() as f64),
        }))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.values.capacity() * size_of::<f64>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        internal_err!("a window has no parts")
    }

    fn merge_batch(&mut self, _states: &[ArrayRef]) -> Result<()> {
        internal_err!("a window has no parts")
    }
}

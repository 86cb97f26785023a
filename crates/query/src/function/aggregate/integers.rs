//! Sums and averages of integers, by group: 128 bits hold the sum of any number of rows, and cost little more than 64.

use super::super::numeric::{self, NUMERIC};
use super::average::mean;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Decimal256Array, Int64Array};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, i256};
use datafusion::common::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use std::sync::Arc;

/// The type of a sum of `bigint`.
pub(super) const SUM: DataType = DataType::Decimal128(38, 0);

/// The sums and counts of all groups.
pub(super) struct IntegerGroups {
    sums: Vec<i128>,
    counts: Vec<i64>,
    /// The type of the result: [`NUMERIC`] for averages, [`SUM`], or `bigint` for the sum of `integer`.
    gives: DataType,
}

impl IntegerGroups {
    pub(super) fn new(gives: &DataType) -> Self {
        Self { sums: Vec::new(), counts: Vec::new(), gives: gives.clone() }
    }

    fn grow(&mut self, groups: usize) {
        self.sums.resize(groups, 0);
        self.counts.resize(groups, 0);
    }
}

/// Integers with 64 bits.
fn wide(values: &ArrayRef) -> Result<Int64Array> {
    Ok(cast(values, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}

/// Sums as the type that is asked for, or an error where they do not fit.
pub(super) fn as_sum(sums: &ArrayRef, gives: &DataType) -> Result<ArrayRef> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(sums, gives, &strict).map_err(|_| numeric::overflow(&numeric::type_name(gives)))
}

fn decimals(sums: impl IntoIterator<Item = Option<i128>>) -> Result<Decimal128Array> {
    let sums: Decimal128Array = sums.into_iter().collect();
    Ok(sums.with_precision_and_scale(38, 0)?)
}

impl GroupsAccumulator for IntegerGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let values = wide(&values[0])?;
        let mut add = |group: usize, value: i64| {
            self.sums[group] += i128::from(value);
            self.counts[group] += 1;
        };
        if values.null_count() == 0 && opt_filter.is_none() {
            group_indices.iter().zip(values.values()).for_each(|(group, value)| add(*group, *value));
            return Ok(());
        }
        for (row, group) in group_indices.iter().enumerate() {
            let counts = opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if counts && values.is_valid(row) {
                add(*group, values.value(row));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let groups = emit_to.take_needed(&mut self.sums).into_iter().zip(emit_to.take_needed(&mut self.counts));
        if self.gives != NUMERIC {
            let sums: ArrayRef = Arc::new(decimals(groups.map(|(sum, count)| (count > 0).then_some(sum)))?);
            return as_sum(&sums, &self.gives);
        }
        let means = groups.map(|(sum, count)| mean(i256::from_i128(sum), count, 0));
        let means: Decimal256Array = means.collect::<Result<Vec<_>>>()?.into();
        Ok(Arc::new(means.with_precision_and_scale(76, numeric::SCALE)?))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (sums, counts) = (emit_to.take_needed(&mut self.sums), emit_to.take_needed(&mut self.counts));
        Ok(vec![Arc::new(decimals(sums.into_iter().map(Some))?), Arc::new(Int64Array::from(counts))])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.grow(total_num_groups);
        let (sums, counts) = (values[0].as_primitive::<Decimal128Type>(), values[1].as_primitive::<Int64Type>());
        for (row, group) in group_indices.iter().enumerate() {
            self.sums[*group] += sums.value(row);
            self.counts[*group] += counts.value(row);
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = wide(&values[0])?;
        let value = |row: usize| {
            let counts = opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            (counts && values.is_valid(row)).then(|| i128::from(values.value(row)))
        };
        let rows = 0..values.len();
        let sums = decimals(rows.clone().map(|row| Some(value(row).unwrap_or(0))))?;
        let counts = Int64Array::from_iter_values(rows.map(|row| i64::from(value(row).is_some())));
        Ok(vec![Arc::new(sums), Arc::new(counts)])
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<i128>() + self.counts.capacity() * size_of::<i64>()
    }
}

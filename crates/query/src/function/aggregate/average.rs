//! `avg`: of integers and decimals a `numeric` with the digits that PostgreSQL gives it, of doubles a double.

use super::super::numeric::{self, NUMERIC, SCALE};
use super::sum::summed;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal256Array, Int64Array};
use arrow::datatypes::{DataType, Decimal256Type, Field, FieldRef, Int64Type, i256};
use bigdecimal::BigDecimal;
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, plan_err};
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature, Volatility,
};
use std::collections::HashSet;
use std::sync::Arc;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Average {
    signature: Signature,
}

impl Average {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

fn is_exact(data_type: &DataType) -> bool {
    *data_type == DataType::Int64 || data_type.is_decimal()
}

impl AggregateUDFImpl for Average {
    fn name(&self) -> &str {
        "avg"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [given] if given.is_integer() && *given != DataType::UInt64 => Ok(vec![DataType::Int64]),
            [DataType::UInt64] => Ok(vec![DataType::Decimal256(76, 0)]),
            [
                DataType::Decimal32(_, scale)
                | DataType::Decimal64(_, scale)
                | DataType::Decimal128(_, scale)
                | DataType::Decimal256(_, scale),
            ] => Ok(vec![DataType::Decimal256(76, *scale)]),
            [DataType::Interval(_)] => {
                plan_err!("avg of intervals is not supported: take the average of extract(epoch FROM …)")
            }
            [given] => match summed(given) {
                Some(summed) => Ok(vec![summed]),
                None => plan_err!("function avg({}) does not exist", numeric::type_name(given)),
            },
            _ => plan_err!("avg takes one value"),
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [given] if is_exact(given) => Ok(NUMERIC),
            types => avg_udaf().return_type(types),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if !is_exact(args.expr_fields[0].data_type()) {
            return avg_udaf().accumulator(args);
        }
        let seen = args.is_distinct.then(HashSet::new);
        Ok(Box::new(One { sum: i256::ZERO, count: 0, scale: scale(args.expr_fields[0].data_type()), seen }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let given = args.input_fields[0].data_type();
        if !is_exact(given) {
            return avg_udaf().state_fields(args);
        }
        let sum = DataType::Decimal256(76, scale(given));
        let field =
            |name: &str, data_type: DataType| Arc::new(Field::new(format_state_name(args.name, name), data_type, true));
        Ok(match args.is_distinct {
            true => vec![field("values", DataType::new_list(sum, true))],
            false => vec![field("sum", sum), field("count", DataType::Int64)],
        })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        match is_exact(args.expr_fields[0].data_type()) {
            true => !args.is_distinct,
            false => avg_udaf().groups_accumulator_supported(args),
        }
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        match is_exact(args.expr_fields[0].data_type()) {
            true => Ok(Box::new(Groups { scale: scale(args.expr_fields[0].data_type()), ..Groups::default() })),
            false => avg_udaf().create_groups_accumulator(args),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match is_exact(args.expr_fields[0].data_type()) {
            true => self.accumulator(args),
            false => avg_udaf().create_sliding_accumulator(args),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

fn scale(data_type: &DataType) -> i8 {
    match data_type {
        DataType::Decimal256(_, scale) => *scale,
        _ => 0,
    }
}

/// The values as digits, whichever of the two types they have.
fn digits(values: &ArrayRef) -> impl Fn(usize) -> i256 + '_ {
    let (ints, decimals) = (values.as_primitive_opt::<Int64Type>(), values.as_primitive_opt::<Decimal256Type>());
    move |row| match (ints, decimals) {
        (Some(ints), _) => i256::from_i128(ints.value(row).into()),
        (None, Some(decimals)) => decimals.value(row),
        (None, None) => i256::ZERO,
    }
}

fn mean(sum: i256, count: i64, scale: i8) -> Result<Option<i256>> {
    if count == 0 {
        return Ok(None);
    }
    let mean = numeric::divide(&numeric::from_i256(sum, scale), &BigDecimal::from(count))?;
    numeric::to_numeric(&mean).map(Some)
}

/// The average of one group.
#[derive(Debug)]
struct One {
    sum: i256,
    count: i64,
    scale: i8,
    /// With DISTINCT, the values that were counted.
    seen: Option<HashSet<i256>>,
}

impl One {
    fn add(&mut self, values: &ArrayRef, sign: i64) {
        let digits = digits(values);
        for row in (0..values.len()).filter(|row| values.is_valid(*row)) {
            let value = digits(row);
            if let Some(seen) = &mut self.seen
                && !seen.insert(value)
            {
                continue;
            }
            self.sum = if sign > 0 { self.sum.wrapping_add(value) } else { self.sum.wrapping_sub(value) };
            self.count += sign;
        }
    }
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.iter().for_each(|values| self.add(values, 1));
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.iter().for_each(|values| self.add(values, -1));
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        self.seen.is_none()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Decimal256(mean(self.sum, self.count, self.scale)?, 76, SCALE))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.seen.as_ref().map_or(0, |seen| seen.capacity() * (size_of::<i256>() + 8))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let value = |digits: i256| ScalarValue::Decimal256(Some(digits), 76, self.scale);
        Ok(match &self.seen {
            Some(seen) => {
                let values: Vec<ScalarValue> = seen.iter().copied().map(value).collect();
                let list = ScalarValue::new_list(&values, &DataType::Decimal256(76, self.scale), true);
                vec![ScalarValue::List(list)]
            }
            None => vec![value(self.sum), ScalarValue::Int64(Some(self.count))],
        })
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        if self.seen.is_some() {
            let lists = states[0].as_list::<i32>();
            lists.iter().flatten().for_each(|values| self.add(&values, 1));
            return Ok(());
        }
        let (sums, counts) = (states[0].as_primitive::<Decimal256Type>(), states[1].as_primitive::<Int64Type>());
        for (sum, count) in sums.iter().zip(counts) {
            self.sum = self.sum.wrapping_add(sum.unwrap_or(i256::ZERO));
            self.count += count.unwrap_or(0);
        }
        Ok(())
    }
}

/// The averages of all groups.
#[derive(Default)]
struct Groups {
    sums: Vec<i256>,
    counts: Vec<i64>,
    scale: i8,
}

impl Groups {
    fn sums(&self, sums: Vec<i256>) -> Result<ArrayRef> {
        let sums = Decimal256Array::from_iter_values(sums).with_precision_and_scale(76, self.scale)?;
        Ok(Arc::new(sums))
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.sums.resize(total_num_groups, i256::ZERO);
        self.counts.resize(total_num_groups, 0);
        let values = values.first().ok_or_else(|| exec_datafusion_err!("avg takes one value"))?;
        let digits = digits(values);
        for (row, group) in group_indices.iter().enumerate() {
            let counts = opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if counts && values.is_valid(row) {
                self.sums[*group] = self.sums[*group].wrapping_add(digits(row));
                self.counts[*group] += 1;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (sums, counts) = (emit_to.take_needed(&mut self.sums), emit_to.take_needed(&mut self.counts));
        let means = sums.into_iter().zip(counts).map(|(sum, count)| mean(sum, count, self.scale));
        let means: Decimal256Array = means.collect::<Result<Vec<_>>>()?.into();
        Ok(Arc::new(means.with_precision_and_scale(76, SCALE)?))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (sums, counts) = (emit_to.take_needed(&mut self.sums), emit_to.take_needed(&mut self.counts));
        Ok(vec![self.sums(sums)?, Arc::new(Int64Array::from(counts))])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.sums.resize(total_num_groups, i256::ZERO);
        self.counts.resize(total_num_groups, 0);
        let (sums, counts) = (values[0].as_primitive::<Decimal256Type>(), values[1].as_primitive::<Int64Type>());
        for (row, group) in group_indices.iter().enumerate() {
            self.sums[*group] = self.sums[*group].wrapping_add(sums.value(row));
            self.counts[*group] += counts.value(row);
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = values.first().ok_or_else(|| exec_datafusion_err!("avg takes one value"))?;
        let digits = digits(values);
        let counts = |row: usize| {
            values.is_valid(row) && opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
        };
        let rows = 0..values.len();
        let sums = rows.clone().map(|row| if counts(row) { digits(row) } else { i256::ZERO }).collect();
        Ok(vec![self.sums(sums)?, Arc::new(Int64Array::from_iter_values(rows.map(|row| i64::from(counts(row)))))])
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<i256>() + self.counts.capacity() * size_of::<i64>()
    }
}

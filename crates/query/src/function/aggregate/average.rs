//! `avg`: of integers and decimals a `numeric` with the digits that PostgreSQL gives it, of doubles a double.

use super::super::numeric::{self, NUMERIC, SCALE};
use super::integers::{IntegerGroups, SUM, as_sum};
use super::sum::summed;
use super::window::{Of, Window};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal256Array, Int64Array};
use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Field, FieldRef, Int32Type, Int64Type, i256};
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

/// Integers as they are summed.
pub(super) fn is_int(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Int32 | DataType::Int64)
}

fn is_exact(data_type: &DataType) -> bool {
    is_int(data_type) || data_type.is_decimal()
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
        Ok(Box::new(One::new(args.expr_fields[0].data_type(), &NUMERIC, args.is_distinct)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let given = args.input_fields[0].data_type();
        if !is_exact(given) {
            return avg_udaf().state_fields(args);
        }
        Ok(states(args.name, given, args.is_distinct))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        match is_exact(args.expr_fields[0].data_type()) {
            true => !args.is_distinct,
            false => avg_udaf().groups_accumulator_supported(args),
        }
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        match is_exact(args.expr_fields[0].data_type()) {
            true if is_int(args.expr_fields[0].data_type()) => Ok(Box::new(IntegerGroups::new(&NUMERIC))),
            true => Ok(Box::new(Groups { scale: scale(args.expr_fields[0].data_type()), ..Groups::default() })),
            false => avg_udaf().create_groups_accumulator(args),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match is_exact(args.expr_fields[0].data_type()) {
            true => self.accumulator(args),
            false if *args.expr_fields[0].data_type() == DataType::Float64 => Ok(Box::new(Window::new(Of::Average))),
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

/// What partial results are passed on as.
pub(super) fn states(name: &str, given: &DataType, is_distinct: bool) -> Vec<FieldRef> {
    let field = |part: &str, data_type: DataType| Arc::new(Field::new(format_state_name(name, part), data_type, true));
    match is_distinct {
        true => vec![field("values", DataType::new_list(sum_type(given), true))],
        false => vec![field("sum", sum_type(given)), field("count", DataType::Int64)],
    }
}

fn sum_type(given: &DataType) -> DataType {
    if is_int(given) { SUM } else { DataType::Decimal256(76, scale(given)) }
}

/// The values as digits, whichever type they have.
fn digits(values: &ArrayRef) -> impl Fn(usize) -> i256 + '_ {
    let (ints, decimals) = (values.as_primitive_opt::<Int64Type>(), values.as_primitive_opt::<Decimal256Type>());
    let (small, sums) = (values.as_primitive_opt::<Int32Type>(), values.as_primitive_opt::<Decimal128Type>());
    move |row| match (ints, small, sums, decimals) {
        (Some(ints), ..) => i256::from_i128(ints.value(row).into()),
        (_, Some(small), ..) => i256::from_i128(small.value(row).into()),
        (_, _, Some(sums), _) => i256::from_i128(sums.value(row)),
        (.., Some(decimals)) => decimals.value(row),
        (None, None, None, None) => i256::ZERO,
    }
}

/// The quotient as a `numeric`; nothing of nothing.
pub(super) fn mean(sum: i256, count: i64, scale: i8) -> Result<Option<i256>> {
    if count == 0 {
        return Ok(None);
    }
    let mean = numeric::divide(&numeric::from_i256(sum, scale), &BigDecimal::from(count))?;
    numeric::to_numeric(&mean).map(Some)
}

/// The average of one group.
#[derive(Debug)]
pub(super) struct One {
    sum: i256,
    count: i64,
    scale: i8,
    /// The type that the sum is passed on as.
    sum_type: DataType,
    /// The type of the result; [`NUMERIC`] for averages.
    gives: DataType,
    /// With DISTINCT, the values that were counted.
    seen: Option<HashSet<i256>>,
}

impl One {
    pub(super) fn new(given: &DataType, gives: &DataType, is_distinct: bool) -> Self {
        let seen = is_distinct.then(HashSet::new);
        let (scale, sum_type, gives) = (scale(given), sum_type(given), gives.clone());
        Self { sum: i256::ZERO, count: 0, scale, sum_type, gives, seen }
    }

    /// A sum, or with DISTINCT a value, as it is passed on.
    fn scalar(&self, digits: i256) -> ScalarValue {
        match self.sum_type {
            DataType::Decimal128(..) => ScalarValue::Decimal128(digits.to_i128(), 38, 0),
            _ => ScalarValue::Decimal256(Some(digits), 76, self.scale),
        }
    }

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
        if self.gives == NUMERIC {
            return Ok(ScalarValue::Decimal256(mean(self.sum, self.count, self.scale)?, 76, SCALE));
        }
        if self.count == 0 {
            return ScalarValue::try_from(&self.gives);
        }
        let sum = as_sum(&self.scalar(self.sum).to_array()?, &self.gives)?;
        ScalarValue::try_from_array(&sum, 0)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.seen.as_ref().map_or(0, |seen| seen.capacity() * (size_of::<i256>() + 8))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(match &self.seen {
            Some(seen) => {
                let values: Vec<ScalarValue> = seen.iter().map(|digits| self.scalar(*digits)).collect();
                vec![ScalarValue::List(ScalarValue::new_list(&values, &self.sum_type, true))]
            }
            None => vec![self.scalar(self.sum), ScalarValue::Int64(Some(self.count))],
        })
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        if self.seen.is_some() {
            let lists = states[0].as_list::<i32>();
            lists.iter().flatten().for_each(|values| self.add(&values, 1));
            return Ok(());
        }
        let (sums, counts) = (&states[0], states[1].as_primitive::<Int64Type>());
        let digits = digits(sums);
        for row in (0..sums.len()).filter(|row| sums.is_valid(*row)) {
            self.sum = self.sum.wrapping_add(digits(row));
            self.count += counts.value(row);
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

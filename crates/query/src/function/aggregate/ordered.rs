//! Aggregates of an ordered set: `percentile_cont`, `percentile_disc` and `mode`, WITHIN GROUP (ORDER BY …).
//!
//! DataFusion's `percentile_cont` rounds the place between two values to six digits, so it is not used. The values of a
//! group are kept and sorted, so they count towards the query's memory.

use super::super::call::fault;
use super::super::numeric;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{SortOptions, cast, concat, filter, is_not_null, sort};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Schema};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, ColumnarValue, Signature, Volatility};
use std::sync::Arc;

/// What is taken of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum What {
    /// Between two values, where the fraction falls between them.
    Continuous,
    /// The first value at or after the fraction.
    Discrete,
    /// The most frequent value, the first of them in order.
    Mode,
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Ordered {
    what: What,
    signature: Signature,
}

impl Ordered {
    pub(super) fn new(what: What) -> Self {
        Self { what, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

/// Whether the fractions are one number.
fn is_one(fractions: Option<&DataType>) -> bool {
    !matches!(fractions, Some(DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..)))
}

impl AggregateUDFImpl for Ordered {
    fn name(&self) -> &str {
        match self.what {
            What::Continuous => "percentile_cont",
            What::Discrete => "percentile_disc",
            What::Mode => "mode",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let fractions = |given: &DataType| match is_one(Some(given)) {
            true => DataType::Float64,
            false => DataType::new_list(DataType::Float64, true),
        };
        match (self.what, types) {
            (What::Mode, [value]) => Ok(vec![value.clone()]),
            (What::Discrete, [value, given]) => Ok(vec![value.clone(), fractions(given)]),
            (What::Continuous, [value, given]) if value.is_numeric() || value.is_null() => {
                Ok(vec![DataType::Float64, fractions(given)])
            }
            _ => plan_err!("{} is called as {}", self.name(), self.usage()),
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let Some(value) = types.first() else { return plan_err!("{} is called as {}", self.name(), self.usage()) };
        Ok(match is_one(types.get(1)) {
            true => value.clone(),
            false => DataType::new_list(value.clone(), true),
        })
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let fractions = match args.exprs.get(1) {
            Some(expr) => match expr.evaluate(&RecordBatch::new_empty(Arc::new(Schema::empty()))) {
                Ok(ColumnarValue::Scalar(fractions)) => read_fractions(&fractions)?,
                _ => return Err(fault(format!("the fraction of {} must be a constant", self.name()))),
            },
            None => Vec::new(),
        };
        let descending = args.order_bys.first().is_some_and(|order| order.options.descending);
        Ok(Box::new(Values {
            what: self.what,
            fractions,
            is_list: !is_one(args.expr_fields.get(1).map(|field| field.data_type())),
            options: SortOptions { descending, nulls_first: false },
            data_type: args.expr_fields[0].data_type().clone(),
            gives: args.return_field.data_type().clone(),
            values: Vec::new(),
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let value = args.input_fields[0].data_type().clone();
        let name = format_state_name(args.name, "values");
        Ok(vec![Arc::new(Field::new(name, DataType::new_list(value, true), true))])
    }

    fn supports_within_group_clause(&self) -> bool {
        true
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

impl Ordered {
    fn usage(&self) -> &'static str {
        match self.what {
            What::Mode => "mode() WITHIN GROUP (ORDER BY …)",
            What::Discrete => "percentile_disc(fraction) WITHIN GROUP (ORDER BY …)",
            What::Continuous => "percentile_cont(fraction) WITHIN GROUP (ORDER BY a number)",
        }
    }
}

fn read_fractions(fractions: &ScalarValue) -> Result<Vec<Option<f64>>> {
    let array = fractions.to_array()?;
    let array = match array.as_list_opt::<i32>() {
        Some(lists) if lists.is_valid(0) => lists.value(0),
        Some(_) => return Ok(Vec::new()),
        None => array,
    };
    let fractions: Vec<Option<f64>> = cast(&array, &DataType::Float64)?.as_primitive::<Float64Type>().iter().collect();
    match fractions.iter().flatten().all(|fraction| (0.0..=1.0).contains(fraction)) {
        true => Ok(fractions),
        false => Err(fault("percentile value is not between 0 and 1")),
    }
}

/// The values of one group.
#[derive(Debug)]
struct Values {
    what: What,
    fractions: Vec<Option<f64>>,
    is_list: bool,
    options: SortOptions,
    data_type: DataType,
    gives: DataType,
    values: Vec<ArrayRef>,
}

impl Values {
    fn add(&mut self, values: &ArrayRef) -> Result<()> {
        let values = if values.null_count() > 0 { filter(values, &is_not_null(values)?)? } else { Arc::clone(values) };
        if !values.is_empty() {
            self.values.push(values);
        }
        Ok(())
    }

    fn all(&self) -> Result<ArrayRef> {
        let parts: Vec<&dyn Array> = self.values.iter().map(AsRef::as_ref).collect();
        match parts.is_empty() {
            true => Ok(arrow::array::new_empty_array(&self.data_type)),
            false => Ok(concat(&parts)?),
        }
    }

    fn at(&self, sorted: &ArrayRef, fraction: f64) -> Result<ScalarValue> {
        let count = sorted.len();
        if self.what == What::Discrete {
            let row = (fraction * count as f64).ceil() as usize;
            return ScalarValue::try_from_array(sorted, row.max(1) - 1);
        }
        let place = fraction * (count - 1) as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        let values = sorted.as_primitive::<Float64Type>();
        let (low, high) = (values.value(low), values.value(high));
        Ok(ScalarValue::Float64(Some(low + (high - low) * (place - place.floor()))))
    }

    fn mode(sorted: &ArrayRef) -> Result<ScalarValue> {
        let runs = arrow::compute::partition(&[Arc::clone(sorted)])?.ranges();
        let mut longest = 0..0;
        for run in runs {
            if run.len() > longest.len() {
                longest = run;
            }
        }
        ScalarValue::try_from_array(sorted, longest.start)
    }
}

impl Accumulator for Values {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        match values.first() {
            Some(values) => self.add(values),
            None => Ok(()),
        }
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let values = self.all()?;
        if numeric::is_all_null(&values) {
            return ScalarValue::try_from(&self.gives);
        }
        let sorted = sort(&values, Some(self.options))?;
        if self.what == What::Mode {
            return Self::mode(&sorted);
        }
        let null = || ScalarValue::try_from(&self.data_type);
        let found = self.fractions.iter().map(|fraction| match fraction {
            Some(fraction) => self.at(&sorted, *fraction),
            None => null(),
        });
        let found = found.collect::<Result<Vec<_>>>()?;
        match (self.is_list, found.into_iter()) {
            (true, found) => {
                let found: Vec<ScalarValue> = found.collect();
                Ok(ScalarValue::List(ScalarValue::new_list(&found, &self.data_type, true)))
            }
            (false, mut found) => found.next().map_or_else(null, Ok),
        }
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.values.iter().map(|values| values.get_array_memory_size()).sum::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values = self.all()?;
        let field = Arc::new(Field::new_list_field(self.data_type.clone(), true));
        let offsets = arrow::buffer::OffsetBuffer::from_lengths([values.len()]);
        Ok(vec![ScalarValue::List(Arc::new(arrow::array::ListArray::try_new(field, offsets, values, None)?))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for values in states[0].as_list::<i32>().iter().flatten() {
            self.add(&values)?;
        }
        Ok(())
    }
}

//! `sum`: of `bigint` a `numeric`, of `integer` a `bigint`, of `numeric` a `numeric` with room for any number of rows.
//!
//! DataFusion's sum does the work for doubles and decimals. It wraps around where its type is full, so it is given types
//! that do not become full.

use super::average::{One, is_int, states};
use super::integers::{IntegerGroups, SUM};
use super::window::{Of, Window};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, plan_err};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, Signature, Volatility};

/// Digits that a decimal of 128 bits holds a sum of, with ten more for the number of rows.
const NARROW_DIGITS_MAX: u8 = 28;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Sum {
    signature: Signature,
}

impl Sum {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

/// The type that is summed.
pub(super) fn summed(given: &DataType) -> Option<DataType> {
    Some(match given {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 => DataType::Int32,
        DataType::Int64 | DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 | DataType::Float32 | DataType::Float64 | DataType::Null => DataType::Float64,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Decimal128(precision, _) if *precision <= NARROW_DIGITS_MAX => given.clone(),
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => DataType::Decimal256(76, *scale),
        DataType::Interval(_) | DataType::Duration(_) => given.clone(),
        _ => return None,
    })
}

impl AggregateUDFImpl for Sum {
    fn name(&self) -> &str {
        "sum"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [given] => match summed(given) {
                Some(summed) => Ok(vec![summed]),
                None => plan_err!("function sum({}) does not exist", super::super::numeric::type_name(given)),
            },
            _ => plan_err!("sum takes one value"),
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [DataType::Int64] => Ok(SUM),
            [DataType::Int32] => Ok(DataType::Int64),
            types => sum_udaf().return_type(types),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let given = args.expr_fields[0].data_type();
        match is_int(given) {
            true => Ok(Box::new(One::new(given, args.return_field.data_type(), args.is_distinct))),
            false => sum_udaf().accumulator(args),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let given = args.input_fields[0].data_type();
        match is_int(given) {
            true => Ok(states(args.name, given, args.is_distinct)),
            false => sum_udaf().state_fields(args),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        match is_int(args.expr_fields[0].data_type()) {
            true => !args.is_distinct,
            false => sum_udaf().groups_accumulator_supported(args),
        }
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        match is_int(args.expr_fields[0].data_type()) {
            true => Ok(Box::new(IntegerGroups::new(args.return_field.data_type()))),
            false => sum_udaf().create_groups_accumulator(args),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match is_int(args.expr_fields[0].data_type()) {
            true => self.accumulator(args),
            false if *args.expr_fields[0].data_type() == DataType::Float64 => Ok(Box::new(Window::new(Of::Sum))),
            false => sum_udaf().create_sliding_accumulator(args),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

//! `sum`: of `bigint` a `numeric`, of `integer` a `bigint`, of `numeric` a `numeric` with room for any number of rows.
//!
//! DataFusion's sum does the work. It wraps around where its type is full, so it is given types that do not become full.

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
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 => DataType::Int64,
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => DataType::Decimal128(20, 0),
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
        sum_udaf().return_type(types)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        sum_udaf().accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        sum_udaf().state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        sum_udaf().groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        sum_udaf().create_groups_accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        sum_udaf().create_sliding_accumulator(args)
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

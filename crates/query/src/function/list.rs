//! The bounds of lists. Every list here begins at 1.

use super::call::{Args, Function, Kind, fault, function, gives, some, takes, values};
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::Int32Type;
use datafusion::common::Result;

fn bound(args: &Args<'_>, one: fn(usize) -> usize) -> Result<ArrayRef> {
    values::<Int32Type>(args, |row| {
        let (list, dimension) = (some!(args.list(0, row)), some!(args.int(1, row)));
        if dimension != 1 && matches!(list.data_type(), arrow::datatypes::DataType::List(_)) {
            return Err(fault("the bounds of a list of lists are known for its first dimension"));
        }
        if dimension != 1 || list.is_empty() {
            return Ok(None);
        }
        Ok(i32::try_from(one(list.len())).ok())
    })
}

fn lower(args: &Args<'_>) -> Result<ArrayRef> {
    bound(args, |_| 1)
}

fn upper(args: &Args<'_>) -> Result<ArrayRef> {
    bound(args, |length| length)
}

/// The functions over lists.
pub(super) const FUNCTIONS: &[Function] = &[
    function("array_lower", &[takes(&[Kind::Any, Kind::Int], gives::int4, lower)]),
    function("array_upper", &[takes(&[Kind::Any, Kind::Int], gives::int4, upper)]),
];

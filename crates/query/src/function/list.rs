//! The bounds of lists. Every list here begins at 1.

use super::call::{Args, Function, Kind, fault, function, gives, some, takes, values};
use arrow::array::{Array, ArrayRef, AsArray, Int64Builder, ListBuilder};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::Result;
use std::sync::Arc;

fn bound(args: &Args<'_>, one: fn(usize) -> usize) -> Result<ArrayRef> {
    values::<Int32Type>(args, |row| {
        let (list, dimension) = (some!(args.list(0, row)), some!(args.int(1, row)));
        if dimension != 1 && matches!(list.data_type(), DataType::List(_)) {
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

/// The number of elements; of an empty list none, as of a dimension that is not there.
fn length(args: &Args<'_>) -> Result<ArrayRef> {
    values::<Int32Type>(args, |row| {
        let (mut list, dimension) = (some!(args.list(0, row)), some!(args.int(1, row)));
        for _ in 1..dimension {
            let Some(lists) = list.as_list_opt::<i32>().filter(|lists| !lists.is_empty()) else { return Ok(None) };
            list = lists.value(0);
        }
        Ok((dimension > 0 && !list.is_empty()).then(|| i32::try_from(list.len()).ok()).flatten())
    })
}

/// The number of elements at all depths.
fn cardinality(args: &Args<'_>) -> Result<ArrayRef> {
    fn count(list: &ArrayRef) -> usize {
        match list.as_list_opt::<i32>() {
            Some(lists) => lists.iter().flatten().map(|list| count(&list)).sum(),
            None => list.len(),
        }
    }
    values::<Int32Type>(args, |row| Ok(i32::try_from(count(&some!(args.list(0, row)))).ok()))
}

/// A list of the numbers of the elements, from 1, for WITH ORDINALITY.
fn ordinality(args: &Args<'_>) -> Result<ArrayRef> {
    let mut out = ListBuilder::new(Int64Builder::new());
    for row in 0..args.rows {
        let count = args.list(0, row).map(|list| list.len());
        (1..=count.unwrap_or(0)).for_each(|number| out.values().append_option(i64::try_from(number).ok()));
        out.append(count.is_some());
    }
    Ok(Arc::new(out.finish()))
}

fn numbers(_: &[DataType]) -> DataType {
    DataType::new_list(DataType::Int64, true)
}

/// The functions over lists.
pub(super) const FUNCTIONS: &[Function] = &[
    function("array_lower", &[takes(&[Kind::Any, Kind::Int], gives::int4, lower)]),
    function("array_length", &[takes(&[Kind::Any, Kind::Int], gives::int4, length)]),
    function("cardinality", &[takes(&[Kind::Any], gives::int4, cardinality)]),
    function("list_ordinality", &[takes(&[Kind::Any], numbers, ordinality)]),
    function("array_upper", &[takes(&[Kind::Any, Kind::Int], gives::int4, upper)]),
];

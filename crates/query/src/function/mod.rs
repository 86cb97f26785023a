//! PostgreSQL's functions and operators where DataFusion lacks them or answers otherwise.
//!
//! One file a topic, each with a table of its functions; [`scalars`] and [`aggregates`] are the whole list. What is
//! registered here comes after DataFusion's own functions and replaces those of the same name. What stays out is listed in
//! `docs/sql.md`.

mod aggregate;
mod arithmetic;
mod calendar;
mod call;
mod casts;
mod date;
mod extract;
mod format;
mod guarded;
mod input;
mod interval;
mod list;
mod make;
mod math;
mod numeric;
mod operator;
mod pattern;
mod session;
mod text;
mod uuid;
mod zone;

pub(crate) use casts::{PostgresCasts, float, texts};
pub(crate) use date::UtcDates;
pub(crate) use extract::Parts;
pub(crate) use guarded::GuardedDivision;
pub(crate) use numeric::{NUMERIC, field_type_name};
pub(crate) use operator::Operators;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use std::sync::Arc;

/// Every scalar function.
pub(crate) fn scalars() -> Vec<Arc<ScalarUDF>> {
    let tables = [
        interval::FUNCTIONS,
        zone::FUNCTIONS,
        format::FUNCTIONS,
        math::FUNCTIONS,
        extract::FUNCTIONS,
        make::FUNCTIONS,
        text::FUNCTIONS,
        pattern::FUNCTIONS,
        session::FUNCTIONS,
        list::FUNCTIONS,
    ];
    let others = [pattern::SUBSTRING.udf(&["substr"]), session::type_of()];
    let tables = tables.into_iter().flatten().map(|function| function.udf(&[]));
    date::all().into_iter().chain(tables).chain(others).collect()
}

/// Every aggregate function.
pub(crate) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    aggregate::all()
}

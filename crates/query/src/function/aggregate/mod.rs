//! Aggregates: sums and averages that stay exact, and ordered sets.

mod average;
mod integers;
mod ordered;
mod sum;
mod window;

use datafusion::functions_aggregate::bool_and_or::bool_and_udaf;
use datafusion::functions_aggregate::variance::{var_pop_udaf, var_samp_udaf};
use datafusion::logical_expr::AggregateUDF;
use ordered::{Ordered, What};
use std::sync::Arc;

/// Every aggregate function.
pub(super) fn all() -> Vec<Arc<AggregateUDF>> {
    let own = [
        AggregateUDF::new_from_impl(sum::Sum::new()),
        AggregateUDF::new_from_impl(average::Average::new()),
        AggregateUDF::new_from_impl(Ordered::new(What::Continuous)),
        AggregateUDF::new_from_impl(Ordered::new(What::Discrete)),
        AggregateUDF::new_from_impl(Ordered::new(What::Mode)),
        bool_and_udaf().as_ref().clone().with_aliases(["every"]),
        var_samp_udaf().as_ref().clone().with_aliases(["variance", "var_samp"]),
        var_pop_udaf().as_ref().clone().with_aliases(["var_pop"]),
    ];
    own.into_iter().map(Arc::new).collect()
}

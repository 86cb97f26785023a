//! What SQL does with documents, as PostgreSQL does with jsonb: functions, one file a topic, the operators, and what makes
//! the planner see which texts are documents ([`order`]).

mod build;
mod call;
mod change;
mod gather;
mod inspect;
pub(super) mod operator;
pub(super) mod order;
mod record;

pub(crate) use record::{Gives, Records};

use crate::json::member::{TEXT, VALUE};
use datafusion::logical_expr::ScalarUDF;
use std::sync::{Arc, LazyLock};

/// Every function over documents.
pub(crate) fn all() -> Vec<Arc<ScalarUDF>> {
    let tables = [inspect::FUNCTIONS, build::FUNCTIONS, change::FUNCTIONS, gather::FUNCTIONS];
    let others = tables.into_iter().flatten().map(|function| Arc::new(function.udf()));
    let records = Gives::ALL.into_iter().map(|gives| Arc::new(Records::udf(gives)));
    [Arc::clone(&VALUE), Arc::clone(&TEXT)].into_iter().chain(others).chain(records).collect()
}

/// The function of that name, which is one of [`all`].
pub(crate) fn named(name: &str) -> Option<Arc<ScalarUDF>> {
    static ALL: LazyLock<Vec<Arc<ScalarUDF>>> = LazyLock::new(all);
    ALL.iter().find(|function| function.name() == name).cloned()
}

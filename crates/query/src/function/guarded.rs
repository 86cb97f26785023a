//! Divisions behind a condition: `WHERE n <> 0 AND x / n > 1` divides only where the first condition holds.
//!
//! DataFusion evaluates conditions in the order that suits it, and for whole batches. So the divisor of a condition is made
//! null where an earlier one does not hold; the quotient is null there, and the row is left out all the same.

use super::arithmetic::divides;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Case, Expr, Filter, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

/// Guards divisors by the conditions before them.
#[derive(Debug)]
pub(crate) struct GuardedDivision;

impl AnalyzerRule for GuardedDivision {
    fn name(&self) -> &str {
        "guarded_division"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(guard_filter)?.data)
    }
}

fn guard_filter(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Filter(filter) = plan else { return Ok(Transformed::no(plan)) };
    if !filter.predicate.exists(|expr| Ok(divides(expr)))? {
        return Ok(Transformed::no(LogicalPlan::Filter(filter)));
    }
    let mut guarded: Vec<Expr> = Vec::new();
    for condition in split_conjunction_owned(filter.predicate) {
        let condition = match conjunction(guarded.clone()) {
            Some(before) if !before.is_volatile() => guard(condition, &before)?,
            _ => condition,
        };
        guarded.push(condition);
    }
    let predicate = conjunction(guarded);
    Ok(Transformed::yes(match predicate {
        Some(predicate) => LogicalPlan::Filter(Filter::try_new(predicate, filter.input)?),
        None => filter.input.as_ref().clone(),
    }))
}

fn guard(condition: Expr, before: &Expr) -> Result<Expr> {
    let guarded = condition.transform_up(|expr| {
        if !divides(&expr) {
            return Ok(Transformed::no(expr));
        }
        let Expr::ScalarFunction(mut call) = expr else { return Ok(Transformed::no(expr)) };
        if let Some(divisor) = call.args.pop() {
            let when = vec![(Box::new(before.clone()), Box::new(divisor))];
            call.args.push(Expr::Case(Case::new(None, when, None)));
        }
        Ok(Transformed::yes(Expr::ScalarFunction(call)))
    })?;
    Ok(guarded.data)
}

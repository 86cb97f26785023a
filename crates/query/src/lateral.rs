//! Lists that are unnested beside the rows that they come from: `FROM t, jsonb_array_elements(t.x) AS f`.
//!
//! DataFusion plans such a list as a subquery that names columns of its outer query, and has no way to run it. What
//! holds: a chain of projections and filters over an UNNEST of one row is the same when each outer row takes the place of
//! that one row; so the chain is put on top of the outer plan, and every projection in it hands the outer columns on.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{NullHandling, Result, TableReference, plan_err};
use datafusion::logical_expr::{
    Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, SubqueryAlias, Unnest, lit,
};
use datafusion::optimizer::AnalyzerRule;

/// Puts lateral lists on top of their outer rows.
#[derive(Debug)]
pub(super) struct Lateral;

impl AnalyzerRule for Lateral {
    fn name(&self) -> &str {
        "lateral"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan
            .transform_up_with_subqueries(|plan| match plan {
                LogicalPlan::Join(join) if unnests(&join.right) => graft(join),
                plan => Ok(Transformed::no(plan)),
            })?
            .data)
    }
}

/// Whether the plan is a lateral chain that ends in an UNNEST.
fn unnests(plan: &LogicalPlan) -> bool {
    fn chain(plan: &LogicalPlan) -> bool {
        match plan {
            LogicalPlan::Unnest(_) => true,
            LogicalPlan::Projection(Projection { input, .. })
            | LogicalPlan::SubqueryAlias(SubqueryAlias { input, .. }) => chain(input),
            LogicalPlan::Filter(filter) => chain(&filter.input),
            LogicalPlan::Subquery(subquery) => chain(&subquery.subquery),
            _ => false,
        }
    }
    match plan {
        LogicalPlan::Subquery(subquery) => chain(&subquery.subquery),
        LogicalPlan::SubqueryAlias(alias) => unnests(&alias.input),
        _ => false,
    }
}

fn graft(join: Join) -> Result<Transformed<LogicalPlan>> {
    let keeps = match (join.join_type, &join.filter) {
        (JoinType::Inner, _) => NullHandling::Drop,
        (JoinType::Left, None) => NullHandling::PreserveAndExpandEmpty,
        (JoinType::Left, Some(Expr::Literal(truth, _))) if *truth == true.into() => {
            NullHandling::PreserveAndExpandEmpty
        }
        _ => return plan_err!("a lateral list is joined with a comma, CROSS JOIN, JOIN, or LEFT JOIN … ON true"),
    };
    if !join.on.is_empty() {
        return plan_err!("a lateral list is joined with a comma, CROSS JOIN, or JOIN … ON a condition");
    }
    let outer = Outer { plan: join.left.as_ref().clone(), keeps };
    let plan = outer.below(&join.right)?;
    Ok(Transformed::yes(match join.filter {
        Some(condition) if keeps == NullHandling::Drop && condition != lit(true) => {
            LogicalPlanBuilder::from(plan).filter(condition)?.build()?
        }
        _ => plan,
    }))
}

/// The rows that the lists belong to.
struct Outer {
    plan: LogicalPlan,
    keeps: NullHandling,
}

impl Outer {
    fn columns(&self) -> Vec<Expr> {
        self.plan.schema().columns().into_iter().map(Expr::Column).collect()
    }

    /// The chain over the outer rows: their columns, then its own.
    fn below(&self, plan: &LogicalPlan) -> Result<LogicalPlan> {
        match plan {
            LogicalPlan::EmptyRelation(empty) if empty.produce_one_row => Ok(self.plan.clone()),
            LogicalPlan::Subquery(subquery) => self.below(&subquery.subquery),
            LogicalPlan::Projection(projection) => {
                let input = self.below(&projection.input)?;
                let own = projection.expr.iter().map(|expr| inner(expr.clone())).collect::<Result<Vec<_>>>()?;
                LogicalPlanBuilder::from(input).project(self.columns().into_iter().chain(own))?.build()
            }
            LogicalPlan::Filter(filter) => {
                if self.keeps != NullHandling::Drop {
                    return plan_err!("a lateral list with a condition cannot be joined with LEFT JOIN");
                }
                let input = self.below(&filter.input)?;
                LogicalPlanBuilder::from(input).filter(inner(filter.predicate.clone())?)?.build()
            }
            LogicalPlan::Unnest(Unnest { input, exec_columns, options, .. }) => {
                let input = self.below(input)?;
                let options = options.clone().with_null_handling(self.keeps);
                LogicalPlanBuilder::from(input).unnest_columns_with_options(exec_columns.clone(), options)?.build()
            }
            LogicalPlan::SubqueryAlias(SubqueryAlias { input, alias, .. }) => self.aliased(self.below(input)?, alias),
            _ => plan_err!("this kind of lateral subquery is not supported"),
        }
    }

    /// The plan with what is not the outer rows' under a name.
    fn aliased(&self, plan: LogicalPlan, alias: &TableReference) -> Result<LogicalPlan> {
        let outer = self.plan.schema().fields().len();
        // The names of a projection below are given here: one column is not to have two names, with and without the alias.
        if let LogicalPlan::Projection(projection) = &plan {
            let names = plan.schema().columns();
            let columns = projection.expr.iter().zip(names).enumerate().map(|(at, (expr, column))| match at < outer {
                true => expr.clone(),
                false => expr.clone().unalias().alias_qualified(Some(alias.clone()), column.name),
            });
            let columns: Vec<Expr> = columns.collect();
            return LogicalPlanBuilder::from(projection.input.as_ref().clone()).project(columns)?.build();
        }
        let columns = plan.schema().columns().into_iter().enumerate().map(|(at, column)| {
            let name = column.name.clone();
            match at < outer {
                true => Expr::Column(column),
                false => Expr::Column(column).alias_qualified(Some(alias.clone()), name),
            }
        });
        let columns: Vec<Expr> = columns.collect();
        LogicalPlanBuilder::from(plan).project(columns)?.build()
    }
}

/// The expression where the outer columns are at hand.
fn inner(expr: Expr) -> Result<Expr> {
    Ok(expr
        .transform_up(|expr| match expr {
            Expr::OuterReferenceColumn(_, column) => Ok(Transformed::yes(Expr::Column(column))),
            expr => Ok(Transformed::no(expr)),
        })?
        .data)
}

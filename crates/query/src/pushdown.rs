//! Filters that move down the physical plan, only where each column of every step has a name of its own.
//!
//! DataFusion's rule finds a filter's columns below a projection by their names. Where two have one name, as `leaf_index`
//! of two sides of a join, it takes the first, so that `a.leaf_index IS NULL` was asked of `b`. The logical plan, whose
//! columns are qualified, has moved the filters of the query by then; what is lost is what is learnt while a query runs.

use arrow::datatypes::Schema;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;
use std::collections::HashSet;
use std::sync::Arc;

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// DataFusion's rules, with those that move filters kept away from names that stand for two columns.
pub(super) fn rules() -> Vec<Rule> {
    let guarded = |rule: Rule| -> Rule {
        if rule.name().starts_with("FilterPushdown") { Arc::new(UnlessAmbiguous(rule)) } else { rule }
    };
    PhysicalOptimizer::new().rules.into_iter().map(guarded).collect()
}

#[derive(Debug)]
struct UnlessAmbiguous(Rule);

impl PhysicalOptimizerRule for UnlessAmbiguous {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        if is_ambiguous(&plan) { Ok(plan) } else { self.0.optimize(plan, config) }
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

fn is_ambiguous(plan: &Arc<dyn ExecutionPlan>) -> bool {
    has_twice(&plan.schema()) || plan.children().into_iter().any(is_ambiguous)
}

fn has_twice(schema: &Schema) -> bool {
    let mut names = HashSet::with_capacity(schema.fields().len());
    !schema.fields().iter().all(|field| names.insert(field.name()))
}

//! The date of a time, which DataFusion has no function for and finds slowly.

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Date32Type, Field, FieldRef, TimeUnit, TimestampMicrosecondType};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, exec_err, internal_err, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Cast, ColumnarValue, Expr, ExprSchemable, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility, cast,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use std::sync::{Arc, LazyLock};

/// Every function of this module.
pub(super) fn all() -> Vec<Arc<ScalarUDF>> {
    vec![Arc::new(ScalarUDF::new_from_impl(Date::new()))]
}

/// `date(x)`, which is `CAST(x AS DATE)`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Date {
    signature: Signature,
}

impl Date {
    fn new() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Date {
    fn name(&self) -> &str {
        "date"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        match arg_types {
            [DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Null] => Ok(DataType::Date32),
            [text] if text.is_string() => Ok(DataType::Date32),
            _ => plan_err!("date takes one time or text"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.as_slice() {
            [value] => value.cast_to(&DataType::Date32, None),
            _ => exec_err!("date takes one value"),
        }
    }

    fn simplify(&self, mut args: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        match args.pop() {
            Some(value) => Ok(ExprSimplifyResult::Simplified(cast(value, DataType::Date32))),
            None => internal_err!("date takes one value"),
        }
    }
}

/// Replaces `CAST(instant AS DATE)` by [`UtcDate`] as the last of the optimizer's rules: the cast is what the others
/// understand, and Arrow's kernel for it asks a calendar for each value.
#[derive(Debug)]
pub(crate) struct UtcDates;

impl OptimizerRule for UtcDates {
    fn name(&self) -> &str {
        "utc_dates"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        // The filter of a scan is a matter of statistics, which know casts.
        if matches!(plan, LogicalPlan::TableScan(_)) {
            return Ok(Transformed::no(plan));
        }
        let schema = merge_schema(&plan.inputs());
        let names = NamePreserver::new(&plan);
        let quick = |expr: Expr| {
            let name = names.save(&expr);
            Ok(expr.transform_up(|expr| quick_date(expr, &schema))?.update_data(|expr| name.restore(expr)))
        };
        plan.map_expressions(|expr| match expr {
            // A set of groups has no name of its own; its members have.
            Expr::GroupingSet(_) => expr.map_children(quick),
            expr => quick(expr),
        })
    }
}

fn quick_date(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::Cast(Cast { expr: instant, field }) = expr else { return Ok(Transformed::no(expr)) };
    if *field.data_type() == DataType::Date32 && is_utc(&instant.get_type(schema)?) {
        let function = ScalarFunction::new_udf(Arc::clone(&UTC_DATE), vec![*instant]);
        return Ok(Transformed::yes(Expr::ScalarFunction(function)));
    }
    Ok(Transformed::no(Expr::Cast(Cast { expr: instant, field })))
}

fn is_utc(instant: &DataType) -> bool {
    match instant {
        DataType::Timestamp(TimeUnit::Microsecond, zone) => zone.as_deref().is_none_or(|zone| zone == "UTC"),
        _ => false,
    }
}

static UTC_DATE: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(ScalarUDF::new_from_impl(UtcDate::new())));

/// The day in UTC of an instant of microseconds.
#[derive(Debug, PartialEq, Eq, Hash)]
struct UtcDate {
    signature: Signature,
}

impl UtcDate {
    fn new() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

const MICROS_PER_DAY: i64 = 86_400_000_000;

impl ScalarUDFImpl for UtcDate {
    fn name(&self) -> &str {
        "utc_date"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Date32)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let is_nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), DataType::Date32, is_nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.as_slice() {
            [ColumnarValue::Array(instants)] if is_utc(instants.data_type()) => {
                // 2^63 µs are 107 million days.
                let day = |micros: i64| micros.div_euclid(MICROS_PER_DAY) as i32;
                let instants = instants.as_primitive::<TimestampMicrosecondType>();
                Ok(ColumnarValue::Array(Arc::new(instants.unary::<_, Date32Type>(day))))
            }
            [value] => value.cast_to(&DataType::Date32, None),
            _ => exec_err!("utc_date takes one value"),
        }
    }
}

//! Comparing and sorting documents as PostgreSQL compares jsonb: by their [keys](super::key), not by their text.
//!
//! The rule runs after DataFusion's coercion of types. What a document is, the mark on its field tells. Stored documents
//! are canonical, so that equal ones have equal text: GROUP BY, DISTINCT and joins need no key.

use super::function::text_array;
use super::key::key;
use crate::table::is_json;
use arrow::array::{Array, BinaryBuilder};
use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::expr::{Between, InList, ScalarFunction, Sort};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;
use std::sync::{Arc, LazyLock};

/// Compares and sorts documents by their keys.
#[derive(Debug)]
pub(crate) struct DocumentOrder;

impl AnalyzerRule for DocumentOrder {
    fn name(&self) -> &str {
        "document_order"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(by_keys)?.data)
    }
}

fn by_keys(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = match &plan {
        // The conditions of a scan are over its own columns.
        LogicalPlan::TableScan(scan) => scan.projected_schema.as_ref().clone(),
        plan => merge_schema(&plan.inputs()),
    };
    let names = NamePreserver::new(&plan);
    let sorts = matches!(plan, LogicalPlan::Sort(_));
    let replaced = |expr: Expr| {
        let name = names.save(&expr);
        let expr = expr.transform_up(|expr| replace(expr, &schema))?;
        if sorts && is_document(&expr.data, &schema) {
            return Ok(Transformed::yes(key_of(expr.data)));
        }
        Ok(expr.update_data(|expr| name.restore(expr)))
    };
    plan.map_expressions(|expr| match expr {
        // A set of groups has no name of its own; its members have.
        Expr::GroupingSet(_) => expr.map_children(replaced),
        expr => replaced(expr),
    })
}

fn replace(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let are_documents = |sides: &[&Expr]| {
        sides.iter().any(|side| is_document(side, schema)) && sides.iter().all(|side| is_text(side, schema))
    };
    Ok(match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(op) && are_documents(&[&left, &right]) => {
            Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(boxed(*left), op, boxed(*right))))
        }
        Expr::Between(Between { expr, negated, low, high }) if are_documents(&[&expr, &low, &high]) => {
            Transformed::yes(Expr::Between(Between::new(boxed(*expr), negated, boxed(*low), boxed(*high))))
        }
        Expr::InList(InList { expr, list, negated })
            if is_document(&expr, schema) && list.iter().all(|one| is_text(one, schema)) =>
        {
            let list = list.into_iter().map(key_of).collect();
            Transformed::yes(Expr::InList(InList::new(boxed(*expr), list, negated)))
        }
        Expr::AggregateFunction(mut call) => {
            let of_documents = call.params.args.first().is_some_and(|arg| is_document(arg, schema));
            if of_documents && ["min", "max"].contains(&call.func.name()) {
                return plan_err!(
                    "{} of documents is not there: take a member as text (->>) and cast it",
                    call.func.name()
                );
            }
            call.params.order_by = call.params.order_by.into_iter().map(|sort| sort_key(sort, schema)).collect();
            Transformed::yes(Expr::AggregateFunction(call))
        }
        Expr::WindowFunction(mut call) => {
            let order_by = std::mem::take(&mut call.params.order_by);
            call.params.order_by = order_by.into_iter().map(|sort| sort_key(sort, schema)).collect();
            Transformed::yes(Expr::WindowFunction(call))
        }
        expr => Transformed::no(expr),
    })
}

fn compares(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

fn sort_key(sort: Sort, schema: &DFSchema) -> Sort {
    match is_document(&sort.expr, schema) {
        true => Sort { expr: key_of(sort.expr), ..sort },
        false => sort,
    }
}

/// A cast makes text of a document, and has its field's mark all the same.
fn is_document(expr: &Expr, schema: &DFSchema) -> bool {
    !matches!(expr, Expr::Cast(_) | Expr::TryCast(_)) && expr.to_field(schema).is_ok_and(|(_, field)| is_json(&field))
}

fn is_text(expr: &Expr, schema: &DFSchema) -> bool {
    expr.get_type(schema).is_ok_and(|data_type| data_type.is_string())
}

fn boxed(expr: Expr) -> Box<Expr> {
    Box::new(key_of(expr))
}

fn key_of(expr: Expr) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&KEY), vec![expr]))
}

static KEY: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    Arc::new(ScalarUDF::new_from_impl(DocumentKey { signature: Signature::any(1, Volatility::Immutable) }))
});

/// The key of a document; the rule above calls it, and no query does.
#[derive(Debug, PartialEq, Eq, Hash)]
struct DocumentKey {
    signature: Signature,
}

impl ScalarUDFImpl for DocumentKey {
    fn name(&self) -> &str {
        "document_key"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [documents] = args.args.as_slice() else { return exec_err!("a key is of one document") };
        let is_scalar = matches!(documents, ColumnarValue::Scalar(_));
        let documents = text_array(&documents.to_array(if is_scalar { 1 } else { args.number_rows })?)?;
        let mut keys = BinaryBuilder::with_capacity(documents.len(), documents.len() * 16);
        for document in &documents {
            let key = document.map(|document| match key(document) {
                Some(key) => Ok(key),
                None => exec_err!("invalid input syntax for type json: what a document is compared with is JSON too"),
            });
            keys.append_option(key.transpose()?);
        }
        let keys = keys.finish();
        if is_scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&keys, 0)?));
        }
        Ok(ColumnarValue::Array(Arc::new(keys)))
    }
}

//! Which texts of a plan are documents, and what follows from it: they compare and sort as PostgreSQL compares jsonb, by
//! their [keys](super::key), become text in its spelling, and are JSON in the functions that make JSON.
//!
//! The rule runs after DataFusion's coercion of types. What a document is, the mark on its field tells, or what the
//! expression is made of: a CASE, COALESCE or NULLIF of documents is one. Documents are canonical, so that equal ones have
//! equal text: GROUP BY, DISTINCT and joins need no key.

use super::call::JsonCall;
use super::operator::call;
use crate::json::key::key;
use crate::json::member::{Form, JsonMember, text_array};
use crate::table::{is_json, is_of_explanation};
use arrow::array::{Array, BinaryBuilder};
use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::expr::{Between, Case, InList, ScalarFunction, Sort};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};
use datafusion::optimizer::AnalyzerRule;
use std::sync::{Arc, LazyLock};

/// Functions whose result is one of their arguments.
const CHOICES: [&str; 2] = ["coalesce", "nullif"];

/// Functions that take any value as its text.
const TAKE_TEXT: [&str; 6] = ["concat", "concat_ws", "format", "quote_ident", "quote_literal", "quote_nullable"];

/// Finds the documents of a plan.
#[derive(Debug)]
pub(crate) struct Documents;

impl AnalyzerRule for Documents {
    fn name(&self) -> &str {
        "documents"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(find)?.data)
    }
}

fn find(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
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
    let plan = plan.map_expressions(|expr| match expr {
        // A set of groups has no name of its own; its members have.
        Expr::GroupingSet(_) => expr.map_children(replaced),
        expr => replaced(expr),
    })?;
    let plan = match plan.data {
        LogicalPlan::Unnest(_) => return unnested(plan),
        _ => plan,
    };
    match &plan.data {
        // Their schemas have no marks that came up from below.
        LogicalPlan::Union(_) | LogicalPlan::RecursiveQuery(_) | LogicalPlan::TableScan(_) => Ok(plan),
        _ => plan.map_data(LogicalPlan::recompute_schema),
    }
}

/// The elements of lists of documents with the mark that they have in the list.
fn unnested(plan: Transformed<LogicalPlan>) -> Result<Transformed<LogicalPlan>> {
    let plan = plan.map_data(LogicalPlan::recompute_schema)?;
    let LogicalPlan::Unnest(unnest) = &plan.data else { return Ok(plan) };
    let is_list = |at: usize| match unnest.input.schema().field(at).data_type() {
        DataType::List(item) => is_json(item),
        _ => false,
    };
    let documents: Vec<&Column> = unnest
        .list_type_columns
        .iter()
        .filter(|(at, list)| is_list(*at) && list.depth == 1)
        .map(|(_, list)| &list.output_column)
        .collect();
    if documents.is_empty() {
        return Ok(plan);
    }
    let columns = plan.data.schema().columns().into_iter().map(|column| match documents.contains(&&column) {
        true => {
            let (relation, name) = (column.relation.clone(), column.name.clone());
            Ok(marked(Expr::Column(column))?.data.alias_qualified(relation, name))
        }
        false => Ok(Expr::Column(column)),
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(Transformed::yes(LogicalPlanBuilder::from(plan.data).project(columns)?.build()?))
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
        Expr::Cast(cast) if is_json(&cast.field) => match is_document(&cast.expr, schema) {
            true => Transformed::yes(*cast.expr),
            false => Transformed::yes(call("jsonb_in", vec![*cast.expr])?),
        },
        Expr::Cast(mut cast) if cast.field.data_type().is_string() && is_document(&cast.expr, schema) => {
            cast.expr = Box::new(as_text(*cast.expr)?);
            Transformed::yes(Expr::Cast(cast))
        }
        Expr::Case(case) if is_document_of_case(&case, schema) => {
            let branch = |expr: Box<Expr>| -> Result<Box<Expr>> { Ok(Box::new(as_document(*expr, schema)?)) };
            let when_then = case.when_then_expr.into_iter();
            let when_then_expr = when_then.map(|(when, then)| Ok((when, branch(then)?))).collect::<Result<Vec<_>>>()?;
            let else_expr = case.else_expr.map(branch).transpose()?;
            marked(Expr::Case(Case { expr: case.expr, when_then_expr, else_expr }))?
        }
        Expr::ScalarFunction(function) => replace_call(function, schema)?,
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

fn replace_call(mut function: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let name = function.name();
    if function.func.inner().is::<JsonMember>()
        || ["json_has", "jsonb_extract_path", "jsonb_extract_path_text"].contains(&name)
    {
        as_stored(&mut function, schema);
    }
    let name = function.name();
    let is_choice = CHOICES.contains(&name) && function.args.iter().any(|arg| is_document(arg, schema));
    if let Some(json) = function.func.inner().downcast_ref::<JsonCall>() {
        let documents = function.args.iter().map(|arg| is_document(arg, schema)).collect();
        function.func = Arc::new(json.marked(documents));
    } else if is_choice {
        let args = function.args.into_iter().map(|arg| as_document(arg, schema));
        function.args = args.collect::<Result<_>>()?;
        return marked(Expr::ScalarFunction(function));
    } else if ["greatest", "least"].contains(&name) && function.args.iter().any(|arg| is_document(arg, schema)) {
        return plan_err!("{name} of documents is not there: take a member as text (->>) and cast it");
    } else if TAKE_TEXT.contains(&name) {
        let args = function.args.into_iter();
        let args = args.map(|arg| if is_document(&arg, schema) { as_text(arg) } else { Ok(arg) });
        function.args = args.collect::<Result<_>>()?;
    }
    Ok(Transformed::yes(Expr::ScalarFunction(function)))
}

/// The name that is stored, where the record takes another spelling of it too: `topFeatures` of an explanation. Other
/// documents have the names that their senders gave.
fn as_stored(function: &mut ScalarFunction, schema: &DFSchema) {
    let [document, name, ..] = function.args.as_mut_slice() else { return };
    // The coercion of types may have put a cast around it.
    let given = match &*name {
        Expr::Cast(cast) => cast.expr.as_ref(),
        name => name,
    };
    let is_sent = matches!(given, Expr::Literal(value, _) if value.try_as_str().flatten() == Some("topFeatures"));
    if is_sent && document.to_field(schema).is_ok_and(|(_, field)| is_of_explanation(&field)) {
        *name = lit(ScalarValue::Utf8View(Some("top_features".to_owned())));
    }
}

/// The expression with the mark of a document on its field.
fn marked(expr: Expr) -> Result<Transformed<Expr>> {
    let Some(function) = super::named("jsonb_in") else { return Ok(Transformed::no(expr)) };
    let json = function.inner().downcast_ref::<JsonCall>().map(|json| json.marked(vec![true]));
    let function = json.map_or(function, Arc::new);
    Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![expr]))))
}

fn as_text(document: Expr) -> Result<Expr> {
    call("jsonb_out", vec![document]).map(|call| mark_arguments(call, true))
}

/// A literal beside documents, read as one.
fn as_document(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    match is_document(&expr, schema) || !is_text(&expr, schema) {
        true => Ok(expr),
        false => call("jsonb_in", vec![expr]).map(|call| mark_arguments(call, false)),
    }
}

fn mark_arguments(expr: Expr, is_document: bool) -> Expr {
    match expr {
        Expr::ScalarFunction(mut function) => {
            if let Some(json) = function.func.inner().downcast_ref::<JsonCall>() {
                function.func = Arc::new(json.marked(vec![is_document; function.args.len()]));
            }
            Expr::ScalarFunction(function)
        }
        expr => expr,
    }
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

/// Whether the values are documents. A cast to text makes text of one.
pub(super) fn is_document(expr: &Expr, schema: &DFSchema) -> bool {
    match expr {
        Expr::Cast(cast) => is_json(&cast.field),
        Expr::TryCast(cast) => is_json(&cast.field),
        Expr::Alias(alias) => is_document(&alias.expr, schema),
        Expr::Case(case) => is_document_of_case(case, schema),
        // Not by its field, which takes the fields of all its parts: a long sum is looked at once for each of its signs.
        Expr::ScalarFunction(function) => is_document_of_call(function, schema),
        Expr::BinaryExpr(_) | Expr::Literal(..) | Expr::Not(_) | Expr::Negative(_) => false,
        expr => expr.to_field(schema).is_ok_and(|(_, field)| is_json(&field)),
    }
}

fn is_document_of_call(function: &ScalarFunction, schema: &DFSchema) -> bool {
    let inner = function.func.inner();
    if let Some(member) = inner.downcast_ref::<JsonMember>() {
        return member.form() == Form::Json;
    }
    match inner.downcast_ref::<JsonCall>() {
        Some(json) => json.gives_document(),
        None => CHOICES.contains(&function.name()) && function.args.iter().any(|arg| is_document(arg, schema)),
    }
}

fn is_document_of_case(case: &Case, schema: &DFSchema) -> bool {
    let thens = case.when_then_expr.iter().map(|(_, then)| then);
    thens.chain(&case.else_expr).any(|branch| is_document(branch, schema))
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

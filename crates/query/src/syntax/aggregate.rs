//! `jsonb_agg` and `jsonb_object_agg` as a list of documents that `array_agg` gathers, with its order, its filter and its
//! window, and of which a function makes one.

use super::expression::{argument, call, exprs, take};
use datafusion::sql::sqlparser::ast::{
    DuplicateTreatment, Expr, FunctionArgumentClause, FunctionArguments, Ident, ObjectName, Value, ValueWithSpan,
};
use datafusion::sql::sqlparser::tokenizer::Span;

/// The call in other words.
pub(super) fn rewrite(expr: &mut Expr) {
    let Expr::Function(function) = expr else { return };
    let name = function.name.to_string().to_lowercase();
    let is_object = match name.as_str() {
        "jsonb_agg" | "json_agg" => false,
        "jsonb_object_agg" | "json_object_agg" => true,
        _ => return,
    };
    let FunctionArguments::List(list) = &mut function.args else { return };
    let Some(args) = exprs(&list.args) else { return };
    let gathered = match (is_object, args.as_slice()) {
        (false, [value]) => call("to_jsonb", vec![value.clone()]),
        (true, [_, _]) => call("jsonb_build_array", args),
        _ => return,
    };
    list.args = vec![argument(gathered)];
    let is_set = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    let mut descending = false;
    if is_set && !is_object {
        // Different documents are sorted when they are put together, by what they could be sorted by here.
        list.clauses.retain(|clause| match clause {
            FunctionArgumentClause::OrderBy(order) => {
                descending = order.first().is_some_and(|order| order.options.asc == Some(false));
                false
            }
            _ => true,
        });
    }
    function.name = ObjectName::from(vec![Ident::new("array_agg")]);
    let gathered = take(expr);
    *expr = match (is_object, is_set) {
        (true, _) => call("jsonb_of_pairs", vec![gathered]),
        (false, true) => call("jsonb_of_set", vec![gathered, truth(descending)]),
        (false, false) => call("jsonb_of_list", vec![gathered]),
    };
}

fn truth(value: bool) -> Expr {
    Expr::Value(ValueWithSpan { value: Value::Boolean(value), span: Span::empty() })
}

//! Names in ORDER BY: alone, a name is that of a column of the answer; inside an expression it is that of a column that is
//! read, also where the answer has one of the same name.

use super::row::Source;
use crate::column_name::folded;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, OrderByKind, Query, SelectItem, SetExpr, Value, ValueWithSpan, visit_expressions,
    visit_expressions_mut,
};
use std::collections::HashSet;
use std::ops::ControlFlow;

/// The names in expressions of ORDER BY that are more than a name.
pub(super) fn names_in_expressions(query: &Query) -> HashSet<String> {
    let mut names = HashSet::new();
    let Some(OrderByKind::Expressions(orders)) = query.order_by.as_ref().map(|order| &order.kind) else { return names };
    for order in orders.iter().filter(|order| !is_alone(&order.expr)) {
        let _ = visit_expressions(&order.expr, |expr| {
            if let Expr::Identifier(name) = expr {
                names.insert(folded(name));
            }
            ControlFlow::<()>::Continue(())
        });
    }
    names
}

fn is_alone(expr: &Expr) -> bool {
    match expr {
        Expr::Identifier(_) => true,
        Expr::Value(ValueWithSpan { value, .. }) => matches!(value, Value::Number(..)),
        _ => false,
    }
}

/// Says in expressions of ORDER BY which table a name is of, where the planner would take it for one of the answer.
pub(super) fn qualify(query: &mut Query, sources: &[Source]) {
    let SetExpr::Select(select) = query.body.as_ref() else { return };
    let given: HashSet<String> = select
        .projection
        .iter()
        .filter_map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
            _ => None,
        })
        .collect();
    let Some(OrderByKind::Expressions(orders)) = query.order_by.as_mut().map(|order| &mut order.kind) else { return };
    for order in orders.iter_mut().filter(|order| !is_alone(&order.expr)) {
        let _ = visit_expressions_mut(&mut order.expr, |expr| {
            if let Expr::Identifier(name) = expr
                && given.contains(&folded(name))
            {
                let mut of = sources.iter().filter(|(_, columns)| columns.contains(&folded(name)));
                if let (Some((table, _)), None) = (of.next(), of.next()) {
                    *expr = Expr::CompoundIdentifier(vec![Ident::with_quote('"', table.clone()), name.clone()]);
                }
            }
            ControlFlow::<()>::Continue(())
        });
    }
}

//! What belongs to a whole SELECT: the names of its columns, the types of literals that are columns, FETCH FIRST.

use super::expression::{cast, typed_alternatives, typed_literal};
use crate::column_name::{UNNAMED, folded, name_of};
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Ident, LimitClause, Query, Select, SelectFlavor, SelectItem, SelectItemQualifiedWildcardKind,
    SetExpr, TableFactor, TableWithJoins, Value, ValueWithSpan, Values,
};
use std::collections::HashSet;

/// Gives the columns of a query the names that PostgreSQL would call them, each once.
pub(super) fn name_columns(query: &mut Query) {
    let sorted_by = super::order::names_in_expressions(query);
    for_selects(&mut query.body, &mut |select| name_items(select, &sorted_by));
}

/// A column has another name where ORDER BY has an expression of that name: the planner would take it for this column.
fn name_items(select: &mut Select, sorted_by: &HashSet<String>) {
    let has_wildcard = select.projection.iter().any(|item| {
        matches!(
            item,
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(_), _)
        )
    });
    let own = |item: &SelectItem| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(folded(name)),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(names)) => names.last().map(folded),
        _ => None,
    };
    let mut taken: HashSet<String> = select.projection.iter().filter_map(own).collect();
    let mut given = HashSet::new();
    for item in &mut select.projection {
        if let SelectItem::ExprWithAlias { alias, .. } = item {
            // An alias that was given before is a name that cannot be asked for.
            if !given.insert(folded(alias)) {
                let numbered = (2..).map(|number| format!("{}_{number}", folded(alias)));
                if let Some(name) = numbered.into_iter().find(|name| taken.insert(name.clone())) {
                    *alias = Ident::with_quote('"', name);
                }
            }
            continue;
        }
        let SelectItem::UnnamedExpr(expr) = item else { continue };
        if matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) {
            continue;
        }
        let name = name_of(expr).unwrap_or_else(|| UNNAMED.to_owned());
        let name = if sorted_by.contains(&name) { format!("{name} of the answer") } else { name };
        // Beside `*` a column may have the name of one of its columns.
        if has_wildcard && matches!(expr, Expr::Cast { .. } | Expr::Nested(_) | Expr::Case { .. } | Expr::Subquery(_)) {
            continue;
        }
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let Some(name) = std::iter::once(name.clone()).chain(numbered).find(|name| taken.insert(name.clone())) else {
            continue;
        };
        let alias = Ident::with_quote('"', name);
        *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
    }
}

/// The positions in ROLLUP, CUBE and GROUPING SETS as what they stand for.
pub(super) fn resolve_positions(select: &mut Select) {
    let GroupByExpr::Expressions(groups, _) = &mut select.group_by else { return };
    for group in groups {
        let (Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets)) = group else { continue };
        for expr in sets.iter_mut().flatten() {
            let Expr::Value(ValueWithSpan { value: Value::Number(position, _), .. }) = expr else { continue };
            let at = position.parse::<usize>().ok().and_then(|position| position.checked_sub(1));
            if let Some(SelectItem::UnnamedExpr(item) | SelectItem::ExprWithAlias { expr: item, .. }) =
                at.and_then(|at| select.projection.get(at))
            {
                *expr = item.clone();
            }
        }
    }
}

/// A literal that is a column, or in VALUES, has PostgreSQL's type.
pub(super) fn type_literals(query: &mut Query) {
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection.iter_mut().filter_map(expr_of).for_each(typed_literal);
    }
    let mut selects = Vec::new();
    collect_branches(&mut query.body, &mut selects);
    let mut branches: Vec<_> = selects.into_iter().map(|select| select.projection.iter_mut()).collect();
    while let Some(column) = branches.iter_mut().map(Iterator::next).collect::<Option<Vec<_>>>() {
        if column.is_empty() {
            break;
        }
        typed_alternatives(column.into_iter().filter_map(expr_of).collect());
    }
    if let SetExpr::Values(values) = query.body.as_mut() {
        for column in 0..values.rows.first().map_or(0, |row| row.content.len()) {
            type_texts(values, column);
            typed_alternatives(values.rows.iter_mut().filter_map(|row| row.content.get_mut(column)).collect());
        }
    }
}

fn expr_of(item: &mut SelectItem) -> Option<&mut Expr> {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    }
}

/// The SELECTs of which a set operation makes one answer.
fn collect_branches<'a>(body: &'a mut SetExpr, branches: &mut Vec<&'a mut Select>) {
    let SetExpr::SetOperation { left, right, .. } = body else { return };
    for side in [left, right] {
        match side.as_mut() {
            SetExpr::Select(select) => branches.push(select),
            side => collect_branches(side, branches),
        }
    }
}

/// Texts of a column of VALUES in which another value is cast: they are of that type.
fn type_texts(values: &mut Values, column: usize) {
    let cells = values.rows.iter().filter_map(|row| row.content.get(column));
    let types = cells.filter_map(|cell| match cell {
        Expr::Cast { data_type, .. } => Some(data_type.clone()),
        Expr::TypedString(typed) => Some(typed.data_type.clone()),
        _ => None,
    });
    let Some(data_type) = types.into_iter().next() else { return };
    for cell in values.rows.iter_mut().filter_map(|row| row.content.get_mut(column)) {
        let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) = cell else { continue };
        *cell = cast(text.clone(), data_type.clone());
    }
}

/// `FETCH FIRST 2 ROWS ONLY` as `LIMIT 2`.
pub(super) fn fetch_as_limit(query: &mut Query) {
    let Some(fetch) = query.fetch.as_ref().filter(|fetch| !fetch.with_ties && !fetch.percent) else { return };
    let rows = fetch.quantity.clone().unwrap_or_else(|| super::expression::number("1"));
    match &mut query.limit_clause {
        None => {
            query.limit_clause =
                Some(LimitClause::LimitOffset { limit: Some(rows), offset: None, limit_by: Vec::new() });
        }
        Some(LimitClause::LimitOffset { limit: limit @ None, .. }) => *limit = Some(rows),
        Some(_) => return,
    }
    query.fetch = None;
}

/// Every SELECT of a query's body; those of queries inside are visited with them.
fn for_selects(body: &mut SetExpr, change: &mut impl FnMut(&mut Select)) {
    match body {
        SetExpr::Select(select) => change(select),
        SetExpr::SetOperation { left, right, .. } => {
            for_selects(left, change);
            for_selects(right, change);
        }
        _ => {}
    }
}

/// `SELECT column FROM table`
pub(super) fn of_one(column: Expr, table: TableFactor) -> Query {
    let select = Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection: vec![SelectItem::UnnamedExpr(column)],
        exclude: None,
        into: None,
        from: vec![TableWithJoins { relation: table, joins: Vec::new() }],
        lateral_views: Vec::new(),
        prewhere: None,
        selection: None,
        connect_by: Vec::new(),
        group_by: GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    };
    Query {
        with: None,
        body: Box::new(SetExpr::Select(Box::new(select))),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

//! Whole rows as values, `row_to_json(x)` with the name of a table or subquery, as objects of their columns.
//!
//! The columns are known from the tables of this ledger and from the names in SELECT lists and WITH; where they are not, the
//! planner refuses the name.

use super::expression::{call, quoted};
use crate::column_name::folded;
use crate::table::TABLES;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableAlias, TableFactor,
};

/// Functions that take a row.
const TAKE_ROWS: [&str; 5] = ["row_to_json", "to_json", "to_jsonb", "json_agg", "jsonb_agg"];

/// A name and the columns under it.
pub(super) type Source = (String, Vec<String>);

/// What is known of the queries around an expression.
#[derive(Default)]
pub(super) struct Rows {
    named: Vec<Source>,
    /// How many of `named` there were before each query.
    before: Vec<usize>,
    from: Vec<Vec<Source>>,
}

impl Rows {
    pub(super) fn enter(&mut self, query: &Query) {
        self.before.push(self.named.len());
        for table in query.with.iter().flat_map(|with| &with.cte_tables) {
            let columns = renamed(&table.alias, self.columns_of(&table.query));
            self.named.extend(columns.map(|columns| (folded(&table.alias.name), columns)));
        }
    }

    /// The tables that a query's own SELECT reads, as far as their columns are known.
    pub(super) fn read_by(&self, query: &Query) -> Vec<Source> {
        match query.body.as_ref() {
            SetExpr::Select(select) => self.sources(select),
            _ => Vec::new(),
        }
    }

    pub(super) fn leave(&mut self, _query: &Query) {
        self.named.truncate(self.before.pop().unwrap_or(0));
    }

    pub(super) fn enter_select(&mut self, select: &Select) {
        let sources = self.sources(select);
        self.from.push(sources);
    }

    pub(super) fn leave_select(&mut self) {
        self.from.pop();
    }

    fn sources(&self, select: &Select) -> Vec<Source> {
        let joined = select.from.iter().flat_map(|from| from.joins.iter().map(|join| &join.relation));
        select.from.iter().map(|from| &from.relation).chain(joined).filter_map(|table| self.source(table)).collect()
    }

    fn source(&self, table: &TableFactor) -> Option<Source> {
        match table {
            TableFactor::Table { name, args: None, alias, .. } => {
                let own = name.0.last().and_then(|part| part.as_ident()).map(folded)?;
                let of_table = || {
                    let table = TABLES.iter().find(|table| table.name == own)?;
                    Some(table.columns().iter().map(|column| column.name.to_owned()).collect())
                };
                let columns = match self.named.iter().rev().find(|(name, _)| *name == own) {
                    Some((_, columns)) => Some(columns.clone()),
                    None => of_table(),
                };
                match alias {
                    Some(alias) => Some((folded(&alias.name), renamed(alias, columns)?)),
                    None => Some((own, columns?)),
                }
            }
            TableFactor::Derived { subquery, alias: Some(alias), .. } => {
                Some((folded(&alias.name), renamed(alias, self.columns_of(subquery))?))
            }
            _ => None,
        }
    }

    fn columns_of(&self, query: &Query) -> Option<Vec<String>> {
        let mut body = query.body.as_ref();
        let select = loop {
            match body {
                SetExpr::Select(select) => break select,
                SetExpr::Query(query) => body = query.body.as_ref(),
                SetExpr::SetOperation { left, .. } => body = left.as_ref(),
                SetExpr::Values(values) => {
                    let count = values.rows.first().map_or(0, |row| row.content.len());
                    return Some((1..=count).map(|number| format!("column{number}")).collect());
                }
                _ => return None,
            }
        };
        let mut columns = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::ExprWithAlias { alias, .. } => columns.push(folded(alias)),
                SelectItem::UnnamedExpr(expr) => columns.push(crate::column_name::name_of(expr)?),
                SelectItem::Wildcard(_) => {
                    if self.sources(select).len() != select.from.len() {
                        return None;
                    }
                    columns.extend(self.sources(select).into_iter().flat_map(|(_, columns)| columns));
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    let name = name.to_string().to_lowercase();
                    columns.extend(self.sources(select).into_iter().find(|(known, _)| *known == name)?.1);
                }
                _ => return None,
            }
        }
        Some(columns)
    }

    /// The object instead of the row's name.
    pub(super) fn expand(&self, expr: &mut Expr) {
        let Expr::Function(function) = expr else { return };
        if !TAKE_ROWS.contains(&function.name.to_string().to_lowercase().as_str()) {
            return;
        }
        let FunctionArguments::List(list) = &mut function.args else { return };
        let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))) = list.args.first_mut() else { return };
        let Expr::Identifier(name) = &*arg else { return };
        let row = folded(name);
        let Some((_, columns)) = self.from.iter().rev().flatten().find(|(known, _)| *known == row) else { return };
        // A column of that name is meant before the row.
        if self.from.last().is_some_and(|from| from.iter().any(|(_, columns)| columns.contains(&row))) {
            return;
        }
        let member = |column: &String| {
            let path = vec![name.clone(), Ident::with_quote('"', column.clone())];
            [quoted(column.clone()), Expr::CompoundIdentifier(path)]
        };
        *arg = call("jsonb_build_object", columns.iter().flat_map(member).collect());
    }
}

fn renamed(alias: &TableAlias, columns: Option<Vec<String>>) -> Option<Vec<String>> {
    let mut columns = columns?;
    for (column, given) in columns.iter_mut().zip(&alias.columns) {
        *column = folded(&given.name);
    }
    Some(columns)
}

//! Functions that give sets of rows, in FROM and in the SELECT list, as UNNEST of a list.
//!
//! In FROM each is lateral: its arguments may name what stands before it (`lateral` plans that). A function that gives one
//! column has one that is called by its own name or as the alias; where PostgreSQL's has an output parameter, such as
//! `value`, the column is called that, and the alias stands for it too.

use super::expression::{call, exprs};
use crate::column_name::folded;
use crate::table::TABLES;
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, Select,
    TableAlias, TableAliasColumnDef, TableFactor, TypedString, Value, ValueWithSpan,
};
use std::collections::HashMap;

/// A function that gives rows: its names, the columns with their names, `None` for the function's own, and for each column
/// the function that gives it as a list.
struct SetFunction {
    names: &'static [&'static str],
    columns: &'static [(Option<&'static str>, &'static str)],
}

const FUNCTIONS: &[SetFunction] = &[
    SetFunction {
        names: &["jsonb_array_elements", "json_array_elements"],
        columns: &[(Some("value"), "json_array_elements")],
    },
    SetFunction {
        names: &["jsonb_array_elements_text", "json_array_elements_text"],
        columns: &[(Some("value"), "json_array_elements_text")],
    },
    SetFunction { names: &["jsonb_object_keys", "json_object_keys"], columns: &[(None, "json_object_keys")] },
    SetFunction {
        names: &["jsonb_each", "json_each"],
        columns: &[(Some("key"), "json_each_key"), (Some("value"), "json_each_value")],
    },
    SetFunction {
        names: &["jsonb_each_text", "json_each_text"],
        columns: &[(Some("key"), "json_each_key"), (Some("value"), "json_each_text_value")],
    },
    SetFunction { names: &["regexp_split_to_table"], columns: &[(None, "regexp_split_to_array")] },
    SetFunction { names: &["string_to_table"], columns: &[(None, "string_to_array")] },
    SetFunction { names: &["generate_subscripts"], columns: &[(None, "list_subscripts")] },
];

fn function_of(name: &ObjectName) -> Option<&'static SetFunction> {
    let name = name.to_string().to_lowercase();
    FUNCTIONS.iter().find(|function| function.names.contains(&name.as_str()))
}

/// The function in FROM as UNNEST, under its names.
pub(super) fn in_from(table: &mut TableFactor) {
    let (name, args, alias, ordinality) = match table {
        TableFactor::Table { name, args: Some(args), alias, with_ordinality, .. } => {
            (&*name, &args.args, alias.clone(), *with_ordinality)
        }
        TableFactor::Function { name, args, alias, with_ordinality, .. } => {
            (&*name, &*args, alias.clone(), *with_ordinality)
        }
        TableFactor::UNNEST { alias: Some(alias), array_exprs, .. }
            if alias.columns.is_empty() && array_exprs.len() == 1 =>
        {
            alias.columns = vec![column(alias.name.clone())];
            return;
        }
        _ => return,
    };
    let own = name.0.last().and_then(|part| part.as_ident()).map(folded).unwrap_or_default();
    if own == "generate_series" && !ordinality {
        *table = series(own, args.clone(), alias);
        return;
    }
    let Some(function) = function_of(name) else { return };
    let Some(args) = exprs(args) else { return };
    let name_of_table = alias.as_ref().map_or_else(|| Ident::new(own), |alias| alias.name.clone());
    let mut lists: Vec<Expr> = function.columns.iter().map(|(_, list)| call(list, args.clone())).collect();
    let mut names: Vec<Ident> =
        function.columns.iter().map(|(name, _)| name.map_or_else(|| name_of_table.clone(), Ident::new)).collect();
    if ordinality {
        lists.extend(lists.first().cloned().map(|list| call("list_ordinality", vec![list])));
        names.push(Ident::new("ordinality"));
    }
    let given = alias.map(|alias| alias.columns).unwrap_or_default();
    let columns = names.into_iter().enumerate();
    let columns = columns.map(|(at, name)| given.get(at).cloned().unwrap_or_else(|| column(name))).collect();
    *table = TableFactor::UNNEST {
        alias: Some(TableAlias { explicit: true, name: name_of_table, columns, at: None }),
        array_exprs: lists,
        with_offset: false,
        with_offset_alias: None,
        with_ordinality: false,
    };
}

/// A series under its names; one of small integers is of integers, one of times is counted in nanoseconds.
fn series(own: String, mut args: Vec<FunctionArg>, alias: Option<TableAlias>) -> TableFactor {
    let mut are_small = true;
    for arg in &mut args {
        let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg else { continue };
        match expr {
            Expr::Cast { data_type: DataType::Timestamp(precision, _), .. }
            | Expr::TypedString(TypedString { data_type: DataType::Timestamp(precision, _), .. }) => {
                *precision = Some(super::NANOSECOND_DIGITS);
            }
            _ => {}
        }
        let literal = match &*expr {
            Expr::UnaryOp { expr, .. } => expr.as_ref(),
            expr => expr,
        };
        are_small &= matches!(literal, Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. }) if text.parse::<i32>().is_ok());
    }
    let name = alias.as_ref().map_or_else(|| Ident::new(own.clone()), |alias| alias.name.clone());
    let columns = match alias {
        Some(alias) if !alias.columns.is_empty() => alias.columns,
        _ => vec![column(name.clone())],
    };
    let inner = TableFactor::Function {
        lateral: false,
        name: ObjectName::from(vec![Ident::new(own)]),
        args,
        with_ordinality: false,
        alias: None,
    };
    let alias = Some(TableAlias { explicit: true, name, columns, at: None });
    if !are_small {
        return with_alias(inner, alias);
    }
    let value = Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(Expr::Identifier(Ident::new("value"))),
        data_type: DataType::Integer(None),
        array: false,
        format: None,
    };
    TableFactor::Derived {
        lateral: false,
        subquery: Box::new(super::select::of_one(value, inner)),
        alias,
        sample: None,
    }
}

fn with_alias(mut table: TableFactor, given: Option<TableAlias>) -> TableFactor {
    if let TableFactor::Function { alias, .. } = &mut table {
        *alias = given;
    }
    table
}

fn column(name: Ident) -> TableAliasColumnDef {
    TableAliasColumnDef { name, data_type: None }
}

/// A function in the SELECT list as `unnest`; one of several columns is a row, which no column here is.
pub(super) fn in_select_list(expr: &mut Expr) {
    let Expr::Function(function) = expr else { return };
    // Around a list that is unnested already.
    if let Some(inner) = unnested_twice(function) {
        *expr = inner;
        return;
    }
    let Some(found) = function_of(&function.name) else { return };
    let ([(_, list)], FunctionArguments::List(given)) = (found.columns, &function.args) else { return };
    let Some(args) = exprs(&given.args) else { return };
    *expr = call("unnest", vec![call(list, args)]);
}

/// `unnest` of what is `unnest(list)` because its function gives rows.
fn unnested_twice(function: &Function) -> Option<Expr> {
    let name = |function: &Function| function.name.to_string().to_lowercase();
    let FunctionArguments::List(given) = &function.args else { return None };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Function(inner)))] = given.args.as_slice() else {
        return None;
    };
    let FunctionArguments::List(of) = &inner.args else { return None };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Function(list)))] = of.args.as_slice() else { return None };
    let gives_rows = FUNCTIONS.iter().any(|known| known.columns.iter().any(|(_, of)| *of == name(list)));
    (name(function) == "unnest" && name(inner) == "unnest" && gives_rows).then(|| Expr::Function(inner.clone()))
}

/// The aliases in FROM that stand for a column, per SELECT.
#[derive(Default)]
pub(super) struct Scalars(Vec<HashMap<String, Ident>>);

impl Scalars {
    pub(super) fn enter(&mut self, select: &Select) {
        let joined = select.from.iter().flat_map(|from| from.joins.iter().map(|join| &join.relation));
        let tables = select.from.iter().map(|from| &from.relation).chain(joined);
        self.0.push(tables.filter_map(scalar).collect());
    }

    pub(super) fn leave(&mut self) {
        self.0.pop();
    }

    /// The column instead of the alias.
    pub(super) fn resolve(&self, expr: &mut Expr) {
        let Expr::Identifier(name) = expr else { return };
        let alias = folded(name);
        let is_column =
            |alias: &str| TABLES.iter().any(|table| table.columns().iter().any(|column| column.name == alias));
        let found = self.0.iter().rev().find_map(|aliases| aliases.get(&alias));
        if let Some(column) = found.filter(|_| !is_column(&alias)) {
            *expr = Expr::CompoundIdentifier(vec![name.clone(), column.clone()]);
        }
    }
}

/// The alias of a function of one column, and that column where it is called otherwise.
fn scalar(table: &TableFactor) -> Option<(String, Ident)> {
    let (name, alias) = match table {
        TableFactor::Table { name, args: Some(_), alias: Some(alias), .. }
        | TableFactor::Function { name, alias: Some(alias), .. } => (name, alias),
        _ => return None,
    };
    let [(own, _)] = function_of(name)?.columns else { return None };
    let column = match alias.columns.first() {
        Some(column) => column.name.clone(),
        None => Ident::new((*own)?),
    };
    (folded(&column) != folded(&alias.name)).then(|| (folded(&alias.name), column))
}

//! Functions that give sets of rows, in FROM and in the SELECT list, as UNNEST of a list.
//!
//! In FROM each is lateral: its arguments may name what stands before it (`lateral` plans that). A function that gives one
//! column has one that is called by its own name or as the alias; where PostgreSQL's has an output parameter, such as
//! `value`, the column is called that, and the alias stands for it too.

use super::expression::{call, exprs};
use crate::column_name::folded;
use crate::table::TABLES;
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    GroupByExpr, Ident, ObjectName, Query, Select, SelectItem, SetExpr, TableAlias, TableAliasColumnDef, TableFactor,
    TypedString, Value, ValueWithSpan,
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
    if RECORDSETS.contains(&own.as_str()) && !ordinality {
        if let (Some(args), Some(alias)) = (exprs(args), alias)
            && let Some(records) = records(&args, alias)
        {
            *table = records;
        }
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

/// The functions whose columns have their types in the alias.
const RECORDSETS: [&str; 2] = ["jsonb_to_recordset", "json_to_recordset"];

/// The functions that give a column of a record set as a list, by its type.
const RECORDS_TEXTS: &str = "json_records_texts";
const RECORDS_NUMBERS: &str = "json_records_numbers";
/// Those that count its rows, and the different values of a column.
const RECORDS_COUNT: &str = "json_records_count";
const RECORDS_DIFFERENT: &str = "json_records_different";

/// The columns of a record set, each as a list; `None` where one is neither a text nor a double.
fn records(args: &[Expr], mut alias: TableAlias) -> Option<TableFactor> {
    let [document] = args else { return None };
    let list = |given: &TableAliasColumnDef| {
        let function = match given.data_type {
            Some(DataType::Text) => RECORDS_TEXTS,
            Some(DataType::DoublePrecision) => RECORDS_NUMBERS,
            _ => return None,
        };
        let key = Expr::value(Value::SingleQuotedString(folded(&given.name)));
        Some(call(function, vec![document.clone(), key]))
    };
    let lists = alias.columns.iter().map(list).collect::<Option<Vec<_>>>()?;
    if lists.is_empty() {
        return None;
    }
    alias.columns.iter_mut().for_each(|column| column.data_type = None);
    Some(TableFactor::UNNEST {
        alias: Some(alias),
        array_exprs: lists,
        with_offset: false,
        with_offset_alias: None,
        with_ordinality: false,
    })
}

/// A subquery that does nothing but count the rows of a record set, and the different values of a column, as calls:
/// DataFusion has no way to run it beside its outer row.
pub(super) fn counted(expr: &mut Expr) {
    let Expr::Subquery(query) = expr else { return };
    if let Some(counts) = counts_of(query) {
        *expr = Expr::Nested(Box::new(counts));
    }
}

fn counts_of(query: &Query) -> Option<Expr> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let ([item], [from]) = (&select.projection[..], &select.from[..]) else { return None };
    let (SelectItem::UnnamedExpr(counts) | SelectItem::ExprWithAlias { expr: counts, .. }) = item else { return None };
    let TableFactor::UNNEST { array_exprs, alias: Some(alias), .. } = &from.relation else { return None };
    let ends_there = query.with.is_none() && query.order_by.is_none() && query.limit_clause.is_none();
    let is_whole = select.selection.is_none() && select.having.is_none() && select.distinct.is_none();
    let is_one_group = matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    if !(ends_there && is_whole && is_one_group && query.fetch.is_none() && from.joins.is_empty()) {
        return None;
    }
    let lists = array_exprs.iter().map(list_of_records).collect::<Option<Vec<_>>>()?;
    let columns: Vec<_> = alias.columns.iter().map(|column| folded(&column.name)).zip(lists).collect();
    count_of(counts, &columns)
}

/// The document and the key of a list of a record set.
fn list_of_records(list: &Expr) -> Option<(Expr, Expr)> {
    let Expr::Function(function) = list else { return None };
    let name = function.name.to_string();
    let FunctionArguments::List(args) = &function.args else { return None };
    match &exprs(&args.args)?[..] {
        [document, key] if [RECORDS_TEXTS, RECORDS_NUMBERS].contains(&name.as_str()) => {
            Some((document.clone(), key.clone()))
        }
        _ => None,
    }
}

/// Counts, and what compares or computes with them.
fn count_of(expr: &Expr, columns: &[(String, (Expr, Expr))]) -> Option<Expr> {
    match expr {
        Expr::Value(_) => Some(expr.clone()),
        Expr::Nested(inner) => Some(Expr::Nested(Box::new(count_of(inner, columns)?))),
        Expr::BinaryOp { left, op, right } => Some(Expr::BinaryOp {
            left: Box::new(count_of(left, columns)?),
            op: op.clone(),
            right: Box::new(count_of(right, columns)?),
        }),
        Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("count") => {
            let FunctionArguments::List(given) = &function.args else { return None };
            if function.over.is_some() || function.filter.is_some() {
                return None;
            }
            let of = match (given.duplicate_treatment, &given.args[..]) {
                (None, [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]) => {
                    let (_, (document, _)) = columns.first()?;
                    call(RECORDS_COUNT, vec![document.clone()])
                }
                (Some(DuplicateTreatment::Distinct), [FunctionArg::Unnamed(FunctionArgExpr::Expr(column))]) => {
                    let name = match column {
                        Expr::Identifier(name) => name,
                        Expr::CompoundIdentifier(names) => names.last()?,
                        _ => return None,
                    };
                    let (_, (document, key)) = columns.iter().find(|(known, _)| *known == folded(name))?;
                    call(RECORDS_DIFFERENT, vec![document.clone(), key.clone()])
                }
                _ => return None,
            };
            // Of no list there are no rows, and none of them is no null.
            Some(call("coalesce", vec![of, Expr::value(Value::Number("0".to_owned(), false))]))
        }
        _ => None,
    }
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

//! The types of columns as PostgreSQL names them, in `information_schema.columns`, DESCRIBE and SHOW COLUMNS.

use crate::column_name::folded;
use crate::table::TABLES;
use datafusion::sql::sqlparser::ast::{Ident, ObjectName, Query, Statement, TableAlias, TableFactor};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

/// The view with the engine's names of types replaced.
const COLUMNS: &str = "SELECT table_catalog, table_schema, table_name, column_name, ordinal_position, column_default, \
    is_nullable, column_type(table_name, column_name, data_type) AS data_type, character_maximum_length, \
    character_octet_length, numeric_precision, numeric_precision_radix, numeric_scale, datetime_precision, interval_type \
    FROM information_schema.columns";

/// `information_schema.columns` with PostgreSQL's types.
pub(super) fn in_from(table: &mut TableFactor) {
    let TableFactor::Table { name, args: None, alias, .. } = table else { return };
    if !is(name, &["information_schema", "columns"]) {
        return;
    }
    let Some(query) = query(COLUMNS) else { return };
    let own = TableAlias { explicit: true, name: Ident::new("columns"), columns: Vec::new(), at: None };
    let alias = Some(alias.clone().unwrap_or(own));
    *table = TableFactor::Derived { lateral: false, subquery: Box::new(query), alias, sample: None };
}

/// `DESCRIBE` of a table of this ledger as a query.
pub(super) fn described(statement: &mut Statement) {
    let Statement::ExplainTable { table_name, .. } = statement else { return };
    let Some(own) = table_name.0.last().and_then(|part| part.as_ident()).map(folded) else { return };
    if !TABLES.iter().any(|table| table.name == own) {
        return;
    }
    let shown = format!(
        "SELECT column_name, data_type, is_nullable FROM ({COLUMNS}) AS columns WHERE table_name = '{own}' \
         AND table_schema = 'public' ORDER BY ordinal_position"
    );
    if let Some(query) = query(&shown) {
        *statement = Statement::Query(Box::new(query));
    }
}

fn is(name: &ObjectName, parts: &[&str]) -> bool {
    name.0.len() == parts.len()
        && name.0.iter().zip(parts).all(|(part, known)| part.as_ident().is_some_and(|part| folded(part) == *known))
}

fn query(sql: &str) -> Option<Query> {
    match Parser::parse_sql(&PostgreSqlDialect {}, sql).ok()?.pop()? {
        Statement::Query(query) => Some(*query),
        _ => None,
    }
}

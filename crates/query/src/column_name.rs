//! What the columns of an answer are called that have no alias: as in PostgreSQL, `count` and `?column?`, not the
//! planner's text of the expression.
//!
//! The names come from the statement as it was written, and are put onto the answer at its end: nothing inside the query
//! sees them. A row that is printed as an object has each name once, so that the second column of a name gets `_2`, the
//! third `_3`.

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    self, ArrayElemTypeDef, DataType, ExactNumberInfo, Expr, Query, Select, SelectItem, SetExpr, TimezoneInfo,
    TrimWhereField,
};
use futures::StreamExt;
use std::collections::HashSet;
use std::sync::Arc;

/// PostgreSQL's name of what has none.
pub(super) const UNNAMED: &str = "?column?";

/// The names of the columns of an answer, as far as the statement says them: from its first columns on, and from its last
/// ones backwards, for `*` stands for any number.
pub(super) struct ColumnNames {
    first: Vec<Option<String>>,
    last: Vec<Option<String>>,
}

impl ColumnNames {
    /// Those of a statement; what is no query has those of its plan.
    pub(super) fn of(statement: &Statement) -> Self {
        let select = match statement {
            Statement::Statement(statement) => match statement.as_ref() {
                ast::Statement::Query(query) => select_of(query),
                _ => None,
            },
            _ => None,
        };
        let items = select.map_or(&[][..], |select| &select.projection);
        let is_one = |item: &&SelectItem| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
        let first: Vec<_> = items.iter().take_while(is_one).map(item_name).collect();
        let last = match first.len() == items.len() {
            true => Vec::new(),
            false => items.iter().rev().take_while(is_one).map(item_name).collect(),
        };
        Self { first, last }
    }

    /// The schema with these names, each once.
    fn put_onto(&self, schema: &Schema) -> Schema {
        let count = schema.fields().len();
        let mut taken = HashSet::with_capacity(count);
        let fields = schema.fields().iter().enumerate().map(|(at, field)| {
            let named = self.first.get(at).or_else(|| self.last.get(count - 1 - at));
            let name = named.and_then(Option::as_deref).unwrap_or(field.name());
            let unique = (2..).map(|number| format!("{name}_{number}"));
            let mut names = std::iter::once(name.to_owned()).chain(unique);
            let name = names.find(|name| taken.insert(name.clone())).unwrap_or_default();
            Arc::new(field.as_ref().clone().with_name(name))
        });
        Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone())
    }

    /// The answer with these names.
    pub(super) fn rename(&self, answer: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema: SchemaRef = Arc::new(self.put_onto(&answer.schema()));
        if schema == answer.schema() {
            return answer;
        }
        let renamed = Arc::clone(&schema);
        let batches = answer.map(move |batch| {
            let batch = batch?;
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            RecordBatch::try_new_with_options(Arc::clone(&renamed), batch.columns().to_vec(), &options)
                .map_err(DataFusionError::from)
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }
}

/// The SELECT that names the columns: of a UNION the first one.
fn select_of(query: &Query) -> Option<&Select> {
    let mut body = query.body.as_ref();
    loop {
        match body {
            SetExpr::Select(select) => return Some(select),
            SetExpr::Query(query) => body = query.body.as_ref(),
            SetExpr::SetOperation { left, .. } => body = left.as_ref(),
            _ => return None,
        }
    }
}

fn item_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(expr) => Some(name_of(expr).unwrap_or_else(|| UNNAMED.to_owned())),
        _ => None,
    }
}

/// The name of an expression, as PostgreSQL's `FigureColname` finds it; `None` if it has none.
pub(super) fn name_of(expr: &Expr) -> Option<String> {
    own_name(expr).or_else(|| match expr {
        Expr::Cast { data_type, .. } => Some(type_name(data_type)),
        Expr::TypedString(typed) => Some(type_name(&typed.data_type)),
        Expr::Interval(_) => Some("interval".to_owned()),
        Expr::Case { .. } => Some("case".to_owned()),
        Expr::Nested(inner) => name_of(inner),
        _ => None,
    })
}

/// A name that a cast or a CASE around the expression keeps.
fn own_name(expr: &Expr) -> Option<String> {
    let named = |name: &str| Some(name.to_owned());
    match expr {
        Expr::Identifier(name) => Some(folded(name)),
        Expr::CompoundIdentifier(names) => names.last().map(folded),
        Expr::Function(call) => call.name.0.last().and_then(|part| part.as_ident()).map(folded),
        Expr::Cast { expr, .. } => own_name(expr),
        Expr::Case { else_result, .. } => else_result.as_deref().and_then(own_name),
        Expr::Nested(inner) => own_name(inner),
        Expr::Collate { expr, .. } => own_name(expr),
        Expr::CompoundFieldAccess { root, .. } => own_name(root),
        Expr::Subquery(query) => select_of(query)?.projection.first().and_then(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
            SelectItem::UnnamedExpr(expr) => own_name(expr),
            _ => None,
        }),
        Expr::Extract { .. } => named("extract"),
        Expr::Ceil { .. } => named("ceil"),
        Expr::Floor { .. } => named("floor"),
        Expr::Position { .. } => named("position"),
        Expr::Substring { shorthand: true, .. } => named("substr"),
        Expr::Substring { .. } => named("substring"),
        Expr::Overlay { .. } => named("overlay"),
        Expr::Trim { trim_where, .. } => named(match trim_where {
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
            _ => "btrim",
        }),
        Expr::AtTimeZone { .. } => named("timezone"),
        Expr::Exists { .. } => named("exists"),
        Expr::Array(_) => named("array"),
        Expr::Tuple(_) => named("row"),
        _ => None,
    }
}

/// A name that is not quoted is read in lower case.
pub(super) fn folded(name: &ast::Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

/// PostgreSQL's own name of a type.
fn type_name(data_type: &DataType) -> String {
    let name = match data_type {
        DataType::SmallInt(_) | DataType::Int2(_) => "int2",
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => "int4",
        DataType::BigInt(_) | DataType::Int8(_) => "int8",
        DataType::Real | DataType::Float4 => "float4",
        DataType::Float(ExactNumberInfo::Precision(bits)) if *bits <= 24 => "float4",
        DataType::Float(_) | DataType::Float8 | DataType::Double(_) | DataType::DoublePrecision => "float8",
        DataType::Numeric(_) | DataType::Decimal(_) | DataType::Dec(_) => "numeric",
        DataType::Boolean | DataType::Bool => "bool",
        DataType::Varchar(_) | DataType::CharacterVarying(_) | DataType::CharVarying(_) => "varchar",
        DataType::Char(_) | DataType::Character(_) => "bpchar",
        DataType::Timestamp(_, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => "timestamptz",
        DataType::Timestamp(..) => "timestamp",
        DataType::Time(_, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => "timetz",
        DataType::Time(..) => "time",
        DataType::Interval { .. } => "interval",
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, _)) => return type_name(element),
        other => {
            let text = other.to_string().to_lowercase();
            return text.split(['(', ' ', '[']).next().unwrap_or_default().to_owned();
        }
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::Field;
    use datafusion::sql::parser::DFParser;
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;

    /// The names of so many columns of the statement.
    fn names(sql: &str, columns: usize) -> Vec<String> {
        let statement = DFParser::parse_sql_with_dialect(sql, &PostgreSqlDialect {}).unwrap().pop_front().unwrap();
        let fields = (0..columns).map(|at| Field::new(format!("planner{at}"), arrow::datatypes::DataType::Null, true));
        let schema = ColumnNames::of(&statement).put_onto(&Schema::new(fields.collect::<Vec<_>>()));
        schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    /// What PostgreSQL 15 calls them.
    #[test]
    fn s5_columns_are_called_as_in_postgresql() {
        for (expression, name) in [
            ("count(*)", "count"),
            ("1", "?column?"),
            ("avg((input_features->>'credit_amount')::numeric)", "avg"),
            ("1 + 1", "?column?"),
            ("NULL", "?column?"),
            ("'a'", "?column?"),
            ("true", "?column?"),
            ("confidence", "confidence"),
            ("t.Confidence", "confidence"),
            ("\"Confidence\"", "Confidence"),
            ("confidence::int", "confidence"),
            ("'1'::int", "int4"),
            ("(1 + 1)::bigint", "int8"),
            ("CAST(0.5 AS numeric(3,2))", "numeric"),
            ("'x'::text", "text"),
            ("date '2026-11-20'", "date"),
            ("timestamptz '2026-11-20'", "timestamptz"),
            ("interval '1 day'", "interval"),
            ("COALESCE(a, b)", "coalesce"),
            ("greatest(1, 2)", "greatest"),
            ("CASE WHEN a THEN 1 END", "case"),
            ("CASE WHEN a THEN 1 ELSE b END", "b"),
            ("input_features->>'gender'", "?column?"),
            ("(input_features->>'age')::int", "int4"),
            ("extract(dow FROM timestamp)", "extract"),
            ("timestamp AT TIME ZONE 'UTC'", "timezone"),
            ("substring('abc' from 2)", "substring"),
            ("trim('  x ')", "btrim"),
            ("position('b' in 'abc')", "position"),
            ("EXISTS (SELECT 1)", "exists"),
            ("(SELECT max(x) FROM t)", "max"),
            ("(SELECT 1)", "?column?"),
            ("array[1,2]", "array"),
            ("a IS NULL", "?column?"),
            ("NOT a", "?column?"),
            ("row_number() OVER ()", "row_number"),
            ("percentile_cont(0.5) WITHIN GROUP (ORDER BY x)", "percentile_cont"),
            ("now()", "now"),
            ("current_date", "current_date"),
            ("uuid '018f0000-0000-7000-8000-000000000001'", "uuid"),
        ] {
            assert_eq!(names(&format!("SELECT {expression} FROM t"), 1), [name], "{expression}");
        }
        assert_eq!(names("SELECT 1 AS x, 2", 2), ["planner0", "?column?"]);
        assert_eq!(
            names("SELECT count(*), count(a), count(b) AS c, count(b)", 4),
            ["count", "count_2", "planner2", "count_3"]
        );
        assert_eq!(
            names("SELECT 1, *, 2, now() FROM t", 6),
            ["?column?", "planner1", "planner2", "planner3", "?column?_2", "now"]
        );
        assert_eq!(names("SELECT count(*) UNION SELECT 1", 1), ["count"]);
        assert_eq!(names("WITH x AS (SELECT 1) SELECT count(*) FROM x", 1), ["count"]);
        assert_eq!(names("EXPLAIN SELECT 1", 2), ["planner0", "planner1"]);
    }
}

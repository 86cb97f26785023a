//! onrecord beside a live PostgreSQL 15: every statement of `tests/differential/*.sql` is sent to both, and names, types and
//! values of the columns must be the same, to the last digit.
//!
//! A statement on whose answer the two differ on purpose stands below a comment `-- differs: …` with the name of a row of
//! the table "What differs" in `docs/sql.md`; below `-- missing: …` stands one that onrecord refuses, with a word that its
//! error must have. What differs without a row, a row that no statement shows, and a statement that no longer differs
//! all fail. Below `-- rounded: …`, also with a row, doubles are compared to twelve digits. Numbers of the type `numeric` are compared by value, for one of the rows is that zeros at their end are
//! not shown; rows without ORDER BY in any order.

mod data;
mod server;

use crate::answers::engine;
use arrow::array::{Array, AsArray, RecordBatch};
use onrecord_query::{Engine, QueryContext, print};
use onrecord_testing::LakeFixture;
use server::{COLUMN, NULL, PART, ROW, Server};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

const DOCS: &str = include_str!("../../../../../docs/sql.md");

/// What a comment says of the statement below it.
#[derive(Clone, Debug, PartialEq)]
enum Expected {
    Same,
    /// The row of the documentation.
    Differs(String),
    /// Doubles differ in their last digits only, with the row.
    Rounded(String),
    /// A word of the error.
    Missing(String),
}

struct Statement {
    area: String,
    sql: String,
    expected: Expected,
}

fn statements() -> Vec<Statement> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.retain(|file| file.file_name().is_some_and(|name| name != "setup.sql"));
    let mut statements = Vec::new();
    for file in files {
        let area = file.file_stem().unwrap().to_string_lossy().into_owned();
        let mut expected = Expected::Same;
        for line in std::fs::read_to_string(&file).unwrap().lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(row) = line.strip_prefix("-- differs: ") {
                expected = Expected::Differs(row.to_owned());
            } else if let Some(row) = line.strip_prefix("-- rounded: ") {
                expected = Expected::Rounded(row.to_owned());
            } else if let Some(word) = line.strip_prefix("-- missing: ") {
                expected = Expected::Missing(word.to_owned());
            } else if !line.starts_with("--") {
                let expected = std::mem::replace(&mut expected, Expected::Same);
                statements.push(Statement { area: area.clone(), sql: line.trim_end_matches(';').to_owned(), expected });
            }
        }
    }
    statements
}

/// The first cells of the table "What differs".
fn documented() -> BTreeSet<String> {
    let (_, section) = DOCS.split_once("## What differs").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")).skip(1);
    rows.filter_map(|row| row.split(" | ").next()).map(str::to_owned).collect()
}

/// An answer, or the message of an error.
type Answer = Result<Table, String>;

#[derive(Debug, PartialEq)]
struct Table {
    /// Name and type.
    columns: Vec<(String, String)>,
    rows: Vec<Vec<String>>,
}

/// PostgreSQL's answers, in one session.
fn from_postgres(server: &Server, setup: &str, statements: &[Statement]) -> Vec<Answer> {
    let mut script = format!("{setup}\nSET statement_timeout = '60s';\n");
    for Statement { sql, .. } in statements {
        writeln!(script, "\\echo '{PART}'").unwrap();
        writeln!(script, "{sql} \\gdesc").unwrap();
        writeln!(script, "\\echo '{PART}'").unwrap();
        writeln!(script, "{sql};").unwrap();
        // The message of an error stays until there is another one.
        writeln!(script, "\\echo '{PART}':ERROR' ':LAST_ERROR_MESSAGE").unwrap();
    }
    let output = server.run(&script);
    let parts: Vec<&str> = output.split(PART).skip(1).collect();
    assert_eq!(parts.len(), statements.len() * 3, "{}", &output[output.len().saturating_sub(2_000)..]);
    parts.chunks(3).map(|parts| answer(parts[0], parts[1], parts[2])).collect()
}

fn answer(described: &str, shown: &str, status: &str) -> Answer {
    if let Some(error) = status.trim().strip_prefix("true") {
        return Err(error.trim().to_owned());
    }
    let split = |text: &str| -> Vec<Vec<String>> {
        let text = text.strip_prefix('\n').unwrap_or(text);
        let text = text.strip_suffix('\n').unwrap_or(text);
        text.split(ROW).map(|row| row.split(COLUMN).map(str::to_owned).collect()).collect()
    };
    let columns: Vec<_> = split(described).into_iter().skip(1).map(|row| (row[0].clone(), row[1].clone())).collect();
    let mut rows: Vec<Vec<String>> = split(shown).into_iter().skip(1).collect();
    for row in &mut rows {
        for (value, (_, of_type)) in row.iter_mut().zip(&columns) {
            if of_type == "boolean" {
                *value = value.replace('t', "true").replace('f', "false");
            }
        }
    }
    Ok(Table { columns, rows })
}

fn from_onrecord(engine: &Engine, house: &LakeFixture, sql: &str) -> Answer {
    let context = QueryContext::default();
    let answer = engine.query_blocking(house.lake().snapshot(), sql, &context).map_err(|error| error.to_string())?;
    let schema = answer.schema().clone();
    let batches = answer.collect_blocking().map_err(|error| error.to_string())?;
    let columns = schema.fields().iter().map(|field| (field.name().clone(), print::type_name(field))).collect();
    Ok(Table { columns, rows: batches.iter().flat_map(shown).collect() })
}

fn shown(batch: &RecordBatch) -> Vec<Vec<String>> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    let columns: Vec<_> = columns.map(|(field, column)| print::text(field, column).unwrap()).collect();
    let cell = |column: &dyn Array, row: usize| match column.is_null(row) {
        true => NULL.to_owned(),
        false => column.as_string_view().value(row).to_owned(),
    };
    (0..batch.num_rows()).map(|row| columns.iter().map(|column| cell(column, row)).collect()).collect()
}

/// The answer as it is compared.
fn comparable(answer: Answer, sql: &str) -> Answer {
    let mut table = answer?;
    let mut taken = BTreeSet::new();
    for (name, of_type) in &mut table.columns {
        // The second column of a name has a number here: an object has each name once.
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        *name = std::iter::once(name.clone()).chain(numbered).find(|name| taken.insert(name.clone())).unwrap();
        // A type without its length, its digits, or the fields of an interval.
        let plain = match (of_type.find('('), of_type.find(')')) {
            (Some(start), Some(end)) => format!("{}{}", &of_type[..start], &of_type[end + 1..]),
            _ => of_type.clone(),
        };
        *of_type = if plain.starts_with("interval") { "interval".to_owned() } else { plain };
    }
    for row in &mut table.rows {
        for (value, (_, of_type)) in row.iter_mut().zip(&table.columns) {
            if of_type.starts_with("numeric") {
                *value = value.split(',').map(without_zeros).collect::<Vec<_>>().join(",");
            }
        }
    }
    if !sql.to_uppercase().contains("ORDER BY") {
        table.rows.sort();
    }
    Ok(table)
}

fn without_zeros(number: &str) -> String {
    let (number, end) = match number.strip_suffix('}') {
        Some(number) => (number, "}"),
        None => (number, ""),
    };
    let shown = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    };
    format!("{shown}{end}")
}

/// What is wrong with the two answers; nothing when they are as expected.
fn fault(expected: &Expected, theirs: &Answer, ours: &Answer) -> Option<String> {
    let same = match (theirs, ours) {
        (Ok(theirs), Ok(ours)) => theirs == ours,
        (Err(_), Err(_)) => true,
        _ => false,
    };
    match (expected, ours) {
        (Expected::Rounded(_), _) => {
            let (theirs, ours) = (rounded(theirs), rounded(ours));
            (theirs != ours).then(|| difference(&theirs, &ours))
        }
        (Expected::Same, _) => (!same).then(|| difference(theirs, ours)),
        (Expected::Differs(row), _) => same.then(|| format!("no longer differs ({row})")),
        (Expected::Missing(word), Err(error)) if error.contains(word.as_str()) => {
            theirs.as_ref().err().map(|theirs| format!("an error in PostgreSQL too: {theirs}"))
        }
        (Expected::Missing(word), ours) => Some(format!("no error that has `{word}`: {}", brief(ours))),
    }
}

/// The answer with its doubles to twelve digits.
fn rounded(answer: &Answer) -> Answer {
    let table = answer.as_ref().map_err(Clone::clone)?;
    let value = |value: &String, of_type: &str| match value.parse::<f64>() {
        Ok(double) if of_type == "double precision" => format!("{double:.11e}"),
        _ => value.clone(),
    };
    let row = |row: &Vec<String>| row.iter().zip(&table.columns).map(|(text, column)| value(text, &column.1)).collect();
    Ok(Table { columns: table.columns.clone(), rows: table.rows.iter().map(row).collect() })
}

fn difference(theirs: &Answer, ours: &Answer) -> String {
    if let (Ok(theirs), Ok(ours)) = (theirs, ours) {
        if theirs.columns != ours.columns {
            return format!("PostgreSQL {:?}\n   here       {:?}", theirs.columns, ours.columns);
        }
        if theirs.rows.len() == ours.rows.len() {
            let differ = theirs.rows.iter().zip(&ours.rows).filter(|(theirs, ours)| theirs != ours);
            let first = differ.clone().next().unwrap();
            return format!("PostgreSQL {:?}\n   here       {:?} ({} rows)", first.0, first.1, differ.count());
        }
    }
    format!("PostgreSQL {}\n   here       {}", brief(theirs), brief(ours))
}

fn brief(answer: &Answer) -> String {
    match answer {
        Ok(table) => format!("{} rows {:?}", table.rows.len(), &table.rows[..table.rows.len().min(3)]),
        Err(error) => format!("ERROR {error}"),
    }
}

#[test]
#[ignore = "needs PostgreSQL 15 (Debian: postgresql-15); ./test runs it"]
fn every_statement_is_answered_as_postgres_does() {
    let (engine, house, statements) = (engine(), data::house(), statements());
    let server = Server::start();
    let theirs = from_postgres(&server, &data::script(&house), &statements);
    let (mut faults, mut agreed, mut rows) = (Vec::new(), 0, BTreeSet::new());
    for (statement, theirs) in statements.iter().zip(theirs) {
        let theirs = comparable(theirs, &statement.sql);
        let ours = comparable(from_onrecord(&engine, &house, &statement.sql), &statement.sql);
        agreed += usize::from(matches!(statement.expected, Expected::Same | Expected::Rounded(_)));
        if let Expected::Differs(row) | Expected::Rounded(row) = &statement.expected {
            rows.insert(row.clone());
        }
        if let Some(fault) = fault(&statement.expected, &theirs, &ours) {
            faults.push(format!("{}: {}\n   {fault}", statement.area, statement.sql));
        }
    }
    for row in documented().symmetric_difference(&rows) {
        faults.push(format!("docs/sql.md and the statements do not both have the row `{row}`"));
    }
    let listed = statements.len() - agreed;
    println!(
        "{} statements sent: {agreed} must agree, {listed} differ or are missing as docs/sql.md says",
        statements.len()
    );
    assert!(faults.is_empty(), "{} of {} statements:\n{}", faults.len(), statements.len(), faults.join("\n"));
}

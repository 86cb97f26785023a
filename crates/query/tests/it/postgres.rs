//! Functions, operators and casts beside what PostgreSQL 15 answers: `tests/golden/*.tsv` holds an expression, or after
//! `!` a query, and the text of its answer (`ERROR` for an error, `␤` between rows). Numbers are compared by value.

use crate::answers::{engine, error, rows, sampled};
use arrow::array::RecordBatch;
use onrecord_query::print::{Format, Printer, table};
use onrecord_query::{Engine, Error, QueryContext};
use onrecord_testing::LakeFixture;
use serde_json::{Value, json};

fn batches(engine: &Engine, house: &LakeFixture, sql: &str) -> Result<Vec<RecordBatch>, Error> {
    let answer = engine.query_blocking(house.lake().snapshot(), sql, &QueryContext::default())?;
    answer.collect_blocking()
}

fn printed(batches: &[RecordBatch], format: Format) -> String {
    let Some(first) = batches.first() else { return String::new() };
    let mut out = Vec::new();
    let mut printer = Printer::begin(format, &first.schema(), &mut out).unwrap();
    batches.iter().for_each(|batch| printer.rows(batch, &mut out).unwrap());
    printer.end(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The one column of an answer as text.
fn text(batches: &[RecordBatch]) -> String {
    let csv = printed(batches, Format::Csv);
    let value = csv.split_once('\n').map_or("", |(_, value)| value).trim_end_matches('\n');
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    value.replace("\"\"", "\"").replace('\n', "␤")
}

/// A number without the zeros that do not change it.
fn same(one: &str, two: &str) -> bool {
    let plain = |text: &str| match text.parse::<f64>() {
        Ok(_) if text.contains('.') && !text.contains(['e', 'E']) => {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => text.to_owned(),
    };
    let by_row = |text: &str| text.split('␤').map(plain).collect::<Vec<_>>();
    by_row(one) == by_row(two)
}

fn check(golden: &str) {
    let (engine, house) = (engine(), sampled(10));
    let mut wrong = Vec::new();
    for line in golden.lines() {
        let (expression, expected) = line.split_once('\t').unwrap();
        let sql = match expression.strip_prefix('!') {
            Some(query) => query.to_owned(),
            None => format!("SELECT ({expression})::text AS x"),
        };
        let found = batches(&engine, &house, &sql).map_or_else(|_| "ERROR".to_owned(), |batches| text(&batches));
        if !same(&found, expected) {
            wrong.push(format!("{expression}\n   PostgreSQL {expected}\n   here       {found}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), golden.lines().count(), wrong.join("\n"));
}

#[test]
fn s1_templates() {
    check(include_str!("../golden/templates.tsv"));
}

#[test]
fn s4_s12_dates_and_zones() {
    check(include_str!("../golden/dates.tsv"));
}

#[test]
fn s9_s13_numbers() {
    check(include_str!("../golden/numbers.tsv"));
}

#[test]
fn s15_strings() {
    check(include_str!("../golden/strings.tsv"));
}

#[test]
fn s9_aggregates_windows_and_literals() {
    check(include_str!("../golden/aggregates.tsv"));
}

#[test]
fn nulls_and_texts_that_become_values() {
    check(include_str!("../golden/edges.tsv"));
}

fn one(sql: &str) -> Value {
    let (engine, house) = (engine(), sampled(1_008));
    rows(&engine, &house, sql, &QueryContext::default())[0]["x"].clone()
}

fn refused(sql: &str) -> String {
    let (engine, house) = (engine(), sampled(10));
    error(&engine, &house, sql, &QueryContext::default()).to_string()
}

#[test]
fn s1_a_template_is_not_its_own_answer() {
    assert_eq!(one("SELECT to_char(timestamp, 'YYYY-MM') AS x FROM ai_audit_logs LIMIT 1"), "2026-11");
    let error = refused("SELECT to_char(interval '1 day', 'MONTH') AS x");
    assert!(error.contains("MONTH"), "{error}");
    let error = refused("SELECT to_date('x', 'TZ') AS x");
    assert!(error.contains("TZ"), "{error}");
}

#[test]
fn s4_a_time_in_a_zone_is_one_without_a_zone() {
    let day = "SELECT date_trunc('day', TIMESTAMPTZ '2026-10-26 23:30Z' AT TIME ZONE 'Europe/Berlin') AS x";
    assert_eq!(one(day), "2026-10-27T00:00:00.000000");
    assert_eq!(
        one("SELECT date_trunc('day', timestamp, 'America/New_York') AS x FROM decisions LIMIT 1"),
        "2026-11-23T05:00:00.000000Z"
    );
    assert!(refused("SELECT now() AT TIME ZONE 'nowhere'").contains("time zone"));
}

#[test]
fn s9_sums_of_integers_do_not_wrap() {
    let sum = "SELECT (sum(9223372036854775807) + 1)::text AS x FROM ai_audit_logs";
    assert_eq!(one(sum), "9297159013149614013457");
    assert_eq!(one("SELECT sum(leaf_index) AS x FROM decisions"), json!(507_528));
    assert_eq!(one("SELECT avg(leaf_index) AS x FROM decisions"), json!(503.5));
}

#[test]
fn s12_a_fraction_is_a_part_of_its_second() {
    let second = "SELECT extract(second FROM TIMESTAMP '2026-11-26 13:05:56.821286') AS x";
    assert_eq!(one(second), json!(56.821286));
}

#[test]
fn s13_what_a_type_cannot_hold_is_an_error() {
    for sql in [
        "SELECT 9223372036854775807 + 1",
        "SELECT 2147483647::int + 1",
        "SELECT 1.0/0",
        "SELECT 1e400::float8",
        "SELECT leaf_index / 0 FROM decisions",
        "SELECT leaf_index * 9223372036854775807 FROM decisions",
        "SELECT confidence / 0 FROM decisions",
        "SELECT - (-9223372036854775807 - leaf_index) FROM decisions WHERE leaf_index = 1",
    ] {
        let error = refused(sql);
        assert!(["zero", "range", "too large", "overflow"].iter().any(|word| error.contains(word)), "{sql}: {error}");
    }
    // Behind a condition that leaves zero out, a division is not tried.
    assert_eq!(
        one("SELECT count(*) AS x FROM decisions WHERE leaf_index <> 0 AND 1000.0 / leaf_index > 500"),
        json!(1)
    );
}

#[test]
fn s13_what_is_not_finite_is_no_null_in_any_format() {
    let (engine, house) = (engine(), sampled(10));
    let sql = "SELECT 'Infinity'::float8 AS a, '-Infinity'::float8 AS b, 'NaN'::float8 AS c, NULL::float8 AS d, 0.5::float8 AS e";
    let found = batches(&engine, &house, sql).unwrap();
    let json = r#"{"a":"Infinity","b":"-Infinity","c":"NaN","d":null,"e":0.5}"#;
    assert_eq!(printed(&found, Format::JsonLines), format!("{json}\n"));
    assert_eq!(printed(&found, Format::Json), format!("[{json}]\n"));
    assert_eq!(printed(&found, Format::Csv), "a,b,c,d,e\nInfinity,-Infinity,NaN,,0.5\n");
    assert!(table(&found).unwrap().contains("| Infinity | -Infinity | NaN |   | 0.5 |"));
}

#[test]
fn an_interval_reads_the_same_in_every_format() {
    let (engine, house) = (engine(), sampled(10));
    let found =
        batches(&engine, &house, "SELECT INTERVAL '1 year 2 mons 3 days 04:05:06.7' AS a, 2.50::numeric AS b").unwrap();
    assert_eq!(printed(&found, Format::JsonLines), "{\"a\":\"1 year 2 mons 3 days 04:05:06.7\",\"b\":2.5}\n");
    assert_eq!(printed(&found, Format::Csv), "a,b\n1 year 2 mons 3 days 04:05:06.7,2.5\n");
    assert!(table(&found).unwrap().contains("| 1 year 2 mons 3 days 04:05:06.7 | 2.5 |"));
}

#[test]
fn what_would_be_answered_otherwise_is_refused_by_name() {
    for (sql, named) in [
        ("SELECT model_id SIMILAR TO environment FROM decisions", "SIMILAR TO"),
        ("SELECT max(INTERVAL '1 day' * leaf_index) FROM decisions", "max of intervals"),
        ("SELECT avg(INTERVAL '1 day') FROM decisions", "avg of intervals"),
        ("SELECT to_number('IV', 'RN')", "RN"),
    ] {
        let error = refused(sql);
        assert!(error.contains(named), "{sql}: {error}");
    }
}

#[test]
fn small_calls_make_no_large_values() {
    for sql in ["SELECT repeat('x', 2000000000)", "SELECT lpad('x', 2000000000)", "SELECT format('%2000000000s', 'x')"]
    {
        assert!(refused(sql).contains("too large"), "{sql}");
    }
    let many = "SELECT count(repeat('x', 1000000 + leaf_index::int * 0)) FROM decisions";
    let (engine, house) = (engine(), sampled(200));
    assert!(error(&engine, &house, many, &QueryContext::default()).to_string().contains("too large"));
}

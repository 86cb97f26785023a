//! What SQL must not do, and what its errors must not say.

use crate::answers::{engine, error, rows, sampled};
use onrecord_query::{Error, OPERATORS_MAX, QueryContext, SQL_BYTES_MAX};
use std::time::Duration;

#[test]
fn sql_only_reads() {
    let (engine, house) = (engine(), sampled(10));
    let dir = house.path().display();
    for sql in [
        "INSERT INTO decisions VALUES (1)",
        "UPDATE decisions SET model_id = 'x'",
        "DELETE FROM decisions",
        "TRUNCATE decisions",
        "DROP TABLE decisions",
        "DROP VIEW ai_audit_logs",
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "CREATE SCHEMA s",
        "CREATE DATABASE d",
        "CREATE FUNCTION f() RETURNS INT RETURN 1",
        "SELECT * INTO t FROM decisions",
        "SET datafusion.execution.batch_size = 1",
        "RESET datafusion.execution.batch_size",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "DEALLOCATE p",
        "BEGIN",
        "COMMIT",
        "GRANT ALL ON decisions TO x",
        "EXPLAIN INSERT INTO decisions VALUES (1)",
        "EXPLAIN ANALYZE DELETE FROM decisions",
        &format!("COPY decisions TO '{dir}/stolen.parquet'"),
        &format!("COPY (SELECT 1) TO '{dir}/stolen.csv' STORED AS CSV"),
        &format!("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '{dir}/segments'"),
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 's3://bucket/x.csv'",
    ] {
        let refused = error(&engine, &house, sql, &QueryContext::default());
        assert!(matches!(refused, Error::NotARead(_) | Error::Query { .. }), "{sql}: {refused:?}");
        assert!(!refused.to_string().contains(&dir.to_string()), "{refused}");
    }
    assert!(!house.path().join("stolen.parquet").exists() && !house.path().join("stolen.csv").exists());
}

#[test]
fn no_file_and_no_address_is_a_table() {
    let (engine, house) = (engine(), sampled(10));
    house.seal();
    let segment = house.segment_files()[0].display().to_string();
    for table in [
        format!("'{segment}'"),
        format!("\"{segment}\""),
        format!("read_parquet('{segment}')"),
        "read_csv('/etc/passwd')".to_owned(),
        "'/etc/passwd'".to_owned(),
        "'file:///etc/passwd'".to_owned(),
        "'https://example.org/x.parquet'".to_owned(),
        "parquet_metadata('x')".to_owned(),
    ] {
        let refused = error(&engine, &house, &format!("SELECT * FROM {table}"), &QueryContext::default());
        assert!(matches!(refused, Error::Query { .. }), "{table}: {refused:?}");
    }
}

#[test]
fn small_arguments_make_no_large_values() {
    let (engine, house) = (engine(), sampled(10));
    for call in
        ["repeat('x', 2000000000)", "lpad('x', 2000000000, 'x')", "array_repeat(1, 2000000000)", "range(2000000000)"]
    {
        let refused = error(&engine, &house, &format!("SELECT {call}"), &QueryContext::default());
        assert!(matches!(refused, Error::Query { .. } | Error::Value(_)), "{call}: {refused:?}");
    }
    let long = format!("SELECT '{}'", "x".repeat(300_000));
    assert!(error(&engine, &house, &long, &QueryContext::default()).to_string().contains("bytes"));
}

/// Statements with so many operators or brackets, in the shapes that recursion does not like.
fn deep(many: usize) -> Vec<String> {
    let r = |text: &str| text.repeat(many);
    vec![
        format!("SELECT {}1{}", r("("), r(")")),
        format!("SELECT 1{}", r(" + 1")),
        format!("SELECT 'a'{}", r(" || 'b'")),
        format!("SELECT {}true", r("NOT ")),
        format!("SELECT {}1", r("- ")),
        format!("SELECT COUNT(*) FROM decisions WHERE leaf_index = 1{}", r(" OR leaf_index = 2")),
        format!("SELECT COUNT(*) FROM decisions WHERE confidence > leaf_index{}", r(" OR confidence > leaf_index + 1")),
        format!("SELECT COUNT(*) FROM decisions WHERE model_id <> 'a'{}", r(" AND model_id <> 'b'")),
        format!("SELECT 1{}", r(" UNION ALL SELECT 1")),
        format!("SELECT 1{}", r(" EXCEPT SELECT 2")),
        format!("{}SELECT 1{}", r("SELECT * FROM ("), r(") AS t")),
        format!("SELECT input_features{} FROM decisions", r("->'a'")),
        format!("SELECT CASE {} END", r("WHEN true THEN 1 ")),
        format!("SELECT {}1{}", r("abs("), r(")")),
        format!("SELECT 1{}", r("::int")),
        format!("SELECT ARRAY{}1{}", r("["), r("]")),
        format!("SELECT 1 FROM decisions a{}", r(" CROSS JOIN (SELECT 1) b")),
    ]
}

#[test]
fn deep_statements_are_refused_or_answered() {
    let (engine, house) = (engine(), sampled(10));
    let context = QueryContext { time_max: Duration::from_secs(30), ..QueryContext::default() };
    let ask = |sql: &str| {
        let answer = engine.query_blocking(house.lake().snapshot(), sql, &context);
        answer.and_then(|rows| rows.collect_blocking())
    };
    for sql in deep(20_000).iter().filter(|sql| sql.len() <= SQL_BYTES_MAX) {
        assert!(matches!(ask(sql), Err(Error::Query { .. })), "{}", &sql[..60]);
    }
    // As much as is allowed overflows no stack: an answer or an error, and the process lives.
    for sql in [2, 12, 24].into_iter().flat_map(|each| deep(OPERATORS_MAX / each - 10)) {
        if let Err(error) = ask(&sql) {
            assert!(matches!(error, Error::Query { .. }), "{}: {error}", &sql[..60]);
        }
    }
    assert_eq!(ask("SELECT COUNT(*) FROM decisions").unwrap().len(), 1);
    let doubled: String = (1..40).map(|n| format!(", t{n} AS (SELECT a.x FROM t{0} AS a, t{0} AS b)", n - 1)).collect();
    let doubled = format!("WITH t0 AS (SELECT 1 AS x){doubled} SELECT * FROM t39");
    assert!(matches!(ask(&doubled), Err(Error::Query { .. })));
    // A long list is not deep.
    let list = vec!["1"; 20_000].join(", ");
    let found = rows(
        &engine,
        &house,
        &format!("SELECT leaf_index FROM decisions WHERE leaf_index IN ({list})"),
        &QueryContext::default(),
    );
    assert_eq!(found.len(), 1);
}

#[test]
fn an_error_names_the_place_and_what_was_perhaps_meant() {
    let (engine, house) = (engine(), sampled(10));
    let place = |sql: &str| match error(&engine, &house, sql, &QueryContext::default()) {
        Error::Query { problem, line, column } => (problem, line, column),
        other => panic!("{sql}: {other}"),
    };
    let (problem, line, column) = place("SELECT event_id\nFROM ai_audit_logs\nWHERE confidnce < 0.5");
    assert_eq!((line, column), (3, 7), "{problem}");
    assert!(problem.contains("confidence"), "{problem}");
    let (problem, line, _) = place("SELECT event_id\nFROM nowhere");
    assert!(problem.contains("nowhere") && line == 2, "{problem} in line {line}");
    for (sql, right) in [
        (
            "SELECT confidnce FROM ai_audit_logs",
            "there is no column confidnce; did you mean confidence? DESCRIBE ai_audit_logs shows all",
        ),
        (
            "SELECT l.modelid FROM ai_audit_logs l",
            "there is no column l.modelid; did you mean model_id? DESCRIBE ai_audit_logs shows all",
        ),
        (
            "SELECT salary FROM decisions WHERE user_id = 'column'",
            "there is no column salary; DESCRIBE decisions shows those there are",
        ),
        ("SELECT x.b FROM (SELECT 1 AS a) AS x", "there is no column x.b"),
        ("SELECT x.ages FROM (SELECT 1 AS age) AS x", "there is no column x.ages; did you mean age?"),
        ("select * from ai_audit_log", "there is no table ai_audit_log; did you mean ai_audit_logs?"),
        ("SELECT * FROM nowhere", "there is no table nowhere; SHOW TABLES lists them"),
        ("SELECT * FROM 'jane.parquet'", "there is no table …; SHOW TABLES lists them"),
        ("SELECT repeet('a', 2)", "there is no function repeet; did you mean repeat?"),
        ("SELECT zzz_of(timestamp) FROM ai_audit_logs", "there is no function zzz_of; docs/sql.md lists what there is"),
    ] {
        assert_eq!(place(sql).0, right, "{sql}");
    }
    let (problem, line, column) = place("SELECT event_id\nFORM ai_audit_logs WHERE");
    assert_eq!((line, column), (2, 6), "{problem}");
    assert!(place("SELECT metadata->>'x'->'y' FROM ai_audit_logs").0.contains("use ->"));
    assert!(place("SELECT confidence->>'x' FROM ai_audit_logs").0.contains("JSON document"));
    assert!(place("SELECT 1; SELECT 2").0.contains("single SQL statement"));
    place("");
}

#[test]
fn errors_hold_no_values() {
    let (engine, house) = (engine(), sampled(200));
    for sql in [
        "SELECT (input_features->>'region')::int FROM ai_audit_logs",
        "SELECT COUNT(*) FROM ai_audit_logs WHERE (input_features->>'region')::float8 > 1",
        "SELECT CAST(input_features->>'gender' AS TIMESTAMP) FROM ai_audit_logs",
        "SELECT 1 / (leaf_index - leaf_index) FROM ai_audit_logs",
        "SELECT to_timestamp(input_features->>'region') FROM ai_audit_logs",
        "SELECT regexp_like(model_id, input_features->>'region' || '(') FROM ai_audit_logs",
        "SELECT nope FROM ai_audit_logs WHERE user_id = 'north'",
        "SELECT * FROM ai_audit_logs WHERE user_id == 'north' 'female'",
        "SELECT 'north'::int",
        "SELECT date(input_features->>'region') FROM ai_audit_logs",
    ] {
        let error = error(&engine, &house, sql, &QueryContext::default());
        let shown = format!("{error} {error:?}");
        for value in ["north", "south", "coast", "female", "male"] {
            assert!(!shown.contains(value), "{sql}: {shown}");
        }
    }
}

#[test]
fn the_catalog_shows_the_tables() {
    let (engine, house) = (engine(), sampled(10));
    let ask = |sql: &str| rows(&engine, &house, sql, &QueryContext::default());
    let tables: Vec<String> = ask("SHOW TABLES")
        .iter()
        .filter(|row| row["table_schema"] == "public")
        .map(|row| row["table_name"].as_str().unwrap().to_owned())
        .collect();
    assert!(tables.iter().any(|table| table == "ai_audit_logs") && tables.len() == 11, "{tables:?}");
    assert!(ask("DESCRIBE ai_audit_logs").len() >= 28);
    assert!(ask("SHOW COLUMNS FROM decisions").len() >= 28);
    assert_eq!(ask("VALUES (1)").len(), 1);
    assert_eq!(ask("EXPLAIN SELECT * FROM ai_audit_logs").len(), 2);
}

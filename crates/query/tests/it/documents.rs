//! Documents compare and sort as PostgreSQL compares jsonb.

use crate::answers::{engine, error, rows, sampled};
use onrecord_query::QueryContext;
use serde_json::json;

#[test]
fn s11_documents_compare_by_value_not_by_text() {
    let (engine, house) = (engine(), sampled(200));
    let one = |sql: &str| rows(&engine, &house, sql, &QueryContext::default())[0]["x"].clone();
    let count = |condition: &str| one(&format!("SELECT COUNT(*) AS x FROM ai_audit_logs WHERE {condition}"));
    for (documents, numbers) in [
        ("input_features->'age' > '9'", "(input_features->>'age')::numeric > 9"),
        ("'50.0' >= input_features->'age'", "(input_features->>'age')::numeric <= 50"),
        ("input_features->'loan_amount' < '9000'", "(input_features->>'loan_amount')::numeric < 9000"),
        ("input_features->'age' BETWEEN '9' AND '4e1'", "(input_features->>'age')::numeric BETWEEN 9 AND 40"),
        ("input_features->'age' IN ('30.0', '31')", "(input_features->>'age')::numeric IN (30, 31)"),
        ("input_features->'late_payments' <> '0.0'", "(input_features->>'late_payments')::numeric <> 0"),
        ("prediction->'nothing' < 'true' OR input_features->'region' < '0'", "TRUE"),
        ("(input_features->'age')::text > '9'", "FALSE"),
        (
            "EXISTS (SELECT 1 FROM decisions d WHERE d.event_id = ai_audit_logs.event_id AND d.input_features->'age' < '40')",
            "(input_features->>'age')::numeric < 40",
        ),
    ] {
        assert_eq!(count(documents), count(numbers), "{documents}");
    }
    assert_eq!(count("input_features->'age' > '9'"), json!(200));
    let (down, first) = ("ORDER BY input_features->'loan_amount' DESC LIMIT 1", "input_features->'loan_amount' AS x");
    let most = one("SELECT MAX((input_features->>'loan_amount')::numeric)::float8 AS x FROM ai_audit_logs");
    let as_double = |x: serde_json::Value| x.as_f64();
    assert_eq!(as_double(one(&format!("SELECT {first} FROM ai_audit_logs {down}"))), as_double(most.clone()));
    let window = "SELECT x FROM (SELECT input_features->'loan_amount' AS x, ROW_NUMBER() OVER \
                  (ORDER BY input_features->'loan_amount' DESC) AS n FROM ai_audit_logs) AS t WHERE n = 1";
    assert_eq!(as_double(one(window)), as_double(most));
    let refused =
        error(&engine, &house, "SELECT MAX(input_features->'age') FROM ai_audit_logs", &QueryContext::default());
    assert!(refused.to_string().contains("max of documents"), "{refused}");
    let unreadable = "SELECT COUNT(*) FROM ai_audit_logs WHERE input_features->'region' = 'north'";
    let refused = error(&engine, &house, unreadable, &QueryContext::default()).to_string();
    assert_eq!(refused, "a value cannot be computed as the query asks");
}

#[test]
fn a_record_set_has_the_members_of_each_object_from_columns_and_from_text() {
    let (engine, house) = (engine(), sampled(500));
    let all = |sql: &str| rows(&engine, &house, sql, &QueryContext::default());
    let one = |sql: &str| all(sql)[0]["x"].clone();
    // From the columns of segments and the tail, and from a text that no column has.
    let stored = "explanation->'top_features'";
    let written =
        "(explanation->'top_features' || '[{\"feature\":\"age\",\"importance\":0.5},{\"importance\":1e-7}]'::jsonb)";
    for list in [stored, written] {
        let by_record = format!(
            "SELECT f.feature, count(*) AS n, sum(round(importance * 1e9)::bigint) AS s, count(DISTINCT leaf_index) AS d FROM ai_audit_logs, \
             jsonb_to_recordset({list}) AS f(feature text, importance double precision) GROUP BY feature ORDER BY feature"
        );
        let by_element = format!(
            "SELECT f->>'feature' AS feature, count(*) AS n, sum(round((f->>'importance')::double precision * 1e9)::bigint) AS s, \
             count(DISTINCT leaf_index) AS d FROM ai_audit_logs, jsonb_array_elements({list}) AS f GROUP BY 1 ORDER BY 1"
        );
        let found = all(&by_record);
        assert!(found.len() > 3 && found == all(&by_element), "{list}: {found:?}");
        let counts = |condition: &str| {
            one(&format!(
                "SELECT count(*) AS x FROM ai_audit_logs WHERE (SELECT {condition} FROM jsonb_to_recordset({list}) AS g(feature text))"
            ))
        };
        assert_eq!(
            counts("count(*) > 0"),
            one(&format!("SELECT count(*) AS x FROM ai_audit_logs WHERE jsonb_array_length({list}) > 0"))
        );
        // Of the text, `age` is there twice where the model named it, and the last object has no feature at all.
        let repeats = counts("count(DISTINCT g.feature) < count(*)");
        assert_eq!(repeats, if list == stored { json!(0) } else { counts("count(*) > 0") });
    }
    let of = |sql: &str| one(&format!("SELECT {sql} AS x"));
    let count = |what: &str, list: &str| {
        of(&format!("(SELECT {what} FROM jsonb_to_recordset({list}) AS g(a text, b double precision))"))
    };
    let list = r#"'[{"a":"x","b":1},{"a":"x"},{"a":null},{"a":7,"b":2.5}]'::jsonb"#;
    assert_eq!((count("count(*)", list), count("count(DISTINCT a)", list)), (json!(4), json!(2)));
    assert_eq!((count("count(*)", "NULL::jsonb"), count("count(DISTINCT a)", "'[]'::jsonb")), (json!(0), json!(0)));
    let columns = "FROM jsonb_to_recordset('[{\"a\":\"x\",\"b\":1},{\"A\":7,\"b\":\"2.5\"}]'::jsonb) AS g(a text, b double precision)";
    assert_eq!(all(&format!("SELECT a, b {columns}")), [json!({"a": "x", "b": 1.0}), json!({"a": null, "b": 2.5})]);
    for (wrong, said) in [
        ("'{}'::jsonb", "cannot call jsonb_to_recordset on a non-array"),
        ("'[1]'::jsonb", "argument of jsonb_to_recordset must be an array of objects"),
    ] {
        let sql = format!("SELECT a FROM jsonb_to_recordset({wrong}) AS g(a text)");
        let refused = error(&engine, &house, &sql, &QueryContext::default()).to_string();
        assert!(refused.contains(said), "{refused}");
    }
}

#[test]
fn s2_a_name_that_the_record_takes_in_two_spellings_is_found_by_both() {
    let (engine, house) = (engine(), sampled(200));
    let all = |sql: &str| rows(&engine, &house, sql, &QueryContext::default());
    for expression in [
        "explanation->'NAME'->0->>'feature'",
        "explanation->'NAME'",
        "explanation->>'NAME'",
        "explanation#>>'{NAME,0,feature}'",
        "(explanation->'NAME'->0->>'importance')::float8 > 0.2",
    ] {
        let ask = |name: &str| {
            let expression = expression.replace("NAME", name);
            all(&format!("SELECT {expression} AS x, count(*) AS n FROM ai_audit_logs GROUP BY 1 ORDER BY 2, 1"))
        };
        let (sent, stored) = (ask("topFeatures"), ask("top_features"));
        assert!(stored.iter().all(|row| !row["x"].is_null()), "{expression}");
        assert_eq!(sent, stored, "{expression}");
    }
    // In documents whose names are their senders' it is a name like any other.
    let other = all("SELECT count(*) AS n FROM ai_audit_logs WHERE metadata->'topFeatures' IS NOT NULL");
    assert_eq!(other, [json!({"n": 0})]);
}

/// The one value of an answer.
fn one(sql: &str) -> serde_json::Value {
    let (engine, house) = (engine(), sampled(200));
    rows(&engine, &house, sql, &QueryContext::default())[0]["x"].clone()
}

#[test]
fn s3_documents_are_asked_made_and_changed() {
    for (sql, x) in [
        (
            r#"count(*) FROM ai_audit_logs WHERE input_features @> '{"gender":"female"}'"#,
            "input_features->>'gender' = 'female'",
        ),
        ("count(*) FROM ai_audit_logs WHERE input_features ?& array['age','gender']", "true"),
        (
            "count(*) FROM ai_audit_logs WHERE human_decision ?| array['approved','x']",
            "human_decision->'approved' IS NOT NULL",
        ),
        (
            "count(DISTINCT leaf_index) FROM ai_audit_logs, jsonb_array_elements(explanation->'top_features') f WHERE f->>'feature' = 'age'",
            r#"explanation @> '{"top_features":[{"feature":"age"}]}'"#,
        ),
    ] {
        let counted = one(&format!("SELECT count(*) AS x FROM ai_audit_logs WHERE {x}"));
        assert_eq!(one(&format!("SELECT {}", sql.replacen(')', ") AS x", 1))), counted, "{sql}");
        assert_ne!(counted, json!(0), "{sql}");
    }
    for (expression, x) in [
        (r#"jsonb_build_object('b', 1, 'a', '[2]'::jsonb)"#, json!({"a": [2], "b": 1})),
        (r#"jsonb_set('{"a":{"b":1}}', '{a,b}', '"x"')"#, json!({"a": {"b": "x"}})),
        (r#"('{"a":1,"b":null}'::jsonb || '{"c":3}') - 'a'"#, json!({"b": null, "c": 3})),
        (r#"(SELECT jsonb_agg(g ORDER BY g DESC) FROM generate_series(1, 3) g)"#, json!([3, 2, 1])),
        (r#"CASE WHEN true THEN '10'::jsonb END > '9'"#, json!(true)),
    ] {
        assert_eq!(one(&format!("SELECT {expression} AS x")), x, "{expression}");
    }
    let keys = "SELECT count(DISTINCT key) AS x FROM ai_audit_logs, jsonb_object_keys(metadata) AS key";
    assert_eq!(one(keys), json!(2));
    let left = "SELECT count(*) AS x FROM ai_audit_logs LEFT JOIN LATERAL jsonb_each(human_decision) e ON true";
    assert_eq!(one(left), json!(200));
}

#[test]
fn s2_the_spelling_that_was_sent_is_found_through_subqueries() {
    let sent = "SELECT count(*) AS x FROM (SELECT explanation AS e FROM ai_audit_logs ORDER BY leaf_index LIMIT 50) t \
                WHERE e->'topFeatures'->0->>'feature' IS NOT NULL";
    assert_eq!(one(sent), json!(50));
    let with = "WITH t AS (SELECT explanation, count(*) FROM ai_audit_logs GROUP BY 1) \
                SELECT count(*) AS x FROM t WHERE explanation ? 'topFeatures'";
    assert_eq!(one(with), json!(200));
}

#[test]
fn s6_columns_have_the_types_of_postgres() {
    let (engine, house) = (engine(), sampled(10));
    let shown = rows(&engine, &house, "DESCRIBE ai_audit_logs", &QueryContext::default());
    let of = |name: &str| shown.iter().find(|row| row["column_name"] == name).unwrap()["data_type"].clone();
    assert_eq!(of("timestamp"), "timestamp with time zone");
    assert_eq!(of("input_features"), "jsonb");
    assert_eq!(of("model_id"), "text");
    assert_eq!(of("confidence"), "double precision");
    let sql =
        "SELECT count(*) AS x FROM information_schema.columns WHERE data_type = 'jsonb' AND table_name = 'decisions'";
    assert_eq!(one(sql), json!(6));
}

#[test]
fn s8_a_fault_of_a_condition_is_no_fault_of_a_segment() {
    let (engine, house) = (engine(), sampled(200));
    for condition in [
        "input_features @> 'no document'",
        "jsonb_array_length(input_features) > 0",
        "(input_features->>'gender')::int > 0",
        "leaf_index / (leaf_index - leaf_index) > 1",
    ] {
        let sql = format!("SELECT count(*) FROM ai_audit_logs WHERE {condition}");
        let said = error(&engine, &house, &sql, &QueryContext::default());
        assert!(matches!(said, onrecord_query::Error::Value(_)), "{condition}: {said:?}");
    }
}

#[test]
fn a_filter_asks_the_side_of_a_join_that_it_names() {
    let sql = "SELECT count(*) AS x FROM decisions a RIGHT JOIN decisions b ON a.leaf_index = b.leaf_index + 1 \
               WHERE a.leaf_index IS NULL";
    assert_eq!(one(sql), json!(1));
    let least = "SELECT max(timestamp::date)::text AS x, min(leaf_index) AS n FROM decisions";
    assert_eq!(one(least), one("SELECT max(timestamp)::date::text AS x FROM decisions"));
    let noon = "SELECT count(*) FILTER (WHERE timestamp::time > '07:00:00.05') AS x FROM decisions";
    assert_eq!(one("SELECT count(*) AS x FROM decisions WHERE timestamp::time > '07:00:00.05'"), one(noon));
    assert_eq!(
        one("SELECT count(*) AS x FROM decisions WHERE leaf_index > ANY (SELECT leaf_index FROM decisions)"),
        json!(199)
    );
}

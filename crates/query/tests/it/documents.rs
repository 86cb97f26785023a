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

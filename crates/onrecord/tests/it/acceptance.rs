//! The seed document's queries as they stand, on the demo's data.

use crate::program::Directory;
use serde_json::Value;

/// The queries of the seed document, each after a comment line that names it.
const QUERIES: &str = include_str!("../../../../examples/seed_queries.sql");

fn queries() -> Vec<(&'static str, &'static str)> {
    let lines: Vec<&str> = QUERIES.lines().filter(|line| !line.trim().is_empty()).collect();
    let named = |pair: &[&'static str]| (pair[0].trim_start_matches("-- "), pair[1]);
    let start = lines.iter().position(|line| line.starts_with("-- 1")).unwrap();
    lines[start..].chunks(2).map(named).collect()
}

fn number(row: &Value, column: &str) -> f64 {
    row[column].as_f64().unwrap_or_else(|| panic!("{column} is no number in {row}"))
}

#[test]
fn the_seed_queries_run_as_they_stand_and_answer_from_the_demo_data() {
    let directory = Directory::demo();
    let answers: Vec<Vec<Value>> = queries().iter().map(|(_, sql)| directory.rows(sql)).collect();
    assert_eq!(answers.len(), 6);
    let [by_user, low_confidence, by_group, overrides, usage, buckets] =
        answers.try_into().unwrap_or_else(|_| panic!());

    assert_eq!(by_user.len(), 3, "user_12345 applied three times");
    assert!(by_user.is_sorted_by(|a, b| a["timestamp"].as_str() >= b["timestamp"].as_str()));

    assert!(!low_confidence.is_empty());
    assert!(low_confidence.iter().all(|row| number(row, "confidence") < 0.70));
    assert!(low_confidence.is_sorted_by(|a, b| number(a, "confidence") <= number(b, "confidence")));
    assert!(low_confidence[0]["input_features"]["credit_amount"].is_number(), "a document is shown as a document");

    let groups: Vec<&str> = by_group.iter().map(|row| row["gender"].as_str().unwrap()).collect();
    assert!(groups.contains(&"female") && groups.contains(&"male"));
    let decided: f64 = by_group.iter().map(|row| number(row, "total_decisions")).sum();
    for row in &by_group {
        let rate = number(row, "approvals") / number(row, "total_decisions");
        assert!((rate - number(row, "approval_rate")).abs() < 1e-9);
    }

    assert!(!overrides.is_empty(), "reviews are merged into their decisions");
    assert!(overrides.iter().all(|row| row["override_reason"].is_string() && !row["human_decision"].is_null()));

    let used: f64 = usage.iter().map(|row| number(row, "total_predictions")).sum();
    let counted: f64 = buckets.iter().map(|row| number(row, "count")).sum();
    assert_eq!((used, counted), (decided, decided), "three ways of counting the same 30 days");
    assert!(usage.iter().map(|row| number(row, "overrides")).sum::<f64>() > 0.0);
    assert!(buckets.iter().all(|row| number(row, "confidence_bucket") >= 0.5), "no class is chosen below one half");
}

//! Reports, against the seed's own queries.

use crate::program::{Directory, text};
use serde_json::{Value, json};

fn near(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => (left - right).abs() <= 1e-9 * right.abs().max(1.0),
        _ => left.is_null() && right.is_null(),
    }
}

#[test]
fn usage_is_what_the_seed_asks_for_and_totals_are_weighted() {
    let directory = Directory::demo();
    let model = "loan_approval_model";
    let report = directory.json(&["report", "usage", "--model", model, "--days", "60", "--format", "json"]);
    let (since, until) = (report["since"].as_str().unwrap(), report["until"].as_str().unwrap());
    let of = format!("model_id = '{model}' AND timestamp >= '{since}' AND timestamp < '{until}'");
    let days = directory.rows(&format!(
        "SELECT DATE(timestamp)::text AS date, COUNT(*) AS total_predictions, AVG(confidence) AS avg_confidence, \
         SUM(CASE WHEN overridden THEN 1 ELSE 0 END) AS overrides, AVG(processing_time_ms) AS avg_latency_ms \
         FROM ai_audit_logs WHERE {of} GROUP BY DATE(timestamp) ORDER BY date DESC"
    ));
    let stats = report["daily_stats"].as_array().unwrap();
    assert!(days.len() > 20 && stats.len() == days.len(), "{} {}", days.len(), stats.len());
    for (stat, day) in stats.iter().zip(&days) {
        assert_eq!(stat["date"], day["date"]);
        for name in ["total_predictions", "avg_confidence", "overrides", "avg_latency_ms"] {
            assert!(near(&stat[name], &day[name]), "{name}: {stat} {day}");
        }
    }
    let all = &directory.rows(&format!(
        "SELECT COUNT(*) AS total_predictions, AVG(confidence) AS avg_confidence, AVG(overridden::int) AS override_rate, \
         AVG(processing_time_ms) AS avg_latency_ms, \
         percentile_disc(0.5) WITHIN GROUP (ORDER BY processing_time_ms) AS latency_p50_ms, \
         percentile_disc(0.95) WITHIN GROUP (ORDER BY processing_time_ms) AS latency_p95_ms, \
         percentile_disc(0.99) WITHIN GROUP (ORDER BY processing_time_ms) AS latency_p99_ms \
         FROM ai_audit_logs WHERE {of}"
    ))[0];
    for name in ["total_predictions", "avg_confidence", "override_rate", "avg_latency_ms"] {
        assert!(near(&report[name], &all[name]), "{name}: {} {}", report[name], all[name]);
    }
    for name in ["latency_p50_ms", "latency_p95_ms", "latency_p99_ms"] {
        let (told, exact) = (report[name].as_f64().unwrap(), all[name].as_f64().unwrap());
        assert!((told / exact - 1.0).abs() <= 0.005, "{name}: {told} {exact}");
    }
    assert_eq!((&report["model_id"], &report["period_days"]), (&json!(model), &json!(60)));

    let csv = directory.ok(&["report", "usage", "--model", model, "--days", "60", "--format", "csv"]);
    assert_eq!(csv.lines().next().unwrap(), "date,total_predictions,avg_confidence,overrides,avg_latency_ms");
    assert_eq!(csv.lines().count(), days.len() + 1);
    let page = directory.ok(&["report", "usage", "--model", model, "--format", "html"]);
    assert!(page.contains("<svg") && page.contains("weighted by volume") && !page.contains("<script"), "{page}");
    let table = directory.ok(&["report", "usage", "--model", model, "--format", "table"]);
    assert!(table.contains("override_rate: 0."), "{table}");
    let reports = directory.rows("SELECT what FROM accesses WHERE action = 'report'");
    assert_eq!(reports.len(), 4);
    assert_eq!(reports[0]["what"], "usage loan_approval_model");
    // What is no model may be anything.
    directory.fails(&["report", "usage", "--model", "Jane Roe"]);
    let reports = directory.rows("SELECT what FROM accesses WHERE action = 'report' ORDER BY leaf_index DESC LIMIT 1");
    let what = reports[0]["what"].as_str().unwrap();
    assert!(what.starts_with("usage tok_") && !what.contains("Jane"), "{what}");
}

fn usage<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["report", "usage", "--format", "json"], arguments].concat()
}

#[test]
fn a_period_without_decisions_is_an_empty_report_and_nonsense_is_refused() {
    let directory = Directory::init();
    let body =
        r#"{"model_id":"m","model_version":"1","timestamp":"2026-03-01T10:00:00Z","input_features":{},"prediction":1}"#;
    assert!(directory.log(body).status.success());
    let empty = directory.json(&usage(&["--model", "m", "--since", "2026-02-01", "--until", "2026-03-01"]));
    assert_eq!((&empty["total_predictions"], &empty["daily_stats"]), (&json!(0), &json!([])));
    assert_eq!(
        (&empty["avg_confidence"], &empty["override_rate"], &empty["latency_p50_ms"]),
        (&json!(null), &json!(null), &json!(null))
    );
    let one = directory.json(&usage(&["--model", "m", "--since", "2026-03-01", "--until", "2026-03-02"]));
    assert_eq!(
        (&one["total_predictions"], &one["avg_confidence"], &one["override_rate"]),
        (&json!(1), &json!(null), &json!(0.0))
    );
    for format in ["html", "table", "csv"] {
        directory.ok(&[
            "report",
            "usage",
            "--model",
            "m",
            "--since",
            "2026-02-01",
            "--until",
            "2026-03-01",
            "--format",
            format,
        ]);
    }
    for (arguments, said) in [
        (&["--model", "nobody's"] as &[&str], "no decision of a model with that id"),
        (&["--model", "m", "--since", "2026-03-02", "--until", "2026-03-01"], "since must be before until"),
        (&["--model", "m", "--since", "2026-03-01", "--until", "2026-03-01"], "since must be before until"),
        (&["--model", "m", "--since", "last week"], "a time is RFC 3339"),
        (&["--model", "m", "--days", "4000000000"], "days must be from 1"),
    ] {
        let printed = directory.fails(&usage(arguments));
        assert!(printed.contains(said), "{arguments:?}: {printed}");
    }
    for arguments in [
        &["--model", "m", "--days", "0"] as &[&str],
        &["--days", "3"],
        &["--model", "m", "--days", "3", "--since", "2026-03-01"],
    ] {
        let output = directory.run(&usage(arguments));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
    }
    let server = directory.serve();
    for (query, status) in
        [("model_id=m&days=0", 400), ("days=3", 400), ("model_id=m&weeks=1", 400), ("model_id=x", 404)]
    {
        assert_eq!(server.get(&format!("/v1/reports/usage?{query}")).status, status, "{query}");
    }
}

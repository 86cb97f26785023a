//! Reports, against the seed's own queries.

use crate::program::{Directory, files, text};
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
    let ever = directory.json(&usage(&["--model", "m", "--since", "2026-03-01T10:00:00", "--until", "9999-12-31"]));
    assert_eq!((&ever["total_predictions"], &ever["since"]), (&json!(1), &json!("2026-03-01T10:00:00Z")));
    let later = directory.json(&usage(&["--model", "m", "--since", "2026-03-01T10:00:01", "--until", "9999-12-31"]));
    assert_eq!(later["total_predictions"], 0);
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

/// What the definition gives, of the rows themselves.
fn definition(rows: &[(f64, bool)], edges: &[f64]) -> (f64, f64) {
    let n = rows.len() as f64;
    let brier = rows.iter().map(|(p, hit)| (p - f64::from(u8::from(*hit))).powi(2)).sum::<f64>() / n;
    let bin = |p: f64| edges[1..edges.len() - 1].iter().filter(|edge| p >= **edge).count();
    let ece = (0..edges.len() - 1).map(|at| {
        let inside = rows.iter().filter(|(p, _)| bin(*p) == at);
        inside.map(|(p, hit)| p - f64::from(u8::from(*hit))).sum::<f64>().abs() / n
    });
    (brier, ece.sum())
}

/// The `part` of sorted values, as numpy's linear quantile.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let at = part * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

#[test]
fn confidence_is_what_the_rows_say() {
    let directory = Directory::demo();
    let asked = ["report", "confidence", "--model", "loan_approval_model", "--days", "60", "--format", "json"];
    let plain = directory.json(&asked);
    assert_eq!((&plain["brier"], &plain["ece"], &plain["reliability"]), (&json!(null), &json!(null), &json!([])));
    let buckets = directory.rows(
        "SELECT FLOOR(confidence * 10) / 10 AS confidence_bucket, COUNT(*) AS count, \
         AVG(CASE WHEN overridden THEN 1.0 ELSE 0.0 END) AS override_rate FROM ai_audit_logs GROUP BY 1 ORDER BY 1",
    );
    let found = plain["buckets"].as_array().unwrap();
    assert_eq!(found.len(), buckets.len());
    for (found, bucket) in found.iter().zip(&buckets) {
        for name in ["confidence_bucket", "count", "override_rate"] {
            assert!(near(&found[name], &bucket[name]), "{name}: {found} {bucket}");
        }
        let distance =
            bucket["confidence_bucket"].as_f64().unwrap() - (1.0 - bucket["override_rate"].as_f64().unwrap());
        assert_eq!(found["calibration_warning"], distance.abs() > 0.2, "{found}");
    }

    let rows = directory.rows(
        "SELECT confidence, (prediction->>'repayment_probability')::float8 AS positive, \
         prediction->>'approved' = outcome->>'repaid' AS hit, outcome->>'repaid' = 'true' AS came \
         FROM ai_audit_logs JOIN outcomes ON outcomes.decision_id = ai_audit_logs.decision_id",
    );
    let of = |probability: &str, hit: &str| -> Vec<(f64, bool)> {
        rows.iter().map(|row| (row[probability].as_f64().unwrap(), row[hit].as_bool().unwrap())).collect()
    };
    let outcome = ["--outcome", "outcome.repaid=true", "--bins", "7"];
    let of_prediction = [&asked as &[&str], &outcome, &["--positive", "prediction.approved=true"]].concat();
    let of_positive = [
        &asked as &[&str],
        &outcome,
        &["--probability", "prediction.repayment_probability", "--probability-of", "positive"],
    ];
    for (arguments, rows) in [(of_prediction, of("confidence", "hit")), (of_positive.concat(), of("positive", "came"))]
    {
        let report = directory.json(&arguments);
        let equal_width: Vec<f64> = (0..=7).map(|at| f64::from(at) / 7.0).collect();
        let (brier, ece) = definition(&rows, &equal_width);
        assert!(near(&report["brier"], &json!(brier)), "{} {brier}", report["brier"]);
        assert!(near(&report["ece"]["equal_width"], &json!(ece)), "{} {ece}", report["ece"]);
        let mut sorted: Vec<f64> = rows.iter().map(|(p, _)| *p).collect();
        sorted.sort_by(f64::total_cmp);
        let equal_mass: Vec<f64> = (0..=7).map(|at| quantile(&sorted, f64::from(at) / 7.0)).collect();
        let (_, ece) = definition(&rows, &equal_mass);
        assert!(near(&report["ece"]["equal_mass"], &json!(ece)), "{} {ece}", report["ece"]);
        assert_eq!((&report["ece"]["bins"], &report["n_outcome"]), (&json!(7), &json!(200)));
        let parts = &report["brier_decomposition"];
        let part = |name: &str| parts[name].as_f64().unwrap();
        let sum = part("reliability") - part("resolution") + part("uncertainty") + part("within_bin");
        assert!((sum - brier).abs() < 1e-12);
        let counts: u64 =
            report["reliability"].as_array().unwrap().iter().map(|row| row["count"].as_u64().unwrap()).sum();
        assert_eq!(counts, 200);
    }
    let page = directory.ok(&[
        &asked[..asked.len() - 2],
        &outcome,
        &["--positive", "prediction.approved=true", "--format", "html"],
    ]
    .concat());
    assert!(page.contains("class=\"dot\"") && page.contains("class=\"warn\"") && !page.contains("NaN"), "{page}");
}

/// A directory with decisions of a model `m`.
fn with_decisions(bodies: &[String]) -> Directory {
    let directory = Directory::init();
    let file = directory.write("decisions.jsonl", bodies.join("\n"));
    directory.ok(&["import", &file]);
    directory
}

fn decided(id: usize, more: &Value) -> String {
    let mut body = json!({"decision_id": format!("d{id}"), "model_id": "m", "model_version": "1", "input_features": {}, "prediction": 1});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body.to_string()
}

#[test]
fn n1_n2_n3_edges_and_equal_confidences() {
    let bodies: Vec<String> = [0.0, 0.3, 0.7, 0.95, 1.0, 0.299999, 0.6]
        .iter()
        .enumerate()
        .map(|(at, confidence)| decided(at, &json!({"confidence": confidence, "prediction": "yes"})))
        .collect();
    let mut lines = bodies;
    lines.push(json!({"kind": "outcome", "decision_id": "d3", "outcome": "yes"}).to_string());
    lines.push(json!({"kind": "outcome", "decision_id": "d4", "outcome": "yes"}).to_string());
    // The latest counts.
    lines.push(json!({"kind": "outcome", "decision_id": "d4", "outcome": "no"}).to_string());
    let directory = with_decisions(&lines);
    let report = directory.json(&[
        "report",
        "confidence",
        "--model",
        "m",
        "--format",
        "json",
        "--positive",
        "prediction=yes",
        "--outcome",
        "outcome=yes",
    ]);
    let buckets: Vec<(f64, u64)> = report["buckets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bucket| (bucket["confidence_bucket"].as_f64().unwrap(), bucket["count"].as_u64().unwrap()))
        .collect();
    assert_eq!(buckets, [(0.0, 1), (0.2, 1), (0.3, 1), (0.6, 1), (0.7, 1), (0.9, 2)]);
    let last = &report["reliability"][9];
    assert_eq!((&last["count"], &last["observed"]), (&json!(2), &json!(0.5)));
    assert!(near(&report["ece"]["equal_width"], &json!(0.475)));

    let mut equal: Vec<String> =
        (0..4).map(|at| decided(at, &json!({"confidence": 0.8, "prediction": true}))).collect();
    equal.extend(
        (0..4).map(|at| json!({"kind": "outcome", "decision_id": format!("d{at}"), "outcome": at == 0}).to_string()),
    );
    let directory = with_decisions(&equal);
    let report = directory.json(&[
        "report",
        "confidence",
        "--model",
        "m",
        "--format",
        "json",
        "--positive",
        "prediction=true",
        "--outcome",
        "outcome=true",
    ]);
    assert!(near(&report["ece"]["equal_mass"], &json!(0.55)), "{report}");
}

#[test]
#[ignore = "needs examples/mortgages/loanapp.csv; ./test fetches it and runs it"]
fn fairness_of_the_mortgages_is_what_everybody_finds() {
    let directory = Directory::init();
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/mortgages");
    let (data, mapping) = (examples.join("loanapp.csv"), examples.join("mapping.toml"));
    directory.ok(&["import", data.to_str().unwrap(), "--mapping", mapping.to_str().unwrap()]);
    let asked = [
        "report",
        "fairness",
        "--model",
        "mortgage_underwriting",
        "--group",
        "input_features.black",
        "--group",
        "input_features.hispan",
        "--positive",
        "prediction.approved=true",
    ];
    let report = directory.json(&[&asked as &[&str], &["--format", "json"]].concat());
    assert_eq!(report["total"], json!({"n": 1989, "k": 1745, "rate": 1745.0 / 1989.0}));
    assert_eq!(report["reference"], json!(["0", "0"]));
    let group =
        |label: Value| report["groups"].as_array().unwrap().iter().find(|group| group["group"] == label).unwrap();
    let (white, hispanic, black) = (group(json!(["0", "0"])), group(json!(["0", "1"])), group(json!(["1", "0"])));
    assert_eq!((&white["n"], &white["k"], &white["p_value"]), (&json!(1681), &json!(1527), &json!(null)));
    assert_eq!((&black["n"], &black["k"]), (&json!(197), &json!(133)));
    let number = |name: &str| hispanic[name].as_f64().unwrap();
    assert!((number("ratio") - 0.8430).abs() < 5e-5 && (number("p_value") - 2.1e-5).abs() < 1e-6, "{hispanic}");
    assert_eq!(hispanic["passes_four_fifths"], true);
    let page = directory.ok(&[&asked as &[&str], &["--format", "html"]].concat());
    assert!(
        page.contains("the ratio 0.8430 passes four fifths, and the difference is still significant (p 2.1e-5"),
        "{page}"
    );
    assert!(page.contains("not a verdict"));
}

#[test]
fn n4_n5_groups_that_are_missing_or_small_are_honest() {
    let mut lines: Vec<String> = (0..60)
        .map(|at| {
            let features = match at % 6 {
                0 => json!({"gender": null, "age": 20 + at}),
                1 => json!({"age": 20 + at}),
                2 | 3 => json!({"gender": "f", "age": 20 + at, "about": {"x": at}}),
                _ => json!({"gender": "it's \"m\" 😀", "age": 20 + at, "about": {"x": at}}),
            };
            decided(at, &json!({"input_features": features, "prediction": {"ok": at % 4 == 0}, "confidence": 0.5}))
        })
        .collect();
    lines.push(decided(60, &json!({"input_features": {"gender": "x"}, "prediction": {"ok": true}})));
    lines.push(decided(61, &json!({"input_features": {"gender": "f"}, "prediction": "none"})));
    // Every outcome is of one class.
    lines.extend(
        (0..60).map(|at| {
            json!({"kind": "outcome", "decision_id": format!("d{at}"), "outcome": {"good": false}}).to_string()
        }),
    );
    let directory = with_decisions(&lines);
    let asked = |more: &[&str]| -> Value {
        let base = ["report", "fairness", "--model", "m", "--positive", "prediction.ok=true", "--format", "json"];
        directory.json(&[&base as &[&str], more].concat())
    };
    let report = asked(&["--group", "input_features.gender", "--min-group", "1", "--outcome", "outcome.good=true"]);
    let groups = report["groups"].as_array().unwrap();
    let labels: Vec<&Value> = groups.iter().map(|group| &group["group"]).collect();
    assert_eq!(labels, [&json!("f"), &json!("it's \"m\" 😀"), &json!("x"), &json!(null)]);
    let sum = |name: &str| groups.iter().map(|group| group[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("n"), sum("k")), (report["total"]["n"].as_u64().unwrap(), report["total"]["k"].as_u64().unwrap()));
    assert_eq!((&report["total"]["n"], &report["without_prediction"]), (&json!(61), &json!(1)));
    assert!(groups.iter().all(|group| group["tpr"].is_null()), "no positive outcome, no true positive rate");
    assert_eq!((&report["equalized_odds_difference"], &groups[0]["n_outcome"]), (&json!(null), &json!(20)));

    // One decision by itself is hidden, and another group with it.
    let report = asked(&["--group", "input_features.gender"]);
    let hidden: Vec<bool> =
        report["groups"].as_array().unwrap().iter().map(|group| group["suppressed"].as_bool().unwrap()).collect();
    assert_eq!(hidden.iter().filter(|hidden| **hidden).count(), 2, "{report}");
    assert!(report["groups"][2]["n"].is_null() && report["groups"][2]["rate_after_review"].is_null());

    let binned = asked(&["--group", "input_features.age", "--bins", "20,40,60", "--min-group", "1"]);
    let labels: Vec<&Value> = binned["groups"].as_array().unwrap().iter().map(|group| &group["group"]).collect();
    assert_eq!(labels, [&json!("outside"), &json!("[20, 40)"), &json!("[40, 60]"), &json!(null)]);

    for (arguments, said) in [
        (&["--group", "input_features.nothing"] as &[&str], "no decision of this model and period has a value"),
        (&["--group", "input_features.about"], "leads to an object"),
        (&["--group", "input_features"], "leads to an object"),
        (&["--group", "gender"], "a path begins with a column"),
        (&["--group", "input_features.gender", "--bins", "3"], "bins are for numbers"),
        (&["--group", "input_features.age", "--bins", "3,2"], "bins are a count"),
        (&["--group", "input_features.gender", "--reference", "q"], "no group is called"),
        (&["--group", "input_features.gender", "--reference", "f", "--reference", "f"], "as often as group"),
        (
            &["--group", "input_features.gender", "--group", "environment", "--group", "model_id"],
            "two that are crossed",
        ),
        (
            &["--group", "input_features.gender", "--outcome", "good=true"],
            "a condition on an outcome begins with outcome",
        ),
    ] {
        let base = ["report", "fairness", "--model", "m", "--positive", "prediction.ok=true"];
        let printed = directory.fails(&[&base as &[&str], arguments].concat());
        assert!(printed.contains(said), "{arguments:?}: {printed}");
    }
    let printed = directory.fails(&[
        "report",
        "fairness",
        "--model",
        "m",
        "--positive",
        "prediction.no=1",
        "--group",
        "input_features.gender",
    ]);
    assert!(printed.contains("no prediction has a value"), "{printed}");
    let printed = directory.fails(&["report", "confidence", "--model", "m", "--outcome", "outcome.good=true"]);
    assert!(printed.contains("say which prediction counts as positive"), "{printed}");
    let printed = directory.fails(&["report", "confidence", "--model", "m", "--bins", "0"]);
    assert!(printed.contains("bins must be from 1 to 100"), "{printed}");
    let empty = directory.json(&[
        "report",
        "fairness",
        "--model",
        "m",
        "--since",
        "2020-01-01",
        "--until",
        "2020-01-02",
        "--positive",
        "prediction.ok=true",
        "--group",
        "input_features.gender",
        "--format",
        "json",
    ]);
    assert_eq!((&empty["total"], &empty["groups"]), (&json!({"n": 0, "k": 0, "rate": null}), &json!([])));
}

#[test]
fn a_group_of_thousands_of_values_is_refused() {
    let lines: Vec<String> =
        (0..10_000).map(|at| decided(at, &json!({"input_features": {"id": format!("x{at}")}}))).collect();
    let directory = with_decisions(&lines);
    for report in ["fairness", "drivers"] {
        let more: &[&str] = if report == "fairness" { &["--positive", "prediction=1"] } else { &[] };
        let asked = ["report", report, "--model", "m", "--group", "input_features.id"];
        let output = directory.run(&[&asked as &[&str], more].concat());
        let printed = text(&output.stdout) + &text(&output.stderr);
        // Without explanations there is nothing to group.
        assert_eq!(output.status.success(), report == "drivers", "{printed}");
        assert!(report == "drivers" || printed.contains("more than 200 groups"), "{printed}");
    }
}

#[test]
fn overrides_drivers_and_volume_are_what_sql_says() {
    let directory = Directory::demo();
    let model = ["--model", "loan_approval_model", "--days", "60", "--format", "json"];
    let asked = |name: &str, more: &[&str]| directory.json(&[&["report", name] as &[&str], &model, more].concat());
    let report = asked("overrides", &[]);
    let all = &directory.rows(
        "SELECT count(*) AS total_predictions, count(*) FILTER (WHERE human_reviewed) AS reviewed, \
         count(*) FILTER (WHERE overridden) AS overrides, avg(overridden::int) AS override_rate FROM ai_audit_logs",
    )[0];
    for name in ["total_predictions", "reviewed", "overrides", "override_rate"] {
        assert!(near(&report[name], &all[name]), "{name}: {report}");
    }
    let seconds = directory.rows(
        "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM r.timestamp - d.timestamp)::float8) AS p50 \
         FROM reviews AS r JOIN ai_audit_logs AS d ON r.decision_id = d.decision_id",
    );
    let (told, exact) =
        (report["time_to_review"]["p50_seconds"].as_f64().unwrap(), seconds[0]["p50"].as_f64().unwrap());
    assert!((told / exact - 1.0).abs() <= 0.005, "{told} {exact}");
    let sum = |list: &str, name: &str| -> u64 {
        report[list].as_array().unwrap().iter().map(|row| row[name].as_u64().unwrap()).sum()
    };
    assert_eq!(sum("by_version", "overrides"), report["overrides"].as_u64().unwrap());
    assert_eq!(
        sum("by_reason", "overrides") + report["other_reasons"].as_u64().unwrap(),
        report["overrides"].as_u64().unwrap()
    );
    assert_eq!(sum("by_reviewer", "reviews"), report["time_to_review"]["count"].as_u64().unwrap());
    assert!(report["by_reviewer"][0]["reviewer"].as_str().unwrap().starts_with("sub_"));
    assert_eq!(directory.json(&["report", "overrides", "--days", "60", "--format", "json"])["model_id"], json!(null));

    let report = asked("drivers", &["--group", "input_features.gender"]);
    let named = directory.rows(
        "SELECT f->>'feature' AS feature, count(*) AS named, avg((f->>'importance')::float8) AS mean_importance \
         FROM ai_audit_logs, jsonb_array_elements(explanation->'top_features') AS f GROUP BY 1 ORDER BY 2 DESC, 1",
    );
    let features = report["features"].as_array().unwrap();
    assert_eq!(features.len(), named.len());
    for (feature, named) in features.iter().zip(&named) {
        assert_eq!((&feature["feature"], &feature["named"]), (&named["feature"], &named["named"]));
        assert!(near(&feature["mean_importance"], &named["mean_importance"]), "{feature} {named}");
    }
    let explained: u64 =
        report["groups"].as_array().unwrap().iter().map(|group| group["explained"].as_u64().unwrap()).sum();
    assert_eq!(explained, report["explained"].as_u64().unwrap());

    let report = asked("volume", &[]);
    let hours =
        directory.rows("SELECT date_trunc('hour', timestamp) AS hour, count(*) AS n FROM ai_audit_logs GROUP BY 1");
    assert_eq!(report["hours"].as_array().unwrap().len(), hours.len());
    assert_eq!(report["total_predictions"], 1000);
    for name in ["overrides", "drivers", "volume"] {
        for format in ["html", "csv", "table"] {
            let printed = directory.ok(&["report", name, "--model", "loan_approval_model", "--format", format]);
            assert!(!printed.contains("NaN") && !printed.contains("<script"), "{name} {format}: {printed}");
        }
    }
}

#[test]
fn refusals_and_repeats_are_in_the_volume_and_readings_say_what_for() {
    let directory = Directory::init();
    let server = directory.serve();
    let body = decided(1, &json!({"event_id": "019ab000-0000-7000-8000-000000000001"}));
    for _ in 0..3 {
        server.post("/v1/decisions", &body);
    }
    assert_eq!(server.post("/v1/decisions", "{").status, 422);
    assert_eq!(server.stop().0, Some(0));
    let report = directory.json(&["report", "volume", "--format", "json", "--purpose", "is everything there? 😀"]);
    assert_eq!(
        (&report["total_predictions"], &report["refusals"], &report["repeats"], &report["errors"]),
        (&json!(1), &json!(1), &json!(2), &json!(0))
    );
    let reads = directory.rows("SELECT what, purpose, rows FROM accesses WHERE action = 'report'");
    assert_eq!(reads[0], json!({"what": "volume", "purpose": "is everything there? 😀", "rows": 1}));
    let output = directory.run(&["report", "volume", "--purpose", &"x".repeat(501)]);
    assert!(text(&output.stderr).contains("onrecord-purpose must be a line"), "{}", text(&output.stderr));
}

/// A directory whose model `m` has a budget of 2 and 400 decisions of 100 people over two days.
fn with_budget() -> Directory {
    let directory = Directory::init();
    let policy = directory.path().join("policy.toml");
    let text = std::fs::read_to_string(&policy).unwrap();
    std::fs::write(&policy, text.replace("[privacy_budget]\n", "[privacy_budget]\nm = 2.0\n")).unwrap();
    let lines: Vec<String> = (0..400)
        .map(|at| {
            decided(
                at,
                &json!({
                    "user_id": format!("person-{}", at % 100), "confidence": 0.75, "prediction": {"ok": at % 2 == 0},
                    "timestamp": format!("2026-03-0{}T10:00:00Z", 1 + at / 200), "input_features": {"g": if at % 4 < 2 { "a" } else { "b" }},
                }),
            )
        })
        .collect();
    let file = directory.write("decisions.jsonl", lines.join("\n"));
    directory.ok(&["import", &file]);
    directory
}

const PRIVATE: [&str; 11] = [
    "--model",
    "m",
    "--since",
    "2026-03-01",
    "--until",
    "2026-03-04",
    "--format",
    "json",
    "--max-contributions",
    "4",
    "--epsilon",
];

#[test]
fn private_answers_are_noisy_stored_and_paid_for() {
    let directory = with_budget();
    let ask = |name: &str, epsilon: &str, more: &[&str]| {
        directory.json(&[&["report", name] as &[&str], &PRIVATE, &[epsilon], more].concat())
    };
    let usage = ask("usage", "0.9", &[]);
    assert_eq!(usage["privacy"]["epsilon"], 0.9);
    let days: Vec<&str> =
        usage["daily_stats"].as_array().unwrap().iter().map(|day| day["date"].as_str().unwrap()).collect();
    assert_eq!(days, ["2026-03-03", "2026-03-02", "2026-03-01"], "also the day without a decision");
    let total = usage["total_predictions"].as_f64().unwrap();
    // Of scale 4 / 0.225 a day: far beyond what chance gives.
    assert!((total - 400.0).abs() < 1_000.0, "{total}");
    assert_eq!((&usage["latency_p50_ms"], &usage["daily_stats"][0]["avg_latency_ms"]), (&json!(null), &json!(null)));
    // Asked again it is the same answer, and costs nothing; exact answers cost nothing either.
    assert_eq!(ask("usage", "0.9", &[]), usage);
    directory.ok(&["report", "usage", "--model", "m"]);
    let releases = directory.rows(
        "SELECT detail->>'epsilon' AS epsilon, detail->>'report' AS report FROM systems WHERE what = 'privacy_release'",
    );
    assert_eq!(releases, [json!({"epsilon": "0.9", "report": "usage"})]);

    let fair = ["--positive", "prediction.ok=true", "--group", "input_features.g"];
    let groups = ask("fairness", "0.6", &[&fair as &[&str], &["--group-value", "a", "--group-value", "z"]].concat());
    let labels: Vec<&Value> = groups["groups"].as_array().unwrap().iter().map(|group| &group["group"]).collect();
    assert_eq!(labels, [&json!("a"), &json!("z"), &json!(null)], "the groups that were named, whatever there is");
    assert!(groups["groups"][0]["p_value"].is_null() && groups["groups"][0]["wilson_low"].is_null());
    let buckets = ask("confidence", "0.5", &[]);
    assert_eq!(buckets["buckets"].as_array().unwrap().len(), 10);

    // Everything is spent.
    let over = directory.run(&[&["report", "usage"] as &[&str], &PRIVATE, &["0.01"]].concat());
    assert_eq!(over.status.code(), Some(1));
    assert!(
        text(&over.stderr).contains("the privacy budget of this model is 2; 2 of it is spent"),
        "{}",
        text(&over.stderr)
    );
    assert_eq!(ask("usage", "0.9", &[]), usage, "what was given is given again");
    let server = directory.serve();
    let since = "/v1/reports/usage?model_id=m&since=2026-03-01&until=2026-03-04";
    assert_eq!(server.get(&format!("{since}&epsilon=0.01")).status, 403);
    for nonsense in ["0", "-1", "NaN", "inf", "x", ""] {
        assert_eq!(server.get(&format!("{since}&epsilon={nonsense}")).status, 400, "{nonsense}");
    }
    assert_eq!(server.get(&format!("{since}&max_contributions=3")).status, 400);
    assert_eq!(server.stop().0, Some(0));
    let page = directory.ok(&[
        &["report", "usage"] as &[&str],
        &PRIVATE[..6],
        &["--max-contributions", "4", "--epsilon", "0.9", "--format", "html"],
    ]
    .concat());
    assert!(page.contains("differentially private"), "{page}");
    let of = |format| {
        directory.ok(&[
            &["report", "confidence"] as &[&str],
            &PRIVATE[..6],
            &["--max-contributions", "4", "--epsilon", "0.5", "--format", format],
        ]
        .concat())
    };
    let table = of("table");
    assert!(table.contains("! These figures are differentially private") && table.contains("ε = 0.5"), "{table}");
    assert!(table.contains("at most 4 decision(s)") && !table.contains("! Confidence"), "{table}");
    let csv = of("csv");
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].ends_with(",calibration_warning,noisy,epsilon,max_contributions"), "{csv}");
    assert!(lines.len() == 11 && lines[1..].iter().all(|line| line.ends_with(",,true,0.5,4")), "{csv}");
}

#[test]
fn private_answers_leave_no_trace_of_what_was_asked_for() {
    let directory = with_budget();
    let ask =
        |name: &str, more: &[&str]| directory.json(&[&["report", name] as &[&str], &PRIVATE, &["0.3"], more].concat());
    let spent =
        || directory.rows("SELECT detail->>'epsilon' AS epsilon FROM systems WHERE what = 'privacy_release'").len();
    let by = ["--positive", "prediction.ok=Erika Mustermann", "--group", "input_features.Mustermann"];
    let named = ["--group-value", "Max Musterfrau", "--group-value", "person-17"];
    let groups = ask("fairness", &[&by as &[&str], &named].concat());
    assert_eq!(
        (&groups["groups"][0]["group"], &groups["groups"][1]["group"]),
        (&json!("Max Musterfrau"), &json!("person-17"))
    );
    assert_eq!((&groups["positive"], &groups["group_by"]), (&json!(by[1]), &json!([by[3]])));
    assert_eq!(ask("fairness", &[&by as &[&str], &named].concat()), groups, "the answer that was given");
    assert_eq!(spent(), 1);
    // What changes the answer is part of the question.
    assert_eq!(ask("confidence", &[])["positive"], json!(null));
    for _ in 0..2 {
        let report = ask("confidence", &["--positive", "prediction.ok=Jane Musterfrau"]);
        assert_eq!(report["positive"], "prediction.ok=Jane Musterfrau");
        assert_eq!(spent(), 3);
    }
    let base = ["report", "fairness", "--model", "m", "--positive", "prediction.ok=true", "--epsilon", "0.1"];
    let group = ["--group", "input_features.g"];
    for (more, noun) in [
        (["--group-value", "max.mustermann@example.com"], "an e-mail address"),
        (["--group-value", "+1 415-555-2671"], "a phone number"),
        (["--bins", "4111111111111111,4111111111111112"], "a card number"),
    ] {
        let said = directory.fails(&[&base as &[&str], &group, &more].concat());
        assert!(said.contains(noun) && !said.contains(more[1]), "{said}");
    }
    let far = ["--group-value", "a", "--since", "2026-03-01", "--until", "9999-12-31"];
    let said = directory.fails(&[&base as &[&str], &group, &far].concat());
    assert!(said.contains("until must not be in the future"), "{said}");
    assert_eq!(spent(), 3);
    directory.seal();
    for file in files(&directory.path()) {
        let bytes = std::fs::read(&file).unwrap();
        for name in ["Mustermann", "Musterfrau", "person-17", "mustermann"] {
            let is_there = bytes.windows(name.len()).any(|window| window == name.as_bytes());
            assert!(!is_there, "{name} is in {}", file.display());
        }
    }
}

#[test]
fn private_answers_bound_what_one_person_contributes() {
    let directory = with_budget();
    // With one decision a person and next to no noise there are as many as people.
    let asked =
        ["report", "usage", "--model", "m", "--since", "2026-03-01", "--until", "2026-03-04", "--format", "json"];
    let policy = directory.path().join("policy.toml");
    let text = std::fs::read_to_string(&policy).unwrap();
    std::fs::write(&policy, text.replace("m = 2.0", "m = 1000.0")).unwrap();
    let report = directory.json(&[&asked as &[&str], &["--epsilon", "10"]].concat());
    let total = report["total_predictions"].as_f64().unwrap();
    assert!((total - 100.0).abs() < 40.0, "{total}");
    let report = directory.json(&[&asked as &[&str], &["--epsilon", "10", "--max-contributions", "3"]].concat());
    let total = report["total_predictions"].as_f64().unwrap();
    assert!((total - 300.0).abs() < 120.0, "{total}");
    assert!((report["avg_confidence"].as_f64().unwrap() - 0.75).abs() < 0.3);
}

#[test]
fn private_answers_that_would_tell_who_is_there_are_refused() {
    let directory = with_budget();
    let fair = ["report", "fairness", "--model", "m", "--positive", "prediction.ok=true", "--epsilon", "0.1"];
    for (more, said) in [
        (&["--group", "input_features.g"] as &[&str], "which groups there are would tell"),
        (&["--group", "input_features.g", "--bins", "3"], "which groups there are would tell"),
        (&["--group", "input_features.g", "--group-value", "a", "--group-value", "a"], "a group is named twice"),
        (
            &["--group", "input_features.g", "--group", "environment", "--group-value", "a"],
            "with epsilon give one group",
        ),
        (
            &["--group", "input_features.g", "--group-value", "a", "--outcome", "outcome=1"],
            "with epsilon there are rates only",
        ),
    ] {
        let printed = directory.fails(&[&fair as &[&str], more].concat());
        assert!(printed.contains(said), "{more:?}: {printed}");
    }
    let printed = directory.fails(&[
        "report",
        "confidence",
        "--model",
        "m",
        "--positive",
        "prediction.ok=true",
        "--outcome",
        "outcome=1",
        "--epsilon",
        "0.1",
    ]);
    assert!(printed.contains("buckets only"), "{printed}");
    assert!(directory.rows("SELECT what FROM systems WHERE what = 'privacy_release'").is_empty(), "nothing was spent");
    let none = with_decisions(&[decided(1, &json!({}))]);
    let printed = none.fails(&["report", "usage", "--model", "m", "--epsilon", "1"]);
    assert!(printed.contains("this model has no privacy budget"), "{printed}");
}

/// A report of the model `m` as JSON.
fn told(directory: &Directory, name: &str, more: &[&str]) -> Value {
    directory.json(&[&["report", name, "--model", "m", "--format", "json"] as &[&str], more].concat())
}

#[test]
fn of_several_decisions_with_one_id_the_first_is_reviewed_and_judged() {
    let twice = |at: usize| decided(7, &json!({"prediction": {"ok": at == 0}, "confidence": 0.75}));
    let lines = [
        twice(0),
        twice(1),
        json!({"kind": "review", "decision_id": "d7", "reviewer": "kim", "human_decision": {"ok": false}, "overridden": true,
            "override_reason": "no"})
        .to_string(),
        json!({"kind": "outcome", "decision_id": "d7", "outcome": true}).to_string(),
        twice(2),
    ];
    let directory = with_decisions(&lines);
    for is_sealed in [false, true] {
        if is_sealed {
            directory.seal();
        }
        let rows = directory.rows("SELECT overridden, human_reviewed FROM ai_audit_logs ORDER BY leaf_index");
        let (first, other) = (
            json!({"overridden": true, "human_reviewed": true}),
            json!({"overridden": false, "human_reviewed": false}),
        );
        assert_eq!(rows, [first, other.clone(), other], "sealed: {is_sealed}");
        let report = told(&directory, "overrides", &[]);
        let figures = ["total_predictions", "reviewed", "overrides"].map(|name| report[name].as_u64().unwrap());
        assert_eq!((figures, &report["override_rate_of_reviewed"]), ([3, 1, 1], &json!(1.0)));
        assert_eq!((&report["time_to_review"]["count"], &report["by_reviewer"][0]["reviews"]), (&json!(1), &json!(1)));
        let judged = ["--positive", "prediction.ok=true", "--outcome", "outcome=true"];
        assert_eq!(told(&directory, "confidence", &judged)["n_outcome"], 1);
        let explained = directory.json(&["explain", "d7", "--format", "json"]);
        assert_eq!((&explained["decision"], explained["human"].as_array().unwrap().len()), (&json!({"ok": true}), 1));
    }
}

#[test]
fn who_overrides_has_looked_everywhere() {
    let seed = |extra: &str| {
        format!(
            r#"{{"decisionId":"d1","modelId":"m","modelVersion":"1","inputFeatures":{{}},"prediction":{{"ok":true}},
                "overridden":true,"overrideReason":"a guarantor"{extra}}}"#
        )
    };
    let directory = with_decisions(&[seed("").replace('\n', " ")]);
    let rows = directory.rows("SELECT human_reviewed, overridden, override_reason FROM ai_audit_logs");
    assert_eq!(rows, [json!({"human_reviewed": true, "overridden": true, "override_reason": "a guarantor"})]);
    let report = told(&directory, "overrides", &[]);
    assert_eq!((&report["reviewed"], &report["override_rate_of_reviewed"]), (&json!(1), &json!(1.0)));
    let explained = directory.json(&["explain", "d1", "--format", "json"]);
    assert_eq!((&explained["human_reviewed"], &explained["human"][0]["overridden"]), (&json!(true), &json!(true)));
    let refused = directory.log(seed(r#","humanReviewed":false"#));
    assert!(text(&refused.stderr).contains("/humanReviewed"), "{}", text(&refused.stderr));
}

#[test]
fn reviews_that_are_dated_before_their_decision_are_counted_apart() {
    let directory = with_decisions(&[decided(1, &json!({"timestamp": "2026-03-02T10:00:00Z"}))]);
    for (id, at) in [(1, "2026-03-02T11:00:00Z"), (2, "2026-03-01T10:00:00Z"), (3, "2026-03-02T10:00:00Z")] {
        let review = json!({"kind": "review", "decision_id": "d1", "reviewer": format!("r{id}"), "timestamp": at});
        assert!(directory.log(review.to_string()).status.success());
    }
    let report = told(&directory, "overrides", &["--since", "2026-03-01"]);
    let times = &report["time_to_review"];
    assert_eq!(
        (&times["count"], &times["before_decision"], &times["p99_seconds"]),
        (&json!(2), &json!(1), &json!(3600.0))
    );
    assert_eq!((report["by_reviewer"].as_array().unwrap().len(), &report["other_reviewers"]), (3, &json!(0)));
}

#[test]
fn lists_that_are_cut_say_how_much_is_left_out() {
    let features = |count: usize| -> Vec<Value> {
        (0..count).map(|at| json!({"feature": format!("f{at:03}"), "importance": 1})).collect()
    };
    let mut lines: Vec<String> = (0..120)
        .map(|at| {
            let many = json!({"explanation": {"top_features": features(if at == 0 { 60 } else { 1 })}});
            decided(at, &many).replacen(r#""model_version":"1""#, &format!(r#""model_version":"v{at:03}""#), 1)
        })
        .collect();
    lines
        .extend((0..105).map(|at| {
            json!({"kind": "review", "decision_id": "d0", "reviewer": format!("reviewer-{at}")}).to_string()
        }));
    let directory = with_decisions(&lines);
    let overrides = told(&directory, "overrides", &[]);
    assert_eq!((overrides["by_version"].as_array().unwrap().len(), &overrides["other_versions"]), (100, &json!(20)));
    assert_eq!((overrides["by_reviewer"].as_array().unwrap().len(), &overrides["other_reviewers"]), (100, &json!(5)));
    let drivers = told(&directory, "drivers", &["--group", "environment"]);
    assert_eq!((drivers["features"].as_array().unwrap().len(), &drivers["other_features"]), (50, &json!(10)));
    assert_eq!(drivers["groups"][0]["other_features"], 10);
}

#[test]
fn a_feature_counts_once_for_a_decision_and_means_do_not_overflow() {
    let named = |importances: &[f64]| -> Value {
        let of = |importance: &f64| json!({"feature": "age", "importance": importance});
        json!({"processing_time_ms": 1.5e308, "explanation": {"top_features": importances.iter().map(of).collect::<Vec<_>>()}})
    };
    let directory = with_decisions(&[decided(1, &named(&[1.5e308, 1.5e308])), decided(2, &named(&[1.5e308, 0.0]))]);
    let drivers = told(&directory, "drivers", &[]);
    let age = &drivers["features"][0];
    assert_eq!((&age["named"], &age["share"], &age["raised"]), (&json!(2), &json!(1.0), &json!(3)));
    let odd = ["a\"b\\", "a", "ä😀\u{1}", "", "3", "{}"];
    let lines: Vec<String> = (0..30)
        .map(|at| {
            let of = |nth: usize| json!({"feature": odd[(at + nth) % 6], "importance": 0.5, "note": {"feature": "a"}});
            decided(at, &json!({"explanation": {"top_features": [of(0), of(1), of(at % 3), of(at % 2)]}}))
        })
        .collect();
    let named: Vec<u64> = told(&with_decisions(&lines), "drivers", &[])["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|feature| {
            let of = |at: usize| [at, at + 1, at + at % 3, at + at % 2].map(|nth| odd[nth % 6]);
            let expected = (0..30).filter(|at| of(*at).contains(&feature["feature"].as_str().unwrap())).count();
            assert_eq!(feature["named"], expected, "{feature}");
            feature["named"].as_u64().unwrap()
        })
        .collect();
    assert_eq!(named.len(), 6);
    assert!(near(&age["mean_importance"], &json!(1.125e308)), "{age}");
    let usage = told(&directory, "usage", &[]);
    assert!(near(&usage["avg_latency_ms"], &json!(1.5e308)), "{usage}");
    assert!(near(&usage["daily_stats"][0]["avg_latency_ms"], &json!(1.5e308)), "{usage}");
    let explained = directory.json(&["explain", "d1", "--format", "json"]);
    assert_eq!(explained["factors"][0]["share"], 0.5);
}

#[test]
fn hours_to_come_are_no_gaps() {
    let now = jiff::Timestamp::now();
    let at = |hours: i64| (now + jiff::SignedDuration::from_hours(hours)).to_string();
    let lines: Vec<String> = (0..28 * 24)
        .flat_map(|hour| (0..6).map(move |nth| (hour, nth)))
        .map(|(hour, nth)| decided((hour * 6 + nth) as usize, &json!({"timestamp": at(-hour)})))
        .collect();
    let directory = with_decisions(&lines);
    let report = told(&directory, "volume", &["--since", &at(-27 * 24), "--until", &at(21 * 24)]);
    assert_eq!(report["gaps"], json!([]));
}

#[test]
fn values_that_never_occur_are_warned_of_and_numbers_compare_by_value() {
    let lines: Vec<String> = (0..40)
        .map(|at| {
            let features = json!({"age": 30 + at % 2, "g": if at % 4 < 2 { "a" } else { "b" }});
            let more =
                json!({"input_features": features, "prediction": {"ok": at % 2 == 0, "score": 1}, "confidence": 1});
            decided(at, &more)
        })
        .chain((0..40).map(|at| json!({"kind": "outcome", "decision_id": format!("d{at}"), "outcome": 2}).to_string()))
        .collect();
    let directory = with_decisions(&lines);
    let fair = ["--group", "input_features.g", "--positive"];
    let warned = |name: &str, more: &[&str]| told(&directory, name, more)["warnings"].as_array().unwrap().len();
    assert_eq!(warned("fairness", &[&fair as &[&str], &["prediction.ok=true"]].concat()), 0);
    assert_eq!(warned("fairness", &[&fair as &[&str], &["prediction.ok=yes"]].concat()), 1);
    assert_eq!(
        warned("fairness", &[&fair as &[&str], &["prediction.ok=true", "--outcome", "outcome=2.0"]].concat()),
        0
    );
    assert_eq!(
        warned("fairness", &[&fair as &[&str], &["prediction.score=1.0", "--outcome", "outcome=3"]].concat()),
        1
    );
    assert_eq!(warned("confidence", &["--positive", "prediction.ok=yes", "--outcome", "outcome=3"]), 2);
    assert_eq!(warned("confidence", &["--positive", "prediction.ok=true", "--outcome", "outcome=2e0"]), 0);
    let page =
        directory.ok(&["report", "confidence", "--model", "m", "--positive", "prediction.ok=yes", "--format", "html"]);
    assert!(page.contains("positive: no decision of the period has that value"), "{page}");
    let table = directory.run(&[
        "report",
        "confidence",
        "--model",
        "m",
        "--positive",
        "prediction.ok=yes",
        "--format",
        "table",
    ]);
    assert!(
        (text(&table.stdout) + &text(&table.stderr)).contains("positive: no decision of the period has that value")
    );

    let found = |condition: &str| {
        directory.json(&["decisions", "--where", condition, "--format", "json"])["decisions"].as_array().unwrap().len()
    };
    for (condition, count) in [
        ("confidence=1.0", 40),
        ("confidence=1", 40),
        ("confidence=0.5", 0),
        ("input_features.age=30.0", 20),
        ("input_features.age=3e1", 20),
        ("input_features.age=30", 20),
        ("input_features.age=030", 0),
    ] {
        assert_eq!(found(condition), count, "{condition}");
    }
    let time = directory.rows("SELECT timestamp FROM ai_audit_logs WHERE decision_id = 'd7'")[0]["timestamp"].clone();
    let time: jiff::Timestamp = time.as_str().unwrap().parse().unwrap();
    assert!(found(&format!("timestamp={time}")) >= 1);
    let elsewhere = time.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(5))).strftime("%Y-%m-%dT%H:%M:%S.%f%:z");
    assert_eq!(found(&format!("timestamp={elsewhere}")), found(&format!("timestamp={time}")));
}

#[test]
fn a_hundred_bins_are_those_of_a_few() {
    let lines: Vec<String> = (0..1_000)
        .map(|at| {
            let number = f64::from(at * 37 % 1_001) / 10.0;
            decided(at as usize, &json!({"input_features": {"x": number}, "prediction": {"ok": at % 3 == 0}}))
        })
        .collect();
    let directory = with_decisions(&lines);
    let groups = |bins: &str| {
        let asked =
            ["--group", "input_features.x", "--positive", "prediction.ok=true", "--min-group", "1", "--bins", bins];
        told(&directory, "fairness", &asked)["groups"].as_array().unwrap().clone()
    };
    let edges: Vec<f64> = (0..=100).map(f64::from).collect();
    let edges = edges.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let many = groups(&edges);
    assert_eq!(many.len(), 100);
    assert_eq!(many.iter().map(|group| group["n"].as_u64().unwrap()).sum::<u64>(), 1_000);
    // The same numbers in ten bins, each of which is ten of the others.
    for ten in groups("0,10,20,30,40,50,60,70,80,90,100") {
        let label = ten["group"].as_str().unwrap();
        let low: f64 = label[1..].split(',').next().unwrap().parse().unwrap();
        let of = |group: &&Value| {
            let begins: f64 = group["group"].as_str().unwrap()[1..].split(',').next().unwrap().parse().unwrap();
            (low..low + 10.0).contains(&begins)
        };
        let (n, k) = many
            .iter()
            .filter(of)
            .fold((0, 0), |(n, k), group| (n + group["n"].as_u64().unwrap(), k + group["k"].as_u64().unwrap()));
        assert_eq!((&ten["n"], &ten["k"]), (&json!(n), &json!(k)), "{label}");
    }
    assert_eq!(groups("100").len(), 100);
}

#[test]
fn a_group_that_is_called_missing_is_told_apart() {
    let lines: Vec<String> = (0..40)
        .map(|at| {
            let features = if at % 2 == 0 { json!({"g": "(missing)"}) } else { json!({}) };
            let explanation = json!({"top_features": [{"feature": "f", "importance": 1}]});
            decided(
                at,
                &json!({"input_features": features, "prediction": {"ok": at % 4 == 0}, "explanation": explanation}),
            )
        })
        .collect();
    let directory = with_decisions(&lines);
    let base = ["--model", "m", "--group", "input_features.g", "--format", "csv"];
    for asked in [&["report", "fairness", "--positive", "prediction.ok=true"] as &[&str], &["report", "drivers"]] {
        let table = directory.ok(&[asked, &base].concat());
        let mut rows = csv::Reader::from_reader(table.as_bytes());
        let mut names: Vec<String> = rows.records().map(|row| row.unwrap()[0].to_owned()).collect();
        names.sort();
        assert_eq!(names, ["\"(missing)\"", "(missing)"], "{table}");
    }
}

//! Duties as reports, against SQL of its own and numbers by hand; and what the policy requires of a decision.

use crate::program::{Directory, text};
use serde_json::{Value, json};
use std::fs;

/// Decisions of two models over two days, some of which lack something.
fn directory() -> Directory {
    let directory = Directory::init();
    let mut lines = Vec::new();
    for at in 0..100_u64 {
        // Ten an hour; between the fifth and the sixth hour there are 20 hours without any.
        let hour = at / 10 + if at >= 50 { 20 } else { 0 };
        let race = ["a", "b", "c"][at as usize % 3];
        let mut body = json!({
            "decision_id": format!("d-{at}"), "model_id": if at % 10 == 9 { "small" } else { "large" }, "model_version": "1",
            "timestamp": format!("2026-03-{:02}T{:02}:{:02}:00Z", 1 + hour / 24, hour % 24, at % 10 * 3),
            "input_features": {"sex": if at % 2 == 0 { "f" } else { "m" }, "race": race},
            "prediction": {"ok": at % 4 != 0}, "user_id": format!("person-{at}"),
            "explanation": {"reasoning": "because", "top_features": [{"feature": "sex", "importance": 1}]},
        });
        match at {
            0 | 4 => body["explanation"] = Value::Null,
            8 => body["explanation"] = json!({}),
            12 => body["explanation"] = json!({"reasoning": "", "top_features": []}),
            16 => body["explanation"] = json!({"top_features": [{"feature": "sex", "importance": 1}]}),
            20 => body["input_features"] = json!({}),
            _ => {}
        }
        match at % 5 {
            0 => body["data_retention_policy"] = json!("development"),
            1 => body["data_retention_policy"] = json!("high_risk"),
            _ => {}
        }
        if at == 5 {
            body["data_retention_days"] = json!(400);
        }
        lines.push(body.to_string());
    }
    let file = directory.write("decisions.jsonl", lines.join("\n"));
    directory.ok(&["import", &file]);
    for id in ["d-1", "d-2", "d-3", "d-9"] {
        directory.ok(&["review", id, "--agree", "--reviewer", "kim"]);
    }
    directory.ok(&[
        "review",
        "d-4",
        "--override",
        "--decision",
        "{\"ok\":true}",
        "--reason",
        "a guarantor",
        "--reviewer",
        "kim",
    ]);
    directory
}

const PERIOD: [&str; 6] = ["--since", "2026-03-01", "--until", "2026-04-01", "--format", "json"];

fn report(directory: &Directory, arguments: &[&str]) -> Value {
    directory.json(&[&["report"], arguments, &PERIOD[..]].concat())
}

/// The findings of a model with this measure: count, of, met.
fn found(report: &Value, model: &str, measure: &str) -> Vec<(Value, Value, Value)> {
    let model = report["models"].as_array().unwrap().iter().find(|found| found["model_id"] == model).unwrap();
    let findings = model["findings"].as_array().unwrap().iter().filter(|finding| finding["measure"] == measure);
    findings.map(|finding| (finding["count"].clone(), finding["of"].clone(), finding["met"].clone())).collect()
}

fn value(report: &Value, model: &str, measure: &str) -> String {
    let model = report["models"].as_array().unwrap().iter().find(|found| found["model_id"] == model).unwrap();
    let finding = model["findings"].as_array().unwrap().iter().find(|finding| finding["measure"] == measure).unwrap();
    finding["value"].as_str().unwrap().to_owned()
}

#[test]
fn the_ai_act_asks_for_fields_time_retention_and_oversight() {
    let directory = directory();
    let report_of = |directory: &Directory| report(directory, &["ai-act"]);
    let told = report_of(&directory);
    assert_eq!((&told["regulation"], &told["total_predictions"]), (&json!("ai-act"), &json!(100)));
    assert_eq!(told["models"][0]["model_id"], "large", "the most decisions first");

    // By SQL of its own.
    let rows = directory.rows(
        "SELECT model_id, count(*) AS n, sum(CASE WHEN explanation IS NULL OR explanation::text = '{}' THEN 0 ELSE 1 END) AS explained, \
         sum((jsonb_typeof(input_features->'sex') IS NOT NULL)::int) AS inputs, sum(human_reviewed::int) AS reviewed, \
         sum(overridden::int) AS overridden FROM ai_audit_logs GROUP BY model_id ORDER BY n DESC",
    );
    for row in &rows {
        let model = row["model_id"].as_str().unwrap();
        let n = &row["n"];
        for (measure, count) in
            [("explanation", &row["explained"]), ("input_features", &row["inputs"]), ("model_id", n)]
        {
            for (counted, of, met) in found(&told, model, measure) {
                assert_eq!((&counted, &of, &met), (count, n, &json!(count == n)), "{model} {measure}");
            }
        }
        for (measure, count) in [("reviewed", &row["reviewed"]), ("overridden", &row["overridden"])] {
            assert_eq!(found(&told, model, measure), [(count.clone(), n.clone(), Value::Null)], "{model} {measure}");
        }
    }
    // By hand: 90 decisions, of which 0, 4 and 8 say nothing; 12 says nothing under its names.
    assert_eq!(
        found(&told, "large", "explanation"),
        vec![(json!(87), json!(90), json!(false)); 2],
        "Art. 12 and Art. 86"
    );
    assert_eq!(found(&told, "large", "reasons or top features"), [(json!(86), json!(90), Value::Null)]);
    assert_eq!(found(&told, "large", "reviewed"), [(json!(4), json!(90), Value::Null)]);
    assert_eq!(found(&told, "small", "input_features"), [(json!(10), json!(10), json!(true))]);
    // From 04:24, the last of the fifth hour of the large model, to 01:00 of the next day; of the small one 04:27 to 01:27.
    assert_eq!(value(&told, "large", "longest gap"), "20 h 36 min from 2026-03-01T04:24:00Z");
    assert_eq!(value(&told, "small", "longest gap"), "21 h from 2026-03-01T04:27:00Z");
    assert_eq!(value(&told, "large", "lifetime"), "2026-03-01T00:00:00Z to 2026-03-02T05:24:00Z");
    // development keeps 90 days, which is not six months; of its 20 decisions one asks for 400 days itself.
    assert_eq!(found(&told, "large", "retention development"), [(json!(1), json!(20), json!(false))]);
    assert_eq!(found(&told, "large", "retention high_risk"), [(json!(20), json!(20), json!(true))]);
    assert_eq!(found(&told, "large", "retention standard"), [(json!(50), json!(50), json!(true))]);
    assert_eq!(value(&told, "large", "retention high_risk"), "3650 days");

    directory.seal();
    assert_eq!(report_of(&directory), told, "the same from a segment");
    let one = report(&directory, &["ai-act", "--model", "small"]);
    assert_eq!((one["models"].as_array().unwrap().len(), &one["models"][0]), (1, &told["models"][1]));
    let articles: Vec<&str> =
        told["models"][0]["findings"].as_array().unwrap().iter().map(|f| f["article"].as_str().unwrap()).collect();
    for article in ["12(1)", "13(1)", "14(1)", "14(4)(d)", "19(1)", "26(6)", "86(1)"] {
        assert!(articles.iter().any(|found| found.contains(article)), "{article}");
    }

    let csv = directory.ok(&["report", "ai-act", "--since", "2026-03-01", "--until", "2026-04-01", "--format", "csv"]);
    assert_eq!(csv.lines().next().unwrap(), "model_id,article,measure,count,of,share,value,met");
    let findings: usize =
        told["models"].as_array().unwrap().iter().map(|model| model["findings"].as_array().unwrap().len()).sum();
    assert_eq!(csv.lines().count(), findings + 1);
    let page =
        directory.ok(&["report", "ai-act", "--since", "2026-03-01", "--until", "2026-04-01", "--format", "html"]);
    assert!(
        page.contains("Regulation (EU) 2024/1689") && page.contains("Art. 18(1)") && !page.contains("<script"),
        "{page}"
    );
    let table =
        directory.ok(&["report", "ai-act", "--since", "2026-03-01", "--until", "2026-04-01", "--format", "table"]);
    assert!(table.contains("! large: explanation in 87 of 90: Art. 86(1)"), "{table}");
    let reads = directory.rows("SELECT what FROM accesses WHERE action = 'report' ORDER BY leaf_index");
    assert_eq!((&reads[0]["what"], &reads[2]["what"]), (&json!("ai-act"), &json!("ai-act small")));
    directory.fails(&["report", "ai-act", "--model", "nobody's"]);
    // A period without decisions is empty, and there is no gap in less than an hour.
    let empty =
        directory.json(&["report", "ai-act", "--since", "2026-02-01", "--until", "2026-02-02", "--format", "json"]);
    assert_eq!((&empty["models"], &empty["total_predictions"]), (&json!([]), &json!(0)));
    let hour = ["--since", "2026-03-01T00:00:00Z", "--until", "2026-03-01T01:00:00Z", "--format", "json"];
    let hour = directory.json(&[&["report", "ai-act"], &hour[..]].concat());
    assert_eq!(value(&hour, "large", "longest gap"), "less than an hour");
}

#[test]
fn the_other_laws_ask_for_theirs() {
    let directory = directory();
    let ecoa = report(&directory, &["ecoa", "--adverse", "prediction.ok=false"]);
    // Every fourth is adverse: 25, none of the small model. 0, 4, 8 and 12 give no reason, 16 none in words.
    let adverse =
        directory.count("SELECT count(*) FROM ai_audit_logs WHERE prediction->>'ok' = 'false' AND model_id = 'large'");
    assert_eq!(adverse, 25);
    assert_eq!(found(&ecoa, "large", "adverse with reasons"), [(json!(21), json!(25), json!(false))]);
    assert_eq!(found(&ecoa, "large", "adverse with reasoning"), [(json!(20), json!(25), Value::Null)]);
    // 25 months are more than a year.
    assert_eq!(found(&ecoa, "large", "retention standard"), [(json!(0), json!(50), json!(false))]);
    assert_eq!(found(&ecoa, "large", "retention high_risk"), [(json!(20), json!(20), json!(true))]);
    assert_eq!(found(&ecoa, "small", "adverse with reasons"), [(json!(0), json!(0), Value::Null)]);

    let sox = report(&directory, &["sox"]);
    assert_eq!(found(&sox, "large", "overridden with a reason"), [(json!(1), json!(1), json!(true))]);
    assert_eq!(found(&sox, "large", "system_actor"), [(json!(0), json!(90), json!(false))]);

    directory.ok(&["explain", "d-1", "--purpose", "complaint"]);
    let hipaa = directory.json(
        &["report", "hipaa", "--days", "100000", "--format", "json"]
            .map(|word| if word == "100000" { "30000" } else { word }),
    );
    let readings = directory.rows("SELECT count(*) AS n, count(purpose) AS told FROM accesses WHERE action <> 'sql'");
    // The report is on the record after it was made; SQL beside it was not asked before.
    assert_eq!(found(&hipaa, "large", "readings with a purpose")[0].0, readings[0]["told"]);
    assert!(found(&hipaa, "large", "readings")[0].0.as_u64().unwrap() >= 4);

    let asked = ["nyc-144", "--model", "large", "--positive", "prediction.ok=true", "--group", "input_features.sex"];
    let nyc = report(&directory, &[&asked[..], &["--group", "input_features.race", "--min-group", "1"]].concat());
    let by_sql = directory.rows(
        "SELECT input_features->>'sex' AS sex, count(*) AS n, sum((prediction->>'ok' = 'true')::int) AS selected \
         FROM ai_audit_logs WHERE model_id = 'large' AND input_features->>'sex' IS NOT NULL GROUP BY 1",
    );
    let rate = |row: &Value| row["selected"].as_f64().unwrap() / row["n"].as_f64().unwrap();
    let best = by_sql.iter().map(rate).fold(0.0, f64::max);
    let categories = nyc["categories"].as_array().unwrap();
    for row in &by_sql {
        let category = categories
            .iter()
            .find(|found| found["category"] == row["sex"] && found["group_by"] == "input_features.sex");
        let category = category.unwrap();
        assert_eq!((&category["n"], &category["selected"]), (&row["n"], &row["selected"]));
        assert!((category["impact_ratio"].as_f64().unwrap() - rate(row) / best).abs() < 1e-12, "{category} {row}");
    }
    let ways: Vec<&Value> = categories.iter().map(|category| &category["group_by"]).collect();
    assert!(
        ways.contains(&&json!("input_features.race"))
            && ways.contains(&&json!("input_features.sex × input_features.race"))
    );
    let missing = categories.iter().find(|found| found["category"] == "(missing)").unwrap();
    assert_eq!((&missing["n"], &missing["is_small"]), (&json!(1), &json!(true)), "who has no category is counted");
    let csv = directory.ok(&[&["report"], &asked[..], &["--days", "30000", "--format", "csv"]].concat());
    assert!(csv.starts_with("group_by,category,n,selected,selection_rate,impact_ratio,is_small,suppressed"), "{csv}");

    let server = directory.serve();
    for (path, status) in [
        ("ecoa", 400),
        ("ecoa?adverse=ok", 400),
        ("ecoa?adverse=prediction.ok%3Dfalse&group=x", 400),
        ("nyc-144?model_id=large&positive=prediction.ok%3Dtrue", 400),
        ("nyc-144?positive=prediction.ok%3Dtrue&group=input_features.sex", 400),
        ("nyc-144?model_id=large&positive=prediction.ok%3Dtrue&group=a&group=b&group=c", 400),
        ("ai-act?days=0", 400),
        ("ai-act?adverse=prediction.ok%3Dfalse", 400),
        ("gdpr", 404),
        ("sox?model_id=large&days=30000", 200),
    ] {
        assert_eq!(server.get(&format!("/v1/reports/{path}")).status, status, "{path}");
    }
    drop(server);
    for misuse in [&["report", "ecoa"] as &[&str], &["report", "nyc-144", "--model", "large"], &["report", "gdpr"]] {
        assert_eq!(directory.run(misuse).status.code(), Some(2), "{misuse:?}");
    }
}

/// A decision of high risk that says only what every decision must.
fn incomplete(id: &str, policy: &str) -> String {
    json!({"decision_id": id, "model_id": "m", "model_version": "1", "input_features": {}, "prediction": 1,
        "data_retention_policy": policy})
    .to_string()
}

#[test]
fn what_the_policy_requires_is_named_or_refused() {
    let directory = Directory::init();
    let output = directory.log(incomplete("d-1", "high_risk"));
    assert!(output.status.success());
    let logged: Value = serde_json::from_slice(&output.stdout).unwrap();
    let detail = "is missing; policy.toml requires it ([requirements.high_risk])";
    assert_eq!(
        logged["missing"],
        json!([{"pointer": "/input_features", "detail": detail}, {"pointer": "/explanation", "detail": detail}])
    );
    assert!(text(&output.stderr).contains("/explanation is missing"), "{}", text(&output.stderr));
    let output = directory.log(incomplete("d-2", "standard"));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap().get("missing"), None);

    // A batch names the lines, an import counts them.
    let server = directory.serve();
    let lines = [incomplete("d-3", "standard"), incomplete("d-4", "high_risk")].join("\n");
    let batch = server.post("/v1/decisions/batch", &lines).json();
    assert_eq!((&batch["accepted"], &batch["incomplete_lines"]), (&json!(2), &json!(1)));
    assert_eq!((&batch["missing"][1]["line"], &batch["missing"][1]["pointer"]), (&json!(2), &json!("/explanation")));
    drop(server);
    let file = directory.write("more.jsonl", incomplete("d-5", "high_risk"));
    assert!(directory.ok(&["import", &file, "--format", "table"]).contains("1 without all that the policy requires"));

    let path = directory.path().join("policy.toml");
    let policy = fs::read_to_string(&path).unwrap();
    fs::write(&path, policy.replace("on_missing = \"warn\"", "on_missing = \"refuse\"")).unwrap();
    let before = directory.count("SELECT count(*) FROM ai_audit_logs");
    let output = directory.log(incomplete("d-6", "high_risk"));
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("/explanation") && said.contains("/input_features") && said.contains("requirements.high_risk"),
        "{said}"
    );
    let server = directory.serve();
    let lines = [incomplete("d-7", "standard"), incomplete("d-8", "high_risk")].join("\n");
    for path in ["/v1/decisions/batch", "/v1/decisions/batch?check=true"] {
        let refused = server.post(path, &lines);
        assert_eq!((refused.status, &refused.json()["errors"][0]["line"]), (422, &json!(2)), "{path}");
    }
    let whole = json!({"decisionId": "d-9", "modelId": "m", "modelVersion": "1", "inputFeatures": {"a": 1}, "prediction": 1,
        "explanation": {"reasoning": "r"}, "dataRetentionPolicy": "high_risk"});
    assert_eq!(server.post("/v1/decisions", whole.to_string()).status, 201);
    assert_eq!(server.count("SELECT count(*) FROM ai_audit_logs"), before + 1);
    let changed = server.rows("SELECT what FROM systems WHERE what = 'policy_changed'");
    assert_eq!(changed.len(), 1);
    drop(server);
    fs::write(&path, policy.replace("\"explanation\"]", "\"explanations\"]")).unwrap();
    assert!(directory.fails(&["sql", "SELECT 1"]).contains("requirements: a field is no member of a decision"));
}

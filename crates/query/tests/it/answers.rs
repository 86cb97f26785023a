//! SQL on a real lake: the seed's queries, what is read of a segment, and how an answer stays within its bounds.

use arrow::array::RecordBatch;
use onrecord_query::print::{Format, Printer};
use onrecord_query::{Engine, Error, Identity, IdentityError, QueryContext};
use onrecord_testing::LakeFixture;
use onrecord_testing::sample;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The seed document's queries, verbatim.
const SEED_QUERIES: &str = include_str!("../../../../examples/seed_queries.sql");

pub(crate) fn engine() -> Engine {
    Engine::new(2, 64 << 20).unwrap()
}

/// The rows of an answer as JSON objects.
pub(crate) fn rows(engine: &Engine, house: &LakeFixture, sql: &str, context: &QueryContext) -> Vec<Value> {
    let answer = engine.query_blocking(house.lake().snapshot(), sql, context);
    let batches = answer.and_then(|rows| rows.collect_blocking()).unwrap_or_else(|error| panic!("{sql}: {error}"));
    objects(&batches)
}

fn objects(batches: &[RecordBatch]) -> Vec<Value> {
    let Some(first) = batches.first() else { return Vec::new() };
    let mut out = Vec::new();
    let mut printer = Printer::begin(Format::JsonLines, &first.schema(), &mut out).unwrap();
    batches.iter().for_each(|batch| printer.rows(batch, &mut out).unwrap());
    String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The error that the query ends with, at once or on the way.
pub(crate) fn error(engine: &Engine, house: &LakeFixture, sql: &str, context: &QueryContext) -> Error {
    let answer = engine.query_blocking(house.lake().snapshot(), sql, context);
    match answer.and_then(|rows| rows.collect_blocking()) {
        Ok(batches) => panic!("{sql}: {:?}", objects(&batches)),
        Err(error) => error,
    }
}

fn ask(engine: &Engine, house: &LakeFixture, sql: &str) -> Vec<Value> {
    rows(engine, house, sql, &QueryContext::default())
}

/// Decisions in two segments of half each but a fifth, which is in the tail.
pub(crate) fn sampled(count: u64) -> LakeFixture {
    let house = LakeFixture::new(1_000_000);
    let append = |numbers: std::ops::Range<u64>| {
        house.append(numbers.map(|number| (*sample::event_id(number).as_bytes(), sample::decision(number))));
    };
    for part in [0..count / 2, count / 2..count - count / 5] {
        append(part);
        house.seal();
    }
    append(count - count / 5..count);
    house
}

fn decisions(count: u64) -> Vec<Value> {
    (0..count).map(|number| serde_json::from_slice(&sample::decision(number)).unwrap()).collect()
}

struct Users(HashMap<String, String>);

impl Identity for Users {
    fn token_of(&self, user_id: &str) -> Result<Option<String>, IdentityError> {
        Ok(self.0.iter().find(|(_, user)| *user == user_id).map(|(token, _)| token.clone()))
    }

    fn user_of(&self, tokens: &[&str]) -> Vec<Option<String>> {
        tokens.iter().map(|token| self.0.get(*token).cloned()).collect()
    }
}

/// Someone who may see that the user of that decision is `user_12345`.
fn revealing(to: u64) -> QueryContext {
    let users = HashMap::from([(sample::user(to), "user_12345".to_owned())]);
    QueryContext { identity: Some(Arc::new(Users(users))), ..QueryContext::default() }
}

#[test]
fn the_queries_of_the_seed_run_as_they_stand() {
    let (engine, house, records) = (engine(), sampled(1_000), decisions(1_000));
    let queries: Vec<&str> = SEED_QUERIES.split(';').map(str::trim).filter(|query| !query.is_empty()).collect();
    // As they stand they run; what they answer is compared as of the day after the sample's, which is long ago.
    let as_of = |sql: &&str| {
        rows(&engine, &house, sql, &revealing(7));
        rows(&engine, &house, &sql.replace("NOW()", "TIMESTAMPTZ '2026-11-24T07:00:00Z'"), &revealing(7))
    };
    let answers: Vec<Vec<Value>> = queries.iter().map(as_of).collect();
    let [of_user, low, by_gender, overrides, by_day, by_confidence] = &answers[..] else { panic!("six queries") };

    let theirs = records.iter().rev().filter(|record| record["user_id"] == sample::user(7).as_str());
    assert_eq!(event_ids(of_user), theirs.map(|record| record["event_id"].clone()).collect::<Vec<_>>());

    let confidence = |record: &Value| record["confidence"].as_f64().unwrap();
    assert_eq!(low.len(), records.iter().filter(|record| confidence(record) < 0.7).count());
    assert!(low.is_sorted_by(|left, right| confidence(left) <= confidence(right)));
    let first = records.iter().find(|record| record["event_id"] == low[0]["event_id"]).unwrap();
    assert_eq!(low[0]["input_features"], first["input_features"]);

    let mut genders: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for record in &records {
        let (all, approved) = genders.entry(record["input_features"]["gender"].as_str().unwrap()).or_default();
        *all += 1;
        *approved += u64::from(record["prediction"]["approved"] == true);
    }
    assert_eq!(by_gender.len(), genders.len());
    for row in by_gender {
        let (all, approved) = genders[row["gender"].as_str().unwrap()];
        assert_eq!((&row["total_decisions"], &row["approvals"]), (&json!(all), &json!(approved)));
        assert!((row["approval_rate"].as_f64().unwrap() - approved as f64 / all as f64).abs() < 1e-9);
    }

    let overridden: Vec<&Value> = records.iter().rev().filter(|record| record["overridden"] == true).collect();
    assert_eq!(overrides.len(), overridden.len());
    assert_eq!(overrides[0]["override_reason"], overridden[0]["override_reason"]);
    assert_eq!(overrides[0]["human_decision"], overridden[0]["human_decision"]);

    assert_eq!(by_day.len(), 1, "the sample spans one day");
    assert_eq!(by_day[0]["total_predictions"], 1_000);
    assert_eq!(by_day[0]["overrides"], json!(overridden.len()));
    assert_eq!(by_day[0]["date"], "2026-11-23");

    let counted: u64 = by_confidence.iter().map(|row| row["count"].as_u64().unwrap()).sum();
    assert_eq!((counted, by_confidence.len()), (1_000, 5));
    assert_eq!(by_confidence[0]["confidence_bucket"], 0.5);
}

fn event_ids(rows: &[Value]) -> Vec<Value> {
    rows.iter().map(|row| row["event_id"].clone()).collect()
}

#[test]
fn the_postgres_dialect_is_spoken() {
    let (engine, house) = (engine(), sampled(200));
    let one = |sql: &str| ask(&engine, &house, sql)[0]["x"].clone();
    for (sql, x) in [
        ("SELECT input_features ? 'gender' AS x FROM ai_audit_logs LIMIT 1", json!(true)),
        ("SELECT COUNT(*) AS x FROM ai_audit_logs WHERE input_features ? 'nothing'", json!(0)),
        (
            "SELECT COUNT(*) FILTER (WHERE explanation #>> '{top_features,0,feature}' IS NOT NULL) AS x FROM ai_audit_logs",
            json!(200),
        ),
        ("SELECT jsonb_typeof(explanation->'top_features') AS x FROM ai_audit_logs LIMIT 1", json!("array")),
        ("SELECT jsonb_array_length(explanation->'top_features') AS x FROM ai_audit_logs LIMIT 1", json!(4)),
        (
            "SELECT COUNT(*) AS x FROM (SELECT UNNEST(json_array_elements(explanation->'top_features'))->>'feature' AS f FROM ai_audit_logs) AS t WHERE f = 'age' OR f <> 'age'",
            json!(800),
        ),
        ("SELECT MAX(timestamp::date)::text AS x FROM ai_audit_logs", json!("2026-11-23")),
        ("SELECT ((timestamp - INTERVAL '60 years')::date)::text AS x FROM ai_audit_logs LIMIT 1", json!("1966-11-23")),
        ("SELECT COUNT(*) AS x FROM (SELECT 1 FROM ai_audit_logs GROUP BY ROLLUP (timestamp::date)) AS t", json!(2)),
        ("SELECT MAX(CAST(COALESCE(timestamp, recorded_at) AS DATE))::text AS x FROM decisions", json!("2026-11-23")),
        ("SELECT MAX(timestamp) + INTERVAL '9000 years' AS x FROM decisions WHERE confidence > 2", Value::Null),
        ("SELECT date_trunc('hour', MIN(recorded_at)) AS x FROM ai_audit_logs", json!("2026-11-23T07:00:00.000000Z")),
        ("SELECT COUNT(DISTINCT EXTRACT(day FROM timestamp)) AS x FROM ai_audit_logs", json!(1)),
        ("SELECT to_char(MIN(recorded_at), 'YYYY-MM') AS x FROM ai_audit_logs", json!("2026-11")),
        (
            "SELECT SUM(1) AS x FROM ai_audit_logs WHERE model_id ILIKE 'LOAN%' AND confidence BETWEEN 0 AND 1",
            json!(200),
        ),
        ("SELECT ROUND(AVG((input_features->>'age')::numeric), 2) IS NOT NULL AS x FROM ai_audit_logs", json!(true)),
        ("SELECT ('{\"a\": {\"b\": [1, \"two\"]}}'::jsonb -> 'a' -> 'b' ->> 1) AS x", json!("two")),
        (
            "WITH t AS (SELECT event_id, ROW_NUMBER() OVER (PARTITION BY input_features->>'gender' ORDER BY timestamp) AS n FROM ai_audit_logs) SELECT COUNT(*) AS x FROM t WHERE n = 1",
            json!(3),
        ),
        (
            "SELECT COUNT(*) AS x FROM ai_audit_logs a LEFT JOIN outcomes o ON o.decision_id = a.decision_id WHERE o.decision_id IS NULL",
            json!(200),
        ),
        (
            "SELECT COUNT(*) AS x FROM ai_audit_logs WHERE event_id IN (SELECT event_id FROM decisions WHERE confidence > 0.7) AND confidence <= 0.7",
            json!(0),
        ),
        (
            "SELECT COUNT(*) AS x FROM ai_audit_logs WHERE confidence > (SELECT MAX(confidence) FROM decisions)",
            json!(0),
        ),
        (
            "SELECT COUNT(*) AS x FROM ai_audit_logs WHERE event_id = '01a20734-5582-75b2-b208-808922a43378'::uuid",
            json!(1),
        ),
        ("SELECT NOW() > '2020-01-01'::timestamptz AS x", json!(true)),
        ("SELECT COUNT(*) AS x FROM (SELECT 1 FROM ai_audit_logs UNION ALL SELECT 1 FROM entries) AS t", json!(400)),
        (
            "SELECT COALESCE(NULLIF(override_reason, ''), 'none') AS x FROM ai_audit_logs ORDER BY override_reason NULLS FIRST LIMIT 1",
            json!("none"),
        ),
    ] {
        assert_eq!(one(sql), x, "{sql}");
    }
    let title = ask(&engine, &house, "SELECT input_features->>'gender' FROM ai_audit_logs LIMIT 1");
    assert_eq!(title[0].as_object().unwrap().keys().collect::<Vec<_>>(), ["?column?"]);
}

#[test]
fn a_query_is_revealing_that_shows_or_compares_user_ids_and_no_other() {
    let (house, engine) = (sampled(10), Engine::new(2, 0).unwrap());
    let is_revealing = |sql: &str, context: &QueryContext| {
        let rows = engine.query_blocking(house.lake().snapshot(), sql, context).unwrap();
        rows.is_revealing()
    };
    for (sql, expected) in [
        ("SELECT user_id FROM ai_audit_logs", true),
        ("SELECT count(*) FROM ai_audit_logs WHERE user_id = 'user_12345'", true),
        ("SELECT max(last) FROM (SELECT max(user_id) AS last FROM ai_audit_logs GROUP BY model_id)", true),
        ("SELECT count(*) FROM ai_audit_logs WHERE user_id < (SELECT 'v')", true),
        ("SELECT user_id FROM decisions", false),
        ("SELECT model_id FROM ai_audit_logs", false),
        ("SELECT count(*) FROM ai_audit_logs WHERE input_features->>'user_id' = 'x'", false),
    ] {
        assert_eq!(is_revealing(sql, &revealing(7)), expected, "{sql}");
        assert!(!is_revealing(sql, &QueryContext::default()), "{sql}: who lacks the role is shown tokens");
    }
}

#[test]
fn nobody_is_said_to_be_missing_when_the_vault_cannot_be_read() {
    struct Unreadable;

    impl Identity for Unreadable {
        fn token_of(&self, _: &str) -> Result<Option<String>, IdentityError> {
            Err(IdentityError)
        }

        fn user_of(&self, tokens: &[&str]) -> Vec<Option<String>> {
            vec![None; tokens.len()]
        }
    }

    let engine = Engine::new(2, 0).unwrap();
    let context = QueryContext { identity: Some(Arc::new(Unreadable)), ..QueryContext::default() };
    // In segments alone, with a tail, and in a tail alone.
    for count in [4, 10, 1] {
        let found = error(
            &engine,
            &sampled(count),
            "SELECT count(*) FROM ai_audit_logs WHERE user_id = 'user_12345'",
            &context,
        );
        assert!(matches!(found, Error::Identity(IdentityError)), "{found:?}");
    }
}

#[test]
fn user_ids_are_for_callers_who_may_reveal() {
    let (engine, house) = (engine(), sampled(50));
    let sql = "SELECT DISTINCT user_id FROM ai_audit_logs WHERE user_id = 'user_12345'";
    assert_eq!(rows(&engine, &house, sql, &revealing(7)), [json!({"user_id": "user_12345"})]);
    assert_eq!(ask(&engine, &house, sql), Vec::<Value>::new());
    let by_token = format!("SELECT DISTINCT user_id FROM ai_audit_logs WHERE user_id = '{}'", sample::user(7));
    assert_eq!(ask(&engine, &house, &by_token), [json!({"user_id": sample::user(7)})]);
    // The raw table holds tokens for everybody.
    let raw = "SELECT DISTINCT user_id FROM decisions WHERE leaf_index = 7";
    assert_eq!(rows(&engine, &house, raw, &revealing(7)), [json!({"user_id": sample::user(7)})]);
}

/// `name=5 total → 2 matched` of the plan that was run.
fn pruned(plan: &str, name: &str) -> (u64, u64) {
    let from = plan.split(&format!("{name}=")).nth(1).unwrap_or_else(|| panic!("no {name} in {plan}"));
    let numbers: Vec<u64> = from.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    (numbers[0], numbers[1])
}

pub(crate) fn analyze(engine: &Engine, house: &LakeFixture, sql: &str) -> String {
    let plan = ask(engine, house, &format!("EXPLAIN ANALYZE {sql}"));
    plan.iter().map(|row| row["plan"].as_str().unwrap()).collect()
}

/// Bytes read of segments, as DataFusion counts and abbreviates them.
pub(crate) fn bytes_scanned(plan: &str) -> f64 {
    let text = plan.split("bytes_scanned=").nth(1).unwrap();
    let number: f64 = text.split([' ', ',', ']']).next().unwrap().parse().unwrap();
    match text.split([' ', ',']).nth(1).unwrap_or_default() {
        "K" => number * 1e3,
        "M" => number * 1e6,
        _ => number,
    }
}

#[test]
fn a_member_of_a_document_is_read_as_a_column() {
    let (engine, house) = (engine(), sampled(4_000));
    let by_gender = "SELECT input_features->>'gender' AS g, COUNT(*) FROM ai_audit_logs GROUP BY g";
    let plan = analyze(&engine, &house, by_gender);
    assert!(plan.contains("projection=[json_text(input_features@6, gender)"), "{plan}");
    let whole = analyze(&engine, &house, "SELECT input_features FROM ai_audit_logs");
    assert!(bytes_scanned(&plan) * 10.0 < bytes_scanned(&whole), "{plan}\n{whole}");
    assert!(bytes_scanned(&plan) < 4_000.0, "a dictionary of three values: {plan}");
    // The same below a filter and in a subquery of the query's own.
    let nested = "SELECT g, AVG(a) FROM (SELECT input_features->>'gender' AS g, (input_features->>'age')::float8 AS a \
                  FROM ai_audit_logs WHERE input_features->>'region' = 'north') AS x GROUP BY g";
    let plan = analyze(&engine, &house, nested);
    assert!(bytes_scanned(&plan) * 5.0 < bytes_scanned(&whole), "{plan}\n{whole}");
}

/// Decisions of few columns, narrow ones alone, and a rest beside them.
fn narrow(number: u64) -> Value {
    let mut record: Value = serde_json::from_slice(&sample::decision(number)).unwrap();
    let fields = record.as_object_mut().unwrap();
    for document in ["input_features", "explanation", "alternative_predictions", "metadata"] {
        fields.remove(document);
    }
    let note =
        if number.is_multiple_of(3) { json!({"note": null}) } else { json!({"approved": number.is_multiple_of(2)}) };
    fields.insert("prediction".to_owned(), note);
    record
}

#[test]
fn resident_columns_answer_as_the_file_does_block_by_block() {
    const ROWS: u64 = 70_000;
    let house = LakeFixture::new(1_000_000);
    let records: Vec<Value> = (0..ROWS).map(narrow).collect();
    let entries = records
        .iter()
        .zip(0..)
        .map(|(record, number)| (*sample::event_id(number).as_bytes(), serde_json::to_vec(record).unwrap()));
    house.append(entries);
    house.seal();
    let wanted = |record: &&Value| record["confidence"].as_f64().is_some_and(|confidence| confidence < 0.6);
    let chosen: Vec<&Value> = records.iter().filter(wanted).collect();
    assert!(chosen.len() > 1_000 && chosen.len() < records.len() - 1_000);
    for (threads, bytes) in [(1, 0), (2, 64 << 20), (3, 200_000)] {
        let engine = Engine::new(threads, bytes).unwrap();
        // Twice: what is decoded first is in memory then, as far as it may be.
        for _ in 0..2 {
            let sql = "SELECT leaf_index, prediction, model_id FROM decisions WHERE confidence < 0.6";
            let mut rows = ask(&engine, &house, sql);
            rows.sort_by_key(|row| row["leaf_index"].as_u64());
            assert_eq!(rows.len(), chosen.len());
            for (row, record) in rows.iter().zip(&chosen) {
                assert_eq!((&row["prediction"], &row["model_id"]), (&record["prediction"], &record["model_id"]));
            }
            // One column is not narrow: the filter chooses, Parquet reads.
            let mut rows = ask(&engine, &house, "SELECT event_id, prediction FROM decisions WHERE confidence < 0.6");
            rows.sort_by_key(|row| row["event_id"].as_str().map(str::to_owned));
            let ids: Vec<&Value> = rows.iter().map(|row| &row["event_id"]).collect();
            let mut expected: Vec<&Value> = chosen.iter().map(|record| &record["event_id"]).collect();
            expected.sort_by_key(|id| id.as_str());
            assert_eq!(ids, expected);
            let count = |condition: &str| {
                let rows = ask(&engine, &house, &format!("SELECT COUNT(*) AS n FROM decisions WHERE {condition}"));
                rows[0]["n"].as_u64().unwrap()
            };
            assert_eq!(count("leaf_index >= 65530 AND leaf_index < 65550"), 20);
            assert_eq!(
                count("prediction->>'approved' = 'true'"),
                (0..ROWS).filter(|n| n % 3 != 0 && n % 2 == 0).count() as u64
            );
            assert_eq!(count("NOT (confidence < 0.6)") + chosen.len() as u64, ROWS);
        }
    }
}

#[test]
fn statistics_and_bloom_filters_answer_look_ups_where_there_is_no_index() {
    let (engine, mut house) = (engine(), sampled(4_000));
    house.remove_indexes();
    let look = |condition: &str| analyze(&engine, &house, &format!("SELECT * FROM ai_audit_logs WHERE {condition}"));
    let id = sample::event_id(700);
    // Ids ascend with time, so bounds tell the segments apart. (3,200 of the 4,000 decisions are sealed, in two.)
    for condition in [
        format!("event_id = '{id}'"),
        "input_features->>'application_id' = 'APP-01000700'".to_owned(),
        "input_features->>'application_id' IN ('APP-01000700', 'APP-01000701')".to_owned(),
        format!("decision_id = '{id}'"),
    ] {
        let plan = look(&condition);
        assert_eq!(pruned(&plan, "row_groups_pruned_statistics"), (2, 1), "{condition}: {plan}");
    }
    // These lie within the bounds of a segment, and are not there.
    for condition in [
        format!("event_id = '{}'", uuid::Uuid::from_u128(id.as_u128() + 1)),
        "request_id = 'req-7fffffffffff'".to_owned(),
    ] {
        let plan = look(&condition);
        assert_eq!(pruned(&plan, "row_groups_pruned_bloom_filter").1, 0, "{condition}: {plan}");
    }
    // Where values come in order there is no filter, and one row group at most can hold what is looked for.
    let plan = look("input_features->>'application_id' = 'APP-01000700x'");
    assert_eq!(pruned(&plan, "row_groups_pruned_statistics"), (2, 1), "{plan}");
    let plan = look("input_features->>'application_id' = 'APP-99999999'");
    assert_eq!(pruned(&plan, "row_groups_pruned_statistics"), (2, 0), "{plan}");
    // Numbers inside documents have bounds too.
    let plan = look("(input_features->>'income')::numeric > 10000000");
    assert_eq!(pruned(&plan, "row_groups_pruned_statistics"), (2, 0), "{plan}");
    let plan = look("(input_features->>'debt_to_income')::float8 < -1");
    assert_eq!(pruned(&plan, "row_groups_pruned_statistics"), (2, 0), "{plan}");
    // The newest rows come from the tail, and then no older segment can have any.
    let newest = "SELECT event_id FROM ai_audit_logs ORDER BY recorded_at DESC LIMIT 5";
    assert_eq!(ask(&engine, &house, newest)[0]["event_id"], sample::event_id(3_999).to_string());
}

#[test]
fn the_newest_rows_are_put_together_late() {
    let (engine, house, records) = (engine(), sampled(3_000), decisions(3_000));
    house.seal();
    let sql = "SELECT * FROM ai_audit_logs WHERE input_features->>'gender' = 'female' ORDER BY timestamp DESC LIMIT 20";
    let plan = analyze(&engine, &house, sql);
    assert!(plan.contains("ReadLate"), "{plan}");
    let theirs = records.iter().filter(|record| record["input_features"]["gender"] == "female");
    let mut theirs: Vec<&Value> = theirs.collect();
    theirs.sort_by_key(|record| std::cmp::Reverse(record["timestamp"].as_str().unwrap()));
    let found = rows(&engine, &house, sql, &revealing(7));
    assert_eq!(found.len(), 20);
    for (row, record) in found.iter().zip(theirs) {
        for name in ["event_id", "input_features", "prediction", "explanation", "confidence", "timestamp", "request_id"]
        {
            assert_eq!(row[name], record[name], "{name}");
        }
    }
    // What is sorted by is not put off, and neither is what costs nothing.
    let cheap = "SELECT model_id FROM ai_audit_logs ORDER BY timestamp DESC LIMIT 20";
    assert!(!analyze(&engine, &house, cheap).contains("ReadLate"));
    let by_document = "SELECT prediction FROM ai_audit_logs ORDER BY prediction LIMIT 20";
    assert!(!analyze(&engine, &house, by_document).contains("ReadLate"));
    assert_eq!(
        ask(&engine, &house, "SELECT prediction FROM ai_audit_logs WHERE confidence > 2 ORDER BY timestamp LIMIT 5"),
        Vec::<Value>::new()
    );
}

#[test]
fn a_review_does_not_make_every_segment_be_read() {
    let house = LakeFixture::new(1_000_000);
    let plain = |number: u64| {
        let text = String::from_utf8(sample::decision(number)).unwrap();
        text.contains(r#""overridden":false"#).then(|| (*sample::event_id(number).as_bytes(), text.into_bytes()))
    };
    for part in [0..400, 400..800, 800..1_200] {
        house.append(part.filter_map(plain));
        house.seal();
    }
    let of = (410..).find(|number| plain(*number).is_some()).unwrap();
    let (review, record) = sample::review(5_000, of);
    house.append([(*review.as_bytes(), record)]);
    let engine = engine();
    let sql = "SELECT event_id, human_decision FROM ai_audit_logs WHERE overridden";
    let found = json!({"event_id": sample::event_id(of).to_string(), "human_decision": "reject"});
    assert_eq!(ask(&engine, &house, sql), [found]);
    let plan = analyze(&engine, &house, sql);
    assert_eq!(pruned(&plan, "row_groups_pruned_statistics"), (3, 1), "{plan}");
}

#[test]
fn an_answer_is_cut_at_its_bound_and_says_so() {
    let (engine, house) = (engine(), sampled(100));
    let context = QueryContext { rows_max: Some(10), ..QueryContext::default() };
    for (sql, count, cut) in [
        ("SELECT event_id FROM ai_audit_logs", 10, true),
        ("SELECT event_id FROM ai_audit_logs LIMIT 10", 10, false),
        ("SELECT event_id FROM ai_audit_logs ORDER BY timestamp LIMIT 11", 10, true),
        ("SELECT COUNT(*) FROM ai_audit_logs", 1, false),
    ] {
        let mut answer = engine.query_blocking(house.lake().snapshot(), sql, &context).unwrap();
        let mut rows = 0;
        while let Some(batch) = answer.next_blocking() {
            rows += batch.unwrap().num_rows();
        }
        assert_eq!((rows, answer.is_cut_short()), (count, cut), "{sql}");
    }
}

#[test]
fn a_query_stays_within_its_memory_and_its_time() {
    let (engine, house) = (engine(), sampled(2_000));
    let poor = QueryContext { memory_bytes_max: 200_000, ..QueryContext::default() };
    for sql in [
        "SELECT input_features FROM ai_audit_logs ORDER BY input_features",
        "SELECT request_id, COUNT(*) FROM ai_audit_logs GROUP BY request_id",
        "SELECT a.event_id FROM ai_audit_logs a JOIN ai_audit_logs b ON a.request_id = b.request_id",
    ] {
        let error = error(&engine, &house, sql, &poor);
        assert!(matches!(error, Error::Memory { bytes_max: 200_000 }), "{sql}: {error}");
    }
    let hasty = QueryContext { time_max: Duration::from_millis(300), ..QueryContext::default() };
    let start = Instant::now();
    for sql in [
        "SELECT SUM(generate_series) FROM generate_series(1, 1000000000000)",
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT MAX(n) FROM t",
        "SELECT COUNT(*) FROM ai_audit_logs a, ai_audit_logs b, ai_audit_logs c WHERE a.confidence + b.confidence > c.confidence",
    ] {
        let error = error(&engine, &house, sql, &hasty);
        assert!(matches!(error, Error::Time { .. }), "{sql}: {error}");
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn a_dropped_answer_stops_its_query() {
    let (engine, house) = (Engine::new(1, 64 << 20).unwrap(), sampled(10));
    let endless = "SELECT generate_series FROM generate_series(1, 1000000000000)";
    for _ in 0..3 {
        let mut answer = engine.query_blocking(house.lake().snapshot(), endless, &QueryContext::default()).unwrap();
        assert!(answer.next_blocking().unwrap().unwrap().num_rows() > 0);
    }
    // The engine's only thread is free again.
    assert_eq!(ask(&engine, &house, "SELECT COUNT(*) AS n FROM entries"), [json!({"n": 10})]);
}

#[test]
fn an_engine_serves_async_callers_and_may_be_dropped_by_them() {
    let house = sampled(10);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let engine = engine();
        let sql = "SELECT kind FROM entries WHERE leaf_index = 3";
        let answer = engine.query(house.lake().snapshot(), sql, &QueryContext::default()).await.unwrap();
        assert_eq!(objects(&answer.collect().await.unwrap()), [json!({"kind": "decision"})]);
    });
}

#[test]
fn an_empty_ledger_has_empty_tables() {
    let (engine, house) = (engine(), LakeFixture::new(1_000));
    for table in ["ai_audit_logs", "decisions", "entries", "reviews", "outcomes", "holds", "systems"] {
        assert_eq!(ask(&engine, &house, &format!("SELECT * FROM {table}")), Vec::<Value>::new());
        assert_eq!(ask(&engine, &house, &format!("SELECT COUNT(*) AS n FROM {table}")), [json!({"n": 0})]);
    }
}

#[test]
fn every_kind_of_entry_has_its_table() {
    let house = LakeFixture::new(1_000);
    let entries = [
        r#"{"decision_id":"D-1","event_id":"01935a3e-0000-7000-8000-000000000001","kind":"outcome","metadata":{"a":1},"outcome":{"repaid":true},"recorded_at":"2026-11-23T07:00:00.000001Z","schema":1,"timestamp":"2026-11-23T07:00:00.000000Z"}"#,
        r#"{"action":"sql","actor":"token:a","event_id":"01935a3e-0000-7000-8000-000000000002","kind":"access","recorded_at":"2026-11-23T07:00:00.000002Z","rows":12,"schema":1,"what":"SELECT 1"}"#,
        r#"{"detail":{"version":"0.1.0"},"event_id":"01935a3e-0000-7000-8000-000000000003","kind":"system","recorded_at":"2026-11-23T07:00:00.000003Z","schema":1,"what":"started"}"#,
        "not JSON at all",
    ];
    let with_ids = || (1_u128..).map(|id| (0x0193_5a3e_0000_7000_8000_0000_0000_0000 + id).to_be_bytes()).zip(entries);
    house.append(with_ids().map(|(id, record)| (id, record.as_bytes().to_vec())));
    let engine = engine();
    for sealed in [false, true] {
        if sealed {
            house.seal();
        }
        let all = ask(&engine, &house, "SELECT kind, recorded_at FROM entries ORDER BY leaf_index");
        assert_eq!(all[3], json!({"kind": "unknown", "recorded_at": null}));
        let outcome = ask(
            &engine,
            &house,
            "SELECT outcome->>'repaid' AS repaid, metadata, timestamp FROM outcomes WHERE decision_id = 'D-1'",
        );
        assert_eq!(
            outcome,
            [json!({"repaid": "true", "metadata": {"a": 1}, "timestamp": "2026-11-23T07:00:00.000000Z"})]
        );
        let access = ask(&engine, &house, "SELECT actor, rows + 1 AS n FROM accesses");
        assert_eq!(access, [json!({"actor": "token:a", "n": 13})]);
        let system = ask(&engine, &house, "SELECT detail FROM systems WHERE what = 'started'");
        assert_eq!(system, [json!({"detail": {"version": "0.1.0"}})]);
    }
}

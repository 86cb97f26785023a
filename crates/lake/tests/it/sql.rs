//! SQL on a real lake: the seed's queries, what is read of a segment, and what is refused.

use crate::house::{House, id};
use crate::sample;
use arrow::array::RecordBatch;
use onrecord_lake::sql::print::{Format, Printer};
use onrecord_lake::sql::{Engine, Error, Identity, QueryContext};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The seed document's queries, one after the other.
const SEED_QUERIES: &str = include_str!("seed_queries.sql");

fn engine() -> Engine {
    Engine::new(2).unwrap()
}

/// The rows of an answer as JSON objects.
pub(crate) fn rows(engine: &Engine, house: &House, sql: &str, context: &QueryContext) -> Vec<Value> {
    let answer = engine.query_blocking(house.lake().snapshot(), sql, context);
    let batches = answer.and_then(|rows| rows.collect_blocking()).unwrap_or_else(|error| panic!("{sql}: {error}"));
    objects(&batches)
}

pub(crate) fn objects(batches: &[RecordBatch]) -> Vec<Value> {
    let (mut printer, mut out) = (Printer::new(Format::JsonLines), Vec::new());
    batches.iter().for_each(|batch| printer.rows(batch, &mut out).unwrap());
    String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn error(engine: &Engine, house: &House, sql: &str) -> Error {
    let answer = engine.query_blocking(house.lake().snapshot(), sql, &QueryContext::default());
    match answer.and_then(|rows| rows.collect_blocking()) {
        Ok(batches) => panic!("{sql}: {} batches", batches.len()),
        Err(error) => error,
    }
}

/// Decisions in two segments and in the tail.
fn sampled(rows: u64) -> House {
    let house = House::new(1_000_000);
    for part in [0..rows / 2, rows / 2..rows - rows / 5] {
        house.append(part.map(|number| (*sample::event_id(number).as_bytes(), sample::decision(number))));
        house.seal();
    }
    house
        .append((rows - rows / 5..rows).map(|number| (*sample::event_id(number).as_bytes(), sample::decision(number))));
    house
}

fn decision(number: u64) -> Value {
    serde_json::from_slice(&sample::decision(number)).unwrap()
}

struct Users(HashMap<String, String>);

impl Identity for Users {
    fn token_of(&self, user_id: &str) -> Option<String> {
        self.0.iter().find(|(_, user)| *user == user_id).map(|(token, _)| token.clone())
    }

    fn user_of(&self, tokens: &[&str]) -> Vec<Option<String>> {
        tokens.iter().map(|token| self.0.get(*token).cloned()).collect()
    }
}

fn entitled(to: u64) -> QueryContext {
    let users = HashMap::from([(sample::user(to), "user_12345".to_owned())]);
    QueryContext { identity: Some(Arc::new(Users(users))), ..QueryContext::default() }
}

#[test]
fn the_queries_of_the_seed_run_as_they_stand() {
    let (engine, house) = (engine(), sampled(500));
    let queries: Vec<&str> = SEED_QUERIES.split(';').map(str::trim).filter(|query| !query.is_empty()).collect();
    assert_eq!(queries.len(), 6);
    let answers: Vec<Vec<Value>> = queries.iter().map(|sql| rows(&engine, &house, sql, &entitled(7))).collect();
    let of_user: Vec<u64> = (0..500).filter(|number| sample::user(*number) == sample::user(7)).collect();
    assert_eq!(answers[0].len(), of_user.len());
    assert_eq!(answers[0][0]["prediction"]["approved"], decision(*of_user.last().unwrap())["prediction"]["approved"]);
    for answer in &answers {
        println!("{}", answer.first().unwrap_or(&Value::Null));
    }
}

#[test]
fn explain_shows() {
    let (engine, house) = (engine(), sampled(5000));
    for sql in [
        "SELECT input_features->>'gender' as gender, COUNT(*) FROM ai_audit_logs WHERE model_id = 'loan_approval_model' AND timestamp > NOW() - INTERVAL '30 days' GROUP BY input_features->>'gender'",
        "SELECT * FROM ai_audit_logs WHERE input_features->>'application_id' = 'APP-01000007'",
        "SELECT event_id, input_features->>'region' r FROM ai_audit_logs ORDER BY timestamp DESC LIMIT 3",
        "SELECT AVG((input_features->>'income')::float8) FROM ai_audit_logs WHERE (input_features->>'loan_amount')::numeric > 5000",
    ] {
        for row in rows(&engine, &house, &format!("EXPLAIN ANALYZE {sql}"), &QueryContext::default()) {
            println!("{}", row["plan"].as_str().unwrap());
        }
        println!("{:?}", rows(&engine, &house, sql, &QueryContext::default()));
    }
}

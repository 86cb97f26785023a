//! The quick ways give the answer of the slow one: rows that an index finds, the first rows of an order, and both page by
//! page, over segments and tail, with reviews, decision ids that are there twice, late decisions, and rows that were removed.

use crate::answers::rows;
use onrecord_lake::{LeafIndex, LeafSet, Removal, rewrite};
use onrecord_query::{Engine, Identity, IdentityError, QueryContext};
use onrecord_testing::{LakeFixture, Random, sample};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

const USERS: u64 = 40;
const COUNT: u64 = 1_200;

/// A decision among others about the same person; some have no confidence, come late, or have the id of one before.
fn decision(number: u64) -> Vec<u8> {
    let mut record: Value = serde_json::from_slice(&sample::decision(number)).unwrap();
    record["user_id"] = sample::user(number % USERS).into();
    if number.is_multiple_of(17) {
        record["decision_id"] = format!("D-{}", number / 34).into();
    }
    if number % 13 == 5 {
        record.as_object_mut().unwrap().remove("confidence");
    }
    if number % 50 == 7 {
        let earlier: Value = serde_json::from_slice(&sample::decision(number / 2)).unwrap();
        record["timestamp"] = earlier["timestamp"].clone();
    }
    if number % 29 == 3 {
        record["model_id"] = "another_model".into();
    }
    let mut bytes = Vec::new();
    onrecord_record::canonical::write_json(&record, &mut bytes);
    bytes
}

/// Three segments, of which one has lost rows, and a tail; reviews among all of them.
fn house() -> LakeFixture {
    let house = LakeFixture::new(1_000_000);
    let parts = [0..COUNT / 3, COUNT / 3..COUNT / 2, COUNT / 2..COUNT - 100, COUNT - 100..COUNT];
    for (at, part) in parts.into_iter().enumerate() {
        house.append(part.clone().map(|number| (sample::event_id(number).into_bytes(), decision(number))));
        house.append((0..12).map(|review| {
            let of = Random::new(at as u64 * 100 + review).below(part.end);
            let (id, record) = sample::review(COUNT + at as u64 * 100 + review, of);
            (id.into_bytes(), record)
        }));
        if at < 3 {
            house.seal();
        }
    }
    let rows: LeafSet = (3..9).chain(500..520).map(LeafIndex).collect();
    rewrite(house.lake(), house.ledger(), &Removal { rows, sidecars: LeafSet::default() }).unwrap();
    house
}

/// Sees the users behind the first tokens; of the others the vault has none.
struct Some20;

impl Identity for Some20 {
    fn token_of(&self, user_id: &str) -> Result<Option<String>, IdentityError> {
        Ok(user_id.strip_prefix("user-").and_then(|number| number.parse().ok()).filter(|at| *at < 20).map(sample::user))
    }

    fn user_of(&self, tokens: &[&str]) -> Vec<Option<String>> {
        let users: HashMap<String, u64> = (0..20).map(|number| (sample::user(number), number)).collect();
        tokens.iter().map(|token| users.get(*token).map(|number| format!("user-{number}"))).collect()
    }
}

fn contexts() -> [QueryContext; 2] {
    [QueryContext::default(), QueryContext { identity: Some(Arc::new(Some20)), ..QueryContext::default() }]
}

/// Engines that keep columns, and none.
fn engines() -> [Engine; 3] {
    [(2, 64 << 20), (1, 64 << 20), (3, 0)].map(|(threads, bytes)| Engine::new(threads, bytes).unwrap())
}

const COLUMNS: &str = "leaf_index, event_id, decision_id, timestamp, model_id, confidence, user_id, prediction, overridden, \
    human_decision, explanation->>'reasoning' AS reasoning";

const ORDERS: [&str; 6] = [
    "timestamp DESC, leaf_index DESC",
    "timestamp, leaf_index",
    "confidence DESC, leaf_index",
    "confidence, timestamp DESC, leaf_index DESC",
    "overridden DESC, model_id, leaf_index DESC",
    "user_id, leaf_index",
];

const FILTERS: [&str; 12] = [
    "true",
    "confidence < 0.7",
    "confidence < 0.5001",
    "model_id = 'another_model'",
    "model_id = 'loan_approval_model' AND confidence < 0.8 AND leaf_index < 1000",
    "overridden",
    "NOT human_reviewed AND confidence IS NULL",
    "input_features->>'gender' = 'female'",
    "leaf_index IN (1, 5, 8, 9, 519, 520, 1199)",
    "decision_id IN ('D-1', 'D-7', 'D-40')",
    "timestamp < (SELECT max(timestamp) FROM decisions WHERE leaf_index < 500)",
    "user_id IN (SELECT user_id FROM ai_audit_logs WHERE leaf_index = 17)",
];

/// The answer of a query with a bound is the beginning of that without: the one is found as a top-k, the other sorted.
#[test]
fn the_first_rows_of_an_order_are_those_of_the_whole_order() {
    let house = house();
    let mut compared = 0;
    for (engine, context) in engines().iter().zip(contexts().iter().cycle()) {
        for filter in FILTERS {
            for order in ORDERS {
                let ask = |end: &str| {
                    let sql = format!("SELECT {COLUMNS} FROM ai_audit_logs WHERE {filter} ORDER BY {order}{end}");
                    (rows(engine, &house, &sql, context), sql)
                };
                let (all, _) = ask("");
                for (limit, offset) in [(25, 3), (300, 0)] {
                    let (some, sql) = ask(&format!(" LIMIT {limit} OFFSET {offset}"));
                    let expected: Vec<_> = all.iter().skip(offset).take(limit).cloned().collect();
                    assert_eq!(some, expected, "{sql}");
                    compared += some.len();
                }
            }
        }
    }
    assert!(compared > 20_000, "{compared}");
}

/// What a look-up shows of a person is what a scan shows that does not know whom it will find.
#[test]
fn a_person_looked_up_is_shown_as_a_scan_shows_them() {
    let mut house = house();
    let ask = |house: &LakeFixture| {
        let mut answers = Vec::new();
        for (at, (engine, context)) in engines().iter().zip(contexts().iter().cycle().skip(1)).enumerate() {
            if at == 0 {
                // From here on its narrow columns are in memory.
                let narrow = "min(timestamp), min(confidence), min(model_id), count(overridden), min(environment)";
                rows(engine, house, &format!("SELECT {narrow} FROM decisions"), context);
            }
            let shown = |number: u64| if number < 20 { format!("user-{number}") } else { sample::user(number) };
            for user in [shown(1), shown(30), sample::user(1), "nobody".to_owned()] {
                for (columns, filter) in [
                    ("*", format!("user_id = '{user}'")),
                    (
                        "user_id, leaf_index, upper(user_id) AS upper",
                        format!("'{user}' = user_id AND confidence < 0.8"),
                    ),
                    ("user_id, leaf_index", format!("user_id IN ('{user}')")),
                    ("user_id, leaf_index", format!("user_id = '{user}' AND user_id <> 'x' AND user_id LIKE '%1%'")),
                    ("user_id, leaf_index", format!("user_id = '{user}' AND decision_id = 'D-1'")),
                ] {
                    for table in ["ai_audit_logs", "decisions"] {
                        let sql = format!(
                            "SELECT {columns} FROM {table} WHERE {filter} ORDER BY timestamp DESC, leaf_index DESC LIMIT 40"
                        );
                        answers.push((rows(engine, house, &sql, context), sql));
                    }
                }
            }
        }
        answers
    };
    let looked_up = ask(&house);
    house.remove_indexes();
    let scanned = ask(&house);
    for ((looked_up, sql), (scanned, _)) in looked_up.iter().zip(&scanned) {
        assert_eq!(looked_up, scanned, "{sql}");
    }
    assert!(looked_up.iter().map(|(rows, _)| rows.len()).sum::<usize>() > 500);
}

/// Pages by a key, as `GET /v1/decisions` asks for them, give each row once, in the order of the whole, while more arrive.
#[test]
fn pages_give_each_row_once_while_decisions_arrive() {
    let (house, engine) = (house(), Engine::new(2, 64 << 20).unwrap());
    let ask = |sql: &str| rows(&engine, &house, sql, &QueryContext::default());
    for filter in ["true", "confidence < 0.7", "model_id = 'another_model'", "overridden"] {
        let size = house.lake().snapshot().end().0;
        let page = |more: &str| {
            format!(
                "SELECT event_id, timestamp, leaf_index, prediction, user_id FROM ai_audit_logs WHERE leaf_index < {size} \
                 AND {filter}{more} ORDER BY timestamp DESC, leaf_index DESC"
            )
        };
        let expected = ask(&page(""));
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let mut some = ask(&format!("{} LIMIT 101", page(&after)));
            let is_last = some.len() <= 100;
            some.truncate(100);
            found.append(&mut some);
            if is_last {
                break;
            }
            let last = found.last().unwrap();
            let (time, leaf) = (last["timestamp"].as_str().unwrap(), &last["leaf_index"]);
            after = format!(
                " AND timestamp <= TIMESTAMPTZ '{time}' AND (timestamp < TIMESTAMPTZ '{time}' OR leaf_index < {leaf})"
            );
            let number = 10 * COUNT + house.lake().snapshot().end().0;
            house.append([(sample::event_id(number).into_bytes(), sample::decision(number))]);
        }
        assert_eq!(found, expected, "{filter}");
    }
}

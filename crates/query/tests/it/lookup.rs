//! The look-up indexes: they find what a scan finds, read little for it, and are not needed.

use crate::answers::{analyze, bytes_scanned, engine, rows};
use onrecord_lake::Key;
use onrecord_query::{Engine, QueryContext};
use onrecord_testing::{LakeFixture, sample};
use serde_json::{Value, json};

/// Users of the decisions here: each has some twenty.
const USERS: u64 = 150;

/// A decision by somebody who has others, with identifiers of several types, some of them in the rest.
fn decision(number: u64) -> Value {
    let mut record: Value = serde_json::from_slice(&sample::decision(number)).unwrap();
    record["user_id"] = sample::user(number % USERS).into();
    if number.is_multiple_of(3) {
        record["decision_id"] = format!("D-{}", number / 2).into();
    }
    let inputs = record["input_features"].as_object_mut().unwrap();
    match number % 50 {
        1 => drop(inputs.remove("application_id")),
        2 => inputs["application_id"] = Value::Null,
        3 => inputs["application_id"] = number.into(),
        4 => inputs["application_id"] = true.into(),
        5 => inputs["application_id"] = json!({"x": number}),
        6 => inputs["application_id"] = json!(["APP", number]),
        7 => inputs["application_id"] = format!("{{\"x\":{number}}}").into(),
        8 => inputs["application_id"] = "long ".repeat(2_000).into(),
        9 => inputs["application_id"] = (number as f64 + 0.5).into(),
        10 => inputs["application_id"] = (number as f64 / 1e12).into(),
        12 => inputs["application_id"] = (number as f64 * 1e20).into(),
        _ => {}
    }
    if number % 40 == 11 {
        // Not as the columns give it: its exact bytes are kept.
        record["input_features"]["odd"] = Value::Null;
    }
    record
}

fn house(count: u64) -> LakeFixture {
    let house = LakeFixture::new(1_000_000);
    for part in [0..count / 3, count / 3..count * 9 / 10, count * 9 / 10..count] {
        house.append(part.clone().map(|number| {
            let mut record = Vec::new();
            onrecord_record::canonical::write_json(&decision(number), &mut record);
            (*sample::event_id(number).as_bytes(), record)
        }));
        if part.end < count {
            house.seal();
        }
    }
    house
}

/// Conditions with rows and without.
fn conditions(count: u64) -> Vec<String> {
    let application = |value: &str| format!("input_features->>'application_id' = '{value}'");
    vec![
        format!("user_id = '{}'", sample::user(7)),
        format!("'{}' = user_id", sample::user(8)),
        format!("user_id IN ('{}', '{}', 'nobody', '{0}')", sample::user(1), sample::user(149)),
        format!("user_id IN ('{}', NULL)", sample::user(1)),
        format!("user_id = '{}'", sample::user(USERS + 1)),
        format!("user_id = '{}'", sample::user(7).to_uppercase()),
        "user_id = ''".to_owned(),
        format!("user_id = '{}' AND confidence < 0.7", sample::user(7)),
        format!("user_id = '{}' AND input_features->>'gender' = 'female'", sample::user(7)),
        format!("user_id = '{}' OR confidence < 0.1", sample::user(7)),
        format!("NOT (user_id = '{}')", sample::user(7)),
        format!("user_id <> '{}'", sample::user(7)),
        "decision_id = 'D-3'".to_owned(),
        "decision_id IN ('D-3', 'D-6', 'D-1000000')".to_owned(),
        format!("decision_id = '{}'", sample::event_id(700)),
        format!("decision_id IN ('{}', 'D-30', '{}')", sample::event_id(701), sample::event_id(count * 2)),
        format!("decision_id = '{}'", sample::event_id(701).to_string().to_uppercase()),
        application("APP-01000700"),
        application("APP-99999999"),
        application("103"),
        application("103.0"),
        application("true"),
        application("109.5"),
        application("0.00000000011"),
        application("1.1e-10"),
        application("11200000000000000000000"),
        application("1.12e+22"),
        application(r#"{"x":105}"#),
        application(r#"{"x":107}"#),
        application(r#"["APP",106]"#),
        application(&"long ".repeat(2_000)),
        application("x''y"),
        "input_features->>'application_id' IN ('APP-01000700', '103', 'true', 'APP-01000710')".to_owned(),
        "input_features->>'application_id' IS NULL".to_owned(),
        "input_features->>'gender' IN ('female', 'other')".to_owned(),
        "input_features->>'gender' = 'female' AND user_id IS NOT NULL".to_owned(),
    ]
}

const ENDS: [&str; 3] = ["", " ORDER BY timestamp DESC LIMIT 7", " ORDER BY confidence, leaf_index LIMIT 100 OFFSET 2"];

fn answers(engine: &Engine, house: &LakeFixture, count: u64) -> Vec<(String, Vec<Value>)> {
    let mut answers = Vec::new();
    for condition in conditions(count) {
        for end in ENDS {
            let columns = "leaf_index, timestamp, prediction, overridden, confidence, user_id";
            let sql = format!("SELECT {columns} FROM ai_audit_logs WHERE {condition}{end}");
            let mut found = rows(engine, house, &sql, &QueryContext::default());
            if end.is_empty() {
                found.sort_by_key(|row| row["leaf_index"].as_u64());
            }
            answers.push((sql, found));
        }
        let sql = format!("SELECT count(*) AS n FROM decisions WHERE {condition}");
        answers.push((sql.clone(), rows(engine, house, &sql, &QueryContext::default())));
    }
    answers
}

#[test]
fn an_index_finds_what_a_scan_finds() {
    const COUNT: u64 = 3_000;
    let mut house = house(COUNT);
    let with_index = answers(&engine(), &house, COUNT);
    house.remove_indexes();
    let scanned = answers(&engine(), &house, COUNT);
    let mut found = 0;
    for ((sql, with_index), (_, scanned)) in with_index.iter().zip(&scanned) {
        assert_eq!(with_index, scanned, "{sql}");
        found += with_index.len();
    }
    assert!(found > 10_000, "{found}");
}

#[test]
fn a_look_up_reads_little() {
    const COUNT: u64 = 3_000;
    let house = house(COUNT);
    let engine = engine();
    let of = |condition: &str| {
        let plan =
            analyze(&engine, &house, &format!("SELECT event_id, prediction FROM ai_audit_logs WHERE {condition}"));
        let rows = plan.split("index_rows=").nth(1).and_then(|rest| rest.split([',', ']']).next()?.parse::<u64>().ok());
        (rows, bytes_scanned(&plan))
    };
    let (rows, _) = of(&format!("user_id = '{}'", sample::user(7)));
    assert_eq!(rows, Some(18), "of twenty, two are in the tail");
    let (rows, bytes) = of("input_features->>'application_id' = 'APP-01000700'");
    assert_eq!(rows, Some(1));
    let (rows, nothing) = of("input_features->>'application_id' = 'APP-99999999'");
    assert_eq!(rows, Some(0));
    assert!(nothing == 0.0 && bytes > 0.0, "{nothing} {bytes}");
    assert_eq!(of("confidence < 0.1").0, None);
}

#[test]
fn a_damaged_or_foreign_index_is_not_used() {
    const COUNT: u64 = 1_500;
    let mut house = house(COUNT);
    let sql = format!("SELECT leaf_index FROM ai_audit_logs WHERE user_id = '{}' ORDER BY 1", sample::user(7));
    let expected = rows(&engine(), &house, &sql, &QueryContext::default());
    assert_eq!(expected.len(), 10);
    let indexes: Vec<_> = house.segment_files().iter().map(|file| file.with_extension("index")).collect();
    let sound: Vec<Vec<u8>> = indexes.iter().map(|index| std::fs::read(index).unwrap()).collect();
    type Damage<'d> = &'d dyn Fn(&mut Vec<u8>);
    let damage: [Damage<'_>; 5] = [
        &|bytes| bytes[12] ^= 1,
        &|bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        },
        &|bytes| bytes.truncate(bytes.len() - 30),
        &|bytes| bytes.clear(),
        // That of another segment.
        &|bytes| bytes.clone_from(&sound[1]),
    ];
    for (number, damage) in damage.into_iter().enumerate() {
        house.close();
        let mut bytes = sound[0].clone();
        damage(&mut bytes);
        std::fs::write(&indexes[0], bytes).unwrap();
        house.open();
        assert_eq!(rows(&engine(), &house, &sql, &QueryContext::default()), expected, "damage {number}");
        let wrong = house.verify();
        let is_foreign = number == 4;
        assert_eq!(wrong.is_empty(), is_foreign, "damage {number}: {wrong:?}");
        assert!(wrong.iter().all(|wrong| wrong.contains(".index is damaged")), "{wrong:?}");
    }
    std::fs::write(&indexes[0], &sound[0]).unwrap();
    house.reopen();
    let snapshot = house.lake().snapshot();
    let of = |segment: &onrecord_lake::Segment| segment.find(&snapshot.keys, &Key::Subject, &[&sample::user(7)]);
    assert!(snapshot.segments.iter().all(|segment| of(segment).is_some_and(|found| found.exact)));
}

#[test]
fn a_query_compares_what_it_reads_and_nothing_else() {
    const COUNT: u64 = 12_000;
    let mut house = house(COUNT);
    let path = house.segment_files().remove(1);
    let sound = std::fs::read(&path).unwrap();
    let by_user = format!("SELECT count(*) AS n FROM ai_audit_logs WHERE user_id = '{}'", sample::user(7));
    let all = "SELECT event_id, input_features, prediction, explanation, metadata, request_id, user_id FROM decisions";
    let expected = rows(&engine(), &house, &by_user, &QueryContext::default());
    let (mut refused, mut answered) = (0, 0);
    for part in 1..10 {
        house.close();
        let mut damaged = sound.clone();
        damaged[sound.len() * part / 11] ^= 0x10;
        std::fs::write(&path, damaged).unwrap();
        house.open();
        let engine = engine();
        // What the query does not touch does not matter to it; what it touches is never given out.
        let answer = engine.query_blocking(house.lake().snapshot(), &by_user, &QueryContext::default());
        match answer.and_then(|rows| rows.collect_blocking()) {
            Ok(_) => {
                assert_eq!(rows(&engine, &house, &by_user, &QueryContext::default()), expected);
                answered += 1;
            }
            Err(error) => assert!(error.to_string().contains("segment"), "{error}"),
        }
        let answer = engine.query_blocking(house.lake().snapshot(), all, &QueryContext::default());
        if let Err(error) = answer.and_then(|rows| rows.collect_blocking()) {
            assert!(error.to_string().contains("segment"), "{error}");
            refused += 1;
        }
    }
    assert!(answered > 2 && refused > 4, "{answered} answered, {refused} refused");
}

//! Numbers and times beyond what a double and a timestamp hold, asked for by SQL: every digit of them, from segments and
//! from the tail.

use crate::answers::engine;
use onrecord_query::print::{Format, Printer};
use onrecord_query::{Engine, QueryContext};
use onrecord_testing::{LakeFixture, id};
use std::sync::Arc;
use uuid::Uuid;

const ACCOUNT: i64 = 107_505_301_260_286_111;
const WEI: u128 = 19_876_543_210_987_654_321;
const LONGEST: &str = "99999999999999999999999999999999999999";

/// A decision about an account, with longer numbers that no column holds.
fn decision(number: u64) -> ([u8; 16], Vec<u8>) {
    let event_id = id(number);
    let text = Uuid::from_bytes(event_id);
    let (account, wei) = (ACCOUNT + number as i64, WEI + u128::from(number));
    let record = format!(
        r#"{{"confidence":0.5,"decision_id":"d{number}","event_id":"{text}","input_features":{{"account":{account},"longest":{LONGEST},"wei":{wei}}},"kind":"decision","prediction":[{wei},{{"account":{account}}}],"recorded_at":"2026-11-23T07:46:33.123456Z","schema":1,"timestamp":"2026-11-20T10:00:00.123456Z","timestamp_sent":"2026-11-20T10:00:00.12345678{number}Z"}}"#
    );
    (event_id, record.into_bytes())
}

/// Eight in a segment and two in the tail.
fn house() -> LakeFixture {
    let house = LakeFixture::new(1_000);
    house.append((0..8).map(decision));
    house.seal();
    house.append((8..10).map(decision));
    house
}

fn printed(engine: &Engine, house: &LakeFixture, sql: &str, format: Format) -> String {
    let answer = engine.query_blocking(house.lake().snapshot(), sql, &QueryContext::default());
    let batches = answer.and_then(|rows| rows.collect_blocking()).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let schema =
        batches.first().map(|batch| batch.schema()).unwrap_or_else(|| Arc::new(arrow::datatypes::Schema::empty()));
    let mut out = Vec::new();
    let mut printer = Printer::begin(format, &schema, &mut out).unwrap();
    batches.iter().for_each(|batch| printer.rows(batch, &mut out).unwrap());
    String::from_utf8(out).unwrap()
}

#[test]
fn v1_sql_gives_every_digit_back() {
    let (engine, house) = (engine(), house());
    for number in [0, 7, 9] {
        let (account, wei) = (ACCOUNT + number, WEI + number as u128);
        let of = |expression: &str, format| {
            let sql = format!("SELECT {expression} AS n FROM ai_audit_logs WHERE decision_id = 'd{number}'");
            printed(&engine, &house, &sql, format).trim_start_matches("n\n").trim_end().to_owned()
        };
        for (expression, json, csv) in [
            ("input_features->>'account'", format!("\"{account}\""), account.to_string()),
            ("input_features->'account'", account.to_string(), account.to_string()),
            ("(input_features->>'account')::bigint", account.to_string(), account.to_string()),
            ("(input_features->>'account')::bigint + 1", (account + 1).to_string(), (account + 1).to_string()),
            ("(input_features->>'account')::numeric(38,0)", account.to_string(), account.to_string()),
            ("input_features->>'wei'", format!("\"{wei}\""), wei.to_string()),
            ("input_features->'wei'", wei.to_string(), wei.to_string()),
            ("(input_features->>'wei')::numeric(38,0)", wei.to_string(), wei.to_string()),
            ("(input_features->>'longest')::numeric(38,0)", LONGEST.to_owned(), LONGEST.to_owned()),
            ("prediction->0", wei.to_string(), wei.to_string()),
            ("prediction->1->>'account'", format!("\"{account}\""), account.to_string()),
        ] {
            assert_eq!(of(expression, Format::JsonLines), format!("{{\"n\":{json}}}"), "{expression}");
            assert_eq!(of(expression, Format::Csv), csv, "{expression}");
        }
        let document = format!(r#"{{"account":{account},"longest":{LONGEST},"wei":{wei}}}"#);
        assert_eq!(of("input_features", Format::JsonLines), format!("{{\"n\":{document}}}"));
    }
}

/// Neighbours differ in digits that a double does not hold.
#[test]
fn v1_filters_tell_neighbours_apart() {
    let (engine, house) = (engine(), house());
    let found = |condition: &str| {
        let sql = format!("SELECT decision_id FROM ai_audit_logs WHERE {condition} ORDER BY leaf_index");
        printed(&engine, &house, &sql, Format::Csv).lines().skip(1).collect::<Vec<_>>().join(" ")
    };
    let account = ACCOUNT + 3;
    assert_eq!(found(&format!("input_features->>'account' = '{account}'")), "d3");
    assert_eq!(found(&format!("(input_features->>'account')::bigint = {account}")), "d3");
    assert_eq!(found(&format!("(input_features->>'account')::bigint IN ({account}, {})", ACCOUNT + 9)), "d3 d9");
    assert_eq!(found(&format!("(input_features->>'account')::bigint > {}", ACCOUNT + 6)), "d7 d8 d9");
    assert_eq!(found(&format!("input_features->>'wei' = '{}'", WEI + 4)), "d4");
    assert_eq!(found(&format!("(input_features->>'wei')::numeric(38,0) >= '{}'::numeric(38,0)", WEI + 8)), "d8 d9");
    // No row has these texts, whatever number they are near to.
    for text in ["107505301260286112.0", "1.07505301260286112e17", "0107505301260286112"] {
        assert_eq!(found(&format!("input_features->>'account' = '{text}'")), "", "{text}");
    }
}

#[test]
fn v4_sql_gives_the_text_of_a_timestamp_back() {
    let (engine, house) = (engine(), house());
    for table in ["ai_audit_logs", "decisions"] {
        let sql = format!(
            "SELECT timestamp, timestamp_sent FROM {table} WHERE decision_id IN ('d7', 'd9') ORDER BY leaf_index"
        );
        let expected = "timestamp,timestamp_sent\n\
            2026-11-20T10:00:00.123456Z,2026-11-20T10:00:00.123456787Z\n\
            2026-11-20T10:00:00.123456Z,2026-11-20T10:00:00.123456789Z\n";
        assert_eq!(printed(&engine, &house, &sql, Format::Csv), expected);
    }
}

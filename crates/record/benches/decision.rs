//! What it costs to take in one decision of about 1 KB with every field of the seed's shape, in microseconds per
//! record on one core: parse, read, write, and for comparison the SHA-256 of the leaf.
//!
//! `cargo bench -p onrecord-record`. No harness: each step is timed over many rounds of different records and the
//! fastest round counts, since all that disturbs a round makes it slower.

use std::hint::black_box;
use std::time::Instant;

use onrecord_record::{Decision, Parser, Stamp, Timestamp, Unprotected, canonical};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const RECORDS: usize = 500;
const ROUNDS: usize = 200;

fn main() {
    let sent: Vec<Vec<u8>> = (0..RECORDS as u64).map(decision).collect();
    let bytes = sent.iter().map(Vec::len).sum::<usize>() / RECORDS;
    let stamp = Stamp {
        event_id: Uuid::from_u128(0x01935a3e_5e43_7cc1_a7b2_3f1d5a0c9e11),
        recorded_at: Timestamp::from_micros(1_795_420_000_123_456),
        user: Some("sub_0123456789abcdef0123456789abcdef"),
        input_hash: [7; 16],
    };
    let mut parser = Parser::new();
    let mut out = Vec::with_capacity(4096);

    let parse = fastest(&sent, |json| {
        black_box(parser.parse(json).is_ok());
    });
    let parse_read = fastest(&sent, |json| {
        let document = parser.parse(json).expect("the decision is sound");
        black_box(Decision::read(document.value()).is_ok());
    });
    let parse_read_write = fastest(&sent, |json| {
        let document = parser.parse(json).expect("the decision is sound");
        let decision = Decision::read(document.value()).expect("the decision is sound");
        out.clear();
        decision.write(&stamp, &mut Unprotected, &mut out);
        black_box(&out);
    });
    let stored = out.clone();
    let hash = fastest(&sent, |_| {
        black_box(Sha256::new().chain_update([0]).chain_update(&stored).finalize());
    });
    let again: Vec<Vec<u8>> = vec![stored.clone(); RECORDS];
    let stored_parse = fastest(&again, |json| {
        black_box(parser.parse_stored(json).is_ok());
    });
    let stored_parse_write = fastest(&again, |json| {
        let document = parser.parse_stored(json).expect("the record is sound");
        out.clear();
        canonical::write(document.value(), &mut out);
        black_box(&out);
    });

    println!("decision as sent {bytes} bytes, stored {} bytes; µs per record on one core", stored.len());
    println!("  parse              {parse:6.3}");
    println!("  read               {:6.3}", parse_read - parse);
    println!("  write              {:6.3}", parse_read_write - parse_read);
    println!("  parse+read+write   {parse_read_write:6.3}");
    println!("  hash (SHA-256)     {hash:6.3}");
    println!("  parse stored form  {stored_parse:6.3}");
    println!("  rewrite it         {:6.3}", stored_parse_write - stored_parse);
}

/// The time per record of the fastest round, in microseconds.
fn fastest(records: &[Vec<u8>], mut step: impl FnMut(&[u8])) -> f64 {
    let round = |step: &mut dyn FnMut(&[u8])| {
        let start = Instant::now();
        for record in records {
            step(black_box(record));
        }
        start.elapsed().as_secs_f64() * 1e6 / records.len() as f64
    };
    (0..ROUNDS).map(|_| round(&mut step)).fold(f64::MAX, f64::min)
}

/// A decision with other numbers and words for every seed, its members in the order of the seed's interface.
fn decision(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
    let mut next = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (year, income, debt) = (next(60) + 1, next(150_000), next(10_000) as f64 / 10_000.0);
    let confidence = next(1 << 30) as f64 / f64::from(1 << 30);
    let gender = ["female", "male", "diverse"][next(3) as usize];
    let approved = next(2) == 0;
    let importance: Vec<f64> = (0..3).map(|_| next(1 << 20) as f64 / f64::from(1 << 20) - 0.5).collect();
    // As JSON writers print a double. Of two shortest texts that are equally near, Rust's own formatting takes another
    // one than ECMAScript, which would be refused.
    let shortest = |double: f64| serde_json::Value::from(double).to_string();
    format!(
        concat!(
            r#"{{"decision_id":"application-{seed}","timestamp":"2026-11-23T07:46:33.123456Z","processing_time_ms":{ms},"#,
            r#""user_id":"user_{user}","system_actor":"loan-service","model_id":"loan_approval_model","#,
            r#""model_version":"2.4.1","model_type":"classification","input_features":{{"application_id":"{seed:08}","#,
            r#""gender":"{gender}","age":{age},"income":{income},"debt_ratio":{debt},"employment_years":{year},"#,
            r#""loan_amount":{loan},"email":"person{user}@example.org","region":"north-west"}},"#,
            r#""prediction":{{"approved":{approved},"score":{confidence}}},"confidence":{confidence},"#,
            r#""alternative_predictions":[{{"value":{{"approved":{other}}},"confidence":{rest}}}],"#,
            r#""explanation":{{"top_features":[{{"feature":"debt_ratio","importance":{i0}}},"#,
            r#"{{"feature":"income","importance":{i1}}},{{"feature":"employment_years","importance":{i2}}}],"#,
            r#""reasoning":"The debt ratio weighs most for this product."}},"human_reviewed":false,"overridden":false,"#,
            r#""environment":"production","request_id":"req-{user:x}-{seed}","session_id":"session-{year}","#,
            r#""data_retention_policy":"high_risk","data_retention_days":3650,"consent_given":true,"#,
            r#""metadata":{{"region":"eu-west","build":"2026.11.{year}"}}}}"#
        ),
        seed = seed,
        ms = next(100_000) as f64 / 1_000.0,
        user = next(100_000),
        gender = gender,
        age = next(70) + 18,
        income = income,
        debt = debt,
        year = year,
        loan = next(500) * 1_000,
        approved = approved,
        other = !approved,
        confidence = shortest(confidence),
        rest = shortest(1.0 - confidence),
        i0 = shortest(importance[0]),
        i1 = shortest(importance[1]),
        i2 = shortest(importance[2]),
    )
    .into_bytes()
}

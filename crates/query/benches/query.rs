//! What the queries of the seed take, and look-ups, over sealed decisions.
//!
//! `cargo bench -p onrecord-query --bench query [-- DECISIONS]` (default 1,000,000). Each query runs once to warm up and
//! then three times; the best is printed, with the rows of its answer.

use onrecord_evidence::Signer;
use onrecord_lake::{Lake, Snapshot, seal_all};
use onrecord_ledger::{Config, Entry, EntryId, Ledger, OsDisk};
use onrecord_query::{Engine, QueryContext};
use onrecord_testing::sample;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Decisions of one append.
const BATCH: u64 = 8_192;

fn main() -> Outcome {
    let asked = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let decisions = asked.unwrap_or(1_000_000);
    let dir = tempfile::tempdir()?;
    let snapshot = fill(dir.path(), decisions)?;
    let bytes: u64 = snapshot.segments.iter().map(|segment| segment.bytes()).sum();
    println!("{decisions} decisions in {} segments, {} bytes each\n", snapshot.segments.len(), bytes / decisions);
    let engine = Engine::new(0, 256 << 20)?;
    let some = decisions / 3;
    let user = sample::user(some);
    let model = "model_id = 'loan_approval_model' AND timestamp > NOW() - INTERVAL '3000 days'";
    for (what, sql) in [
        ("decisions of a user", format!("SELECT event_id, timestamp, model_id, prediction, confidence, overridden FROM ai_audit_logs WHERE user_id = '{user}' ORDER BY timestamp DESC LIMIT 100")),
        ("low confidence", "SELECT event_id, timestamp, model_id, prediction, confidence, input_features FROM ai_audit_logs WHERE confidence < 0.51 ORDER BY confidence ASC".to_owned()),
        ("by group", format!("SELECT input_features->>'gender' AS gender, COUNT(*), SUM(CASE WHEN prediction->>'approved' = 'true' THEN 1 ELSE 0 END), AVG(CASE WHEN prediction->>'approved' = 'true' THEN 1.0 ELSE 0.0 END) FROM ai_audit_logs WHERE {model} GROUP BY input_features->>'gender'")),
        ("overrides", "SELECT event_id, timestamp, model_id, prediction, human_decision, override_reason, user_id FROM ai_audit_logs WHERE overridden = TRUE ORDER BY timestamp DESC".to_owned()),
        ("usage per day", format!("SELECT DATE(timestamp) AS date, COUNT(*), AVG(confidence), SUM(CASE WHEN overridden THEN 1 ELSE 0 END), AVG(processing_time_ms) FROM ai_audit_logs WHERE {model} GROUP BY DATE(timestamp) ORDER BY date DESC")),
        ("confidence buckets", format!("SELECT FLOOR(confidence * 10) / 10 AS bucket, COUNT(*), AVG(CASE WHEN overridden THEN 1.0 ELSE 0.0 END) FROM ai_audit_logs WHERE {model} GROUP BY bucket ORDER BY bucket")),
        ("one application id", format!("SELECT * FROM ai_audit_logs WHERE input_features->>'application_id' = 'APP-{:08}'", some + 1_000_000)),
        ("one event id", format!("SELECT * FROM ai_audit_logs WHERE event_id = '{}'", sample::event_id(some))),
        ("newest hundred", "SELECT * FROM ai_audit_logs ORDER BY timestamp DESC LIMIT 100".to_owned()),
        ("average of a number", "SELECT AVG((input_features->>'income')::float8) FROM ai_audit_logs".to_owned()),
        ("every record", "SELECT COUNT(record) FROM entries".to_owned()),
    ] {
        let mut best = f64::INFINITY;
        let mut rows = 0;
        for _ in 0..4 {
            let start = Instant::now();
            let answer = engine.query_blocking(snapshot.clone(), &sql, &QueryContext::default())?.collect_blocking()?;
            best = best.min(start.elapsed().as_secs_f64() * 1e3);
            rows = answer.iter().map(|batch| batch.num_rows()).sum();
        }
        println!("{what:<24} {best:>9.1} ms {rows:>9} rows");
    }
    Ok(())
}

/// A ledger of so many decisions, all sealed.
fn fill(dir: &Path, decisions: u64) -> Outcome<Snapshot> {
    let signer = Signer::generate("example.org/bench")?;
    Ledger::create(dir, &signer, &OsDisk)?;
    let lake = Lake::open(dir)?;
    let config = Config { unsealed_files_max: 1_000, ..Config::default() };
    let (ledger, _) = Ledger::open(dir, signer, config, Arc::new(OsDisk), Arc::clone(&lake) as _)?;
    for first in (0..decisions).step_by(BATCH as usize) {
        let entry =
            |number| Entry::new(EntryId(sample::event_id(number).into_bytes()), sample::decision(number), Vec::new());
        ledger
            .append((first..decisions.min(first + BATCH)).map(entry).collect())
            .map_err(|error| format!("{error:?}"))?;
        seal_all(&lake, &ledger)?;
    }
    ledger.rotate()?;
    seal_all(&lake, &ledger)?;
    Ok(lake.snapshot())
}

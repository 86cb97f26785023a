//! What intake costs per record, in microseconds on one core, on a 1 KB decision of a known user: the parts, the whole,
//! and with all cores. `cargo bench -p onrecord-service`.

use onrecord_evidence::LeafSet;
use onrecord_ledger::{Committed, Config, EntryId, Follower, LeafIndex, Ledger, LookupError, OsDisk};
use onrecord_record::{Decision, Kind, Parser, Stamp, StoredDecision, Timestamp, Unprotected};
use onrecord_service::{
    Actor, Batch, Parts, ReadError, Records, Refusal, Removed, Remover, Service, Stored, Vault, detector::Detector,
    init,
};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// A lake that remembers nothing: no id is ever asked for again here.
struct Nowhere;

impl Follower for Nowhere {
    fn committed(&self, _: &Committed) {}

    fn find_sealed(&self, ids: &[EntryId]) -> Result<Vec<Option<LeafIndex>>, LookupError> {
        Ok(vec![None; ids.len()])
    }
}

impl Records for Nowhere {
    fn by_leaf(&self, _: LeafIndex) -> Result<Option<Stored>, ReadError> {
        Ok(None)
    }

    fn by_decision_id(&self, _: &str) -> Result<Vec<Stored>, ReadError> {
        Ok(Vec::new())
    }

    fn decisions(&self, _: &[&str]) -> Result<Vec<StoredDecision>, ReadError> {
        Ok(Vec::new())
    }

    fn each_of_kind(&self, _: Kind, _: LeafIndex, _: &mut dyn FnMut(Stored)) -> Result<(), ReadError> {
        Ok(())
    }

    fn leaves_about(&self, _: &str) -> Result<Vec<LeafIndex>, ReadError> {
        Ok(Vec::new())
    }

    fn last_system(&self, _: &[&str]) -> Result<Option<Stored>, ReadError> {
        Ok(None)
    }
}

impl Remover for Nowhere {
    fn may_lack(&self, _: &LeafSet) {}

    fn may_remain(&self, _: &LeafSet, _: &LeafSet) -> (LeafSet, LeafSet) {
        Default::default()
    }

    fn remove(&self, _: &LeafSet, _: &LeafSet) -> Result<Removed, ReadError> {
        Ok(Removed { is_gone: true, ..Removed::default() })
    }
}

/// A decision of the seed's shape, about 1 KB, with three protected fields.
fn decision(number: usize, user: usize) -> String {
    format!(
        r#"{{"modelId":"loan_approval_model","modelVersion":"3.2.1","modelType":"classification","userId":"user_{user}","systemActor":"loan-service","timestamp":"2026-11-23T07:46:33.123456Z","processingTimeMs":41.7,"inputFeatures":{{"application_id":"app_{number}","name":"Jane Doe","email":"jane.doe@example.com","phone":"+14155552671","gender":"female","age":41,"income":52000.5,"employment_years":7,"credit_score":{score},"existing_debt":12000,"loan_amount":250000,"loan_purpose":"house_purchase","region":"north_west","postal_area":"51147","has_collateral":true}},"prediction":{{"approved":true,"risk_class":"B2","interest_rate":3.85}},"confidence":0.{score},"alternativePredictions":[{{"value":"refer","confidence":0.11}},{{"value":"decline","confidence":0.04}}],"explanation":{{"topFeatures":[{{"feature":"credit_score","importance":0.41}},{{"feature":"income","importance":0.27}},{{"feature":"existing_debt","importance":0.13}}],"reasoning":"The credit score and the stable income outweigh the existing debt of the applicant."}},"environment":"production","requestId":"req_{number}","sessionId":"sess_{user}","dataRetentionPolicy":"financial","dataRetentionDays":2555,"consentGiven":true,"metadata":{{"channel":"web","ab_group":"control"}}}}"#,
        score = 600 + number % 250,
    )
}

fn per_record(name: &str, records: usize, took: Duration) {
    println!("{name:<44} {:>8.2} µs/record", took.as_secs_f64() * 1e6 / records as f64);
}

/// `cargo bench -p onrecord-service -- PART` measures only what is called so. Cargo itself adds `--bench`.
fn is_wanted(name: &str) -> bool {
    std::env::args().skip(1).all(|wanted| wanted == "--bench" || name.contains(&wanted))
}

/// The best of many short runs: what the machine can do when nobody else uses it.
fn best(name: &str, records: usize, mut run: impl FnMut()) {
    if !is_wanted(name) {
        return;
    }
    run();
    let runs = 200_000 / records;
    let took = (0..runs)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .min();
    per_record(name, records, took.unwrap_or_default());
}

fn parts(bodies: &[String]) {
    let count = bodies.len();
    let mut parser = Parser::new();
    best("parse", count, || {
        for body in bodies {
            black_box(parser.parse(body.as_bytes()).map(|_| ()).ok());
        }
    });
    best("parse, validate", count, || {
        for body in bodies {
            let Ok(document) = parser.parse(body.as_bytes()) else { continue };
            black_box(Decision::read(document.value()).map(|_| ()).ok());
        }
    });
    let stamp =
        Stamp { event_id: Uuid::nil(), recorded_at: Timestamp::from_micros(0), user: None, input_hash: [0; 16] };
    let mut records = Vec::new();
    best("parse, validate, encode (unprotected)", count, || {
        records.clear();
        for body in bodies {
            let Ok(document) = parser.parse(body.as_bytes()) else { continue };
            let Ok(decision) = Decision::read(document.value()) else { continue };
            let mut record = Vec::with_capacity(1536);
            decision.write(&stamp, &mut Unprotected, &mut record);
            records.push(record);
        }
    });
    best("hash", count, || {
        for record in &records {
            black_box(onrecord_evidence::leaf_hash(record));
        }
    });
    let detector = Detector::default();
    let (plain, busy) = ("The credit score and the stable income outweigh the debt.", "app_12345678 of 2026-11-23");
    best("detect: text without digits", count, || {
        bodies.iter().for_each(|_| drop(black_box(detector.find(black_box(plain)))));
    });
    best("detect: text with digits, nothing found", count, || {
        bodies.iter().for_each(|_| drop(black_box(detector.find(black_box(busy)))));
    });
}

fn batches(service: &Service, name: &str, bodies: &[String]) -> Result<(), Refusal> {
    let lines = bodies.join("\n");
    let batch = Batch { lines: lines.as_bytes(), first_line: 1, idempotency_key: None, ticket: None };
    best(&format!("{name}: check only, all cores"), bodies.len(), || {
        black_box(service.check_batch(&batch, &Actor::local()).is_ok());
    });
    let mut result = Ok(());
    best(&format!("{name}: log, all cores, durable"), bodies.len(), || {
        result = service.log_batch(&batch, &Actor::local()).map(|_| ());
    });
    result
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let keys = init(dir.path(), "example.com/bench", None)?.keys;
    Ledger::create(dir.path(), keys.signer(), &OsDisk)?;
    let vault = Arc::new(Vault::open(dir.path(), keys.kek())?);
    let nowhere = Arc::new(Nowhere);
    let config = Config { unsealed_files_max: 10_000, ..Config::default() };
    let signer = keys.ledger_signer()?;
    let (ledger, recovery) = Ledger::open(dir.path(), signer, config, Arc::new(OsDisk), nowhere.clone())?;
    let (ledger, dir_path) = (Arc::new(ledger), dir.path().to_owned());
    let parts_of = Parts {
        dir: dir_path,
        keys,
        vault,
        ledger,
        records: nowhere.clone(),
        remover: nowhere.clone(),
        recovery,
        sent_bytes_max: onrecord_record::limit::SENT_BYTES_DEFAULT,
        started_as: None,
    };
    let service = Service::open(parts_of)?;

    let bodies: Vec<String> = (0..10_000).map(|number| decision(number, number % 1000)).collect();
    println!("{} bytes/record of JSON, 3 protected fields", bodies[5000].len());
    parts(&bodies[..500]);

    // All users are known from here on.
    let lines = bodies[..1000].join("\n");
    service.log_batch(
        &Batch { lines: lines.as_bytes(), first_line: 1, idempotency_key: None, ticket: None },
        &Actor::local(),
    )?;
    // One thread: below the size of a chunk a batch is not split.
    let chunks: Vec<String> = bodies[..500].chunks(100).map(|chunk| chunk.join("\n")).collect();
    let prepare = || {
        for chunk in &chunks {
            let batch = Batch { lines: chunk.as_bytes(), first_line: 1, idempotency_key: None, ticket: None };
            black_box(service.prepare_only(&batch).unwrap_or_default());
        }
    };
    best("intake as a whole, known users, hash included", 500, prepare);
    batches(&service, "known users", &bodies)?;

    let mut next = 1_000_000;
    let mut took = Vec::new();
    let name = "every user new: log, all cores, durable";
    for _ in 0..if is_wanted(name) { 10 } else { 0 } {
        let bodies: Vec<String> = (0..10_000).map(|number| decision(number, next + number)).collect();
        next += bodies.len();
        let lines = bodies.join("\n");
        let batch = Batch { lines: lines.as_bytes(), first_line: 1, idempotency_key: None, ticket: None };
        let start = Instant::now();
        service.log_batch(&batch, &Actor::local())?;
        took.push(start.elapsed());
    }
    if let Some(took) = took.into_iter().min() {
        per_record(name, bodies.len(), took);
    }
    service.close()?;
    Ok(())
}

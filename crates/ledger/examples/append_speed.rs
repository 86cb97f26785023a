//! How fast the ledger appends, on a real directory with real fsyncs: `append_speed [DIR]`, default a temporary one.
//!
//! Prints what one fdatasync costs, durable single appends per second at 1, 32 and 256 waiting clients with a receipt
//! each, entries per second in bulk, and what opening the directory again takes. Records are 1,046 bytes, as the seed's
//! decision. Build it optimised.

use onrecord_evidence::Signer;
use onrecord_ledger::{Closed, Committed, Config, Entry, EntryId, Follower, LeafIndex, Ledger, LookupError, OsDisk};
use std::{
    error::Error,
    fs::File,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const RECORD_BYTES: usize = 1046;
const SINGLE: Duration = Duration::from_secs(5);
const BULK_ENTRIES: u64 = 2_000_000;
const CHUNK_ENTRIES: u64 = 4096;

/// Nothing behind the ledger: what is measured is the ledger alone.
struct Nothing;

impl Follower for Nothing {
    fn committed(&self, _: &Committed) {}
    fn closed(&self, _: &Closed) {}

    fn find_sealed(&self, ids: &[EntryId]) -> Result<Vec<Option<LeafIndex>>, LookupError> {
        Ok(vec![None; ids.len()])
    }
}

static NEXT: AtomicU64 = AtomicU64::new(0);

fn entry() -> Entry {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut record = vec![b'x'; RECORD_BYTES];
    record[..8].copy_from_slice(&number.to_le_bytes());
    Entry::new(EntryId(u128::from(number).to_be_bytes()), record, Vec::new())
}

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let dir = std::env::args().nth(1).map_or_else(|| temporary.path().join("data"), Into::into);
    let signer = Signer::generate("ledger.bench/log")?;
    let key = signer.to_text();
    Ledger::create(&dir, &signer, &OsDisk)?;
    sync_cost(&dir)?;
    let ledger = open(&dir, signer)?;
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        // Sealing costs nothing here, so that closed files never hold the writer up.
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                for file in ledger.sealable() {
                    ledger.release(file.end).unwrap_or_else(|error| println!("release: {error}"));
                }
                thread::sleep(Duration::from_millis(5));
            }
        });
        for clients in [1, 32, 256] {
            single(&ledger, clients);
        }
        bulk(&ledger);
        is_done.store(true, Ordering::Relaxed);
    });
    let unsealed = ledger.size().0 - ledger.status().sealed.0;
    drop(ledger);
    let start = Instant::now();
    drop(open(&dir, Signer::parse(&key)?)?);
    println!("open, {unsealed} entries unsealed          {:10.1} ms", start.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

fn open(dir: &Path, signer: Signer) -> Result<Ledger, onrecord_ledger::Error> {
    Ok(Ledger::open(dir, signer, Config::default(), Arc::new(OsDisk), Arc::new(Nothing))?.0)
}

fn sync_cost(dir: &Path) -> std::io::Result<()> {
    let file = File::create(dir.join("sync_cost"))?;
    let mut micros = Vec::new();
    for round in 0..300 {
        let start = Instant::now();
        file.write_all_at(&[1; RECORD_BYTES], round * RECORD_BYTES as u64)?;
        file.sync_data()?;
        micros.push(start.elapsed().as_micros());
    }
    micros.sort_unstable();
    println!("write and fdatasync of 1 KB, p50 / p99    {:7} / {} µs", micros[150], micros[297]);
    std::fs::remove_file(dir.join("sync_cost"))
}

fn single(ledger: &Ledger, clients: usize) {
    let appended = AtomicU64::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                while start.elapsed() < SINGLE {
                    match ledger.append(vec![entry()]) {
                        Ok(commit) => drop(std::hint::black_box(commit.receipts())),
                        Err(error) => println!("{error}"),
                    }
                    appended.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let rate = appended.into_inner() as f64 / start.elapsed().as_secs_f64();
    println!("durable single appends, {clients:3} clients        {rate:10.0} /s");
}

fn bulk(ledger: &Ledger) {
    let first = ledger.size().0;
    let (start, sent) = (Instant::now(), AtomicU64::new(0));
    thread::scope(|scope| {
        // Hashing is the callers' work: a thread per core, and some more so that the writer never waits for one.
        for _ in 0..4 {
            scope.spawn(|| {
                while sent.fetch_add(CHUNK_ENTRIES, Ordering::Relaxed) < BULK_ENTRIES {
                    let chunk = (0..CHUNK_ENTRIES).map(|_| entry()).collect();
                    match ledger.append(chunk) {
                        Ok(commit) => drop(std::hint::black_box(commit.batch_receipt())),
                        Err(error) => println!("{error}"),
                    }
                }
            });
        }
    });
    let rate = (ledger.size().0 - first) as f64 / start.elapsed().as_secs_f64();
    println!("bulk, chunks of {CHUNK_ENTRIES}                     {rate:10.0} /s");
}

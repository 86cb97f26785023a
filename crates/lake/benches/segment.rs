//! What a record costs on its way into a segment and back, and where its bytes go.
//!
//! `cargo bench -p onrecord-lake --bench segment [-- RECORDS]` (default 262144). Times are per record, on one thread
//! unless said otherwise; the disk is the one under the temporary directory.

use onrecord_evidence::{Signer, leaf_hash};
use onrecord_lake::assemble::Assembler;
use onrecord_lake::shred::{Shredded, Shredder, survey};
use onrecord_lake::{Lake, LeafIndex, LeafRange, LeafSet, Row, Sealer, Segment, SegmentWriter};
use onrecord_ledger::{Config, Entry, EntryId, Follower, Ledger, OsDisk};
use onrecord_record::Parser;
use onrecord_testing::sample;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Records that the stages are timed with, all of them in memory.
const STAGE_RECORDS_MAX: u64 = 1 << 18;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let asked = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let records = asked.unwrap_or(1 << 18);
    let dir = tempfile::tempdir()?;
    // First, for what it says of memory.
    house(dir.path(), records)?;
    stages(dir.path(), records.min(STAGE_RECORDS_MAX))
}

/// Times `work` per record and prints it: by the clock, and by what this thread spent on a core, which other work on the
/// machine hardly changes.
fn timed<T>(what: &str, records: u64, work: impl FnOnce() -> T) -> T {
    let (start, core_start) = (Instant::now(), core_micros());
    let result = work();
    let wall = start.elapsed().as_secs_f64() * 1e6 / records as f64;
    let core = (core_micros() - core_start) / records as f64;
    println!("{what:<44} {wall:>8.2} {core:>8.2} µs/record");
    result
}

/// Microseconds that this thread has spent on a core; 0 where Linux does not say.
fn core_micros() -> f64 {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    schedstat.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(0.0) / 1e3
}

/// Each stage for itself, on one thread.
fn stages(dir: &Path, records: u64) -> Outcome {
    let rows: Vec<([u8; 16], Vec<u8>)> =
        (0..records).map(|number| (sample::event_id(number).into_bytes(), sample::decision(number))).collect();
    let bytes: usize = rows.iter().map(|(_, record)| record.len()).sum();
    println!("{records} decisions of {} bytes\n", bytes as u64 / records);
    println!("{:<44} {:>8} {:>8}", "", "wall", "core");
    let row = |leaf: usize| Row { leaf: LeafIndex(leaf as u64), id: rows[leaf].0, record: &rows[leaf].1, sidecar: &[] };
    let borrowed: Vec<Row<'_>> = (0..rows.len()).map(row).collect();

    let columns = timed("survey (of 8,192 rows)", records, || survey(&borrowed, 8_192).plan());
    let mut parser = Parser::new();
    timed("parse", records, || rows.iter().all(|(_, record)| black_box(parser.parse(record)).is_ok()));
    let mut batches: Vec<Shredded> = Vec::new();
    timed("shred (parse included)", records, || -> Outcome {
        let mut shredder = Shredder::new(&columns);
        for row in &borrowed {
            shredder.push(row, false)?;
            if shredder.is_full() {
                batches.push(shredder.take()?);
            }
        }
        if shredder.rows() > 0 {
            batches.push(shredder.take()?);
        }
        Ok(())
    })?;
    let mut record = Vec::new();
    timed("assemble", records, || -> Outcome {
        for shredded in &batches {
            let mut assembler = Assembler::new(&shredded.batch)?;
            for row in 0..shredded.batch.num_rows() {
                record.clear();
                assembler.write(row, &mut record)?;
                black_box(&record);
            }
        }
        Ok(())
    })?;
    timed("hash", records, || rows.iter().for_each(|(_, record)| _ = black_box(leaf_hash(record))));
    let path = timed("encode, write and sync", records, || -> onrecord_lake::Result<_> {
        let mut writer = SegmentWriter::create(dir, LeafRange::from(0..records), columns)?;
        batches.into_iter().try_for_each(|shredded| writer.write(shredded))?;
        writer.finish()?.publish()
    })?;
    let segments = dir.join(onrecord_lake::SEGMENTS);
    std::fs::create_dir(&segments)?;
    std::fs::rename(&path, segments.join(path.file_name().unwrap_or_default()))?;
    timed("read back and hash (decode on a 2nd thread)", records, || verify(dir, 1))?;
    timed("verify on 2 cores (4 threads)", records, || verify(dir, 2))?;
    print_bytes(&Segment::open(&segments.join(path.file_name().unwrap_or_default()))?);
    Ok(())
}

fn verify(dir: &Path, threads: usize) -> Outcome {
    let report = onrecord_lake::verify(dir, threads, &LeafSet::default(), &|_| false, &|checked| {
        black_box(checked.hashes);
        Ok(())
    })?;
    report.errors.into_iter().next().map_or(Ok(()), |error| Err(error.into()))
}

/// Bytes per record by column, the largest first, as the footer has them.
fn print_bytes(segment: &Segment) {
    let per_record = |bytes: f64| bytes / segment.rows() as f64;
    let mut columns: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    let mut counted = 0.0;
    for column in segment.parquet().row_groups().iter().flat_map(|group| group.columns()) {
        let (data, filter) = columns.entry(column.column_descr().path().string()).or_default();
        *data += column.compressed_size() as f64;
        *filter += f64::from(column.bloom_filter_length().unwrap_or(0));
        counted += column.compressed_size() as f64 + f64::from(column.bloom_filter_length().unwrap_or(0));
    }
    let mut columns: Vec<_> = columns.into_iter().collect();
    columns.sort_by(|(_, a), (_, b)| (b.0 + b.1).total_cmp(&(a.0 + a.1)));
    println!("\n{:<44} {:>8} {:>8}", "bytes per record", "data", "filter");
    for (name, (data, filter)) in &columns {
        println!("{name:<44} {:>8.2} {:>8.2}", per_record(*data), per_record(*filter));
    }
    println!("{:<44} {:>8.2}", "indexes and footer", per_record(segment.bytes() as f64 - counted));
    println!("{:<44} {:>8.2}\n", "all", per_record(segment.bytes() as f64));
}

/// The whole way on a real ledger: append, seal, compact, look up.
fn house(dir: &Path, records: u64) -> Outcome {
    let dir = dir.join("house");
    let signer = Signer::generate("example.org/bench")?;
    Ledger::create(&dir, &signer, &OsDisk)?;
    let lake = Lake::open(&dir)?;
    let config = Config { stall_ms_max: 600_000, ..Config::default() };
    let (ledger, _) = Ledger::open(&dir, signer, config, Arc::new(OsDisk), Arc::clone(&lake) as _)?;
    let ledger = Arc::new(ledger);
    let sealer = Sealer::start(Arc::clone(&lake), Arc::clone(&ledger))?;
    timed("make, hash, append (1,000 at once), seal", records, || -> Outcome {
        for first in (0..records).step_by(1_000) {
            let numbers = first..(first + 1_000).min(records);
            let entry = |number| {
                Entry::new(EntryId(sample::event_id(number).into_bytes()), sample::decision(number), Vec::new())
            };
            ledger.append(numbers.map(entry).collect())?;
        }
        ledger.rotate()?;
        while !ledger.sealable().is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    })?;
    let compacted = Instant::now();
    while lake.segments().windows(16).any(|run| run.iter().all(|segment| segment.rows() < 1 << 19)) {
        std::thread::sleep(Duration::from_millis(10));
    }
    sealer.stop();
    println!("{:<44} {:>8.2} s more", "compact", compacted.elapsed().as_secs_f64());
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{:<44} {}", "peak memory", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
    let bytes: u64 = lake.segments().iter().map(|segment| segment.bytes()).sum();
    println!(
        "{:<44} {:>8.2} bytes/record in {} segments",
        "after it",
        bytes as f64 / records as f64,
        lake.segments().len()
    );

    let fresh: Vec<EntryId> =
        (0..1_000).map(|number| EntryId(sample::event_id(records + 10_000 + number).into_bytes())).collect();
    let old: Vec<EntryId> =
        (0..1_000).map(|number| EntryId(sample::event_id(number * (records / 1_000)).into_bytes())).collect();
    timed("find 1,000 fresh ids", 1_000, || lake.find_sealed(&fresh)).map(drop)?;
    timed("find 1,000 sealed ids, first time", 1_000, || lake.find_sealed(&old)).map(drop)?;
    timed("find 1,000 sealed ids, again", 1_000, || lake.find_sealed(&old)).map(drop)?;
    for what in ["first time", "again"] {
        timed(&format!("read one record by event id, {what}"), 1, || lake.by_event_id(old[500].0)).map(drop)?;
        timed(&format!("leaves of a user, {what}"), 1, || lake.leaves_of_user(&sample::user(77))).map(drop)?;
    }
    let open = timed("open the directory", 1, || Lake::open(&dir))?;
    drop(open);
    Ok(())
}

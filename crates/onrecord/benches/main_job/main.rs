//! The main job measured from outside, on the program itself: bulk import, verify, bytes on disk, opening, memory, and
//! single durable writes over HTTP at 1, 32 and 256 clients.
//!
//! `cargo bench -p onrecord --bench main_job -- [RECORDS] [DIR]`: 1,000,000 decisions in a temporary directory of the
//! current one by default, so that the disk measured is the one under the sources.

mod decision;
mod load;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_onrecord");

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let records: u64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let parent = arguments.next().map_or_else(|| PathBuf::from("."), PathBuf::from);
    let work = tempfile::Builder::new().prefix("onrecord-bench-").tempdir_in(parent).expect("a writable directory");
    let (input, data) = (work.path().join("decisions.jsonl"), work.path().join("data"));

    println!("{records} decisions, {} cores", std::thread::available_parallelism().map_or(1, usize::from));
    let bytes = generate(&input, records);
    println!("{:44} {:>12.0} bytes", "a decision as sent", bytes as f64 / records as f64);
    run(&data, &["init"]);

    let import = measure(&data, &["import", input.to_str().expect("UTF-8")]);
    line("bulk import, everything on", records as f64 / import.seconds, "records/s");
    line("  peak memory", import.peak_bytes as f64 / 1e6, "MB");
    disk(&data, records);
    let again = measure(&data, &["import", input.to_str().expect("UTF-8")]);
    line("the same import again (adds nothing)", records as f64 / again.seconds, "records/s");
    let verify = measure(&data, &["verify"]);
    line("verify, whole command", records as f64 / verify.seconds, "records/s");
    line("  peak memory", verify.peak_bytes as f64 / 1e6, "MB");
    serve(&data, &input);
}

fn generate(path: &Path, records: u64) -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970");
    let mut file = BufWriter::new(File::create(path).expect("a writable directory"));
    let (mut text, mut bytes) = (String::new(), 0);
    for index in 0..records {
        text.clear();
        decision::write(index, records, now.as_micros() as i64, &mut text);
        bytes += text.len() as u64;
        file.write_all(text.as_bytes()).expect("space for the input");
    }
    file.flush().expect("space for the input");
    bytes
}

struct Measured {
    seconds: f64,
    peak_bytes: u64,
}

fn measure(data: &Path, arguments: &[&str]) -> Measured {
    let started = Instant::now();
    let mut child = Command::new(PROGRAM)
        .arg("--data")
        .arg(data)
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut peak_bytes = 0;
    let status = loop {
        peak_bytes = peak_bytes.max(peak_memory_bytes(child.id()));
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "{arguments:?} failed");
    Measured { seconds: started.elapsed().as_secs_f64(), peak_bytes }
}

/// `VmHWM` of the process: the most resident memory that it ever had.
fn peak_memory_bytes(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn run(data: &Path, arguments: &[&str]) -> String {
    let output = Command::new(PROGRAM).arg("--data").arg(data).args(arguments).output().expect("the program starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn line(what: &str, value: f64, unit: &str) {
    println!("{what:44} {value:>12.0} {unit}");
}

fn disk(data: &Path, records: u64) {
    let mut total = 0;
    let mut parts: Vec<_> =
        fs::read_dir(data).expect("the data directory").map(|entry| entry.expect("an entry").path()).collect();
    parts.sort();
    for part in parts {
        let bytes = bytes_of(&part);
        total += bytes;
        let name = part.file_name().unwrap_or_default().to_string_lossy().into_owned();
        println!("{:44} {:>12.1} bytes/record", format!("  on disk: {name}"), bytes as f64 / records as f64);
    }
    println!("{:44} {:>12.1} bytes/record", "on disk in all", total as f64 / records as f64);
}

fn bytes_of(path: &Path) -> u64 {
    match fs::read_dir(path) {
        Ok(entries) => entries.map(|entry| bytes_of(&entry.expect("an entry").path())).sum(),
        Err(_) => fs::metadata(path).map_or(0, |metadata| metadata.len()),
    }
}

fn serve(data: &Path, input: &Path) {
    let made = run(data, &["token", "create", "bench", "--role", "write"]);
    let token = made.split('"').skip_while(|part| *part != "token").nth(2).expect("a token").to_owned();
    let started = Instant::now();
    let mut server = Command::new(PROGRAM)
        .arg("--data")
        .arg(data)
        .args(["serve", "--listen", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut log = BufReader::new(server.stderr.take().expect("piped")).lines();
    let address = log
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| {
            line.split("http://").nth(1).and_then(|rest| rest.split([' ', '"', '\u{1b}']).next()?.parse().ok())
        })
        .expect("the server says where it listens");
    println!("{:44} {:>12.0} ms", "opening until it serves", started.elapsed().as_secs_f64() * 1e3);
    line("  memory of the idle server", peak_memory_bytes(server.id()) as f64 / 1e6, "MB");
    std::thread::spawn(move || log.for_each(drop));
    let bodies: Vec<String> = BufReader::new(File::open(input).expect("the input"))
        .lines()
        .take(20_000)
        .map(|line| line.expect("UTF-8").replacen("dec-", "single-", 1))
        .collect();
    for clients in [1, 32, 256] {
        let outcome = load::single_writes(address, &token, clients, Duration::from_secs(5), &bodies);
        line(&format!("single durable writes, {clients} clients"), outcome.writes_per_second, "writes/s");
        println!("{:44} {:>12.2} / {:.2} ms", "  latency p50 / p99", ms(outcome.p50), ms(outcome.p99));
    }
    Command::new("kill").arg(server.id().to_string()).status().expect("kill");
    server.wait().expect("the server ends");
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

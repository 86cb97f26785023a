//! `onrecord-load write`: single decisions over HTTP, each answered by its receipt.
//!
//! One thread waits for all connections in `poll(2)`. The server under load shares the cores, so what the generator
//! spends is taken from what it measures: with a thread per client, every answer wakes a sleeping thread, and that wake
//! is paid for in the server's own `send`. One thread finds several answers at each wake. Measured on two cores, a write
//! cost the generator 12 to 15 µs of CPU with a thread per client and 10 to 11 µs with one thread at 32 clients, 19 µs
//! and 10 to 12 µs at 256.
//! `poll` and not a timer wheel: its timeout has nanoseconds, so that an open loop sends on time.

use crate::pace::{Next, Pace};
use crate::receipt::{self, Sample};
use crate::socket::{self, Inbox};
use anyhow::{Context, Result, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use memchr::memmem::Finder;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Bodies held in memory, some 130 MB; the file's first ones are sent again after the last.
const BODIES_MAX: usize = 100_000;
/// Longer ones count as this: an hour.
const LATENCY_NS_MAX: u64 = 3_600_000_000_000;
/// How long answers are waited for after the last request.
const GRACE: Duration = Duration::from_secs(30);

/// Send single decisions over HTTP on loopback, and measure until each receipt. Prints one JSON object.
#[derive(Args)]
pub(crate) struct Write {
    /// The decisions, JSON lines without event ids
    file: PathBuf,
    /// The server, http://127.0.0.1:PORT
    #[arg(long)]
    url: String,
    /// A token with the role write
    #[arg(long, env = "ONRECORD_TOKEN", hide_env_values = true)]
    token: String,
    /// Connections, each with one request under way at most
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=4096))]
    clients: u16,
    /// How long to send
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Open loop: so many requests a second in all, their latencies counted from when each was due [default: closed loop]
    #[arg(long, value_name = "PER_SECOND")]
    rate: Option<f64>,
    /// The ledger's public key, to check receipts against
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// How many receipts, drawn at random, are checked after the timed part
    #[arg(long, default_value_t = 1000, value_name = "COUNT")]
    check_receipts: usize,
}

/// What a run gave. Latencies are of answers with a receipt, in ms.
#[derive(Serialize)]
struct Report {
    clients: u16,
    rate: Option<f64>,
    writes: u64,
    seconds: f64,
    writes_per_second: f64,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    max_ms: f64,
    receipts_checked: u64,
    errors: u64,
}

impl Write {
    /// False if any write went wrong.
    pub(crate) fn run(self) -> Result<bool> {
        let report = self.measure()?;
        println!("{}", serde_json::to_string(&report)?);
        Ok(report.errors == 0)
    }

    fn measure(&self) -> Result<Report> {
        let lasting = Duration::try_from_secs_f64(self.seconds).context("--seconds must be positive")?;
        ensure!(self.rate.is_none_or(|rate| (0.001..=1e7).contains(&rate)), "--rate must be positive");
        let address = socket::loopback(&self.url)?;
        let key = self.key_file.as_deref().map(receipt::key).transpose()?;
        let bodies = self.bodies()?;
        let requests: Vec<_> = bodies.iter().map(|body| socket::request(address, &self.token, body)).collect();
        let streams = (0..self.clients).map(|_| socket::connect(address)).collect::<Result<Vec<_>>>()?;

        let start = Instant::now();
        let pace = match self.rate {
            None => Pace::closed(start, lasting),
            Some(rate) => Pace::open(start, lasting, rate),
        };
        let sample = Sample::new(if key.is_some() { self.check_receipts } else { 0 });
        let mut run = Run::new(&streams, &requests, pace, sample)?;
        run.until_answered(start + lasting + GRACE)?;
        let seconds = start.elapsed().as_secs_f64();

        let receipts_checked = match &key {
            Some(key) => run.sample.check(key)?,
            None => 0,
        };
        if let Some(error) = &run.first_error {
            eprintln!("onrecord-load: the first of {} errors: {error}", run.errors);
        }
        let ms = |quantile: f64| run.latencies_ns.value_at_quantile(quantile) as f64 / 1e6;
        let writes = run.latencies_ns.len();
        Ok(Report {
            clients: self.clients,
            rate: self.rate,
            writes,
            seconds,
            writes_per_second: writes as f64 / seconds,
            p50_ms: ms(0.5),
            p90_ms: ms(0.9),
            p99_ms: ms(0.99),
            p999_ms: ms(0.999),
            max_ms: run.latencies_ns.max() as f64 / 1e6,
            receipts_checked,
            errors: run.errors,
        })
    }

    fn bodies(&self) -> Result<Vec<String>> {
        let failed = || format!("cannot read {}", self.file.display());
        let file = BufReader::new(File::open(&self.file).with_context(failed)?);
        let bodies: Vec<String> = file.lines().take(BODIES_MAX).collect::<Result<_, _>>().with_context(failed)?;
        ensure!(!bodies.is_empty(), "{} is empty", self.file.display());
        Ok(bodies)
    }
}

/// A connection's request under way.
#[derive(Default)]
struct Client {
    inbox: Inbox,
    /// From when the latency counts; `None` while it is free.
    since: Option<Instant>,
    lost: bool,
}

struct Run<'a> {
    streams: &'a [TcpStream],
    requests: &'a [Vec<u8>],
    next_request: usize,
    clients: Vec<Client>,
    free: Vec<usize>,
    pace: Pace,
    latencies_ns: Histogram<u64>,
    sample: Sample,
    has_receipt: Finder<'static>,
    errors: u64,
    first_error: Option<String>,
}

impl<'a> Run<'a> {
    fn new(streams: &'a [TcpStream], requests: &'a [Vec<u8>], pace: Pace, sample: Sample) -> Result<Self> {
        Ok(Self {
            streams,
            requests,
            next_request: 0,
            clients: streams.iter().map(|_| Client::default()).collect(),
            free: (0..streams.len()).rev().collect(),
            pace,
            latencies_ns: Histogram::new_with_bounds(100, LATENCY_NS_MAX, 3)?,
            sample,
            has_receipt: Finder::new(b"\"inclusion_proof\""),
            errors: 0,
            first_error: None,
        })
    }

    /// Sends all that is due and receives all that comes, until everything sent is answered or `deadline` is over.
    fn until_answered(&mut self, deadline: Instant) -> Result<()> {
        let mut ready: Vec<_> = self.streams.iter().map(|stream| PollFd::new(stream, PollFlags::IN)).collect();
        loop {
            let wake = self.dispatch();
            let under_way = self.clients.iter().any(|client| client.since.is_some());
            if !under_way && wake.is_none() {
                return Ok(());
            }
            let wait = wake.unwrap_or(deadline).min(deadline).saturating_duration_since(Instant::now());
            match poll(&mut ready, Some(&Timespec::try_from(wait)?)) {
                Err(error) if error != rustix::io::Errno::INTR => return Err(error.into()),
                _ => {}
            }
            for (index, ready) in ready.iter_mut().enumerate() {
                if !ready.revents().is_empty() {
                    ready.clear_revents();
                    self.receive(index);
                    self.dispatch();
                }
            }
            if Instant::now() >= deadline {
                return self.give_up();
            }
        }
    }

    /// Gives free connections what is due. Says when something will be due that a free connection can take.
    fn dispatch(&mut self) -> Option<Instant> {
        while let Some(index) = self.free.pop() {
            if self.clients[index].lost {
                continue;
            }
            match self.pace.next() {
                Next::Send(since) => {
                    self.clients[index].since = Some(since);
                    let request = &self.requests[self.next_request];
                    self.next_request = (self.next_request + 1) % self.requests.len();
                    if let Err(error) = socket::send(&self.streams[index], request) {
                        self.lose(index, &error.to_string());
                    }
                }
                Next::At(due) => {
                    self.free.push(index);
                    return Some(due);
                }
                Next::Over => {
                    self.free.push(index);
                    return None;
                }
            }
        }
        None
    }

    fn receive(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let answer = match client.inbox.receive(&self.streams[index]) {
            Ok(None) => return,
            Ok(Some(answer)) => answer,
            Err(error) => return self.lose(index, &error.to_string()),
        };
        let Some(since) = client.since.take() else { return };
        self.free.push(index);
        if answer.status == 201 && self.has_receipt.find(answer.body).is_some() {
            self.latencies_ns.saturating_record(since.elapsed().as_nanos() as u64);
            self.sample.offer(answer.body);
        } else {
            let start = &answer.body[..answer.body.len().min(500)];
            let error = format!("status {} {}", answer.status, String::from_utf8_lossy(start));
            self.fail(1, &error);
        }
    }

    fn lose(&mut self, index: usize, error: &str) {
        self.clients[index].lost = true;
        if self.clients[index].since.take().is_some() {
            self.fail(1, error);
        }
    }

    fn fail(&mut self, count: u64, error: &str) {
        self.errors += count;
        self.first_error.get_or_insert_with(|| error.to_owned());
    }

    fn give_up(&mut self) -> Result<()> {
        let waiting = self.clients.iter().filter(|client| client.since.is_some()).count() as u64;
        self.fail(waiting, &format!("no answer within {} s of the end", GRACE.as_secs()));
        Ok(())
    }
}

#[cfg(test)]
mod tests;

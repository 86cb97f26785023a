//! `onrecord import`: whole files of decisions, in constant memory.
//!
//! All or nothing per file, as far as the rows themselves go: a first pass checks every row and writes nothing; only a
//! file without a bad row is then recorded. (What shows in the second pass only is an event id that is on the record with
//! another body, and a review that contradicts a decision of the same file: the rows before it stay, and perhaps some behind
//! it that were under way.) With `--skip-bad` there is one pass,
//! and bad rows are put aside. Either way an import that broke off can be run again: a row without an event id gets one
//! derived from the file's name, the row's number and its content, so what is on the record already is recognised.

mod bad_rows;
mod cell;
mod chunk;
mod csv;
mod jsonl;
mod mapping;
mod parquet;
mod progress;
mod row;
mod sink;
mod source;
mod unknown;

use crate::client::Client;
use crate::output::{self, Format};
use crate::target::Target;
use anyhow::{Context, Result, bail};
use bad_rows::BadRows;
use chunk::{BadRow, Chunk};
use clap::Args;
use futures::{StreamExt, TryFutureExt};
use mapping::{Kind, Mapping};
use progress::Progress;
use serde_json::json;
use sink::{BatchSink, Recorded};
use source::Reading;
use std::cell::Cell;
use std::future::ready;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio::sync::mpsc;
use unknown::UnknownDecisions;

/// Chunks on their way at once: while one becomes durable, the next is prepared.
const CHUNKS_AT_ONCE: usize = 2;

/// Bad rows that are named; the rest is counted.
const NAMED_ROWS_MAX: usize = 20;

/// Import decisions from JSONL, CSV or Parquet files (also .gz and .zst), all or nothing per file. Safe to run again
/// after an interruption.
#[derive(Args)]
pub(crate) struct Import {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How columns become record fields (TOML); needed for CSV
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// What the files are [default: by their names]
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Record the good rows and write the bad ones to this new file, as they stand; those of a table with another header go
    /// to FILE with -2, -3, … before its ending
    #[arg(long, value_name = "FILE")]
    skip_bad: Option<PathBuf>,
}

impl Import {
    pub(crate) async fn run(self, target: &Target, client: &Client) -> Result<bool> {
        let mapping = self.mapping.as_deref().map(Mapping::read).transpose()?;
        let mut bad_rows = self.skip_bad.as_deref().map(|path| BadRows::create(path, &self.inputs())).transpose()?;
        for path in &self.files {
            let kind = source::kind_of(path, self.kind, mapping.as_ref())?;
            let reading = Reading { path, kind, mapping: mapping.as_ref(), keep_originals: bad_rows.is_some() };
            let started = Instant::now();
            let recorded = import_file(client, &reading, bad_rows.as_mut()).await?;
            report(target, path, &recorded, started.elapsed().as_secs_f64())?;
        }
        match bad_rows {
            Some(bad_rows) => bad_rows.finish(),
            None => Ok(true),
        }
    }

    /// All files that are read.
    fn inputs(&self) -> Vec<&Path> {
        self.files.iter().chain(&self.mapping).map(PathBuf::as_path).collect()
    }
}

async fn import_file(client: &Client, reading: &Reading<'_>, mut bad_rows: Option<&mut BadRows>) -> Result<Recorded> {
    let sink = BatchSink::new(client, reading.path);
    let before = state_of(reading.path)?;
    let rows = match bad_rows.as_deref_mut() {
        None => Some(check(&sink, reading).await?),
        Some(bad_rows) => {
            bad_rows.begin(reading)?;
            None
        }
    };
    if state_of(reading.path)? != before {
        bail!("{} changed while it was checked; nothing was recorded, import it again", reading.path.display());
    }
    let progress = Progress::new("recording", reading.path)?;
    let mut recorded = Recorded::default();
    let outcome = match bad_rows {
        None => {
            let record = |chunk: Chunk| {
                let (position, rows) = (chunk.position, chunk.rows);
                sink.record(chunk).map_ok(move |outcome| (outcome, position, rows))
            };
            each_chunk(reading, CHUNKS_AT_ONCE, record, |(outcome, position, rows)| {
                recorded.add(outcome);
                progress.advance(position, rows);
                Ok(())
            })
            .await
        }
        Some(bad_rows) => {
            let sink = &sink;
            let record = |chunk: Chunk| async move { sink.record_good(&chunk).await.map(|outcome| (outcome, chunk)) };
            each_chunk(reading, 1, record, |((outcome, bad), chunk)| {
                bad_rows.put(&chunk, bad)?;
                recorded.add(outcome);
                progress.advance(chunk.position, chunk.rows);
                Ok(())
            })
            .await
        }
    };
    progress.finish();
    outcome.with_context(|| interrupted(reading.path, &recorded, rows))?;
    client.settle().await.context("every row is on the record, but not in a segment yet")?;
    Ok(recorded)
}

/// How far an import came that did not come to its end.
fn interrupted(path: &Path, recorded: &Recorded, rows: Option<u64>) -> String {
    let done = recorded.accepted + recorded.already;
    let of = rows.map_or(String::new(), |rows| format!(" of {rows}"));
    let what_next = "import the file again to add the rest; what is on the record is not added twice";
    format!("{}: {done}{of} rows are on the record; {what_next}", path.display())
}

/// What changes when a file does: its length and when it was last written.
fn state_of(path: &Path) -> Result<(u64, std::time::SystemTime)> {
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok((metadata.len(), metadata.modified()?))
}

/// The first pass: every row is checked, nothing is written. Gives the number of rows.
async fn check(sink: &BatchSink<'_>, reading: &Reading<'_>) -> Result<u64> {
    let progress = Progress::new("checking", reading.path)?;
    let (mut named, mut count, mut rows_total) = (Vec::new(), 0_u64, 0_u64);
    let mut unknown_decisions = UnknownDecisions::default();
    let check = |chunk: Chunk| {
        let (first_row, position, rows) = (chunk.first_row, chunk.position, chunk.rows);
        sink.check(chunk).map_ok(move |checked| (checked, first_row, position, rows))
    };
    each_chunk(reading, CHUNKS_AT_ONCE, check, |(checked, first_row, position, rows)| {
        count += checked.bad_rows;
        rows_total += rows as u64;
        named.extend(checked.bad.into_iter().take(NAMED_ROWS_MAX.saturating_sub(named.len())));
        unknown_decisions.add(first_row, checked.unknown_decisions);
        progress.advance(position, rows);
        Ok(())
    })
    .await?;
    let (bad, of_none) = tokio::task::block_in_place(|| unknown_decisions.bad(reading, NAMED_ROWS_MAX))?;
    count += of_none;
    named.extend(bad);
    named.sort_by_key(|bad| bad.row);
    named.truncate(NAMED_ROWS_MAX);
    progress.finish();
    if count == 0 {
        return Ok(rows_total);
    }
    let mut text =
        format!("{}: {count} bad row{}; nothing of this file was recorded", reading.path.display(), plural(count));
    for BadRow { row, reason } in &named {
        text.push_str(&format!("\n  row {row}: {reason}"));
    }
    if count > named.len() as u64 {
        text.push_str(&format!("\n  … and {} more", count - named.len() as u64));
    }
    bail!("{text}\nfix them, or use --skip-bad FILE to record the others");
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Reads the file on a thread of its own and has `work` done on its chunks, on `at_once` of them at a time; `finish` takes
/// the outcomes in the order of the file. Work begins in that order too. After a failure no further chunk is begun, and
/// those under way are finished.
async fn each_chunk<T, F: Future<Output = Result<T>>>(
    reading: &Reading<'_>,
    at_once: usize,
    work: impl Fn(Chunk) -> F,
    mut finish: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    let (sender, mut chunks) = mpsc::channel::<Chunk>(1);
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || source::read(reading, &mut |chunk| sender.blocking_send(chunk).is_ok()));
        let worked = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                let (is_failed, mut failed) = (Cell::new(false), None);
                let chunks = futures::stream::poll_fn(|context| chunks.poll_recv(context));
                let chunks = chunks.filter(|chunk| ready(chunk.rows > 0)).take_while(|_| ready(!is_failed.get()));
                let mut outcomes = chunks.map(&work).buffered(at_once);
                while let Some(outcome) = outcomes.next().await {
                    if let Err(error) = outcome.and_then(&mut finish) {
                        is_failed.set(true);
                        failed.get_or_insert(error);
                    }
                }
                failed.map_or(Ok(()), Err)
            })
        });
        drop(chunks);
        let read = reader.join().map_err(|_| anyhow::anyhow!("the reading thread panicked"))?;
        worked.and(read)
    })
}

fn report(target: &Target, path: &Path, recorded: &Recorded, seconds: f64) -> Result<()> {
    let rate = (recorded.accepted + recorded.already) as f64 / seconds.max(1e-9);
    match Format::or_default(target.format) {
        Format::Table | Format::Html => {
            let mut text = format!("{}: {} recorded", path.display(), recorded.accepted);
            if recorded.already > 0 {
                text.push_str(&format!(", {} were on the record already", recorded.already));
            }
            if recorded.bad > 0 {
                text.push_str(&format!(", {} bad row{} put aside", recorded.bad, plural(recorded.bad)));
            }
            if recorded.incomplete > 0 {
                text.push_str(&format!(", {} without all that the policy requires", recorded.incomplete));
            }
            output::line(&format!("{text} ({seconds:.1} s, {rate:.0} rows/s)"))
        }
        _ => output::line(
            &json!({
                "file": path, "accepted": recorded.accepted, "already": recorded.already,
                "bad": recorded.bad, "incomplete": recorded.incomplete, "seconds": seconds,
            })
            .to_string(),
        ),
    }
}

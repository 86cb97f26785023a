//! The batch endpoint as an import uses it: check a chunk, record it, or record what is good of it.

use super::chunk::{BadRow, Chunk};
use crate::api::decision::{BatchLogged, UnknownDecision};
use crate::api::problem::Problem;
use crate::client::{Ask, Client, Refused};
use anyhow::{Result, anyhow, bail};
use axum::http::{Method, StatusCode};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// What was recorded of a file.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// Entries added.
    pub(super) accepted: u64,
    /// Rows that were on the record already.
    pub(super) already: u64,
    /// Rows put aside.
    pub(super) bad: u64,
    /// Rows that do not say all that the policy requires of them.
    pub(super) incomplete: u64,
}

impl From<BatchLogged> for Recorded {
    fn from(logged: BatchLogged) -> Self {
        Self { accepted: logged.accepted, already: logged.already, bad: 0, incomplete: logged.incomplete_lines }
    }
}

impl Recorded {
    pub(super) fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.already += other.already;
        self.bad += other.bad;
        self.incomplete += other.incomplete;
    }
}

/// What is wrong with a chunk.
#[derive(Default)]
pub(super) struct Checked {
    /// Bad rows, as far as they are named.
    pub(super) bad: Vec<BadRow>,
    /// How many there are.
    pub(super) bad_rows: u64,
    /// Rows about decisions that are not on the record.
    pub(super) unknown_decisions: Vec<UnknownDecision>,
}

pub(super) struct BatchSink<'c> {
    client: &'c Client,
    /// What event ids are derived from, beside the row's number and content: the file's name, the same whether it is
    /// compressed or not.
    key: String,
}

/// How long a ledger that is busy or out of space is asked again before the import gives up.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

impl<'c> BatchSink<'c> {
    pub(super) fn new(client: &'c Client, path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
        let key = plain.bytes().map(|byte| if byte.is_ascii_graphic() { char::from(byte) } else { '_' }).collect();
        Self { client, key }
    }

    /// What is wrong with the chunk; nothing is written.
    pub(super) async fn check(&self, mut chunk: Chunk) -> Result<Checked> {
        let mut bad = std::mem::take(&mut chunk.bad);
        let mut checked = Checked { bad_rows: bad.len() as u64, ..Checked::default() };
        let lines = Bytes::from(std::mem::take(&mut chunk.lines));
        match self.post(&chunk, lines, true).await? {
            Ok(found) => checked.unknown_decisions = found.unknown_decisions,
            Err(problem) => {
                let faulty_lines = problem.faulty_lines;
                let named = bad_rows(problem)?;
                checked.bad_rows += faulty_lines.unwrap_or(named.len() as u64);
                bad.extend(named);
            }
        }
        bad.sort_by_key(|bad| bad.row);
        Ok(Checked { bad, ..checked })
    }

    /// Records the chunk, all or nothing.
    pub(super) async fn record(&self, mut chunk: Chunk) -> Result<Recorded> {
        let lines = Bytes::from(std::mem::take(&mut chunk.lines));
        match self.post(&chunk, lines, false).await? {
            Ok(logged) => Ok(logged.into()),
            Err(problem) => {
                let rows = format!("rows {} to {}", chunk.first_row, chunk.first_row + chunk.rows as u64 - 1);
                Err(anyhow!(Refused(problem)).context(format!("{rows} were refused")))
            }
        }
    }

    /// Records the good rows of the chunk and gives the bad ones.
    pub(super) async fn record_good(&self, chunk: &Chunk) -> Result<(Recorded, Vec<BadRow>)> {
        let mut bad: BTreeMap<u64, String> = chunk.bad.iter().map(|bad| (bad.row, bad.reason.clone())).collect();
        loop {
            let rows: Vec<u64> = bad.keys().copied().collect();
            match self.post(chunk, chunk.without(&rows), false).await? {
                Ok(logged) => {
                    let recorded = Recorded { bad: bad.len() as u64, ..logged.into() };
                    return Ok((recorded, bad.into_iter().map(|(row, reason)| BadRow { row, reason }).collect()));
                }
                Err(problem) => {
                    let before = bad.len();
                    bad.extend(bad_rows(problem)?.into_iter().map(|bad| (bad.row, bad.reason)));
                    if bad.len() == before {
                        bail!("the server names no further bad row, but refuses the rest; it may be another version");
                    }
                }
            }
        }
    }

    /// Sends the lines; a ledger that is only busy is asked again.
    async fn post(&self, chunk: &Chunk, lines: Bytes, check: bool) -> Result<Result<BatchLogged, Problem>> {
        let path = format!("/v1/decisions/batch?first_line={}&check={check}", chunk.first_row);
        let started = Instant::now();
        loop {
            let headers =
                vec![("content-type", "application/x-ndjson".to_owned()), ("idempotency-key", self.key.clone())];
            let ask = Ask { method: Method::POST, path: &path, headers, body: lines.clone() };
            let answer = self.client.send(ask).await?;
            match answer.status {
                status if status.is_success() => return Ok(Ok(answer.json().await?)),
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE
                    if started.elapsed() < PATIENCE =>
                {
                    tokio::time::sleep(PAUSE).await;
                }
                StatusCode::UNPROCESSABLE_ENTITY | StatusCode::CONFLICT => return Ok(Err(answer.problem().await?.0)),
                _ => return Err(answer.problem().await?.into()),
            }
        }
    }
}

/// The bad rows that a refusal names, one reason each.
fn bad_rows(problem: Problem) -> Result<Vec<BadRow>> {
    let mut rows: BTreeMap<u64, String> = BTreeMap::new();
    for fault in &problem.errors {
        let Some(line) = fault.line else { continue };
        let pointer = if fault.pointer.is_empty() { "the record" } else { &fault.pointer };
        let reason = rows.entry(line).or_default();
        if !reason.is_empty() {
            reason.push_str("; ");
        }
        reason.push_str(&format!("{pointer}: {}", fault.detail));
    }
    if rows.is_empty() {
        return Err(Refused(problem).into());
    }
    Ok(rows.into_iter().map(|(row, reason)| BadRow { row, reason }).collect())
}

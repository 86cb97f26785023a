//! Many records at once: prepared on all cores, appended all or not at all.
//!
//! Invariants: entries keep the order of the lines; when any line is bad nothing is recorded, every bad line is counted
//! and the first thousand faults are named; memory is a few times the batch.

use crate::about::{Decisions, Known};
use crate::id_space::IdSpace;
use crate::intake::{Id, Intake, Prepared, Sending, Worker};
use crate::refusal::LineFaults;
use crate::sequencer::Ticket;
use crate::{Error, Refusal};
use onrecord_ledger::Entry;
use onrecord_record::{Fault, Timestamp};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::{sync::PoisonError, thread};

/// Lines that one thread takes at a time.
const CHUNK_LINES: usize = 128;

/// Decisions that are looked up together; their records are in memory at a time.
pub(crate) const DECISIONS_AT_ONCE: usize = 2_048;

const UNKNOWN_DECISION: &str = "no decision with this id is on the record, nor in the batch";

/// Records, one JSON object a line.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    /// The lines, separated by line feeds. Empty ones are skipped.
    pub lines: &'a [u8],
    /// The number by which the first line is called in faults.
    pub first_line: u64,
    /// With a key, a line without an `event_id` gets one that depends on the key, the line's number and its content, so
    /// that the same batch sent again adds nothing.
    pub idempotency_key: Option<&'a [u8]>,
    /// With a ticket, the batch is appended after those that took theirs before.
    pub ticket: Option<&'a Ticket>,
}

/// Shows sizes only.
impl std::fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Batch({} bytes from line {})", self.lines.len(), self.first_line)
    }
}

/// A line with something on it.
#[derive(Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) number: u64,
    pub(crate) json: &'a [u8],
}

impl<'a> Batch<'a> {
    pub(crate) fn split(&self) -> Vec<Line<'a>> {
        let mut lines = Vec::new();
        let mut from = 0;
        let ends = memchr::memchr_iter(b'\n', self.lines).chain([self.lines.len()]);
        for (number, end) in (self.first_line..).zip(ends) {
            let json = self.lines[from..end].trim_ascii();
            if !json.is_empty() {
                lines.push(Line { number, json });
            }
            from = end + 1;
        }
        lines
    }
}

/// Workers that are not in use, so that threads find warm buffers.
#[derive(Default)]
pub(crate) struct Workers(Mutex<Vec<Worker>>);

impl Workers {
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Worker) -> T) -> Result<T, Error> {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut worker = match idle {
            Some(worker) => worker,
            None => Worker::new()?,
        };
        let result = work(&mut worker);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        Ok(result)
    }
}

/// Prepares all lines. Of what is about a decision that is not on the record, only the form is right: see [`prepare_late`].
///
/// # Errors
/// [`Refusal::Invalid`] with every bad line; else the first thing that kept a line from being prepared.
pub(crate) fn prepare(
    intake: &Intake,
    workers: &Workers,
    batch: &Batch<'_>,
    lines: &[Line<'_>],
    recorded_at: Timestamp,
) -> Result<Vec<Prepared>, Refusal> {
    let source = batch.idempotency_key.map(|key| intake.source(key));
    each_beside(intake, workers, lines, |worker, line, decisions| {
        let sending = Sending { json: line.json, about: None, id: id_of(source.as_ref(), line), recorded_at };
        intake.prepare(worker, sending, decisions)
    })
}

fn id_of<'a>(source: Option<&'a IdSpace>, line: Line<'_>) -> Id<'a> {
    source.map_or(Id::Fresh, |source| Id::Derived { source, line: line.number })
}

/// Prepares what is about a decision that was not on the record, now that the batches before this one are, and the subjects
/// of this one are durable: the decision may be in either. Decisions are looked up some thousand at a time.
///
/// # Errors
/// [`Refusal::Invalid`] with every bad line, those whose decision is nowhere among them.
pub(crate) fn prepare_late(
    intake: &Intake,
    workers: &Workers,
    batch: &Batch<'_>,
    lines: &[Line<'_>],
    prepared: &mut [Prepared],
    recorded_at: Timestamp,
) -> Result<(), Refusal> {
    let late: Vec<usize> = (0..prepared.len()).filter(|at| prepared[*at].is_of_unknown_decision).collect();
    if late.is_empty() {
        return Ok(());
    }
    let source = batch.idempotency_key.map(|key| intake.source(key));
    let entries: Vec<(String, Entry)> = prepared
        .iter()
        .filter(|prepared| prepared.is_decision)
        .map(|decision| (decision.decision_id(), decision.entry.clone()))
        .collect();
    // Of several decisions with one id the first counts, as everywhere: the last of an id to be put into a map stays.
    let batched: HashMap<&str, &[u8]> =
        entries.iter().rev().map(|(id, entry)| (id.as_str(), entry.record().as_ref())).collect();
    let mut faults = LineFaults::default();
    for some in late.chunks(DECISIONS_AT_ONCE) {
        let wanted: BTreeSet<String> = some.iter().map(|at| prepared[*at].decision_id()).collect();
        let in_batch = wanted.iter().filter_map(|id| batched.get(id.as_str()).copied());
        let mut known = intake.decisions_in(in_batch)?;
        known.extend(intake.decisions(&wanted.iter().map(String::as_str).collect::<Vec<_>>())?);
        let late_lines: Vec<Line<'_>> = some.iter().map(|at| lines[*at]).collect();
        let again = each(workers, &late_lines, |worker, line| {
            let sending = Sending { json: line.json, about: None, id: id_of(source.as_ref(), line), recorded_at };
            let prepared = intake.prepare(worker, sending, Decisions::Known(&known))?;
            match prepared.is_of_unknown_decision {
                true => Err(Refusal::invalid(vec![Fault::new("/decision_id", UNKNOWN_DECISION)])),
                false => Ok(prepared),
            }
        });
        match again {
            Ok(again) => some.iter().zip(again).for_each(|(at, again)| prepared[*at] = again),
            Err(Refusal::Invalid(more)) => faults.append(more),
            Err(other) => return Err(other),
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Refusal::Invalid(faults)) }
}

/// Checks all lines and makes nothing. Gives the lines that are about a decision that is not on the record, and its id.
///
/// # Errors
/// As [`prepare`].
pub(crate) fn check(
    intake: &Intake,
    workers: &Workers,
    lines: &[Line<'_>],
    at: Timestamp,
) -> Result<Vec<(u64, String)>, Refusal> {
    let unknown = each_beside(intake, workers, lines, |worker, line, decisions| {
        let unknown = intake.check(worker, line.json, at, decisions)?;
        Ok(unknown.map(|decision_id| (line.number, decision_id)))
    })?;
    Ok(unknown.into_iter().flatten().collect())
}

/// Runs `work` on every line beside the decision that it is about, if that is on the record. Decisions are looked up, and in
/// memory, some thousand at a time.
fn each_beside<T: Send>(
    intake: &Intake,
    workers: &Workers,
    lines: &[Line<'_>],
    work: impl Fn(&mut Worker, Line<'_>, Decisions<'_>) -> Result<T, Refusal> + Sync,
) -> Result<Vec<T>, Refusal> {
    let about = each(workers, lines, |worker, line| Ok(intake.about(worker, line.json)))?;
    let (mut results, mut faults) = (Vec::with_capacity(lines.len()), LineFaults::default());
    for run in runs(&about) {
        let wanted: BTreeSet<&str> = about[run.clone()].iter().flatten().map(String::as_str).collect();
        let known = match wanted.is_empty() {
            true => Known::default(),
            false => intake.decisions(&wanted.into_iter().collect::<Vec<_>>())?,
        };
        match each(workers, &lines[run], |worker, line| work(worker, line, Decisions::Known(&known))) {
            Ok(more) => results.extend(more),
            Err(Refusal::Invalid(more)) => faults.append(more),
            Err(other) => return Err(other),
        }
    }
    if faults.is_empty() { Ok(results) } else { Err(Refusal::Invalid(faults)) }
}

/// The lines in order, cut where enough of them are about a decision.
fn runs(about: &[Option<String>]) -> Vec<Range<usize>> {
    let (mut runs, mut start, mut count) = (Vec::new(), 0, 0);
    for (at, about) in about.iter().enumerate() {
        count += usize::from(about.is_some());
        if count == DECISIONS_AT_ONCE {
            runs.push(start..at + 1);
            (start, count) = (at + 1, 0);
        }
    }
    runs.push(start..about.len());
    runs
}

/// What one thread makes of its chunk: results as long as no line is bad, faults from then on.
struct Chunk<T> {
    results: Vec<T>,
    faults: LineFaults,
}

/// Where a thread puts what it made of a chunk.
type Slot<T> = Mutex<Option<Result<Chunk<T>, Refusal>>>;

/// Runs `work` on every line, on all cores, and gives the results in the order of the lines.
fn each<T: Send>(
    workers: &Workers,
    lines: &[Line<'_>],
    work: impl Fn(&mut Worker, Line<'_>) -> Result<T, Refusal> + Sync,
) -> Result<Vec<T>, Refusal> {
    let chunks: Vec<&[Line<'_>]> = lines.chunks(CHUNK_LINES).collect();
    let done: Vec<Slot<T>> = chunks.iter().map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    let bad = AtomicBool::new(false);
    let run = || -> Result<(), Error> {
        workers.with(|worker| {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(chunk) = chunks.get(at) else { return };
                let result = run_chunk(worker, chunk, &bad, &work);
                *done[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            }
        })
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(chunks.len()).max(1);
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut result = run();
        for other in others {
            result = result.and(other.join().unwrap_or(Ok(())));
        }
        result
    })?;

    let mut results = Vec::with_capacity(lines.len());
    let mut faults = LineFaults::default();
    for chunk in done {
        // A chunk is missing only when its thread panicked: nothing was recorded.
        let chunk = chunk.into_inner().unwrap_or_else(PoisonError::into_inner);
        let chunk = chunk.ok_or_else(|| Refusal::Unavailable("an internal error stopped a line".to_owned()))??;
        results.extend(chunk.results);
        faults.append(chunk.faults);
    }
    if faults.is_empty() { Ok(results) } else { Err(Refusal::Invalid(faults)) }
}

fn run_chunk<T>(
    worker: &mut Worker,
    lines: &[Line<'_>],
    bad: &AtomicBool,
    work: &(impl Fn(&mut Worker, Line<'_>) -> Result<T, Refusal> + Sync),
) -> Result<Chunk<T>, Refusal> {
    let mut chunk = Chunk { results: Vec::with_capacity(lines.len()), faults: LineFaults::default() };
    for line in lines {
        match work(worker, *line) {
            // What is good is of no use once anything is bad.
            Ok(result) if !bad.load(Ordering::Relaxed) => chunk.results.push(result),
            Ok(_) => {}
            Err(refusal) => {
                chunk.faults.add(Some(line.number), faults_of(refusal)?);
                bad.store(true, Ordering::Relaxed);
            }
        }
    }
    Ok(chunk)
}

/// A line over the limit is a bad line like another; anything else stops the batch.
fn faults_of(refusal: Refusal) -> Result<Vec<Fault>, Refusal> {
    match refusal {
        Refusal::Invalid(faults) => Ok(faults.named.into_iter().map(|named| named.fault).collect()),
        Refusal::TooLarge { .. } => Ok(vec![Fault::new("", refusal.to_string())]),
        other => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers_and_empty_ones_are_skipped() {
        let batch = Batch { lines: b"a\n\n  \r\nb\r\nc", first_line: 10, idempotency_key: None, ticket: None };
        let lines: Vec<(u64, &[u8])> = batch.split().iter().map(|line| (line.number, line.json)).collect();
        assert_eq!(lines, [(10, b"a".as_slice()), (13, b"b"), (14, b"c")]);
        assert!(Batch { lines: b"", ..batch }.split().is_empty());
    }

    #[test]
    fn runs_are_of_so_many_decisions_and_have_every_line_once() {
        let runs = |about: &[Option<String>]| -> Vec<(usize, usize)> {
            runs(about).into_iter().map(|run| (run.start, run.end)).collect()
        };
        assert_eq!(runs(&[]), [(0, 0)]);
        let about = |is_about: &dyn Fn(usize) -> bool, lines: usize| -> Vec<Option<String>> {
            (0..lines).map(|line| is_about(line).then(String::new)).collect()
        };
        assert_eq!(runs(&about(&|_| false, 9_000)), [(0, 9_000)]);
        assert_eq!(runs(&about(&|_| true, 5_000)), [(0, 2_048), (2_048, 4_096), (4_096, 5_000)]);
        assert_eq!(runs(&about(&|line| line % 2 == 1, 5_000)), [(0, 4_096), (4_096, 5_000)]);
    }
}

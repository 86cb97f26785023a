//! Reading everything again, on all cores.
//!
//! [`verify`] checks each segment's checksum over every byte, that the columns from which queries are answered say
//! what the records say, that every leaf has a row that was not to be removed, and that what lets a query skip rows skips none that it should
//! see. It gives the leaf hashes of the records as they read now, and whoever called compares them with the ledger's
//! tree. It opens files itself, so that a directory can be checked that no ledger or lake has open; it changes nothing.

use crate::agreement::{Agreement, Layout};
use crate::build::each_row;
use crate::catalog;
use crate::error::{Error, Result};
use crate::lake::SEGMENTS;
use crate::pruning::Pruning;
use crate::schema::column;
use crate::segment::{Lookup, OwnedRow, Segment, index};
use onrecord_evidence::{Hash, LeafIndex, LeafRange, LeafSet, leaf_hash};
use onrecord_ledger::{Disk, OsDisk};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Leaves that are given at once.
const LEAVES_AT_ONCE: usize = 4_096;

/// Ranges of leaves without a row that are named; others are counted.
const RANGES_NAMED_MAX: usize = 16;

/// The leaf hashes of some records of one segment, as they read now.
pub struct Checked<'a> {
    /// The segment's file.
    pub path: &'a Path,
    /// The first leaf.
    pub first: LeafIndex,
    /// One hash per leaf from there on.
    pub hashes: &'a [Hash],
    /// Record bytes that were hashed.
    pub bytes: u64,
    /// Those of the entries that have something beside the record, which the leaf hash does not cover, or whose record
    /// was wanted.
    pub shown: &'a [OwnedRow],
}

/// What the segments of a directory are found to be.
#[derive(Debug, Default)]
pub struct Verification {
    /// Segments looked at.
    pub segments: usize,
    /// The leaf after the last.
    pub end: LeafIndex,
    /// Bytes of all files.
    pub bytes: u64,
    /// Leaves without a row that were to be removed.
    pub removed: u64,
    /// Leaves that were to be removed and still have a row: a rewrite is due.
    pub remaining: u64,
    /// What could not be read because the archive could not: these segments were not checked.
    pub unreached: Vec<Error>,
    /// Files beside the segments that are none of a lake's: nothing reads them, and they were not looked at.
    pub foreign: Vec<PathBuf>,
    /// What is wrong, each naming its file. Nothing is wrong if this is empty and the hashes are those of the tree.
    pub errors: Vec<Error>,
}

/// What is asked of each record: whether it is to be shown.
pub type Wanted<'w> = dyn Fn(&[u8]) -> bool + Sync + 'w;

/// What compares records that were read with the ledger's tree, and says what is wrong.
pub type Visit<'v> = dyn Fn(&Checked<'_>) -> std::result::Result<(), String> + Sync + 'v;

/// Checks all segments of a data directory with that many threads. Leaves in `removal` may have no row. `visit` is called from any of them, in any order, for
/// every range of records that could be read; returning a problem for a leaf (which it has compared) makes it an
/// error that names the file.
///
/// # Errors
/// [`Error::Io`], [`Error::Ranges`], [`Error::Damaged`] if it is not even clear which segments there are.
pub fn verify(
    data_dir: &Path,
    threads: usize,
    removal: &LeafSet,
    wanted: &Wanted<'_>,
    visit: &Visit<'_>,
) -> Result<Verification> {
    verify_on(&(Arc::new(OsDisk) as _), data_dir, threads, removal, wanted, visit)
}

/// As [`verify`], on any disk.
///
/// # Errors
/// As [`verify`].
pub fn verify_on(
    disk: &Arc<dyn Disk>,
    data_dir: &Path,
    threads: usize,
    removal: &LeafSet,
    wanted: &Wanted<'_>,
    visit: &Visit<'_>,
) -> Result<Verification> {
    let catalog::Looked { segments: paths, foreign } = catalog::look(&**disk, &data_dir.join(SEGMENTS))?;
    let mut verification = Verification { segments: paths.len(), foreign, ..Verification::default() };
    let mut segments = Vec::new();
    for path in &paths {
        match Segment::open_on(disk, path) {
            Ok(segment) => segments.push(segment),
            Err(error) => verification.errors.push(error),
        }
    }
    verification.end = segments.last().map_or(LeafIndex(0), |segment| segment.leaves().end);
    verification.bytes = segments.iter().map(Segment::bytes).sum();

    // The others are found with the rows of a row group.
    let empty = segments.iter().filter(|segment| segment.rows() == 0);
    let gaps = Gaps { removal, removed: AtomicU64::new(0), remaining: AtomicU64::new(0) };
    verification.errors.extend(empty.filter_map(|segment| gaps.without_row(segment, &[segment.leaves()])));

    let segments: Vec<Opened> = segments.into_iter().map(Opened::new).collect();
    let tasks: Vec<Task<'_>> = segments.iter().flat_map(tasks).collect();
    let next = AtomicUsize::new(0);
    let errors = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = task.run(&gaps, wanted, visit);
                    errors.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
                }
            });
        }
    });
    for error in errors.into_inner().unwrap_or_else(PoisonError::into_inner) {
        let found = match error {
            Error::Archive { .. } => &mut verification.unreached,
            _ => &mut verification.errors,
        };
        found.push(error);
    }
    verification.errors.sort_by_key(ToString::to_string);
    verification.unreached.sort_by_key(ToString::to_string);
    verification.unreached.dedup_by_key(|error| error.to_string());
    (verification.removed, verification.remaining) = (gaps.removed.into_inner(), gaps.remaining.into_inner());
    Ok(verification)
}

/// Visits all sealed entries of a kind, of a data directory that nothing has open, in the order of their leaves. Changes
/// nothing.
///
/// # Errors
/// [`Error::Io`], [`Error::Ranges`], [`Error::Damaged`].
pub fn each_sealed(data_dir: &Path, kind: &str, visit: &mut dyn FnMut(OwnedRow)) -> Result<()> {
    for path in catalog::look(&OsDisk, &data_dir.join(SEGMENTS))?.segments {
        let segment = Segment::open(&path)?;
        let leaves = segment.leaves_with(column::KIND, kind)?;
        segment.rows_at(&leaves, &mut Lookup::default())?.into_iter().for_each(&mut *visit);
    }
    Ok(())
}

/// The newest sealed entry of a kind whose record `wanted` takes, of a data directory that nothing has open. Changes
/// nothing.
///
/// # Errors
/// [`Error::Io`], [`Error::Ranges`], [`Error::Damaged`].
pub fn newest_sealed(data_dir: &Path, kind: &str, wanted: &dyn Fn(&[u8]) -> bool) -> Result<Option<OwnedRow>> {
    for path in catalog::look(&OsDisk, &data_dir.join(SEGMENTS))?.segments.iter().rev() {
        let segment = Segment::open(path)?;
        let leaves = segment.leaves_with(column::KIND, kind)?;
        let rows = segment.rows_at(&leaves, &mut Lookup::default())?;
        if let Some(row) = rows.into_iter().rev().find(|row| wanted(&row.record)) {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// A segment, with its footer and the indexes of its pages once a row group was looked at.
struct Opened {
    segment: Segment,
    indexed: OnceLock<ArrowReaderMetadata>,
}

impl Opened {
    fn new(segment: Segment) -> Self {
        Self { segment, indexed: OnceLock::new() }
    }

    fn indexed(&self) -> Result<&ArrowReaderMetadata> {
        match self.indexed.get() {
            Some(indexed) => Ok(indexed),
            None => {
                let indexed = self.segment.all_indexed()?;
                Ok(self.indexed.get_or_init(|| indexed))
            }
        }
    }
}

enum Task<'a> {
    Bytes(&'a Segment),
    /// Its look-up index.
    Index(&'a Segment),
    /// The rows that stay on the disk of one in the archive.
    Kept(&'a Segment),
    /// A row group.
    Rows(&'a Opened, usize),
}

fn tasks(opened: &Opened) -> Vec<Task<'_>> {
    let segment = &opened.segment;
    let rows = (0..segment.parquet().num_row_groups()).map(|group| Task::Rows(opened, group));
    [Task::Bytes(segment), Task::Index(segment), Task::Kept(segment)].into_iter().chain(rows).collect()
}

impl Task<'_> {
    /// What is wrong, or why that is not known.
    fn run(&self, gaps: &Gaps<'_>, wanted: &Wanted<'_>, visit: &Visit<'_>) -> Vec<Error> {
        let found = self.check(gaps, wanted, visit);
        let segment = match self {
            // It reads by itself, and knows what it could not read.
            Task::Bytes(_) => return found,
            Task::Index(segment) | Task::Kept(segment) => segment,
            Task::Rows(opened, _) => &opened.segment,
        };
        match segment.unreached() {
            Some(unreached) if !found.is_empty() => vec![unreached],
            _ => found,
        }
    }

    fn check(&self, gaps: &Gaps<'_>, wanted: &Wanted<'_>, visit: &Visit<'_>) -> Vec<Error> {
        match self {
            Task::Bytes(segment) => segment.check_bytes().err().into_iter().collect(),
            Task::Index(segment) => index::check(segment).err().into_iter().collect(),
            Task::Kept(segment) => segment.check_kept().err().into_iter().collect(),
            Task::Rows(opened, group) => {
                let segment = &opened.segment;
                let mut pruning = match opened.indexed() {
                    Ok(indexed) => Pruning::new(segment, indexed.metadata(), *group),
                    Err(error) => return vec![error],
                };
                match rows(segment, *group, gaps, wanted, visit, &mut pruning) {
                    Ok(missing) => gaps.without_row(segment, &missing).into_iter().chain(pruning.finish()).collect(),
                    Err(error) => vec![error],
                }
            }
        }
    }
}

/// Reads the records of a row group. Returns the leaves that have no row, of those that only it could have rows of.
fn rows(
    segment: &Segment,
    group: usize,
    gaps: &Gaps<'_>,
    wanted: &Wanted<'_>,
    visit: &Visit<'_>,
    pruning: &mut Pruning<'_>,
) -> Result<Vec<LeafRange>> {
    let leaves = segment.leaves_of_groups(&(group..group + 1));
    let mut missing = Vec::new();
    let mut run = Run::new(segment, leaves.start);
    let layout = Layout::of(segment)?;
    let mut agreement = Agreement::new(segment, &layout);
    each_row(segment, group..group + 1, &mut |rows, row, record| {
        if row == 0 {
            pruning.add(rows.batch());
        }
        agreement.add(rows, row, record)?;
        let leaf = rows.leaf(row);
        if gaps.removal.contains(leaf) {
            gaps.remaining.fetch_add(1, Ordering::Relaxed);
        }
        if leaf != run.end() {
            missing.push(LeafRange::new(run.end(), leaf));
            run.give(visit, leaf)?;
        }
        run.hashes.push(leaf_hash(record));
        run.bytes += record.len() as u64;
        if !rows.sidecar(row).is_empty() || wanted(record) {
            let (record, sidecar) = (record.to_vec(), rows.sidecar(row).to_vec());
            run.shown.push(OwnedRow { leaf, id: rows.id(row), record, sidecar });
        }
        if run.hashes.len() == LEAVES_AT_ONCE { run.give(visit, run.end()) } else { Ok(()) }
    })?;
    let last = LeafRange::new(run.end(), leaves.end);
    run.give(visit, leaves.end)?;
    missing.extend((!last.is_empty()).then_some(last));
    Ok(missing)
}

/// Rows of adjoining leaves that were read and not given away yet.
struct Run<'s> {
    segment: &'s Segment,
    first: LeafIndex,
    hashes: Vec<Hash>,
    bytes: u64,
    shown: Vec<OwnedRow>,
}

impl<'s> Run<'s> {
    fn new(segment: &'s Segment, first: LeafIndex) -> Self {
        Self { segment, first, hashes: Vec::with_capacity(LEAVES_AT_ONCE), bytes: 0, shown: Vec::new() }
    }

    /// The leaf after the last.
    fn end(&self) -> LeafIndex {
        LeafIndex(self.first.0 + self.hashes.len() as u64)
    }

    /// Gives away what there is, and begins at a leaf.
    fn give(&mut self, visit: &Visit<'_>, next: LeafIndex) -> Result<()> {
        let Self { segment, first, hashes, bytes, shown } = self;
        if !hashes.is_empty() {
            visit(&Checked { path: segment.path(), first: *first, hashes, bytes: *bytes, shown })
                .map_err(|problem| Error::damaged(segment.path(), problem))?;
        }
        (*first, *bytes) = (next, 0);
        hashes.clear();
        shown.clear();
        Ok(())
    }
}

/// Leaves without a row.
struct Gaps<'r> {
    /// Those that may have none.
    removal: &'r LeafSet,
    removed: AtomicU64,
    remaining: AtomicU64,
}

impl Gaps<'_> {
    /// What is wrong if leaves have no row: nothing may remove rows but what is on the record.
    fn without_row(&self, segment: &Segment, missing: &[LeafRange]) -> Option<Error> {
        let mut unexplained = LeafSet::default();
        missing.iter().for_each(|leaves| unexplained.insert(*leaves));
        let all = unexplained.len();
        unexplained.remove_all(self.removal);
        self.removed.fetch_add(all - unexplained.len(), Ordering::Relaxed);
        unremoved(segment, &unexplained.runs())
    }
}

/// Names leaves that nothing removed.
fn unremoved(segment: &Segment, missing: &[LeafRange]) -> Option<Error> {
    let (named, others) = missing.split_at(missing.len().min(RANGES_NAMED_MAX));
    let name = |range: &LeafRange| match range.count() {
        1 => format!("leaf {}", range.start),
        _ => format!("leaves {}–{}", range.start, range.end.0.saturating_sub(1)),
    };
    let mut names: Vec<String> = named.iter().map(name).collect();
    let others: u64 = others.iter().map(|range| range.count()).sum();
    if others > 0 {
        names.push(format!("{others} more leaves"));
    }
    let problem = || format!("it has no row for {}", names.join(", "));
    (!names.is_empty()).then(|| Error::damaged(segment.path(), problem()))
}

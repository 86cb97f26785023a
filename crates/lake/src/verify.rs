//! Reading everything again, on all cores.
//!
//! [`verify`] checks each segment's checksum over every byte, that the columns from which queries are answered say
//! what the records say, and that what lets a query skip rows skips none that it should see. It gives the leaf hashes
//! of the records as they read now, and whoever called compares them with the ledger's tree. It opens files itself, so
//! that a directory can be checked that no ledger or lake has open; it changes nothing.

use crate::agreement::{Agreement, Layout};
use crate::build::each_row;
use crate::catalog;
use crate::error::{Error, Result};
use crate::lake::SEGMENTS;
use crate::pruning::Pruning;
use crate::schema::column;
use crate::segment::{Lookup, OwnedRow, Segment, index};
use onrecord_evidence::{Hash, leaf_hash};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Leaves that are given at once.
const LEAVES_AT_ONCE: u64 = 4_096;

/// The leaf hashes of some records of one segment, as they read now.
pub struct Checked<'a> {
    /// The segment's file.
    pub path: &'a Path,
    /// The first leaf.
    pub first: u64,
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
    pub end: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// What is wrong, each naming its file. Nothing is wrong if this is empty and the hashes are those of the tree.
    pub errors: Vec<Error>,
}

/// What is asked of each record: whether it is to be shown.
pub type Wanted<'w> = dyn Fn(&[u8]) -> bool + Sync + 'w;

/// Checks all segments of a data directory with that many threads. `visit` is called from any of them, in any order, for
/// every range of records that could be read; returning a problem for a leaf (which it has compared) makes it an
/// error that names the file.
///
/// # Errors
/// [`Error::Io`], [`Error::Ranges`], [`Error::Damaged`] if it is not even clear which segments there are.
pub fn verify(
    data_dir: &Path,
    threads: usize,
    wanted: &Wanted<'_>,
    visit: &(dyn Fn(&Checked<'_>) -> std::result::Result<(), String> + Sync),
) -> Result<Verification> {
    let paths = catalog::look(&data_dir.join(SEGMENTS))?;
    let mut verification = Verification { segments: paths.len(), ..Verification::default() };
    let mut segments = Vec::new();
    for path in &paths {
        match Segment::open(path) {
            Ok(segment) => segments.push(segment),
            Err(error) => verification.errors.push(error),
        }
    }
    verification.end = segments.last().map_or(0, Segment::end);
    verification.bytes = segments.iter().map(Segment::bytes).sum();

    let segments: Vec<Opened> = segments.into_iter().map(Opened::new).collect();
    let tasks: Vec<Task<'_>> = segments.iter().flat_map(tasks).collect();
    let next = AtomicUsize::new(0);
    let errors = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = task.run(wanted, visit);
                    errors.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
                }
            });
        }
    });
    verification.errors.extend(errors.into_inner().unwrap_or_else(PoisonError::into_inner));
    verification.errors.sort_by_key(ToString::to_string);
    Ok(verification)
}

/// The newest sealed entry of a kind whose record `wanted` takes, of a data directory that nothing has open. Changes
/// nothing.
///
/// # Errors
/// [`Error::Io`], [`Error::Ranges`], [`Error::Damaged`].
pub fn newest_sealed(data_dir: &Path, kind: &str, wanted: &dyn Fn(&[u8]) -> bool) -> Result<Option<OwnedRow>> {
    for path in catalog::look(&data_dir.join(SEGMENTS))?.iter().rev() {
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
    /// The leaves of a row group.
    Rows(&'a Opened, usize, Range<u64>),
}

fn tasks(opened: &Opened) -> Vec<Task<'_>> {
    let segment = &opened.segment;
    let mut first = segment.first();
    let rows = segment.parquet().row_groups().iter().enumerate().map(|(group, metadata)| {
        let leaves = first..first + u64::try_from(metadata.num_rows()).unwrap_or(0);
        first = leaves.end;
        Task::Rows(opened, group, leaves)
    });
    [Task::Bytes(segment), Task::Index(segment)].into_iter().chain(rows).collect()
}

impl Task<'_> {
    /// What is wrong.
    fn run(
        &self,
        wanted: &Wanted<'_>,
        visit: &(dyn Fn(&Checked<'_>) -> std::result::Result<(), String> + Sync),
    ) -> Vec<Error> {
        match self {
            Task::Bytes(segment) => segment.check_bytes().err().into_iter().collect(),
            Task::Index(segment) => index::check(segment).err().into_iter().collect(),
            Task::Rows(opened, group, leaves) => {
                let segment = &opened.segment;
                let mut pruning = match opened.indexed() {
                    Ok(indexed) => Pruning::new(segment, indexed.metadata(), *group),
                    Err(error) => return vec![error],
                };
                match rows(segment, leaves.clone(), wanted, visit, &mut pruning) {
                    Ok(()) => pruning.finish(),
                    Err(error) => vec![error],
                }
            }
        }
    }
}

/// Reads the records of these leaves.
fn rows(
    segment: &Segment,
    leaves: Range<u64>,
    wanted: &Wanted<'_>,
    visit: &(dyn Fn(&Checked<'_>) -> std::result::Result<(), String> + Sync),
    pruning: &mut Pruning<'_>,
) -> Result<()> {
    let mut first = leaves.start;
    let mut hashes = Vec::with_capacity(LEAVES_AT_ONCE as usize);
    let (mut bytes, mut shown) = (0, Vec::new());
    let layout = Layout::of(segment)?;
    let mut agreement = Agreement::new(segment, &layout);
    each_row(segment, leaves.clone(), &mut |rows, row, record| {
        if row == 0 {
            pruning.add(rows.batch());
        }
        agreement.add(rows, row, record)?;
        hashes.push(leaf_hash(record));
        if !rows.sidecar(row).is_empty() || wanted(record) {
            let (record, sidecar) = (record.to_vec(), rows.sidecar(row).to_vec());
            shown.push(OwnedRow { leaf: rows.leaf(row), id: rows.id(row), record, sidecar });
        }
        bytes += record.len() as u64;
        let end = rows.leaf(row) + 1;
        if hashes.len() as u64 == LEAVES_AT_ONCE || end == leaves.end {
            visit(&Checked { path: segment.path(), first, hashes: &hashes, bytes, shown: &shown })
                .map_err(|problem| Error::damaged(segment.path(), problem))?;
            (first, bytes) = (end, 0);
            hashes.clear();
            shown.clear();
        }
        Ok(())
    })
}

//! Which segments there are: what the directory's names and footers say, and nothing else.
//!
//! Invariant: segments adjoin, from leaf 0 on, and hold each leaf once. A crash can leave files of which another file
//! holds all leaves (compaction or a rewrite ended, the old ones were not removed yet) and unfinished ones; opening removes
//! them.
//! Any other overlap, and any gap, is an error that names both files.
//!
//! Of a segment in the archive there is its stub. Where the file of the same name is there too, it counts: it has its name only
//! when it is whole, and the archive is not asked whether its objects are there.

use crate::error::{Error, Result};
use crate::object::{LEFTOVER, Leftover, Stub};
use crate::segment::{Segment, SegmentName, UNFINISHED};
use onrecord_evidence::{LeafIndex, LeafRange};
use onrecord_ledger::Disk;
use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The segments of a directory, ordered by leaf.
pub(crate) type Segments = Arc<[Arc<Segment>]>;

/// Reads the directory, which is made if it is not there, and removes leftovers.
///
/// # Errors
/// [`Error::Io`], [`Error::Ranges`], and those of [`Segment::open`].
pub(crate) fn open(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Segments> {
    disk.create_dir(dir).map_err(Error::io(dir))?;
    if let Some(parent) = dir.parent() {
        // It may be there and its name not be durable: an earlier run stopped between the two.
        disk.sync_dir(parent).map_err(Error::io(parent))?;
    }
    let found = list(&**disk, dir)?;
    let (kept, leftovers) = sort_out(found.segments)?;
    let segments: Segments =
        kept.iter().map(|path| Segment::open_on(disk, path).map(Arc::new)).collect::<Result<_>>()?;
    // Only now that all footers were read: what is removed is in a segment that opens.
    let orphans: Vec<PathBuf> = found.indexes.into_iter().filter(|index| !is_of_any(index, &kept)).collect();
    let settled: Vec<PathBuf> = found.leftovers.into_iter().filter(|path| is_settled(path, &kept)).collect();
    // Unfinished ones first: what is written here may have the name of one.
    for path in found.unfinished.iter().chain(&leftovers).chain(&orphans).chain(&settled) {
        tracing::info!(path = %path.display(), "removing what an interrupted run left behind");
        if is_stub(path) {
            // Its objects are to go too, when their server is asked.
            match Stub::open(&**disk, path) {
                Ok(stub) => Leftover::of(&stub.head.archived).write(&**disk, path)?,
                Err(error) => {
                    tracing::warn!(%error, "it says where objects are that are to go from the archive, and is left");
                    continue;
                }
            }
        }
        disk.remove(path).map_err(Error::io(path))?;
    }
    if !leftovers.is_empty() || !settled.is_empty() || !found.unfinished.is_empty() || !orphans.is_empty() {
        disk.sync_dir(dir).map_err(Error::io(dir))?;
    }
    Ok(segments)
}

/// What is in the directory.
#[derive(Default)]
pub(crate) struct Looked {
    /// The segments in order.
    pub(crate) segments: Vec<PathBuf>,
    /// Files that are none of a lake's.
    pub(crate) foreign: Vec<PathBuf>,
}

/// Reads the directory and changes nothing: for checking.
///
/// # Errors
/// As [`open`].
pub(crate) fn look(disk: &dyn Disk, dir: &Path) -> Result<Looked> {
    match list(disk, dir) {
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(Looked::default()),
        listed => {
            let Found { segments, foreign, .. } = listed?;
            Ok(Looked { segments: sort_out(segments)?.0, foreign })
        }
    }
}

#[derive(Default)]
struct Found {
    segments: Vec<(SegmentName, PathBuf)>,
    unfinished: Vec<PathBuf>,
    /// Look-up indexes.
    indexes: Vec<PathBuf>,
    /// What is to go from the archive.
    leftovers: Vec<PathBuf>,
    /// What is none of these. It stays: whoever put it there may want it.
    foreign: Vec<PathBuf>,
}

fn list(disk: &dyn Disk, dir: &Path) -> Result<Found> {
    let mut found = Found::default();
    let is_segment = |stem: &str| SegmentName::parse(&format!("{stem}.parquet")).is_some();
    for name in disk.list(dir).map_err(Error::io(dir))? {
        let path = dir.join(&name);
        if let Some(name) = SegmentName::parse(&name).or_else(|| SegmentName::parse_stub(&name)) {
            found.segments.push((name, path));
        } else if name.strip_suffix(".index").is_some_and(is_segment) {
            found.indexes.push(path);
        } else if name.strip_suffix(LEFTOVER).is_some_and(is_segment) {
            found.leftovers.push(path);
        } else if UNFINISHED_NAMES.iter().any(|end| name.ends_with(end)) {
            found.unfinished.push(path);
        } else {
            found.foreign.push(path);
        }
    }
    Ok(found)
}

/// How the names of files end that are being written.
const UNFINISHED_NAMES: [&str; 4] = [UNFINISHED, ".index.tmp", ".archived.tmp", ".leftover.tmp"];

fn is_stub(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).and_then(SegmentName::parse_stub).is_some()
}

/// The leaves of the segment that a file is of, by its name.
pub(crate) fn leaves_of(path: &Path) -> Option<LeafRange> {
    let stem = path.file_stem()?.to_str()?;
    Some(SegmentName::parse(&format!("{stem}.parquet"))?.leaves)
}

/// Whether a file is of one of these segments, by its name.
fn is_of_any(path: &Path, segments: &[PathBuf]) -> bool {
    segments.iter().any(|segment| segment.file_stem() == path.file_stem())
}

/// Whether the objects that a leftover is of are those of a segment that is in the archive.
fn is_settled(leftover: &Path, kept: &[PathBuf]) -> bool {
    kept.iter().any(|segment| is_stub(segment) && segment.file_stem() == leftover.file_stem())
}

/// The leftovers in a directory, and the stubs.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn leftovers(disk: &dyn Disk, dir: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let found = list(disk, dir)?;
    let stubs = found.segments.into_iter().map(|(_, path)| path).filter(|path| is_stub(path));
    Ok((found.leftovers, stubs.collect()))
}

/// The segments in order, and the files that they make superfluous.
fn sort_out(mut found: Vec<(SegmentName, PathBuf)>) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    found.sort_by_key(|(name, path)| {
        (name.leaves.start, Reverse(name.leaves.end), Reverse(name.rewrite), is_stub(path))
    });
    let mut kept: Vec<(LeafRange, PathBuf)> = Vec::new();
    let mut leftovers = Vec::new();
    for (SegmentName { leaves, .. }, path) in found {
        let Some((before, before_path)) = kept.last() else {
            if leaves.start > LeafIndex(0) {
                return Err(Error::damaged(&path, format!("no segment holds leaves 0 to {}", leaves.start)));
            }
            kept.push((leaves, path));
            continue;
        };
        let wrong = |problem: String| Error::Ranges { first: before_path.clone(), second: path.clone(), problem };
        if leaves.end <= before.end {
            leftovers.push(path);
        } else if leaves.start < before.end {
            return Err(wrong(format!("both hold leaves {} to {}", leaves.start, before.end)));
        } else if leaves.start > before.end {
            return Err(wrong(format!("do not adjoin: leaves {} to {} are missing", before.end, leaves.start)));
        } else {
            kept.push((leaves, path));
        }
    }
    Ok((kept.into_iter().map(|(_, path)| path).collect(), leftovers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::Range;

    fn check(ranges: &[Range<u64>]) -> Result<(Vec<String>, Vec<String>)> {
        let named = |leaves: &Range<u64>| {
            let name = SegmentName::new(LeafRange::from(leaves.clone()));
            (name, PathBuf::from(format!("{}-{}", leaves.start, leaves.end)))
        };
        let names = |paths: Vec<PathBuf>| paths.iter().map(|path| path.display().to_string()).collect();
        let (kept, leftovers) = sort_out(ranges.iter().map(named).collect())?;
        Ok((names(kept), names(leftovers)))
    }

    #[test]
    fn adjoining_segments_are_kept_and_covered_ones_are_leftovers() {
        let (kept, leftovers) = check(&[4..8, 0..4, 8..20, 8..12, 12..20, 20..21]).unwrap();
        assert_eq!(kept, ["0-4", "4-8", "8-20", "20-21"]);
        assert_eq!(leftovers, ["8-12", "12-20"]);
        assert_eq!(check(&[]).unwrap(), (vec![], vec![]));
    }

    #[test]
    fn the_last_rewrite_counts() {
        let first = SegmentName::new(LeafRange::from(0..4));
        let named = |name: SegmentName| (name, PathBuf::from(name.rewrite.to_string()));
        let (kept, leftovers) =
            sort_out(vec![named(first.rewritten()), named(first), named(first.rewritten().rewritten())]).unwrap();
        assert_eq!(kept, [PathBuf::from("2")]);
        assert_eq!(leftovers, [PathBuf::from("1"), PathBuf::from("0")]);
    }

    #[test]
    fn overlaps_and_gaps_name_both_files() {
        let overlap = check(&[0..4, 3..8]).unwrap_err().to_string();
        assert_eq!(overlap, "0-4 and 3-8 both hold leaves 3 to 4");
        let gap = check(&[0..4, 5..8]).unwrap_err().to_string();
        assert_eq!(gap, "0-4 and 5-8 do not adjoin: leaves 4 to 5 are missing");
        let start = check(&[5..8, 8..9]).unwrap_err().to_string();
        assert_eq!(start, "5-8 is damaged: no segment holds leaves 0 to 5");
    }
}

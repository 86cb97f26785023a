//! Operations of the disk fail in turn while entries are appended, sealed, compacted and removed: each entry that was acknowledged is
//! there afterwards, once, at its leaf; what has the name of a segment or an index is whole; and sealing goes on.
//!
//! All is on that disk: the ledger's frames, the tree's files and the removal of write-ahead files; the lake's segments as
//! they are written, read back, joined and removed; their indexes. What changes something fails in every way, what reads
//! in one.

use onrecord_evidence::{LeafIndex, Signer, leaf_hash};
use onrecord_lake::{
    ArchiveTarget, Error, Lake, LeafSet, OwnedRow, PutSettings, Removal, SEGMENTS, Storage, Tier, compact_all, push,
    restore, rewrite, seal_all, sweep, verify_on,
};
use onrecord_ledger::{AppendError, Config, Entry, EntryId, Ledger};
use onrecord_testing::faulty::{FAULTS, Fault};
use onrecord_testing::{FaultyDisk, sample};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Entries of each write-ahead file that is sealed.
const ENTRIES: u64 = 3;

/// Small segments that compaction takes together.
const SMALL: u64 = 16;

/// Segments of which rows are removed.
const TWO: u64 = 2;

fn entries(leaves: Range<u64>) -> Vec<Entry> {
    leaves.map(|leaf| Entry::new(EntryId(id(leaf)), sample::decision(leaf), Vec::new())).collect()
}

fn id(leaf: u64) -> [u8; 16] {
    sample::event_id(leaf).into_bytes()
}

fn dir() -> &'static Path {
    Path::new("/data")
}

/// Ledger and lake of one directory, open.
struct Node {
    lake: Arc<Lake>,
    ledger: Ledger,
}

impl Node {
    fn open(disk: &FaultyDisk, key: &str) -> Self {
        let lake = Lake::open_on(Arc::new(disk.clone()), dir(), &[]).unwrap();
        let (signer, disk, follower) = (Signer::parse(key).unwrap(), Arc::new(disk.clone()), Arc::clone(&lake) as _);
        let (ledger, _) = Ledger::open(dir(), signer, Config::default(), disk, follower).unwrap();
        Self { lake, ledger }
    }

    /// Appends and seals so often; `acknowledged` counts what was promised. What fails ends it.
    fn work(&self, rounds: u64, acknowledged: &mut u64) -> Result<(), String> {
        for _ in 0..rounds {
            let first = *acknowledged;
            self.ledger.append(entries(first..first + ENTRIES)).map_err(|error| error.to_string())?;
            *acknowledged += ENTRIES;
            self.ledger.rotate().map_err(|error| error.to_string())?;
            seal_all(&self.lake, &self.ledger).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Checks all that is there, in the lake and in the ledger, and seals the rest of it.
    fn check(&self, acknowledged: u64) {
        let size = self.ledger.size().0;
        // The entries in flight are there or not, all of them.
        assert!(size == acknowledged || size == acknowledged + ENTRIES, "{size} of {acknowledged}");
        self.check_entries(size);
        self.ledger.rotate().unwrap();
        seal_all(&self.lake, &self.ledger).unwrap();
        assert_eq!((self.lake.sealed_end(), self.ledger.status().sealed), (LeafIndex(size), LeafIndex(size)));
        self.check_entries(size);
        for leaf in 0..size {
            let again = self.ledger.append(entries(leaf..leaf + 1)).map(|_| ());
            assert_eq!(again, Err(AppendError::Taken(vec![(0, LeafIndex(leaf))])));
        }
    }

    fn check_entries(&self, size: u64) {
        let rows: Vec<OwnedRow> = self.lake.entries(LeafIndex(0)).unwrap().map(Result::unwrap).collect();
        let expected = (0..size).map(|leaf| {
            let (record, sidecar) = (sample::decision(leaf), Vec::new());
            OwnedRow { leaf: LeafIndex(leaf), id: id(leaf), record, sidecar }
        });
        assert!(rows.iter().cloned().eq(expected), "the lake has other entries");
        let hashes = self.ledger.leaf_hashes(0..size).unwrap();
        assert!(rows.iter().map(|row| leaf_hash(&row.record)).eq(hashes), "the tree has other leaves");
    }
}

/// Which operation goes wrong, counted from when it is said.
#[derive(Clone, Copy, Debug)]
enum Failing {
    Change(u64, Fault),
    Any(u64),
}

impl Failing {
    /// Sets the disk up for it. Says later whether it came.
    fn begin(self, disk: &FaultyDisk) -> impl Fn(&FaultyDisk) -> bool {
        let (changes, operations) = (disk.changes(), disk.operations());
        match self {
            Self::Change(number, fault) => disk.fail_at_change(changes + number, fault),
            Self::Any(number) => disk.fail_at(operations + number, Fault::Before),
        }
        move |disk| match self {
            Self::Change(number, _) => disk.changes() > changes + number,
            Self::Any(number) => disk.operations() > operations + number,
        }
    }

    fn number(self) -> u64 {
        match self {
            Self::Change(number, _) | Self::Any(number) => number,
        }
    }
}

/// Works until an operation goes wrong; then goes on in one of three ways and checks. Returns whether the operation came.
fn seal(failing: Failing) -> bool {
    let number = failing.number();
    let (disk, signer) = (FaultyDisk::new(number), Signer::generate("example.org/test").unwrap());
    Ledger::create(dir(), &signer, &disk).unwrap();
    let key = signer.to_text().to_string();
    let node = Node::open(&disk, &key);
    let came = failing.begin(&disk);
    let mut acknowledged = 0;
    // The second write-ahead file finds a tree and a segment that are there.
    let rounds = if matches!(failing, Failing::Change(..)) { 2 } else { 1 };
    let worked = node.work(rounds, &mut acknowledged);
    if !came(&disk) {
        assert_eq!(worked, Ok(()));
        return false;
    }
    go_on(node, &disk, &key, number, &LeafSet::default(), |node| node.check(acknowledged));
    true
}

/// Goes on with the node, or in a new process, or after the machine went down, and checks.
fn go_on(node: Node, disk: &FaultyDisk, key: &str, way: u64, removal: &LeafSet, check: impl Fn(&Node)) {
    match way % 3 {
        0 if !disk.is_off() => {
            node.ledger.reopen().unwrap();
            check(&node);
            drop(node);
        }
        1 if !disk.is_off() => {
            disk.stop();
            drop(node);
            disk.restart_process();
        }
        _ => {
            disk.stop();
            drop(node);
            disk.restart_machine();
        }
    }
    disk.repair();
    check(&Node::open(disk, key));
    verify(disk, removal);
}

/// Nothing is wrong with any segment or index.
fn verify(disk: &FaultyDisk, removal: &LeafSet) {
    let disk = Arc::new(disk.clone()) as _;
    let verification = verify_on(&disk, dir(), 1, removal, &|_| false, &|_| Ok(())).unwrap();
    assert!(verification.errors.is_empty(), "{:?}", verification.errors);
}

/// A disk with so many small segments, and the key of its ledger.
fn small_segments(count: u64) -> (BTreeMap<PathBuf, Vec<u8>>, String) {
    let (disk, signer) = (FaultyDisk::new(0), Signer::generate("example.org/test").unwrap());
    Ledger::create(dir(), &signer, &disk).unwrap();
    let key = signer.to_text().to_string();
    Node::open(&disk, &key).work(count, &mut 0).unwrap();
    (disk.files(), key)
}

/// Compacts until an operation goes wrong, goes on, and compacts again. Returns whether the operation came.
fn compact(failing: Failing, files: &BTreeMap<PathBuf, Vec<u8>>, key: &str) -> bool {
    let disk = FaultyDisk::with_files(files);
    let node = Node::open(&disk, key);
    let came = failing.begin(&disk);
    let compacted = compact_all(&node.lake, &node.ledger);
    if !came(&disk) {
        compacted.unwrap();
        return false;
    }
    go_on(node, &disk, key, failing.number(), &LeafSet::default(), |node| {
        node.check_entries(SMALL * ENTRIES);
        compact_all(&node.lake, &node.ledger).unwrap();
        node.check_entries(SMALL * ENTRIES);
        assert_eq!(node.lake.segments().len(), 1);
    });
    let segments = disk.files().into_keys().filter(|path| path.starts_with(dir().join(SEGMENTS)));
    let names: Vec<String> = segments.map(|path| path.extension().unwrap().to_string_lossy().into_owned()).collect();
    // An index that could not be made is made later, by the background worker.
    assert!(names == ["index", "parquet"] || names == ["parquet"], "{names:?} were not removed");
    true
}

/// Removes rows until an operation goes wrong, goes on, and removes them again. Returns whether the operation came.
fn remove(failing: Failing, files: &BTreeMap<PathBuf, Vec<u8>>, key: &str) -> bool {
    let rows: LeafSet = [1, 3, 4, 5].into_iter().map(LeafIndex).collect();
    let removal = Removal { rows, ..Removal::default() };
    let disk = FaultyDisk::with_files(files);
    let node = Node::open(&disk, key);
    let came = failing.begin(&disk);
    let removed = rewrite(&node.lake, &node.ledger, &removal);
    if !came(&disk) {
        removed.unwrap();
        return false;
    }
    let held = |node: &Node| {
        let rows = node.lake.entries(LeafIndex(0)).unwrap().map(Result::unwrap);
        rows.map(|row| (row.leaf.0, row.record)).collect::<Vec<_>>()
    };
    let all = |gone: &LeafSet| {
        let stays = (0..TWO * ENTRIES).filter(|leaf| !gone.contains(LeafIndex(*leaf)));
        stays.map(|leaf| (leaf, sample::decision(leaf))).collect::<Vec<_>>()
    };
    go_on(node, &disk, key, failing.number(), &removal.rows, |node| {
        node.lake.may_lack(&removal.rows);
        // Each segment was rewritten or not.
        let found = held(node);
        assert!(all(&removal.rows).iter().all(|row| found.contains(row)), "what stays is there");
        assert!(found.iter().all(|row| all(&LeafSet::default()).contains(row)), "and nothing else");
        rewrite(&node.lake, &node.ledger, &removal).unwrap();
        assert_eq!(held(node), all(&removal.rows));
    });
    let files = disk.files().into_keys().filter(|path| path.starts_with(dir().join(SEGMENTS)));
    let segments = files.filter(|path| path.extension().is_some_and(|extension| extension == "parquet")).count() as u64;
    assert_eq!(segments, TWO, "the old files are gone");
    true
}

/// How many operations failed, on two threads.
fn each(run: impl Fn(u64) -> bool + Sync) -> u64 {
    let run = &run;
    std::thread::scope(|scope| {
        let steps = |from: u64| (from..).step_by(2).take_while(|number| run(*number)).count() as u64;
        let odd = scope.spawn(move || steps(1));
        steps(0) + odd.join().unwrap()
    })
}

#[test]
fn a_change_that_fails_while_sealing_loses_nothing() {
    for fault in FAULTS {
        let changes = each(|number| seal(Failing::Change(number, fault)));
        // Frames and slots, segments, indexes, hashes, removals, each with what makes it durable.
        assert!(changes > 40, "{changes} changes failed by {fault:?}");
    }
}

#[test]
fn an_operation_that_fails_while_sealing_loses_nothing() {
    let operations = each(|number| seal(Failing::Any(number)));
    assert!(operations > 100, "{operations} operations");
}

#[test]
fn a_change_that_fails_while_compacting_loses_nothing() {
    let (files, key) = small_segments(SMALL);
    for fault in FAULTS {
        let changes = each(|number| compact(Failing::Change(number, fault), &files, &key));
        assert!(changes > 10, "{changes} changes failed by {fault:?}");
    }
}

#[test]
fn a_change_that_fails_while_rows_are_removed_loses_nothing_else() {
    let (files, key) = small_segments(TWO);
    for fault in FAULTS {
        let changes = each(|number| remove(Failing::Change(number, fault), &files, &key));
        assert!(changes > 10, "{changes} changes failed by {fault:?}");
    }
}

/// Puts a segment into the archive, or back, until an operation goes wrong, goes on, and does it again. Returns whether the
/// operation came.
fn archive(failing: Failing, back: bool, files: &BTreeMap<PathBuf, Vec<u8>>, key: &str) -> bool {
    let place = tempfile::tempdir().unwrap();
    let storage = Storage::open(&format!("file://{}", place.path().display())).unwrap();
    let (log, now) = ("example.org/test".to_owned(), "2026-11-29T00:00:00Z".to_owned());
    let target = ArchiveTarget { storage, settings: PutSettings::default(), log, now };
    let go = |node: &Node| push(&node.lake, &node.lake.segments()[0].clone(), &target, |_| Ok::<_, Error>(()));
    let come = |node: &Node| restore(&node.lake, &node.lake.segments()[0].clone(), |_| Ok::<_, Error>(()));
    let disk = FaultyDisk::with_files(files);
    let node = Node::open(&disk, key);
    if back {
        assert!(go(&node).unwrap());
    }
    let came = failing.begin(&disk);
    let moved = if back { come(&node) } else { go(&node) };
    let moved = moved.and_then(|_| sweep(&node.lake).map(drop));
    if !came(&disk) {
        moved.unwrap();
        return false;
    }
    go_on(node, &disk, key, failing.number(), &LeafSet::default(), |node| {
        node.check_entries(TWO * ENTRIES);
        assert!(if back { come(node) } else { go(node) }.unwrap());
        assert!(sweep(&node.lake).unwrap().left.is_empty());
        node.check_entries(TWO * ENTRIES);
        let objects = std::fs::read_dir(place.path()).unwrap().count();
        let expected = if node.lake.segments()[0].tier() == Tier::Archive { 2..4 } else { 0..1 };
        assert!(expected.contains(&objects), "{objects} objects");
    });
    true
}

#[test]
fn a_change_that_fails_while_a_segment_moves_loses_nothing_and_leaves_no_object() {
    let (files, key) = small_segments(TWO);
    for back in [false, true] {
        for fault in FAULTS {
            let changes = each(|number| archive(Failing::Change(number, fault), back, &files, &key));
            assert!(changes > 5, "{changes} changes failed by {fault:?}");
        }
    }
}

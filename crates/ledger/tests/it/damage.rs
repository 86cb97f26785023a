//! Every byte of a directory flipped, every file cut at every length: all of it is found, and nothing that was
//! acknowledged is lost without a word.

use crate::log::{Log, entries};
use bytes::Bytes;
use onrecord_evidence::TreeSize;
use onrecord_ledger::{Config, Error, LeafIndex, Ledger, verify, wal::Frames};
use onrecord_testing::FaultyDisk;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

const DIR: &str = "/data";

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A ledger with 300 sealed leaves, so that `tree/1` has a hash, a closed file and a current one; closed in good order.
fn directory() -> (Files, Log) {
    let disk = FaultyDisk::new(0);
    let config = Config { wal_file_entries_max: 300, ..Config::default() };
    let log = Log::create(Path::new(DIR), Arc::new(disk.clone()), config);
    let (ledger, _) = log.open().unwrap();
    ledger.append(entries(0..300)).unwrap();
    ledger.rotate().unwrap();
    log.seal(&ledger).unwrap();
    for numbers in [300..302, 302..303] {
        ledger.append(entries(numbers)).unwrap();
    }
    ledger.rotate().unwrap();
    for numbers in [303..304, 304..307] {
        ledger.append(entries(numbers)).unwrap();
    }
    drop(ledger);
    (disk.files(), log)
}

fn with_files(log: &mut Log, files: &Files) {
    log.disk = Arc::new(FaultyDisk::with_files(files));
}

fn problems(log: &Log) -> Vec<verify::Problem> {
    verify::directory(&log.dir, &log.key(), Arc::clone(&log.disk)).unwrap().problems
}

/// Damage in one file: `verify` must name that file (or, for hashes, what they do not fit to), and opening must not lose
/// an entry without a word.
fn check(log: &Log, file: &Path, what: &str) {
    let problems = problems(log);
    let in_tree = |file: &Path| file.starts_with("/data/tree");
    let is_named = |problem: &verify::Problem| problem.file == file || in_tree(file) && in_tree(&problem.file);
    assert!(problems.iter().any(is_named), "{what} of {}: {problems:?}", file.display());
    match log.open() {
        Err(Error::Corrupt { .. } | Error::Key { .. }) => {}
        Err(error) => panic!("{what} of {}: {error}", file.display()),
        Ok((ledger, recovery)) => {
            let is_told = recovery.torn_tail.is_some() || recovery.slot_flaw.is_some() || in_tree(file);
            assert!(is_told, "{what} of {} is passed over", file.display());
            assert_eq!(ledger.size(), TreeSize(307), "{what} of {} loses entries", file.display());
        }
    }
}

#[test]
fn a_sound_directory_has_no_problem() {
    let (files, mut log) = directory();
    let names: Vec<_> = files.keys().map(|path| path.strip_prefix(DIR).unwrap().to_str().unwrap()).collect();
    let wal = ["wal/00000000000000000300.wal", "wal/00000000000000000303.wal"];
    assert_eq!(names, ["checkpoint", "tree/0", "tree/1", wal[0], wal[1]]);
    with_files(&mut log, &files);
    let verified = verify::directory(&log.dir, &log.key(), Arc::clone(&log.disk)).unwrap();
    assert_eq!(verified.problems, []);
    assert_eq!((verified.size, verified.sealed), (TreeSize(307), LeafIndex(300)));
    let signed = log.key().verify(&verified.checkpoint.clone().unwrap()).unwrap();
    assert_eq!((signed.size, Ok(signed.root)), (TreeSize(307), verified.root_of(TreeSize(307)).map_err(|_| ())));
    let expect: Vec<_> = entries(298..303).iter().map(|entry| entry.leaf_hash()).collect();
    assert_eq!(verified.leaf_hashes(LeafIndex(298), 5).unwrap(), expect);
}

#[test]
fn one_flipped_byte_in_any_file_is_found() {
    let (files, mut log) = directory();
    for (path, bytes) in &files {
        // The slots' own test flips every byte of theirs, and the bytes of a hash are all alike: here some are enough.
        let step = if path.starts_with("/data/wal") { 1 } else { 31 };
        for place in (0..bytes.len()).step_by(step) {
            let mut damaged = files.clone();
            damaged.get_mut(path).unwrap()[place] ^= 1 << (place % 8);
            with_files(&mut log, &damaged);
            check(&log, path, &format!("byte {place}"));
        }
    }
}

#[test]
fn a_file_cut_at_any_length_is_found() {
    let (files, mut log) = directory();
    for (path, bytes) in &files {
        let step = if path.starts_with("/data/wal") { 1 } else { 101 };
        for len in (0..bytes.len()).step_by(step) {
            let mut damaged = files.clone();
            damaged.get_mut(path).unwrap().truncate(len);
            with_files(&mut log, &damaged);
            check(&log, path, &format!("cut to {len}"));
        }
    }
}

#[test]
fn a_missing_and_a_foreign_file_are_found() {
    let (files, mut log) = directory();
    for path in files.keys() {
        let mut damaged = files.clone();
        damaged.remove(path);
        with_files(&mut log, &damaged);
        if path.ends_with("checkpoint") {
            assert!(matches!(log.open(), Err(Error::Absent(_))));
            assert!(matches!(Ledger::create(&log.dir, &log.signer(), &*log.disk), Err(Error::Corrupt { .. })));
        } else if path.to_str().unwrap().ends_with("303.wal") {
            let Err(Error::Corrupt { file, leaf, problem }) = log.open() else { panic!("opened without {path:?}") };
            assert_eq!((file.to_str().unwrap(), leaf.unwrap().0), ("/data/wal/00000000000000000300.wal", 303));
            assert_eq!(problem, "acknowledged entries are missing: 307 were signed, 303 are there");
        } else {
            assert!(matches!(log.open(), Err(Error::Corrupt { .. })), "{}", path.display());
        }
    }
    for name in ["wal/junk", "tree/8"] {
        let mut damaged = files.clone();
        damaged.insert(Path::new(DIR).join(name), Vec::new());
        with_files(&mut log, &damaged);
        assert_eq!(problems(&log)[0].file, Path::new(DIR).join(name));
    }
}

#[test]
fn entries_changed_with_their_checksums_are_found_and_the_leaf_is_named() {
    let (files, mut log) = directory();
    let path = Path::new("/data/wal/00000000000000000300.wal");
    // An attacker who knows the format: another frame in place of the second, with right checksums and its own key.
    let other = Log::create(Path::new("/other"), Arc::new(FaultyDisk::new(1)), Config::default());
    let (forger, _) = other.open().unwrap();
    forger.append(entries(0..300)).unwrap();
    forger.rotate().unwrap();
    forger.append(entries(300..302)).unwrap();
    forger.append(entries([700])).unwrap();
    drop(forger);
    let forged = other.disk.read(Path::new("/other/wal/00000000000000000300.wal")).unwrap();
    let mut damaged = files.clone();
    damaged.insert(path.to_owned(), forged.to_vec());
    with_files(&mut log, &damaged);
    let Err(Error::Corrupt { file, leaf, .. }) = log.open() else { panic!("opened a forged directory") };
    assert_eq!((file.as_path(), leaf), (path, Some(LeafIndex(300))));
    // And with a foreign key for all of it.
    damaged.remove(Path::new("/data/wal/00000000000000000303.wal"));
    with_files(&mut log, &damaged);
    assert!(matches!(log.open(), Err(Error::Corrupt { .. } | Error::Key { .. })));
}

/// The offset of each frame in a file, by its first leaf.
fn frames(bytes: &[u8]) -> BTreeMap<u64, usize> {
    let (_, frames) = Frames::open(Bytes::copy_from_slice(bytes)).unwrap();
    frames.map(Result::unwrap).map(|frame| (frame.first.0, frame.offset as usize)).collect()
}

#[test]
fn damage_with_sound_entries_behind_it_is_no_torn_tail() {
    // After a power cut the slots may be behind, so that they do not miss what a torn tail would have cut off.
    let disk = FaultyDisk::new(0);
    let mut log = Log::create(Path::new(DIR), Arc::new(disk.clone()), Config::default());
    let (ledger, _) = log.open().unwrap();
    ledger.append(entries(0..1)).unwrap();
    let early = disk.files();
    (1..4).for_each(|number| drop(ledger.append(entries(number..number + 1)).unwrap()));
    let mut files = disk.files();
    drop(ledger);
    let (slots, wal) = (Path::new("/data/checkpoint"), Path::new("/data/wal/00000000000000000000.wal"));
    files.insert(slots.to_owned(), early[slots].clone());
    let place = frames(&files[wal]);
    for leaf in 1..4 {
        let mut damaged = files.clone();
        damaged.get_mut(wal).unwrap()[place[&leaf] + 40] ^= 1;
        with_files(&mut log, &damaged);
        match (leaf, log.open()) {
            (3, Ok((ledger, recovery))) => {
                assert_eq!((ledger.size(), recovery.torn_tail.unwrap().entries), (TreeSize(3), Some(1)));
            }
            (1 | 2, Err(Error::Corrupt { file, leaf: Some(at), problem })) => {
                assert_eq!((file.as_path(), at), (wal, LeafIndex(leaf)));
                assert_eq!(problem, "the checksum of a frame is wrong, and sound entries follow it");
            }
            (leaf, outcome) => panic!("leaf {leaf}: {:?}", outcome.map(|(_, recovery)| recovery)),
        }
    }
}

#[test]
fn an_entry_changed_with_its_checksums_is_found_by_its_hash() {
    let (mut files, mut log) = directory();
    let path = Path::new("/data/wal/00000000000000000300.wal");
    let bytes = files.get_mut(path).unwrap();
    let (start, end) = (frames(bytes)[&302], bytes.len());
    bytes[start + 32 + 24] ^= 1;
    let content = crc32c::crc32c(&bytes[start + 32..end]).to_le_bytes();
    bytes[start + 24..start + 28].copy_from_slice(&content);
    let header = crc32c::crc32c(&bytes[start..start + 28]).to_le_bytes();
    bytes[start + 28..start + 32].copy_from_slice(&header);
    with_files(&mut log, &files);
    let Err(Error::Corrupt { file, leaf, problem }) = log.open() else { panic!("opened a forged directory") };
    assert_eq!((file.as_path(), leaf), (path, Some(LeafIndex(302))));
    assert_eq!(problem, "the entries of a frame do not lead to the root of its checkpoint");
}

#[test]
fn a_checkpoint_of_another_history_is_refused() {
    let (mut ours, mut log) = directory();
    // The same key signed other entries, as after a directory was copied and both copies were used.
    let disk = FaultyDisk::new(0);
    Ledger::create(Path::new(DIR), &log.signer(), &disk).unwrap();
    let other = Log::opened(Path::new(DIR), Arc::new(disk.clone()), &log.signer());
    other.append(entries(1000..1305)).unwrap();
    drop(other);
    let path = Path::new("/data/checkpoint");
    ours.insert(path.to_owned(), disk.files()[path].clone());
    with_files(&mut log, &ours);
    let Err(Error::Corrupt { file, problem, .. }) = log.open() else { panic!("opened two histories as one") };
    assert_eq!((file.as_path(), problem.as_str()), (path, "the first 305 leaves do not lead to its root"));
}

#[test]
fn hashes_behind_the_sealed_leaves_must_be_those_of_the_entries() {
    let (files, mut log) = directory();
    let path = Path::new("/data/tree/0");
    let behind: Vec<u8> = entries(300..307).iter().flat_map(|entry| entry.leaf_hash().0).collect();
    let mut check = |added: &[u8], problem_count| {
        let mut files = files.clone();
        files.get_mut(path).unwrap().extend_from_slice(added);
        with_files(&mut log, &files);
        assert_eq!(problems(&log).len(), problem_count, "{} bytes", added.len());
        log.open().unwrap();
    };
    // A release that did not finish.
    check(&behind[..32 * 3], 0);
    check(&behind[..32 * 3 + 5], 0);
    check(&[1; 32], 1);
    check(&[behind, vec![0; 32]].concat(), 1);
}

#[test]
fn hashes_behind_the_sealed_leaves_are_checked_to_the_last() {
    let disk = FaultyDisk::new(0);
    let config = Config { wal_file_entries_max: 700, ..Config::default() };
    let mut log = Log::create(Path::new(DIR), Arc::new(disk.clone()), config);
    let (ledger, _) = log.open().unwrap();
    ledger.append(entries(0..700)).unwrap();
    drop(ledger);
    // All of them lie behind, in more than one piece.
    let mut files = disk.files();
    let hashes: Vec<u8> = entries(0..700).iter().flat_map(|entry| entry.leaf_hash().0).collect();
    for place in [None, Some(0), Some(32 * 256), Some(hashes.len() - 1)] {
        let mut hashes = hashes.clone();
        if let Some(place) = place {
            hashes[place] ^= 1;
        }
        files.insert(Path::new(DIR).join("tree/0"), hashes);
        with_files(&mut log, &files);
        assert_eq!(problems(&log).len(), usize::from(place.is_some()), "{place:?}");
    }
}

#[test]
fn an_image_is_checked_while_appends_go_on() {
    let disk = FaultyDisk::new(0);
    let config = Config { wal_file_entries_max: 300, ..Config::default() };
    let log = Log::create(Path::new(DIR), Arc::new(disk), config);
    let (ledger, _) = log.open().unwrap();
    ledger.append(entries(0..300)).unwrap();
    ledger.rotate().unwrap();
    log.seal(&ledger).unwrap();
    ledger.append(entries(300..303)).unwrap();
    let (dir, disk) = (log.dir.clone(), Arc::clone(&log.disk));
    let image = ledger.with_writer_paused(move || verify::WalImage::read(&dir, disk)).unwrap().unwrap();
    ledger.append(entries(303..304)).unwrap();
    ledger.rotate().unwrap();
    ledger.append(entries(304..307)).unwrap();
    let verified = image.check(&log.key()).unwrap();
    assert_eq!(verified.problems, []);
    assert_eq!((verified.size, verified.sealed), (TreeSize(303), LeafIndex(300)));
    assert!(verified.root_of(TreeSize(303)).is_ok());
}

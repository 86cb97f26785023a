//! Segments in the archive against a naive model, over a directory as the place: whatever goes there, comes back, is removed,
//! compacted or opened anew, each leaf has the row that the model has, and what went is in no file of either place.

use onrecord_evidence::leaf_hash;
use onrecord_lake::{
    ArchiveTarget, Archived, Error, LeafIndex, LeafSet, PutSettings, Removal, SEGMENTS, Storage, Tier, compact_all,
    push, restore, rewrite, sweep, trim_indexes, waiting,
};
use onrecord_ledger::{Entry, EntryId};
use onrecord_testing::{LakeFixture, Random, sample};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

fn id(leaf: u64) -> [u8; 16] {
    sample::event_id(leaf).into_bytes()
}

/// A record with a text that no compression makes smaller, and nobody else has.
fn record(leaf: u64) -> Vec<u8> {
    let (event, user, needle) = (sample::event_id(leaf), leaf % 10, needle(leaf));
    let record = format!(
        r#"{{"decision_id":"d{leaf}","event_id":"{event}","input_features":{{"text":"{needle}"}},"kind":"decision","schema":1,"user_id":"sub_{user:024x}"}}"#
    );
    record.into_bytes()
}

fn needle(leaf: u64) -> String {
    let mut random = Random::new(leaf + 1_000_000);
    (0..40).map(|_| char::from(b'a' + random.below(26) as u8)).collect()
}

struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn target(&self) -> ArchiveTarget {
        let storage = Storage::open(&format!("file://{}", self.dir.path().display())).unwrap();
        let (log, now) = ("example.org/test".to_owned(), "2026-11-29T00:00:00Z".to_owned());
        ArchiveTarget { storage, settings: PutSettings::default(), log, now }
    }

    fn objects(&self) -> Vec<PathBuf> {
        let mut paths: Vec<_> =
            std::fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }

    fn object(&self, ending: &str) -> PathBuf {
        self.objects().into_iter().find(|path| path.to_string_lossy().ends_with(ending)).unwrap()
    }
}

fn fine(_: &Archived) -> Result<(), Error> {
    Ok(())
}

fn append(house: &LakeFixture, model: &mut BTreeSet<u64>, count: u64) {
    let first = house.ledger().size().0;
    let entry = |leaf| Entry::new(EntryId(id(leaf)), record(leaf), Vec::new());
    house.ledger().append((first..first + count).map(entry).collect()).unwrap();
    model.extend(first..first + count);
}

fn check(house: &LakeFixture, model: &BTreeSet<u64>) {
    let rows: Vec<_> = house.lake().entries(LeafIndex(0)).unwrap().map(Result::unwrap).collect();
    assert!(
        rows.iter().map(|row| (row.leaf.0, row.record.clone())).eq(model.iter().map(|leaf| (*leaf, record(*leaf))))
    );
    for row in &rows {
        assert_eq!(leaf_hash(&row.record), house.leaf_hash(row.leaf.0));
    }
    for user in 0..10 {
        let found = house.lake().leaves_of_user(&format!("sub_{user:024x}")).unwrap();
        assert!(found.iter().map(|leaf| leaf.0).eq(model.iter().copied().filter(|leaf| leaf % 10 == user)));
    }
    for leaf in 0..house.ledger().size().0 {
        let found = house.lake().by_decision_id(&format!("d{leaf}")).unwrap();
        assert_eq!(found.iter().map(|row| row.leaf.0).collect::<Vec<_>>(), model.get(&leaf).copied().as_slice());
    }
}

/// Of what went, no file below has the text.
fn check_needles(dirs: &[&Path], gone: impl Iterator<Item = u64>) {
    let mut bytes = Vec::new();
    for dir in dirs {
        for entry in std::fs::read_dir(dir).unwrap() {
            bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
        }
    }
    for leaf in gone {
        let needle = needle(leaf).into_bytes();
        assert!(!bytes.windows(needle.len()).any(|window| window == needle), "leaf {leaf} is still somewhere");
    }
}

fn segments_in(house: &LakeFixture, tier: Tier) -> Vec<std::sync::Arc<onrecord_lake::Segment>> {
    house.lake().segments().iter().filter(|segment| segment.tier() == tier).cloned().collect()
}

#[test]
fn segments_go_and_come_back_and_nothing_is_lost_or_left() {
    for seed in 0..6 {
        let mut random = Random::new(seed);
        let (place, mut house, mut model) = (Place::new(), LakeFixture::new(1 << 20), BTreeSet::new());
        let mut gone = LeafSet::default();
        for _ in 0..14 {
            match random.below(8) {
                0 | 1 => append(&house, &mut model, 1 + random.below(60)),
                2 => house.seal(),
                3 => {
                    house.reopen();
                    house.lake().may_lack(&gone);
                }
                4 => compact_all(house.lake(), house.ledger()).unwrap(),
                5 => {
                    house.seal();
                    for segment in segments_in(&house, Tier::Local) {
                        if random.below(3) > 0 {
                            assert!(push(house.lake(), &segment, &place.target(), fine).unwrap());
                        }
                    }
                    if random.below(2) == 0 {
                        trim_indexes(house.lake(), 0).unwrap();
                    }
                }
                6 => {
                    for segment in segments_in(&house, Tier::Archive) {
                        if random.below(2) == 0 {
                            assert!(restore(house.lake(), &segment, fine).unwrap());
                        }
                    }
                }
                _ => {
                    house.seal();
                    let rows: Vec<u64> = (0..house.ledger().size().0).filter(|_| random.below(4) == 0).collect();
                    let rows: LeafSet = rows.into_iter().map(LeafIndex).collect();
                    let removed =
                        rewrite(house.lake(), house.ledger(), &Removal { rows: rows.clone(), ..Removal::default() });
                    assert!(removed.unwrap().wait(Duration::from_secs(5)));
                    gone.insert_all(&rows);
                    model.retain(|leaf| !gone.contains(LeafIndex(*leaf)));
                    let swept = sweep(house.lake()).unwrap();
                    assert!(swept.left.is_empty(), "{:?}", swept.left);
                }
            }
            check(&house, &model);
        }
        let swept = sweep(house.lake()).unwrap();
        assert!(swept.left.is_empty() && waiting(house.lake()).unwrap().is_empty());
        let verification = house.verify_without(&gone);
        assert!(verification.errors.is_empty(), "seed {seed}: {:?}", verification.errors);
        assert!(verification.unreached.is_empty());
        let in_tail = house.lake().sealed_end().0;
        check_needles(
            &[&house.path().join(SEGMENTS), place.dir.path()],
            (0..in_tail).filter(|leaf| gone.contains(LeafIndex(*leaf))),
        );
        // Three objects of each segment in the archive, and nothing else.
        assert_eq!(place.objects().len(), 3 * segments_in(&house, Tier::Archive).len(), "seed {seed}");
    }
}

/// A house of which all is in the archive.
fn archived(rows: u64) -> (Place, LakeFixture, BTreeSet<u64>) {
    let (place, house, mut model) = (Place::new(), LakeFixture::new(1 << 20), BTreeSet::new());
    append(&house, &mut model, rows);
    house.seal();
    for segment in segments_in(&house, Tier::Local) {
        assert!(push(house.lake(), &segment, &place.target(), fine).unwrap());
    }
    (place, house, model)
}

fn names(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.map(|name| name.split_once('.').unwrap().1.to_owned()).collect();
    names.sort();
    names
}

#[test]
fn of_a_segment_in_the_archive_a_stub_and_an_index_stay() {
    let (place, mut house, model) = archived(8_000);
    assert_eq!(names(&house.path().join(SEGMENTS)), ["archived", "index"]);
    assert_eq!(names(place.dir.path()), ["index", "json", "parquet"]);
    check_few(&house, &model);
    house.reopen();
    check_few(&house, &model);
    // Pushed again, it is there already.
    let segment = segments_in(&house, Tier::Archive).remove(0);
    assert!(push(house.lake(), &segment, &place.target(), fine).unwrap());
    let stub = std::fs::metadata(segment.path()).unwrap().len();
    assert!(segment.bytes() > 4 * stub, "a stub of {stub} bytes for {}", segment.bytes());
}

/// As `check`, of some of many.
fn check_few(house: &LakeFixture, model: &BTreeSet<u64>) {
    for leaf in [0, 4_095, 6_000, 7_999] {
        assert_eq!(house.lake().by_leaf(LeafIndex(leaf)).unwrap().unwrap().record, record(leaf));
        let found = house.lake().by_decision_id(&format!("d{leaf}")).unwrap();
        assert_eq!(found.iter().map(|row| row.leaf.0).collect::<Vec<_>>(), [leaf]);
    }
    assert_eq!(house.lake().leaves_of_user(&format!("sub_{:024x}", 3)).unwrap().len(), model.len() / 10);
}

#[test]
fn what_was_not_put_on_the_record_does_not_leave_the_disk() {
    let (place, mut house, mut model) = (Place::new(), LakeFixture::new(1 << 20), BTreeSet::new());
    append(&house, &mut model, 50);
    house.seal();
    let segment = segments_in(&house, Tier::Local).remove(0);
    let refused = |_: &Archived| Err(Error::Archive { url: "x".to_owned(), source: std::io::Error::other("no") });
    push(house.lake(), &segment, &place.target(), refused).unwrap_err();
    assert_eq!(names(&house.path().join(SEGMENTS)), ["index", "leftover", "parquet"]);
    assert_eq!(place.objects().len(), 3);
    drop(segment);
    // As after a crash at that point: the objects are known, and go.
    house.reopen();
    assert_eq!(sweep(house.lake()).unwrap().deleted, 1);
    assert!(place.objects().is_empty() && waiting(house.lake()).unwrap().is_empty());
    check(&house, &model);
}

#[test]
fn a_file_beside_its_stub_counts_when_the_lake_is_opened() {
    let (place, mut house, model) = archived(50);
    house.close();
    let stub = house.path().join(SEGMENTS).join("00000000000000000000-00000000000000000050.archived");
    std::fs::copy(place.object(".parquet"), stub.with_extension("parquet")).unwrap();
    std::fs::write(stub.with_extension("parquet.tmp"), "half").unwrap();
    house.open();
    assert_eq!(names(&house.path().join(SEGMENTS)), ["index", "leftover", "parquet"]);
    check(&house, &model);
    assert_eq!(sweep(house.lake()).unwrap().deleted, 1);
    assert!(place.objects().is_empty());
    check(&house, &model);
}

#[test]
fn a_place_that_another_log_has_is_left_alone() {
    let (place, house, _) = archived(50);
    let before: Vec<Vec<u8>> = place.objects().iter().map(|path| std::fs::read(path).unwrap()).collect();
    let (other, mut model) = (LakeFixture::new(1 << 20), BTreeSet::new());
    append(&other, &mut model, 50);
    other.seal();
    let segment = segments_in(&other, Tier::Local).remove(0);
    let mut target = place.target();
    target.log = "example.org/other".to_owned();
    let error = push(other.lake(), &segment, &target, fine).unwrap_err();
    assert!(error.to_string().contains("another log has this place"), "{error}");
    assert_eq!(sweep(other.lake()).unwrap().deleted, 0);
    let after: Vec<Vec<u8>> = place.objects().iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert_eq!(before, after);
    check(&other, &model);
    drop(house);
}

#[test]
fn a_changed_a_truncated_and_a_missing_object_are_found_and_nothing_wrong_is_answered() {
    let (place, mut house, model) = archived(8_000);
    let object = place.object(".parquet");
    let whole = std::fs::read(&object).unwrap();
    // The first page of a column that every look-up reads.
    let mut changed = whole.clone();
    (4..40_000).step_by(64).for_each(|at| changed[at] ^= 1);
    for (bytes, problem) in [
        (Some(changed), "the SHA-256"),
        (Some(whole[..whole.len() - 1].to_vec()), "the length"),
        (Some(whole[..whole.len() / 2].to_vec()), "the length"),
        (None, "no such object"),
    ] {
        match bytes {
            Some(bytes) => std::fs::write(&object, bytes).unwrap(),
            None => std::fs::remove_file(&object).unwrap(),
        }
        house.reopen();
        let read: Result<Vec<_>, _> = house.lake().entries(LeafIndex(0)).unwrap().collect();
        if let Ok(rows) = read {
            assert!(rows.iter().map(|row| row.leaf.0).eq(model.iter().copied()), "what is read is right");
        }
        let verification = house.verify_without(&LeafSet::default());
        let errors: Vec<String> = verification.errors.iter().map(ToString::to_string).collect();
        assert!(errors.iter().any(|error| error.contains(problem)), "{problem}: {errors:?}");
        let segment = segments_in(&house, Tier::Archive).remove(0);
        restore(house.lake(), &segment, fine).unwrap_err();
        assert_eq!(names(&house.path().join(SEGMENTS)), ["archived", "index"]);
    }
    std::fs::write(&object, whole).unwrap();
    house.reopen();
    check_few(&house, &model);
    assert!(house.verify_without(&LeafSet::default()).errors.is_empty());
}

#[test]
fn a_stub_that_was_changed_is_found() {
    let (_place, house, _) = archived(5_000);
    let stub = house.path().join(SEGMENTS).join("00000000000000000000-00000000000000005000.archived");
    let whole = std::fs::read(&stub).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 150) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(&stub, &changed).unwrap();
        let verification = house.verify_without(&LeafSet::default());
        assert!(!verification.errors.is_empty(), "byte {at} of {}", whole.len());
    }
    for end in [0, 11, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&stub, &whole[..end]).unwrap();
        assert!(!house.verify_without(&LeafSet::default()).errors.is_empty(), "cut at {end}");
    }
    std::fs::write(&stub, &whole).unwrap();
    assert!(house.verify_without(&LeafSet::default()).errors.is_empty());
}

#[test]
fn what_opening_a_directory_reads_stays_on_the_disk() {
    let (place, mut house) = (Place::new(), LakeFixture::new(1 << 20));
    let kinds = ["decision", "system", "decision", "erasure", "access", "hold", "retention", "decision"];
    let record = |leaf: usize| {
        let event = sample::event_id(leaf as u64);
        format!(r#"{{"event_id":"{event}","kind":"{}","schema":1,"what":"leaf {leaf}"}}"#, kinds[leaf]).into_bytes()
    };
    house.append((0..kinds.len()).map(|leaf| (id(leaf as u64), record(leaf))));
    house.seal();
    let segment = segments_in(&house, Tier::Local).remove(0);
    assert!(push(house.lake(), &segment, &place.target(), fine).unwrap());
    drop(segment);
    let away = place.dir.path().with_extension("away");
    std::fs::rename(place.dir.path(), &away).unwrap();
    house.reopen();
    for (leaf, kind) in kinds.iter().enumerate().filter(|(_, kind)| !["decision", "access"].contains(kind)) {
        let mut found = Vec::new();
        house.lake().each_of_kind(kind, LeafIndex(0), &mut |row| found.push((row.leaf.0, row.record))).unwrap();
        assert_eq!(found, [(leaf as u64, record(leaf))]);
        assert!(house.lake().newest_of_kind(kind, &|_| true).unwrap().is_some());
    }
    std::fs::rename(&away, place.dir.path()).unwrap();
    assert!(house.verify().is_empty());
}

/// The only segment.
fn segment(house: &LakeFixture) -> std::sync::Arc<onrecord_lake::Segment> {
    house.lake().segments()[0].clone()
}

#[test]
fn what_is_read_where_it_was_before_keeps_its_name() {
    let (place, mut house, model) = archived(50);
    // Its last reader removes the stub, and marks the objects: not those of a second time.
    let reader = segment(&house);
    assert!(restore(house.lake(), &reader, fine).unwrap());
    let error = push(house.lake(), &segment(&house), &place.target(), fine).unwrap_err().to_string();
    assert!(error.contains("a query reads it yet"), "{error}");
    assert_eq!(sweep(house.lake()).unwrap().left.len(), 1);
    drop(reader);
    let reader = segment(&house);
    assert!(push(house.lake(), &reader, &place.target(), fine).unwrap());
    // Its last reader removes the file.
    let error = restore(house.lake(), &segment(&house), fine).unwrap_err().to_string();
    assert!(error.contains("a query reads it yet"), "{error}");
    drop(reader);
    assert!(restore(house.lake(), &segment(&house), fine).unwrap());
    house.reopen();
    assert!(sweep(house.lake()).unwrap().left.is_empty());
    check(&house, &model);
    assert_eq!(names(&house.path().join(SEGMENTS)), ["index", "parquet"]);
    assert!(place.objects().is_empty());
}

#[test]
fn a_removal_waits_for_readers_of_what_its_segments_were_before() {
    let (place, house, mut model) = (Place::new(), LakeFixture::new(1 << 20), BTreeSet::new());
    for _ in 0..2 {
        append(&house, &mut model, 30);
        house.seal();
    }
    let removal = |leaf| Removal { rows: [LeafIndex(leaf)].into_iter().collect(), ..Removal::default() };
    let remove = |leaf| rewrite(house.lake(), house.ledger(), &removal(leaf)).unwrap();
    let wait = |leaf| remove(leaf).wait(Duration::from_millis(20));
    // Two that compaction made one of, and that one, pushed: a reader of the first of the two has leaf 3, and not leaf 40.
    let reader = segment(&house);
    compact_all(house.lake(), house.ledger()).unwrap();
    assert!(!wait(3) && wait(40), "of {:?}", reader.path());
    assert!(push(house.lake(), &segment(&house), &place.target(), fine).unwrap());
    // Asked again, when nothing is to be rewritten any more.
    assert!(!wait(3) && wait(40));
    drop(reader);
    assert!(wait(3));
    let reader = segment(&house);
    assert!(restore(house.lake(), &reader, fine).unwrap() && !wait(3));
    drop(reader);
    assert!(wait(3) && sweep(house.lake()).unwrap().left.is_empty());
}

#[test]
fn objects_go_by_their_hash_where_nothing_says_whose_they_are() {
    let (place, house, model) = archived(50);
    std::fs::remove_file(place.object(".json")).unwrap();
    let verification = house.verify_without(&LeafSet::default());
    let errors: Vec<String> = verification.errors.iter().map(ToString::to_string).collect();
    assert!(errors.iter().any(|error| error.contains(".json in the archive is not what was put there")), "{errors:?}");
    assert!(restore(house.lake(), &segment(&house), fine).unwrap());
    assert_eq!(sweep(house.lake()).unwrap().deleted, 1);
    assert!(place.objects().is_empty());
    check(&house, &model);
    // What is changed and has lost its manifest may be of anybody: that is said, until somebody has looked.
    let (place, house, model) = archived(50);
    assert!(restore(house.lake(), &segment(&house), fine).unwrap());
    std::fs::remove_file(place.object(".json")).unwrap();
    std::fs::write(place.object(".parquet"), "changed").unwrap();
    let left = sweep(house.lake()).unwrap().left;
    assert!(left.len() == 1 && left[0].leaves.count() == 50, "{left:?}");
    assert!(left[0].error.to_string().contains("delete it if it is of this log"), "{left:?}");
    std::fs::remove_file(place.object(".parquet")).unwrap();
    assert_eq!(sweep(house.lake()).unwrap().deleted, 1);
    assert!(place.objects().is_empty() && waiting(house.lake()).unwrap().is_empty());
    check(&house, &model);
}

#[test]
fn what_anybody_has_put_under_the_name_of_an_object_stays() {
    let (place, house, mut model) = (Place::new(), LakeFixture::new(1 << 20), BTreeSet::new());
    append(&house, &mut model, 50);
    house.seal();
    let name = segment(&house).path().file_name().unwrap().to_owned();
    std::fs::write(place.dir.path().join(name), "of somebody").unwrap();
    let error = push(house.lake(), &segment(&house), &place.target(), fine).unwrap_err().to_string();
    assert!(error.contains("something else is there"), "{error}");
    assert!(waiting(house.lake()).unwrap().is_empty());
    assert_eq!(std::fs::read(place.object(".parquet")).unwrap(), b"of somebody");
    assert_eq!(place.objects().len(), 1);
}

#[test]
fn what_lies_beside_the_object_is_verified() {
    for ending in [".json", ".index"] {
        let (place, house, _) = archived(50);
        let object = place.object(ending);
        let mut bytes = std::fs::read(&object).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        std::fs::write(&object, bytes).unwrap();
        let verification = house.verify_without(&LeafSet::default());
        let errors: Vec<String> = verification.errors.iter().map(ToString::to_string).collect();
        assert!(errors.iter().any(|error| error.contains(ending)), "{errors:?}");
    }
}

#[test]
fn a_stub_that_is_not_needed_keeps_no_directory_from_opening() {
    let (place, mut house, model) = archived(50);
    house.close();
    let stub = house.path().join(SEGMENTS).join("00000000000000000000-00000000000000000050.archived");
    std::fs::copy(place.object(".parquet"), stub.with_extension("parquet")).unwrap();
    std::fs::write(&stub, "ONRECARC and no more").unwrap();
    house.open();
    check(&house, &model);
    // Where its objects are it does not say any more.
    let left = sweep(house.lake()).unwrap().left;
    assert!(left.len() == 1 && left[0].error.to_string().contains("damaged"), "{left:?}");
    assert!(push(house.lake(), &segment(&house), &place.target(), fine).unwrap());
    house.reopen();
    check(&house, &model);
}

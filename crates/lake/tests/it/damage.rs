//! Damage is named, never read as if it were data, and never mended silently.

use onrecord_lake::{Error, Lake, LeafSet, Sealer, Segment};
use onrecord_testing::LakeFixture;
use onrecord_testing::sample;
use std::path::Path;
use std::sync::Arc;

fn house() -> LakeFixture {
    let house = LakeFixture::new(100);
    house.append((0..200).map(|number| (sample::event_id(number).into_bytes(), sample::decision(number))));
    house.seal();
    house
}

#[test]
fn one_flipped_bit_anywhere_in_a_segment_is_found_and_the_file_named() {
    let mut house = house();
    house.close();
    let path = house.segment_files().remove(0);
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let sound = std::fs::read(&path).unwrap();
    // Every byte of the footer's end, and places all over the file.
    let step = sound.len() / 150;
    let places = (0..sound.len()).step_by(step).chain(sound.len() - 40..sound.len());
    for place in places {
        let mut damaged = sound.clone();
        damaged[place] ^= 1 << (place % 8);
        std::fs::write(&path, damaged).unwrap();
        let found = match onrecord_lake::verify(house.path(), 2, &LeafSet::default(), &|_| false, &|_| Ok(())) {
            Ok(report) => report.errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            Err(error) => error.to_string(),
        };
        assert!(found.contains(&name), "byte {place} of {}: {found:?}", sound.len());
    }
    for end in (0..sound.len()).step_by(step) {
        std::fs::write(&path, &sound[..end]).unwrap();
        assert!(Segment::open(&path).is_err(), "cut to {end} of {} bytes", sound.len());
    }
    std::fs::write(&path, &sound).unwrap();
    assert!(
        onrecord_lake::verify(house.path(), 2, &LeafSet::default(), &|_| false, &|_| Ok(())).unwrap().errors.is_empty()
    );
}

/// Without an index no block has a checksum of its own; the whole file is compared before anything of it is believed.
#[test]
fn a_flipped_bit_lets_no_id_go_unfound() {
    let mut house = house();
    house.remove_indexes();
    house.close();
    let path = house.segment_files().remove(0);
    let sound = std::fs::read(&path).unwrap();
    let (id, expected) = (sample::event_id(7), sample::decision(7));
    let decision_id = id.to_string();
    let mut refused = 0;
    for place in (4..sound.len()).step_by(sound.len() / 400) {
        let mut damaged = sound.clone();
        damaged[place] ^= 1 << (place % 8);
        std::fs::write(&path, damaged).unwrap();
        let Ok(lake) = Lake::open(house.path()) else { continue };
        for found in [
            lake.by_event_id(id.into_bytes()).map(|row| row.map(|row| row.record)),
            lake.by_decision_id(&decision_id).map(|mut rows| rows.pop().map(|row| row.record)),
        ] {
            match found {
                Ok(found) => assert_eq!(found.as_ref(), Some(&expected), "byte {place}"),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 400, "{refused}");
}

#[test]
fn an_index_that_cannot_be_made_keeps_no_other_from_being_made() {
    let mut house = house();
    house.remove_indexes();
    house.close();
    let files = house.segment_files();
    let mut damaged = std::fs::read(&files[0]).unwrap();
    damaged[100] ^= 1;
    std::fs::write(&files[0], damaged).unwrap();
    house.open();
    let sealer = Sealer::start(Arc::clone(house.lake()), Arc::clone(house.ledger())).unwrap();
    let index = files[1].with_extension("index");
    let started = std::time::Instant::now();
    while !index.exists() && started.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(index.exists() && !files[0].with_extension("index").exists());
    sealer.stop();
}

#[test]
fn a_sound_segment_with_other_records_is_found_by_its_hashes() {
    let mut house = house();
    let other = LakeFixture::new(100);
    let changed = |number| {
        String::from_utf8(sample::decision(number)).unwrap().replace("\"approved\":true", "\"approved\":false")
    };
    other.append((0..200).map(|number| (sample::event_id(number).into_bytes(), changed(number).into_bytes())));
    other.seal();
    std::fs::copy(&other.segment_files()[0], &house.segment_files()[0]).unwrap();
    house.reopen();
    let wrong = house.verify();
    let first = (0..).find(|number| changed(*number).into_bytes() != sample::decision(*number)).unwrap();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].contains("00000000000000000000-00000000000000000100.parquet"), "{wrong:?}");
    assert!(wrong[0].ends_with(&format!("leaf {first} differs")), "{wrong:?}");
}

#[test]
fn missing_and_overlapping_segments_are_refused_by_name() {
    let mut house = house();
    house.append((300..400).map(|number| (sample::event_id(number).into_bytes(), sample::decision(number))));
    house.seal();
    house.close();
    let files = house.segment_files();
    let away = house.path().join("away.parquet");

    std::fs::rename(&files[1], &away).unwrap();
    let error = Lake::open(house.path()).err().unwrap().to_string();
    assert!(error.contains(&names(&files[0])) && error.contains(&names(&files[2])), "{error}");
    assert!(error.contains("leaves 100 to 200 are missing"), "{error}");

    // An overlap: the same leaves under another range.
    std::fs::rename(&away, &files[1]).unwrap();
    let odd = files[0].with_file_name("00000000000000000050-00000000000000000150.parquet");
    std::fs::copy(&files[0], &odd).unwrap();
    let error = Lake::open(house.path()).err().unwrap().to_string();
    assert!(error.contains("both hold leaves 50 to 100"), "{error}");
    assert!(files.iter().all(|file| file.exists()), "nothing is removed when something is wrong");
    std::fs::remove_file(odd).unwrap();

    // A file under another file's name.
    std::fs::copy(&files[0], &files[1]).unwrap();
    assert!(matches!(Lake::open(house.path()), Err(Error::Damaged { .. })));
}

#[test]
fn a_lost_last_segment_is_noticed_when_sealing_starts() {
    let mut house = house();
    house.close();
    std::fs::remove_file(&house.segment_files()[1]).unwrap();
    house.open();
    let error = Sealer::start(Arc::clone(house.lake()), Arc::clone(house.ledger())).err().unwrap().to_string();
    assert!(error.contains("leaves 100 to 200 are in no segment"), "{error}");
}

fn names(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

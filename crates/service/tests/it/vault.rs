//! The vault on a real directory: it remembers, it hides, it notices.

use onrecord_service::vault::{self, FILE, SUM_FILE};
use onrecord_service::{Error, Kek, Vault};
use proptest::prelude::*;
use std::collections::HashMap;
use std::path::Path;

fn user(number: usize) -> String {
    format!("user-{number}@example.com")
}

fn filled(dir: &Path, kek: &Kek, users: usize) {
    let vault = Vault::create(dir, kek).unwrap();
    for number in 0..users {
        vault.subject_of(&user(number)).unwrap();
    }
    vault.close().unwrap();
}

#[test]
fn remembers_users_across_openings_and_finds_them_both_ways() {
    let dir = tempfile::tempdir().unwrap();
    let kek = Kek::generate().unwrap();
    let vault = Vault::create(dir.path(), &kek).unwrap();
    assert_eq!(vault.find("a").unwrap(), None);
    let tokens: Vec<_> =
        ["a", "b", "ü", &"x".repeat(255)].map(|id| (id.to_owned(), vault.subject_of(id).unwrap())).into();
    assert_eq!(vault.find("c").unwrap(), None, "looking makes no subject");
    drop(vault);

    let vault = Vault::open(dir.path(), &kek).unwrap();
    for (user_id, token) in &tokens {
        assert_eq!(vault.find(user_id).unwrap(), Some(*token));
        assert_eq!(vault.subject_of(user_id).unwrap(), *token);
        assert_eq!(vault.user_of(*token).unwrap().unwrap().as_str(), user_id);
        assert_eq!(onrecord_service::SubjectToken::parse(&token.to_string()), Some(*token));
    }
    drop(vault);
    assert_eq!(vault::verify(dir.path(), &kek, &[]).unwrap().subjects_total, 4);
}

#[test]
fn no_user_id_is_in_any_byte_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let kek = Kek::generate().unwrap();
    let vault = Vault::create(dir.path(), &kek).unwrap();
    for number in 0..200 {
        vault.subject_of(&user(number)).unwrap();
    }
    let shown = format!("{vault:?}");
    assert!(!shown.contains("user-") && !shown.contains("example.com"), "{shown}");
    let bytes = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
    for content in [bytes(FILE), {
        vault.close().unwrap();
        bytes(FILE)
    }] {
        assert!(memchr::memmem::find(&content, b"user-").is_none());
        assert!(memchr::memmem::find(&content, b"example.com").is_none());
    }
}

#[test]
fn every_flipped_byte_is_found_after_a_clean_close() {
    let dir = tempfile::tempdir().unwrap();
    let kek = Kek::generate().unwrap();
    filled(dir.path(), &kek, 20);
    let examined = vault::verify(dir.path(), &kek, &[]).unwrap();
    assert_eq!((examined.subjects_total, examined.sum_checked), (20, true));

    let path = dir.path().join(FILE);
    let sound = std::fs::read(&path).unwrap();
    let places = (0..sound.len()).step_by(sound.len() / 40).chain([0, 1, 63, 64, 4096, sound.len() - 1]);
    for place in places {
        let mut flipped = sound.clone();
        flipped[place] ^= 0x10;
        std::fs::write(&path, &flipped).unwrap();
        assert!(matches!(vault::verify(dir.path(), &kek, &[]), Err(Error::Corrupt { .. })), "byte {place}");
        assert!(matches!(Vault::open(dir.path(), &kek), Err(Error::Corrupt { .. })), "byte {place}");
    }
    std::fs::write(&path, &sound).unwrap();

    let sum = dir.path().join(SUM_FILE);
    let written = std::fs::read(&sum).unwrap();
    for place in 0..written.len() {
        let mut flipped = written.clone();
        flipped[place] ^= 1;
        std::fs::write(&sum, &flipped).unwrap();
        assert!(matches!(vault::verify(dir.path(), &kek, &[]), Err(Error::Corrupt { .. })), "byte {place} of the sum");
    }
}

#[test]
fn examining_changes_nothing_also_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let crashed = tempfile::tempdir().unwrap();
    let kek = Kek::generate().unwrap();
    let vault = Vault::create(dir.path(), &kek).unwrap();
    vault.subject_of("before the crash").unwrap();
    // What a killed process leaves behind: the file as it is now, and no sum.
    std::fs::copy(dir.path().join(FILE), crashed.path().join(FILE)).unwrap();

    let before = std::fs::read(crashed.path().join(FILE)).unwrap();
    let examined = vault::verify(crashed.path(), &kek, &[]).unwrap();
    assert_eq!((examined.subjects_total, examined.sum_checked), (1, false));
    assert!(std::fs::read(crashed.path().join(FILE)).unwrap() == before, "verify wrote to the file");

    let reopened = Vault::open(crashed.path(), &kek).unwrap();
    assert_eq!(reopened.find("before the crash").unwrap(), vault.find("before the crash").unwrap());
}

#[test]
fn a_damaged_row_is_found_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let kek = Kek::generate().unwrap();
    filled(dir.path(), &kek, 200);
    std::fs::remove_file(dir.path().join(SUM_FILE)).unwrap();
    let path = dir.path().join(FILE);
    let sound = std::fs::read(&path).unwrap();
    let mut found = 0;
    for place in (0..sound.len()).step_by(4096).map(|page| page + 1000).filter(|place| *place < sound.len()) {
        if sound[place - 16..place + 16].iter().all(|byte| *byte == 0) {
            continue;
        }
        let mut flipped = sound.clone();
        flipped[place] ^= 0x10;
        std::fs::write(&path, &flipped).unwrap();
        found += usize::from(vault::verify(dir.path(), &kek, &[]).is_err());
    }
    assert!(found >= 5, "flips in used pages were found {found} times only");
}

#[test]
fn an_emptied_or_shortened_file_is_refused_and_not_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let kek = Kek::generate().unwrap();
    filled(dir.path(), &kek, 20);
    std::fs::remove_file(dir.path().join(SUM_FILE)).unwrap();
    let path = dir.path().join(FILE);
    let sound = std::fs::read(&path).unwrap();
    for length in [0, 100, 4096, sound.len() / 2] {
        std::fs::write(&path, &sound[..length]).unwrap();
        assert!(vault::verify(dir.path(), &kek, &[]).is_err(), "{length} bytes");
        assert!(Vault::open(dir.path(), &kek).is_err(), "{length} bytes");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), length as u64, "it was changed");
    }
}

#[test]
fn another_key_opens_nothing() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), &Kek::generate().unwrap(), 1);
    let other = Kek::generate().unwrap();
    assert!(matches!(Vault::open(dir.path(), &other), Err(Error::WrongKey { .. })));
    assert!(matches!(vault::verify(dir.path(), &other, &[]), Err(Error::WrongKey { .. })));
}

#[test]
fn a_second_opening_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let kek = Kek::generate().unwrap();
    let vault = Vault::create(dir.path(), &kek).unwrap();
    assert!(matches!(Vault::open(dir.path(), &kek), Err(Error::InUse(_))));
    drop(vault);
    Vault::open(dir.path(), &kek).unwrap();
}

#[test]
fn threads_agree_on_one_token_per_user() {
    let dir = tempfile::tempdir().unwrap();
    let kek = Kek::generate().unwrap();
    let vault = Vault::create(dir.path(), &kek).unwrap();
    let seen: Vec<Vec<_>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..25).map(|number| vault.subject_of(&user(number)).unwrap()).collect()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
    drop(vault);
    assert_eq!(vault::verify(dir.path(), &kek, &[]).unwrap().subjects_total, 25);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Against a naive model: a map from user to token, with openings in between.
    #[test]
    fn behaves_like_a_map(steps in prop::collection::vec((".{1,12}", any::<bool>()), 1..24)) {
        let dir = tempfile::tempdir().unwrap();
        let kek = Kek::generate().unwrap();
        let mut vault = Vault::create(dir.path(), &kek).unwrap();
        let mut model = HashMap::new();
        for (user_id, reopen) in steps {
            prop_assert_eq!(vault.find(&user_id).unwrap(), model.get(&user_id).copied());
            let token = vault.subject_of(&user_id).unwrap();
            prop_assert_eq!(*model.entry(user_id.clone()).or_insert(token), token);
            let found = vault.user_of(token).unwrap();
            prop_assert_eq!(found.as_ref().map(|id| id.as_str()), Some(user_id.as_str()));
            if reopen {
                drop(vault);
                vault = Vault::open(dir.path(), &kek).unwrap();
            }
        }
        drop(vault);
        prop_assert_eq!(vault::verify(dir.path(), &kek, &[]).unwrap().subjects_total, model.len() as u64);
    }
}

/// Whether the bytes are anywhere in the directory.
fn occurs(dir: &Path, bytes: &[u8]) -> bool {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.into_iter().any(|content| memchr::memmem::find(&content, bytes).is_some())
}

#[test]
fn an_erased_subject_is_gone_from_every_page_and_the_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    let kek = Kek::generate().unwrap();
    filled(dir.path(), &kek, 600);
    let vault = Vault::open(dir.path(), &kek).unwrap();
    let tokens: Vec<_> = (0..600).map(|number| vault.find(&user(number)).unwrap().unwrap()).collect();
    for number in (0..600).step_by(3) {
        assert_eq!(vault.user_of(tokens[number]).unwrap().unwrap().as_str(), user(number));
        assert!(vault.erase(tokens[number]).unwrap());
        assert!(!vault.erase(tokens[number]).unwrap(), "it is gone");
        assert_eq!(vault.find(&user(number)).unwrap(), None);
        assert_eq!(vault.user_of(tokens[number]).unwrap(), None);
    }
    let again = vault.subject_of(&user(0)).unwrap();
    assert_ne!(again, tokens[0], "the same user is a new subject");
    assert_eq!(vault.erased().unwrap(), 0);
    vault.set_erased(77).unwrap();
    vault.rewrite().unwrap();
    for number in (1..600).filter(|number| number % 3 != 0) {
        assert_eq!(vault.find(&user(number)).unwrap(), Some(tokens[number]));
        assert_eq!(vault.user_of(tokens[number]).unwrap().unwrap().as_str(), user(number));
    }
    vault.subject_of("after the rewrite").unwrap();
    vault.close().unwrap();
    let raw = |token: &onrecord_service::SubjectToken| {
        let text = token.to_string();
        (4..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect::<Vec<u8>>()
    };
    for (number, token) in tokens.iter().enumerate() {
        assert_eq!(occurs(dir.path(), &raw(token)), number % 3 != 0, "user {number}");
    }
    let vault = Vault::open(dir.path(), &kek).unwrap();
    assert_eq!((vault.erased().unwrap(), vault.find(&user(0)).unwrap()), (77, Some(again)));
    drop(vault);
    assert_eq!(vault::verify(dir.path(), &kek, &[]).unwrap().subjects_total, 402);
}

//! One process per directory.

use crate::log::Log;
use onrecord_ledger::{Config, Disk, Error, OsDisk, disk::LockError};
use std::{env, path::Path, process::Command, sync::Arc};

const DIR: &str = "LEDGER_LOCK_TEST_DIR";

/// Not a test of its own: what the second process of the next one runs.
#[test]
fn second_process() {
    let Ok(dir) = env::var(DIR) else { return };
    match OsDisk.lock(&Path::new(&dir).join("lock")) {
        Err(LockError::Held { pid }) => println!("held by {pid:?}"),
        Err(LockError::Io(error)) => println!("{error}"),
        Ok(_) => println!("taken"),
    }
}

fn ask_another_process(dir: &Path) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    let output = command.args(["--exact", "lock::second_process", "--nocapture"]).env(DIR, dir).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_second_process_is_refused_and_told_by_whom() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::create(dir.path(), Arc::new(OsDisk), Config::default());
    let (ledger, _) = log.open().unwrap();
    let pid = std::process::id();
    let answer = ask_another_process(dir.path());
    assert!(answer.contains(&format!("held by Some({pid})")), "{answer}");

    let Err(error) = log.open() else { panic!("opened twice") };
    assert!(matches!(error, Error::Locked { pid: Some(holder), .. } if holder == pid));
    let message = format!("{} is in use by process {pid}; use that one or stop it first", dir.path().display());
    assert_eq!(error.to_string(), message);

    drop(ledger);
    assert!(ask_another_process(dir.path()).contains("taken"));
    log.open().unwrap();
}

#[test]
fn a_directory_without_a_ledger_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::create(&dir.path().join("data"), Arc::new(OsDisk), Config::default());
    log.dir = dir.path().join("other");
    assert!(matches!(log.open(), Err(Error::Absent(_))));
    std::fs::create_dir(&log.dir).unwrap();
    assert!(matches!(log.open(), Err(Error::Absent(_))));
    assert_eq!(std::fs::read_dir(&log.dir).unwrap().count(), 0);
}

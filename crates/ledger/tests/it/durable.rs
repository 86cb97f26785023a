//! A file that is replaced is the old one or the new one, whatever goes wrong on the way.

use onrecord_ledger::disk::{Disk, durable};
use onrecord_testing::FaultyDisk;
use onrecord_testing::faulty::{FAULTS, Fault};
use std::path::Path;

const OLD: &[u8] = b"what was there";
const NEW: &[u8] = b"what is put in its place";

/// Replaces a file while the operation with that number goes wrong. Returns whether it came.
fn run(number: u64, fault: Fault, reboots: bool) -> bool {
    let (disk, path) = (FaultyDisk::new(number), Path::new("/dir/file"));
    disk.create_dir(Path::new("/dir")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    durable::replace(&disk, path, OLD, durable::Readers::All).unwrap();
    let at = disk.operations() + number;
    disk.fail_at(at, fault);
    let replaced = durable::replace(&disk, path, NEW, durable::Readers::Owner);
    let came = disk.operations() > at;
    disk.stop();
    if reboots {
        disk.restart_machine()
    } else {
        disk.restart_process()
    }
    disk.repair();
    let found = disk.read(path).unwrap();
    assert!(found == OLD && replaced.is_err() || found == NEW, "{number} {fault:?}: {found:?} after {replaced:?}");
    assert!(came || replaced.is_ok());
    // It can be done again over whatever was left.
    durable::replace(&disk, path, NEW, durable::Readers::Owner).unwrap();
    disk.restart_machine();
    assert_eq!(disk.read(path).unwrap(), NEW);
    came
}

#[test]
fn a_replaced_file_is_the_old_one_or_the_new_one_whatever_fails() {
    for fault in FAULTS {
        for reboots in [false, true] {
            let steps = (0..).take_while(|number| run(*number, fault, reboots)).count();
            assert_eq!(steps, 5, "create, write, sync, rename, sync of the directory");
        }
    }
}

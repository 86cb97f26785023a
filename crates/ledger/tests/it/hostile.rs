//! Bytes that are no write-ahead file must be refused, whatever they are; bytes that are one must come out as they went in.

use crate::log::{Log, entries};
use bytes::Bytes;
use onrecord_ledger::{
    Config, Entry, EntryId, Ledger,
    wal::{Frames, hash_entries},
};
use onrecord_testing::FaultyDisk;
use proptest::{collection::vec, prelude::*, sample::Index};
use std::{path::Path, sync::Arc, sync::LazyLock};

/// A sound file.
static FILE: LazyLock<Bytes> = LazyLock::new(|| {
    let log = Log::create(Path::new("/data"), Arc::new(FaultyDisk::new(0)), Config::default());
    let (ledger, _) = log.open().unwrap();
    (0..4).for_each(|number| drop(ledger.append(entries(number * 3..number * 3 + 3)).unwrap()));
    drop(ledger);
    log.disk.read(Path::new("/data/wal/00000000000000000000.wal")).unwrap()
});

fn read(bytes: Vec<u8>) -> usize {
    Frames::open(Bytes::from(bytes)).map_or(0, |(_, frames)| frames.map_while(Result::ok).count())
}

fn append_all(ledger: &Ledger, batches: Vec<Vec<Entry>>) {
    batches.into_iter().for_each(|batch| drop(ledger.append(batch).unwrap()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn noise_is_no_file(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(read(bytes), 0);
    }

    #[test]
    fn a_changed_file_keeps_at_most_what_is_before_the_change(at in any::<Index>(), noise in vec(any::<u8>(), 1..80)) {
        let mut bytes = FILE.to_vec();
        let start = at.index(bytes.len());
        let end = (start + noise.len()).min(bytes.len());
        bytes.splice(start..end, noise);
        prop_assume!(bytes != *FILE);
        prop_assert!(read(bytes) < 4 + usize::from(end == FILE.len()));
    }

    #[test]
    fn any_entries_come_out_as_they_went_in(
        batches in vec(vec((vec(any::<u8>(), 0..200), vec(any::<u8>(), 0..20)), 1..5), 1..5)
    ) {
        let log = Log::create(Path::new("/data"), Arc::new(FaultyDisk::new(0)), Config::default());
        let mut next = 0_u128;
        let mut make = |(record, sidecar): (Vec<u8>, Vec<u8>)| {
            next += 1;
            Entry::new(EntryId(next.to_be_bytes()), record, sidecar)
        };
        let batches: Vec<Vec<Entry>> = batches.into_iter().map(|batch| batch.into_iter().map(&mut make).collect()).collect();
        let parts = |entry: &Entry| (entry.id(), entry.record().clone(), entry.sidecar().clone(), entry.leaf_hash());
        let expect: Vec<_> = batches.iter().flatten().map(parts).collect();
        append_all(&log.open().unwrap().0, batches);
        let bytes = log.disk.read(Path::new("/data/wal/00000000000000000000.wal")).unwrap();
        let frames = Frames::open(bytes).unwrap().1.map(Result::unwrap).collect();
        prop_assert_eq!(hash_entries(frames).iter().flatten().map(parts).collect::<Vec<_>>(), expect.clone());
        drop(log.open().unwrap());
        prop_assert_eq!(log.lake.entries.lock().unwrap().iter().map(parts).collect::<Vec<_>>(), expect);
    }
}

//! A data directory with a ledger and a lake, for one test.

use onrecord_evidence::{Hash, LeafIndex, Signer};
use onrecord_lake::{Lake, LeafSet, OwnedRow, Verification, seal_all};
use onrecord_ledger::{Config, Entry, EntryId, Ledger, OsDisk};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// Members of the inputs that the segments' indexes look up: of one type and of many, nested, with odd names.
const IDENTIFIERS: [&[&str]; 7] =
    [&["application_id"], &["gender"], &["amount"], &["nested", "x"], &["list"], &["odd key"], &["a.b"]];

/// A ledger and the lake that follows it, in a directory that goes with it.
pub struct LakeFixture {
    /// The data directory.
    pub dir: TempDir,
    key: String,
    config: Config,
    open: Option<(Arc<Lake>, Arc<Ledger>)>,
}

impl LakeFixture {
    /// With write-ahead files of so many entries.
    pub fn new(wal_file_entries_max: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let signer = Signer::generate("example.org/test").unwrap();
        Ledger::create(dir.path(), &signer, &OsDisk).unwrap();
        let config = Config { wal_file_entries_max, unsealed_files_max: 1_000, ..Config::default() };
        let mut house = Self { dir, key: signer.to_text().to_string(), config, open: None };
        house.open();
        house
    }

    /// Opens ledger and lake.
    pub fn open(&mut self) {
        self.try_open().unwrap();
    }

    /// Opens ledger and lake.
    ///
    /// # Errors
    /// What opening the lake says.
    pub fn try_open(&mut self) -> onrecord_lake::Result<()> {
        let identifiers = IDENTIFIERS.map(|path| path.iter().map(|name| (*name).to_owned()).collect());
        let lake = Lake::open_with(self.path(), &identifiers)?;
        let follower = Arc::clone(&lake) as _;
        let signer = Signer::parse(&self.key).unwrap();
        let (ledger, _) = Ledger::open(self.path(), signer, self.config.clone(), Arc::new(OsDisk), follower).unwrap();
        self.open = Some((lake, Arc::new(ledger)));
        Ok(())
    }

    /// Closes both; the directory stays.
    pub fn close(&mut self) {
        self.open = None;
    }

    /// Closes and opens both.
    pub fn reopen(&mut self) {
        self.close();
        self.open();
    }

    /// The data directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The lake, which must be open.
    pub fn lake(&self) -> &Arc<Lake> {
        &self.open.as_ref().unwrap().0
    }

    /// The ledger, which must be open.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.open.as_ref().unwrap().1
    }

    /// Appends entries by event id and record.
    pub fn append(&self, entries: impl IntoIterator<Item = ([u8; 16], Vec<u8>)>) {
        let entries: Vec<Entry> =
            entries.into_iter().map(|(id, record)| Entry::new(EntryId(id), record, Vec::new())).collect();
        // One commit does not span write-ahead files.
        let some = (self.config.wal_file_entries_max / 2).clamp(1, 1_000);
        entries.chunks(some as usize).for_each(|some| drop(self.ledger().append(some.to_vec()).unwrap()));
    }

    /// Seals all that is there.
    pub fn seal(&self) {
        self.ledger().rotate().unwrap();
        seal_all(self.lake(), self.ledger()).unwrap();
        assert_eq!(self.lake().sealed_end().0, self.ledger().size().0);
    }

    /// The record at a leaf.
    pub fn record(&self, leaf: u64) -> Vec<u8> {
        self.row(leaf).record
    }

    /// The entry at a leaf.
    pub fn row(&self, leaf: u64) -> OwnedRow {
        self.lake().by_leaf(LeafIndex(leaf)).unwrap().unwrap()
    }

    /// The leaf hash that the ledger has.
    pub fn leaf_hash(&self, leaf: u64) -> Hash {
        self.ledger().prove(LeafIndex(leaf)).unwrap().leaf_hash
    }

    /// The segment files, by leaf.
    pub fn segment_files(&self) -> Vec<PathBuf> {
        let dir = std::fs::read_dir(self.path().join(onrecord_lake::SEGMENTS)).unwrap();
        let mut files: Vec<PathBuf> = dir.map(|entry| entry.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "parquet"));
        files.sort();
        files
    }

    /// Removes the look-up indexes of all segments, and opens again.
    pub fn remove_indexes(&mut self) {
        self.close();
        for segment in self.segment_files() {
            std::fs::remove_file(segment.with_extension("index")).unwrap();
        }
        self.open();
    }

    /// Verifies the directory's segments against the ledger's tree; returns what is wrong.
    pub fn verify(&self) -> Vec<String> {
        self.verify_without(&LeafSet::default()).errors.iter().map(ToString::to_string).collect()
    }

    /// The same, where these leaves may have no row.
    pub fn verify_without(&self, removal: &LeafSet) -> Verification {
        let verification = onrecord_lake::verify(self.path(), 2, removal, &|_| false, &|checked| {
            for (leaf, hash) in (checked.first.0..).zip(checked.hashes) {
                if *hash != self.leaf_hash(leaf) {
                    return Err(format!("leaf {leaf} differs"));
                }
            }
            Ok(())
        });
        verification.unwrap()
    }
}

/// An id for entry `number` of a test that does not care.
pub fn id(number: u64) -> [u8; 16] {
    u128::from(number + 1).to_be_bytes()
}

//! Is everything as it was recorded? Every record is re-read and re-hashed, the tree rebuilt, the root compared with the
//! signed checkpoint, and the files beside the ledger with what is on the record about them. Nothing is changed.
//!
//! This module puts together what the ledger, the lake and the service each check of their own files.

use crate::api::verification::{Event, Fault, Verification, VerifyRequest};
use crate::directory;
use crate::node::Node;
use anyhow::{Context, Result};
use onrecord_evidence::{Hash, LeafIndex, Verifier};
use onrecord_lake::Checked;
use onrecord_ledger::{OsDisk, verify as ledger};
use onrecord_record::Kind;
use onrecord_service::{Due, Keys, StateFiles, SubjectToken, check_state_files, large, sealed, vault};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Faults that are listed; the rest is counted.
const FAULTS_MAX: usize = 1000;

/// Verifies the directory, which no process may have open.
pub(crate) fn closed(dir: &Path, request: &VerifyRequest, tell: &(dyn Fn(Event) + Sync)) -> Result<Verification> {
    let key = public_key(dir)?;
    let started = Instant::now();
    let ledger = ledger::directory(dir, &key, Arc::new(OsDisk))?;
    let mut check = Check::of(dir, &ledger);
    check.removals(&ledger);
    let vault = examined(dir, &check.erased);
    check.segments(&ledger, tell)?;
    check.sidecar(&ledger);
    check.large_values();
    check.checkpoints(&ledger, &key, request)?;
    check.state(&ledger);
    check.vault(vault, &ledger);
    check.verification.seconds = started.elapsed().as_secs_f64();
    Ok(check.verification)
}

/// Verifies the directory that this process serves. Appends wait while the write-ahead files are read; sealing waits
/// until all is done. The vault is left out: its file changes under its owner's hands.
pub(crate) fn served(node: &Node, request: &VerifyRequest, tell: &(dyn Fn(Event) + Sync)) -> Result<Verification> {
    let dir = node.directory();
    let key = public_key(dir)?;
    let started = Instant::now();
    let directory = dir.to_owned();
    let image = node.ledger.with_writer_paused(move || ledger::WalImage::read(&directory, Arc::new(OsDisk)))??;
    let ledger = image.check(&key)?;
    let mut check = Check::of(dir, &ledger);
    check.removals(&ledger);
    check.segments(&ledger, tell)?;
    check.sidecar(&ledger);
    check.large_values();
    check.checkpoints(&ledger, &key, request)?;
    check.state(&ledger);
    check.verification.unchecked.push("vault.redb: a server has it open; stop it, and verify again".to_owned());
    check.verification.seconds = started.elapsed().as_secs_f64();
    Ok(check.verification)
}

fn public_key(dir: &Path) -> Result<Verifier> {
    directory::must_be_data_directory(dir)?;
    Ok(Keys::open_public(dir)?)
}

struct Check<'a> {
    dir: &'a Path,
    /// What was to go by what is on the record.
    removals: Due,
    /// The subjects that were erased.
    erased: Vec<SubjectToken>,
    verification: Verification,
}

impl<'a> Check<'a> {
    /// Begins with what the ledger found wrong.
    fn of(dir: &'a Path, ledger: &ledger::Verified) -> Self {
        let verification = Verification { tree_size: ledger.size.0, ..Verification::default() };
        let mut check = Self { dir, removals: Due::default(), erased: Vec::new(), verification };
        for problem in &ledger.problems {
            check.fault(&problem.file, problem.leaf, &problem.problem);
        }
        check
    }

    fn fault(&mut self, file: &Path, leaf: impl Into<Option<LeafIndex>>, problem: impl Into<String>) {
        self.verification.faults_total += 1;
        if self.verification.faults.len() < FAULTS_MAX {
            let file = file.strip_prefix(self.dir).unwrap_or(file).display().to_string();
            let leaf_index = leaf.into().map(|leaf| leaf.0);
            self.verification.faults.push(Fault { file, leaf_index, problem: problem.into() });
        }
    }

    /// What is on the record about erasures and retention: it explains what is missing, and nothing else does.
    fn removals(&mut self, ledger: &ledger::Verified) {
        for kind in [Kind::Erasure, Kind::Retention] {
            let (removals, erased) = (&mut self.removals, &mut self.erased);
            let read = onrecord_lake::each_sealed(self.dir, kind.as_str(), &mut |row| {
                erased.extend(removals.take_in(&row.record));
            });
            if let Err(error) = read {
                self.fault(error.path().unwrap_or(self.dir), None, error.to_string());
            }
        }
        for entry in ledger.unsealed.iter().flat_map(|commit| commit.entries.iter()) {
            if [Kind::Erasure, Kind::Retention].into_iter().any(|kind| is_of_kind(entry.record(), kind)) {
                self.erased.extend(self.removals.take_in(entry.record()));
            }
        }
    }

    /// Re-hashes every record of every segment against the tree's leaf hashes.
    fn segments(&mut self, ledger: &ledger::Verified, tell: &(dyn Fn(Event) + Sync)) -> Result<()> {
        let (done, bared_late) = (AtomicU64::new(0), AtomicU64::new(0));
        let total = ledger.sealed.0;
        let visit = |checked: &Checked<'_>| {
            let count = checked.hashes.len();
            let done = done.fetch_add(count as u64, Ordering::Relaxed) + count as u64;
            tell(Event::Progress { entries: done, total });
            for row in checked.shown {
                if self.removals.ciphertexts().contains(row.leaf) {
                    let rest = sealed::check_rest(&row.record, &row.sidecar);
                    rest.map_err(|mismatch| format!("at leaf {}, what is beside the record: {mismatch}", row.leaf))?;
                    bared_late.fetch_add(u64::from(!row.sidecar.is_empty()), Ordering::Relaxed);
                    continue;
                }
                let large = large::check(self.dir, &row.record);
                large.map_err(|error| format!("at leaf {}, a large value: {error}", row.leaf))?;
                let matches = sealed::check(&row.record, &row.sidecar, &|sha256| large::is_there(self.dir, sha256));
                matches.map_err(|mismatch| format!("at leaf {}, what is beside the record: {mismatch}", row.leaf))?;
            }
            compare(ledger, checked)
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let removal = self.removals.records();
        let found = onrecord_lake::verify(self.dir, threads, &removal, &commits_to_ciphertexts, &visit);
        let done = done.load(Ordering::Relaxed);
        match found {
            Ok(found) => {
                self.verification.removed = found.removed;
                self.verification.removable = found.remaining + bared_late.into_inner();
                for error in &found.errors {
                    self.fault(error.path().unwrap_or(self.dir), None, error.to_string());
                }
                for error in &found.unreached {
                    self.verification.unchecked.push(error.to_string());
                }
                for path in &found.foreign {
                    let name = path.strip_prefix(self.dir).unwrap_or(path).display();
                    let left_out = format!("{name}: it is no file of onrecord, and nothing reads it");
                    self.verification.unchecked.push(left_out);
                }
                if found.end.0 < total {
                    let problem = format!("leaves {} to {total} are in no segment and no write-ahead file", found.end);
                    self.fault(&self.dir.join(onrecord_lake::SEGMENTS), found.end, problem);
                }
            }
            Err(error) => self.fault(error.path().unwrap_or(self.dir), None, error.to_string()),
        }
        self.verification.entries = done + (ledger.size.0 - total.min(ledger.size.0));
        Ok(())
    }

    /// The ciphertexts beside unsealed records and their large values, which the leaf hashes do not cover: they must be
    /// those that the records commit to.
    fn sidecar(&mut self, ledger: &ledger::Verified) {
        for commit in &ledger.unsealed {
            let entries = (commit.first.0..).zip(&*commit.entries);
            for (leaf, entry) in entries {
                if self.removals.ciphertexts().contains(LeafIndex(leaf)) {
                    if let Err(mismatch) = sealed::check_rest(entry.record(), entry.sidecar()) {
                        self.fault(&self.dir.join("wal"), LeafIndex(leaf), mismatch.to_string());
                    }
                    continue;
                }
                if let Err(error) = large::check(self.dir, entry.record()) {
                    self.fault(error.path(), LeafIndex(leaf), error.to_string());
                }
                let is_apart = |sha256: &[u8; 32]| large::is_there(self.dir, sha256);
                if let Err(mismatch) = sealed::check(entry.record(), entry.sidecar(), &is_apart) {
                    self.fault(&self.dir.join("wal"), LeafIndex(leaf), mismatch.to_string());
                }
            }
        }
    }

    /// The files of large values, which records commit to by their names.
    fn large_values(&mut self) {
        match large::verify(self.dir) {
            Ok((_, errors)) => {
                for error in errors {
                    self.fault(error.path(), None, error.to_string());
                }
            }
            Err(error) => self.fault(&self.dir.join(large::DIR), None, error.to_string()),
        }
    }

    /// The signed roots: the newest one, and an earlier one that somebody kept.
    fn checkpoints(&mut self, ledger: &ledger::Verified, key: &Verifier, request: &VerifyRequest) -> Result<()> {
        if let Ok(root) = ledger.root_of(ledger.size) {
            self.verification.root = root.to_string();
        }
        let Some(note) = &request.checkpoint else { return Ok(()) };
        let earlier = key.verify(note).context("the earlier checkpoint is not one of this ledger")?;
        if earlier.size > ledger.size {
            let problem =
                format!("it is of {} entries, and only {} are there: the end was cut off", earlier.size, ledger.size);
            self.fault(Path::new("(earlier checkpoint)"), LeafIndex(ledger.size.0), problem);
        } else if ledger.root_of(earlier.size).ok() != Some(earlier.root) {
            let problem = format!("the first {} entries are not those that it was signed for", earlier.size);
            self.fault(Path::new("(earlier checkpoint)"), None, problem);
        } else {
            self.verification.earlier_size = Some(earlier.size.0);
        }
        Ok(())
    }

    /// The files beside the ledger: keys, policy, tokens against the record; the vault against its keys.
    fn state(&mut self, ledger: &ledger::Verified) {
        match recorded_state(self.dir, ledger) {
            Ok(Some(recorded)) => match check_state_files(self.dir, &recorded) {
                Ok(changes) => {
                    for change in changes {
                        self.fault(&self.dir.join(&change.file), None, change.problem);
                    }
                }
                Err(error) => self.fault(self.dir, None, error.to_string()),
            },
            Ok(None) => self
                .verification
                .unchecked
                .push("keys, policy and tokens: nothing is on the record about them yet".to_owned()),
            Err(problem) => self.verification.unchecked.push(format!("keys, policy and tokens: {problem:#}")),
        }
    }

    /// What was found in the vault: also whether it is of the same time as the ledger.
    fn vault(&mut self, examined: Result<vault::Examined>, ledger: &ledger::Verified) {
        let path = self.dir.join(vault::FILE);
        if let Ok(examined) = &examined {
            if examined.erased > ledger.size.0 {
                self.fault(&path, None, "it is younger than the ledger: they come from different backups");
            }
            let is_older = newest_start(self.dir, ledger).is_some_and(|leaf| examined.erased <= leaf.0);
            if is_older {
                let problem =
                    "it is older than the ledger, as one from a backup: persons who came since are unknown to it";
                self.fault(&path, None, problem);
            }
            if examined.asked_total > 0 {
                let problem = format!(
                    "it holds {} of the subjects that were erased: opening the directory erases them again",
                    examined.asked_total
                );
                self.fault(&path, None, problem);
            }
        }
        match examined {
            Ok(examined) if !examined.sum_checked => {
                self.verification
                    .unchecked
                    .push("the unused parts of vault.redb: it was not closed cleanly".to_owned());
            }
            Ok(_) => {}
            Err(error) => self.fault(&path, None, format!("{error:#}")),
        }
    }
}

/// Who is behind the subject tokens: every row must open with the directory's keys.
fn examined(dir: &Path, erased: &[SubjectToken]) -> Result<vault::Examined> {
    Ok(vault::verify(dir, directory::keys(dir)?.kek(), erased)?)
}

/// Where it is on the record that a server started last.
fn newest_start(dir: &Path, ledger: &ledger::Verified) -> Option<LeafIndex> {
    let is_start = |record: &[u8]| is_of_kind(record, Kind::System) && has(record, r#""what":"started""#);
    for commit in ledger.unsealed.iter().rev() {
        if let Some(at) = commit.entries.iter().rposition(|entry| is_start(entry.record())) {
            return Some(LeafIndex(commit.first.0 + at as u64));
        }
    }
    // A ledger that cannot be read has its own fault.
    onrecord_lake::newest_sealed(dir, Kind::System.as_str(), &is_start).ok().flatten().map(|row| row.leaf)
}

/// What the newest entry about the files beside the ledger says of them.
fn recorded_state(dir: &Path, ledger: &ledger::Verified) -> Result<Option<StateFiles>> {
    let unsealed = ledger.unsealed.iter().rev().flat_map(|commit| commit.entries.iter().rev());
    if let Some(state) = unsealed
        .filter(|entry| is_of_kind(entry.record(), Kind::System))
        .find_map(|entry| StateFiles::recorded(entry.record()))
    {
        return Ok(Some(state));
    }
    let wanted = |record: &[u8]| StateFiles::recorded(record).is_some();
    let found = onrecord_lake::newest_sealed(dir, Kind::System.as_str(), &wanted)?;
    Ok(found.and_then(|row| StateFiles::recorded(&row.record)))
}

/// Whether a record commits to something that its leaf hash does not cover.
fn commits_to_ciphertexts(record: &[u8]) -> bool {
    large::count(record) > 0 || sealed::count(record) > 0
}

/// Whether it is worth parsing: most entries are decisions.
fn is_of_kind(record: &[u8], kind: Kind) -> bool {
    has(record, &format!("\"kind\":\"{}\"", kind.as_str()))
}

fn has(record: &[u8], text: &str) -> bool {
    record.windows(text.len()).any(|window| window == text.as_bytes())
}

fn compare(ledger: &ledger::Verified, checked: &Checked<'_>) -> Result<(), String> {
    let expected = ledger
        .leaf_hashes(checked.first, checked.hashes.len())
        .map_err(|error| format!("the leaf hashes from {} on cannot be read: {error}", checked.first))?;
    let differs = |(found, expected): &(&Hash, &Hash)| found != expected;
    match checked.hashes.iter().zip(&expected).position(|pair| differs(&pair)) {
        None => Ok(()),
        Some(at) => Err(format!("the record at leaf {} is not the one that was recorded", checked.first.0 + at as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use onrecord_evidence::Signer;
    use onrecord_lake::Lake;
    use onrecord_ledger::{Config, Entry, EntryId, Ledger};

    #[test]
    fn faults_that_are_not_named_are_counted() {
        let (removals, erased, verification) = (Due::default(), Vec::new(), Verification::default());
        let mut check = Check { dir: Path::new("d"), removals, erased, verification };
        for leaf in 0..1_234 {
            check.fault(Path::new("d/x"), LeafIndex(leaf), "differs");
        }
        assert_eq!((check.verification.faults.len(), check.verification.faults_total), (1_000, 1_234));
    }

    #[test]
    fn ciphertexts_that_an_unsealed_record_does_not_commit_to_are_a_fault() {
        let dir = tempfile::tempdir().unwrap();
        let (dir, signer) = (dir.path(), Signer::generate("example.com/test").unwrap());
        let key = signer.verifier().clone();
        Ledger::create(dir, &signer, &OsDisk).unwrap();
        let lake = Lake::open(dir).unwrap();
        let (ledger, _) = Ledger::open(dir, signer, Config::default(), Arc::new(OsDisk), lake.clone()).unwrap();
        let record = br#"{"event_id":"00000000-0000-0000-0000-000000000001","kind":"decision","schema":1}"#;
        let entry = |id, sidecar: &[u8]| Entry::new(EntryId([id; 16]), record.to_vec(), sidecar.to_vec());
        ledger.append(vec![entry(1, b""), entry(2, b"\x01\x02\0\0\0ab")]).unwrap();
        drop(ledger);
        let verified = ledger::directory(dir, &key, Arc::new(OsDisk)).unwrap();
        let mut check = Check::of(dir, &verified);
        check.sidecar(&verified);
        let faults: Vec<_> =
            check.verification.faults.iter().map(|fault| (fault.file.as_str(), fault.leaf_index)).collect();
        assert_eq!(faults, [("wal", Some(1))]);
    }
}

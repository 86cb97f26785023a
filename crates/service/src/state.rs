//! The files that say who may do what and with which keys, and their place on the record.
//!
//! Job: policy, tokens and keys are not part of the ledger, but a change of them is. Every change is put on the record
//! with the SHA-256 of each file (`system` entries with `detail.files`), when it is made or, if it was made by hand, when
//! it is noticed. Invariant: what the files hold now is what the newest such entry says, or somebody changed them since;
//! `verify` tells.

use crate::{Error, api_token, file, hex, key, policy};
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// What the entries that carry file hashes are called: a start, and the changes.
pub const WHATS: [&str; 4] = ["started", "policy_changed", "tokens_changed", "key_changed"];

/// SHA-256 by file name, relative to the data directory; files that are not there are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateFiles(BTreeMap<String, String>);

/// A file that is not what the record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// The file, relative to the data directory.
    pub file: String,
    /// What happened to it.
    pub problem: &'static str,
}

impl StateFiles {
    /// Hashes the files as they are now.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read(dir: &Path) -> Result<Self, Error> {
        let mut sums = BTreeMap::new();
        for name in [policy::FILE, api_token::FILE].into_iter().chain(key::FILES) {
            match file::read(&dir.join(name)) {
                Ok(content) => {
                    sums.insert(name.to_owned(), hex::encode(&Sha256::digest(&*content)));
                }
                Err(Error::Absent(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(StateFiles(sums))
    }

    /// What a stored `system` entry says; `None` when it carries no file hashes.
    pub fn recorded(record: &[u8]) -> Option<Self> {
        let record: Json = serde_json::from_slice(record).ok()?;
        let what = record.get("what")?.as_str()?;
        let files = record.get("detail")?.get("files")?.as_object()?;
        let text = |(name, sum): (&String, &Json)| Some((name.clone(), sum.as_str()?.to_owned()));
        WHATS.contains(&what).then(|| files.iter().map(text).collect::<Option<_>>().map(StateFiles))?
    }

    /// What differs between this, which was recorded, and `now`.
    pub fn changes(&self, now: &StateFiles) -> Vec<StateChange> {
        let change = |file: &String, problem| StateChange { file: file.clone(), problem };
        let mut changes = Vec::new();
        for (file, sum) in &self.0 {
            match now.0.get(file) {
                None => changes.push(change(file, "it is gone")),
                Some(other) if other != sum => changes.push(change(file, OTHER)),
                Some(_) => {}
            }
        }
        changes.extend(now.0.keys().filter(|file| !self.0.contains_key(*file)).map(|file| change(file, "it is new")));
        changes
    }

    /// This, with the hash of one file as `now` has it.
    pub(crate) fn with_file_of(&self, now: &StateFiles, file: &str) -> StateFiles {
        let mut files = self.clone();
        match now.0.get(file) {
            Some(sum) => files.0.insert(file.to_owned(), sum.clone()),
            None => files.0.remove(file),
        };
        files
    }

    pub(crate) fn to_detail(&self) -> Map<String, Json> {
        let files = self.0.iter().map(|(name, sum)| (name.clone(), Json::from(sum.as_str()))).collect();
        Map::from_iter([("files".to_owned(), Json::Object(files))])
    }
}

impl StateChange {
    /// What the entry about a change of this file is called.
    pub(crate) fn what(&self) -> &'static str {
        match self.file.as_str() {
            policy::FILE => "policy_changed",
            api_token::FILE => "tokens_changed",
            _ => "key_changed",
        }
    }
}

/// People edit the policy, and find this before any command has put the change on the record.
const OTHER: &str = "its SHA-256 is not the one on the record: it is damaged, or it was edited since the directory was last \
                     opened, and any command puts an edit on the record";

/// Compares the files of `dir` with the newest hashes on the record; for `verify`. Nothing is changed.
///
/// # Errors
/// [`Error::Io`].
pub fn check_state_files(dir: &Path, recorded: &StateFiles) -> Result<Vec<StateChange>, Error> {
    Ok(recorded.changes(&StateFiles::read(dir)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use onrecord_record::{System, Timestamp};

    #[test]
    fn every_flipped_byte_of_every_file_is_found() {
        let dir = tempfile::tempdir().unwrap();
        crate::Policy::create(dir.path()).unwrap();
        crate::Tokens::create(dir.path()).unwrap();
        crate::Keys::create(dir.path(), "example.com/test", None).unwrap();
        let recorded = StateFiles::read(dir.path()).unwrap();
        assert_eq!(recorded.0.len(), 6);
        assert_eq!(check_state_files(dir.path(), &recorded).unwrap(), []);
        for name in recorded.0.keys() {
            let path = dir.path().join(name);
            let sound = std::fs::read(&path).unwrap();
            for place in 0..sound.len() {
                let mut flipped = sound.clone();
                flipped[place] ^= 4;
                std::fs::write(&path, flipped).unwrap();
                let changes = check_state_files(dir.path(), &recorded).unwrap();
                assert_eq!(changes.iter().map(|change| &change.file).collect::<Vec<_>>(), [name], "byte {place}");
            }
            std::fs::remove_file(&path).unwrap();
            assert_eq!(check_state_files(dir.path(), &recorded).unwrap()[0].problem, "it is gone");
            std::fs::write(&path, sound).unwrap();
        }
    }

    #[test]
    fn reads_back_what_an_entry_says() {
        let dir = tempfile::tempdir().unwrap();
        crate::Policy::create(dir.path()).unwrap();
        let files = StateFiles::read(dir.path()).unwrap();
        let mut record = Vec::new();
        let entry = System { what: "policy_changed", detail: &files.to_detail() };
        entry.write(uuid::Uuid::nil(), Timestamp::from_micros(0), &mut record);
        assert_eq!(StateFiles::recorded(&record), Some(files));
        assert_eq!(StateFiles::recorded(b"{\"what\":\"started\",\"detail\":{}}"), None);
        assert_eq!(StateFiles::recorded(b"no json"), None);
    }
}

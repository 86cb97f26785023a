//! `tokens.json`: who may do what.
//!
//! Job: make, list, revoke and check API tokens. A token is `onr_` and 64 hexadecimal digits of 256 random bits, shown
//! once; the file holds its SHA-256, which for a random secret of that size is as good as any slow hash. Invariants: the
//! file is replaced atomically and re-read when it changes, also by another process; every byte of it is checked, so
//! that a damaged file lets nobody in; secrets are compared in constant time.

use crate::{Error, cipher, clock, file, hex};
use onrecord_record::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};
use subtle::ConstantTimeEq;

/// The file's name in the data directory.
pub const FILE: &str = "tokens.json";

const PREFIX: &str = "onr_";

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Put decisions, reviews and outcomes on the record.
    Write,
    /// Read records and ask queries. Persons appear as tokens.
    Read,
    /// See user ids and sealed fields in plain.
    Reveal,
    /// Make and revoke tokens.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 4] = [Role::Write, Role::Read, Role::Reveal, Role::Admin];

    /// The word in the file, on the command line and in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Write => "write",
            Role::Read => "read",
            Role::Reveal => "reveal",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("roles are write, read, reveal and admin")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        Role::ALL.into_iter().find(|role| role.as_str() == word).ok_or(UnknownRole)
    }
}

/// How whoever owns the data directory is named on the record.
const LOCAL: &str = "local";

/// How what a server does by itself is named.
const SCHEDULE: &str = "schedule";

/// Who asks: a token, or whoever owns the data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    name: String,
    roles: Vec<Role>,
    purpose: Option<String>,
}

impl Actor {
    /// Whoever owns the data directory and works on it directly: may do everything.
    pub fn local() -> Self {
        Actor { name: LOCAL.to_owned(), roles: Role::ALL.into(), purpose: None }
    }

    /// The server itself, at its hour.
    pub fn schedule() -> Self {
        Actor { name: SCHEDULE.to_owned(), roles: vec![Role::Admin], purpose: None }
    }

    /// Whether it is whoever owns the data directory.
    pub fn is_local(&self) -> bool {
        self.name == LOCAL
    }

    /// The same, reading for a purpose, which goes on the record with each reading.
    #[must_use]
    pub fn for_purpose(self, purpose: Option<String>) -> Self {
        Self { purpose, ..self }
    }

    /// What the actor reads for, as they say.
    pub fn purpose(&self) -> Option<&str> {
        self.purpose.as_deref()
    }

    /// How the actor is named on the record: `local`, or `token:` and the token's id.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a text is how the record names somebody; any other may be a person's name.
    pub(crate) fn is_name(text: &str) -> bool {
        let is_id = |id: &str| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        text == LOCAL || text.strip_prefix("token:").is_some_and(is_id)
    }

    /// Whether the actor has a role.
    pub fn may(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// A token as the file holds it. Moments are RFC 3339 texts in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Names the token on the record: 16 random hexadecimal digits.
    pub id: String,
    /// What people call it; unique among tokens that are not revoked.
    pub name: String,
    /// What it allows.
    pub roles: Vec<Role>,
    /// SHA-256 of the token's text, hexadecimal.
    pub sha256: String,
    /// When it was made.
    pub created: String,
    /// From when on it is no longer good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<String>,
}

impl Token {
    /// How whoever holds it is named on the record.
    pub(crate) fn actor_name(&self) -> String {
        format!("token:{}", self.id)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    tokens: Vec<Token>,
    /// SHA-256 of the file with this member empty: a flipped bit anywhere is noticed.
    sum: String,
}

/// The tokens of a data directory.
#[derive(Debug)]
pub struct Tokens {
    path: PathBuf,
    read: RwLock<Option<(Stamp, Arc<Vec<Token>>)>>,
}

/// What changes when a file is replaced or written to.
type Stamp = (u64, u64, i64, i64);

impl Tokens {
    /// Makes the file, without a token in it.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Io`].
    pub fn create(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(FILE);
        file::create(&path, to_text(Vec::new()).as_bytes())?;
        Ok(Tokens { path, read: RwLock::default() })
    }

    /// Opens the file.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Corrupt`], [`Error::Io`].
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let tokens = Tokens { path: dir.join(FILE), read: RwLock::default() };
        tokens.list()?;
        Ok(tokens)
    }

    /// Every token that was ever made, oldest first.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Corrupt`], [`Error::Io`].
    pub fn list(&self) -> Result<Arc<Vec<Token>>, Error> {
        let stamp = self.stamp()?;
        if let Some((read, tokens)) = &*self.read.read().unwrap_or_else(PoisonError::into_inner)
            && *read == stamp
        {
            return Ok(tokens.clone());
        }
        let tokens = Arc::new(read(&self.path)?);
        // Read after the stamp was taken: if the file changed in between, the next call reads it again.
        *self.read.write().unwrap_or_else(PoisonError::into_inner) = Some((stamp, tokens.clone()));
        Ok(tokens)
    }

    /// Who holds this token; `None` when it is unknown, expired or revoked.
    ///
    /// # Errors
    /// The file cannot be read: then nobody is let in.
    pub fn authenticate(&self, text: &str) -> Result<Option<Actor>, Error> {
        let sum = hex::encode(&Sha256::digest(text.as_bytes()));
        let now = clock::now();
        let tokens = self.list()?;
        // Every token is compared, so that the time taken does not tell which one was near.
        let mut found = None;
        for token in tokens.iter() {
            if bool::from(token.sha256.as_bytes().ct_eq(sum.as_bytes())) {
                found = Some(token);
            }
        }
        Ok(found.filter(|token| token.is_good(now)).map(|token| Actor {
            name: token.actor_name(),
            roles: token.roles.clone(),
            purpose: None,
        }))
    }

    /// Makes a token and gives its text, which is not kept anywhere. `None` when the name is taken.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn add(&self, name: &str, roles: &[Role], expires_days: Option<u32>) -> Result<Option<String>, Error> {
        self.change(|tokens| {
            if tokens.iter().any(|token| token.name == name && token.revoked.is_none()) {
                return Ok(None);
            }
            let secret: [u8; 32] = cipher::random()?;
            let id: [u8; 8] = cipher::random()?;
            let text = format!("{PREFIX}{}", hex::encode(&secret));
            let now = clock::now();
            let expires =
                expires_days.map(|days| Timestamp::from_micros(now.as_micros() + i64::from(days) * 86_400_000_000));
            let mut roles = roles.to_vec();
            roles.sort_unstable();
            roles.dedup();
            tokens.push(Token {
                id: hex::encode(&id),
                name: name.to_owned(),
                roles,
                sha256: hex::encode(&Sha256::digest(text.as_bytes())),
                created: now.to_string(),
                expires: expires.map(|at| at.to_string()),
                revoked: None,
            });
            Ok(Some(text))
        })
    }

    /// Revokes a token by its name or id, for good; false when no good token is called so.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn revoke(&self, name_or_id: &str) -> Result<bool, Error> {
        let revoked = self.change(|tokens| {
            let found = tokens
                .iter_mut()
                .find(|token| token.revoked.is_none() && (token.name == name_or_id || token.id == name_or_id));
            Ok(found.map(|token| token.revoked = Some(clock::now().to_string())))
        })?;
        Ok(revoked.is_some())
    }

    /// Reads, changes and replaces the file, one process at a time; leaves it alone when `change` gives `None`.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Vec<Token>) -> std::io::Result<Option<T>>,
    ) -> Result<Option<T>, Error> {
        let dir = self.path.parent().unwrap_or(Path::new("."));
        // The directory itself is locked: the file cannot be, since it is replaced. Unlocked when dropped.
        let lock = File::open(dir).map_err(Error::io("lock", dir))?;
        lock.lock().map_err(Error::io("lock", dir))?;
        let mut tokens = read(&self.path)?;
        let changed = change(&mut tokens).map_err(Error::io("make a token for", &self.path))?;
        if changed.is_some() {
            file::replace(&self.path, to_text(tokens).as_bytes())?;
            *self.read.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
        Ok(changed)
    }

    fn stamp(&self) -> Result<Stamp, Error> {
        let metadata = std::fs::metadata(&self.path).map_err(Error::io("read", &self.path))?;
        Ok((metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
    }
}

impl Token {
    fn is_good(&self, now: Timestamp) -> bool {
        let expired = |text: &String| Timestamp::parse(text).is_none_or(|at| at <= now);
        self.revoked.is_none() && !self.expires.as_ref().is_some_and(expired)
    }
}

fn to_text(tokens: Vec<Token>) -> String {
    let mut content = Content { version: 1, tokens, sum: String::new() };
    content.sum = hex::encode(&Sha256::digest(json(&content).as_bytes()));
    json(&content)
}

fn json(content: &Content) -> String {
    // Strings, numbers and lists of them always serialise.
    let mut text = serde_json::to_string_pretty(content).unwrap_or_default();
    text.push('\n');
    text
}

fn read(path: &Path) -> Result<Vec<Token>, Error> {
    let text = file::read_text(path)?;
    let content: Content = serde_json::from_str(&text).map_err(|error| {
        Error::corrupt(path, format!("line {}, column {}: not a token file", error.line(), error.column()))
    })?;
    if content.version != 1 {
        return Err(Error::corrupt(path, "it is not a token file of this version"));
    }
    let written = to_text(content.tokens.clone());
    if written != *text {
        return Err(Error::corrupt(path, "its sum does not fit: it was changed by something other than onrecord"));
    }
    Ok(content.tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_until_it_expires_or_is_revoked() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = Tokens::create(dir.path()).unwrap();
        let text = tokens.add("app", &[Role::Write, Role::Write], None).unwrap().unwrap();
        let actor = tokens.authenticate(&text).unwrap().unwrap();
        assert!(actor.may(Role::Write) && !actor.may(Role::Read) && !actor.may(Role::Admin));
        assert!(actor.name().starts_with("token:") && !actor.name().contains("app"));
        assert_eq!(tokens.authenticate("onr_0000").unwrap(), None);
        assert_eq!(tokens.authenticate("").unwrap(), None);

        let over = tokens.add("over", &[Role::Read], Some(0)).unwrap().unwrap();
        assert_eq!(tokens.authenticate(&over).unwrap(), None);

        assert_eq!(tokens.add("app", &[Role::Read], None).unwrap(), None, "the name is taken");
        assert!(tokens.revoke("app").unwrap());
        assert!(!tokens.revoke("app").unwrap());
        assert_eq!(tokens.authenticate(&text).unwrap(), None);
        assert!(tokens.add("app", &[Role::Read], None).unwrap().is_some(), "a revoked name is free again");
    }

    #[test]
    fn the_secret_is_in_no_byte_and_no_debug() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = Tokens::create(dir.path()).unwrap();
        let text = tokens.add("app", &[Role::Write], None).unwrap().unwrap();
        tokens.authenticate(&text).unwrap();
        let stored = std::fs::read_to_string(dir.path().join(FILE)).unwrap();
        assert!(!stored.contains(&text[4..]) && !format!("{tokens:?}").contains(&text[4..]));
    }

    #[test]
    fn a_change_by_another_process_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let here = Tokens::create(dir.path()).unwrap();
        let there = Tokens::open(dir.path()).unwrap();
        let text = there.add("app", &[Role::Write], None).unwrap().unwrap();
        assert!(here.authenticate(&text).unwrap().is_some());
        there.revoke("app").unwrap();
        assert!(here.authenticate(&text).unwrap().is_none());
    }

    #[test]
    fn every_flipped_bit_lets_nobody_in() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = Tokens::create(dir.path()).unwrap();
        let text = tokens.add("app", &[Role::Write], Some(3)).unwrap().unwrap();
        let path = dir.path().join(FILE);
        let sound = std::fs::read(&path).unwrap();
        for place in 0..sound.len() {
            let mut flipped = sound.clone();
            flipped[place] ^= 1 << (place % 8);
            std::fs::write(&path, flipped).unwrap();
            let tokens = Tokens { path: path.clone(), read: RwLock::default() };
            assert!(matches!(tokens.authenticate(&text), Err(Error::Corrupt { .. })), "byte {place}");
        }
    }

    #[test]
    fn makers_at_the_same_time_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = Tokens::create(dir.path()).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let tokens = &tokens;
                scope.spawn(move || {
                    for number in 0..5 {
                        tokens.add(&format!("{thread}-{number}"), &[Role::Read], None).unwrap().unwrap();
                    }
                });
            }
        });
        assert_eq!(tokens.list().unwrap().len(), 20);
    }

    #[test]
    fn roles_read_as_they_are_written() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert_eq!("root".parse::<Role>(), Err(UnknownRole));
    }
}

//! What can go wrong when a directory's keys, policy, tokens or vault are opened or changed. No message holds a secret,
//! a record's content or a user id; every message names the file.

use std::io;
use std::path::{Path, PathBuf};

/// A service's files could not be opened or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not there. Run `init`, name another directory, or give the key file that belongs to it.
    #[error("{0} does not exist")]
    Absent(PathBuf),
    /// The file is there already and is never overwritten.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// The bytes are not what was written. Nothing was changed; restore the file.
    #[error("{file} is corrupt: {problem}")]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// What does not fit.
        problem: String,
    },
    /// The key-encryption key given is not the one of this directory. Give the right one.
    #[error(
        "{file}: the key-encryption key is not the one that this directory was made with, or one of the two was changed"
    )]
    WrongKey {
        /// The file with the key-check value.
        file: PathBuf,
    },
    /// A file that people write says something that cannot be. Fix it.
    #[error("{file}{}: {problem}", line.map_or_else(String::new, |line| format!(" line {line}")))]
    Invalid {
        /// The file.
        file: PathBuf,
        /// The line, counted from one, where it can be told.
        line: Option<usize>,
        /// What is wrong.
        problem: String,
    },
    /// Another process has the file open. Use that one, or stop it.
    #[error("{0} is open in another process; use that one or stop it first")]
    InUse(PathBuf),
    /// The operating system refused. Mend the disk or the permissions, then try again.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
}

impl Error {
    /// The file that it is about.
    pub fn path(&self) -> &Path {
        match self {
            Error::Absent(path) | Error::Exists(path) | Error::InUse(path) => path,
            Error::Corrupt { file, .. } | Error::WrongKey { file } | Error::Invalid { file, .. } => file,
            Error::Io { path, .. } => path,
        }
    }

    pub(crate) fn corrupt(file: &Path, problem: impl Into<String>) -> Self {
        Error::Corrupt { file: file.to_owned(), problem: problem.into() }
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::NotFound => Error::Absent(path.to_owned()),
            io::ErrorKind::AlreadyExists => Error::Exists(path.to_owned()),
            _ => Error::Io { action, path: path.to_owned(), source },
        }
    }
}

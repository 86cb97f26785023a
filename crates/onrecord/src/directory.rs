//! A data directory before it is opened: where its parts are, whether a server has it open, and how one is made.

use crate::config::external_kek;
use anyhow::{Context, Result, bail};
use onrecord_evidence::Signer;
use onrecord_ledger::{Ledger, OsDisk};
use onrecord_service::{Initial, Keys};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// What making a directory gave.
pub(crate) struct Made {
    pub(crate) origin: String,
    pub(crate) public_key: String,
    pub(crate) admin_token: String,
}

/// The socket of whoever serves `directory`.
pub(crate) fn socket_path(directory: &Path) -> PathBuf {
    directory.join("server.sock")
}

/// Whether a living server has `directory` open.
pub(crate) fn is_served(directory: &Path) -> bool {
    UnixStream::connect(socket_path(directory)).is_ok()
}

/// Makes a data directory at `directory`, which must not hold one.
pub(crate) fn make(directory: &Path, origin: Option<&str>) -> Result<Made> {
    let is_empty = std::fs::read_dir(directory).map_or(true, |mut entries| entries.next().is_none());
    if !is_empty {
        bail!("{} is not empty: choose another directory with --data, or remove it", directory.display());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let origin = match origin {
        Some(origin) => origin.to_owned(),
        None => format!("onrecord.local/{:08x}", uuid::Uuid::now_v7().as_u128() as u32),
    };
    let Initial { keys, admin_token } = onrecord_service::init(directory, &origin, external_kek()?)?;
    Ledger::create(directory, &signer(&keys)?, &OsDisk)?;
    Ok(Made { origin, public_key: keys.verifier().to_text(), admin_token })
}

/// Says what to do when `directory` is none.
pub(crate) fn must_be_data_directory(directory: &Path) -> Result<()> {
    if directory.join("keys").is_dir() {
        return Ok(());
    }
    bail!("{0} is not a data directory; `onrecord --data {0} init` makes one", directory.display())
}

/// The keys of `directory`, with the key-encryption key from where it is kept.
pub(crate) fn keys(directory: &Path) -> Result<Keys> {
    must_be_data_directory(directory)?;
    Ok(Keys::open(directory, external_kek()?)?)
}

/// What signs the ledger.
pub(crate) fn signer(keys: &Keys) -> Result<Signer> {
    keys.ledger_signer().context("the signing key cannot be used")
}

//! A fresh data directory: keys, policy, vault, tokens, and the first token.

use crate::api_token::{Role, Tokens};
use crate::{Error, Kek, Keys, Policy, Vault};
use std::path::Path;

/// What a fresh directory comes with.
#[derive(Debug)]
pub struct Initial {
    /// The new keys.
    pub keys: Keys,
    /// The text of the first token, which may do everything. Shown once; it is not kept anywhere.
    pub admin_token: String,
}

/// Makes everything in `dir` but the ledger. `origin` names the log, see [`Keys::create`]; `kek` is the key-encryption
/// key when it is kept elsewhere.
///
/// # Errors
/// [`Error::Exists`] when there is something already; [`Error::Invalid`] for such an origin; [`Error::Io`].
pub fn init(dir: &Path, origin: &str, kek: Option<Kek>) -> Result<Initial, Error> {
    for name in [crate::policy::FILE, crate::api_token::FILE, crate::vault::FILE] {
        let path = dir.join(name);
        if path.exists() {
            return Err(Error::Exists(path));
        }
    }
    let keys = Keys::create(dir, origin, kek)?;
    Policy::create(dir)?;
    Vault::create(dir, keys.kek())?.close()?;
    let tokens = Tokens::create(dir)?;
    let admin_token = tokens.add("admin", &Role::ALL, None)?;
    // The file was made a line above, so that the name is free.
    Ok(Initial { keys, admin_token: admin_token.unwrap_or_default() })
}

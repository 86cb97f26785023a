//! Who asks, as far as the query engine must know: whether subject tokens may be shown as user ids.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

/// The vault's two directions, for a caller who is entitled to see user ids.
///
/// A caller who is not entitled is `None` in [`super::QueryContext`], and sees tokens.
pub trait Identity: Send + Sync {
    /// The subject token of a user id, if the vault knows the user.
    fn token_of(&self, user_id: &str) -> Option<String>;

    /// The user id behind each token, in the order given; `None` where the vault has none (an erased subject).
    fn user_of(&self, tokens: &[&str]) -> Vec<Option<String>>;
}

/// Tokens remembered per query. A token has 36 bytes and a user id at most 255.
const REMEMBERED_MAX: usize = 50_000;

/// An identity with what it said during one query.
pub(super) struct Entitled {
    identity: std::sync::Arc<dyn Identity>,
    shown: Mutex<HashMap<String, Option<String>>>,
}

impl Debug for Entitled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entitled")
    }
}

impl Entitled {
    pub(super) fn new(identity: std::sync::Arc<dyn Identity>) -> Self {
        Self { identity, shown: Mutex::default() }
    }

    /// The token of the rows whose shown user id is `shown`: of the user, or `shown` itself when it is the token of an
    /// erased subject. `None` when no row can show that.
    pub(super) fn token_shown_as(&self, shown: &str) -> Option<String> {
        self.identity.token_of(shown).or_else(|| {
            let is_known_token = self.identity.user_of(&[shown]).into_iter().any(|user| user.is_some());
            (!is_known_token).then(|| shown.to_owned())
        })
    }

    /// What is shown for each token: the user id, or the token where the vault has none.
    pub(super) fn show<'a>(&self, tokens: impl Iterator<Item = &'a str>) -> HashMap<&'a str, String> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.len() > REMEMBERED_MAX {
            shown.clear();
        }
        let mut wanted: HashMap<&str, String> = HashMap::new();
        let mut unknown = Vec::new();
        for token in tokens {
            if wanted.contains_key(token) {
                continue;
            }
            match shown.get(token) {
                Some(user) => drop(wanted.insert(token, user.clone().unwrap_or_else(|| token.to_owned()))),
                None => {
                    unknown.push(token);
                    wanted.insert(token, token.to_owned());
                }
            }
        }
        for (token, user) in unknown.iter().zip(self.identity.user_of(&unknown)) {
            shown.insert((*token).to_owned(), user.clone());
            if let Some(user) = user {
                wanted.insert(token, user);
            }
        }
        wanted
    }
}

//! Who asks, as far as the query engine must know: whether subject tokens may be shown as user ids.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The vault's two directions, for a caller with the role `reveal`.
///
/// Who lacks the role is `None` in [`super::QueryContext`], and sees tokens.
pub trait Identity: Send + Sync {
    /// The subject token of a user id, if the vault knows the user.
    ///
    /// # Errors
    /// [`IdentityError`]: whether the user is known cannot be said.
    fn token_of(&self, user_id: &str) -> Result<Option<String>, IdentityError>;

    /// The user id behind each token, in the order given; `None` where the vault has none (an erased subject).
    fn user_of(&self, tokens: &[&str]) -> Vec<Option<String>>;
}

/// The vault cannot be read.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the vault cannot be read, so that nobody can be found by user id")]
pub struct IdentityError;

/// What an identity says, as the tables show it.
pub(super) struct IdentityResolver {
    identity: Arc<dyn Identity>,
    /// Whether a table of the query shows or compares user ids.
    is_used: AtomicBool,
}

impl Debug for IdentityResolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdentityResolver")
    }
}

impl IdentityResolver {
    pub(super) fn new(identity: Arc<dyn Identity>) -> Self {
        Self { identity, is_used: AtomicBool::new(false) }
    }

    /// Notes that user ids are shown or compared.
    pub(super) fn note_use(&self) {
        self.is_used.store(true, Ordering::Relaxed);
    }

    /// Whether they are; known once the query is planned.
    pub(super) fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed)
    }

    /// The token of the rows whose shown user id is `shown`: of the user, or `shown` itself when it is the token of an
    /// erased subject. `None` when no row can show that.
    fn token_shown_as(&self, shown: &str) -> Result<Option<String>, IdentityError> {
        Ok(self.identity.token_of(shown)?.or_else(|| {
            let is_known_token = self.identity.user_of(&[shown]).into_iter().any(|user| user.is_some());
            (!is_known_token).then(|| shown.to_owned())
        }))
    }

    /// The tokens of the rows whose shown user id is one of these.
    pub(super) fn tokens_shown_as(&self, shown: &[&str]) -> Result<Vec<String>, IdentityError> {
        shown.iter().filter_map(|shown| self.token_shown_as(shown).transpose()).collect()
    }

    /// What is shown for each token: the user id, or the token where the vault has none. Asks once for each.
    pub(super) fn show<'a>(&self, tokens: impl Iterator<Item = &'a str>) -> HashMap<&'a str, String> {
        let mut shown: HashMap<&str, String> = tokens.map(|token| (token, String::new())).collect();
        let tokens: Vec<&str> = shown.keys().copied().collect();
        for (token, user) in tokens.iter().zip(self.identity.user_of(&tokens)) {
            shown.insert(token, user.unwrap_or_else(|| (*token).to_owned()));
        }
        shown
    }
}

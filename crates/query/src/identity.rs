//! Who asks, as far as the query engine must know: whether subject tokens may be shown as user ids.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

/// The vault's two directions, for a caller who is entitled to see user ids.
///
/// A caller who is not entitled is `None` in [`super::QueryContext`], and sees tokens.
pub trait Identity: Send + Sync {
    /// The subject token of a user id, if the vault knows the user.
    fn token_of(&self, user_id: &str) -> Option<String>;

    /// The user id behind each token, in the order given; `None` where the vault has none (an erased subject).
    fn user_of(&self, tokens: &[&str]) -> Vec<Option<String>>;
}

/// What an identity says, as the tables show it.
pub(super) struct Entitled {
    identity: Arc<dyn Identity>,
}

impl Debug for Entitled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entitled")
    }
}

impl Entitled {
    pub(super) fn new(identity: Arc<dyn Identity>) -> Self {
        Self { identity }
    }

    /// The token of the rows whose shown user id is `shown`: of the user, or `shown` itself when it is the token of an
    /// erased subject. `None` when no row can show that.
    pub(super) fn token_shown_as(&self, shown: &str) -> Option<String> {
        self.identity.token_of(shown).or_else(|| {
            let is_known_token = self.identity.user_of(&[shown]).into_iter().any(|user| user.is_some());
            (!is_known_token).then(|| shown.to_owned())
        })
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

//! API tokens, with each change on the record.

use super::{Service, blocking};
use crate::api_token::{Actor, Role, Token};
use crate::{Refusal, Tokens};
use onrecord_record::Fault;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// Characters of a token's name.
const NAME_CHARS_MAX: usize = 64;

impl Service {
    /// Makes an API token and gives its text, which is not kept anywhere.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::NameTaken`], [`Refusal::Invalid`] for an empty or overlong name or no role.
    pub async fn create_token(
        self: &Arc<Self>,
        name: &str,
        roles: &[Role],
        expires_days: Option<u32>,
        actor: &Actor,
    ) -> Result<String, Refusal> {
        self.authorised(actor, Role::Admin, self.make_token(name, roles, expires_days, actor)).await
    }

    async fn make_token(
        self: &Arc<Self>,
        name: &str,
        roles: &[Role],
        expires_days: Option<u32>,
        actor: &Actor,
    ) -> Result<String, Refusal> {
        let fault = |pointer: &str, problem: String| Err(Refusal::invalid(vec![Fault::new(pointer, problem)]));
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
            return fault("/name", format!("must have 1 to {NAME_CHARS_MAX} characters, and no control characters"));
        }
        if roles.is_empty() {
            return fault("/roles", "must have at least one of write, read, reveal and admin".to_owned());
        }
        let (name, roles) = (name.to_owned(), roles.to_vec());
        let add = move |tokens: &Tokens| tokens.add(&name, &roles, expires_days);
        self.change_tokens("made", actor, add).await?.ok_or(Refusal::NameTaken)
    }

    /// Every token that was ever made, without its secret.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the role `admin`; [`Refusal::Corrupt`], [`Refusal::Unavailable`].
    pub fn tokens(&self, actor: &Actor) -> Result<Vec<Token>, Refusal> {
        self.authorised_blocking(actor, Role::Admin, || self.all_tokens())
    }

    pub(super) fn all_tokens(&self) -> Result<Vec<Token>, Refusal> {
        Ok(self.tokens.list()?.as_ref().clone())
    }

    /// Revokes a token by its name or id, for good; false when no good token is called so.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::Corrupt`], [`Refusal::Unavailable`].
    pub async fn revoke_token(self: &Arc<Self>, name_or_id: &str, actor: &Actor) -> Result<bool, Refusal> {
        let name = name_or_id.to_owned();
        let revoke = self.change_tokens("revoked", actor, move |tokens| tokens.revoke(&name));
        self.authorised(actor, Role::Admin, revoke).await
    }

    /// Changes the file, then puts the change on the record. Names of tokens can be those of persons and stay in the
    /// file; the record has their ids.
    async fn change_tokens<T: Send + 'static>(
        self: &Arc<Self>,
        change: &'static str,
        actor: &Actor,
        work: impl FnOnce(&Tokens) -> Result<T, crate::Error> + Send + 'static,
    ) -> Result<T, Refusal> {
        let service = self.clone();
        let actor = actor.name().to_owned();
        blocking(move || {
            let before = service.all_tokens()?;
            let done = work(&service.tokens)?;
            let changed = service.all_tokens()?.into_iter().find(|token| !before.contains(token));
            let mut detail: Map<String, Json> = Map::new();
            detail.insert("actor".to_owned(), actor.into());
            detail.insert("change".to_owned(), change.into());
            if let Some(token) = changed {
                detail.insert("token".to_owned(), token.id.into());
                detail.insert("roles".to_owned(), token.roles.iter().map(|role| role.as_str()).collect());
            }
            service.note_token_change(&detail)?;
            Ok(done)
        })
        .await
    }
}

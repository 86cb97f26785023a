//! The decision that a review or an outcome is about, as far as intake must know it: that it is on the record, whose it
//! is, and what it says.

use crate::Refusal;
use crate::records::Records;
use crate::sealed;
use crate::vault::{SubjectToken, Vault};
use onrecord_record::{Kind, ModelType, StoredDecision};
use std::collections::HashMap;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Names the decision beside the body, as a path does. The body may then leave out its kind and the decision's id.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Review or outcome.
    pub kind: Kind,
    /// The decision's id.
    pub decision_id: &'a str,
}

/// Where intake finds the decision that a record is about.
#[derive(Clone, Copy)]
pub(crate) enum Decisions<'a> {
    /// On the record, one by one.
    Recorded,
    /// Among these, by their ids.
    Known(&'a Known),
}

/// Decisions by their ids.
pub(crate) type Known = HashMap<String, Arc<Decided>>;

/// A decision that something is about.
pub(crate) struct Decided {
    /// Whose it is, if it has a user who is not erased.
    pub(crate) person: Option<Person>,
    /// Its prediction in RFC 8785 form, as it is stored.
    pub(crate) prediction: Vec<u8>,
    /// Whether a language model made it.
    pub(crate) is_llm: bool,
    /// Whether what is written now as the prediction was can be told to be another: not where it was sealed, nor where its
    /// person's keys are gone.
    pub(crate) is_comparable: bool,
}

/// Who a stored decision is about.
pub(crate) struct Person {
    pub(crate) user_id: Arc<Zeroizing<String>>,
    pub(crate) token: SubjectToken,
    pub(crate) token_text: String,
}

impl Decided {
    fn new(decision: StoredDecision, user_id: Option<Arc<Zeroizing<String>>>) -> Self {
        let token = decision.user_id.as_deref().and_then(SubjectToken::parse);
        let person =
            user_id.zip(token).map(|(user_id, token)| Person { user_id, token, token_text: token.to_string() });
        let has_keys = person.is_some() || decision.user_id.is_none();
        Self {
            is_comparable: sealed::count(&decision.prediction) == 0 && has_keys,
            is_llm: decision.model_type == Some(ModelType::Llm),
            prediction: decision.prediction,
            person,
        }
    }
}

/// Finds the decisions with these ids; what is not on the record is left out.
///
/// # Errors
/// What keeps the records or the vault from answering.
pub(crate) fn find_all(decision_ids: &[&str], records: &dyn Records, vault: &Vault) -> Result<Known, Refusal> {
    with_persons(records.decisions(decision_ids)?, vault)
}

/// The decisions by their ids, with the persons whom they are about: of all of them together.
///
/// # Errors
/// What keeps the vault from answering.
pub(crate) fn with_persons(decisions: Vec<StoredDecision>, vault: &Vault) -> Result<Known, Refusal> {
    let token = |decision: &StoredDecision| decision.user_id.as_deref().and_then(SubjectToken::parse);
    let tokens: Vec<SubjectToken> = decisions.iter().filter_map(token).collect();
    let mut users = vault.users_of(&tokens)?.into_iter();
    let decided = decisions.into_iter().map(|mut decision| {
        let user = token(&decision).and_then(|_| users.next().flatten());
        (std::mem::take(&mut decision.decision_id), Arc::new(Decided::new(decision, user)))
    });
    Ok(decided.collect())
}

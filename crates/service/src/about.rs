//! The decision that a review or an outcome is about, as far as intake must know it: that it is on the record, whose it
//! is, and what it says.

use crate::Refusal;
use crate::records::Records;
use crate::vault::{SubjectToken, Vault};
use onrecord_ledger::Entry;
use onrecord_record::{Kind, ModelType, Parser, Value, canonical};
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

/// The decisions of a batch by their ids, as they will be stored: what follows in the same batch may be about them.
pub(crate) type Batched = HashMap<String, Entry>;

/// A decision that something is about.
pub(crate) struct Decided {
    /// Whose it is, if it has a user who is not erased.
    pub(crate) person: Option<Person>,
    /// Its prediction in RFC 8785 form, as it is stored.
    pub(crate) prediction: Vec<u8>,
    /// Whether a language model made it.
    pub(crate) is_llm: bool,
}

/// Who a stored decision is about.
pub(crate) struct Person {
    pub(crate) user_id: Arc<Zeroizing<String>>,
    pub(crate) token: SubjectToken,
    pub(crate) token_text: String,
}

/// Finds the decision; `None` if it is not on the record, nor in the batch.
///
/// # Errors
/// What keeps the records or the vault from answering.
pub(crate) fn find(
    decision_id: &str,
    batched: &Batched,
    records: &dyn Records,
    vault: &Vault,
) -> Result<Option<Decided>, Refusal> {
    let mut parser = Parser::new();
    if let Some(entry) = batched.get(decision_id) {
        return read(&mut parser, entry.record(), vault);
    }
    for stored in records.by_decision_id(decision_id)? {
        if let Some(found) = read(&mut parser, &stored.record, vault)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn read(parser: &mut Parser, record: &[u8], vault: &Vault) -> Result<Option<Decided>, Refusal> {
    let damaged = |_| Refusal::Corrupt("the record of a decision is not what was stored".to_owned());
    let document = parser.parse(record).map_err(damaged)?;
    let text = |name| document.value().get(name).and_then(Value::as_str);
    if text("kind") != Some(Kind::Decision.as_str()) {
        return Ok(None);
    }
    let person = match text("user_id").and_then(SubjectToken::parse) {
        Some(token) => vault.user_of(token)?.map(|user_id| Person { user_id, token, token_text: token.to_string() }),
        None => None,
    };
    let mut prediction = Vec::new();
    if let Some(value) = document.value().get("prediction") {
        canonical::write(value, &mut prediction);
    }
    let is_llm = text("model_type") == Some(ModelType::Llm.as_str());
    Ok(Some(Decided { person, prediction, is_llm }))
}

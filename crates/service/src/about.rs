//! The decision that a review or an outcome is about, as far as intake must know it: that it is on the record, whose it
//! is, and what it says.

use crate::Refusal;
use crate::records::{Records, Stored};
use crate::sealed;
use crate::vault::{SubjectToken, Vault};
use onrecord_record::{Header, Kind, ModelType, Parser, Value, canonical};
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
    /// Among these: their records by their ids.
    Known(&'a HashMap<String, &'a [u8]>),
    /// Nowhere yet: they are looked up together later.
    Later,
}

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

/// Finds the decision; `None` if it is not there.
///
/// # Errors
/// What keeps the records or the vault from answering.
pub(crate) fn find(
    decision_id: &str,
    decisions: Decisions<'_>,
    records: &dyn Records,
    vault: &Vault,
) -> Result<Option<Decided>, Refusal> {
    let mut parser = Parser::new();
    match decisions {
        Decisions::Later => Ok(None),
        Decisions::Known(known) => known.get(decision_id).map_or(Ok(None), |record| read(&mut parser, record, vault)),
        Decisions::Recorded => {
            for stored in records.by_decision_id(decision_id)? {
                if let Some(found) = read(&mut parser, &stored.record, vault)? {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        }
    }
}

/// The records of the decisions with these ids, by their ids; what is not on the record is left out.
///
/// # Errors
/// What keeps the records from answering.
pub(crate) fn find_all(decision_ids: &[&str], records: &dyn Records) -> Result<Vec<(String, Vec<u8>)>, Refusal> {
    let mut parser = Parser::new();
    let mut found = Vec::with_capacity(decision_ids.len());
    for Stored { leaf, record, .. } in records.by_decision_ids(decision_ids)? {
        let id = {
            let damaged = |_| Refusal::Corrupt(format!("the record of leaf {leaf} is not what was stored"));
            let document = parser.parse(&record).map_err(damaged)?;
            let header = Header::read(document.value()).map_err(damaged)?;
            header.decision_id.filter(|_| header.kind == Kind::Decision).map(str::to_owned)
        };
        found.extend(id.map(|id| (id, record)));
    }
    Ok(found)
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
    let is_comparable = sealed::count(&prediction) == 0 && (person.is_some() || text("user_id").is_none());
    let is_llm = text("model_type") == Some(ModelType::Llm.as_str());
    Ok(Some(Decided { person, prediction, is_llm, is_comparable }))
}

//! Reading a decision back, with what followed it, and its evidence. Every reading is on the record first.

use super::{Service, blocking};
use crate::access::{Action, What};
use crate::api_token::{Actor, Role};
use crate::{Refusal, Stored, SubjectToken, large, sealed};
use onrecord_evidence::{Bundle, Receipt};
use onrecord_ledger::LeafIndex;
use onrecord_record::{Header, Kind, Parser, Value};
use serde_json::value::RawValue;
use std::sync::Arc;

/// A decision and what followed it. Documents are the stored bytes; serialising them changes nothing.
#[derive(Clone, Debug)]
pub struct DecisionHistory {
    /// The decision as recorded, or with the person and sealed fields in plain.
    pub decision: Box<RawValue>,
    /// Its place in the ledger.
    pub leaf: LeafIndex,
    /// Its reviews, oldest first.
    pub reviews: Vec<Box<RawValue>>,
    /// Its outcomes, oldest first.
    pub outcomes: Vec<Box<RawValue>>,
    /// What its person says about it, or about all decisions about them, oldest first.
    pub notes: Vec<Box<RawValue>>,
}

impl Service {
    /// A decision with its reviews, outcomes and notes; `None` when there is none with this id. With `reveal` the person and
    /// sealed fields are shown in plain.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the role `read`, and `reveal` if asked for; [`Refusal::Unavailable`].
    pub async fn read(
        self: &Arc<Self>,
        decision_id: &str,
        reveal: bool,
        actor: &Actor,
    ) -> Result<Option<DecisionHistory>, Refusal> {
        if reveal {
            self.must(actor, Role::Reveal)?;
        }
        self.authorised(actor, Role::Read, self.read_decision(decision_id, reveal, actor)).await
    }

    async fn read_decision(
        self: &Arc<Self>,
        decision_id: &str,
        reveal: bool,
        actor: &Actor,
    ) -> Result<Option<DecisionHistory>, Refusal> {
        let found = self.find(decision_id).await?;
        let action = if reveal { Action::Reveal } else { Action::Get };
        let is_there = found.iter().any(|(kind, _)| *kind == Kind::Decision);
        self.append_access(actor, action, asked(decision_id, is_there), Some(found.len() as u64)).await?;
        let service = self.clone();
        blocking(move || service.history(found, reveal)).await
    }

    /// A decision with its reviews and its receipt, to be explained; `None` when there is none with this id. With
    /// `for_user` it must be about that person.
    ///
    /// # Errors
    /// [`Refusal::NotTheirs`], which is put on the record; as [`Service::read`] otherwise.
    pub async fn explain(
        self: &Arc<Self>,
        decision_id: &str,
        for_user: Option<&str>,
        reveal: bool,
        actor: &Actor,
    ) -> Result<Option<(DecisionHistory, Receipt)>, Refusal> {
        if reveal {
            self.must(actor, Role::Reveal)?;
        }
        self.authorised(actor, Role::Read, self.explain_decision(decision_id, for_user, reveal, actor)).await
    }

    async fn explain_decision(
        self: &Arc<Self>,
        decision_id: &str,
        for_user: Option<&str>,
        reveal: bool,
        actor: &Actor,
    ) -> Result<Option<(DecisionHistory, Receipt)>, Refusal> {
        let found = self.find(decision_id).await?;
        let decision = found.iter().find(|(kind, _)| *kind == Kind::Decision).map(|(_, stored)| stored.clone());
        if let (Some(decision), Some(user_id)) = (&decision, for_user) {
            let (service, decision, user_id) = (self.clone(), decision.clone(), user_id.to_owned());
            if !blocking(move || service.is_about(&decision, &user_id)).await? {
                let what = What::Decision(decision_id);
                self.append_access(actor, Action::ExplainRefused, what, Some(0)).await?;
                return Err(Refusal::NotTheirs);
            }
        }
        let action = if reveal { Action::RevealExplain } else { Action::Explain };
        self.append_access(actor, action, asked(decision_id, decision.is_some()), Some(found.len() as u64)).await?;
        let service = self.clone();
        blocking(move || {
            let Some(history) = service.history(found, reveal)? else { return Ok(None) };
            let receipt = service.ledger.prove(history.leaf);
            Ok(Some((history, receipt.map_err(|error| Refusal::Unavailable(error.to_string()))?)))
        })
        .await
    }

    /// Whether a stored decision is about this user.
    fn is_about(&self, decision: &Stored, user_id: &str) -> Result<bool, Refusal> {
        let (token, _) = named_by(decision)?;
        Ok(token.is_some() && self.vault.find(user_id)? == token)
    }

    /// The evidence of a decision: its exact bytes, their proof and the signed checkpoint; `None` when there is none with
    /// this id.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the role `read`; [`Refusal::Unavailable`].
    pub async fn evidence(self: &Arc<Self>, decision_id: &str, actor: &Actor) -> Result<Option<Bundle>, Refusal> {
        self.authorised(actor, Role::Read, self.make_bundle(decision_id, actor)).await
    }

    async fn make_bundle(self: &Arc<Self>, decision_id: &str, actor: &Actor) -> Result<Option<Bundle>, Refusal> {
        let found = self.find(decision_id).await?;
        let decision = found.into_iter().find(|(kind, _)| *kind == Kind::Decision);
        let (what, rows) = (asked(decision_id, decision.is_some()), u64::from(decision.is_some()));
        self.append_access(actor, Action::Evidence, what, Some(rows)).await?;
        let Some((_, Stored { leaf, record, .. })) = decision else { return Ok(None) };
        let service = self.clone();
        blocking(move || {
            let receipt = service.ledger.prove(leaf).map_err(|error| Refusal::Unavailable(error.to_string()))?;
            Ok(Some(Bundle::new(record, receipt, &service.verifier)))
        })
        .await
    }

    /// A stored record with the person and sealed fields in plain. The reading is on the record already.
    ///
    /// # Errors
    /// [`Refusal::Corrupt`], [`Refusal::Unavailable`].
    pub(super) fn reveal(&self, stored: &Stored) -> Result<Vec<u8>, Refusal> {
        let damaged = || Refusal::Corrupt(format!("the record of leaf {} is not what was stored", stored.leaf));
        let (event_id, subject) = {
            let mut parser = Parser::new();
            let document = parser.parse(&stored.record).map_err(|_| damaged())?;
            let header = Header::read(document.value()).map_err(|_| damaged())?;
            (*header.event_id.as_bytes(), subject_of(document.value()))
        };
        let large = |sha256: &[u8; 32]| self.large.ciphertext(sha256).map_err(Refusal::from).map_err(Opening::Large);
        let open = |record: &[u8], keys| {
            let opened = sealed::open_all(record, &stored.sidecar, &event_id, keys, &large);
            opened.map_err(|error| match error {
                Opening::Sidecar(_) => damaged(),
                Opening::Large(refusal) => refusal,
            })
        };
        // Which of the two keys sealed depends on the policy of that time; only the right one opens.
        let mut record = open(&self.with_large(&stored.record, subject)?, self.vault.tenant())?;
        if let Some(token) = subject {
            if let Some(keys) = self.vault.keys_of(token)? {
                record = open(&record, &keys)?;
            }
            if let Some(user_id) = self.vault.user_of(token)? {
                record = sealed::show_subject(&record, &token.to_string(), &user_id);
            }
        }
        Ok(record)
    }

    /// A stored record with its large values in their places. They were masked as every text is, so that who may read
    /// may read them.
    pub(super) fn shown(&self, stored: Stored) -> Result<Vec<u8>, Refusal> {
        if large::count(&stored.record) == 0 {
            return Ok(stored.record);
        }
        let subject = {
            let mut parser = Parser::new();
            let damaged = |_| Refusal::Corrupt(format!("the record of leaf {} is not what was stored", stored.leaf));
            let document = parser.parse(&stored.record).map_err(damaged)?;
            subject_of(document.value())
        };
        self.with_large(&stored.record, subject)
    }

    /// The large values come before sealed fields are opened, whose texts are not looked into.
    fn with_large(&self, record: &[u8], subject: Option<SubjectToken>) -> Result<Vec<u8>, Refusal> {
        let shown = self.large.show(record, self.vault.tenant())?;
        match subject.map_or(Ok(None), |token| self.vault.keys_of(token))? {
            Some(keys) => Ok(self.large.show(&shown, &keys)?),
            None => Ok(shown),
        }
    }

    /// All entries with this decision id, with their kinds.
    async fn find(self: &Arc<Self>, decision_id: &str) -> Result<Vec<(Kind, Stored)>, Refusal> {
        let (service, decision_id) = (self.clone(), decision_id.to_owned());
        blocking(move || {
            let mut parser = Parser::new();
            let found = service.records.by_decision_id(&decision_id)?.into_iter().map(|stored| {
                let damaged = || Refusal::Corrupt(format!("the record of leaf {} is not what was stored", stored.leaf));
                let kind = {
                    let document = parser.parse(&stored.record).map_err(|_| damaged())?;
                    Header::read(document.value()).map_err(|_| damaged())?.kind
                };
                Ok((kind, stored))
            });
            found.collect()
        })
        .await
    }

    fn history(&self, found: Vec<(Kind, Stored)>, reveal: bool) -> Result<Option<DecisionHistory>, Refusal> {
        let (mut decision, mut named) = (None, None);
        let (mut reviews, mut outcomes) = (Vec::new(), Vec::new());
        for (kind, stored) in found {
            let leaf = stored.leaf;
            if kind == Kind::Decision && named.is_none() {
                named = Some(named_by(&stored)?);
            }
            let record = if reveal { self.reveal(&stored)? } else { self.shown(stored)? };
            let damaged = || Refusal::Corrupt(format!("the record of leaf {leaf} is not JSON"));
            let text = String::from_utf8(record).map_err(|_| damaged())?;
            let raw = RawValue::from_string(text).map_err(|_| damaged())?;
            match kind {
                Kind::Decision => decision = decision.or(Some((leaf, raw))),
                Kind::Review => reviews.push(raw),
                Kind::Outcome => outcomes.push(raw),
                _ => {}
            }
        }
        let Some((leaf, decision)) = decision else { return Ok(None) };
        let notes = match named.unwrap_or_default() {
            (Some(subject), decision_id) => self
                .notes_of(subject, reveal)?
                .into_iter()
                .filter_map(|standing| {
                    standing
                        .decision_id
                        .as_ref()
                        .is_none_or(|id| Some(id) == decision_id.as_ref())
                        .then_some(standing.note)
                })
                .collect(),
            (None, _) => Vec::new(),
        };
        Ok(Some(DecisionHistory { decision, leaf, reviews, outcomes, notes }))
    }
}

/// Whom a stored decision is about, and its id.
fn named_by(decision: &Stored) -> Result<(Option<SubjectToken>, Option<String>), Refusal> {
    let damaged = |_| Refusal::Corrupt(format!("the record of leaf {} is not what was stored", decision.leaf));
    let mut parser = Parser::new();
    let document = parser.parse(&decision.record).map_err(damaged)?;
    let decision_id = document.value().get("decision_id").and_then(Value::as_str).map(str::to_owned);
    Ok((subject_of(document.value()), decision_id))
}

/// Why a sealed field cannot be opened.
enum Opening {
    Sidecar(sealed::Mismatch),
    Large(Refusal),
}

impl From<sealed::Mismatch> for Opening {
    fn from(mismatch: sealed::Mismatch) -> Self {
        Opening::Sidecar(mismatch)
    }
}

/// The subject of a stored record.
pub(super) fn subject_of(record: Value<'_>) -> Option<SubjectToken> {
    let text = |name| record.get(name).and_then(Value::as_str).and_then(SubjectToken::parse);
    ["user_id", "reviewer"].into_iter().find_map(text)
}

/// What is recorded of an id that was asked for.
fn asked(decision_id: &str, is_there: bool) -> What<'_> {
    if is_there { What::Decision(decision_id) } else { What::Unknown(decision_id) }
}

//! Records given away with their evidence: all about a person, to the person (GDPR Art. 15 and 20), and what a hold reaches, to
//! whoever has to judge.

use super::{Service, blocking};
use crate::access::{Action, What};
use crate::api_token::{Actor, Role};
use crate::hold::Hold;
use crate::{Refusal, SubjectToken};
use onrecord_evidence::{Bundle, LeafIndex};
use onrecord_record::{Header, Kind, Parser, Value};
use std::sync::Arc;

/// Whose records, and where they are.
#[derive(Clone, Debug)]
pub struct Export {
    /// The token in the records.
    pub subject: SubjectToken,
    /// All that is about the person, ascending: decisions, their reviews and outcomes, and the person's notes.
    pub leaves: Vec<LeafIndex>,
}

/// The evidence of a hold, which is on the record as given.
#[derive(Clone, Debug)]
pub struct HeldExport {
    /// The hold.
    pub hold: Hold,
    /// The entries that placed it, ascending.
    pub placed: Vec<LeafIndex>,
}

/// One record that is given away.
pub struct Exported {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub leaf: LeafIndex,
    /// Of an export with the person and sealed fields in plain, else as recorded, with its large values in their places.
    pub shown: Vec<u8>,
    /// The exact bytes with their proof.
    pub evidence: Bundle,
}

/// Shows sizes only.
impl std::fmt::Debug for Exported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Exported({:?} at leaf {}, {} bytes)", self.kind, self.leaf, self.shown.len())
    }
}

impl Service {
    /// Begins the export of a person's records, which goes on the record; `None` if nobody is known by this user id.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the roles `read` and `reveal`; [`Refusal::Unavailable`].
    pub async fn export(self: &Arc<Self>, user_id: &str, actor: &Actor) -> Result<Option<Export>, Refusal> {
        self.must(actor, Role::Reveal)?;
        let find = async {
            let (service, user) = (self.clone(), user_id.to_owned());
            let found = blocking(move || {
                let Some(subject) = service.vault.find(&user)? else { return Ok(None) };
                Ok(Some(Export { subject, leaves: service.records.leaves_about(&subject.to_string())? }))
            });
            let found = found.await?;
            match &found {
                Some(export) => {
                    let subject = export.subject.to_string();
                    let records = export.leaves.len() as u64;
                    self.append_access(actor, Action::Export, What::Subject(&subject), Some(records)).await?;
                }
                None => self.append_access(actor, Action::Export, What::Unknown(user_id), Some(0)).await?,
            }
            Ok(found)
        };
        self.authorised(actor, Role::Read, find).await
    }

    /// Some records of an export, which is on the record. Those that went meanwhile are left out. Blocks.
    ///
    /// # Errors
    /// [`Refusal::Corrupt`], [`Refusal::Unavailable`].
    pub fn exported(&self, _: &Export, leaves: &[LeafIndex]) -> Result<Vec<Exported>, Refusal> {
        self.with_evidence(leaves, true)
    }

    /// Begins to give away what a hold reaches, as recorded, which goes on the record; `None` if no hold of that name stands.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the roles `admin` and `read`; [`Refusal::Unavailable`].
    pub async fn export_held(
        self: &Arc<Self>,
        hold: &str,
        records: u64,
        actor: &Actor,
    ) -> Result<Option<HeldExport>, Refusal> {
        self.must(actor, Role::Admin)?;
        let find = async {
            let Some(hold) = self.holds().get(hold).cloned() else { return Ok(None) };
            self.append_access(actor, Action::HoldEvidence, What::Hold(&hold.hold), Some(records)).await?;
            let service = self.clone();
            blocking(move || {
                let mut placed = Vec::new();
                service.records.each_of_kind(Kind::Hold, LeafIndex(0), &mut |stored| {
                    let mut parser = Parser::new();
                    let is_its = parser.parse(&stored.record).is_ok_and(|document| {
                        document.value().get("hold").and_then(Value::as_str) == Some(hold.hold.as_str())
                    });
                    placed.extend(is_its.then_some(stored.leaf));
                })?;
                Ok(Some(HeldExport { hold, placed }))
            })
            .await
        };
        self.authorised(actor, Role::Read, find).await
    }

    /// Some records of such an export. Those that went meanwhile are left out. Blocks.
    ///
    /// # Errors
    /// [`Refusal::Corrupt`], [`Refusal::Unavailable`].
    pub fn held(&self, _: &HeldExport, leaves: &[LeafIndex]) -> Result<Vec<Exported>, Refusal> {
        self.with_evidence(leaves, false)
    }

    fn with_evidence(&self, leaves: &[LeafIndex], reveal: bool) -> Result<Vec<Exported>, Refusal> {
        let mut parser = Parser::new();
        let mut exported = Vec::with_capacity(leaves.len());
        for stored in self.records.by_leaves(leaves)?.into_iter().flatten() {
            let damaged = |_| Refusal::Corrupt(format!("the record of leaf {} is not what was stored", stored.leaf));
            let kind = {
                let document = parser.parse(&stored.record).map_err(damaged)?;
                Header::read(document.value()).map_err(damaged)?.kind
            };
            let shown = if reveal { self.reveal(&stored)? } else { self.shown(stored.clone())? };
            let receipt = self.ledger.prove(stored.leaf).map_err(|error| Refusal::Unavailable(error.to_string()))?;
            let evidence = Bundle::new(stored.record, receipt, &self.verifier);
            exported.push(Exported { kind, leaf: stored.leaf, shown, evidence });
        }
        Ok(exported)
    }
}

//! Placing and releasing legal holds. Each is an entry first.

use super::{Service, blocking, event};
use crate::api_token::{Actor, Role};
use crate::hold::HoldScope;
use crate::{Refusal, removal};
use onrecord_evidence::LeafSet;
use onrecord_ledger::Entry;
use onrecord_record::{Hold, HoldState};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Service {
    /// Places a hold; returns its name.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the role `admin`; [`Refusal::Unavailable`].
    pub async fn place_hold(
        self: &Arc<Self>,
        scope: &HoldScope,
        case: Option<&str>,
        reason: &str,
        actor: &Actor,
    ) -> Result<String, Refusal> {
        let place = async {
            let name = crate::clock::fresh_id()?.to_string();
            let subject = scope.subject.map(|subject| subject.to_string());
            let subjects: Vec<_> = scope.subject.into_iter().collect();
            let case = case.map(|case| self.masked(case, &subjects)).transpose()?;
            let reason = self.masked(reason, &subjects)?;
            let texts = match &scope.leaves {
                None => vec![None],
                Some(leaves) => removal::texts(leaves).into_iter().map(Some).collect(),
            };
            let hold = |leaves: &Option<String>| -> Result<Entry, Refusal> {
                let hold = Hold {
                    hold: &name,
                    state: HoldState::Placed,
                    case: case.as_deref(),
                    subject: subject.as_deref(),
                    model_id: scope.model_id.as_deref(),
                    since: scope.since,
                    until: scope.until,
                    leaves: leaves.as_deref(),
                    actor: actor.name(),
                    reason: &reason,
                };
                event::entry(|event_id, at, out| hold.write(event_id, at, out))
            };
            let entries = texts.iter().map(hold).collect::<Result<Vec<_>, _>>()?;
            self.append_holds(entries).await?;
            Ok(name)
        };
        self.authorised(actor, Role::Admin, place).await
    }

    /// The leaves whose records are to go by what is on the record. A hold that comes after such an entry keeps none of them.
    pub fn waiting_for_removal(&self) -> LeafSet {
        self.due().records()
    }

    /// Releases a hold; `false` if none of that name stands.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the role `admin`; [`Refusal::Unavailable`].
    pub async fn release_hold(self: &Arc<Self>, name: &str, reason: &str, actor: &Actor) -> Result<bool, Refusal> {
        let release = async {
            let Some(subject) = self.holds().get(name).map(|hold| hold.scope.subject) else { return Ok(false) };
            let subjects: Vec<_> = subject.into_iter().collect();
            let reason = self.masked(reason, &subjects)?;
            let hold = Hold {
                hold: name,
                state: HoldState::Released,
                case: None,
                subject: None,
                model_id: None,
                since: None,
                until: None,
                leaves: None,
                actor: actor.name(),
                reason: &reason,
            };
            self.append_holds(vec![event::entry(|event_id, at, out| hold.write(event_id, at, out))?]).await?;
            Ok(true)
        };
        self.authorised(actor, Role::Admin, release).await
    }

    /// Holds are placed and released while nobody is erased: an erasure sees them or comes before them. Done to its end even if
    /// the caller goes away: a hold that is on the record stands.
    async fn append_holds(self: &Arc<Self>, entries: Vec<Entry>) -> Result<(), Refusal> {
        let service = self.clone();
        blocking(move || service.append_holds_now(entries)).await
    }

    fn append_holds_now(&self, entries: Vec<Entry>) -> Result<(), Refusal> {
        let _making = self.making.blocking_read();
        let records: Vec<_> = entries.iter().map(|entry| entry.record().clone()).collect();
        self.ledger.append(entries)?;
        records.iter().for_each(|record| self.holds().take_in(record));
        self.holds_version.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
}

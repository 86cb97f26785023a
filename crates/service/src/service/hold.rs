//! Placing and releasing legal holds. Each is an entry first.

use super::erase::LEAVES_BYTES_MAX;
use super::{Service, blocking, event};
use crate::api_token::{Actor, Role};
use crate::hold::HoldScope;
use crate::{Refusal, access};
use onrecord_ledger::Entry;
use onrecord_record::{Header, Hold, HoldState, Parser, write_leaves};
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
        self.authorised(actor, Role::Admin, self.append_hold(scope, case, reason, actor)).await
    }

    async fn append_hold(
        self: &Arc<Self>,
        scope: &HoldScope,
        case: Option<&str>,
        reason: &str,
        actor: &Actor,
    ) -> Result<String, Refusal> {
        let name = crate::clock::fresh_id()?.to_string();
        let subject = scope.subject.map(|subject| subject.to_string());
        let (case, reason) = (case.map(access::masked), access::masked(reason));
        let texts = match &scope.leaves {
            None => vec![None],
            Some(leaves) => {
                let runs = leaves.runs().into_iter().map(|run| run.start.0..run.end.0);
                write_leaves(runs, LEAVES_BYTES_MAX).into_iter().map(Some).collect()
            }
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
    }

    /// Releases a hold; `false` if none of that name stands.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the role `admin`; [`Refusal::Unavailable`].
    pub async fn release_hold(self: &Arc<Self>, name: &str, reason: &str, actor: &Actor) -> Result<bool, Refusal> {
        let release = async {
            if self.holds().get(name).is_none() {
                return Ok(false);
            }
            let reason = access::masked(reason);
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
        let records: Vec<Vec<u8>> = entries.iter().map(|entry| entry.record().to_vec()).collect();
        self.ledger.append(entries)?;
        let mut parser = Parser::new();
        for record in &records {
            if let Ok(document) = parser.parse(record)
                && let (Ok(hold), Ok(header)) = (Hold::read(document.value()), Header::read(document.value()))
            {
                self.holds().add(&hold, header.recorded_at);
            }
        }
        self.holds_version.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
}

//! Retention: which records' time is over goes on the record before they go.

use super::{Service, event};
use crate::api_token::{Actor, Role};
use crate::retention::{Rules, Shortened};
use crate::{Refusal, Stored, removal};
use onrecord_evidence::LeafSet;
use onrecord_record::{Retention, RetentionAction, Timestamp, read_leaves};
use serde_json::{Map, Value as Json};

/// The word of the system entry that says which rules are in effect.
const RULES: &str = "retention_rules";

/// Records whose time is over.
#[derive(Clone, Debug)]
pub struct Expiry<'a> {
    /// By which retention policy.
    pub policy: &'a str,
    /// What happens to them.
    pub action: RetentionAction,
    /// Decisions recorded before this time.
    pub cutoff: Timestamp,
    /// Their leaves.
    pub leaves: LeafSet,
}

impl Service {
    /// Grows when a hold is placed or released: what was found due before may be due no more.
    pub fn holds_version(&self) -> u64 {
        self.holds_version.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Puts on the record that the time of records is over, all or nothing; [`Service::carry_out`] removes them. They were
    /// found while the holds had that version. Returns how many they are: what is due already is not put there again. Blocks.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the role `admin`; [`Refusal::Busy`] if holds changed since; [`Refusal::Unavailable`].
    pub fn expire(&self, expiries: &[Expiry<'_>], holds_version: u64, actor: &Actor) -> Result<u64, Refusal> {
        self.authorised_blocking(actor, Role::Admin, || self.append_expiries(expiries, holds_version, actor))
    }

    fn append_expiries(&self, expiries: &[Expiry<'_>], holds_version: u64, actor: &Actor) -> Result<u64, Refusal> {
        // No hold is placed and nobody erased meanwhile.
        let _alone = self.making.blocking_write();
        if self.holds_version() != holds_version {
            return Err(Refusal::Busy);
        }
        let already = self.due().records();
        let (mut entries, mut total) = (Vec::new(), 0);
        for Expiry { policy, action, cutoff, leaves } in expiries {
            let mut leaves = leaves.clone();
            leaves.remove_all(&already);
            total += leaves.len();
            for text in removal::texts(&leaves) {
                let runs = read_leaves(&text).unwrap_or_default();
                let count = runs.iter().map(|run| run.end - run.start).sum();
                let (action, cutoff) = (*action, *cutoff);
                let retention = Retention { policy, action, leaves: &text, count, cutoff, actor: actor.name() };
                entries.push(event::entry(|event_id, at, out| retention.write(event_id, at, out))?);
            }
        }
        if !entries.is_empty() {
            self.append_removals(entries)?;
        }
        Ok(total)
    }

    /// The retention rules in effect: those of the policy, but where it keeps records for a shorter time than what is on the
    /// record, and nobody confirmed that, those that are on the record. Says which these are.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`].
    pub fn retention_rules(&self) -> Result<(Rules, Vec<Shortened>), Refusal> {
        Ok(self.policy().retention.after(self.recorded_rules()?.as_ref()))
    }

    /// Puts the rules of the policy on the record as those in effect, if others are: with `confirm` also where they keep records
    /// for a shorter time. Blocks.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the role `admin`; [`Refusal::Unavailable`].
    pub fn adopt_rules(&self, confirm: bool, actor: &Actor) -> Result<(Rules, Vec<Shortened>), Refusal> {
        let adopt = || {
            let recorded = self.recorded_rules()?;
            let (rules, shortened) = self.policy().retention.after(recorded.as_ref().filter(|_| !confirm));
            if recorded.as_ref() != Some(&rules) {
                let mut detail = Map::new();
                let rules = serde_json::to_value(&rules).map_err(|error| Refusal::Unavailable(error.to_string()))?;
                detail.insert("rules".to_owned(), rules);
                detail.insert("actor".to_owned(), Json::from(actor.name()));
                self.ledger.append(vec![event::system_entry(RULES, &detail)?])?;
            }
            Ok((rules, shortened))
        };
        self.authorised_blocking(actor, Role::Admin, adopt)
    }

    fn recorded_rules(&self) -> Result<Option<Rules>, Refusal> {
        let Some(Stored { leaf, record, .. }) = self.records.last_system(&[RULES])? else { return Ok(None) };
        let damaged = |_| Refusal::Corrupt(format!("the record of leaf {leaf} is not what was stored"));
        let mut record: Json = serde_json::from_slice(&record).map_err(damaged)?;
        serde_json::from_value(record["detail"]["rules"].take()).map(Some).map_err(damaged)
    }
}

//! Legal holds: which decisions must stay, whatever retention and erasure say.
//!
//! Invariant: a hold is what its entries say, from the one that placed it to the one that released it. It reaches decisions
//! from before and after it was placed, unless it names leaves.

use crate::SubjectToken;
use onrecord_evidence::{LeafIndex, LeafRange, LeafSet};
use onrecord_record::{self as record, Header, HoldState, Parser, Timestamp, read_leaves};
use std::collections::BTreeMap;

/// A hold that stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    /// Its name.
    pub hold: String,
    /// The case that it is for.
    pub case: Option<String>,
    /// Why.
    pub reason: String,
    /// Who placed it.
    pub actor: String,
    /// When.
    pub placed_at: Timestamp,
    /// What it holds.
    pub scope: HoldScope,
}

/// The decisions that a hold reaches: those that fit all that is said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HoldScope {
    /// Of this subject.
    pub subject: Option<SubjectToken>,
    /// Of this model.
    pub model_id: Option<String>,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// At these leaves.
    pub leaves: Option<LeafSet>,
}

/// A decision, as far as holds ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) leaf: LeafIndex,
    pub(crate) subject: Option<SubjectToken>,
    pub(crate) model_id: &'a str,
    pub(crate) timestamp: Timestamp,
}

impl HoldScope {
    pub(crate) fn reaches(&self, decision: Facts<'_>) -> bool {
        let Self { subject, model_id, since, until, leaves } = self;
        subject.is_none_or(|subject| decision.subject == Some(subject))
            && model_id.as_deref().is_none_or(|model_id| model_id == decision.model_id)
            && since.is_none_or(|since| decision.timestamp >= since)
            && until.is_none_or(|until| decision.timestamp < until)
            && leaves.as_ref().is_none_or(|leaves| leaves.contains(decision.leaf))
    }
}

/// All holds that stand, by their names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holds(BTreeMap<String, Hold>);

impl Holds {
    /// Takes in an entry as it is stored, if it is one about a hold.
    pub(crate) fn take_in(&mut self, record: &[u8]) {
        let mut parser = Parser::new();
        if let Ok(document) = parser.parse(record)
            && let (Ok(hold), Ok(header)) = (record::Hold::read(document.value()), Header::read(document.value()))
        {
            self.add(&hold, header.recorded_at);
        }
    }

    /// Takes in the next entry about a hold.
    fn add(&mut self, entry: &record::Hold<'_>, recorded_at: Timestamp) {
        if entry.state == HoldState::Released {
            self.0.remove(entry.hold);
            return;
        }
        let hold = self.0.entry(entry.hold.to_owned()).or_insert_with(|| Hold {
            hold: entry.hold.to_owned(),
            case: entry.case.map(str::to_owned),
            reason: entry.reason.to_owned(),
            actor: entry.actor.to_owned(),
            placed_at: recorded_at,
            scope: HoldScope {
                subject: entry.subject.and_then(SubjectToken::parse),
                model_id: entry.model_id.map(str::to_owned),
                since: entry.since,
                until: entry.until,
                leaves: None,
            },
        });
        if let Some(runs) = entry.leaves.and_then(read_leaves) {
            // The leaves of one hold may be in several entries.
            let leaves = hold.scope.leaves.get_or_insert_default();
            runs.into_iter().for_each(|run| leaves.insert(LeafRange::from(run)));
        }
    }

    /// The first hold that reaches a decision.
    pub(crate) fn reaching(&self, decision: Facts<'_>) -> Option<&Hold> {
        self.0.values().find(|hold| hold.scope.reaches(decision))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Hold> {
        self.0.get(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Hold> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(state: HoldState) -> record::Hold<'static> {
        record::Hold {
            hold: "h1",
            state,
            case: Some("7"),
            subject: None,
            model_id: Some("loan"),
            since: Some(Timestamp::from_micros(100)),
            until: Some(Timestamp::from_micros(200)),
            leaves: None,
            actor: "counsel",
            reason: "a claim",
        }
    }

    fn decision(leaf: u64, model_id: &str, micros: i64) -> Facts<'_> {
        Facts { leaf: LeafIndex(leaf), subject: None, model_id, timestamp: Timestamp::from_micros(micros) }
    }

    #[test]
    fn a_hold_reaches_what_fits_until_it_is_released() {
        let mut holds = Holds::default();
        holds.add(&entry(HoldState::Placed), Timestamp::from_micros(1));
        let reaches = |holds: &Holds, decision| holds.reaching(decision).is_some();
        assert!(reaches(&holds, decision(1, "loan", 100)) && reaches(&holds, decision(1, "loan", 199)));
        assert!(!reaches(&holds, decision(1, "loan", 99)) && !reaches(&holds, decision(1, "loan", 200)));
        assert!(!reaches(&holds, decision(1, "other", 150)));
        holds.add(&entry(HoldState::Released), Timestamp::from_micros(2));
        assert!(!reaches(&holds, decision(1, "loan", 150)) && holds.iter().next().is_none());
    }

    #[test]
    fn the_leaves_of_a_hold_may_come_in_parts() {
        let mut holds = Holds::default();
        for leaves in ["1-3", "7"] {
            holds.add(&record::Hold { leaves: Some(leaves), ..entry(HoldState::Placed) }, Timestamp::from_micros(1));
        }
        let held: Vec<u64> = (0..9).filter(|leaf| holds.reaching(decision(*leaf, "loan", 150)).is_some()).collect();
        assert_eq!(held, [1, 2, 3, 7]);
        assert_eq!(holds.iter().count(), 1);
    }
}

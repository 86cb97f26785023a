//! Erasing a person (GDPR Art. 17): an entry first, then the key, then, at the next rewrite, the bytes.
//!
//! Invariant: while a person is erased no record is made, so that the entry names every record that is about them, and none
//! that was prepared with their key comes after it. What is about them is looked for before that, while others write; then only
//! what was recorded meanwhile is read.

use super::{Service, blocking, event};
use crate::api_token::{Actor, Role};
use crate::hold::{Facts, Hold};
use crate::service::read::subject_of;
use crate::{Refusal, Stored, SubjectToken, removal};
use onrecord_evidence::{Bundle, LeafIndex, TreeSize};
use onrecord_record::{Depth, Erasure, Header, Kind, Parser, Timestamp, Value};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A person was erased.
#[derive(Clone, Debug)]
pub struct Erased {
    /// The token that stood for the person.
    pub subject: SubjectToken,
    /// How deep it went.
    pub depth: Depth,
    /// The person's records: decisions, and their reviews and outcomes.
    pub records: u64,
    /// The certificate: the entry with its proof. It names nobody.
    pub certificate: Bundle,
    /// Fields of records that stay, by which a person may still be found together with other knowledge, and in how many
    /// records each has a value.
    pub indirect: BTreeMap<String, u64>,
}

/// A person's records before they go.
struct Theirs {
    subject: SubjectToken,
    /// All of them are before this leaf.
    size: TreeSize,
    leaves: Vec<LeafIndex>,
    /// The ids of the decisions.
    decision_ids: HashSet<String>,
    /// As the holds were then.
    holds_version: u64,
    held_by: Option<String>,
    /// Of an erasure that leaves the records.
    indirect: BTreeMap<String, u64>,
}

impl Service {
    /// Erases a person; `None` if nobody is known by this user id. The person's key and row in the vault are gone when this
    /// returns; [`Service::carry_out`] removes what depends on them.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the role `admin`; [`Refusal::Held`]; [`Refusal::Unavailable`]: ask again to learn
    /// whether it was done.
    pub async fn erase(
        self: &Arc<Self>,
        user_id: &str,
        depth: Depth,
        reason: Option<&str>,
        actor: &Actor,
    ) -> Result<Option<Erased>, Refusal> {
        let (service, user_id) = (self.clone(), user_id.to_owned());
        let (reason, name) = (reason.map(str::to_owned), actor.name().to_owned());
        let erase = blocking(move || service.erase_found(&user_id, depth, reason.as_deref(), &name));
        self.authorised(actor, Role::Admin, erase).await
    }

    fn erase_found(
        &self,
        user_id: &str,
        depth: Depth,
        reason: Option<&str>,
        actor: &str,
    ) -> Result<Option<Erased>, Refusal> {
        let Some(theirs) = self.look_for(user_id, depth)? else { return Ok(None) };
        // Whatever is on its way comes first; what comes later is prepared again.
        let _alone = self.making.blocking_write();
        let theirs = if self.still(user_id, &theirs)? { Some(theirs) } else { self.look_for(user_id, depth)? };
        theirs.map_or(Ok(None), |theirs| self.erase_alone(theirs, depth, reason, actor).map(Some))
    }

    fn erase_alone(&self, theirs: Theirs, depth: Depth, reason: Option<&str>, actor: &str) -> Result<Erased, Refusal> {
        let Theirs { subject, leaves, held_by, indirect, .. } = theirs;
        if let Some(hold) = held_by {
            return Err(Refusal::Held(hold));
        }
        let token = subject.to_string();
        // While it is known who they are.
        let reason = reason.map(|reason| self.masked(reason, &[subject])).transpose()?;
        let reason = reason.as_deref();
        let mut texts = removal::texts(&leaves.iter().copied().collect());
        if texts.is_empty() {
            texts.push(String::new());
        }
        let entry = |leaves: &String| {
            let erasure = Erasure { subject: &token, depth, leaves, actor, reason };
            event::entry(|event_id, at, out| erasure.write(event_id, at, out))
        };
        let entries = texts.iter().map(entry).collect::<Result<Vec<_>, Refusal>>()?;
        let record = entries[0].record().to_vec();
        let commit = self.append_removals(entries)?;
        self.vault.erase(subject)?;
        self.erasures.fetch_add(1, Ordering::AcqRel);
        self.vault.set_erased(self.ledger.size().0)?;
        let receipt = commit.receipt(0).ok_or_else(|| Refusal::Corrupt("a commit without its entry".to_owned()))?;
        let certificate = Bundle::new(record, receipt, &self.verifier);
        Ok(Erased { subject, depth, records: leaves.len() as u64, certificate, indirect })
    }

    /// What is about a person, whether a hold reaches some of it, and what would stay in it.
    fn look_for(&self, user_id: &str, depth: Depth) -> Result<Option<Theirs>, Refusal> {
        let Some(subject) = self.vault.find(user_id)? else { return Ok(None) };
        // What comes after these is looked for again.
        let (size, holds_version) = (self.ledger.size(), self.holds_version());
        let leaves = self.records.leaves_about(&subject.to_string())?;
        let holds = self.holds().clone();
        let (mut decision_ids, mut held_by, mut indirect) = (HashSet::new(), None, BTreeMap::new());
        let mut parser = Parser::new();
        self.each_record(leaves.iter().copied(), &mut |stored| {
            if held_by.is_some() {
                return Ok(());
            }
            let document = parser.parse(&stored.record).map_err(|_| not_stored(stored))?;
            if let Some(hold) = facts(stored.leaf, document.value()).and_then(|facts| holds.reaching(facts)) {
                held_by = Some(hold.hold.clone());
                return Ok(());
            }
            let header = Header::read(document.value()).map_err(|_| not_stored(stored))?;
            if header.kind == Kind::Decision {
                decision_ids.insert(header.decision_id.map_or_else(|| header.event_id.to_string(), str::to_owned));
            }
            if depth == Depth::Unlink {
                let mut names = Vec::new();
                self.indirect_in(document.value(), &mut names);
                names.sort_unstable();
                names.dedup();
                names.into_iter().for_each(|name| *indirect.entry(name.to_owned()).or_default() += 1);
            }
            Ok(())
        })?;
        Ok(Some(Theirs { subject, size, leaves, decision_ids, holds_version, held_by, indirect }))
    }

    /// Whether what was found about a person is all that there is, now that nothing more is recorded.
    fn still(&self, user_id: &str, theirs: &Theirs) -> Result<bool, Refusal> {
        let is_same = self.vault.find(user_id)? == Some(theirs.subject) && self.holds_version() == theirs.holds_version;
        let (mut is_all, mut parser) = (is_same, Parser::new());
        let later = (theirs.size.0..self.ledger.size().0).map(LeafIndex);
        self.each_record(later.take_while(|_| is_same), &mut |stored| {
            let document = parser.parse(&stored.record).map_err(|_| not_stored(stored))?;
            let header = Header::read(document.value()).map_err(|_| not_stored(stored))?;
            let is_about = match header.kind {
                Kind::Review | Kind::Outcome => header.decision_id.is_some_and(|id| theirs.decision_ids.contains(id)),
                _ => subject_of(document.value()) == Some(theirs.subject),
            };
            is_all &= !is_about;
            Ok(())
        })?;
        Ok(is_all)
    }

    /// The names of members that may identify a person together with others, at any depth.
    fn indirect_in<'v>(&'v self, value: Value<'_>, names: &mut Vec<&'v str>) {
        for (name, member) in value.members() {
            if member.is_null() {
                continue;
            }
            match self.policy().indirect_field(name) {
                Some(field) => names.push(field),
                None => self.indirect_in(member, names),
            }
        }
        for element in value.elements() {
            self.indirect_in(element, names);
        }
    }

    /// What the holds say now.
    pub fn hold_list(&self) -> Vec<Hold> {
        self.holds().iter().cloned().collect()
    }
}

fn not_stored(stored: &Stored) -> Refusal {
    Refusal::Corrupt(format!("the record of leaf {} is not what was stored", stored.leaf))
}

/// What holds ask of a decision; `None` of any other record.
fn facts(leaf: LeafIndex, record: Value<'_>) -> Option<Facts<'_>> {
    let header = Header::read(record).ok()?;
    if header.kind != Kind::Decision {
        return None;
    }
    let text = |name| record.get(name).and_then(Value::as_str);
    let timestamp = text("timestamp").and_then(Timestamp::parse).unwrap_or(header.recorded_at);
    let subject = text("user_id").and_then(SubjectToken::parse);
    Some(Facts { leaf, subject, model_id: text("model_id").unwrap_or_default(), timestamp })
}

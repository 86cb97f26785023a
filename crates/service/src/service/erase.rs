//! Erasing a person (GDPR Art. 17): an entry first, then the key, then, at the next rewrite, the bytes.
//!
//! Invariant: while a person is erased no record is made, so that the entry names every record that is about them, and none
//! that was prepared with their key comes after it.

use super::{Service, blocking, event};
use crate::api_token::{Actor, Role};
use crate::hold::{Facts, Hold};
use crate::{Refusal, SubjectToken, removal};
use onrecord_evidence::{Bundle, LeafIndex};
use onrecord_record::{Depth, Erasure, Header, Kind, Parser, Timestamp, Value};
use std::collections::BTreeMap;
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

/// What is known of a person's records before they go.
#[derive(Default)]
struct Seen {
    held_by: Option<String>,
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
        let erase = blocking(move || {
            // Whatever is on its way comes first; what comes later is prepared again.
            let _alone = service.making.blocking_write();
            service.erase_alone(&user_id, depth, reason.as_deref(), &name)
        });
        self.authorised(actor, Role::Admin, erase).await
    }

    fn erase_alone(
        &self,
        user_id: &str,
        depth: Depth,
        reason: Option<&str>,
        actor: &str,
    ) -> Result<Option<Erased>, Refusal> {
        let Some(subject) = self.vault.find(user_id)? else { return Ok(None) };
        let token = subject.to_string();
        // While it is known who they are.
        let reason = reason.map(|reason| self.masked(reason, &[subject])).transpose()?;
        let reason = reason.as_deref();
        let leaves = self.records.leaves_about(&token)?;
        let seen = self.look_at(&leaves, depth)?;
        if let Some(hold) = seen.held_by {
            return Err(Refusal::Held(hold));
        }
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
        let indirect = if depth == Depth::Unlink { seen.indirect } else { BTreeMap::new() };
        Ok(Some(Erased { subject, depth, records: leaves.len() as u64, certificate, indirect }))
    }

    /// Whether a hold reaches one of a person's records, and what would stay in them.
    fn look_at(&self, leaves: &[LeafIndex], depth: Depth) -> Result<Seen, Refusal> {
        let holds = self.holds().clone();
        let mut seen = Seen::default();
        let mut parser = Parser::new();
        self.each_record(leaves.iter().copied(), &mut |stored| {
            if seen.held_by.is_some() {
                return Ok(());
            }
            let damaged = |_| Refusal::Corrupt(format!("the record of leaf {} is not what was stored", stored.leaf));
            let document = parser.parse(&stored.record).map_err(damaged)?;
            if let Some(hold) = facts(stored.leaf, document.value()).and_then(|facts| holds.reaching(facts)) {
                seen.held_by = Some(hold.hold.clone());
                return Ok(());
            }
            if depth == Depth::Unlink {
                let mut names = Vec::new();
                self.indirect_in(document.value(), &mut names);
                names.sort_unstable();
                names.dedup();
                names.into_iter().for_each(|name| *seen.indirect.entry(name.to_owned()).or_default() += 1);
            }
            Ok(())
        })?;
        Ok(seen)
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

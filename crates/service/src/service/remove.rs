//! Carrying out what is on the record: erasures and retention take their bytes out of every file.
//!
//! Invariant: an entry comes first, and names the leaves; whatever is interrupted is done by the next call. Opening reads the
//! entries again, so that a vault or segments from an older backup lose what the ledger says they must lose.

use super::Service;
use crate::api_token::{Actor, Role};
use crate::removal::Due;
use crate::{Refusal, Removed, Stored};
use onrecord_evidence::{LeafIndex, LeafSet};
use onrecord_ledger::{Commit, Entry};
use onrecord_record::Kind;
use std::collections::BTreeSet;
use std::sync::PoisonError;

/// Records that are in memory at a time.
const RECORDS_AT_ONCE: usize = 1_024;

/// What was carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CarriedOut {
    /// What went out of the segments.
    pub removed: Removed,
    /// Large values that went.
    pub large_values: u64,
}

/// How many leaves wait for a rewrite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// Records of erased persons that are to go.
    pub erased: u64,
    /// Records whose time is over.
    pub expired: u64,
    /// Records of erased persons whose ciphertexts are to go.
    pub unlinked: u64,
}

impl Service {
    /// Removes what is due from every file: records, ciphertexts, large values, and what is left of erased persons in the
    /// vault. Does nothing when nothing is due. Blocks.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the role `admin`; [`Refusal::Unavailable`]: what is left is done by the next call.
    pub fn carry_out(&self, actor: &Actor) -> Result<CarriedOut, Refusal> {
        self.authorised_blocking(actor, Role::Admin, || self.carry_out_due())
    }

    fn carry_out_due(&self) -> Result<CarriedOut, Refusal> {
        let _one = self.removing.lock().unwrap_or_else(PoisonError::into_inner);
        let due = self.due().clone();
        if due.is_empty() {
            return Ok(CarriedOut { removed: Removed { is_gone: true, ..Removed::default() }, large_values: 0 });
        }
        let size = self.ledger.size().0;
        // While their records still say which these are.
        let large_values = self.remove_large(&due)?;
        let removed = self.remover.remove(&due.records(), &due.unlinked)?;
        if due.has_erasures() {
            self.vault.rewrite()?;
        }
        if removed.is_gone {
            self.due().remove_all(&due);
            self.vault.set_rewritten(size)?;
        }
        Ok(CarriedOut { removed, large_values })
    }

    /// Puts entries that remove something on the record. Only then is it due: nothing goes that no entry names.
    pub(super) fn append_removals(&self, entries: Vec<Entry>) -> Result<Commit, Refusal> {
        let records: Vec<_> = entries.iter().map(|entry| entry.record().clone()).collect();
        let commit = self.ledger.append(entries)?;
        let mut due = self.due();
        for record in &records {
            due.take_in(record);
        }
        self.remover.may_lack(&due.records());
        Ok(commit)
    }

    /// How much waits for [`Service::carry_out`].
    pub fn pending(&self) -> Pending {
        let due = self.due();
        Pending { erased: due.erased.len(), expired: due.expired.len(), unlinked: due.unlinked.len() }
    }

    fn remove_large(&self, due: &Due) -> Result<u64, Refusal> {
        let mut theirs = due.erased.clone();
        theirs.insert_all(&due.unlinked);
        // Under an erased person's keys nobody else's records have any.
        let mut values = self.large_of(&theirs)?;
        values.extend(self.unshared(self.large_of(&due.expired)?, due)?);
        values.iter().try_fold(0, |removed, sha256| Ok(removed + u64::from(self.large.remove(sha256)?)))
    }

    /// The large values of some records.
    fn large_of(&self, leaves: &LeafSet) -> Result<BTreeSet<[u8; 32]>, Refusal> {
        let mut values = BTreeSet::new();
        self.each_record(leaves.runs().into_iter().flat_map(|run| run.leaves()), &mut |stored| {
            values.extend(self.large.kept_of(&stored.record));
            Ok(())
        })?;
        Ok(values)
    }

    /// Visits the records of some leaves, a bounded number of them at a time.
    pub(super) fn each_record(
        &self,
        leaves: impl IntoIterator<Item = LeafIndex>,
        visit: &mut dyn FnMut(&Stored) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut leaves = leaves.into_iter();
        loop {
            let some: Vec<LeafIndex> = leaves.by_ref().take(RECORDS_AT_ONCE).collect();
            if some.is_empty() {
                return Ok(());
            }
            self.records.by_leaves(&some)?.iter().flatten().try_for_each(&mut *visit)?;
        }
    }

    /// Those of the values that no record that stays refers to.
    fn unshared(&self, mut values: BTreeSet<[u8; 32]>, due: &Due) -> Result<BTreeSet<[u8; 32]>, Refusal> {
        if values.is_empty() {
            return Ok(values);
        }
        let gone = due.records();
        for kind in [Kind::Decision, Kind::Review, Kind::Outcome] {
            self.records.each_of_kind(kind, LeafIndex(0), &mut |stored| {
                if !gone.contains(stored.leaf) {
                    values.retain(|value| !self.large.kept_of(&stored.record).any(|kept| kept == *value));
                }
            })?;
        }
        Ok(values)
    }

    /// Reads what is on the record about erasures, retention and holds, and erases in the vault whoever is in it and must
    /// not be: one that comes from an older backup brings nobody back.
    pub(super) fn read_removals(&self) -> Result<(), Refusal> {
        let (erased, rewritten, size) = (self.vault.erased()?, self.vault.rewritten()?, self.ledger.size().0);
        if erased > size {
            tracing::warn!(
                "the vault is younger than the ledger: they come from different backups; run `onrecord verify`"
            );
        }
        let (mut all, mut due) = (Due::default(), Due::default());
        let mut subjects = Vec::new();
        self.records.each_of_kind(Kind::Erasure, LeafIndex(0), &mut |stored| {
            let subject = all.take_in(&stored.record);
            if stored.leaf.0 >= rewritten {
                due.take_in(&stored.record);
            }
            subjects.extend(subject.filter(|_| stored.leaf.0 >= erased));
        })?;
        self.records.each_of_kind(Kind::Retention, LeafIndex(0), &mut |stored| {
            all.take_in(&stored.record);
            if stored.leaf.0 >= rewritten {
                due.take_in(&stored.record);
            }
        })?;
        self.remover.may_lack(&all.records());
        // The vault says what was carried out in the files that were here then; these may be others.
        let (records, ciphertexts) = self.remover.may_remain(&all.records(), all.ciphertexts());
        due.take_again(&all, &records, &ciphertexts);
        *self.due() = due;
        self.records.each_of_kind(Kind::Hold, LeafIndex(0), &mut |stored| self.holds().take_in(&stored.record))?;
        for subject in subjects {
            if self.vault.erase(subject)? {
                tracing::warn!("the vault still held a subject who was erased, and does not any more");
            }
        }
        Ok(())
    }

    /// Says in the vault how far it has heeded the ledger: all of it.
    pub(super) fn mark_vault(&self) -> Result<(), Refusal> {
        let size = self.ledger.size().0;
        if self.vault.erased()? < size {
            self.vault.set_erased(size)?;
        }
        Ok(())
    }
}

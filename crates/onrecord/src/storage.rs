//! The seams between `service` and `lake`, which do not know each other: stored records for the one, the people behind
//! subject tokens for the other.

use crate::sealing::{SealError, Sealing};
use onrecord_evidence::LeafIndex;
use onrecord_lake::{Lake, LeafSet, Left, OwnedRow, Removal};
use onrecord_query::{Identity, IdentityError};
use onrecord_record::{Kind, StoredDecision};
use onrecord_service::{ReadError, Records, Removed, Remover, Stored, SubjectToken, Vault};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The lake, as the service reads it.
pub(crate) struct LakeRecords(pub(crate) Arc<Lake>);

impl Records for LakeRecords {
    fn by_leaf(&self, leaf: LeafIndex) -> Result<Option<Stored>, ReadError> {
        Ok(self.0.by_leaf(leaf).map_err(failed)?.map(stored))
    }

    fn by_leaves(&self, leaves: &[LeafIndex]) -> Result<Vec<Option<Stored>>, ReadError> {
        // Sorted and each once, as the lake reads them; then in the order asked.
        let mut sorted = leaves.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let rows = self.0.by_leaves(&sorted).map_err(failed)?;
        let found: HashMap<LeafIndex, OwnedRow> = rows.into_iter().map(|row| (row.leaf, row)).collect();
        Ok(leaves.iter().map(|leaf| found.get(leaf).cloned().map(stored)).collect())
    }

    fn by_decision_id(&self, decision_id: &str) -> Result<Vec<Stored>, ReadError> {
        Ok(self.0.by_decision_id(decision_id).map_err(failed)?.into_iter().map(stored).collect())
    }

    fn decisions(&self, decision_ids: &[&str]) -> Result<Vec<StoredDecision>, ReadError> {
        self.0.decisions_by_id(decision_ids).map_err(failed)
    }

    fn each_of_kind(&self, kind: Kind, from: LeafIndex, visit: &mut dyn FnMut(Stored)) -> Result<(), ReadError> {
        self.0.each_of_kind(kind.as_str(), from, &mut |row| visit(stored(row))).map_err(failed)
    }

    fn leaves_about(&self, subject: &str) -> Result<Vec<LeafIndex>, ReadError> {
        self.0.leaves_about(subject).map_err(failed)
    }

    fn last_system(&self, whats: &[&str]) -> Result<Option<Stored>, ReadError> {
        let is_one = |record: &[u8]| {
            let record: Option<serde_json::Value> = serde_json::from_slice(record).ok();
            record.is_some_and(|record| record["what"].as_str().is_some_and(|what| whats.contains(&what)))
        };
        Ok(self.0.newest_of_kind(Kind::System.as_str(), &is_one).map_err(failed)?.map(stored))
    }
}

/// The lake, from which records are removed.
pub(crate) struct LakeRemover {
    pub(crate) lake: Arc<Lake>,
    pub(crate) sealing: Arc<Sealing>,
}

/// How long a query may hold a file of which something was removed before it is said that it still is there.
const READERS_WAIT: Duration = Duration::from_secs(10);

/// Deletes from the archive what is to go; whether all of it is gone that a removal is about. What cannot be deleted now is
/// tried again.
pub(crate) fn sweep(lake: &Lake, removal: &Removal) -> bool {
    match onrecord_lake::sweep(lake) {
        Ok(swept) => {
            for Left { error, .. } in &swept.left {
                tracing::warn!(%error, "objects are to go from the archive, and are there yet");
            }
            !swept.left.iter().any(|left| removal.concerns(left.leaves))
        }
        Err(error) => {
            tracing::warn!(%error, "objects are to go from the archive, and may be there yet");
            false
        }
    }
}

impl Remover for LakeRemover {
    fn may_lack(&self, leaves: &LeafSet) {
        self.lake.may_lack(leaves);
    }

    fn may_remain(&self, records: &LeafSet, ciphertexts: &LeafSet) -> (LeafSet, LeafSet) {
        let remaining = self.lake.may_remain(&Removal { rows: records.clone(), sidecars: ciphertexts.clone() });
        (remaining.rows, remaining.sidecars)
    }

    fn remove(&self, records: &LeafSet, ciphertexts: &LeafSet) -> Result<Removed, ReadError> {
        let failed = |error: SealError| ReadError(error.to_string());
        let newest = records.last().max(ciphertexts.last());
        if newest.is_some_and(|leaf| leaf >= self.lake.sealed_end()) {
            self.sealing.seal().map_err(failed)?;
        }
        let removal = Removal { rows: records.clone(), sidecars: ciphertexts.clone() };
        let removed = self.sealing.rewrite(&removal).map_err(failed)?;
        let is_gone = removed.wait(READERS_WAIT) && sweep(&self.lake, &removal);
        Ok(Removed { segments: removed.segments, rows: removed.rows, sidecars: removed.sidecars, is_gone })
    }
}

fn stored(row: OwnedRow) -> Stored {
    Stored { leaf: row.leaf, record: row.record, sidecar: row.sidecar }
}

fn failed(error: onrecord_lake::Error) -> ReadError {
    ReadError(error.to_string())
}

/// The vault, as queries of callers with the role `reveal` see it. Where a row cannot be read, its token is shown.
pub(crate) struct VaultIdentity(pub(crate) Arc<Vault>);

impl Identity for VaultIdentity {
    fn token_of(&self, user_id: &str) -> Result<Option<String>, IdentityError> {
        let found = self.0.find(user_id).map_err(|error| {
            tracing::error!(%error, "the vault cannot be read");
            IdentityError
        })?;
        Ok(found.map(|token| token.to_string()))
    }

    fn user_of(&self, tokens: &[&str]) -> Vec<Option<String>> {
        // A text that is no token stands for nobody.
        let parsed: Vec<Option<SubjectToken>> = tokens.iter().map(|token| SubjectToken::parse(token)).collect();
        let known: Vec<SubjectToken> = parsed.iter().flatten().copied().collect();
        // One row that cannot be read must not hide the others.
        let found: Vec<Option<String>> = match self.0.users_of(&known) {
            Ok(users) => users.into_iter().map(|user| user.map(|user| user.to_string())).collect(),
            Err(_) => known.iter().map(|token| self.readable(*token)).collect(),
        };
        let mut users = found.into_iter();
        parsed.into_iter().map(|token| token.and_then(|_| users.next().flatten())).collect()
    }
}

impl VaultIdentity {
    fn readable(&self, token: SubjectToken) -> Option<String> {
        let user = self.0.user_of(token).inspect_err(|error| tracing::error!(%error, "the vault cannot be read"));
        user.ok()?.map(|user| user.to_string())
    }
}

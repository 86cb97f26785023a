//! Persons: what they say, and their erasure.

use onrecord_evidence::Receipt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a person says, to be put beside decisions about them. Nothing is changed by it.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoteRequest {
    /// The statement: 1 to 10,000 characters. It is encrypted under the person's key before it is written.
    pub(crate) text: String,
    /// The decision that it stands beside; all decisions about the person if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) decision_id: Option<String>,
    /// The id under which it is recorded once; a new one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    pub(crate) event_id: Option<String>,
}

/// A statement is on the record.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Noted {
    /// The entry's id.
    pub(crate) event_id: String,
    /// Proves offline that the entry is in the ledger: leaf index, leaf hash, inclusion proof, signed checkpoint.
    #[schema(value_type = Object)]
    pub(crate) receipt: Receipt,
}

/// A person was erased. It names nobody: the token stood for the person, and nothing leads from one to the other any more.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Erasure {
    /// The token in the records.
    pub(crate) subject: String,
    /// unlink: the records stay, and nothing in them leads to the person; delete: they go.
    pub(crate) depth: String,
    /// The person's records: decisions, their reviews and outcomes, and notes.
    pub(crate) records: u64,
    /// Values that stay in the records, by which a person may be found together with other knowledge: the members that
    /// `[indirect]` of `policy.toml` names, and in how many records each is.
    pub(crate) indirect: BTreeMap<String, u64>,
    /// The certificate: an evidence bundle of the entry, which `onrecord-verify` checks offline.
    #[schema(value_type = Object)]
    pub(crate) certificate: serde_json::Value,
    /// What went out of the files, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) removal: Option<super::retention::Removal>,
}

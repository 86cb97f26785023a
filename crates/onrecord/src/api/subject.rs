//! Persons: erased.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A person was erased. It names nobody: the token stood for the person, and nothing leads from one to the other any more.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Erasure {
    /// The token in the records.
    pub(crate) subject: String,
    /// unlink: the records stay, and nothing in them leads to the person; delete: they go.
    pub(crate) depth: String,
    /// The person's records: decisions, and their reviews and outcomes.
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

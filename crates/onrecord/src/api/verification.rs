//! Verification: what was found, and how far it is.

use serde::{Deserialize, Serialize};

/// What to verify beside the directory itself.
#[derive(Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyRequest {
    /// An earlier checkpoint (signed note) that the ledger must extend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checkpoint: Option<String>,
}

/// Something that is wrong.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Fault {
    /// The file, relative to the data directory.
    pub(crate) file: String,
    /// The first leaf concerned, where one can be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) leaf_index: Option<u64>,
    /// What is wrong.
    pub(crate) problem: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(leaf) = self.leaf_index {
            write!(f, " at leaf {leaf}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// What was found.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Verification {
    /// Entries that were re-hashed.
    pub(crate) entries: u64,
    /// Entries without a record: erasures and retention took it away, and are on the record themselves.
    #[serde(default)]
    pub(crate) removed: u64,
    /// Entries whose record, or the ciphertexts beside it, should be gone and is there: a removal is due.
    #[serde(default)]
    pub(crate) removable: u64,
    /// Size of the tree.
    pub(crate) tree_size: u64,
    /// Its root, in base64, as in the checkpoint.
    pub(crate) root: String,
    /// The size of the earlier checkpoint, if one was given and holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) earlier_size: Option<u64>,
    /// What is wrong, the first thousand; empty when nothing is.
    pub(crate) faults: Vec<Fault>,
    /// How much is wrong in all.
    #[serde(default)]
    pub(crate) faults_total: u64,
    /// What could not be checked now, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unchecked: Vec<String>,
    /// How long it took.
    pub(crate) seconds: f64,
}

/// What is told while verifying: one JSON object a line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    /// How far it is.
    Progress {
        /// Entries done.
        entries: u64,
        /// Entries in all.
        total: u64,
    },
    /// The result; nothing comes after it.
    Report(Verification),
    /// It could not be done, and why; nothing comes after it.
    Failed(String),
}

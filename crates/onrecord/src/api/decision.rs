//! Decisions: logged, alone and in batches, and read.

use super::problem::Fault;
use onrecord_evidence::{BatchReceipt, Receipt};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A decision is on the record.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Logged {
    /// The entry's id.
    pub(crate) event_id: String,
    /// The decision's id: the one sent, else the event id.
    pub(crate) decision_id: String,
    /// Proves offline that the entry is in the ledger: leaf index, leaf hash, inclusion proof, signed checkpoint.
    #[schema(value_type = Object)]
    pub(crate) receipt: Receipt,
    /// What the policy requires of such a decision, and it does not say; it is on the record all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) missing: Vec<Fault>,
}

/// A batch is on the record.
#[derive(Default, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct BatchLogged {
    /// Entries added.
    pub(crate) accepted: u64,
    /// Lines whose event id was on the record already, with the same body.
    pub(crate) already: u64,
    /// Proves all added entries at once: first leaf index, leaf hashes, range proof, signed checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub(crate) receipt: Option<BatchReceipt>,
    /// What the policy requires of such decisions, and the first of them do not say; they are on the record all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) missing: Vec<Fault>,
    /// How many decisions do not say all that is required.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) incomplete_lines: u64,
    /// With `check`: the lines about a decision that is not on the record. It must come before them, or in one batch with
    /// them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unknown_decisions: Vec<UnknownDecision>,
}

/// A line about a decision that is not on the record.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct UnknownDecision {
    /// The line, by its number.
    pub(crate) line: u64,
    /// The decision's id.
    pub(crate) decision_id: String,
}

impl From<(u64, String)> for UnknownDecision {
    fn from((line, decision_id): (u64, String)) -> Self {
        Self { line, decision_id }
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What a person made of a decision. All members may be left out but those that an override needs.
#[derive(Default, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Review {
    /// The id under which it is recorded once; a new one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    pub(crate) event_id: Option<String>,
    /// When it happened (RFC 3339); now if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    pub(crate) timestamp: Option<String>,
    /// Who reviewed; stored as a subject, like a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reviewer: Option<String>,
    /// What the person decided: any JSON; required if overridden, and not another decision than the model's otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub(crate) human_decision: Option<Box<RawValue>>,
    /// Whether that takes the place of the model's prediction.
    #[serde(default)]
    pub(crate) overridden: bool,
    /// Why; required if overridden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) override_reason: Option<String>,
    /// What has no member of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) metadata: Option<Box<RawValue>>,
}

/// What turned out to be true about a decision.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Outcome {
    /// The id under which it is recorded once; a new one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    pub(crate) event_id: Option<String>,
    /// When it came to be known (RFC 3339); now if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    pub(crate) timestamp: Option<String>,
    /// What is true: any JSON but null.
    #[schema(value_type = serde_json::Value)]
    pub(crate) outcome: Box<RawValue>,
    /// What has no member of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) metadata: Option<Box<RawValue>>,
}

/// A decision with what followed it.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct DecisionHistory {
    /// The decision as recorded.
    #[schema(value_type = Object)]
    pub(crate) decision: Box<RawValue>,
    /// Its position in the ledger.
    pub(crate) leaf_index: u64,
    /// Reviews of it, oldest first.
    #[schema(value_type = Vec<Object>)]
    pub(crate) reviews: Vec<Box<RawValue>>,
    /// Outcomes of it, oldest first.
    #[schema(value_type = Vec<Object>)]
    pub(crate) outcomes: Vec<Box<RawValue>>,
    /// What the person says about it or about all decisions about them, oldest first; `text` is sealed unless it is revealed.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub(crate) notes: Vec<Box<RawValue>>,
}

/// A page of decisions, newest first.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct DecisionPage {
    /// What `ai_audit_logs` says of each, and its `leaf_index`.
    #[schema(value_type = Vec<Object>)]
    pub(crate) decisions: Vec<Box<RawValue>>,
    /// Gives the next page; null on the last one.
    pub(crate) next_cursor: Option<String>,
}

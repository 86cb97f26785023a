//! Retention and removals: what is due, what a run would do, what it did.

use super::archive::Moved;
use onrecord_report::retention::Status;
use onrecord_service::retention::{Rule, RuleAction};
use serde::{Deserialize, Serialize};

/// What is due when.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct RetentionStatus {
    /// The retention policies, and those that decisions name and `policy.toml` does not.
    pub(crate) policies: Vec<PolicyStatus>,
    /// Rules that the file made shorter: the longer ones are in effect until a run is told to confirm.
    pub(crate) unconfirmed: Vec<Confirmation>,
    /// Records that are to go by what is on the record, and are there yet.
    pub(crate) waiting_for_removal: u64,
}

/// One retention policy.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct PolicyStatus {
    /// Its name.
    pub(crate) policy: String,
    /// How many days decisions are kept; null if there is no such rule: nothing happens to them.
    pub(crate) days: Option<u32>,
    /// What happens then: delete or archive.
    pub(crate) action: Option<String>,
    /// The law that it rests on.
    pub(crate) basis: Option<String>,
    /// Decisions.
    pub(crate) decisions: u64,
    /// Those whose time is over.
    pub(crate) due: u64,
    /// Those of them that a hold keeps.
    pub(crate) held: u64,
    /// Those whose time is over within 30 days, the due ones among them.
    pub(crate) due_in_30_days: u64,
    /// Those whose time is over within 365 days, the due ones among them.
    pub(crate) due_in_365_days: u64,
    /// When the oldest was recorded.
    pub(crate) oldest_recorded_at: Option<String>,
}

/// A rule that waits for a confirmation.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Confirmation {
    /// The retention policy.
    pub(crate) policy: String,
    /// The days in effect.
    pub(crate) days: u32,
    /// The days that `policy.toml` says; null if it has no such policy any more.
    pub(crate) wanted_days: Option<u32>,
}

/// What a run would do.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct RetentionPlan {
    /// By policy.
    pub(crate) policies: Vec<PolicyPlan>,
    /// Rules that wait for a confirmation.
    pub(crate) unconfirmed: Vec<Confirmation>,
}

/// What a run does for one policy.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct PolicyPlan {
    /// Its name.
    pub(crate) policy: String,
    /// What happens: delete or archive.
    pub(crate) action: String,
    /// Decisions recorded before this time may be due (RFC 3339).
    pub(crate) cutoff: String,
    /// Decisions that are due and not held.
    pub(crate) decisions: u64,
    /// Their reviews, outcomes and notes.
    pub(crate) reviews_and_outcomes: u64,
    /// Segments that hold some of them.
    pub(crate) segments: u64,
    /// Why nothing happens to them yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) waits: Option<String>,
}

/// A run to make.
#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetentionRequest {
    /// Whether rules that the file made shorter take effect.
    #[serde(default)]
    pub(crate) confirm: bool,
}

/// What a run did.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct RetentionRun {
    /// By policy: what was put on the record.
    pub(crate) policies: Vec<PolicyPlan>,
    /// Rules that wait for a confirmation.
    pub(crate) unconfirmed: Vec<Confirmation>,
    /// What went out of the files.
    pub(crate) removal: Removal,
    /// What went into the archive.
    #[serde(default)]
    pub(crate) archived: Moved,
}

/// What went out of the files.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Removal {
    /// Records.
    pub(crate) records: u64,
    /// Records that stay and lost their ciphertexts.
    pub(crate) ciphertexts: u64,
    /// Large values.
    pub(crate) large_values: u64,
    /// Segments that were rewritten.
    pub(crate) segments: u64,
    /// Whether no file has a byte of it: a long query may hold one for a while.
    pub(crate) is_gone: bool,
}

impl RetentionStatus {
    /// One policy, with its rule if there is one.
    pub(crate) fn policy(status: &Status, rule: Option<&Rule>) -> PolicyStatus {
        PolicyStatus {
            policy: status.policy.clone(),
            days: rule.map(|rule| rule.days),
            action: rule.map(|rule| PolicyPlan::action(rule.action)),
            basis: rule.map(|rule| rule.basis.clone()).filter(|basis| !basis.is_empty()),
            decisions: status.decisions,
            due: status.due,
            held: status.held,
            due_in_30_days: status.due_in_30_days,
            due_in_365_days: status.due_in_365_days,
            oldest_recorded_at: status.oldest_recorded_at.clone(),
        }
    }
}

impl PolicyPlan {
    /// The word for an action.
    pub(crate) fn action(action: RuleAction) -> String {
        match action {
            RuleAction::Delete => "delete",
            RuleAction::Archive => "archive",
        }
        .to_owned()
    }
}

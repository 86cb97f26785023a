//! Legal holds.

use serde::{Deserialize, Serialize};

/// A hold to place: on the decisions that fit all that is said.
#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldRequest {
    /// Of this person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<String>,
    /// Of this model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model_id: Option<String>,
    /// From this time on: RFC 3339, or a day of UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<String>,
    /// Before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<String>,
    /// That a condition in SQL on `ai_audit_logs` fits now. Decisions that come later are not reached then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) r#where: Option<String>,
    /// The case that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) case: Option<String>,
    /// Why.
    pub(crate) reason: String,
}

/// A hold was placed.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct PlacedHold {
    /// Its name, by which it is released.
    pub(crate) hold: String,
    /// Decisions on the record that it reaches and that stay.
    pub(crate) decisions: u64,
    /// Decisions that it reaches and does not keep: that they are to go was on the record before it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) waiting_for_removal: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A hold that stands.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct HoldInfo {
    /// Its name.
    pub(crate) hold: String,
    /// The case that it is for.
    pub(crate) case: Option<String>,
    /// Why.
    pub(crate) reason: String,
    /// The token of the person.
    pub(crate) subject: Option<String>,
    /// The model.
    pub(crate) model_id: Option<String>,
    /// From this time on (RFC 3339).
    pub(crate) since: Option<String>,
    /// Before this time (RFC 3339).
    pub(crate) until: Option<String>,
    /// How many decisions it names one by one.
    pub(crate) leaves: Option<u64>,
    /// Who placed it.
    pub(crate) actor: String,
    /// When (RFC 3339).
    pub(crate) placed_at: String,
}

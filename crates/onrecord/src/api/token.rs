//! API tokens: made, and listed.

use serde::{Deserialize, Serialize};

/// A token to make.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenRequest {
    /// Who or what uses it; unique.
    pub(crate) name: String,
    /// Any of write, read, reveal, admin.
    pub(crate) roles: Vec<String>,
    /// Days after which it expires; never, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_days: Option<u32>,
}

/// A token, shown this once.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct NewToken {
    pub(crate) name: String,
    pub(crate) token: String,
}

/// A token as it is listed: what it is called and allows, nothing that it could be used or recognised by.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct TokenInfo {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) roles: Vec<String>,
    pub(crate) created_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revoked_at: Option<String>,
}

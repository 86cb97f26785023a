//! Errors as RFC 9457 problem details. What a caller did wrong is named by place (JSON pointer or line) and rule;
//! no message repeats what a record contains.

use axum::http::StatusCode;
use onrecord_service::Reason;
use serde::{Deserialize, Serialize};

/// The body of every error answer, `application/problem+json`.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Problem {
    /// A stable name of the kind of problem: `urn:onrecord:problem:<name>`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The kind of problem in words.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What happened here, and what to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) detail: String,
    /// Every fault found, by place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<Fault>,
    /// How many faulty lines there are in all, when `errors` names only the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) faulty_lines: Option<u64>,
    /// The reason by which it is counted as a refusal, if the service has not counted it already.
    #[serde(skip)]
    pub(crate) uncounted: Option<Reason>,
}

/// One fault in what was sent.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Fault {
    /// The line of a batch, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u64>,
    /// Where in the record: a JSON pointer (RFC 6901); empty for the record as a whole.
    pub(crate) pointer: String,
    /// The rule that was broken.
    pub(crate) detail: String,
}

impl Problem {
    /// A problem named `name`, titled `title`.
    pub(crate) fn new(status: StatusCode, name: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:onrecord:problem:{name}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            faulty_lines: None,
            uncounted: None,
        }
    }

    /// A refusal that the service knows nothing of: it is counted when the answer is sent.
    pub(crate) fn refused(self, reason: Reason) -> Self {
        Self { uncounted: Some(reason), ..self }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request cannot be understood", detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    pub(crate) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The request is over a limit", detail)
    }

    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The ledger cannot do this now", detail)
    }

    /// Nothing is sealed while a verification reads the files, and one verification runs at a time.
    pub(crate) fn verifying(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "verifying", "A verification is under way", detail)
    }

    pub(crate) fn invalid(detail: impl Into<String>, errors: Vec<Fault>) -> Self {
        let title = "The record breaks a rule";
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-record", title, detail) }
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

//! Errors as RFC 9457 problem details. What a caller did wrong is named by place (JSON pointer or line) and rule;
//! no message repeats what a record contains.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use onrecord_service::Refusal;
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
        }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request cannot be understood", detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing", detail)
    }

    pub(crate) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The request is over a limit", detail)
    }

    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The ledger cannot do this now", detail)
    }

    fn invalid(detail: impl Into<String>, errors: Vec<Fault>) -> Self {
        let title = "The record breaks a rule";
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-record", title, detail) }
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"onrecord\""));
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS | StatusCode::INSUFFICIENT_STORAGE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let said = refusal.to_string();
        match refusal {
            Refusal::Invalid(faults) => {
                let named = faults.named.into_iter().map(|named| Fault {
                    line: named.line,
                    pointer: named.fault.pointer,
                    detail: named.fault.problem,
                });
                let mut problem =
                    Self::invalid("nothing was recorded; every fault is named in errors", named.collect());
                problem.faulty_lines =
                    problem.errors.iter().any(|fault| fault.line.is_some()).then_some(faults.lines_total);
                problem
            }
            Refusal::Conflict(conflicts) => {
                let title = "The event id is on the record with another body";
                let detail = "nothing was recorded; give a new entry a new event_id";
                let named = conflicts.named.into_iter().map(|(line, event_id)| Fault {
                    line,
                    pointer: "/event_id".to_owned(),
                    detail: format!("{event_id} is on the record with another body"),
                });
                Self { errors: named.collect(), ..Self::new(StatusCode::CONFLICT, "conflict", title, detail) }
            }
            Refusal::NameTaken => Self::new(StatusCode::CONFLICT, "name-taken", "The name is taken", said),
            Refusal::TooLarge { .. } => Self::too_large(said),
            Refusal::Busy => Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", "Too much waits already", said),
            Refusal::Full => Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk-full", "The disk is full", said),
            Refusal::Forbidden(_) => {
                Self::new(StatusCode::FORBIDDEN, "forbidden", "The token does not allow this", said)
            }
            Refusal::Unavailable(_) => Self::unavailable(said),
            Refusal::Corrupt(_) => {
                tracing::error!(error = said, "stored bytes are not what was stored");
                let title = "Stored bytes are not what was stored";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "corrupt", title, format!("{said}; run `onrecord verify`"))
            }
        }
    }
}

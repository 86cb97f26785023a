//! Errors as answers: problem details with their headers, and what each refusal of the service becomes.

use crate::api::problem::{Fault, Problem};
use crate::concurrency::Busy;
use crate::session::QueryError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use onrecord_query::Error;
use onrecord_service::{LineFault, Reason, Refusal};

/// Marks an answer that refuses something, which the service has not counted.
#[derive(Clone, Copy)]
pub(super) struct Uncounted(pub(super) Reason);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, uncounted) = (self.status(), self.uncounted);
        let mut response = (status, Json(self)).into_response();
        if let Some(reason) = uncounted {
            response.extensions_mut().insert(Uncounted(reason));
        }
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
                let named = faults.named.into_iter().map(Fault::from).collect();
                let mut problem = Self::invalid("nothing was recorded; every fault is named in errors", named);
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
            Refusal::UnknownDecision => Self::not_found(said),
            Refusal::NotTheirs => {
                Self::new(StatusCode::FORBIDDEN, "not-theirs", "The decision is about somebody else", said)
            }
            Refusal::Held(_) => Self::new(StatusCode::CONFLICT, "held", "A legal hold stands", said),
            Refusal::NameTaken => Self::new(StatusCode::CONFLICT, "name-taken", "The name is taken", said),
            Refusal::TooLarge { .. } => Self::too_large(said),
            Refusal::Busy => Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", "Too many requests", said),
            Refusal::Full => {
                let detail = "nothing of this request was recorded; free some space, and send it again";
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk-full", "The disk is full", detail)
            }
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

impl From<LineFault> for Fault {
    fn from(LineFault { line, fault }: LineFault) -> Self {
        Self { line, pointer: fault.pointer, detail: fault.problem }
    }
}

impl From<Busy> for Problem {
    fn from(busy: Busy) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", "Too many requests", busy.to_string());
        problem.refused(Reason::Busy)
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Busy(busy) => busy.into(),
            QueryError::Refused(refusal) => refusal.into(),
            QueryError::Timeout { .. } => Self::bad_request(error.to_string()),
            QueryError::Query(error) => error.into(),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Query { .. } | Error::NotARead(_) | Error::Value(_) => Self::bad_request(error.to_string()),
            Error::Memory { .. } | Error::Time { .. } => Self::too_large(error.to_string()),
            Error::Lake(_) | Error::Identity(_) | Error::Engine(_) => {
                tracing::error!(%error, "a query failed");
                Self::unavailable(error.to_string())
            }
        }
    }
}

impl From<onrecord_report::Error<QueryError>> for Problem {
    fn from(error: onrecord_report::Error<QueryError>) -> Self {
        use onrecord_report::Error;
        match error {
            Error::Source(error) => error.into(),
            Error::NotFound(_) => Self::not_found(error.to_string()),
            Error::Unfit(_) => Self::bad_request(error.to_string()),
            Error::OverBudget(_) => {
                let title = "The privacy budget does not allow this";
                Self::new(StatusCode::FORBIDDEN, "over-budget", title, error.to_string())
            }
            Error::Answer(_) | Error::Noise(_) => Self::unavailable(error.to_string()),
        }
    }
}

//! Who is asking. A request carries a bearer token, or came through the data directory's own socket, which only those
//! who own the directory can open; everything else is refused.

use crate::api::problem::Problem;
use crate::node::Node;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use onrecord_service::{Actor, Role};
use std::sync::Arc;

/// The header that says what a caller reads for. It goes on the record with each reading.
pub(crate) const PURPOSE: &str = "onrecord-purpose";

/// The same as the contract spells it.
pub(super) const PURPOSE_HEADER: &str = "Onrecord-Purpose";

/// The longest purpose.
const PURPOSE_CHARS_MAX: usize = 500;

/// Marks a request that came through the data directory's socket.
#[derive(Clone, Copy)]
pub(crate) struct ThroughSocket;

/// The one who makes the request.
pub(crate) struct Caller(pub(crate) Actor);

impl Caller {
    /// Refuses a caller who lacks `role`.
    pub(crate) fn must(&self, node: &Node, role: Role) -> Result<(), Problem> {
        Ok(node.service.must(&self.0, role)?)
    }
}

impl FromRequestParts<Arc<Node>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, Problem> {
        let purpose = purpose(parts)?;
        if parts.extensions.get::<ThroughSocket>().is_some() {
            return Ok(Self(Actor::local().for_purpose(purpose)));
        }
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        match node.service.authenticate(token) {
            Ok(Some(actor)) => Ok(Self(actor.for_purpose(purpose))),
            Ok(None) => Err(unauthorized(match token {
                None => "send `Authorization: Bearer <token>`; `onrecord token create` makes one",
                Some(_) => "the token is unknown, expired or revoked",
            })),
            Err(error) => {
                tracing::error!(%error, "the token file cannot be read");
                Err(Problem::unavailable("tokens cannot be checked now"))
            }
        }
    }
}

/// What the caller reads for, in UTF-8.
fn purpose(parts: &Parts) -> Result<Option<String>, Problem> {
    let Some(value) = parts.headers.get(PURPOSE) else { return Ok(None) };
    let text = std::str::from_utf8(value.as_bytes()).ok().map(str::trim);
    match text.filter(|text| !text.is_empty() && text.chars().count() <= PURPOSE_CHARS_MAX) {
        Some(text) => Ok(Some(text.to_owned())),
        None => {
            let detail = format!("{PURPOSE} must be a line of 1 to {PURPOSE_CHARS_MAX} characters of UTF-8");
            Err(Problem::bad_request(detail))
        }
    }
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "A valid token is needed", detail)
}

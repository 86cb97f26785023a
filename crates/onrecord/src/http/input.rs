//! What a request says beside a record: its JSON body, its query, its path. A request that cannot be understood gets
//! problem details like any other error, naming the place and never the content.

use super::body;
use crate::api::problem::Problem;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

/// A body of this kind is a few words; SQL is the longest.
const BODY_BYTES_MAX: usize = 2 << 20;

/// A JSON body.
pub(super) struct Json<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let body = body::read(request.into_body(), BODY_BYTES_MAX).await?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            Problem::bad_request(match error.classify() {
                serde_json::error::Category::Data => {
                    format!("the body is JSON, but not what /openapi.json asks for here ({place})")
                }
                _ => format!("the body is not JSON ({place})"),
            })
        })
    }
}

/// The query of the URL.
pub(super) struct Query<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        let query =
            query.map_err(|_| Problem::bad_request("a parameter in the URL is not what /openapi.json asks for"))?;
        Ok(Self(query.0))
    }
}

/// What stands in the path, decoded.
pub(super) struct Path<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        Ok(Self(path.map_err(|_| Problem::bad_request("the path is not percent-encoded UTF-8"))?.0))
    }
}

/// The longest text that somebody writes about what they do.
const SAID_CHARS_MAX: usize = 2_000;

/// Refuses a text that is longer than is kept whole.
pub(super) fn bounded(name: &str, said: Option<&str>) -> Result<(), Problem> {
    match said {
        Some(said) if said.chars().count() > SAID_CHARS_MAX => {
            Err(Problem::bad_request(format!("{name} has more than {SAID_CHARS_MAX} characters")))
        }
        _ => Ok(()),
    }
}

//! A person's rights.

use super::auth::Caller;
use super::{input, zip};
use crate::api::problem::Problem;
use crate::api::retention::Removal;
use crate::api::subject::Erasure;
use crate::export::person::{self, Regulation};
use crate::node::Node;
use crate::retention;
use crate::session::{ReadingsOf, Session};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use onrecord_record::Depth;
use onrecord_report::access::{LIMIT_MAX, Page};
use onrecord_service::Role;
use serde::Deserialize;
use std::sync::Arc;

/// How a person is erased.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Erase {
    /// `unlink` (default): the records stay, and nothing leads to the person; `delete`: they go too
    depth: Option<String>,
    /// Whether to answer only when the bytes are gone from every file
    #[serde(default)]
    now: bool,
    /// Why: the article of a law, the reference of a request
    reason: Option<String>,
}

/// Erase a person (GDPR Art. 17).
///
/// The person's key and what leads to them are gone when the answer comes; ciphertexts and records go with the next rewrite, or
/// at once with `now`. What proves the other records stays as it is. The answer has a certificate, which names nobody.
#[utoipa::path(delete, path = "/v1/subjects/{user_id}", params(("user_id" = String, Path), Erase),
    responses((status = 200, body = Erasure),
        (status = 404, description = "nobody is known by this user id", body = Problem),
        (status = 409, description = "a legal hold reaches records of the person", body = Problem),
        (status = 503, description = "ask again to learn whether it was done", body = Problem)))]
pub(super) async fn erase(
    State(node): State<Arc<Node>>,
    caller: Caller,
    input::Path(user_id): input::Path<String>,
    input::Query(asked): input::Query<Erase>,
) -> Result<Json<Erasure>, Problem> {
    caller.must(&node, Role::Admin)?;
    let depth = match asked.depth.as_deref() {
        None | Some("unlink") => Depth::Unlink,
        Some("delete") => Depth::Delete,
        Some(_) => return Err(Problem::bad_request("depth is unlink or delete")),
    };
    input::bounded("reason", asked.reason.as_deref())?;
    let erased = node.service.erase(&user_id, depth, asked.reason.as_deref(), &caller.0).await?;
    let Some(erased) = erased else { return Err(Problem::not_found("nobody is known by this user id")) };
    let removal = if asked.now { Some(retention::carry_out(&node, &caller.0).await?) } else { None };
    let certificate = serde_json::to_value(&erased.certificate);
    Ok(Json(Erasure {
        subject: erased.subject.to_string(),
        depth: erased.depth.as_str().to_owned(),
        records: erased.records,
        indirect: erased.indirect,
        certificate: certificate.map_err(|error| Problem::unavailable(error.to_string()))?,
        removal,
    }))
}

/// How a person's records are given.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Export {
    /// The law: `gdpr` (default), or `ccpa`, with the categories, sources, purposes and third parties of the policy
    #[serde(default)]
    #[param(inline)]
    regulation: Regulation,
}

/// All that is on the record about a person, as a zip file (GDPR Art. 15 and 20; Cal. Civ. Code 1798.110 and 1798.130).
///
/// Decisions, reviews, outcomes and notes in plain, what was inferred apart from what was supplied, who read it, and the evidence of each
/// record. It is sent as it is made. The reading goes on the record.
#[utoipa::path(get, path = "/v1/subjects/{user_id}/export", params(("user_id" = String, Path), Export),
    responses((status = 200, description = "the zip file; manifest.json in it says what each file is", body = Vec<u8>, content_type = "application/zip"),
        (status = 404, description = "nobody is known by this user id", body = Problem),
        (status = 429, description = "too many queries are under way; Retry-After says when to ask again", body = Problem)))]
pub(super) async fn export(
    State(node): State<Arc<Node>>,
    caller: Caller,
    input::Path(user_id): input::Path<String>,
    input::Query(asked): input::Query<Export>,
) -> Result<Response, Problem> {
    caller.must(&node, Role::Reveal)?;
    let Some(export) = node.service.export(&user_id, &caller.0).await? else {
        return Err(Problem::not_found("nobody is known by this user id"));
    };
    let readings = ReadingsOf { user_id: Some(user_id), ..ReadingsOf::default() };
    let accesses =
        Session::new(node.clone(), caller.0).accesses(readings, Page { before: None, limit: LIMIT_MAX }).await?;
    Ok(zip::answer(move |out| person::write(&node.service, &export, &accesses, asked.regulation, out)))
}

/// Remove what erasures and retention left to be removed, from every file.
#[utoipa::path(post, path = "/v1/removals", responses((status = 200, body = Removal),
    (status = 409, description = "a verification is under way", body = Problem), (status = 503, body = Problem)))]
pub(super) async fn remove(State(node): State<Arc<Node>>, caller: Caller) -> Result<Json<Removal>, Problem> {
    caller.must(&node, Role::Admin)?;
    Ok(Json(retention::carry_out(&node, &caller.0).await?))
}

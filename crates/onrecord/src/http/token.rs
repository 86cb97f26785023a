//! API tokens: made, listed, revoked by an administrator.

use super::auth::Caller;
use super::input;
use super::problem::Problem;
use crate::node::Node;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use onrecord_service::Role;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The token to make.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Who or what uses it; unique.
    name: String,
    /// Any of write, read, reveal, admin.
    roles: Vec<String>,
    /// Days after which it expires; never, if absent.
    expires_days: Option<u32>,
}

/// A token, shown this once.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Made {
    name: String,
    token: String,
}

/// Make a token.
#[utoipa::path(post, path = "/v1/tokens", request_body = Wanted,
    responses((status = 201, body = Made), (status = 409, description = "the name is taken", body = Problem)))]
pub(super) async fn create(
    State(node): State<Arc<Node>>,
    caller: Caller,
    input::Json(wanted): input::Json<Wanted>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    caller.must(&node, Role::Admin)?;
    let roles = wanted.roles.iter().map(|role| role.parse::<Role>()).collect::<Result<Vec<_>, _>>();
    let roles = roles.map_err(|_| Problem::bad_request("roles are write, read, reveal and admin"))?;
    let token = node.service.create_token(&wanted.name, &roles, wanted.expires_days, &caller.0).await?;
    Ok((StatusCode::CREATED, Json(Made { name: wanted.name, token })))
}

/// A token as it is listed: what it is called and allows, nothing that it could be used or recognised by.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Listed {
    id: String,
    name: String,
    roles: Vec<String>,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
}

/// List the tokens, without their secrets.
#[utoipa::path(get, path = "/v1/tokens", responses((status = 200, body = Vec<Listed>)))]
pub(super) async fn list(State(node): State<Arc<Node>>, caller: Caller) -> Result<Json<Vec<Listed>>, Problem> {
    caller.must(&node, Role::Admin)?;
    let listed = node.service.tokens()?.into_iter().map(|token| Listed {
        id: token.id,
        name: token.name,
        roles: token.roles.iter().map(ToString::to_string).collect(),
        created_at: token.created,
        expires_at: token.expires,
        revoked_at: token.revoked,
    });
    Ok(Json(listed.collect()))
}

/// Revoke a token.
#[utoipa::path(delete, path = "/v1/tokens/{name}", params(("name" = String, Path)),
    responses((status = 204, description = "revoked"), (status = 404, body = Problem)))]
pub(super) async fn revoke(
    State(node): State<Arc<Node>>,
    caller: Caller,
    input::Path(name): input::Path<String>,
) -> Result<StatusCode, Problem> {
    caller.must(&node, Role::Admin)?;
    if node.service.revoke_token(&name, &caller.0).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("no token has that name"))
    }
}

//! API tokens: made, listed, revoked by an administrator.

use super::auth::Caller;
use super::input;
use crate::api::problem::Problem;
use crate::api::token::{NewToken, TokenInfo, TokenRequest};
use crate::node::Node;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use onrecord_service::Role;
use std::sync::Arc;

/// Make a token.
#[utoipa::path(post, path = "/v1/tokens", request_body = TokenRequest,
    responses((status = 201, body = NewToken), (status = 409, description = "the name is taken", body = Problem)))]
pub(super) async fn create(
    State(node): State<Arc<Node>>,
    caller: Caller,
    input::Json(wanted): input::Json<TokenRequest>,
) -> Result<(StatusCode, Json<NewToken>), Problem> {
    caller.must(&node, Role::Admin)?;
    let roles = wanted.roles.iter().map(|role| role.parse::<Role>()).collect::<Result<Vec<_>, _>>();
    let roles = roles.map_err(|_| Problem::bad_request("roles are write, read, reveal and admin"))?;
    let token = node.service.create_token(&wanted.name, &roles, wanted.expires_days, &caller.0).await?;
    Ok((StatusCode::CREATED, Json(NewToken { name: wanted.name, token })))
}

/// List the tokens, without their secrets.
#[utoipa::path(get, path = "/v1/tokens", responses((status = 200, body = Vec<TokenInfo>)))]
pub(super) async fn list(State(node): State<Arc<Node>>, caller: Caller) -> Result<Json<Vec<TokenInfo>>, Problem> {
    caller.must(&node, Role::Admin)?;
    let listed = node.service.tokens(&caller.0)?.into_iter().map(|token| TokenInfo {
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

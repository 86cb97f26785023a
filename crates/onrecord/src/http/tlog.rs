//! The log as transparency tools read it: C2SP tlog-checkpoint and tlog-tiles, and consistency proofs.

use super::auth::Caller;
use super::input;
use crate::api::problem::Problem;
use crate::node::Node;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use onrecord_evidence::{ReadError, TreeSize, tile::Tile};
use serde::Deserialize;
use std::sync::Arc;

/// The latest signed checkpoint: a C2SP signed note.
#[utoipa::path(get, path = "/checkpoint", responses((status = 200, description = "signed note", body = String)))]
pub(super) async fn checkpoint(_: Caller, State(node): State<Arc<Node>>) -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    (headers, node.ledger.checkpoint().to_string())
}

/// A tile of the Merkle tree: up to 256 hashes of 32 bytes.
#[utoipa::path(get, path = "/tile/{*path}",
    params(("path" = String, Path, description = "C2SP tlog-tiles path below /tile: <L>/<N>[.p/<W>]")),
    responses((status = 200, description = "hashes, 32 bytes each", content_type = "application/octet-stream"),
        (status = 404, description = "no such tile yet", body = Problem)))]
pub(super) async fn tile(
    _: Caller,
    State(node): State<Arc<Node>>,
    input::Path(path): input::Path<String>,
) -> Result<Response, Problem> {
    let tile: Tile = format!("tile/{path}")
        .parse()
        .map_err(|_| Problem::not_found("that is not a tile's path (C2SP tlog-tiles: tile/<L>/<N>[.p/<W>])"))?;
    let ledger = node.ledger.clone();
    let read = move || ledger.tile(tile.level(), tile.index(), tile.width());
    match tokio::task::spawn_blocking(read).await.map_err(|_| interrupted())? {
        Ok(hashes) => {
            let headers = [
                (header::CONTENT_TYPE, "application/octet-stream"),
                (header::CACHE_CONTROL, "private, max-age=31536000, immutable"),
            ];
            Ok((headers, hashes).into_response())
        }
        Err(ReadError::Missing { .. }) => {
            Err(Problem::not_found("the tree has not grown that far; see /checkpoint for its size"))
        }
        Err(error) => {
            tracing::error!(%error, "a tile cannot be read");
            Err(Problem::unavailable("the tile cannot be read; `onrecord verify` says what is wrong"))
        }
    }
}

fn interrupted() -> Problem {
    Problem::unavailable("the server is shutting down; ask again")
}

/// Between which checkpoints.
#[derive(Deserialize, utoipa::IntoParams)]
pub(super) struct Sizes {
    /// The older tree size.
    from: u64,
    /// The newer tree size; without it, that of the latest checkpoint.
    to: Option<u64>,
}

/// A proof that the newer tree only added to the older one (RFC 6962 §2.1.2).
#[utoipa::path(get, path = "/v1/consistency", params(Sizes),
    responses((status = 200, description = "the proof, for `onrecord-verify consistency`", body = serde_json::Value),
        (status = 404, description = "the tree was never that large", body = Problem)))]
pub(super) async fn consistency(
    _: Caller,
    State(node): State<Arc<Node>>,
    input::Query(sizes): input::Query<Sizes>,
) -> Result<Json<onrecord_evidence::ConsistencyProof>, Problem> {
    let ledger = node.ledger.clone();
    let to = sizes.to.map_or_else(|| ledger.size(), TreeSize);
    let prove = move || ledger.consistency(TreeSize(sizes.from), to);
    let proof = tokio::task::spawn_blocking(prove).await.map_err(|_| interrupted())?;
    proof.map(Json).map_err(|error| Problem::not_found(error.to_string()))
}

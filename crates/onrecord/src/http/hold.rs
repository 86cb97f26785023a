//! Legal holds: placed, listed, released by an administrator.

use super::auth::Caller;
use super::{input, zip};
use crate::api::hold::{HoldInfo, HoldRequest, PlacedHold};
use crate::api::problem::Problem;
use crate::export::held::{self, Reach};
use crate::held::condition_of;
use crate::node::Node;
use crate::session::{QueryOptions, ReportSource, Session};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use onrecord_lake::{LeafIndex, LeafSet};
use onrecord_query::is_condition;
use onrecord_record::Timestamp;
use onrecord_report::period;
use onrecord_report::retention::{Held, reached, reached_leaves, reached_sql};
use onrecord_service::{Actor, HoldScope, Role};
use serde::Deserialize;
use std::sync::Arc;

/// Place a hold.
///
/// What it reaches is neither deleted nor erased until it is released. It reaches decisions that come later too, unless it is by
/// a condition in SQL: that holds for the decisions that it fits now. Those of which the record says already that they are to go,
/// go all the same: the answer says how many they are.
#[utoipa::path(post, path = "/v1/holds", request_body = HoldRequest,
    responses((status = 201, body = PlacedHold),
        (status = 404, description = "it would reach no decision, or none that stays", body = Problem)))]
pub(super) async fn place(
    State(node): State<Arc<Node>>,
    caller: Caller,
    input::Json(asked): input::Json<HoldRequest>,
) -> Result<(StatusCode, Json<PlacedHold>), Problem> {
    caller.must(&node, Role::Admin)?;
    if asked.reason.trim().is_empty() {
        return Err(Problem::bad_request("a hold needs a reason"));
    }
    input::bounded("reason", Some(&asked.reason))?;
    input::bounded("case", asked.case.as_deref())?;
    if asked.r#where.as_deref().is_some_and(|condition| !is_condition(condition)) {
        return Err(Problem::bad_request("where must be one condition on decisions, as it may follow WHERE"));
    }
    if [&asked.user_id, &asked.model_id, &asked.since, &asked.until, &asked.r#where].into_iter().all(Option::is_none) {
        return Err(Problem::bad_request("say what is held: user_id, model_id, since, until or where"));
    }
    let nothing = || Problem::not_found("no decision on the record is reached by this: nothing is held");
    let mut scope = HoldScope {
        model_id: asked.model_id.clone(),
        since: time(asked.since.as_deref())?,
        until: time(asked.until.as_deref())?,
        ..HoldScope::default()
    };
    if let Some(user_id) = &asked.user_id {
        let found = node.service.vault().find(user_id).map_err(onrecord_service::Refusal::from)?;
        scope.subject = Some(found.ok_or_else(nothing)?);
    }
    let held = condition_of(&scope);
    let source = ReportSource::own(node.clone());
    let reached = match &asked.r#where {
        None => reached(&source, &held).await?,
        Some(condition) => {
            let leaves = leaves(&node, &caller.0, &reached_sql(&held, condition)).await?;
            scope.leaves.insert(leaves).len()
        }
    };
    if reached == 0 {
        return Err(nothing());
    }
    if waiting(&node, &source, &held, scope.leaves.as_ref()).await? == reached {
        return Err(Problem::not_found(
            "all decisions that are reached by this are on the record as to go already: nothing is held",
        ));
    }
    let hold = node.service.place_hold(&scope, asked.case.as_deref(), &asked.reason, &caller.0).await?;
    // Once the hold is on the record, no entry about a removal names what it reaches: this is what came before it.
    let waiting_for_removal = waiting(&node, &source, &held, scope.leaves.as_ref()).await?;
    let decisions = reached.saturating_sub(waiting_for_removal);
    Ok((StatusCode::CREATED, Json(PlacedHold { hold, decisions, waiting_for_removal })))
}

/// How many of the decisions that are reached are to go by what is on the record.
async fn waiting(
    node: &Arc<Node>,
    source: &ReportSource,
    held: &Held,
    leaves: Option<&LeafSet>,
) -> Result<u64, Problem> {
    let due = node.service.waiting_for_removal();
    if due.is_empty() {
        return Ok(0);
    }
    let reached = match leaves {
        Some(leaves) => leaves.clone(),
        None => reached_leaves(source, held).await?.into_iter().map(LeafIndex).collect(),
    };
    let mut stays = reached.clone();
    stays.remove_all(&due);
    Ok(reached.len() - stays.len())
}

/// The leaves that a query gives. It is a query of the caller's, and goes on the record as one.
async fn leaves(node: &Arc<Node>, actor: &Actor, sql: &str) -> Result<LeafSet, Problem> {
    let mut rows = Session::new(node.clone(), actor.clone()).query(sql, QueryOptions::default()).await?;
    let mut leaves = LeafSet::default();
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        let column = batch.column(0).as_primitive_opt::<Int64Type>();
        let column = column.ok_or_else(|| Problem::bad_request("where must be a condition on decisions"))?;
        column.values().iter().for_each(|leaf| {
            let leaf = LeafIndex(*leaf as u64);
            leaves.insert(onrecord_lake::LeafRange::new(leaf, LeafIndex(leaf.0 + 1)));
        });
    }
    Ok(leaves)
}

fn time(written: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let time = written.map(period::time).transpose().map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(time.map(|time| Timestamp::from_micros(time.as_microsecond())))
}

/// List the holds that stand.
#[utoipa::path(get, path = "/v1/holds", responses((status = 200, body = Vec<HoldInfo>)))]
pub(super) async fn list(State(node): State<Arc<Node>>, caller: Caller) -> Result<Json<Vec<HoldInfo>>, Problem> {
    caller.must(&node, Role::Read)?;
    let listed = node.service.hold_list().into_iter().map(|hold| HoldInfo {
        hold: hold.hold,
        case: hold.case,
        reason: hold.reason,
        subject: hold.scope.subject.map(|subject| subject.to_string()),
        model_id: hold.scope.model_id,
        since: hold.scope.since.map(|since| since.to_string()),
        until: hold.scope.until.map(|until| until.to_string()),
        leaves: hold.scope.leaves.map(|leaves| leaves.len()),
        actor: hold.actor,
        placed_at: hold.placed_at.to_string(),
    });
    Ok(Json(listed.collect()))
}

/// What a hold reaches, with its evidence, as a zip file.
///
/// Decisions, reviews, outcomes and notes as recorded: persons are tokens, sealed fields stay sealed. With them the policy, the
/// versions of the model, what the system said of itself, the signed checkpoint, and an evidence bundle of each record. It is
/// sent as it is made. The reading goes on the record.
#[utoipa::path(get, path = "/v1/holds/{hold}/evidence", params(("hold" = String, Path)),
    responses((status = 200, description = "the zip file; manifest.json in it says what each file is", body = Vec<u8>, content_type = "application/zip"),
        (status = 404, description = "no hold of that name stands", body = Problem),
        (status = 429, description = "too many queries are under way; Retry-After says when to ask again", body = Problem)))]
pub(super) async fn evidence(
    State(node): State<Arc<Node>>,
    caller: Caller,
    input::Path(hold): input::Path<String>,
) -> Result<Response, Problem> {
    caller.must(&node, Role::Admin)?;
    caller.must(&node, Role::Read)?;
    let unknown = || Problem::not_found("no hold of that name stands");
    let found = node.service.hold_list().into_iter().find(|standing| standing.hold == hold).ok_or_else(unknown)?;
    let permit = node.limits.query().await?;
    let reach = Reach::ask(&node, &found.scope).await?;
    let export = node.service.export_held(&hold, reach.records(), &caller.0).await?.ok_or_else(unknown)?;
    Ok(zip::answer(move |out| {
        let _permit = permit;
        held::write(&node, &export, &reach, out)
    }))
}

/// Why a hold is released.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    /// Why
    reason: Option<String>,
}

/// Release a hold: what was due becomes due.
#[utoipa::path(delete, path = "/v1/holds/{hold}", params(("hold" = String, Path), Release),
    responses((status = 204, description = "released"), (status = 404, body = Problem)))]
pub(super) async fn release(
    State(node): State<Arc<Node>>,
    caller: Caller,
    input::Path(hold): input::Path<String>,
    input::Query(asked): input::Query<Release>,
) -> Result<StatusCode, Problem> {
    caller.must(&node, Role::Admin)?;
    let reason = asked.reason.unwrap_or_else(|| "released".to_owned());
    input::bounded("reason", Some(&reason))?;
    if node.service.release_hold(&hold, &reason, &caller.0).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("no hold of that name stands"))
    }
}

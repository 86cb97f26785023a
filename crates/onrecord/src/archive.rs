//! The archive: which segments go there and come back. What is held stays; what moves is on the record first.

use crate::api::archive::{ArchiveStatus, Failed, Moved, RestoreRequest, SegmentStatus, TierStatus};
use crate::held::held_leaves;
use crate::node::Node;
use crate::session::ReportError;
use crate::settings::{ArchiveSettings, ObjectLockMode};
use crate::storage::sweep;
use jiff::{SignedDuration, Timestamp};
use onrecord_lake::{
    self as lake, ArchiveTarget, Archived, LeafSet, LockMode, ObjectLock, PutSettings, Removal, Segment, Storage, Tier,
};
use onrecord_service::{Actor, Refusal, Role};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// Megabytes of look-up indexes of archived segments on the disk, if nothing is said.
const INDEX_MB: u64 = 1_024;

/// Why nothing was moved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("say where to: `--to URL`, or [archive] url = \"s3://bucket/prefix\" in onrecord.toml")]
    Nowhere,
    #[error("{0}")]
    Settings(String),
    #[error("no segment has the name {0}; `onrecord archive status` lists them")]
    Unknown(String),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// What one segment failed of.
#[derive(Debug, thiserror::Error)]
enum MoveError {
    #[error(transparent)]
    Lake(#[from] lake::Error),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("it was made anew meanwhile; ask again")]
    Changed,
    #[error("a verification is under way; ask again when it is done")]
    Paused,
}

/// What is where.
pub(crate) fn status(node: &Node) -> Result<ArchiveStatus, ArchiveError> {
    let settings = node.settings().map_err(settings_error)?;
    let segments = node.lake.segments();
    let tier = |tier: Tier| {
        let of: Vec<_> = segments.iter().filter(|segment| segment.tier() == tier).collect();
        TierStatus {
            tier: tier.as_str().to_owned(),
            segments: of.len() as u64,
            entries: of.iter().map(|segment| segment.rows()).sum(),
            bytes: of.iter().map(|segment| segment.bytes()).sum(),
        }
    };
    Ok(ArchiveStatus {
        url: settings.archive().map_err(settings_error)?.url.clone(),
        tiers: vec![tier(Tier::Local), tier(Tier::Archive)],
        segments: segments.iter().map(|segment| segment_status(segment)).collect(),
        waiting_for_removal: lake::waiting(&node.lake).map_err(unavailable)?.len() as u64,
    })
}

fn segment_status(segment: &Segment) -> SegmentStatus {
    let archived = segment.archived();
    SegmentStatus {
        segment: name(segment),
        tier: segment.tier().as_str().to_owned(),
        first_leaf: segment.leaves().start.0,
        end_leaf: segment.leaves().end.0,
        entries: segment.rows(),
        bytes: segment.bytes(),
        url: archived.map(Archived::object_url),
        archived_at: archived.map(|archived| archived.archived_at.clone()),
        locked_until: archived.and_then(|archived| archived.locked_until.clone()),
    }
}

/// The name of a segment, wherever it is.
fn name(segment: &Segment) -> String {
    segment.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A place for segments, and how much stays on the disk of those there.
pub(crate) struct Place {
    target: ArchiveTarget,
    index_bytes: u64,
}

/// The place that a URL names, or else `onrecord.toml`.
pub(crate) fn place(node: &Node, url: Option<&str>) -> Result<Place, ArchiveError> {
    let settings = node.settings().map_err(settings_error)?;
    let settings = settings.archive().map_err(settings_error)?;
    let url = url.or(settings.url.as_deref()).ok_or(ArchiveError::Nowhere)?;
    let index_bytes = settings.index_mb.unwrap_or(INDEX_MB).saturating_mul(1 << 20);
    Ok(Place { target: target(node, url, settings)?, index_bytes })
}

/// Puts these segments into the archive. That nothing in them is held was seen while the holds had that version.
pub(crate) async fn push(
    node: &Arc<Node>,
    segments: Vec<Arc<Segment>>,
    holds_version: u64,
    place: Place,
    actor: &Actor,
) -> Result<Moved, ArchiveError> {
    move_there(node, Chosen::These(segments), holds_version, place, actor).await
}

/// Puts all that is recorded now into the archive, but for segments in which something is held.
pub(crate) async fn push_all(node: &Arc<Node>, url: Option<&str>, actor: &Actor) -> Result<Moved, ArchiveError> {
    node.service.must(actor, Role::Admin)?;
    let (place, version) = (place(node, url)?, node.service.holds_version());
    let sealing = node.sealing.clone();
    let sealed = tokio::task::spawn_blocking(move || sealing.seal()).await.map_err(ended)?;
    sealed.map_err(|error| Refusal::Unavailable(error.to_string()))?;
    let held = held_leaves(node).await?;
    move_there(node, Chosen::All { held }, version, place, actor).await
}

async fn move_there(
    node: &Arc<Node>,
    mut chosen: Chosen,
    holds_version: u64,
    Place { target, index_bytes }: Place,
    actor: &Actor,
) -> Result<Moved, ArchiveError> {
    let (node, actor) = (node.clone(), actor.clone());
    let moving = tokio::task::spawn_blocking(move || {
        let mut moved = Moved::default();
        while let Some(segment) = chosen.next(&node, &moved) {
            let record = |archived: &Archived| -> Result<(), MoveError> {
                Ok(node.service.record_archived(detail(archived), holds_version, &actor)?)
            };
            match node.sealing.while_not_paused(|| lake::push(&node.lake, &segment, &target, record)) {
                // What became of it is chosen in its place.
                Some(Ok(false)) if matches!(chosen, Chosen::All { .. }) => {}
                pushed => moved.count(&segment, pushed),
            }
        }
        if let Chosen::All { held } = &chosen {
            let local = segments(&node, Tier::Local);
            moved.held = local.iter().filter(|segment| held.within(segment.leaves()).next().is_some()).count() as u64;
        }
        sweep(&node.lake, &Removal::default());
        if let Err(error) = lake::trim_indexes(&node.lake, index_bytes) {
            tracing::warn!(%error, "look-up indexes of archived segments take more of the disk than they should");
        }
        moved
    });
    Ok(moving.await.map_err(ended)?)
}

/// Which segments are to go.
enum Chosen {
    /// All that are on the disk, but for those with something of this.
    All {
        held: LeafSet,
    },
    These(Vec<Arc<Segment>>),
}

impl Chosen {
    /// The next one; of those that failed none again.
    fn next(&mut self, node: &Node, moved: &Moved) -> Option<Arc<Segment>> {
        match self {
            Self::These(segments) => segments.pop(),
            Self::All { held } => segments(node, Tier::Local).into_iter().find(|segment| {
                let has_failed = moved.failed.iter().any(|failed| failed.segment == name(segment));
                !has_failed && held.within(segment.leaves()).next().is_none()
            }),
        }
    }
}

/// The segments of a tier.
pub(crate) fn segments(node: &Node, tier: Tier) -> Vec<Arc<Segment>> {
    node.lake.segments().iter().filter(|segment| segment.tier() == tier).cloned().collect()
}

/// Puts segments on the disk again.
pub(crate) async fn restore(node: &Arc<Node>, request: &RestoreRequest, actor: &Actor) -> Result<Moved, ArchiveError> {
    node.service.must(actor, Role::Admin)?;
    let segments = node.lake.segments();
    let mut chosen: Vec<Arc<Segment>> = Vec::new();
    for wanted in &request.segments {
        let found = segments.iter().find(|segment| name(segment) == *wanted);
        chosen.push(found.ok_or_else(|| ArchiveError::Unknown(wanted.chars().take(80).collect()))?.clone());
    }
    if request.segments.is_empty() {
        chosen = self::segments(node, Tier::Archive);
    }
    chosen.retain(|segment| segment.tier() == Tier::Archive);
    drop(segments);
    let (node, actor) = (node.clone(), actor.clone());
    tokio::task::spawn_blocking(move || {
        let mut moved = Moved::default();
        for segment in chosen {
            let record = |archived: &Archived| -> Result<(), MoveError> {
                Ok(node.service.record_restored(detail(archived), &actor)?)
            };
            let restored = node.sealing.while_not_paused(|| lake::restore(&node.lake, &segment, record));
            moved.count(&segment, restored);
        }
        sweep(&node.lake, &Removal::default());
        moved
    })
    .await
    .map_err(|error| ended(error).into())
}

impl Moved {
    /// Counts one segment, by what became of it.
    fn count(&mut self, segment: &Segment, moved: Option<Result<bool, MoveError>>) {
        let problem = match moved {
            Some(Ok(true)) => {
                self.segments += 1;
                self.entries += segment.rows();
                self.bytes += segment.bytes();
                return;
            }
            Some(Ok(false)) => MoveError::Changed,
            Some(Err(error)) => error,
            None => MoveError::Paused,
        };
        self.failed.push(Failed { segment: name(segment), problem: problem.to_string() });
    }
}

fn target(node: &Node, url: &str, settings: &ArchiveSettings) -> Result<ArchiveTarget, ArchiveError> {
    let storage = Storage::open(url).map_err(|error| ArchiveError::Settings(error.to_string()))?;
    if storage.is_in(node.directory()) {
        return Err(ArchiveError::Settings(format!("{url} is the data directory itself: name another place")));
    }
    let now = Timestamp::now();
    let lock = settings.object_lock.zip(settings.object_lock_days).map(|(mode, days)| {
        let until = now.checked_add(SignedDuration::from_hours(i64::from(days) * 24)).unwrap_or(Timestamp::MAX);
        let mode = match mode {
            ObjectLockMode::Governance => LockMode::Governance,
            ObjectLockMode::Compliance => LockMode::Compliance,
        };
        ObjectLock { mode, until: until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string() }
    });
    let put = PutSettings { storage_class: settings.storage_class.clone(), lock };
    Ok(ArchiveTarget { storage, settings: put, log: node.service.public_key(), now: now.to_string() })
}

/// What goes on the record of a segment that moves.
fn detail(archived: &Archived) -> Map<String, Json> {
    match serde_json::to_value(archived) {
        Ok(Json::Object(detail)) => detail,
        // It is a struct of texts and numbers.
        _ => Map::new(),
    }
}

fn settings_error(error: anyhow::Error) -> ArchiveError {
    ArchiveError::Settings(format!("{error:#}"))
}

fn unavailable(error: lake::Error) -> ArchiveError {
    ArchiveError::Refused(Refusal::Unavailable(error.to_string()))
}

fn ended(_: tokio::task::JoinError) -> Refusal {
    Refusal::Unavailable("the server is shutting down; ask again".to_owned())
}

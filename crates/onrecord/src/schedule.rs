//! What a server does by itself beside requests: it removes what erasures left to be removed, also from the archive, and runs
//! retention at the hour that `onrecord.toml` says.

use crate::node::Node;
use crate::retention;
use crate::storage;
use anyhow::{Context, Result};
use jiff::Timestamp;
use onrecord_lake::Removal;
use onrecord_service::Actor;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often it is looked whether something is due.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// After so many looks what waits for its removal is removed: a quarter of an hour.
const LOOKS_TO_REMOVAL: u32 = 30;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Starts it; it ends when it is aborted.
pub(crate) fn start(node: Arc<Node>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let (mut looked, mut looks) = (Timestamp::now(), 0);
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = Timestamp::now();
            if let Err(error) = run_if_due(&node, looked, now).await {
                tracing::warn!("retention did not run: {error:#}");
            }
            looked = now;
            looks += 1;
            if looks >= LOOKS_TO_REMOVAL {
                looks = 0;
                remove(&node).await;
            }
        }
    })
}

/// Runs retention if its hour came between two looks.
async fn run_if_due(node: &Arc<Node>, before: Timestamp, now: Timestamp) -> Result<()> {
    let Some(second) = node.settings()?.retention_second()? else { return Ok(()) };
    if !came(second, before, now) {
        return Ok(());
    }
    let run = retention::run(node, false, &Actor::schedule()).await.context("it is tried again tomorrow")?;
    let decisions: u64 = run.policies.iter().map(|policy| policy.decisions).sum();
    tracing::info!(decisions, removed = run.removal.records, archived = run.archived.segments, "retention ran");
    for failed in &run.archived.failed {
        tracing::warn!(segment = failed.segment, problem = failed.problem, "a segment is not in the archive yet");
    }
    for waiting in run.unconfirmed {
        tracing::warn!(policy = waiting.policy, "a rule made shorter waits for `onrecord retention run --confirm`");
    }
    Ok(())
}

/// Whether that second of a day lies after `before` and not after `now`. A clock that was set back makes none come twice a day
/// but those that it goes over again.
fn came(second: i64, before: Timestamp, now: Timestamp) -> bool {
    let days = |at: Timestamp| (at.as_second() - second).div_euclid(DAY);
    days(now) > days(before)
}

async fn remove(node: &Arc<Node>) {
    let lake = node.lake.clone();
    // What goes wrong is in the log.
    let _ = tokio::task::spawn_blocking(move || storage::sweep(&lake, &Removal::default())).await;
    let pending = node.service.pending();
    if pending.erased + pending.expired + pending.unlinked == 0 {
        return;
    }
    match retention::carry_out(node, &Actor::schedule()).await {
        Ok(removal) => {
            tracing::info!(records = removal.records, ciphertexts = removal.ciphertexts, "removed what was due")
        }
        Err(error) => tracing::warn!(%error, "what is due is not removed yet"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_comes_once_a_day() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let three = 3 * 3_600;
        assert!(came(three, at("2026-11-29T02:59:50Z"), at("2026-11-29T03:00:20Z")));
        assert!(came(three, at("2026-11-29T02:59:59Z"), at("2026-11-29T03:00:00Z")));
        assert!(!came(three, at("2026-11-29T03:00:00Z"), at("2026-11-29T03:00:30Z")));
        assert!(!came(three, at("2026-11-29T03:00:20Z"), at("2026-11-30T02:59:59Z")));
        assert!(came(three, at("2026-11-28T23:00:00Z"), at("2026-11-30T01:00:00Z")), "asleep over the hour");
        assert!(!came(three, at("2026-11-29T03:10:00Z"), at("2026-11-29T02:50:00Z")), "set back");
    }
}

//! Retention: what is due is found over one snapshot, put on the record, and removed.

use crate::api::archive::Moved;
use crate::api::retention::{Confirmation, PolicyPlan, Removal, RetentionPlan, RetentionRun, RetentionStatus};
use crate::archive::{self, ArchiveError};
use crate::held::held;
use crate::node::Node;
use crate::session::{ReportError, ReportSource};
use crate::settings::{ArchiveSettings, Settings};
use jiff::Timestamp;
use onrecord_lake::{LeafIndex, LeafRange, LeafSet, Tier};
use onrecord_record::RetentionAction;
use onrecord_report::retention::{self as report, Rule};
use onrecord_service::retention::{RuleAction, Rules, STANDARD, Shortened};
use onrecord_service::{Actor, CarriedOut, Expiry, Refusal};
use std::sync::Arc;

/// Why retention did not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RetentionError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// What is due when.
pub(crate) async fn status(node: &Arc<Node>) -> Result<RetentionStatus, RetentionError> {
    let (rules, shortened) = on_a_thread(node, |node| node.service.retention_rules()).await?;
    let source = ReportSource::own(node.clone());
    let now = Timestamp::now();
    let (held, held_leaves) = held(node);
    let mut found = report::status(&source, &rules_of(&rules), &held, now).await?;
    if !held_leaves.is_empty() {
        // Those that are held one by one.
        let is_held_at = |leaf: u64| held_leaves.contains(LeafIndex(leaf));
        for (status, rule) in found.iter_mut().zip(rules_of(&rules)) {
            let due = report::due(&source, &rule, &held, Some(&is_held_at), now).await?;
            status.held = status.due.saturating_sub(due.decisions.len() as u64);
        }
    }
    let policies = found.into_iter().map(|status| RetentionStatus::policy(&status, rules.0.get(&status.policy)));
    let pending = node.service.pending();
    Ok(RetentionStatus {
        policies: policies.collect(),
        unconfirmed: confirmations(&shortened),
        waiting_for_removal: pending.expired + pending.erased,
    })
}

/// What a run would do now. Nothing is changed.
pub(crate) async fn plan(node: &Arc<Node>) -> Result<RetentionPlan, RetentionError> {
    let (rules, shortened) = on_a_thread(node, |node| node.service.retention_rules()).await?;
    let found = find(node, &rules).await?;
    Ok(RetentionPlan {
        policies: found.into_iter().map(|found| found.plan).collect(),
        unconfirmed: confirmations(&shortened),
    })
}

/// Puts what is due on the record and removes it, and whatever was due before; what is due to be archived goes there.
pub(crate) async fn run(node: &Arc<Node>, confirm: bool, actor: &Actor) -> Result<RetentionRun, RetentionError> {
    let (name, version) = (actor.clone(), node.service.holds_version());
    let (rules, shortened) = on_a_thread(node, move |node| node.service.adopt_rules(confirm, &name)).await?;
    let found = find(node, &rules).await?;
    let is_archiving = found.iter().any(|found| found.action == RuleAction::Archive && !found.leaves.is_empty());
    let by = actor.clone();
    let mut run = on_a_thread(node, move |node| {
        let expiries: Vec<Expiry<'_>> =
            found.iter().filter(|found| found.action == RuleAction::Delete).filter_map(Found::expiry).collect();
        node.service.expire(&expiries, version, &by)?;
        let done = node.service.carry_out(&by)?;
        Ok(RetentionRun {
            policies: found.into_iter().map(|found| found.plan).collect(),
            unconfirmed: confirmations(&shortened),
            removal: removal(done),
            archived: Moved::default(),
        })
    })
    .await?;
    if is_archiving {
        // What is due is found again: some of it may have been removed.
        let pushed = push_due(node, None, actor).await;
        run.archived = pushed.unwrap_or_else(|error| Moved { waits: Some(error.to_string()), ..Moved::default() });
    }
    Ok(run)
}

/// Puts the segments into the archive of which every decision, review and outcome is due to be archived, and not held. That
/// they are due goes on the record first.
pub(crate) async fn push_due(node: &Arc<Node>, to: Option<&str>, actor: &Actor) -> Result<Moved, RetentionError> {
    let place = archive::place(node, to)?;
    let version = node.service.holds_version();
    let (rules, _) = on_a_thread(node, |node| node.service.retention_rules()).await?;
    let mut found = find(node, &rules).await?;
    found.retain(|found| found.action == RuleAction::Archive);
    let source = ReportSource::own(node.clone());
    let (mut chosen, mut leaves) = (Vec::new(), LeafSet::default());
    for segment in archive::segments(node, Tier::Local) {
        let range = segment.leaves();
        let due: u64 = found.iter().map(|found| found.leaves.within(range).count() as u64).sum();
        if due > 0 && due == report::records_within(&source, &(range.start.0..range.end.0)).await? {
            leaves.insert(range);
            chosen.push(segment);
        }
    }
    for found in &mut found {
        found.leaves.retain_all(&leaves);
    }
    let by = actor.clone();
    on_a_thread(node, move |node| {
        let expiries: Vec<Expiry<'_>> = found.iter().filter_map(Found::expiry).collect();
        node.service.expire(&expiries, version, &by).map(drop)
    })
    .await?;
    Ok(archive::push(node, chosen, version, place, actor).await?)
}

/// Removes what erasures and retention left to be removed.
pub(crate) async fn carry_out(node: &Arc<Node>, actor: &Actor) -> Result<Removal, RetentionError> {
    let actor = actor.clone();
    on_a_thread(node, move |node| Ok(removal(node.service.carry_out(&actor)?))).await
}

fn removal(done: CarriedOut) -> Removal {
    Removal {
        records: done.removed.rows,
        ciphertexts: done.removed.sidecars,
        large_values: done.large_values,
        segments: done.removed.segments,
        is_gone: done.removed.is_gone,
    }
}

/// What is due of one policy.
struct Found {
    plan: PolicyPlan,
    action: RuleAction,
    cutoff: Timestamp,
    leaves: LeafSet,
}

impl Found {
    fn expiry(&self) -> Option<Expiry<'_>> {
        let action = match self.action {
            RuleAction::Delete => RetentionAction::Delete,
            RuleAction::Archive => RetentionAction::Archive,
        };
        (!self.leaves.is_empty()).then(|| Expiry {
            policy: &self.plan.policy,
            action,
            cutoff: onrecord_record::Timestamp::from_micros(self.cutoff.as_microsecond()),
            leaves: self.leaves.clone(),
        })
    }
}

async fn find(node: &Arc<Node>, rules: &Rules) -> Result<Vec<Found>, RetentionError> {
    let source = ReportSource::own(node.clone());
    let (held, held_leaves) = held(node);
    let is_held_at = |leaf: u64| held_leaves.contains(LeafIndex(leaf));
    let is_held_at: Option<&(dyn Fn(u64) -> bool + Sync)> =
        if held_leaves.is_empty() { None } else { Some(&is_held_at) };
    let now = Timestamp::now();
    let mut in_archive = LeafSet::default();
    for segment in node.lake.segments().iter().filter(|segment| segment.tier() == Tier::Archive) {
        in_archive.insert(segment.leaves());
    }
    let mut all = Vec::new();
    for (rule, action) in steps_of(rules) {
        let mut due = report::due(&source, &rule, &held, is_held_at, now).await?;
        if action == RuleAction::Archive {
            due.decisions.retain(|leaf| !in_archive.contains(LeafIndex(*leaf)));
            due.followers.retain(|leaf| !in_archive.contains(LeafIndex(*leaf)));
        }
        let (decisions, followers) = (due.decisions.len() as u64, due.followers.len() as u64);
        let leaves: LeafSet = due.decisions.into_iter().chain(due.followers).map(LeafIndex).collect();
        let segments = node.lake.segments();
        let is_concerned = |leaves: &LeafSet, at| leaves.within(at).next().is_some();
        let plan = PolicyPlan {
            policy: rule.policy,
            action: PolicyPlan::action(action),
            cutoff: due.cutoff.to_string(),
            decisions,
            reviews_and_outcomes: followers,
            segments: segments.iter().filter(|segment| is_concerned(&leaves, segment.leaves())).count() as u64,
            waits: waits(node, action, decisions),
        };
        all.push(Found { plan, action, cutoff: due.cutoff, leaves });
    }
    // A statement beside all decisions about a person goes with the last of these.
    let is_deleted = |found: &Found| found.action == RuleAction::Delete;
    let due_by = |leaf| all.iter().position(|found| is_deleted(found) && found.leaves.contains(LeafIndex(leaf)));
    for (leaf, rule) in report::notes_left_alone(&source, &due_by).await? {
        if let Some(found) = rule.or_else(|| all.iter().position(is_deleted)).and_then(|rule| all.get_mut(rule)) {
            found.leaves.insert(LeafRange::from(leaf..leaf + 1));
            found.plan.reviews_and_outcomes += 1;
        }
    }
    Ok(all)
}

/// Why nothing happens to what is due to be archived.
fn waits(node: &Node, action: RuleAction, decisions: u64) -> Option<String> {
    if action != RuleAction::Archive || decisions == 0 {
        return None;
    }
    match node.settings().as_ref().map(Settings::archive) {
        Ok(Ok(ArchiveSettings { url: Some(_), .. })) => None,
        Ok(Ok(_)) => Some("onrecord.toml has no [archive] url: they stay where they are".to_owned()),
        Ok(Err(error)) => Some(error.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

/// What happens by the rules, in steps: what is archived may be deleted later.
fn steps_of(rules: &Rules) -> Vec<(Rule, RuleAction)> {
    let mut steps = Vec::new();
    for rule in rules_of(rules) {
        let Some(said) = rules.0.get(&rule.policy) else { continue };
        if let Some(more_days) = said.delete_after_days {
            steps.push((Rule { more_days, ..rule.clone() }, RuleAction::Delete));
        }
        steps.push((rule, said.action));
    }
    steps
}

/// The rules, as the queries ask for them.
fn rules_of(rules: &Rules) -> Vec<Rule> {
    let rule = |(policy, rule): (&String, &onrecord_service::retention::Rule)| Rule {
        policy: policy.clone(),
        days: rule.days,
        min_days: rule.min_days(),
        more_days: 0,
        is_standard: policy == STANDARD,
    };
    rules.0.iter().map(rule).collect()
}

fn confirmations(shortened: &[Shortened]) -> Vec<Confirmation> {
    let one = |shortened: &Shortened| Confirmation {
        policy: shortened.policy.clone(),
        days: shortened.days,
        wanted_days: shortened.wanted_days,
    };
    shortened.iter().map(one).collect()
}

async fn on_a_thread<T: Send + 'static>(
    node: &Arc<Node>,
    work: impl FnOnce(&Node) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, RetentionError> {
    let node = node.clone();
    let done = tokio::task::spawn_blocking(move || work(&node)).await;
    let ended = |_| Refusal::Unavailable("the server is shutting down; ask again".to_owned());
    Ok(done.map_err(ended)??)
}

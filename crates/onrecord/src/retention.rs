//! Retention: what is due is found over one snapshot, put on the record, and removed.

use crate::api::retention::{Confirmation, PolicyPlan, Removal, RetentionPlan, RetentionRun, RetentionStatus};
use crate::node::Node;
use crate::session::{ReportError, ReportSource};
use jiff::Timestamp;
use onrecord_lake::{LeafIndex, LeafSet};
use onrecord_record::RetentionAction;
use onrecord_report::retention::{self as report, Held, Rule};
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

/// Puts what is due on the record and removes it, and whatever was due before.
pub(crate) async fn run(node: &Arc<Node>, confirm: bool, actor: &Actor) -> Result<RetentionRun, RetentionError> {
    let (name, version) = (actor.clone(), node.service.holds_version());
    let (rules, shortened) = on_a_thread(node, move |node| node.service.adopt_rules(confirm, &name)).await?;
    let found = find(node, &rules).await?;
    let actor = actor.clone();
    on_a_thread(node, move |node| {
        let expiries: Vec<Expiry<'_>> = found.iter().filter_map(Found::expiry).collect();
        node.service.expire(&expiries, version, &actor)?;
        let done = node.service.carry_out(&actor)?;
        Ok(RetentionRun {
            policies: found.into_iter().map(|found| found.plan).collect(),
            unconfirmed: confirmations(&shortened),
            removal: removal(done),
        })
    })
    .await
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
        // What is to move to cold storage stays until there is some.
        (self.action == RuleAction::Delete && !self.leaves.is_empty()).then(|| Expiry {
            policy: &self.plan.policy,
            action: RetentionAction::Delete,
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
    let mut all = Vec::new();
    for rule in rules_of(rules) {
        let due = report::due(&source, &rule, &held, is_held_at, now).await?;
        let action = rules.0.get(&rule.policy).map(|rule| rule.action).unwrap_or_default();
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
            waits: PolicyPlan::waits(action, decisions),
        };
        all.push(Found { plan, action, cutoff: due.cutoff, leaves });
    }
    Ok(all)
}

/// The rules, as the queries ask for them.
fn rules_of(rules: &Rules) -> Vec<Rule> {
    let rule = |(policy, rule): (&String, &onrecord_service::retention::Rule)| Rule {
        policy: policy.clone(),
        days: rule.days,
        min_days: rule.min_days(),
        is_standard: policy == STANDARD,
    };
    rules.0.iter().map(rule).collect()
}

/// What the holds keep: by conditions, and at leaves.
fn held(node: &Node) -> (Vec<Held>, LeafSet) {
    let (mut conditions, mut leaves) = (Vec::new(), LeafSet::default());
    for hold in node.service.hold_list() {
        match &hold.scope.leaves {
            Some(held) => leaves.insert_all(held),
            None => conditions.push(Held {
                subject: hold.scope.subject.map(|subject| subject.to_string()),
                model_id: hold.scope.model_id,
                since: hold.scope.since.map(|since| since.to_string()),
                until: hold.scope.until.map(|until| until.to_string()),
            }),
        }
    }
    (conditions, leaves)
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

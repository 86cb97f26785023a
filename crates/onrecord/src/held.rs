//! What the holds that stand keep.

use crate::node::Node;
use crate::session::{ReportError, ReportSource};
use onrecord_lake::{LeafIndex, LeafSet};
use onrecord_report::retention::{self as report, Held};
use onrecord_service::HoldScope;
use std::sync::Arc;

/// By conditions, and at leaves.
pub(crate) fn held(node: &Node) -> (Vec<Held>, LeafSet) {
    let (mut conditions, mut leaves) = (Vec::new(), LeafSet::default());
    for hold in node.service.hold_list() {
        match &hold.scope.leaves {
            Some(held) => leaves.insert_all(held),
            None => conditions.push(condition_of(&hold.scope)),
        }
    }
    (conditions, leaves)
}

/// What a hold says of the decisions that it reaches, as the queries ask for them.
pub(crate) fn condition_of(scope: &HoldScope) -> Held {
    Held {
        subject: scope.subject.map(|subject| subject.to_string()),
        model_id: scope.model_id.clone(),
        since: scope.since.map(|since| since.to_string()),
        until: scope.until.map(|until| until.to_string()),
    }
}

/// The leaves of all that they keep now: decisions, and their reviews, outcomes and notes.
pub(crate) async fn held_leaves(node: &Arc<Node>) -> Result<LeafSet, ReportError> {
    let (conditions, leaves) = held(node);
    let runs: Vec<_> = leaves.runs().into_iter().map(|run| run.start.0..run.end.0).collect();
    let found = report::held_leaves(&ReportSource::own(node.clone()), &conditions, &runs).await?;
    Ok(found.into_iter().map(LeafIndex).collect())
}

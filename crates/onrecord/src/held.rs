//! What the holds that stand keep.

use crate::node::Node;
use crate::session::{ReportError, ReportSource};
use onrecord_lake::{LeafIndex, LeafSet};
use onrecord_report::retention::{self as report, Held};
use std::sync::Arc;

/// By conditions, and at leaves.
pub(crate) fn held(node: &Node) -> (Vec<Held>, LeafSet) {
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

/// The leaves of all that they keep now: decisions, and their reviews and outcomes.
pub(crate) async fn held_leaves(node: &Arc<Node>) -> Result<LeafSet, ReportError> {
    let (conditions, leaves) = held(node);
    let runs: Vec<_> = leaves.runs().into_iter().map(|run| run.start.0..run.end.0).collect();
    let found = report::held_leaves(&ReportSource::own(node.clone()), &conditions, &runs).await?;
    Ok(found.into_iter().map(LeafIndex).collect())
}

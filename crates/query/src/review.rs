//! The latest review of each reviewed decision, by the decision's leaf.
//!
//! Reviews are few. They are read once, found to their decisions once, and kept; a later query only looks at the
//! leaves that came since. A scan puts them over the decisions row by row (`kernel::review`), so no query joins.
//!
//! The latest review, by leaf index, speaks for all four columns: what it leaves out it denies. A decision that was
//! overridden and then reviewed again without an override is not overridden, and has no reason for it.
//!
//! Of several decisions with one id the first, by leaf index, is the one that reviews are about, as for look-ups by id.

use super::table::Replaced;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringViewArray};
use arrow::datatypes::Int64Type;
use onrecord_lake::LeafIndex;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// Reviews put to their decisions.
#[derive(Debug)]
pub(super) struct Reviews {
    /// Leaf indexes of the decisions that have a review, ascending.
    pub(super) leaves: Arc<[i64]>,
    /// What the latest review of each says, as JSON.
    pub(super) human_decision: StringViewArray,
    overridden: BooleanArray,
    override_reason: StringViewArray,
}

impl Reviews {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// Whether a decision among these leaves has a review.
    pub(super) fn any_within(&self, leaves: &Range<i64>) -> bool {
        let from = self.leaves.partition_point(|leaf| *leaf < leaves.start);
        self.leaves.get(from).is_some_and(|leaf| *leaf < leaves.end)
    }

    /// The values of a column, one for each of `leaves`.
    pub(super) fn values(&self, column: Replaced) -> ArrayRef {
        match column {
            Replaced::HumanReviewed => Arc::new(BooleanArray::from(vec![true; self.leaves.len()])),
            Replaced::HumanDecision => Arc::new(self.human_decision.clone()),
            Replaced::Overridden => Arc::new(self.overridden.clone()),
            Replaced::OverrideReason => Arc::new(self.override_reason.clone()),
        }
    }
}

/// What one review says.
#[derive(Clone, Debug)]
struct ReviewState {
    leaf: i64,
    human_decision: Option<String>,
    overridden: bool,
    override_reason: Option<String>,
}

/// Reviews and decisions met so far, up to a leaf.
#[derive(Debug, Default)]
pub(super) struct ReviewIndex {
    /// Every leaf before this one was looked at.
    pub(super) end: LeafIndex,
    latest: HashMap<String, ReviewState>,
    /// The first decision of each id.
    decisions: HashMap<String, i64>,
    reviews: Option<Arc<Reviews>>,
}

impl ReviewIndex {
    /// Takes rows of the table `reviews`: leaf_index, decision_id, human_decision, overridden, override_reason. Adds to
    /// `fresh` the decision ids that had no review before.
    pub(super) fn add_reviews(&mut self, batch: &RecordBatch, fresh: &mut Vec<String>) {
        let leaves = batch.column(0).as_primitive::<Int64Type>();
        let ids = batch.column(1).as_string_view();
        let (human_decision, reason) = (batch.column(2).as_string_view(), batch.column(4).as_string_view());
        let overridden = batch.column(3).as_boolean();
        for row in (0..batch.num_rows()).filter(|row| ids.is_valid(*row)) {
            let text = |array: &StringViewArray| array.is_valid(row).then(|| array.value(row).to_owned());
            let state = ReviewState {
                leaf: leaves.value(row),
                human_decision: text(human_decision),
                overridden: overridden.is_valid(row) && overridden.value(row),
                override_reason: text(reason),
            };
            self.reviews = None;
            match self.latest.get_mut(ids.value(row)) {
                Some(latest) if latest.leaf > state.leaf => {}
                Some(latest) => *latest = state,
                None => {
                    fresh.push(ids.value(row).to_owned());
                    self.latest.insert(ids.value(row).to_owned(), state);
                }
            }
        }
    }

    /// Takes rows of the table `decisions`: leaf_index, decision_id. Those without a review, or of another id than is
    /// `wanted`, are left out.
    pub(super) fn add_decisions(&mut self, batch: &RecordBatch, wanted: impl Fn(&str) -> bool) {
        let leaves = batch.column(0).as_primitive::<Int64Type>();
        let ids = batch.column(1).as_string_view();
        for row in (0..batch.num_rows()).filter(|row| ids.is_valid(*row)) {
            let id = ids.value(row);
            if self.latest.contains_key(id) && wanted(id) {
                let leaf = leaves.value(row);
                let first = self.decisions.get(id).copied();
                if first.is_none_or(|first| leaf < first) {
                    self.reviews = None;
                    self.decisions.insert(id.to_owned(), leaf);
                }
            }
        }
    }

    /// The ids that have a review.
    pub(super) fn reviewed_ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.latest.keys().map(String::as_str)
    }

    /// The reviews as they are now.
    pub(super) fn reviews(&mut self) -> Arc<Reviews> {
        if let Some(reviews) = &self.reviews {
            return Arc::clone(reviews);
        }
        let mut rows: BTreeMap<i64, &ReviewState> = BTreeMap::new();
        for (id, leaf) in &self.decisions {
            if let Some(state) = self.latest.get(id) {
                rows.insert(*leaf, state);
            }
        }
        let reviews = Arc::new(Reviews {
            leaves: rows.keys().copied().collect(),
            human_decision: rows.values().map(|state| state.human_decision.as_deref()).collect(),
            overridden: rows.values().map(|state| Some(state.overridden)).collect(),
            override_reason: rows.values().map(|state| state.override_reason.as_deref()).collect(),
        });
        self.reviews = Some(Arc::clone(&reviews));
        reviews
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reviews(leaves: &[i64]) -> Reviews {
        Reviews {
            leaves: leaves.into(),
            human_decision: leaves.iter().map(|_| None::<&str>).collect(),
            overridden: leaves.iter().map(|_| Some(true)).collect(),
            override_reason: leaves.iter().map(|_| None::<&str>).collect(),
        }
    }

    #[test]
    fn a_range_without_a_review_is_known() {
        let reviews = reviews(&[5, 9]);
        assert!(reviews.any_within(&(0..6)));
        assert!(!reviews.any_within(&(6..9)));
        assert!(!reviews.any_within(&(10..100)));
    }
}

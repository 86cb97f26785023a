//! The latest review of each reviewed decision, by the decision's leaf.
//!
//! Reviews are read once, found to their decisions once, and kept in pages; a later query only looks at the leaves that
//! came since, and makes the pages anew that have a new review. A scan puts them over the decisions (`kernel::review`), so
//! no query joins.
//!
//! The latest review, by leaf index, speaks for all four columns: what it leaves out it denies. A decision that was
//! overridden and then reviewed again without an override is not overridden, and has no reason for it.
//!
//! Of several decisions with one id the first, by leaf index, is the one that reviews are about, as for look-ups by id.
//! Where it is stays known of every review, so that no query joins by ids.
//!
//! Outcomes are kept in the same way, apart: the latest one's value is what a review's `human_decision` is.

mod page;

pub(super) use page::Page;

use arrow::array::{Array, AsArray, BooleanBufferBuilder, RecordBatch, StringViewArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::Int64Type;
use onrecord_lake::LeafIndex;
use page::PAGE_LEAVES;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// What followed the decisions, as far as a query asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Followed {
    pub(super) reviews: Option<Arc<Reviews>>,
    pub(super) outcomes: Option<Arc<Reviews>>,
}

/// Reviews put to their decisions.
#[derive(Clone, Debug, Default)]
pub(super) struct Reviews {
    /// Those that have a review, by their first leaf, counted in pages.
    pages: BTreeMap<i64, Arc<Page>>,
    /// Of each leaf of a review the leaf of its decision, in pages too; [`NONE`] of others.
    decisions: BTreeMap<i64, Arc<[i64]>>,
}

/// No leaf of a decision.
const NONE: i64 = -1;

impl Reviews {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Whether a decision among these leaves, or close to them, has a review.
    pub(super) fn any_within(&self, leaves: &Range<i64>) -> bool {
        let pages = number(leaves.start)..=number(leaves.end - 1);
        leaves.start < leaves.end && self.pages.range(pages).next().is_some()
    }

    /// The first leaves of the pages that have a review, ascending.
    pub(super) fn page_starts(&self) -> Vec<i64> {
        self.pages.keys().map(|number| number * PAGE_LEAVES).collect()
    }

    /// The first and the last leaf with a review on the pages from one to another, by their first leaves.
    pub(super) fn bounds(&self, first_page: i64, last_page: i64) -> (i64, i64) {
        let places = |page: i64| self.page(page).into_iter().flat_map(|page| page.reviewed.set_indices());
        let first = places(first_page).next().unwrap_or(0);
        let last = places(last_page).last().unwrap_or(PAGE_LEAVES as usize - 1);
        (first_page + first as i64, last_page + last as i64)
    }

    /// The page of a leaf, if it has a review.
    pub(super) fn page(&self, leaf: i64) -> Option<&Page> {
        self.pages.get(&number(leaf)).map(Arc::as_ref)
    }

    /// A bit of each of these leaves, which pages have; not set where there is no page.
    pub(super) fn bits(&self, leaves: &[i64], of_page: impl Fn(&Page) -> &BooleanBuffer) -> BooleanBuffer {
        match adjoining(leaves) {
            Some(leaves) => self.adjoining_bits(leaves, of_page),
            None => {
                let (mut current, mut bits) = (None, None);
                BooleanBuffer::collect_bool(leaves.len(), |row| {
                    let leaf = leaves[row];
                    if current != Some(number(leaf)) {
                        current = Some(number(leaf));
                        bits = self.page(leaf).map(&of_page);
                    }
                    bits.is_some_and(|bits| bits.value(place(leaf)))
                })
            }
        }
    }

    /// The same for leaves without a gap: whole words at a time.
    fn adjoining_bits(&self, leaves: Range<i64>, of_page: impl Fn(&Page) -> &BooleanBuffer) -> BooleanBuffer {
        let mut bits = BooleanBufferBuilder::new((leaves.end - leaves.start) as usize);
        let mut leaf = leaves.start;
        while leaf < leaves.end {
            let count = ((number(leaf) + 1) * PAGE_LEAVES).min(leaves.end) - leaf;
            match self.page(leaf) {
                Some(page) => bits.append_buffer(&of_page(page).slice(place(leaf), count as usize)),
                None => bits.append_n(count as usize, false),
            }
            leaf += count;
        }
        bits.finish()
    }

    /// The leaf of the decision that the review at a leaf is about.
    pub(super) fn decision_of(&self, leaf: i64) -> Option<i64> {
        let decision = self.decisions.get(&number(leaf))?[place(leaf)];
        (decision != NONE).then_some(decision)
    }

    /// Notes of which decision reviews are: their leaf, and that of the decision. They come in the order of their leaves.
    fn put_decisions(&mut self, found: &[(i64, i64)]) {
        for of_page in found.chunk_by(|(one, _), (other, _)| number(*one) == number(*other)) {
            let page = self.decisions.entry(number(of_page[0].0));
            let page = page.or_insert_with(|| Arc::from([NONE; PAGE_LEAVES as usize]));
            let mut fresh = page.to_vec();
            of_page.iter().for_each(|(leaf, decision)| fresh[place(*leaf)] = *decision);
            *page = fresh.into();
        }
    }

    /// Puts reviews over those that are there. They come by the leaf of their decision, ascending.
    fn put(&mut self, fresh: Vec<(i64, ReviewState)>) {
        let mut fresh = fresh.into_iter().peekable();
        while let Some((leaf, state)) = fresh.next() {
            let mut of_page = vec![(place(leaf), state)];
            while let Some((leaf, state)) = fresh.next_if(|(next, _)| number(*next) == number(leaf)) {
                of_page.push((place(leaf), state));
            }
            let page = Page::new(self.page(leaf), &of_page);
            self.pages.insert(number(leaf), Arc::new(page));
        }
    }
}

/// The page that a leaf is on.
pub(super) fn number(leaf: i64) -> i64 {
    leaf.div_euclid(PAGE_LEAVES)
}

/// The place of a leaf on its page.
pub(super) fn place(leaf: i64) -> usize {
    leaf.rem_euclid(PAGE_LEAVES) as usize
}

/// The leaves as a range, if they ascend without a gap.
fn adjoining(leaves: &[i64]) -> Option<Range<i64>> {
    let (first, last) = (*leaves.first()?, *leaves.last()?);
    let is_dense = usize::try_from(last.checked_sub(first)?).ok()? == leaves.len() - 1;
    (is_dense && leaves.windows(2).all(|pair| pair[0] < pair[1])).then_some(first..last + 1)
}

/// What one review says.
#[derive(Clone, Debug)]
struct ReviewState {
    leaf: i64,
    human_decision: Option<String>,
    overridden: bool,
    override_reason: Option<String>,
}

/// Reviews met so far, up to a leaf.
#[derive(Debug, Default)]
pub(super) struct ReviewIndex {
    /// Every leaf before this one was looked at.
    end: LeafIndex,
    reviews: Arc<Reviews>,
    /// The reviews of decisions that were not met, by their ids: of those that were removed.
    of_none: HashMap<String, OfOne>,
}

/// The reviews of one decision.
#[derive(Clone, Debug)]
struct OfOne {
    latest: ReviewState,
    /// Their leaves.
    leaves: Vec<i64>,
}

impl OfOne {
    /// Takes another one.
    fn add(&mut self, state: ReviewState) {
        self.leaves.push(state.leaf);
        if state.leaf > self.latest.leaf {
            self.latest = state;
        }
    }
}

impl ReviewIndex {
    /// The leaf from which on nothing was looked at.
    pub(super) fn end(&self) -> LeafIndex {
        self.end
    }

    /// The reviews as they are now.
    pub(super) fn reviews(&self) -> Arc<Reviews> {
        Arc::clone(&self.reviews)
    }

    /// The ids of decisions with a review that were not met.
    pub(super) fn ids_of_none(&self) -> impl ExactSizeIterator<Item = &str> {
        self.of_none.keys().map(String::as_str)
    }

    /// Takes what was found in the leaves up to `end`.
    pub(super) fn take(&mut self, found: FoundReviews, end: LeafIndex) {
        let FoundReviews { reviews, mut decisions } = found;
        let (mut placed, mut of) = (Vec::with_capacity(decisions.len()), Vec::with_capacity(decisions.len()));
        let mut place = |decision: i64, OfOne { latest, leaves }: OfOne| {
            of.extend(leaves.into_iter().map(|leaf| (leaf, decision)));
            placed.push((decision, latest));
        };
        // Those that waited came before these, which lie over them.
        let waited: Vec<(i64, OfOne)> = match self.of_none.is_empty() {
            true => Vec::new(),
            false => decisions.iter().filter_map(|(id, leaf)| Some((*leaf, self.of_none.remove(id)?))).collect(),
        };
        waited.into_iter().for_each(|(decision, found)| place(decision, found));
        for (id, found) in reviews {
            match decisions.remove(&id) {
                Some(decision) => place(decision, found),
                None => {
                    let OfOne { latest, leaves } = found;
                    match self.of_none.entry(id) {
                        Entry::Occupied(mut waiting) => {
                            waiting.get_mut().leaves.extend(leaves);
                            waiting.get_mut().latest = latest;
                        }
                        Entry::Vacant(none) => drop(none.insert(OfOne { latest, leaves })),
                    }
                }
            }
        }
        if !placed.is_empty() {
            // Stable: what came later stays behind.
            placed.sort_by_key(|(leaf, _)| *leaf);
            of.sort_unstable();
            let reviews = Arc::make_mut(&mut self.reviews);
            reviews.put(placed);
            reviews.put_decisions(&of);
        }
        if self.of_none.is_empty() {
            self.of_none = HashMap::new();
        }
        self.end = end;
    }
}

/// What some leaves have: reviews, and the decisions that they are about.
#[derive(Debug, Default)]
pub(super) struct FoundReviews {
    /// By the id of the decision.
    reviews: HashMap<String, OfOne>,
    /// The first decision of each id.
    decisions: HashMap<String, i64>,
}

impl FoundReviews {
    /// The ids of decisions that were reviewed.
    pub(super) fn ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.reviews.keys().map(String::as_str)
    }

    /// Takes rows of the table `reviews`: leaf_index, decision_id, human_decision, overridden, override_reason; or of the table
    /// `outcomes`: leaf_index, decision_id, outcome.
    pub(super) fn add_reviews(&mut self, batch: &RecordBatch) {
        let leaves = batch.column(0).as_primitive::<Int64Type>();
        let ids = batch.column(1).as_string_view();
        let human_decision = batch.column(2).as_string_view();
        let overridden = batch.columns().get(3).map(|column| column.as_boolean());
        let reason = batch.columns().get(4).map(|column| column.as_string_view());
        for row in (0..batch.num_rows()).filter(|row| ids.is_valid(*row)) {
            let text = |array: &StringViewArray| array.is_valid(row).then(|| array.value(row).to_owned());
            let state = ReviewState {
                leaf: leaves.value(row),
                human_decision: text(human_decision),
                overridden: overridden.is_some_and(|overridden| overridden.is_valid(row) && overridden.value(row)),
                override_reason: reason.and_then(text),
            };
            match self.reviews.get_mut(ids.value(row)) {
                Some(found) => found.add(state),
                None => {
                    let leaves = vec![state.leaf];
                    self.reviews.insert(ids.value(row).to_owned(), OfOne { latest: state, leaves });
                }
            }
        }
    }

    /// Takes rows of the table `decisions`, leaf_index and decision_id, of which those count whose id is wanted: one that
    /// was reviewed, or one of `others`.
    pub(super) fn add_decisions(&mut self, batch: &RecordBatch, others: &ReviewIndex) {
        let leaves = batch.column(0).as_primitive::<Int64Type>();
        let ids = batch.column(1).as_string_view();
        for row in (0..batch.num_rows()).filter(|row| ids.is_valid(*row)) {
            let (id, leaf) = (ids.value(row), leaves.value(row));
            match self.decisions.get_mut(id) {
                Some(first) => *first = leaf.min(*first),
                None if self.reviews.contains_key(id) || others.of_none.contains_key(id) => {
                    self.decisions.insert(id.to_owned(), leaf);
                }
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{BooleanArray, Int64Array};
    use onrecord_testing::Random;

    fn state(leaf: i64) -> ReviewState {
        ReviewState { leaf, human_decision: None, overridden: leaf % 3 == 0, override_reason: None }
    }

    fn reviews(leaves: &[i64]) -> Reviews {
        let mut reviews = Reviews::default();
        reviews.put(leaves.iter().map(|leaf| (*leaf, state(*leaf))).collect());
        reviews
    }

    #[test]
    fn a_range_far_from_a_review_is_known() {
        let reviews = reviews(&[5, 9_000]);
        assert!(reviews.any_within(&(0..6)));
        assert!(!reviews.any_within(&(1_024..8_000)));
        assert!(!reviews.any_within(&(10_000..100_000)));
        assert!(!reviews.any_within(&(5..5)));
        assert_eq!(reviews.page_starts(), [0, 8_192]);
        assert_eq!((reviews.bounds(0, 8_192), reviews.bounds(0, 0)), ((5, 9_000), (5, 5)));
    }

    #[test]
    fn bits_are_those_of_the_leaves_whichever_they_are() {
        let mut random = Random::new(1);
        let reviewed: Vec<i64> = (0..6_000).filter(|leaf| leaf % 5_000 < 3_000 && random.below(3) == 0).collect();
        let reviews = reviews(&reviewed);
        let dense: Vec<i64> = (1_000..5_500).collect();
        let sparse: Vec<i64> = (0..9_000).filter(|_| random.below(4) > 0).collect();
        let unordered: Vec<i64> = (0..500).map(|_| random.below(9_000) as i64).collect();
        // As many as if nothing were missing.
        let mixed = vec![2_000, 2_002, 2_001, 2_003];
        for leaves in [dense, sparse, unordered, mixed, vec![], vec![2_999]] {
            let found = reviews.bits(&leaves, |page| &page.reviewed);
            let expected: Vec<bool> = leaves.iter().map(|leaf| reviewed.binary_search(leaf).is_ok()).collect();
            assert_eq!(found.iter().collect::<Vec<_>>(), expected);
            let found = reviews.bits(&leaves, |page| &page.overridden);
            let expected = leaves.iter().zip(&expected).map(|(leaf, reviewed)| *reviewed && leaf % 3 == 0);
            assert_eq!(found.iter().collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_latest_review_of_the_first_decision_counts_in_whatever_order_they_are_met() {
        let texts = |texts: Vec<Option<&str>>| Arc::new(StringViewArray::from(texts));
        let review = |leaf: i64, id: &str, reason: &str| {
            let columns: [(&str, arrow::array::ArrayRef); 5] = [
                ("leaf_index", Arc::new(Int64Array::from(vec![leaf]))),
                ("decision_id", texts(vec![Some(id)])),
                ("human_decision", texts(vec![None])),
                ("overridden", Arc::new(BooleanArray::from(vec![Some(true)]))),
                ("override_reason", texts(vec![Some(reason)])),
            ];
            RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
        };
        let decided = |leaf: i64, id: &str| {
            let columns: [(&str, arrow::array::ArrayRef); 2] =
                [("leaf_index", Arc::new(Int64Array::from(vec![leaf]))), ("decision_id", texts(vec![Some(id)]))];
            RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
        };
        let reason = |index: &ReviewIndex, leaf: i64| {
            let reviews = index.reviews();
            let page = reviews.page(leaf).filter(|page| page.reviewed.value(place(leaf)))?;
            Some(page.override_reason.value(page.text_at(place(leaf))).to_owned())
        };
        let mut index = ReviewIndex::default();
        let mut found = FoundReviews::default();
        found.add_reviews(&review(12, "a", "second"));
        found.add_reviews(&review(11, "a", "first"));
        found.add_reviews(&review(13, "b", "of none yet"));
        found.add_decisions(&decided(9, "a"), &index);
        found.add_decisions(&decided(4, "a"), &index);
        found.add_decisions(&decided(5, "c"), &index);
        index.take(found, LeafIndex(20));
        assert_eq!(reason(&index, 4).as_deref(), Some("second"));
        assert_eq!([5, 9].map(|leaf| reason(&index, leaf)), [None, None]);
        assert_eq!(index.ids_of_none().collect::<Vec<_>>(), ["b"]);
        let decision = |index: &ReviewIndex, leaf: i64| index.reviews().decision_of(leaf);
        assert_eq!([11, 12, 13, 14, 9_000].map(|leaf| decision(&index, leaf)), [Some(4), Some(4), None, None, None]);
        let mut found = FoundReviews::default();
        found.add_decisions(&decided(22, "b"), &index);
        index.take(found, LeafIndex(30));
        assert_eq!(reason(&index, 22).as_deref(), Some("of none yet"));
        assert_eq!(index.ids_of_none().len(), 0);
        assert_eq!([12, 13].map(|leaf| index.reviews().decision_of(leaf)), [Some(4), Some(22)]);
        assert_eq!(reason(&index, 4).as_deref(), Some("second"));
    }
}

//! The reviews of some adjoining leaves: two bits a leaf, and for each leaf that has a review its two texts.

use super::ReviewState;
use arrow::array::{StringViewArray, StringViewBuilder};
use arrow::buffer::{BooleanBuffer, Buffer};
use std::collections::HashMap;

/// Leaves of a page. A new review makes its page anew, so a page is small.
pub(crate) const PAGE_LEAVES: i64 = 1_024;

/// Texts of no more bytes lie in a view itself.
const INLINE_BYTES_MAX: usize = 12;

/// What the latest reviews of the decisions of a page say.
#[derive(Debug)]
pub(crate) struct Page {
    /// Which leaves have a review.
    pub(crate) reviewed: BooleanBuffer,
    /// Those of them that are overridden.
    pub(crate) overridden: BooleanBuffer,
    /// One for each leaf that has a review, in order, as JSON.
    pub(crate) human_decision: StringViewArray,
    /// The same.
    pub(crate) override_reason: StringViewArray,
    /// Of each leaf, how many before it have a review: where its texts are.
    text_places: Box<[u16]>,
}

impl Page {
    /// A page with reviews, by the place of their leaf in it, over those of the page before, if there was one.
    pub(super) fn new(before: Option<&Self>, fresh: &[(usize, ReviewState)]) -> Self {
        let mut rows: Vec<Option<Row<'_>>> = vec![None; PAGE_LEAVES as usize];
        if let Some(before) = before {
            let texts = before.human_decision.iter().zip(&before.override_reason);
            for (place, (human_decision, override_reason)) in before.reviewed.set_indices().zip(texts) {
                let overridden = before.overridden.value(place);
                rows[place] = Some(Row { overridden, human_decision, override_reason });
            }
        }
        for (place, state) in fresh {
            rows[*place] = Some(Row {
                overridden: state.overridden,
                human_decision: state.human_decision.as_deref(),
                override_reason: state.override_reason.as_deref(),
            });
        }
        let mut reviewed = 0;
        let text_places = rows.iter().map(|row| {
            let place = reviewed;
            reviewed += u16::from(row.is_some());
            place
        });
        Self {
            text_places: text_places.collect(),
            reviewed: rows.iter().map(Option::is_some).collect(),
            overridden: rows.iter().map(|row| row.is_some_and(|row| row.overridden)).collect(),
            human_decision: texts(rows.iter().flatten().map(|row| row.human_decision)),
            override_reason: texts(rows.iter().flatten().map(|row| row.override_reason)),
        }
    }

    /// Where the texts are of a leaf that has a review, by its place in the page.
    pub(crate) fn text_at(&self, place: usize) -> usize {
        usize::from(self.text_places[place])
    }
}

/// What a review says.
#[derive(Clone, Copy)]
struct Row<'a> {
    overridden: bool,
    human_decision: Option<&'a str>,
    override_reason: Option<&'a str>,
}

/// An array of texts in which each different one lies once: reasons and decisions repeat.
fn texts<'a>(values: impl Iterator<Item = Option<&'a str>> + Clone) -> StringViewArray {
    let mut bytes = Vec::new();
    let mut places: HashMap<&str, u32> = HashMap::new();
    for text in values.clone().flatten().filter(|text| text.len() > INLINE_BYTES_MAX) {
        places.entry(text).or_insert_with(|| {
            let place = bytes.len() as u32;
            bytes.extend_from_slice(text.as_bytes());
            place
        });
    }
    bytes.shrink_to_fit();
    let mut out = StringViewBuilder::new();
    let block = if bytes.is_empty() { None } else { Some(out.append_block(Buffer::from_vec(bytes))) };
    for text in values {
        let place = text.and_then(|text| Some((text, block?, *places.get(text)?)));
        // A place that was just made is one of the block.
        match place {
            Some((text, block, place)) if out.try_append_view(block, place, text.len() as u32).is_ok() => {}
            _ => out.append_option(text),
        }
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Array;

    fn state(overridden: bool, reason: Option<&str>) -> ReviewState {
        let human_decision = overridden.then(|| r#"{"approved":false}"#.to_owned());
        ReviewState { leaf: 0, human_decision, overridden, override_reason: reason.map(str::to_owned) }
    }

    #[test]
    fn later_reviews_lie_over_earlier_ones() {
        let long = "documents checked by hand";
        let first = Page::new(None, &[(3, state(true, Some(long))), (70, state(false, None))]);
        let page = Page::new(Some(&first), &[(70, state(true, Some("short"))), (1_023, state(true, Some(long)))]);
        assert_eq!(page.reviewed.set_indices().collect::<Vec<_>>(), [3, 70, 1_023]);
        assert_eq!(page.overridden.set_indices().collect::<Vec<_>>(), [3, 70, 1_023]);
        assert_eq!([3, 70, 1_023].map(|place| page.text_at(place)), [0, 1, 2]);
        assert_eq!(page.override_reason.iter().collect::<Vec<_>>(), [Some(long), Some("short"), Some(long)]);
        // The long one lies there once.
        assert_eq!(page.override_reason.data_buffers().iter().map(Buffer::len).sum::<usize>(), long.len());
        assert_eq!(first.override_reason.iter().collect::<Vec<_>>(), [Some(long), None]);
        assert_eq!(first.human_decision.null_count(), 1);
    }
}

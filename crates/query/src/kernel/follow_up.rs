//! What followed a decision, and of which decision it is, by leaf indexes.

use super::Kernel;
use crate::json::Key;
use crate::json::member::{Form, members};
use crate::review::{Page, Reviews, number, place};
use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, PrimitiveArray, StringViewArray, UInt32Array, new_null_array,
};
use arrow::compute::{interleave, take};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_err};
use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

/// The leaf of the decision that a review or an outcome is about; null where there is none. Its argument is the leaf index.
pub(crate) struct DecisionLeaf(Arc<Reviews>);

/// The latest outcome of a decision, or a member of it; null where there is none. Its argument is the leaf index.
pub(crate) struct LatestOutcome {
    member: Option<(Vec<Key>, Form)>,
    outcomes: Arc<Reviews>,
}

impl DecisionLeaf {
    pub(crate) fn new(followed: Arc<Reviews>) -> Self {
        Self(followed)
    }
}

impl LatestOutcome {
    pub(crate) fn new(member: Option<(Vec<Key>, Form)>, outcomes: Arc<Reviews>) -> Self {
        Self { member, outcomes }
    }
}

impl Debug for DecisionLeaf {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

impl Debug for LatestOutcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

impl Kernel for DecisionLeaf {
    fn describe(&self) -> String {
        "decision_leaf".to_owned()
    }

    fn data_type(&self) -> DataType {
        DataType::Int64
    }

    fn evaluate(&self, args: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
        let decisions = leaves(args)?.values().iter().map(|leaf| self.0.decision_of(*leaf));
        Ok(Arc::new(decisions.collect::<Int64Array>()))
    }
}

impl Kernel for LatestOutcome {
    fn describe(&self) -> String {
        match &self.member {
            None => "latest_outcome".to_owned(),
            Some((path, form)) => format!("latest_outcome[{path:?} {form:?}]"),
        }
    }

    fn data_type(&self) -> DataType {
        DataType::Utf8View
    }

    fn evaluate(&self, args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        // The first of the pages is the null of all rows without an outcome.
        let mut pages = vec![new_null_array(&DataType::Utf8View, 1)];
        let mut sources = Vec::with_capacity(rows);
        let mut current: (Option<i64>, Option<&Page>) = (None, None);
        for leaf in leaves(args)?.values() {
            if current.0 != Some(number(*leaf)) {
                current = (Some(number(*leaf)), self.outcomes.page(*leaf));
                pages.extend(current.1.map(|page| Arc::new(page.human_decision.clone()) as ArrayRef));
            }
            let page = current.1.filter(|page| page.reviewed.value(place(*leaf)));
            sources.push(page.map_or((0, 0), |page| (pages.len() - 1, page.text_at(place(*leaf)))));
        }
        let pages: Vec<&dyn Array> = pages.iter().map(AsRef::as_ref).collect();
        let outcomes = interleave(&pages, &sources)?;
        match &self.member {
            None => Ok(outcomes),
            Some((path, form)) => each_once(outcomes.as_string_view(), |texts| members(texts, *form, |_| Some(path))),
        }
    }
}

fn leaves(args: &[ArrayRef]) -> Result<&PrimitiveArray<Int64Type>> {
    match args {
        [leaves] if leaves.data_type() == &DataType::Int64 => Ok(leaves.as_primitive::<Int64Type>()),
        _ => exec_err!("what followed is found by leaf index"),
    }
}

/// What is made of the texts, of each different one once: outcomes repeat, and a page has each different one once.
fn each_once(texts: &StringViewArray, make: impl Fn(&StringViewArray) -> StringViewArray) -> Result<ArrayRef> {
    let (mut places, mut firsts) = (HashMap::new(), Vec::new());
    let place = |row: usize| {
        texts.is_valid(row).then(|| {
            *places.entry(texts.views()[row]).or_insert_with(|| {
                firsts.push(row as u32);
                firsts.len() as u32 - 1
            })
        })
    };
    let rows: UInt32Array = (0..texts.len()).map(place).collect();
    let different = take(texts, &UInt32Array::from(firsts), None)?;
    Ok(take(&make(different.as_string_view()), &rows, None)?)
}

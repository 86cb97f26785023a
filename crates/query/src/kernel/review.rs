//! The latest review of a decision in place of what the decision itself says.

use super::Kernel;
use crate::json::Key;
use crate::json::member::{Form, members};
use crate::review::{Page, Reviews, number, place};
use crate::table::{Replaced, reviewed_name};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringViewArray};
use arrow::buffer::NullBuffer;
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_err};
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

/// Puts reviews over a column. Its arguments are the leaf index and the column.
pub(crate) struct Replace {
    /// The column that is replaced.
    column: Replaced,
    /// Of a document, the member that the column is.
    member: Option<(Vec<Key>, Form)>,
    reviews: Arc<Reviews>,
}

impl Replace {
    pub(crate) fn new(column: Replaced, reviews: Arc<Reviews>) -> Self {
        Self { column, member: None, reviews }
    }

    /// The same of the member at a path of what the person decided.
    pub(crate) fn of_member(path: Vec<Key>, form: Form, reviews: Arc<Reviews>) -> Self {
        Self { column: Replaced::HumanDecision, member: Some((path, form)), reviews }
    }

    /// Flags: bit by bit, or whole words of them where no leaf is missing.
    fn flags(&self, leaves: &[i64], stored: &BooleanArray) -> BooleanArray {
        let reviewed = self.reviews.bits(leaves, |page| &page.reviewed);
        let values = match self.column {
            Replaced::Overridden => {
                &(stored.values() & &!&reviewed) | &self.reviews.bits(leaves, |page| &page.overridden)
            }
            _ => stored.values() | &reviewed,
        };
        let nulls = stored.nulls().map(|present| NullBuffer::new(present.inner() | &reviewed));
        BooleanArray::new(values, nulls)
    }

    fn texts(&self, page: &Page) -> StringViewArray {
        match self.column {
            Replaced::OverrideReason => page.override_reason.clone(),
            _ => page.human_decision.clone(),
        }
    }

    /// Texts: what reviews say of the rows that have one, put among those that have none.
    fn replaced(&self, leaves: &[i64], stored: &ArrayRef) -> Result<ArrayRef> {
        // By place in the pages that are met, then by place in what is shown of them.
        let (mut pages, mut said, mut sources) = (Vec::new(), Vec::new(), Vec::with_capacity(leaves.len()));
        let mut current: (Option<i64>, Option<&Page>) = (None, None);
        for (row, leaf) in leaves.iter().enumerate() {
            if current.0 != Some(number(*leaf)) {
                current = (Some(number(*leaf)), self.reviews.page(*leaf));
                pages.extend(current.1.map(|page| self.texts(page)));
            }
            let Some(page) = current.1.filter(|page| page.reviewed.value(place(*leaf))) else {
                sources.push((0, row));
                continue;
            };
            sources.push((1, said.len()));
            said.push((pages.len() - 1, page.text_at(place(*leaf))));
        }
        if said.is_empty() {
            return Ok(Arc::clone(stored));
        }
        let pages: Vec<&dyn Array> = pages.iter().map(|page| page as &dyn Array).collect();
        let mut said = interleave(&pages, &said)?;
        if let Some((path, form)) = &self.member {
            said = Arc::new(members(said.as_string_view(), *form, |_| Some(path)));
        }
        Ok(interleave(&[stored.as_ref(), said.as_ref()], &sources)?)
    }
}

impl Debug for Replace {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Replace({})", self.describe())
    }
}

impl Kernel for Replace {
    fn describe(&self) -> String {
        let name = reviewed_name(self.column);
        match &self.member {
            None => format!("latest_review[{name}]"),
            Some((path, form)) => format!("latest_review[{name} {path:?} {form:?}]"),
        }
    }

    fn data_type(&self) -> DataType {
        match self.column {
            Replaced::HumanReviewed | Replaced::Overridden => DataType::Boolean,
            Replaced::HumanDecision | Replaced::OverrideReason => DataType::Utf8View,
        }
    }

    fn evaluate(&self, args: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
        let [leaves, column] = args else { return exec_err!("a review replaces one column, by leaf index") };
        let Some(leaves) = leaves.as_primitive_opt::<Int64Type>() else {
            return exec_err!("a leaf index is not {}", leaves.data_type());
        };
        let leaves: &[i64] = leaves.values();
        match column.as_boolean_opt() {
            Some(flags) => Ok(Arc::new(self.flags(leaves, flags))),
            None => self.replaced(leaves, column),
        }
    }
}

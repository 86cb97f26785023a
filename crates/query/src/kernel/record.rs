//! The columns of `jsonb_to_recordset` from a column of objects, without putting the list together.

use super::Kernel;
use crate::jsonb::Gives;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use onrecord_lake::schema::Scalar;
use std::collections::HashSet;
use std::sync::Arc;

/// As many texts are compared each with each.
const COMPARED_MAX: usize = 16;

/// Gives something of the objects of a list, its argument.
#[derive(Debug)]
pub(crate) struct RecordMembers {
    gives: Gives,
    /// The place of the member in the objects; 0 where none is looked at.
    member: usize,
}

impl RecordMembers {
    /// `None` where the members are of another type than is asked for, or have another name.
    pub(crate) fn new(gives: Gives, key: Option<&str>, keys: &[(String, Scalar)]) -> Option<Self> {
        let member = match (gives, key) {
            (Gives::Count, _) => 0,
            (_, key) => keys.iter().position(|(name, _)| Some(name.as_str()) == key)?,
        };
        let fits = match (gives, keys.get(member)?.1) {
            (Gives::Count, _) | (Gives::Texts | Gives::Different, Scalar::Utf8) => true,
            (Gives::Numbers, scalar) => matches!(scalar, Scalar::Int64 | Scalar::Float64),
            _ => false,
        };
        fits.then_some(Self { gives, member })
    }

    /// The lists of the member, as that type.
    fn lists(&self, records: &ListArray, of: &DataType) -> Result<ListArray> {
        let Some(rows) = records.values().as_struct_opt() else { return exec_err!("a list of no objects") };
        let values = cast(rows.column(self.member), of)?;
        let DataType::List(item) = DataType::new_list(of.clone(), true) else { return exec_err!("no list") };
        Ok(ListArray::try_new(item, records.offsets().clone(), values, records.nulls().cloned())?)
    }
}

impl Kernel for RecordMembers {
    fn describe(&self) -> String {
        format!("{}[{}]", self.gives.function(), self.member)
    }

    fn data_type(&self) -> DataType {
        self.gives.data_type()
    }

    fn evaluate(&self, args: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
        let [records] = args else { return exec_err!("one column of lists") };
        let Some(records) = records.as_list_opt::<i32>() else { return exec_err!("not a column of lists") };
        Ok(match self.gives {
            Gives::Texts => Arc::new(self.lists(records, &DataType::Utf8View)?),
            Gives::Numbers => Arc::new(self.lists(records, &DataType::Float64)?),
            Gives::Count => Arc::new(counted(records, |start, end| end - start)),
            Gives::Different => {
                let lists = self.lists(records, &DataType::Utf8View)?;
                let texts = lists.values().as_string_view();
                Arc::new(counted(records, |start, end| different(texts, start, end)))
            }
        })
    }
}

fn counted(lists: &ListArray, count: impl Fn(usize, usize) -> usize) -> Int64Array {
    let ends = lists.offsets().windows(2).map(|ends| (ends[0] as usize, ends[1] as usize));
    let counts: Vec<i64> = ends.map(|(start, end)| count(start, end) as i64).collect();
    Int64Array::new(counts.into(), lists.nulls().cloned())
}

/// How many of the texts are different.
fn different(texts: &StringViewArray, start: usize, end: usize) -> usize {
    if end - start > COMPARED_MAX {
        return (start..end).map(|at| texts.value(at)).collect::<HashSet<_>>().len();
    }
    let is_first = |at: &usize| (start..*at).all(|before| texts.value(before) != texts.value(*at));
    (start..end).filter(is_first).count()
}

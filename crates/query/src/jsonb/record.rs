//! The columns of `jsonb_to_recordset`: a member of each object of a list, as a list, and how many objects and different
//! members there are.
//!
//! Where a file has a column of such objects, `adapt` reads the lists from it; what is defined here runs over text.

use crate::fault::fault;
use crate::json::member::{key_of, text_array};
use crate::json::{Key, elements, member, text};
use arrow::array::{ArrayRef, Int64Array, ListBuilder, StringViewArray, StringViewBuilder};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ExpressionPlacement, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

/// What is given of the objects of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Gives {
    /// A member of each as text.
    Texts,
    /// A member of each as a double.
    Numbers,
    /// How many different texts a member has.
    Different,
    /// How many objects there are.
    Count,
}

impl Gives {
    pub(super) const ALL: [Self; 4] = [Self::Texts, Self::Numbers, Self::Different, Self::Count];

    /// The name of the function.
    pub(crate) const fn function(self) -> &'static str {
        match self {
            Self::Texts => "json_records_texts",
            Self::Numbers => "json_records_numbers",
            Self::Different => "json_records_different",
            Self::Count => "json_records_count",
        }
    }

    /// The type of what it gives.
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Texts => DataType::new_list(DataType::Utf8View, true),
            Self::Numbers => DataType::new_list(DataType::Float64, true),
            Self::Different | Self::Count => DataType::Int64,
        }
    }
}

/// One of the functions: its arguments are the list and, but for the count, the name of the member.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Records {
    gives: Gives,
    signature: Signature,
}

impl Records {
    pub(super) fn udf(gives: Gives) -> ScalarUDF {
        ScalarUDF::new_from_impl(Self { gives, signature: Signature::variadic_any(Volatility::Immutable) })
    }

    pub(crate) fn gives(&self) -> Gives {
        self.gives
    }
}

impl ScalarUDFImpl for Records {
    fn name(&self) -> &str {
        self.gives.function()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let keys = usize::from(self.gives != Gives::Count);
        match arg_types {
            [document, rest @ ..] if (document.is_string() || document.is_null()) && rest.len() == keys => {
                Ok(self.gives.data_type())
            }
            _ => plan_err!("jsonb_to_recordset needs one JSON document"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some((document, keys)) = args.args.split_first() else { return exec_err!("a document is missing") };
        let documents = text_array(&document.to_array(args.number_rows)?)?;
        let key = match keys {
            [ColumnarValue::Scalar(key)] => match key_of(key) {
                Some(Key::Name(name)) => name,
                _ => return exec_err!("a member has a name"),
            },
            [] => String::new(),
            _ => return exec_err!("the name of a member is a constant"),
        };
        Ok(ColumnarValue::Array(match self.gives {
            Gives::Texts => texts(&documents, &key)?,
            Gives::Numbers => {
                let strict = CastOptions { safe: false, ..CastOptions::default() };
                cast_with_options(&texts(&documents, &key)?, &self.gives.data_type(), &strict)?
            }
            Gives::Different => counted(&documents, |records| {
                records.iter().filter_map(|record| value(record, &key)).collect::<HashSet<_>>().len()
            })?,
            Gives::Count => counted(&documents, |records| records.len())?,
        }))
    }

    /// Of a column, or of a member of one, it moves to the scan, as the member does.
    fn placement(&self, args: &[ExpressionPlacement]) -> ExpressionPlacement {
        match args {
            [ExpressionPlacement::Column | ExpressionPlacement::MoveTowardsLeafNodes, keys @ ..]
                if keys.iter().all(|key| matches!(key, ExpressionPlacement::Literal)) =>
            {
                ExpressionPlacement::MoveTowardsLeafNodes
            }
            _ => ExpressionPlacement::KeepInPlace,
        }
    }
}

/// The objects of a list.
fn records(document: &str) -> Result<Vec<&str>> {
    if !document.starts_with('[') {
        return Err(fault("cannot call jsonb_to_recordset on a non-array"));
    }
    let records: Vec<&str> = elements(document).collect();
    match records.iter().all(|record| record.starts_with('{')) {
        true => Ok(records),
        false => Err(fault("argument of jsonb_to_recordset must be an array of objects")),
    }
}

fn value<'a>(record: &'a str, key: &str) -> Option<Cow<'a, str>> {
    member(record, key).and_then(text)
}

fn texts(documents: &StringViewArray, key: &str) -> Result<ArrayRef> {
    let mut out = ListBuilder::new(StringViewBuilder::new());
    for document in documents {
        if let Some(document) = document {
            records(document)?.into_iter().for_each(|record| out.values().append_option(value(record, key)));
        }
        out.append(document.is_some());
    }
    Ok(Arc::new(out.finish()))
}

fn counted(documents: &StringViewArray, count: impl Fn(&[&str]) -> usize) -> Result<ArrayRef> {
    let count = |document: Option<&str>| {
        document.map(|document| Ok(i64::try_from(count(&records(document)?)).unwrap_or(i64::MAX))).transpose()
    };
    let counts: Result<Vec<Option<i64>>> = documents.iter().map(count).collect();
    Ok(Arc::new(Int64Array::from(counts?)))
}

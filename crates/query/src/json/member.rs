//! The members of documents: `json_value` (`->`, `#>`) and `json_text` (`->>`, `#>>`).
//!
//! Both are marked as cheap to move towards the scan. There `adapt` replaces them by the column that holds the member;
//! what is defined here runs where no such column is: over the rest of a document, over whole records, and over text that
//! the query itself made. A document or path that is not there is null.

use super::Key;
use crate::table::json_field;
use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StringViewBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExpressionPlacement, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use std::sync::{Arc, LazyLock};

/// `json_value(document, key, …)`.
pub(crate) static VALUE: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::new_from_impl(JsonMember::new(Form::Json))));
/// `json_text(document, key, …)`.
pub(crate) static TEXT: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::new_from_impl(JsonMember::new(Form::Text))));

/// How a member is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// As JSON.
    Json,
    /// As text: a string without quotes, JSON null as null.
    Text,
}

/// A member of a document.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct JsonMember {
    form: Form,
    signature: Signature,
}

impl JsonMember {
    fn new(form: Form) -> Self {
        Self { form, signature: Signature::variadic_any(Volatility::Immutable) }
    }

    pub(crate) fn form(&self) -> Form {
        self.form
    }

    fn title(&self, args: &[Expr], show: impl Fn(&Expr) -> String) -> String {
        let arrow = if self.form == Form::Text { " ->> " } else { " -> " };
        args.iter()
            .map(|arg| match arg {
                Expr::Literal(value, _) => match value.try_as_str() {
                    Some(Some(key)) => format!("'{key}'"),
                    _ => value.to_string(),
                },
                other => show(other),
            })
            .collect::<Vec<_>>()
            .join(arrow)
    }
}

impl ScalarUDFImpl for JsonMember {
    fn name(&self) -> &str {
        match self.form {
            Form::Json => "json_value",
            Form::Text => "json_text",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(self.title(args, |arg| arg.schema_name().to_string()))
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        check_arguments(self.name(), arg_types)?;
        Ok(DataType::Utf8View)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        check_arguments(self.name(), &types)?;
        Ok(Arc::new(match self.form {
            Form::Json => json_field(self.name()),
            Form::Text => Field::new(self.name(), DataType::Utf8View, true),
        }))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let all_scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if all_scalar { 1 } else { args.number_rows };
        let Some((document, keys)) = args.args.split_first() else {
            return exec_err!("{} needs a document", self.name());
        };
        let documents = text_array(&document.to_array(rows)?)?;
        let found = match constant_path(keys) {
            Some(Some(path)) => members(&documents, self.form, |_| Some(&path)),
            Some(None) => members(&documents, self.form, |_| None),
            None => {
                let paths = path_rows(keys, rows)?;
                members(&documents, self.form, |row| paths[row].as_ref())
            }
        };
        if all_scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&found, 0)?));
        }
        Ok(ColumnarValue::Array(Arc::new(found)))
    }

    /// A member of a column at a constant path moves to the scan, past filters and joins.
    fn placement(&self, args: &[ExpressionPlacement]) -> ExpressionPlacement {
        match args {
            [ExpressionPlacement::Column, keys @ ..]
                if keys.iter().all(|key| matches!(key, ExpressionPlacement::Literal)) =>
            {
                ExpressionPlacement::MoveTowardsLeafNodes
            }
            _ => ExpressionPlacement::KeepInPlace,
        }
    }
}

/// The member at a path of every document, in the form asked for.
pub(crate) fn members<'p>(
    documents: &StringViewArray,
    form: Form,
    path: impl Fn(usize) -> Option<&'p Vec<Key>>,
) -> StringViewArray {
    let mut out = StringViewBuilder::with_capacity(documents.len());
    for (row, document) in documents.iter().enumerate() {
        let value = document.zip(path(row)).and_then(|(document, path)| super::find(document, path));
        match form {
            Form::Json => out.append_option(value),
            Form::Text => out.append_option(value.and_then(super::text)),
        }
    }
    out.finish()
}

/// The keys as a path when they are constants; `Some(None)` when one of them is null.
pub(crate) fn constant_path(keys: &[ColumnarValue]) -> Option<Option<Vec<Key>>> {
    keys.iter()
        .map(|key| match key {
            ColumnarValue::Scalar(key) => Some(key_of(key)),
            ColumnarValue::Array(_) => None,
        })
        .collect()
}

/// A constant as a step of a path; `None` for null.
pub(crate) fn key_of(value: &ScalarValue) -> Option<Key> {
    match value.try_as_str() {
        Some(name) => name.map(|name| Key::Name(name.to_owned())),
        None => match value.cast_to(&DataType::Int64) {
            Ok(ScalarValue::Int64(index)) => index.map(Key::Index),
            _ => None,
        },
    }
}

fn path_rows(keys: &[ColumnarValue], rows: usize) -> Result<Vec<Option<Vec<Key>>>> {
    let mut paths: Vec<Option<Vec<Key>>> = vec![Some(Vec::new()); rows];
    for key in keys {
        let key = key.to_array(rows)?;
        for (row, path) in paths.iter_mut().enumerate() {
            *path = match (path.take(), key_of(&ScalarValue::try_from_array(&key, row)?)) {
                (Some(mut path), Some(key)) => {
                    path.push(key);
                    Some(path)
                }
                _ => None,
            };
        }
    }
    Ok(paths)
}

fn check_arguments(function: &str, types: &[DataType]) -> Result<()> {
    let Some((document, keys)) = types.split_first() else {
        return plan_err!("{function} needs a document");
    };
    if !(document.is_string() || document.is_null()) {
        return plan_err!("{function} needs a JSON document, not {document}");
    }
    match keys.iter().find(|key| !(key.is_string() || key.is_integer() || key.is_null())) {
        Some(key) => plan_err!("{function} needs a member's name or an element's number, not {key}"),
        None => Ok(()),
    }
}

/// A column of text, whatever its layout.
pub(crate) fn text_array(array: &ArrayRef) -> Result<StringViewArray> {
    match array.as_string_view_opt() {
        Some(views) => Ok(views.clone()),
        None => Ok(cast(array, &DataType::Utf8View)?.as_string_view().clone()),
    }
}

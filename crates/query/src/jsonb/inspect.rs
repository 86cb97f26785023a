//! What can be asked of a document: its type, its elements, its members, and what it contains.
//!
//! As in PostgreSQL, a question that makes no sense for the value at hand, such as the length of an object, is an error.

use super::call::Kind::{Document, Text, Texts};
use super::call::{Gives, JsonFunction, Row, Value, text_value};
use crate::fault::fault;
use crate::json::{element, elements, has, key, member, members, text, unescape};
use datafusion::common::{DataFusionError, Result};
use std::borrow::Cow;

/// The functions of this file.
pub(super) static FUNCTIONS: &[JsonFunction] = &[
    JsonFunction { aliases: &["jsonb_typeof"], ..JsonFunction::of("json_typeof", &[Document], Gives::Text, type_of) },
    JsonFunction {
        aliases: &["jsonb_array_length"],
        ..JsonFunction::of("json_array_length", &[Document], Gives::Int, length)
    },
    JsonFunction {
        aliases: &["jsonb_array_elements"],
        ..JsonFunction::of("json_array_elements", &[Document], Gives::Documents, |row| list(row, Form::Json))
    },
    JsonFunction {
        aliases: &["jsonb_array_elements_text"],
        ..JsonFunction::of("json_array_elements_text", &[Document], Gives::Texts, |row| list(row, Form::Text))
    },
    JsonFunction {
        aliases: &["jsonb_object_keys"],
        ..JsonFunction::of("json_object_keys", &[Document], Gives::Texts, |row| {
            names(row, "jsonb_object_keys", "an array", "a scalar")
        })
    },
    // The columns of `jsonb_each` and `jsonb_each_text`, side by side.
    JsonFunction::of("json_each_key", &[Document], Gives::Texts, |row| {
        names(row, "jsonb_each", "a non-object", "a non-object")
    }),
    JsonFunction::of("json_each_value", &[Document], Gives::Documents, |row| values(row, Form::Json)),
    JsonFunction::of("json_each_text_value", &[Document], Gives::Texts, |row| values(row, Form::Text)),
    JsonFunction {
        aliases: &["jsonb_exists"],
        ..JsonFunction::of("json_has", &[Document, Text], Gives::Bool, has_one)
    },
    JsonFunction {
        aliases: &["jsonb_exists_any"],
        ..JsonFunction::of("json_has_any", &[Document, Texts], Gives::Bool, |row| has_of(row, true))
    },
    JsonFunction {
        aliases: &["jsonb_exists_all"],
        ..JsonFunction::of("json_has_all", &[Document, Texts], Gives::Bool, |row| has_of(row, false))
    },
    JsonFunction {
        aliases: &["jsonb_contains"],
        ..JsonFunction::of("json_contains", &[Document, Document], Gives::Bool, |row| {
            Ok(Value::Bool(contains(row.document(0), row.document(1), true)))
        })
    },
    JsonFunction {
        aliases: &["json_extract_path"],
        rest: Some(Text),
        ..JsonFunction::of("jsonb_extract_path", &[Document], Gives::Document, |row| {
            Ok(extract(row).map_or(Value::Null, |value| Value::Document(value.to_owned())))
        })
    },
    JsonFunction {
        aliases: &["json_extract_path_text"],
        rest: Some(Text),
        ..JsonFunction::of("jsonb_extract_path_text", &[Document], Gives::Text, |row| Ok(text_value(extract(row))))
    },
];

#[derive(Clone, Copy)]
enum Form {
    Json,
    Text,
}

impl Form {
    fn of(self, value: &str) -> Option<String> {
        match self {
            Form::Json => Some(value.to_owned()),
            Form::Text => text(value).map(Cow::into_owned),
        }
    }
}

fn type_of(row: &Row<'_>) -> Result<Value> {
    let name = match row.document(0).as_bytes().first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    };
    Ok(Value::Text(name.to_owned()))
}

fn length(row: &Row<'_>) -> Result<Value> {
    let value = row.document(0);
    match value.as_bytes().first() {
        Some(b'[') => Ok(i32::try_from(elements(value).count()).map_or(Value::Null, Value::Int)),
        Some(b'{') => Err(fault("cannot get array length of a non-array")),
        _ => Err(fault("cannot get array length of a scalar")),
    }
}

fn list(row: &Row<'_>, form: Form) -> Result<Value> {
    let value = row.document(0);
    match value.as_bytes().first() {
        Some(b'[') => Ok(Value::List(elements(value).map(|element| form.of(element)).collect())),
        Some(b'{') => Err(fault("cannot extract elements from an object")),
        _ => Err(fault("cannot extract elements from a scalar")),
    }
}

/// The members in jsonb's order.
fn sorted<'a>(value: &'a str, function: &str, array: &str, scalar: &str) -> Result<Vec<(Cow<'a, str>, &'a str)>> {
    let wrong = |what: &str| -> DataFusionError { fault(format!("cannot call {function} on {what}")) };
    match value.as_bytes().first() {
        Some(b'{') => key::sorted(value).ok_or_else(|| fault("invalid input syntax for type json")),
        Some(b'[') => Err(wrong(array)),
        _ => Err(wrong(scalar)),
    }
}

fn names(row: &Row<'_>, function: &str, array: &str, scalar: &str) -> Result<Value> {
    let members = sorted(row.document(0), function, array, scalar)?;
    Ok(Value::List(members.into_iter().map(|(name, _)| Some(name.into_owned())).collect()))
}

fn values(row: &Row<'_>, form: Form) -> Result<Value> {
    let members = sorted(row.document(0), "jsonb_each", "a non-object", "a non-object")?;
    Ok(Value::List(members.into_iter().map(|(_, value)| form.of(value)).collect()))
}

fn has_one(row: &Row<'_>) -> Result<Value> {
    Ok(row.text(1).map_or(Value::Null, |name| Value::Bool(has(row.document(0), name))))
}

fn has_of(row: &Row<'_>, any: bool) -> Result<Value> {
    let value = row.document(0);
    // A null among the names is passed over.
    let found = row.texts(1).into_iter().flatten().map(|name| has(value, &name));
    Ok(Value::Bool(if any { found.into_iter().any(|found| found) } else { found.into_iter().all(|found| found) }))
}

/// Whether everything of `part` is in `whole`, each of its elements in some element. At the top an array contains a scalar.
fn contains(whole: &str, part: &str, top: bool) -> bool {
    match (whole.as_bytes().first(), part.as_bytes().first()) {
        (Some(b'{'), Some(b'{')) => members(part).all(|(name, wanted)| {
            let found = unescape(name).and_then(|name| member(whole, &name));
            found.is_some_and(|found| contains(found, wanted, false))
        }),
        (Some(b'['), Some(b'[')) => {
            elements(part).all(|wanted| elements(whole).any(|element| contains(element, wanted, false)))
        }
        (Some(b'['), Some(b'{')) | (Some(b'{' | b'['), None) | (None, _) => false,
        (Some(b'['), Some(_)) if top => elements(whole).any(|element| contains(element, part, false)),
        (Some(b'{' | b'['), _) | (_, Some(b'{' | b'[')) => false,
        _ => key::key(whole).is_some_and(|whole| Some(whole) == key::key(part)),
    }
}

/// The value at a path of texts, of which one of digits is an element's number where there is an array.
fn extract<'a>(row: &'a Row<'_>) -> Option<&'a str> {
    (1..row.len()).try_fold(row.document(0), |value, at| step(value, row.text(at)?))
}

/// A step into a value, as `#>` takes it.
pub(super) fn step<'a>(value: &'a str, step: &str) -> Option<&'a str> {
    match value.as_bytes().first()? {
        b'{' => member(value, step),
        b'[' => element(value, index(step)?),
        _ => None,
    }
}

/// A step as the number of an element.
pub(super) fn index(step: &str) -> Option<i64> {
    step.trim_start().parse::<i32>().ok().map(i64::from)
}

//! Documents made of values: `to_jsonb`, `jsonb_build_object`, `jsonb_build_array`, `jsonb_object`, `row_to_json`.

use super::call::Kind::{Any, Document, Texts};
use super::call::{Gives, JsonFunction, Row, Value, spelt};
use crate::fault::fault;
use crate::function::texts;
use crate::json::member::text_array;
use crate::json::spell::{pretty, stored_number};
use crate::json::{key, text};
use crate::table::is_json;
use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StringViewBuilder};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::Result;
use onrecord_record::canonical;
use std::collections::BTreeMap;

/// The functions of this file.
pub(super) static FUNCTIONS: &[JsonFunction] = &[
    // What a cast to jsonb, and one to text, is planned as.
    JsonFunction::of("jsonb_in", &[Document], Gives::Document, |row| Ok(Value::Document(row.document(0).to_owned()))),
    JsonFunction::of("jsonb_out", &[Document], Gives::Text, |row| Ok(spelt(row.document(0)))),
    JsonFunction {
        aliases: &["to_json", "row_to_json"],
        ..JsonFunction::of("to_jsonb", &[Any], Gives::Document, |row| Ok(Value::Document(row.document(0).to_owned())))
    },
    JsonFunction {
        aliases: &["json_build_array"],
        rest: Some(Any),
        strict: false,
        ..JsonFunction::of("jsonb_build_array", &[], Gives::Document, array)
    },
    JsonFunction {
        aliases: &["json_build_object"],
        rest: Some(Any),
        strict: false,
        ..JsonFunction::of("jsonb_build_object", &[], Gives::Document, object)
    },
    JsonFunction {
        aliases: &["json_object"],
        optional: 1,
        ..JsonFunction::of("jsonb_object", &[Texts, Texts], Gives::Document, object_of_texts)
    },
    JsonFunction::of("jsonb_pretty", &[Document], Gives::Text, |row| Ok(Value::Text(pretty(row.document(0))))),
];

fn array(row: &Row<'_>) -> Result<Value> {
    let elements: Vec<&str> = (0..row.len()).map(|at| row.document(at)).collect();
    Ok(Value::Document(format!("[{}]", elements.join(","))))
}

fn object(row: &Row<'_>) -> Result<Value> {
    if !row.len().is_multiple_of(2) {
        return Err(fault("argument list must have even number of elements"));
    }
    let mut members = Members::default();
    for at in (0..row.len()).step_by(2) {
        let name = row.document(at);
        if row.is_null(at) {
            return Err(fault("argument of jsonb_build_object: key must not be null"));
        }
        if name.starts_with(['{', '[']) {
            return Err(fault("key value must be scalar, not array, composite, or json"));
        }
        members.add(&text(name).unwrap_or_default(), row.document(at + 1));
    }
    Ok(Value::Document(members.finish()))
}

fn object_of_texts(row: &Row<'_>) -> Result<Value> {
    let (names, values) = (row.texts(0), row.texts(1));
    let pairs: Vec<_> = match row.len() {
        1 if !names.len().is_multiple_of(2) => return Err(fault("array must have even number of elements")),
        1 => names.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect(),
        _ if names.len() != values.len() => return Err(fault("mismatched array dimensions")),
        _ => names.into_iter().zip(values).collect(),
    };
    let mut members = Members::default();
    for (name, value) in pairs {
        let name = name.ok_or_else(|| fault("null value not allowed for object key"))?;
        members.add(&name, &value.map_or_else(|| "null".to_owned(), |value| quoted(&value)));
    }
    Ok(Value::Document(members.finish()))
}

/// The members of an object that is being made: of two with one name the later, in the order of stored documents.
#[derive(Default)]
pub(super) struct Members(BTreeMap<Vec<u16>, (String, String)>);

impl Members {
    pub(super) fn of(object: &str) -> Option<Self> {
        let mut members = Self::default();
        key::sorted(object)?.into_iter().for_each(|(name, value)| members.add(&name, value));
        Some(members)
    }

    pub(super) fn add(&mut self, name: &str, value: &str) {
        self.0.insert(name.encode_utf16().collect(), (name.to_owned(), value.to_owned()));
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(&name.encode_utf16().collect::<Vec<_>>())
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.remove(&name.encode_utf16().collect::<Vec<_>>());
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.get(&name.encode_utf16().collect::<Vec<_>>()).map(|(_, value)| value.as_str())
    }

    pub(super) fn finish(self) -> String {
        let members: Vec<String> =
            self.0.into_values().map(|(name, value)| format!("{}:{value}", quoted(&name))).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// A text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    canonical::write_string(text, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// The values of a column that holds no documents, as JSON; null where they are null.
pub(super) fn documents_of(values: &ArrayRef) -> Result<StringViewArray> {
    let mut out = StringViewBuilder::with_capacity(values.len());
    match values.data_type() {
        DataType::Null => return Ok(std::iter::repeat_n(None::<&str>, values.len()).collect()),
        DataType::Boolean => {
            let word = |truth| if truth { "true" } else { "false" };
            return Ok(values.as_boolean().iter().map(|truth| truth.map(word)).collect());
        }
        DataType::List(item) => {
            let lists = values.as_list::<i32>();
            let elements = if is_json(item) { text_array(lists.values())? } else { documents_of(lists.values())? };
            for row in 0..lists.len() {
                let range = lists.value_offsets()[row] as usize..lists.value_offsets()[row + 1] as usize;
                let of_row: Vec<&str> =
                    range.map(|at| if elements.is_null(at) { "null" } else { elements.value(at) }).collect();
                match lists.is_null(row) {
                    true => out.append_null(),
                    false => out.append_value(format!("[{}]", of_row.join(","))),
                }
            }
            return Ok(out.finish());
        }
        DataType::Struct(fields) => {
            let columns = values.as_struct();
            let documents = fields
                .iter()
                .zip(columns.columns())
                .map(|(field, column)| if is_json(field) { text_array(column) } else { documents_of(column) })
                .collect::<Result<Vec<_>>>()?;
            for row in 0..columns.len() {
                let mut members = Members::default();
                for (field, column) in fields.iter().zip(&documents) {
                    members.add(field.name(), if column.is_null(row) { "null" } else { column.value(row) });
                }
                match columns.is_null(row) {
                    true => out.append_null(),
                    false => out.append_value(members.finish()),
                }
            }
            return Ok(out.finish());
        }
        _ => {}
    }
    let is_number = values.data_type().is_numeric();
    let is_finite =
        |row: usize| values.as_primitive_opt::<Float64Type>().is_none_or(|doubles| doubles.value(row).is_finite());
    let is_time = matches!(values.data_type(), DataType::Timestamp(..));
    let has_zone = matches!(values.data_type(), DataType::Timestamp(_, Some(_)));
    let shown = texts(values)?;
    for row in 0..values.len() {
        if shown.is_null(row) {
            out.append_null();
            continue;
        }
        let text = shown.value(row);
        if is_number && is_finite(row) {
            out.append_value(stored_number(text).unwrap_or_else(|| text.to_owned()));
        } else if is_time {
            let zone = if has_zone { ":00" } else { "" };
            out.append_value(quoted(&format!("{}{zone}", text.replacen(' ', "T", 1))));
        } else {
            out.append_value(quoted(text));
        }
    }
    Ok(out.finish())
}

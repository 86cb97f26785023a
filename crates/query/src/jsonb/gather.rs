//! The ends of aggregates: `jsonb_agg` and `jsonb_object_agg` gather a list of documents, which becomes one here, and the
//! numbers of WITH ORDINALITY.

use super::build::Members;
use super::call::Kind::{Any, Bool};
use super::call::{Gives, JsonFunction, Row, Value};
use crate::fault::fault;
use crate::json::{elements, key, text};
use datafusion::common::Result;
use std::cmp::Reverse;

/// The functions of this file.
pub(super) static FUNCTIONS: &[JsonFunction] = &[
    JsonFunction::of("jsonb_of_list", &[Any], Gives::Document, |row| Ok(array(&unwrapped(row)))),
    JsonFunction::of("jsonb_of_set", &[Any, Bool], Gives::Document, set),
    JsonFunction::of("jsonb_of_pairs", &[Any], Gives::Document, pairs),
];

fn array(documents: &[String]) -> Value {
    Value::Document(format!("[{}]", documents.join(",")))
}

/// The documents of a list of texts that are documents: as JSON the list has them as strings.
fn unwrapped(row: &Row<'_>) -> Vec<String> {
    elements(row.document(0))
        .map(|element| text(element).map_or_else(|| "null".to_owned(), |text| text.into_owned()))
        .collect()
}

/// Different documents in their order, or the other way round.
fn set(row: &Row<'_>) -> Result<Value> {
    let mut documents = unwrapped(row);
    let place = |document: &String| (document == "null", key::key(document));
    match row.bool(1) == Some(true) {
        true => documents.sort_by_cached_key(|document| Reverse(place(document))),
        false => documents.sort_by_cached_key(place),
    }
    Ok(array(&documents))
}

/// An object of pairs `[name, value]`.
fn pairs(row: &Row<'_>) -> Result<Value> {
    let mut members = Members::default();
    for pair in unwrapped(row) {
        let mut parts = elements(&pair);
        let (name, value) = (parts.next().unwrap_or("null"), parts.next().unwrap_or("null"));
        if name.starts_with(['{', '[']) {
            return Err(fault("key value must be scalar, not array, composite, or json"));
        }
        let name = text(name).ok_or_else(|| fault("field name must not be null"))?;
        members.add(&name, value);
    }
    Ok(Value::Document(members.finish()))
}

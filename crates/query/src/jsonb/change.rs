//! Documents made of others: `||`, `-`, `#-`, `jsonb_set`, `jsonb_insert`, `jsonb_strip_nulls`. The stored one stays as it is.

use super::build::Members;
use super::call::Kind::{Bool, Document, Int, Text, Texts};
use super::call::{Gives, JsonFunction, Row, Value};
use super::inspect;
use crate::fault::fault;
use crate::json::{elements, key, text};
use datafusion::common::Result;

/// The functions of this file.
pub(super) static FUNCTIONS: &[JsonFunction] = &[
    JsonFunction::of("jsonb_concat", &[Document, Document], Gives::Document, concat),
    JsonFunction::of("jsonb_delete", &[Document, Text], Gives::Document, |row| {
        delete_names(row.document(0), &[row.text(1).unwrap_or_default().to_owned()])
    }),
    JsonFunction::of("jsonb_delete_names", &[Document, Texts], Gives::Document, |row| {
        delete_names(row.document(0), &row.texts(1).into_iter().flatten().collect::<Vec<_>>())
    }),
    JsonFunction::of("jsonb_delete_element", &[Document, Int], Gives::Document, delete_element),
    JsonFunction::of("jsonb_delete_path", &[Document, Texts], Gives::Document, |row| {
        change(row.document(0), &path(row)?, &Change::Delete).map(Value::Document)
    }),
    JsonFunction {
        optional: 1,
        ..JsonFunction::of("jsonb_set", &[Document, Texts, Document, Bool], Gives::Document, |row| {
            let change_to = Change::Set { value: row.document(2), create: row.len() < 4 || row.bool(3) == Some(true) };
            change(row.document(0), &path(row)?, &change_to).map(Value::Document)
        })
    },
    JsonFunction {
        optional: 1,
        ..JsonFunction::of("jsonb_insert", &[Document, Texts, Document, Bool], Gives::Document, |row| {
            let change_to =
                Change::Insert { value: row.document(2), after: row.len() > 3 && row.bool(3) == Some(true) };
            change(row.document(0), &path(row)?, &change_to).map(Value::Document)
        })
    },
    JsonFunction {
        aliases: &["json_strip_nulls"],
        ..JsonFunction::of("jsonb_strip_nulls", &[Document], Gives::Document, |row| {
            Ok(Value::Document(without_nulls(row.document(0))))
        })
    },
];

fn is_object(value: &str) -> bool {
    value.starts_with('{')
}

fn is_array(value: &str) -> bool {
    value.starts_with('[')
}

fn members(object: &str) -> Result<Members> {
    Members::of(object).ok_or_else(|| fault("invalid input syntax for type json"))
}

fn concat(row: &Row<'_>) -> Result<Value> {
    let (left, right) = (row.document(0), row.document(1));
    if is_object(left) && is_object(right) {
        let mut merged = members(left)?;
        key::sorted(right).into_iter().flatten().for_each(|(name, value)| merged.add(&name, value));
        return Ok(Value::Document(merged.finish()));
    }
    let parts = |value| -> Vec<&str> { if is_array(value) { elements(value).collect() } else { vec![value] } };
    Ok(Value::Document(format!("[{}]", [parts(left), parts(right)].concat().join(","))))
}

fn delete_names(value: &str, names: &[String]) -> Result<Value> {
    if is_object(value) {
        let mut kept = members(value)?;
        names.iter().for_each(|name| kept.remove(name));
        return Ok(Value::Document(kept.finish()));
    }
    if !is_array(value) {
        return Err(fault("cannot delete from scalar"));
    }
    // Of an array the elements that are that string.
    let is_named = |element: &str| {
        element.starts_with('"') && text(element).is_some_and(|text| names.iter().any(|name| *name == text))
    };
    let kept: Vec<&str> = elements(value).filter(|element| !is_named(element)).collect();
    Ok(Value::Document(format!("[{}]", kept.join(","))))
}

fn delete_element(row: &Row<'_>) -> Result<Value> {
    let value = row.document(0);
    if is_object(value) {
        return Err(fault("cannot delete from object using integer index"));
    }
    if !is_array(value) {
        return Err(fault("cannot delete from scalar"));
    }
    let mut kept: Vec<&str> = elements(value).collect();
    if let Some(at) = place(row.int(1).unwrap_or_default(), kept.len()) {
        kept.remove(at);
    }
    Ok(Value::Document(format!("[{}]", kept.join(","))))
}

/// The place of an element, counted from the end when negative; `None` when it is not there.
fn place(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let at = if index < 0 { length + index } else { index };
    (0..length).contains(&at).then(|| usize::try_from(at).ok())?
}

fn path(row: &Row<'_>) -> Result<Vec<String>> {
    let steps = row.texts(1).into_iter().enumerate();
    steps.map(|(at, step)| step.ok_or_else(|| fault(format!("path element at position {} is null", at + 1)))).collect()
}

/// What is done at the end of a path.
enum Change<'a> {
    Delete,
    Set { value: &'a str, create: bool },
    Insert { value: &'a str, after: bool },
}

fn change(value: &str, path: &[String], change: &Change<'_>) -> Result<String> {
    if !is_object(value) && !is_array(value) {
        return Err(fault(match change {
            Change::Delete => "cannot delete path in scalar",
            Change::Set { .. } | Change::Insert { .. } => "cannot set path in scalar",
        }));
    }
    match path.split_first() {
        Some((step, rest)) => at_step(value, step, rest, change),
        None => Ok(value.to_owned()),
    }
}

fn at_step(value: &str, step: &str, rest: &[String], change: &Change<'_>) -> Result<String> {
    if is_object(value) {
        let mut changed = members(value)?;
        if !rest.is_empty() {
            if let Some(inner) = changed.value(step) {
                let inner = at_step_of(inner, rest, change)?;
                changed.add(step, &inner);
            }
            return Ok(changed.finish());
        }
        match change {
            Change::Delete => changed.remove(step),
            Change::Set { value, create } if *create || changed.has(step) => changed.add(step, value),
            Change::Set { .. } => {}
            Change::Insert { .. } if changed.has(step) => return Err(fault("cannot replace existing key")),
            Change::Insert { value, .. } => changed.add(step, value),
        }
        return Ok(changed.finish());
    }
    if !is_array(value) {
        return Ok(value.to_owned());
    }
    let Some(index) = inspect::index(step) else {
        return Err(fault("a step of the path into an array is not an integer"));
    };
    let mut changed: Vec<String> = elements(value).map(str::to_owned).collect();
    let found = place(index, changed.len());
    if !rest.is_empty() {
        if let Some(at) = found {
            changed[at] = at_step_of(&changed[at], rest, change)?;
        }
        return Ok(format!("[{}]", changed.join(",")));
    }
    // Beyond its ends an array grows at that end.
    let end = if index < 0 { 0 } else { changed.len() };
    match (change, found) {
        (Change::Delete, Some(at)) => drop(changed.remove(at)),
        (Change::Delete, None) | (Change::Set { create: false, .. }, None) => {}
        (Change::Set { value, .. }, Some(at)) => (*value).clone_into(&mut changed[at]),
        (Change::Set { value, .. } | Change::Insert { value, .. }, None) => changed.insert(end, (*value).to_owned()),
        (Change::Insert { value, after }, Some(at)) => changed.insert(at + usize::from(*after), (*value).to_owned()),
    }
    Ok(format!("[{}]", changed.join(",")))
}

/// Further into the document; a scalar on the way leaves everything as it is.
fn at_step_of(value: &str, rest: &[String], change: &Change<'_>) -> Result<String> {
    match rest.split_first() {
        Some((step, rest)) => at_step(value, step, rest, change),
        None => Ok(value.to_owned()),
    }
}

fn without_nulls(value: &str) -> String {
    if is_array(value) {
        let elements: Vec<String> = elements(value).map(without_nulls).collect();
        return format!("[{}]", elements.join(","));
    }
    if !is_object(value) {
        return value.to_owned();
    }
    let kept: Vec<String> = crate::json::members(value)
        .filter(|(_, member)| *member != "null")
        .map(|(name, member)| format!("{name}:{}", without_nulls(member)))
        .collect();
    format!("{{{}}}", kept.join(","))
}

//! Which paths of the documents become columns, and of which type: decided once per segment, from a sample.
//!
//! A [`Survey`] counts, for every path, how often it holds what. [`Survey::plan`] then takes the most frequent shape
//! of the most frequent paths. A plan is a matter of speed, never of correctness: whatever does not fit goes to the
//! rest column. So a survey may be bounded (it forgets paths beyond [`NODES_MAX`]) and may look at a sample only.

use crate::schema::{Document, PATH_COLUMNS_MAX, PathColumn, Scalar, Shape, is_column_key};
use onrecord_record::{Value, ValueKind};
use std::collections::HashMap;

/// Paths that a survey counts. Documents with endless key names fill it; the frequent ones were met before.
const NODES_MAX: usize = 8_192;

/// Shapes of lists that are told apart at one path.
const LIST_SHAPES_MAX: usize = 8;

/// Keys from the document down to a column; deeper members stay in the rest.
const PATH_KEYS_MAX: usize = 8;

/// One value in this many rows makes a path frequent enough for a column.
const ROWS_PER_VALUE_MAX: u64 = 2_000;

/// Counts of what lies at which path.
#[derive(Debug, Default)]
pub struct Survey {
    roots: [Seen; Document::ALL.len()],
    nodes: usize,
    rows: u64,
}

/// One path: what was found there, and below.
#[derive(Debug, Default)]
struct Seen {
    key: String,
    children: Vec<Seen>,
    /// Integers of 64 bits.
    integers: u64,
    /// Those of them that no double holds.
    wides: u64,
    /// Numbers that only a double holds.
    floats: u64,
    booleans: u64,
    texts: u64,
    lists: Vec<(Shape, u64)>,
    /// Where the next child is expected: records of one producer have their members in one order.
    next: usize,
}

impl Survey {
    /// Counts the documents of one record; anything but an object with documents in it adds only a row.
    pub fn observe(&mut self, record: Value<'_>) {
        self.rows += 1;
        for (key, value) in record.members() {
            if let Some(document) = Document::parse(key) {
                self.roots[document as usize].observe(value, 0, &mut self.nodes);
            }
        }
    }

    /// Adds rows that were counted elsewhere, whose columns come by [`Survey::add_column`].
    pub fn add_rows(&mut self, rows: u64) {
        self.rows += rows;
    }

    /// Adds `values` values of a column of another segment.
    pub fn add_column(&mut self, column: &PathColumn, values: u64) {
        let mut seen = Some(&mut self.roots[column.document as usize]);
        for key in &column.path {
            seen = seen.and_then(|seen| seen.child(key, &mut self.nodes));
        }
        if let Some(seen) = seen {
            seen.count(column.shape.clone(), values);
        }
    }

    /// The columns to make: of each frequent path its most frequent shape, the most frequent paths first if there are
    /// too many. In file order: by document, then by path.
    pub fn plan(&self) -> Vec<PathColumn> {
        let mut found = Vec::new();
        for document in Document::ALL {
            self.roots[document as usize].collect(document, &mut Vec::new(), &mut found);
        }
        found.retain(|(_, values)| *values * ROWS_PER_VALUE_MAX >= self.rows);
        found.sort_by_key(|(_, values)| std::cmp::Reverse(*values));
        found.truncate(PATH_COLUMNS_MAX);
        let mut columns: Vec<PathColumn> = found.into_iter().map(|(column, _)| column).collect();
        columns.sort_by(|a, b| (a.document, &a.path).cmp(&(b.document, &b.path)));
        columns
    }
}

impl Seen {
    fn observe(&mut self, value: Value<'_>, depth: usize, nodes: &mut usize) {
        match value.kind() {
            ValueKind::Null => {}
            ValueKind::Bool => self.booleans += 1,
            ValueKind::String => self.texts += 1,
            ValueKind::Number => self.observe_number(value),
            ValueKind::Array => {
                if let Some(shape) = list_shape(value) {
                    self.count(shape, 1);
                }
            }
            ValueKind::Object if depth < PATH_KEYS_MAX => {
                for (key, value) in value.members() {
                    if is_column_key(key)
                        && let Some(child) = self.child(key, nodes)
                    {
                        child.observe(value, depth + 1, nodes);
                    }
                }
            }
            ValueKind::Object => {}
        }
    }

    fn observe_number(&mut self, value: Value<'_>) {
        match (value.as_i64(), value.as_f64()) {
            (Some(_), Some(_)) => self.integers += 1,
            (Some(_), None) => {
                self.integers += 1;
                self.wides += 1;
            }
            (None, Some(_)) => self.floats += 1,
            // Integers beyond 64 bits stay in the rest.
            (None, None) => {}
        }
    }

    fn child(&mut self, key: &str, nodes: &mut usize) -> Option<&mut Seen> {
        let expected = self.next;
        let at = if self.children.get(expected).is_some_and(|child| child.key == key) {
            expected
        } else if let Some(at) = self.children.iter().position(|child| child.key == key) {
            at
        } else if *nodes < NODES_MAX {
            *nodes += 1;
            self.children.push(Seen { key: key.to_owned(), ..Seen::default() });
            self.children.len() - 1
        } else {
            return None;
        };
        self.next = at + 1;
        self.children.get_mut(at)
    }

    fn count(&mut self, shape: Shape, values: u64) {
        match shape {
            Shape::Scalar(Scalar::Int64) => self.integers += values,
            Shape::Scalar(Scalar::Float64) => self.floats += values,
            Shape::Scalar(Scalar::Boolean) => self.booleans += values,
            Shape::Scalar(Scalar::Utf8) => self.texts += values,
            shape => {
                for (seen, count) in &mut self.lists {
                    if let Some(both) = unify(seen, &shape) {
                        *seen = both;
                        *count += values;
                        return;
                    }
                }
                if self.lists.len() < LIST_SHAPES_MAX {
                    self.lists.push((shape, values));
                }
            }
        }
    }

    fn collect(&self, document: Document, path: &mut Vec<String>, found: &mut Vec<(PathColumn, u64)>) {
        let doubles = self.integers - self.wides + self.floats;
        let scalars = [
            (Shape::Scalar(Scalar::Float64), doubles),
            // Of equals the last is taken.
            (Shape::Scalar(Scalar::Int64), self.integers),
            (Shape::Scalar(Scalar::Boolean), self.booleans),
            (Shape::Scalar(Scalar::Utf8), self.texts),
        ];
        let best = scalars.into_iter().chain(self.lists.iter().cloned()).max_by_key(|(_, values)| *values);
        if let Some((shape, values)) = best.filter(|(_, values)| *values > 0) {
            found.push((PathColumn { document, path: path.clone(), shape }, values));
        }
        // Of names that differ only in case, one: many readers do not tell them apart.
        let mut winners: HashMap<String, &Seen> = HashMap::new();
        for child in &self.children {
            let winner = winners.entry(child.key.to_ascii_lowercase()).or_insert(child);
            if child.values() > winner.values() {
                *winner = child;
            }
        }
        for child in winners.into_values() {
            path.push(child.key.clone());
            child.collect(document, path, found);
            path.pop();
        }
    }

    /// Values here and below.
    fn values(&self) -> u64 {
        let here = self.integers + self.floats + self.booleans + self.texts;
        let lists: u64 = self.lists.iter().map(|(_, values)| values).sum();
        here + lists + self.children.iter().map(Seen::values).sum::<u64>()
    }
}

/// The shape of a list; `None` for an empty one (it fits any shape) and for one that no column holds.
fn list_shape(list: Value<'_>) -> Option<Shape> {
    let mut elements = list.elements().map(element_shape);
    let first = elements.next()??;
    elements.try_fold(first, |shape, element| unify(&shape, &element?))
}

fn element_shape(element: Value<'_>) -> Option<Shape> {
    if element.kind() != ValueKind::Object {
        return Some(Shape::List(scalar_of(element)?));
    }
    let keys: Option<Vec<_>> = element
        .members_sorted()
        .map(|(key, value)| Some((is_column_key(key).then(|| key.to_owned())?, scalar_of(value)?)))
        .collect();
    keys.filter(|keys| !keys.is_empty() && tells_keys_apart(keys)).map(Shape::Rows)
}

fn tells_keys_apart(keys: &[(String, Scalar)]) -> bool {
    (1..keys.len()).all(|at| keys[..at].iter().all(|(key, _)| !key.eq_ignore_ascii_case(&keys[at].0)))
}

fn scalar_of(value: Value<'_>) -> Option<Scalar> {
    match value.kind() {
        ValueKind::Bool => Some(Scalar::Boolean),
        ValueKind::String => Some(Scalar::Utf8),
        ValueKind::Number if value.as_i64().is_some() => Some(Scalar::Int64),
        ValueKind::Number => value.as_f64().map(|_| Scalar::Float64),
        ValueKind::Null | ValueKind::Array | ValueKind::Object => None,
    }
}

/// The shape that holds the lists of both; numbers widen to `Float64`.
fn unify(a: &Shape, b: &Shape) -> Option<Shape> {
    let wider = |a: Scalar, b: Scalar| match (a, b) {
        (a, b) if a == b => Some(a),
        (Scalar::Int64, Scalar::Float64) | (Scalar::Float64, Scalar::Int64) => Some(Scalar::Float64),
        _ => None,
    };
    match (a, b) {
        (Shape::List(a), Shape::List(b)) => Some(Shape::List(wider(*a, *b)?)),
        (Shape::Rows(a), Shape::Rows(b)) if a.len() == b.len() => {
            let keys: Option<Vec<_>> = a
                .iter()
                .zip(b)
                .map(|((key, scalar), (other, other_scalar))| {
                    (key == other).then_some(())?;
                    Some((key.clone(), wider(*scalar, *other_scalar)?))
                })
                .collect();
            Some(Shape::Rows(keys?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use onrecord_record::Parser;

    fn plan(records: &[&str]) -> Vec<(String, Shape)> {
        let mut survey = Survey::default();
        for record in records {
            survey.observe(Parser::new().parse(record.as_bytes()).unwrap().value());
        }
        survey.plan().into_iter().map(|column| (column.name(), column.shape)).collect()
    }

    fn scalar(name: &str, scalar: Scalar) -> (String, Shape) {
        (name.to_owned(), Shape::Scalar(scalar))
    }

    #[test]
    fn the_frequent_shape_of_a_path_wins() {
        let found = plan(&[
            r#"{"input_features":{"a":1,"b":"x","c":true}}"#,
            r#"{"input_features":{"a":1.5,"b":2,"c":null}}"#,
            r#"{"input_features":{"a":{"z":2},"b":"y"}}"#,
        ]);
        let expected = [
            scalar("input_features.a", Scalar::Float64),
            scalar("input_features.a.z", Scalar::Int64),
            scalar("input_features.b", Scalar::Utf8),
            scalar("input_features.c", Scalar::Boolean),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn lists_become_columns_when_their_elements_are_alike() {
        let found = plan(&[
            r#"{"explanation":{"t":[{"feature":"a","importance":1},{"feature":"b","importance":0.5}]},"prediction":[1,2]}"#,
            r#"{"explanation":{"t":[]},"metadata":{"mixed":[1,"a"],"nulls":[null],"nested":[[1]],"empty":[]}}"#,
        ]);
        let rows = Shape::Rows(vec![("feature".into(), Scalar::Utf8), ("importance".into(), Scalar::Float64)]);
        assert_eq!(found, [("prediction".to_owned(), Shape::List(Scalar::Int64)), ("explanation.t".to_owned(), rows)]);
    }

    #[test]
    fn of_keys_that_differ_in_case_one_becomes_a_column() {
        let found = plan(&[r#"{"metadata":{"Age":1,"age":2}}"#, r#"{"metadata":{"age":2}}"#]);
        assert_eq!(found, [scalar("metadata.age", Scalar::Int64)]);
        let rows = plan(&[r#"{"metadata":{"t":[{"A":1,"a":2}]}}"#]);
        assert_eq!(rows, []);
    }

    #[test]
    fn odd_keys_stay_in_the_rest() {
        assert_eq!(plan(&[r#"{"metadata":{"a.b":1,"":2,"ü":3,"x y":4}}"#]), []);
    }

    #[test]
    fn columns_are_bounded_and_the_frequent_are_kept() {
        let mut survey = Survey::default();
        for row in 0..400 {
            let record = format!(r#"{{"metadata":{{"k{row}":1,"always":1}}}}"#);
            survey.observe(Parser::new().parse(record.as_bytes()).unwrap().value());
        }
        let plan = survey.plan();
        assert_eq!(plan.len(), PATH_COLUMNS_MAX);
        assert!(plan.iter().any(|column| column.path == ["always"]));
    }

    #[test]
    fn columns_of_other_segments_count_as_values() {
        let column = |shape| PathColumn { document: Document::Prediction, path: vec!["score".into()], shape };
        let mut survey = Survey::default();
        survey.add_rows(10);
        survey.add_column(&column(Shape::Scalar(Scalar::Int64)), 4);
        survey.add_column(&column(Shape::Scalar(Scalar::Float64)), 1);
        survey.add_column(&column(Shape::Scalar(Scalar::Utf8)), 4);
        assert_eq!(survey.plan(), [column(Shape::Scalar(Scalar::Float64))]);
    }
}

//! One document of a decision, from its path columns and its rest.

use super::source::{Source, Text, close_object, prefix};
use crate::schema::{Document, PathColumn};
use arrow::array::RecordBatch;
use onrecord_record::{Parser, Value, ValueKind, canonical};

/// Reads one document, or a part of it, out of the columns of a batch.
pub struct DocumentReader {
    root: Node,
    rest: Option<Text>,
    /// Where in the rest this part of the document lies.
    path: Vec<String>,
    parser: Box<Parser>,
}

/// A key on the way to columns. Children are sorted, which for their plain keys is canonical order.
#[derive(Default)]
struct Node {
    key: String,
    prefix: Vec<u8>,
    column: Option<Source>,
    children: Vec<Node>,
}

impl DocumentReader {
    /// The document's columns in the batch, from `path` (empty for the whole) downwards. Columns that the batch was
    /// read without count as null.
    pub fn new(batch: &RecordBatch, document: Document, path: &[&str]) -> Self {
        let mut root = Node::default();
        let schema = batch.schema();
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            let Some(column) = PathColumn::of(field) else { continue };
            if column.document == document
                && column.path.len() >= path.len()
                && column.path.iter().zip(path).all(|(a, b)| a == b)
            {
                root.insert(&column.path[path.len()..], Source::of(array));
            }
        }
        let rest = batch.column_by_name(document.rest_name()).and_then(Text::of);
        Self { root, rest, path: path.iter().map(|key| (*key).to_owned()).collect(), parser: Box::default() }
    }

    /// Appends the JSON of the row in canonical form; `false`, and nothing appended, if the row has none.
    pub fn write(&mut self, row: usize, out: &mut Vec<u8>) -> bool {
        self.write_after(b"", row, out)
    }

    /// Like [`DocumentReader::write`], with `prefix` before what is written.
    pub(super) fn write_after(&mut self, prefix: &[u8], row: usize, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        out.extend_from_slice(prefix);
        let value = out.len();
        let written = self.root.write(row, out);
        let Some(rest) = self.rest.as_ref().and_then(|rest| rest.get(row)) else {
            if !written {
                out.truncate(start);
            }
            return written;
        };
        if !written && self.path.is_empty() {
            out.extend_from_slice(rest.as_bytes());
            return true;
        }
        let document = self.parser.parse_stored(rest.as_bytes()).ok();
        let root = document.as_ref().map(|document| document.value());
        let part = self.path.iter().try_fold(root, |value, key| Some(value?.get(key))).flatten();
        match part {
            Some(part) if written && part.kind() == ValueKind::Object => {
                out.truncate(value);
                self.root.merge(part, row, out);
            }
            Some(part) if !written => canonical::write(part, out),
            _ if !written => out.truncate(start),
            _ => {}
        }
        written || part.is_some()
    }
}

impl Node {
    fn insert(&mut self, path: &[String], column: Option<Source>) {
        let Some((key, path)) = path.split_first() else {
            self.column = column;
            return;
        };
        let at = match self.children.binary_search_by(|child| child.key.as_str().cmp(key)) {
            Ok(at) => at,
            Err(at) => {
                self.children.insert(at, Node { key: key.clone(), prefix: prefix(key), ..Node::default() });
                at
            }
        };
        self.children[at].insert(path, column);
    }

    /// Writes what the columns hold here, if anything.
    fn write(&self, row: usize, out: &mut Vec<u8>) -> bool {
        if let Some(column) = &self.column
            && column.write_after(b"", row, out)
        {
            return true;
        }
        let start = out.len();
        for child in &self.children {
            child.write_member(row, out);
        }
        if out.len() == start {
            return false;
        }
        close_object(start, out);
        true
    }

    /// Writes this key with what the columns hold, if anything.
    fn write_member(&self, row: usize, out: &mut Vec<u8>) {
        if let Some(column) = &self.column
            && column.write_after(&self.prefix, row, out)
        {
            return;
        }
        if !self.children.is_empty() {
            let start = out.len();
            out.extend_from_slice(&self.prefix);
            if !self.write(row, out) {
                out.truncate(start);
            }
        }
    }

    /// Writes the object whose members are in the columns and in `rest`.
    fn merge(&self, rest: Value<'_>, row: usize, out: &mut Vec<u8>) {
        let start = out.len();
        let mut children = self.children.iter().peekable();
        for (key, value) in rest.members_sorted() {
            // Bytes decide: of two different keys one of which is ASCII, UTF-8 and UTF-16 put the same one first.
            while let Some(child) = children.next_if(|child| child.key.as_str() < key) {
                child.write_member(row, out);
            }
            let child = children.next_if(|child| child.key == key);
            out.push(b',');
            canonical::write_string(key, out);
            out.push(b':');
            match child {
                Some(child) if value.kind() == ValueKind::Object => child.merge(value, row, out),
                _ => canonical::write(value, out),
            }
        }
        children.for_each(|child| child.write_member(row, out));
        close_object(start, out);
    }
}

//! One document of a decision, into its path columns and its rest.

use super::cell::Column;
use crate::schema::{Document, PathColumn, RestKeys};
use arrow::array::{ArrayBuilder, ArrayRef, StringBuilder};
use arrow::error::ArrowError;
use onrecord_record::{Value, ValueKind, canonical};
use std::sync::Arc;

/// The columns of one document, being filled.
pub(super) struct DocumentColumns {
    document: Document,
    root: Node,
    columns: Vec<Column>,
    rest: StringBuilder,
    /// The rest of the row at hand.
    scratch: Vec<u8>,
}

/// A key on the way to columns.
#[derive(Default)]
struct Node {
    key: String,
    column: Option<usize>,
    children: Vec<Node>,
    /// Where the next child is expected.
    next: usize,
}

impl DocumentColumns {
    /// `columns` are those of this document, in file order.
    pub(super) fn new<'a>(document: Document, columns: impl Iterator<Item = &'a PathColumn>) -> Self {
        let mut root = Node::default();
        let mut builders = Vec::new();
        for column in columns {
            let mut node = &mut root;
            for key in &column.path {
                let at = node.find(key).unwrap_or_else(|| {
                    node.children.push(Node { key: key.clone(), ..Node::default() });
                    node.children.len() - 1
                });
                node = &mut node.children[at];
            }
            node.column = Some(builders.len());
            builders.push(Column::new(&column.shape));
        }
        root.rewind();
        Self { document, root, columns: builders, rest: StringBuilder::new(), scratch: Vec::new() }
    }

    /// Puts the document into the row: what fits into columns, the rest into the rest.
    pub(super) fn put(&mut self, row: usize, value: Value<'_>, rest_keys: &mut RestKeys) {
        self.scratch.clear();
        let whole = match value.kind() {
            ValueKind::Object if value.is_empty() => true,
            ValueKind::Object => {
                let top = Some((self.document, rest_keys));
                self.root.put_members(row, value, &mut self.columns, &mut self.scratch, top);
                false
            }
            _ => !self.root.put(row, value, &mut self.columns),
        };
        if whole {
            canonical::write(value, &mut self.scratch);
        }
        // What the canonical writer writes is UTF-8; were it not, the row would not read back and be kept whole.
        if !self.scratch.is_empty()
            && let Ok(rest) = std::str::from_utf8(&self.scratch)
        {
            self.rest.append_nulls(row - self.rest.len());
            self.rest.append_value(rest);
        }
    }

    /// The columns, each of so many rows; the rest is the last.
    pub(super) fn finish(mut self, rows: usize) -> Result<Vec<ArrayRef>, ArrowError> {
        let mut arrays: Vec<ArrayRef> =
            self.columns.into_iter().map(|column| column.finish(rows)).collect::<Result<_, _>>()?;
        self.rest.append_nulls(rows - self.rest.len());
        arrays.push(Arc::new(self.rest.finish()));
        Ok(arrays)
    }
}

impl Node {
    fn find(&mut self, key: &str) -> Option<usize> {
        // Members and children are both sorted, so what is looked for is mostly the next child or near it.
        let (before, after) = self.children.split_at(self.next.min(self.children.len()));
        let at = after
            .iter()
            .position(|child| child.key == key)
            .map(|at| at + before.len())
            .or_else(|| before.iter().position(|child| child.key == key))?;
        self.next = at + 1;
        Some(at)
    }

    fn rewind(&mut self) {
        self.next = 0;
        self.children.iter_mut().for_each(Node::rewind);
    }

    fn put(&self, row: usize, value: Value<'_>, columns: &mut [Column]) -> bool {
        self.column.is_some_and(|column| columns[column].put(row, value))
    }

    /// Puts each member where it belongs. Writes an object with those that no column took; nothing if there are none.
    fn put_members(
        &mut self,
        row: usize,
        object: Value<'_>,
        columns: &mut [Column],
        rest: &mut Vec<u8>,
        mut top: Option<(Document, &mut RestKeys)>,
    ) {
        let start = rest.len();
        self.next = 0;
        for (key, value) in object.members_sorted() {
            let child = self.find(key).map(|at| &mut self.children[at]);
            let opened = rest.len();
            let open = |rest: &mut Vec<u8>| {
                rest.push(if opened == start { b'{' } else { b',' });
                canonical::write_string(key, rest);
                rest.push(b':');
            };
            match child {
                Some(child) if child.put(row, value, columns) => continue,
                Some(child) if value.kind() == ValueKind::Object && !value.is_empty() => {
                    open(rest);
                    let inner = rest.len();
                    child.put_members(row, value, columns, rest, None);
                    if rest.len() == inner {
                        rest.truncate(opened);
                        continue;
                    }
                }
                _ => {
                    open(rest);
                    canonical::write(value, rest);
                }
            }
            if let Some((document, keys)) = &mut top {
                keys.insert(*document, key);
            }
        }
        if rest.len() > start {
            rest.push(b'}');
        }
    }
}

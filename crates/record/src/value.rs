//! A read-only view of a parsed document.
//!
//! A [`Value`] is a cursor: a reference to the document and a place in it, 16 bytes, copied freely. Members can be
//! walked in the order they were sent or in canonical order, which the parser has already worked out.

use simd_json::{Node, StaticNode};

use crate::fault::{push_index, push_key};
use crate::number::Number;
use crate::tree::Tree;

/// One JSON value in a [`Document`](crate::Document).
#[derive(Clone, Copy)]
pub struct Value<'a> {
    tree: &'a Tree<'a>,
    at: u32,
}

/// What sort of JSON value it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number: an integer of up to 38 digits, or a finite double.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl ValueKind {
    /// The word for it in a message, with its article.
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

impl<'a> Value<'a> {
    pub(crate) fn new(tree: &'a Tree<'a>, at: u32) -> Self {
        Self { tree, at }
    }

    #[inline]
    fn node(self) -> &'a Node<'a> {
        self.tree.node(self.at)
    }

    /// What sort of value it is.
    #[inline]
    pub fn kind(self) -> ValueKind {
        match self.node() {
            Node::String(_) => ValueKind::String,
            Node::Object { .. } => ValueKind::Object,
            Node::Array { .. } => ValueKind::Array,
            Node::Static(StaticNode::Null) => ValueKind::Null,
            Node::Static(StaticNode::Bool(_)) => ValueKind::Bool,
            Node::Static(_) => ValueKind::Number,
        }
    }

    /// Whether it is `null`.
    #[inline]
    pub fn is_null(self) -> bool {
        matches!(self.node(), Node::Static(StaticNode::Null))
    }

    /// The text, if it is a string.
    #[inline]
    pub fn as_str(self) -> Option<&'a str> {
        match self.node() {
            Node::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth, if it is a boolean.
    #[inline]
    pub fn as_bool(self) -> Option<bool> {
        match self.node() {
            Node::Static(StaticNode::Bool(truth)) => Some(*truth),
            _ => None,
        }
    }

    /// The number, if it is one that a double holds: its canonical form is then that of the double. Always finite.
    #[inline]
    pub fn as_f64(self) -> Option<f64> {
        self.number()?.as_f64()
    }

    /// The number, if it is an integer of 64 bits. Within ±2^53 its spelling does not matter, `3`, `3.0` and `3e0` are
    /// the same; beyond, it is one if it was sent as its digits.
    #[inline]
    pub fn as_i64(self) -> Option<i64> {
        self.number()?.as_i64()
    }

    #[inline]
    pub(crate) fn number(self) -> Option<Number> {
        let Node::Static(node) = self.node() else { return None };
        Number::of(*node)
    }

    /// The number of members or elements; 0 for a scalar.
    #[inline]
    pub fn len(self) -> usize {
        match self.node() {
            Node::Object { len, .. } | Node::Array { len, .. } => *len,
            _ => 0,
        }
    }

    /// Whether it has no members and no elements.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Where it is among the values of its document: no two have the same place.
    #[inline]
    pub fn place(self) -> u32 {
        self.at
    }

    /// The member of that name, if it is an object that has one. Looks at every name: for a few looks only.
    pub fn get(self, key: &str) -> Option<Value<'a>> {
        self.members().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// The members in the order they were sent; none if it is not an object.
    #[inline]
    pub fn members(self) -> Members<'a> {
        let left = if let Node::Object { len, .. } = self.node() { *len } else { 0 };
        Members { tree: self.tree, left: left as u32, next: Next::Sent(self.at + 1) }
    }

    /// The members in canonical order (RFC 8785 §3.2.3); none if it is not an object.
    #[inline]
    pub fn members_sorted(self) -> Members<'a> {
        let mut members = self.members();
        if members.left > 1
            && let Some(places) = self.tree.sorted(self.at, members.left as usize)
        {
            members.next = Next::Sorted(places.iter());
        }
        members
    }

    /// The elements in order; none if it is not an array.
    #[inline]
    pub fn elements(self) -> Elements<'a> {
        let left = if let Node::Array { len, .. } = self.node() { *len } else { 0 };
        Elements { tree: self.tree, left: left as u32, next: self.at + 1 }
    }

    /// The RFC 6901 pointer from the document's root to this value, long names shortened. Walks the document: for
    /// messages only.
    pub fn pointer(self) -> String {
        let mut pointer = String::new();
        let mut at = Value::new(self.tree, 0);
        while at.at != self.at {
            // The child whose nodes include ours; there is one, since the walk starts at the root.
            let holds = |child: &Value<'_>| self.at < child.at + self.tree.extent(child.at);
            at = match at.kind() {
                ValueKind::Object => match at.members().find(|(_, child)| holds(child)) {
                    // A place before the value is the member's name itself.
                    Some((key, child)) => {
                        push_key(&mut pointer, key);
                        if child.at > self.at { break } else { child }
                    }
                    None => break,
                },
                _ => match at.elements().enumerate().find(|(_, child)| holds(child)) {
                    Some((index, child)) => {
                        push_index(&mut pointer, index);
                        child
                    }
                    None => break,
                },
            };
        }
        pointer
    }
}

/// The members of an object: names and values.
#[derive(Clone)]
pub struct Members<'a> {
    tree: &'a Tree<'a>,
    left: u32,
    next: Next<'a>,
}

#[derive(Clone)]
enum Next<'a> {
    /// The node of the next name.
    Sent(u32),
    /// The nodes of the names still to come.
    Sorted(std::slice::Iter<'a, u32>),
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let key = match &mut self.next {
            Next::Sent(at) => {
                let key = *at;
                *at = key + 1 + self.tree.extent(key + 1);
                key
            }
            Next::Sorted(places) => *places.next()?,
        };
        let Node::String(name) = self.tree.node(key) else { return None };
        Some((name, Value::new(self.tree, key + 1)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

/// The elements of an array.
#[derive(Clone)]
pub struct Elements<'a> {
    tree: &'a Tree<'a>,
    left: u32,
    next: u32,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let at = self.next;
        self.next = at + self.tree.extent(at);
        Some(Value::new(self.tree, at))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for Members<'_> {}
impl ExactSizeIterator for Elements<'_> {}

/// Shows what sort of value it is and where, never what it holds.
impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Value").field(&self.kind()).field(&self.pointer()).finish()
    }
}

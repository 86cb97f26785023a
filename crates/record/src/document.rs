//! Parsing: bytes to a document whose every value can be stored.
//!
//! [`Parser`] wraps simd-json's tape. What simd-json accepts is checked once more in one pass over the tape: no member
//! name twice in an object, no integer that would be rounded. The same pass works out the canonical order of members,
//! so that writing needs no sorting. The nesting bound is simd-json's own and it does not recurse, so that no input
//! can overflow the stack; the size bound is checked before a byte is looked at.
//!
//! The buffers are kept from record to record: in the steady state parsing allocates nothing. What a very large record
//! made them grow to is given back after it.

use std::mem;

use simd_json::{Buffers, INPUT_PADDING, Node, StaticNode, Tape};

use crate::fault::{Fault, Faults};
use crate::value::Value;
use crate::{canonical, limit, locate, order};

/// Inputs up to this size leave their buffers with the parser.
const KEEP_BYTES: usize = 64 * 1024;

/// Tapes up to this size stay with the parser; a node takes 32 bytes.
const KEEP_NODES: usize = 64 * 1024;

/// Turns JSON into [`Document`]s, one after another, in buffers that it keeps.
pub struct Parser {
    /// The input, followed by the padding that simd-json reads ahead into; strings are unescaped in place.
    text: Vec<u8>,
    buffers: Buffers,
    tree: Tree<'static>,
    sorter: Vec<(u64, u32)>,
}

/// A parsed document. While it lives, it has its parser's buffers.
pub struct Document<'p> {
    tree: Tree<'p>,
    home: &'p mut Tree<'static>,
}

/// The tape of a document, and the canonical order of the members of its objects.
pub(crate) struct Tree<'a> {
    tape: Tape<'a>,
    /// For each node: 0, or 1 + where in `order` the sorted members of the object at that node begin. 0 for an object
    /// means that its members already are in order.
    order_start: Vec<u32>,
    /// Nodes of member names, object after object.
    order: Vec<u32>,
}

impl Tree<'_> {
    const fn new() -> Self {
        Self { tape: Tape(Vec::new()), order_start: Vec::new(), order: Vec::new() }
    }

    /// Emptied, with the same buffers unless they have grown out of proportion.
    fn recycle<'new>(mut self) -> Tree<'new> {
        if self.tape.0.capacity() > KEEP_NODES {
            return Tree::new();
        }
        self.order_start.clear();
        self.order.clear();
        Tree { tape: self.tape.reset(), order_start: self.order_start, order: self.order }
    }
}

impl<'a> Tree<'a> {
    #[inline]
    pub(crate) fn node(&self, at: u32) -> &Node<'a> {
        &self.tape.0[at as usize]
    }

    /// How many nodes a value takes, itself included.
    #[inline]
    pub(crate) fn extent(&self, at: u32) -> u32 {
        extent(&self.tape.0[at as usize])
    }

    /// The nodes of an object's member names in canonical order, or `None` if they were sent in that order.
    #[inline]
    pub(crate) fn sorted(&self, object: u32, members: usize) -> Option<&[u32]> {
        let start = (self.order_start[object as usize] as usize).checked_sub(1)?;
        Some(&self.order[start..start + members])
    }

    /// Works out the order of members; says whether all that the tape holds can be stored.
    fn index(&mut self, sorter: &mut Vec<(u64, u32)>) -> bool {
        let nodes = self.tape.0.as_slice();
        let mut sound = true;
        self.order.clear();
        self.order_start.clear();
        self.order_start.resize(nodes.len(), 0);
        for (at, node) in nodes.iter().enumerate() {
            match node {
                Node::Object { len: 2.., .. } => {
                    let sorted = sort_members(nodes, at, sorter);
                    sound &= sorted != Members::Twice;
                    if sorted != Members::Ascending {
                        self.order_start[at] = self.order.len() as u32 + 1;
                        self.order.extend(sorter.iter().map(|(_, key)| *key));
                    }
                }
                Node::Static(StaticNode::U64(0..=limit::INTEGER_EXACT_MAX) | StaticNode::F64(_)) => {}
                Node::Static(number) => sound &= survives(*number),
                _ => {}
            }
        }
        sound
    }
}

/// How the members of an object were sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Members {
    Ascending,
    Unsorted,
    /// Unsorted or not, one of them is there twice.
    Twice,
}

/// Collects the nodes of an object's member names, with the prefix of each name; sorted unless they are ascending.
fn sort_members(nodes: &[Node<'_>], object: usize, sorter: &mut Vec<(u64, u32)>) -> Members {
    let name = |key: u32| if let Node::String(name) = nodes[key as usize] { name } else { "" };
    let compare = |a: &(u64, u32), b: &(u64, u32)| a.0.cmp(&b.0).then_with(|| order::compare(name(a.1), name(b.1)));
    let Node::Object { len, .. } = nodes[object] else { return Members::Ascending };
    let mut key = object as u32 + 1;
    sorter.clear();
    for _ in 0..len {
        sorter.push((order::prefix(name(key)), key));
        key += 1 + extent(&nodes[key as usize + 1]);
    }
    if sorter.is_sorted_by(|a, b| compare(a, b).is_lt()) {
        return Members::Ascending;
    }
    sorter.sort_unstable_by(compare);
    let unique = sorter.is_sorted_by(|a, b| a.0 != b.0 || name(a.1) != name(b.1));
    if unique { Members::Unsorted } else { Members::Twice }
}

/// How many nodes a value takes, itself included.
#[inline]
fn extent(node: &Node<'_>) -> u32 {
    match node {
        Node::Object { count, .. } | Node::Array { count, .. } => *count as u32 + 1,
        Node::String(_) | Node::Static(_) => 1,
    }
}

/// Whether a number is stored as the number that was sent. An integer literal must come back digit for digit; it
/// would not if a double cannot hold it.
fn survives(number: StaticNode) -> bool {
    let (negative, magnitude) = match number {
        StaticNode::U64(n) => (false, u128::from(n)),
        StaticNode::I64(n) => (n < 0, u128::from(n.unsigned_abs())),
        StaticNode::U128(n) => (false, n),
        StaticNode::I128(n) => (n < 0, n.unsigned_abs()),
        StaticNode::F64(_) | StaticNode::Null | StaticNode::Bool(_) => return true,
    };
    if magnitude <= u128::from(limit::INTEGER_EXACT_MAX) {
        return true;
    }
    let double = if negative { -(magnitude as f64) } else { magnitude as f64 };
    let mut written = Vec::with_capacity(32);
    canonical::write_number(double, &mut written);
    written == format!("{}{magnitude}", if negative { "-" } else { "" }).into_bytes()
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Parser {
    /// A parser with empty buffers.
    pub fn new() -> Self {
        Self { text: Vec::new(), buffers: buffers(), tree: Tree::new(), sorter: Vec::new() }
    }

    /// Parses one JSON document of at most [`limit::RECORD_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// One fault with line and column if it is not JSON; otherwise a fault for every member that is there twice, at
    /// any depth, and for every number that would be rounded.
    pub fn parse(&mut self, json: &[u8]) -> Result<Document<'_>, Vec<Fault>> {
        self.parse_and(json, |_| Vec::new())
    }

    /// Like [`Parser::parse`]; but if the document parses and has faults, `also` is asked for more, so that all that
    /// is wrong is named at once.
    ///
    /// # Errors
    /// As [`Parser::parse`], and what `also` added.
    pub fn parse_and(
        &mut self,
        json: &[u8],
        also: impl FnOnce(Value<'_>) -> Vec<Fault>,
    ) -> Result<Document<'_>, Vec<Fault>> {
        if json.len() > limit::RECORD_BYTES_MAX {
            let problem = format!("has {} bytes; the limit is {}", json.len(), limit::RECORD_BYTES_MAX);
            return Err(vec![Fault::new("", problem)]);
        }
        // A buffer may have grown to twice what was needed.
        if self.text.capacity() > 2 * KEEP_BYTES && json.len() + INPUT_PADDING <= KEEP_BYTES {
            self.text = Vec::new();
            self.buffers = buffers();
        }
        self.text.clear();
        self.text.reserve(json.len() + INPUT_PADDING);
        self.text.extend_from_slice(json);
        self.text.resize(json.len() + INPUT_PADDING, b' ');

        let mut tree = mem::replace(&mut self.tree, Tree::new()).recycle();
        let parsed = simd_json::fill_tape_padded(&mut self.text, json.len(), &mut self.buffers, &mut tree.tape);
        let faults = match parsed {
            Err(_) => vec![locate::fault(json)],
            Ok(()) if tree.tape.0.len() > limit::VALUES_MAX => {
                vec![Fault::new("", format!("has more than {} values", limit::VALUES_MAX))]
            }
            Ok(()) if tree.index(&mut self.sorter) => return Ok(Document { tree, home: &mut self.tree }),
            Ok(()) => {
                let mut faults = unsound(&tree);
                faults.extend(also(Value::new(&tree, 0)));
                faults
            }
        };
        self.tree = tree.recycle();
        Err(faults)
    }
}

fn buffers() -> Buffers {
    Buffers::with_max_depth(4096, limit::NESTING_MAX)
}

/// Names every member that is there twice and every number that would be rounded.
fn unsound(tree: &Tree<'_>) -> Vec<Fault> {
    let mut faults = Faults::default();
    for at in 0..tree.tape.0.len() as u32 {
        let value = Value::new(tree, at);
        match tree.node(at) {
            Node::Object { .. } => {
                let mut previous = None;
                for (name, member) in value.members_sorted() {
                    if previous == Some(name) {
                        faults.push(Fault::new(member.pointer(), "the member is there twice"));
                    }
                    previous = Some(name);
                }
            }
            Node::Static(number) if !survives(*number) => faults.push(Fault::new(value.pointer(), locate::INEXACT)),
            _ => {}
        }
    }
    faults.into_vec()
}

impl Document<'_> {
    /// The document as a whole.
    #[inline]
    pub fn value(&self) -> Value<'_> {
        Value::new(&self.tree, 0)
    }
}

impl Drop for Document<'_> {
    fn drop(&mut self) {
        *self.home = mem::replace(&mut self.tree, Tree::new()).recycle();
    }
}

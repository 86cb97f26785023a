//! The tape of a document, and the canonical order of the members of its objects.
//!
//! simd-json's tape is the document: one node for each value and each member name, in the order in which they were sent.
//! A [`Tree`] owns it and answers for places in it; [`crate::Value`] walks it, [`crate::Parser`] fills it. Its buffers
//! are kept from document to document.

use simd_json::{Node, StaticNode, Tape};

use crate::number::{Literals, is_of_few_digits};
use crate::order;

/// Tapes up to this size are kept for the next document; a node takes 32 bytes.
const KEEP_NODES: usize = 64 * 1024;

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
    pub(crate) const fn new() -> Self {
        Self { tape: Tape(Vec::new()), order_start: Vec::new(), order: Vec::new() }
    }

    /// Emptied, with the same buffers unless they have grown out of proportion.
    pub(crate) fn recycle<'new>(mut self) -> Tree<'new> {
        if self.tape.0.capacity() > KEEP_NODES {
            return Tree::new();
        }
        self.order_start.clear();
        self.order.clear();
        Tree { tape: self.tape.reset(), order_start: self.order_start, order: self.order }
    }
}

impl<'a> Tree<'a> {
    /// Where simd-json puts the nodes.
    pub(crate) fn tape_mut(&mut self) -> &mut Tape<'a> {
        &mut self.tape
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.tape.0.len()
    }

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

    /// Works out the order of members, and says what it saw.
    pub(crate) fn index(&mut self, sorter: &mut Vec<(u64, u32)>) -> Seen {
        let nodes = self.tape.0.as_slice();
        let mut seen = Seen { sound: true, doubles: false, tiny: false };
        self.order.clear();
        self.order_start.clear();
        self.order_start.resize(nodes.len(), 0);
        for (at, node) in nodes.iter().enumerate() {
            match node {
                Node::Object { len: 2.., .. } => {
                    let sorted = sort_members(nodes, at, sorter);
                    seen.sound &= sorted != Members::Twice;
                    if sorted != Members::Ascending {
                        self.order_start[at] = self.order.len() as u32 + 1;
                        self.order.extend(sorter.iter().map(|(_, key)| *key));
                    }
                }
                Node::Static(StaticNode::F64(double)) => {
                    seen.doubles = true;
                    seen.tiny |= double.abs() < f64::MIN_POSITIVE;
                }
                Node::Static(number) => seen.sound &= is_of_few_digits(*number),
                _ => {}
            }
        }
        seen
    }

    /// Whether every double is the number that its literal says.
    pub(crate) fn doubles_survive(&self, seen: Seen, literals: Literals<'_>) -> bool {
        !seen.doubles || !seen.tiny && !literals.any_is_long() || literals.doubles_survive(&self.tape.0)
    }
}

/// What a first look at a document's nodes has seen.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    /// No member is there twice, and no integer has too many digits.
    pub(crate) sound: bool,
    /// There are doubles: their literals are still to be looked at if they are long.
    pub(crate) doubles: bool,
    /// A double is zero, or so small that it has few digits: its literal is to be looked at in any case.
    pub(crate) tiny: bool,
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

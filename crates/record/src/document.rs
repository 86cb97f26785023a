//! Parsing: bytes to a document whose every value can be stored.
//!
//! [`Parser`] wraps simd-json's tape. What simd-json accepts is checked once more in one pass over the tape: no member
//! name twice in an object, no number that would be rounded. The same pass works out the canonical order of members,
//! so that writing needs no sorting. The nesting bound is simd-json's own and it does not recurse, so that no input
//! can overflow the stack; the size bound is checked before a byte is looked at.
//!
//! The buffers are kept from record to record: in the steady state parsing allocates nothing. What a very large record
//! made them grow to is given back after it.

use std::mem;

use simd_json::{Buffers, INPUT_PADDING, Node};

use crate::fault::{Fault, Faults};
use crate::number::Literals;
use crate::tree::{Seen, Tree};
use crate::value::Value;
use crate::{limit, locate, number};

/// Inputs up to this size leave their buffers with the parser.
const KEEP_BYTES: usize = 64 * 1024;

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

    /// Parses one JSON document of at most [`limit::SENT_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// One fault with line and column if it is not JSON; otherwise a fault for every member that is there twice, at
    /// any depth, and for every number that would not be stored as it was sent.
    pub fn parse(&mut self, json: &[u8]) -> Result<Document<'_>, Vec<Fault>> {
        self.parse_and(json, |_| Vec::new())
    }

    /// Parses a stored record, or a part of one. It is canonical, so that its doubles need not be compared with their
    /// literals once more.
    ///
    /// # Errors
    /// As [`Parser::parse`], but for doubles that are not what their literals say.
    pub fn parse_stored(&mut self, json: &[u8]) -> Result<Document<'_>, Vec<Fault>> {
        self.parse_with(json, |_, _, _| true, |_| Vec::new())
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
        self.parse_with(json, |tree, seen, literals| tree.doubles_survive(seen, literals), also)
    }

    fn parse_with(
        &mut self,
        json: &[u8],
        doubles_survive: impl FnOnce(&Tree<'_>, Seen, Literals<'_>) -> bool,
        also: impl FnOnce(Value<'_>) -> Vec<Fault>,
    ) -> Result<Document<'_>, Vec<Fault>> {
        if json.len() > limit::SENT_BYTES_MAX {
            let problem = format!("has {} bytes; the limit is {}", json.len(), limit::SENT_BYTES_MAX);
            return Err(vec![Fault::new("", problem)]);
        }
        // A tape takes up to 16 bytes for a byte of text: what is large must be large by its texts.
        if json.len() > limit::RECORD_BYTES_MAX && may_have_more_values(json, limit::VALUES_MAX) {
            return Err(vec![Fault::new("", format!("has more than {} values", limit::VALUES_MAX))]);
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
        let parsed = simd_json::fill_tape_padded(&mut self.text, json.len(), &mut self.buffers, tree.tape_mut());
        let faults = match parsed {
            Err(_) => vec![locate::fault(json)],
            Ok(()) if tree.len() > limit::VALUES_MAX => {
                vec![Fault::new("", format!("has more than {} values", limit::VALUES_MAX))]
            }
            Ok(()) => {
                let literals = || Literals::new(json, self.buffers.structural_indexes());
                let seen = tree.index(&mut self.sorter);
                if seen.sound && doubles_survive(&tree, seen, literals()) {
                    return Ok(Document { tree, home: &mut self.tree });
                }
                let mut faults = unsound(&tree, literals());
                faults.extend(also(Value::new(&tree, 0)));
                faults
            }
        };
        self.tree = tree.recycle();
        Err(faults)
    }
}

/// Whether a document has far more values than that, counted without making them: twice as many pass, as an empty array
/// counts as two here. What is no JSON may count as anything; the parser says what is wrong with it.
fn may_have_more_values(json: &[u8], values_max: usize) -> bool {
    let mut values = 1;
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while let Some(ahead) = json.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
                    at += ahead;
                    if json[at] == b'"' {
                        break;
                    }
                    at += 2;
                }
            }
            // A comma, a colon or an opening bracket comes before every value but the first.
            b',' | b':' | b'[' | b'{' => values += 1,
            _ => {}
        }
        at += 1;
    }
    values / 2 > values_max
}

fn buffers() -> Buffers {
    Buffers::with_max_depth(4096, limit::NESTING_MAX)
}

/// Names every member that is there twice and every number that would be rounded.
fn unsound(tree: &Tree<'_>, mut literals: Literals<'_>) -> Vec<Fault> {
    let mut faults = Faults::default();
    for at in 0..tree.len() as u32 {
        let literal = literals.next().unwrap_or_default();
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
            Node::Static(number) => {
                if let Some(problem) = number::problem(*number, literal) {
                    faults.push(Fault::new(value.pointer(), problem));
                }
            }
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

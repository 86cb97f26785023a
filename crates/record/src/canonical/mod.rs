//! The canonical form: RFC 8785 (JSON Canonicalization Scheme), with integers beyond what it can write.
//!
//! Two documents that say the same thing have the same bytes: members sorted by UTF-16 code units, numbers as
//! ECMAScript prints a double, strings with only the escapes that they need, no white space. Output is appended to a
//! caller's buffer; nothing else is allocated. Depth is bounded by the parser, so that recursion is too.
//!
//! RFC 8785 takes every number for a double and would round an account number of 64 bits. Here an integer literal
//! beyond ±2^53, of up to 38 digits, is written as its digits. Below 10^21 that is one spelling for one number, since
//! there ECMAScript writes a whole number as digits too: `100000000000000000000`, `1e20` and `100000000000000000000.0`
//! are the same bytes. From 10^21 on ECMAScript writes an exponent: what was sent with one stays `1e+21`, and what was
//! sent as digits stays digits.

mod number;
mod string;

use crate::number::Number;
use crate::{Action, Protect, Unprotected, Value, ValueKind, limit};

pub use number::{plain_number, write_integer, write_number};
pub use string::write_string;

pub(crate) use number::{write_magnitude, write_wide};
pub(crate) use string::write_hex;

/// Appends a value's canonical form.
pub fn write(value: Value<'_>, out: &mut Vec<u8>) {
    Writer::new(&mut Unprotected, out).value(value);
}

/// Appends the canonical form of a document as it is stored in the field of that name, protected.
pub fn write_document<P: Protect + ?Sized>(
    field: &'static str,
    document: Value<'_>,
    protect: &mut P,
    out: &mut Vec<u8>,
) {
    let action = protect.document(field, document);
    Writer::new(protect, out).act(action, document);
}

/// Appends the canonical form of a `serde_json` value.
///
/// Integers of 64 bits are written as their digits, other numbers as the doubles that they are.
pub fn write_json(value: &serde_json::Value, out: &mut Vec<u8>) {
    match value {
        serde_json::Value::Null => out.extend_from_slice(b"null"),
        serde_json::Value::Bool(truth) => write_bool(*truth, out),
        serde_json::Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(integer), _) => write_magnitude(false, integer, out),
            (None, Some(integer)) => write_integer(integer, out),
            (None, None) => write_number(number.as_f64().unwrap_or_default(), out),
        },
        serde_json::Value::String(text) => write_string(text, out),
        serde_json::Value::Array(elements) => {
            out.push(b'[');
            for (at, element) in elements.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_json(element, out);
            }
            out.push(b']');
        }
        serde_json::Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by(|(left, _), (right, _)| crate::order::compare(left, right));
            out.push(b'{');
            for (at, (key, value)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_string(key, out);
                out.push(b':');
                write_json(value, out);
            }
            out.push(b'}');
        }
    }
}

/// What stands in the place of a value that is encrypted: the hash of its ciphertext.
pub(crate) fn write_sealed(sha256: &[u8; 32], out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"sealed":""#);
    write_hex(sha256, out);
    out.extend_from_slice(br#""}"#);
}

pub(crate) fn write_bool(truth: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if truth { b"true" } else { b"false" });
}

/// Writes values in canonical form, each member and text as the protection rules say.
pub(crate) struct Writer<'w, P: ?Sized> {
    protect: &'w mut P,
    pub(crate) out: &'w mut Vec<u8>,
    /// Where in `out` this writer began.
    start: usize,
    /// Where a replaced text is made.
    replaced: String,
}

impl<'w, P: Protect + ?Sized> Writer<'w, P> {
    pub(crate) fn new(protect: &'w mut P, out: &'w mut Vec<u8>) -> Self {
        let start = out.len();
        Self { protect, out, start, replaced: String::new() }
    }

    /// Writes a value and what is inside it.
    pub(crate) fn value(&mut self, value: Value<'_>) {
        match value.kind() {
            ValueKind::Null => self.out.extend_from_slice(b"null"),
            ValueKind::Bool => write_bool(value.as_bool() == Some(true), self.out),
            ValueKind::Number => self.document_number(value),
            ValueKind::String => self.document_text(value.as_str().unwrap_or_default()),
            ValueKind::Array => {
                self.out.push(b'[');
                for (at, element) in value.elements().enumerate() {
                    if at > 0 {
                        self.out.push(b',');
                    }
                    self.value(element);
                }
                self.out.push(b']');
            }
            ValueKind::Object => {
                self.out.push(b'{');
                let mut first = true;
                for (key, value) in value.members_sorted() {
                    self.member(key, value, &mut first);
                }
                self.out.push(b'}');
            }
        }
    }

    /// Writes one member, with the comma before it unless it is the first to be written.
    pub(crate) fn member(&mut self, key: &str, value: Value<'_>, first: &mut bool) {
        let action = self.protect.member(key, value);
        if action == Action::Drop {
            return;
        }
        if !std::mem::replace(first, false) {
            self.out.push(b',');
        }
        write_string(key, self.out);
        self.out.push(b':');
        self.act(action, value);
    }

    /// Writes a value, or what becomes of it.
    fn act(&mut self, action: Action, value: Value<'_>) {
        match action {
            Action::Keep | Action::Drop => self.value(value),
            Action::Text(text) => write_string(&text, self.out),
            Action::Sealed { sha256 } => write_sealed(&sha256, self.out),
        }
    }

    /// Writes a text of a document, what replaces it, or what a large one is kept under.
    fn document_text(&mut self, text: &str) {
        // What replaces a short text is short too.
        if text.len() <= limit::LARGE_TEXT_BYTES {
            return self.text(text);
        }
        self.replaced.clear();
        let is_replaced = self.protect.text(text, &mut self.replaced);
        let written = if is_replaced { self.replaced.as_str() } else { text };
        let large = if written.len() > limit::LARGE_TEXT_BYTES { self.protect.large(written) } else { None };
        match large {
            None => write_string(written, self.out),
            Some(sha256) => {
                self.out.extend_from_slice(br#"{"bytes":"#);
                write_magnitude(false, written.len() as u64, self.out);
                self.out.extend_from_slice(br#","large":""#);
                write_hex(&sha256, self.out);
                self.out.extend_from_slice(br#""}"#);
            }
        }
    }

    /// Writes a number of a document, or what replaces it.
    fn document_number(&mut self, value: Value<'_>) {
        let number = value.number();
        let magnitude = match number {
            Some(Number::Integer { negative: false, magnitude }) => Some(u128::from(magnitude)),
            Some(Number::Wide { negative: false, magnitude }) => Some(magnitude),
            Some(Number::Double(double)) => whole(double),
            _ => None,
        };
        if let Some(text) = magnitude.and_then(|magnitude| self.protect.integer(magnitude, value.place())) {
            return write_string(text, self.out);
        }
        match number {
            Some(Number::Integer { negative, magnitude }) => write_magnitude(negative, magnitude, self.out),
            Some(Number::Double(double)) => write_number(double, self.out),
            Some(Number::Wide { negative, magnitude }) => write_wide(negative, magnitude, self.out),
            None => {}
        }
    }

    /// Writes a text, or what replaces it.
    pub(crate) fn text(&mut self, text: &str) {
        self.replaced.clear();
        if self.protect.text(text, &mut self.replaced) {
            write_string(&self.replaced, self.out);
        } else {
            write_string(text, self.out);
        }
    }
}

/// The digits of a double that is written as an integer, 4.1e15 for instance. Beyond 2^53 they are those that are
/// written, not those that the double has.
fn whole(double: f64) -> Option<u128> {
    if !(0.0..1e21).contains(&double) || double.fract() != 0.0 {
        return None;
    }
    if double <= limit::INTEGER_EXACT_MAX as f64 {
        return Some(double as u128);
    }
    let mut digits = Vec::new();
    write_number(double, &mut digits);
    std::str::from_utf8(&digits).ok()?.parse().ok()
}

/// A member's name as it is written: a comma, the quoted name, a colon. One literal, so that it is stored by a few
/// instructions rather than copied by a call.
macro_rules! name {
    ($name:literal) => {
        concat!(",\"", $name, "\":")
    };
}
pub(crate) use name;

/// The members of a record of ours. They are written in the order of the calls, which must be canonical; each begins
/// with a comma, the first of which becomes the opening brace.
impl<P: Protect + ?Sized> Writer<'_, P> {
    /// Ends the record, which began where this writer did.
    pub(crate) fn close(self) {
        self.out[self.start] = b'{';
        self.out.push(b'}');
    }

    /// Writes a [`name!`].
    #[inline(always)]
    pub(crate) fn name(&mut self, name: &'static str) {
        self.out.extend_from_slice(name.as_bytes());
    }

    /// A document of the producer's, if there is one, protected.
    #[inline(always)]
    pub(crate) fn document(&mut self, name: &'static str, document: Option<Value<'_>>) {
        if let Some(document) = document {
            self.name(name);
            let field = name.trim_start_matches(",\"").trim_end_matches("\":");
            let action = self.protect.document(field, document);
            self.act(action, document);
        }
    }

    /// A text of the producer's, if there is one, protected.
    #[inline(always)]
    pub(crate) fn free_text(&mut self, name: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.name(name);
            self.text(text);
        }
    }

    /// A text that is written as it is, if there is one.
    #[inline(always)]
    pub(crate) fn id(&mut self, name: &'static str, id: Option<&str>) {
        if let Some(id) = id {
            self.name(name);
            write_string(id, self.out);
        }
    }

    #[inline(always)]
    pub(crate) fn number(&mut self, name: &'static str, number: Option<f64>) {
        if let Some(number) = number {
            self.name(name);
            write_number(number, self.out);
        }
    }

    #[inline(always)]
    pub(crate) fn integer(&mut self, name: &'static str, integer: Option<i64>) {
        if let Some(integer) = integer {
            self.name(name);
            write_integer(integer, self.out);
        }
    }

    /// A count of up to 2^53.
    #[inline(always)]
    pub(crate) fn count(&mut self, name: &'static str, count: u64) {
        self.name(name);
        write_magnitude(false, count, self.out);
    }

    #[inline(always)]
    pub(crate) fn truth(&mut self, name: &'static str, truth: bool) {
        self.name(name);
        write_bool(truth, self.out);
    }

    #[inline(always)]
    pub(crate) fn uuid(&mut self, name: &'static str, uuid: uuid::Uuid) {
        self.name(name);
        self.out.push(b'"');
        self.out.extend_from_slice(uuid.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()).as_bytes());
        self.out.push(b'"');
    }

    #[inline(always)]
    pub(crate) fn hex(&mut self, name: &'static str, bytes: &[u8]) {
        self.name(name);
        self.out.push(b'"');
        write_hex(bytes, self.out);
        self.out.push(b'"');
    }

    #[inline(always)]
    pub(crate) fn timestamp(&mut self, name: &'static str, timestamp: crate::Timestamp) {
        self.name(name);
        self.out.push(b'"');
        timestamp.write(self.out);
        self.out.push(b'"');
    }

    /// The version of the stored form.
    #[inline(always)]
    pub(crate) fn schema(&mut self) {
        self.integer(name!("schema"), Some(crate::SCHEMA as i64));
    }
}

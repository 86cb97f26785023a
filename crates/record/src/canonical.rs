//! The canonical form of RFC 8785 (JSON Canonicalization Scheme).
//!
//! Two documents that say the same thing have the same bytes: members sorted by UTF-16 code units, numbers as
//! ECMAScript prints a double, strings with only the escapes that they need, no white space. Output is appended to a
//! caller's buffer; nothing else is allocated. Depth is bounded by the parser, so that recursion is too.

mod number;
mod string;

use crate::value::Number;
use crate::{Action, Protect, Unprotected, Value, ValueKind};

pub use number::write_number;
pub use string::write_string;

pub(crate) use number::write_integer;
pub(crate) use string::write_hex;

/// Appends a value's canonical form.
pub fn write(value: Value<'_>, out: &mut Vec<u8>) {
    Writer::new(&mut Unprotected, out).value(value);
}

/// Appends the canonical form of a `serde_json` value.
///
/// Numbers are written as the doubles they are nearest to; whoever needs larger integers to survive sends strings.
pub fn write_json(value: &serde_json::Value, out: &mut Vec<u8>) {
    match value {
        serde_json::Value::Null => out.extend_from_slice(b"null"),
        serde_json::Value::Bool(truth) => write_bool(*truth, out),
        serde_json::Value::Number(number) => write_number(number.as_f64().unwrap_or_default(), out),
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

pub(crate) fn write_bool(truth: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if truth { b"true" } else { b"false" });
}

/// Writes values in canonical form, each member and text as the protection rules say.
pub(crate) struct Writer<'w, P: ?Sized> {
    protect: &'w mut P,
    pub(crate) out: &'w mut Vec<u8>,
    /// Where a replaced text is made.
    replaced: String,
}

impl<'w, P: Protect + ?Sized> Writer<'w, P> {
    pub(crate) fn new(protect: &'w mut P, out: &'w mut Vec<u8>) -> Self {
        Self { protect, out, replaced: String::new() }
    }

    /// Writes a value and what is inside it.
    pub(crate) fn value(&mut self, value: Value<'_>) {
        match value.kind() {
            ValueKind::Null => self.out.extend_from_slice(b"null"),
            ValueKind::Bool => write_bool(value.as_bool() == Some(true), self.out),
            ValueKind::Number => match value.number() {
                Some(Number::Integer { negative, magnitude }) => write_integer(negative, magnitude, self.out),
                Some(Number::Double(double)) => write_number(double, self.out),
                None => {}
            },
            ValueKind::String => self.text(value.as_str().unwrap_or_default()),
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
        match action {
            Action::Keep => self.value(value),
            Action::Drop => {}
            Action::Text(text) => write_string(&text, self.out),
            Action::Sealed { sha256 } => {
                self.out.extend_from_slice(br#"{"sealed":""#);
                write_hex(&sha256, self.out);
                self.out.extend_from_slice(br#""}"#);
            }
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

/// The members of a record of ours. They are written in the order of the calls, which must be canonical.
impl<P: Protect + ?Sized> Writer<'_, P> {
    pub(crate) fn open(&mut self) {
        self.out.push(b'{');
    }

    pub(crate) fn close(&mut self) {
        self.out.push(b'}');
    }

    /// Writes a member's name, with the comma before it unless the object was just opened: no value ends in `{`.
    #[inline]
    pub(crate) fn name(&mut self, name: &str) {
        if self.out.last() != Some(&b'{') {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// A document of the producer's, if there is one, protected.
    pub(crate) fn document(&mut self, name: &str, document: Option<Value<'_>>) {
        if let Some(document) = document {
            self.name(name);
            self.value(document);
        }
    }

    /// A text of the producer's, if there is one, protected.
    pub(crate) fn free_text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.name(name);
            self.text(text);
        }
    }

    /// A text that is written as it is, if there is one.
    pub(crate) fn id(&mut self, name: &str, id: Option<&str>) {
        if let Some(id) = id {
            self.name(name);
            write_string(id, self.out);
        }
    }

    pub(crate) fn number(&mut self, name: &str, number: Option<f64>) {
        if let Some(number) = number {
            self.name(name);
            write_number(number, self.out);
        }
    }

    pub(crate) fn integer(&mut self, name: &str, integer: Option<i64>) {
        if let Some(integer) = integer {
            self.name(name);
            write_integer(integer < 0, integer.unsigned_abs(), self.out);
        }
    }

    /// A count of up to 2^53.
    pub(crate) fn count(&mut self, name: &str, count: u64) {
        self.name(name);
        write_integer(false, count, self.out);
    }

    pub(crate) fn truth(&mut self, name: &str, truth: bool) {
        self.name(name);
        write_bool(truth, self.out);
    }

    pub(crate) fn uuid(&mut self, name: &str, uuid: uuid::Uuid) {
        self.name(name);
        self.out.push(b'"');
        self.out.extend_from_slice(uuid.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()).as_bytes());
        self.out.push(b'"');
    }

    pub(crate) fn hex(&mut self, name: &str, bytes: &[u8]) {
        self.name(name);
        self.out.push(b'"');
        write_hex(bytes, self.out);
        self.out.push(b'"');
    }

    pub(crate) fn moment(&mut self, name: &str, moment: crate::Timestamp) {
        self.name(name);
        self.out.push(b'"');
        moment.write(self.out);
        self.out.push(b'"');
    }

    /// The version of the stored form.
    pub(crate) fn schema(&mut self) {
        self.integer("schema", Some(crate::SCHEMA as i64));
    }
}

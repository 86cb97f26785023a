//! The named fields of a record, and the rules that a field can have.
//!
//! A kind of record has a table of [`Names`], each in `snake_case` and in `camelCase`. [`Fields`] sorts the members of
//! what was sent into that table, and then gives them out one by one, checked. A fault never stops it: all that is
//! wrong is collected, and a placeholder stands in for what is missing until [`Fields::finish`] refuses the record.

use uuid::Uuid;

use crate::fault::{Fault, Faults, push_key};
use crate::number::INEXACT;
use crate::{Kind, Timestamp, Value, ValueKind, limit};

/// The fields of one kind of record, found by name in a table without collisions that is made at compile time.
pub(crate) struct Names<const N: usize> {
    /// Each field in `snake_case` and in `camelCase`.
    names: [(&'static str, &'static str); N],
    seed: u32,
    /// 0, or 1 + the place in `names`, doubled, plus 1 for the `camelCase` spelling.
    slots: [u8; SLOTS],
}

const SLOTS: usize = 512;

impl<const N: usize> Names<N> {
    /// Makes the table. Fails to compile if no seed up to a bound is free of collisions.
    pub(crate) const fn new(names: [(&'static str, &'static str); N]) -> Self {
        let mut seed = 1;
        while seed < 10_000 {
            if let Some(slots) = Self::slots(&names, seed) {
                return Self { names, seed, slots };
            }
            seed += 2;
        }
        panic!("no seed spreads these names");
    }

    const fn slots(names: &[(&'static str, &'static str); N], seed: u32) -> Option<[u8; SLOTS]> {
        let mut slots = [0; SLOTS];
        let mut at = 0;
        while at < N {
            let snake = slot(names[at].0.as_bytes(), seed);
            let camel = slot(names[at].1.as_bytes(), seed);
            if slots[snake] != 0 {
                return None;
            }
            slots[snake] = at as u8 * 2 + 1;
            if !same(names[at].0, names[at].1) {
                if slots[camel] != 0 {
                    return None;
                }
                slots[camel] = at as u8 * 2 + 2;
            }
            at += 1;
        }
        Some(slots)
    }

    /// The place of a field, by its `snake_case` name, for use in a `const`.
    pub(crate) const fn place(&self, name: &str) -> usize {
        let mut at = 0;
        while at < N {
            if same(self.names[at].0, name) {
                return at;
            }
            at += 1;
        }
        panic!("no field of that name");
    }

    /// Both spellings of every field.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.names.iter().copied()
    }

    #[inline]
    fn find(&self, key: &str) -> Option<usize> {
        let code = usize::from(self.slots[slot(key.as_bytes(), self.seed)]).checked_sub(1)?;
        let (snake, camel) = self.names[code / 2];
        (key == if code % 2 == 0 { snake } else { camel }).then_some(code / 2)
    }
}

/// Where a name belongs: its length and four of its bytes tell the names of a table apart.
#[inline]
const fn slot(name: &[u8], seed: u32) -> usize {
    let len = name.len();
    if len == 0 {
        return 0;
    }
    let bytes = u32::from_le_bytes([name[0], name[len / 3], name[len * 2 / 3], name[len - 1]]);
    let mixed = (bytes ^ (len as u32).wrapping_mul(0x9e37_79b9)).wrapping_mul(seed.wrapping_mul(0x85eb_ca6b) | 1);
    (mixed >> 23) as usize % SLOTS
}

const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// The place of a field in the `NAMES_CONST` of the module, worked out at compile time.
macro_rules! at {
    ($name:literal) => {
        const { NAMES_CONST.place($name) }
    };
}
pub(crate) use at;

/// A timestamp, and the text that it was sent as if that says more.
#[derive(Clone, Copy)]
pub(crate) struct SentTimestamp<'a> {
    pub(crate) timestamp: Timestamp,
    pub(crate) text: Option<&'a str>,
}

const UNKNOWN: &str = "is not a field of this record; what has no field of its own goes into metadata";

/// The members of one record, sorted into its fields, and all that is wrong with them.
pub(crate) struct Fields<'a, const N: usize> {
    root: Value<'a>,
    names: &'static Names<N>,
    values: [Option<Value<'a>>; N],
    faults: Faults,
}

impl<'a, const N: usize> Fields<'a, N> {
    /// Sorts members into fields. A member that is no field and a field that is there in both spellings are faults.
    pub(crate) fn sort(root: Value<'a>, names: &'static Names<N>) -> Self {
        Self::collect(root, names, true)
    }

    /// Picks the fields out of a record that has others too.
    pub(crate) fn pick(root: Value<'a>, names: &'static Names<N>) -> Self {
        Self::collect(root, names, false)
    }

    fn collect(root: Value<'a>, names: &'static Names<N>, all: bool) -> Self {
        let mut fields = Self { root, names, values: [None; N], faults: Faults::default() };
        if root.kind() != ValueKind::Object {
            let found = root.kind().describe();
            fields.faults.push(Fault::new(root.pointer(), format!("must be a JSON object, not {found}")));
            return fields;
        }
        for (key, value) in root.members() {
            match names.find(key) {
                Some(at) if fields.values[at].is_none() => fields.values[at] = Some(value),
                Some(at) => {
                    let (snake, camel) = names.names[at];
                    fields.fault(value, format!("the field is there twice, as {snake} and as {camel}"));
                }
                None if all => fields.fault(value, UNKNOWN),
                None => {}
            }
        }
        fields
    }

    /// `done` if nothing was wrong.
    pub(crate) fn finish<T>(self, done: T) -> Result<T, Vec<Fault>> {
        if self.faults.is_empty() { Ok(done) } else { Err(self.faults.into_vec()) }
    }

    pub(crate) fn fault(&mut self, at: Value<'_>, problem: impl Into<String>) {
        self.faults.push(Fault::new(at.pointer(), problem));
    }

    /// The field's value; `null` counts as absent.
    #[inline]
    pub(crate) fn value(&self, at: usize) -> Option<Value<'a>> {
        self.values[at].filter(|value| !value.is_null())
    }

    /// Names an absent field that must be there. Not said of what is no object at all: that has its own fault.
    pub(crate) fn require(&mut self, at: usize) {
        if self.value(at).is_some() || self.root.kind() != ValueKind::Object {
            return;
        }
        match self.values[at] {
            Some(null) => self.fault(null, "is required and must not be null"),
            None => {
                let mut pointer = self.root.pointer();
                push_key(&mut pointer, self.names.names[at].0);
                self.faults.push(Fault::new(pointer, "is required"));
            }
        }
    }

    /// Names an absent text that must be there and say something.
    pub(crate) fn require_words(&mut self, at: usize) {
        self.require(at);
        if let Some(value) = self.value(at)
            && value.as_str().is_some_and(is_blank)
        {
            self.fault(value, "must not be blank");
        }
    }

    /// A field that must be there; its root stands in if it is not.
    pub(crate) fn required(&mut self, at: usize) -> Value<'a> {
        self.require(at);
        self.value(at).unwrap_or(self.root)
    }

    /// A field of one JSON type.
    pub(crate) fn typed(&mut self, at: usize, kind: ValueKind) -> Option<Value<'a>> {
        let value = self.value(at)?;
        if value.kind() == kind {
            return Some(value);
        }
        self.fault(value, format!("must be {}, not {}", kind.describe(), value.kind().describe()));
        None
    }

    pub(crate) fn text(&mut self, at: usize) -> Option<&'a str> {
        self.typed(at, ValueKind::String)?.as_str()
    }

    pub(crate) fn truth(&mut self, at: usize) -> Option<bool> {
        self.typed(at, ValueKind::Bool)?.as_bool()
    }

    /// An identifier: 1 to [`limit::ID_CHARS_MAX`] characters, none of them a control character.
    pub(crate) fn id(&mut self, at: usize) -> Option<&'a str> {
        let value = self.typed(at, ValueKind::String)?;
        let id = value.as_str()?;
        match id_problem(id) {
            None => Some(id),
            Some(problem) => {
                self.fault(value, problem);
                None
            }
        }
    }

    /// An identifier that must be there; an empty one stands in if it is not.
    pub(crate) fn required_id(&mut self, at: usize) -> &'a str {
        self.require(at);
        self.id(at).unwrap_or_default()
    }

    /// The decision that a review or an outcome is about: named here, by the caller's `known`, or the same by both.
    pub(crate) fn decision_id(&mut self, at: usize, known: Option<&'a str>) -> &'a str {
        let Some(known) = known else { return self.required_id(at) };
        if let Some(problem) = id_problem(known) {
            self.faults.push(Fault::new("", format!("the decision id {problem}")));
        }
        let sent = self.id(at);
        if let (Some(value), Some(sent)) = (self.value(at), sent)
            && sent != known
        {
            self.fault(value, "is not the decision that this is sent to");
        }
        known
    }

    /// A number from `min` to `max`.
    pub(crate) fn number(&mut self, at: usize, min: f64, max: f64) -> Option<f64> {
        let value = self.typed(at, ValueKind::Number)?;
        match value.as_f64() {
            Some(number) if (min..=max).contains(&number) => return Some(number),
            Some(_) => self.fault(value, range_problem(min, max)),
            None => self.fault(value, INEXACT),
        }
        None
    }

    /// A whole number from `min` to `max`.
    pub(crate) fn integer(&mut self, at: usize, min: i64, max: i64) -> Option<i64> {
        let value = self.typed(at, ValueKind::Number)?;
        let integer = value.as_i64().filter(|integer| (min..=max).contains(integer));
        if integer.is_none() {
            self.fault(value, format!("must be a whole number from {min} to {max}"));
        }
        integer
    }

    /// A count that must be there.
    pub(crate) fn required_count(&mut self, at: usize) -> u64 {
        self.require(at);
        self.integer(at, 0, limit::INTEGER_EXACT_MAX as i64).unwrap_or_default().unsigned_abs()
    }

    pub(crate) fn uuid(&mut self, at: usize) -> Option<Uuid> {
        let value = self.typed(at, ValueKind::String)?;
        let text = value.as_str()?;
        let uuid = Some(text)
            .filter(|text| matches!(text.len(), 32 | 36))
            .and_then(|text| Uuid::try_parse(text).ok())
            .filter(|uuid| !uuid.is_nil());
        if uuid.is_none() {
            self.fault(value, "must be a UUID that is not all zeros; leave it out to have one made");
        }
        uuid
    }

    pub(crate) fn timestamp(&mut self, at: usize) -> Option<Timestamp> {
        self.sent_timestamp(at).map(|sent| sent.timestamp)
    }

    pub(crate) fn sent_timestamp(&mut self, at: usize) -> Option<SentTimestamp<'a>> {
        let value = self.typed(at, ValueKind::String)?;
        let text = value.as_str()?;
        if text.len() > limit::TIMESTAMP_CHARS_MAX {
            self.fault(value, format!("must have at most {} characters", limit::TIMESTAMP_CHARS_MAX));
            return None;
        }
        let Some((timestamp, says_more)) = Timestamp::parse_sent(text) else {
            self.fault(value, "must be an RFC 3339 date-time such as 2026-11-23T07:46:33.123456Z");
            return None;
        };
        Some(SentTimestamp { timestamp, text: says_more.then_some(text) })
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&mut self, at: usize, words: &[(&str, T)]) -> Option<T> {
        let value = self.typed(at, ValueKind::String)?;
        let text = value.as_str()?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.fault(value, format!("must be one of {}", words.join(", ")));
        }
        found
    }

    /// The members that every stored record has and that may be sent: checked, and otherwise ours to write.
    pub(crate) fn stored(&mut self, kind: usize, schema: usize, recorded_at: usize, expected: Kind) {
        self.word(kind, &[(expected.as_str(), ())]);
        let version = crate::SCHEMA as i64;
        self.integer(schema, version, version);
        self.timestamp(recorded_at);
    }
}

/// Whether a text shows nothing: white space, and characters that have no width or no ink.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(|char| {
        char.is_whitespace()
            || char.is_control()
            || matches!(
                char,
                '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}'
                    | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
                    | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}'
            )
    })
}

/// What is wrong with an identifier.
#[inline]
fn id_problem(id: &str) -> Option<String> {
    // No character takes less than a byte, so that counting is needed for long ones only.
    let too_long = id.len() > limit::ID_CHARS_MAX && id.chars().count() > limit::ID_CHARS_MAX;
    if id.is_empty() || too_long {
        return Some(format!("must have 1 to {} characters", limit::ID_CHARS_MAX));
    }
    id.bytes().any(|byte| byte.is_ascii_control()).then(|| "must not hold control characters".to_owned())
}

pub(crate) fn range_problem(min: f64, max: f64) -> String {
    if max == f64::MAX { format!("must be at least {min}") } else { format!("must be from {min} to {max}") }
}

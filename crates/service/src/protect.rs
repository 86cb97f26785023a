//! What becomes of each member and text of a record: the policy, applied while the record is written.
//!
//! Invariant (5 of the design): no value of a field that the policy names, no detected personal data in any other text,
//! and no user id passes through. All of it is deterministic in (policy, keys, event id, record), so that the same body
//! always gives the same bytes.
//!
//! A member *name* cannot be replaced without changing what the record means. A name that holds personal data is a
//! fault, and the record is refused.

use crate::detector::{Detector, Finding};
use crate::large::LargeValue;
use crate::policy::{Mode, Policy};
use crate::sealed;
use crate::vault::FieldKeys;
use memchr::memmem::Finder;
use onrecord_record::{Action, Fault, Protect, Value, ValueKind, canonical, limit};

/// A user id that a record must not hold in other text: its own user's, or that of the decision it is about.
pub(crate) struct UserIdMatcher<'a> {
    user_id: Finder<'a>,
    token: &'a str,
}

impl<'a> UserIdMatcher<'a> {
    /// `None` when the policy does not look for it, when it is in no more places of the document than are `expected`, or
    /// when it is so short that it would be found in what has nothing to do with it: under 5 characters, or under 6
    /// digits.
    pub(crate) fn new(policy: &Policy, user_id: &'a str, token: &'a str, json: &[u8], expected: usize) -> Option<Self> {
        let bytes_min = if user_id.bytes().all(|byte| byte.is_ascii_digit()) { 6 } else { 5 };
        if !policy.user_id_in_text || user_id.len() < bytes_min {
            return None;
        }
        let user_id = Finder::new(user_id);
        // One look at the whole document spares one at each text. With a backslash anywhere the same text may be
        // spelled in many ways, so that only the texts themselves tell.
        let may_occur = memchr::memchr(b'\\', json).is_some() || user_id.find_iter(json).nth(expected).is_some();
        may_occur.then_some(UserIdMatcher { user_id, token })
    }

    /// The same for any text, however short the user id is.
    pub(crate) fn of(user_id: &'a str, token: &'a str) -> Self {
        UserIdMatcher { user_id: Finder::new(user_id), token }
    }

    fn len(&self) -> usize {
        self.user_id.needle().len()
    }

    /// Where it occurs as a word of its own.
    fn find(&self, text: &str) -> impl Iterator<Item = usize> {
        let length = self.len();
        self.user_id.find_iter(text.as_bytes()).filter(move |at| {
            let word = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
            !word(text[..*at].chars().next_back()) && !word(text[at + length..].chars().next())
        })
    }

    pub(crate) fn occurs_in(&self, text: &str) -> bool {
        self.find(text).next().is_some()
    }

    /// Writes the text with the token in its place to `out`; false, with nothing written, when it does not occur.
    pub(crate) fn replace(&self, text: &str, out: &mut String) -> bool {
        let mut from = 0;
        for at in self.find(text) {
            if at < from {
                continue;
            }
            out.push_str(&text[from..at]);
            out.push_str(self.token);
            from = at + self.len();
        }
        if from > 0 {
            out.push_str(&text[from..]);
        }
        from > 0
    }
}

/// What a record is, as far as the policy asks.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// Whether it is a decision of a language model.
    pub(crate) is_llm: bool,
    pub(crate) keys: &'a FieldKeys,
    /// The record's user id and its token, if it has a user.
    pub(crate) user: Option<(&'a str, &'a str)>,
    pub(crate) user_ids: &'a [UserIdMatcher<'a>],
    pub(crate) event_id: [u8; 16],
}

/// Applies the policy to one record.
pub(crate) struct RecordProtector<'a> {
    policy: &'a Policy,
    origin: Origin<'a>,
    /// Where values are written before they are hashed or encrypted; its content means nothing.
    scratch: &'a mut Vec<u8>,
    /// The places of numbers that decisions are looked up by, in the document at hand.
    identifiers: Vec<u32>,
    /// The ciphertexts so far.
    pub(crate) sidecar: Vec<u8>,
    pub(crate) sealed_count: usize,
    /// What is kept apart from the record, so far: large texts, and sealed fields as large.
    pub(crate) large: Vec<LargeValue>,
    pub(crate) large_texts: usize,
    /// What cannot be recorded.
    pub(crate) faults: Vec<Fault>,
}

impl Protect for RecordProtector<'_> {
    #[inline]
    fn member(&mut self, key: &str, value: Value<'_>) -> Action {
        match self.mode(key) {
            None if is_user_id(key) && !value.is_null() => Action::Text(self.user_token(value)),
            None => {
                if let Some(problem) = name_problem(&self.policy.detector, self.origin.user_ids, key) {
                    self.faults.push(Fault::new(parent(&value.pointer()), problem));
                }
                Action::Keep
            }
            Some(Mode::Keep) => Action::Keep,
            Some(Mode::Drop) => Action::Drop,
            // There is nothing to protect, and a token of nothing would look like something.
            Some(Mode::Token | Mode::Seal) if value.is_null() => Action::Keep,
            // Whether there is a telephone tells nobody's number.
            Some(Mode::Token) if value.as_bool().is_some() => Action::Keep,
            Some(Mode::Token) => Action::Text(self.token(value)),
            Some(Mode::Seal) => self.seal(value),
        }
    }

    fn document(&mut self, name: &'static str, document: Value<'_>) -> Action {
        self.identifiers.clear();
        if name == "input_features" {
            let found = self.policy.identifiers.iter().filter_map(|path| {
                let value = path.iter().try_fold(document, |value, name| value.get(name))?;
                (value.kind() == ValueKind::Number).then(|| value.place())
            });
            self.identifiers.extend(found);
        }
        // A document with members is looked at member by member.
        let is_prose = self.origin.is_llm && !matches!(document.kind(), ValueKind::Object | ValueKind::Null);
        match is_prose.then(|| self.mode(name)).flatten() {
            Some(Mode::Token) if document.as_bool().is_none() => Action::Text(self.token(document)),
            Some(Mode::Seal) => self.seal(document),
            _ => Action::Keep,
        }
    }

    #[inline]
    fn integer(&mut self, integer: u128, place: u32) -> Option<&'static str> {
        let is_card = self.policy.detector.is_card(integer) && !self.identifiers.contains(&place);
        is_card.then(|| Finding::Card.mask())
    }

    #[inline]
    fn text(&mut self, text: &str, out: &mut String) -> bool {
        let detector = &self.policy.detector;
        let Some(shown) = replace_all(self.origin.user_ids, text) else { return detector.mask(text, out) };
        if !detector.mask(&shown, out) {
            *out = shown;
        }
        true
    }

    fn large(&mut self, text: &str) -> Option<[u8; 32]> {
        let value = LargeValue::new(self.origin.keys, text)?;
        let sha256 = value.sha256();
        self.large.push(value);
        self.large_texts += 1;
        Some(sha256)
    }
}

impl<'a> RecordProtector<'a> {
    pub(crate) fn new(policy: &'a Policy, origin: Origin<'a>, scratch: &'a mut Vec<u8>) -> Self {
        Self {
            policy,
            origin,
            scratch,
            identifiers: Vec::new(),
            sidecar: Vec::new(),
            sealed_count: 0,
            large: Vec::new(),
            large_texts: 0,
            faults: Vec::new(),
        }
    }

    #[inline]
    fn mode(&self, key: &str) -> Option<Mode> {
        if self.origin.is_llm { self.policy.mode_of_llm(key) } else { self.policy.mode(key) }
    }

    /// A text is hashed as it is and anything else in its canonical form, so that `5551234` and `"5551234"` correlate.
    fn token(&mut self, value: Value<'_>) -> String {
        let mut token = String::with_capacity(20);
        match value.as_str() {
            Some(text) => self.origin.keys.token(text.as_bytes(), &mut token),
            None => {
                self.scratch.clear();
                canonical::write(value, self.scratch);
                self.origin.keys.token(self.scratch, &mut token);
            }
        }
        token
    }

    /// A user id inside a document: the subject's token if it is the record's own, else a field token. Unlike in free
    /// text this needs no bound on its length, because the name says what it is.
    fn user_token(&mut self, value: Value<'_>) -> String {
        match self.origin.user {
            Some((user_id, token)) if value.as_str() == Some(user_id) => token.to_owned(),
            _ => self.token(value),
        }
    }

    fn seal(&mut self, value: Value<'_>) -> Action {
        self.scratch.clear();
        canonical::write(value, self.scratch);
        match self.origin.keys.seal(&self.origin.event_id, self.sealed_count as u32, self.scratch) {
            Some(sealed) => {
                self.sealed_count += 1;
                let sha256 = if sealed.len() > limit::LARGE_TEXT_BYTES {
                    let value = LargeValue::of_ciphertext(sealed);
                    let sha256 = value.sha256();
                    self.large.push(value);
                    sha256
                } else {
                    sealed::push(&mut self.sidecar, &sealed)
                };
                Action::Sealed { sha256 }
            }
            None => {
                self.faults.push(Fault::new(value.pointer(), "is too large to be sealed"));
                Action::Drop
            }
        }
    }
}

/// Whether a member of a document is a user id by its name. The policy can name it to say otherwise.
#[inline]
fn is_user_id(key: &str) -> bool {
    matches!(key.len(), 6 | 7) && (key.eq_ignore_ascii_case("user_id") || key.eq_ignore_ascii_case("userId"))
}

/// Why a member may not be called so.
fn name_problem(detector: &Detector, user_ids: &[UserIdMatcher<'_>], key: &str) -> Option<String> {
    let noun = match detector.find(key).first() {
        Some((_, finding)) => finding.noun(),
        None if user_ids.iter().any(|own_user| own_user.occurs_in(key)) => "the user id",
        None => return None,
    };
    Some(format!("has a member whose name holds {noun}: put it into a value, where it can be protected"))
}

/// What stands in the place of a member that means something of ours.
pub(crate) const RESERVED: &str = "holds a member of a form in which sealed and large values are kept, {\"sealed\":…} or \
    {\"bytes\":…,\"large\":…}: give its members other names";

/// Whether a value would be written as what a sealed field or a large value becomes.
fn is_reserved(value: Value<'_>) -> bool {
    let is_hash = |name| {
        let digits = value.get(name).and_then(Value::as_str).unwrap_or_default();
        digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    match value.members().len() {
        1 => is_hash("sealed"),
        2 => {
            let is_length = |value: Value<'_>| {
                let mut written = Vec::new();
                canonical::write(value, &mut written);
                written.iter().all(u8::is_ascii_digit)
            };
            value.get("bytes").is_some_and(is_length) && is_hash("large")
        }
        _ => false,
    }
}

/// Looks at all members below a document without writing it: finds the faults that [`RecordProtector`] would find.
pub(crate) fn check_members(
    policy: &Policy,
    is_llm: bool,
    user_ids: &[UserIdMatcher<'_>],
    value: Value<'_>,
    faults: &mut Vec<Fault>,
) {
    match value.kind() {
        ValueKind::Object => {
            if is_reserved(value) {
                faults.push(Fault::new(value.pointer(), RESERVED));
            }
            for (key, member) in value.members_sorted() {
                let mode = if is_llm { policy.mode_of_llm(key) } else { policy.mode(key) };
                match mode {
                    Some(Mode::Token | Mode::Seal | Mode::Drop) => continue,
                    Some(Mode::Keep) => {}
                    None if is_user_id(key) && !member.is_null() => continue,
                    None => {
                        if let Some(problem) = name_problem(&policy.detector, user_ids, key) {
                            faults.push(Fault::new(parent(&member.pointer()), problem));
                        }
                    }
                }
                check_members(policy, is_llm, user_ids, member, faults);
            }
        }
        ValueKind::Array => {
            value.elements().for_each(|element| check_members(policy, is_llm, user_ids, element, faults))
        }
        _ => {}
    }
}

/// Why an identifier that is stored as it is may not hold what it holds.
pub(crate) fn check_identifier(
    policy: &Policy,
    user_ids: &[UserIdMatcher<'_>],
    pointer: &str,
    id: Option<&str>,
    faults: &mut Vec<Fault>,
) {
    let Some(id) = id else { return };
    let noun = match policy.detector.find(id).first() {
        Some((_, finding)) => finding.noun(),
        None if user_ids.iter().any(|own_user| own_user.occurs_in(id)) => "the user id",
        None => return,
    };
    faults.push(Fault::new(pointer, format!("holds {noun}, and identifiers are stored as they are: use another one")));
}

/// The text with tokens in place of all these user ids; `None` when it holds none of them.
fn replace_all(user_ids: &[UserIdMatcher<'_>], text: &str) -> Option<String> {
    let mut replaced: Option<String> = None;
    for own_user in user_ids {
        let mut shown = String::new();
        if own_user.replace(replaced.as_deref().unwrap_or(text), &mut shown) {
            replaced = Some(shown);
        }
    }
    replaced
}

/// Masks what is personal in the pointers of faults that go out.
pub(crate) fn mask_pointers(detector: &Detector, user_ids: &[UserIdMatcher<'_>], faults: &mut [Fault]) {
    for fault in faults {
        if let Some(shown) = replace_all(user_ids, &fault.pointer) {
            fault.pointer = shown;
        }
        let mut shown = String::new();
        if detector.mask(&fault.pointer, &mut shown) {
            fault.pointer = shown;
        }
    }
}

/// The pointer to what holds the member.
fn parent(pointer: &str) -> &str {
    pointer.rsplit_once('/').map_or("", |(parent, _)| parent)
}

//! What begins with a digit, a plus or a parenthesis: a card, a social security number, or a phone number.
//!
//! Where something may begin and end is judged on the neighbouring characters: what hangs on a longer word or a longer
//! dashed identifier stays.

use super::digits::Candidate;
use super::{Detector, Finding};

/// What starts at byte `at`, where a digit, '+' or '(' stands, and where it ends.
pub(super) fn starting(on: &Detector, text: &str, at: usize) -> Option<(usize, Finding)> {
    let announced = announced_by(text, at);
    if announced == Some(Announced::Nothing) {
        return None;
    }
    let candidate = Candidate::read(text, at)?;
    if on.card
        && let Some(end) = candidate.card()
    {
        return Some((end, Finding::Card));
    }
    if on.ssn
        && let Some(end) = candidate.ssn(announced == Some(Announced::Ssn))
    {
        return Some((end, Finding::Ssn));
    }
    if on.phone
        && let Some(end) = candidate.phone(announced == Some(Announced::Phone))
    {
        return Some((end, Finding::Phone));
    }
    None
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Announced {
    /// The word before says that a phone number follows.
    Phone,
    /// The word before says that a social security number follows.
    Ssn,
    /// The number hangs on a word or a longer identifier: nothing may start here.
    Nothing,
}

const PHONE_WORDS: &[&str] =
    &["phone", "telephone", "tel", "mobile", "cell", "cellphone", "fax", "whatsapp", "sms", "handy", "telefon", "tlf"];
const SSN_WORDS: &[&str] = &["ssn", "itin"];

/// Judges what stands before byte `at`.
fn announced_by(text: &str, at: usize) -> Option<Announced> {
    let before = &text[..at];
    let previous = before.chars().next_back()?;
    if previous.is_alphanumeric() || previous == '_' {
        return Some(Announced::Nothing);
    }
    let trimmed = before.trim_end_matches([' ', ':', '=', '#', '.', '-', '"', '\u{a0}']);
    let word_start = trimmed.rfind(|c: char| !c.is_ascii_alphabetic()).map_or(0, |i| i + 1);
    // `rfind` gives the first byte of a character; a multi-byte one leaves a start inside it.
    let word = trimmed.get(word_start..).unwrap_or("");
    let is = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
    if is(PHONE_WORDS) {
        return Some(Announced::Phone);
    }
    if is(SSN_WORDS) {
        return Some(Announced::Ssn);
    }
    let mut back = before.chars().rev();
    let joined =
        matches!(back.next(), Some('-' | '.' | '/' | ',' | '+')) && back.next().is_some_and(char::is_alphanumeric);
    joined.then_some(Announced::Nothing)
}

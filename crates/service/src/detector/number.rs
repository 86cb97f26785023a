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

const PHONE_WORDS: &[&str] = &[
    "phone",
    "telephone",
    "tel",
    "mobile",
    "cell",
    "cellphone",
    "fax",
    "whatsapp",
    "sms",
    "handy",
    "telefon",
    "tlf",
    "tél",
    "téléphone",
    "portable",
    "teléfono",
    "móvil",
    "telefone",
    "celular",
    "telefono",
    "cellulare",
    "telefoon",
    "тел",
    "телефон",
    "電話",
    "电话",
];
/// May stand between such a word and its number.
const NUMBER_WORDS: &[&str] = &["number", "no", "nr", "num", "nummer", "is", "n"];
const SSN_WORDS: &[&str] = &["ssn", "itin"];

/// Judges what stands before byte `at`.
fn announced_by(text: &str, at: usize) -> Option<Announced> {
    let before = &text[..at];
    let previous = before.chars().next_back()?;
    if previous.is_alphanumeric() || previous == '_' {
        return Some(Announced::Nothing);
    }
    let (mut word, rest) = last_word(before);
    if is_one_of(NUMBER_WORDS, word) {
        word = last_word(rest).0;
    }
    if is_one_of(PHONE_WORDS, word) {
        return Some(Announced::Phone);
    }
    if is_one_of(SSN_WORDS, word) {
        return Some(Announced::Ssn);
    }
    let mut back = before.chars().rev();
    let joined =
        matches!(back.next(), Some('-' | '.' | '/' | ',' | '+')) && back.next().is_some_and(char::is_alphanumeric);
    joined.then_some(Announced::Nothing)
}

/// The longest word that announces anything, in bytes.
const WORD_BYTES_MAX: usize = 20;

/// The word that a text ends with, but for what may stand between a word and a number, and the text before it.
fn last_word(text: &str) -> (&str, &str) {
    let text = text.trim_end_matches([' ', '\t', ':', '=', '#', '.', '-', '"', '\'', '°', 'º', '\u{a0}']);
    let letters =
        text.char_indices().rev().take_while(|(at, c)| c.is_alphabetic() && text.len() - at <= WORD_BYTES_MAX);
    let start = letters.last().map_or(text.len(), |(at, _)| at);
    (&text[start..], &text[..start])
}

fn is_one_of(words: &[&str], word: &str) -> bool {
    let same = |known: &&str| known.chars().flat_map(char::to_lowercase).eq(word.chars().flat_map(char::to_lowercase));
    !word.is_empty() && words.iter().any(same)
}

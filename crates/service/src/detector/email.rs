//! E-mail addresses: a local part, '@', and a host name with a dot and an alphabetic top-level label (RFC 5322's common
//! subset, with letters of any script as RFC 6531 allows). Quoted local parts are not recognised.

use std::ops::Range;

/// The longest local part and the longest domain that mail carries, in bytes (RFC 5321 §4.5.3.1).
const LOCAL_BYTES_MAX: usize = 64;
const DOMAIN_BYTES_MAX: usize = 255;

/// The address around the '@' at byte `at`, looking left no further than `from`.
pub(super) fn around(text: &str, at: usize, from: usize) -> Option<Range<usize>> {
    let start = local_start(text, at, from)?;
    let end = domain_end(text, at + 1)?;
    Some(start..end)
}

fn local_start(text: &str, at: usize, from: usize) -> Option<usize> {
    let mut start = at;
    for (index, character) in text[from..at].char_indices().rev() {
        let local = character.is_alphanumeric() || "._%+-'!#$&*/^{}~".contains(character);
        if !local || at - (from + index) > LOCAL_BYTES_MAX {
            break;
        }
        start = from + index;
    }
    // Punctuation that opens a quotation or a path is not part of the address.
    let trimmed = text[start..at].trim_start_matches(|c: char| !c.is_alphanumeric() && c != '_');
    let start = at - trimmed.len();
    (start < at && !text[start..at].ends_with('.')).then_some(start)
}

fn domain_end(text: &str, from: usize) -> Option<usize> {
    let rest = &text[from..];
    let mut end = rest.len();
    for (index, character) in rest.char_indices() {
        if !(character.is_alphanumeric() || character == '-' || character == '.') || index > DOMAIN_BYTES_MAX {
            end = index;
            break;
        }
    }
    // Keep labels as long as they are well formed: a full stop that ends the sentence is not part of the domain.
    let mut accepted = None;
    let mut label_start = 0;
    let mut labels = 0;
    for index in rest[..end].match_indices('.').map(|(index, _)| index).chain([end]) {
        let label = &rest[label_start..index];
        if label.is_empty() || label.starts_with('-') || label.ends_with('-') {
            break;
        }
        labels += 1;
        let top = label.chars().count() >= 2 && (label.chars().all(char::is_alphabetic) || label.starts_with("xn--"));
        if labels >= 2 && top {
            accepted = Some(from + index);
        }
        label_start = index + 1;
    }
    accepted
}

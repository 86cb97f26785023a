//! E-mail addresses: a local part, '@', and a host name with a dot and an alphabetic top-level label (RFC 5322's common
//! subset, with letters of any script as RFC 6531 allows). The local part may be quoted, and the whole percent-encoded.

use std::ops::Range;

/// The longest local part and the longest domain that mail carries, in bytes (RFC 5321 §4.5.3.1).
const LOCAL_BYTES_MAX: usize = 64;
const DOMAIN_BYTES_MAX: usize = 255;

/// How an '@' is written in the query of a URL, and in a URL inside another one's (RFC 3986 §2.1).
const ENCODED: [&str; 2] = ["%40", "%2540"];

/// Where an '@' stands, in plain or percent-encoded, from left to right.
pub(super) fn signs(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    memchr::memchr2_iter(b'@', b'%', text.as_bytes()).filter_map(|at| {
        let rest = &text.as_bytes()[at..];
        let encoded = || ENCODED.iter().find(|sign| rest.starts_with(sign.as_bytes())).map(|sign| sign.len());
        let length = if rest[0] == b'@' { 1 } else { encoded()? };
        Some(at..at + length)
    })
}

/// The address around a sign, looking left no further than `from`.
pub(super) fn around(text: &str, sign: Range<usize>, from: usize) -> Option<Range<usize>> {
    let end = if sign.len() == 1 { domain_end(text, sign.end)? } else { encoded_domain_end(text, sign.end)? };
    let start = match text[from..sign.start].ends_with('"') {
        true => quoted_start(text, sign.start, from),
        false => local_start(text, sign, from),
    };
    Some(start?..end)
}

fn local_start(text: &str, sign: Range<usize>, from: usize) -> Option<usize> {
    // Around an encoded '@' what is not allowed in a query would be encoded too.
    let others = if sign.len() == 1 { "._%+-'!#$&*/^{}~" } else { "._%+-~" };
    let at = sign.start;
    let mut start = at;
    for (index, character) in text[from..at].char_indices().rev() {
        let local = character.is_alphanumeric() || others.contains(character);
        if !local || at - (from + index) > LOCAL_BYTES_MAX * sign.len() {
            break;
        }
        start = from + index;
    }
    // Punctuation that opens a quotation or a path is not part of the address.
    let opening = |c: char| !c.is_alphanumeric() && c != '_' && !(c == '%' && sign.len() > 1);
    let trimmed = text[start..at].trim_start_matches(opening);
    let start = at - trimmed.len();
    (start < at && !text[start..at].ends_with('.')).then_some(start)
}

/// Where the quotation begins that ends before byte `at` (RFC 5321: `Quoted-string`).
fn quoted_start(text: &str, at: usize, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let nearest = from.max(at.saturating_sub(LOCAL_BYTES_MAX + 2));
    let is_escaped = |quote: usize| bytes[..quote].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
    let opens = |quote: &usize| bytes[*quote] == b'"' && (*quote == 0 || !is_escaped(*quote));
    let start = (nearest..at - 1).rev().find(opens)?;
    (start + 1 < at - 1).then_some(start)
}

/// The end of a percent-encoded domain: that of the decoded one, where it stands in the text.
fn encoded_domain_end(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut decoded, mut ends, mut at) = (Vec::new(), Vec::new(), from);
    while at < bytes.len() && decoded.len() <= DOMAIN_BYTES_MAX {
        let hex = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        at += if byte.is_some() { 3 } else { 1 };
        decoded.push(byte.unwrap_or(bytes[at - 1]));
        ends.push(at);
    }
    let valid = String::from_utf8_lossy(&decoded);
    // What is no text any more behind the domain has another length, and the domain before it the same.
    let end = domain_end(&valid, 0)?;
    ends.get(end.checked_sub(1)?).copied()
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

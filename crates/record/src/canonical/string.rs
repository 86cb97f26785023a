//! Strings in canonical form: RFC 8785 §3.2.2.2.

/// Appends a string with its quotes. Escaped are only `"`, `\` and the control characters below U+0020, the common
/// ones by their short form, the others as `\u00xx` with lower-case digits.
#[inline]
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    if is_plain(text.as_bytes()) {
        out.extend_from_slice(text.as_bytes());
    } else {
        write_escaped(text.as_bytes(), out);
    }
    out.push(b'"');
}

/// Appends two lower-case hexadecimal digits per byte.
pub(crate) fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(bytes.iter().flat_map(|byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]));
}

const HEX: [u8; 16] = *b"0123456789abcdef";

/// Whether no byte needs an escape. Eight bytes at a time; the last eight overlap those before them.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    let Some(last) = text.last_chunk::<8>() else {
        return text.iter().all(|byte| !needs_escape(*byte));
    };
    let (words, _) = text.as_chunks::<8>();
    words.iter().chain([last]).fold(0, |found, word| found | escapes(u64::from_le_bytes(*word))) == 0
}

const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Nonzero if one of eight bytes needs an escape. A byte is below `n` (for n ≤ 128) if subtracting `n` borrows into
/// its top bit and the top bit was clear; a byte equals `c` if its exclusive-or with `c` is below 1.
#[inline]
const fn escapes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    (control | (quote.wrapping_sub(ONES) & !quote) | (backslash.wrapping_sub(ONES) & !backslash)) & TOPS
}

fn write_escaped(text: &[u8], out: &mut Vec<u8>) {
    let mut plain = text;
    while let Some(at) = plain.iter().position(|byte| needs_escape(*byte)) {
        out.extend_from_slice(&plain[..at]);
        match plain[at] {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            control => {
                out.extend_from_slice(b"\\u00");
                write_hex(&[control], out);
            }
        }
        plain = &plain[at + 1..];
    }
    out.extend_from_slice(plain);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_string(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_byte_at_every_place_is_escaped_as_rfc_8785_says() {
        for code in 0..=0xff_u8 {
            let char = char::from(code);
            let escaped = match char {
                '"' => "\\\"".to_owned(),
                '\\' => "\\\\".to_owned(),
                '\u{8}' => "\\b".to_owned(),
                '\t' => "\\t".to_owned(),
                '\n' => "\\n".to_owned(),
                '\u{c}' => "\\f".to_owned(),
                '\r' => "\\r".to_owned(),
                control if control < ' ' => format!("\\u{code:04x}"),
                plain => plain.to_string(),
            };
            for before in 0..20 {
                for after in [0, 1, 7, 9] {
                    let text = format!("{}{char}{}", "é".repeat(before), "z".repeat(after));
                    let expected = format!("\"{}{escaped}{}\"", "é".repeat(before), "z".repeat(after));
                    assert_eq!(written(&text), expected, "{code:#x} after {before} before {after}");
                }
            }
        }
    }
}

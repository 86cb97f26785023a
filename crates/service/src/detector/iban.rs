//! Bank account numbers: two letters of a country, two check digits, and the length that the country prescribes
//! (ISO 13616, SWIFT registry release 99), compact or in groups. The checksum (ISO 7064 mod 97-10) must hold, so that
//! an identifier of the same shape stays.

/// Countries of the SWIFT registry with the length of their IBAN in characters.
#[rustfmt::skip]
const LENGTHS: &[(&[u8; 2], u8)] = &[
    (b"AD", 24), (b"AE", 23), (b"AL", 28), (b"AT", 20), (b"AZ", 28), (b"BA", 20), (b"BE", 16), (b"BG", 22),
    (b"BH", 22), (b"BI", 27), (b"BR", 29), (b"BY", 28), (b"CH", 21), (b"CR", 22), (b"CY", 28), (b"CZ", 24),
    (b"DE", 22), (b"DJ", 27), (b"DK", 18), (b"DO", 28), (b"EE", 20), (b"EG", 29), (b"ES", 24), (b"FI", 18),
    (b"FK", 18), (b"FO", 18), (b"FR", 27), (b"GB", 22), (b"GE", 22), (b"GI", 23), (b"GL", 18), (b"GR", 27),
    (b"GT", 28), (b"HN", 28), (b"HR", 21), (b"HU", 28), (b"IE", 22), (b"IL", 23), (b"IQ", 23), (b"IS", 26),
    (b"IT", 27), (b"JO", 30), (b"KW", 30), (b"KZ", 20), (b"LB", 28), (b"LC", 32), (b"LI", 21), (b"LT", 20),
    (b"LU", 20), (b"LV", 21), (b"LY", 25), (b"MC", 27), (b"MD", 24), (b"ME", 22), (b"MK", 19), (b"MN", 20),
    (b"MR", 27), (b"MT", 31), (b"MU", 30), (b"NI", 28), (b"NL", 18), (b"NO", 15), (b"OM", 23), (b"PK", 24),
    (b"PL", 28), (b"PS", 29), (b"PT", 25), (b"QA", 29), (b"RO", 24), (b"RS", 22), (b"RU", 33), (b"SA", 24),
    (b"SC", 31), (b"SD", 18), (b"SE", 24), (b"SI", 19), (b"SK", 24), (b"SM", 27), (b"SO", 23), (b"ST", 25),
    (b"SV", 28), (b"TL", 23), (b"TN", 24), (b"TR", 26), (b"UA", 29), (b"VA", 22), (b"VG", 24), (b"XK", 20),
    (b"YE", 30),
];

/// The end of the IBAN that starts at byte `at`, where a letter stands.
pub(super) fn starting(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let head = bytes.get(at..at + 4)?;
    if !(head[1].is_ascii_alphabetic() && head[2].is_ascii_digit() && head[3].is_ascii_digit()) {
        return None;
    }
    // A hyphen before it joins it to a longer identifier: a UUID has many places where an IBAN could begin.
    let mut before = text[..at].chars().rev();
    let joined = match before.next() {
        Some('-') => before.next().is_some_and(char::is_alphanumeric),
        other => other.is_some_and(|c| c.is_alphanumeric() || c == '_'),
    };
    if joined {
        return None;
    }
    let country = [head[0].to_ascii_uppercase(), head[1].to_ascii_uppercase()];
    let length = LENGTHS.iter().find(|(code, _)| **code == country).map(|(_, length)| usize::from(*length))?;
    let (characters, end) = collect(bytes, at, length)?;
    if text[end..].chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    (mod_97(&characters[..length]) == 1).then_some(end)
}

/// `length` letters and digits from `at` on, skipping single spaces between them.
fn collect(bytes: &[u8], at: usize, length: usize) -> Option<([u8; 34], usize)> {
    let mut characters = [0u8; 34];
    let mut count = 0;
    let mut index = at;
    while count < length {
        let mut byte = *bytes.get(index)?;
        if byte == b' ' {
            index += 1;
            byte = *bytes.get(index)?;
        }
        if !byte.is_ascii_alphanumeric() {
            return None;
        }
        characters[count] = byte.to_ascii_uppercase();
        count += 1;
        index += 1;
    }
    Some((characters, index))
}

/// The remainder of the rearranged number: country and check digits to the end, letters as 10 to 35.
fn mod_97(characters: &[u8]) -> u32 {
    let mut remainder = 0u32;
    for byte in characters[4..].iter().chain(&characters[..4]) {
        remainder = match byte {
            b'0'..=b'9' => remainder * 10 + u32::from(byte - b'0'),
            _ => remainder * 100 + u32::from(byte - b'A') + 10,
        } % 97;
    }
    remainder
}

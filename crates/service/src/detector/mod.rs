//! Finds personal data inside free text and masks it.
//!
//! Job: e-mail addresses, phone numbers, US social security numbers, payment cards (Luhn) and IBANs (mod 97) become
//! `[email]`, `[phone]`, `[ssn]`, `[card]`, `[iban]`. Invariant: masking is deterministic, so that the same text always
//! gives the same record, and masked text holds nothing more to mask. What is merely a long number (an id, a timestamp,
//! a hash, a UUID) stays: a log whose identifiers are masked cannot be searched. Hence a bare run of ten digits is a
//! phone number only after a word such as "phone".
//!
//! Left to others: which strings are free text (`protect`), and fields that are personal by their name (`policy`).

mod card;
mod digits;
mod email;
mod iban;
mod number;
mod phone;
mod ssn;

use std::ops::Range;

/// What a piece of text was recognised as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// An e-mail address.
    Email,
    /// A phone number: international, or national in a form that no other number has.
    Phone,
    /// A US social security number or individual taxpayer number.
    Ssn,
    /// A payment card number with a known issuer prefix and a valid Luhn digit (ISO/IEC 7812).
    Card,
    /// A bank account number with the length of its country and a valid checksum (ISO 13616).
    Iban,
}

impl Finding {
    /// The text that replaces the finding.
    pub fn mask(self) -> &'static str {
        match self {
            Finding::Email => "[email]",
            Finding::Phone => "[phone]",
            Finding::Ssn => "[ssn]",
            Finding::Card => "[card]",
            Finding::Iban => "[iban]",
        }
    }

    /// The finding in words, for a message that must not show the text itself.
    pub fn noun(self) -> &'static str {
        match self {
            Finding::Email => "an e-mail address",
            Finding::Phone => "a phone number",
            Finding::Ssn => "a social security number",
            Finding::Card => "a card number",
            Finding::Iban => "a bank account number",
        }
    }
}

/// Which detectors are on. All are on by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detector {
    /// Mask e-mail addresses.
    pub email: bool,
    /// Mask phone numbers.
    pub phone: bool,
    /// Mask social security numbers.
    pub ssn: bool,
    /// Mask payment card numbers.
    pub card: bool,
    /// Mask IBANs.
    pub iban: bool,
}

impl Default for Detector {
    fn default() -> Self {
        Detector { email: true, phone: true, ssn: true, card: true, iban: true }
    }
}

/// The shortest finding: an address such as `a@b.io`.
const BYTES_MIN: usize = 6;

/// The fewest digits of anything but an e-mail address (a phone number after a word that announces it).
const DIGITS_MIN: usize = 7;

impl Detector {
    /// Whether an integer that was sent as a number is that of a payment card.
    #[inline]
    pub fn is_card(&self, integer: u128) -> bool {
        self.card && card::is_card(integer)
    }

    /// Writes `text` with every finding masked to `out` and returns true; returns false, with `out` untouched, when
    /// there is nothing to mask. Text without '@' and '%' and with fewer than seven digits costs one pass over its bytes.
    pub fn mask(&self, text: &str, out: &mut String) -> bool {
        let found = self.find(text);
        if found.is_empty() {
            return false;
        }
        out.reserve(text.len());
        let mut from = 0;
        for (span, finding) in found {
            out.push_str(&text[from..span.start]);
            out.push_str(finding.mask());
            from = span.end;
        }
        out.push_str(&text[from..]);
        true
    }

    /// All findings in `text`, from left to right, not overlapping, as byte ranges.
    pub fn find(&self, text: &str) -> Vec<(Range<usize>, Finding)> {
        if text.len() < BYTES_MIN {
            return Vec::new();
        }
        let (has_at, digits) = prefilter(text.as_bytes());
        if !has_at && digits < DIGITS_MIN {
            return Vec::new();
        }
        let mut found = Vec::new();
        let mut from = 0;
        if has_at && self.email {
            for sign in email::signs(text) {
                if sign.start < from {
                    continue;
                }
                let Some(span) = email::around(text, sign, from) else { continue };
                if digits >= DIGITS_MIN {
                    self.find_numbers(text, from..span.start, &mut found);
                }
                from = span.end;
                found.push((span, Finding::Email));
            }
        }
        if digits >= DIGITS_MIN {
            self.find_numbers(text, from..text.len(), &mut found);
        }
        found
    }

    /// Looks for everything that consists of digits inside `range`; what stands beside it is judged on the whole text.
    fn find_numbers(&self, text: &str, range: Range<usize>, found: &mut Vec<(Range<usize>, Finding)>) {
        let bytes = text.as_bytes();
        let mut at = range.start;
        while at < range.end {
            let byte = bytes[at];
            let hit = match byte {
                b'A'..=b'Z' | b'a'..=b'z' if self.iban => iban::starting(text, at).map(|end| (end, Finding::Iban)),
                b'0'..=b'9' | b'+' | b'(' => number::starting(self, text, at),
                _ => None,
            };
            match hit {
                Some((end, finding)) if end <= range.end => {
                    found.push((at..end, finding));
                    at = end;
                }
                _ => at = next_start(bytes, at),
            }
        }
    }
}

/// Whether '@' occurs, or a '%' that may encode one, and how many digits do. Written as plain sums so that the compiler uses vector instructions.
fn prefilter(bytes: &[u8]) -> (bool, usize) {
    let mut ats = 0usize;
    let mut digits = 0usize;
    for chunk in bytes.chunks(128) {
        let (mut chunk_ats, mut chunk_digits) = (0u8, 0u8);
        for byte in chunk {
            chunk_ats += u8::from(*byte == b'@') | u8::from(*byte == b'%');
            chunk_digits += u8::from(byte.wrapping_sub(b'0') < 10);
        }
        ats += usize::from(chunk_ats);
        digits += usize::from(chunk_digits);
    }
    (ats > 0, digits)
}

/// The next place at which something may begin: past the rest of this word, or one byte on.
fn next_start(bytes: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    if bytes[at].is_ascii_alphanumeric() {
        while next < bytes.len() && bytes[next].is_ascii_alphanumeric() {
            next += 1;
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut out = String::new();
        let changed = Detector::default().mask(text, &mut out);
        assert_eq!(if changed { out.as_str() } else { text }, expected);
        let mut again = String::new();
        assert!(!Detector::default().mask(expected, &mut again), "masked text is masked again: {again}");
    }

    #[track_caller]
    fn stays(text: &str) {
        check(text, text);
    }

    #[test]
    fn masks_email_addresses() {
        check("write to jane.doe+loans@mail.example.co.uk, please", "write to [email], please");
        check("<jane@example.com>;bob_1@x.org.", "<[email]>;[email].");
        check("“jörg@müller.de”", "“[email]”");
        check("mailto:o'neil@example.com?subject=x", "mailto:[email]?subject=x");
        stays("user@localhost and @handle and a@b");
        stays("@types/node@18.2 and git@: none");
    }

    #[test]
    fn masks_phone_numbers() {
        for text in [
            "+49 170 1234567",
            "+4917012345678",
            "+1 (415) 555-2671",
            "+1-555-123-4567",
            "(415) 555-2671",
            "415-555-2671",
            "415.555.2671",
            "415 555 2671",
            "1-800-555-0199",
            "0049 170 1234567",
            "0170 1234567",
            "0170-1234567",
            "089/1234567",
            "(030) 1234567",
            "020 7946 0958",
            "06 12 34 56 78",
            "06.12.34.56.78",
            "+33\u{a0}6\u{a0}12\u{a0}34\u{a0}56\u{a0}78",
            "415\u{2011}555\u{2011}2671",
        ] {
            check(text, "[phone]");
            check(&format!("reached at {text}, twice"), "reached at [phone], twice");
        }
        check("phone: 4155552671", "phone: [phone]");
        check("Tel. 5550199 (mobile 01701234567)", "Tel. [phone] (mobile [phone])");
    }

    #[test]
    fn masks_social_security_numbers() {
        check("SSN 123-45-6789.", "SSN [ssn].");
        check("123 45 6789", "[ssn]");
        check("ssn: 123456789", "ssn: [ssn]");
        check("SSN-123-45-6789", "SSN-[ssn]");
        stays("000-12-3456 666-12-3456 123-00-4567 123-45-0000");
        stays("part 99-123-45-6789-1");
    }

    #[test]
    fn masks_cards() {
        for card in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "5555555555554444",
            "2223003122003222",
            "378282246310005",
            "3782 822463 10005",
            "6011 1111 1111 1117",
            "30569309025904",
            "3530111333300000",
        ] {
            check(&format!("paid with {card} 12/27"), "paid with [card] 12/27");
        }
        stays("4111111111111112");
        stays("9999999999999995");
    }

    #[test]
    fn masks_ibans() {
        for iban in [
            "DE89370400440532013000",
            "DE89 3704 0044 0532 0130 00",
            "GB82WEST12345698765432",
            "gb82 west 1234 5698 7654 32",
            "FR1420041010050500013M02606",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
        ] {
            check(&format!("to {iban}."), "to [iban].");
        }
        stays("DE89370400440532013001");
        stays("XX89370400440532013000");
    }

    #[test]
    fn leaves_identifiers_alone() {
        for text in [
            "4155552671",
            "1700000000",
            "1700000000000",
            "1700000000000000",
            "1700000000000000000",
            "2026-11-23T07:46:33.123456Z",
            "2026-11-23 07:46:33",
            "23.11.2026 07:46",
            "01-02-2024 10:30",
            "20261123074633",
            "018f3c1e-7b2a-7c3d-9e4f-0123456789ab",
            "12345678-1234-1234-1234-123456789012",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "4111111111111111abcdef0123456789",
            "12345678901234567890123456789012",
            "192.168.100.200 and 010.001.002.003:8080",
            "v1.20.300-4000 build 20240102.3",
            "income 1234567 debt 7654321 ratio 0.1234567",
            "lat 52.520008, lon 13.404954",
            "+12.53 10.22 11.2 -0.5",
            "app_123-45-6789",
            "INV-415-555-2671",
            "0.123456789 1e-10 100000000000",
            "1,234,567.89 EUR",
            "1 234 567 890",
            "loan_00012345678",
        ] {
            stays(text);
        }
    }

    #[test]
    fn finds_all_kinds_in_one_text_in_order() {
        check(
            "a@b.io 4111111111111111 DE89370400440532013000 123-45-6789 +14155552671 end",
            "[email] [card] [iban] [ssn] [phone] end",
        );
    }

    #[test]
    fn switches_off_one_by_one() {
        let text = "a@b.io 4111111111111111 DE89370400440532013000 123-45-6789 +14155552671";
        let off = Detector { email: false, phone: false, ssn: false, card: false, iban: false };
        assert!(off.find(text).is_empty());
        let only = |on: Detector| on.find(text).iter().map(|(_, finding)| *finding).collect::<Vec<_>>();
        assert_eq!(only(Detector { email: true, ..off }), [Finding::Email]);
        assert_eq!(only(Detector { phone: true, ..off }), [Finding::Phone]);
        assert_eq!(only(Detector { ssn: true, ..off }), [Finding::Ssn]);
        assert_eq!(only(Detector { card: true, ..off }), [Finding::Card]);
        assert_eq!(only(Detector { iban: true, ..off }), [Finding::Iban]);
    }

    #[test]
    fn counts_like_a_naive_prefilter() {
        let text = "x@1".repeat(1000);
        assert_eq!(prefilter(text.as_bytes()), (true, 1000));
        assert_eq!(prefilter(b""), (false, 0));
    }
}

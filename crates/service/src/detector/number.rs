//! Cards, social security numbers and phone numbers: groups of digits with separators.
//!
//! A candidate is read as groups first, and the shapes are judged on the group sizes, because the sizes are what tells
//! `415-555-2671` from a date, an IP address or an order number. Where something may begin and end is judged on the
//! neighbouring characters: what hangs on a longer word or a longer dashed identifier stays.

use super::{Detector, Finding};

/// More groups than any shape has.
const GROUPS_MAX: usize = 8;

/// What stands between two groups of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    Space,
    Hyphen,
    Dot,
    Slash,
    /// A parenthesis, alone or with a space or hyphen: `(030) 12`, `+1 (415) 555`.
    Paren,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    /// Byte range of the digits.
    start: usize,
    end: usize,
    /// What stands before this group; `Space` for the first, where it means nothing.
    gap: Gap,
}

impl Group {
    fn len(&self) -> usize {
        self.end - self.start
    }
}

struct Candidate<'t> {
    text: &'t str,
    /// Byte at which the candidate starts, '+' and '(' included.
    start: usize,
    groups: [Group; GROUPS_MAX],
    count: usize,
}

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

impl<'t> Candidate<'t> {
    fn read(text: &'t str, at: usize) -> Option<Self> {
        let bytes = text.as_bytes();
        let mut candidate =
            Candidate { text, start: at, groups: [Group { start: 0, end: 0, gap: Gap::Space }; GROUPS_MAX], count: 0 };
        let mut index = at;
        while index < bytes.len() && matches!(bytes[index], b'+' | b'(') && index - at < 2 {
            index += 1;
        }
        let mut gap = Gap::Space;
        while candidate.count < GROUPS_MAX {
            let start = index;
            while index < bytes.len() && bytes[index].is_ascii_digit() {
                index += 1;
            }
            if index == start {
                break;
            }
            candidate.groups[candidate.count] = Group { start, end: index, gap };
            candidate.count += 1;
            let Some((next_gap, gap_bytes)) = gap_at(text, index) else { break };
            gap = next_gap;
            index += gap_bytes;
        }
        (candidate.count > 0).then_some(candidate)
    }

    fn groups(&self) -> &[Group] {
        &self.groups[..self.count]
    }

    /// Whether the first groups have exactly these sizes, with one kind of gap throughout.
    fn shaped(&self, sizes: &[usize], gaps: &[Gap]) -> bool {
        let groups = self.groups();
        self.text.as_bytes()[self.start].is_ascii_digit()
            && groups.len() >= sizes.len()
            && groups.iter().zip(sizes).all(|(group, size)| group.len() == *size)
            && (sizes.len() == 1 || gaps.contains(&groups[1].gap))
            && groups[1..sizes.len()].iter().all(|group| group.gap == groups[1].gap)
    }

    /// The end of the first `count` groups, unless the text goes on as one longer identifier.
    fn end_after(&self, count: usize) -> Option<usize> {
        let end = self.groups()[count - 1].end;
        let mut after = self.text[end..].chars();
        let goes_on = match after.next() {
            Some('_') => true,
            Some('-') => after.next().is_some_and(char::is_alphanumeric),
            Some('.' | ',') => after.next().is_some_and(|c| c.is_ascii_digit()),
            Some(c) => c.is_alphanumeric(),
            None => false,
        };
        (!goes_on).then_some(end)
    }

    fn digits(&self, count: usize) -> impl Iterator<Item = u8> + Clone + '_ {
        let bytes = self.text.as_bytes();
        self.groups()[..count].iter().flat_map(move |group| bytes[group.start..group.end].iter().map(|b| b - b'0'))
    }

    fn card(&self) -> Option<usize> {
        const GAPS: &[Gap] = &[Gap::Space, Gap::Hyphen, Gap::Dot];
        const SHAPES: &[&[usize]] = &[&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];
        let first = self.groups()[0].len();
        let count = if (14..=19).contains(&first) && self.text.as_bytes()[self.start].is_ascii_digit() {
            1
        } else {
            SHAPES.iter().find(|sizes| self.shaped(sizes, GAPS))?.len()
        };
        let mut digits = [0u8; 19];
        let mut length = 0;
        for digit in self.digits(count) {
            *digits.get_mut(length)? = digit;
            length += 1;
        }
        (is_issued(&digits[..length]) && luhn(&digits[..length])).then(|| self.end_after(count)).flatten()
    }

    fn ssn(&self, announced: bool) -> Option<usize> {
        let groups = self.groups();
        let count = if self.shaped(&[3, 2, 4], &[Gap::Hyphen, Gap::Space]) {
            3
        } else if announced && groups[0].len() == 9 {
            1
        } else {
            return None;
        };
        let number = self.digits(count).fold(0u32, |number, digit| number * 10 + u32::from(digit));
        let (area, group, serial) = (number / 1_000_000, number / 10_000 % 100, number % 10_000);
        // Taxpayer numbers (ITIN) use the areas from 900 on, with these groups only.
        let issued = match area {
            0 | 666 => false,
            900.. => matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99),
            _ => group != 0 && serial != 0,
        };
        issued.then(|| self.end_after(count)).flatten()
    }

    fn phone(&self, announced: bool) -> Option<usize> {
        if let Some(end) = self.north_american() {
            return Some(end);
        }
        let first = self.groups()[0];
        let bytes = self.text.as_bytes();
        let plus = bytes[self.start] == b'+' || bytes[self.start..first.start].contains(&b'+');
        let (shortest, longest, groups_min) = if plus && bytes[first.start] != b'0' {
            // A bare "+12345678" may be an amount; a bare number of ten digits with a plus is not.
            (if self.count > 1 { 8 } else { 10 }, 15, 1)
        } else if announced {
            (7, 15, 1)
        } else if bytes[first.start..first.end].starts_with(b"00") && (4..=5).contains(&first.len()) {
            (10, 17, 2)
        } else if (2..=5).contains(&first.len())
            && bytes[first.start] == b'0'
            && bytes[first.start + 1] != b'0'
            && !plus
        {
            (9, 12, 2)
        } else {
            return None;
        };
        (groups_min..=self.count)
            .rev()
            .filter(|count| (shortest..=longest).contains(&self.digits(*count).count()))
            .filter(|count| self.dialled(*count))
            .find_map(|count| self.end_after(count))
    }

    /// 3-3-4, with or without the country code 1 before it.
    fn north_american(&self) -> Option<usize> {
        let groups = self.groups();
        let bytes = self.text.as_bytes();
        if bytes[self.start] == b'+' {
            return None;
        }
        let skip = usize::from(groups[0].len() == 1 && bytes[groups[0].start] == b'1');
        let sizes = groups.get(skip..skip + 3)?;
        if [sizes[0].len(), sizes[1].len(), sizes[2].len()] != [3, 3, 4] {
            return None;
        }
        let gaps = &groups[1..skip + 3];
        // Numbers in a row of plain text look like 3-3-4 with spaces: then the codes must be ones that are given out.
        let strict = gaps.iter().all(|group| group.gap == Gap::Space) && bytes[self.start] != b'(';
        let given_out = bytes[sizes[0].start] >= b'2' && bytes[sizes[1].start] >= b'2';
        let dots = gaps.iter().filter(|group| group.gap == Gap::Dot).count();
        let even = dots == 0 || dots == gaps.len();
        let slash = gaps.iter().skip(1).any(|group| group.gap == Gap::Slash);
        (even && !slash && (!strict || given_out)).then(|| self.end_after(skip + 3)).flatten()
    }

    /// Whether the first groups read like a number to dial: not a date, an address of a machine, or a list of decimals.
    fn dialled(&self, count: usize) -> bool {
        let groups = &self.groups()[..count];
        let dots = groups[1..].iter().filter(|group| group.gap == Gap::Dot).count();
        if dots > 0 {
            let all = dots == count - 1 && count >= 3;
            let address = count == 4 && groups.iter().all(|group| group.len() <= 3);
            if !all || address {
                return false;
            }
        }
        let date = count >= 3 && groups[0].len() == 2 && groups[1].len() == 2 && groups[2].len() == 4;
        let short = groups.iter().skip(1).filter(|group| group.len() < 2).count();
        !date && short <= 1
    }
}

/// The gap at byte `at`, if a group of digits may follow it, and its length in bytes.
fn gap_at(text: &str, at: usize) -> Option<(Gap, usize)> {
    let mut gap = None;
    let mut bytes = 0;
    for (count, character) in text[at..].chars().enumerate() {
        let kind = match character {
            ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}' => Gap::Space,
            '-' | '\u{2010}'..='\u{2013}' => Gap::Hyphen,
            '.' => Gap::Dot,
            '/' => Gap::Slash,
            '(' | ')' => Gap::Paren,
            _ => break,
        };
        gap = match (gap, kind) {
            (None, kind) => Some(kind),
            (Some(Gap::Space | Gap::Hyphen | Gap::Paren), Gap::Paren)
            | (Some(Gap::Paren), Gap::Space | Gap::Hyphen) => Some(Gap::Paren),
            (Some(Gap::Space), Gap::Hyphen | Gap::Slash) | (Some(Gap::Hyphen | Gap::Slash), Gap::Space) => {
                Some(Gap::Hyphen)
            }
            _ => return None,
        };
        if count == 3 {
            return None;
        }
        bytes += character.len_utf8();
    }
    gap.map(|gap| (gap, bytes))
}

/// Issuer prefixes with the lengths that they issue (ISO/IEC 7812; Visa, Mastercard, American Express, Diners Club,
/// Discover, JCB, UnionPay). Lengths that are hardly issued are left out, because plain identifiers have them.
fn is_issued(digits: &[u8]) -> bool {
    let prefix = |length: usize| digits.iter().take(length).fold(0u32, |number, digit| number * 10 + u32::from(*digit));
    match digits.len() {
        14 => matches!(prefix(3), 300..=305) || matches!(prefix(2), 36 | 38 | 39),
        15 => matches!(prefix(2), 34 | 37),
        16 => {
            matches!(prefix(1), 4)
                || matches!(prefix(2), 51..=55 | 62 | 64 | 65)
                || matches!(prefix(4), 2221..=2720 | 3528..=3589 | 6011)
        }
        17..=19 => prefix(2) == 62,
        _ => false,
    }
}

/// The check digit of ISO/IEC 7812-1 annex B.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let doubled = u32::from(*digit) << (place % 2);
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::luhn;

    #[test]
    fn luhn_catches_every_single_wrong_digit() {
        let card = [4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];
        assert!(luhn(&card));
        for place in 0..card.len() {
            for wrong in (0..10).filter(|digit| *digit != card[place]) {
                let mut other = card;
                other[place] = wrong;
                assert!(!luhn(&other));
            }
        }
    }
}

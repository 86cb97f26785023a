//! Groups of digits with separators, before they are judged.
//!
//! A candidate is read as groups first, and the shapes are judged on the group sizes, because the sizes are what tells
//! `415-555-2671` from a date, an IP address or an order number.

/// More groups than any shape has.
const GROUPS_MAX: usize = 8;

/// What stands between two groups of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    Space,
    Hyphen,
    Dot,
    Slash,
    /// A parenthesis, alone or with a space or hyphen: `(030) 12`, `+1 (415) 555`.
    Paren,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    /// Byte range of the digits.
    pub(super) start: usize,
    pub(super) end: usize,
    /// What stands before this group; `Space` for the first, where it means nothing.
    pub(super) gap: Gap,
}

impl Group {
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }
}

/// Up to eight groups of digits.
pub(super) struct Candidate<'t> {
    pub(super) text: &'t str,
    /// Byte at which the candidate starts, '+' and '(' included.
    pub(super) start: usize,
    groups: [Group; GROUPS_MAX],
    pub(super) count: usize,
}

impl<'t> Candidate<'t> {
    pub(super) fn read(text: &'t str, at: usize) -> Option<Self> {
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
        // A parenthesis around the whole is none of the number's.
        let closes = candidate.count > 1 && bytes[candidate.groups[0].end] == b')';
        let is_own = bytes[at] != b'(' || closes && bytes[at + 1] != b'(';
        (candidate.count > 0 && is_own).then_some(candidate)
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups[..self.count]
    }

    /// Whether the first groups have exactly these sizes, with one kind of gap throughout.
    pub(super) fn shaped(&self, sizes: &[usize], gaps: &[Gap]) -> bool {
        let groups = self.groups();
        self.text.as_bytes()[self.start].is_ascii_digit()
            && groups.len() >= sizes.len()
            && groups.iter().zip(sizes).all(|(group, size)| group.len() == *size)
            && (sizes.len() == 1 || gaps.contains(&groups[1].gap))
            && groups[1..sizes.len()].iter().all(|group| group.gap == groups[1].gap)
    }

    /// The end of the first `count` groups, unless the text goes on as one longer identifier.
    pub(super) fn end_after(&self, count: usize) -> Option<usize> {
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

    pub(super) fn digits(&self, count: usize) -> impl Iterator<Item = u8> + Clone + '_ {
        let bytes = self.text.as_bytes();
        self.groups()[..count].iter().flat_map(move |group| bytes[group.start..group.end].iter().map(|b| b - b'0'))
    }
}

/// The gap at byte `at`, if a group of digits may follow it, and its length in bytes.
fn gap_at(text: &str, at: usize) -> Option<(Gap, usize)> {
    let mut gap = None;
    let mut bytes = 0;
    for (count, character) in text[at..].chars().enumerate() {
        let kind = match character {
            ' ' | '\t' | '\u{a0}' | '\u{2009}' | '\u{202f}' => Gap::Space,
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

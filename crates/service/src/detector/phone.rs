//! Phone numbers: with a plus or another prefix for abroad, North American, national with a leading zero or an area code
//! in parentheses, Chinese mobile ones.
//!
//! A number without any of these is told from an amount or an id by nothing but a word before it, such as "phone". With
//! a plus the length decides (ITU-T E.164: at most 15 digits): whether the number is given out is not asked, because one
//! that is not, today, may be somebody's.

use super::digits::{Candidate, Gap, Group};
use std::ops::RangeInclusive;

/// How many digits and groups a number of one sort has.
struct Extent {
    digits: RangeInclusive<usize>,
    groups_min: usize,
    /// Whether the first two groups may be a day and a month.
    may_be_date: bool,
}

impl Candidate<'_> {
    /// Where a phone number ends that starts here. `announced` says that a word before has announced it.
    pub(super) fn phone(&self, announced: bool) -> Option<usize> {
        if let Some(end) = self.north_american().or_else(|| self.chinese_mobile()) {
            return Some(end);
        }
        let Extent { digits, groups_min, may_be_date } = self.extent(announced)?;
        (groups_min..=self.count)
            .rev()
            .filter(|count| digits.contains(&self.digits(*count).count()))
            .filter(|count| self.dialled(*count) && !(may_be_date && self.is_date(*count)))
            .find_map(|count| self.end_after(count))
    }

    fn extent(&self, announced: bool) -> Option<Extent> {
        let bytes = self.text.as_bytes();
        let first = self.groups()[0];
        let code = &bytes[first.start..first.end];
        let opens = bytes[self.start..first.start].contains(&b'(');
        let plus = bytes[self.start..first.start].contains(&b'+');
        let extent = |digits, groups_min| Some(Extent { digits, groups_min, may_be_date: true });
        match code {
            // These zones have numbers of one length, and an amount such as +1 234 567 890 has another.
            [b'1' | b'7', ..] if plus => Some(Extent { digits: 11..=11, groups_min: 1, may_be_date: false }),
            // A bare "+22345678" may be an amount; a bare number of ten digits with a plus is not.
            [b'2'..=b'9', ..] if plus => {
                let shortest = if self.count > 1 { 8 } else { 10 };
                Some(Extent { digits: shortest..=15, groups_min: 1, may_be_date: false })
            }
            _ if plus => None,
            _ if announced => extent(7..=15, 1),
            [b'0', b'0'] | [b'0', b'0', _, _] | [b'0', b'0', _, _, _] | [b'0', b'1', b'1'] => extent(10..=18, 2),
            [b'0', second, ..] if *second != b'0' && (2..=5).contains(&code.len()) => extent(9..=12, 2),
            // A trunk digit before an area code in parentheses, and an area code without a zero.
            [b'1' | b'8'] if self.area_code_at(1) => extent(10..=12, 3),
            _ if opens && self.area_code_at(0) => extent(9..=12, 2),
            _ => None,
        }
    }

    /// Whether the group at that place is an area code: in parentheses, and no year.
    fn area_code_at(&self, at: usize) -> bool {
        let [code, after, ..] = &self.groups()[at.min(self.count)..] else { return false };
        let opens = at == 0 || code.gap == Gap::Paren;
        opens && after.gap == Gap::Paren && (2..=5).contains(&code.len()) && !self.is_year(code)
    }

    fn is_year(&self, group: &Group) -> bool {
        matches!(&self.text.as_bytes()[group.start..group.end], [b'1', b'9', _, _] | [b'2', b'0', _, _])
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

    /// 3-4-4 that begins with 13 to 19, the mobile networks of China.
    fn chinese_mobile(&self) -> Option<usize> {
        let mobile = matches!(self.text.as_bytes()[self.start..], [b'1', b'3'..=b'9', ..]);
        (mobile && self.shaped(&[3, 4, 4], &[Gap::Space, Gap::Hyphen])).then(|| self.end_after(3)).flatten()
    }

    /// Whether the first groups read like a number to dial: not the address of a machine, or a list of decimals.
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
        // The zero of +33 (0)6 39 98 12 34 is not dialled.
        let is_trunk = |group: &&Group| group.gap == Gap::Paren && &self.text[group.start..group.end] == "0";
        let short = groups.iter().skip(1).filter(|group| group.len() < 2 && !is_trunk(group));
        short.count() <= 1
    }

    /// Whether the first groups are a date, or hold one: day, month and year, or the other way round.
    fn is_date(&self, count: usize) -> bool {
        let groups = &self.groups()[..count];
        let sizes = |groups: &[Group], expected: [usize; 3]| groups.iter().map(Group::len).eq(expected);
        groups.windows(3).any(|three| {
            sizes(three, [4, 2, 2]) && self.is_year(&three[0]) || sizes(three, [2, 2, 4]) && self.is_year(&three[2])
        }) || groups.len() >= 3 && sizes(&groups[..3], [2, 2, 4])
            || groups.windows(2).any(|two| two.iter().all(|group| group.len() == 4 && self.is_year(group)))
    }
}

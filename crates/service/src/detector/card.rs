//! Payment cards: an issuer's prefix, one of its lengths, and a valid check digit.

use super::digits::{Candidate, Gap};

impl Candidate<'_> {
    /// Where a card number ends that starts here.
    pub(super) fn card(&self) -> Option<usize> {
        const GAPS: &[Gap] = &[Gap::Space, Gap::Hyphen, Gap::Dot];
        const SHAPES: &[&[usize]] = &[&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];
        let first = self.groups()[0].len();
        let count = if (13..=19).contains(&first) && self.text.as_bytes()[self.start].is_ascii_digit() {
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
}

/// Whether a number that was sent as one is that of a card.
pub(super) fn is_card(number: u128) -> bool {
    if !(10_u128.pow(12)..10_u128.pow(19)).contains(&number) {
        return false;
    }
    let (mut digits, mut at, mut rest) = ([0; 19], 19, number);
    while rest > 0 {
        at -= 1;
        digits[at] = (rest % 10) as u8;
        rest /= 10;
    }
    is_issued(&digits[at..]) && luhn(&digits[at..])
}

/// Issuer prefixes with the lengths that they issue (ISO/IEC 7812; Visa, Mastercard, American Express, Diners Club,
/// Discover, JCB, Maestro, UnionPay).
fn is_issued(digits: &[u8]) -> bool {
    let prefix = |length: usize| digits.iter().take(length).fold(0u32, |number, digit| number * 10 + u32::from(*digit));
    let maestro = || matches!(prefix(4), 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763);
    match digits.len() {
        13 => prefix(1) == 4 || maestro(),
        14 => matches!(prefix(3), 300..=305) || matches!(prefix(2), 36 | 38 | 39) || maestro(),
        15 => matches!(prefix(2), 34 | 37) || maestro(),
        16 => {
            matches!(prefix(1), 4)
                || matches!(prefix(2), 51..=55 | 62 | 64 | 65)
                || matches!(prefix(4), 2221..=2720 | 3528..=3589 | 6011)
                || maestro()
        }
        17 | 18 => prefix(2) == 62 || maestro(),
        19 => prefix(1) == 4 || matches!(prefix(2), 62 | 65) || prefix(4) == 6011 || maestro(),
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

//! US social security numbers, and taxpayer numbers (ITIN), which look like them.

use super::digits::{Candidate, Gap};

impl Candidate<'_> {
    /// Where one ends that starts here. Bare digits are one only if a word before has announced it.
    pub(super) fn ssn(&self, announced: bool) -> Option<usize> {
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
}

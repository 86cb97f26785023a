//! Which names of members mean a field of the policy.
//!
//! A name is compared without what spellings differ in: upper and lower case, and everything that is no letter.
//! So `first_name`, `firstName`, `FirstName`, `first-name` and `First name 2` are one name. Before it may stand words that say whose or which it is, such as `customer` or `billing`: they are a list
//! of the policy, because `model_name` and `file_name` are nobody's names.
//!
//! Every member of every record is asked about, and most mean nothing. So the last three letters are looked at first, in
//! a table of bits.

use std::collections::HashMap;

/// Longer names mean nothing.
const BYTES_MAX: usize = 128;

/// Bits of the table of endings.
const ENDINGS: usize = 1 << 12;

/// What the fields of a policy mean, by name, and the words that may stand before them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FieldNames<T> {
    meanings: HashMap<Vec<u8>, T>,
    prefixes: Vec<Vec<u8>>,
    /// Which endings of three letters fields have.
    endings: Vec<u64>,
}

/// A name without what spellings differ in.
struct Plain {
    bytes: [u8; BYTES_MAX],
    length: usize,
}

impl Plain {
    /// `None` if it is too long, or nothing is left of it.
    #[inline]
    fn of(name: &str) -> Option<Self> {
        let mut plain = Self { bytes: [0; BYTES_MAX], length: 0 };
        for byte in name.bytes().filter(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii()) {
            *plain.bytes.get_mut(plain.length)? = byte.to_ascii_lowercase();
            plain.length += 1;
        }
        (plain.length > 0).then_some(plain)
    }

    fn get(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The name as it is compared; empty if it is one that is never found.
pub(super) fn plain(name: &str) -> Vec<u8> {
    Plain::of(name).map_or(Vec::new(), |plain| plain.get().to_vec())
}

impl<T: Copy> FieldNames<T> {
    pub(super) fn new<'a>(
        fields: impl IntoIterator<Item = (&'a str, T)>,
        prefixes: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let meanings: HashMap<Vec<u8>, T> = fields.into_iter().map(|(name, meaning)| (plain(name), meaning)).collect();
        let mut endings = vec![0; ENDINGS / 64];
        for ending in meanings.keys().map(|name| ending_of(name)) {
            endings[ending / 64] |= 1 << (ending % 64);
        }
        Self { meanings, prefixes: prefixes.into_iter().map(plain).filter(|word| !word.is_empty()).collect(), endings }
    }

    /// What a member of this name means; `None` when the name says nothing.
    #[inline]
    pub(super) fn meaning(&self, name: &str) -> Option<T> {
        let name = Plain::of(name)?;
        // A field may be shorter than an ending.
        let may_end = |length: usize| {
            let ending = ending_of(&name.get()[name.length.saturating_sub(length)..]);
            self.endings[ending / 64] >> (ending % 64) & 1 == 1
        };
        if may_end(3) || may_end(2) || may_end(1) { self.find(name.get()) } else { None }
    }

    /// The longest field that the name ends with, behind nothing but prefixes.
    fn find(&self, name: &[u8]) -> Option<T> {
        // Where a run of prefixes may end.
        let mut may_begin = [false; BYTES_MAX];
        may_begin[0] = true;
        for at in 0..name.len() {
            if !may_begin[at] {
                continue;
            }
            if let Some(meaning) = self.meanings.get(&name[at..]) {
                return Some(*meaning);
            }
            for prefix in self.prefixes.iter().filter(|prefix| name[at..].starts_with(prefix)) {
                if let Some(next) = may_begin.get_mut(at + prefix.len()) {
                    *next = true;
                }
            }
        }
        None
    }
}

/// The place in the table of a name's last three bytes, or of all that it has.
#[inline]
fn ending_of(name: &[u8]) -> usize {
    let last = &name[name.len().saturating_sub(3)..];
    let number = last.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    (number.wrapping_mul(0x9e37_79b1) >> 20) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Mode;

    fn names() -> FieldNames<Mode> {
        let fields = [
            ("first_name", Mode::Token),
            ("name", Mode::Token),
            ("dob", Mode::Seal),
            ("ip", Mode::Token),
            ("customer_name", Mode::Keep),
        ];
        FieldNames::new(fields, ["customer", "home", "co", "co-applicant"])
    }

    #[test]
    fn spellings_are_one_name() {
        for name in [
            "first_name",
            "firstName",
            "FirstName",
            "FIRST-NAME",
            "first name",
            "first.name",
            "firstname",
            "first_name_2",
        ] {
            assert_eq!(names().meaning(name), Some(Mode::Token), "{name}");
        }
    }

    #[test]
    fn prefixes_may_stand_before_and_nothing_else() {
        let names = names();
        assert_eq!(names.meaning("customer_first_name"), Some(Mode::Token));
        assert_eq!(names.meaning("homeCustomerDob1"), Some(Mode::Seal));
        assert_eq!(names.meaning("coApplicantName"), Some(Mode::Token), "one prefix begins like another");
        assert_eq!(names.meaning("customerName"), Some(Mode::Keep), "what the policy names counts more than its parts");
        for name in ["model_name", "filename", "name_of_model", "customer", "dobby", "rename", "", "_", "123", "na"] {
            assert_eq!(names.meaning(name), None, "{name}");
        }
        assert_eq!(names.meaning(&format!("{}Name", "home".repeat(15))), Some(Mode::Token));
        assert_eq!(names.meaning(&format!("{}name", "customer".repeat(1000))), None);
    }

    #[test]
    fn a_name_agrees_with_a_naive_comparison() {
        let names = names();
        let naive = |name: &str| {
            let plain = plain(name);
            let rest = |field: &str| plain.strip_suffix(field.as_bytes()).map(<[u8]>::to_vec);
            let mut open: Vec<Vec<u8>> =
                ["firstname", "name", "dob", "ip"].iter().filter_map(|field| rest(field)).collect();
            while let Some(rest) = open.pop() {
                if rest.is_empty() {
                    return true;
                }
                let prefixes = ["customer", "home", "co", "coapplicant"];
                open.extend(
                    prefixes.iter().filter_map(|prefix| rest.strip_prefix(prefix.as_bytes()).map(<[u8]>::to_vec)),
                );
            }
            false
        };
        let parts = ["customer", "home", "co", "applicant", "name", "first", "dob", "ip", "_", "1"];
        for number in 0..10_000 {
            let name: String =
                [number % 10, number / 10 % 10, number / 100 % 10, number / 1000].map(|at| parts[at]).concat();
            assert_eq!(names.meaning(&name).is_some(), naive(&name), "{name}");
        }
    }
}

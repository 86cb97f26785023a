//! What can be looked up, and the numbers that stand for its values.

use twox_hash::XxHash64;

/// Bits of a subject token: all of it.
pub(crate) const TOKEN_BITS: u32 = 96;

/// Bits of a hash beyond those that tell the values of a segment apart: one absent value in 4,096 seems to be there.
const HASH_BITS_MORE: u32 = 12;

const TOKEN_PREFIX: &str = "sub_";
const TOKEN_DIGITS: usize = 24;

/// What can be looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// The subject token of an entry, its member `user_id`.
    Subject,
    /// The decision id, where one was given.
    DecisionId,
    /// A member of `input_features`, by its path: as text, as `->>` shows it.
    Input(Vec<String>),
}

/// How the values of one key become numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Subject tokens are numbers already: equal numbers are equal tokens.
    Token,
    /// They are not: the texts ascend from row to row, and the first of each run of rows tells where a text may be.
    Ordered,
    /// The highest bits of the XXH64 of the text: equal numbers may be different texts.
    Hash {
        /// How many.
        bits: u32,
    },
}

impl Coding {
    /// For so many values.
    pub(crate) fn hash_of(values: u64) -> Self {
        let bits = u64::BITS - values.leading_zeros() + HASH_BITS_MORE;
        Self::Hash { bits: bits.min(u64::BITS) }
    }

    pub(crate) fn bits(self) -> u32 {
        match self {
            Self::Token => TOKEN_BITS,
            Self::Ordered => 0,
            Self::Hash { bits } => bits,
        }
    }

    /// The number of a value; `None` if no entry can have it.
    pub(crate) fn number(self, value: &str) -> Option<u128> {
        match self {
            Self::Token => token(value),
            Self::Ordered => None,
            Self::Hash { bits } => Some(u128::from(hash(value) >> (u64::BITS - bits.clamp(1, u64::BITS)))),
        }
    }
}

pub(crate) fn hash(value: &str) -> u64 {
    XxHash64::oneshot(0, value.as_bytes())
}

/// The number of a subject token, `sub_` and 24 lower-case hexadecimal digits.
pub(crate) fn token(value: &str) -> Option<u128> {
    let digits = value.strip_prefix(TOKEN_PREFIX).filter(|digits| digits.len() == TOKEN_DIGITS)?;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if !digits.bytes().all(is_digit) {
        return None;
    }
    u128::from_str_radix(digits, 16).ok()
}

//! Timestamps: microseconds since the Unix epoch, UTC.
//!
//! One text form is written, RFC 3339 in UTC with exactly six decimals, so that texts sort as timestamps do. Read is
//! every RFC 3339 date-time and what common producers write beside it: a space for the `T`, no offset at all (Python's
//! `datetime.utcnow().isoformat()`: taken as UTC), an offset without colon or minutes. No clock is read here.

use std::fmt;

use crate::Fault;
use crate::calendar::{date_of, days_of};

/// Microseconds since 1970-01-01T00:00:00Z, in the years 0001 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

impl Timestamp {
    /// 0001-01-01T00:00:00.000000Z
    pub const MIN: Self = Self(-62_135_596_800 * SECOND);
    /// 9999-12-31T23:59:59.999999Z
    pub const MAX: Self = Self(253_402_300_800 * SECOND - 1);
    /// Bytes of the text form.
    pub const TEXT_BYTES: usize = 27;

    /// From microseconds since the epoch; a timestamp outside [`Timestamp::MIN`] to [`Timestamp::MAX`] becomes the nearer
    /// of the two.
    pub const fn from_micros(micros: i64) -> Self {
        if micros < Self::MIN.0 {
            Self::MIN
        } else if micros > Self::MAX.0 {
            Self::MAX
        } else {
            Self(micros)
        }
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Reads a date-time; what is finer than a microsecond is cut off. `None` if it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_sent(text).map(|(timestamp, _)| timestamp)
    }

    /// Reads a date-time, and says whether the text says more than the timestamp: digits other than zero behind the
    /// sixth decimal, an offset from UTC (the producer's time of day), or a leap second. A text without an offset does
    /// not: it says less, and is taken as UTC.
    pub fn parse_sent(text: &str) -> Option<(Self, bool)> {
        let text = text.as_bytes();
        let (date, rest) = text.split_at_checked(10)?;
        let (mark, rest) = rest.split_first()?;
        let (time, rest) = rest.split_at_checked(8)?;
        if date[4] != b'-'
            || date[7] != b'-'
            || !matches!(mark, b'T' | b't' | b' ')
            || time[2] != b':'
            || time[5] != b':'
        {
            return None;
        }
        let year = number(&date[..4])?;
        let (month, day) = (number(&date[5..7])?, number(&date[8..])?);
        let (hour, minute, second) = (number(&time[..2])?, number(&time[3..5])?, number(&time[6..])?);
        // 60 is a leap second; Unix time has no room for it and counts it as the next second.
        if year < 1 || day < 1 || day > days_of_month(year, month)? || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let Fraction { micros, finer, rest } = fraction(rest)?;
        let offset = offset_minutes(rest)?;
        let local = days_of(year, month, day) * DAY + ((hour * 60 + minute) * 60 + second) * SECOND + micros;
        let micros = local - offset * 60 * SECOND;
        let says_more = finer || offset != 0 || second == 60;
        (Self::MIN.0..=Self::MAX.0).contains(&micros).then_some((Self(micros), says_more))
    }

    /// Appends the text form: `2026-11-23T07:46:33.123456Z`.
    pub fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.text());
    }

    fn text(self) -> [u8; Self::TEXT_BYTES] {
        let (days, micros) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        let (year, month, day) = date_of(days);
        let seconds = micros / SECOND;
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        pair(&mut text, 0, year / 100);
        pair(&mut text, 2, year % 100);
        pair(&mut text, 5, month);
        pair(&mut text, 8, day);
        pair(&mut text, 11, seconds / 3600);
        pair(&mut text, 14, seconds / 60 % 60);
        pair(&mut text, 17, seconds % 60);
        pair(&mut text, 20, micros / 10_000 % 100);
        pair(&mut text, 22, micros / 100 % 100);
        pair(&mut text, 24, micros % 100);
        text
    }

    /// Refuses a timestamp that lies more than `ahead_seconds_max` after `now`: a producer's clock or its unit is wrong.
    /// `pointer` is where it was sent, `/timestamp` for instance.
    ///
    /// # Errors
    /// The fault to answer with.
    pub fn check_not_ahead(self, now: Self, ahead_seconds_max: i64, pointer: &str) -> Result<(), Fault> {
        if self.0 - now.0 <= ahead_seconds_max.saturating_mul(SECOND) {
            return Ok(());
        }
        let problem = format!("lies more than {ahead_seconds_max} seconds in the future");
        Err(Fault::new(pointer, problem))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().iter().try_for_each(|byte| fmt::Write::write_char(f, char::from(*byte)))
    }
}

/// The number that these digits are; `None` if one is not a digit.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

/// Puts two digits at a place of the text.
fn pair(text: &mut [u8; Timestamp::TEXT_BYTES], at: usize, number: i64) {
    let number = number as u8;
    (text[at], text[at + 1]) = (b'0' + number / 10, b'0' + number % 10);
}

/// An optional fraction of a second, and what follows it.
struct Fraction<'t> {
    micros: i64,
    /// Whether digits behind the microseconds are not zero.
    finer: bool,
    rest: &'t [u8],
}

fn fraction(text: &[u8]) -> Option<Fraction<'_>> {
    let Some((b'.', text)) = text.split_first() else { return Some(Fraction { micros: 0, finer: false, rest: text }) };
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (fraction, rest) = text.split_at(end);
    if fraction.is_empty() {
        return None;
    }
    let micros = (0..6).fold(0, |micros, at| micros * 10 + fraction.get(at).map_or(0, |digit| i64::from(digit - b'0')));
    let finer = fraction.iter().skip(6).any(|digit| *digit != b'0');
    Some(Fraction { micros, finer, rest })
}

/// The offset from UTC in minutes: none, `Z`, `+hh`, `+hhmm` or `+hh:mm`.
fn offset_minutes(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text {
        [] | [b'Z' | b'z'] => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest {
        [_, _] => (number(rest)?, 0),
        [a, b, b':', minutes @ ..] if minutes.len() == 2 => (number(&[*a, *b])?, number(minutes)?),
        [a, b, minutes @ ..] if minutes.len() == 2 => (number(&[*a, *b])?, number(minutes)?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

fn days_of_month(year: i64, month: i64) -> Option<i64> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => Some(29),
        2 => Some(28),
        _ => None,
    }
}

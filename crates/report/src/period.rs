//! The time that a report is about: from an instant on, up to another that does not belong to it.
//!
//! Days are those of UTC, 24 hours each, whoever reads: a period of N days ends now and begins N times 24 hours before,
//! as SQL's `now() - interval 'N days'` does here.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The longest period in days, a hundred years.
pub const DAYS_MAX: u32 = 36_525;

/// The beginning of the year 1.
const FIRST: Timestamp = Timestamp::constant(-62_135_596_800, 0);

/// The last microsecond that an instant can be here.
const LAST: Timestamp = Timestamp::constant(253_402_207_200, 999_999_000);

/// `since` ≤ t < `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first instant.
    pub since: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
}

/// What is wrong with a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// No days.
    #[error("days must be from 1 to {DAYS_MAX}")]
    Days,
    /// Both ways of saying it.
    #[error("give days, or since and until, not both")]
    Both,
    /// It ends where it begins, or before.
    #[error("since must be before until")]
    Reversed,
    /// No time.
    #[error(
        "a time is RFC 3339, as 2026-11-27T08:00:00Z, or a day of UTC, as 2026-11-27, in the years 1 to 9999; without an \
         offset it is UTC"
    )]
    Time,
    /// A private answer, which is given once, of a time that is not over.
    #[error(
        "with epsilon until must not be in the future: the answer would stand for ever for a period that is not over"
    )]
    Unfinished,
}

impl Period {
    /// What a caller asked for: the last `days`, or `since` and `until`, of which `until` may be left out for now.
    ///
    /// # Errors
    /// [`PeriodError`].
    pub fn new(
        days: Option<u32>,
        since: Option<&str>,
        until: Option<&str>,
        now: Timestamp,
        days_default: u32,
    ) -> Result<Self, PeriodError> {
        let now = in_microseconds(now);
        let days = match (days, since, until) {
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => return Err(PeriodError::Both),
            (days, None, None) => days.unwrap_or(days_default),
            (None, since, until) => {
                let until = until.map_or(Ok(now), time)?;
                let since = match since {
                    Some(since) => time(since)?,
                    None => before(until, days_default)?,
                };
                return if since < until { Ok(Self { since, until }) } else { Err(PeriodError::Reversed) };
            }
        };
        if days == 0 || days > DAYS_MAX {
            return Err(PeriodError::Days);
        }
        Ok(Self { since: before(now, days)?, until: now })
    }

    /// The condition on `timestamp`.
    pub(crate) fn sql(&self) -> String {
        format!("timestamp >= TIMESTAMPTZ '{}' AND timestamp < TIMESTAMPTZ '{}'", self.since, self.until)
    }

    /// Days from the beginning to the end, part of a day as one.
    pub fn days(&self) -> i64 {
        let seconds = self.until.as_second() - self.since.as_second();
        (seconds + 86_399) / 86_400
    }
}

/// Records have microseconds; finer digits are cut off.
fn in_microseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

fn before(until: Timestamp, days: u32) -> Result<Timestamp, PeriodError> {
    until.checked_sub(jiff::SignedDuration::from_hours(24 * i64::from(days))).map_err(|_| PeriodError::Time)
}

/// An instant as it is written: RFC 3339, taken as UTC without an offset, or the beginning of a day of UTC. What is later
/// than instants here can be, on the last two days of the year 9999, is the last of them.
///
/// # Errors
/// [`PeriodError::Time`].
pub fn time(written: &str) -> Result<Timestamp, PeriodError> {
    let time = written.parse::<Timestamp>().or_else(|_| in_utc(written))?;
    let time = in_microseconds(time);
    // Records have no time before, and SQL no spelling for it.
    if time < FIRST { Err(PeriodError::Time) } else { Ok(time) }
}

fn in_utc(written: &str) -> Result<Timestamp, PeriodError> {
    let civil: DateTime = written.parse().map_err(|_| PeriodError::Time)?;
    // The name of a zone would be passed over.
    if written.contains('[') {
        return Err(PeriodError::Time);
    }
    match civil.to_zoned(TimeZone::UTC) {
        Ok(time) => Ok(time.timestamp()),
        Err(_) if civil.year() == 9999 => Ok(LAST),
        Err(_) => Err(PeriodError::Time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-27T12:00:00Z";

    fn period(
        days: Option<u32>,
        since: Option<&str>,
        until: Option<&str>,
    ) -> Result<(String, String, i64), PeriodError> {
        let period = Period::new(days, since, until, NOW.parse().unwrap(), 30)?;
        Ok((period.since.to_string(), period.until.to_string(), period.days()))
    }

    #[test]
    fn days_are_counted_back_from_now() {
        let made = |since: &str, days| Ok((since.to_owned(), NOW.to_owned(), days));
        assert_eq!(period(Some(1), None, None), made("2026-11-26T12:00:00Z", 1));
        assert_eq!(period(None, None, None), made("2026-10-28T12:00:00Z", 30));
        assert!(period(None, Some("0001-01-01"), None).is_ok());
        assert_eq!(period(None, Some("2026-11-27"), None), made("2026-11-27T00:00:00Z", 1));
        assert_eq!(period(None, Some("2026-11-27T00:00:00.1234567Z"), None), made("2026-11-27T00:00:00.123456Z", 1));
        assert_eq!(period(None, Some("2026-11-27T13:00:00+02:00"), None), made("2026-11-27T11:00:00Z", 1));
    }

    #[test]
    fn the_end_does_not_belong_to_it() {
        let day = period(None, Some("2026-11-01"), Some("2026-11-03"));
        assert_eq!(day, Ok(("2026-11-01T00:00:00Z".to_owned(), "2026-11-03T00:00:00Z".to_owned(), 2)));
    }

    #[test]
    fn a_time_without_an_offset_is_utc() {
        for (written, time) in [
            ("2026-11-12T18:00:00", "2026-11-12T18:00:00Z"),
            ("2026-11-12 18:00:00.5", "2026-11-12T18:00:00.5Z"),
            ("2026-11-12", "2026-11-12T00:00:00Z"),
            ("2026-11-12T18:00:00-02:00", "2026-11-12T20:00:00Z"),
            ("9999-12-31", "9999-12-30T22:00:00.999999Z"),
            ("9999-12-31T23:59:59", "9999-12-30T22:00:00.999999Z"),
        ] {
            assert_eq!(super::time(written).map(|time| time.to_string()), Ok(time.to_owned()), "{written}");
        }
        assert_eq!(super::time("2026-11-12T18:00:00[America/New_York]"), Err(PeriodError::Time));
    }

    #[test]
    fn what_is_no_period_is_refused() {
        for (days, since, until, error) in [
            (Some(0), None, None, PeriodError::Days),
            (Some(DAYS_MAX + 1), None, None, PeriodError::Days),
            (Some(1), Some("2026-11-01"), None, PeriodError::Both),
            (None, Some("2026-11-02"), Some("2026-11-01"), PeriodError::Reversed),
            (None, Some("2026-11-02"), Some("2026-11-02"), PeriodError::Reversed),
            (None, Some("2027-11-02"), None, PeriodError::Reversed),
            (None, Some("yesterday"), None, PeriodError::Time),
            (None, Some("2026-13-01"), None, PeriodError::Time),
            (None, None, Some("-9999-01-01"), PeriodError::Time),
            (None, Some("0000-12-31T23:59:59Z"), None, PeriodError::Time),
            (None, Some("-000001-01-01"), None, PeriodError::Time),
        ] {
            assert_eq!(period(days, since, until).err(), Some(error), "{days:?} {since:?} {until:?}");
        }
    }
}

//! Days, dates and clock readings in the proleptic Gregorian calendar, for any year that a timestamp can hold.
//!
//! A year is the astronomical one: 0 is 1 BC. Nothing here knows of time zones.

use super::call::fault;
use datafusion::common::Result;
use onrecord_record::calendar;
pub(super) use onrecord_record::calendar::date_of;

pub(super) const SECOND: i64 = 1_000_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// Julian day of 1970-01-01.
const JULIAN_1970: i64 = 2_440_588;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

pub(super) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub(super) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970 of a date; month and day need not be in their ranges, they carry over.
pub(super) fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year + (month - 1).div_euclid(12);
    let month = (month - 1).rem_euclid(12) + 1;
    calendar::days_of(year, month, day)
}

pub(super) fn julian(days: i64) -> i64 {
    days + JULIAN_1970
}

pub(super) fn of_julian(julian: i64) -> i64 {
    julian - JULIAN_1970
}

/// 0 is Sunday.
pub(super) fn weekday(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

/// The Monday of the first week of an ISO year.
pub(super) fn iso_year_start(year: i64) -> i64 {
    let fourth = days_of(year, 1, 4);
    fourth - (weekday(fourth) + 6) % 7
}

/// ISO year, week, and day of that year (from 1).
pub(super) fn iso(days: i64) -> (i64, i64, i64) {
    let (mut year, _, _) = date_of(days);
    if days < iso_year_start(year) {
        year -= 1;
    } else if days >= iso_year_start(year + 1) {
        year += 1;
    }
    let day = days - iso_year_start(year);
    (year, day / 7 + 1, day + 1)
}

/// A reading of calendar and clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) days: i64,
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    pub(super) micro: i64,
}

impl Reading {
    /// The reading of microseconds since 1970.
    pub(super) fn of(micros: i64) -> Self {
        let (days, clock) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
        let (year, month, day) = date_of(days);
        Self {
            days,
            year,
            month,
            day,
            hour: clock / HOUR,
            minute: clock / MINUTE % 60,
            second: clock / SECOND % 60,
            micro: clock % SECOND,
        }
    }

    /// Day of the year, from 1.
    pub(super) fn day_of_year(&self) -> i64 {
        self.days - days_of(self.year, 1, 1) + 1
    }
}

/// Microseconds since 1970 of a day and a time of it.
pub(super) fn micros_of(days: i64, clock: i64) -> Result<i64> {
    days.checked_mul(DAY).and_then(|micros| micros.checked_add(clock)).ok_or_else(out_of_range)
}

/// Days since 1970 of a date that must be one.
pub(super) fn checked_days(year: i64, month: i64, day: i64) -> Result<i64> {
    let sound = (-4713..=294_276).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day);
    if sound { Ok(days_of(year, month, day)) } else { Err(fault("date/time field value out of range")) }
}

/// The error of a time that no timestamp holds.
pub(super) fn out_of_range() -> datafusion::common::DataFusionError {
    fault("timestamp out of range")
}

/// The day as a [`arrow::datatypes::Date32Type`] has it.
pub(super) fn date32(days: i64) -> Result<i32> {
    i32::try_from(days).map_err(|_| fault("date out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_days_agree() {
        assert_eq!(days_of(1970, 1, 1), 0);
        assert_eq!(days_of(2026, 11, 27), 20_784);
        for days in (-1_000_000..1_000_000).step_by(997) {
            let (year, month, day) = date_of(days);
            assert_eq!(days_of(year, month, day), days);
            assert!((1..=12).contains(&month) && (1..=31).contains(&day));
        }
        assert_eq!(julian(days_of(2000, 1, 1)), 2_451_545);
        assert_eq!(weekday(days_of(2026, 11, 26)), 4);
    }

    #[test]
    fn iso_weeks_begin_on_monday() {
        assert_eq!(iso(days_of(2021, 1, 3)), (2020, 53, 371));
        assert_eq!(iso(days_of(2021, 1, 4)), (2021, 1, 1));
        assert_eq!(iso(days_of(2024, 12, 30)), (2025, 1, 1));
    }
}

//! Intervals: months, days and microseconds apart, as PostgreSQL has them; their text, their order, and `age`.

use super::calendar::{DAY, HOUR, MINUTE, Reading, SECOND, days_in_month};
use super::call::{Args, Function, Kind, Overload, fault, function, gives, some, takes, values};
use arrow::array::ArrayRef;
use arrow::datatypes::{IntervalMonthDayNano, IntervalMonthDayNanoType};
use datafusion::common::Result;
use std::fmt::Write;

/// An interval. PostgreSQL's have microseconds, Arrow's nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) months: i32,
    pub(crate) days: i32,
    pub(crate) micros: i64,
}

impl From<IntervalMonthDayNano> for Span {
    fn from(interval: IntervalMonthDayNano) -> Self {
        Self { months: interval.months, days: interval.days, micros: interval.nanoseconds / 1_000 }
    }
}

pub(super) fn out_of_range() -> datafusion::common::DataFusionError {
    fault("interval out of range")
}

impl Span {
    pub(super) fn checked(months: i64, days: i64, micros: i64) -> Result<Self> {
        match (i32::try_from(months), i32::try_from(days)) {
            (Ok(months), Ok(days)) => Ok(Self { months, days, micros }),
            _ => Err(out_of_range()),
        }
    }

    pub(super) fn to_arrow(self) -> Result<IntervalMonthDayNano> {
        let nanoseconds = self.micros.checked_mul(1_000).ok_or_else(out_of_range)?;
        Ok(IntervalMonthDayNano::new(self.months, self.days, nanoseconds))
    }

    /// What intervals are compared by: microseconds, a month taken for 30 days and a day for 24 hours.
    pub(super) fn order(self) -> i128 {
        (i128::from(self.months) * 30 + i128::from(self.days)) * i128::from(DAY) + i128::from(self.micros)
    }

    /// From the difference of two times: whole days of 24 hours, and the rest.
    pub(super) fn of_difference(micros: i64) -> Result<Self> {
        Self::checked(0, micros / DAY, micros % DAY)
    }

    /// What PostgreSQL shows: `1 year 2 mons 3 days 04:05:06.789`.
    pub(crate) fn text(self) -> String {
        let mut out = String::new();
        let mut before_is_negative = false;
        for (count, unit) in [(self.months / 12, "year"), (self.months % 12, "mon"), (self.days, "day")] {
            if count == 0 {
                continue;
            }
            if !out.is_empty() {
                out.push(' ');
            }
            let sign = if before_is_negative && count > 0 { "+" } else { "" };
            let plural = if count == 1 { "" } else { "s" };
            let _ = write!(out, "{sign}{count} {unit}{plural}");
            before_is_negative = count < 0;
        }
        if self.micros == 0 && !out.is_empty() {
            return out;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        let micros = self.micros.unsigned_abs();
        let sign = match (self.micros < 0, before_is_negative) {
            (true, _) => "-",
            (false, true) => "+",
            (false, false) => "",
        };
        let [hour, minute, second] = [HOUR, MINUTE, SECOND].map(i64::unsigned_abs);
        let _ = write!(out, "{sign}{:02}:{:02}:{:02}", micros / hour, micros / minute % 60, micros / second % 60);
        if !micros.is_multiple_of(second) {
            let fraction = format!("{:06}", micros % second);
            let _ = write!(out, ".{}", fraction.trim_end_matches('0'));
        }
        out
    }
}

/// `age`, in whole years, months and days as a person counts them.
fn between(later: i64, earlier: i64) -> Result<Span> {
    let (negative, one, two) = (later < earlier, Reading::of(later), Reading::of(earlier));
    let sign = if negative { -1 } else { 1 };
    let mut months = sign * ((one.year - two.year) * 12 + one.month - two.month);
    let mut days = sign * (one.day - two.day);
    let clock = |of: &Reading| of.hour * HOUR + of.minute * MINUTE + of.second * SECOND + of.micro;
    let mut micros = sign * (clock(&one) - clock(&two));
    if micros < 0 {
        (micros, days) = (micros + DAY, days - 1);
    }
    // A day is borrowed from the month that the earlier of the two lies in.
    let earliest = if negative { &one } else { &two };
    while days < 0 {
        days += days_in_month(earliest.year, earliest.month);
        months -= 1;
    }
    Span::checked(sign * months, sign * days, sign * micros)
}

fn spans(args: &Args<'_>, mut one: impl FnMut(usize) -> Result<Option<Span>>) -> Result<ArrayRef> {
    values::<IntervalMonthDayNanoType>(args, |row| one(row)?.map(Span::to_arrow).transpose())
}

fn age(args: &Args<'_>) -> Result<ArrayRef> {
    spans(args, |row| between(some!(args.micros(0, row)), some!(args.micros(1, row))).map(Some))
}

/// From today's midnight.
fn age_today(args: &Args<'_>) -> Result<ArrayRef> {
    let now = chrono::Utc::now().timestamp_micros();
    let midnight = now - now.rem_euclid(DAY);
    spans(args, |row| between(midnight, some!(args.micros(0, row))).map(Some))
}

/// Takes whole units out of `from` into `into`, and gives both the same sign.
fn carry(into: i64, from: i64, unit: i64) -> (i64, i64) {
    let (mut into, mut from) = (into + from / unit, from % unit);
    if into > 0 && from < 0 {
        (into, from) = (into - 1, from + unit);
    } else if into < 0 && from > 0 {
        (into, from) = (into + 1, from - unit);
    }
    (into, from)
}

fn justify_hours(args: &Args<'_>) -> Result<ArrayRef> {
    spans(args, |row| {
        let span = some!(args.interval(0, row));
        let (days, micros) = carry(span.days.into(), span.micros, DAY);
        Span::checked(span.months.into(), days, micros).map(Some)
    })
}

fn justify_days(args: &Args<'_>) -> Result<ArrayRef> {
    spans(args, |row| {
        let span = some!(args.interval(0, row));
        let (months, days) = carry(span.months.into(), span.days.into(), 30);
        Span::checked(months, days, span.micros).map(Some)
    })
}

fn justify_interval(args: &Args<'_>) -> Result<ArrayRef> {
    spans(args, |row| {
        let span = some!(args.interval(0, row));
        let total = span.order();
        let (month, day) = (30 * i128::from(DAY), i128::from(DAY));
        let part = |value: i128| i64::try_from(value).map_err(|_| out_of_range());
        Span::checked(part(total / month)?, part(total % month / day)?, part(total % day)?).map(Some)
    })
}

/// Years, months, weeks, days, hours, minutes, seconds.
fn make_interval(args: &Args<'_>) -> Result<ArrayRef> {
    spans(args, |row| {
        let mut parts = [0_i64; 6];
        for (at, part) in parts.iter_mut().enumerate().take(args.len()) {
            *part = some!(args.int(at, row));
        }
        let seconds = if args.len() > 6 { some!(args.float(6, row)) } else { 0.0 };
        let [years, months, weeks, days, hours, minutes] = parts;
        let micros = (seconds * SECOND as f64).round();
        if !micros.is_finite() || micros.abs() > 9e18 {
            return Err(out_of_range());
        }
        let micros = (hours * HOUR).checked_add(minutes * MINUTE).and_then(|clock| clock.checked_add(micros as i64));
        Span::checked(years * 12 + months, weeks * 7 + days, micros.ok_or_else(out_of_range)?).map(Some)
    })
}

/// Takes a number of each part's share, and carries fractions down, as PostgreSQL does: a month has 30 days then.
pub(super) fn scaled(span: Span, by: f64) -> Result<Span> {
    let (months, days) = (f64::from(span.months) * by, f64::from(span.days) * by);
    let micros = span.micros as f64 * by;
    if !(months.is_finite() && days.is_finite() && micros.is_finite()) {
        return Err(out_of_range());
    }
    let month_days = tidy((months - months.trunc()) * 30.0);
    let rest = tidy((days - days.trunc() + month_days - month_days.trunc()) * 86_400.0);
    let (mut whole_days, mut seconds) = (days.trunc() + month_days.trunc(), rest);
    // A day's worth of seconds that rounding made is a day.
    if seconds.abs() >= 86_400.0 {
        whole_days += (seconds / 86_400.0).trunc();
        seconds -= (seconds / 86_400.0).trunc() * 86_400.0;
    }
    let micros = (micros + seconds * SECOND as f64).round_ties_even();
    if micros.abs() > 9.2e18 || months.abs() > 2e9 || whole_days.abs() > 2e9 {
        return Err(out_of_range());
    }
    Span::checked(months.trunc() as i64, whole_days as i64, micros as i64)
}

/// To the microsecond, so that 0.1 of a month is three days.
fn tidy(value: f64) -> f64 {
    (value * 1e6).round_ties_even() / 1e6
}

const SPAN: &[Kind] = &[Kind::Interval];
const PARTS: [Kind; 7] = [Kind::Int, Kind::Int, Kind::Int, Kind::Int, Kind::Int, Kind::Int, Kind::Float];

const fn parts(args: &'static [Kind]) -> Overload {
    takes(args, gives::interval, make_interval)
}

/// The functions over intervals.
pub(super) const FUNCTIONS: &[Function] = &[
    function(
        "age",
        &[
            takes(&[Kind::Timestamp, Kind::Timestamp], gives::interval, age),
            takes(&[Kind::Instant, Kind::Instant], gives::interval, age),
            takes(&[Kind::Timestamp], gives::interval, age_today),
            takes(&[Kind::Instant], gives::interval, age_today),
        ],
    ),
    function("justify_hours", &[takes(SPAN, gives::interval, justify_hours)]),
    function("justify_days", &[takes(SPAN, gives::interval, justify_days)]),
    function("justify_interval", &[takes(SPAN, gives::interval, justify_interval)]),
    function(
        "make_interval",
        &[
            parts(PARTS.split_at(0).0),
            parts(PARTS.split_at(1).0),
            parts(PARTS.split_at(2).0),
            parts(PARTS.split_at(3).0),
            parts(PARTS.split_at(4).0),
            parts(PARTS.split_at(5).0),
            parts(PARTS.split_at(6).0),
            parts(&PARTS),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_read_as_in_postgres() {
        let text = |months, days, micros| Span { months, days, micros }.text();
        assert_eq!(text(14, 3, 4 * HOUR + 5 * MINUTE + 6_789_000), "1 year 2 mons 3 days 04:05:06.789");
        assert_eq!(text(0, 0, 0), "00:00:00");
        assert_eq!(text(-1, 2, 0), "-1 mons +2 days");
        assert_eq!(text(0, -1, HOUR), "-1 days +01:00:00");
        assert_eq!(text(0, 1, -HOUR), "1 day -01:00:00");
        assert_eq!(text(0, 0, 100 * HOUR), "100:00:00");
    }
}

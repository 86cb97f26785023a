//! Time zones: `AT TIME ZONE`, and `date_trunc` with and without a zone.
//!
//! The zones are those of the IANA database that the program was built with. A local time that a change of the clocks
//! skips is read with the offset before the change, one that comes twice with the offset after it, as in PostgreSQL.

use super::calendar::{DAY, HOUR, MINUTE, Reading, SECOND, days_of, micros_of, out_of_range, weekday};
use super::call::{Args, Function, Kind, fault, function, gives, some, takes, values};
use super::interval::Span;
use arrow::array::{ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::compute::try_unary;
use arrow::datatypes::{IntervalMonthDayNanoType, TimestampMicrosecondType};
use arrow::error::ArrowError;
use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};
use datafusion::common::Result;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// A zone: of the database, or an offset from UTC in microseconds, east positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    Named(Tz),
    Fixed(i64),
}

/// The zones by name in lower case, since PostgreSQL does not mind the case.
static ZONES: LazyLock<HashMap<String, Tz>> =
    LazyLock::new(|| TZ_VARIANTS.iter().map(|zone| (zone.name().to_ascii_lowercase(), *zone)).collect());

/// Abbreviations of PostgreSQL's default set, in hours. They come before names: `CET` has no summer time.
const ABBREVIATIONS: [(&str, i64); 31] = [
    ("cet", 1),
    ("met", 1),
    ("eet", 2),
    ("wet", 0),
    ("est", -5),
    ("mst", -7),
    ("hst", -10),
    ("z", 0),
    ("zulu", 0),
    ("ut", 0),
    ("wetdst", 1),
    ("west", 1),
    ("bst", 1),
    ("cest", 2),
    ("mest", 2),
    ("mez", 1),
    ("mesz", 2),
    ("eest", 3),
    ("msk", 3),
    ("edt", -4),
    ("cst", -6),
    ("cdt", -5),
    ("mdt", -6),
    ("pst", -8),
    ("pdt", -7),
    ("akst", -9),
    ("akdt", -8),
    ("jst", 9),
    ("kst", 9),
    ("aest", 10),
    ("aedt", 11),
];

impl Zone {
    /// The zone of that name: of the database, an abbreviation, or `[NAME]±HH[:MM[:SS]]` in the sense of POSIX, in
    /// which a positive number is west of Greenwich.
    pub(super) fn of(name: &str) -> Result<Self> {
        let name = name.trim().to_ascii_lowercase();
        if let Some((_, hours)) = ABBREVIATIONS.iter().find(|(abbreviation, _)| *abbreviation == name) {
            return Ok(Zone::Fixed(hours * HOUR));
        }
        if let Some(zone) = ZONES.get(&name) {
            return Ok(Zone::Named(*zone));
        }
        match posix_offset(&name) {
            Some(west) => Ok(Zone::Fixed(-west)),
            None => Err(fault("time zone not recognized: write a name such as 'Europe/Berlin', or 'UTC'")),
        }
    }

    /// What is added to UTC, in microseconds, at an instant.
    fn offset_at(self, utc: i64) -> Result<i64> {
        match self {
            Zone::Fixed(offset) => Ok(offset),
            Zone::Named(zone) => {
                let offset = zone.offset_from_utc_datetime(&naive(utc)?).fix();
                Ok(i64::from(offset.local_minus_utc()) * SECOND)
            }
        }
    }

    /// The local reading at an instant, as microseconds of a timestamp without a zone.
    pub(super) fn local(self, utc: i64) -> Result<i64> {
        utc.checked_add(self.offset_at(utc)?).ok_or_else(out_of_range)
    }

    /// The instant at which the local clock reads so.
    pub(super) fn instant(self, local: i64) -> Result<i64> {
        let offset = match self {
            Zone::Fixed(offset) => offset,
            Zone::Named(zone) => match zone.offset_from_local_datetime(&naive(local)?) {
                LocalResult::Single(offset) | LocalResult::Ambiguous(_, offset) => {
                    i64::from(offset.fix().local_minus_utc()) * SECOND
                }
                // The offset that held a day before is the one before the change.
                LocalResult::None => self.offset_at(local - DAY)?,
            },
        };
        local.checked_sub(offset).ok_or_else(out_of_range)
    }
}

fn naive(micros: i64) -> Result<NaiveDateTime> {
    DateTime::from_timestamp_micros(micros).map(|time| time.naive_utc()).ok_or_else(out_of_range)
}

fn posix_offset(name: &str) -> Option<i64> {
    let digits = name.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    let (sign, digits) = match digits.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let mut micros = 0;
    for (part, unit) in digits.splitn(3, ':').zip([HOUR, MINUTE, SECOND]) {
        let in_range = part.len() <= 3 && !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
        let count: i64 = part.parse().ok().filter(|_| in_range)?;
        if count > if unit == HOUR { 167 } else { 59 } {
            return None;
        }
        micros += count * unit;
    }
    Some(sign * micros)
}

/// The zones of a column, looked up once for each change of name.
pub(super) struct Zones {
    last: Option<(String, Zone)>,
}

impl Zones {
    pub(super) fn new() -> Self {
        Self { last: None }
    }

    pub(super) fn of(&mut self, name: &str) -> Result<Zone> {
        if let Some((last, zone)) = &self.last
            && last == name
        {
            return Ok(*zone);
        }
        let zone = Zone::of(name)?;
        self.last = Some((name.to_owned(), zone));
        Ok(zone)
    }
}

fn local(args: &Args<'_>) -> Result<ArrayRef> {
    let mut zones = Zones::new();
    values::<TimestampMicrosecondType>(args, |row| {
        zones.of(some!(args.text(0, row)))?.local(some!(args.micros(1, row))).map(Some)
    })
}

fn instant(args: &Args<'_>) -> Result<ArrayRef> {
    let mut zones = Zones::new();
    values::<TimestampMicrosecondType>(args, |row| {
        zones.of(some!(args.text(0, row)))?.instant(some!(args.micros(1, row))).map(Some)
    })
}

fn fixed(span: Span) -> Result<Zone> {
    match span {
        Span { months: 0, days: 0, micros } => Ok(Zone::Fixed(micros)),
        _ => Err(fault("an interval that is a time zone must have hours, minutes and seconds only")),
    }
}

fn local_by_interval(args: &Args<'_>) -> Result<ArrayRef> {
    values::<TimestampMicrosecondType>(args, |row| {
        fixed(some!(args.interval(0, row)))?.local(some!(args.micros(1, row))).map(Some)
    })
}

fn instant_by_interval(args: &Args<'_>) -> Result<ArrayRef> {
    values::<TimestampMicrosecondType>(args, |row| {
        fixed(some!(args.interval(0, row)))?.instant(some!(args.micros(1, row))).map(Some)
    })
}

/// What a time is cut to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
}

impl Unit {
    fn of(name: &str) -> Result<Self> {
        Ok(match name.trim().to_ascii_lowercase().as_str() {
            "microsecond" | "microseconds" | "us" | "usec" | "usecond" | "useconds" => Unit::Microsecond,
            "millisecond" | "milliseconds" | "ms" | "msec" | "msecond" | "mseconds" => Unit::Millisecond,
            "second" | "seconds" | "sec" | "secs" | "s" => Unit::Second,
            "minute" | "minutes" | "min" | "mins" | "m" => Unit::Minute,
            "hour" | "hours" | "h" | "hr" | "hrs" => Unit::Hour,
            "day" | "days" | "d" => Unit::Day,
            "week" | "weeks" | "w" => Unit::Week,
            "month" | "months" | "mon" | "mons" => Unit::Month,
            "quarter" | "qtr" => Unit::Quarter,
            "year" | "years" | "y" | "yr" | "yrs" => Unit::Year,
            "decade" | "decades" | "dec" | "decs" => Unit::Decade,
            "century" | "centuries" | "c" | "cent" => Unit::Century,
            "millennium" | "millennia" | "mil" | "mils" => Unit::Millennium,
            _ => return Err(fault("date_trunc does not know this unit; it takes microseconds to millennium")),
        })
    }

    /// The start of the unit that the local time lies in.
    fn start(self, local: i64) -> Result<i64> {
        let floor = |unit: i64| Ok(local - local.rem_euclid(unit));
        if self <= Unit::Day {
            return match self {
                Unit::Microsecond => Ok(local),
                Unit::Millisecond => floor(1_000),
                Unit::Second => floor(SECOND),
                Unit::Minute => floor(MINUTE),
                Unit::Hour => floor(HOUR),
                _ => floor(DAY),
            };
        }
        let at = Reading::of(local);
        let first = |year: i64, month: i64| micros_of(days_of(year, month, 1), 0);
        match self {
            Unit::Week => micros_of(at.days - (weekday(at.days) + 6) % 7, 0),
            Unit::Month => first(at.year, at.month),
            Unit::Quarter => first(at.year, (at.month - 1) / 3 * 3 + 1),
            Unit::Year => first(at.year, 1),
            Unit::Decade => first(at.year.div_euclid(10) * 10, 1),
            Unit::Century => first((at.year - 1).div_euclid(100) * 100 + 1, 1),
            _ => first((at.year - 1).div_euclid(1_000) * 1_000 + 1, 1),
        }
    }
}

struct Units {
    last: Option<(String, Unit)>,
}

impl Units {
    fn of(&mut self, name: &str) -> Result<Unit> {
        if let Some((last, unit)) = &self.last
            && last == name
        {
            return Ok(*unit);
        }
        let unit = Unit::of(name)?;
        self.last = Some((name.to_owned(), unit));
        Ok(unit)
    }
}

fn date_trunc(args: &Args<'_>) -> Result<ArrayRef> {
    // A unit that is written in the query, as is most often so, is looked at once.
    if let (Some(unit), Some(times)) = (args.constant(0), args.column(1).as_primitive_opt::<TimestampMicrosecondType>())
        && times.len() == args.rows
    {
        let unit = Unit::of(unit)?;
        let cut = |time| unit.start(time).map_err(|error| ArrowError::ExternalError(Box::new(error)));
        let cut: TimestampMicrosecondArray = try_unary(times, cut)?;
        return Ok(Arc::new(cut.with_data_type(args.gives.clone())));
    }
    let mut units = Units { last: None };
    values::<TimestampMicrosecondType>(args, |row| {
        units.of(some!(args.text(0, row)))?.start(some!(args.micros(1, row))).map(Some)
    })
}

fn date_trunc_in(args: &Args<'_>) -> Result<ArrayRef> {
    let (mut units, mut zones) = (Units { last: None }, Zones::new());
    values::<TimestampMicrosecondType>(args, |row| {
        let (unit, utc) = (units.of(some!(args.text(0, row)))?, some!(args.micros(1, row)));
        let zone = zones.of(some!(args.text(2, row)))?;
        let start = unit.start(zone.local(utc)?)?;
        // Below a day the offset stays, so that an hour that comes twice is cut to itself.
        match unit < Unit::Day {
            true => Ok(Some(start - zone.offset_at(utc)?)),
            false => zone.instant(start).map(Some),
        }
    })
}

fn date_trunc_interval(args: &Args<'_>) -> Result<ArrayRef> {
    let mut units = Units { last: None };
    values::<IntervalMonthDayNanoType>(args, |row| {
        let (unit, span) = (units.of(some!(args.text(0, row)))?, some!(args.interval(1, row)));
        let cut = |months: i32| Span { months: span.months / months * months, days: 0, micros: 0 };
        let floor = |micros: i64| Span { micros: span.micros / micros * micros, ..span };
        let span = match unit {
            Unit::Microsecond => span,
            Unit::Millisecond => floor(1_000),
            Unit::Second => floor(SECOND),
            Unit::Minute => floor(MINUTE),
            Unit::Hour => floor(HOUR),
            Unit::Day => Span { micros: 0, ..span },
            Unit::Week => return Err(fault("an interval has no weeks that date_trunc could cut it to")),
            Unit::Month => cut(1),
            Unit::Quarter => cut(3),
            Unit::Year => cut(12),
            Unit::Decade => cut(120),
            Unit::Century => cut(1_200),
            Unit::Millennium => cut(12_000),
        };
        span.to_arrow().map(Some)
    })
}

/// `date_bin(stride, time, origin)`.
fn date_bin(args: &Args<'_>) -> Result<ArrayRef> {
    values::<TimestampMicrosecondType>(args, |row| {
        let span = some!(args.interval(0, row));
        let (time, origin) = (some!(args.micros(1, row)), some!(args.micros(2, row)));
        if span.months != 0 {
            return Err(fault("timestamps cannot be binned into intervals containing months or years"));
        }
        let stride = i64::try_from(span.order()).map_err(|_| out_of_range())?;
        if stride <= 0 {
            return Err(fault("stride must be greater than zero"));
        }
        let since = time.checked_sub(origin).ok_or_else(out_of_range)?;
        Ok(Some(time - since.rem_euclid(stride)))
    })
}

const UTC_BIN: &[Kind] = &[Kind::Interval, Kind::Instant, Kind::Instant];

/// The functions over zones and units.
pub(super) const FUNCTIONS: &[Function] = &[
    function(
        "timezone",
        &[
            takes(&[Kind::Text, Kind::Instant], gives::timestamp, local),
            takes(&[Kind::Text, Kind::Timestamp], gives::instant, instant),
            takes(&[Kind::Interval, Kind::Instant], gives::timestamp, local_by_interval),
            takes(&[Kind::Interval, Kind::Timestamp], gives::instant, instant_by_interval),
        ],
    ),
    function(
        "date_trunc",
        &[
            takes(&[Kind::Text, Kind::Instant], gives::instant, date_trunc),
            takes(&[Kind::Text, Kind::Timestamp], gives::timestamp, date_trunc),
            takes(&[Kind::Text, Kind::Interval], gives::interval, date_trunc_interval),
            takes(&[Kind::Text, Kind::Instant, Kind::Text], gives::instant, date_trunc_in),
        ],
    ),
    function(
        "date_bin",
        &[
            takes(&[Kind::Interval, Kind::Timestamp, Kind::Timestamp], gives::timestamp, date_bin),
            takes(UTC_BIN, gives::instant, date_bin),
        ],
    ),
];

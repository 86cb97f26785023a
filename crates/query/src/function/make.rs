//! Times put together from their parts, the clock, and `OVERLAPS`.

use super::calendar::{DAY, HOUR, MINUTE, SECOND, checked_days, date32, micros_of};
use super::call::{Args, Function, Kind, bools, fault, function, gives, some, takes, values};
use super::interval::Span;
use super::zone::Zones;
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Date32Type, Time64MicrosecondType, TimestampMicrosecondType};
use chrono::{DateTime, Months};
use datafusion::common::Result;
use datafusion::logical_expr::Volatility;

/// The day of three arguments from `first` on; a negative year is BC.
fn days(args: &Args<'_>, row: usize) -> Result<Option<i64>> {
    let (year, month, day) = (some!(args.int(0, row)), some!(args.int(1, row)), some!(args.int(2, row)));
    let year = match year {
        0 => return Err(fault("date field value out of range")),
        year if year < 0 => year + 1,
        year => year,
    };
    checked_days(year, month, day).map(Some)
}

fn clock(args: &Args<'_>, first: usize, row: usize) -> Result<Option<i64>> {
    let (hour, minute) = (some!(args.int(first, row)), some!(args.int(first + 1, row)));
    let second = some!(args.float(first + 2, row));
    let sound = (0..=24).contains(&hour) && (0..60).contains(&minute) && (0.0..=60.0).contains(&second);
    let micros = hour * HOUR + minute * MINUTE + (second * SECOND as f64).round_ties_even() as i64;
    if sound && micros <= DAY { Ok(Some(micros)) } else { Err(fault("time field value out of range")) }
}

fn make_date(args: &Args<'_>) -> Result<ArrayRef> {
    values::<Date32Type>(args, |row| date32(some!(days(args, row)?)).map(Some))
}

fn make_time(args: &Args<'_>) -> Result<ArrayRef> {
    values::<Time64MicrosecondType>(args, |row| clock(args, 0, row))
}

fn make_timestamp(args: &Args<'_>) -> Result<ArrayRef> {
    values::<TimestampMicrosecondType>(args, |row| {
        micros_of(some!(days(args, row)?), some!(clock(args, 3, row)?)).map(Some)
    })
}

fn make_instant(args: &Args<'_>) -> Result<ArrayRef> {
    let mut zones = Zones::new();
    values::<TimestampMicrosecondType>(args, |row| {
        let local = micros_of(some!(days(args, row)?), some!(clock(args, 3, row)?))?;
        zones.of(some!(args.text(6, row)))?.instant(local).map(Some)
    })
}

fn now(args: &Args<'_>) -> Result<ArrayRef> {
    let now = chrono::Utc::now().timestamp_micros();
    values::<TimestampMicrosecondType>(args, |_| Ok(Some(now)))
}

/// A time some interval later.
fn later(time: i64, span: Span) -> Result<i64> {
    let start = DateTime::from_timestamp_micros(time).ok_or_else(super::calendar::out_of_range)?;
    let months = Months::new(span.months.unsigned_abs());
    let moved = if span.months < 0 { start.checked_sub_months(months) } else { start.checked_add_months(months) };
    let moved = moved.ok_or_else(super::calendar::out_of_range)?.timestamp_micros();
    moved
        .checked_add(i64::from(span.days) * DAY)
        .and_then(|time| time.checked_add(span.micros))
        .ok_or_else(super::calendar::out_of_range)
}

fn overlaps(args: &Args<'_>) -> Result<ArrayRef> {
    let end = |at: usize, start: i64, row: usize| -> Result<Option<i64>> {
        match args.column(at).data_type() {
            DataType::Interval(_) => later(start, some!(args.interval(at, row))).map(Some),
            _ => Ok(args.micros(at, row)),
        }
    };
    bools(args, |row| {
        let (start1, start2) = (some!(args.micros(0, row)), some!(args.micros(2, row)));
        let (end1, end2) = (some!(end(1, start1, row)?), some!(end(3, start2, row)?));
        let ((start1, end1), (start2, end2)) =
            ((start1.min(end1), start1.max(end1)), (start2.min(end2), start2.max(end2)));
        // A period holds its start and not its end; one without length holds its one instant.
        Ok(Some(match start1.cmp(&start2) {
            std::cmp::Ordering::Less => start2 < end1,
            std::cmp::Ordering::Greater => start1 < end2,
            std::cmp::Ordering::Equal => true,
        }))
    })
}

const DATE: &[Kind] = &[Kind::Int, Kind::Int, Kind::Int];
const CLOCK: &[Kind] = &[Kind::Int, Kind::Int, Kind::Float];
const BOTH: &[Kind] = &[Kind::Int, Kind::Int, Kind::Int, Kind::Int, Kind::Int, Kind::Float];
const ZONED: &[Kind] = &[Kind::Int, Kind::Int, Kind::Int, Kind::Int, Kind::Int, Kind::Float, Kind::Text];
const TIMES: &[Kind] = &[Kind::Instant, Kind::Instant, Kind::Instant, Kind::Instant];
const SPANS: &[Kind] = &[Kind::Instant, Kind::Interval, Kind::Instant, Kind::Interval];
const FIRST_SPAN: &[Kind] = &[Kind::Instant, Kind::Interval, Kind::Instant, Kind::Instant];
const LAST_SPAN: &[Kind] = &[Kind::Instant, Kind::Instant, Kind::Instant, Kind::Interval];

/// The functions that make times.
pub(super) const FUNCTIONS: &[Function] = &[
    function("make_date", &[takes(DATE, gives::date, make_date)]),
    function("make_time", &[takes(CLOCK, gives::time, make_time)]),
    function("make_timestamp", &[takes(BOTH, gives::timestamp, make_timestamp)]),
    function(
        "make_timestamptz",
        &[takes(BOTH, gives::instant, make_timestamp), takes(ZONED, gives::instant, make_instant)],
    ),
    Function {
        name: "clock_timestamp",
        overloads: &[takes(&[], gives::instant, now)],
        volatility: Volatility::Volatile,
    },
    function(
        "overlaps",
        &[
            takes(TIMES, gives::bool, overlaps),
            takes(SPANS, gives::bool, overlaps),
            takes(FIRST_SPAN, gives::bool, overlaps),
            takes(LAST_SPAN, gives::bool, overlaps),
        ],
    ),
];

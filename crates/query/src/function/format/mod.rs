//! `to_char`, `to_date`, `to_timestamp` and `to_number`, with the template patterns of PostgreSQL 15.
//!
//! `datetime` shows times, `parse` reads them, `number` shows numbers and `scan` reads them. A template is compiled once
//! for each change of its text. What a template cannot ask for is an error that names the pattern.

mod datetime;
mod number;
mod parse;
mod scan;

use super::calendar::{DAY, Reading, SECOND, date32, micros_of};
use super::call::{Args, Function, Kind, fault, function, gives, some, takes, texts, values};
use super::interval::Span;
use super::numeric;
use arrow::array::ArrayRef;
use arrow::datatypes::{Date32Type, Decimal256Type, TimestampMicrosecondType};
use datafusion::common::Result;
use datetime::{Shown, Template};
use number::NumberTemplate;

/// The compiled form of a column's templates; a template is mostly the same for every row.
struct Compiled<T> {
    last: Option<(String, T)>,
    compile: fn(&str) -> Result<T>,
}

impl<T> Compiled<T> {
    fn new(compile: fn(&str) -> Result<T>) -> Self {
        Self { last: None, compile }
    }

    fn of(&mut self, text: &str) -> Result<&T> {
        if !matches!(&self.last, Some((last, _)) if last == text) {
            self.last = Some((text.to_owned(), (self.compile)(text)?));
        }
        match &self.last {
            Some((_, template)) => Ok(template),
            None => Err(fault("a template could not be read")),
        }
    }
}

fn show_time(args: &Args<'_>, zone: &'static str) -> Result<ArrayRef> {
    let mut templates = Compiled::new(Template::compile);
    texts(args, |row| {
        let (micros, template) = (some!(args.micros(0, row)), some!(args.text(1, row)));
        templates.of(template)?.show(&Shown::time(Reading::of(micros), zone)).map(Some)
    })
}

fn show_timestamp(args: &Args<'_>) -> Result<ArrayRef> {
    show_time(args, "")
}

fn show_instant(args: &Args<'_>) -> Result<ArrayRef> {
    show_time(args, "UTC")
}

fn show_interval(args: &Args<'_>) -> Result<ArrayRef> {
    let mut templates = Compiled::new(Template::compile);
    texts(args, |row| {
        let (span, template) = (some!(args.interval(0, row)), some!(args.text(1, row)));
        templates.of(template)?.show(&Shown::interval(span)).map(Some)
    })
}

fn show_clock(args: &Args<'_>) -> Result<ArrayRef> {
    let mut templates = Compiled::new(Template::compile);
    texts(args, |row| {
        let (micros, template) = (some!(args.time(0, row)), some!(args.text(1, row)));
        templates.of(template)?.show(&Shown::interval(Span { micros, ..Span::default() })).map(Some)
    })
}

fn show_numeric(args: &Args<'_>) -> Result<ArrayRef> {
    let mut templates = Compiled::new(NumberTemplate::compile);
    texts(args, |row| {
        let (number, template) = (some!(args.numeric(0, row)), some!(args.text(1, row)));
        templates.of(template)?.show_numeric(&number).map(Some)
    })
}

fn show_float(args: &Args<'_>) -> Result<ArrayRef> {
    let mut templates = Compiled::new(NumberTemplate::compile);
    texts(args, |row| {
        let (number, template) = (some!(args.float(0, row)), some!(args.text(1, row)));
        templates.of(template)?.show_float(number).map(Some)
    })
}

fn to_timestamp(args: &Args<'_>) -> Result<ArrayRef> {
    let mut templates = Compiled::new(Template::compile);
    values::<TimestampMicrosecondType>(args, |row| {
        let (text, template) = (some!(args.text(0, row)), some!(args.text(1, row)));
        let read = parse::read(text, templates.of(template)?)?;
        micros_of(read.days, read.clock - read.offset).map(Some)
    })
}

fn to_date(args: &Args<'_>) -> Result<ArrayRef> {
    let mut templates = Compiled::new(Template::compile);
    values::<Date32Type>(args, |row| {
        let (text, template) = (some!(args.text(0, row)), some!(args.text(1, row)));
        date32(parse::read(text, templates.of(template)?)?.days).map(Some)
    })
}

/// Seconds since 1970.
fn of_epoch(args: &Args<'_>) -> Result<ArrayRef> {
    values::<TimestampMicrosecondType>(args, |row| {
        let micros = (some!(args.float(0, row)) * SECOND as f64).round_ties_even();
        if micros.is_nan() || micros.abs() > 9.2e18 {
            return Err(super::calendar::out_of_range());
        }
        Ok(Some(micros as i64))
    })
}

fn to_number(args: &Args<'_>) -> Result<ArrayRef> {
    let mut templates = Compiled::new(NumberTemplate::compile);
    values::<Decimal256Type>(args, |row| {
        let (text, template) = (some!(args.text(0, row)), some!(args.text(1, row)));
        numeric::to_numeric(&scan::read(text, templates.of(template)?)?).map(Some)
    })
}

/// The parts of an interval as a reading; each keeps its sign.
fn reading_of(span: Span) -> Reading {
    let of_day = Span { micros: span.micros, ..Span::default() }.micros;
    Reading {
        days: 0,
        year: i64::from(span.months / 12),
        month: i64::from(span.months % 12),
        day: span.days.into(),
        hour: of_day / super::calendar::HOUR,
        minute: of_day / super::calendar::MINUTE % 60,
        second: of_day / SECOND % 60,
        micro: of_day % SECOND,
    }
}

/// Seconds since midnight.
fn second_of_day(at: &Reading) -> i64 {
    at.hour * 3_600 + at.minute * 60 + at.second
}

const _: () = assert!(DAY == 86_400 * SECOND);

const TEXTS: &[Kind] = &[Kind::Text, Kind::Text];

/// The functions over templates.
pub(super) const FUNCTIONS: &[Function] = &[
    function(
        "to_char",
        &[
            takes(&[Kind::Instant, Kind::Text], gives::text, show_instant),
            takes(&[Kind::Timestamp, Kind::Text], gives::text, show_timestamp),
            takes(&[Kind::Interval, Kind::Text], gives::text, show_interval),
            takes(&[Kind::Time, Kind::Text], gives::text, show_clock),
            takes(&[Kind::Numeric, Kind::Text], gives::text, show_numeric),
            takes(&[Kind::Float, Kind::Text], gives::text, show_float),
        ],
    ),
    function("to_date", &[takes(TEXTS, gives::date, to_date)]),
    function(
        "to_timestamp",
        &[takes(TEXTS, gives::instant, to_timestamp), takes(&[Kind::Float], gives::instant, of_epoch)],
    ),
    function("to_number", &[takes(TEXTS, gives::numeric, to_number)]),
];

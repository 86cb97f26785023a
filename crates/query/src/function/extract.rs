//! `extract` and `date_part`: parts of times, dates and intervals.
//!
//! `extract` gives a `numeric` with as many digits behind the point as the part has; `date_part` gives a double.

use super::calendar::{DAY, HOUR, MINUTE, Reading, SECOND, iso, julian, weekday};
use super::call::{Args, Function, Kind, Overload, fault, function, gives, some, takes, values};
use super::interval::Span;
use super::pattern;
use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use arrow::datatypes::{DataType, Float64Type, TimestampMicrosecondType};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult};
use datafusion::logical_expr::{Expr, ScalarUDF};
use std::sync::{Arc, LazyLock};

/// Parts by name, and the digits behind the point that they have.
const PARTS: [(&str, Part, u8); 44] = [
    ("microsecond", Part::Microseconds, 0),
    ("microseconds", Part::Microseconds, 0),
    ("us", Part::Microseconds, 0),
    ("millisecond", Part::Milliseconds, 3),
    ("milliseconds", Part::Milliseconds, 3),
    ("ms", Part::Milliseconds, 3),
    ("second", Part::Second, 6),
    ("seconds", Part::Second, 6),
    ("sec", Part::Second, 6),
    ("minute", Part::Minute, 0),
    ("minutes", Part::Minute, 0),
    ("min", Part::Minute, 0),
    ("hour", Part::Hour, 0),
    ("hours", Part::Hour, 0),
    ("h", Part::Hour, 0),
    ("day", Part::Day, 0),
    ("days", Part::Day, 0),
    ("d", Part::Day, 0),
    ("dow", Part::Weekday, 0),
    ("isodow", Part::IsoWeekday, 0),
    ("doy", Part::DayOfYear, 0),
    ("week", Part::Week, 0),
    ("weeks", Part::Week, 0),
    ("month", Part::Month, 0),
    ("months", Part::Month, 0),
    ("mon", Part::Month, 0),
    ("quarter", Part::Quarter, 0),
    ("qtr", Part::Quarter, 0),
    ("year", Part::Year, 0),
    ("years", Part::Year, 0),
    ("y", Part::Year, 0),
    ("isoyear", Part::IsoYear, 0),
    ("decade", Part::Decade, 0),
    ("decades", Part::Decade, 0),
    ("century", Part::Century, 0),
    ("centuries", Part::Century, 0),
    ("millennium", Part::Millennium, 0),
    ("millennia", Part::Millennium, 0),
    ("epoch", Part::Epoch, 6),
    ("julian", Part::Julian, 20),
    ("timezone", Part::Zone, 0),
    ("timezone_h", Part::Zone, 0),
    ("timezone_hour", Part::Zone, 0),
    ("timezone_minute", Part::Zone, 0),
];

/// A part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Microseconds,
    Milliseconds,
    Second,
    Minute,
    Hour,
    Day,
    Weekday,
    IsoWeekday,
    DayOfYear,
    Week,
    Month,
    Quarter,
    Year,
    IsoYear,
    Decade,
    Century,
    Millennium,
    Epoch,
    Julian,
    Zone,
}

fn part_of(name: &str) -> Option<(Part, u8)> {
    let name = name.trim().to_ascii_lowercase();
    PARTS.iter().find(|(known, ..)| *known == name).map(|(_, part, scale)| (*part, *scale))
}

/// A day as the twentieth power of ten has it in a `julian` part.
const JULIAN_DIGITS: u32 = 20;

impl Part {
    fn unknown(self) -> datafusion::common::DataFusionError {
        fault(format!("extract does not give the part {self:?} of this type"))
    }

    /// The part of a time, with its digits behind the point moved before it.
    fn of_time(self, micros: i64, zoned: bool) -> Result<i128> {
        let at = Reading::of(micros);
        let second = at.second * SECOND + at.micro;
        let year_part =
            |length: i64| if at.year > 0 { (at.year + length - 1) / length } else { -((length - at.year) / length) };
        Ok(i128::from(match self {
            Part::Microseconds | Part::Milliseconds | Part::Second => second,
            Part::Minute => at.minute,
            Part::Hour => at.hour,
            Part::Day => at.day,
            Part::Weekday => weekday(at.days),
            Part::IsoWeekday => (weekday(at.days) + 6) % 7 + 1,
            Part::DayOfYear => at.day_of_year(),
            Part::Week => iso(at.days).1,
            Part::Month => at.month,
            Part::Quarter => (at.month - 1) / 3 + 1,
            Part::Year => {
                if at.year > 0 {
                    at.year
                } else {
                    at.year - 1
                }
            }
            Part::IsoYear => {
                let year = iso(at.days).0;
                if year > 0 { year } else { year - 1 }
            }
            Part::Decade => at.year.div_euclid(10),
            Part::Century => year_part(100),
            Part::Millennium => year_part(1_000),
            Part::Epoch => micros,
            Part::Julian => {
                let of_day = i128::from(micros.rem_euclid(DAY)) * 10_i128.pow(JULIAN_DIGITS) / i128::from(DAY);
                return Ok(i128::from(julian(at.days)) * 10_i128.pow(JULIAN_DIGITS) + of_day);
            }
            Part::Zone if zoned => 0,
            Part::Zone => return Err(self.unknown()),
        }))
    }

    fn of_interval(self, span: Span) -> Result<i128> {
        let second = span.micros % MINUTE;
        Ok(i128::from(match self {
            Part::Microseconds | Part::Milliseconds | Part::Second => second,
            Part::Minute => span.micros % HOUR / MINUTE,
            Part::Hour => span.micros / HOUR,
            Part::Day => span.days.into(),
            Part::Month => i64::from(span.months % 12),
            Part::Quarter => i64::from(span.months % 12 / 3 + 1),
            Part::Year => i64::from(span.months / 12),
            Part::Decade => i64::from(span.months / 120),
            Part::Century => i64::from(span.months / 1_200),
            Part::Millennium => i64::from(span.months / 12_000),
            Part::Epoch => {
                // A year has 365.25 days here, a month 30.
                let days = i128::from(span.months / 12) * 1_461 * 6
                    + i128::from(span.months % 12) * 720
                    + i128::from(span.days) * 24;
                return Ok(days * i128::from(HOUR) + i128::from(span.micros));
            }
            _ => return Err(self.unknown()),
        }))
    }

    fn of_clock(self, micros: i64) -> Result<i128> {
        match self {
            Part::Microseconds | Part::Milliseconds | Part::Second | Part::Minute | Part::Hour | Part::Epoch => {
                self.of_time(micros, false)
            }
            _ => Err(self.unknown()),
        }
    }

    fn of_date(self, days: i32) -> Result<i128> {
        match self {
            Part::Microseconds | Part::Milliseconds | Part::Second | Part::Minute | Part::Hour | Part::Zone => {
                Err(self.unknown())
            }
            part => part.of_time(i64::from(days) * DAY, false),
        }
    }

    fn of(self, args: &Args<'_>, row: usize) -> Result<Option<i128>> {
        Ok(Some(match args.column(1).data_type() {
            DataType::Interval(_) => self.of_interval(some!(args.interval(1, row)))?,
            DataType::Time64(_) => self.of_clock(some!(args.time(1, row)))?,
            DataType::Date32 => self.of_date(some!(args.date(1, row)))?,
            DataType::Timestamp(_, zone) => self.of_time(some!(args.micros(1, row)), zone.is_some())?,
            _ => return Ok(None),
        }))
    }
}

/// Microseconds are what seconds and milliseconds are counted in.
fn extract(args: &Args<'_>) -> Result<ArrayRef> {
    let name = args.text(0, 0).unwrap_or_default();
    let (part, scale) = part_of(name).ok_or_else(|| fault("extract does not know this part of a time"))?;
    let out = match args.column(1).as_primitive_opt::<TimestampMicrosecondType>() {
        Some(times) if times.len() == args.rows => {
            let zoned = matches!(times.data_type(), DataType::Timestamp(_, Some(_)));
            times.iter().map(|time| time.map(|time| part.of_time(time, zoned)).transpose()).collect()
        }
        _ => (0..args.rows).map(|row| part.of(args, row)).collect::<Result<Decimal128Array>>(),
    }?;
    Ok(Arc::new(out.with_precision_and_scale(38, scale as i8)?))
}

fn date_part(args: &Args<'_>) -> Result<ArrayRef> {
    values::<Float64Type>(args, |row| {
        let (part, scale) =
            part_of(some!(args.text(0, row))).ok_or_else(|| fault("date_part does not know this part of a time"))?;
        Ok(part.of(args, row)?.map(|value| value as f64 / 10_f64.powi(scale.into())))
    })
}

fn whole(_: &[DataType]) -> DataType {
    DataType::Decimal128(38, 0)
}

fn milli(_: &[DataType]) -> DataType {
    DataType::Decimal128(38, 3)
}

fn micro(_: &[DataType]) -> DataType {
    DataType::Decimal128(38, 6)
}

fn of_day(_: &[DataType]) -> DataType {
    DataType::Decimal128(38, 20)
}

macro_rules! overloads {
    ($gives:expr, $run:expr) => {
        &[
            takes(&[Kind::Text, Kind::Instant], $gives, $run),
            takes(&[Kind::Text, Kind::Timestamp], $gives, $run),
            takes(&[Kind::Text, Kind::Date], $gives, $run),
            takes(&[Kind::Text, Kind::Time], $gives, $run),
            takes(&[Kind::Text, Kind::Interval], $gives, $run),
        ]
    };
}

const WHOLE: &[Overload] = overloads!(whole, extract);
const MILLI: &[Overload] = overloads!(milli, extract);
const MICRO: &[Overload] = overloads!(micro, extract);
const OF_DAY: &[Overload] = overloads!(of_day, extract);

/// `extract` by the digits behind the point, which its type depends on.
static EXTRACT: LazyLock<[(u8, Arc<ScalarUDF>); 4]> = LazyLock::new(|| {
    [
        (0, function("extract", WHOLE).udf(&[])),
        (3, function("extract_millis", MILLI).udf(&[])),
        (6, function("extract_micros", MICRO).udf(&[])),
        (20, function("extract_julian", OF_DAY).udf(&[])),
    ]
});

/// Plans `extract(… FROM …)` and `substring(… FROM …)`.
#[derive(Debug)]
pub(crate) struct Parts;

impl ExprPlanner for Parts {
    fn plan_substring(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        let call = ScalarFunction::new_udf(pattern::SUBSTRING.udf(&["substr"]), args);
        Ok(PlannerResult::Planned(Expr::ScalarFunction(call)))
    }

    fn plan_extract(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        let name = match args.first() {
            Some(Expr::Literal(name, _)) => name.try_as_str().flatten().unwrap_or_default(),
            _ => "",
        };
        let Some((_, scale)) = part_of(name) else {
            return plan_err!("extract does not know the part {name}");
        };
        match EXTRACT.iter().find(|(digits, _)| *digits == scale) {
            Some((_, function)) => {
                let call = ScalarFunction::new_udf(Arc::clone(function), args);
                Ok(PlannerResult::Planned(Expr::ScalarFunction(call)))
            }
            None => Ok(PlannerResult::Original(args)),
        }
    }
}

/// Whether every value is finite; there are no infinite times here.
fn is_finite(args: &Args<'_>) -> Result<ArrayRef> {
    super::call::bools(args, |row| Ok(args.at(0, row).map(|_| true)))
}

/// The functions over parts.
pub(super) const FUNCTIONS: &[Function] = &[
    function("date_part", overloads!(gives::float, date_part)),
    function(
        "isfinite",
        &[
            takes(&[Kind::Instant], gives::bool, is_finite),
            takes(&[Kind::Timestamp], gives::bool, is_finite),
            takes(&[Kind::Date], gives::bool, is_finite),
            takes(&[Kind::Interval], gives::bool, is_finite),
        ],
    ),
];

//! Text as dates, times and intervals, in the forms that PostgreSQL reads: ISO 8601, month names, `MM/DD/YYYY`, BC, zones by
//! offset and by name; intervals as `1 year 2 mons 03:04:05`, `1-2`, `P1Y2M` and with `ago`.

use super::calendar::{DAY, DAYS, HOUR, MINUTE, MONTHS, SECOND, checked_days, date32, micros_of, of_julian};
use super::call::fault;
use super::interval::{Span, out_of_range};
use super::zone::Zone;
use datafusion::common::{DataFusionError, Result};

fn wrong(what: &str) -> DataFusionError {
    fault(format!("invalid input syntax for type {what}"))
}

/// What a text says of a time.
#[derive(Default)]
struct Parts {
    days: Option<i64>,
    clock: Option<i64>,
    zone: Option<Zone>,
    before_christ: bool,
    afternoon: Option<bool>,
    /// Numbers and a month name that make a date together.
    loose: Vec<i64>,
    year_first: bool,
    month: Option<i64>,
}

/// A timestamp without a zone; a zone in the text is passed over, as in PostgreSQL.
pub(super) fn timestamp(text: &str) -> Result<i64> {
    let parts = Parts::read(text, "timestamp")?;
    micros_of(parts.days.ok_or_else(|| wrong("timestamp"))?, parts.clock.unwrap_or(0))
}

/// An instant; a text without a zone is in UTC.
pub(super) fn instant(text: &str) -> Result<i64> {
    let what = "timestamp with time zone";
    let parts = Parts::read(text, what)?;
    let local = micros_of(parts.days.ok_or_else(|| wrong(what))?, parts.clock.unwrap_or(0))?;
    parts.zone.map_or(Ok(local), |zone| zone.instant(local))
}

pub(super) fn date(text: &str) -> Result<i32> {
    let parts = Parts::read(text, "date")?;
    date32(parts.days.ok_or_else(|| wrong("date"))?)
}

/// Microseconds of the day.
pub(super) fn time(text: &str) -> Result<i64> {
    Parts::read(text, "time")?.clock.ok_or_else(|| wrong("time"))
}

impl Parts {
    fn read(text: &str, what: &str) -> Result<Self> {
        let mut parts = Parts::default();
        let text = text.trim();
        if text.len() > 128 {
            return Err(wrong(what));
        }
        if let Some(days) = special(text) {
            parts.days = Some(days?);
            return Ok(parts);
        }
        for word in text.split([' ', ',', '\t']).filter(|word| !word.is_empty()) {
            parts.word(word).ok_or_else(|| wrong(what))??;
        }
        parts.finish(what)?;
        Ok(parts)
    }

    fn word(&mut self, word: &str) -> Option<Result<()>> {
        let lower = word.to_ascii_lowercase();
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
        // A date and a time with a T between them.
        if let Some((date, clock)) = lower.split_once('t')
            && date.len() >= 8
            && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        {
            if let Err(error) = self.word(date)? {
                return Some(Err(error));
            }
            return self.clock(clock);
        }
        match lower.as_str() {
            "bc" => self.before_christ = true,
            "ad" => {}
            "am" | "pm" => self.afternoon = Some(lower == "pm"),
            word if word.contains(':') && word.starts_with(|letter: char| letter.is_ascii_digit()) => {
                return self.clock(word);
            }
            word if word.starts_with(['+', '-']) && self.clock.is_some() => return Some(self.offset(word)),
            word if is_digits(word) && word.len() == 8 && self.days.is_none() => {
                let number = |range: std::ops::Range<usize>| word[range].parse::<i64>().ok();
                return Some(self.date(number(0..4)?, number(4..6)?, number(6..8)?));
            }
            word if is_digits(word) => {
                self.year_first |= self.loose.is_empty() && word.len() > 2;
                self.loose.push(word.parse().ok()?);
            }
            word if month(word).is_some() && self.month.is_none() => self.month = month(word),
            word if DAYS.iter().any(|day| day[..3].eq_ignore_ascii_case(word) || day.eq_ignore_ascii_case(word)) => {}
            word if word.starts_with('j') && is_digits(&word[1..]) => {
                self.days = Some(of_julian(word[1..].parse().ok()?));
            }
            word if word.contains(['-', '/', '.']) && word.starts_with(|letter: char| letter.is_ascii_digit()) => {
                return self.dashed(word);
            }
            _ => {
                return Some(Zone::of(word).map(|zone| self.zone = Some(zone)));
            }
        }
        Some(Ok(()))
    }

    /// `2026-11-20`, `2026-Nov-20`, `11/20/2026`, `20.11.2026`.
    fn dashed(&mut self, word: &str) -> Option<Result<()>> {
        let fields: Vec<&str> = word.split(['-', '/', '.']).collect();
        let [first, second, third] = fields[..] else { return None };
        let number = |text: &str| if text.len() <= 6 { text.parse::<i64>().ok() } else { None };
        if let Some(month) = month(second) {
            let (first_number, third_number) = (number(first)?, number(third)?);
            return Some(match first.len() > 2 {
                true => self.date(first_number, month, third_number),
                false => self.date(full_year(third_number, third), month, first_number),
            });
        }
        let [one, two, three] = [number(first)?, number(second)?, number(third)?];
        Some(match first.len() > 2 {
            true => self.date(one, two, three),
            // Month first, as is PostgreSQL's default.
            false => self.date(full_year(three, third), one, two),
        })
    }

    fn date(&mut self, year: i64, month: i64, day: i64) -> Result<()> {
        self.loose = vec![year, day];
        (self.month, self.year_first) = (Some(month), true);
        Ok(())
    }

    /// `10:00`, `10:00:00.5`, with a zone right behind it.
    fn clock(&mut self, word: &str) -> Option<Result<()>> {
        let end = word
            .find(|letter: char| !(letter.is_ascii_digit() || letter == ':' || letter == '.'))
            .unwrap_or(word.len());
        let (clock, rest) = word.split_at(end);
        let mut fields = clock.split(':');
        let hour: i64 = fields.next()?.parse().ok()?;
        let minute: i64 = fields.next().unwrap_or("0").parse().ok()?;
        let micros = seconds(fields.next().unwrap_or("0"))?;
        let sound = hour <= 24 && minute < 60 && micros <= 60 * SECOND && fields.next().is_none();
        let clock = hour * HOUR + minute * MINUTE + micros;
        if !sound || clock > DAY {
            return Some(Err(fault("date/time field value out of range")));
        }
        self.clock = Some(clock);
        match rest {
            "" => Some(Ok(())),
            "am" | "pm" => self.word(rest),
            rest => Some(self.offset(rest)),
        }
    }

    /// `+02`, `-03:30`, `+0200`, `Z`, east positive.
    fn offset(&mut self, word: &str) -> Result<()> {
        let Some(sign) = word.chars().next().filter(|sign| matches!(sign, '+' | '-')) else {
            self.zone = Some(Zone::of(word)?);
            return Ok(());
        };
        let digits = &word[1..];
        let (hours, minutes) = match digits.split_once(':') {
            Some((hours, minutes)) => (hours, minutes.get(..2).unwrap_or(minutes)),
            None => (&digits[..digits.len().min(2)], digits.get(2..4).unwrap_or("0")),
        };
        let (Ok(hours), Ok(minutes)) = (hours.parse::<i64>(), minutes.parse::<i64>()) else {
            return Err(wrong("timestamp with time zone"));
        };
        if !(0..16).contains(&hours) || !(0..60).contains(&minutes) || digits.len() > 8 {
            return Err(fault("time zone displacement out of range"));
        }
        let offset = hours * HOUR + minutes * MINUTE;
        self.zone = Some(Zone::Fixed(if sign == '-' { -offset } else { offset }));
        Ok(())
    }

    fn finish(&mut self, what: &str) -> Result<()> {
        if let Some(afternoon) = self.afternoon {
            let hour = self.clock.map(|clock| clock / HOUR).filter(|hour| (1..=12).contains(hour));
            let (Some(hour), Some(clock)) = (hour, self.clock) else { return Err(wrong(what)) };
            self.clock = Some(clock - hour * HOUR + (hour % 12 + if afternoon { 12 } else { 0 }) * HOUR);
        }
        if self.days.is_some() || (self.loose.is_empty() && self.month.is_none()) {
            return Ok(());
        }
        let (Some(month), [one, two]) = (self.month, self.loose.as_slice()) else { return Err(wrong(what)) };
        let (year, day) = if self.year_first { (*one, *two) } else { (*two, *one) };
        let year = if self.before_christ { 1 - year } else { year };
        if year == 0 && !self.before_christ {
            return Err(fault("date/time field value out of range"));
        }
        self.days = Some(checked_days(year, month, day)?);
        Ok(())
    }
}

/// A year of two digits is of 1970 to 2069.
fn full_year(year: i64, text: &str) -> i64 {
    match text.len() {
        3.. => year,
        _ if year < 70 => year + 2_000,
        _ => year + 1_900,
    }
}

fn month(word: &str) -> Option<i64> {
    let found =
        MONTHS.iter().position(|month| month.eq_ignore_ascii_case(word) || month[..3].eq_ignore_ascii_case(word));
    let found = found.or((word.eq_ignore_ascii_case("sept")).then_some(8));
    found.map(|month| month as i64 + 1)
}

fn special(text: &str) -> Option<Result<i64>> {
    let today = chrono::Utc::now().timestamp_micros().div_euclid(DAY);
    match text.to_ascii_lowercase().as_str() {
        "epoch" => Some(Ok(0)),
        "today" => Some(Ok(today)),
        "tomorrow" => Some(Ok(today + 1)),
        "yesterday" => Some(Ok(today - 1)),
        "infinity" | "-infinity" => Some(Err(fault("infinite dates and times are not supported"))),
        _ => None,
    }
}

/// Seconds with a fraction as microseconds.
fn seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let plain = |part: &str| part.bytes().all(|digit| digit.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || whole.len() > 12 {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let micros = format!("0.{fraction}0").parse::<f64>().ok()? * SECOND as f64;
    Some(whole * SECOND + micros.round_ties_even() as i64)
}

/// The units of an interval: months, days and microseconds of one, and how many of what its fraction goes into.
fn unit(name: &str) -> Option<(i64, i64, i64)> {
    let name = name.trim_end_matches('.');
    Some(match name {
        "microsecond" | "microseconds" | "us" | "usec" | "usecs" => (0, 0, 1),
        "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" => (0, 0, 1_000),
        "second" | "seconds" | "sec" | "secs" | "s" => (0, 0, SECOND),
        "minute" | "minutes" | "min" | "mins" | "m" => (0, 0, MINUTE),
        "hour" | "hours" | "hr" | "hrs" | "h" => (0, 0, HOUR),
        "day" | "days" | "d" => (0, 1, 0),
        "week" | "weeks" | "w" => (0, 7, 0),
        "month" | "months" | "mon" | "mons" => (1, 0, 0),
        "year" | "years" | "yr" | "yrs" | "y" => (12, 0, 0),
        "decade" | "decades" | "dec" | "decs" => (120, 0, 0),
        "century" | "centuries" | "cent" | "c" => (1_200, 0, 0),
        "millennium" | "millennia" | "mil" | "mils" => (12_000, 0, 0),
        _ => return None,
    })
}

#[derive(Default)]
struct Sum {
    months: f64,
    days: f64,
    micros: f64,
}

impl Sum {
    /// Adds so many of a unit, with its fraction in the smaller ones.
    fn add(&mut self, count: f64, (months, days, micros): (i64, i64, i64)) {
        let of_months = count * months as f64;
        let spare_days = ((of_months - of_months.trunc()) * 30.0 * 1e6).round() / 1e6;
        let of_days = count * days as f64 + if months == 1 { spare_days } else { 0.0 };
        // A fraction of a year is whole months.
        self.months += if months > 1 { of_months.round_ties_even() } else { of_months.trunc() };
        self.days += of_days.trunc();
        self.micros += ((of_days - of_days.trunc()) * DAY as f64 + count * micros as f64).round_ties_even();
    }

    fn finish(self, ago: bool) -> Result<Span> {
        let sign = if ago { -1.0 } else { 1.0 };
        let within = self.micros.abs() < 9.2e18 && self.months.abs() < 2.2e9 && self.days.abs() < 2.2e9;
        if !within {
            return Err(out_of_range());
        }
        Span::checked((sign * self.months) as i64, (sign * self.days) as i64, (sign * self.micros) as i64)
    }
}

pub(super) fn interval(text: &str) -> Result<Span> {
    let lower = text.trim().to_ascii_lowercase();
    if lower.len() > 256 {
        return Err(wrong("interval"));
    }
    let (body, ago) = match lower.strip_suffix("ago") {
        Some(body) => (body.trim(), true),
        None => (lower.as_str(), false),
    };
    let body = body.strip_prefix('@').unwrap_or(body).trim();
    let read = match body.strip_prefix('p') {
        Some(iso) => read_iso(iso),
        None => read_words(body),
    };
    read.ok_or_else(|| wrong("interval"))?.finish(ago)
}

/// `1Y2M3DT4H5M6S`
fn read_iso(text: &str) -> Option<Sum> {
    let (mut sum, mut in_time, mut number) = (Sum::default(), false, String::new());
    for letter in text.chars() {
        match letter {
            't' => in_time = true,
            letter if letter.is_ascii_digit() || "+-.".contains(letter) => number.push(letter),
            letter => {
                let unit = match (letter, in_time) {
                    ('y', false) => (12, 0, 0),
                    ('m', false) => (1, 0, 0),
                    ('w', false) => (0, 7, 0),
                    ('d', false) => (0, 1, 0),
                    ('h', true) => (0, 0, HOUR),
                    ('m', true) => (0, 0, MINUTE),
                    ('s', true) => (0, 0, SECOND),
                    _ => return None,
                };
                sum.add(number.parse().ok()?, unit);
                number.clear();
            }
        }
    }
    (number.is_empty() && !text.is_empty()).then_some(sum)
}

fn read_words(text: &str) -> Option<Sum> {
    let mut sum = Sum::default();
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        // A unit may stand right behind its number.
        let split = word.find(|letter: char| letter.is_ascii_alphabetic()).filter(|at| *at > 0);
        match split.map(|at| word.split_at(at)) {
            Some((number, unit)) => words.extend([number.to_owned(), unit.to_owned()]),
            None => words.push(word.to_owned()),
        }
    }
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let next = words.get(at + 1);
        at += 1;
        let (sign, bare) = match word.strip_prefix('-') {
            Some(bare) => (-1.0, bare),
            None => (1.0, word.strip_prefix('+').unwrap_or(word)),
        };
        if bare.contains(':') {
            sum.micros += sign * clock(bare)?;
        } else if let Some((years, months)) = bare.split_once('-') {
            sum.months += sign * (years.parse::<u32>().ok()? * 12 + months.parse::<u32>().ok()?) as f64;
        } else {
            let is_number = bare.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            let count = sign * bare.parse::<f64>().ok().filter(|_| is_number)?;
            match next {
                Some(next) if unit(next).is_some() => {
                    sum.add(count, unit(next)?);
                    at += 1;
                }
                // A number before a time of the day is days, one at the end seconds.
                Some(next) if next.contains(':') => sum.add(count, (0, 1, 0)),
                Some(_) => return None,
                None => sum.add(count, (0, 0, SECOND)),
            }
        }
    }
    (!words.is_empty()).then_some(sum)
}

/// `04:05`, `04:05:06.7`
fn clock(text: &str) -> Option<f64> {
    let fields: Vec<&str> = text.split(':').collect();
    let number = |text: &str| text.parse::<u32>().ok().map(f64::from);
    let micros = match fields.as_slice() {
        // Two fields with a fraction are minutes and seconds.
        [minutes, rest] if rest.contains('.') => number(minutes)? * MINUTE as f64 + seconds(rest)? as f64,
        [hours, minutes] => number(hours)? * HOUR as f64 + number(minutes)? * MINUTE as f64,
        [hours, minutes, rest] => {
            number(hours)? * HOUR as f64 + number(minutes)? * MINUTE as f64 + seconds(rest)? as f64
        }
        _ => return None,
    };
    Some(micros)
}

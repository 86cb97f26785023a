//! Reading dates and times by a template: `to_date` and `to_timestamp`.
//!
//! As in PostgreSQL, spaces in the text may be more than in the template, a separator of the template stands for any
//! separator or for none, and a field that is followed by another field of digits takes as many digits as its pattern
//! has letters. `FX` at the start of a template takes all that away.

use super::super::calendar::{
    DAY, DAYS, HOUR, MINUTE, MONTHS, SECOND, checked_days, days_of, is_leap, iso_year_start, of_julian,
};
use super::super::call::fault;
use super::datetime::{Field, Part, Piece, Template};
use datafusion::common::{DataFusionError, Result};

/// What was read.
pub(super) struct Read {
    pub(super) days: i64,
    /// Microseconds of the day.
    pub(super) clock: i64,
    /// What the text's zone is ahead of UTC, in microseconds.
    pub(super) offset: i64,
}

#[derive(Default)]
struct Found {
    twelve_hours: bool,
    afternoon: bool,
    before_christ: bool,
    hour: i64,
    minute: i64,
    second: i64,
    milli: i64,
    micro: i64,
    second_of_day: i64,
    year: Option<(i64, u8)>,
    century: i64,
    month: i64,
    day: i64,
    day_of_year: i64,
    /// From 1, Sunday; of ISO weeks from 1, Monday.
    weekday: i64,
    week_of_month: i64,
    week_of_year: i64,
    julian: Option<i64>,
    zone_sign: i64,
    zone: i64,
    is_iso: Option<bool>,
}

struct Text<'a> {
    rest: &'a str,
    exact: bool,
    /// Separators of the text that the template had nothing for.
    skipped: i64,
}

fn is_separator(letter: char) -> bool {
    letter.is_ascii_graphic() && !letter.is_ascii_alphanumeric()
}

/// The time that the text says.
pub(super) fn read(text: &str, template: &Template) -> Result<Read> {
    let (mut text, mut found) = (Text { rest: text, exact: false, skipped: 0 }, Found::default());
    for (at, piece) in template.pieces.iter().enumerate() {
        if text.rest.is_empty() {
            break;
        }
        let is_field = matches!(piece, Piece::Field(field) if field.part != Part::Exact);
        if !text.exact && (is_field || at == 0) {
            text.skip_spaces();
        }
        match piece {
            Piece::Space(_) | Piece::Separator(_) => text.pass_separator(),
            Piece::Text(_) => text.pass_letter(),
            Piece::Field(field) if field.part == Part::Exact => text.exact = true,
            Piece::Field(field) => {
                let open = field.bare || field.ordinal.is_some() || ends_digits(template.pieces.get(at + 1));
                found.take(field, open, &mut text)?;
                if field.ordinal.is_some() {
                    text.rest = text.rest.get(2..).unwrap_or_default();
                }
                if !text.exact {
                    text.skipped = 0;
                    text.skip_spaces();
                }
            }
        }
    }
    found.finish()
}

/// Whether what follows in the template cannot be read as a digit.
fn ends_digits(next: Option<&Piece>) -> bool {
    match next {
        None | Some(Piece::Space(_) | Piece::Separator(_)) => true,
        Some(Piece::Text(letter)) => !letter.is_ascii_digit(),
        Some(Piece::Field(field)) => !field.part.is_digits(),
    }
}

impl Part {
    fn is_digits(self) -> bool {
        !matches!(
            self,
            Part::Meridiem(_)
                | Part::Era(_)
                | Part::MonthName
                | Part::MonthShort
                | Part::DayName
                | Part::DayShort
                | Part::Roman
                | Part::Zone
                | Part::ZoneHour
                | Part::Offset
                | Part::Exact
        )
    }
}

impl Text<'_> {
    fn skip_spaces(&mut self) {
        let trimmed = self.rest.trim_start_matches(|letter: char| letter.is_ascii_whitespace());
        self.skipped += (self.rest.len() - trimmed.len()) as i64;
        self.rest = trimmed;
    }

    fn next(&mut self) {
        let mut letters = self.rest.chars();
        letters.next();
        self.rest = letters.as_str();
    }

    fn pass_separator(&mut self) {
        if self.exact {
            return self.next();
        }
        self.skipped -= 1;
        if self.rest.starts_with(|letter: char| letter.is_ascii_whitespace() || is_separator(letter)) {
            self.next();
            self.skipped += 1;
        }
    }

    fn pass_letter(&mut self) {
        if !self.exact && self.skipped > 0 {
            self.skipped -= 1;
        } else {
            self.next();
        }
    }

    /// An integer of at most `length` characters, or of any length, and how many characters it had.
    fn int(&mut self, field: &Field, length: usize, open: bool) -> Result<(i64, usize)> {
        self.rest = self.rest.trim_start_matches(|letter: char| letter.is_ascii_whitespace());
        let (rest, all) = (self.rest, self.rest.chars().count());
        if !open && all < length {
            return Err(fault(format!("the text is too short for the pattern {}", field.name)));
        }
        let end = rest.char_indices().nth(length).map_or(rest.len(), |(at, _)| at);
        let part = if open { rest } else { &rest[..end] };
        let signed = usize::from(part.starts_with(['+', '-']));
        let digits = part[signed..].bytes().take_while(u8::is_ascii_digit).count();
        let used = if digits == 0 { 0 } else { signed + digits };
        if used == 0 || (!open && used < length) {
            return Err(invalid(field));
        }
        let value = part[..used].parse::<i32>().map_err(|_| invalid(field))?;
        self.rest = &rest[used..];
        Ok((value.into(), used))
    }

    /// Which of the words the text begins with, in any case.
    fn word(&mut self, field: &Field, words: impl Iterator<Item = String>) -> Result<usize> {
        for (at, word) in words.enumerate() {
            if self.rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(&word)) {
                self.rest = &self.rest[word.len()..];
                return Ok(at);
            }
        }
        Err(invalid(field))
    }
}

fn invalid(field: &Field) -> DataFusionError {
    fault(format!("invalid value for the pattern {}", field.name))
}

/// A number of so many digits as microseconds or milliseconds of `width` digits.
fn fraction(value: i64, digits: usize, width: usize) -> i64 {
    value * 10_i64.pow(width.saturating_sub(digits) as u32)
}

impl Found {
    fn take(&mut self, field: &Field, open: bool, text: &mut Text<'_>) -> Result<()> {
        let mut int = |length: usize| text.int(field, length, open);
        match field.part {
            Part::Hour12 => (self.hour, self.twelve_hours) = (int(2)?.0, true),
            Part::Hour24 => self.hour = int(2)?.0,
            Part::Minute => self.minute = int(2)?.0,
            Part::Second => self.second = int(2)?.0,
            Part::Milli => {
                let (value, digits) = int(3)?;
                self.milli = fraction(value, digits, 3);
            }
            Part::Micro => {
                let (value, digits) = int(6)?;
                self.micro = fraction(value, digits, 6);
            }
            Part::Fraction(width) => {
                let (value, digits) = int(width.into())?;
                self.micro = fraction(value, digits, 6);
            }
            Part::SecondOfDay => self.second_of_day = int(field.name.len())?.0,
            Part::Century => self.century = int(2)?.0,
            Part::Month => self.month = int(2)?.0,
            Part::Day => self.day = int(2)?.0,
            Part::Julian => self.julian = Some(int(1)?.0),
            Part::Quarter => drop(int(1)?),
            Part::WeekOfMonth => self.week_of_month = int(1)?.0,
            Part::ZoneHour | Part::ZoneMinute => self.zone(field, open, text)?,
            Part::Zone | Part::Offset => {
                return Err(fault(format!("the pattern {} is for to_char only", field.name)));
            }
            Part::Meridiem(_) | Part::Era(_) | Part::MonthName | Part::MonthShort | Part::Roman | Part::Exact => {
                self.word(field, text)?;
            }
            _ => self.convention(field, open, text)?,
        }
        Ok(())
    }

    /// Parts that say by which calendar of weeks the text counts.
    fn convention(&mut self, field: &Field, open: bool, text: &mut Text<'_>) -> Result<()> {
        let iso = matches!(field.part, Part::IsoYear(_) | Part::IsoDayOfYear | Part::IsoWeekday | Part::IsoWeek);
        if self.is_iso.is_some_and(|other| other != iso) {
            return Err(fault(format!("the pattern {} mixes Gregorian and ISO week dates", field.name)));
        }
        let names_a_day = matches!(field.part, Part::DayName | Part::DayShort);
        if !names_a_day {
            self.is_iso = Some(iso);
        }
        match field.part {
            Part::YearComma => {
                let (thousands, _) = text.int(field, 4, true)?;
                text.rest = text.rest.strip_prefix(',').ok_or_else(|| invalid(field))?;
                self.year = Some((thousands * 1_000 + text.int(field, 3, false)?.0, 4));
            }
            Part::Year(width) | Part::IsoYear(width) => {
                let (year, digits) = text.int(field, width.into(), open)?;
                let year = if width < 4 && digits < 4 { near_2020(year) } else { year };
                self.year = Some((year, width));
            }
            Part::DayOfYear | Part::IsoDayOfYear => self.day_of_year = text.int(field, 3, open)?.0,
            Part::Weekday => self.weekday = text.int(field, 1, open)?.0,
            // What is past the week's end is its last day, as in PostgreSQL.
            Part::IsoWeekday => self.weekday = text.int(field, 1, open)?.0.min(7),
            Part::WeekOfYear | Part::IsoWeek => self.week_of_year = text.int(field, 2, open)?.0,
            Part::DayName => {
                let day = text.word(field, DAYS.iter().map(|name| (*name).to_owned()))?;
                self.weekday = day as i64 + 1;
            }
            _ => {
                let day = text.word(field, DAYS.iter().map(|name| name[..3].to_owned()))?;
                self.weekday = day as i64 + 1;
            }
        }
        Ok(())
    }

    fn word(&mut self, field: &Field, text: &mut Text<'_>) -> Result<()> {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match field.part {
            Part::Meridiem(points) => {
                let words = if points { owned(&["a.m.", "p.m."]) } else { owned(&["am", "pm"]) };
                self.afternoon = text.word(field, words.into_iter())? == 1;
                self.twelve_hours = true;
            }
            Part::Era(points) => {
                let words = if points { owned(&["a.d.", "b.c."]) } else { owned(&["ad", "bc"]) };
                self.before_christ = text.word(field, words.into_iter())? == 1;
            }
            Part::MonthName => self.month = text.word(field, owned(&MONTHS).into_iter())? as i64 + 1,
            Part::MonthShort => {
                self.month = text.word(field, MONTHS.iter().map(|name| name[..3].to_owned()))? as i64 + 1;
            }
            Part::Roman => {
                let months = ["XII", "XI", "X", "IX", "VIII", "VII", "VI", "V", "IV", "III", "II", "I"];
                self.month = 12 - text.word(field, owned(&months).into_iter())? as i64;
            }
            _ => {}
        }
        Ok(())
    }

    fn zone(&mut self, field: &Field, open: bool, text: &mut Text<'_>) -> Result<()> {
        if field.part == Part::ZoneMinute {
            self.zone += text.int(field, 2, open)?.0 * MINUTE;
            return Ok(());
        }
        self.zone_sign = 1;
        if let Some(sign) = text.rest.chars().next().filter(|letter| matches!(letter, '+' | '-' | ' ')) {
            self.zone_sign = if sign == '-' { -1 } else { 1 };
            text.next();
        }
        self.zone += text.int(field, 2, open)?.0 * HOUR;
        Ok(())
    }

    fn finish(mut self) -> Result<Read> {
        if self.second_of_day > 0 {
            (self.hour, self.minute) = (self.second_of_day / 3_600, self.second_of_day / 60 % 60);
            self.second = self.second_of_day % 60;
        }
        if self.twelve_hours {
            if !(1..=12).contains(&self.hour) {
                return Err(fault("the hour is invalid for the 12-hour clock"));
            }
            self.hour = self.hour % 12 + if self.afternoon { 12 } else { 0 };
        }
        let in_day = (0..24).contains(&self.hour) || (self.hour == 24 && self.minute == 0 && self.second == 0);
        let sound = in_day && (0..60).contains(&self.minute) && (0..=60).contains(&self.second);
        if !sound || self.zone >= 16 * HOUR {
            return Err(fault("date/time field value out of range"));
        }
        let fraction = self.milli * 1_000 + self.micro;
        let clock = self.hour * HOUR + self.minute * MINUTE + self.second * SECOND + fraction;
        if clock > DAY {
            return Err(fault("date/time field value out of range"));
        }
        Ok(Read { days: self.days()?, clock, offset: self.zone_sign * self.zone })
    }

    /// The year, 0 where the text has none.
    fn gregorian_year(&self) -> i64 {
        let sign = if self.before_christ { -1 } else { 1 };
        match self.year {
            Some((year, width)) if self.century != 0 && width <= 2 => {
                let of_century = year.rem_euclid(100);
                let century = sign * self.century;
                let first = if century > 0 { (century - 1) * 100 } else { (century + 1) * 100 };
                match of_century {
                    0 if century > 0 => first + 100,
                    _ if century > 0 => first + of_century,
                    _ => first + 1 - of_century,
                }
            }
            Some((year, _)) if self.before_christ && year > 0 => 1 - year,
            Some((year, _)) if year < 0 => year + 1,
            Some((year, _)) => year,
            None if self.century != 0 => {
                let century = sign * self.century;
                if century >= 0 { (century - 1) * 100 + 1 } else { century * 100 + 1 }
            }
            None => 0,
        }
    }

    fn days(&self) -> Result<i64> {
        let year = self.gregorian_year();
        let is_iso = self.is_iso == Some(true);
        if let Some(julian) = self.julian {
            return Ok(of_julian(julian));
        }
        if self.week_of_year != 0 && is_iso {
            // Sunday is the last day of an ISO week, the name of a day counts from Sunday.
            let day = if self.weekday == 0 { 1 } else { self.weekday };
            return Ok(iso_year_start(year) + (self.week_of_year - 1) * 7 + day - 1);
        }
        let mut day_of_year = self.day_of_year;
        if self.week_of_year != 0 {
            day_of_year = (self.week_of_year - 1) * 7 + 1;
        }
        let day = if self.week_of_month != 0 { (self.week_of_month - 1) * 7 + 1 } else { self.day };
        if day_of_year != 0 && (self.month <= 1 || day <= 1) {
            if self.year.is_none() && self.century == 0 {
                return Err(fault("cannot calculate day of year without year information"));
            }
            if is_iso {
                return Ok(iso_year_start(year) + day_of_year - 1);
            }
            let sound = (1..=365 + i64::from(is_leap(year))).contains(&day_of_year);
            return match sound {
                true => Ok(days_of(year, 1, day_of_year)),
                false => Err(fault("date/time field value out of range")),
            };
        }
        checked_days(year, if self.month == 0 { 1 } else { self.month }, if day == 0 { 1 } else { day })
    }
}

/// A year of fewer than four digits is the one nearest to 2020.
fn near_2020(year: i64) -> i64 {
    match year {
        0..70 => year + 2_000,
        70..100 => year + 1_900,
        100..520 => year + 2_000,
        520..1_000 => year + 1_000,
        _ => year,
    }
}

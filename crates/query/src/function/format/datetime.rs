//! Templates of dates and times, and what `to_char` shows by them.

use super::super::calendar::{DAYS, MONTHS, Reading, iso, julian, weekday};
use super::super::call::fault;
use super::super::interval::Span;
use super::{reading_of, second_of_day};
use datafusion::common::Result;

/// How letters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Upper,
    Title,
    Lower,
}

/// What a pattern stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// `HH`, `HH12`
    Hour12,
    Hour24,
    Minute,
    Second,
    Milli,
    Micro,
    /// `FF1` to `FF6`
    Fraction(u8),
    SecondOfDay,
    /// Whether with points, as `A.M.`.
    Meridiem(bool),
    Era(bool),
    /// `Y,YYY`
    YearComma,
    /// So many last digits of the year.
    Year(u8),
    IsoYear(u8),
    MonthName,
    MonthShort,
    Month,
    DayName,
    DayShort,
    DayOfYear,
    IsoDayOfYear,
    Day,
    Weekday,
    IsoWeekday,
    WeekOfMonth,
    WeekOfYear,
    IsoWeek,
    Century,
    Julian,
    Quarter,
    Roman,
    Zone,
    ZoneHour,
    ZoneMinute,
    Offset,
    /// `FX`, which matters to reading only.
    Exact,
}

/// A pattern with what stands before and after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) part: Part,
    pub(super) case: Case,
    /// `FM`
    pub(super) bare: bool,
    /// `TM`
    pub(super) translated: bool,
    /// `TH`, `th`
    pub(super) ordinal: Option<Case>,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Field(Field),
    /// White space.
    Space(char),
    /// Neither letter nor digit.
    Separator(char),
    Text(char),
}

/// A compiled template.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) pieces: Vec<Piece>,
}

/// The patterns, the longer ones first where one begins another. Those of digits are known in lower case too.
const PATTERNS: [(&str, Part); 44] = [
    ("A.D.", Part::Era(true)),
    ("A.M.", Part::Meridiem(true)),
    ("AD", Part::Era(false)),
    ("AM", Part::Meridiem(false)),
    ("B.C.", Part::Era(true)),
    ("BC", Part::Era(false)),
    ("CC", Part::Century),
    ("DDD", Part::DayOfYear),
    ("DD", Part::Day),
    ("D", Part::Weekday),
    ("FF1", Part::Fraction(1)),
    ("FF2", Part::Fraction(2)),
    ("FF3", Part::Fraction(3)),
    ("FF4", Part::Fraction(4)),
    ("FF5", Part::Fraction(5)),
    ("FF6", Part::Fraction(6)),
    ("FX", Part::Exact),
    ("HH24", Part::Hour24),
    ("HH12", Part::Hour12),
    ("HH", Part::Hour12),
    ("IDDD", Part::IsoDayOfYear),
    ("ID", Part::IsoWeekday),
    ("IW", Part::IsoWeek),
    ("IYYY", Part::IsoYear(4)),
    ("IYY", Part::IsoYear(3)),
    ("IY", Part::IsoYear(2)),
    ("I", Part::IsoYear(1)),
    ("J", Part::Julian),
    ("MI", Part::Minute),
    ("MM", Part::Month),
    ("MS", Part::Milli),
    ("OF", Part::Offset),
    ("P.M.", Part::Meridiem(true)),
    ("PM", Part::Meridiem(false)),
    ("Q", Part::Quarter),
    ("RM", Part::Roman),
    ("SSSSS", Part::SecondOfDay),
    ("SSSS", Part::SecondOfDay),
    ("SS", Part::Second),
    ("TZH", Part::ZoneHour),
    ("TZM", Part::ZoneMinute),
    ("TZ", Part::Zone),
    ("US", Part::Micro),
    ("WW", Part::WeekOfYear),
];

const YEARS_AND_WEEKS: [(&str, Part); 6] = [
    ("W", Part::WeekOfMonth),
    ("Y,YYY", Part::YearComma),
    ("YYYY", Part::Year(4)),
    ("YYY", Part::Year(3)),
    ("YY", Part::Year(2)),
    ("Y", Part::Year(1)),
];

/// Names are written in the case of their pattern.
const NAMES: [(&str, Part, Case); 12] = [
    ("DAY", Part::DayName, Case::Upper),
    ("Day", Part::DayName, Case::Title),
    ("day", Part::DayName, Case::Lower),
    ("DY", Part::DayShort, Case::Upper),
    ("Dy", Part::DayShort, Case::Title),
    ("dy", Part::DayShort, Case::Lower),
    ("MONTH", Part::MonthName, Case::Upper),
    ("Month", Part::MonthName, Case::Title),
    ("month", Part::MonthName, Case::Lower),
    ("MON", Part::MonthShort, Case::Upper),
    ("Mon", Part::MonthShort, Case::Title),
    ("mon", Part::MonthShort, Case::Lower),
];

/// The pattern at the start of the text.
fn pattern(text: &str) -> Option<(&'static str, Part, Case)> {
    if let Some(name) = NAMES.iter().find(|(name, ..)| text.starts_with(name)) {
        return Some(*name);
    }
    let found = |lower: bool| {
        PATTERNS.iter().chain(&YEARS_AND_WEEKS).find(|(name, _)| match lower {
            false => text.starts_with(name),
            true => text.get(..name.len()).is_some_and(|start| start == name.to_ascii_lowercase()),
        })
    };
    let upper = found(false).map(|(name, part)| (*name, *part, Case::Upper));
    upper.or_else(|| found(true).map(|(name, part)| (*name, *part, Case::Lower)))
}

impl Template {
    /// Reads a template. Any text is one.
    pub(super) fn compile(text: &str) -> Result<Self> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (mut bare, mut translated, mut after) = (false, false, rest);
            if let Some(prefix @ ("FM" | "fm" | "TM" | "tm")) = after.get(..2) {
                bare = prefix.eq_ignore_ascii_case("FM");
                translated = prefix.eq_ignore_ascii_case("TM");
                after = &after[2..];
            }
            if let Some((name, part, case)) = pattern(after) {
                rest = &after[name.len()..];
                let mut ordinal = None;
                if let Some(suffix @ ("TH" | "th" | "SP")) = rest.get(..2) {
                    match suffix {
                        "TH" => ordinal = Some(Case::Upper),
                        "th" => ordinal = Some(Case::Lower),
                        // PostgreSQL knows it and shows nothing for it.
                        _ => {}
                    }
                    rest = &rest[2..];
                }
                pieces.push(Piece::Field(Field { name, part, case, bare, translated, ordinal }));
                continue;
            }
            rest = match after.chars().next() {
                Some(first) => literal(first, after, &mut pieces),
                None => "",
            };
        }
        Ok(Self { pieces })
    }

    /// The time by this template.
    pub(super) fn show(&self, shown: &Shown) -> Result<String> {
        let mut out = String::with_capacity(32);
        for piece in &self.pieces {
            match piece {
                Piece::Field(field) => shown.show(field, &mut out)?,
                Piece::Space(letter) | Piece::Separator(letter) | Piece::Text(letter) => out.push(*letter),
            }
        }
        Ok(out)
    }
}

/// Takes what is no pattern from the start of the text: a quoted part, or one character.
fn literal<'a>(first: char, text: &'a str, pieces: &mut Vec<Piece>) -> &'a str {
    if first == '"' {
        let mut letters = text[1..].char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => return &text[1 + at + 1..],
                '\\' => pieces.extend(letters.next().map(|(_, letter)| Piece::Text(letter))),
                letter => pieces.push(Piece::Text(letter)),
            }
        }
        return "";
    }
    // A backslash before a double quote makes it stand for itself.
    let (letter, length) = match text.starts_with("\\\"") {
        true => ('"', 2),
        false => (first, first.len_utf8()),
    };
    pieces.push(match letter {
        letter if letter.is_ascii_whitespace() => Piece::Space(letter),
        letter if letter.is_ascii_graphic() && !letter.is_ascii_alphanumeric() => Piece::Separator(letter),
        letter => Piece::Text(letter),
    });
    &text[length..]
}

/// What is shown.
pub(super) struct Shown {
    at: Reading,
    is_interval: bool,
    /// The zone's name; empty without one. Every zone here is UTC, so offsets are 0.
    zone: &'static str,
}

const ROMAN: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

impl Shown {
    pub(super) fn time(at: Reading, zone: &'static str) -> Self {
        Self { at, is_interval: false, zone }
    }

    pub(super) fn interval(span: Span) -> Self {
        Self { at: reading_of(span), is_interval: true, zone: "" }
    }

    fn show(&self, field: &Field, out: &mut String) -> Result<()> {
        if let Some((value, width)) = self.number(field.part) {
            let width = if field.bare { 0 } else { width + usize::from(value < 0) };
            let text = format!("{value:0width$}");
            out.push_str(&text);
            if let Some(case) = field.ordinal {
                out.push_str(&cased(ordinal(&text), case));
            }
            return Ok(());
        }
        let of_interval =
            [Part::Meridiem(true), Part::Meridiem(false), Part::YearComma, Part::Roman, Part::Quarter, Part::Exact];
        if self.is_interval && !of_interval.contains(&field.part) {
            return Err(fault(format!("to_char cannot show the pattern {} of an interval", field.name)));
        }
        self.word(field, out);
        Ok(())
    }

    fn year(&self) -> i64 {
        if self.is_interval { self.at.year } else { without_zero(self.at.year) }
    }

    /// Numbers, and the digits that they have at least.
    fn number(&self, part: Part) -> Option<(i64, usize)> {
        let at = &self.at;
        let iso_date = || (!self.is_interval).then(|| iso(at.days));
        let week = || (!self.is_interval).then(|| weekday(at.days));
        Some(match part {
            Part::Hour12 if at.hour % 12 == 0 => (12, 2),
            Part::Hour12 => (at.hour % 12, 2),
            Part::Hour24 => (at.hour, 2),
            Part::Minute => (at.minute, 2),
            Part::Second => (at.second, 2),
            Part::Milli => (at.micro / 1_000, 3),
            Part::Micro => (at.micro, 6),
            Part::Fraction(digits) => (at.micro / 10_i64.pow(6 - u32::from(digits)), digits.into()),
            Part::SecondOfDay => (second_of_day(at), 0),
            Part::Month => (at.month, 2),
            Part::Day => (at.day, 2),
            Part::DayOfYear if self.is_interval => ((at.year * 12 + at.month) * 30 + at.day, 3),
            Part::DayOfYear => (at.day_of_year(), 3),
            Part::IsoDayOfYear => (iso_date()?.2, 3),
            Part::Weekday => (week()? + 1, 0),
            Part::IsoWeekday => ((week()? + 6) % 7 + 1, 0),
            Part::WeekOfYear => {
                let day = if self.is_interval { (at.year * 12 + at.month) * 30 + at.day } else { at.day_of_year() };
                ((day - 1) / 7 + 1, 2)
            }
            Part::IsoWeek => (iso_date()?.1, 2),
            Part::WeekOfMonth => ((at.day - 1) / 7 + 1, 0),
            Part::Quarter if at.month != 0 => ((at.month - 1) / 3 + 1, 0),
            Part::Century if self.is_interval => (at.year / 100, 2),
            Part::Century if at.year > 0 => ((at.year - 1) / 100 + 1, 2),
            Part::Century => (at.year / 100 - 1, 2),
            Part::Year(digits) => (self.year() % 10_i64.pow(digits.into()) + over(self.year(), digits), digits.into()),
            Part::IsoYear(digits) => {
                let year = without_zero(iso_date()?.0);
                (year % 10_i64.pow(digits.into()) + over(year, digits), digits.into())
            }
            Part::Julian if !self.is_interval => (julian(at.days), 0),
            _ => return None,
        })
    }

    fn word(&self, field: &Field, out: &mut String) {
        let at = &self.at;
        let month = usize::try_from(at.month - 1).ok().and_then(|month| MONTHS.get(month));
        let day = DAYS.get(weekday(at.days) as usize).copied().unwrap_or_default();
        let padded = !field.bare && !field.translated;
        let named = |name: &str, width: usize| {
            let name = cased(name, field.case);
            if padded { format!("{name:width$}") } else { name }
        };
        match field.part {
            Part::Meridiem(points) => {
                let word = if (at.hour % 24).rem_euclid(24) >= 12 && at.hour >= 0 { "PM" } else { "AM" };
                out.push_str(&cased(&pointed(word, points), field.case));
            }
            Part::Era(points) => {
                let word = if at.year <= 0 { "BC" } else { "AD" };
                out.push_str(&cased(&pointed(word, points), field.case));
            }
            Part::YearComma => {
                let year = self.year();
                out.push_str(&format!("{},{:03}", year / 1_000, year % 1_000));
                if let Some(case) = field.ordinal {
                    let text = year.to_string();
                    out.push_str(&cased(ordinal(&text), case));
                }
            }
            Part::MonthName => out.push_str(&named(month.copied().unwrap_or_default(), 9)),
            Part::MonthShort => out.push_str(&named(month.map(|name| &name[..3]).unwrap_or_default(), 3)),
            Part::DayName => out.push_str(&named(day, 9)),
            Part::DayShort => out.push_str(&named(&day[..3], 3)),
            Part::Roman if at.month != 0 || at.year != 0 => {
                let month = (at.month - 1).rem_euclid(12) as usize;
                let month = if at.month == 0 { if at.year >= 0 { 11 } else { 0 } } else { month };
                let word = cased(ROMAN[month], field.case);
                out.push_str(&if field.bare { word } else { format!("{word:4}") });
            }
            Part::Zone => out.push_str(&cased(self.zone, field.case)),
            Part::ZoneHour | Part::Offset => {
                out.push_str(if field.bare && field.part == Part::Offset { "+0" } else { "+00" })
            }
            Part::ZoneMinute => out.push_str("00"),
            _ => {}
        }
    }
}

/// Years that need more digits than the pattern has are shown whole by `YYYY`.
fn over(year: i64, digits: u8) -> i64 {
    if digits == 4 { year / 10_000 * 10_000 } else { 0 }
}

/// 1 BC is year 0 here and -1 nowhere: templates show 1, with BC beside it.
fn without_zero(year: i64) -> i64 {
    if year <= 0 { 1 - year } else { year }
}

fn pointed(word: &str, points: bool) -> String {
    if points { word.chars().flat_map(|letter| [letter, '.']).collect() } else { word.to_owned() }
}

/// The ending of an ordinal number.
pub(super) fn ordinal(number: &str) -> &'static str {
    let digits = number.as_bytes();
    let teen = digits.len() > 1 && digits[digits.len() - 2] == b'1';
    match digits.last() {
        Some(b'1') if !teen => "st",
        Some(b'2') if !teen => "nd",
        Some(b'3') if !teen => "rd",
        _ => "th",
    }
}

pub(super) fn cased(word: &str, case: Case) -> String {
    match case {
        Case::Upper => word.to_uppercase(),
        Case::Lower => word.to_lowercase(),
        Case::Title => word.to_owned(),
    }
}

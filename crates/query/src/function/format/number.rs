//! Templates of numbers, and what `to_char` shows by them.
//!
//! A template has a place for each digit, before and after its point. A number that has more digits before the point
//! than there are places is shown as `#`.

use super::super::call::fault;
use super::datetime::ordinal;
use bigdecimal::{BigDecimal, RoundingMode, Signed, ToPrimitive, Zero};
use datafusion::common::Result;

/// What a pattern of a number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Nine,
    Zero,
    /// `.`, `D`
    Point,
    Comma,
    /// `G`
    Group,
    Currency,
    /// `S`
    Sign,
    Minus,
    Plus,
    /// `SG`
    Signs,
    /// `PR`
    Brackets,
    Roman(bool),
    Ordinal(bool),
    /// `V`
    Shift,
    Exponent,
    /// `FM`
    Fill,
    /// `B`
    Blank,
}

const PATTERNS: [(&str, Part); 19] = [
    ("EEEE", Part::Exponent),
    (",", Part::Comma),
    (".", Part::Point),
    ("0", Part::Zero),
    ("9", Part::Nine),
    ("B", Part::Blank),
    ("D", Part::Point),
    ("FM", Part::Fill),
    ("G", Part::Group),
    ("L", Part::Currency),
    ("MI", Part::Minus),
    ("PL", Part::Plus),
    ("PR", Part::Brackets),
    ("RN", Part::Roman(true)),
    ("SG", Part::Signs),
    ("SP", Part::Blank),
    ("S", Part::Sign),
    ("TH", Part::Ordinal(true)),
    ("V", Part::Shift),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Part(Part),
    Text(char),
}

/// Where `S` writes the sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Anchor {
    Before,
    After,
}

/// A compiled template.
#[derive(Debug, Default)]
pub(super) struct NumberTemplate {
    pub(super) pieces: Vec<Piece>,
    /// Places before the point.
    pub(super) before: usize,
    /// Places after it.
    pub(super) after: usize,
    /// Digits that `V` shifts by.
    pub(super) shift: usize,
    /// The place of the first `0`, from 1; 0 without one.
    zero_first: usize,
    /// The place of the last `0`.
    zero_last: usize,
    anchor: Option<Anchor>,
    places_before_sign: usize,
    pub(super) has_point: bool,
    pub(super) fill: bool,
    plus: bool,
    minus: bool,
    pub(super) brackets: bool,
    roman: bool,
    exponent: bool,
}

fn refuse<T>(message: &str) -> Result<T> {
    Err(fault(format!("a number's template is wrong: {message}")))
}

impl NumberTemplate {
    /// Whether it has `S`.
    pub(super) fn has_sign(&self) -> bool {
        self.anchor.is_some()
    }

    /// Whether it has `MI`, `PL` or `SG`.
    pub(super) fn has_own_sign(&self) -> bool {
        self.plus || self.minus
    }

    /// Reads a template.
    pub(super) fn compile(text: &str) -> Result<Self> {
        let mut template = Self::default();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let found = PATTERNS.iter().find(|(name, _)| {
                rest.starts_with(name) || rest.get(..name.len()).is_some_and(|start| start == name.to_ascii_lowercase())
            });
            if let Some((name, part)) = found {
                let lower = rest.starts_with(|letter: char| letter.is_ascii_lowercase());
                let part = match part {
                    Part::Roman(_) => Part::Roman(!lower),
                    Part::Ordinal(_) => Part::Ordinal(!lower),
                    part => *part,
                };
                template.add(part)?;
                rest = &rest[name.len()..];
                continue;
            }
            if first == '"' {
                rest = template.quoted(&rest[1..]);
                continue;
            }
            let (letter, length) = if rest.starts_with("\\\"") { ('"', 2) } else { (first, first.len_utf8()) };
            template.pieces.push(Piece::Text(letter));
            rest = &rest[length..];
        }
        Ok(template)
    }

    fn quoted<'a>(&mut self, text: &'a str) -> &'a str {
        let mut letters = text.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => return &text[at + 1..],
                '\\' => self.pieces.extend(letters.next().map(|(_, letter)| Piece::Text(letter))),
                letter => self.pieces.push(Piece::Text(letter)),
            }
        }
        ""
    }

    fn add(&mut self, part: Part) -> Result<()> {
        if self.exponent && part != Part::Exponent {
            return refuse("EEEE must be the last pattern");
        }
        match part {
            Part::Nine | Part::Zero => self.add_place(part == Part::Zero)?,
            Part::Point if self.has_point => return refuse("it has more than one decimal point"),
            Part::Point if self.shift > 0 || self.pieces.contains(&Piece::Part(Part::Shift)) => {
                return refuse("V and a decimal point do not go together");
            }
            Part::Point => self.has_point = true,
            Part::Fill => self.fill = true,
            Part::Sign if self.anchor.is_some() => return refuse("it has S more than once"),
            Part::Sign if self.plus || self.minus || self.brackets => {
                return refuse("S does not go together with PL, MI, SG or PR");
            }
            Part::Sign => {
                self.anchor = Some(if self.has_point { Anchor::After } else { Anchor::Before });
                self.places_before_sign = self.before;
            }
            Part::Minus | Part::Plus | Part::Signs if self.anchor.is_some() => {
                return refuse("S does not go together with PL, MI or SG");
            }
            Part::Minus => self.minus = true,
            Part::Plus => self.plus = true,
            Part::Signs => (self.plus, self.minus) = (true, true),
            Part::Brackets if self.anchor.is_some() || self.plus || self.minus => {
                return refuse("PR does not go together with S, PL, MI or SG");
            }
            Part::Brackets => self.brackets = true,
            Part::Roman(_) => self.roman = true,
            Part::Shift if self.has_point => return refuse("V and a decimal point do not go together"),
            Part::Exponent => {
                let alone = !(self.fill || self.anchor.is_some() || self.brackets || self.minus || self.plus);
                if self.exponent || !alone || self.roman || self.pieces.contains(&Piece::Part(Part::Shift)) {
                    return refuse("EEEE goes together with digits and a decimal point only");
                }
                self.exponent = true;
            }
            Part::Comma | Part::Group | Part::Currency | Part::Ordinal(_) | Part::Shift | Part::Blank => {}
        }
        self.pieces.push(Piece::Part(part));
        Ok(())
    }

    fn add_place(&mut self, zero: bool) -> Result<()> {
        if self.brackets {
            return refuse("PR must come after the digits");
        }
        if !zero && self.pieces.contains(&Piece::Part(Part::Shift)) {
            self.shift += 1;
            return Ok(());
        }
        if zero && self.zero_first == 0 && !self.has_point {
            self.zero_first = self.before + 1;
        }
        if self.has_point {
            self.after += 1
        } else {
            self.before += 1
        }
        if zero {
            self.zero_last = self.before + self.after;
        }
        Ok(())
    }

    /// An integer or a `numeric` by this template.
    pub(super) fn show_numeric(&self, number: &BigDecimal) -> Result<String> {
        if self.roman {
            let whole = number.with_scale_round(0, RoundingMode::HalfUp).to_i64();
            return Ok(self.write(&roman(whole), false, 0));
        }
        if self.exponent {
            return Ok(scientific(number, self.after));
        }
        let shifted = number * BigDecimal::from(10_i64.pow(self.shift.min(18) as u32));
        let text = shifted.with_scale_round(self.after as i64, RoundingMode::HalfUp).abs().to_plain_string();
        let rounds_to_zero = text.bytes().all(|digit| matches!(digit, b'0' | b'.'));
        Ok(self.fit(text, number.is_negative() && !rounds_to_zero, self.after))
    }

    /// A double by this template.
    pub(super) fn show_float(&self, number: f64) -> Result<String> {
        if self.roman {
            let whole = number.round_ties_even();
            return Ok(self.write(&roman((whole.abs() < 1e9).then_some(whole as i64)), false, 0));
        }
        if self.exponent {
            if !number.is_finite() {
                return Ok(format!(" {}", "#".repeat(self.after + 6)));
            }
            let text = format!("{:.*e}", self.after, number.abs());
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, exponent) = exponent.strip_prefix('-').map_or(("+", exponent), |rest| ("-", rest));
            return Ok(format!("{}{digits}e{sign}{exponent:0>2}", if number < 0.0 { '-' } else { ' ' }));
        }
        if !number.is_finite() {
            let text = if number.is_nan() { "NaN" } else { "Infinity" };
            return Ok(self.fit(text.to_owned(), number < 0.0, self.after));
        }
        let number = number * 10_f64.powi(self.shift as i32);
        // A double has fifteen digits that are its own.
        let whole = format!("{:.0}", number.abs()).len();
        let after = if whole >= 15 { 0 } else { self.after.min(15 - whole) };
        let text = format!("{:.after$}", number.abs());
        let negative = number.is_sign_negative();
        Ok(self.fit(text, negative, after))
    }

    /// Fills the places of the template with a number's digits.
    fn fit(&self, digits: String, negative: bool, after: usize) -> String {
        let before = self.before + self.shift;
        let length = digits.find('.').unwrap_or(digits.len());
        if length > before {
            let point = if after > 0 { format!(".{}", "#".repeat(after)) } else { ".".to_owned() };
            return self.write_shifted(&format!("{}{point}", "#".repeat(before)), negative, 0, after);
        }
        self.write_shifted(&digits, negative, before - length, after)
    }

    fn write(&self, digits: &str, negative: bool, blanks: usize) -> String {
        self.write_shifted(digits, negative, blanks, self.after)
    }

    fn write_shifted(&self, digits: &str, negative: bool, blanks: usize, after: usize) -> String {
        let mut writer = Writer::new(self, digits.as_bytes(), negative, blanks, after);
        self.pieces.iter().for_each(|piece| writer.piece(*piece));
        let Writer { mut out, end, .. } = writer;
        out.truncate(end.unwrap_or(usize::MAX));
        String::from_utf8(out).unwrap_or_default()
    }
}

/// Writes one number into the places of a template.
struct Writer<'a> {
    template: &'a NumberTemplate,
    /// Digits and a point.
    digits: &'a [u8],
    /// The next of them.
    next: usize,
    negative: bool,
    brackets: bool,
    anchor: Option<Anchor>,
    /// Places before the first digit.
    blanks: usize,
    place: usize,
    /// The place after which a closing sign is written.
    places: i64,
    /// With `FM`: the last digit behind the point that is shown, or the point.
    last_shown: Option<usize>,
    sign_written: bool,
    in_number: bool,
    out: Vec<u8>,
    /// Where PostgreSQL's text ends: it writes nothing after a point that no digits follow.
    end: Option<usize>,
}

impl<'a> Writer<'a> {
    fn new(template: &'a NumberTemplate, digits: &'a [u8], negative: bool, blanks: usize, after: usize) -> Self {
        let roman = template.roman;
        let own_sign = (template.plus || template.minus) && !roman;
        let anchor = template.anchor.filter(|_| !roman);
        let before = template.before + template.shift;
        // A sign before the first place that follows all places is one behind them.
        let anchor = match anchor {
            Some(Anchor::Before) if before == template.places_before_sign => Some(Anchor::After),
            anchor => anchor,
        };
        let brackets = template.brackets && !roman && (negative || !template.fill);
        let sign_written = match own_sign {
            true => template.minus,
            false => !negative && template.fill && template.anchor.is_none(),
        };
        let mut last_shown = None;
        if template.fill && template.has_point && !roman {
            last_shown = last_relevant(digits);
            if let Some(last) = last_shown
                && template.zero_last > blanks
            {
                last_shown = Some(last.max(digits.len().saturating_sub(1).min(template.zero_last - blanks)));
            }
        }
        let places = (before + after) as i64 - 1 + i64::from(!sign_written && blanks == 0);
        Self {
            template,
            digits,
            next: 0,
            negative,
            brackets,
            anchor,
            blanks,
            place: 0,
            places,
            last_shown,
            sign_written,
            in_number: false,
            out: Vec::with_capacity(template.pieces.len() + 8),
            end: None,
        }
    }

    fn piece(&mut self, piece: Piece) {
        let part = match piece {
            Piece::Text(letter) => {
                self.out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                return;
            }
            Piece::Part(part) => part,
        };
        let fill = self.template.fill;
        match part {
            Part::Nine | Part::Zero | Part::Point if self.template.roman => {}
            Part::Nine | Part::Zero | Part::Point => self.digit(part),
            Part::Comma | Part::Group if self.in_number => self.out.push(b','),
            Part::Comma | Part::Group if fill => {}
            Part::Comma | Part::Group | Part::Currency => self.out.push(b' '),
            Part::Roman(upper) => {
                let text = String::from_utf8_lossy(self.digits).into_owned();
                let text = if upper { text } else { text.to_lowercase() };
                let text = if fill { text } else { format!("{text:>15}") };
                self.out.extend_from_slice(text.as_bytes());
            }
            Part::Ordinal(upper) => self.ordinal(upper),
            Part::Minus | Part::Plus if self.template.roman && !fill => self.out.push(b' '),
            Part::Minus | Part::Plus | Part::Signs if self.template.roman => {}
            Part::Minus if self.negative => self.out.push(b'-'),
            Part::Plus if !self.negative => self.out.push(b'+'),
            Part::Minus | Part::Plus if !fill => self.out.push(b' '),
            Part::Signs => self.out.push(if self.negative { b'-' } else { b'+' }),
            _ => {}
        }
    }

    fn ordinal(&mut self, upper: bool) {
        if self.template.roman || self.digits.first() == Some(&b'#') || self.negative || self.template.has_point {
            return;
        }
        let word = ordinal(&String::from_utf8_lossy(self.digits));
        let word = if upper { word.to_uppercase() } else { word.to_owned() };
        self.out.extend_from_slice(word.as_bytes());
    }

    fn ends_at_point(&self) -> bool {
        self.last_shown.is_some_and(|last| self.digits.get(last) == Some(&b'.'))
    }

    /// Whether the next digit is the zero of `0.5`, which places of `9` do not show.
    fn is_bare_zero(&self) -> bool {
        self.template.zero_first == 0
            && self.next == 0
            && self.digits.first() == Some(&b'0')
            && self.template.after != 0
    }

    fn digit(&mut self, part: Part) {
        let zero_place = self.template.zero_first.checked_sub(1);
        self.in_number = false;
        let at_number = self.place >= self.blanks || zero_place == Some(self.place);
        if !self.sign_written && at_number && (!self.is_bare_zero() || self.ends_at_point()) {
            self.sign_before();
        }
        if self.place < self.blanks {
            if zero_place.is_none_or(|zero| zero > self.place) {
                if !self.template.fill {
                    self.out.push(b' ');
                }
            } else {
                self.out.push(b'0');
                self.in_number = true;
            }
        } else {
            self.own_digit(part);
        }
        let mut end = self.places + i64::from(self.blanks > 0) + i64::from(self.template.has_point);
        let place = self.place as i64;
        if self.last_shown.is_some_and(|last| last == self.next) {
            end = place;
        }
        if place + 1 == end {
            self.sign_after();
        }
        self.place += 1;
    }

    fn own_digit(&mut self, part: Part) {
        match self.digits.get(self.next) {
            Some(b'.') => {
                if self.last_shown.is_none() || !self.ends_at_point() || self.template.fill {
                    self.out.push(b'.');
                }
            }
            digit => {
                let is_cut = self.last_shown.is_some_and(|last| self.next > last) && part != Part::Zero;
                if is_cut {
                    // A zero at the end that FM leaves out.
                } else if self.is_bare_zero() {
                    if !self.template.fill {
                        self.out.push(b' ');
                    } else if self.ends_at_point() {
                        self.out.push(b'0');
                    }
                } else if let Some(digit) = digit {
                    self.out.push(*digit);
                    self.in_number = true;
                } else {
                    self.end.get_or_insert(self.out.len());
                }
            }
        }
        if self.next < self.digits.len() {
            self.next += 1;
        }
    }

    fn sign_before(&mut self) {
        match self.anchor {
            Some(Anchor::Before) => self.out.push(if self.negative { b'-' } else { b'+' }),
            Some(Anchor::After) => return,
            None if self.brackets => self.out.push(if self.negative { b'<' } else { b' ' }),
            None if self.negative => self.out.push(b'-'),
            None if !self.template.fill => self.out.push(b' '),
            None => {}
        }
        self.sign_written = true;
    }

    fn sign_after(&mut self) {
        if self.sign_written && self.brackets {
            self.out.push(if self.negative { b'>' } else { b' ' });
        } else if self.anchor == Some(Anchor::After) {
            self.out.push(if self.negative { b'-' } else { b'+' });
        }
    }
}

/// The last digit behind the point that is not 0, or the point.
fn last_relevant(digits: &[u8]) -> Option<usize> {
    let point = digits.iter().position(|digit| *digit == b'.')?;
    let last = digits[point..].iter().rposition(|digit| *digit != b'0')?;
    Some(point + last)
}

const ROMAN: [(i64, &str); 13] = [
    (1_000, "M"),
    (900, "CM"),
    (500, "D"),
    (400, "CD"),
    (100, "C"),
    (90, "XC"),
    (50, "L"),
    (40, "XL"),
    (10, "X"),
    (9, "IX"),
    (5, "V"),
    (4, "IV"),
    (1, "I"),
];

/// Roman numerals up to 3999.
fn roman(number: Option<i64>) -> String {
    let Some(mut rest) = number.filter(|number| (1..4_000).contains(number)) else { return "#".repeat(15) };
    let mut out = String::new();
    for (value, letters) in ROMAN {
        while rest >= value {
            out.push_str(letters);
            rest -= value;
        }
    }
    out
}

/// `1.23e+03`, with so many digits behind the point.
fn scientific(number: &BigDecimal, after: usize) -> String {
    let sign = if number.is_negative() { '-' } else { ' ' };
    let zeros = "0".repeat(after);
    if number.is_zero() {
        let point = if after > 0 { "." } else { "" };
        return format!("{sign}0{point}{zeros}e+00");
    }
    let digits = |number: &BigDecimal| number.abs().as_bigint_and_scale().0.to_string();
    let mut power = digits(number).len() as i64 - 1 - number.as_bigint_and_scale().1;
    let mut rounded = number.with_scale_round(after as i64 - power, RoundingMode::HalfUp);
    if digits(&rounded).len() > after + 1 {
        power += 1;
        rounded = number.with_scale_round(after as i64 - power, RoundingMode::HalfUp);
    }
    let text = format!("{:0<width$}", digits(&rounded), width = after + 1);
    let (first, rest) = text.split_at(1);
    let point = if after > 0 { "." } else { "" };
    let exponent = if power < 0 { '-' } else { '+' };
    format!("{sign}{first}{point}{}e{exponent}{:02}", &rest[..after], power.abs())
}

//! Reading numbers by a template: `to_number`.
//!
//! As in PostgreSQL, each place of the template takes one character of the text, after a space if there is one, and a
//! character that is no digit is passed over. A number with more digits than the template has places is an error.

use super::super::call::fault;
use super::super::numeric::overflow;
use super::number::{NumberTemplate, Part, Piece};
use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode};
use datafusion::common::Result;

/// The number that the text says.
pub(super) fn read(text: &str, template: &NumberTemplate) -> Result<BigDecimal> {
    let mut scanner = Scanner {
        template,
        text: text.chars().collect(),
        at: 0,
        sign: None,
        number: String::new(),
        whole: 0,
        fraction: 0,
        has_point: false,
    };
    for piece in &template.pieces {
        if scanner.at >= scanner.text.len() {
            break;
        }
        scanner.piece(*piece)?;
    }
    scanner.finish()
}

struct Scanner<'a> {
    template: &'a NumberTemplate,
    text: Vec<char>,
    at: usize,
    /// Whether it is negative, once that is known.
    sign: Option<bool>,
    number: String,
    whole: usize,
    fraction: usize,
    has_point: bool,
}

impl Scanner<'_> {
    fn next(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    /// Passes over what can be no part of a number.
    fn skip(&mut self, letters: usize) {
        for _ in 0..letters {
            if self.next().is_none_or(|letter| letter.is_ascii_digit() || ".,+-".contains(letter)) {
                return;
            }
            self.at += 1;
        }
    }

    fn piece(&mut self, piece: Piece) -> Result<()> {
        let part = match piece {
            Piece::Text(_) => {
                self.at += 1;
                return Ok(());
            }
            Piece::Part(part) => part,
        };
        match part {
            Part::Roman(_) => return Err(fault("to_number does not support the pattern RN")),
            Part::Exponent => return Err(fault("to_number does not support the pattern EEEE")),
            Part::Nine | Part::Zero | Part::Point => {
                self.place(part != Part::Point);
                self.at += 1;
            }
            Part::Comma | Part::Group if !self.template.fill && self.next() == Some(',') => self.at += 1,
            Part::Currency => self.skip(1),
            Part::Ordinal(_) if !self.template.has_point && self.sign != Some(true) => self.skip(2),
            Part::Minus | Part::Plus | Part::Signs => match self.next() {
                Some('-') if part != Part::Plus => self.signed(true),
                Some('+') if part != Part::Minus => self.signed(false),
                _ => self.skip(1),
            },
            _ => {}
        }
        Ok(())
    }

    fn signed(&mut self, negative: bool) {
        self.sign = Some(negative);
        self.at += 1;
    }

    fn place(&mut self, is_digit_place: bool) {
        if self.next() == Some(' ') {
            self.at += 1;
        }
        if self.sign.is_none() && is_digit_place && self.whole + self.fraction == 0 {
            match self.next() {
                Some('-') => self.signed(true),
                Some('<') if self.template.brackets => self.signed(true),
                Some('+') => self.signed(false),
                _ => {}
            }
        }
        let Some(letter) = self.next() else { return };
        let mut has_read = false;
        if letter.is_ascii_digit() {
            if self.has_point && self.fraction == self.template.after {
                return;
            }
            self.number.push(letter);
            *if self.has_point { &mut self.fraction } else { &mut self.whole } += 1;
            has_read = true;
        } else if letter == '.' && self.template.has_point && !self.has_point {
            self.number.push('.');
            (self.has_point, has_read) = (true, true);
        }
        if self.sign.is_none() && self.whole + self.fraction > 0 {
            self.sign_behind(letter, has_read);
        }
    }

    /// A sign right behind the last digit.
    fn sign_behind(&mut self, letter: char, has_read: bool) {
        if self.template.has_sign() {
            if has_read && let Some(sign @ ('-' | '+')) = self.text.get(self.at + 1) {
                self.sign = Some(*sign == '-');
                self.at += 1;
            }
        } else if !has_read && self.template.has_own_sign() && matches!(letter, '-' | '+') {
            self.sign = Some(letter == '-');
        }
    }

    fn finish(self) -> Result<BigDecimal> {
        let digits = self.number.trim_end_matches('.');
        let wrong = || fault("the text is no number that the template reads");
        let number = match digits.starts_with('.') {
            true => format!("0{digits}").parse::<BigDecimal>(),
            false => digits.parse(),
        };
        let number = number.map_err(|_| wrong())?;
        let number = if self.sign == Some(true) { -number } else { number };
        let places = self.template.before + self.template.shift;
        let fits = number.with_scale_round(0, RoundingMode::Down).abs()
            < BigDecimal::from_bigint(BigInt::from(10).pow(places.min(1_000) as u32), 0);
        if !fits {
            return Err(overflow("numeric field"));
        }
        let (digits, scale) = number.into_bigint_and_scale();
        Ok(BigDecimal::from_bigint(digits, scale + self.template.shift as i64))
    }
}

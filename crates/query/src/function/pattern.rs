//! Regular expressions by PostgreSQL's flags and escapes, and what is made with them.
//!
//! The expressions are those of the crate `regex`: of alternatives it takes the first that matches, where PostgreSQL takes
//! the longest, and it has no back references inside an expression. The result of a replacement has a bound.

use super::call::{Args, Function, Kind, bools, fault, function, gives, some, takes, texts, values};
use arrow::array::{ArrayRef, ListBuilder, StringViewBuilder};
use arrow::datatypes::{DataType, Field, Int32Type};
use datafusion::common::Result;
use regex::{Captures, Regex, RegexBuilder};
use std::sync::Arc;

/// Bytes that a compiled expression may take.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// The longest text that a replacement makes, in bytes.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// A column's expressions, compiled once for each change.
struct Patterns {
    last: Option<(String, String, Regex, bool)>,
}

impl Patterns {
    fn new() -> Self {
        Self { last: None }
    }

    /// The expression, and whether the flags ask for every match.
    fn of(&mut self, pattern: &str, flags: &str) -> Result<(&Regex, bool)> {
        if !matches!(&self.last, Some((last, last_flags, ..)) if last == pattern && last_flags == flags) {
            let (regex, all) = compile(pattern, flags)?;
            self.last = Some((pattern.to_owned(), flags.to_owned(), regex, all));
        }
        match &self.last {
            Some((_, _, regex, all)) => Ok((regex, *all)),
            None => Err(fault("a regular expression could not be read")),
        }
    }
}

fn compile(pattern: &str, flags: &str) -> Result<(Regex, bool)> {
    let (mut all, mut any_line, mut lines, mut ignore, mut spaced, mut plain) =
        (false, true, false, false, false, false);
    for flag in flags.chars() {
        match flag {
            'g' => all = true,
            'i' => ignore = true,
            'c' => ignore = false,
            's' => (any_line, lines) = (true, false),
            'n' | 'm' => (any_line, lines) = (false, true),
            'p' => (any_line, lines) = (false, false),
            'w' => (any_line, lines) = (true, true),
            'x' => spaced = true,
            't' | 'e' => {}
            'q' => plain = true,
            _ => {
                return Err(fault(
                    "invalid regular expression option: the flags are g, i, c, n, m, p, w, s, x, t and q",
                ));
            }
        }
    }
    let translated = if plain { regex::escape(pattern) } else { translate(pattern) };
    let built = RegexBuilder::new(&translated)
        .case_insensitive(ignore)
        .dot_matches_new_line(any_line)
        .multi_line(lines)
        .ignore_whitespace(spaced)
        .size_limit(PATTERN_BYTES_MAX)
        .build();
    let regex = built.map_err(|_| fault("invalid regular expression, or one that is not supported or too large"))?;
    Ok((regex, all))
}

/// PostgreSQL's escapes for the edges of words and texts.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some('y') => out.push_str("\\b"),
            Some('Y') => out.push_str("\\B"),
            Some('m') => out.push_str("\\b{start}"),
            Some('M') => out.push_str("\\b{end}"),
            Some('Z') => out.push_str("\\z"),
            Some(letter) => out.extend(['\\', letter]),
            None => out.push('\\'),
        }
    }
    out
}

/// The replacement for one match: `\1` to `\9`, `\&` for the whole of it.
fn expand(template: &str, captures: &Captures<'_>, out: &mut String) {
    let mut letters = template.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some('&') => out.push_str(&captures[0]),
            Some(digit @ '1'..='9') => {
                let group = captures.get(digit as usize - '0' as usize);
                out.push_str(group.map_or("", |group| group.as_str()));
            }
            Some('\\') | None => out.push('\\'),
            Some(letter) => out.extend(['\\', letter]),
        }
    }
}

fn replace(args: &Args<'_>) -> Result<ArrayRef> {
    let mut patterns = Patterns::new();
    texts(args, |row| {
        let (text, pattern, template) = (some!(args.text(0, row)), some!(args.text(1, row)), some!(args.text(2, row)));
        let flags = if args.len() > 3 { some!(args.text(3, row)) } else { "" };
        let (regex, all) = patterns.of(pattern, flags)?;
        let (mut out, mut end) = (String::with_capacity(text.len()), 0);
        for captures in regex.captures_iter(text).take(if all { usize::MAX } else { 1 }) {
            let whole = captures.get(0).map_or(0..0, |whole| whole.range());
            out.push_str(&text[end..whole.start]);
            expand(template, &captures, &mut out);
            end = whole.end;
            if out.len() > TEXT_BYTES_MAX {
                return Err(fault("the text that regexp_replace makes is too long"));
            }
        }
        out.push_str(&text[end..]);
        Ok(Some(out))
    })
}

/// The groups of a match, or the whole of it where there are none.
fn groups(captures: &Captures<'_>) -> Vec<Option<String>> {
    let first = usize::from(captures.len() > 1);
    captures.iter().skip(first).map(|group| group.map(|group| group.as_str().to_owned())).collect()
}

fn lists(args: &Args<'_>, mut one: impl FnMut(usize) -> Result<Option<Vec<Option<String>>>>) -> Result<ArrayRef> {
    let field = Arc::new(Field::new_list_field(DataType::Utf8View, true));
    let mut out = ListBuilder::new(StringViewBuilder::new()).with_field(field);
    for row in 0..args.rows {
        match one(row)? {
            Some(values) => {
                values.into_iter().for_each(|value| out.values().append_option(value));
                out.append(true);
            }
            None => out.append(false),
        }
    }
    Ok(Arc::new(out.finish()))
}

fn first_match(args: &Args<'_>) -> Result<ArrayRef> {
    let mut patterns = Patterns::new();
    lists(args, |row| {
        let (text, pattern) = (some!(args.text(0, row)), some!(args.text(1, row)));
        let flags = if args.len() > 2 { some!(args.text(2, row)) } else { "" };
        let (regex, all) = patterns.of(pattern, flags)?;
        if all {
            return Err(fault("regexp_match does not support the flag g"));
        }
        Ok(regex.captures(text).map(|captures| groups(&captures)))
    })
}

fn split(args: &Args<'_>) -> Result<ArrayRef> {
    let mut patterns = Patterns::new();
    lists(args, |row| {
        let (text, pattern) = (some!(args.text(0, row)), some!(args.text(1, row)));
        let flags = if args.len() > 2 { some!(args.text(2, row)) } else { "" };
        let (regex, _) = patterns.of(pattern, flags)?;
        // An empty match at either end splits nothing off.
        let (mut parts, mut end) = (Vec::new(), 0);
        for found in regex.find_iter(text) {
            let at_edge = found.is_empty() && (found.start() == 0 || found.end() == text.len());
            if !at_edge {
                parts.push(Some(text[end..found.start()].to_owned()));
                end = found.end();
            }
        }
        parts.push(Some(text[end..].to_owned()));
        Ok(Some(parts))
    })
}

fn is_like(args: &Args<'_>) -> Result<ArrayRef> {
    let mut patterns = Patterns::new();
    bools(args, |row| {
        let (text, pattern) = (some!(args.text(0, row)), some!(args.text(1, row)));
        let flags = if args.len() > 2 { some!(args.text(2, row)) } else { "" };
        Ok(Some(patterns.of(pattern, flags)?.0.is_match(text)))
    })
}

fn count(args: &Args<'_>) -> Result<ArrayRef> {
    let mut patterns = Patterns::new();
    values::<Int32Type>(args, |row| {
        let (text, pattern) = (some!(args.text(0, row)), some!(args.text(1, row)));
        let found = patterns.of(pattern, "")?.0.find_iter(text).count();
        Ok(i32::try_from(found).ok())
    })
}

/// The first match, or its first group: `substring(text FROM pattern)`.
fn part(args: &Args<'_>) -> Result<ArrayRef> {
    let mut patterns = Patterns::new();
    texts(args, |row| {
        let (text, pattern) = (some!(args.text(0, row)), some!(args.text(1, row)));
        let captures = some!(patterns.of(pattern, "")?.0.captures(text));
        let group = if captures.len() > 1 { captures.get(1) } else { captures.get(0) };
        Ok(group.map(|group| group.as_str().to_owned()))
    })
}

/// `substring(text FROM start [FOR length])`, in characters from 1.
fn characters(args: &Args<'_>) -> Result<ArrayRef> {
    texts(args, |row| {
        let (text, start) = (some!(args.text(0, row)), some!(args.int(1, row)));
        let end = match args.len() > 2 {
            true => match some!(args.int(2, row)) {
                length if length < 0 => return Err(fault("negative substring length not allowed")),
                length => start.saturating_add(length),
            },
            false => i64::MAX,
        };
        let skip = usize::try_from((start - 1).max(0)).unwrap_or(usize::MAX);
        let take = usize::try_from(end.saturating_sub(start.max(1)).max(0)).unwrap_or(usize::MAX);
        Ok(Some(text.chars().skip(skip).take(take).collect::<String>()))
    })
}

const TWO: &[Kind] = &[Kind::Text, Kind::Text];
const THREE: &[Kind] = &[Kind::Text, Kind::Text, Kind::Text];
const FOUR: &[Kind] = &[Kind::Text, Kind::Text, Kind::Text, Kind::Text];
const FROM: &[Kind] = &[Kind::Text, Kind::Int];
const FROM_FOR: &[Kind] = &[Kind::Text, Kind::Int, Kind::Int];

/// `substring` and `substr`.
pub(super) const SUBSTRING: Function = function(
    "substring",
    &[takes(FROM, gives::text, characters), takes(FROM_FOR, gives::text, characters), takes(TWO, gives::text, part)],
);

/// The functions over regular expressions.
pub(super) const FUNCTIONS: &[Function] = &[
    function("regexp_replace", &[takes(THREE, gives::text, replace), takes(FOUR, gives::text, replace)]),
    function("regexp_match", &[takes(TWO, gives::text_list, first_match), takes(THREE, gives::text_list, first_match)]),
    function("regexp_split_to_array", &[takes(TWO, gives::text_list, split), takes(THREE, gives::text_list, split)]),
    function("regexp_like", &[takes(TWO, gives::bool, is_like), takes(THREE, gives::bool, is_like)]),
    function("regexp_count", &[takes(TWO, gives::int4, count)]),
    function("regexp_substr", &[takes(TWO, gives::text, part)]),
];

//! Functions of text and of bytes. What can make large values of small ones has a bound.

use super::call::{Args, Function, Kind, Overload, fault, function, gives, some, takes, texts};
use super::casts;
use arrow::array::{ArrayRef, AsArray, BinaryBuilder, StringViewArray};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use datafusion::common::Result;
use md5::Md5;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use std::fmt::Write;
use std::sync::Arc;

/// The largest text that a call makes, in bytes.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// The longest text that is put together of others, in bytes.
const BATCH_TEXT_BYTES_MAX: usize = 16 << 20;

fn too_long() -> datafusion::common::DataFusionError {
    fault(format!("requested length too large: a function makes texts of at most {} KB", TEXT_BYTES_MAX >> 10))
}

fn repeat(args: &Args<'_>) -> Result<ArrayRef> {
    texts(args, |row| {
        let (text, times) = (some!(args.text(0, row)), some!(args.int(1, row)));
        let times = usize::try_from(times).unwrap_or(0);
        match text.len().checked_mul(times) {
            Some(length) if length <= TEXT_BYTES_MAX => Ok(Some(text.repeat(times))),
            _ => Err(too_long()),
        }
    })
}

fn pad(args: &Args<'_>, left: bool) -> Result<ArrayRef> {
    texts(args, |row| {
        let (text, length) = (some!(args.text(0, row)), some!(args.int(1, row)));
        let fill = if args.len() > 2 { some!(args.text(2, row)) } else { " " };
        let length = usize::try_from(length).unwrap_or(0);
        if length > TEXT_BYTES_MAX {
            return Err(too_long());
        }
        let letters = text.chars().count();
        if letters >= length || fill.is_empty() {
            return Ok(Some(text.chars().take(length).collect()));
        }
        let padding: String = fill.chars().cycle().take(length - letters).collect();
        Ok(Some(if left { padding + text } else { text.to_owned() + &padding }))
    })
}

fn lpad(args: &Args<'_>) -> Result<ArrayRef> {
    pad(args, true)
}

fn rpad(args: &Args<'_>) -> Result<ArrayRef> {
    pad(args, false)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The bytes of an argument that is text or bytes.
fn raw<'a>(args: &'a Args<'_>, at: usize, row: usize) -> Option<&'a [u8]> {
    args.bytes(at, row).or_else(|| args.text(at, row).map(str::as_bytes))
}

fn md5(args: &Args<'_>) -> Result<ArrayRef> {
    texts(args, |row| Ok(raw(args, 0, row).map(|bytes| hex(&Md5::digest(bytes)))))
}

fn all_bytes(args: &Args<'_>, mut one: impl FnMut(usize) -> Result<Option<Vec<u8>>>) -> Result<ArrayRef> {
    let mut out = BinaryBuilder::new();
    for row in 0..args.rows {
        out.append_option(one(row)?);
    }
    Ok(Arc::new(out.finish()))
}

fn digest<D: Digest>(args: &Args<'_>) -> Result<ArrayRef> {
    all_bytes(args, |row| Ok(raw(args, 0, row).map(|bytes| D::digest(bytes).to_vec())))
}

/// `hex`, `base64` with lines of 76 letters, `escape`.
fn encode(args: &Args<'_>) -> Result<ArrayRef> {
    texts(args, |row| {
        let (bytes, format) = (some!(raw(args, 0, row)), some!(args.text(1, row)));
        Ok(Some(match format.to_ascii_lowercase().as_str() {
            "hex" => hex(bytes),
            "base64" => {
                let text = BASE64.encode(bytes);
                let lines = text.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned());
                lines.collect::<Vec<_>>().join("\n")
            }
            "escape" => bytes.iter().fold(String::new(), |mut out, byte| {
                match byte {
                    b'\\' => out.push_str("\\\\"),
                    1..=127 => out.push(char::from(*byte)),
                    byte => drop(write!(out, "\\{byte:03o}")),
                }
                out
            }),
            _ => return Err(fault("encode knows the formats hex, base64 and escape")),
        }))
    })
}

fn decode(args: &Args<'_>) -> Result<ArrayRef> {
    all_bytes(args, |row| {
        let (text, format) = (some!(args.text(0, row)), some!(args.text(1, row)));
        let decoded = match format.to_ascii_lowercase().as_str() {
            "hex" => unhex(text),
            "base64" => BASE64.decode(text.split_whitespace().collect::<String>()).ok(),
            "escape" => unescape(text.as_bytes()),
            _ => return Err(fault("decode knows the formats hex, base64 and escape")),
        };
        decoded.map(Some).ok_or_else(|| fault("the text is not in the format that decode is told"))
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        match rest {
            [] => return Some(out),
            [b'\\', b'\\', after @ ..] => {
                out.push(b'\\');
                rest = after;
            }
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            [b'\\', ..] => return None,
            [byte, after @ ..] => {
                out.push(*byte);
                rest = after;
            }
        }
    }
}

/// A constant of SQL.
fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    match quoted.contains('\\') {
        true => format!("E'{}'", quoted.replace('\\', "\\\\")),
        false => format!("'{quoted}'"),
    }
}

/// Words that are no names unless they are quoted.
const RESERVED: [&str; 151] = [
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

/// A name of SQL, quoted where it must be.
fn identifier(text: &str) -> String {
    let plain = text.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '_')
        && text.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
    if plain && !RESERVED.contains(&text) { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

fn quote_literal(args: &Args<'_>) -> Result<ArrayRef> {
    let values = casts::texts(args.column(0))?;
    texts(args, |row| Ok(shown(args, &values, 0, row).map(literal)))
}

fn quote_nullable(args: &Args<'_>) -> Result<ArrayRef> {
    let values = casts::texts(args.column(0))?;
    texts(args, |row| Ok(Some(shown(args, &values, 0, row).map_or_else(|| "NULL".to_owned(), literal))))
}

fn quote_ident(args: &Args<'_>) -> Result<ArrayRef> {
    texts(args, |row| Ok(args.text(0, row).map(identifier)))
}

/// The text of an argument, `None` for null.
fn shown<'v>(args: &Args<'_>, values: &'v StringViewArray, at: usize, row: usize) -> Option<&'v str> {
    args.at(at, row).map(|(_, row)| values.value(row))
}

/// The arguments as text, a boolean as `t` or `f`.
fn outputs(args: &Args<'_>) -> Result<Vec<StringViewArray>> {
    let output = |at: usize| match args.column(at).as_boolean_opt() {
        Some(truths) => Ok(truths.iter().map(|truth| truth.map(|truth| if truth { "t" } else { "f" })).collect()),
        None => casts::texts(args.column(at)),
    };
    (0..args.len()).map(output).collect()
}

/// All arguments but nulls, with `separator` between them.
fn joined(args: &Args<'_>, columns: &[StringViewArray], first: usize, separator: &str, row: usize) -> Result<String> {
    let mut out = String::new();
    let shown = (first..columns.len()).filter_map(|at| shown(args, &columns[at], at, row));
    for (at, text) in shown.enumerate() {
        if at > 0 {
            out.push_str(separator);
        }
        out.push_str(text);
    }
    if out.len() > BATCH_TEXT_BYTES_MAX { Err(too_long()) } else { Ok(out) }
}

fn concat(args: &Args<'_>) -> Result<ArrayRef> {
    let columns = outputs(args)?;
    texts(args, |row| joined(args, &columns, 0, "", row).map(Some))
}

fn concat_ws(args: &Args<'_>) -> Result<ArrayRef> {
    let columns = outputs(args)?;
    texts(args, |row| joined(args, &columns, 1, some!(args.text(0, row)), row).map(Some))
}

/// `format(template, …)` with `%s`, `%I`, `%L`, `%%`, positions and widths.
fn format_text(args: &Args<'_>) -> Result<ArrayRef> {
    let columns = outputs(args)?;
    let value = |at: usize, row: usize| match columns.get(at) {
        Some(values) => Ok(shown(args, values, at, row)),
        None => Err(fault("too few arguments for format()")),
    };
    texts(args, |row| {
        let template = some!(args.text(0, row));
        let mut out = String::with_capacity(template.len());
        let (mut rest, mut next) = (template, 1);
        while let Some((before, after)) = rest.split_once('%') {
            out.push_str(before);
            rest = directive(after, &mut next, &mut out, |at| value(at, row))?;
            if out.len() > TEXT_BYTES_MAX {
                return Err(too_long());
            }
        }
        out.push_str(rest);
        Ok(Some(out))
    })
}

/// One directive behind its `%`; gives what follows it.
fn directive<'t, 'v>(
    text: &'t str,
    next: &mut usize,
    out: &mut String,
    value: impl Fn(usize) -> Result<Option<&'v str>>,
) -> Result<&'t str> {
    if let Some(rest) = text.strip_prefix('%') {
        out.push('%');
        return Ok(rest);
    }
    let number = |text: &'t str| {
        let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        (text[..end].parse::<usize>().ok(), &text[end..])
    };
    let mut rest = text;
    let mut position = None;
    if let (Some(at), after) = number(rest)
        && let Some(after) = after.strip_prefix('$')
    {
        if at == 0 {
            return Err(fault("format specifies argument 0, but arguments are numbered from 1"));
        }
        (position, rest) = (Some(at), after);
    }
    let mut left = false;
    while let Some(after) = rest.strip_prefix('-') {
        (left, rest) = (true, after);
    }
    let (mut width, mut after) = number(rest);
    if let Some(star) = rest.strip_prefix('*') {
        let given = value(*next)?.and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
        *next += 1;
        left |= given < 0;
        (width, after) = (Some(given.unsigned_abs() as usize), star);
    }
    let mut letters = after.chars();
    let letter = letters.next().ok_or_else(|| fault("unterminated format() type specifier"))?;
    let at = position.unwrap_or(*next);
    *next = at + 1;
    let shown = match (letter, value(at)?) {
        ('s', value) => value.unwrap_or_default().to_owned(),
        ('L', value) => value.map_or_else(|| "NULL".to_owned(), literal),
        ('I', Some(value)) => identifier(value),
        ('I', None) => return Err(fault("null values cannot be formatted as an SQL identifier")),
        _ => return Err(fault("unrecognized format() type specifier: it knows %s, %I, %L and %%")),
    };
    let width = width.unwrap_or(0);
    if width > TEXT_BYTES_MAX {
        return Err(too_long());
    }
    let padded = if left { format!("{shown:<width$}") } else { format!("{shown:>width$}") };
    out.push_str(&padded);
    Ok(letters.as_str())
}

fn split_part(args: &Args<'_>) -> Result<ArrayRef> {
    texts(args, |row| {
        let (text, separator) = (some!(args.text(0, row)), some!(args.text(1, row)));
        let at = some!(args.int(2, row));
        let parts: Vec<&str> = if separator.is_empty() { vec![text] } else { text.split(separator).collect() };
        let place = match at {
            0 => return Err(fault("field position must not be zero")),
            1.. => usize::try_from(at - 1).ok(),
            _ => usize::try_from(at.unsigned_abs()).ok().and_then(|back| parts.len().checked_sub(back)),
        };
        Ok(Some(place.and_then(|place| parts.get(place)).copied().unwrap_or_default().to_owned()))
    })
}

/// Bytes as SQL shows them: `\x…`.
pub(super) fn shown_bytes(array: &ArrayRef) -> StringViewArray {
    array.as_binary::<i32>().iter().map(|bytes| bytes.map(|bytes| format!("\\x{}", hex(bytes)))).collect()
}

macro_rules! of_bytes {
    ($gives:expr, $run:expr) => {
        &[takes(&[Kind::Bytes], $gives, $run), takes(&[Kind::Text], $gives, $run)]
    };
}

const TEXT: &[Kind] = &[Kind::Text];
const SHA224: &[Overload] = of_bytes!(gives::bytes, digest::<Sha224>);
const SHA256: &[Overload] = of_bytes!(gives::bytes, digest::<Sha256>);
const SHA384: &[Overload] = of_bytes!(gives::bytes, digest::<Sha384>);
const SHA512: &[Overload] = of_bytes!(gives::bytes, digest::<Sha512>);

/// The functions over text.
pub(super) const FUNCTIONS: &[Function] = &[
    function("repeat", &[takes(&[Kind::Text, Kind::Int], gives::text, repeat)]),
    function(
        "lpad",
        &[
            takes(&[Kind::Text, Kind::Int], gives::text, lpad),
            takes(&[Kind::Text, Kind::Int, Kind::Text], gives::text, lpad),
        ],
    ),
    function(
        "rpad",
        &[
            takes(&[Kind::Text, Kind::Int], gives::text, rpad),
            takes(&[Kind::Text, Kind::Int, Kind::Text], gives::text, rpad),
        ],
    ),
    function("md5", of_bytes!(gives::text, md5)),
    function("sha224", SHA224),
    function("sha256", SHA256),
    function("sha384", SHA384),
    function("sha512", SHA512),
    function(
        "encode",
        &[
            takes(&[Kind::Bytes, Kind::Text], gives::text, encode),
            takes(&[Kind::Text, Kind::Text], gives::text, encode),
        ],
    ),
    function("decode", &[takes(&[Kind::Text, Kind::Text], gives::bytes, decode)]),
    function("quote_literal", &[takes(&[Kind::Any], gives::text, quote_literal)]),
    function("quote_nullable", &[takes(&[Kind::Any], gives::text, quote_nullable)]),
    function("quote_ident", &[takes(TEXT, gives::text, quote_ident)]),
    function("format", &[Overload { args: TEXT, rest: Some(Kind::Any), gives: gives::text, run: format_text }]),
    function("concat", &[Overload { args: &[Kind::Any], rest: Some(Kind::Any), gives: gives::text, run: concat }]),
    function("concat_ws", &[Overload { args: TEXT, rest: Some(Kind::Any), gives: gives::text, run: concat_ws }]),
    function("split_part", &[takes(&[Kind::Text, Kind::Text, Kind::Int], gives::text, split_part)]),
];

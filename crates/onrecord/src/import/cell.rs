//! One cell of a table: what it says, and how that becomes JSON.

use serde::Deserialize;

/// The type that a text is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Type {
    /// Any text.
    String,
    /// A JSON number.
    Number,
    /// `1`, `0`, and `true`, `false` in any case.
    Boolean,
    /// Any JSON document.
    Json,
    /// RFC 3339, or digits only: seconds, milliseconds or microseconds since 1970.
    Timestamp,
}

/// What a cell says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    /// Nothing: the member is left out.
    Absent,
    /// A text, to be typed.
    Text(&'a str),
    /// A value that has its type already, as JSON text.
    Json(&'a str),
}

/// Why a cell is not of its type. It never holds the cell's content.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mismatch(pub(super) &'static str);

impl Type {
    /// Writes `cell` as JSON of this type.
    pub(super) fn write(self, cell: Cell<'_>, out: &mut Vec<u8>) -> Result<(), Mismatch> {
        match (self, cell) {
            (_, Cell::Absent) => out.extend_from_slice(b"null"),
            (Self::String, Cell::Json(json)) if !json.starts_with(['"', '{', '[']) => write_text(json, out),
            (_, Cell::Json(json)) => out.extend_from_slice(json.as_bytes()),
            (Self::String, Cell::Text(text)) => write_text(text, out),
            (Self::Number, Cell::Text(text)) => out.extend_from_slice(number(text)?.as_bytes()),
            (Self::Boolean, Cell::Text(text)) => out.extend_from_slice(boolean(text)?.as_bytes()),
            (Self::Json, Cell::Text(text)) => {
                serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|_| Mismatch("not a JSON document"))?;
                // A line break would end the line that this record becomes.
                out.extend(text.bytes().map(|byte| if byte == b'\n' || byte == b'\r' { b' ' } else { byte }));
            }
            (Self::Timestamp, Cell::Text(text)) => write_timestamp(text, out)?,
        }
        Ok(())
    }
}

/// Writes a text by what it looks like: a number that can be recorded as it stands, a boolean, else a string.
pub(super) fn write_by_content(cell: Cell<'_>, out: &mut Vec<u8>) {
    match cell {
        Cell::Absent => out.extend_from_slice(b"null"),
        Cell::Json(json) => out.extend_from_slice(json.as_bytes()),
        Cell::Text(text) if matches!(text, "true" | "false") || number(text).is_ok() => {
            out.extend_from_slice(text.as_bytes());
        }
        Cell::Text(text) => write_text(text, out),
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("writing a string to memory cannot fail");
}

fn number(text: &str) -> Result<&str, Mismatch> {
    match onrecord_record::number_problem(text) {
        _ if !is_number(text) => Err(Mismatch("not a number")),
        Some(problem) => Err(Mismatch(problem)),
        None => Ok(text),
    }
}

fn boolean(text: &str) -> Result<&'static str, Mismatch> {
    match text {
        "1" => Ok("true"),
        "0" => Ok("false"),
        _ if text.eq_ignore_ascii_case("true") => Ok("true"),
        _ if text.eq_ignore_ascii_case("false") => Ok("false"),
        _ => Err(Mismatch("not a boolean (1, 0, true, false)")),
    }
}

fn write_timestamp(text: &str, out: &mut Vec<u8>) -> Result<(), Mismatch> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return write_instant(since_1970(text)?, out);
    }
    match onrecord_record::Timestamp::parse_sent(text) {
        // What the text says beyond the timestamp is kept by who records it.
        Some((_, true)) => write_text(text, out),
        Some((instant, false)) => write_instant(instant, out)?,
        None => return Err(Mismatch("not a time (RFC 3339, or digits: seconds, ms or µs since 1970)")),
    }
    Ok(())
}

/// 2000-01-01 and 2100-01-01 in seconds since 1970. What stands for a time outside is a date without hyphens, a number of
/// days, or no time at all.
const PLAUSIBLE_SECONDS: std::ops::Range<i64> = 946_684_800..4_102_444_800;

/// The time that digits stand for. Its unit is told by its size: no number is a plausible time in two of them.
fn since_1970(digits: &str) -> Result<onrecord_record::Timestamp, Mismatch> {
    let number: i64 = digits.parse().map_err(|_| IMPLAUSIBLE)?;
    let micros_each = [1_000_000, 1_000, 1].into_iter().find(|micros_each| {
        let per_second = 1_000_000 / micros_each;
        PLAUSIBLE_SECONDS.contains(&number.div_euclid(per_second))
    });
    micros_each.map(|micros| onrecord_record::Timestamp::from_micros(number * micros)).ok_or(IMPLAUSIBLE)
}

const IMPLAUSIBLE: Mismatch =
    Mismatch("digits that are no time from 2000 to 2099, as seconds, ms or µs since 1970; write it as RFC 3339");

fn write_instant(instant: onrecord_record::Timestamp, out: &mut Vec<u8>) -> Result<(), Mismatch> {
    write_text(&instant.to_string(), out);
    Ok(())
}

/// Whether `text` is a number in the grammar of JSON (RFC 8259 §6).
fn is_number(text: &str) -> bool {
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = text.as_bytes();
    rest = rest.strip_prefix(b"-").unwrap_or(rest);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest[0] == b'0') {
        return false;
    }
    rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let places = digits(fraction);
        if places == 0 {
            return false;
        }
        rest = &fraction[places..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        return !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_content(text: &str) -> String {
        let mut out = Vec::new();
        write_by_content(Cell::Text(text), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_text_is_typed_by_what_it_looks_like() {
        for number in ["0", "-1", "12.50", "1e3", "9007199254740993", "-19876543210987654321"] {
            assert_eq!(by_content(number), number);
        }
        for text in ["007", "1,5", "+1", ".5", "1.", "1e", "1e999", "1e-999", "NaN", "True", ""] {
            assert_eq!(by_content(text), format!("\"{text}\""));
        }
        assert_eq!(by_content("true"), "true");
    }

    #[test]
    fn v2_a_number_that_would_be_rounded_stays_the_text_that_it_is_or_is_refused() {
        let too_long = "7".repeat(39);
        for text in ["123456789012345.123456789", "0.10000000000000001", too_long.as_str()] {
            assert_eq!(by_content(text), format!("\"{text}\""));
            let refused = Type::Number.write(Cell::Text(text), &mut Vec::new()).unwrap_err();
            assert!(refused.0.ends_with("send it as a string"), "{refused:?}");
        }
    }

    #[test]
    fn a_type_refuses_what_it_does_not_accept_without_repeating_it() {
        let typed = |cell_type: Type, text: &str| {
            let mut out = Vec::new();
            cell_type.write(Cell::Text(text), &mut out).map(|()| String::from_utf8(out).unwrap())
        };
        assert_eq!(typed(Type::Boolean, "TRUE").unwrap(), "true");
        assert_eq!(typed(Type::Boolean, "0").unwrap(), "false");
        assert_eq!(typed(Type::Number, "12 apples"), Err(Mismatch("not a number")));
        assert_eq!(typed(Type::Json, "{\"a\":\n1}").unwrap(), "{\"a\": 1}");
        for (digits, time) in [
            ("946684800", "2000-01-01T00:00:00.000000Z"),
            ("1709208000", "2024-02-29T12:00:00.000000Z"),
            ("1709208000123", "2024-02-29T12:00:00.123000Z"),
            ("1709208000123456", "2024-02-29T12:00:00.123456Z"),
            ("4102444799999", "2099-12-31T23:59:59.999000Z"),
        ] {
            assert_eq!(typed(Type::Timestamp, digits).unwrap(), format!("\"{time}\""));
        }
        let no_times = ["0", "20240229", "946684799", "4102444800", "1709208000123456789", "99999999999999999999"];
        for digits in no_times {
            assert_eq!(typed(Type::Timestamp, digits), Err(IMPLAUSIBLE), "{digits}");
        }
        assert_eq!(typed(Type::Timestamp, "2024-02-29 12:00:00").unwrap(), "\"2024-02-29T12:00:00.000000Z\"");
        assert!(typed(Type::Timestamp, "2023-02-29").is_err());
        for says_more in ["2024-02-29T12:00:00.123456789Z", "2024-02-29 14:00:00+02:00"] {
            assert_eq!(typed(Type::Timestamp, says_more).unwrap(), format!("\"{says_more}\""), "v4");
        }
    }
}

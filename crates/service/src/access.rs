//! Reading is on the record: who read, how, what, and how many records.
//!
//! Invariant: what was asked is named without personal data. A person appears as a subject token; a query is kept with
//! every literal and comment taken out, because that is where people's names are.

use crate::detector::Detector;
use crate::vault::SubjectToken;
use onrecord_record::limit;

/// How records were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A query.
    Sql,
    /// One decision.
    Get,
    /// One decision, with the person and sealed fields in plain.
    Reveal,
    /// The evidence of a decision.
    Evidence,
    /// All decisions about a person.
    History,
    /// A copy of all data of a person.
    Export,
    /// A report.
    Report,
}

impl Action {
    /// The word on the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Sql => "sql",
            Action::Get => "get",
            Action::Reveal => "reveal",
            Action::Evidence => "evidence",
            Action::History => "history",
            Action::Export => "export",
            Action::Report => "report",
        }
    }
}

/// What was read.
#[derive(Clone, Copy)]
pub enum What<'a> {
    /// A decision, by its id.
    Decision(&'a str),
    /// A person.
    Subject(SubjectToken),
    /// What a query asks for; only its shape is recorded.
    Sql(&'a str),
    /// A report, by its name.
    Report(&'a str),
}

/// Shows what is recorded, not what was asked.
impl std::fmt::Debug for What<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.recorded())
    }
}

impl What<'_> {
    /// The text on the record.
    pub(crate) fn recorded(self) -> String {
        let text = match self {
            What::Subject(token) => return token.to_string(),
            What::Sql(sql) => sql_shape(sql),
            What::Decision(text) | What::Report(text) => text.to_owned(),
        };
        let mut masked = String::new();
        // A reader may ask for anything, also for an id that was never accepted.
        let text = if Detector::default().mask(&text, &mut masked) { masked } else { text };
        shorten(text)
    }
}

/// Queries can be long, and entries of ours are small.
const SHOWN_BYTES_MAX: usize = limit::ID_CHARS_MAX * 8;

fn shorten(mut text: String) -> String {
    if text.len() > SHOWN_BYTES_MAX {
        let end = (0..=SHOWN_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A query with `?` for every text and number, without comments, and with single spaces.
fn sql_shape(sql: &str) -> String {
    let mut shape = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let word_before = shape.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let skipped = match first {
            '\'' => Some(quoted(rest, '\'')),
            '$' => dollar_quoted(rest),
            '0'..='9' if !word_before => {
                Some(rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).unwrap_or(rest.len()))
            }
            _ => None,
        };
        if let Some(bytes) = skipped {
            shape.push('?');
            rest = &rest[bytes..];
            continue;
        }
        if let Some(bytes) = comment(rest) {
            push_space(&mut shape);
            rest = &rest[bytes..];
            continue;
        }
        // A quoted name is a name: its content stays, and what looks like a literal in it is none.
        let bytes = if first == '"' { quoted(rest, '"') } else { first.len_utf8() };
        if first.is_whitespace() {
            push_space(&mut shape);
        } else {
            shape.push_str(&rest[..bytes]);
        }
        rest = &rest[bytes..];
    }
    shape.truncate(shape.trim_end().len());
    shape
}

fn push_space(shape: &mut String) {
    if !shape.is_empty() && !shape.ends_with(' ') {
        shape.push(' ');
    }
}

/// Bytes of a quoted text at the start of `rest`, its doubled quotes included; all of it if it does not end.
fn quoted(rest: &str, quote: char) -> usize {
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        // A backslash may or may not escape, as the dialect says. Taken as an escape, too much is left out, not too little.
        if character == '\\' && quote == '\'' {
            characters.next();
        } else if character == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    rest.len()
}

/// Bytes of `$tag$ … $tag$` at the start of `rest`, or of a parameter such as `$1`.
fn dollar_quoted(rest: &str) -> Option<usize> {
    let end = 1 + rest[1..].find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len() - 1);
    if rest[end..].starts_with('$') {
        let tag = &rest[..=end];
        return Some(rest[tag.len()..].find(tag).map_or(rest.len(), |at| at + 2 * tag.len()));
    }
    (end > 1).then_some(end)
}

/// Bytes of a comment at the start of `rest`. Block comments nest, as in PostgreSQL.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("--") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (1, 2);
    while depth > 0 {
        let Some(mark) = rest[at..].find(['/', '*']) else { return Some(rest.len()) };
        at += mark;
        depth = match rest.get(at..at + 2) {
            Some("/*") => depth + 1,
            Some("*/") => depth - 1,
            _ => {
                at += 1;
                continue;
            }
        };
        at += 2;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_the_shape_and_drops_the_literals() {
        let shape = |sql: &str| What::Sql(sql).recorded();
        assert_eq!(
            shape(
                "SELECT t1.a,  count(*)\nFROM ai_audit_logs WHERE user_id = 'O''Brien' AND confidence < 0.70 LIMIT 100;"
            ),
            "SELECT t1.a, count(*) FROM ai_audit_logs WHERE user_id = ? AND confidence < ? LIMIT ?;"
        );
        assert_eq!(shape("select 1 -- jane\n, $$jane$$, $x$jane$x$, $1 /* jane /* or */ joe */"), "select ? , ?, ?, ?");
        assert_eq!(
            shape("select input_features->>'name' from \"my'table\""),
            "select input_features->>? from \"my'table\""
        );
        assert_eq!(shape("select 'unterminated jane"), "select ?");
        assert_eq!(shape("select E'it\\'s jane' , 'b'"), "select E? , ?");
        assert!(shape(&"x".repeat(10_000)).len() < 3000);
    }

    #[test]
    fn masks_what_is_asked_for() {
        assert_eq!(What::Decision("jane@example.com").recorded(), "[email]");
        assert_eq!(What::Decision("loan-17").recorded(), "loan-17");
    }

    proptest! {
        /// Whatever stands in a literal, nothing of it is recorded.
        #[test]
        fn no_literal_survives(before in "[a-z =]{0,10}", secret in "[a-zA-Z0-9 '$\\-/*\u{e4}]{0,30}", after in "[a-z =,]{0,10}") {
            let sql = format!("{before}'#{}#'{after}", secret.replace('\'', "''"));
            prop_assert!(!What::Sql(&sql).recorded().contains('#'));
        }
    }
}

//! Reading is on the record: who read, how, what, and how many records.
//!
//! Invariant: what was asked is named without personal data. An id stays as it is only when a decision has it, because
//! intake looked at that one; whatever else was asked for may be a person's and becomes a keyed token. A query is kept
//! with every literal, comment and unusual name taken out, because that is where people's names are.

use crate::detector::Detector;
use crate::vault::FieldKeys;
use onrecord_record::limit;

/// How records were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A query.
    Sql,
    /// A query that compares or shows user ids in plain.
    RevealSql,
    /// One decision.
    Get,
    /// One decision, with the person and sealed fields in plain.
    Reveal,
    /// The evidence of a decision.
    Evidence,
}

impl Action {
    /// The word on the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Sql => "sql",
            Action::RevealSql => "reveal_sql",
            Action::Get => "get",
            Action::Reveal => "reveal",
            Action::Evidence => "evidence",
        }
    }
}

/// What was read.
#[derive(Clone, Copy)]
pub enum What<'a> {
    /// A decision that is there, by its id.
    Decision(&'a str),
    /// A decision that is not there, by the id that was asked for; only a keyed token of it is recorded.
    Unknown(&'a str),
    /// What a query asks for; only its shape is recorded.
    Sql(&'a str),
}

/// Shows nothing of what was asked.
impl std::fmt::Debug for What<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            What::Decision(_) => "Decision(…)",
            What::Unknown(_) => "Unknown(…)",
            What::Sql(_) => "Sql(…)",
        })
    }
}

impl What<'_> {
    /// The text on the record. `tenant` makes the token of an unknown id: equal ids can be told to be equal, and whoever
    /// knows one can find it, with the key.
    pub(crate) fn recorded(self, tenant: &FieldKeys) -> String {
        let text = match self {
            What::Unknown(id) => {
                let mut token = String::new();
                tenant.token(id.as_bytes(), &mut token);
                return token;
            }
            What::Sql(sql) => sql_shape(sql),
            What::Decision(id) => id.to_owned(),
        };
        let mut masked = String::new();
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

/// A query with `?` for every text and number and `"?"` for every quoted name that is not a plain one, without comments,
/// and with single spaces. Read as PostgreSQL reads it: a text that we took to end elsewhere would leak what follows.
fn sql_shape(sql: &str) -> String {
    let mut shape = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let word_before = shape.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let skipped = match first {
            '\'' => Some(quoted(rest, '\'', escapes(&shape))),
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
        let bytes = if first == '"' { quoted(rest, '"', false) } else { first.len_utf8() };
        match first {
            // `AS "Jane Doe"` says more than which column it is.
            '"' => shape.push_str(if is_plain_name(&rest[..bytes]) { &rest[..bytes] } else { "\"?\"" }),
            _ if first.is_whitespace() => push_space(&mut shape),
            _ => shape.push(first),
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

/// Whether a quoted name is one that needs no quotes: `[a-z_][a-z0-9_]*`.
fn is_plain_name(quoted: &str) -> bool {
    let name = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default();
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// Whether a text that follows `shape` is an `E'…'`, the only one in which a backslash escapes.
fn escapes(shape: &str) -> bool {
    let before = shape.strip_suffix(['e', 'E']);
    before.is_some_and(|before| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$'))
}

/// Bytes of a quoted text at the start of `rest`, its doubled quotes included; all of it if it does not end.
fn quoted(rest: &str, quote: char, escapes: bool) -> usize {
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' && escapes {
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

    fn recorded(what: What<'_>) -> String {
        what.recorded(&FieldKeys::new(&[7; 32]))
    }

    fn shape(sql: &str) -> String {
        recorded(What::Sql(sql))
    }

    #[test]
    fn keeps_the_shape_and_drops_the_literals() {
        assert_eq!(
            shape(
                "SELECT t1.a,  count(*)\nFROM ai_audit_logs WHERE user_id = 'O''Brien' AND confidence < 0.70 LIMIT 100;"
            ),
            "SELECT t1.a, count(*) FROM ai_audit_logs WHERE user_id = ? AND confidence < ? LIMIT ?;"
        );
        assert_eq!(shape("select 1 -- jane\n, $$jane$$, $x$jane$x$, $1 /* jane /* or */ joe */"), "select ? , ?, ?, ?");
        assert_eq!(shape("select 'unterminated jane"), "select ?");
        assert_eq!(shape("select E'it\\'s jane' , 'b'"), "select E? , ?");
        assert_eq!(shape("select 'a\\' , 'jane'"), "select ? , ?", "no escape without the E");
        assert_eq!(shape("select one'a\\' , 'jane'"), "select one? , ?");
        assert!(shape(&"x".repeat(10_000)).len() < 3000);
    }

    #[test]
    fn keeps_plain_quoted_names_only() {
        assert_eq!(
            shape("select input_features->>'name' as \"max.mustermann\" from \"ai_audit_logs\" as \"_t1\""),
            "select input_features->>? as \"?\" from \"ai_audit_logs\" as \"_t1\""
        );
        for name in ["\"my'table\"", "\"Max\"", "\"7of9\"", "\"\"", "\"a\"\"b\"", "\"m\u{fc}ller\"", "\"open"] {
            assert_eq!(shape(&format!("select {name}")), "select \"?\"", "{name}");
        }
        assert_eq!(shape("select \"it's\", 'jane', \"x\""), "select \"?\", ?, \"x\"");
    }

    #[test]
    fn an_id_stays_only_when_it_is_one() {
        assert_eq!(recorded(What::Decision("loan-17")), "loan-17");
        assert_eq!(recorded(What::Decision("jane@example.com")), "[email]");
        let token = recorded(What::Unknown("max.mustermann"));
        assert!(token.starts_with("tok_") && token.len() == 20, "{token}");
        assert_eq!(token, recorded(What::Unknown("max.mustermann")));
        assert_ne!(token, recorded(What::Unknown("max.musterfrau")));
        assert_ne!(token, What::Unknown("max.mustermann").recorded(&FieldKeys::new(&[8; 32])));
        let shown = format!("{:?}", [What::Unknown("max"), What::Decision("max"), What::Sql("max")]);
        assert!(!shown.contains("max"), "{shown}");
    }

    proptest! {
        /// Whatever stands in a literal, nothing of it is recorded.
        #[test]
        fn no_literal_survives(
            before in "[a-z =]{0,10} ",
            secret in "[a-zA-Z0-9 '\"$\\-/*\\\\\u{e4}]{0,30}",
            after in "[a-z =,]{0,10}",
        ) {
            let sql = format!("{before}'#{}#'{after}", secret.replace('\'', "''"));
            prop_assert!(!shape(&sql).contains('#'));
            let sql = format!("{before}\"#{}#\"{after}'#'", secret.replace('"', "\"\""));
            prop_assert!(!shape(&sql).contains('#'));
        }
    }
}

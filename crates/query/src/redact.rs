//! A query without what it says about anybody: for the record of who asked what, and for messages.
//!
//! What holds: it is read by the very tokenizer that the planner reads it by, so that what is a literal there is one here,
//! and nothing that follows it leaks. What comes after the place where it is no SQL any more is left out whole.

use datafusion::logical_expr::sqlparser::dialect::PostgreSqlDialect;
use datafusion::logical_expr::sqlparser::tokenizer::{Token, Tokenizer};

/// What stands for anything that is left out.
const REDACTED: &str = "?";

/// Words that may stand between a column and the values that it is compared with.
const BETWEEN: [&str; 6] = ["in", "not", "any", "all", "some", "array"];

/// Words before which a column's name ends.
const CLAUSES: [&str; 12] =
    ["select", "from", "where", "on", "and", "or", "having", "case", "when", "then", "else", "limit"];

/// The query's shape: `?` for every text, number and parameter, `"?"` for every quoted name that is not a plain one, no
/// comments, single spaces.
pub fn redacted(sql: &str) -> String {
    redacted_but(sql, |_, _| None)
}

/// The same, with what `name` gives in place of a text that is compared with a column (`=`, `<>`, `IN`), by the column's name
/// in small letters and the text. What it gives must say nothing about anybody.
pub fn redacted_but(sql: &str, mut name: impl FnMut(&str, &str) -> Option<String>) -> String {
    let (tokens, is_whole) = tokenize(sql);
    let mut named: Vec<Option<String>> =
        compared(&tokens).into_iter().map(|(column, text)| name(&column?, text?)).collect();
    let mut shape = String::with_capacity(sql.len());
    for (at, token) in tokens.into_iter().enumerate() {
        if let Some(name) = named[at].take() {
            shape.push_str(&format!("'{name}'"));
            continue;
        }
        match token {
            // Comments are white space, too.
            Token::Whitespace(_) => push_space(&mut shape),
            Token::Word(word) => match word.quote_style {
                None => shape.push_str(&word.value),
                // `AS "Jane Doe"` says more than which column it is.
                Some(_) if is_plain_name(&word.value) => shape.push_str(&format!("\"{}\"", word.value)),
                Some(_) => shape.push_str("\"?\""),
            },
            token if is_literal(&token) => shape.push_str(REDACTED),
            token => shape.push_str(&token.to_string()),
        }
    }
    if !is_whole {
        push_space(&mut shape);
        shape.push_str(REDACTED);
    }
    shape.truncate(shape.trim_end().len());
    shape
}

/// For each token that is a text: the column that it is compared with, as far as that can be told without a parser, and the
/// text.
fn compared(tokens: &[Token]) -> Vec<(Option<String>, Option<&str>)> {
    let mut column: Option<String> = None;
    let mut is_cast = false;
    let mut found = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate() {
        let mut here = (None, None);
        match token {
            Token::Whitespace(_) => {}
            Token::Word(_) if is_cast => is_cast = false,
            Token::Word(word) => match word.value.to_lowercase() {
                between if BETWEEN.contains(&between.as_str()) => {}
                clause if CLAUSES.contains(&clause.as_str()) => column = None,
                name => column = Some(name),
            },
            Token::DoubleColon => is_cast = true,
            Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => {
                here = (column.clone().or_else(|| column_after(&tokens[at + 1..])), Some(text.as_str()));
            }
            Token::Eq
            | Token::Neq
            | Token::LParen
            | Token::RParen
            | Token::LBracket
            | Token::RBracket
            | Token::Comma
            | Token::Period => {}
            _ => column = None,
        }
        found.push(here);
    }
    found
}

/// The column of `'text' = table.column`.
fn column_after(tokens: &[Token]) -> Option<String> {
    let mut tokens = tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_)));
    let is_compared = matches!(tokens.next(), Some(Token::Eq | Token::Neq));
    let mut name = None;
    let mut is_name_due = true;
    for token in tokens.take_while(|_| is_compared) {
        match token {
            Token::Word(word) if is_name_due => name = Some(word.value.to_lowercase()),
            Token::Period if !is_name_due => {}
            _ => break,
        }
        is_name_due = !is_name_due;
    }
    name
}

/// The query's tokens, up to where it is no SQL any more.
pub(super) fn tokens(sql: &str) -> Vec<Token> {
    tokenize(sql).0
}

fn tokenize(sql: &str) -> (Vec<Token>, bool) {
    let mut tokens = Vec::new();
    let read = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location_into_buf(&mut tokens);
    (tokens.into_iter().map(|token| token.token).collect(), read.is_ok())
}

/// Whether the token holds a value. Everything that is no word, no white space, and no punctuation does.
fn is_literal(token: &Token) -> bool {
    let text = token.to_string();
    let punctuation = text.chars().all(|character| character.is_ascii_punctuation());
    !punctuation || text.contains(['\'', '"', '$'])
}

/// Whether a quoted name is one that needs no quotes: `[a-z_][a-z0-9_]*`.
fn is_plain_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

fn push_space(shape: &mut String) {
    if !shape.is_empty() && !shape.ends_with(' ') {
        shape.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::redacted;
    use proptest::prelude::*;

    #[test]
    fn keeps_the_shape_and_drops_the_literals() {
        for (sql, shape) in [
            (
                "SELECT t1.a,  count(*)\nFROM ai_audit_logs WHERE user_id = 'O''Brien' AND confidence < 0.70 LIMIT 100;",
                "SELECT t1.a, count(*) FROM ai_audit_logs WHERE user_id = ? AND confidence < ? LIMIT ?;",
            ),
            ("select 1 -- jane\n, $$jane$$, $x$jane$x$, $1 /* jane /* or */ joe */", "select ? , ?, ?, ?"),
            ("select 'unterminated jane", "select ?"),
            ("select \"unterminated jane", "select ?"),
            ("select E'it\\'s jane' , 'b'", "select ? , ?"),
            ("select 'a\\' , 'jane'", "select ? , ?"),
            ("select U&'jane' , X'6a616e65', B'01', N'jane'", "select ? , ?, ?, ?"),
            ("select a->>'b', a @> '{\"jane\":1}', x::text, -1.5e3", "select a->>?, a @> ?, x::text, -?"),
            ("select a #>> '{jane}', a ? 'jane', b <= 2, c || 'x'", "select a #>> ?, a ? ?, b <= ?, c || ?"),
        ] {
            assert_eq!(redacted(sql), shape, "{sql}");
        }
    }

    #[test]
    fn names_what_a_column_is_compared_with() {
        let name = |column: &str, text: &str| match (column, text) {
            ("user_id", "jane") => Some("sub_1".to_owned()),
            ("decision_id", text) => Some(format!("tok_{}", text.len())),
            _ => None,
        };
        for (sql, shape) in [
            ("SELECT 1 WHERE user_id = 'jane'", "SELECT ? WHERE user_id = 'sub_1'"),
            ("SELECT 'jane' WHERE d.\"user_id\"<>'jane'", "SELECT ? WHERE d.\"user_id\"<>'sub_1'"),
            ("WHERE USER_ID IN ('joe','jane')", "WHERE USER_ID IN (?,'sub_1')"),
            ("WHERE decision_id = ANY(ARRAY['abc', 'd'])", "WHERE decision_id = ANY(ARRAY['tok_3', 'tok_1'])"),
            ("WHERE user_id::text = E'jane'", "WHERE user_id::text = 'sub_1'"),
            ("WHERE lower(user_id) = 'jane'", "WHERE lower(user_id) = 'sub_1'"),
            ("WHERE 1 = 1 AND 'jane' = d.user_id", "WHERE ? = ? AND 'sub_1' = d.user_id"),
            ("WHERE a->>'user_id' = 'jane'", "WHERE a->>? = ?"),
            ("WHERE user_id LIKE 'jane'", "WHERE user_id LIKE ?"),
            ("WHERE user_id = 'jane' AND city = 'jane'", "WHERE user_id = 'sub_1' AND city = ?"),
        ] {
            assert_eq!(super::redacted_but(sql, name), shape, "{sql}");
        }
    }

    #[test]
    fn keeps_plain_quoted_names_only() {
        assert_eq!(
            redacted("select input_features->>'name' as \"max.mustermann\" from \"ai_audit_logs\" as \"_t1\""),
            "select input_features->>? as \"?\" from \"ai_audit_logs\" as \"_t1\""
        );
        for name in ["\"my'table\"", "\"Max\"", "\"7of9\"", "\"a\"\"b\"", "\"m\u{fc}ller\""] {
            assert_eq!(redacted(&format!("select {name}")), "select \"?\"", "{name}");
        }
        assert_eq!(redacted("select \"it's\", 'jane', \"x\""), "select \"?\", ?, \"x\"");
    }

    proptest! {
        /// Whatever stands in a literal, nothing of it is kept.
        #[test]
        fn no_literal_survives(
            before in "[a-z =]{0,10} ",
            secret in "[a-zA-Z0-9 '\"$\\-/*\\\\\u{e4}]{0,30}",
            after in "[a-z =,]{0,10}",
        ) {
            let sql = format!("{before}'#{}#'{after}", secret.replace('\'', "''"));
            prop_assert!(!redacted(&sql).contains('#'), "{}", redacted(&sql));
            let sql = format!("{before}\"#{}#\"{after}'#'", secret.replace('"', "\"\""));
            prop_assert!(!redacted(&sql).contains('#'), "{}", redacted(&sql));
            let sql = format!("{before}$tag$#{}#$tag${after}", secret.replace('$', ""));
            prop_assert!(!redacted(&sql).contains('#'), "{}", redacted(&sql));
        }
    }
}

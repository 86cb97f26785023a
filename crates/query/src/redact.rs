//! A query without what it says about anybody: for the record of who asked what, and for messages.
//!
//! What holds: it is read by the very tokenizer that the planner reads it by, so that what is a literal there is one here,
//! and nothing that follows it leaks. What comes after the place where it is no SQL any more is left out whole.

use datafusion::logical_expr::sqlparser::dialect::PostgreSqlDialect;
use datafusion::logical_expr::sqlparser::tokenizer::{Token, Tokenizer};

/// What stands for anything that is left out.
const REDACTED: &str = "?";

/// The query's shape: `?` for every text, number and parameter, `"?"` for every quoted name that is not a plain one, no
/// comments, single spaces.
pub fn redacted(sql: &str) -> String {
    let (tokens, is_whole) = tokenize(sql);
    let mut shape = String::with_capacity(sql.len());
    for token in tokens {
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

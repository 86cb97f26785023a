//! What a message about a query says: no literal of it, and the names that were perhaps meant.
//!
//! What holds: a string literal of the query does not stand in its message, as it was written, as its value, or as
//! DataFusion shows one. It is taken out only where it stands by itself: the letters of `'a'` are in most words. A name
//! is suggested only when it is near.

use super::redact::tokens;
use super::table::TABLES;
use datafusion::common::utils::datafusion_strsim::levenshtein;
use datafusion::common::{Column, SchemaError};
use datafusion::logical_expr::sqlparser::tokenizer::Token;

/// Names that one message suggests.
const SUGGESTED_MAX: usize = 3;

/// What is said of a subquery that DataFusion has no way to run.
const NO_SUBQUERY: &str = "this kind of subquery is not supported: EXISTS, IN and a subquery that gives one value may stand \
    in WHERE, and may use columns of the outer query in equalities only; a join says the rest";

/// How DataFusion shows a text in an expression, up to the text.
const SHOWN_TEXTS: [&str; 3] = ["Utf8(\"", "Utf8View(\"", "LargeUtf8(\""];

/// A message of the planner without literals, without the engine's own names, and with near names only.
pub(super) fn of_plan(sql: &str, message: &str) -> String {
    if let Some(table) = message.strip_prefix("table '").and_then(|rest| rest.strip_suffix("' not found")) {
        let table = table_name(table);
        let meant = near(&table, TABLES.iter().map(|table| table.name));
        return format!("there is no table {}; {}", name(sql, &table), meant_or(&meant, "SHOW TABLES lists them"));
    }
    if let Some((problem, meant)) = message.split_once(".\nDid you mean '")
        && let Some(asked) = problem.strip_prefix("Invalid function '").and_then(|rest| rest.strip_suffix('\''))
    {
        let meant = near(asked, meant.strip_suffix("'?"));
        let more = "docs/sql.md lists what there is";
        return format!("there is no function {}; {}", name(sql, asked), meant_or(&meant, more));
    }
    if message.starts_with("Physical plan does not support logical expression") {
        return NO_SUBQUERY.to_owned();
    }
    blot(sql, &table_name(message))
}

/// A message about a column.
pub(super) fn of_schema(sql: &str, error: &SchemaError) -> String {
    let SchemaError::FieldNotFound { field, valid_fields } = error else { return of_plan(sql, &error.to_string()) };
    let fits = |valid: &&Column| match (&field.relation, &valid.relation) {
        (Some(asked), Some(valid)) => asked.table() == valid.table(),
        _ => true,
    };
    let mut problem = "there is no column ".to_owned();
    if let Some(relation) = &field.relation {
        problem += &format!("{}.", name(sql, relation.table()));
    }
    problem += &name(sql, &field.name);
    let meant = near(&field.name, valid_fields.iter().filter(fits).map(Column::name));
    match (read_table(sql), meant.is_empty()) {
        (Some(table), false) => format!("{problem}; did you mean {}? DESCRIBE {table} shows all", meant.join(" or ")),
        (Some(table), true) => format!("{problem}; DESCRIBE {table} shows those there are"),
        (None, false) => format!("{problem}; did you mean {}?", meant.join(" or ")),
        (None, true) => problem,
    }
}

fn meant_or(meant: &[&str], otherwise: &str) -> String {
    if meant.is_empty() { otherwise.to_owned() } else { format!("did you mean {}?", meant.join(" or ")) }
}

/// A name that was not found, as it is if the query has it as a name: one that was written as a literal is blotted out.
fn name(sql: &str, asked: &str) -> String {
    let parts = |word: &str| asked.split('.').chain([asked]).any(|part| part.eq_ignore_ascii_case(word));
    let written = tokens(sql).iter().any(|token| matches!(token, Token::Word(word) if parts(&word.value)));
    if written { asked.to_owned() } else { blot(sql, asked) }
}

/// The text without the catalogue and schema that every table of ours is in.
fn table_name(text: &str) -> String {
    text.replace("onrecord.public.", "")
}

/// The nearest names, best first, if they are so near that they were perhaps meant: a letter in three may differ.
fn near<'a>(asked: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let asked = asked.to_lowercase();
    let distance = |name: &'a str| (levenshtein(&asked, &name.to_lowercase()), name);
    // A name of one or two letters is near to every other such name.
    let differ_max = (asked.chars().count() / 3).min(4);
    let mut near: Vec<_> = names.into_iter().map(distance).filter(|(differ, _)| *differ <= differ_max).collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(SUGGESTED_MAX).map(|(_, name)| name).collect()
}

/// The first table of ours that the query names.
fn read_table(sql: &str) -> Option<&'static str> {
    tokens(sql).into_iter().find_map(|token| match token {
        Token::Word(word) => TABLES.iter().map(|table| table.name).find(|name| name.eq_ignore_ascii_case(&word.value)),
        _ => None,
    })
}

/// The message with the query's string literals blotted out: they may be user ids.
pub(super) fn blot(sql: &str, message: &str) -> String {
    let mut literals = Vec::new();
    for token in tokens(sql) {
        let text = match token {
            Token::SingleQuotedString(text)
            | Token::EscapedStringLiteral(text)
            | Token::NationalStringLiteral(text)
            | Token::UnicodeStringLiteral(text)
            | Token::SingleQuotedByteStringLiteral(text)
            | Token::HexStringLiteral(text) => text,
            Token::DollarQuotedString(text) => text.value,
            _ => continue,
        };
        let escaped = format!("{text:?}");
        literals.extend([text.replace('\'', "''"), escaped[1..escaped.len() - 1].to_owned(), text]);
    }
    literals.retain(|literal| !literal.is_empty());
    literals.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    literals.dedup();
    let message = SHOWN_TEXTS.iter().fold(message.to_owned(), |message, opening| without_shown(&message, opening));
    literals.iter().fold(message, |message, literal| without_literal(&message, literal))
}

/// The message without the texts that DataFusion shows after `opening`, whatever they are: it may have made them of a
/// literal.
fn without_shown(message: &str, opening: &str) -> String {
    let mut kept = String::with_capacity(message.len());
    let mut rest = message;
    while let Some((before, shown)) = rest.split_once(opening) {
        kept.push_str(before);
        kept.push_str(opening);
        kept.push('…');
        // Without its end, what follows may be the text's own.
        rest = shown.find("\")").map_or("", |end| &shown[end..]);
    }
    kept.push_str(rest);
    kept
}

/// The message without the literal, wherever it is not a part of a longer word.
fn without_literal(message: &str, literal: &str) -> String {
    let is_word = |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let joins = |left: Option<char>, right: Option<char>| is_word(left) && is_word(right);
    let mut kept = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = rest.find(literal) {
        let end = at + literal.len();
        let before = rest[..at].chars().next_back().or_else(|| kept.chars().next_back().filter(|_| at == 0));
        let inside =
            joins(before, literal.chars().next()) || joins(literal.chars().next_back(), rest[end..].chars().next());
        if inside {
            // The next place may begin inside of this one.
            let next = at + literal.chars().next().map_or(1, char::len_utf8);
            kept.push_str(&rest[..next]);
            rest = &rest[next..];
        } else {
            kept.push_str(&rest[..at]);
            kept.push('…');
            rest = &rest[end..];
        }
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s7_a_literal_is_taken_out_where_it_stands_by_itself() {
        let message = "Invalid function 'repeat' of Utf8(\"a\")";
        assert_eq!(blot("SELECT repeet('a')", message), "Invalid function 'repeat' of Utf8(\"…\")");
        assert_eq!(blot("SELECT 'jane'", "Expected: an end, found: 'jane'"), "Expected: an end, found: '…'");
        assert_eq!(blot("SELECT 'jane'", "jane, (jane) and jane"), "…, (…) and …");
        assert_eq!(blot("SELECT 'jane'", "janet"), "janet");
        assert_eq!(blot("SELECT 'ana'", "banana ana"), "banana …");
        assert_eq!(blot("SELECT 'a b', 'a'", "found 'a b' or 'a'"), "found '…' or '…'");
    }

    #[test]
    fn a_literal_is_taken_out_as_it_is_written_and_as_it_is_shown() {
        assert_eq!(blot("SELECT 'O''Brien'", "found: 'O''Brien', O'Brien"), "found: '…', …");
        assert_eq!(blot("SELECT 'a\"b'", "like \"a\\\"b\""), "like \"…\"");
        assert_eq!(blot("SELECT $$jane$$, E'joe', X'AB'", "jane joe AB"), "… … …");
        assert_eq!(
            blot("SELECT 'j%'", "Utf8View(\"^j.*$\") = Utf8(\"it's \\\") x\")"),
            "Utf8View(\"…\") = Utf8(\"…\") x\")"
        );
        assert_eq!(blot("SELECT 'jane', 'open", "jane"), "…", "also before what is no SQL");
    }

    #[test]
    fn s16_only_a_near_name_is_suggested() {
        let of_function =
            |asked, meant| of_plan("SELECT 1", &format!("Invalid function '{asked}'.\nDid you mean '{meant}'?"));
        assert_eq!(of_function("repeet", "repeat"), "there is no function repeet; did you mean repeat?");
        assert_eq!(
            of_function("justify_hours", "list_cat"),
            "there is no function justify_hours; docs/sql.md lists what there is"
        );
        assert_eq!(near("agee", ["age", "agree", "model_id"]), ["age", "agree"]);
        assert!(near("x", ["id", "v", "n"]).is_empty() && near("ab", ["abc", "a"]).is_empty());
    }
}

//! Whether a text is one condition, so that it can stand in a query of ours and nothing else comes in with it.

use datafusion::logical_expr::sqlparser::dialect::PostgreSqlDialect;
use datafusion::logical_expr::sqlparser::parser::Parser;
use datafusion::logical_expr::sqlparser::tokenizer::Token;

/// Whether the text is a single expression, as it may follow `WHERE`.
pub fn is_condition(sql: &str) -> bool {
    let Ok(mut parser) = Parser::new(&PostgreSqlDialect {}).try_with_sql(sql) else { return false };
    parser.parse_expr().is_ok() && parser.next_token().token == Token::EOF
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_expression_is_a_condition_and_nothing_else() {
        for sql in ["true", "a = 1 OR (b->>'x') = ')'", "x IN (SELECT leaf_index FROM reviews) -- all", "NOT a"] {
            assert!(is_condition(sql), "{sql}");
        }
        for sql in ["", "true) OR (true", "a = 1; DROP TABLE b", "a = 1 ORDER BY a", "a, b", "/* a", "(a", "'a"] {
            assert!(!is_condition(sql), "{sql}");
        }
    }
}

//! How large a statement may be: parsing and planning do not give way, so what they can take in time and stack is
//! bounded before they begin.
//!
//! The bounds are far above what people and programs write, and far below what does harm.

use super::error::Error;
use datafusion::sql::sqlparser::ast::{ObjectName, Query, Statement, Visit, Visitor};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// The longest SQL text in bytes.
pub const SQL_BYTES_MAX: usize = 256 * 1024;

/// Operators, brackets and clauses in one statement; a SELECT or JOIN counts as `RELATION_WEIGHT`. Each may be a level
/// of the tree that planning walks and that is dropped by recursion, so their number bounds the stack that a statement
/// can take (see `STACK_BYTES`) and, since planning does not give way, the time until it can be stopped.
pub const OPERATORS_MAX: usize = 1_000;

/// A relation costs planning far more than an operator.
const RELATION_WEIGHT: usize = 10;

/// Calls inside calls. The parser reads the arguments of a call twice, so that each level doubles its time.
pub const CALLS_NESTED_MAX: usize = 12;

/// Tables that a statement reads, each WITH counted as often as it is named, since it is planned as often.
const RELATIONS_MAX: usize = 500;

/// The stack of a thread that plans queries: enough for [`OPERATORS_MAX`] levels, also without optimisation.
pub(super) const STACK_BYTES: usize = 64 << 20;

/// Refuses text that is too long or too deep to be parsed and planned without harm.
pub(super) fn check_text(sql: &str) -> Result<(), Error> {
    if sql.len() > SQL_BYTES_MAX {
        return refused(format!("the query has {} bytes; {SQL_BYTES_MAX} are allowed", sql.len()));
    }
    // What is no SQL is told so by the parser, with the place.
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize().unwrap_or_default();
    let operators: usize = tokens.iter().map(weight).sum();
    if operators > OPERATORS_MAX {
        return refused(format!(
            "the query has {operators} operators and brackets; {OPERATORS_MAX} are allowed (IN takes a list of any length)"
        ));
    }
    if calls_nested(&tokens) > CALLS_NESTED_MAX {
        return refused(format!("calls are nested deeper than {CALLS_NESTED_MAX}"));
    }
    Ok(())
}

fn refused(problem: String) -> Result<(), Error> {
    Err(Error::Query { problem, line: 0, column: 0 })
}

/// Refuses statements that a few lines of WITH make too large to be planned.
pub(super) fn check_relations(statement: &Statement) -> Result<(), Error> {
    let mut relations = Relations { open: vec![0], ..Relations::default() };
    let _ = statement.visit(&mut relations);
    match relations.open.first() {
        Some(count) if *count > RELATIONS_MAX => refused(format!(
            "the query reads more than {RELATIONS_MAX} tables, each WITH counted as often as it is named"
        )),
        _ => Ok(()),
    }
}

/// Counts tables while a statement is visited.
#[derive(Default)]
struct Relations {
    /// Tables of the queries that are being visited, the outermost first.
    open: Vec<usize>,
    /// Where the queries of a WITH stand in memory, and what they are named.
    named: HashMap<usize, String>,
    /// Tables of each name of a WITH that was visited.
    counts: HashMap<String, usize>,
}

impl Visitor for Relations {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for table in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.named.insert(std::ptr::from_ref(&*table.query).addr(), table.alias.name.value.to_lowercase());
        }
        self.open.push(0);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let count = self.open.pop().unwrap_or(0);
        match self.named.get(&std::ptr::from_ref(query).addr()) {
            Some(name) => drop(self.counts.insert(name.clone(), count)),
            None => self.add(count),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let count = self.counts.get(&relation.to_string().to_lowercase()).copied().unwrap_or(0);
        self.add(count.max(1));
        ControlFlow::Continue(())
    }
}

impl Relations {
    fn add(&mut self, count: usize) {
        if let Some(open) = self.open.last_mut() {
            *open = open.saturating_add(count);
        }
    }
}

/// The most calls around any token. A bracket after a word opens a call, or something that is no worse.
fn calls_nested(tokens: &[Token]) -> usize {
    let (mut brackets, mut nested, mut deepest) = (Vec::new(), 0, 0);
    let mut after_word = false;
    for token in tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))) {
        match token {
            Token::LParen | Token::LBracket => {
                brackets.push(after_word);
                nested += usize::from(after_word);
                deepest = deepest.max(nested);
            }
            Token::RParen | Token::RBracket => nested -= usize::from(brackets.pop().unwrap_or(false)),
            _ => {}
        }
        after_word = match token {
            Token::Word(word) => !OPENERS.contains(&word.keyword),
            _ => false,
        };
    }
    deepest
}

/// Words before a bracket that is not a call's.
const OPENERS: [Keyword; 14] = [
    Keyword::AND,
    Keyword::OR,
    Keyword::NOT,
    Keyword::IN,
    Keyword::FROM,
    Keyword::JOIN,
    Keyword::WHERE,
    Keyword::SELECT,
    Keyword::AS,
    Keyword::ON,
    Keyword::EXISTS,
    Keyword::WHEN,
    Keyword::THEN,
    Keyword::ELSE,
];

fn weight(token: &Token) -> usize {
    match token {
        Token::Word(word) => match word.keyword {
            Keyword::SELECT | Keyword::JOIN => RELATION_WEIGHT,
            Keyword::AND
            | Keyword::OR
            | Keyword::NOT
            | Keyword::UNION
            | Keyword::EXCEPT
            | Keyword::INTERSECT
            | Keyword::CASE
            | Keyword::WHEN
            | Keyword::IS
            | Keyword::IN
            | Keyword::BETWEEN
            | Keyword::LIKE
            | Keyword::ILIKE
            | Keyword::SIMILAR
            | Keyword::COLLATE
            | Keyword::AT
            | Keyword::EXISTS => 1,
            _ => 0,
        },
        Token::EOF
        | Token::Number(..)
        | Token::Char(_)
        | Token::SingleQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::DollarQuotedString(_)
        | Token::HexStringLiteral(_)
        | Token::Comma
        | Token::Whitespace(_)
        | Token::Period
        | Token::SemiColon
        | Token::RParen
        | Token::RBracket => 0,
        _ => 1,
    }
}

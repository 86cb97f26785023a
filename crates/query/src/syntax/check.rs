//! What the planner would answer otherwise than PostgreSQL, and nothing here writes in other words: it is refused.

use crate::error::Error;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Query, SetExpr, SetOperator, SetQuantifier, Visit, Visitor};
use std::ops::ControlFlow;

/// Refuses a statement by the name of what is not supported.
pub(crate) fn check(statement: &Statement) -> Result<(), Error> {
    let found = match statement {
        Statement::Statement(statement) => statement.visit(&mut Refused),
        Statement::Explain(explain) => return check(&explain.statement),
        _ => return Ok(()),
    };
    match found {
        ControlFlow::Break(name) => {
            let problem = format!("{name} is not supported: number the rows of each side, and join by them");
            Err(Error::Query { problem, line: 0, column: 0 })
        }
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Refused;

impl Visitor for Refused {
    type Break = &'static str;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        operation(&query.body)
    }
}

/// The planner keeps every row that has a match, however often the other side has it.
fn operation(body: &SetExpr) -> ControlFlow<&'static str> {
    let SetExpr::SetOperation { op, set_quantifier, left, right } = body else { return ControlFlow::Continue(()) };
    match (op, set_quantifier) {
        (SetOperator::Except, SetQuantifier::All) => return ControlFlow::Break("EXCEPT ALL"),
        (SetOperator::Intersect, SetQuantifier::All) => return ControlFlow::Break("INTERSECT ALL"),
        _ => {}
    }
    operation(left)?;
    operation(right)
}

//! The statement as it was written, made into one that DataFusion plans, and plans as PostgreSQL does.
//!
//! One file a kind of syntax: [`expression`], [`select`] for what belongs to a whole SELECT, [`set`] for functions that give
//! sets of rows, [`aggregate`] for those that give JSON, [`row`] for whole rows as values, [`order`] for names in ORDER BY, [`schema`] for what says the
//! types of columns. What holds: a statement means the
//! same before and after; what cannot be written otherwise is left to the planner to refuse.

mod aggregate;
mod check;
mod expression;
mod order;
mod row;
mod schema;
mod select;
mod set;

pub(crate) use check::check;
pub(crate) use expression::NANOSECOND_DIGITS;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr, Query, Select, TableFactor, VisitMut, VisitorMut};
use std::ops::ControlFlow;

/// Rewrites a statement in place.
pub(super) fn rewrite(statement: &mut Statement) {
    match statement {
        Statement::Statement(statement) => {
            schema::described(statement);
            let _ = statement.visit(&mut Rewriter::default());
        }
        Statement::Explain(explain) => rewrite(&mut explain.statement),
        _ => {}
    }
}

#[derive(Default)]
struct Rewriter {
    rows: row::Rows,
    scalars: set::Scalars,
}

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        select::name_columns(query);
        select::fetch_as_limit(query);
        self.rows.enter(query);
        order::qualify(query, &self.rows.read_by(query));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        select::type_literals(query);
        self.rows.leave(query);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        select::resolve_positions(select);
        self.scalars.enter(select);
        self.rows.enter_select(select);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _select: &mut Select) -> ControlFlow<()> {
        self.scalars.leave();
        self.rows.leave_select();
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        set::in_from(table);
        schema::in_from(table);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.rows.expand(expr);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        expression::rewrite(expr);
        self.scalars.resolve(expr);
        aggregate::rewrite(expr);
        set::in_select_list(expr);
        set::counted(expr);
        ControlFlow::Continue(())
    }
}

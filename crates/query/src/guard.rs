//! What SQL may do: read the tables of this ledger, and nothing else.
//!
//! There are three layers of defence. The statement must be of a kind that reads ([`check`]); the plan must hold
//! no DDL, DML or session statement (DataFusion's own check); and there is nothing to reach: the object stores of a
//! query hold no file ([`withhold_files`]), no table function reads files, and the catalog takes no new tables.

use super::error::Error;
use super::size::check_relations;
use datafusion::common::Result;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::LogicalPlan;
use datafusion::object_store::memory::InMemory;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::Statement;
use std::sync::Arc;

/// Where scans say that segments are. There is nothing at it.
pub(super) const SEGMENTS_URL: &str = "onrecord://segments";

/// Scalar functions that make large values out of small arguments, outside the memory that is accounted for.
pub(super) const WITHHELD_FUNCTIONS: [&str; 10] = [
    "repeat",
    "lpad",
    "rpad",
    "array_repeat",
    "list_repeat",
    "array_resize",
    "list_resize",
    "generate_series",
    "range",
    "gen_series",
];

/// Refuses statements that are not reads.
pub(super) fn check(statement: &DfStatement) -> Result<(), Error> {
    match statement {
        DfStatement::Statement(statement) => {
            check_relations(statement)?;
            check_sql(statement)
        }
        DfStatement::Explain(explain) => check(&explain.statement),
        DfStatement::CreateExternalTable(_) => Err(Error::NotARead("CREATE EXTERNAL TABLE".to_owned())),
        DfStatement::CopyTo(_) => Err(Error::NotARead("COPY".to_owned())),
        DfStatement::Reset(_) => Err(Error::NotARead("RESET".to_owned())),
    }
}

fn check_sql(statement: &Statement) -> Result<(), Error> {
    match statement {
        Statement::Query(_)
        | Statement::ExplainTable { .. }
        | Statement::ShowTables { .. }
        | Statement::ShowColumns { .. }
        | Statement::ShowFunctions { .. }
        | Statement::ShowVariable { .. } => Ok(()),
        Statement::Explain { statement, .. } => check_sql(statement),
        other => {
            let text = other.to_string();
            let words: Vec<&str> = text.split_whitespace().take_while(|word| is_keyword(word)).take(2).collect();
            Err(Error::NotARead(if words.is_empty() { "this statement".to_owned() } else { words.join(" ") }))
        }
    }
}

fn is_keyword(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Refuses plans that do more than read, whatever statement they came from.
pub(super) fn check_plan(plan: &LogicalPlan) -> Result<(), Error> {
    let reads = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reads.verify_plan(plan).map_err(|_| Error::NotARead("a change of data or of the session".to_owned()))
}

/// Takes away the one store that a new runtime has, the local file system, and puts an empty one where segments are
/// scanned: the source opens segments by itself, but DataFusion asks for a store first.
pub(super) fn withhold_files(runtime: &RuntimeEnv) -> Result<()> {
    runtime.deregister_object_store(ObjectStoreUrl::local_filesystem().as_ref())?;
    runtime.register_object_store(ObjectStoreUrl::parse(SEGMENTS_URL)?.as_ref(), Arc::new(InMemory::new()));
    Ok(())
}

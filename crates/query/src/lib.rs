//! SQL over a ledger: PostgreSQL's dialect, by DataFusion, over segments and tail.
//!
//! The job: [`Engine::query`] takes the SQL text, a [`onrecord_lake::Snapshot`] of what there is to read and what the caller
//! may do ([`QueryContext`]), and gives [`Rows`] as they come. `table` says which tables there are, `adapt` how their
//! columns are read from the columns of one file, `scan` reads them: by an index, from memory (`columns`), or from
//! the segments (`segment`); `late` puts costly columns off, `print` shows rows.
//!
//! What holds: SQL only reads, and only this ledger (`guard`); a query stays within its memory and its time, and
//! leaves nothing on a disk (`engine`); an error holds no record content (`error`).
//!
//! What is left to others: who may ask at all, and recording that they did.

mod adapt;
mod batch;
mod column_name;
mod columns;
mod condition;
mod engine;
mod error;
mod fault;
mod function;
mod guard;
mod identity;
mod json;
mod jsonb;
mod kernel;
mod late;
mod lateral;
mod message;
pub mod print;
mod provider;
mod pushdown;
mod redact;
mod review;
mod review_reader;
mod rows;
mod scan;
mod segment;
mod size;
mod syntax;
mod table;
mod table_scan;
mod watch;

pub use condition::is_condition;
pub use engine::{Engine, QueryContext};
pub use error::Error;
pub use identity::{Identity, IdentityError};
pub use redact::{redacted, redacted_but};
pub use rows::Rows;
pub use size::{CALLS_NESTED_MAX, OPERATORS_MAX, SQL_BYTES_MAX};
pub use table::json_field;

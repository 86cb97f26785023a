//! SQL over a ledger: PostgreSQL's dialect, by DataFusion, over segments and tail.
//!
//! The job: [`Engine::query`] takes the SQL text, a [`onrecord_lake::Snapshot`] of what there is to read and what the caller
//! may do ([`QueryContext`]), and gives [`Rows`] as they come. `table` says which tables there are, `adapt` how their
//! columns are read from the columns of one file, `resident` keeps the cheap ones in memory, `late` puts costly ones
//! off, `print` shows rows.
//!
//! What holds: SQL only reads, and only this ledger (`guard`); a query stays within its memory and its time, and
//! leaves nothing on a disk (`engine`); an error holds no record content (`error`).
//!
//! What is left to others: who may ask at all, and recording that they did.

mod adapt;
mod column_name;
mod desk;
mod engine;
mod error;
mod facts;
mod function;
mod guard;
mod identity;
mod json;
mod kernel;
mod late;
mod lookup;
mod memory;
mod message;
pub mod print;
mod provider;
mod reader;
mod resident;
mod review;
mod rows;
mod scan;
mod size;
mod table;
mod tail;
mod watch;

pub use engine::{Engine, QueryContext};
pub use error::Error;
pub use identity::Identity;
pub use rows::Rows;
pub use size::{CALLS_NESTED_MAX, OPERATORS_MAX, SQL_BYTES_MAX};

//! Answers about decisions: pages of them, reports, explanations.
//!
//! Each report is one file: its SQL, its figures, and its result, which is JSON as it stands. Reports ask through
//! [`Source`], SQL in and Arrow batches out, and know nothing of where the decisions are.

pub mod decisions;
pub mod explanation;
pub mod language;
pub mod model;
pub mod path;
pub mod period;
mod render;
mod source;
mod sql;
pub mod usage;

pub use path::{Condition, Path, PathError};
pub use period::{Period, PeriodError};
pub use source::{Error, Source};

//! Answers about decisions: pages of them, reports, explanations.
//!
//! Each report is one file: its SQL, its figures, and its result, which is JSON as it stands. Reports ask through
//! [`Source`], SQL in and Arrow batches out, and know nothing of where the decisions are.

pub mod access;
mod binary;
mod bins;
pub mod confidence;
pub mod decisions;
pub mod drivers;
pub mod duty;
mod exact;
pub mod explanation;
pub mod fairness;
mod follower;
pub mod held;
mod label;
pub mod language;
pub mod model;
pub mod overrides;
pub mod path;
pub mod period;
pub mod private;
pub mod release;
mod render;
pub mod retention;
mod scope;
mod source;
mod spread;
mod sql;
pub mod usage;
pub mod volume;

pub use binary::{Binary, ProbabilityOf};
pub use exact::Exact;
pub use path::{Condition, Path, PathError};
pub use period::{Period, PeriodError};
pub use private::Privacy;
pub use render::{Cell, Chart, Report, Table, private_note};
pub use scope::Scope;
pub use source::{Error, Source};

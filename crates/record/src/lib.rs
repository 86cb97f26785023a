//! The words of the domain.
//!
//! An entry of the ledger is one record: a JSON object in RFC 8785 canonical form, in `snake_case`, with its `kind`
//! and its `schema` version. This crate says what each kind holds, reads what a producer sends and names every fault
//! in it, and writes the one form that is hashed, signed and stored.
//!
//! What holds here: nothing is rounded, guessed or dropped silently. A record is either written in a form that parses
//! back to the same bytes, or refused with a [`Fault`] that says where and why, and that never repeats a value.
//!
//! What is left to others: reading and writing files, the time of day, personal data (the writer asks [`Protect`]
//! about every member and text), and the hash over the bytes.
//!
//! ```
//! use onrecord_record::{Decision, Parser, Stamp, Timestamp, Unprotected};
//!
//! let mut parser = Parser::new();
//! let body = br#"{"modelId":"loan","modelVersion":"1","inputFeatures":{"age":41},"prediction":"approved"}"#;
//! let document = parser.parse(body)?;
//! let decision = Decision::read(document.value())?;
//! let stamp = Stamp {
//!     event_id: uuid::Uuid::from_u128(0x01935a3e_0000_7000_8000_000000000001),
//!     recorded_at: Timestamp::from_micros(1_763_884_800_000_000),
//!     user: None,
//!     input_hash: [0; 16],
//! };
//! let mut record = Vec::new();
//! decision.write(&stamp, &mut Unprotected, &mut record);
//! assert!(record.starts_with(br#"{"consent_given":true,"decision_id":"01935a3e-"#));
//! # Ok::<(), Vec<onrecord_record::Fault>>(())
//! ```

pub mod calendar;
pub mod canonical;
mod decimal;
mod decision;
mod document;
mod entry;
mod fault;
mod field;
mod header;
mod kind;
mod leaves;
pub mod limit;
mod locate;
mod note;
mod number;
mod opening;
mod order;
mod outcome;
mod protect;
mod review;
mod schema;
mod timestamp;
mod tree;
mod value;

pub use decision::{Decision, Environment, ModelType, Stamp, StoredDecision};
pub use document::{Document, Parser};
pub use entry::{Access, Depth, Erasure, Hold, HoldState, Retention, RetentionAction, System};
pub use fault::Fault;
pub use header::Header;
pub use kind::Kind;
pub use leaves::{read_leaves, write_leaves};
pub use note::Note;
pub use number::number_problem;
pub use outcome::Outcome;
pub use protect::{Action, Protect, Unprotected};
pub use review::Review;
pub use schema::schema;
pub use timestamp::Timestamp;
pub use value::{Elements, Members, Value, ValueKind};

/// The version of the stored form that this crate writes, the member `schema` of every record.
pub const SCHEMA: u64 = 1;

//! The rules: who may put what on the record, and what of it is personal.
//!
//! ```text
//! body ─ parse ─ validate ─ default ─ protect ─ canonical bytes ─ subject durable ─ ledger ─ receipt
//!        └──────────── intake ─────────────────┘                  (vault)
//! ```
//!
//! Invariants (numbers as in the design):
//! * (5) Plain personal data never reaches a disk: what leaves `intake` holds none, the vault encrypts what it keeps, and
//!   no error, log line or `Debug` form holds record content or user ids.
//! * (6) A sealed field is ciphertext *beside* the record; the record commits to its SHA-256 ([`sealed`]).
//! * (7) An event id is accepted once, forever; the same body again gets the first receipt, another body a conflict.
//! * (8) What cannot be recorded is refused and counted, and the refusals are put on the record when writing is possible.
//! * (9) A read is an entry before its answer is given.
//!
//! There is no HTTP here, no command line and no SQL engine. Storage is reached through [`Records`], which the lake
//! implements, and through the ledger.

mod about;
mod access;
mod api_token;
mod batch;
mod cipher;
mod clock;
mod count;
pub mod detector;
mod error;
mod file;
mod hex;
mod hold;
mod id_space;
mod intake;
pub mod key;
pub mod large;
pub mod policy;
mod protect;
mod records;
mod refusal;
mod removal;
pub mod retention;
pub mod sealed;
mod sent;
mod sequencer;
mod service;
mod state;
pub mod vault;

pub use about::About;
pub use access::{Action, What};
pub use api_token::{Actor, FILE as TOKENS_FILE, Role, Token, Tokens, UnknownRole};
pub use batch::Batch;
pub use clock::now;
pub use count::Counts;
pub use error::Error;
pub use hold::{Hold, HoldScope};
pub use key::{Kek, Keys};
pub use policy::Policy;
pub use records::{ReadError, Records, Removed, Remover, Stored};
pub use refusal::{Conflicts, FAULTS_NAMED_MAX, LineFault, LineFaults, Reason, Refusal};
pub use removal::Due;
pub use sequencer::Ticket;
pub use service::{
    BatchLogged, CarriedOut, DecisionHistory, Erased, Expiry, Export, Exported, HeldExport, Initial, Logged, Noted,
    Parts, Pending, Service, StandingNote, Statement, init,
};
pub use state::{StateChange, StateFiles, WHATS, check_state_files};
pub use vault::{SubjectToken, Vault};

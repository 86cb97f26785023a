//! What the crate promises, checked from outside: against a naive tree, against published vectors, against malformed
//! input, and through the binary that a third party runs.

#![allow(clippy::unwrap_used)]

mod golden;
mod model;
mod refusal;
mod tree;
mod verifier;

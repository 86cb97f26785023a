//! The ledger from outside, on real directories and on a disk that fails at will.

mod append;
mod log;

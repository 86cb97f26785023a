//! The record crate from outside: golden files, tables of bad input, and properties against naive models.

#![allow(clippy::unwrap_used)]

mod arbitrary;
mod bad_input;
mod canonical;
mod decision;
mod entry;
mod number;
mod protect;
mod schema;
mod timestamp;

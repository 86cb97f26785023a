//! The lake on a real ledger, in a real directory.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod damage;
mod house;
mod life;
mod round_trip;
#[allow(dead_code, reason = "the bench uses the rest")]
mod sample;
mod seen_by_others;
mod sql;
mod sql_guard;
mod sql_model;
mod tampered;

//! The lake on a real ledger, in a real directory.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod about;
mod archive;
mod crash;
mod damage;
mod entries;
mod forged;
mod gap;
mod life;
mod number;
mod rewrite;
mod round_trip;
mod seen_by_others;
mod tampered;

//! What holds for the source of all crates.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod circle;
mod source;

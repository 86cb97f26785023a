//! What holds for the source of all crates, and what the object stores of tests really do.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod circle;
mod fault_proxy;
mod object_server;
mod source;

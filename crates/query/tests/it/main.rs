//! SQL on a real lake, in a real directory.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod answers;
mod differential;
mod documents;
mod gap;
mod guard;
mod lookup;
mod model;
mod number;
mod postgres;
mod quick;

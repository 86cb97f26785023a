//! What the tests and benches of several crates share: a ledger with its lake in a directory of its own, a disk that
//! fails on purpose, object stores with a proxy that fails on purpose, seeded numbers, and seeded decisions as a bank's
//! model would log them.
//!
//! Only tests and benches depend on this crate. It panics where a test cannot go on.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

pub mod fault_proxy;
pub mod faulty;
mod fixture;
mod http_message;
pub mod object_server;
mod random;
pub mod sample;

pub use fault_proxy::FaultProxy;
pub use faulty::FaultyDisk;
pub use fixture::{LakeFixture, id};
pub use object_server::ObjectServer;
pub use random::Random;

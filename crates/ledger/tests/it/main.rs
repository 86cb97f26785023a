//! The ledger from outside, on real directories and on a disk that fails at will.
#![allow(clippy::unwrap_used)]

mod append;
mod crash;
mod damage;
mod disk_full;
mod durable;
mod hostile;
mod lock;
mod log;

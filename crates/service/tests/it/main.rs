//! The service's promises, tested through its public face.

#![allow(clippy::unwrap_used)]

mod detector;
mod erase;
mod event;
mod house;
mod log;
mod note;
mod privacy;
mod vault;

//! The service's promises, tested through its public face.

#![allow(clippy::unwrap_used)]

mod vault;

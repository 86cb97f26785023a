//! service
mod cipher;
pub mod detector;
mod error;
mod file;
mod hex;
pub mod key;
pub mod policy;

pub use error::Error;
pub use key::{Kek, Keys};
pub use policy::Policy;

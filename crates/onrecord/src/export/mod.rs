//! Records given away as a zip file with their evidence: `person` writes all about a person, `held` all that a hold reaches.
//! Both are written as they are read, in memory that does not grow with what there is but for the list of their files.

mod archive;
mod ccpa;
pub(crate) mod held;
pub(crate) mod person;

//! The wire types: what the HTTP contract takes and gives, the same for the server that answers and the client that
//! asks.

pub(crate) mod archive;
pub(crate) mod decision;
pub(crate) mod hold;
pub(crate) mod problem;
pub(crate) mod retention;
pub(crate) mod sql;
pub(crate) mod subject;
pub(crate) mod token;
pub(crate) mod verification;

//! Records at rest and in motion as columns: the tail in memory, sealed Parquet segments, look-ups, and SQL.
//!
//! Everything here is derived from the ledger's entries. A segment may replace a write-ahead file only after every
//! record was read back from it and hashed to its leaf again.

pub mod schema;

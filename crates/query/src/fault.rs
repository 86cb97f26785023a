//! Errors that a query's own values cause, in words of ours.

use datafusion::common::DataFusionError;

/// A fault of a query whose message is safe to show: it is made of words of ours only, never of a value.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Fault(pub(crate) String);

/// An error with a message that holds no value of any record.
pub(crate) fn fault(message: impl Into<String>) -> DataFusionError {
    DataFusionError::External(Box::new(Fault(message.into())))
}

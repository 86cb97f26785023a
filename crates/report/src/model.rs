//! Which models there are.

use crate::source::{Error, Rows, Source};
use crate::sql::text;

/// Whether a model of that id decided anything that is on the record.
///
/// # Errors
/// What the source says.
pub async fn is_there<S: Source + ?Sized>(source: &S, model_id: &str) -> Result<bool, Error<S::Error>> {
    let sql = format!("SELECT leaf_index FROM ai_audit_logs WHERE model_id = {} LIMIT 1", text(model_id));
    Ok(Rows::of(source, sql).await?.len() > 0)
}

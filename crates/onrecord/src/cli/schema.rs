//! `onrecord schema`: the JSON Schema of a decision as it may be sent.

use crate::output;
use anyhow::Result;

pub(crate) fn run() -> Result<bool> {
    output::line(&serde_json::to_string_pretty(&onrecord_record::schema())?)?;
    Ok(true)
}

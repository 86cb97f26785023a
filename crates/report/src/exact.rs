//! JSON exactly as it is on the record. A number that goes through a double loses digits, and records keep integers of up to 38
//! of them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// A JSON value as its text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Exact(Box<RawValue>);

impl Exact {
    /// The value; null if there is none.
    pub(crate) fn of(text: Option<&RawValue>) -> Self {
        Self(text.unwrap_or(RawValue::NULL).to_owned())
    }

    /// The double next to it, if it is a number.
    pub(crate) fn number(&self) -> Option<f64> {
        serde_json::from_str(self.0.get()).ok()
    }

    /// As people read it: a text as it is, anything else as JSON.
    pub(crate) fn shown(&self) -> String {
        match serde_json::from_str(self.0.get()) {
            Ok(Value::String(text)) => text,
            Ok(Value::Null) => "–".to_owned(),
            _ => self.0.get().to_owned(),
        }
    }
}

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

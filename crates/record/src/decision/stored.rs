//! What reviews and outcomes must know of the decision that they are about, from its record.

use super::ModelType;
use crate::{Kind, Value, canonical};

/// A decision that is on the record, as far as what is about it must know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDecision {
    /// Its id.
    pub decision_id: String,
    /// The token of its subject, if it has one.
    pub user_id: Option<String>,
    /// What sort of model made it.
    pub model_type: Option<ModelType>,
    /// What the model answered, in canonical form, as it is stored.
    pub prediction: Vec<u8>,
}

impl StoredDecision {
    /// Reads a record; `None` if it is not that of a decision.
    pub fn read(record: Value<'_>) -> Option<Self> {
        let text = |name| record.get(name).and_then(Value::as_str);
        if text("kind") != Some(Kind::Decision.as_str()) {
            return None;
        }
        let mut prediction = Vec::new();
        if let Some(value) = record.get("prediction") {
            canonical::write(value, &mut prediction);
        }
        Some(Self {
            decision_id: text("decision_id")?.to_owned(),
            user_id: text("user_id").map(str::to_owned),
            model_type: text("model_type").and_then(ModelType::parse),
            prediction,
        })
    }
}

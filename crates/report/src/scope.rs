//! Which decisions a report is about.

use crate::period::Period;
use crate::sql::text;

/// The decisions of a model, or of all models, in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The model; all of them if there is none.
    pub model_id: Option<String>,
    /// When.
    pub period: Period,
}

impl Scope {
    /// The condition on `ai_audit_logs`.
    pub(crate) fn sql(&self) -> String {
        match &self.model_id {
            Some(model_id) => format!("model_id = {} AND {}", text(model_id), self.period.sql()),
            None => self.period.sql(),
        }
    }

    /// The model of a report that is about one.
    pub fn model(&self) -> String {
        self.model_id.clone().unwrap_or_default()
    }

    pub(crate) fn since(&self) -> String {
        self.period.since.to_string()
    }

    pub(crate) fn until(&self) -> String {
        self.period.until.to_string()
    }
}

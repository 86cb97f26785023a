//! Writing a decision: its one stored form.

use super::{Decision, Stamp};
use crate::canonical::{Writer, name};
use crate::{Kind, Protect, Value};

impl Decision<'_> {
    /// Appends the record in canonical form: its members in RFC 8785 order, absent ones left out, defaults written.
    ///
    /// `protect` is asked about every member and text as [`Protect`] says. Identifiers that are looked up by
    /// (`decision_id`, `model_id`, `model_version`, `data_retention_policy`) are written as they are; a caller that
    /// does not want one in plain replaces it in the decision first.
    pub fn write<P: Protect + ?Sized>(&self, stamp: &Stamp<'_>, protect: &mut P, out: &mut Vec<u8>) {
        let mut record = Writer::new(protect, out);
        record.document(name!("alternative_predictions"), self.alternative_predictions);
        record.number(name!("confidence"), self.confidence);
        record.truth(name!("consent_given"), self.consent_given);
        record.integer(name!("data_retention_days"), self.data_retention_days);
        record.id(name!("data_retention_policy"), self.data_retention_policy);
        match self.decision_id {
            Some(_) => record.id(name!("decision_id"), self.decision_id),
            None => record.uuid(name!("decision_id"), stamp.event_id),
        }
        record.id(name!("environment"), Some(self.environment.as_str()));
        record.uuid(name!("event_id"), stamp.event_id);
        if let Some(explanation) = self.explanation {
            record.name(name!("explanation"));
            write_explanation(explanation, &mut record);
        }
        record.document(name!("human_decision"), self.human_decision);
        record.truth(name!("human_reviewed"), self.human_reviewed);
        record.document(name!("input_features"), Some(self.input_features));
        record.hex(name!("input_hash"), &stamp.input_hash);
        record.id(name!("kind"), Some(Kind::Decision.as_str()));
        record.document(name!("metadata"), self.metadata);
        record.id(name!("model_id"), Some(self.model_id));
        record.id(name!("model_type"), self.model_type.map(super::ModelType::as_str));
        record.id(name!("model_version"), Some(self.model_version));
        record.truth(name!("overridden"), self.overridden);
        record.free_text(name!("override_reason"), self.override_reason);
        record.document(name!("prediction"), Some(self.prediction));
        record.number(name!("processing_time_ms"), self.processing_time_ms);
        record.timestamp(name!("recorded_at"), stamp.recorded_at);
        record.free_text(name!("request_id"), self.request_id);
        record.schema();
        record.free_text(name!("session_id"), self.session_id);
        record.free_text(name!("system_actor"), self.system_actor);
        record.timestamp(name!("timestamp"), self.timestamp.unwrap_or(stamp.recorded_at));
        record.id(name!("timestamp_sent"), self.timestamp_sent);
        record.id(name!("user_id"), stamp.user);
        record.close();
    }
}

/// Writes an explanation with the seed's `topFeatures` under its stored name, at that name's place in the order.
fn write_explanation<P: Protect + ?Sized>(explanation: Value<'_>, record: &mut Writer<'_, P>) {
    const STORED: &str = "top_features";
    let mut renamed = explanation.get("topFeatures");
    if renamed.is_none() {
        return record.value(explanation);
    }
    let mut first = true;
    record.out.push(b'{');
    for (key, value) in explanation.members_sorted().filter(|(key, _)| *key != "topFeatures") {
        if crate::order::compare(key, STORED).is_gt()
            && let Some(features) = renamed.take()
        {
            record.member(STORED, features, &mut first);
        }
        record.member(key, value, &mut first);
    }
    if let Some(features) = renamed {
        record.member(STORED, features, &mut first);
    }
    record.out.push(b'}');
}

//! What laws ask of the record: one data file a law, in the crate's `duty/`, with its sources. What a law asks is data; how something is
//! measured is code (`figures`).

use crate::path::Path;
use serde::Deserialize;

/// The files, by the name of the report.
const FILES: [(&str, &str); 5] = [
    ("ai-act", include_str!("../../duty/ai-act.toml")),
    ("hipaa", include_str!("../../duty/hipaa.toml")),
    ("sox", include_str!("../../duty/sox.toml")),
    ("ecoa", include_str!("../../duty/ecoa.toml")),
    ("nyc-144", include_str!("../../duty/nyc-144.toml")),
];

/// The retention policy of a decision that names none.
pub(super) const RETENTION_POLICY_DEFAULT: &str = "standard";

/// What one law asks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Law {
    pub(super) title: String,
    /// Where it stands.
    pub(super) law: String,
    /// Its text.
    pub(super) source: String,
    pub(super) notes: Vec<String>,
    pub(super) duties: Vec<Duty>,
}

/// What one article asks, and what answers it: fields that every decision has, or a measure.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Duty {
    pub(super) article: String,
    pub(super) asks: String,
    /// Paths into a decision.
    #[serde(default)]
    pub(super) fields: Vec<String>,
    pub(super) measure: Option<Measure>,
    /// Days that decisions are kept at least.
    pub(super) days_min: Option<u32>,
}

/// What can be measured beside fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Measure {
    Lifetime,
    LongestGap,
    Explained,
    Reviewed,
    Overridden,
    OverriddenWithReason,
    Retention,
    Readings,
    ReadingsWithPurpose,
    AdverseWithReasons,
    AdverseWithReasoning,
    ImpactRatio,
}

impl Law {
    /// The law of a report, by its name.
    pub(super) fn named(name: &str) -> Option<Self> {
        let (_, text) = FILES.iter().find(|(known, _)| *known == name)?;
        toml::from_str(text).ok()
    }

    pub(super) fn asks(&self, measure: Measure) -> bool {
        self.duties.iter().any(|duty| duty.measure == Some(measure))
    }

    /// Every field that is asked for, once.
    pub(super) fn fields(&self) -> Vec<Path> {
        let mut fields: Vec<Path> = Vec::new();
        for field in self.duties.iter().flat_map(|duty| &duty.fields).filter_map(|field| field.parse().ok()) {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duty::figures::FIELDS_MAX;

    #[test]
    fn every_file_is_a_law_that_can_be_measured() {
        for (name, text) in FILES {
            let law: Law = toml::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(law.source.starts_with("https://") && !law.notes.is_empty(), "{name}");
            for duty in &law.duties {
                assert!(duty.fields.is_empty() == duty.measure.is_some(), "{name}: {}", duty.article);
                assert!(
                    duty.days_min.is_none() || duty.measure == Some(Measure::Retention),
                    "{name}: {}",
                    duty.article
                );
                for field in &duty.fields {
                    field.parse::<Path>().unwrap_or_else(|error| panic!("{name}: {field}: {error}"));
                }
            }
            assert!(law.fields().len() <= FIELDS_MAX, "{name}");
        }
        assert!(Law::named("gdpr").is_none());
    }
}

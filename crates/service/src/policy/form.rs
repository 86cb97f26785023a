//! `policy.toml` as it is written: its tables, and what holds where it says nothing.

use super::requirement::{self, Requirement};
use super::{Category, Correlation, DEFAULT_TEXT, Mode};
use crate::retention::Rules;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Identifiers that a policy may name: each has a part in the index of every segment.
const IDENTIFIERS_MAX: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    pub(super) version: u32,
    #[serde(default = "Form::default_fields")]
    pub(super) fields: BTreeMap<String, Mode>,
    #[serde(default)]
    pub(super) names: Names,
    #[serde(default = "Form::default_llm")]
    pub(super) llm: BTreeMap<String, Mode>,
    #[serde(default)]
    pub(super) tokens: Tokens,
    #[serde(default)]
    pub(super) detectors: Detectors,
    #[serde(default)]
    pub(super) timestamps: Timestamps,
    #[serde(default)]
    pub(super) identifiers: Identifiers,
    #[serde(default = "Form::default_retention")]
    pub(super) retention: Rules,
    #[serde(default)]
    pub(super) indirect: Indirect,
    #[serde(default)]
    pub(super) ccpa: Ccpa,
    #[serde(default)]
    pub(super) privacy_budget: BTreeMap<String, f64>,
    #[serde(default = "Form::default_requirements")]
    pub(super) requirements: BTreeMap<String, requirement::Form>,
}

/// What holds where a file says nothing: what the file says that `init` writes.
static DEFAULT: LazyLock<Defaults> = LazyLock::new(|| match toml::from_str(DEFAULT_TEXT) {
    Ok(defaults) => defaults,
    Err(error) => unreachable!("the default policy is part of the program: {error}"),
});

#[derive(Deserialize)]
pub(super) struct Defaults {
    pub(super) fields: BTreeMap<String, Mode>,
    pub(super) names: DefaultNames,
    pub(super) llm: BTreeMap<String, Mode>,
    pub(super) requirements: BTreeMap<String, requirement::Form>,
    pub(super) retention: Rules,
    pub(super) indirect: DefaultIndirect,
    pub(super) ccpa: DefaultCcpa,
}

#[derive(Deserialize)]
pub(super) struct DefaultCcpa {
    pub(super) categories: BTreeMap<String, Category>,
}

#[derive(Deserialize)]
pub(super) struct DefaultIndirect {
    pub(super) fields: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct DefaultNames {
    pub(super) prefixes: Vec<String>,
}

impl Default for Form {
    fn default() -> Self {
        Form {
            version: 1,
            fields: Form::default_fields(),
            names: Names::default(),
            llm: Form::default_llm(),
            tokens: Tokens::default(),
            detectors: Detectors::default(),
            timestamps: Timestamps::default(),
            identifiers: Identifiers::default(),
            retention: Form::default_retention(),
            indirect: Indirect::default(),
            ccpa: Ccpa::default(),
            privacy_budget: BTreeMap::new(),
            requirements: Form::default_requirements(),
        }
    }
}

impl Form {
    pub(super) fn default_fields() -> BTreeMap<String, Mode> {
        DEFAULT.fields.clone()
    }

    pub(super) fn default_llm() -> BTreeMap<String, Mode> {
        DEFAULT.llm.clone()
    }

    pub(super) fn default_requirements() -> BTreeMap<String, requirement::Form> {
        DEFAULT.requirements.clone()
    }

    pub(super) fn read_requirements(&self) -> Result<BTreeMap<String, Requirement>, &'static str> {
        self.requirements.iter().map(|(name, form)| Ok((name.clone(), form.read()?))).collect()
    }

    pub(super) fn default_retention() -> Rules {
        DEFAULT.retention.clone()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Names {
    pub(super) prefixes: Vec<String>,
}

impl Default for Names {
    fn default() -> Self {
        Names { prefixes: DEFAULT.names.prefixes.clone() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Indirect {
    pub(super) fields: Vec<String>,
}

impl Default for Indirect {
    fn default() -> Self {
        Indirect { fields: DEFAULT.indirect.fields.clone() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Ccpa {
    pub(super) categories: BTreeMap<String, Category>,
    pub(super) sources: Vec<String>,
    pub(super) purposes: Vec<String>,
    pub(super) third_parties: Vec<String>,
}

impl Default for Ccpa {
    fn default() -> Self {
        let categories = DEFAULT.ccpa.categories.clone();
        Ccpa { categories, sources: Vec::new(), purposes: Vec::new(), third_parties: Vec::new() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Tokens {
    pub(super) correlation: Correlation,
}

impl Default for Tokens {
    fn default() -> Self {
        Tokens { correlation: Correlation::Subject }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Detectors {
    pub(super) email: bool,
    pub(super) phone: bool,
    pub(super) ssn: bool,
    pub(super) card: bool,
    pub(super) iban: bool,
    pub(super) user_id: bool,
}

impl Default for Detectors {
    fn default() -> Self {
        Detectors { email: true, phone: true, ssn: true, card: true, iban: true, user_id: true }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Timestamps {
    pub(super) future_seconds_max: i64,
}

impl Default for Timestamps {
    fn default() -> Self {
        // A day: a producer that writes local time without an offset may seem 14 hours ahead.
        Timestamps { future_seconds_max: 86_400 }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Identifiers {
    pub(super) input_features: Vec<String>,
}

impl Default for Identifiers {
    fn default() -> Self {
        Identifiers { input_features: vec!["application_id".to_owned()] }
    }
}

impl Identifiers {
    /// The paths: a name, or a JSON pointer (RFC 6901) where it begins with `/`.
    pub(super) fn paths(&self) -> Result<Vec<Vec<String>>, &'static str> {
        let unescaped = |name: &str| name.replace("~1", "/").replace("~0", "~");
        let path = |text: &String| match text.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(unescaped).collect(),
            None => vec![text.clone()],
        };
        let paths: Vec<Vec<String>> = self.input_features.iter().map(path).collect();
        if paths.len() > IDENTIFIERS_MAX {
            return Err("identifiers: at most 16 can be named");
        }
        if paths.iter().flatten().any(|name| name.is_empty() || name.len() > 255) {
            return Err("identifiers: a name must have 1 to 255 bytes");
        }
        if (1..paths.len()).any(|at| paths[..at].contains(&paths[at])) {
            return Err("identifiers: one is named twice");
        }
        Ok(paths)
    }
}

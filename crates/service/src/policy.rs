//! `policy.toml`: what is personal, and what becomes of it.
//!
//! Job: the file's form, its defaults (the five fields that become tokens, all detectors on) and the question that
//! intake asks for every member of a document: which mode has a field of this name? Invariant: a policy is read whole or
//! refused whole, naming the line; a misspelt setting never means a silent default.
//! Left to others: doing it (`protect`), and putting a change of the file on the record (`state`).

use crate::detector::Detector;
use crate::{Error, file};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The file's name in the data directory.
pub const FILE: &str = "policy.toml";

/// The file that `init` writes: the defaults, with what each setting means.
pub const DEFAULT_TEXT: &str = include_str!("policy.toml");

/// What becomes of the value of a personal field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It stays, with what is inside it looked at.
    Keep,
    /// A keyed hash takes its place: equal values of one subject stay equal, nobody without the key can guess them.
    Token,
    /// It is encrypted under the subject's key and shown to who is entitled.
    Seal,
    /// It is left out.
    Drop,
}

/// Whose key makes tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Correlation {
    /// The subject's own: tokens correlate within one subject and die with it.
    Subject,
    /// One key for all: the same e-mail address gives the same token for every user, and outlives them.
    Tenant,
}

/// The rules of a data directory.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    fields: Vec<(String, Mode)>,
    /// The longest name of `fields` in bytes: longer members need no comparison.
    name_bytes_max: usize,
    /// Whose key makes tokens.
    pub correlation: Correlation,
    /// What is masked inside free text.
    pub detector: Detector,
    /// Whether the record's own user id is replaced by its token where it occurs inside other text.
    pub user_id_in_text: bool,
    /// How far a producer's timestamp may lie ahead of our clock, in seconds.
    pub future_seconds_max: i64,
    /// The members of `input_features` by which decisions are looked up, by their paths.
    pub identifiers: Vec<Vec<String>>,
}

/// Identifiers that a policy may name: each has a part in the index of every segment.
const IDENTIFIERS_MAX: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    version: u32,
    #[serde(default = "Form::five_fields")]
    fields: BTreeMap<String, Mode>,
    #[serde(default)]
    tokens: Tokens,
    #[serde(default)]
    detectors: Detectors,
    #[serde(default)]
    timestamps: Timestamps,
    #[serde(default)]
    identifiers: Identifiers,
}

impl Form {
    fn five_fields() -> BTreeMap<String, Mode> {
        ["email", "phone", "ssn", "name", "address"].map(|name| (name.to_owned(), Mode::Token)).into()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tokens {
    correlation: Correlation,
}

impl Default for Tokens {
    fn default() -> Self {
        Tokens { correlation: Correlation::Subject }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Detectors {
    email: bool,
    phone: bool,
    ssn: bool,
    card: bool,
    iban: bool,
    user_id: bool,
}

impl Default for Detectors {
    fn default() -> Self {
        Detectors { email: true, phone: true, ssn: true, card: true, iban: true, user_id: true }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Timestamps {
    future_seconds_max: i64,
}

impl Default for Timestamps {
    fn default() -> Self {
        // A day: a producer that writes local time without an offset may seem 14 hours ahead.
        Timestamps { future_seconds_max: 86_400 }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Identifiers {
    input_features: Vec<String>,
}

impl Default for Identifiers {
    fn default() -> Self {
        Identifiers { input_features: vec!["application_id".to_owned()] }
    }
}

impl Identifiers {
    /// The paths: a name, or a JSON pointer (RFC 6901) where it begins with `/`.
    fn paths(&self) -> Result<Vec<Vec<String>>, &'static str> {
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

/// What is wrong with the text of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, counted from one.
    pub line: Option<usize>,
    /// What is wrong there.
    pub problem: String,
}

impl Default for Policy {
    fn default() -> Self {
        Policy::from_form(Form {
            version: 1,
            fields: Form::five_fields(),
            tokens: Tokens::default(),
            detectors: Detectors::default(),
            timestamps: Timestamps::default(),
            identifiers: Identifiers::default(),
        })
    }
}

impl Policy {
    /// Reads the text of a policy file.
    ///
    /// # Errors
    /// A [`Problem`] that names the line.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let form: Form = toml::from_str(text).map_err(|error| Problem {
            line: error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1),
            problem: error.message().to_owned(),
        })?;
        let problem = |problem: &str| Err(Problem { line: None, problem: problem.to_owned() });
        if form.version != 1 {
            return problem("version must be 1");
        }
        if form.timestamps.future_seconds_max < 0 {
            return problem("timestamps.future_seconds_max must not be negative");
        }
        let mut names: Vec<String> = form.fields.keys().map(|name| name.to_ascii_lowercase()).collect();
        names.sort();
        names.dedup();
        if names.len() != form.fields.len() {
            return problem("fields: two names differ only in upper and lower case, which means the same field");
        }
        if let Err(wrong) = form.identifiers.paths() {
            return problem(wrong);
        }
        Ok(Policy::from_form(form))
    }

    /// Reads `dir/policy.toml`.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Invalid`] naming the line, [`Error::Io`].
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(FILE);
        let text = file::read_text(&path)?;
        Policy::parse(&text).map_err(|Problem { line, problem }| Error::Invalid { file: path, line, problem })
    }

    /// Writes the default policy into `dir`.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Io`].
    pub fn create(dir: &Path) -> Result<(), Error> {
        file::create(&dir.join(FILE), DEFAULT_TEXT.as_bytes())
    }

    fn from_form(form: Form) -> Self {
        let fields: Vec<(String, Mode)> = form.fields.into_iter().collect();
        Policy {
            name_bytes_max: fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0),
            fields,
            correlation: form.tokens.correlation,
            detector: Detector {
                email: form.detectors.email,
                phone: form.detectors.phone,
                ssn: form.detectors.ssn,
                card: form.detectors.card,
                iban: form.detectors.iban,
            },
            user_id_in_text: form.detectors.user_id,
            future_seconds_max: form.timestamps.future_seconds_max,
            identifiers: form.identifiers.paths().unwrap_or_default(),
        }
    }

    /// The mode of a member of this name, in any mixture of upper and lower case; `None` when the name says nothing.
    #[inline]
    pub fn mode(&self, key: &str) -> Option<Mode> {
        if key.len() > self.name_bytes_max {
            return None;
        }
        self.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, mode)| *mode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_default_is_the_built_in_one() {
        assert_eq!(Policy::parse(DEFAULT_TEXT), Ok(Policy::default()));
        assert_eq!(Policy::parse("version = 1"), Ok(Policy::default()));
    }

    #[test]
    fn identifiers_are_names_or_pointers() {
        let identifiers = |list: &str| Policy::parse(&format!("version = 1\n[identifiers]\ninput_features = [{list}]"));
        assert_eq!(Policy::default().identifiers, [["application_id"]]);
        assert_eq!(identifiers("").unwrap().identifiers, [] as [Vec<String>; 0]);
        let found = identifiers("'claim', 'a.b', '/order/id', '/a~1b~01'").unwrap().identifiers;
        assert_eq!(found, [&["claim"][..], &["a.b"], &["order", "id"], &["a/b~1"]]);
        for wrong in ["''", "'/a/'", "'a', '/a'", "1"] {
            assert!(identifiers(wrong).is_err(), "{wrong}");
        }
        assert!(identifiers(&(0..17).map(|at| format!("'n{at}'")).collect::<Vec<_>>().join(",")).is_err());
    }

    #[test]
    fn five_fields_are_tokens_in_any_case() {
        let policy = Policy::default();
        for name in ["email", "Phone", "SSN", "nAmE", "address"] {
            assert_eq!(policy.mode(name), Some(Mode::Token));
        }
        for name in ["", "names", "first_name", "e-mail", "addres"] {
            assert_eq!(policy.mode(name), None);
        }
    }

    #[test]
    fn reads_every_setting() {
        let policy = Policy::parse(
            "version = 1\n[fields]\nIncome = 'seal'\nnotes = 'drop'\nname = 'keep'\n[tokens]\ncorrelation = 'tenant'\n\
             [detectors]\nphone = false\nuser_id = false\n[timestamps]\nfuture_seconds_max = 5\n",
        )
        .unwrap();
        assert_eq!(policy.mode("INCOME"), Some(Mode::Seal));
        assert_eq!(policy.mode("notes"), Some(Mode::Drop));
        assert_eq!(policy.mode("name"), Some(Mode::Keep));
        assert_eq!(policy.mode("email"), None);
        assert_eq!(policy.correlation, Correlation::Tenant);
        assert!(!policy.detector.phone && policy.detector.email && !policy.user_id_in_text);
        assert_eq!(policy.future_seconds_max, 5);
    }

    #[test]
    fn names_the_line_of_what_is_wrong() {
        let line = |text: &str| Policy::parse(text).unwrap_err().line;
        assert_eq!(line("version = 1\n[fields]\nemail = 'hash'\n"), Some(3));
        assert_eq!(line("version = 1\n\n[detector]\nemail = true\n"), Some(3));
        assert_eq!(line("version = 1\n[detectors]\nemail = \n"), Some(3));
        assert!(Policy::parse("version = 2").is_err());
        assert!(Policy::parse("").is_err());
        assert!(Policy::parse("version = 1\n[timestamps]\nfuture_seconds_max = -1").is_err());
        assert!(Policy::parse("version = 1\n[fields]\nemail = 'keep'\nEmail = 'drop'").is_err());
    }
}

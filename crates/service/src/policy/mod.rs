//! `policy.toml`: what is personal, and what becomes of it.
//!
//! Job: its defaults (the common names of what identifies a person become tokens, prompts and answers of language models
//! are sealed, all detectors on), what in it makes no sense, and the question that intake asks for every member of a document:
//! which mode has a field of this name? Invariant: a policy is read whole or refused whole, naming the line; a misspelt
//! setting never means a silent default. `form` is the file as it is written; `name` says which names mean the same,
//! `requirement` what a decision must say.
//! Left to others: doing it (`protect`), and putting a change of the file on the record (`state`).

mod ccpa;
mod form;
mod name;
mod requirement;

use crate::detector::Detector;
use crate::retention::Rules;
use crate::{Error, file};
pub use ccpa::{Category, Ccpa};
use form::Form;
use name::FieldNames;
pub use requirement::{OnMissing, Requirement};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The file's name in the data directory.
pub const FILE: &str = "policy.toml";

/// The file that `init` writes: the defaults, with what each setting means.
pub const DEFAULT_TEXT: &str = include_str!("default.toml");

/// What becomes of the value of a personal field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It stays, with what is inside it looked at.
    Keep,
    /// A keyed hash takes its place: equal values of one subject stay equal, nobody without the key can guess them.
    Token,
    /// It is encrypted under the subject's key and shown to callers with the role `reveal`.
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
    fields: FieldNames<Mode>,
    /// Of prompts and answers of language models.
    llm: FieldNames<Mode>,
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
    /// How long records are kept.
    pub retention: Rules,
    /// Members by which a person may be found together with other knowledge, as they are compared and as they are named.
    indirect: BTreeMap<Vec<u8>, String>,
    /// What the CCPA asks to be told.
    ccpa: Ccpa,
    /// The CCPA's categories, by the names of members.
    ccpa_categories: FieldNames<Category>,
    /// What private reports may cost in all, by model: the sum of their ε.
    pub privacy_budget: BTreeMap<String, f64>,
    /// What decisions must say, by the retention policy that they name.
    pub requirements: BTreeMap<String, Requirement>,
}

/// The documents of a decision that `[llm]` may name, too.
const DOCUMENTS: [&str; 6] =
    ["input_features", "prediction", "alternative_predictions", "explanation", "human_decision", "metadata"];

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
        Policy::from_form(Form::default())
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
        if form.privacy_budget.values().any(|epsilon| !epsilon.is_finite() || *epsilon < 0.0) {
            return problem("privacy_budget: a budget is a number that is not negative");
        }
        let plain = |name: &String| name::plain(name);
        let fields: [Vec<Vec<u8>>; 3] = [
            form.fields.keys().map(plain).collect(),
            form.llm.keys().map(plain).collect(),
            form.ccpa.categories.keys().map(plain).collect(),
        ];
        for mut names in fields {
            if names.iter().any(Vec::is_empty) {
                return problem("fields: a name must have a letter, and at most 128 bytes of letters");
            }
            let total = names.len();
            names.sort();
            names.dedup();
            if names.len() != total {
                return problem("fields: two names differ only in their spelling, which means the same field");
            }
        }
        let is_document = |name: &String| DOCUMENTS.iter().any(|document| name::plain(document) == name::plain(name));
        if form.llm.iter().any(|(name, mode)| *mode == Mode::Drop && is_document(name)) {
            return problem("llm: a record is not without this; seal it");
        }
        if let Err(wrong) = form.identifiers.paths() {
            return problem(wrong);
        }
        if let Err(wrong) = form.read_requirements() {
            return problem(wrong);
        }
        if let Some((name, wrong)) = form.retention.problem() {
            return problem(&format!("retention.{name}: {wrong}"));
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
        fn of(fields: &BTreeMap<String, Mode>) -> impl Iterator<Item = (&str, Mode)> {
            fields.iter().map(|(name, mode)| (name.as_str(), *mode))
        }
        Policy {
            fields: FieldNames::new(of(&form.fields), form.names.prefixes.iter().map(String::as_str)),
            llm: FieldNames::new(of(&form.llm), []),
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
            requirements: form.read_requirements().unwrap_or_default(),
            retention: form.retention,
            indirect: form.indirect.fields.into_iter().map(|field| (name::plain(&field), field)).collect(),
            ccpa_categories: FieldNames::new(
                form.ccpa.categories.iter().map(|(name, category)| (name.as_str(), *category)),
                form.names.prefixes.iter().map(String::as_str),
            ),
            ccpa: Ccpa {
                sources: form.ccpa.sources,
                purposes: form.ccpa.purposes,
                third_parties: form.ccpa.third_parties,
            },
            privacy_budget: form.privacy_budget,
        }
    }

    /// The mode of a member of this name, in any spelling; `None` when the name says nothing.
    #[inline]
    pub fn mode(&self, key: &str) -> Option<Mode> {
        self.fields.meaning(key)
    }

    /// What a decision must say that names this retention policy, with that policy's name; `None` where nothing is
    /// required.
    pub(crate) fn requirement(&self, retention_policy: Option<&str>) -> Option<(&str, &Requirement)> {
        requirement::of(&self.requirements, retention_policy)
    }

    /// The field of `[indirect]` that a member of this name is, in any spelling.
    pub fn indirect_field(&self, key: &str) -> Option<&str> {
        self.indirect.get(&name::plain(key)).map(String::as_str)
    }

    /// What the CCPA asks to be told of all personal information.
    pub fn ccpa(&self) -> &Ccpa {
        &self.ccpa
    }

    /// The category of the CCPA that a member of this name has, in any spelling; `None` where the policy says nothing.
    pub fn ccpa_category(&self, key: &str) -> Option<Category> {
        self.ccpa_categories.meaning(key)
    }

    /// The same as [`Policy::mode`] in a decision of a language model, where prompts and answers are members too.
    #[inline]
    pub fn mode_of_llm(&self, key: &str) -> Option<Mode> {
        self.mode(key).or_else(|| self.llm.meaning(key))
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
    fn the_five_fields_of_the_seed_are_tokens_in_any_case() {
        let policy = Policy::default();
        for name in ["email", "Phone", "SSN", "nAmE", "address"] {
            assert_eq!(policy.mode(name), Some(Mode::Token));
        }
    }

    #[test]
    fn p3_the_common_names_of_what_identifies_a_person_are_known_in_every_spelling() {
        let policy = Policy::default();
        for name in [
            "first_name",
            "lastName",
            "fullName",
            "surname",
            "dob",
            "date_of_birth",
            "mobile",
            "telephone",
            "street",
            "passport_number",
            "tax_id",
            "ip_address",
            "customer_full_name",
            "CustomerFirstName",
            "applicant-last-name",
            "Applicant 2 Date of Birth",
            "dateOfBirth",
            "birthDate",
            "BIRTHDAY",
            "middleName",
            "maiden_name",
            "givenName",
            "familyName",
            "forename",
            "nickname",
            "userName",
            "username",
            "e-mail",
            "eMailAddress",
            "work_email",
            "contactEmails",
            "homePhone",
            "phoneNumber",
            "phone_number_2",
            "mobilePhone",
            "cellPhone",
            "fax",
            "billing_address",
            "shippingAddress1",
            "streetAddress",
            "address_line_1",
            "passportNo",
            "nationalId",
            "socialSecurityNumber",
            "taxNumber",
            "driversLicense",
            "licence_plate",
            "iban",
            "bankAccountNumber",
            "card_number",
            "creditCardNumber",
            "cvv",
            "ipAddress",
            "client_ip",
            "sourceIpAddress",
            "macAddress",
            "deviceId",
            "imei",
            "medical_record_number",
            "cardholderName",
            "co_applicant_name",
            "emergency_contact_phone",
            "account_holder_name",
        ] {
            assert_eq!(policy.mode(name), Some(Mode::Token), "{name}");
        }
    }

    #[test]
    fn p3_what_fairness_needs_and_what_is_nobodys_stays() {
        let policy = Policy::default();
        for name in [
            "age",
            "age_group",
            "gender",
            "sex",
            "region",
            "country",
            "state",
            "city",
            "postcode",
            "zip",
            "zip_code",
            "race",
            "ethnicity",
            "nationality",
            "marital_status",
            "religion",
            "disability",
            "language",
            "income",
            "model_name",
            "file_name",
            "filename",
            "product_name",
            "feature_name",
            "column_name",
            "host_name",
            "company_name",
            "names",
            "name_length",
            "email_domain",
            "email_verified",
            "phone_type",
            "has_telephone",
            "telephone_contacts",
            "mobile_app_used",
            "street_lighting_score",
            "address_years",
            "years_at_address",
            "address_changes_12m",
            "ip_count",
            "ip_risk_score",
            "device_type",
            "card_type",
            "card_present",
            "transaction_id",
            "application_id",
            "account_age_days",
            "credit_amount",
            "panel",
            "tint",
            "zip3",
            "first_payment_default",
            "last_payment",
            "mobility",
            "streets_crossed",
            "passport_country",
            "tax_rate",
            "birth_country",
            "user_agent",
            "user_segment",
            "customer_segment",
            "contact_count",
            "current",
            "home",
        ] {
            assert_eq!(policy.mode(name), None, "{name}");
        }
    }

    #[test]
    fn p5_prompts_and_answers_are_sealed_for_language_models_only() {
        let policy = Policy::default();
        for name in [
            "prompt",
            "systemPrompt",
            "messages",
            "Question",
            "context",
            "completion",
            "answer",
            "generatedText",
            "prediction",
        ] {
            assert_eq!((policy.mode_of_llm(name), policy.mode(name)), (Some(Mode::Seal), None), "{name}");
        }
        assert_eq!(policy.mode_of_llm("temperature"), None);
        assert_eq!(policy.mode_of_llm("email"), Some(Mode::Token));
        let off = Policy::parse("version = 1\n[llm]\n").unwrap();
        assert_eq!(off.mode_of_llm("prompt"), None);
        assert!(Policy::parse("version = 1\n[llm]\nprediction = 'drop'\n").is_err());
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
        assert!(Policy::parse("version = 1\n[fields]\nemail = 'keep'\nE-mail = 'drop'").is_err());
        assert!(Policy::parse("version = 1\n[fields]\n'__' = 'keep'").is_err());
        assert_eq!(line("version = 1\n[requirements.standard]\nfields = ['user_id']\non_missing = 'stop'\n"), Some(4));
        let requires = |of: &str| Policy::parse(&format!("version = 1\n[requirements.x]\non_missing = 'warn'\n{of}"));
        assert!(requires("fields = ['user_id', '/metadata/case']").is_ok());
        for wrong in ["", "fields = []", "fields = ['usr_id']", "fields = ['user_id', 'user_id']", "fields = ['']"] {
            assert!(requires(wrong).is_err(), "{wrong}");
        }
    }
}

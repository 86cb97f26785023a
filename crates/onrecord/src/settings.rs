//! Settings of a deployment, in `onrecord.toml` of its data directory: whom a person turns to, when retention runs, where old
//! segments go. They say
//! nothing about what is recorded; that is the policy's. The file may be missing. It is read when it is needed, so that a change counts at
//! once.

use anyhow::{Context, Result, bail};
use onrecord_report::explanation::Objection;
use onrecord_report::language::Language;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const FILE: &str = "onrecord.toml";

/// Languages that a deployer adds: one file each, named by its tag.
const LANGUAGES: &str = "languages";

/// As S3 has it: a hundred years.
const LOCK_DAYS_MAX: u32 = 36_500;

/// The settings.
pub(crate) struct Settings {
    languages: PathBuf,
    file: SettingsFile,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsFile {
    #[serde(default)]
    explanation: ExplanationSettings,
    #[serde(default)]
    retention: RetentionSettings,
    #[serde(default)]
    archive: ArchiveSettings,
}

/// Where old segments go.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArchiveSettings {
    /// `s3://BUCKET/PREFIX` or `file:///DIRECTORY`.
    pub(crate) url: Option<String>,
    /// The storage class of the objects, as the server calls it.
    pub(crate) storage_class: Option<String>,
    /// Who can delete the objects before `object_lock_days` are over: with a right of its own (`governance`), or nobody
    /// (`compliance`).
    pub(crate) object_lock: Option<ObjectLockMode>,
    /// Days for which the server must refuse to delete them.
    pub(crate) object_lock_days: Option<u32>,
    /// Megabytes of look-up indexes of archived segments that stay on the disk; 1,024 if nothing is said.
    pub(crate) index_mb: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ObjectLockMode {
    Governance,
    Compliance,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetentionSettings {
    /// The time of day, in UTC, at which a server runs it: `03:00`. Without one it runs by command only.
    at: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplanationSettings {
    /// An address, a telephone number, a page.
    contact: Option<String>,
    /// The right to object in the deployer's words, by language.
    #[serde(default)]
    right_to_object: BTreeMap<String, String>,
}

impl Settings {
    /// Reads the settings of a data directory.
    pub(crate) fn read(directory: &Path) -> Result<Self> {
        let path = directory.join(FILE);
        let file = match std::fs::read_to_string(&path) {
            Ok(text) => {
                let parsed = toml::from_str(&text);
                parsed.map_err(|error| anyhow::anyhow!("{FILE}: {}", error.message()))?
            }
            Err(error) if error.kind() == ErrorKind::NotFound => SettingsFile::default(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {FILE}")),
        };
        Ok(Self { languages: directory.join(LANGUAGES), file })
    }

    /// When a server runs retention, as seconds of the day in UTC.
    pub(crate) fn retention_second(&self) -> Result<Option<i64>> {
        let Some(at) = &self.file.retention.at else { return Ok(None) };
        let time: jiff::civil::Time =
            at.parse().map_err(|_| anyhow::anyhow!("{FILE}: retention.at must be a time of day as 03:00, in UTC"))?;
        Ok(Some(i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60))
    }

    /// Where old segments go, and how.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn archive(&self) -> Result<&ArchiveSettings> {
        let archive = &self.file.archive;
        if archive.object_lock.is_some() != archive.object_lock_days.is_some() {
            bail!("{FILE}: archive.object_lock and archive.object_lock_days go together");
        }
        if archive.object_lock_days.is_some_and(|days| days == 0 || days > LOCK_DAYS_MAX) {
            bail!("{FILE}: archive.object_lock_days must be from 1 to {LOCK_DAYS_MAX}");
        }
        Ok(archive)
    }

    /// Whom a person turns to, in a language.
    pub(crate) fn objection(&self, language: &str) -> Objection {
        let explanation = &self.file.explanation;
        let wording = explanation.right_to_object.get(language).cloned();
        Objection { contact: explanation.contact.clone(), wording }
    }

    /// The words of a language: the deployer's, if there is a file of them, else those that come with the program.
    pub(crate) fn language(&self, tag: &str) -> Result<Language> {
        let is_tag = !tag.is_empty() && tag.len() <= 35 && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !is_tag {
            bail!("a language is a tag as en, de or pt-BR");
        }
        match std::fs::read_to_string(self.languages.join(format!("{tag}.toml"))) {
            Ok(text) => Language::parse(tag, &text).with_context(|| format!("{LANGUAGES}/{tag}.toml")),
            Err(error) if error.kind() == ErrorKind::NotFound => Language::built_in(tag)
                .with_context(|| format!("there are no words in this language; add {LANGUAGES}/{tag}.toml")),
            Err(error) => Err(error).with_context(|| format!("cannot read {LANGUAGES}/{tag}.toml")),
        }
    }
}

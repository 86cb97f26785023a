//! Settings of this process, from the environment. What a data directory itself prescribes is in its policy.

use anyhow::{Context, Result, bail};
use onrecord_record::limit;
use onrecord_service::Kek;
use std::path::Path;
use std::time::Duration;

/// Where a key-encryption key is read from that is kept outside the directory.
const KEK_FILE: &str = "ONRECORD_KEK_FILE";
/// Memory that sorting, grouping and joining of one query may take, in MB. The default is enough to sort a million
/// decisions by a column with a document beside each.
const QUERY_MEMORY: (&str, usize) = ("ONRECORD_QUERY_MEMORY_MB", 1024);
/// Memory for decoded columns, in MB. Reports by day read some 30 bytes a decision: the default is enough for eight
/// million.
const COLUMN_MEMORY: (&str, usize) = ("ONRECORD_COLUMN_MEMORY_MB", 256);
/// Size of one record as it is sent, in MB; at most 64. Its texts over 64 KiB are kept apart from it.
const RECORD_SIZE: (&str, usize) = ("ONRECORD_RECORD_MB", limit::SENT_BYTES_DEFAULT >> 20);
/// Seconds after which a query is stopped.
const STATEMENT_TIMEOUT: (&str, u64) = ("ONRECORD_STATEMENT_TIMEOUT_SECONDS", 60);

/// The settings under which a data directory is opened.
#[derive(Clone, Copy)]
pub(crate) struct Config {
    /// What one query may take for sorting, grouping and joining.
    pub(crate) query_memory_bytes: usize,
    /// What decoded columns may take, over all queries.
    pub(crate) column_memory_bytes: usize,
    /// Bytes that a record may have as it is sent.
    pub(crate) sent_bytes_max: usize,
    /// How long a query may take.
    pub(crate) statement_timeout: Duration,
}

impl Config {
    /// The settings that the environment gives, and the defaults for the rest.
    pub(crate) fn from_environment() -> Result<Self> {
        let sent_bytes_max = memory_bytes(RECORD_SIZE)?;
        if sent_bytes_max > limit::SENT_BYTES_MAX {
            bail!("{} must be at most {}", RECORD_SIZE.0, limit::SENT_BYTES_MAX >> 20);
        }
        Ok(Self {
            query_memory_bytes: memory_bytes(QUERY_MEMORY)?,
            column_memory_bytes: memory_bytes(COLUMN_MEMORY)?,
            sent_bytes_max,
            statement_timeout: seconds(STATEMENT_TIMEOUT)?,
        })
    }
}

/// The key-encryption key, where it is kept outside the directory.
pub(crate) fn external_kek() -> Result<Option<Kek>> {
    let path = std::env::var_os(KEK_FILE);
    Ok(path.map(|path| Kek::read(Path::new(&path))).transpose()?)
}

fn memory_bytes((variable, default_mb): (&str, usize)) -> Result<usize> {
    let Some(megabytes) = whole_number(variable, "megabytes, such as 512")? else { return Ok(default_mb << 20) };
    let bytes = usize::try_from(megabytes).ok().and_then(|megabytes| megabytes.checked_mul(1 << 20));
    bytes.with_context(|| format!("{variable} is more than this machine can address"))
}

fn seconds((variable, default): (&str, u64)) -> Result<Duration> {
    Ok(Duration::from_secs(whole_number(variable, "seconds, such as 60")?.unwrap_or(default)))
}

/// The whole number over 0 that a variable of the environment holds; `None` if it is not set.
fn whole_number(variable: &str, unit: &str) -> Result<Option<u64>> {
    let Some(text) = std::env::var_os(variable) else { return Ok(None) };
    let number = text.to_str().and_then(|text| text.parse().ok()).filter(|number| *number > 0);
    Ok(Some(number.with_context(|| format!("{variable} must be a whole number of {unit}"))?))
}

//! Why something was not done, by what the caller can do about it.
//!
//! Invariant: no message holds a value of a record, a user id or a secret. Faults name places by JSON pointer and line;
//! a member name that is itself personal data is masked before it gets here.

use crate::Error;
use crate::api_token::Role;
use onrecord_ledger::AppendError;
use onrecord_record::Fault;
use uuid::Uuid;

/// Bad lines named in one answer; all are counted.
pub const FAULTS_NAMED_MAX: usize = 1000;

/// The reasons by which refusals are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// What was sent breaks rules.
    Invalid,
    /// An id or a name is taken.
    Conflict,
    /// Over a limit.
    TooLarge,
    /// Too much waits already.
    Busy,
    /// The disk is full.
    Full,
    /// Writing or reading fails.
    Unavailable,
    /// The token lacks a role.
    Forbidden,
    /// Stored bytes are not what was stored.
    Corrupt,
    /// Nobody is behind the request: it came without a good token.
    Unauthorized,
    /// What was sent came too slowly.
    TooSlow,
    /// What was sent is in an encoding that is not known.
    Unsupported,
}

impl Reason {
    /// Every reason, in the order of their numbers.
    pub(crate) const ALL: [Self; 11] = [
        Self::Invalid,
        Self::Conflict,
        Self::TooLarge,
        Self::Busy,
        Self::Full,
        Self::Unavailable,
        Self::Forbidden,
        Self::Corrupt,
        Self::Unauthorized,
        Self::TooSlow,
        Self::Unsupported,
    ];

    /// The word on the record and in the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
            Self::Full => "full",
            Self::Unavailable => "unavailable",
            Self::Forbidden => "forbidden",
            Self::Corrupt => "corrupt",
            Self::Unauthorized => "unauthorized",
            Self::TooSlow => "too_slow",
            Self::Unsupported => "unsupported",
        }
    }
}

/// Nothing was written, and why.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// What was sent breaks rules. Fix it and send it again.
    #[error("{0}")]
    Invalid(LineFaults),
    /// The event ids are on the record with another body. Give the new entries new ids.
    #[error("{} event ids are on the record already, with another body", .0.total)]
    Conflict(Conflicts),
    /// Over a limit. Send less at once.
    #[error("{bytes} bytes are over the limit of {bytes_max}")]
    TooLarge {
        /// What was sent, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        bytes_max: usize,
    },
    /// Too much waits already. Send it again in a moment.
    #[error("the ledger is busy; send it again in a moment")]
    Busy,
    /// The disk is full. Send it again when there is space.
    #[error("the disk is full; nothing of the request was recorded")]
    Full,
    /// Writing or reading fails, for the reason given. Send it again when the cause is gone; the same event ids are safe.
    #[error("the service cannot do this now: {0}")]
    Unavailable(String),
    /// The token is good but lacks a role. Use one that has it.
    #[error("this needs a token with the role `{0}`")]
    Forbidden(Role),
    /// A token of that name exists. Choose another name.
    #[error("a token with this name exists already")]
    NameTaken,
    /// The decision is not about the person for whom it was asked. The asking is on the record.
    #[error("the decision is not about this person; that it was asked for is on the record")]
    NotTheirs,
    /// What was sent is about a decision that is not on the record. Log the decision first.
    #[error("no decision with that id is on the record")]
    UnknownDecision,
    /// A legal hold reaches records of the person. Release it first.
    #[error("the hold {0} stands: what it reaches is not erased (GDPR Art. 17(3)(e)); release it first")]
    Held(String),
    /// Stored bytes are not what was stored. Run `verify`.
    #[error("{0}")]
    Corrupt(String),
}

/// The faults of one record or of the lines of a batch: the first [`FAULTS_NAMED_MAX`], and how many lines are bad.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineFaults {
    /// The first faults, in the order of the lines.
    pub named: Vec<LineFault>,
    /// How many lines have at least one fault.
    pub lines_total: u64,
}

/// One fault, and the line it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineFault {
    /// The line of a batch, as it is numbered there; `None` for a record that was sent alone.
    pub line: Option<u64>,
    /// Where in the record, and which rule is broken.
    pub fault: Fault,
}

/// The event ids that are on the record with another body: the first [`FAULTS_NAMED_MAX`], and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conflicts {
    /// The line of a batch, and the event id.
    pub named: Vec<(Option<u64>, Uuid)>,
    /// How many there are.
    pub total: u64,
}

impl LineFaults {
    /// Adds the faults of one line.
    pub(crate) fn add(&mut self, line: Option<u64>, faults: Vec<Fault>) {
        self.lines_total += 1;
        let room = FAULTS_NAMED_MAX - self.named.len().min(FAULTS_NAMED_MAX);
        self.named.extend(faults.into_iter().take(room).map(|fault| LineFault { line, fault }));
    }

    /// Adds the faults of later lines.
    pub(crate) fn append(&mut self, later: LineFaults) {
        self.lines_total += later.lines_total;
        let room = FAULTS_NAMED_MAX - self.named.len().min(FAULTS_NAMED_MAX);
        self.named.extend(later.named.into_iter().take(room));
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lines_total == 0
    }
}

impl Conflicts {
    pub(crate) fn add(&mut self, line: Option<u64>, event_id: Uuid) {
        self.total += 1;
        if self.named.len() < FAULTS_NAMED_MAX {
            self.named.push((line, event_id));
        }
    }
}

impl std::fmt::Display for LineFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.fault),
            None => write!(f, "{}", self.fault),
        }
    }
}

/// The first faults, and how many more lines there are.
impl std::fmt::Display for LineFaults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const SHOWN: usize = 3;
        for (place, fault) in self.named.iter().take(SHOWN).enumerate() {
            write!(f, "{}{fault}", if place > 0 { "; " } else { "" })?;
        }
        if self.named.len() > SHOWN || self.lines_total > 1 {
            write!(f, " ({} faulty in all)", self.lines_total)?;
        }
        Ok(())
    }
}

impl Refusal {
    /// The faults of a record that was sent alone.
    pub(crate) fn invalid(faults: Vec<Fault>) -> Self {
        let mut lines = LineFaults::default();
        lines.add(None, faults);
        Refusal::Invalid(lines)
    }

    /// The reason by which it is counted.
    pub fn reason(&self) -> Reason {
        match self {
            Refusal::Invalid(_) | Refusal::UnknownDecision => Reason::Invalid,
            Refusal::Conflict(_) | Refusal::NameTaken | Refusal::Held(_) => Reason::Conflict,
            Refusal::TooLarge { .. } => Reason::TooLarge,
            Refusal::Busy => Reason::Busy,
            Refusal::Full => Reason::Full,
            Refusal::Unavailable(_) => Reason::Unavailable,
            Refusal::Forbidden(_) | Refusal::NotTheirs => Reason::Forbidden,
            Refusal::Corrupt(_) => Reason::Corrupt,
        }
    }
}

impl From<AppendError> for Refusal {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::TooLarge { bytes, bytes_max } => Refusal::TooLarge { bytes, bytes_max },
            // Ids are taken only while other calls append them at this very moment; the next try sees them.
            AppendError::Busy | AppendError::Taken(_) => Refusal::Busy,
            AppendError::Full(_) => Refusal::Full,
            other => Refusal::Unavailable(other.to_string()),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Io { ref source, .. } if source.kind() == std::io::ErrorKind::StorageFull => Refusal::Full,
            Error::Corrupt { .. } | Error::WrongKey { .. } => Refusal::Corrupt(error.to_string()),
            other => Refusal::Unavailable(other.to_string()),
        }
    }
}

//! The kinds of entry: the member `kind` of every record.

use std::fmt;

/// What an entry of the ledger records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A model decided something.
    Decision,
    /// A person looked at a decision: confirmed it or overrode it.
    Review,
    /// What turned out to be true, known later than the decision.
    Outcome,
    /// What a person says about decisions about them, beside these.
    Note,
    /// A subject's personal data was made unreadable.
    Erasure,
    /// Records were put under a legal hold, or released from it.
    Hold,
    /// Records were deleted because their time was over.
    Retention,
    /// Someone read records.
    Access,
    /// The system did or noticed something itself: a start, a cut torn tail, a refusal, a change of policy.
    System,
}

impl Kind {
    /// Every kind, in the order of the design.
    pub const ALL: [Self; 9] = [
        Self::Decision,
        Self::Review,
        Self::Outcome,
        Self::Note,
        Self::Erasure,
        Self::Hold,
        Self::Retention,
        Self::Access,
        Self::System,
    ];

    /// Every kind with its word.
    pub(crate) const WORDS: [(&'static str, Self); 9] = {
        let mut words = [("", Self::Decision); 9];
        let mut at = 0;
        while at < words.len() {
            words[at] = (Self::ALL[at].as_str(), Self::ALL[at]);
            at += 1;
        }
        words
    };

    /// The word in the record, in SQL and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Review => "review",
            Self::Outcome => "outcome",
            Self::Note => "note",
            Self::Erasure => "erasure",
            Self::Hold => "hold",
            Self::Retention => "retention",
            Self::Access => "access",
            Self::System => "system",
        }
    }

    /// The kind of that word, if it is one.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_names_its_kind() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(Kind::parse("Decision"), None);
        assert_eq!(Kind::parse(""), None);
    }
}

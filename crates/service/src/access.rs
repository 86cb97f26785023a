//! Reading is on the record: who read, how, what, and how many records.
//!
//! Invariant: what was asked is named without personal data. An id stays as it is only when a decision has it, because
//! intake looked at that one; whatever else was asked for may be a person's and becomes a keyed token. A query comes here
//! without its literals, comments and unusual names: the query engine takes them out, which knows where they end.

use crate::detector::Detector;
use crate::vault::FieldKeys;
use onrecord_record::limit;

/// How records were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A query.
    Sql,
    /// A query that compares or shows user ids in plain.
    RevealSql,
    /// A page of decisions.
    Decisions,
    /// A page of decisions, with user ids compared or shown in plain.
    RevealDecisions,
    /// One decision.
    Get,
    /// One decision, with the person and sealed fields in plain.
    Reveal,
    /// The evidence of a decision.
    Evidence,
    /// The explanation of a decision.
    Explain,
    /// The explanation of a decision, with the person and sealed fields in plain.
    RevealExplain,
    /// The explanation of a decision was asked for by somebody whom it is not about, and not given.
    ExplainRefused,
    /// All decisions about a person.
    History,
    /// A report.
    Report,
}

impl Action {
    /// The word on the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Sql => "sql",
            Action::RevealSql => "reveal_sql",
            Action::Decisions => "decisions",
            Action::RevealDecisions => "reveal_decisions",
            Action::Get => "get",
            Action::Reveal => "reveal",
            Action::Evidence => "evidence",
            Action::Explain => "explain",
            Action::RevealExplain => "reveal_explain",
            Action::ExplainRefused => "explain_refused",
            Action::History => "history",
            Action::Report => "report",
        }
    }
}

/// What was read.
#[derive(Clone, Copy)]
pub enum What<'a> {
    /// A decision that is there, by its id.
    Decision(&'a str),
    /// A decision that is not there, by the id that was asked for; only a keyed token of it is recorded.
    Unknown(&'a str),
    /// What a query asks for, without its literals (`onrecord_query::redacted`).
    Query(&'a str),
    /// A report, by its name, on a model.
    Report {
        /// Its name.
        name: &'a str,
        /// The model, by the id that was asked for; none for all models.
        model_id: Option<&'a str>,
        /// Whether a model with that id is on the record; of any other only a keyed token is recorded.
        is_there: bool,
    },
}

/// Shows nothing of what was asked.
impl std::fmt::Debug for What<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            What::Decision(_) => "Decision(…)",
            What::Unknown(_) => "Unknown(…)",
            What::Query(_) => "Query(…)",
            What::Report { .. } => "Report(…)",
        })
    }
}

impl What<'_> {
    /// The text on the record. `tenant` makes the token of an unknown id: equal ids can be told to be equal, and whoever
    /// knows one can find it, with the key.
    pub(crate) fn recorded(self, tenant: &FieldKeys) -> String {
        let token = |id: &str| {
            let mut token = String::new();
            tenant.token(id.as_bytes(), &mut token);
            token
        };
        let text = match self {
            What::Unknown(id) => return token(id),
            What::Report { name, model_id: None, .. } => return name.to_owned(),
            What::Report { name, model_id: Some(model_id), is_there: false } => {
                return format!("{name} {}", token(model_id));
            }
            What::Report { name, model_id: Some(model_id), is_there: true } => format!("{name} {model_id}"),
            What::Query(text) | What::Decision(text) => text.to_owned(),
        };
        masked(&text)
    }
}

/// The text without what looks personal, and no longer than entries of ours may be.
pub(crate) fn masked(text: &str) -> String {
    let mut masked = String::new();
    let is_masked = Detector::default().mask(text, &mut masked);
    shorten(if is_masked { masked } else { text.to_owned() })
}

/// Queries can be long, and entries of ours are small.
const SHOWN_BYTES_MAX: usize = limit::ID_CHARS_MAX * 8;

fn shorten(mut text: String) -> String {
    if text.len() > SHOWN_BYTES_MAX {
        let end = (0..=SHOWN_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(what: What<'_>) -> String {
        what.recorded(&FieldKeys::new(&[7; 32]))
    }

    #[test]
    fn queries_are_masked_and_cut_short() {
        assert_eq!(recorded(What::Query("select ? -- jane@example.com")), "select ? -- [email]");
        assert!(recorded(What::Query(&"x".repeat(10_000))).len() < 3000);
    }

    #[test]
    fn an_id_stays_only_when_it_is_one() {
        assert_eq!(recorded(What::Decision("loan-17")), "loan-17");
        assert_eq!(recorded(What::Decision("jane@example.com")), "[email]");
        let token = recorded(What::Unknown("max.mustermann"));
        assert!(token.starts_with("tok_") && token.len() == 20, "{token}");
        assert_eq!(token, recorded(What::Unknown("max.mustermann")));
        assert_ne!(token, recorded(What::Unknown("max.musterfrau")));
        assert_ne!(token, What::Unknown("max.mustermann").recorded(&FieldKeys::new(&[8; 32])));
        let shown = format!("{:?}", [What::Unknown("max"), What::Decision("max"), What::Query("max")]);
        assert!(!shown.contains("max"), "{shown}");
    }
}

//! Reading is on the record: who read, how, what, and how many records.
//!
//! Invariant: what was asked is named without personal data. An id stays as it is only when a decision has it, because
//! intake looked at that one; whatever else was asked for may be a person's and becomes a keyed token. A query comes here
//! without its literals, comments and unusual names: the query engine takes them out, which knows where they end.
//!
//! Who read about a decision or a person can be found again: a decision is named by its id or by the keyed token of it, a
//! person by their subject token, also where a query compares `decision_id`, `event_id` or `user_id` with one.

use crate::SubjectToken;
use crate::api_token::Actor;
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
    /// All records of a person, to be given to them.
    Export,
    /// All records that a hold reaches, with their evidence.
    HoldEvidence,
    /// Who read about a decision or a person, or what somebody read.
    Access,
}

impl Action {
    /// Those whose `what` is one decision.
    pub const OF_DECISION: [Self; 6] =
        [Self::Get, Self::Reveal, Self::Evidence, Self::Explain, Self::RevealExplain, Self::ExplainRefused];

    /// Queries, and what else may show any decision.
    pub const OF_QUERY: [Self; 5] =
        [Self::Sql, Self::RevealSql, Self::Decisions, Self::RevealDecisions, Self::HoldEvidence];

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
            Action::Export => "export",
            Action::HoldEvidence => "hold_evidence",
            Action::Access => "access",
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
    /// What a query asks for, without its literals (`onrecord_query::redacted_but`).
    Query {
        /// Its shape.
        shape: &'a str,
        /// The tokens of decisions and persons that stand in it; they are kept, however long it is.
        names: &'a [String],
    },
    /// A person, by their token.
    Subject(&'a str),
    /// What a hold reaches, by the hold's name.
    Hold(&'a str),
    /// The readings of a decision or of a person, or by somebody: each as it is on the record.
    Accesses {
        /// The decision's id, and whether a decision with that id is on the record.
        decision: Option<(&'a str, bool)>,
        /// The person's token.
        subject: Option<&'a str>,
        /// Who read, as the record names them.
        actor: Option<&'a str>,
    },
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
            What::Query { .. } => "Query(…)",
            What::Subject(_) => "Subject(…)",
            What::Hold(_) => "Hold(…)",
            What::Accesses { .. } => "Accesses(…)",
            What::Report { .. } => "Report(…)",
        })
    }
}

impl What<'_> {
    /// The persons that it names.
    pub(crate) fn subjects(&self) -> Vec<SubjectToken> {
        match self {
            What::Subject(token) => SubjectToken::parse(token).into_iter().collect(),
            What::Accesses { subject, .. } => subject.and_then(SubjectToken::parse).into_iter().collect(),
            What::Query { names, .. } => names.iter().filter_map(|name| SubjectToken::parse(name)).collect(),
            _ => Vec::new(),
        }
    }

    /// The text on the record. `tenant` makes the token of an unknown id: equal ids can be told to be equal, and whoever
    /// knows one can find it, with the key.
    pub(crate) fn recorded(self, tenant: &FieldKeys) -> String {
        let token = |id: &str| token(tenant, id);
        // An id in which a detector finds something is found again by its token.
        let known = |id: &str| if masked(id) == id { id.to_owned() } else { token(id) };
        let either = |(id, is_there): (&str, bool)| if is_there { known(id) } else { token(id) };
        match self {
            What::Decision(id) => known(id),
            What::Unknown(id) => token(id),
            What::Subject(token) => token.to_owned(),
            What::Hold(hold) => format!("hold {hold}"),
            What::Report { name, model_id: None, .. } => name.to_owned(),
            What::Report { name, model_id: Some(model_id), is_there: false } => format!("{name} {}", token(model_id)),
            What::Report { name, model_id: Some(model_id), is_there: true } => masked(&format!("{name} {model_id}")),
            What::Query { shape, names } => with_names(shape, names),
            What::Accesses { decision, subject, actor } => {
                let parts = [
                    decision.map(|decision| format!("decision {}", either(decision))),
                    subject.map(|subject| format!("subject {subject}")),
                    actor.map(|actor| match Actor::is_name(actor) {
                        true => format!("actor {actor}"),
                        false => format!("actor {}", token(actor)),
                    }),
                ];
                parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
            }
        }
    }
}

/// The keyed token of an id.
pub(crate) fn token(tenant: &FieldKeys, id: &str) -> String {
    let mut token = String::new();
    tenant.token(id.as_bytes(), &mut token);
    token
}

/// Names that an entry keeps of one query; of a longer list the first.
const NAMES_MAX: usize = 32;

/// The shape of a query, cut so that all its names have room, and after it those that were cut off.
fn with_names(shape: &str, names: &[String]) -> String {
    let names = &names[..names.len().min(NAMES_MAX)];
    let room = names.iter().map(|name| name.len() + 1).sum::<usize>();
    let mut text = shortened(without_findings(shape), SHOWN_BYTES_MAX.saturating_sub(room));
    for name in names {
        if !text.contains(name.as_str()) {
            text.push(' ');
            text.push_str(name);
        }
    }
    text
}

/// The text without what looks personal, and no longer than entries of ours may be.
fn masked(text: &str) -> String {
    shortened(without_findings(text), SHOWN_BYTES_MAX)
}

/// The text without what looks personal.
pub(crate) fn without_findings(text: &str) -> String {
    let mut masked = String::new();
    let is_masked = Detector::default().mask(text, &mut masked);
    if is_masked { masked } else { text.to_owned() }
}

/// Queries can be long, and entries of ours are small.
const SHOWN_BYTES_MAX: usize = limit::ID_CHARS_MAX * 8;

fn shortened(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        let end = (0..=bytes_max).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
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

    fn query(shape: &str, names: &[String]) -> String {
        recorded(What::Query { shape, names })
    }

    #[test]
    fn queries_are_masked_and_cut_short() {
        assert_eq!(query("select ? -- jane@example.com", &[]), "select ? -- [email]");
        assert!(query(&"x".repeat(10_000), &[]).len() < 3000);
    }

    #[test]
    fn the_names_in_a_query_stay_however_long_it_is() {
        let names: Vec<String> = (0..40).map(|at| format!("sub_{at:024x}")).collect();
        let long = query(&format!("select {}", "x, ".repeat(5_000)), &names);
        assert!(long.len() < 3000 && names[..32].iter().all(|name| long.contains(name.as_str())), "{long}");
        let short = query(&format!("where user_id = '{}'", names[0]), &names[..1]);
        assert_eq!(short, format!("where user_id = '{}'", names[0]), "and are not there twice");
        // No detector takes a token for a number of somebody.
        for at in 0..2_000_u64 {
            let name = token(&FieldKeys::new(&[7; 32]), &at.to_string());
            assert_eq!(query(&format!("where decision_id = '{name}'"), &[]), format!("where decision_id = '{name}'"));
        }
    }

    #[test]
    fn a_question_about_readings_names_nobody() {
        let asked = What::Accesses { decision: Some(("loan-17", true)), subject: Some("sub_1"), actor: Some("local") };
        assert_eq!(recorded(asked), "decision loan-17, subject sub_1, actor local");
        let unknown = What::Accesses { decision: Some(("max", false)), subject: None, actor: Some("max") };
        let token = recorded(What::Unknown("max"));
        assert_eq!(recorded(unknown), format!("decision {token}, actor {token}"));
    }

    #[test]
    fn an_id_stays_only_when_it_is_one() {
        assert_eq!(recorded(What::Decision("loan-17")), "loan-17");
        assert_eq!(recorded(What::Decision("jane@example.com")), recorded(What::Unknown("jane@example.com")));
        let token = recorded(What::Unknown("max.mustermann"));
        assert!(token.starts_with("tok_") && token.len() == 20, "{token}");
        assert_eq!(token, recorded(What::Unknown("max.mustermann")));
        assert_ne!(token, recorded(What::Unknown("max.musterfrau")));
        assert_ne!(token, What::Unknown("max.mustermann").recorded(&FieldKeys::new(&[8; 32])));
        let shown =
            format!("{:?}", [What::Unknown("max"), What::Decision("max"), What::Query { shape: "max", names: &[] }]);
        assert!(!shown.contains("max"), "{shown}");
    }
}

//! Who read about a decision, who read about a person, and what somebody read: from the access entries, newest first.
//!
//! An entry names a decision by its id or by a keyed token of it, and a person by their subject token. Who read about a person
//! after a decision was recorded may have seen that too, and is among its readers. A query that names nobody may have shown
//! anybody: those are counted, and said to be so.

use crate::source::{Error, Rows, Source};
use crate::sql::text;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Readings that are given, if nothing is said.
pub const LIMIT_DEFAULT: usize = 100;
/// Readings that are given at most.
pub const LIMIT_MAX: usize = 1_000;

/// Decisions of a person whose readings are looked for; of more, those of the newest.
const DECISIONS_MAX: usize = 100_000;

/// Entries that are looked through at a time.
const ENTRIES_AT_ONCE: usize = 5_000;

/// What every token of a decision or a value begins with.
const TOKEN_PREFIX: &str = "tok_";
/// What every token of a person begins with.
const SUBJECT_PREFIX: &str = "sub_";

/// The columns of an answer, in their order.
pub const COLUMNS: [&str; 7] = ["recorded_at", "actor", "action", "what", "purpose", "rows", "leaf_index"];

/// Which readings. Everything that is given must hold; a decision or a person, one of them at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this decision, by its id.
    pub decision_id: Option<String>,
    /// Of this person, by their token: what names them, and what names a decision about them.
    pub subject: Option<String>,
    /// By one of these, as the record names them.
    pub actors: Option<Vec<String>>,
    /// From this instant on.
    pub since: Option<Timestamp>,
}

/// How the entries say what was read: the rules of whoever writes them.
pub struct Wording<'a> {
    /// The actions whose `what` is one decision.
    pub of_decision: &'a [&'a str],
    /// The actions of queries, which may show any decision.
    pub of_query: &'a [&'a str],
    /// The action of asking for readings, which shows no decision.
    pub of_access: &'a str,
    /// The token by which a decision is named where its id may not stand.
    pub token: &'a (dyn Fn(&str) -> String + Send + Sync),
}

/// Readings, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Accesses {
    /// Each as it is on the record.
    pub accesses: Vec<Access>,
    /// Whether there are more than were asked for.
    pub more: bool,
    /// Gives the next page; null on the last one.
    pub next_cursor: Option<String>,
    /// Of a decision or a person: queries since it was recorded that name no decision and nobody, so that they may have shown
    /// it, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unnamed_queries: Option<u64>,
}

/// One reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Access {
    /// When (RFC 3339).
    pub recorded_at: String,
    /// Who: `local`, or `token:` and the id of an API token.
    pub actor: String,
    /// How: `get`, `reveal`, `evidence`, `explain`, `history`, `sql`, `report`, …
    pub action: String,
    /// What was asked for, without personal data.
    pub what: String,
    /// Why, as the reader said.
    pub purpose: Option<String>,
    /// How many records the answer holds, where that was known beforehand.
    pub rows: Option<u64>,
    /// Its position in the ledger.
    pub leaf_index: u64,
}

/// What an entry must name to be about the decision or the person.
struct Names {
    /// Ids and tokens of decisions.
    decisions: HashSet<String>,
    subject: Option<String>,
    /// From which leaf on a reading of the person counts.
    subject_from: u64,
    /// The first leaf of what it is about; what was read before cannot have shown it.
    first_leaf: Option<u64>,
}

impl Accesses {
    /// Asks for readings.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a decision that is not on the record and that nobody asked for; what the source says.
    pub async fn ask<S: Source + ?Sized>(
        source: &S,
        filter: &Filter,
        wording: &Wording<'_>,
        page: Page,
    ) -> Result<Self, Error<S::Error>> {
        let Page { mut before, limit } = page;
        let Some(names) = Names::ask(source, filter, wording).await? else {
            let accesses = entries(source, &filter.sql(), before, limit + 1).await?;
            return Ok(Self::page(accesses, limit, None));
        };
        let coarse = format!("{} AND {}", filter.sql(), names.sql(filter, wording));
        let mut accesses = Vec::new();
        while accesses.len() <= limit {
            let found = entries(source, &coarse, before, ENTRIES_AT_ONCE).await?;
            before = found.last().map(|access| access.leaf_index);
            let is_last = found.len() < ENTRIES_AT_ONCE;
            accesses.extend(found.into_iter().filter(|access| names.are_in(access, wording)));
            if is_last {
                break;
            }
        }
        let is_first = page.before.is_none();
        if accesses.is_empty() && is_first && names.first_leaf.is_none() && filter.decision_id.is_some() {
            return Err(Error::NotFound("no decision with that id is on the record, and nobody asked for one"));
        }
        let unnamed = format!(
            "SELECT count(*) AS queries FROM accesses WHERE {} AND action IN ({}) AND leaf_index > {} \
             AND strpos(what, '{TOKEN_PREFIX}') = 0 AND strpos(what, '{SUBJECT_PREFIX}') = 0",
            filter.sql(),
            list(wording.of_query),
            names.first_leaf.unwrap_or(u64::MAX >> 1)
        );
        let unnamed_queries = Some(Rows::of(source, unnamed).await?.count("queries")?);
        Ok(Self::page(accesses, limit, unnamed_queries))
    }

    fn page(mut accesses: Vec<Access>, limit: usize, unnamed_queries: Option<u64>) -> Self {
        let more = accesses.len() > limit;
        accesses.truncate(limit);
        Self { accesses, more, next_cursor: None, unnamed_queries }
    }

    /// Says where the next page begins, if there is one; `tag` is the caller's check value over question and ledger.
    #[must_use]
    pub fn with_cursor(mut self, tag: &[u8; 8]) -> Self {
        let last = self.accesses.last().filter(|_| self.more);
        self.next_cursor = last.map(|last| format!("{:016x}{:016x}", u64::from_be_bytes(*tag), last.leaf_index));
        self
    }
}

/// Which of the readings: those before a leaf, so many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The leaf of the last reading on the page before.
    pub before: Option<u64>,
    /// How many.
    pub limit: usize,
}

/// The text of a cursor is not one that a page of these readings over this ledger gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one of these readings: take next_cursor of the page before, with the same question")]
pub struct ForeignCursor;

/// The leaf before which a page begins, by the text of its cursor.
///
/// # Errors
/// [`ForeignCursor`].
pub fn read_cursor(written: &str, tag: &[u8; 8]) -> Result<u64, ForeignCursor> {
    if written.len() != 32 || !written.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ForeignCursor);
    }
    let part = |at: usize| u64::from_str_radix(&written[at..at + 16], 16).map_err(|_| ForeignCursor);
    if part(0)?.to_be_bytes() == *tag { part(16) } else { Err(ForeignCursor) }
}

/// Whether a decision of that id is on the record.
///
/// # Errors
/// What the source says.
pub async fn is_there<S: Source + ?Sized>(source: &S, decision_id: &str) -> Result<bool, Error<S::Error>> {
    let sql = format!("SELECT leaf_index FROM ai_audit_logs WHERE decision_id = {} LIMIT 1", text(decision_id));
    Ok(Rows::of(source, sql).await?.len() > 0)
}

impl Filter {
    /// What holds of the entry itself.
    fn sql(&self) -> String {
        let mut parts = vec!["TRUE".to_owned()];
        parts.extend(self.actors.as_ref().map(|actors| format!("actor IN ({})", list(actors))));
        parts.extend(self.since.map(|since| format!("recorded_at >= TIMESTAMPTZ '{since}'")));
        parts.join(" AND ")
    }
}

impl Names {
    /// `None` where nothing is asked for but by whom.
    async fn ask<S: Source + ?Sized>(
        source: &S,
        filter: &Filter,
        wording: &Wording<'_>,
    ) -> Result<Option<Self>, Error<S::Error>> {
        let of = match (&filter.decision_id, &filter.subject) {
            (Some(decision_id), _) => format!("decision_id = {}", text(decision_id)),
            (None, Some(subject)) => format!("user_id = {}", text(subject)),
            (None, None) => return Ok(None),
        };
        let sql = format!(
            "SELECT decision_id, event_id, user_id, leaf_index FROM ai_audit_logs WHERE {of} ORDER BY leaf_index DESC LIMIT {DECISIONS_MAX}"
        );
        let rows = Rows::of(source, sql).await?;
        let ids = rows.texts("decision_id")?.into_iter().flatten().chain(filter.decision_id.clone());
        let ids: HashSet<String> = ids.chain(rows.texts("event_id")?.into_iter().flatten()).collect();
        let tokens: Vec<String> = ids.iter().map(|id| (wording.token)(id)).collect();
        let first_leaf = rows.counts("leaf_index")?.into_iter().min();
        let decisions = ids.into_iter().chain(tokens).collect();
        let (subject, subject_from) = match &filter.decision_id {
            Some(_) => (rows.texts("user_id")?.into_iter().flatten().next(), first_leaf.unwrap_or(u64::MAX)),
            None => (filter.subject.clone(), 0),
        };
        Ok(Some(Self { decisions, subject, subject_from, first_leaf }))
    }

    /// A condition that all entries about it meet, and few others.
    fn sql(&self, filter: &Filter, wording: &Wording<'_>) -> String {
        let of_subject = || {
            let subject = text(self.subject.as_deref().unwrap_or_default());
            format!("SELECT decision_id FROM ai_audit_logs WHERE user_id = {subject}")
        };
        let whats = filter.decision_id.as_ref().map_or_else(of_subject, |decision_id| text(decision_id));
        let mut parts = vec![
            format!("action IN ({}) AND what IN ({whats})", list(wording.of_decision)),
            format!("strpos(what, '{TOKEN_PREFIX}') > 0"),
        ];
        parts.extend(self.subject.as_ref().map(|subject| format!("strpos(what, {}) > 0", text(subject))));
        format!("action <> {} AND (({}))", text(wording.of_access), parts.join(") OR ("))
    }

    fn are_in(&self, access: &Access, wording: &Wording<'_>) -> bool {
        let is_of_decision = wording.of_decision.contains(&access.action.as_str());
        let is_word = |byte: char| byte.is_ascii_alphanumeric() || byte == '_';
        let mut words = access.what.split(|letter| !is_word(letter));
        let is_late_enough = access.leaf_index >= self.subject_from;
        (is_of_decision && self.decisions.contains(&access.what))
            || words.any(|word| {
                (is_late_enough && self.subject.as_deref() == Some(word))
                    || (word.starts_with(TOKEN_PREFIX) && self.decisions.contains(word))
            })
    }
}

/// The newest entries that meet a condition, before a leaf.
async fn entries<S: Source + ?Sized>(
    source: &S,
    condition: &str,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<Access>, Error<S::Error>> {
    let before = before.map(|leaf| format!(" AND leaf_index < {leaf}")).unwrap_or_default();
    let sql = format!(
        "SELECT {} FROM accesses WHERE {condition}{before} ORDER BY leaf_index DESC LIMIT {limit}",
        COLUMNS.join(", ")
    );
    let rows = Rows::of(source, sql).await?;
    let (at, actors, actions) = (rows.timestamps("recorded_at")?, rows.texts("actor")?, rows.texts("action")?);
    let (whats, purposes) = (rows.texts("what")?, rows.texts("purpose")?);
    let (counts, leaves) = (rows.integers("rows")?, rows.counts("leaf_index")?);
    let text = |column: &[Option<String>], at: usize| column[at].clone().unwrap_or_default();
    let access = |row: usize| Access {
        recorded_at: at[row].map(|at| at.to_string()).unwrap_or_default(),
        actor: text(&actors, row),
        action: text(&actions, row),
        what: text(&whats, row),
        purpose: purposes[row].clone(),
        rows: counts[row].and_then(|count| u64::try_from(count).ok()),
        leaf_index: leaves[row],
    };
    Ok((0..rows.len()).map(access).collect())
}

/// Literals, a comma between them.
fn list(values: &[impl AsRef<str>]) -> String {
    values.iter().map(|value| text(value.as_ref())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_with_the_same_tag_only() {
        let access = Access {
            recorded_at: String::new(),
            actor: String::new(),
            action: String::new(),
            what: String::new(),
            purpose: None,
            rows: None,
            leaf_index: 7,
        };
        let page = Accesses::page(vec![access.clone(), access.clone()], 1, None).with_cursor(b"whatever");
        let cursor = page.next_cursor.unwrap();
        assert_eq!(read_cursor(&cursor, b"whatever"), Ok(7));
        assert_eq!(read_cursor(&cursor, b"another."), Err(ForeignCursor));
        for broken in ["", "zz", &cursor[1..], &cursor.replace('0', "é"), &cursor.replace('0', "x")] {
            assert_eq!(read_cursor(broken, b"whatever"), Err(ForeignCursor), "{broken}");
        }
        assert_eq!(Accesses::page(vec![access], 1, None).with_cursor(b"whatever").next_cursor, None);
    }
}

//! Decisions found without SQL: newest first, page by page.
//!
//! The order is that of `timestamp` and, within one instant, of the ledger, both descending. A cursor says after which
//! row a page begins, and how long the ledger was when the first page was asked for: what arrives meanwhile is on no
//! later page, so that no decision is given twice and none of those that were there is left out.

use crate::path::Condition;
use crate::period;
use crate::sql::text;
use jiff::Timestamp;

/// Rows of a page, if nothing is said.
pub const LIMIT_DEFAULT: usize = 100;
/// Rows of a page at most.
pub const LIMIT_MAX: usize = 1_000;

/// What a page shows of a decision, then where it is in the ledger.
pub const COLUMNS: [&str; 14] = [
    "event_id",
    "decision_id",
    "timestamp",
    "user_id",
    "model_id",
    "model_version",
    "prediction",
    "confidence",
    "human_reviewed",
    "overridden",
    "human_decision",
    "override_reason",
    "environment",
    "leaf_index",
];

/// Which decisions. Everything that is given must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Whose decisions: a user id, or a token for callers who see tokens.
    pub user_id: Option<String>,
    /// Of this model.
    pub model_id: Option<String>,
    /// Of this version.
    pub model_version: Option<String>,
    /// Of this environment.
    pub environment: Option<String>,
    /// With a confidence below this.
    pub confidence_below: Option<f64>,
    /// Overridden by a person, or not.
    pub overridden: Option<bool>,
    /// Reviewed by a person, or not.
    pub reviewed: Option<bool>,
    /// From this instant on.
    pub since: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
    /// With these values.
    pub conditions: Vec<Condition>,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Leaves of the ledger when the first page was asked for.
    pub tree_size: u64,
    /// The last row of the page before.
    pub after: Option<Position>,
}

/// The place of a row in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Its timestamp in microseconds since 1970.
    pub timestamp_micros: i64,
    /// Its leaf.
    pub leaf_index: u64,
}

/// The text of a cursor is not one that a page of this filter over this ledger gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one of these decisions: take next_cursor of the page before, with the same filters")]
pub struct ForeignCursor;

/// The query of all decisions about a person, newest first.
pub fn history_sql(user_id: &str) -> String {
    format!(
        "SELECT timestamp AS date, model_id AS system, prediction AS decision, explanation->>'reasoning' AS explanation, \
         decision_id, model_version, confidence, human_reviewed, overridden, human_decision, override_reason, \
         consent_given FROM ai_audit_logs WHERE user_id = {} ORDER BY timestamp DESC, leaf_index DESC",
        text(user_id)
    )
}

impl Filter {
    /// The query of one page, with one row more than `limit`, which says whether there is another page.
    pub fn sql(&self, cursor: &Cursor, limit: usize) -> String {
        let mut parts = vec![format!("leaf_index < {}", cursor.tree_size)];
        let equal =
            |column: &str, value: &Option<String>| value.as_ref().map(|value| format!("{column} = {}", text(value)));
        parts.extend(equal("user_id", &self.user_id));
        parts.extend(equal("model_id", &self.model_id));
        parts.extend(equal("model_version", &self.model_version));
        parts.extend(equal("environment", &self.environment));
        parts.extend(self.confidence_below.map(|below| format!("confidence < {below:?}::double precision")));
        let is = |column: &str, truth: bool| format!("{}{column}", if truth { "" } else { "NOT " });
        parts.extend(self.overridden.map(|truth| is("overridden", truth)));
        parts.extend(self.reviewed.map(|truth| is("human_reviewed", truth)));
        parts.extend(self.since.map(|since| format!("timestamp >= TIMESTAMPTZ '{since}'")));
        parts.extend(self.until.map(|until| format!("timestamp < TIMESTAMPTZ '{until}'")));
        parts.extend(self.conditions.iter().map(Condition::sql));
        if let Some(Position { timestamp_micros, leaf_index }) = cursor.after
            && let Ok(time) = Timestamp::from_microsecond(timestamp_micros)
        {
            // The first part lets whole segments be skipped.
            parts.push(format!("timestamp <= TIMESTAMPTZ '{time}'"));
            parts.push(format!("(timestamp < TIMESTAMPTZ '{time}' OR leaf_index < {leaf_index})"));
        }
        format!(
            "SELECT {} FROM ai_audit_logs WHERE {} ORDER BY timestamp DESC, leaf_index DESC LIMIT {}",
            COLUMNS.join(", "),
            parts.join(" AND "),
            limit + 1
        )
    }

    /// Whether the numbers make sense: `confidence_below` is one.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), period::PeriodError> {
        match (self.since, self.until) {
            (Some(since), Some(until)) if since >= until => Err(period::PeriodError::Reversed),
            _ => Ok(()),
        }
    }
}

impl Cursor {
    /// The first page of a ledger of so many leaves.
    pub fn first(tree_size: u64) -> Self {
        Self { tree_size, after: None }
    }

    /// The text of the cursor; `tag` is the caller's check value over filter and ledger.
    pub fn write(&self, tag: &[u8; 8]) -> String {
        let Position { timestamp_micros, leaf_index } =
            self.after.unwrap_or(Position { timestamp_micros: i64::MAX, leaf_index: u64::MAX });
        let mut hex = String::with_capacity(64);
        let parts = [tag, &self.tree_size.to_be_bytes(), &timestamp_micros.to_be_bytes(), &leaf_index.to_be_bytes()];
        for byte in parts.into_iter().flatten() {
            hex.push_str(&format!("{byte:02x}"));
        }
        hex
    }

    /// Reads the text of a cursor.
    ///
    /// # Errors
    /// [`ForeignCursor`].
    pub fn read(written: &str, tag: &[u8; 8]) -> Result<Self, ForeignCursor> {
        if written.len() != 64 || !written.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ForeignCursor);
        }
        let part = |at: usize| u64::from_str_radix(&written[at * 16..(at + 1) * 16], 16).map_err(|_| ForeignCursor);
        if part(0)?.to_be_bytes() != *tag {
            return Err(ForeignCursor);
        }
        let timestamp_micros = part(2)?.cast_signed();
        Timestamp::from_microsecond(timestamp_micros).map_err(|_| ForeignCursor)?;
        let after = Some(Position { timestamp_micros, leaf_index: part(3)? });
        Ok(Self { tree_size: part(1)?, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: [u8; 8] = *b"whatever";

    #[test]
    fn a_cursor_reads_back_with_the_same_tag_only() {
        let after = Some(Position { timestamp_micros: -62_135_596_800_000_000, leaf_index: 7 });
        let cursor = Cursor { tree_size: 10, after };
        let written = cursor.write(&TAG);
        assert_eq!(Cursor::read(&written, &TAG), Ok(cursor));
        assert_eq!(Cursor::read(&written, b"another."), Err(ForeignCursor));
        for broken in ["", "zz", &written[1..], &written.replace('0', "é"), &written.replace('0', "x")] {
            assert_eq!(Cursor::read(broken, &TAG), Err(ForeignCursor), "{broken}");
        }
        assert_eq!(
            Cursor::read(&Cursor::first(3).write(&TAG), &TAG),
            Err(ForeignCursor),
            "there is none for a first page"
        );
    }

    #[test]
    fn the_query_says_what_was_asked_for() {
        let filter = Filter {
            user_id: Some("o'neil".to_owned()),
            confidence_below: Some(0.7),
            overridden: Some(false),
            conditions: vec!["input_features.a=1".parse().unwrap()],
            ..Filter::default()
        };
        let after = Some(Position { timestamp_micros: 1_000_000, leaf_index: 7 });
        let sql = filter.sql(&Cursor { tree_size: 9, after }, 10);
        let (_, condition) = sql.split_once(" WHERE ").unwrap();
        assert_eq!(
            condition,
            "leaf_index < 9 AND user_id = 'o''neil' AND confidence < 0.7::double precision AND NOT overridden \
             AND input_features->>'a' = '1' AND timestamp <= TIMESTAMPTZ '1970-01-01T00:00:01Z' \
             AND (timestamp < TIMESTAMPTZ '1970-01-01T00:00:01Z' OR leaf_index < 7) \
             ORDER BY timestamp DESC, leaf_index DESC LIMIT 11"
        );
    }
}

//! Rows about decisions that are not on the record: the file itself must have these decisions, before them or in one chunk
//! with them.
//!
//! Most files have no such row, and then nothing is done. Else the file is read once more for the decisions, of which
//! nothing is kept but where they are.

use super::chunk::{BadRow, Chunk};
use super::source::{self, Reading};
use crate::api::decision::UnknownDecision;
use anyhow::Result;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::HashMap;
use uuid::Uuid;

/// Rows that are remembered, 32 bytes each. What is wrong with others shows when they are recorded.
const ROWS_MAX: usize = 1 << 20;

const NOWHERE: &str = "/decision_id: no decision with this id is on the record, nor in the file";
const LATER: &str = "/decision_id: the decision with this id comes later in the file; put it before";

/// Such rows of a file.
#[derive(Default)]
pub(super) struct UnknownDecisions(Vec<Row>);

struct Row {
    row: u64,
    /// The first row of its chunk.
    chunk: u64,
    decision: Key,
}

/// Stands for an id, of whatever length.
type Key = [u8; 16];

impl UnknownDecisions {
    /// Adds rows of the chunk that begins with that row.
    pub(super) fn add(&mut self, chunk: u64, rows: Vec<UnknownDecision>) {
        let room = ROWS_MAX.saturating_sub(self.0.len());
        let row = |found: UnknownDecision| Row { row: found.line, chunk, decision: key(&found.decision_id) };
        self.0.extend(rows.into_iter().take(room).map(row));
    }

    /// The rows whose decision the file does not have in time: the first `named_max` of them, and how many there are.
    pub(super) fn bad(&self, reading: &Reading<'_>, named_max: usize) -> Result<(Vec<BadRow>, u64)> {
        if self.0.is_empty() {
            return Ok((Vec::new(), 0));
        }
        // By decision, the first row of the first chunk that has it.
        let mut chunks: HashMap<Key, Option<u64>> = self.0.iter().map(|row| (row.decision, None)).collect();
        source::read(reading, &mut |chunk: Chunk| {
            for id in chunk.lines.split(|byte| *byte == b'\n').filter_map(decision_id) {
                if let Some(first) = chunks.get_mut(&key(&id)) {
                    first.get_or_insert(chunk.first_row);
                }
            }
            true
        })?;
        let (mut bad, mut count) = (Vec::new(), 0);
        for Row { row, chunk, decision } in &self.0 {
            let reason = match chunks.get(decision).copied().flatten() {
                Some(first) if first <= *chunk => continue,
                Some(_) => LATER,
                None => NOWHERE,
            };
            count += 1;
            if bad.len() < named_max {
                bad.push(BadRow { row: *row, reason: reason.to_owned() });
            }
        }
        Ok((bad, count))
    }
}

fn key(decision_id: &str) -> Key {
    let hash: [u8; 32] = Sha256::digest(decision_id.as_bytes()).into();
    std::array::from_fn(|at| hash[at])
}

/// The id of the decision that a line is, if it says one.
fn decision_id(line: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Ids<'a> {
        #[serde(borrow)]
        kind: Option<Cow<'a, str>>,
        #[serde(borrow, alias = "decisionId")]
        decision_id: Option<Cow<'a, str>>,
        #[serde(borrow, alias = "eventId")]
        event_id: Option<Cow<'a, str>>,
    }
    let ids: Ids<'_> = serde_json::from_slice(line).ok()?;
    if ids.kind.is_some_and(|kind| kind != onrecord_record::Kind::Decision.as_str()) {
        return None;
    }
    match (ids.decision_id, ids.event_id) {
        (Some(decision_id), _) => Some(decision_id.into_owned()),
        (None, event_id) => Some(Uuid::try_parse(&event_id?).ok()?.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_decisions_have_ids_to_be_found_by() {
        let id = |line: &str| decision_id(line.as_bytes());
        assert_eq!(id(r#"{"decisionId":"d\u0031","prediction":1}"#).as_deref(), Some("d1"));
        assert_eq!(id(r#"{"kind":"decision","decision_id":"d1","event_id":"x"}"#).as_deref(), Some("d1"));
        let event = "019AB005-0000-7000-8000-000000000001";
        assert_eq!(id(&format!(r#"{{"eventId":"{event}"}}"#)), Some(event.to_lowercase()));
        assert_eq!(id(r#"{"kind":"review","decision_id":"d1"}"#), None);
        assert_eq!([id("{}"), id(""), id("not JSON")], [None, None, None]);
    }
}

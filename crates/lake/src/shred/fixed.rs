//! The members of a record that have a column of their own.
//!
//! Invariant: [`FixedColumns::put`] says that a row is exact only if every member went into a column from which the
//! assembler writes the same member again. It does not look at white space or at the order of members: record bytes are
//! canonical, and what is not shows when the segment is read back.

use super::cell::Cells;
use crate::Row;
use crate::schema::{Document, MEMBERS, Scalar, column};
use arrow::array::{
    ArrayBuilder, ArrayRef, BinaryBuilder, FixedSizeBinaryBuilder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::error::ArrowError;
use onrecord_record::{Kind, SCHEMA, Timestamp, Value};
use std::sync::Arc;
use uuid::Uuid;

/// The word in `kind` for bytes that are no record.
pub const UNKNOWN_KIND: &str = "unknown";

/// Columns that hold a text as it comes, in file order.
const TEXTS: [&str; 11] = [
    column::USER_ID,
    column::SYSTEM_ACTOR,
    column::MODEL_ID,
    column::MODEL_VERSION,
    column::MODEL_TYPE,
    column::ENVIRONMENT,
    column::REQUEST_ID,
    column::SESSION_ID,
    column::DATA_RETENTION_POLICY,
    column::OVERRIDE_REASON,
    column::TIMESTAMP_SENT,
];

/// Columns that hold another scalar as it comes, in file order, after `input_hash`.
const SCALARS: [(&str, Scalar); 6] = [
    (column::PROCESSING_TIME_MS, Scalar::Float64),
    (column::CONFIDENCE, Scalar::Float64),
    (column::DATA_RETENTION_DAYS, Scalar::Int64),
    (column::HUMAN_REVIEWED, Scalar::Boolean),
    (column::OVERRIDDEN, Scalar::Boolean),
    (column::CONSENT_GIVEN, Scalar::Boolean),
];

/// Where a member goes.
#[derive(Clone, Copy)]
enum Place {
    Kind,
    Schema,
    EventId,
    RecordedAt,
    Timestamp,
    DecisionId,
    InputHash,
    /// Of [`TEXTS`].
    Text(usize),
    /// Of [`SCALARS`].
    Scalar(usize),
    Document(Document),
    /// A member that decisions do not have.
    Unknown,
}

impl Place {
    fn of(member: &str) -> Self {
        match member {
            column::KIND => Place::Kind,
            "schema" => Place::Schema,
            column::EVENT_ID => Place::EventId,
            column::RECORDED_AT => Place::RecordedAt,
            column::TIMESTAMP => Place::Timestamp,
            column::DECISION_ID => Place::DecisionId,
            column::INPUT_HASH => Place::InputHash,
            _ => {
                let text = TEXTS.iter().position(|name| *name == member).map(Place::Text);
                let scalar = || SCALARS.iter().position(|(name, _)| *name == member).map(Place::Scalar);
                let document = || Document::parse(member).map(Place::Document);
                text.or_else(scalar).or_else(document).unwrap_or(Place::Unknown)
            }
        }
    }
}

/// The fixed columns, being filled.
pub(super) struct FixedColumns {
    /// The place of each of [`MEMBERS`].
    places: [Place; MEMBERS.len()],
    leaf_index: Int64Builder,
    kind: StringBuilder,
    event_id: FixedSizeBinaryBuilder,
    recorded_at: TimestampMicrosecondBuilder,
    timestamp: TimestampMicrosecondBuilder,
    decision_id: StringBuilder,
    texts: Vec<Cells>,
    input_hash: FixedSizeBinaryBuilder,
    scalars: Vec<Cells>,
    sidecar: BinaryBuilder,
    record: BinaryBuilder,
}

/// What the columns of a decision must have for the assembler to write it.
#[derive(Default)]
struct Present {
    event_id: bool,
    decision_id: bool,
    kind: bool,
    schema: bool,
}

impl FixedColumns {
    pub(super) fn new() -> Self {
        Self {
            places: MEMBERS.map(Place::of),
            leaf_index: Int64Builder::new(),
            kind: StringBuilder::new(),
            event_id: FixedSizeBinaryBuilder::new(16),
            recorded_at: TimestampMicrosecondBuilder::new(),
            timestamp: TimestampMicrosecondBuilder::new(),
            decision_id: StringBuilder::new(),
            texts: TEXTS.iter().map(|_| Cells::new(Scalar::Utf8)).collect(),
            input_hash: FixedSizeBinaryBuilder::new(16),
            scalars: SCALARS.iter().map(|(_, scalar)| Cells::new(*scalar)).collect(),
            sidecar: BinaryBuilder::new(),
            record: BinaryBuilder::new(),
        }
    }

    /// Puts what every row has, and the members of the record that have a column. `document` is given those that are
    /// documents. Returns whether the columns determine the record.
    pub(super) fn put<'v>(
        &mut self,
        at: usize,
        row: &Row<'_>,
        record: Option<Value<'v>>,
        mut document: impl FnMut(Document, Value<'v>),
    ) -> Result<bool, ArrowError> {
        self.leaf_index.append_value(row.leaf.0 as i64);
        self.event_id.append_value(row.id)?;
        if !row.sidecar.is_empty() {
            pad_to(&mut self.sidecar, at, BinaryBuilder::append_nulls);
            self.sidecar.append_value(row.sidecar);
        }
        let kind = record.and_then(|record| record.get("kind")).and_then(Value::as_str);
        let kind = kind.filter(|kind| Kind::parse(kind).is_some()).unwrap_or(UNKNOWN_KIND);
        self.kind.append_value(kind);
        let (Some(record), true) = (record, kind != UNKNOWN_KIND) else { return Ok(false) };
        let is_decision = kind == Kind::Decision.as_str();
        let mut present = Present::default();
        let mut exact = is_decision;
        let mut next = 0;
        for (key, value) in record.members() {
            // Members come in the order of the table, most of them.
            let (before, after) = MEMBERS.split_at(next);
            let found = after.iter().position(|name| *name == key).map(|at| at + next);
            let found = found.or_else(|| before.iter().position(|name| *name == key));
            next = found.map_or(next, |at| at + 1);
            exact &= match found.map_or(Place::Unknown, |at| self.places[at]) {
                Place::Document(name) if is_decision => {
                    document(name, value);
                    true
                }
                place => self.put_member(at, row, place, value, is_decision, &mut present)?,
            };
        }
        Ok(exact && present.event_id && present.decision_id && present.kind && present.schema)
    }

    /// Puts one member into its column. Returns whether the column determines it.
    fn put_member(
        &mut self,
        at: usize,
        row: &Row<'_>,
        place: Place,
        value: Value<'_>,
        is_decision: bool,
        present: &mut Present,
    ) -> Result<bool, ArrowError> {
        Ok(match place {
            Place::Kind => {
                present.kind = true;
                true
            }
            Place::Schema => {
                present.schema = true;
                value.as_i64() == Some(SCHEMA as i64)
            }
            Place::EventId => {
                present.event_id = true;
                value.as_str().is_some_and(|text| is_text_of(row.id, text))
            }
            Place::RecordedAt => put_timestamp(&mut self.recorded_at, at, value),
            Place::Timestamp => put_timestamp(&mut self.timestamp, at, value),
            Place::DecisionId => {
                present.decision_id = true;
                let Some(text) = value.as_str() else { return Ok(false) };
                if !(is_decision && is_text_of(row.id, text)) {
                    pad_to(&mut self.decision_id, at, StringBuilder::append_nulls);
                    self.decision_id.append_value(text);
                }
                true
            }
            Place::InputHash if is_decision => {
                let Some(hash) = value.as_str().and_then(hash_of) else { return Ok(false) };
                pad_to(&mut self.input_hash, at, FixedSizeBinaryBuilder::append_nulls);
                self.input_hash.append_value(hash)?;
                true
            }
            Place::Text(text) if is_decision || TEXTS[text] == column::USER_ID => self.texts[text].put(at, value),
            Place::Scalar(scalar) if is_decision => self.scalars[scalar].put(at, value),
            Place::InputHash | Place::Text(_) | Place::Scalar(_) | Place::Document(_) | Place::Unknown => false,
        })
    }

    /// Keeps the exact bytes of the row.
    pub(super) fn put_record(&mut self, at: usize, record: &[u8]) {
        pad_to(&mut self.record, at, BinaryBuilder::append_nulls);
        self.record.append_value(record);
    }

    /// The columns in the order of [`crate::schema::fixed_fields`].
    pub(super) fn finish(mut self, rows: usize) -> Vec<ArrayRef> {
        pad_to(&mut self.recorded_at, rows, TimestampMicrosecondBuilder::append_nulls);
        pad_to(&mut self.timestamp, rows, TimestampMicrosecondBuilder::append_nulls);
        pad_to(&mut self.decision_id, rows, StringBuilder::append_nulls);
        pad_to(&mut self.input_hash, rows, FixedSizeBinaryBuilder::append_nulls);
        pad_to(&mut self.sidecar, rows, BinaryBuilder::append_nulls);
        pad_to(&mut self.record, rows, BinaryBuilder::append_nulls);
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.leaf_index.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.event_id.finish()),
            Arc::new(self.recorded_at.finish().with_timezone("UTC")),
            Arc::new(self.timestamp.finish().with_timezone("UTC")),
            Arc::new(self.decision_id.finish()),
        ];
        columns.extend(self.texts.into_iter().map(|cells| cells.finish(rows)));
        columns.push(Arc::new(self.input_hash.finish()));
        columns.extend(self.scalars.into_iter().map(|cells| cells.finish(rows)));
        columns.push(Arc::new(self.sidecar.finish()));
        columns.push(Arc::new(self.record.finish()));
        columns
    }
}

/// Fills a builder with nulls up to `rows`.
fn pad_to<B: ArrayBuilder>(builder: &mut B, rows: usize, append_nulls: impl Fn(&mut B, usize)) {
    let missing = rows - builder.len();
    if missing > 0 {
        append_nulls(builder, missing);
    }
}

/// Puts a timestamp; exact only in the one form that is stored.
fn put_timestamp(builder: &mut TimestampMicrosecondBuilder, at: usize, value: Value<'_>) -> bool {
    let Some(text) = value.as_str() else { return false };
    let Some(timestamp) = Timestamp::parse(text) else { return false };
    pad_to(builder, at, TimestampMicrosecondBuilder::append_nulls);
    builder.append_value(timestamp.as_micros());
    let bytes = text.as_bytes();
    // Of this length, with this ending, a text that parses is the stored form unless its `T` is another mark or its
    // second is a leap second.
    bytes.len() == Timestamp::TEXT_BYTES && bytes[10] == b'T' && bytes[26] == b'Z' && &bytes[17..19] != b"60"
}

/// Whether the text is the UUID as it is stored: hyphens, lower case.
fn is_text_of(id: [u8; 16], text: &str) -> bool {
    text == Uuid::from_bytes(id).as_hyphenated().encode_lower(&mut Uuid::encode_buffer())
}

/// The 16 bytes of 32 lower-case hex digits.
fn hash_of(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32 {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut hash = [0; 16];
    for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(hash)
}

//! The flat schema of a segment: what a row of Parquet, and a row of the tail in memory, is made of.
//!
//! One row is one ledger entry, all kinds together, ordered by leaf index. The columns are flat, so that a person who
//! opens a segment with any Parquet reader finds names that make sense: the fixed columns first (`leaf_index`,
//! `kind`, `model_id`, `confidence`, …), then, for each JSON document of a decision, one column per frequent path
//! (`input_features.gender`, `prediction.approved`), and a `…_rest` column with the JSON that did not fit.
//!
//! Invariant: the columns of a row determine the record's bytes. A row of which that would not hold carries the exact
//! bytes in `record`. Entries of any kind but decision always do: they are few, and their tables parse them.
//!
//! How a document D lies in its columns:
//! - an absent document: every column of it is null.
//! - `D.path.to.key` holds the value at that path; null means that the path is not in this row's columns (it may be in
//!   the rest: see [`rest_may_hold`]). A JSON null is never in a path column, it is in the rest.
//! - the bare column `D` holds a document that is itself a scalar (`prediction: "approved"`) or a list.
//! - `D_rest` is JSON text. When the document is an object it is an object that holds only the members that no column
//!   holds, to be merged deeply with the columns; otherwise it is the whole document.
//!
//! This module leaves the conversion itself to `shred` (bytes to columns) and `assemble` (columns to bytes).

mod path;
mod rest;

pub use path::{LIST_ITEM, PathColumn, Scalar, Shape, is_column_key, path_name};
pub use rest::{RestKeys, rest_may_hold};

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use std::sync::Arc;

/// The version of this layout, kept in the footer under [`meta::FORMAT`].
pub const FORMAT: u32 = 2;

/// Column paths that one segment may have beside the fixed columns; what is less frequent goes to the rest.
pub const PATH_COLUMNS_MAX: usize = 200;

/// Top-level keys that `onrecord.keys` lists; with more of them in the rest it is `"*"`.
pub const REST_KEYS_MAX: usize = 1_000;

/// Keys of the footer's key-value metadata. All values are decimal text unless said otherwise.
pub mod meta {
    /// [`super::FORMAT`].
    pub const FORMAT: &str = "onrecord.format";
    /// First leaf index of the segment.
    pub const FIRST_LEAF: &str = "onrecord.first_leaf";
    /// Leaf index after the last one of the segment.
    pub const END_LEAF: &str = "onrecord.end_leaf";
    /// Number of rows.
    pub const ROWS: &str = "onrecord.rows";
    /// The least and the greatest event id of version 7 as UUID text, a space between; `none` if there are none.
    pub const IDS_V7: &str = "onrecord.ids_v7";
    /// The same of the event ids of all other versions.
    pub const IDS_OTHER: &str = "onrecord.ids_other";
    /// CRC-32C of the footer up to the end of the file, 8 hex digits, computed while these digits and those of
    /// [`CHECKSUM`] are `00000000`.
    pub const FOOTER_CHECKSUM: &str = "onrecord.footer_crc32c";
    /// CRC-32C of the whole file, 8 hex digits, computed while these digits and those of [`FOOTER_CHECKSUM`] are
    /// `00000000`.
    pub const CHECKSUM: &str = "onrecord.crc32c";
    /// Metadata of a `D_rest` *field*: a JSON array of the top-level keys that occur in it, or `"*"`.
    pub const REST_KEYS: &str = "onrecord.keys";
}

/// Names of the fixed columns. The order is the order in the file.
pub mod column {
    /// Position in the ledger, `Int64`, never null.
    pub const LEAF_INDEX: &str = "leaf_index";
    /// `decision`, `review`, …; `unknown` for bytes that are no record. `Utf8`, never null.
    pub const KIND: &str = "kind";
    /// `FixedSizeBinary(16)`, never null.
    pub const EVENT_ID: &str = "event_id";
    /// Our time, `Timestamp(µs, UTC)`.
    pub const RECORDED_AT: &str = "recorded_at";
    /// The producer's time, `Timestamp(µs, UTC)`.
    pub const TIMESTAMP: &str = "timestamp";
    /// `Utf8`; in a decision null means the text of `event_id`, in other kinds that there is none.
    pub const DECISION_ID: &str = "decision_id";
    /// The subject token, `Utf8`.
    pub const USER_ID: &str = "user_id";
    /// `Utf8`.
    pub const SYSTEM_ACTOR: &str = "system_actor";
    /// `Utf8`.
    pub const MODEL_ID: &str = "model_id";
    /// `Utf8`.
    pub const MODEL_VERSION: &str = "model_version";
    /// `Utf8`.
    pub const MODEL_TYPE: &str = "model_type";
    /// `Utf8`.
    pub const ENVIRONMENT: &str = "environment";
    /// `Utf8`.
    pub const REQUEST_ID: &str = "request_id";
    /// `Utf8`.
    pub const SESSION_ID: &str = "session_id";
    /// `Utf8`.
    pub const DATA_RETENTION_POLICY: &str = "data_retention_policy";
    /// `Utf8`.
    pub const OVERRIDE_REASON: &str = "override_reason";
    /// The text that the producer's time was sent as, if it says more, `Utf8`.
    pub const TIMESTAMP_SENT: &str = "timestamp_sent";
    /// Keyed hash of the input, `FixedSizeBinary(16)`.
    pub const INPUT_HASH: &str = "input_hash";
    /// `Float64`, milliseconds.
    pub const PROCESSING_TIME_MS: &str = "processing_time_ms";
    /// `Float64`, 0 to 1.
    pub const CONFIDENCE: &str = "confidence";
    /// `Int64`, days.
    pub const DATA_RETENTION_DAYS: &str = "data_retention_days";
    /// `Boolean`.
    pub const HUMAN_REVIEWED: &str = "human_reviewed";
    /// `Boolean`.
    pub const OVERRIDDEN: &str = "overridden";
    /// `Boolean`.
    pub const CONSENT_GIVEN: &str = "consent_given";
    /// Bytes that the service keeps next to the record (ciphertext), `Binary`.
    pub const SIDECAR: &str = "sidecar";
    /// The exact record bytes where the columns do not determine them, `Binary`.
    pub const RECORD: &str = "record";
}

/// The fixed columns in file order. The columns of documents follow them.
pub fn fixed_fields() -> Vec<FieldRef> {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let uuid = DataType::FixedSizeBinary(16);
    let text = DataType::Utf8;
    let field =
        |name: &str, data_type: &DataType, nullable: bool| Arc::new(Field::new(name, data_type.clone(), nullable));
    vec![
        field(column::LEAF_INDEX, &DataType::Int64, false),
        field(column::KIND, &text, false),
        field(column::EVENT_ID, &uuid, false),
        field(column::RECORDED_AT, &instant, true),
        field(column::TIMESTAMP, &instant, true),
        field(column::DECISION_ID, &text, true),
        field(column::USER_ID, &text, true),
        field(column::SYSTEM_ACTOR, &text, true),
        field(column::MODEL_ID, &text, true),
        field(column::MODEL_VERSION, &text, true),
        field(column::MODEL_TYPE, &text, true),
        field(column::ENVIRONMENT, &text, true),
        field(column::REQUEST_ID, &text, true),
        field(column::SESSION_ID, &text, true),
        field(column::DATA_RETENTION_POLICY, &text, true),
        field(column::OVERRIDE_REASON, &text, true),
        field(column::TIMESTAMP_SENT, &text, true),
        field(column::INPUT_HASH, &uuid, true),
        field(column::PROCESSING_TIME_MS, &DataType::Float64, true),
        field(column::CONFIDENCE, &DataType::Float64, true),
        field(column::DATA_RETENTION_DAYS, &DataType::Int64, true),
        field(column::HUMAN_REVIEWED, &DataType::Boolean, true),
        field(column::OVERRIDDEN, &DataType::Boolean, true),
        field(column::CONSENT_GIVEN, &DataType::Boolean, true),
        field(column::SIDECAR, &DataType::Binary, true),
        field(column::RECORD, &DataType::Binary, true),
    ]
}

/// The members of a decision's record in canonical order: the constants `kind` and `schema`, the documents, and those
/// that have a fixed column of the same name.
pub const MEMBERS: [&str; 30] = [
    "alternative_predictions",
    column::CONFIDENCE,
    column::CONSENT_GIVEN,
    column::DATA_RETENTION_DAYS,
    column::DATA_RETENTION_POLICY,
    column::DECISION_ID,
    column::ENVIRONMENT,
    column::EVENT_ID,
    "explanation",
    "human_decision",
    column::HUMAN_REVIEWED,
    "input_features",
    column::INPUT_HASH,
    column::KIND,
    "metadata",
    column::MODEL_ID,
    column::MODEL_TYPE,
    column::MODEL_VERSION,
    column::OVERRIDDEN,
    column::OVERRIDE_REASON,
    "prediction",
    column::PROCESSING_TIME_MS,
    column::RECORDED_AT,
    column::REQUEST_ID,
    "schema",
    column::SESSION_ID,
    column::SYSTEM_ACTOR,
    column::TIMESTAMP,
    column::TIMESTAMP_SENT,
    column::USER_ID,
];

/// The members of a decision that are JSON documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Document {
    /// `input_features`
    InputFeatures,
    /// `prediction`
    Prediction,
    /// `alternative_predictions`
    AlternativePredictions,
    /// `explanation`
    Explanation,
    /// `human_decision`
    HumanDecision,
    /// `metadata`
    Metadata,
}

impl Document {
    /// Every document, in file order.
    pub const ALL: [Document; 6] = [
        Document::InputFeatures,
        Document::Prediction,
        Document::AlternativePredictions,
        Document::Explanation,
        Document::HumanDecision,
        Document::Metadata,
    ];

    /// The member's name in the record, which is also the name of the bare column and the prefix of path columns.
    pub const fn name(self) -> &'static str {
        match self {
            Document::InputFeatures => "input_features",
            Document::Prediction => "prediction",
            Document::AlternativePredictions => "alternative_predictions",
            Document::Explanation => "explanation",
            Document::HumanDecision => "human_decision",
            Document::Metadata => "metadata",
        }
    }

    /// The name of the column with what did not fit.
    pub const fn rest_name(self) -> &'static str {
        match self {
            Document::InputFeatures => "input_features_rest",
            Document::Prediction => "prediction_rest",
            Document::AlternativePredictions => "alternative_predictions_rest",
            Document::Explanation => "explanation_rest",
            Document::HumanDecision => "human_decision_rest",
            Document::Metadata => "metadata_rest",
        }
    }

    /// The document of that member name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|document| document.name() == name)
    }
}

/// The whole schema: the fixed columns, then for each document its path columns, as they come in `columns`, and its
/// rest. `columns` are sorted by document.
pub fn schema(columns: &[PathColumn], rest_keys: &RestKeys) -> SchemaRef {
    let mut fields = fixed_fields();
    for document in Document::ALL {
        let columns = columns.iter().filter(|column| column.document == document);
        fields.extend(columns.map(|column| Arc::new(column.field())));
        fields.push(Arc::new(rest_keys.field(document)));
    }
    Arc::new(Schema::new(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_in_canonical_order_and_have_a_place() {
        assert!(MEMBERS.is_sorted());
        let fixed = fixed_fields();
        for member in MEMBERS {
            let is_fixed = fixed.iter().any(|field| field.name() == member);
            assert!(is_fixed || member == "schema" || Document::parse(member).is_some(), "{member}");
        }
    }

    #[test]
    fn fixed_and_rest_columns_are_no_path_columns() {
        for field in fixed_fields() {
            assert_eq!(PathColumn::of(&field), None, "{}", field.name());
        }
        for document in Document::ALL {
            assert_eq!(PathColumn::of(&RestKeys::default().field(document)), None);
        }
    }
}

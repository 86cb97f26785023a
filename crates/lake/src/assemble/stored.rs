//! What reviews and outcomes must know of decisions, from the few columns that say it.

use super::source::Text;
use super::{DocumentReader, Unknown};
use crate::schema::{Document, PathColumn, column};
use arrow::array::{Array, AsArray, BinaryArray, FixedSizeBinaryArray, RecordBatch};
use arrow::datatypes::Schema;
use onrecord_record::{Kind, ModelType, Parser, StoredDecision};
use uuid::Uuid;

/// The columns, beside those of the prediction.
const COLUMNS: [&str; 7] = [
    column::LEAF_INDEX,
    column::KIND,
    column::EVENT_ID,
    column::DECISION_ID,
    column::USER_ID,
    column::MODEL_TYPE,
    column::RECORD,
];

/// Reads decisions out of one batch.
pub(crate) struct DecisionReader {
    kind: Text,
    event_id: FixedSizeBinaryArray,
    decision_id: Text,
    user_id: Text,
    model_type: Text,
    prediction: DocumentReader,
    record: BinaryArray,
    parser: Parser,
}

impl DecisionReader {
    /// The names of the columns that a batch of this schema must have.
    pub(crate) fn columns(schema: &Schema) -> Vec<&str> {
        let is_of_prediction = |field: &arrow::datatypes::FieldRef| {
            let path = PathColumn::of(field).is_some_and(|path| path.document == Document::Prediction);
            path || field.name() == Document::Prediction.rest_name()
        };
        let fields = schema.fields().iter().filter(|field| is_of_prediction(field));
        COLUMNS.into_iter().chain(fields.map(|field| field.name().as_str())).collect()
    }

    /// Reads the batch's columns.
    ///
    /// # Errors
    /// [`Unknown`] if a fixed column is missing or has another type.
    pub(crate) fn new(batch: &RecordBatch) -> Result<Self, Unknown> {
        let find = |name: &'static str| batch.column_by_name(name).ok_or(Unknown(name));
        let text = |name: &'static str| Text::of(find(name)?).ok_or(Unknown(name));
        let event_id = find(column::EVENT_ID)?.as_fixed_size_binary_opt().ok_or(Unknown(column::EVENT_ID))?;
        Ok(Self {
            kind: text(column::KIND)?,
            event_id: event_id.clone(),
            decision_id: text(column::DECISION_ID)?,
            user_id: text(column::USER_ID)?,
            model_type: text(column::MODEL_TYPE)?,
            prediction: DocumentReader::new(batch, Document::Prediction, &[]),
            record: find(column::RECORD)?.as_binary_opt().ok_or(Unknown(column::RECORD))?.clone(),
            parser: Parser::new(),
        })
    }

    /// The decision of the row; `None` if it is no decision.
    pub(crate) fn read(&mut self, row: usize) -> Option<StoredDecision> {
        if self.kind.get(row) != Some(Kind::Decision.as_str()) {
            return None;
        }
        if self.record.is_valid(row) {
            let document = self.parser.parse_stored(self.record.value(row)).ok()?;
            return StoredDecision::read(document.value());
        }
        let mut prediction = Vec::new();
        self.prediction.write(row, &mut prediction);
        let decision_id = match self.decision_id.get(row) {
            Some(text) => text.to_owned(),
            None => Uuid::from_slice(self.event_id.value(row)).ok()?.to_string(),
        };
        Some(StoredDecision {
            decision_id,
            user_id: self.user_id.get(row).map(str::to_owned),
            model_type: self.model_type.get(row).and_then(ModelType::parse),
            prediction,
        })
    }
}

//! Columns back into record bytes ("assembly"): the inverse of [`crate::shred`].
//!
//! Invariant: for a row whose `record` is null, the bytes written are the canonical form of what the columns say. They
//! are the record's bytes because whoever seals compares their hash with the leaf; nothing is checked here.

mod document;
mod source;
mod stored;

pub use document::DocumentReader;
pub(crate) use stored::DecisionReader;

use crate::schema::{Document, MEMBERS, column};
use arrow::array::{Array, AsArray, BinaryArray, RecordBatch};
use onrecord_record::Kind;
use source::{Source, Text, close_object, prefix};

/// Writes records out of one batch of the flat schema.
pub struct Assembler {
    members: Vec<Member>,
    kind: Text,
    record: BinaryArray,
}

enum Member {
    /// `,"schema":1`
    Constant(Vec<u8>),
    Column(Vec<u8>, Box<Source>),
    Document(Vec<u8>, Box<DocumentReader>),
}

/// The batch does not have the flat schema, or a row has neither its bytes nor a decision's columns.
#[derive(Debug, thiserror::Error)]
#[error("the columns are not those of a segment: {0}")]
pub struct Unknown(&'static str);

impl Assembler {
    /// Reads the batch's columns.
    ///
    /// # Errors
    /// [`Unknown`] if a fixed column is missing or has another type.
    pub fn new(batch: &RecordBatch) -> Result<Self, Unknown> {
        let find = |name: &'static str| batch.column_by_name(name).ok_or(Unknown(name));
        let event_id = find(column::EVENT_ID)?.as_fixed_size_binary_opt().ok_or(Unknown(column::EVENT_ID))?;
        let members = MEMBERS.iter().map(|&name| {
            let prefix = prefix(name);
            if let Some(document) = Document::parse(name) {
                let reader = DocumentReader::new(batch, document, &[]);
                return Ok(Member::Document(prefix, Box::new(reader)));
            }
            Ok(match name {
                "schema" => Member::Constant([prefix, onrecord_record::SCHEMA.to_string().into_bytes()].concat()),
                column::KIND => Member::Constant([prefix, format!("\"{}\"", Kind::Decision).into_bytes()].concat()),
                _ => {
                    let source = Source::fixed(name, find(name)?, event_id).ok_or(Unknown(name))?;
                    Member::Column(prefix, Box::new(source))
                }
            })
        });
        Ok(Self {
            members: members.collect::<Result<_, _>>()?,
            kind: Text::of(find(column::KIND)?).ok_or(Unknown(column::KIND))?,
            record: find(column::RECORD)?.as_binary_opt().ok_or(Unknown(column::RECORD))?.clone(),
        })
    }

    /// Appends the record of the row.
    ///
    /// # Errors
    /// [`Unknown`] if the row is not a decision and has no bytes of its own.
    pub fn write(&mut self, row: usize, out: &mut Vec<u8>) -> Result<(), Unknown> {
        if self.record.is_valid(row) {
            out.extend_from_slice(self.record.value(row));
            return Ok(());
        }
        if self.kind.get(row) != Some(Kind::Decision.as_str()) {
            return Err(Unknown("a row that is no decision has no record"));
        }
        let start = out.len();
        for member in &mut self.members {
            match member {
                Member::Constant(bytes) => out.extend_from_slice(bytes),
                Member::Column(prefix, column) => {
                    column.write_after(prefix, row, out);
                }
                Member::Document(prefix, document) => {
                    document.write_after(prefix, row, out);
                }
            }
        }
        close_object(start, out);
        Ok(())
    }
}

//! Record bytes into columns ("shredding").
//!
//! A [`Shredder`] takes rows one by one and gives a [`Shredded`] batch of the flat schema for a set of path columns
//! that a [`Survey`] chose before. What no column can hold goes to the rest columns; a record that the columns as a
//! whole do not determine is kept as exact bytes. So every row can be shredded, whatever its bytes are.
//!
//! Batches are bounded by [`BATCH_ROWS`] and [`BATCH_BYTES`]: the caller asks [`Shredder::is_full`]. This module
//! trusts that record bytes are canonical; who seals reads back and names the rows for which that was wrong.

mod cell;
mod document;
mod fixed;
mod survey;

pub use fixed::UNKNOWN_KIND;
pub use survey::Survey;

use crate::Row;
use crate::schema::{Document, PathColumn, RestKeys, schema};
use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use document::DocumentColumns;
use fixed::FixedColumns;
use onrecord_record::Parser;

/// Rows of one batch.
pub const BATCH_ROWS: usize = 8_192;

/// Record bytes after which a batch is full: offsets of Arrow strings have 31 bits, and memory is bounded.
pub const BATCH_BYTES: usize = 32 * 1024 * 1024;

/// A batch, and the keys that its rest columns hold.
pub struct Shredded {
    /// Rows of the flat schema; the metadata of the rest fields names `rest_keys`.
    pub batch: RecordBatch,
    /// Top-level keys in the rest columns.
    pub rest_keys: RestKeys,
}

/// Fills one batch.
pub struct Shredder<'p> {
    columns: &'p [PathColumn],
    parser: Parser,
    rows: usize,
    bytes: usize,
    fixed: FixedColumns,
    documents: [DocumentColumns; Document::ALL.len()],
    rest_keys: RestKeys,
}

impl<'p> Shredder<'p> {
    /// An empty batch with these path columns, in file order.
    pub fn new(columns: &'p [PathColumn]) -> Self {
        Self {
            columns,
            parser: Parser::new(),
            rows: 0,
            bytes: 0,
            fixed: FixedColumns::new(),
            documents: documents(columns),
            rest_keys: RestKeys::default(),
        }
    }

    /// Adds a row. With `exact` its bytes are kept whatever the columns hold.
    ///
    /// # Errors
    /// Only if Arrow refuses a value of the right size, which is a mistake in this crate.
    pub fn push(&mut self, row: &Row<'_>, exact: bool) -> Result<(), ArrowError> {
        let at = self.rows;
        let document = self.parser.parse_stored(row.record).ok();
        let record = document.as_ref().map(|document| document.value());
        let (documents, rest_keys) = (&mut self.documents, &mut self.rest_keys);
        let determined = self.fixed.put(at, row, record, |document, value| {
            documents[document as usize].put(at, value, rest_keys);
        })?;
        if exact || !determined {
            self.fixed.put_record(at, row.record);
        }
        self.rows += 1;
        self.bytes += row.record.len() + row.sidecar.len();
        Ok(())
    }

    /// Whether the batch should be taken before another row comes.
    pub fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    /// Rows in the batch so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Takes the batch; the shredder is empty again.
    ///
    /// # Errors
    /// Only if Arrow refuses the columns, which is a mistake in this crate.
    pub fn take(&mut self) -> Result<Shredded, ArrowError> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let rest_keys = std::mem::take(&mut self.rest_keys);
        let mut arrays = std::mem::replace(&mut self.fixed, FixedColumns::new()).finish(rows);
        for document in std::mem::replace(&mut self.documents, documents(self.columns)) {
            arrays.extend(document.finish(rows)?);
        }
        let batch = RecordBatch::try_new(schema(self.columns, &rest_keys), arrays)?;
        Ok(Shredded { batch, rest_keys })
    }
}

fn documents(columns: &[PathColumn]) -> [DocumentColumns; Document::ALL.len()] {
    Document::ALL
        .map(|document| DocumentColumns::new(document, columns.iter().filter(|column| column.document == document)))
}

/// Shreds all rows into one batch with columns of its own, as the tail does for its chunks. The caller bounds the
/// rows.
///
/// # Errors
/// As [`Shredder::push`].
pub fn shred_all(rows: &[Row<'_>]) -> Result<Shredded, ArrowError> {
    let columns = survey(rows, rows.len()).plan();
    let mut shredder = Shredder::new(&columns);
    for row in rows {
        shredder.push(row, false)?;
    }
    shredder.take()
}

/// Looks at `sample` rows, evenly spread.
pub fn survey(rows: &[Row<'_>], sample: usize) -> Survey {
    let mut survey = Survey::default();
    let mut parser = Parser::new();
    let step = rows.len().div_ceil(sample.max(1)).max(1);
    for row in rows.iter().step_by(step) {
        if let Ok(document) = parser.parse_stored(row.record) {
            survey.observe(document.value());
        }
    }
    survey
}

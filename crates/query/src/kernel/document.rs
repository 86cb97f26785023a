//! A document, or the part of it under a key, and a whole record, put together again from their columns.
//!
//! The work is that of [`onrecord_lake::assemble`]; this module hands it the columns under their own names.

use super::Kernel;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringViewBuilder};
use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::{DataFusionError, Result};
use onrecord_lake::assemble::{Assembler, DocumentReader};
use onrecord_lake::schema::Document;
use std::sync::Arc;

/// What is put together.
#[derive(Debug)]
pub(crate) enum Whole {
    /// The part of the document that lies at the path.
    Part(Document, Vec<String>),
    /// The record.
    Record,
}

/// Puts JSON together from the columns of these fields, which are its arguments.
#[derive(Debug)]
pub(crate) struct Assemble {
    whole: Whole,
    schema: Arc<Schema>,
}

impl Assemble {
    pub(crate) fn new(whole: Whole, fields: Vec<FieldRef>) -> Self {
        Self { whole, schema: Arc::new(Schema::new(fields)) }
    }

    /// The arguments under their own names and with the types they have come to have.
    fn batch(&self, args: &[ArrayRef], rows: usize) -> Result<RecordBatch> {
        let fields = self.schema.fields().iter().zip(args).map(|(field, array)| {
            Arc::new(field.as_ref().clone().with_data_type(array.data_type().clone()).with_nullable(true))
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(schema, args.to_vec(), &options)?)
    }
}

impl Kernel for Assemble {
    fn describe(&self) -> String {
        match &self.whole {
            Whole::Part(document, path) => {
                format!("assemble[{}]", onrecord_lake::schema::path_name(*document, path))
            }
            Whole::Record => "assemble[record]".to_owned(),
        }
    }

    fn data_type(&self) -> DataType {
        DataType::Utf8View
    }

    fn evaluate(&self, args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let batch = self.batch(args, rows)?;
        let mut reader = match &self.whole {
            Whole::Part(document, path) => {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                Reader::Part(Box::new(DocumentReader::new(&batch, *document, &path)))
            }
            Whole::Record => Reader::Record(Box::new(Assembler::new(&batch).map_err(damaged)?)),
        };
        let mut out = StringViewBuilder::with_capacity(rows);
        let mut scratch = Vec::new();
        for row in 0..rows {
            scratch.clear();
            if reader.write(row, &mut scratch)? {
                // Records are JSON, which is UTF-8; bytes that are none have no text to show.
                out.append_option(std::str::from_utf8(&scratch).ok());
            } else {
                out.append_null();
            }
        }
        Ok(Arc::new(out.finish()))
    }
}

enum Reader {
    Part(Box<DocumentReader>),
    Record(Box<Assembler>),
}

impl Reader {
    /// Appends what the row holds; `false` if it holds nothing.
    fn write(&mut self, row: usize, out: &mut Vec<u8>) -> Result<bool> {
        match self {
            Reader::Part(document) => Ok(document.write(row, out)),
            Reader::Record(assembler) => assembler.write(row, out).map(|()| true).map_err(damaged),
        }
    }
}

fn damaged(unknown: onrecord_lake::assemble::Unknown) -> DataFusionError {
    DataFusionError::External(Box::new(unknown))
}

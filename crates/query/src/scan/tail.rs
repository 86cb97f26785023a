//! Reading the tail, chunk by chunk.

use crate::batch::{Reader, ScanRequest};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use onrecord_lake::Chunk;
use std::sync::Arc;

/// What is request for of each chunk. Chunks of one schema in a row, which is most, share the rewriting.
pub(super) fn batches(request: ScanRequest, chunks: Vec<Arc<Chunk>>) -> impl Iterator<Item = Result<RecordBatch>> {
    let mut reader: Option<(SchemaRef, Reader)> = None;
    chunks.into_iter().map(move |chunk| {
        let batch = chunk.batch()?;
        let fits = reader.as_ref().is_some_and(|(physical, _)| *physical == batch.schema());
        let (_, reader) = match &mut reader {
            Some(reader) if fits => reader,
            reader => reader.insert((batch.schema(), request.reader(&batch.schema())?)),
        };
        reader.read(&batch.project(reader.needed())?)
    })
}

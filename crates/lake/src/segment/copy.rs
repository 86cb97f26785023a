//! A segment's bytes in memory, of which column chunks are copied into another file as they are.
//!
//! Invariant: the very bytes that are copied or decoded were compared with their file's checksum, or, in the archive, with
//! those of its blocks, so that damage stops here.

use super::{Segment, Written};
use crate::checksum;
use crate::error::{Error, Result};
use bytes::Bytes;
use onrecord_ledger::disk::DiskFile;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::writer::SerializedRowGroupWriter;
use std::io::Write;

/// A segment in memory.
pub(super) struct Loaded<'s> {
    pub(super) segment: &'s Segment,
    pub(super) bytes: Bytes,
    /// With page indexes.
    pub(super) metadata: ArrowReaderMetadata,
}

impl<'s> Loaded<'s> {
    /// Reads the whole file and compares it.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`], [`Error::Archive`].
    pub(super) fn new(segment: &'s Segment) -> Result<Self> {
        let bytes = match &segment.archived {
            Some(archived) => {
                let mut bytes = vec![0; usize::try_from(segment.bytes).unwrap_or(usize::MAX)];
                let read = archived.read_at(&mut bytes, 0);
                read.map_err(|error| segment.unreached().unwrap_or_else(|| Error::io(segment.path())(error)))?;
                Bytes::from(bytes)
            }
            None => {
                let bytes = segment.disk.read(segment.path()).map_err(Error::io(segment.path()))?;
                checksum::check_loaded(segment.path(), &bytes)?;
                bytes
            }
        };
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let metadata = ArrowReaderMetadata::load(&bytes, options).map_err(|error| segment.unreadable(error))?;
        Ok(Self { segment, bytes, metadata })
    }

    /// Appends a column chunk, with its bloom filter and page index, to a row group of another file.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`], [`Error::Unsealable`].
    pub(super) fn copy<W: Write + Send>(
        &self,
        group: usize,
        column: usize,
        written: &Written,
        target: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<()> {
        let chunk = self.chunk(group, column);
        let filter = Sbbf::read_from_column_chunk(&chunk.metadata, &self.bytes);
        let bloom_filter = filter.map_err(|error| self.segment.unreadable(error))?;
        let chunk = ColumnCloseResult { bloom_filter, ..chunk };
        target.append_column(&self.bytes, chunk).map_err(|error| written.failed(error))
    }

    /// What the writer must know of a column chunk, but for its bloom filter.
    fn chunk(&self, group: usize, column: usize) -> ColumnCloseResult {
        let metadata = self.metadata.metadata();
        let of = metadata.row_group(group).column(column);
        let index = metadata.column_index().and_then(|groups| groups.get(group)?.get(column));
        let index = index.filter(|index| !matches!(index, ColumnIndexMetaData::NONE));
        let pages = metadata.offset_index().and_then(|groups| groups.get(group)?.get(column));
        ColumnCloseResult {
            bytes_written: of.compressed_size() as u64,
            rows_written: metadata.row_group(group).num_rows() as u64,
            metadata: of.clone(),
            bloom_filter: None,
            column_index: index.cloned(),
            offset_index: pages.cloned(),
        }
    }
}

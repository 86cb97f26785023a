//! Where the pages of a column chunk really are, found by going from header to header as a reader without an index does.

use crate::segment::{Segment, SegmentFile};
use bytes::Bytes;
use parquet::column::page::PageReader;
use parquet::errors::Result;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;
use std::sync::{Arc, Mutex, PoisonError};

/// A page with data.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// Where its header begins in the file.
    pub(super) offset: u64,
    /// Bytes of header and data.
    pub(super) bytes: u64,
    /// Values in it, missing ones included.
    pub(super) levels: u64,
}

/// The pages with data of a column chunk of so many rows.
pub(super) fn pages(
    segment: &Segment,
    chunk: &ColumnChunkMetaData,
    rows: usize,
) -> std::result::Result<Vec<Page>, String> {
    let file = segment.file().map_err(|error| error.to_string())?;
    walk(file, chunk, rows).map_err(|error| format!("the pages cannot be found: {error}"))
}

fn walk(file: SegmentFile, chunk: &ColumnChunkMetaData, rows: usize) -> Result<Vec<Page>> {
    let file = Arc::new(Followed { file, last: Mutex::new(0) });
    let mut reader = SerializedPageReader::new(Arc::clone(&file), chunk, rows, None)?;
    let (start, bytes) = chunk.byte_range();
    let mut pages: Vec<Page> = Vec::new();
    // A page ends where the next one begins.
    let end_last = |pages: &mut Vec<Page>, end: u64| {
        if let Some(last) = pages.last_mut().filter(|last| last.bytes == 0) {
            last.bytes = end.saturating_sub(last.offset);
        }
    };
    while let Some(page) = reader.peek_next_page()? {
        let offset = file.last();
        end_last(&mut pages, offset);
        if !page.is_dict {
            let levels = page.num_levels.or(page.num_rows).unwrap_or(0) as u64;
            pages.push(Page { offset, bytes: 0, levels });
        }
        reader.skip_next_page()?;
    }
    end_last(&mut pages, start + bytes);
    Ok(pages)
}

/// Notes where the reader looked for a header last.
struct Followed {
    file: SegmentFile,
    last: Mutex<u64>,
}

impl Followed {
    fn last(&self) -> u64 {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Length for Followed {
    fn len(&self) -> u64 {
        self.file.len()
    }
}

impl ChunkReader for Followed {
    type T = <SegmentFile as ChunkReader>::T;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = start;
        self.file.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.file.get_bytes(start, length)
    }
}

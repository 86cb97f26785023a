//! A piece of a file on its way to the batch endpoint: lines of JSON, the number of the first, the rows that could not
//! become one, and, when bad rows are to be put aside, every row as it stood in the file.

use super::row::BadCell;
use bytes::Bytes;

/// Bytes of JSON after which a chunk is sent. Large enough that one durable commit carries thousands of records.
pub(super) const CHUNK_BYTES: usize = 4 << 20;
/// Rows after which a chunk is sent.
pub(super) const CHUNK_ROWS: usize = 4096;

/// Consecutive rows of a file.
#[derive(Default)]
pub(super) struct Chunk {
    /// The number of the first row, counted from 1.
    pub(super) first_row: u64,
    /// One JSON object a line; an empty line where a row is bad.
    pub(super) lines: Vec<u8>,
    pub(super) rows: usize,
    /// Rows that could not become a record: number and reason.
    pub(super) bad: Vec<BadRow>,
    /// Where each line starts in `lines`.
    pub(super) line_starts: Vec<usize>,
    /// Every row as it stood in the file, with its line end, if it must be possible to put rows aside.
    pub(super) originals: Option<Originals>,
    /// How far into the file this chunk reaches, in bytes.
    pub(super) position: u64,
}

/// A bad row and why.
pub(super) struct BadRow {
    pub(super) row: u64,
    pub(super) reason: String,
}

/// Rows as they stood in the file.
#[derive(Default)]
pub(super) struct Originals {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Originals {
    pub(super) fn push(&mut self, row: &[u8]) {
        self.bytes.extend_from_slice(row);
        self.ends.push(self.bytes.len());
    }

    pub(super) fn row(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[at]]
    }
}

impl Chunk {
    pub(super) fn new(first_row: u64, keep_originals: bool) -> Self {
        let originals = keep_originals.then(Originals::default);
        Self { first_row, originals, lines: Vec::with_capacity(CHUNK_BYTES + (64 << 10)), ..Self::default() }
    }

    /// Sends this chunk on if it is full, and begins the next; false when nobody wants more.
    pub(super) fn send_if_full(&mut self, position: u64, send: &mut dyn FnMut(Self) -> bool) -> bool {
        if self.lines.len() < CHUNK_BYTES && self.rows < CHUNK_ROWS {
            return true;
        }
        self.position = position;
        let next = Self::new(self.first_row + self.rows as u64, self.originals.is_some());
        send(std::mem::replace(self, next))
    }

    /// Adds a row: `write` makes its line, `original` is how it stood in the file.
    pub(super) fn push(&mut self, original: &[u8], write: impl FnOnce(&mut Vec<u8>) -> Result<(), BadCell>) {
        let start = self.lines.len();
        if let Err(BadCell { column, problem }) = write(&mut self.lines) {
            self.lines.truncate(start);
            let row = self.first_row + self.rows as u64;
            self.bad.push(BadRow { row, reason: format!("column `{column}`: {problem}") });
        }
        self.line_starts.push(start);
        self.lines.push(b'\n');
        self.rows += 1;
        if let Some(originals) = &mut self.originals {
            originals.push(original);
        }
    }

    /// The lines, with those of `rows` left empty.
    pub(super) fn without(&self, rows: &[u64]) -> Bytes {
        let mut lines = self.lines.clone();
        for row in rows {
            let at = (row - self.first_row) as usize;
            let start = self.line_starts[at];
            let end = self.line_starts.get(at + 1).copied().unwrap_or(lines.len()) - 1;
            lines[start..end].fill(b' ');
        }
        Bytes::from(lines)
    }
}

//! The arrays, by segment, column and block.

use arrow::array::{Array, ArrayRef};
use onrecord_lake::Segment;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// A column that no query read for so long makes room for others. One that is in use never does: a scan of more than
/// fits would else throw out what it needs next, and find nothing at all.
const IDLE: Duration = Duration::from_secs(60);

/// Decoded columns, up to a number of bytes.
#[derive(Debug)]
pub(crate) struct ColumnCache {
    held: Mutex<Held>,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Held {
    /// By the address of the segment, and the column's place in its schema.
    columns: HashMap<(usize, usize), Column>,
    bytes: usize,
}

#[derive(Debug)]
struct Column {
    /// Keeps the allocation, so that no other segment can come to have its address, but not the segment.
    segment: Weak<Segment>,
    blocks: HashMap<usize, ArrayRef>,
    bytes: usize,
    used: Instant,
}

impl ColumnCache {
    /// An empty cache.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { held: Mutex::default(), bytes_max }
    }

    pub(crate) fn get(&self, segment: &Arc<Segment>, column: usize, block: usize) -> Option<ArrayRef> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let column = held.columns.get_mut(&(Arc::as_ptr(segment).addr(), column))?;
        column.used = Instant::now();
        column.blocks.get(&block).map(Arc::clone)
    }

    /// Lets go of the columns of segments that are gone: compaction, retention or erasure has replaced them.
    pub(crate) fn forget_gone(&self) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).keep_if(|column| column.segment.strong_count() > 0);
    }

    /// Keeps the array if there is room for it.
    pub(crate) fn put(&self, segment: &Arc<Segment>, column: usize, block: usize, array: &ArrayRef) {
        let bytes = array.get_array_memory_size();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.bytes + bytes > self.bytes_max {
            held.make_room();
        }
        if held.bytes + bytes > self.bytes_max {
            return;
        }
        let key = (Arc::as_ptr(segment).addr(), column);
        let column = held.columns.entry(key).or_insert_with(|| Column {
            segment: Arc::downgrade(segment),
            blocks: HashMap::new(),
            bytes: 0,
            used: Instant::now(),
        });
        // Two scans may have decoded the same block at once.
        if column.blocks.insert(block, Arc::clone(array)).is_none() {
            column.bytes += bytes;
            held.bytes += bytes;
        }
    }
}

impl Held {
    /// Lets go of the columns of segments that are gone, and of those that are idle.
    fn make_room(&mut self) {
        let now = Instant::now();
        self.keep_if(|column| column.segment.strong_count() > 0 && now.saturating_duration_since(column.used) < IDLE);
    }

    fn keep_if(&mut self, keep: impl Fn(&Column) -> bool) {
        self.columns.retain(|_, column| keep(column));
        self.bytes = self.columns.values().map(|column| column.bytes).sum();
    }
}

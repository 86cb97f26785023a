//! One block of an index: some keys in ascending order, each with the rows that have it.

use super::bits::{BitReader, BitWriter};

/// Bytes after which a block is full. A look-up reads and decodes one.
const BLOCK_BYTES: usize = 4096;

/// A key, and the rows that have it, ascending.
pub(super) struct Group<'r> {
    pub(super) key: u128,
    pub(super) rows: &'r [u32],
}

/// A block being written. Its first key is kept in the directory.
pub(super) struct BlockWriter {
    bits: BitWriter,
    last: u128,
    codes: Codes,
}

/// About how many bits numbers take, from what all keys of the section are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Codes {
    /// The rows of the segment.
    pub(super) rows: u64,
    /// Of the distance between a key and the next.
    pub(super) key: u32,
    /// Of the number of rows of a key.
    pub(super) count: u32,
}

impl Codes {
    /// For so many keys below `2^key_bits` with so many rows in all.
    pub(super) fn new(rows: u64, keys: u64, entries: u64, key_bits: u32) -> Self {
        let key = key_bits.saturating_sub(bits_of(keys));
        Self { rows, key, count: bits_of(entries / keys.max(1)).saturating_sub(1) }
    }

    /// Of the distance between two of so many rows.
    fn gap(self, count: u64) -> u32 {
        bits_of(self.rows / count.max(1)).saturating_sub(1)
    }
}

/// The bits that a number takes.
fn bits_of(number: u64) -> u32 {
    u64::BITS - number.leading_zeros()
}

impl BlockWriter {
    pub(super) fn new(first: u128, codes: Codes) -> Self {
        Self { bits: BitWriter::default(), last: first, codes }
    }

    pub(super) fn is_full(&self) -> bool {
        self.bits.bytes_len() >= BLOCK_BYTES
    }

    /// Adds a group, whose key is greater than all before.
    pub(super) fn push(&mut self, group: &Group<'_>) {
        let count = group.rows.len() as u64;
        self.bits.rice(group.key - self.last, self.codes.key);
        self.bits.rice(u128::from(count - 1), self.codes.count);
        let gap = self.codes.gap(count);
        let mut next = 0;
        for row in group.rows {
            self.bits.rice(u128::from(row - next), gap);
            next = row + 1;
        }
        self.last = group.key;
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bits.into_bytes()
    }
}

/// The groups of a block, in order.
pub(super) struct BlockReader<'b> {
    bits: BitReader<'b>,
    groups_left: u32,
    last: u128,
    codes: Codes,
}

/// Bytes that no writer wrote.
pub(super) struct Malformed;

impl<'b> BlockReader<'b> {
    pub(super) fn new(bytes: &'b [u8], first: u128, groups: u32, codes: Codes) -> Self {
        Self { bits: BitReader::new(bytes), groups_left: groups, last: first, codes }
    }

    /// The next key, with its rows in `rows`; `None` after the last.
    pub(super) fn next(&mut self, rows: &mut Vec<u32>) -> Result<Option<u128>, Malformed> {
        rows.clear();
        if self.groups_left == 0 {
            return Ok(None);
        }
        self.groups_left -= 1;
        let step = self.bits.rice(self.codes.key).ok_or(Malformed)?;
        self.last = self.last.checked_add(step).ok_or(Malformed)?;
        let count = self.bits.rice(self.codes.count).and_then(|less| less.checked_add(1)).ok_or(Malformed)?;
        // Each row is another one of the segment's, so that a damaged count is not believed for long.
        if count > u128::from(self.codes.rows) {
            return Err(Malformed);
        }
        let gap = self.codes.gap(count as u64);
        let mut next = 0_u128;
        for _ in 0..count {
            let row = self.bits.rice(gap).and_then(|step| next.checked_add(step)).ok_or(Malformed)?;
            if row >= u128::from(self.codes.rows) {
                return Err(Malformed);
            }
            rows.push(row as u32);
            next = row + 1;
        }
        Ok(Some(self.last))
    }
}

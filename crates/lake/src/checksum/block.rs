//! The checksums of a segment's blocks: what is read is compared, and no more.
//!
//! The footer has one checksum of the whole file, for which all of it must be read. So that the first question after a
//! start need not wait for that, the look-up index has the CRC-32C of every 16 KiB before the footer. A block is compared
//! when something of it is read for the first time since the segment was opened.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of a block.
pub(crate) const BLOCK_BYTES: u64 = 16 * 1024;

/// The checksums of a file up to its footer, and which of them were compared.
pub(crate) struct BlockSums {
    crcs: Vec<u32>,
    /// Where the footer begins.
    end: u64,
    /// A bit for each block.
    compared: Vec<AtomicU64>,
}

impl BlockSums {
    /// `None` if there are not as many as the bytes before `end` have blocks.
    pub(crate) fn new(crcs: Vec<u32>, end: u64) -> Option<Self> {
        let compared = (0..crcs.len().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        (crcs.len() as u64 == end.div_ceil(BLOCK_BYTES)).then_some(Self { crcs, end, compared })
    }

    /// Whether these are the checksums, up to there.
    pub(crate) fn are(&self, (crcs, end): &(Vec<u32>, u64)) -> bool {
        self.crcs == *crcs && self.end == *end
    }

    /// Whether all blocks of a range were read and compared.
    pub(crate) fn is_read(&self, range: &Range<u64>) -> bool {
        self.blocks(range).all(|block| self.is_compared(block))
    }

    /// The bytes that must be read to compare those asked for: whole blocks, up to the footer; just what is asked for if
    /// all of it was compared.
    pub(crate) fn widened(&self, asked: &Range<u64>) -> Range<u64> {
        let blocks = self.blocks(asked);
        if self.is_read(asked) {
            return asked.clone();
        }
        let end = (blocks.end as u64 * BLOCK_BYTES).min(self.end);
        asked.start.min(blocks.start as u64 * BLOCK_BYTES)..asked.end.max(end)
    }

    /// Compares the blocks that lie in what was read from `start` on.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`], naming the bytes.
    pub(crate) fn compare(&self, start: u64, bytes: &[u8]) -> io::Result<()> {
        self.compare_those(start, bytes, |block| !self.is_compared(block))
    }

    /// As [`BlockSums::compare`], also of blocks that were compared before.
    ///
    /// # Errors
    /// As [`BlockSums::compare`].
    pub(crate) fn compare_again(&self, start: u64, bytes: &[u8]) -> io::Result<()> {
        self.compare_those(start, bytes, |_| true)
    }

    fn compare_those(&self, start: u64, bytes: &[u8], is_wanted: impl Fn(usize) -> bool) -> io::Result<()> {
        let read = start..start + bytes.len() as u64;
        for block in self.blocks(&read) {
            let first = block as u64 * BLOCK_BYTES;
            let end = (first + BLOCK_BYTES).min(self.end);
            if !is_wanted(block) || first < read.start || end > read.end {
                continue;
            }
            let part = &bytes[(first - start) as usize..(end - start) as usize];
            if self.crcs.get(block) != Some(&crc32c::crc32c(part)) {
                let problem = format!("the checksum of its bytes {first} to {end} differs");
                return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
            }
            self.compared[block / 64].fetch_or(1 << (block % 64), Ordering::Release);
        }
        Ok(())
    }

    /// The blocks of some bytes, as far as they lie before the footer.
    fn blocks(&self, bytes: &Range<u64>) -> Range<usize> {
        let end = bytes.end.min(self.end);
        if bytes.start >= end {
            return 0..0;
        }
        (bytes.start / BLOCK_BYTES) as usize..end.div_ceil(BLOCK_BYTES) as usize
    }

    fn is_compared(&self, block: usize) -> bool {
        self.compared.get(block / 64).is_some_and(|bits| bits.load(Ordering::Acquire) >> (block % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_compared_once_and_damage_is_named() {
        let bytes: Vec<u8> = (0..50_000_u32).map(|at| (at % 251) as u8).collect();
        let end = 40_000;
        let crcs = || bytes[..end].chunks(BLOCK_BYTES as usize).map(crc32c::crc32c).collect::<Vec<_>>();
        let sums = BlockSums::new(crcs(), end as u64).unwrap();
        assert!(BlockSums::new(crcs(), end as u64 + BLOCK_BYTES).is_none());
        assert_eq!(sums.widened(&(20_000..20_010)), 16_384..32_768);
        assert_eq!(sums.widened(&(16_000..33_000)), 0..40_000);
        assert_eq!(sums.widened(&(39_000..45_000)), 32_768..45_000);
        assert_eq!(sums.widened(&(41_000..45_000)), 41_000..45_000, "the footer has a checksum of its own");
        sums.compare(16_384, &bytes[16_384..32_768]).unwrap();
        assert_eq!(sums.widened(&(20_000..20_010)), 20_000..20_010);
        let mut damaged = bytes.clone();
        damaged[39_999] ^= 1;
        damaged[20_000] ^= 1;
        let error = sums.compare(0, &damaged).unwrap_err();
        assert_eq!(error.to_string(), "the checksum of its bytes 32768 to 40000 differs");
        sums.compare(0, &bytes).unwrap();
        assert_eq!(sums.widened(&(0..50_000)), 0..50_000);
    }
}

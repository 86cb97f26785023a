//! Numbers as bits: Rice codes (Golomb 1966, Rice 1979), which take about `log2(mean) + 1.5` bits for gaps between random
//! numbers.

/// Ones after which a number follows as it is: what is far from the mean costs this much more, and no more.
const QUOTIENT_MAX: u32 = 32;

/// Bits of a number that follows as it is.
const PLAIN_BITS: u32 = 96;

/// Bits, written one after the other, the highest of a number first.
#[derive(Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits of the last byte that are in use; 0 when it is full.
    used: u32,
}

impl BitWriter {
    pub(super) fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn bit(&mut self, one: bool) {
        if self.used == 0 {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut().filter(|_| one) {
            *last |= 0x80 >> self.used;
        }
        self.used = (self.used + 1) % 8;
    }

    fn plain(&mut self, value: u128, bits: u32) {
        (0..bits).rev().for_each(|bit| self.bit(value >> bit & 1 == 1));
    }

    /// A number under 2^96, best when it is about `2^k`.
    pub(super) fn rice(&mut self, value: u128, k: u32) {
        let quotient = value >> k;
        if quotient >= u128::from(QUOTIENT_MAX) {
            (0..QUOTIENT_MAX).for_each(|_| self.bit(true));
            return self.plain(value, PLAIN_BITS);
        }
        (0..quotient).for_each(|_| self.bit(true));
        self.bit(false);
        self.plain(value, k);
    }
}

/// Reads what a [`BitWriter`] wrote; `None` at the end.
pub(super) struct BitReader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> BitReader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn bit(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let one = byte & 0x80 >> (self.at % 8) != 0;
        self.at += 1;
        Some(one)
    }

    fn plain(&mut self, bits: u32) -> Option<u128> {
        (0..bits).try_fold(0, |value, _| Some(value << 1 | u128::from(self.bit()?)))
    }

    pub(super) fn rice(&mut self, k: u32) -> Option<u128> {
        let mut quotient = 0;
        while self.bit()? {
            quotient += 1;
            if quotient == QUOTIENT_MAX {
                return self.plain(PLAIN_BITS);
            }
        }
        Some(u128::from(quotient) << k | self.plain(k)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(numbers in prop::collection::vec((any::<u128>(), 0u32..96), 0..60)) {
            let numbers: Vec<(u128, u32)> = numbers.iter().map(|(n, k)| (n >> (128 - k.max(&1)), k / 2)).collect();
            let mut writer = BitWriter::default();
            numbers.iter().for_each(|(number, k)| writer.rice(*number, *k));
            let bytes = writer.into_bytes();
            let mut reader = BitReader::new(&bytes);
            for (number, k) in numbers {
                prop_assert_eq!(reader.rice(k), Some(number));
            }
        }
    }
}

//! Chance that comes out the same in every run.

/// Numbers that look random (Marsaglia's xorshift64).
pub(crate) struct Dice(u64);

impl Dice {
    /// `seed` must not be 0.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number from 0 to `bound` - 1.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        (self.roll() >> 11) % bound
    }
}

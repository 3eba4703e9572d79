//! Numbers that look like chance and are the same for the same seed.

/// Steele's SplitMix64: small, fast, good enough for a show.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `n` - 1.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    /// True in `n` of 100 cases.
    pub(super) fn percent(&mut self, n: u64) -> bool {
        self.below(100) < n
    }
}

/// A number that belongs to these two, always the same.
pub(super) fn mixed(a: u64, b: u64) -> u64 {
    Random::new(a.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ b).next()
}

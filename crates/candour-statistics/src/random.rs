//! Counter-based random numbers: Philox 4x64-10 (Salmon, Moraes, Dror and Shaw 2011, Parallel random
//! numbers: as easy as 1, 2, 3). Each replicate has its own stream, so results do not depend on how
//! many threads share the work, and NumPy's `Philox(key=[seed, stream])` gives the same words.

/// A stream of random numbers, addressed by seed and stream.
#[derive(Clone, Debug)]
pub struct Philox {
    key: [u64; 2],
    counter: u64,
    words: [u64; 4],
    next: usize,
}

const MULTIPLIER: [u64; 2] = [0xD2E7_470E_E14C_6C93, 0xCA5A_8263_9512_1157];
const WEYL: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];
const ROUNDS: usize = 10;

impl Philox {
    /// The stream `stream` under `seed`, from its start.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        Self {
            key: [seed, stream],
            counter: 0,
            words: [0; 4],
            next: 4,
        }
    }

    /// The next 64 random bits.
    #[inline]
    pub fn word(&mut self) -> u64 {
        if self.next >= 4 {
            // Counters start at 1, as in NumPy.
            self.counter = self.counter.wrapping_add(1);
            self.words = block([self.counter, 0, 0, 0], self.key);
            self.next = 0;
        }
        let word = self.words.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        word
    }

    /// A number from 0 to `n - 1` (0 when `n` is 0), by multiply-shift (Lemire 2019, without the
    /// rejection: the bias is below `n / 2^64`).
    #[inline]
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.word()) * n as u128) >> 64) as usize
    }

    /// A number in [0, 1) with 53 random bits, as NumPy's `Generator.random`.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// A standard normal number, by inversion.
    pub fn normal(&mut self) -> f64 {
        // The half step keeps the argument away from 0 and 1.
        crate::distribution::normal_quantile(self.unit() + 0.5 / 9_007_199_254_740_992.0)
    }

    /// Puts the items into random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[inline]
fn block(counter: [u64; 4], key: [u64; 2]) -> [u64; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..ROUNDS {
        let p0 = u128::from(MULTIPLIER[0]) * u128::from(c0);
        let p1 = u128::from(MULTIPLIER[1]) * u128::from(c2);
        let (h0, l0) = ((p0 >> 64) as u64, p0 as u64);
        let (h1, l1) = ((p1 >> 64) as u64, p1 as u64);
        (c0, c1, c2, c3) = (h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [c0, c1, c2, c3]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random123 1.14, tests/kat_vectors, `philox4x64 10`.
    #[test]
    fn blocks_agree_with_the_published_vectors() {
        assert_eq!(
            block([0; 4], [0; 2]),
            [
                0x1655_4d9e_ca36_314c,
                0xdb20_fe9d_672d_0fdc,
                0xd7e7_72ce_e186_176b,
                0x7e68_b68a_ec7b_a23b
            ]
        );
        assert_eq!(
            block([u64::MAX; 4], [u64::MAX; 2]),
            [
                0x87b0_92c3_013f_e90b,
                0x438c_3c67_be8d_0224,
                0x9cc7_d7c6_9cd7_77b6,
                0xa09c_aebf_594f_0ba0
            ]
        );
    }
}

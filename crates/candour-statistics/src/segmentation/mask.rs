//! Masks: a volume of inside and outside voxels with its voxel spacing, packed 64 voxels a word.

#![allow(
    clippy::indexing_slicing,
    reason = "rows are cut by the sizes that the constructors have checked; every index below is smaller than the size it comes from"
)]

use rayon::prelude::*;

use crate::number::StatisticsError;

/// Longest side of a mask in voxels: distances along a row then fit 16 bits with room for padding.
pub const LONGEST_SIDE: usize = 65_500;

/// A segmentation: which voxels are inside, and how large a voxel is. Depth 1 makes it an image:
/// surfaces are then contours, and neighbourhoods lie in the plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    spacing_mm: [f64; 3],
    bits: Bits,
}

impl Mask {
    /// A mask from truth values, x fastest, then y, then z.
    ///
    /// # Errors
    /// When a size is 0 or above [`LONGEST_SIDE`], the number of voxels is not that of `voxels`, or
    /// a spacing is not a positive finite number.
    pub fn new(
        dimensions: [usize; 3],
        spacing_mm: [f64; 3],
        voxels: &[bool],
    ) -> Result<Self, StatisticsError> {
        Self::select(dimensions, spacing_mm, voxels, |v| *v)
    }

    /// A mask of those voxels whose value `inside` picks: a label of a label map, a probability
    /// above a threshold. Values come x fastest, then y, then z.
    ///
    /// # Errors
    /// As [`Mask::new`].
    pub fn select<T: Sync>(
        dimensions: [usize; 3],
        spacing_mm: [f64; 3],
        values: &[T],
        inside: impl Fn(&T) -> bool + Sync,
    ) -> Result<Self, StatisticsError> {
        let total = check(dimensions, spacing_mm)?;
        if values.len() != total {
            let [x, y, z] = dimensions;
            return Err(StatisticsError::Data(format!(
                "a mask of {x} x {y} x {z} voxels needs {total} values, {} given",
                values.len()
            )));
        }
        let mut bits = Bits::empty(dimensions)?;
        let words = bits.words;
        bits.data
            .par_chunks_mut(words)
            .zip(values.par_chunks(dimensions[0]))
            .with_min_len(256)
            .for_each(|(row, values)| {
                for (word, values) in row.iter_mut().zip(values.chunks(64)) {
                    let mut flags = [0u8; 64];
                    for (flag, value) in flags.iter_mut().zip(values) {
                        *flag = u8::from(inside(value));
                    }
                    *word = packed(&flags);
                }
            });
        Ok(Self { spacing_mm, bits })
    }

    /// Sizes in voxels: x, y, z.
    #[must_use]
    pub fn dimensions(&self) -> [usize; 3] {
        self.bits.size
    }

    /// Voxel spacing in mm: x, y, z.
    #[must_use]
    pub fn spacing_mm(&self) -> [f64; 3] {
        self.spacing_mm
    }

    /// Volume of one voxel in mm3 (of an image too: its thickness is the spacing along z).
    #[must_use]
    pub fn voxel_mm3(&self) -> f64 {
        self.spacing_mm.iter().product()
    }

    /// How many voxels are inside.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.bits.count()
    }

    /// How many voxels there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.bits.size.iter().map(|n| *n as u64).product()
    }

    /// Whether no voxel is inside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bits.data.iter().all(|w| *w == 0)
    }

    /// Whether it is an image rather than a volume: depth 1.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        self.bits.size[2] == 1
    }

    /// Whether the voxel is inside; voxels beyond the edge are not.
    #[must_use]
    pub fn contains(&self, x: usize, y: usize, z: usize) -> bool {
        let [nx, ny, nz] = self.bits.size;
        x < nx && y < ny && z < nz && self.bits.contains(x, y, z)
    }

    pub(super) fn bits(&self) -> &Bits {
        &self.bits
    }

    /// That both lie on one grid.
    pub(super) fn same_grid(&self, other: &Self) -> Result<(), StatisticsError> {
        let ([x, y, z], [p, q, r]) = (self.bits.size, other.bits.size);
        if [x, y, z] != [p, q, r] {
            return Err(StatisticsError::Data(format!(
                "the reference has {x} x {y} x {z} voxels, the prediction {p} x {q} x {r}; resample one onto the other's grid first"
            )));
        }
        // A header rounds its spacing to single precision: differences below that are no difference.
        let differs = self
            .spacing_mm
            .iter()
            .zip(other.spacing_mm)
            .any(|(a, b)| (a - b).abs() > 1e-6 * a.max(b));
        if differs {
            return Err(StatisticsError::Data(format!(
                "the reference's voxels measure {:?} mm, the prediction's {:?} mm; resample one onto the other's grid first",
                self.spacing_mm, other.spacing_mm
            )));
        }
        Ok(())
    }
}

fn check(dimensions: [usize; 3], spacing_mm: [f64; 3]) -> Result<usize, StatisticsError> {
    let [x, y, z] = dimensions;
    if dimensions.iter().any(|n| *n == 0 || *n > LONGEST_SIDE) {
        return Err(StatisticsError::Data(format!(
            "a mask of {x} x {y} x {z} voxels: each side must have 1 to {LONGEST_SIDE}"
        )));
    }
    if spacing_mm.iter().any(|s| !(1e-9..=1e9).contains(s)) {
        return Err(StatisticsError::Data(format!(
            "voxel spacing {spacing_mm:?} mm: each must be a positive number of millimetres"
        )));
    }
    x.checked_mul(y)
        .and_then(|n| n.checked_mul(z))
        .filter(|n| *n < isize::MAX as usize)
        .ok_or_else(|| {
            StatisticsError::Data(format!(
                "a mask of {x} x {y} x {z} voxels is too large for this machine"
            ))
        })
}

/// The word whose bits are these flags, each 0 or 1.
fn packed(flags: &[u8; 64]) -> u64 {
    let (eights, _) = flags.as_chunks::<8>();
    eights.iter().rev().fold(0, |word, eight| {
        // Flag i stands at bit 8 i; the product brings it to bit 56 + i, where no other sum reaches.
        let gathered = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        (word << 8) | gathered
    })
}

/// Packed voxels: rows along x of whole words, bits beyond the row's end always 0.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bits {
    pub(super) size: [usize; 3],
    pub(super) words: usize,
    pub(super) data: Vec<u64>,
}

/// First and last voxel inside, along each axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    pub(super) first: [usize; 3],
    pub(super) last: [usize; 3],
}

impl Bits {
    pub(super) fn empty(size: [usize; 3]) -> Result<Self, StatisticsError> {
        let words = size[0].div_ceil(64);
        let data = filled(0, &[words, size[1], size[2]])?;
        Ok(Self { size, words, data })
    }

    pub(super) fn row(&self, y: usize, z: usize) -> &[u64] {
        let at = (z * self.size[1] + y) * self.words;
        &self.data[at..at + self.words]
    }

    pub(super) fn row_mut(&mut self, y: usize, z: usize) -> &mut [u64] {
        let at = (z * self.size[1] + y) * self.words;
        &mut self.data[at..at + self.words]
    }

    pub(super) fn contains(&self, x: usize, y: usize, z: usize) -> bool {
        (self.row(y, z)[x / 64] >> (x % 64)) & 1 == 1
    }

    pub(super) fn count(&self) -> u64 {
        self.data.iter().map(|w| u64::from(w.count_ones())).sum()
    }

    /// Marks the voxels `start..end` of a row.
    pub(super) fn set_run(&mut self, y: usize, z: usize, start: usize, end: usize) {
        let row = self.row_mut(y, z);
        let mut x = start;
        while x < end {
            let (word, low) = (x / 64, x % 64);
            let high = (end - word * 64).min(64);
            row[word] |= (u64::MAX >> (64 - (high - low))) << low;
            x = word * 64 + high;
        }
    }

    /// The box around the voxels inside either volume; both have one size.
    pub(super) fn bounds(&self, other: &Self) -> Option<Bounds> {
        let [_, ny, nz] = self.size;
        let mut columns = vec![0u64; self.words];
        let (mut first, mut last) = ([usize::MAX; 3], [0usize; 3]);
        for z in 0..nz {
            for y in 0..ny {
                let mut any = 0;
                for ((c, a), b) in columns.iter_mut().zip(self.row(y, z)).zip(other.row(y, z)) {
                    *c |= a | b;
                    any |= a | b;
                }
                if any != 0 {
                    first = [0, first[1].min(y), first[2].min(z)];
                    last = [0, last[1].max(y), last[2].max(z)];
                }
            }
        }
        let low = columns.iter().position(|w| *w != 0)?;
        let high = columns.iter().rposition(|w| *w != 0)?;
        first[0] = low * 64 + columns[low].trailing_zeros() as usize;
        last[0] = high * 64 + 63 - columns[high].leading_zeros() as usize;
        Some(Bounds { first, last })
    }

    /// The box with one voxel outside all around it (in an image, around it in the plane).
    pub(super) fn padded(&self, bounds: &Bounds) -> Result<Self, StatisticsError> {
        let pad_z = usize::from(self.size[2] > 1);
        let inner = |a: usize| bounds.last[a] - bounds.first[a] + 1;
        let mut out = Self::empty([inner(0) + 2, inner(1) + 2, inner(2) + 2 * pad_z])?;
        let last_word_bits = inner(0) % 64;
        let inner_words = inner(0).div_ceil(64);
        for z in 0..inner(2) {
            for y in 0..inner(1) {
                let from = self.row(bounds.first[1] + y, bounds.first[2] + z);
                let (skip, shift) = (bounds.first[0] / 64, bounds.first[0] % 64);
                let to = out.row_mut(y + 1, z + pad_z);
                let mut carry = 0;
                for (w, slot) in to.iter_mut().enumerate().take(inner_words) {
                    let mut word = shifted_down(from, skip + w, shift);
                    if w + 1 == inner_words && last_word_bits > 0 {
                        word &= u64::MAX >> (64 - last_word_bits);
                    }
                    *slot = (word << 1) | carry;
                    carry = word >> 63;
                }
                if carry != 0 {
                    to[inner_words] |= carry;
                }
            }
        }
        Ok(out)
    }
}

/// Word `at` of the row after its bits move down by `shift` places.
fn shifted_down(row: &[u64], at: usize, shift: usize) -> u64 {
    let get = |i: usize| row.get(i).copied().unwrap_or(0);
    if shift == 0 {
        get(at)
    } else {
        (get(at) >> shift) | (get(at + 1) << (64 - shift))
    }
}

/// A list of this many equal items, or an error where the memory is not to be had.
pub(super) fn filled<T: Copy + Send + Sync>(
    value: T,
    sizes: &[usize],
) -> Result<Vec<T>, StatisticsError> {
    let refuse = || StatisticsError::Data("the mask is too large for this machine's memory".into());
    let length = sizes
        .iter()
        .try_fold(1usize, |n, s| n.checked_mul(*s))
        .ok_or_else(refuse)?;
    let mut list = Vec::new();
    list.try_reserve_exact(length).map_err(|_| refuse())?;
    // The system gives out pages as they are first written to: more threads are quicker at that.
    list.par_extend(rayon::iter::repeat_n(value, length));
    Ok(list)
}

/// The places of the bits that are set, in order.
pub(super) fn places(words: &[u64]) -> impl Iterator<Item = usize> + '_ {
    words.iter().enumerate().flat_map(|(w, word)| {
        let mut left = *word;
        std::iter::from_fn(move || {
            (left != 0).then(|| {
                let at = left.trailing_zeros() as usize;
                left &= left - 1;
                w * 64 + at
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packed_flags_stand_at_their_places(word in any::<u64>()) {
            let flags = std::array::from_fn(|i| (word >> i & 1) as u8);
            prop_assert_eq!(packed(&flags), word);
        }
    }
}

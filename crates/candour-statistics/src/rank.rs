//! Ranks and placements, by which every rank statistic here is counted.
#![allow(
    clippy::indexing_slicing,
    reason = "digits are bytes into arrays of 256; offsets are running sums of counts, below the length"
)]

/// The place of a number in the order of all numbers as an integer: `order_key(a) < order_key(b)`
/// just when `a < b`. -0.0 has the key of 0.0; infinite values come first or last. A value that is
/// not a number has a key beyond the infinite ones; refuse it before.
#[inline]
#[must_use]
pub fn order_key(value: f64) -> u64 {
    // Adding zero turns -0.0 into 0.0, so that the two tie.
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 0 {
        bits | (1 << 63)
    } else {
        !bits
    }
}

/// The number that has this key.
#[inline]
#[must_use]
pub fn key_value(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 {
        key & !(1 << 63)
    } else {
        !key
    })
}

/// The keys of the values in ascending order. O(n).
#[must_use]
pub fn sorted_keys(values: &[f64]) -> Vec<u64> {
    let mut keys: Vec<u64> = values.iter().map(|v| order_key(*v)).collect();
    sort_by_digits(&mut keys, |key| *key);
    keys
}

/// Key and row of each value, in ascending order of the values; equal values stay in the order of
/// their rows. O(n).
#[must_use]
pub fn sorted_rows(values: &[f64]) -> Vec<(u64, usize)> {
    let mut rows: Vec<(u64, usize)> = values
        .iter()
        .enumerate()
        .map(|(row, v)| (order_key(*v), row))
        .collect();
    sort_by_digits(&mut rows, |(key, _)| *key);
    rows
}

/// Ranks from 1, equal values sharing the mean of their ranks (-0.0 equals 0.0; infinite values rank
/// first or last). O(n). Values that are not numbers must have been refused before.
#[must_use]
pub fn midranks(values: &[f64]) -> Vec<f64> {
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0usize;
    for ties in sorted_rows(values).chunk_by(|a, b| a.0 == b.0) {
        let rank = before as f64 + (ties.len() as f64 + 1.0) / 2.0;
        for (_, row) in ties {
            ranks[*row] = rank;
        }
        before += ties.len();
    }
    ranks
}

/// For each positive score the share of negatives it exceeds, for each negative the share of
/// positives that exceed it, ties counting half: the structural components of DeLong, DeLong and
/// Clarke-Pearson (1988). Both lists must hold a score at least. O(n).
#[must_use]
pub fn placements(positive: &[f64], negative: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (m, n) = (positive.len(), negative.len());
    let all: Vec<f64> = positive.iter().chain(negative).copied().collect();
    let (mut of_positive, mut of_negative) = (vec![0.0; m], vec![0.0; n]);
    let (mut positives_before, mut negatives_before) = (0usize, 0usize);
    for ties in sorted_rows(&all).chunk_by(|a, b| a.0 == b.0) {
        let a = ties.iter().filter(|(_, row)| *row < m).count();
        let b = ties.len() - a;
        // Counted in halves, so that every count is whole.
        let below = (2 * negatives_before + b) as f64 / (2 * n.max(1)) as f64;
        let above = (2 * (m - positives_before) - a) as f64 / (2 * m.max(1)) as f64;
        for (_, row) in ties {
            if *row < m {
                of_positive[*row] = below;
            } else {
                of_negative[*row - m] = above;
            }
        }
        positives_before += a;
        negatives_before += b;
    }
    (of_positive, of_negative)
}

/// Sorts by a 64-bit key, keeping the order of equal keys: byte by byte from the lowest (radix
/// sort), leaving out bytes that are the same in every key.
fn sort_by_digits<T: Copy + Default>(items: &mut Vec<T>, key: impl Fn(&T) -> u64) {
    // Below this length counting digits costs more than comparing.
    if items.len() < 192 {
        items.sort_by_key(key);
        return;
    }
    let mut counts = [[0usize; 256]; 8];
    for item in items.iter() {
        for (count, byte) in counts.iter_mut().zip(key(item).to_le_bytes()) {
            count[usize::from(byte)] += 1;
        }
    }
    let mut from = std::mem::take(items);
    let mut to = vec![T::default(); from.len()];
    for (digit, count) in counts.iter_mut().enumerate() {
        if count.contains(&from.len()) {
            continue;
        }
        let mut before = 0;
        for c in count.iter_mut() {
            before += std::mem::replace(c, before);
        }
        for item in &from {
            let slot = &mut count[usize::from((key(item) >> (8 * digit)) as u8)];
            to[*slot] = *item;
            *slot += 1;
        }
        std::mem::swap(&mut from, &mut to);
    }
    *items = from;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn extreme_values_keep_their_order_and_zeros_tie() {
        let values = [
            f64::NEG_INFINITY,
            -1e300,
            -1e-301,
            -0.0,
            0.0,
            1e-301,
            1.0,
            1e300,
            f64::INFINITY,
        ];
        assert_eq!(
            midranks(&values),
            [1.0, 2.0, 3.0, 4.5, 4.5, 6.0, 7.0, 8.0, 9.0]
        );
        for v in values {
            assert_eq!(key_value(order_key(v)), v);
        }
    }

    proptest! {
        #[test]
        fn sorting_by_digits_agrees_with_sorting_by_comparison(
            values in prop::collection::vec(prop_oneof![any::<f64>(), (-4i8..4).prop_map(f64::from)], 0..600)
        ) {
            let values: Vec<f64> = values.into_iter().filter(|v| !v.is_nan()).collect();
            let mut expected: Vec<(f64, usize)> = values.iter().map(|v| v + 0.0).zip(0..).collect();
            expected.sort_by(|a, b| a.0.total_cmp(&b.0));
            let got: Vec<(f64, usize)> = sorted_rows(&values).into_iter().map(|(k, r)| (key_value(k), r)).collect();
            prop_assert_eq!(got, expected.clone());
            let keys: Vec<f64> = sorted_keys(&values).into_iter().map(key_value).collect();
            prop_assert_eq!(keys, expected.into_iter().map(|e| e.0).collect::<Vec<_>>());
        }

        #[test]
        fn placements_agree_with_counting_pairs(
            a in prop::collection::vec(-5i8..5, 1..20), b in prop::collection::vec(-5i8..5, 1..20)
        ) {
            let (a, b): (Vec<f64>, Vec<f64>) = (a.into_iter().map(f64::from).collect(), b.into_iter().map(f64::from).collect());
            let (x, y) = placements(&a, &b);
            let win = |p: f64, q: f64| if p > q { 1.0 } else if p == q { 0.5 } else { 0.0 };
            for (p, x) in a.iter().zip(x) {
                let share = b.iter().map(|q| win(*p, *q)).sum::<f64>() / b.len() as f64;
                prop_assert!((share - x).abs() < 1e-14);
            }
            for (q, y) in b.iter().zip(y) {
                let share = a.iter().map(|p| win(*p, *q)).sum::<f64>() / a.len() as f64;
                prop_assert!((share - y).abs() < 1e-14);
            }
        }
    }
}

//! Ranks and placements, by which every rank statistic here is counted.

/// Below this many items counting digits costs more than comparing.
const FEW: usize = 512;

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

/// The keys of the values in ascending order.
#[must_use]
pub fn sorted_keys(values: &[f64]) -> Vec<u64> {
    let mut keys: Vec<u64> = values.iter().map(|v| order_key(*v)).collect();
    sort_by_upper_half(&mut keys);
    for alike in keys.chunk_by_mut(|a, b| a >> 32 == b >> 32) {
        if alike.len() > 1 {
            alike.sort_unstable();
        }
    }
    keys
}

/// Key and row of each value, in ascending order of the values; equal values stay in the order of
/// their rows.
#[must_use]
pub fn sorted_rows(values: &[f64]) -> Vec<(u64, usize)> {
    if values.len() < FEW {
        let mut rows: Vec<(u64, usize)> = values.iter().map(|v| order_key(*v)).zip(0..).collect();
        rows.sort_by_key(|row| row.0);
        return rows;
    }
    let mut rows = Vec::with_capacity(values.len());
    visit_ties(values, |key, ties| {
        rows.extend(ties.rows().map(|row| (key, row)));
    });
    rows
}

/// Ranks from 1, equal values sharing the mean of their ranks (-0.0 equals 0.0; infinite values rank
/// first or last). Values that are not numbers must have been refused before.
#[must_use]
pub fn midranks(values: &[f64]) -> Vec<f64> {
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0usize;
    for ties in sorted_rows(values).chunk_by(|a, b| a.0 == b.0) {
        let rank = before as f64 + (ties.len() as f64 + 1.0) / 2.0;
        for (_, row) in ties {
            if let Some(slot) = ranks.get_mut(*row) {
                *slot = rank;
            }
        }
        before += ties.len();
    }
    ranks
}

/// For each positive score the share of negatives it exceeds, for each negative the share of
/// positives that exceed it, ties counting half: the structural components of DeLong, DeLong and
/// Clarke-Pearson (1988). Both lists must hold a score at least.
#[must_use]
pub fn placements(positive: &[f64], negative: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let all: Vec<f64> = positive.iter().chain(negative).copied().collect();
    let mut placed = vec![0.0; all.len()];
    let (m, n) = (positive.len(), negative.len());
    visit_placements(&all, m, |row, halves| {
        let other = if row < m { n } else { m };
        if let Some(slot) = placed.get_mut(row) {
            *slot = halves as f64 / (2 * other.max(1)) as f64;
        }
    });
    let of_negative = placed.split_off(m);
    (placed, of_negative)
}

/// Calls `visit` with each row and its placement, counted in halves so that it is whole: of the first
/// `positives` rows twice the negatives they exceed, of the others twice the positives that exceed
/// them, ties counting one.
pub(crate) fn visit_placements(
    values: &[f64],
    positives: usize,
    mut visit: impl FnMut(usize, usize),
) {
    let (mut positives_before, mut negatives_before) = (0usize, 0usize);
    visit_ties(values, |_, ties| {
        let a = ties.rows().filter(|row| *row < positives).count();
        let b = ties.len() - a;
        let below = 2 * negatives_before + b;
        let above = 2 * (positives - positives_before) - a;
        for row in ties.rows() {
            visit(row, if row < positives { below } else { above });
        }
        positives_before += a;
        negatives_before += b;
    });
}

/// The rows of one value, in order: each in the lower bits of an item.
struct Ties<'a> {
    items: &'a [u64],
    row: u64,
}

impl Ties<'_> {
    fn len(&self) -> usize {
        self.items.len()
    }

    fn rows(&self) -> impl Iterator<Item = usize> {
        self.items.iter().map(|item| (item & self.row) as usize)
    }
}

/// Calls `visit` with each distinct value's key and rows, in ascending order.
fn visit_ties(values: &[f64], mut visit: impl FnMut(u64, &Ties<'_>)) {
    // An item holds the row and as much of the key as fits above it, half of it as a rule; the rest
    // is looked up where this much does not decide.
    let row = u64::MAX >> (values.len() as u64).leading_zeros().min(32);
    let key = |item: &u64| {
        let value = values.get((item & row) as usize);
        value.map_or(u64::MAX, |v| order_key(*v))
    };
    let mut items: Vec<u64> = values
        .iter()
        .zip(0..)
        .map(|(v, at)| (order_key(*v) & !row) | at)
        .collect();
    sort_by_upper_half(&mut items);
    for alike in items.chunk_by_mut(|a, b| a & !row == b & !row) {
        if let [item] = alike {
            visit(key(item), &Ties { items: alike, row });
            continue;
        }
        alike.sort_by_key(key);
        for items in alike.chunk_by(|a, b| key(a) == key(b)) {
            visit(items.first().map_or(u64::MAX, key), &Ties { items, row });
        }
    }
}

/// Sorts by the upper 32 bits, keeping the order of those alike: byte by byte from the
/// lowest (radix sort), leaving out digits that are the same in every item. Few items are sorted by
/// all 64 bits.
fn sort_by_upper_half(items: &mut Vec<u64>) {
    // Beyond 32 bits the counts have no room.
    if items.len() < FEW || u32::try_from(items.len()).is_err() {
        items.sort_unstable();
        return;
    }
    const DIGITS: [u32; 4] = [32, 40, 48, 56];
    let digit = |item: u64, shift: u32| (item >> shift) as usize % 256;
    let mut counts = [[0u32; 256]; 4];
    for item in items.iter() {
        for (count, shift) in counts.iter_mut().zip(DIGITS) {
            if let Some(c) = count.get_mut(digit(*item, shift)) {
                *c += 1;
            }
        }
    }
    let mut from = std::mem::take(items);
    let mut to = vec![0; from.len()];
    for (count, shift) in counts.iter_mut().zip(DIGITS) {
        if count.iter().any(|c| *c as usize == from.len()) {
            continue;
        }
        let mut before = 0;
        for c in count.iter_mut() {
            before += std::mem::replace(c, before);
        }
        for item in &from {
            if let Some(place) = count.get_mut(digit(*item, shift)) {
                if let Some(slot) = to.get_mut(*place as usize) {
                    *slot = *item;
                }
                *place += 1;
            }
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
            values in prop::collection::vec(
                prop_oneof![
                    any::<f64>(),
                    (-4i8..4).prop_map(f64::from),
                    // Alike in the upper half of the key.
                    (-4i8..4).prop_map(|k| 1.0 + f64::from(k) * f64::EPSILON),
                ],
                0..1200,
            )
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

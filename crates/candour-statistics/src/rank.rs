//! Ranks and placements, by which every rank statistic here is counted.

/// Ranks from 1, equal values sharing the mean of their ranks (-0.0 equals 0.0; infinite values rank
/// first or last). O(n log n). Values that are not numbers must have been refused before.
#[must_use]
pub fn midranks(values: &[f64]) -> Vec<f64> {
    // Adding zero turns -0.0 into 0.0, so that the total order ties them.
    let mut order: Vec<(usize, f64)> = values.iter().map(|v| v + 0.0).enumerate().collect();
    order.sort_unstable_by(|a, b| a.1.total_cmp(&b.1));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0usize;
    for ties in order.chunk_by(|a, b| a.1 == b.1) {
        let rank = before as f64 + (ties.len() as f64 + 1.0) / 2.0;
        for (at, _) in ties {
            if let Some(slot) = ranks.get_mut(*at) {
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
    let (m, n) = (positive.len() as f64, negative.len() as f64);
    let all: Vec<f64> = positive.iter().chain(negative).copied().collect();
    let pooled = midranks(&all);
    let (pooled_positive, pooled_negative) = pooled.split_at(positive.len());
    let of_positive = pooled_positive
        .iter()
        .zip(midranks(positive))
        .map(|(all, own)| (all - own) / n)
        .collect();
    let of_negative = pooled_negative
        .iter()
        .zip(midranks(negative))
        .map(|(all, own)| 1.0 - (all - own) / m)
        .collect();
    (of_positive, of_negative)
}

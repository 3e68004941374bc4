//! Why this score: occlusion maps and additive contributions, each with the test that says whether
//! it may be shown.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::engine::InferenceEngine;
use crate::package::ModelError;

/// How many times the score is taken while a volume is deleted.
const DELETION_STEPS: usize = 16;
/// A contribution may differ between orders by this much of the logit and still count as additive.
const ADDITIVITY_TOLERANCE: f64 = 1e-3;
const MAGIC: &[u8; 8] = b"CNDRMAP1";

/// An explanation with the result of its faithfulness test.
#[derive(Clone, Debug, PartialEq)]
pub enum Explanation {
    /// Of a volume.
    Map(Occlusion),
    /// Of measurements.
    Contributions(Shapley),
}

/// How much of the score hangs on each place.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Voxels along slice, row and column of the network's input.
    pub dims: [usize; 3],
    /// For each voxel the mean drop of the logit over all cubes that covered it; C order.
    pub values: Vec<f32>,
}

/// An occlusion map (Zeiler and Fergus 2014) with its deletion test (Petsiuk et al. 2018).
#[derive(Clone, Debug, PartialEq)]
pub struct Occlusion {
    /// The map.
    pub map: Map,
    /// Mean logit while cubes are deleted, most salient first; lower is more faithful.
    pub deletion_area: f64,
    /// The same for random orders.
    pub random_areas: Vec<f64>,
}

/// Each measurement's effect on the logit against a baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shapley {
    /// Contributions in logits, in the order of the measurements.
    pub contributions: Vec<f64>,
    /// The measurements.
    pub values: Vec<f32>,
    /// Logit of the baseline.
    pub baseline_logit: f64,
    /// Largest difference of a contribution between random orders: zero for an additive model, for
    /// which alone these are Shapley values.
    pub max_order_difference: f64,
}

impl Explanation {
    /// Whether the test was passed; if not, the explanation must not be shown.
    #[must_use]
    pub fn faithful(&self) -> bool {
        match self {
            // Better than each of k random orders: one-sided rank test, p = 1 / (k + 1).
            Self::Map(o) => o
                .random_areas
                .iter()
                .all(|random| o.deletion_area < *random),
            Self::Contributions(s) => s.max_order_difference <= ADDITIVITY_TOLERANCE,
        }
    }

    /// Name of the method.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Map(_) => "occlusion",
            Self::Contributions(_) => "shapley_additive",
        }
    }

    /// The figures of the faithfulness test.
    #[must_use]
    pub fn figures(&self) -> BTreeMap<String, f64> {
        let figures: Vec<(&str, f64)> = match self {
            Self::Map(o) => {
                let n = o.random_areas.len();
                vec![
                    ("deletion_area", o.deletion_area),
                    (
                        "random_area_mean",
                        o.random_areas.iter().sum::<f64>() / n.max(1) as f64,
                    ),
                    (
                        "random_area_min",
                        o.random_areas.iter().copied().fold(f64::MAX, f64::min),
                    ),
                    ("random_orders", n as f64),
                    ("random_orders_beaten", o.beaten() as f64),
                ]
            }
            Self::Contributions(s) => {
                vec![
                    ("baseline_logit", s.baseline_logit),
                    ("max_order_difference", s.max_order_difference),
                ]
            }
        };
        figures
            .into_iter()
            .map(|(name, v)| (name.to_owned(), v))
            .collect()
    }

    /// Bytes for the vault: a map as `CNDRMAP1`, three 32-bit dimensions and single-precision
    /// values, little-endian; contributions as JSON.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Map(o) => {
                let mut out = MAGIC.to_vec();
                for d in o.map.dims {
                    out.extend(u32::try_from(d).unwrap_or(u32::MAX).to_le_bytes());
                }
                out.extend(o.map.values.iter().flat_map(|v| v.to_le_bytes()));
                out
            }
            Self::Contributions(s) => serde_json::to_vec(s).unwrap_or_default(),
        }
    }
}

impl Occlusion {
    /// How many random orders the map beat.
    #[must_use]
    pub fn beaten(&self) -> usize {
        self.random_areas
            .iter()
            .filter(|r| self.deletion_area < **r)
            .count()
    }
}

impl Map {
    /// Reads what [`Explanation::to_bytes`] wrote.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (words, _) = rest.as_chunks::<4>();
        let mut dims = [0usize; 3];
        for (dim, word) in dims.iter_mut().zip(words) {
            *dim = u32::from_le_bytes(*word) as usize;
        }
        let values: Vec<f32> = words
            .iter()
            .skip(3)
            .map(|w| f32::from_le_bytes(*w))
            .collect();
        let n = dims.iter().try_fold(1usize, |n, d| n.checked_mul(*d))?;
        (values.len() == n && rest.len() == 4 * (n + 3)).then_some(Self { dims, values })
    }

    /// The voxel on which most of the score hangs, and how much, in logits.
    #[must_use]
    pub fn peak(&self) -> ([usize; 3], f64) {
        let (at, value) = self
            .values
            .iter()
            .enumerate()
            .fold(
                (0, f32::MIN),
                |best, (i, v)| if *v > best.1 { (i, *v) } else { best },
            );
        let [_, rows, columns] = self.dims;
        let plane = (rows * columns).max(1);
        (
            [at / plane, at % plane / columns.max(1), at % columns.max(1)],
            f64::from(value),
        )
    }
}

/// A small generator of its own, so that a seed means the same order for ever (splitmix64,
/// Steele, Lea and Flood 2014).
struct Order(u64);

impl Order {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to n - 1 in random order.
    fn shuffle(&mut self, n: usize) -> Vec<usize> {
        let mut keyed: Vec<(u64, usize)> = (0..n).map(|i| (self.next(), i)).collect();
        keyed.sort_unstable();
        keyed.into_iter().map(|(_, i)| i).collect()
    }
}

/// A cube of the input: first voxel and edges.
#[derive(Clone, Copy)]
struct Cube {
    from: [usize; 3],
    to: [usize; 3],
}

impl Cube {
    fn each(&self, dims: [usize; 3], mut f: impl FnMut(usize)) {
        let ([z0, y0, x0], [z1, y1, x1]) = (self.from, self.to);
        for z in z0..z1 {
            for y in y0..y1 {
                for x in x0..x1 {
                    f((z * dims[1] + y) * dims[2] + x);
                }
            }
        }
    }
}

/// Cubes of `patch` voxels every `stride` voxels; the last one ends at the border.
fn cubes(dims: [usize; 3], patch: usize, stride: usize) -> Vec<Cube> {
    let starts = |n: usize| -> Vec<usize> {
        let last = n.saturating_sub(patch);
        let mut starts: Vec<usize> = (0..last).step_by(stride.max(1)).collect();
        starts.push(last);
        starts
    };
    let [nz, ny, nx] = dims;
    let mut out = Vec::new();
    for z in starts(nz) {
        for y in starts(ny) {
            for x in starts(nx) {
                out.push(Cube {
                    from: [z, y, x],
                    to: [
                        (z + patch).min(nz),
                        (y + patch).min(ny),
                        (x + patch).min(nx),
                    ],
                });
            }
        }
    }
    out
}

fn covered(input: &[f32], dims: [usize; 3], cubes: &[Cube], baseline: f32) -> Vec<f32> {
    let mut out = input.to_vec();
    for cube in cubes {
        cube.each(dims, |i| {
            if let Some(voxel) = out.get_mut(i) {
                *voxel = baseline;
            }
        });
    }
    out
}

/// An occlusion map of a volume and its deletion test against `random_orders` random orders.
///
/// # Errors
/// When the engine fails.
pub fn explain_map(
    engine: &dyn InferenceEngine,
    input: &[f32],
    dims: [usize; 3],
    (patch, stride, baseline): (usize, usize, f32),
    random_orders: u32,
    seed: u32,
) -> Result<Explanation, ModelError> {
    let whole = f64::from(engine.run(input)?);
    let places = cubes(dims, patch, stride);
    let drops = places
        .par_iter()
        .map(|cube| Ok(whole - f64::from(engine.run(&covered(input, dims, &[*cube], baseline))?)))
        .collect::<Result<Vec<f64>, ModelError>>()?;
    let mut sums = vec![0f64; input.len()];
    let mut counts = vec![0u32; input.len()];
    for (cube, drop) in places.iter().zip(&drops) {
        cube.each(dims, |i| {
            if let (Some(sum), Some(count)) = (sums.get_mut(i), counts.get_mut(i)) {
                *sum += drop;
                *count += 1;
            }
        });
    }
    let values: Vec<f32> = sums
        .iter()
        .zip(&counts)
        .map(|(s, n)| {
            if *n == 0 {
                0.0
            } else {
                (s / f64::from(*n)) as f32
            }
        })
        .collect();

    // Deletion: disjoint cubes, most salient first, against random orders of the same cubes.
    let blocks = cubes(dims, patch, patch);
    let mut ranked: Vec<(usize, f64)> = blocks
        .iter()
        .enumerate()
        .map(|(i, block)| {
            let (mut sum, mut n) = (0f64, 0f64);
            block.each(dims, |v| {
                sum += f64::from(values.get(v).copied().unwrap_or(0.0));
                n += 1.0;
            });
            (i, sum / n)
        })
        .collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut order = Order(u64::from(seed));
    let mut orders: Vec<Vec<usize>> = vec![ranked.into_iter().map(|(i, _)| i).collect()];
    orders.extend((0..random_orders).map(|_| order.shuffle(blocks.len())));
    let mut areas = orders
        .par_iter()
        .map(|order| deletion_area(engine, input, dims, &blocks, order, baseline, whole))
        .collect::<Result<Vec<f64>, ModelError>>()?;
    let deletion_area = areas.remove(0);
    Ok(Explanation::Map(Occlusion {
        map: Map { dims, values },
        deletion_area,
        random_areas: areas,
    }))
}

/// Mean logit (trapezoid over the deleted share) while blocks are deleted in this order.
fn deletion_area(
    engine: &dyn InferenceEngine,
    input: &[f32],
    dims: [usize; 3],
    blocks: &[Cube],
    order: &[usize],
    baseline: f32,
    whole: f64,
) -> Result<f64, ModelError> {
    let steps = DELETION_STEPS.min(blocks.len()).max(1);
    let mut previous = (0f64, whole);
    let mut area = 0.0;
    for step in 1..=steps {
        let n = blocks.len() * step / steps;
        let gone: Vec<Cube> = order
            .iter()
            .take(n)
            .filter_map(|i| blocks.get(*i).copied())
            .collect();
        let score = f64::from(engine.run(&covered(input, dims, &gone, baseline))?);
        let share = n as f64 / blocks.len().max(1) as f64;
        area += (share - previous.0) * f64::midpoint(score, previous.1);
        previous = (share, score);
    }
    Ok(area)
}

/// The contribution of each measurement against a baseline, and by how much they differ when the
/// measurements are filled in in random orders.
///
/// # Errors
/// When the engine fails.
pub fn explain_measurements(
    engine: &dyn InferenceEngine,
    input: &[f32],
    baseline: &[f32],
    random_orders: u32,
    seed: u32,
) -> Result<Explanation, ModelError> {
    let baseline_logit = f64::from(engine.run(baseline)?);
    let mut contributions = Vec::with_capacity(input.len());
    for (i, value) in input.iter().enumerate() {
        let mut one = baseline.to_vec();
        if let Some(slot) = one.get_mut(i) {
            *slot = *value;
        }
        contributions.push(f64::from(engine.run(&one)?) - baseline_logit);
    }
    let mut order = Order(u64::from(seed));
    let mut max_order_difference = 0f64;
    for _ in 0..random_orders {
        let mut filled = baseline.to_vec();
        let mut before = baseline_logit;
        for i in order.shuffle(input.len()) {
            if let (Some(slot), Some(value), Some(phi)) =
                (filled.get_mut(i), input.get(i), contributions.get(i))
            {
                *slot = *value;
                let after = f64::from(engine.run(&filled)?);
                max_order_difference = max_order_difference.max((after - before - phi).abs());
                before = after;
            }
        }
    }
    Ok(Explanation::Contributions(Shapley {
        contributions,
        values: input.to_vec(),
        baseline_logit,
        max_order_difference,
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    /// An engine whose truth is known: a weighted sum, or one that is not additive.
    struct Known(fn(&[f32]) -> f32);
    impl InferenceEngine for Known {
        fn run(&self, input: &[f32]) -> Result<f32, ModelError> {
            Ok((self.0)(input))
        }
        fn identity(&self) -> String {
            "known".into()
        }
    }

    const DIMS: [usize; 3] = [12, 12, 12];

    fn corner(input: &[f32]) -> f32 {
        // The score is the mean of the cube of edge 4 at the origin.
        let mut sum = 0.0;
        Cube {
            from: [0; 3],
            to: [4; 3],
        }
        .each(DIMS, |i| sum += input[i]);
        sum / 8.0
    }

    /// Verifies SRS-014: a map of a score that hangs on one place marks it and passes; a map of a
    /// score that hangs on nothing fails.
    #[test]
    fn the_map_marks_what_the_score_hangs_on() {
        let input = vec![1f32; 1728];
        let Explanation::Map(o) =
            explain_map(&Known(corner), &input, DIMS, (4, 2, 0.0), 20, 7).unwrap()
        else {
            panic!("a map")
        };
        let (peak, drop) = o.map.peak();
        assert!(peak.iter().all(|p| *p < 4), "{peak:?}");
        // Only the cube at the origin covers voxel (0,0,0), and it takes the whole score away: 64/8.
        assert!((f64::from(o.map.values[0]) - 8.0).abs() < 1e-6 && (drop - 8.0).abs() < 1e-6);
        assert_eq!(o.map.values[1727], 0.0);
        assert_eq!(o.random_areas.len(), 20);
        assert!(o.beaten() >= 18, "{}", o.beaten());
        let blind = explain_map(&Known(|_| 3.0), &input, DIMS, (4, 2, 0.0), 20, 7).unwrap();
        assert!(!blind.faithful());
    }

    #[test]
    fn maps_come_back_from_their_bytes_and_nothing_else_does() {
        let map = explain_map(&Known(corner), &[1.0; 1728], DIMS, (4, 4, 0.0), 19, 1).unwrap();
        let bytes = map.to_bytes();
        let Explanation::Map(o) = &map else {
            panic!("a map")
        };
        assert_eq!(Map::from_bytes(&bytes).as_ref(), Some(&o.map));
        for cut in [0, 7, 8, 19, bytes.len() - 1] {
            assert_eq!(Map::from_bytes(&bytes[..cut]), None);
        }
        let mut huge = bytes;
        huge[8..20].fill(0xff);
        assert_eq!(Map::from_bytes(&huge), None);
    }

    /// Contributions of a weighted sum are weight times difference, by hand.
    #[test]
    fn contributions_are_right_when_additive_and_refused_when_not() {
        let additive = Known(|v| 2.0 * v[0] - v[1] + 0.5);
        let e = explain_measurements(&additive, &[3.0, 4.0], &[1.0, 1.0], 20, 3).unwrap();
        let Explanation::Contributions(s) = &e else {
            panic!("contributions")
        };
        assert_eq!(s.contributions, [4.0, -3.0]);
        assert_eq!(s.baseline_logit, 1.5);
        assert!(e.faithful());
        let product = Known(|v| v[0] * v[1]);
        assert!(
            !explain_measurements(&product, &[3.0, 4.0], &[1.0, 1.0], 20, 3)
                .unwrap()
                .faithful()
        );
    }
}

//! Lesions: connected components of both masks, matched with each other and counted.

#![allow(
    clippy::indexing_slicing,
    reason = "lesions are indexed by the numbers their components were given; the cost matrix by its own sizes"
)]

use std::collections::BTreeMap;

use super::components::{Common, Components, Run};
use super::mask::{Bits, Mask};
use super::surface::{Connectivity, Surface, SurfaceDistances, Symmetry};
use crate::number::StatisticsError;

/// When a predicted lesion counts as the reference's lesion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// One to one, IoU above the threshold (Kirillov et al. 2019 with 0.5; 0 means any overlap).
    IouAbove(f64),
    /// One to one, IoU at least the threshold (panoptica's default rule with 0.5).
    IouAtLeast(f64),
    /// Any voxel in common, many to many: a reference lesion is found if any prediction touches it,
    /// a predicted one is false if it touches none (MetricsReloaded, ATLAS).
    Overlap,
}

/// Which of the pairs that the rule allows are matched, where there is a choice (below IoU 0.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignment {
    /// The highest IoU first (panoptica `NaiveThresholdMatching`).
    Greedy,
    /// The matching with the largest sum of IoU (panoptica `MaxBipartiteMatching`).
    Maximal,
}

impl Assignment {
    /// The words of settings, in the order of the variants.
    pub const WORDS: &'static [&'static str] = &["greedy", "maximal"];

    /// By its word; greedy for any other.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "maximal" => Self::Maximal,
            _ => Self::Greedy,
        }
    }
}

/// How lesions are told apart and matched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LesionOptions {
    /// Which voxels belong together; 26 (corners) unless said otherwise.
    pub connectivity: Connectivity,
    /// When two lesions match.
    pub rule: Rule,
    /// Which pairs are taken.
    pub assignment: Assignment,
}

impl Default for LesionOptions {
    fn default() -> Self {
        Self {
            connectivity: Connectivity::Corners,
            rule: Rule::IouAbove(0.5),
            assignment: Assignment::Greedy,
        }
    }
}

impl LesionOptions {
    /// Its id in definitions: `iou-above-0.5.greedy.26`.
    #[must_use]
    pub fn id(&self, flat: bool) -> String {
        let n = self.connectivity.neighbours(flat);
        let assignment = match self.assignment {
            Assignment::Greedy => "greedy",
            Assignment::Maximal => "maximal",
        };
        match self.rule {
            Rule::IouAbove(t) => format!("iou-above-{t}.{assignment}.{n}"),
            Rule::IouAtLeast(t) => format!("iou-at-least-{t}.{assignment}.{n}"),
            Rule::Overlap => format!("any-overlap.{n}"),
        }
    }
}

/// Two lesions that match.
#[derive(Clone, Debug, PartialEq)]
pub struct LesionPair {
    /// The reference's component, from 0.
    pub reference: usize,
    /// The prediction's component, from 0.
    pub prediction: usize,
    /// Intersection over union of the two.
    pub iou: f64,
    /// Dice of the two.
    pub dice: f64,
    /// Distances between their surfaces, where asked for.
    pub distances: Option<SurfaceDistances>,
}

/// Lesions counted. Every share is `None` where there is nothing to take it of.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesions {
    /// Lesions of the reference.
    pub reference: usize,
    /// Lesions of the prediction.
    pub prediction: usize,
    /// Reference lesions that were found.
    pub true_positive: usize,
    /// Predicted lesions that match none.
    pub false_positive: usize,
    /// Reference lesions that were missed.
    pub false_negative: usize,
    /// The pairs, by reference lesion; none under [`Rule::Overlap`].
    pub pairs: Vec<LesionPair>,
}

impl Lesions {
    /// Finds and matches the lesions; with `surface` also the distances of each pair.
    ///
    /// # Errors
    /// When dimensions or spacing differ, a threshold lies outside 0 to 1, or the memory is not to
    /// be had.
    pub fn new(
        reference: &Mask,
        prediction: &Mask,
        options: &LesionOptions,
        surface: Option<Surface>,
    ) -> Result<Self, StatisticsError> {
        reference.same_grid(prediction)?;
        if let Rule::IouAbove(t) | Rule::IouAtLeast(t) = options.rule
            && !(0.0..=1.0).contains(&t)
        {
            return Err(StatisticsError::setting(
                "threshold",
                t,
                "an IoU from 0 to 1",
            ));
        }
        let ours = Components::new(reference, options.connectivity)?;
        let theirs = Components::new(prediction, options.connectivity)?;
        let common = ours.common(&theirs);
        if options.rule == Rule::Overlap {
            let mut found = vec![false; ours.len()];
            let mut right = vec![false; theirs.len()];
            for c in &common {
                found[c.own] = true;
                right[c.other] = true;
            }
            let true_positive = found.iter().filter(|f| **f).count();
            return Ok(Self {
                reference: ours.len(),
                prediction: theirs.len(),
                true_positive,
                false_positive: right.iter().filter(|r| !**r).count(),
                false_negative: ours.len() - true_positive,
                pairs: Vec::new(),
            });
        }
        let iou = |c: &Common| {
            let union = ours.sizes()[c.own] + theirs.sizes()[c.other] - c.voxels;
            c.voxels as f64 / union as f64
        };
        let allowed: Vec<(Common, f64)> = common
            .iter()
            .map(|c| (*c, iou(c)))
            .filter(|(_, iou)| match options.rule {
                Rule::IouAbove(t) => *iou > t,
                Rule::IouAtLeast(t) => *iou >= t,
                Rule::Overlap => false,
            })
            .collect();
        let mut taken = match options.assignment {
            Assignment::Greedy => greedy(allowed, ours.len(), theirs.len()),
            Assignment::Maximal => maximal(&allowed),
        };
        taken.sort_unstable_by_key(|(c, _)| c.own);
        let (our_runs, their_runs) = match surface {
            Some(_) => (ours.grouped(), theirs.grouped()),
            None => (Vec::new(), Vec::new()),
        };
        let flat = reference.is_flat();
        let mut pairs = Vec::with_capacity(taken.len());
        for (c, iou) in taken {
            let distances = match surface {
                Some(surface) => {
                    let (a, b) = boxed(&our_runs[c.own], &their_runs[c.other], flat)?;
                    Some(SurfaceDistances::between(
                        &a,
                        &b,
                        reference.spacing_mm(),
                        surface,
                    )?)
                }
                None => None,
            };
            let sum = ours.sizes()[c.own] + theirs.sizes()[c.other];
            pairs.push(LesionPair {
                reference: c.own,
                prediction: c.other,
                iou,
                dice: 2.0 * c.voxels as f64 / sum as f64,
                distances,
            });
        }
        Ok(Self {
            reference: ours.len(),
            prediction: theirs.len(),
            true_positive: pairs.len(),
            false_positive: theirs.len() - pairs.len(),
            false_negative: ours.len() - pairs.len(),
            pairs,
        })
    }

    /// Share of the reference's lesions that were found.
    #[must_use]
    pub fn sensitivity(&self) -> Option<f64> {
        ratio(
            self.true_positive as f64,
            (self.true_positive + self.false_negative) as f64,
        )
    }

    /// TP / (TP + FP).
    #[must_use]
    pub fn positive_predictive_value(&self) -> Option<f64> {
        ratio(
            self.true_positive as f64,
            (self.true_positive + self.false_positive) as f64,
        )
    }

    /// F1 = TP / (TP + FP/2 + FN/2); recognition quality RQ of Kirillov et al. 2019.
    #[must_use]
    pub fn f1(&self) -> Option<f64> {
        let (tp, fp, false_negative) = (
            self.true_positive as f64,
            self.false_positive as f64,
            self.false_negative as f64,
        );
        ratio(tp, tp + 0.5 * fp + 0.5 * false_negative)
    }

    /// Segmentation quality SQ: mean IoU of the pairs.
    #[must_use]
    pub fn segmentation_quality(&self) -> Option<f64> {
        self.mean(|p| Some(p.iou))
    }

    /// Panoptic quality PQ = SQ RQ: 0 where lesions are there but none matches. `None` under
    /// [`Rule::Overlap`] with lesions found, which makes no pairs.
    #[must_use]
    pub fn panoptic_quality(&self) -> Option<f64> {
        if self.true_positive == 0 {
            return self.f1();
        }
        Some(self.segmentation_quality()? * self.f1()?)
    }

    /// Mean Dice of the pairs.
    #[must_use]
    pub fn mean_dice(&self) -> Option<f64> {
        self.mean(|p| Some(p.dice))
    }

    /// Mean over the pairs of a number of their surfaces.
    #[must_use]
    pub fn mean_of(&self, number: impl Fn(&SurfaceDistances) -> Option<f64>) -> Option<f64> {
        self.mean(|p| p.distances.as_ref().and_then(&number))
    }

    fn mean(&self, value: impl Fn(&LesionPair) -> Option<f64>) -> Option<f64> {
        let values: Option<Vec<f64>> = self.pairs.iter().map(value).collect();
        values.and_then(|v| ratio(v.iter().sum(), v.len() as f64))
    }
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

fn greedy(mut allowed: Vec<(Common, f64)>, ours: usize, theirs: usize) -> Vec<(Common, f64)> {
    // Stable: equal IoU keep the order by prediction and then reference.
    allowed.sort_by(|a, b| b.1.total_cmp(&a.1));
    let (mut own, mut other) = (vec![false; ours], vec![false; theirs]);
    allowed.retain(|(c, _)| {
        let free = !own[c.own] && !other[c.other];
        if free {
            own[c.own] = true;
            other[c.other] = true;
        }
        free
    });
    allowed
}

/// Lesions that are not linked by allowed pairs do not compete, so each linked group is solved alone.
fn maximal(allowed: &[(Common, f64)]) -> Vec<(Common, f64)> {
    let mut by_own: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut by_other: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, (c, _)) in allowed.iter().enumerate() {
        by_own.entry(c.own).or_default().push(at);
        by_other.entry(c.other).or_default().push(at);
    }
    let mut seen = vec![false; allowed.len()];
    let mut taken = Vec::new();
    for start in 0..allowed.len() {
        if seen[start] {
            continue;
        }
        seen[start] = true;
        let mut group = vec![start];
        let mut next = 0;
        while let Some(at) = group.get(next).copied() {
            next += 1;
            let (c, _) = allowed[at];
            for neighbour in by_own[&c.own].iter().chain(&by_other[&c.other]) {
                if !seen[*neighbour] {
                    seen[*neighbour] = true;
                    group.push(*neighbour);
                }
            }
        }
        taken.extend(heaviest(&group, allowed).into_iter().map(|at| allowed[at]));
    }
    taken
}

/// The matching of one group with the largest sum of IoU, and of equal sums the one with more pairs
/// (each pair is worth 1e-6 more, as in panoptica), by the Hungarian method.
fn heaviest(group: &[usize], allowed: &[(Common, f64)]) -> Vec<usize> {
    let numbered = |key: &dyn Fn(&Common) -> usize| -> BTreeMap<usize, usize> {
        let mut keys: Vec<usize> = group.iter().map(|at| key(&allowed[*at].0)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().enumerate().map(|(i, k)| (k, i)).collect()
    };
    let (own, other) = (numbered(&|c| c.own), numbered(&|c| c.other));
    let swapped = own.len() > other.len();
    let (rows, columns) = if swapped {
        (other.len(), own.len())
    } else {
        (own.len(), other.len())
    };
    let mut cost = vec![0.0f64; rows * columns];
    let mut pair = vec![usize::MAX; rows * columns];
    for at in group {
        let (c, iou) = &allowed[*at];
        let (i, j) = (own[&c.own], other[&c.other]);
        let place = if swapped {
            j * columns + i
        } else {
            i * columns + j
        };
        cost[place] = -(iou + 1e-6);
        pair[place] = *at;
    }
    hungarian(&cost, rows, columns)
        .into_iter()
        .enumerate()
        .map(|(row, column)| pair[row * columns + column])
        .filter(|at| *at != usize::MAX)
        .collect()
}

/// The column of each row in the assignment of least cost (Kuhn 1955, by shortest augmenting paths);
/// there are at least as many columns as rows.
fn hungarian(cost: &[f64], rows: usize, columns: usize) -> Vec<usize> {
    // Place 0 stands for "no row" and "no column".
    let (mut u, mut v) = (vec![0.0; rows + 1], vec![0.0; columns + 1]);
    let mut row_of = vec![0usize; columns + 1];
    for row in 1..=rows {
        row_of[0] = row;
        let mut least = vec![f64::INFINITY; columns + 1];
        let mut from = vec![0usize; columns + 1];
        let mut done = vec![false; columns + 1];
        let mut column = 0;
        loop {
            done[column] = true;
            let (i, mut delta, mut next) = (row_of[column], f64::INFINITY, 0);
            for j in 1..=columns {
                if done[j] {
                    continue;
                }
                let reduced = cost[(i - 1) * columns + j - 1] - u[i] - v[j];
                if reduced < least[j] {
                    least[j] = reduced;
                    from[j] = column;
                }
                if least[j] < delta {
                    delta = least[j];
                    next = j;
                }
            }
            for j in 0..=columns {
                if done[j] {
                    u[row_of[j]] += delta;
                    v[j] -= delta;
                } else {
                    least[j] -= delta;
                }
            }
            column = next;
            if row_of[column] == 0 {
                break;
            }
        }
        while column != 0 {
            row_of[column] = row_of[from[column]];
            column = from[column];
        }
    }
    let mut chosen = vec![0; rows];
    for (column, row) in row_of.iter().enumerate().skip(1) {
        if *row > 0 {
            chosen[row - 1] = column - 1;
        }
    }
    chosen
}

/// Runs of both lesions in the box around them, with one voxel outside all around.
fn boxed(ours: &[Run], theirs: &[Run], flat: bool) -> Result<(Bits, Bits), StatisticsError> {
    let (mut low, mut high) = ([usize::MAX; 3], [0usize; 3]);
    for run in ours.iter().chain(theirs) {
        low = [low[0].min(run.start), low[1].min(run.y), low[2].min(run.z)];
        high = [
            high[0].max(run.end),
            high[1].max(run.y + 1),
            high[2].max(run.z + 1),
        ];
    }
    let pad = usize::from(!flat);
    let size = [
        high[0] - low[0] + 2,
        high[1] - low[1] + 2,
        high[2] - low[2] + 2 * pad,
    ];
    let drawn = |runs: &[Run]| -> Result<Bits, StatisticsError> {
        let mut bits = Bits::empty(size)?;
        for run in runs {
            bits.set_run(
                run.y - low[1] + 1,
                run.z - low[2] + pad,
                run.start - low[0] + 1,
                run.end - low[0] + 1,
            );
        }
        Ok(bits)
    };
    Ok((drawn(ours)?, drawn(theirs)?))
}

/// Lesion-wise Dice and HD95 with false positives and misses counted in, after the BraTS 2023 rules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LesionWise {
    /// Reference lesions, those within reach of each other counting as one.
    pub reference: usize,
    /// Reference lesions that some predicted lesion reaches.
    pub found: usize,
    /// Predicted lesions that reach no reference lesion.
    pub false_positive: usize,
    /// Sum of the lesions' Dice, 0 for each miss, divided by reference lesions and false positives.
    /// `None` without either.
    pub dice: Option<f64>,
    /// The same mean of the lesions' HD95 in mm, with the penalty for each miss and false positive.
    pub hd95: Option<f64>,
}

/// Lesion-wise Dice and HD95 (BraTS 2023, Saluja et al.): the reference is dilated `dilation` times
/// (18 neighbours; 8 in an image); its lesions that then touch count as one; all predicted lesions
/// (26 neighbours) that the dilated lesion touches are joined and compared with the undilated one;
/// the HD95 is that of [`Surface::Marching`], max of directed; a miss or a false positive costs
/// `penalty_mm` (BraTS: 374 mm and `dilation` 3).
///
/// # Errors
/// When dimensions or spacing differ, the penalty is negative or not finite, or the memory is not to
/// be had.
pub fn lesion_wise(
    reference: &Mask,
    prediction: &Mask,
    dilation: u32,
    penalty_mm: f64,
) -> Result<LesionWise, StatisticsError> {
    reference.same_grid(prediction)?;
    if !(penalty_mm >= 0.0 && penalty_mm.is_finite()) {
        return Err(StatisticsError::setting(
            "penalty_mm",
            penalty_mm,
            "millimetres from 0, such as 374",
        ));
    }
    let mut grown = reference.bits().clone();
    for _ in 0..dilation {
        let next = dilated(&grown)?;
        if next == grown {
            break;
        }
        grown = next;
    }
    let grown = Components::of(&grown, Connectivity::Corners)?;
    let own = Components::of(reference.bits(), Connectivity::Corners)?;
    let theirs = Components::of(prediction.bits(), Connectivity::Corners)?;
    let mut lesions: Vec<(Vec<Run>, Vec<Run>)> = vec![Default::default(); grown.len()];
    let (own_runs, their_runs) = (own.grouped(), theirs.grouped());
    for c in own.common(&grown) {
        lesions[c.other].0.extend(&own_runs[c.own]);
    }
    let mut reached = vec![false; theirs.len()];
    for c in theirs.common(&grown) {
        reached[c.own] = true;
        lesions[c.other].1.extend(&their_runs[c.own]);
    }
    let false_positive = reached.iter().filter(|r| !**r).count();
    let (mut found, mut dice, mut distance) = (0, 0.0, false_positive as f64 * penalty_mm);
    for (ours, theirs) in &lesions {
        if theirs.is_empty() {
            distance += penalty_mm;
            continue;
        }
        found += 1;
        let (a, b) = boxed(ours, theirs, reference.is_flat())?;
        let common: u64 = a
            .data
            .iter()
            .zip(&b.data)
            .map(|(a, b)| u64::from((a & b).count_ones()))
            .sum();
        dice += 2.0 * common as f64 / (a.count() + b.count()) as f64;
        let distances =
            SurfaceDistances::between(&a, &b, reference.spacing_mm(), Surface::Marching)?;
        distance += distances
            .percentile(95.0, Symmetry::MaxOfDirected)
            .unwrap_or(penalty_mm);
    }
    let number = (lesions.len() + false_positive) as f64;
    Ok(LesionWise {
        reference: lesions.len(),
        found,
        false_positive,
        dice: ratio(dice, number),
        hd95: ratio(distance, number),
    })
}

fn dilated(bits: &Bits) -> Result<Bits, StatisticsError> {
    let [nx, ny, nz] = bits.size;
    let mut out = Bits::empty(bits.size)?;
    let last = u64::MAX >> ((64 - nx % 64) % 64);
    for z in 0..nz {
        for y in 0..ny {
            for (dy, dz) in [
                (0, 0),
                (-1, 0),
                (1, 0),
                (0, -1),
                (0, 1),
                (-1, -1),
                (-1, 1),
                (1, -1),
                (1, 1),
            ] {
                let (Some(from_y), Some(from_z)) =
                    (y.checked_add_signed(dy), z.checked_add_signed(dz))
                else {
                    continue;
                };
                if from_y >= ny || from_z >= nz {
                    continue;
                }
                let from = bits.row(from_y, from_z);
                // Offsets on two axes already differ by an edge; they reach no further along x.
                let along = dy == 0 || dz == 0;
                for (w, slot) in out.row_mut(y, z).iter_mut().enumerate() {
                    *slot |= from[w];
                    if along {
                        let below = if w > 0 { from[w - 1] >> 63 } else { 0 };
                        let above = from.get(w + 1).map_or(0, |n| n << 63);
                        *slot |= (from[w] << 1) | below | (from[w] >> 1) | above;
                    }
                }
            }
            if let Some(word) = out.row_mut(y, z).last_mut() {
                *word &= last;
            }
        }
    }
    Ok(out)
}

//! Scores sorted once into levels, with how many positives and negatives stand at each. Every
//! statistic of the curve is a pass over the counts, so a bootstrap replicate costs no second sort.

use rayon::prelude::*;

use crate::number::StatisticsError;
use crate::random::Philox;
use crate::rank::{key_value, sorted_rows};

/// More rows are refused: below this no count of a replicate leaves 32 bits, no product 64.
const ROWS_AT_MOST: usize = 100_000_000;

/// How many cases stand at one score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) positive: u32,
    pub(crate) negative: u32,
}

/// The distinct scores in ascending order, the cases at each, and the level of each row.
#[derive(Clone, Debug)]
pub(crate) struct Levels {
    pub(crate) scores: Vec<f64>,
    pub(crate) counts: Vec<Count>,
    pub(crate) of_row: Vec<u32>,
    pub(crate) positive: usize,
    pub(crate) negative: usize,
}

impl Levels {
    /// Sorts the scores. Refuses columns of different length, a score that is not a number and a
    /// truth that knows one class only.
    pub(crate) fn new(truth: &[bool], score: &[f64]) -> Result<Self, StatisticsError> {
        check_scores(truth.len(), score)?;
        let positive = truth.iter().filter(|t| **t).count();
        let negative = truth.len() - positive;
        both_classes(positive, negative)?;
        let mut levels = Self {
            scores: Vec::new(),
            counts: Vec::new(),
            of_row: vec![0; truth.len()],
            positive,
            negative,
        };
        for ties in sorted_rows(score).chunk_by(|a, b| a.0 == b.0) {
            let level = levels.scores.len() as u32;
            let mut count = Count::default();
            for (_, row) in ties {
                match truth.get(*row) {
                    Some(true) => count.positive += 1,
                    _ => count.negative += 1,
                }
                if let Some(slot) = levels.of_row.get_mut(*row) {
                    *slot = level;
                }
            }
            levels
                .scores
                .push(ties.first().map_or(f64::NAN, |(key, _)| key_value(*key)));
            levels.counts.push(count);
        }
        Ok(levels)
    }

    /// DeLong's components by row: of a positive the share of negatives it exceeds, of a negative
    /// the share of positives that exceed it, ties counting half.
    pub(crate) fn components(&self, truth: &[bool]) -> Vec<f64> {
        let (m, n) = (self.positive, self.negative);
        let (mut positives, mut negatives) = (0usize, 0usize);
        let shares: Vec<(f64, f64)> = self
            .counts
            .iter()
            .map(|count| {
                let (a, b) = (count.positive as usize, count.negative as usize);
                let below = (2 * negatives + b) as f64 / (2 * n) as f64;
                let above = (2 * (m - positives) - a) as f64 / (2 * m) as f64;
                positives += a;
                negatives += b;
                (below, above)
            })
            .collect();
        truth
            .iter()
            .zip(&self.of_row)
            .map(|(positive, level)| {
                let (below, above) = shares
                    .get(*level as usize)
                    .copied()
                    .unwrap_or((f64::NAN, f64::NAN));
                if *positive { below } else { above }
            })
            .collect()
    }

    /// What is drawn in a bootstrap: cases within their class; with clusters, whole clusters, those
    /// that hold a positive apart from those that hold none. Refuses a class with one case, or whose
    /// cases are all of one cluster: each replicate would hold just these, as if they had no error.
    pub(crate) fn resampling(
        &self,
        truth: &[bool],
        cluster: Option<&[usize]>,
    ) -> Result<Resampling, StatisticsError> {
        let cases = truth.iter().copied().zip(self.of_row.iter().copied());
        let Some(codes) = cluster else {
            let mut positive: Vec<u32> = cases
                .clone()
                .filter(|(t, _)| *t)
                .map(|(_, level)| level)
                .collect();
            let mut negative: Vec<u32> =
                cases.filter(|(t, _)| !*t).map(|(_, level)| level).collect();
            // Neighbours in the sorted list are neighbours in memory.
            positive.sort_unstable();
            negative.sort_unstable();
            if positive.len() < 2 || negative.len() < 2 {
                return Err(StatisticsError::not_estimable(format!(
                    "a bootstrap needs two cases of each class; there are {} positive and {} negative",
                    positive.len(),
                    negative.len()
                )));
            }
            return Ok(Resampling::Cases { positive, negative });
        };
        check_length(truth.len(), codes.len(), "cluster")?;
        let mut cases: Vec<(usize, u32, bool)> = codes
            .iter()
            .zip(cases)
            .map(|(c, (t, level))| (*c, level, t))
            .collect();
        cases.sort_unstable();
        let (mut with, mut without) = (Vec::new(), Vec::new());
        let mut with_negative = 0;
        for members in cases.chunk_by(|a, b| a.0 == b.0) {
            let rows: Vec<(u32, bool)> = members.iter().map(|(_, level, t)| (*level, *t)).collect();
            with_negative += usize::from(rows.iter().any(|(_, t)| !*t));
            if rows.iter().any(|(_, t)| *t) {
                with.push(rows);
            } else {
                without.push(rows);
            }
        }
        if with.len() < 2 || with_negative < 2 {
            return Err(StatisticsError::not_estimable(format!(
                "a bootstrap needs two clusters that hold a case of each class; {} hold a positive and {with_negative} a negative",
                with.len()
            )));
        }
        Ok(Resampling::Clusters { with, without })
    }
}

/// See [`Levels::resampling`].
#[derive(Clone, Debug)]
pub(crate) enum Resampling {
    /// The level of each case.
    Cases {
        positive: Vec<u32>,
        negative: Vec<u32>,
    },
    /// Level and class of each row of each cluster.
    Clusters {
        with: Vec<Vec<(u32, bool)>>,
        without: Vec<Vec<(u32, bool)>>,
    },
}

impl Resampling {
    /// `statistic` of the counts of each replicate, in the order of the replicates. Each replicate
    /// has its own stream of random numbers.
    pub(crate) fn replicates<T: Send>(
        &self,
        levels: &Levels,
        seed: u64,
        replicates: u64,
        statistic: impl Fn(&[Count]) -> T + Sync,
    ) -> Vec<T> {
        (0..replicates)
            .into_par_iter()
            .map_init(
                || vec![Count::default(); levels.counts.len()],
                |counts, replicate| {
                    counts.fill(Count::default());
                    self.draw(&mut Philox::new(seed, replicate), counts);
                    statistic(counts)
                },
            )
            .collect()
    }

    fn draw(&self, random: &mut Philox, counts: &mut [Count]) {
        match self {
            Self::Cases { positive, negative } => {
                for _ in 0..positive.len() {
                    if let Some(count) =
                        pick(random, positive).and_then(|level| counts.get_mut(*level as usize))
                    {
                        count.positive += 1;
                    }
                }
                for _ in 0..negative.len() {
                    if let Some(count) =
                        pick(random, negative).and_then(|level| counts.get_mut(*level as usize))
                    {
                        count.negative += 1;
                    }
                }
            }
            Self::Clusters { with, without } => {
                for stratum in [with, without] {
                    for _ in 0..stratum.len() {
                        for (level, positive) in pick(random, stratum).into_iter().flatten() {
                            match counts.get_mut(*level as usize) {
                                Some(count) if *positive => count.positive += 1,
                                Some(count) => count.negative += 1,
                                None => {}
                            }
                        }
                    }
                }
            }
        }
    }

    /// How many units are drawn.
    pub(crate) fn units(&self) -> usize {
        match self {
            Self::Cases { positive, negative } => positive.len() + negative.len(),
            Self::Clusters { with, without } => with.len() + without.len(),
        }
    }

    /// `statistic` with each unit left out in turn; cases at one level have the same value, which is
    /// computed once.
    pub(crate) fn jackknife<T: Send + Clone>(
        &self,
        levels: &Levels,
        statistic: impl Fn(&[Count]) -> T + Sync,
    ) -> Vec<T> {
        let without = |left_out: &[(u32, bool)]| {
            let mut counts = levels.counts.clone();
            for (level, positive) in left_out {
                match counts.get_mut(*level as usize) {
                    Some(count) if *positive => count.positive = count.positive.saturating_sub(1),
                    Some(count) => count.negative = count.negative.saturating_sub(1),
                    None => {}
                }
            }
            statistic(&counts)
        };
        match self {
            Self::Cases { .. } => levels
                .counts
                .par_iter()
                .enumerate()
                .flat_map_iter(|(level, count)| {
                    let level = level as u32;
                    let of = |times: u32, positive: bool| {
                        let value = (times > 0).then(|| without(&[(level, positive)]));
                        value
                            .into_iter()
                            .flat_map(move |v| std::iter::repeat_n(v, times as usize))
                    };
                    of(count.positive, true)
                        .chain(of(count.negative, false))
                        .collect::<Vec<_>>()
                })
                .collect(),
            Self::Clusters {
                with,
                without: rest,
            } => with
                .par_iter()
                .chain(rest.par_iter())
                .map(|rows| without(rows))
                .collect(),
        }
    }
}

fn pick<'a, T>(random: &mut Philox, items: &'a [T]) -> Option<&'a T> {
    items.get(random.below(items.len()))
}

/// How many positives and negatives there are.
pub(crate) fn totals(counts: &[Count]) -> (u64, u64) {
    counts.iter().fold((0, 0), |(m, n), c| {
        (m + u64::from(c.positive), n + u64::from(c.negative))
    })
}

/// The area under the whole curve; none with one class only.
pub(crate) fn area(counts: &[Count]) -> Option<f64> {
    let (mut twice_wins, mut m, mut n) = (0u64, 0u64, 0u64);
    for count in counts {
        let (a, b) = (u64::from(count.positive), u64::from(count.negative));
        twice_wins += a * (2 * n + b);
        m += a;
        n += b;
    }
    (m > 0 && n > 0).then(|| twice_wins as f64 / (2 * m * n) as f64)
}

/// The points of the curve as (true positives, true negatives), from the lowest threshold (all
/// positive) to the highest (none positive): one more than there are levels.
pub(crate) fn points(counts: &[Count]) -> impl Iterator<Item = (u64, u64)> + Clone + '_ {
    let start = (totals(counts).0, 0);
    std::iter::once(start).chain(counts.iter().scan(start, |(tp, tn), count| {
        *tp -= u64::from(count.positive);
        *tn += u64::from(count.negative);
        Some((*tp, *tn))
    }))
}

/// Sensitivity at each of the specificities (ascending, within [0, 1]), by pROC's convention: the
/// greatest sensitivity where a threshold has just this specificity, else by linear interpolation
/// between the neighbouring thresholds.
pub(crate) fn sensitivities_at(counts: &[Count], specificities: &[f64]) -> Option<Vec<f64>> {
    let (m, n) = totals(counts);
    if m == 0 || n == 0 {
        return None;
    }
    let (m, n) = (m as f64, n as f64);
    let mut wanted = specificities.iter().copied().peekable();
    let mut found = Vec::with_capacity(specificities.len());
    let mut last = (0.0, 0.0);
    for (tp, tn) in points(counts) {
        let (se, sp) = (tp as f64 / m, tn as f64 / n);
        while let Some(at) = wanted.next_if(|at| *at <= sp) {
            found.push(interpolate(at, last, (sp, se)));
        }
        last = (sp, se);
    }
    (found.len() == specificities.len()).then_some(found)
}

/// Specificity at this sensitivity, by the same convention mirrored.
pub(crate) fn specificity_at(counts: &[Count], sensitivity: f64) -> Option<f64> {
    let (m, n) = totals(counts);
    if m == 0 || n == 0 {
        return None;
    }
    let (m, n) = (m as f64, n as f64);
    let mut last = (1.0, 0.0);
    for (tp, tn) in points(counts) {
        let (se, sp) = (tp as f64 / m, tn as f64 / n);
        if se < sensitivity {
            return Some(if last.0 == sensitivity {
                last.1
            } else {
                interpolate(sensitivity, last, (se, sp))
            });
        }
        last = (se, sp);
    }
    (last.0 == sensitivity).then_some(last.1)
}

/// The value at `at` between two points, the second of which may stand just there.
fn interpolate(at: f64, (x0, y0): (f64, f64), (x1, y1): (f64, f64)) -> f64 {
    if at == x1 {
        y1
    } else {
        y1 + (at - x1) / (x0 - x1) * (y0 - y1)
    }
}

/// Which rate the range of a partial area lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// The range is one of specificities; the area is that under sensitivity.
    Specificity,
    /// The range is one of sensitivities; the area is that under specificity.
    Sensitivity,
}

/// The area under the curve between two specificities (or sensitivities), linear between points.
pub(crate) fn partial_area(counts: &[Count], from: f64, to: f64, focus: Focus) -> Option<f64> {
    let (m, n) = totals(counts);
    if m == 0 || n == 0 {
        return None;
    }
    let (m, n) = (m as f64, n as f64);
    let mut sum = Sum::default();
    let mut last: Option<(f64, f64)> = None;
    for (tp, tn) in points(counts) {
        let (se, sp) = (tp as f64 / m, tn as f64 / n);
        let (x, y) = match focus {
            Focus::Specificity => (sp, se),
            Focus::Sensitivity => (se, sp),
        };
        if let Some((x0, y0)) = last {
            // Specificity rises along the points, sensitivity falls.
            let ((xl, yl), (xh, yh)) = if x0 <= x {
                ((x0, y0), (x, y))
            } else {
                ((x, y), (x0, y0))
            };
            let (low, high) = (xl.max(from), xh.min(to));
            if low < high {
                let at = |v: f64| {
                    if v == xl {
                        yl
                    } else if v == xh {
                        yh
                    } else {
                        yl + (v - xl) / (xh - xl) * (yh - yl)
                    }
                };
                sum.add((high - low) * f64::midpoint(at(low), at(high)));
            }
        }
        last = Some((x, y));
    }
    Some(sum.value())
}

/// Average precision: the sum over thresholds, from the highest, of the gain in recall times the
/// precision there.
pub(crate) fn average_precision(counts: &[Count]) -> Option<f64> {
    let (m, n) = totals(counts);
    if m == 0 || n == 0 {
        return None;
    }
    let (mut tp, mut fp) = (0u64, 0u64);
    let mut sum = Sum::default();
    for count in counts.iter().rev() {
        tp += u64::from(count.positive);
        fp += u64::from(count.negative);
        if count.positive > 0 {
            sum.add(f64::from(count.positive) * (tp as f64 / (tp + fp) as f64));
        }
    }
    Some(sum.value() / m as f64)
}

/// A compensated sum (Neumaier 1974).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, value: f64) {
        let next = self.sum + value;
        self.lost += if self.sum.abs() >= value.abs() {
            (self.sum - next) + value
        } else {
            (value - next) + self.sum
        };
        self.sum = next;
    }

    pub(crate) fn value(self) -> f64 {
        self.sum + self.lost
    }
}

/// Refuses a column of scores of another length, with a score that is not a number, or too long.
pub(crate) fn check_scores(rows: usize, score: &[f64]) -> Result<(), StatisticsError> {
    check_length(rows, score.len(), "score")?;
    if rows > ROWS_AT_MOST {
        return Err(StatisticsError::Data(format!(
            "{rows} rows; at most {ROWS_AT_MOST} are ranked"
        )));
    }
    match score.iter().position(|s| s.is_nan()) {
        None => Ok(()),
        Some(row) => Err(StatisticsError::Value {
            column: "score".into(),
            row,
            what: "is not a number; say in the plan how missing results count".into(),
        }),
    }
}

pub(crate) fn check_length(
    rows: usize,
    length: usize,
    column: &str,
) -> Result<(), StatisticsError> {
    if rows == length {
        Ok(())
    } else {
        Err(StatisticsError::Data(format!(
            "column `{column}` has {length} rows, `truth` has {rows}"
        )))
    }
}

pub(crate) fn both_classes(positive: usize, negative: usize) -> Result<(), StatisticsError> {
    match (positive, negative) {
        (0, 0) => Err(StatisticsError::not_estimable("there are no cases")),
        (0, n) => Err(StatisticsError::not_estimable(format!(
            "there is no positive case among {n}"
        ))),
        (m, 0) => Err(StatisticsError::not_estimable(format!(
            "there is no negative case among {m}"
        ))),
        _ => Ok(()),
    }
}

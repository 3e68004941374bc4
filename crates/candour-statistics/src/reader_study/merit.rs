//! Figures of merit of one reader in one test, and the covariance of their errors over cases.

use rayon::prelude::*;

use super::study::{Design, Reading, Readings, Study};
use crate::number::StatisticsError;
use crate::rank::midranks;

/// What is measured of each reader in each test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Merit {
    /// Area under the empirical ROC curve (Mann-Whitney; ties count half).
    Auc,
    /// Share of positive cases rated at least `threshold`.
    Sensitivity {
        /// The lowest rating that counts as positive.
        threshold: f64,
    },
    /// Share of negative cases rated below `threshold`.
    Specificity {
        /// The lowest rating that counts as positive.
        threshold: f64,
    },
    /// Area under the empirical ROC curve (trapezoids) over a range of specificity or sensitivity.
    PartialAuc(Range),
}

/// The range of a partial area.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Whether the range is one of sensitivity (area right of the curve) rather than specificity.
    pub of_sensitivity: bool,
    /// Its lower end.
    pub lower: f64,
    /// Its upper end.
    pub upper: f64,
    /// Whether the area is divided by the width of the range.
    pub normalised: bool,
}

impl Merit {
    /// The id of its definition.
    #[must_use]
    pub fn definition(&self) -> String {
        match self {
            Self::Auc => "auc.mann-whitney".into(),
            Self::Sensitivity { threshold } => format!("sensitivity.at-least-{threshold}"),
            Self::Specificity { threshold } => format!("specificity.below-{threshold}"),
            Self::PartialAuc(r) => format!(
                "partial-auc.{}-{}-{}.{}",
                if r.of_sensitivity {
                    "sensitivity"
                } else {
                    "specificity"
                },
                r.lower,
                r.upper,
                if r.normalised { "normalised" } else { "area" }
            ),
        }
    }

    /// The readings that it depends on: all, or one class only.
    #[must_use]
    pub fn relevant(&self, study: &Study) -> Study {
        match self {
            Self::Sensitivity { .. } => study.of_class(true),
            Self::Specificity { .. } => study.of_class(false),
            Self::Auc | Self::PartialAuc(_) => study.clone(),
        }
    }

    fn needs(&self) -> (bool, bool) {
        match self {
            Self::Sensitivity { .. } => (true, false),
            Self::Specificity { .. } => (false, true),
            Self::Auc | Self::PartialAuc(_) => (true, true),
        }
    }

    /// Its value and, for each case read, the value without that case less the value with it.
    fn leave_one_out(&self, readings: &Readings) -> (f64, Vec<(usize, f64)>) {
        let (m, n) = (
            readings.positive.len() as f64,
            readings.negative.len() as f64,
        );
        let mean_shifts = |list: &[Reading], hit: &dyn Fn(f64) -> bool| {
            let count = list.len() as f64;
            let mean = list.iter().filter(|r| hit(r.rating)).count() as f64 / count;
            let shifts = list
                .iter()
                .map(|r| {
                    (
                        r.case,
                        (mean - f64::from(u8::from(hit(r.rating)))) / (count - 1.0),
                    )
                })
                .collect();
            (mean, shifts)
        };
        match *self {
            Self::Sensitivity { threshold } => mean_shifts(&readings.positive, &|r| r >= threshold),
            Self::Specificity { threshold } => mean_shifts(&readings.negative, &|r| r < threshold),
            Self::Auc => {
                let cell = Ranked::of(readings);
                let value = cell.total / (m * n);
                let mut shifts: Vec<(usize, f64)> = cell
                    .positive
                    .iter()
                    .map(|p| (p.case, (value - p.sum / n) / (m - 1.0)))
                    .chain(
                        cell.negative
                            .iter()
                            .map(|p| (p.case, (value - p.sum / m) / (n - 1.0))),
                    )
                    .collect();
                shifts.sort_unstable_by_key(|s| s.0);
                (value, shifts)
            }
            Self::PartialAuc(range) => {
                let value = range.area(&readings.positive, &readings.negative, None);
                let mut shifts: Vec<(usize, f64)> = readings
                    .positive
                    .iter()
                    .chain(&readings.negative)
                    .map(|r| {
                        let without =
                            range.area(&readings.positive, &readings.negative, Some(r.case));
                        (r.case, without - value)
                    })
                    .collect();
                shifts.sort_unstable_by_key(|s| s.0);
                (value, shifts)
            }
        }
    }
}

impl Range {
    fn area(&self, positive: &[Reading], negative: &[Reading], without: Option<usize>) -> f64 {
        let points = roc_points(positive, negative, without);
        let (low, high) = if self.of_sensitivity {
            (self.lower, self.upper)
        } else {
            (1.0 - self.upper, 1.0 - self.lower)
        };
        let mut area = 0.0;
        for pair in points.windows(2) {
            let [a, b] = pair else { continue };
            let turned = |p: &(f64, f64)| {
                if self.of_sensitivity {
                    (p.1, 1.0 - p.0)
                } else {
                    *p
                }
            };
            let ((x0, y0), (x1, y1)) = (turned(a), turned(b));
            let (from, to) = (x0.max(low), x1.min(high));
            if to > from {
                let at = |x: f64| y0 + (x - x0) / (x1 - x0) * (y1 - y0);
                area += (to - from) * f64::midpoint(at(from), at(to));
            }
        }
        if self.normalised {
            area / (self.upper - self.lower)
        } else {
            area
        }
    }
}

/// The points of the empirical ROC curve from (0, 0) to (1, 1): 1 - specificity and sensitivity.
#[must_use]
pub fn roc_points(
    positive: &[Reading],
    negative: &[Reading],
    without: Option<usize>,
) -> Vec<(f64, f64)> {
    let mut all: Vec<(f64, bool)> = positive
        .iter()
        .map(|r| (r, true))
        .chain(negative.iter().map(|r| (r, false)))
        .filter(|(r, _)| Some(r.case) != without)
        .map(|(r, p)| (r.rating + 0.0, p))
        .collect();
    all.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let m = all.iter().filter(|a| a.1).count() as f64;
    let n = all.len() as f64 - m;
    let (mut hits, mut false_alarms) = (0.0, 0.0);
    let mut points = vec![(0.0, 0.0)];
    for ties in all.chunk_by(|a, b| a.0 == b.0) {
        let positives = ties.iter().filter(|t| t.1).count() as f64;
        hits += positives;
        false_alarms += ties.len() as f64 - positives;
        points.push((false_alarms / n, hits / m));
    }
    points
}

/// A rating with its row (positive) or column (negative) sum of the comparison kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) case: usize,
    pub(super) rating: f64,
    /// Sum over the other class of 1 where the positive is rated higher, 1/2 where they tie: a
    /// multiple of one half, hence exact.
    pub(super) sum: f64,
}

/// The comparison sums of one cell.
#[derive(Clone, Debug)]
pub(super) struct Ranked {
    pub(super) positive: Vec<Placed>,
    pub(super) negative: Vec<Placed>,
    pub(super) total: f64,
}

impl Ranked {
    pub(super) fn of(readings: &Readings) -> Self {
        let ratings = |list: &[Reading]| list.iter().map(|r| r.rating).collect::<Vec<f64>>();
        let (positive, negative) = (ratings(&readings.positive), ratings(&readings.negative));
        let m = positive.len() as f64;
        let all: Vec<f64> = positive.iter().chain(&negative).copied().collect();
        let pooled = midranks(&all);
        let (pooled_positive, pooled_negative) = pooled.split_at(positive.len());
        let place = |list: &[Reading], pooled: &[f64], own: &[f64], turn: bool| {
            list.iter()
                .zip(pooled.iter().zip(midranks(own)))
                .map(|(reading, (all, own))| Placed {
                    case: reading.case,
                    // Adding zero ties -0.0 with 0.0 here too.
                    rating: reading.rating + 0.0,
                    sum: if turn { m - (all - own) } else { all - own },
                })
                .collect::<Vec<Placed>>()
        };
        let positive = place(&readings.positive, pooled_positive, &positive, false);
        let negative = place(&readings.negative, pooled_negative, &negative, true);
        let total = positive.iter().map(|p| p.sum).sum();
        Self {
            positive,
            negative,
            total,
        }
    }

    pub(super) fn pairs(&self) -> f64 {
        self.positive.len() as f64 * self.negative.len() as f64
    }
}

/// Sums over pairs of comparisons (one of cell x, one of cell y) and how many there are: 1 the same
/// positive and negative case, 2 at least the same positive, 3 at least the same negative, 4 all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PairSums {
    pub(super) sums: [f64; 4],
    pub(super) counts: [f64; 4],
}

impl PairSums {
    pub(super) fn of(x: &Ranked, y: &Ranked) -> Self {
        let positive = common(&x.positive, &y.positive);
        let negative = common(&x.negative, &y.negative);
        let mut quarters = 0u64;
        for (px, py) in &positive {
            let mut row = 0u32;
            for (nx, ny) in &negative {
                let a = u32::from(px.rating > nx.rating) + u32::from(px.rating >= nx.rating);
                let b = u32::from(py.rating > ny.rating) + u32::from(py.rating >= ny.rating);
                row += a * b;
            }
            quarters += u64::from(row);
        }
        let products =
            |list: &[(Placed, Placed)]| list.iter().map(|(a, b)| a.sum * b.sum).sum::<f64>();
        let (p, q) = (positive.len() as f64, negative.len() as f64);
        let (mx, nx) = (x.positive.len() as f64, x.negative.len() as f64);
        let (my, ny) = (y.positive.len() as f64, y.negative.len() as f64);
        Self {
            sums: [
                quarters as f64 / 4.0,
                products(&positive),
                products(&negative),
                x.total * y.total,
            ],
            counts: [p * q, p * nx * ny, q * mx * my, mx * nx * my * ny],
        }
    }

    /// Sum and count of pairs that share neither case.
    fn disjoint(&self) -> (f64, f64) {
        let [a, b, c, d] = self.sums;
        let [e, f, g, h] = self.counts;
        (d - b - c + a, h - f - g + e)
    }
}

fn common(x: &[Placed], y: &[Placed]) -> Vec<(Placed, Placed)> {
    let mut pairs = Vec::with_capacity(x.len().min(y.len()));
    join(x, y, |p| p.case, |a, b| pairs.push((*a, *b)));
    pairs
}

/// Calls `both` for the entries that two lists, sorted by key, share.
fn join<T>(x: &[T], y: &[T], key: impl Fn(&T) -> usize, mut both: impl FnMut(&T, &T)) {
    let (mut xs, mut ys) = (x.iter().peekable(), y.iter().peekable());
    while let (Some(a), Some(b)) = (xs.peek(), ys.peek()) {
        match key(a).cmp(&key(b)) {
            std::cmp::Ordering::Less => drop(xs.next()),
            std::cmp::Ordering::Greater => drop(ys.next()),
            std::cmp::Ordering::Equal => {
                both(a, b);
                xs.next();
                ys.next();
            }
        }
    }
}

/// How the covariance of the errors over cases is estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Leaving out one case at a time: (K - 1)/K times the sum of cross products of deviations.
    Jackknife,
    /// DeLong, DeLong and Clarke-Pearson (1988).
    DeLong,
    /// The unbiased U-statistic (Gallas, Pennello and Myers 2007; Hillis 2014).
    Unbiased,
}

impl Method {
    /// The words of the `covariance` setting.
    pub const WORDS: &'static [&'static str] = &["jackknife", "delong", "unbiased"];

    /// By its word; the jackknife for any other.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "delong" => Self::DeLong,
            "unbiased" => Self::Unbiased,
            _ => Self::Jackknife,
        }
    }

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Jackknife => "jackknife",
            Self::DeLong => "delong",
            Self::Unbiased => "unbiased",
        }
    }
}

/// A square matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Square {
    size: usize,
    values: Vec<f64>,
}

impl Square {
    /// A matrix of zeros.
    #[must_use]
    pub fn zero(size: usize) -> Self {
        Self {
            size,
            values: vec![0.0; size * size],
        }
    }

    /// Rows and columns.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The entry of a row and column; NaN outside.
    #[must_use]
    pub fn at(&self, row: usize, column: usize) -> f64 {
        if column < self.size {
            self.values
                .get(row * self.size + column)
                .copied()
                .unwrap_or(f64::NAN)
        } else {
            f64::NAN
        }
    }

    fn set(&mut self, row: usize, column: usize, value: f64) {
        if let Some(slot) = self.values.get_mut(row * self.size + column) {
            *slot = value;
        }
    }
}

/// The figures of merit of all cells that hold readings, and the covariance of their errors.
#[derive(Clone, Debug, PartialEq)]
pub struct Merits {
    /// The cells: test and reader.
    pub cells: Vec<(usize, usize)>,
    /// The figure of merit of each.
    pub values: Vec<f64>,
    /// The covariance of their errors over cases, in the order of `cells`.
    pub covariance: Square,
    /// The design of the readings that count.
    pub design: Design,
    /// Cases that count.
    pub cases: usize,
    /// Positive and negative readings of each cell that count.
    pub counts: Vec<(usize, usize)>,
}

impl Merits {
    /// Figures of merit and their error covariance.
    ///
    /// Jackknife, as MRMCaov: one case at a time is left out of all K cases that count, and
    /// `(K - 1)/K sum (t(-k) - mean)(u(-k) - mean)`; for sensitivity only positive cases count, for
    /// specificity only negative ones. DeLong: for AUC, where two cells share all cases of a class or
    /// none. Unbiased: the product of the two values less the mean product of comparisons that share
    /// no case; any overlap of cases.
    ///
    /// # Errors
    /// Not estimable when a cell lacks two cases of a class that counts; a setting error when the
    /// method does not exist for the figure of merit or the overlap of cases.
    pub fn new(study: &Study, merit: Merit, method: Method) -> Result<Self, StatisticsError> {
        let study = &merit.relevant(study);
        let cells = study.occupied();
        let (positive, negative) = merit.needs();
        for (t, r) in &cells {
            let cell = study.readings(*t, *r);
            if (positive && cell.positive.len() < 2) || (negative && cell.negative.len() < 2) {
                return Err(StatisticsError::not_estimable(format!(
                    "{} has {} positive and {} negative readings; the error over cases needs two of each class that counts",
                    study.place(*t, *r),
                    cell.positive.len(),
                    cell.negative.len()
                )));
            }
        }
        if cells.is_empty() {
            return Err(StatisticsError::not_estimable(
                "there is no case of the class that counts",
            ));
        }
        let cases = study.cases.0 + study.cases.1;
        let (values, covariance) = match (method, merit) {
            (Method::Jackknife, _) => jackknife(study, merit, &cells, cases),
            (Method::DeLong, Merit::Auc) => delong(study, &cells)?,
            (Method::Unbiased, Merit::Auc) => unbiased(study, &cells)?,
            (Method::Unbiased, Merit::Sensitivity { .. } | Merit::Specificity { .. }) => {
                unbiased_share(study, merit, &cells)?
            }
            (method, merit) => {
                return Err(StatisticsError::setting(
                    "covariance",
                    method.word(),
                    format!("for {} take jackknife", merit.definition()),
                ));
            }
        };
        let counts = cells
            .iter()
            .map(|(t, r)| {
                let cell = study.readings(*t, *r);
                (cell.positive.len(), cell.negative.len())
            })
            .collect();
        Ok(Self {
            values,
            covariance,
            design: study.design(),
            cases,
            counts,
            cells,
        })
    }
}

/// For each cell and each case that it read the jackknife value less the value, sorted by case.
pub(super) fn shifts(
    study: &Study,
    merit: Merit,
    cells: &[(usize, usize)],
) -> Vec<(f64, Vec<(usize, f64)>)> {
    let one = |(t, r): &(usize, usize)| merit.leave_one_out(study.readings(*t, *r));
    if matches!(merit, Merit::PartialAuc(_)) {
        cells.par_iter().map(one).collect()
    } else {
        cells.iter().map(one).collect()
    }
}

fn jackknife(
    study: &Study,
    merit: Merit,
    cells: &[(usize, usize)],
    cases: usize,
) -> (Vec<f64>, Square) {
    let k = cases as f64;
    let all = shifts(study, merit, cells);
    let means: Vec<f64> = all
        .iter()
        .map(|(_, s)| s.iter().map(|v| v.1).sum::<f64>() / k)
        .collect();
    let mut covariance = Square::zero(cells.len());
    for (a, ((_, x), mx)) in all.iter().zip(&means).enumerate() {
        for (b, ((_, y), my)) in all.iter().zip(&means).enumerate().take(a + 1) {
            let mut sum = 0.0;
            join(x, y, |s| s.0, |s, t| sum += s.1 * t.1);
            let value = (k - 1.0) / k * (sum - k * mx * my);
            covariance.set(a, b, value);
            covariance.set(b, a, value);
        }
    }
    (all.into_iter().map(|(v, _)| v).collect(), covariance)
}

fn ranked(study: &Study, cells: &[(usize, usize)]) -> Vec<Ranked> {
    cells
        .iter()
        .map(|(t, r)| Ranked::of(study.readings(*t, *r)))
        .collect()
}

fn delong(study: &Study, cells: &[(usize, usize)]) -> Result<(Vec<f64>, Square), StatisticsError> {
    let all = ranked(study, cells);
    let values: Vec<f64> = all.iter().map(|c| c.total / c.pairs()).collect();
    // For each class the deviations of the placements from the area.
    let deviations = |list: &[Placed], other: usize, value: f64| -> Vec<(usize, f64)> {
        list.iter()
            .map(|p| (p.case, p.sum / other as f64 - value))
            .collect()
    };
    let parts: Vec<[Vec<(usize, f64)>; 2]> = all
        .iter()
        .zip(&values)
        .map(|(c, v)| {
            [
                deviations(&c.positive, c.negative.len(), *v),
                deviations(&c.negative, c.positive.len(), *v),
            ]
        })
        .collect();
    let mut covariance = Square::zero(cells.len());
    for (a, x) in parts.iter().enumerate() {
        for (b, y) in parts.iter().enumerate().take(a + 1) {
            let mut value = 0.0;
            for (x, y) in x.iter().zip(y) {
                let (mut sum, mut shared) = (0.0, 0usize);
                join(
                    x,
                    y,
                    |s| s.0,
                    |s, t| {
                        sum += s.1 * t.1;
                        shared += 1;
                    },
                );
                if shared > 0 {
                    if shared != x.len() || shared != y.len() {
                        return Err(StatisticsError::setting(
                            "covariance",
                            "delong",
                            "DeLong's covariance needs cells that share all cases or none; take jackknife or unbiased",
                        ));
                    }
                    value += sum / (shared as f64 - 1.0) / shared as f64;
                }
            }
            covariance.set(a, b, value);
            covariance.set(b, a, value);
        }
    }
    Ok((values, covariance))
}

/// The pair sums of all pairs of cells: entry `a * (a + 1) / 2 + b` for `b <= a`.
pub(super) fn pair_sums(all: &[Ranked]) -> Vec<PairSums> {
    let places: Vec<(&Ranked, &Ranked)> = all
        .iter()
        .enumerate()
        .flat_map(|(a, x)| all.iter().take(a + 1).map(move |y| (x, y)))
        .collect();
    let work: f64 = places.iter().map(|(x, _)| x.pairs()).sum();
    if work > 1e6 {
        places.par_iter().map(|(x, y)| PairSums::of(x, y)).collect()
    } else {
        places.iter().map(|(x, y)| PairSums::of(x, y)).collect()
    }
}

fn unbiased(
    study: &Study,
    cells: &[(usize, usize)],
) -> Result<(Vec<f64>, Square), StatisticsError> {
    let all = ranked(study, cells);
    let values: Vec<f64> = all.iter().map(|c| c.total / c.pairs()).collect();
    let mut covariance = Square::zero(cells.len());
    let mut sums = pair_sums(&all).into_iter();
    for (a, x) in values.iter().enumerate() {
        for (b, y) in values.iter().enumerate().take(a + 1) {
            let (sum, count) = sums.next().unwrap_or_default().disjoint();
            if count <= 0.0 {
                return Err(StatisticsError::not_estimable(
                    "two readings share all their cases but one of a class",
                ));
            }
            let value = x * y - sum / count;
            covariance.set(a, b, value);
            covariance.set(b, a, value);
        }
    }
    Ok((values, covariance))
}

fn unbiased_share(
    study: &Study,
    merit: Merit,
    cells: &[(usize, usize)],
) -> Result<(Vec<f64>, Square), StatisticsError> {
    let hits: Vec<Vec<(usize, f64)>> = cells
        .iter()
        .map(|(t, r)| {
            let cell = study.readings(*t, *r);
            let hit = |yes: bool| f64::from(u8::from(yes));
            match merit {
                Merit::Sensitivity { threshold } => cell
                    .positive
                    .iter()
                    .map(|r| (r.case, hit(r.rating >= threshold)))
                    .collect(),
                Merit::Specificity { threshold } => cell
                    .negative
                    .iter()
                    .map(|r| (r.case, hit(r.rating < threshold)))
                    .collect(),
                Merit::Auc | Merit::PartialAuc(_) => Vec::new(),
            }
        })
        .collect();
    let total = |list: &[(usize, f64)]| list.iter().map(|h| h.1).sum::<f64>();
    let values: Vec<f64> = hits.iter().map(|h| total(h) / h.len() as f64).collect();
    let mut covariance = Square::zero(cells.len());
    for (a, (x, vx)) in hits.iter().zip(&values).enumerate() {
        for (b, (y, vy)) in hits.iter().zip(&values).enumerate().take(a + 1) {
            let (mut both, mut shared) = (0.0, 0.0);
            join(
                x,
                y,
                |h| h.0,
                |s, t| {
                    both += s.1 * t.1;
                    shared += 1.0;
                },
            );
            let count = x.len() as f64 * y.len() as f64 - shared;
            if count <= 0.0 {
                return Err(StatisticsError::not_estimable(
                    "two readings share their only case",
                ));
            }
            let value = vx * vy - (total(x) * total(y) - both) / count;
            covariance.set(a, b, value);
            covariance.set(b, a, value);
        }
    }
    Ok((values, covariance))
}

//! Distances between a reference period and the current one.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::agreement::{MISSING, complete_rows, take, with_left_out};
use crate::catalogue::{
    Entry, Group, Kind, Need, REPLICATES, Role, SEED, Sample, Setting, SettingKind,
};
use crate::distribution::{chi_squared_quantile, chi_squared_tail};
use crate::number::{Answer, Cell, Curve, Figure, Number, StatisticsError, Table};
use crate::random::Philox;
use crate::resample::quantile;

/// What an empty cell counts as in the population stability index and its kin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ZeroCells {
    /// A share of 0 is replaced by this one; the others stay (their sum then passes 1 a little).
    Epsilon(f64),
    /// One half is added to the count of every cell, empty or not.
    AddHalf,
    /// An empty cell is not estimable.
    Refuse,
}

/// Cells of a numeric variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    /// Inner edges, rising; the outer ones are infinite.
    pub edges: Vec<f64>,
    /// Whether a value on an edge falls into the cell below it; otherwise above, as
    /// `numpy.histogram` does.
    pub right_closed: bool,
}

impl Bins {
    /// The reference's quantiles (type 7) at 1/n, 2/n, ...; equal ones count once.
    ///
    /// # Errors
    /// Not estimable when the reference is empty or (nearly) constant, so that one cell is left.
    pub fn of_reference(
        reference: &[f64],
        bins: usize,
        right_closed: bool,
    ) -> Result<Self, StatisticsError> {
        let sorted = sorted(reference)?;
        if sorted.is_empty() {
            return Err(StatisticsError::not_estimable("the reference is empty"));
        }
        let mut edges: Vec<f64> = (1..bins)
            .map(|i| quantile(&sorted, i as f64 / bins as f64))
            .collect();
        edges.dedup();
        let bins = Self {
            edges,
            right_closed,
        };
        if bins.counts(reference).iter().filter(|c| **c > 0).count() < 2 {
            return Err(StatisticsError::not_estimable(
                "the reference fills one cell only: it is (nearly) constant",
            ));
        }
        Ok(bins)
    }

    /// How many values fall into each cell.
    #[must_use]
    pub fn counts(&self, values: &[f64]) -> Vec<u64> {
        let mut counts = vec![0u64; self.edges.len() + 1];
        for value in values {
            let cell = if self.right_closed {
                self.edges.partition_point(|e| e < value)
            } else {
                self.edges.partition_point(|e| e <= value)
            };
            if let Some(count) = counts.get_mut(cell) {
                *count += 1;
            }
        }
        counts
    }
}

/// Population stability index: sum over cells of (q - p) ln(q / p), p the reference's share and q the
/// current one.
///
/// # Errors
/// Not estimable when a period is empty or an empty cell is refused; when lengths differ.
pub fn population_stability_index(
    reference: &[u64],
    current: &[u64],
    zero: ZeroCells,
) -> Result<f64, StatisticsError> {
    let (p, q) = (
        shares(reference, current.len(), zero)?,
        shares(current, reference.len(), zero)?,
    );
    Ok(p.iter().zip(&q).map(|(p, q)| psi_term(*p, *q)).sum())
}

fn psi_term(p: f64, q: f64) -> f64 {
    if p == q { 0.0 } else { (q - p) * (q / p).ln() }
}

fn shares(counts: &[u64], cells: usize, zero: ZeroCells) -> Result<Vec<f64>, StatisticsError> {
    if counts.len() != cells {
        return Err(StatisticsError::Data(
            "the periods have different cells".into(),
        ));
    }
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return Err(StatisticsError::not_estimable("a period is empty"));
    }
    let n = total as f64;
    match zero {
        ZeroCells::Refuse if counts.contains(&0) => Err(StatisticsError::not_estimable(
            "a cell is empty, and empty cells are refused by the setting",
        )),
        ZeroCells::Refuse => Ok(counts.iter().map(|c| *c as f64 / n).collect()),
        ZeroCells::Epsilon(epsilon) => Ok(counts
            .iter()
            .map(|c| if *c == 0 { epsilon } else { *c as f64 / n })
            .collect()),
        ZeroCells::AddHalf => {
            let n = n + cells as f64 / 2.0;
            Ok(counts.iter().map(|c| (*c as f64 + 0.5) / n).collect())
        }
    }
}

/// Jensen-Shannon divergence in nats of two rows of counts: the mean Kullback-Leibler divergence
/// from their mixture; 0 to ln 2. Its square root is `scipy.spatial.distance.jensenshannon`. Empty
/// cells need no handling.
///
/// # Errors
/// Not estimable when a period is empty; when lengths differ.
pub fn jensen_shannon(reference: &[u64], current: &[u64]) -> Result<f64, StatisticsError> {
    let p = shares(reference, current.len(), ZeroCells::Epsilon(0.0))?;
    let q = shares(current, reference.len(), ZeroCells::Epsilon(0.0))?;
    let term = |a: f64, m: f64| if a > 0.0 { a * (a / m).ln() } else { 0.0 };
    Ok(p.iter()
        .zip(&q)
        .map(|(p, q)| {
            let m = f64::midpoint(*p, *q);
            f64::midpoint(term(*p, m), term(*q, m))
        })
        .sum::<f64>()
        .max(0.0))
}

/// How the p-value of the Kolmogorov-Smirnov test is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KsP {
    /// Exact without regard to ties, as SciPy (conservative with ties).
    Exact,
    /// Kolmogorov's limit at sqrt(mn/(m + n)) D, as R's `ks.test(exact = FALSE)`.
    Asymptotic,
}

/// Kolmogorov-Smirnov statistic of two samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KolmogorovSmirnov {
    /// Largest distance of the two empirical distribution functions.
    pub distance: f64,
    /// Two-sided p-value.
    pub p: f64,
}

/// The two-sample Kolmogorov-Smirnov test, two-sided. The exact p-value is the probability that a
/// random path of m steps right and n up leaves the band, by recursion of positive terms in O(mn)
/// time and O(n) memory, so that small p-values keep their digits.
///
/// # Errors
/// Not estimable when a sample is empty; when a value is not a number.
pub fn kolmogorov_smirnov(
    a: &[f64],
    b: &[f64],
    how: KsP,
) -> Result<KolmogorovSmirnov, StatisticsError> {
    let (m, n) = (a.len(), b.len());
    if m == 0 || n == 0 {
        return Err(StatisticsError::not_estimable("a period is empty"));
    }
    let mut pooled: Vec<(f64, bool)> = sorted(a)?.into_iter().map(|v| (v, true)).collect();
    pooled.extend(sorted(b)?.into_iter().map(|v| (v, false)));
    pooled.sort_by(|x, y| x.0.total_cmp(&y.0));
    let (mut i, mut j, mut widest) = (0u64, 0u64, 0u64);
    for group in pooled.chunk_by(|x, y| x.0 == y.0) {
        let of_a = group.iter().filter(|(_, a)| *a).count() as u64;
        i += of_a;
        j += group.len() as u64 - of_a;
        // i/m - j/n in whole numbers, so that no rounding decides.
        widest = widest.max((i * n as u64).abs_diff(j * m as u64));
    }
    let distance = widest as f64 / (m as f64 * n as f64);
    let p = match how {
        KsP::Exact => outside_band(m, n, widest),
        KsP::Asymptotic => {
            let (mf, nf) = (m as f64, n as f64);
            kolmogorov_tail((mf * nf / (mf + nf)).sqrt() * distance)
        }
    };
    Ok(KolmogorovSmirnov { distance, p })
}

/// Probability that a path from (0, 0) to (m, n), all paths alike, meets |i n - j m| >= width.
fn outside_band(m: usize, n: usize, width: u64) -> f64 {
    if width == 0 {
        return 1.0;
    }
    let mut column: Vec<f64> = vec![0.0; n + 1];
    for i in 0..=m {
        let mut below = 0.0;
        for (j, slot) in column.iter_mut().enumerate() {
            let left = *slot;
            *slot = if (i as u64 * n as u64).abs_diff(j as u64 * m as u64) >= width {
                1.0
            } else if i + j == 0 {
                0.0
            } else {
                (i as f64 * left + j as f64 * below) / (i + j) as f64
            };
            below = *slot;
        }
    }
    column.last().copied().unwrap_or(f64::NAN)
}

/// P(K > x) of Kolmogorov's distribution.
fn kolmogorov_tail(x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    if x < 1.0 {
        let mut sum = 0.0;
        let c = std::f64::consts::PI.powi(2) / (8.0 * x * x);
        for k in 0..50 {
            sum += (-f64::from(2 * k + 1).powi(2) * c).exp();
        }
        1.0 - (2.0 * std::f64::consts::PI).sqrt() / x * sum
    } else {
        let mut sum = 0.0;
        for k in 1..100 {
            let term = (-2.0 * f64::from(k * k) * x * x).exp();
            sum += if k % 2 == 1 { term } else { -term };
        }
        2.0 * sum
    }
}

/// Wasserstein-1 (earth mover's) distance: the area between the two empirical distribution
/// functions, in the unit of the values.
///
/// # Errors
/// Not estimable when a sample is empty; when a value is not finite.
pub fn wasserstein_1(a: &[f64], b: &[f64]) -> Result<f64, StatisticsError> {
    between(a, b, f64::abs)
}

/// Energy distance: sqrt of twice the integral of the squared difference of the distribution
/// functions (Szekely and Rizzo 2013), as `scipy.stats.energy_distance`.
///
/// # Errors
/// As [`wasserstein_1`].
pub fn energy_distance(a: &[f64], b: &[f64]) -> Result<f64, StatisticsError> {
    Ok((2.0 * between(a, b, |d| d * d)?).sqrt())
}

/// Integral of `weight(F - G)`.
fn between(a: &[f64], b: &[f64], weight: impl Fn(f64) -> f64) -> Result<f64, StatisticsError> {
    if a.is_empty() || b.is_empty() {
        return Err(StatisticsError::not_estimable("a period is empty"));
    }
    if a.iter().chain(b).any(|v| !v.is_finite()) {
        return Err(StatisticsError::Data("a value is not finite".into()));
    }
    let mut pooled: Vec<(f64, bool)> = a
        .iter()
        .map(|v| (v + 0.0, true))
        .chain(b.iter().map(|v| (v + 0.0, false)))
        .collect();
    pooled.sort_unstable_by(|x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
    Ok(between_sorted(
        &pooled,
        a.len() as f64,
        b.len() as f64,
        weight,
    ))
}

fn between_sorted(pooled: &[(f64, bool)], m: f64, n: f64, weight: impl Fn(f64) -> f64) -> f64 {
    let (mut i, mut j, mut sum) = (0u64, 0u64, 0.0);
    for (here, next) in pooled.iter().zip(pooled.iter().skip(1)) {
        if here.1 {
            i += 1;
        } else {
            j += 1;
        }
        sum += weight(i as f64 / m - j as f64 / n) * (next.0 - here.0);
    }
    sum
}

/// Maximum mean discrepancy with a Gaussian kernel exp(-d^2 / (2 sigma^2)).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mmd {
    /// The unbiased estimate of MMD^2 (may be negative).
    pub unbiased: f64,
    /// The biased one (V-statistic).
    pub biased: f64,
    /// The bandwidth sigma.
    pub bandwidth: f64,
    /// Permutation p-value of the unbiased estimate, (1 + as large) / (1 + replicates).
    pub p: f64,
}

/// The most rows that MMD takes: its kernel matrix grows with their square.
pub const MMD_ROWS: usize = 6000;

/// Maximum mean discrepancy (Gretton 2012) between the rows of `x` and `y` (each row a point).
/// Without `bandwidth` sigma is the median of the distances of all pairs of the pooled points.
///
/// # Errors
/// Not estimable with fewer than two points on a side or when all points are equal; when a value is
/// not finite, or there are more than [`MMD_ROWS`] rows.
pub fn maximum_mean_discrepancy(
    x: &[Vec<f64>],
    y: &[Vec<f64>],
    bandwidth: Option<f64>,
    seed: u64,
    replicates: u64,
) -> Result<Mmd, StatisticsError> {
    let (m, n) = (x.len(), y.len());
    if m < 2 || n < 2 {
        return Err(StatisticsError::not_estimable(
            "MMD needs two rows in each period at least",
        ));
    }
    let points: Vec<&Vec<f64>> = x.iter().chain(y).collect();
    let width = points.first().map_or(0, |p| p.len());
    if points
        .iter()
        .any(|p| p.len() != width || p.iter().any(|v| !v.is_finite()))
    {
        return Err(StatisticsError::Data(
            "rows differ in length or hold a value that is not finite".into(),
        ));
    }
    if points.len() > MMD_ROWS {
        return Err(StatisticsError::Data(format!(
            "{} rows; MMD takes {MMD_ROWS} at most: draw a sample of the rows by seed",
            points.len()
        )));
    }
    // Below the diagonal: row i holds the pairs (i, 0..i).
    let squares: Vec<Vec<f64>> = points
        .par_iter()
        .enumerate()
        .map(|(i, p)| {
            points
                .iter()
                .take(i)
                .map(|q| p.iter().zip(*q).map(|(a, b)| (a - b) * (a - b)).sum())
                .collect()
        })
        .collect();
    let bandwidth = match bandwidth {
        Some(b) if b.is_finite() && b > 0.0 => b,
        Some(b) => return Err(StatisticsError::setting("bandwidth", b, "above 0")),
        None => {
            let mut all: Vec<f64> = squares.iter().flatten().map(|s| s.sqrt()).collect();
            all.sort_unstable_by(f64::total_cmp);
            quantile(&all, 0.5)
        }
    };
    if bandwidth.is_nan() || bandwidth <= 0.0 {
        return Err(StatisticsError::not_estimable(
            "half of the pairs of rows or more are equal, so the median heuristic gives no bandwidth; set one",
        ));
    }
    let kernel: Vec<Vec<f64>> = squares
        .par_iter()
        .map(|row| {
            row.iter()
                .map(|s| (-s / (2.0 * bandwidth * bandwidth)).exp())
                .collect()
        })
        .collect();
    let of = |first: &[bool]| {
        let (mut within_x, mut within_y, mut across) = (0.0, 0.0, 0.0);
        for (row, a) in kernel.iter().zip(first) {
            let (mut same, mut other) = (0.0, 0.0);
            for (k, b) in row.iter().zip(first) {
                if a == b {
                    same += k;
                } else {
                    other += k;
                }
            }
            across += other;
            if *a {
                within_x += same;
            } else {
                within_y += same;
            }
        }
        let (m, n) = (m as f64, n as f64);
        let unbiased = 2.0 * within_x / (m * (m - 1.0)) + 2.0 * within_y / (n * (n - 1.0))
            - 2.0 * across / (m * n);
        let biased = (2.0 * within_x + m) / (m * m) + (2.0 * within_y + n) / (n * n)
            - 2.0 * across / (m * n);
        (unbiased, biased)
    };
    let labels: Vec<bool> = (0..m + n).map(|i| i < m).collect();
    let (unbiased, biased) = of(&labels);
    let p = permutation_p(&labels, seed, replicates, unbiased, |labels| of(labels).0);
    Ok(Mmd {
        unbiased,
        biased,
        bandwidth,
        p,
    })
}

/// (1 + replicates with a statistic at least as large) / (1 + replicates); Phipson and Smyth 2010.
/// A relative 1e-12 counts as equal, so that rounding does not break ties.
fn permutation_p(
    labels: &[bool],
    seed: u64,
    replicates: u64,
    observed: f64,
    statistic: impl Fn(&[bool]) -> f64 + Sync,
) -> f64 {
    let least = observed - 1e-12 * observed.abs();
    let as_large = (0..replicates)
        .into_par_iter()
        .filter(|b| {
            let mut labels = labels.to_vec();
            Philox::new(seed, *b).shuffle(&mut labels);
            statistic(&labels) >= least
        })
        .count();
    (1.0 + as_large as f64) / (1.0 + replicates as f64)
}

/// Drift of a categorical variable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CategoryDrift {
    /// Pearson's chi-squared without continuity correction.
    pub chi_squared: f64,
    /// Degrees of freedom: categories that occur, less one.
    pub df: f64,
    /// Upper tail.
    pub p: f64,
    /// Cramer's V.
    pub cramers_v: f64,
    /// The smallest expected count.
    pub least_expected: f64,
}

/// Pearson's chi-squared test of equal distributions over categories in two periods; categories that
/// occur in neither are left out.
///
/// # Errors
/// Not estimable when a period is empty or one category only occurs; when lengths differ.
pub fn category_drift(
    reference: &[u64],
    current: &[u64],
) -> Result<CategoryDrift, StatisticsError> {
    if reference.len() != current.len() {
        return Err(StatisticsError::Data(
            "the periods have different categories".into(),
        ));
    }
    let (m, n) = (
        reference.iter().sum::<u64>() as f64,
        current.iter().sum::<u64>() as f64,
    );
    if m == 0.0 || n == 0.0 {
        return Err(StatisticsError::not_estimable("a period is empty"));
    }
    let (mut chi_squared, mut cells, mut least) = (0.0, 0usize, f64::INFINITY);
    for (a, b) in reference.iter().zip(current).filter(|(a, b)| **a + **b > 0) {
        cells += 1;
        for (count, total) in [(*a as f64, m), (*b as f64, n)] {
            let expected = (*a + *b) as f64 * total / (m + n);
            chi_squared += (count - expected) * (count - expected) / expected;
            least = least.min(expected);
        }
    }
    if cells < 2 {
        return Err(StatisticsError::not_estimable("one category only occurs"));
    }
    let df = cells as f64 - 1.0;
    Ok(CategoryDrift {
        chi_squared,
        df,
        p: chi_squared_tail(chi_squared, df),
        cramers_v: (chi_squared / (m + n)).sqrt(),
        least_expected: least,
    })
}

fn sorted(values: &[f64]) -> Result<Vec<f64>, StatisticsError> {
    if values.iter().any(|v| v.is_nan()) {
        return Err(StatisticsError::Data("a value is not a number".into()));
    }
    let mut values: Vec<f64> = values.iter().map(|v| v + 0.0).collect();
    values.sort_unstable_by(f64::total_cmp);
    Ok(values)
}

const VALUE: Role = Role {
    name: "value",
    what: "the variable watched: an input, a score, an image statistic",
    kind: Kind::Finite,
    need: Need::One,
    missing: true,
};

const CURRENT: Role = Role {
    name: "current",
    what: "positive: a row of the current period; negative: of the reference",
    kind: Kind::Binary,
    need: Need::One,
    missing: false,
};

const PERMUTATIONS: Setting = Setting {
    name: "replicates",
    what: "random permutations for the p-value",
    kind: SettingKind::Whole(99, 1_000_000),
    default: Some("999"),
};

const ROW_ASSUMPTION: &str = "Rows are independent (one row a patient). A small distance proves no absence of drift, and drift of inputs need not mean worse performance.";

/// (reference, current).
fn periods(values: &[f64], current: &[bool]) -> (Vec<f64>, Vec<f64>) {
    let of = |side: bool| {
        values
            .iter()
            .zip(current)
            .filter(|(_, c)| **c == side)
            .map(|(v, _)| *v)
            .collect()
    };
    (of(false), of(true))
}

fn zero_cells(sample: &Sample) -> (ZeroCells, String) {
    match sample.word("zero_cells") {
        "add-half" => (ZeroCells::AddHalf, "add-half".into()),
        "refuse" => (ZeroCells::Refuse, "refuse".into()),
        _ => {
            let epsilon = sample.real("epsilon");
            (ZeroCells::Epsilon(epsilon), format!("epsilon-{epsilon}"))
        }
    }
}

const ZERO_CELLS: Setting = Setting {
    name: "zero_cells",
    what: "empty cells: epsilon (their share becomes `epsilon`), add-half (one half is added to every count), refuse",
    kind: SettingKind::Choice(&["epsilon", "add-half", "refuse"]),
    default: Some("epsilon"),
};

const EPSILON: Setting = Setting {
    name: "epsilon",
    what: "share that stands for an empty cell",
    kind: SettingKind::Open(0.0, 0.1),
    default: Some("0.0001"),
};

fn cell_table(
    names: &[String],
    reference: &[u64],
    current: &[u64],
    zero: ZeroCells,
) -> Result<Table, StatisticsError> {
    let (p, q) = (
        shares(reference, current.len(), zero)?,
        shares(current, reference.len(), zero)?,
    );
    Ok(Table {
        name: "cells".into(),
        columns: [
            "cell",
            "reference",
            "current",
            "reference share",
            "current share",
            "contribution",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: names
            .iter()
            .zip(reference.iter().zip(current))
            .zip(p.iter().zip(&q))
            .map(|((name, (a, b)), (p, q))| {
                vec![
                    Cell::Text(name.clone()),
                    Cell::Whole(*a as i64),
                    Cell::Whole(*b as i64),
                    Cell::Real(*p),
                    Cell::Real(*q),
                    Cell::Real(psi_term(*p, *q)),
                ]
            })
            .collect(),
    })
}

/// The values with their periods, over the rows that the setting `missing` keeps.
struct Kept {
    values: Vec<f64>,
    current: Vec<bool>,
}

fn kept(sample: &Sample) -> Result<Kept, StatisticsError> {
    let rows = complete_rows(sample, &["value"])?;
    Ok(Kept {
        values: take(sample.reals("value"), &rows),
        current: take(sample.binary("current"), &rows),
    })
}

fn run_psi(sample: &Sample) -> Result<Answer, StatisticsError> {
    let kept = kept(sample)?;
    let (reference, current) = periods(&kept.values, &kept.current);
    let right_closed = sample.word("closed") == "right";
    let stated = sample.list("edges");
    let (bins, id) = if stated.is_empty() {
        let wanted = sample.whole("bins") as usize;
        (
            Bins::of_reference(&reference, wanted, right_closed)?,
            format!("reference-quantiles-{wanted}"),
        )
    } else {
        if stated
            .iter()
            .zip(stated.iter().skip(1))
            .any(|(a, b)| a >= b)
        {
            return Err(StatisticsError::setting(
                "edges",
                format!("{stated:?}"),
                "rising numbers, such as 20,40,60",
            ));
        }
        let bins = Bins {
            edges: stated.to_vec(),
            right_closed,
        };
        (bins, "stated-edges".to_owned())
    };
    let (zero, zero_id) = zero_cells(sample);
    let (a, b) = (bins.counts(&reference), bins.counts(&current));
    let n = reference.len() + current.len();
    let psi = population_stability_index(&a, &b, zero)?;
    let definition = format!("psi.{id}.{zero_id}");
    let scale = 1.0 / reference.len() as f64 + 1.0 / current.len() as f64;
    let df = a.len() as f64 - 1.0;
    let divergence = jensen_shannon(&a, &b)?;
    let mut notes = Vec::new();
    if a.iter().chain(&b).any(|c| *c == 0) {
        notes.push(format!(
            "a cell is empty; empty cells are handled by: {zero_id}"
        ));
    }
    if stated.is_empty() && a.len() < sample.whole("bins") as usize {
        notes.push(format!(
            "equal quantiles of the reference leave {} cells",
            a.len()
        ));
    }
    let mut names = Vec::new();
    for cell in 0..a.len() {
        let low = cell.checked_sub(1).and_then(|i| bins.edges.get(i));
        let high = bins.edges.get(cell);
        names.push(format!(
            "{} to {}",
            low.map_or("-inf".into(), f64::to_string),
            high.map_or("inf".into(), f64::to_string)
        ));
    }
    let share = |counts: &[u64]| -> Vec<f64> {
        let total = counts.iter().sum::<u64>() as f64;
        counts.iter().map(|c| *c as f64 / total).collect()
    };
    let index: Vec<f64> = (0..a.len()).map(|i| i as f64).collect();
    let answer = Answer {
        numbers: vec![
            Number::plain("psi", definition, psi, n),
            Number::plain(
                "psi_expected_without_drift",
                "psi.null-mean.yurdakul-2018",
                df * scale,
                n,
            ),
            Number::plain(
                "psi_critical",
                "psi.null-quantile-0.95.yurdakul-2018",
                chi_squared_quantile(0.95, df) * scale,
                n,
            ),
            Number::plain(
                "jensen_shannon",
                "jensen-shannon.divergence.nats",
                divergence,
                n,
            ),
            Number::plain(
                "jensen_shannon_distance",
                "jensen-shannon.distance.nats",
                divergence.sqrt(),
                n,
            ),
        ],
        tables: vec![cell_table(&names, &a, &b, zero)?],
        curves: vec![
            Curve::line(Figure::Histogram, "reference", index.clone(), share(&a)),
            Curve::line(Figure::Histogram, "current", index, share(&b)),
        ],
        notes,
    };
    Ok(with_left_out(answer, sample, kept.values.len()))
}

fn run_ks(sample: &Sample) -> Result<Answer, StatisticsError> {
    let kept = kept(sample)?;
    let (reference, current) = periods(&kept.values, &kept.current);
    let large = reference.len().max(current.len()) > 10_000;
    let how = match sample.word("p_value") {
        "exact" => KsP::Exact,
        "asymptotic" => KsP::Asymptotic,
        _ if large => KsP::Asymptotic,
        _ => KsP::Exact,
    };
    if how == KsP::Exact && reference.len() as f64 * current.len() as f64 > 1e10 {
        return Err(StatisticsError::setting(
            "p_value",
            "exact",
            "too many rows for it; use asymptotic",
        ));
    }
    let n = reference.len() + current.len();
    let test = kolmogorov_smirnov(&reference, &current, how)?;
    let mut all = kept.values.clone();
    all.sort_unstable_by(f64::total_cmp);
    let before = all.len();
    all.dedup();
    let mut notes = Vec::new();
    if all.len() < before && how == KsP::Exact {
        notes.push(
            "values are tied; the exact p-value ignores that, as SciPy does, and is conservative"
                .into(),
        );
    }
    let answer = Answer {
        numbers: vec![
            Number::plain("distance", "ks.two-sample.two-sided", test.distance, n),
            Number::plain(
                "p_value",
                match how {
                    KsP::Exact => "ks.exact-without-ties",
                    KsP::Asymptotic => "ks.kolmogorov-limit",
                },
                test.p,
                n,
            ),
        ],
        notes,
        ..Answer::default()
    };
    Ok(with_left_out(answer, sample, kept.values.len()))
}

fn run_wasserstein(sample: &Sample) -> Result<Answer, StatisticsError> {
    let kept = kept(sample)?;
    let (values, labels) = (kept.values.as_slice(), kept.current.as_slice());
    let (reference, current) = periods(values, labels);
    let n = values.len();
    let distance = wasserstein_1(&reference, &current)?;
    let energy = energy_distance(&reference, &current)?;
    let mean = reference.iter().sum::<f64>() / reference.len() as f64;
    let square: f64 = reference.iter().map(|v| (v - mean).powi(2)).sum();
    let sd = (square / (reference.len() as f64 - 1.0)).sqrt();
    let scaled = if sd > 0.0 {
        Number::plain(
            "distance_in_sd",
            "wasserstein-1.over-reference-sd",
            distance / sd,
            n,
        )
    } else {
        Number::none(
            "distance_in_sd",
            "wasserstein-1.over-reference-sd",
            n,
            "the reference does not vary",
        )
    };
    let mut order: Vec<(f64, bool)> = values
        .iter()
        .map(|v| v + 0.0)
        .zip(labels.iter().copied())
        .collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let (sorted, labels): (Vec<f64>, Vec<bool>) = order.into_iter().unzip();
    let (m, k) = (current.len() as f64, reference.len() as f64);
    let p = permutation_p(
        &labels,
        sample.whole("seed"),
        sample.whole("replicates"),
        distance,
        |labels| {
            let pooled: Vec<(f64, bool)> =
                sorted.iter().copied().zip(labels.iter().copied()).collect();
            between_sorted(&pooled, m, k, f64::abs)
        },
    );
    let answer = Answer {
        numbers: vec![
            Number::plain("distance", "wasserstein-1", distance, n),
            scaled,
            Number::plain("energy_distance", "energy-distance.scipy", energy, n),
            Number::plain("p_value", "permutation.wasserstein-1", p, n),
        ],
        ..Answer::default()
    };
    Ok(with_left_out(answer, sample, kept.values.len()))
}

fn run_mmd(sample: &Sample) -> Result<Answer, StatisticsError> {
    let columns = sample.all_reals("feature");
    let kept = complete_rows(sample, &["feature"])?;
    let current = sample.binary("current");
    let rows = |side: bool| -> Vec<Vec<f64>> {
        kept.iter()
            .filter(|row| current.get(**row) == Some(&side))
            .map(|row| {
                columns
                    .iter()
                    .map(|(_, v)| v.get(*row).copied().unwrap_or(f64::NAN))
                    .collect()
            })
            .collect()
    };
    let mmd = maximum_mean_discrepancy(
        &rows(false),
        &rows(true),
        sample.optional_real("bandwidth"),
        sample.whole("seed"),
        sample.whole("replicates"),
    )?;
    let n = kept.len();
    let answer = Answer {
        numbers: vec![
            Number::plain("mmd_squared", "mmd2.unbiased.gaussian", mmd.unbiased, n),
            Number::plain("mmd_squared_biased", "mmd2.biased.gaussian", mmd.biased, n),
            Number::plain(
                "bandwidth",
                if sample.optional_real("bandwidth").is_some() {
                    "set"
                } else {
                    "median-of-pooled-distances"
                },
                mmd.bandwidth,
                n,
            ),
            Number::plain("p_value", "permutation.mmd2.unbiased", mmd.p, n),
        ],
        ..Answer::default()
    };
    Ok(with_left_out(answer, sample, n))
}

fn run_categories(sample: &Sample) -> Result<Answer, StatisticsError> {
    let Some(labels) = sample.labels("category") else {
        return Err(StatisticsError::Data("no column `category`".into()));
    };
    let rows = complete_rows(sample, &["category"])?;
    let is_current = &take(sample.binary("current"), &rows);
    let mut counts: BTreeMap<usize, (u64, u64)> =
        (0..labels.names.len()).map(|c| (c, (0, 0))).collect();
    for (code, current) in labels.complete().into_iter().zip(is_current) {
        let slot = counts.entry(code).or_default();
        if *current {
            slot.1 += 1;
        } else {
            slot.0 += 1;
        }
    }
    let (reference, current): (Vec<u64>, Vec<u64>) = counts.into_values().unzip();
    let n = rows.len();
    let drift = category_drift(&reference, &current)?;
    let (zero, zero_id) = zero_cells(sample);
    let divergence = jensen_shannon(&reference, &current)?;
    let codes = labels.complete();
    let cells = labels.names.len();
    let p = permutation_p(
        is_current,
        sample.whole("seed"),
        sample.whole("replicates"),
        drift.chi_squared,
        |labels| {
            let (mut a, mut b) = (vec![0u64; cells], vec![0u64; cells]);
            for (code, current) in codes.iter().zip(labels) {
                if let Some(slot) = if *current {
                    b.get_mut(*code)
                } else {
                    a.get_mut(*code)
                } {
                    *slot += 1;
                }
            }
            category_drift(&a, &b).map_or(f64::NAN, |d| d.chi_squared)
        },
    );
    let mut notes = Vec::new();
    if drift.least_expected < 5.0 {
        notes.push(format!(
            "the smallest expected count is {}; below 5 prefer the permutation p-value",
            drift.least_expected
        ));
    }
    let psi = Number::from_result(
        "psi",
        format!("psi.categories.{zero_id}"),
        n,
        population_stability_index(&reference, &current, zero)
            .map(|v| Number::plain("psi", format!("psi.categories.{zero_id}"), v, n)),
    )?;
    // The table shows raw shares where the setting refuses empty cells.
    let shown = if zero == ZeroCells::Refuse {
        ZeroCells::Epsilon(f64::MIN_POSITIVE)
    } else {
        zero
    };
    let answer = Answer {
        numbers: vec![
            Number::plain("chi_squared", "chi-squared.pearson", drift.chi_squared, n),
            Number::plain("p_value", "chi-squared.pearson.asymptotic", drift.p, n),
            Number::plain("df", "count", drift.df, n),
            Number::plain(
                "p_value_permutation",
                "permutation.chi-squared.pearson",
                p,
                n,
            ),
            Number::plain("cramers_v", "cramers-v", drift.cramers_v, n),
            psi,
            Number::plain(
                "jensen_shannon",
                "jensen-shannon.divergence.nats",
                divergence,
                n,
            ),
            Number::plain(
                "jensen_shannon_distance",
                "jensen-shannon.distance.nats",
                divergence.sqrt(),
                n,
            ),
        ],
        tables: vec![cell_table(&labels.names, &reference, &current, shown)?],
        curves: Vec::new(),
        notes,
    };
    Ok(with_left_out(answer, sample, n))
}

/// Drift of a number by cells.
pub(super) const PSI: Entry = Entry {
    id: "drift-psi",
    group: Group::Surveillance,
    title: "Population stability index and Jensen-Shannon divergence",
    formula: "PSI = sum over cells of (q - p) ln(q / p), p the reference's share, q the current one; cells by the reference's quantiles (type 7) or stated edges",
    source: "Lewis 1994; Yurdakul 2018 (distribution without drift: chi-squared with B - 1 df times 1/n + 1/m); Lin 1991",
    assumptions: ROW_ASSUMPTION,
    compared_with: "NumPy 2, SciPy 1.17 jensenshannon",
    roles: &[VALUE, CURRENT],
    settings: &[
        Setting {
            name: "bins",
            what: "cells by the reference's quantiles, where no edges are stated",
            kind: SettingKind::Whole(2, 1000),
            default: Some("10"),
        },
        Setting {
            name: "edges",
            what: "inner edges of the cells, rising; the outer cells are open",
            kind: SettingKind::Reals,
            default: Some(""),
        },
        Setting {
            name: "closed",
            what: "the side on which cells include their edge: left (numpy.histogram) or right (R cut)",
            kind: SettingKind::Choice(&["left", "right"]),
            default: Some("left"),
        },
        ZERO_CELLS,
        EPSILON,
        MISSING,
    ],
    numbers: &[
        "psi",
        "psi_expected_without_drift",
        "psi_critical",
        "jensen_shannon",
        "jensen_shannon_distance",
        "left_out",
    ],
    run: run_psi,
};

/// Kolmogorov-Smirnov.
pub(super) const KS: Entry = Entry {
    id: "drift-ks",
    group: Group::Surveillance,
    title: "Kolmogorov-Smirnov test of two periods",
    formula: "D = sup |F(x) - G(x)|; exact p by counting paths, or Kolmogorov's limit at sqrt(mn/(m + n)) D",
    source: "Kolmogorov 1933; Smirnov 1939; Hodges 1958",
    assumptions: ROW_ASSUMPTION,
    compared_with: "SciPy 1.17 ks_2samp (exact); R 4.2 ks.test (asymptotic)",
    roles: &[VALUE, CURRENT],
    settings: &[
        Setting {
            name: "p_value",
            what: "exact, asymptotic (Kolmogorov's limit), or auto: exact up to 10000 rows a period",
            kind: SettingKind::Choice(&["auto", "exact", "asymptotic"]),
            default: Some("auto"),
        },
        MISSING,
    ],
    numbers: &["distance", "p_value", "left_out"],
    run: run_ks,
};

/// Wasserstein and energy distance.
pub(super) const WASSERSTEIN: Entry = Entry {
    id: "drift-wasserstein",
    group: Group::Surveillance,
    title: "Wasserstein-1 and energy distance of two periods",
    formula: "W1 = integral of |F - G|; energy = sqrt(2 integral of (F - G)^2); p by permutation of W1",
    source: "Vallender 1974; Szekely and Rizzo 2013; Phipson and Smyth 2010",
    assumptions: ROW_ASSUMPTION,
    compared_with: "SciPy 1.17 wasserstein_distance, energy_distance",
    roles: &[VALUE, CURRENT],
    settings: &[MISSING, SEED, PERMUTATIONS],
    numbers: &[
        "distance",
        "distance_in_sd",
        "energy_distance",
        "p_value",
        "left_out",
    ],
    run: run_wasserstein,
};

/// Maximum mean discrepancy.
pub(super) const MMD: Entry = Entry {
    id: "drift-mmd",
    group: Group::Surveillance,
    title: "Maximum mean discrepancy of several features",
    formula: "MMD^2_u = mean k(x, x') + mean k(y, y') - 2 mean k(x, y), pairs of different rows, k = exp(-d^2 / (2 sigma^2)), sigma the median distance of the pooled rows",
    source: "Gretton 2012, JMLR 13:723",
    assumptions: "Rows are independent. Features should be on comparable scales: they are taken as they are. At most 6000 rows.",
    compared_with: "NumPy 2 by the definition, SciPy 1.17 pdist",
    roles: &[
        Role {
            name: "feature",
            what: "a feature watched; several make one point",
            kind: Kind::Finite,
            need: Need::Many(1),
            missing: true,
        },
        CURRENT,
    ],
    settings: &[
        Setting {
            name: "bandwidth",
            what: "sigma of the kernel; absent: the median distance of the pooled rows",
            kind: SettingKind::OptionalReal(0.0, f64::INFINITY),
            default: None,
        },
        MISSING,
        SEED,
        PERMUTATIONS,
    ],
    numbers: &[
        "mmd_squared",
        "mmd_squared_biased",
        "bandwidth",
        "p_value",
        "left_out",
    ],
    run: run_mmd,
};

/// Categories.
pub(super) const CATEGORIES: Entry = Entry {
    id: "drift-categories",
    group: Group::Surveillance,
    title: "Drift of a category: chi-squared, PSI, Jensen-Shannon",
    formula: "X^2 = sum (observed - expected)^2 / expected over the 2 x k table; V = sqrt(X^2 / n)",
    source: "Pearson 1900; Cramer 1946; Lin 1991",
    assumptions: ROW_ASSUMPTION,
    compared_with: "SciPy 1.17 chi2_contingency(correction=False), jensenshannon",
    roles: &[
        Role {
            name: "category",
            what: "the category watched: scanner, protocol, site, sex",
            kind: Kind::Label,
            need: Need::One,
            missing: true,
        },
        CURRENT,
    ],
    settings: &[
        ZERO_CELLS,
        EPSILON,
        MISSING,
        SEED,
        Setting {
            default: Some("1999"),
            ..REPLICATES
        },
    ],
    numbers: &[
        "chi_squared",
        "p_value",
        "df",
        "p_value_permutation",
        "cramers_v",
        "psi",
        "jensen_shannon",
        "jensen_shannon_distance",
        "left_out",
    ],
    run: run_categories,
};

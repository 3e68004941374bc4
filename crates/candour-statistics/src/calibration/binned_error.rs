//! Binned calibration errors: the ECE family. Event or top label, bins of equal width or mass, side
//! of the edges, norm and bias correction are all part of the definition and of its id.

use super::{BOOTSTRAP, Resampling, attach, check, mean, pick};
use crate::catalogue::{
    CLUSTER, Entry, Group, Kind, LEVEL, Need, REPLICATES, Role, SEED, Sample, Setting, SettingKind,
};
use crate::distribution::{normal_cdf, normal_density};
use crate::number::{Answer, Cell, Curve, Figure, Number, StatisticsError, Table};

/// How probabilities are binned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Binning {
    /// Bins of equal width from 0 to 1 (Naeini 2015, Guo 2017).
    EqualWidth(usize, Edges),
    /// Edges at the quantiles k/B (linear interpolation), as scikit-learn's `strategy="quantile"`;
    /// ties stay together.
    EqualMass(usize),
    /// Sorted rows cut into B runs whose sizes differ by at most one (`numpy.array_split`; the
    /// adaptive bins of Nixon 2019); ties are split by the order of the rows.
    EqualCount(usize),
    /// Equal-count bins, as many as keep the bins' observed shares rising (Roelofs 2022, ECE-sweep).
    Sweep,
}

/// How the edges of bins of equal width are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edges {
    /// k / B, rounded once: decimal probabilities meet their edges exactly.
    Quotient,
    /// k * (1 / B), as `numpy.linspace`: with 10 bins the edges at 0.3, 0.6 and 0.7 lie one digit
    /// in the last place above those decimals.
    Linspace,
}

/// Which bin a probability on an edge belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Bins (a, b], the first with 0 (Guo 2017; scikit-learn).
    Right,
    /// Bins [a, b), the last with 1.
    Left,
}

/// How the gaps of the bins are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// Mean of |gap| weighted by the bins' rows (ECE).
    L1,
    /// Root of the weighted mean of squared gaps (RMSCE).
    L2,
    /// Largest |gap| (MCE).
    Max,
}

/// One bin with rows in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Lower edge (of equal-count bins the lowest probability).
    pub lower: f64,
    /// Upper edge (of equal-count bins the highest probability).
    pub upper: f64,
    /// Rows.
    pub n: usize,
    /// Mean probability.
    pub mean_predicted: f64,
    /// Share of positives.
    pub observed: f64,
}

impl Bin {
    fn gap(&self) -> f64 {
        self.observed - self.mean_predicted
    }
}

/// The bins that hold rows, in ascending order.
///
/// # Errors
/// Not estimable without rows; setting when there is no bin, or more equal-count bins than rows. Data:
/// lengths, values.
pub fn bins(
    truth: &[bool],
    probability: &[f64],
    binning: Binning,
    side: Side,
) -> Result<Vec<Bin>, StatisticsError> {
    check(truth, probability)?;
    match binning {
        Binning::EqualWidth(count, edges) => {
            by_edges(truth, probability, &equal_width(count, edges)?, side)
        }
        Binning::EqualMass(count) => {
            let mut sorted = probability.to_vec();
            sorted.sort_unstable_by(f64::total_cmp);
            let edge = |k: usize| {
                // Percentages there and back, as scikit-learn and NumPy have them.
                let q = if k == count {
                    1.0
                } else {
                    k as f64 * (1.0 / count as f64) * 100.0 / 100.0
                };
                numpy_quantile(&sorted, q)
            };
            by_edges(truth, probability, &edges_of(count, edge)?, side)
        }
        Binning::EqualCount(count) => {
            let rows = sorted(truth, probability);
            if count == 0 || count > rows.len() {
                return Err(StatisticsError::setting(
                    "bins",
                    count,
                    format!(
                        "equal-count bins of {} rows number from 1 to {0}",
                        rows.len()
                    ),
                ));
            }
            Ok(split(&rows, count))
        }
        Binning::Sweep => {
            let rows = sorted(truth, probability);
            let mut best = split(&rows, 1);
            for count in 2..=rows.len() {
                let next = split(&rows, count);
                if next
                    .windows(2)
                    .any(|w| matches!(w, [a, b] if a.observed > b.observed))
                {
                    break;
                }
                best = next;
            }
            Ok(best)
        }
    }
}

fn equal_width(count: usize, edges: Edges) -> Result<Vec<f64>, StatisticsError> {
    edges_of(count, |k| match edges {
        Edges::Quotient => k as f64 / count as f64,
        Edges::Linspace if k == count => 1.0,
        Edges::Linspace => k as f64 * (1.0 / count as f64),
    })
}

fn edges_of(count: usize, edge: impl Fn(usize) -> f64) -> Result<Vec<f64>, StatisticsError> {
    if count == 0 {
        return Err(StatisticsError::setting(
            "bins",
            count,
            "there is at least 1 bin",
        ));
    }
    Ok((0..=count).map(edge).collect())
}

fn by_edges(
    truth: &[bool],
    probability: &[f64],
    edges: &[f64],
    side: Side,
) -> Result<Vec<Bin>, StatisticsError> {
    let inside = edges.get(1..edges.len().saturating_sub(1)).unwrap_or(&[]);
    let places = probability.iter().map(|p| place(inside, side, *p));
    let rows = places.zip(probability.iter().copied().zip(truth.iter().copied()));
    Ok(filled(edges, rows))
}

/// The place of the bin of `p` by its inner edges.
fn place(inside: &[f64], side: Side, p: f64) -> usize {
    match side {
        Side::Right => inside.partition_point(|e| *e < p),
        Side::Left => inside.partition_point(|e| *e <= p),
    }
}

/// The bins from rows, each with the place of its bin, its probability and what happened.
fn filled(edges: &[f64], rows: impl Iterator<Item = (usize, (f64, bool))>) -> Vec<Bin> {
    let mut sums = vec![(0usize, 0.0f64, 0usize); edges.len().saturating_sub(1)];
    for (at, (p, y)) in rows {
        if let Some(sum) = sums.get_mut(at) {
            *sum = (sum.0 + 1, sum.1 + p, sum.2 + usize::from(y));
        }
    }
    edges
        .windows(2)
        .zip(sums)
        .filter(|(_, s)| s.0 > 0)
        .map(|(e, (n, p, y))| Bin {
            lower: e.first().copied().unwrap_or(f64::NAN),
            upper: e.last().copied().unwrap_or(f64::NAN),
            n,
            mean_predicted: p / n as f64,
            observed: y as f64 / n as f64,
        })
        .collect()
}

/// A task whose bins do not depend on the sample (equal width): each row's place is found once, and a
/// resample only adds up.
struct Placed {
    edges: Vec<f64>,
    rows: Vec<(u32, f64, bool)>,
}

impl Placed {
    fn of(edges: Vec<f64>, truth: &[bool], probability: &[f64], side: Side) -> Self {
        let inside = edges.get(1..edges.len().saturating_sub(1)).unwrap_or(&[]);
        let rows = truth
            .iter()
            .zip(probability)
            .map(|(y, p)| {
                let at = u32::try_from(place(inside, side, *p)).unwrap_or(u32::MAX);
                (at, *p, *y)
            })
            .collect();
        Self { rows, edges }
    }

    fn bins(&self, drawn: &[usize]) -> Vec<Bin> {
        let rows = drawn
            .iter()
            .filter_map(|r| self.rows.get(*r))
            .map(|(at, p, y)| (*at as usize, (*p, *y)));
        filled(&self.edges, rows)
    }
}

fn sorted(truth: &[bool], probability: &[f64]) -> Vec<(f64, bool)> {
    let mut rows: Vec<(f64, bool)> = probability
        .iter()
        .map(|p| p + 0.0)
        .zip(truth.iter().copied())
        .collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    rows
}

fn split(rows: &[(f64, bool)], count: usize) -> Vec<Bin> {
    let (size, longer) = (rows.len() / count, rows.len() % count);
    let mut rest = rows;
    (0..count)
        .filter_map(|k| {
            let (block, after) = rest.split_at_checked(size + usize::from(k < longer))?;
            rest = after;
            let n = block.len();
            Some(Bin {
                lower: block.first()?.0,
                upper: block.last()?.0,
                n,
                mean_predicted: block.iter().map(|r| r.0).sum::<f64>() / n as f64,
                observed: block.iter().filter(|r| r.1).count() as f64 / n as f64,
            })
        })
        .collect()
}

/// NumPy's linear quantile, with its rounding: edges that meet tied probabilities must agree to the
/// last digit.
fn numpy_quantile(sorted: &[f64], q: f64) -> f64 {
    let at = (sorted.len() - 1) as f64 * q;
    let below = at.floor();
    let get = |i: f64| {
        sorted
            .get((i as usize).min(sorted.len() - 1))
            .copied()
            .unwrap_or(f64::NAN)
    };
    let (a, b, t) = (get(below), get(below + 1.0), at - below);
    if t >= 0.5 {
        b - (b - a) * (1.0 - t)
    } else {
        a + (b - a) * t
    }
}

/// The calibration error of the bins: |observed - mean predicted|, put together by the norm. NaN
/// without bins.
#[must_use]
pub fn calibration_error(bins: &[Bin], norm: Norm) -> f64 {
    if bins.is_empty() {
        return f64::NAN;
    }
    let n: f64 = bins.iter().map(|b| b.n as f64).sum();
    let sum = |of: fn(&Bin) -> f64| bins.iter().map(|b| b.n as f64 * of(b)).sum::<f64>() / n;
    match norm {
        Norm::L1 => sum(|b| b.gap().abs()),
        Norm::L2 => sum(|b| b.gap() * b.gap()).sqrt(),
        Norm::Max => bins.iter().map(|b| b.gap().abs()).fold(0.0, f64::max),
    }
}

/// The bias-corrected squared L2 error: each squared gap less the variance of its observed share,
/// o(1 - o)/(n - 1) (Bröcker 2012; Ferro and Fricker 2012; the debiased estimator of Kumar 2019). It
/// may be negative.
///
/// # Errors
/// Not estimable when a bin holds a single row, whose variance is unknown.
pub fn debiased_squared_error(bins: &[Bin]) -> Result<f64, StatisticsError> {
    whole_bins(bins)?;
    let n: f64 = bins.iter().map(|b| b.n as f64).sum();
    Ok(bins
        .iter()
        .map(|b| {
            let size = b.n as f64;
            size * (b.gap() * b.gap() - b.observed * (1.0 - b.observed) / (size - 1.0))
        })
        .sum::<f64>()
        / n)
}

/// The bias-corrected L1 error of Kumar 2019 (Verified Uncertainty Calibration, appendix), twice the
/// plug-in error less its expectation when each bin's observed share is normal about itself with
/// variance o(1 - o)/n. The expectation is the mean of a folded normal, in closed form where the
/// authors' code draws random numbers. It may be negative.
///
/// # Errors
/// Not estimable when a bin holds a single row.
pub fn folded_normal_error(bins: &[Bin]) -> Result<f64, StatisticsError> {
    whole_bins(bins)?;
    let n: f64 = bins.iter().map(|b| b.n as f64).sum();
    let expected = bins
        .iter()
        .map(|b| {
            let sd = (b.observed * (1.0 - b.observed) / b.n as f64).sqrt();
            let gap = b.gap();
            let folded = if sd > 0.0 {
                let z = gap / sd;
                2.0 * sd * normal_density(z) + gap * (1.0 - 2.0 * normal_cdf(-z))
            } else {
                gap.abs()
            };
            b.n as f64 * folded
        })
        .sum::<f64>()
        / n;
    Ok(2.0 * calibration_error(bins, Norm::L1) - expected)
}

fn whole_bins(bins: &[Bin]) -> Result<(), StatisticsError> {
    if bins.is_empty() {
        return Err(StatisticsError::not_estimable("no rows"));
    }
    if bins.iter().any(|b| b.n < 2) {
        return Err(StatisticsError::not_estimable(
            "a bin holds a single row, whose variance is unknown; take fewer bins",
        ));
    }
    Ok(())
}

/// For each row whether the class of the highest probability is the true one, and that probability
/// (Guo 2017). Ties go to the first class, as in NumPy's `argmax`; with one column, that of the
/// positive class, a probability of 0.5 counts as positive.
///
/// # Errors
/// Not estimable without rows; data when the columns differ in length.
pub fn top_label(
    class: &[usize],
    probabilities: &[&[f64]],
) -> Result<(Vec<bool>, Vec<f64>), StatisticsError> {
    if probabilities.is_empty() || probabilities.iter().any(|p| p.len() != class.len()) {
        return Err(StatisticsError::Data(
            "each class needs a column of probabilities, as long as the truth".into(),
        ));
    }
    if class.is_empty() {
        return Err(StatisticsError::not_estimable("no rows"));
    }
    let mut best: Vec<(usize, f64)> = vec![(0, f64::NEG_INFINITY); class.len()];
    if let [one] = probabilities {
        best = one
            .iter()
            .map(|p| if *p >= 0.5 { (1, *p) } else { (0, 1.0 - p) })
            .collect();
    } else {
        for (k, column) in probabilities.iter().enumerate() {
            for (so_far, p) in best.iter_mut().zip(*column) {
                if *p > so_far.1 {
                    *so_far = (k, *p);
                }
            }
        }
    }
    Ok((
        best.iter().zip(class).map(|(b, c)| b.0 == *c).collect(),
        best.iter().map(|b| b.1).collect(),
    ))
}

const TRUTH: Role = Role {
    name: "truth",
    what: "reference standard, positive or negative; with one probability column",
    kind: Kind::Binary,
    need: Need::Optional,
    missing: false,
};

const CLASS: Role = Role {
    name: "class",
    what: "the true class, by the name of its probability column; with several probability columns",
    kind: Kind::Label,
    need: Need::Optional,
    missing: false,
};

const PROBABILITIES: Role = Role {
    name: "probability",
    what: "predicted probability of being positive; or one column for each class, named as the class",
    kind: Kind::Probability,
    need: Need::Many(1),
    missing: false,
};

const TARGET: Setting = Setting {
    name: "target",
    what: "whose probability is judged: of the event; of the top label (confidence against correctness); of each class in turn, averaged (class-wise)",
    kind: SettingKind::Choice(&["event", "top-label", "class-wise"]),
    default: Some("event"),
};

const BINNING: Setting = Setting {
    name: "binning",
    what: "equal-width; equal-mass (edges at quantiles, ties together); equal-count (sorted rows in equal runs); sweep (equal-count, as many as keep the observed shares rising)",
    kind: SettingKind::Choice(&["equal-width", "equal-mass", "equal-count", "sweep"]),
    default: Some("equal-width"),
};

const BINS: Setting = Setting {
    name: "bins",
    what: "how many bins (not read by sweep)",
    kind: SettingKind::Whole(1, 10_000),
    default: Some("10"),
};

const SIDE: Setting = Setting {
    name: "side",
    what: "bins closed on the right, (a, b], or on the left, [a, b); not read by equal-count and sweep",
    kind: SettingKind::Choice(&["right", "left"]),
    default: Some("right"),
};

const EDGES: Setting = Setting {
    name: "edges",
    what: "edges of equal-width bins: k/B (quotient) or k*(1/B) as numpy.linspace; they differ in the last digit",
    kind: SettingKind::Choice(&["quotient", "linspace"]),
    default: Some("quotient"),
};

const NORM: Setting = Setting {
    name: "norm",
    what: "which error is the main number: l1 (ECE), l2 (root mean square), max (MCE)",
    kind: SettingKind::Choice(&["l1", "l2", "max"]),
    default: Some("l1"),
};

/// `calibration-error`.
pub(super) const ERROR: Entry = Entry {
    id: "calibration-error",
    group: Group::Calibration,
    title: "Binned calibration error (ECE, RMSCE, MCE)",
    formula: "gap of bin b = share of positives - mean probability; ECE = sum (n_b/n)|gap_b|; RMSCE = sqrt(sum (n_b/n) gap_b^2); MCE = max |gap_b|; debiased: squared gaps less o(1-o)/(n_b-1) (L2), 2 ECE - E[ECE under normal shares] (L1), 2 ECE - mean of bootstrap replicates",
    source: "Naeini 2015 AAAI; Guo 2017 ICML; Nixon 2019 CVPR-W; Kumar 2019 NeurIPS; Bröcker 2012 Clim Dyn 39:655; Ferro and Fricker 2012 QJRMS 138:1954; Roelofs 2022 AISTATS; Kull 2019 NeurIPS (class-wise)",
    assumptions: "the number depends on target, bins, edges and side: all are in its definition id, and two ECEs are comparable only with the same id. Plug-in errors are biased upwards, more with more bins; percentile intervals inherit this. MAPIE's uniform bins of n are n - 1 bins plus one for exact 0",
    compared_with: "scikit-learn 1.9.1 calibration_curve (both strategies), NumPy by the formulas",
    roles: &[TRUTH, CLASS, PROBABILITIES, CLUSTER],
    settings: &[
        TARGET, BINNING, BINS, SIDE, EDGES, NORM, LEVEL, SEED, REPLICATES, BOOTSTRAP,
    ],
    // The one of the `norm` that is asked for comes first.
    numbers: &[
        "ece",
        "rmsce",
        "mce",
        "ece_debiased",
        "rmsce_debiased",
        "squared_error_debiased",
        "ece_bootstrap_corrected",
        "rmsce_bootstrap_corrected",
        "mce_bootstrap_corrected",
    ],
    run: run_error,
};

/// A task is a binary problem: what happened, and the probability given for it.
struct Tasks {
    names: Vec<String>,
    truth: Vec<Vec<bool>>,
    probability: Vec<Vec<f64>>,
}

fn run_error(sample: &Sample) -> Result<Answer, StatisticsError> {
    let target = sample.word("target");
    let tasks = tasks(sample, target)?;
    let n = sample.rows();
    let count = usize::try_from(sample.whole("bins")).unwrap_or(usize::MAX);
    let (binning_word, side_word) = (sample.word("binning"), sample.word("side"));
    let side = if side_word == "left" {
        Side::Left
    } else {
        Side::Right
    };
    let edges = if sample.word("edges") == "linspace" {
        Edges::Linspace
    } else {
        Edges::Quotient
    };
    let binning = match binning_word {
        "equal-mass" => Binning::EqualMass(count),
        "equal-count" => Binning::EqualCount(count),
        "sweep" => Binning::Sweep,
        _ => Binning::EqualWidth(count, edges),
    };
    let how = match binning {
        Binning::EqualWidth(_, Edges::Linspace) => {
            format!("{target}.equal-width.{count}-bins.{side_word}-closed.linspace")
        }
        Binning::EqualWidth(..) | Binning::EqualMass(_) => {
            format!("{target}.{binning_word}.{count}-bins.{side_word}-closed")
        }
        Binning::EqualCount(_) => format!("{target}.equal-count.{count}-bins"),
        Binning::Sweep => format!("{target}.equal-count.monotone-sweep"),
    };
    let all_bins = |rows: Option<&[usize]>| -> Result<Vec<Vec<Bin>>, StatisticsError> {
        tasks
            .truth
            .iter()
            .zip(&tasks.probability)
            .map(|(y, p)| match rows {
                None => bins(y, p, binning, side),
                Some(rows) => bins(&pick(y, rows), &pick(p, rows), binning, side),
            })
            .collect()
    };
    let over_tasks = |all: &[Vec<Bin>],
                      of: &dyn Fn(&[Bin]) -> Result<f64, StatisticsError>|
     -> Result<f64, StatisticsError> {
        let values: Vec<f64> = all.iter().map(|b| of(b)).collect::<Result<_, _>>()?;
        Ok(mean(&values))
    };
    let found = all_bins(None)?;
    let norms = [
        ("ece", "l1", Norm::L1),
        ("rmsce", "l2", Norm::L2),
        ("mce", "max", Norm::Max),
    ];
    let plug_in = |all: &[Vec<Bin>]| -> Vec<Option<f64>> {
        norms
            .iter()
            .map(|(_, _, norm)| over_tasks(all, &|b| Ok(calibration_error(b, *norm))).ok())
            .collect()
    };
    let estimates = plug_in(&found);
    let resampling = Resampling::from_sample(sample, n, None);
    let placed: Option<Vec<Placed>> = match binning {
        Binning::EqualWidth(count, edges) => {
            let edges = equal_width(count, edges)?;
            let of = tasks.truth.iter().zip(&tasks.probability);
            Some(
                of.map(|(y, p)| Placed::of(edges.clone(), y, p, side))
                    .collect(),
            )
        }
        _ => None,
    };
    let compute = |rows: &[usize]| {
        if let Some(placed) = &placed {
            return plug_in(&placed.iter().map(|p| p.bins(rows)).collect::<Vec<_>>());
        }
        all_bins(Some(rows)).map_or_else(|_| vec![None; norms.len()], |all| plug_in(&all))
    };
    let replicates = resampling.replicates(norms.len(), compute);
    let intervals = resampling.intervals(&estimates, &replicates, compute);
    let method = resampling.id();
    let mut numbers = Vec::new();
    let mut corrected = Vec::new();
    for ((((name, id, _), value), interval), values) in
        norms.iter().zip(&estimates).zip(intervals).zip(&replicates)
    {
        let value = value.unwrap_or(f64::NAN);
        let number = attach(
            Number::plain(*name, format!("{name}.{how}.{id}"), value, n),
            interval,
            &method,
        )?;
        // The main number comes first.
        if *id == sample.word("norm") {
            numbers.insert(0, number);
        } else {
            numbers.push(number);
        }
        let drawn: Vec<f64> = values.iter().flatten().copied().collect();
        let (name, definition) = (
            format!("{name}_bootstrap_corrected"),
            format!("{name}.{how}.{id}.twice-less-bootstrap-mean"),
        );
        corrected.push(
            if drawn.len() * 10 < values.len() * 9 || resampling.units.len() < 2 {
                Number::none(
                    name,
                    definition,
                    n,
                    "too few bootstrap replicates have a value",
                )
            } else {
                Number::plain(name, definition, 2.0 * value - mean(&drawn), n)
            },
        );
    }
    let of = |name: &str, definition: String, value: Result<f64, StatisticsError>| {
        let number = value.map(|v| Number::plain(name, definition.clone(), v, n));
        Number::from_result(name, definition, n, number)
    };
    numbers.push(of(
        "ece_debiased",
        format!("ece.{how}.l1.debiased.folded-normal"),
        over_tasks(&found, &folded_normal_error),
    )?);
    let squared = over_tasks(&found, &debiased_squared_error);
    let mut notes = Vec::new();
    let root = squared.clone().map(|s| {
        if s < 0.0 {
            notes.push("the debiased squared error is below 0, so rmsce_debiased is set to its boundary 0: no miscalibration beyond sampling noise is seen at these bins".into());
        }
        s.max(0.0).sqrt()
    });
    numbers.push(of(
        "rmsce_debiased",
        format!("rmsce.{how}.l2.debiased.kumar-2019"),
        root,
    )?);
    numbers.push(of(
        "squared_error_debiased",
        format!("squared-error.{how}.l2-squared.debiased.broecker-ferro"),
        squared,
    )?);
    numbers.extend(corrected);

    let mut table = Table {
        name: "bins".into(),
        columns: [
            "of",
            "lower",
            "upper",
            "n",
            "mean_predicted",
            "observed",
            "gap",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: Vec::new(),
    };
    let mut curves = vec![Curve::line(
        Figure::Calibration,
        "ideal",
        vec![0.0, 1.0],
        vec![0.0, 1.0],
    )];
    for (name, bins) in tasks.names.iter().zip(&found) {
        table.rows.extend(bins.iter().map(|b| {
            vec![
                Cell::Text(name.clone()),
                Cell::Real(b.lower),
                Cell::Real(b.upper),
                Cell::Whole(i64::try_from(b.n).unwrap_or(i64::MAX)),
                Cell::Real(b.mean_predicted),
                Cell::Real(b.observed),
                Cell::Real(b.gap()),
            ]
        }));
        curves.push(Curve::line(
            Figure::Calibration,
            name.clone(),
            bins.iter().map(|b| b.mean_predicted).collect(),
            bins.iter().map(|b| b.observed).collect(),
        ));
        curves.push(Curve::line(
            Figure::Histogram,
            name.clone(),
            bins.iter().map(|b| b.lower).collect(),
            bins.iter().map(|b| b.n as f64).collect(),
        ));
    }
    if matches!(binning, Binning::EqualCount(_) | Binning::Sweep) {
        let ties = tasks.probability.iter().any(|p| {
            let mut sorted = p.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            sorted.windows(2).any(|w| w.first() == w.last())
        });
        if ties {
            notes.push("some probabilities are tied, and equal-count bins may split ties by the order of the rows".into());
        }
    }
    Ok(Answer {
        numbers,
        tables: vec![table],
        curves,
        notes,
    })
}

fn tasks(sample: &Sample, target: &str) -> Result<Tasks, StatisticsError> {
    let columns = sample.all_reals("probability");
    let truth = sample.all_binary("truth");
    let class = sample.labels("class");
    match (columns.as_slice(), truth.first(), class) {
        ([(name, p)], Some((_, y)), None) => {
            check(y, p)?;
            let (truth, probability, names) = match target {
                "top-label" => {
                    let codes: Vec<usize> = y.iter().map(|y| usize::from(*y)).collect();
                    let (correct, confidence) = top_label(&codes, &[p])?;
                    (vec![correct], vec![confidence], vec!["top label".to_owned()])
                }
                "class-wise" => (
                    vec![y.to_vec(), y.iter().map(|y| !y).collect()],
                    vec![p.to_vec(), p.iter().map(|p| 1.0 - p).collect()],
                    vec![(*name).to_owned(), format!("not {name}")],
                ),
                _ => (vec![y.to_vec()], vec![p.to_vec()], vec![(*name).to_owned()]),
            };
            Ok(Tasks { names, truth, probability })
        }
        ([_, _, ..], None, Some(labels)) => {
            let names: Vec<&str> = columns.iter().map(|c| c.0).collect();
            let place: Vec<usize> = labels
                .names
                .iter()
                .enumerate()
                .map(|(code, label)| {
                    names.iter().position(|n| n == label).ok_or_else(|| {
                        StatisticsError::Value {
                            column: "class".into(),
                            row: labels.first_row(code),
                            what: format!(
                                "its class has no probability column of its name; there are: {}",
                                names.join(", ")
                            ),
                        }
                    })
                })
                .collect::<Result<_, _>>()?;
            let codes: Vec<usize> = labels.complete().iter().filter_map(|c| place.get(*c)).copied().collect();
            let values: Vec<&[f64]> = columns.iter().map(|c| c.1).collect();
            for row in 0..codes.len() {
                let sum: f64 = values.iter().filter_map(|v| v.get(row)).sum();
                if (sum - 1.0).abs() > 1e-3 {
                    return Err(StatisticsError::Value {
                        column: "probability".into(),
                        row,
                        what: format!("the probabilities of the classes sum to {sum}, not 1"),
                    });
                }
            }
            match target {
                "top-label" => {
                    let (correct, confidence) = top_label(&codes, &values)?;
                    Ok(Tasks { names: vec!["top label".into()], truth: vec![correct], probability: vec![confidence] })
                }
                "class-wise" => Ok(Tasks {
                    truth: (0..names.len()).map(|k| codes.iter().map(|c| *c == k).collect()).collect(),
                    probability: values.iter().map(|v| v.to_vec()).collect(),
                    names: names.into_iter().map(str::to_owned).collect(),
                }),
                _ => Err(StatisticsError::setting(
                    "target",
                    target,
                    "with several probability columns it is top-label or class-wise",
                )),
            }
        }
        _ => Err(StatisticsError::Data(
            "give one probability column with `truth`, or several, one for each class, with `class`".into(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The side of the edges decides for decimal probabilities.
    #[test]
    fn a_probability_on_an_edge_goes_to_the_side_that_is_closed() {
        let (y, p) = ([true, false, true], [0.3, 0.7, 1.0]);
        let width = Binning::EqualWidth(10, Edges::Quotient);
        let right: Vec<f64> = bins(&y, &p, width, Side::Right)
            .unwrap()
            .iter()
            .map(|b| b.upper)
            .collect();
        assert_eq!(right, [0.3, 0.7, 1.0]);
        let left: Vec<f64> = bins(&y, &p, width, Side::Left)
            .unwrap()
            .iter()
            .map(|b| b.lower)
            .collect();
        assert_eq!(left, [0.3, 0.7, 0.9]);
        // numpy.linspace puts its edges a digit above 0.3 and 0.7.
        let linspace = Binning::EqualWidth(10, Edges::Linspace);
        let left: Vec<f64> = bins(&y, &p, linspace, Side::Left)
            .unwrap()
            .iter()
            .map(|b| b.lower)
            .collect();
        assert_eq!(left[0], 0.2);
    }

    #[test]
    fn degenerate_bins_are_refused() {
        assert!(bins(&[], &[], Binning::EqualMass(10), Side::Right).is_err());
        assert!(bins(&[true], &[f64::NAN], Binning::EqualMass(10), Side::Right).is_err());
        assert!(
            bins(
                &[true],
                &[0.5],
                Binning::EqualWidth(0, Edges::Quotient),
                Side::Right
            )
            .is_err()
        );
        assert!(bins(&[true], &[0.5], Binning::EqualCount(2), Side::Right).is_err());
        let one = bins(&[true], &[0.5], Binning::EqualMass(10), Side::Right).unwrap();
        assert_eq!(one.len(), 1);
        assert!(debiased_squared_error(&one).is_err() && folded_normal_error(&one).is_err());
        assert!(debiased_squared_error(&[]).is_err());
    }
}

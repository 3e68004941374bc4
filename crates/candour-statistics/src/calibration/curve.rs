//! The smooth calibration curve and what is read off it: ICI, E50, E90 and Emax.

use rayon::prelude::*;

use super::smoother::{Gathered, Smooth, Smoother, Surface, loess_at, smooth};
use super::{BOOTSTRAP, Resampling, attach, check, indicator, mean, pick};
use crate::catalogue::{
    CLUSTER, Entry, Group, LEVEL, PROBABILITY, SEED, Sample, Setting, SettingKind, TRUTH,
};
use crate::number::{Answer, Cell, Curve, Figure, Number, StatisticsError, Table};
use crate::proportion::wilson_interval;
use crate::resample::{BootstrapInterval, quantile};

/// Distances of a smooth calibration curve from the diagonal.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegratedCalibration {
    /// Mean of |predicted - smoothed observed| over the rows.
    pub ici: f64,
    /// Its median.
    pub e50: f64,
    /// Its 90th percentile (type 7).
    pub e90: f64,
    /// Its largest value.
    pub emax: f64,
    /// The curve at each distinct probability.
    pub curve: Smooth,
}

/// Integrated calibration index and its kin (Austin and Steyerberg 2019, Stat Med 38:4051): the
/// observed outcome is smoothed on the predicted probability, and |predicted - smoothed| is averaged
/// (ICI), or its median (E50), 90th percentile (E90, quantile type 7) or maximum (Emax) taken over the
/// rows. The smoother is part of the definition; fits outside [0, 1] are kept as R keeps them.
///
/// # Errors
/// Not estimable with fewer than 2 rows, one class, a constant probability, or when the smoother
/// refuses. Data: lengths, values.
pub fn integrated_calibration(
    truth: &[bool],
    probability: &[f64],
    smoother: Smoother,
) -> Result<IntegratedCalibration, StatisticsError> {
    suited(truth, probability)?;
    let curve = smooth(smoother, probability, &indicator(truth))?;
    from_curve(probability, curve)
}

fn suited(truth: &[bool], probability: &[f64]) -> Result<(), StatisticsError> {
    check(truth, probability)?;
    if !(truth.contains(&true) && truth.contains(&false)) {
        return Err(StatisticsError::not_estimable(
            "one class only, so no curve can be seen",
        ));
    }
    let first = probability.first().copied().unwrap_or(f64::NAN);
    if probability.iter().all(|p| *p == first) {
        return Err(StatisticsError::not_estimable(
            "one constant probability gives a point, not a curve",
        ));
    }
    Ok(())
}

fn from_curve(
    probability: &[f64],
    curve: Smooth,
) -> Result<IntegratedCalibration, StatisticsError> {
    let mut errors: Vec<f64> = probability
        .iter()
        .filter_map(|p| curve.at(*p + 0.0).map(|o| (p - o).abs()))
        .collect();
    if errors.len() != probability.len() || errors.iter().any(|e| !e.is_finite()) {
        return Err(StatisticsError::not_estimable(
            "the smooth curve has no value at some probability",
        ));
    }
    errors.sort_unstable_by(f64::total_cmp);
    Ok(IntegratedCalibration {
        ici: mean(&errors),
        e50: quantile(&errors, 0.5),
        e90: quantile(&errors, 0.9),
        emax: errors.last().copied().unwrap_or(f64::NAN),
        curve,
    })
}

/// Above this many distinct values a replicate's loess is fitted at this many quantiles of them and
/// joined by straight lines: the direct fit would cost the square of the rows in each replicate.
const REPLICATE_POINTS: usize = 200;

fn replicate(
    truth: &[bool],
    probability: &[f64],
    smoother: Smoother,
) -> Result<IntegratedCalibration, StatisticsError> {
    let Smoother::Loess {
        span,
        degree,
        surface: Surface::Direct,
    } = smoother
    else {
        return integrated_calibration(truth, probability, smoother);
    };
    suited(truth, probability)?;
    let gathered = Gathered::new(probability, &indicator(truth))?;
    let last = gathered.x.len().saturating_sub(1);
    let points: Vec<f64> = if last < REPLICATE_POINTS {
        gathered.x.clone()
    } else {
        (0..=REPLICATE_POINTS)
            .filter_map(|i| gathered.x.get(i * last / REPLICATE_POINTS))
            .copied()
            .collect()
    };
    let y = loess_at(&gathered, span, degree, &points)?;
    from_curve(probability, Smooth { x: points, y })
}

const SMOOTHER: Setting = Setting {
    name: "smoother",
    what: "how the observed outcome is smoothed on the probability",
    kind: SettingKind::Choice(&["loess", "lowess", "isotonic"]),
    default: Some("loess"),
};

const SPAN: Setting = Setting {
    name: "span",
    what: "share of the rows in each neighbourhood; without it 0.75 for loess and 2/3 for lowess",
    kind: SettingKind::OptionalReal(0.01, 1.0),
    default: None,
};

const DEGREE: Setting = Setting {
    name: "degree",
    what: "degree of the local polynomial of loess",
    kind: SettingKind::Whole(0, 2),
    default: Some("2"),
};

const SURFACE: Setting = Setting {
    name: "surface",
    what: "loess: fits at every row (direct), or at the vertices of a k-d tree and joined by cubics as R does by default (interpolate)",
    kind: SettingKind::Choice(&["direct", "interpolate"]),
    default: Some("direct"),
};

const DELTA: Setting = Setting {
    name: "delta",
    what: "lowess: share of the range within which fits are interpolated; 0 fits everywhere, 0.01 is R's default (rms::val.prob)",
    kind: SettingKind::Real(0.0, 1.0),
    default: Some("0"),
};

const GROUPS: Setting = Setting {
    name: "groups",
    what: "groups of equal size for the points drawn beside the curve",
    kind: SettingKind::Whole(2, 100),
    default: Some("10"),
};

const CURVE_REPLICATES: Setting = Setting {
    name: "replicates",
    what: "bootstrap replicates for the band and the intervals",
    kind: SettingKind::Whole(100, 1_000_000),
    default: Some("500"),
};

/// `calibration-curve`.
pub(super) const CURVE: Entry = Entry {
    id: "calibration-curve",
    group: Group::Calibration,
    title: "Calibration curve with ICI, E50, E90 and Emax",
    formula: "o(p) = smooth of y on p; ICI = mean |p - o(p)|, E50 and E90 its quantiles (type 7), Emax its maximum, over the rows",
    source: "Austin and Steyerberg 2019 Stat Med 38:4051; loess: Cleveland and Devlin 1988; lowess: Cleveland 1979; isotonic: Ayer et al. 1955",
    assumptions: "the smoother and its span are part of the number: fix them in the plan. All four are positive even under perfect calibration (sampling noise), and bootstrap intervals inherit that upward bias; the band is pointwise. Refused: one class, a constant probability",
    compared_with: "R 4.2 loess (both surfaces), lowess(iter = 0), isoreg; rms 6.5-0 val.prob (lowess, delta 0.01)",
    roles: &[TRUTH, PROBABILITY, CLUSTER],
    settings: &[
        SMOOTHER,
        SPAN,
        DEGREE,
        SURFACE,
        DELTA,
        GROUPS,
        LEVEL,
        SEED,
        CURVE_REPLICATES,
        BOOTSTRAP,
    ],
    numbers: &["ici", "e50", "e90", "emax"],
    run: run_curve,
};

fn run_curve(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (truth, probability) = (sample.binary("truth"), sample.reals("probability"));
    check(truth, probability)?;
    let smoother = match sample.word("smoother") {
        "lowess" => Smoother::Lowess {
            span: sample.optional_real("span").unwrap_or(2.0 / 3.0),
            delta: sample.real("delta"),
        },
        "isotonic" => Smoother::Isotonic,
        _ => Smoother::Loess {
            span: sample.optional_real("span").unwrap_or(0.75),
            degree: usize::try_from(sample.whole("degree")).unwrap_or(2),
            surface: if sample.word("surface") == "interpolate" {
                Surface::Interpolate
            } else {
                Surface::Direct
            },
        },
    };
    let n = truth.len();
    let fit = integrated_calibration(truth, probability, smoother)?;
    let resampling = Resampling::from_sample(sample, n, None);
    let (low, high) = (
        fit.curve.x.first().copied().unwrap_or(0.0),
        fit.curve.x.last().copied().unwrap_or(1.0),
    );
    let grid: Vec<f64> = (0..=100)
        .map(|i| {
            if i == 100 {
                high
            } else {
                low + (high - low) * f64::from(i) / 100.0
            }
        })
        .collect();
    let names = ["ici", "e50", "e90", "emax"];
    let statistics = names.len() + grid.len();
    let compute = |rows: &[usize]| -> Vec<Option<f64>> {
        match replicate(&pick(truth, rows), &pick(probability, rows), smoother) {
            Ok(r) => [r.ici, r.e50, r.e90, r.emax]
                .into_iter()
                .map(Some)
                .chain(grid.iter().map(|x| r.curve.at(*x)))
                .collect(),
            Err(_) => vec![None; statistics],
        }
    };
    let replicates = resampling.replicates(statistics, compute);
    let (of_numbers, of_grid) = replicates
        .split_at_checked(names.len())
        .unwrap_or((&[], &[]));
    let estimates = [fit.ici, fit.e50, fit.e90, fit.emax].map(Some);
    let only_numbers = |rows: &[usize]| -> Vec<Option<f64>> {
        compute(rows).into_iter().take(names.len()).collect()
    };
    let intervals = resampling.intervals(&estimates, of_numbers, only_numbers);
    let method = resampling.id();
    let mut numbers = Vec::new();
    for ((name, value), interval) in names.iter().zip(estimates).zip(intervals) {
        let number = Number::plain(
            *name,
            format!("{name}.{}", smoother.id()),
            value.unwrap_or(f64::NAN),
            n,
        );
        numbers.push(attach(number, interval, &method)?);
    }

    let level = sample.real("level");
    let limits: Vec<(f64, f64, f64, f64)> = grid
        .par_iter()
        .zip(of_grid)
        .filter_map(|(x, values)| {
            let y = fit.curve.at(*x)?;
            // Below a tenth of missing replicates a point has limits; nearer the ends it has none.
            let band = BootstrapInterval::Percentile.of(y, values, &[], level).ok();
            Some((
                *x,
                y,
                band.map_or(f64::NAN, |b| b.lower),
                band.map_or(f64::NAN, |b| b.upper),
            ))
        })
        .collect();
    let mut curves = vec![Curve {
        lower: limits.iter().map(|l| l.2).collect(),
        upper: limits.iter().map(|l| l.3).collect(),
        ..Curve::line(
            Figure::Calibration,
            smoother.id(),
            limits.iter().map(|l| l.0).collect(),
            limits.iter().map(|l| l.1).collect(),
        )
    }];
    let (points, table) = grouped(truth, probability, sample.whole("groups"), level)?;
    curves.push(points);
    curves.push(Curve::line(
        Figure::Calibration,
        "ideal",
        vec![0.0, 1.0],
        vec![0.0, 1.0],
    ));
    curves.push(histogram(truth, probability, true));
    curves.push(histogram(truth, probability, false));

    let mut notes = vec![format!(
        "the band is a pointwise {level} percentile bootstrap band; nan marks ends that more than a tenth of the replicates do not reach, and places where the replicates agree"
    )];
    if matches!(
        smoother,
        Smoother::Loess {
            surface: Surface::Direct,
            ..
        }
    ) && fit.curve.x.len() > REPLICATE_POINTS
    {
        notes.push(format!(
            "the estimates are direct fits at every row; within bootstrap replicates loess is fitted at {} quantiles and joined by straight lines",
            REPLICATE_POINTS + 1
        ));
    }
    if fit.curve.y.iter().any(|y| !(0.0..=1.0).contains(y)) {
        notes.push("the smooth curve leaves [0, 1] in places; as in R it is not cut off".into());
    }
    Ok(Answer {
        numbers,
        tables: vec![table],
        curves,
        notes,
    })
}

/// Groups of equal size by probability, ties kept together, each with its observed share and Wilson
/// limits.
fn grouped(
    truth: &[bool],
    probability: &[f64],
    groups: u64,
    level: f64,
) -> Result<(Curve, Table), StatisticsError> {
    let mut rows: Vec<(f64, bool)> = probability
        .iter()
        .copied()
        .zip(truth.iter().copied())
        .collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut blocks: Vec<Vec<(f64, bool)>> = Vec::new();
    let mut taken = 0usize;
    let n = rows.len() as f64;
    let mut current: Vec<(f64, bool)> = Vec::new();
    for ties in rows.chunk_by(|a, b| a.0 == b.0) {
        current.extend_from_slice(ties);
        taken += ties.len();
        let due = ((blocks.len() + 1) as f64 * n / groups as f64).round();
        if taken as f64 >= due {
            blocks.push(std::mem::take(&mut current));
        }
    }
    if !current.is_empty() {
        blocks.push(current);
    }
    let mut curve = Curve::line(
        Figure::Calibration,
        "groups of equal size",
        Vec::new(),
        Vec::new(),
    );
    let mut table = Table {
        name: "groups".into(),
        columns: [
            "n",
            "positive",
            "mean_predicted",
            "observed",
            "lower",
            "upper",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: Vec::new(),
    };
    for block in blocks {
        let positive = block.iter().filter(|r| r.1).count();
        let predicted = block.iter().map(|r| r.0).sum::<f64>() / block.len() as f64;
        if let Some(share) = wilson_interval(positive as u64, block.len() as u64, level)? {
            curve.x.push(predicted);
            curve.y.push(share.value);
            curve.lower.push(share.interval.lower);
            curve.upper.push(share.interval.upper);
            table.rows.push(vec![
                Cell::Whole(i64::try_from(block.len()).unwrap_or(i64::MAX)),
                Cell::Whole(i64::try_from(positive).unwrap_or(i64::MAX)),
                Cell::Real(predicted),
                Cell::Real(share.value),
                Cell::Real(share.interval.lower),
                Cell::Real(share.interval.upper),
            ]);
        }
    }
    Ok((curve, table))
}

const HISTOGRAM_BINS: usize = 25;

fn histogram(truth: &[bool], probability: &[f64], class: bool) -> Curve {
    let mut counts = vec![0.0; HISTOGRAM_BINS];
    for p in truth
        .iter()
        .zip(probability)
        .filter(|(y, _)| **y == class)
        .map(|(_, p)| p)
    {
        let at = ((p * HISTOGRAM_BINS as f64) as usize).min(HISTOGRAM_BINS - 1);
        if let Some(count) = counts.get_mut(at) {
            *count += 1.0;
        }
    }
    let edges = (0..HISTOGRAM_BINS)
        .map(|i| i as f64 / HISTOGRAM_BINS as f64)
        .collect();
    Curve::line(
        Figure::Histogram,
        if class { "positive" } else { "negative" },
        edges,
        counts,
    )
}

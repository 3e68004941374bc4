//! Per-case results over cases: distribution of a metric with intervals by patient, and detection of
//! lesions from counts per scan.

use std::collections::BTreeMap;

use crate::catalogue::{
    CLUSTER, Entry, Group, Kind, LEVEL, Need, REPLICATES, Role, SEED, Sample, Setting, SettingKind,
};
use crate::distribution::{t_quantile, two_sided_z};
use crate::number::{Answer, Cell, Interval, Number, StatisticsError, Table};
use crate::resample::{BootstrapInterval, Units, quantile};

/// Distribution of a per-case metric.
pub const SEGMENTATION_SUMMARY: Entry = Entry {
    id: "segmentation-summary",
    group: Group::Segmentation,
    title: "Per-case segmentation metric over cases",
    formula: "mean, standard deviation (n - 1), quartiles (type 7) over the cases that have a value; \
              share of cases with a value below the limit",
    source: "Maier-Hein, Reinke et al. 2024 (Metrics Reloaded), aggregation over cases; Hyndman and Fan 1996, type 7; \
             Efron 1979 (percentile), 1987 (BCa), by whole clusters: Field and Welsh 2007; \
             share: Wilson 1927 with the effective number of cases (Korn and Graubard 1998; Dean and Pagano 2015)",
    assumptions: "Clusters are independent of each other. Cases without a value (an empty mask has no distance) are \
                  left out and counted: report them, for leaving them out flatters. Needs two clusters for an interval; \
                  bootstrap intervals are too narrow below some 20 clusters",
    compared_with: "NumPy 2.2.6 (mean, std, percentile); R survey 4.1.1 (ratio and its standard error)",
    roles: &[
        Role {
            name: "value",
            what: "the metric of each case, such as Dice or HD95 in mm",
            kind: Kind::Finite,
            need: Need::One,
            missing: true,
        },
        CLUSTER,
    ],
    settings: &[
        LEVEL,
        Setting {
            name: "limit",
            what: "share of cases whose value lies below this limit, in the metric's unit",
            kind: SettingKind::OptionalReal(-1e9, 1e9),
            default: None,
        },
        INTERVAL,
        SEED,
        REPLICATES,
    ],
    numbers: &[
        "mean",
        "standard_deviation",
        "median",
        "lower_quartile",
        "upper_quartile",
        "minimum",
        "maximum",
        "share_below",
        "cases",
        "missing",
        "clusters",
    ],
    run: |sample| {
        let clusters = sample
            .labels("cluster")
            .map(crate::catalogue::Labels::complete);
        segmentation_summary(
            sample.reals("value"),
            clusters.as_deref(),
            sample.optional_real("limit"),
            BootstrapInterval::from_word(sample.word("interval")),
            &Resampling::of(sample),
        )
    },
};

/// Lesions found and false, from counts per scan.
pub const LESION_DETECTION: Entry = Entry {
    id: "lesion-detection",
    group: Group::Segmentation,
    title: "Lesion detection from counts per scan",
    formula: "sensitivity = sum TP / sum (TP + FN); PPV = sum TP / sum (TP + FP); F1 = sum 2 TP / sum (2 TP + FP + FN); \
              false positives per scan = sum FP / scans; variance of a ratio R = Y / X by linearisation over clusters: \
              C/(C-1) sum (y_c - R x_c)^2 / X^2",
    source: "Rao and Scott 1992, Woodruff 1971 (ratio over clusters); Wilson 1927 with the effective number of lesions \
             (Korn and Graubard 1998; Dean and Pagano 2015); F1 on the logit scale and false positives on the log scale \
             with Student's t of C - 1 degrees; no false positive: exact Poisson limit (Garwood 1936) over clusters",
    assumptions: "A scan's lesions are one cluster, and a patient's scans where `cluster` is given; clusters are \
                  independent. Lesions weigh alike, so a patient with many weighs more. At 0 or 1 the effective number \
                  is that of the clusters, which is conservative",
    compared_with: "R survey 4.1.1 svyratio (estimate and standard error)",
    roles: &[
        Role {
            name: "tp",
            what: "lesions of the reference that were found, per scan",
            kind: Kind::Count,
            need: Need::One,
            missing: false,
        },
        Role {
            name: "fp",
            what: "false positive lesions, per scan",
            kind: Kind::Count,
            need: Need::One,
            missing: false,
        },
        Role {
            name: "fn",
            what: "lesions of the reference that were missed, per scan",
            kind: Kind::Count,
            need: Need::One,
            missing: false,
        },
        CLUSTER,
    ],
    settings: &[
        LEVEL,
        Setting {
            name: "interval",
            what: "how intervals are made: by linearisation, or by bootstrap over clusters",
            kind: SettingKind::Choice(&["linearised", "percentile", "bca", "basic"]),
            default: Some("linearised"),
        },
        SEED,
        REPLICATES,
    ],
    numbers: &[
        "lesion_sensitivity",
        "lesion_positive_predictive_value",
        "lesion_f1",
        "false_positives_per_scan",
        "true_positives",
        "false_positives",
        "false_negatives",
        "scans",
        "scans_without_false_positive",
    ],
    run: |sample| {
        let clusters = sample
            .labels("cluster")
            .map(crate::catalogue::Labels::complete);
        let bootstrap = match sample.word("interval") {
            "linearised" => None,
            word => Some(BootstrapInterval::from_word(word)),
        };
        let counts = LesionCounts {
            true_positive: sample.reals("tp"),
            false_positive: sample.reals("fp"),
            false_negative: sample.reals("fn"),
        };
        lesion_detection(
            &counts,
            clusters.as_deref(),
            bootstrap,
            &Resampling::of(sample),
        )
    },
};

/// The entries of this module.
pub const ENTRIES: &[Entry] = &[SEGMENTATION_SUMMARY, LESION_DETECTION];

const INTERVAL: Setting = Setting {
    name: "interval",
    what: "how bootstrap intervals are made",
    kind: SettingKind::Choice(BootstrapInterval::WORDS),
    default: Some("percentile"),
};

/// Level and resampling of intervals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resampling {
    /// Confidence level.
    pub level: f64,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Bootstrap replicates.
    pub replicates: u64,
}

impl Resampling {
    fn of(sample: &Sample) -> Self {
        Self {
            level: sample.real("level"),
            seed: sample.whole("seed"),
            replicates: sample.whole("replicates"),
        }
    }
}

/// Mean, spread and quartiles of a per-case metric (NaN: no value), with bootstrap intervals over
/// whole clusters, and the share of cases strictly below `limit`.
///
/// # Errors
/// When a value is infinite, lengths differ or the level lies outside (0, 1); not estimable without
/// any value.
pub fn segmentation_summary(
    values: &[f64],
    clusters: Option<&[usize]>,
    limit: Option<f64>,
    interval: BootstrapInterval,
    resampling: &Resampling,
) -> Result<Answer, StatisticsError> {
    two_sided_z(resampling.level)?;
    if clusters.is_some_and(|c| c.len() != values.len()) {
        return Err(StatisticsError::Data(
            "`cluster` and `value` differ in length".into(),
        ));
    }
    if let Some(row) = values.iter().position(|v| v.is_infinite()) {
        return Err(StatisticsError::Value {
            column: "value".into(),
            row,
            what: "is infinite; leave the cell empty where the metric has no value".into(),
        });
    }
    if limit.is_some_and(f64::is_nan) {
        return Err(StatisticsError::setting(
            "limit",
            "not a number",
            "a number in the metric's unit",
        ));
    }
    let known: Vec<usize> = values
        .iter()
        .enumerate()
        .filter(|(_, v)| !v.is_nan())
        .map(|(i, _)| i)
        .collect();
    let present: Vec<f64> = known
        .iter()
        .filter_map(|i| values.get(*i))
        .copied()
        .collect();
    let own: Option<Vec<usize>> =
        clusters.map(|c| known.iter().filter_map(|i| c.get(*i)).copied().collect());
    let n = present.len();
    if n == 0 {
        return Err(StatisticsError::not_estimable(format!(
            "none of the {} cases has a value",
            values.len()
        )));
    }
    crate::agreement::check_finite("value", &present)?;
    let units = Units::new(n, own.as_deref(), None);
    let estimates = Moments::of(present.clone());
    let no_interval = if units.len() < 2 {
        Some("one cluster only, so nothing shows how clusters differ")
    } else if estimates.minimum == estimates.maximum {
        Some("all values are equal, so the bootstrap shows no spread")
    } else {
        None
    };
    let moments = |rows: &[usize]| {
        Moments::of(
            rows.iter()
                .filter_map(|r| present.get(*r))
                .copied()
                .collect(),
        )
    };
    let (replicates, jackknife) = if no_interval.is_some() {
        (Vec::new(), Vec::new())
    } else {
        let replicates = units.bootstrap(resampling.seed, resampling.replicates, moments);
        let jackknife = match interval {
            BootstrapInterval::Bca => units.jackknife(moments),
            _ => Vec::new(),
        };
        (replicates, jackknife)
    };
    let mut numbers = Vec::new();
    let readers: [(&str, &str, Reader); 5] = [
        ("mean", "mean.cases", |m| Some(m.mean)),
        ("standard_deviation", "standard-deviation.n-1", |m| {
            m.standard_deviation
        }),
        ("median", "quantile.type-7", |m| Some(m.median)),
        ("lower_quartile", "quantile.type-7", |m| Some(m.lower)),
        ("upper_quartile", "quantile.type-7", |m| Some(m.upper)),
    ];
    for (name, definition, read) in readers {
        let Some(value) = read(&estimates) else {
            numbers.push(Number::none(
                name,
                definition,
                n,
                "one value only, so there is no spread",
            ));
            continue;
        };
        let number = Number::plain(name, definition, value, n);
        if let Some(reason) = no_interval {
            numbers.push(number.without_interval(reason));
            continue;
        }
        let of_replicates: Vec<Option<f64>> = replicates.iter().map(read).collect();
        let of_jackknife: Vec<Option<f64>> = jackknife.iter().map(read).collect();
        numbers.push(bootstrapped(
            number,
            interval,
            &of_replicates,
            &of_jackknife,
            resampling.level,
        )?);
    }
    numbers.push(Number::plain("minimum", "minimum", estimates.minimum, n));
    numbers.push(Number::plain("maximum", "maximum", estimates.maximum, n));
    let mut notes = Vec::new();
    if let Some(limit) = limit {
        let below: Vec<f64> = present
            .iter()
            .map(|v| f64::from(u8::from(*v < limit)))
            .collect();
        let ones = vec![1.0; n];
        let ratio = Ratio::new(&below, &ones, own.as_deref());
        numbers.push(ratio.share(
            "share_below",
            &format!("share.below-{limit}"),
            resampling.level,
            &mut notes,
        )?);
    }
    numbers.push(Number::plain(
        "cases",
        "count.with-value",
        n as f64,
        values.len(),
    ));
    numbers.push(Number::plain(
        "missing",
        "count.without-value",
        (values.len() - n) as f64,
        values.len(),
    ));
    numbers.push(Number::plain("clusters", "count", units.len() as f64, n));
    if n < values.len() {
        notes.push(format!(
            "{} of {} cases have no value and are left out; say why beside the result",
            values.len() - n,
            values.len()
        ));
    }
    if (2..20).contains(&units.len()) {
        notes.push(format!(
            "{} clusters: bootstrap intervals from so few tend to be too narrow",
            units.len()
        ));
    }
    Ok(Answer {
        numbers,
        notes,
        ..Answer::default()
    })
}

/// Picks one number out of many.
type Reader = fn(&Moments) -> Option<f64>;

struct Moments {
    mean: f64,
    standard_deviation: Option<f64>,
    median: f64,
    lower: f64,
    upper: f64,
    minimum: f64,
    maximum: f64,
}

impl Moments {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let n = values.len() as f64;
        // Dividing first keeps the sum of huge values finite.
        let mean = values.iter().map(|v| v / n).sum::<f64>();
        let mean = mean + values.iter().map(|v| (v - mean) / n).sum::<f64>();
        let square: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        Self {
            mean,
            standard_deviation: (values.len() > 1).then(|| (square / (n - 1.0)).sqrt()),
            median: quantile(&values, 0.5),
            lower: quantile(&values, 0.25),
            upper: quantile(&values, 0.75),
            minimum: values.first().copied().unwrap_or(f64::NAN),
            maximum: values.last().copied().unwrap_or(f64::NAN),
        }
    }
}

/// The number with its bootstrap interval, or without one and the reason.
fn bootstrapped(
    number: Number,
    interval: BootstrapInterval,
    replicates: &[Option<f64>],
    jackknife: &[Option<f64>],
    level: f64,
) -> Result<Number, StatisticsError> {
    let Some(estimate) = number.value else {
        return Ok(number);
    };
    match interval.of(estimate, replicates, jackknife, level) {
        Ok(limits) => Ok(number.with_interval(limits, interval.id())),
        Err(StatisticsError::NotEstimable(reason)) => Ok(number.without_interval(reason)),
        Err(other) => Err(other),
    }
}

/// Counts of lesions, one of each for every scan: whole numbers from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LesionCounts<'a> {
    /// Lesions of the reference that were found.
    pub true_positive: &'a [f64],
    /// Predicted lesions that are none.
    pub false_positive: &'a [f64],
    /// Lesions of the reference that were missed.
    pub false_negative: &'a [f64],
}

/// Lesion sensitivity, PPV, F1 and false positives per scan over all scans, with intervals that
/// take the lesions of one cluster (scan, or patient) together.
///
/// # Errors
/// When lengths differ, a count is negative, broken or not finite, or the level lies outside (0, 1);
/// not estimable without scans.
pub fn lesion_detection(
    counts: &LesionCounts,
    clusters: Option<&[usize]>,
    bootstrap: Option<BootstrapInterval>,
    resampling: &Resampling,
) -> Result<Answer, StatisticsError> {
    two_sided_z(resampling.level)?;
    let (tp, fp, missed) = (
        counts.true_positive,
        counts.false_positive,
        counts.false_negative,
    );
    let scans = tp.len();
    if fp.len() != scans || missed.len() != scans || clusters.is_some_and(|c| c.len() != scans) {
        return Err(StatisticsError::Data(
            "`tp`, `fp`, `fn` and `cluster` differ in length".into(),
        ));
    }
    for (name, column) in [("tp", tp), ("fp", fp), ("fn", missed)] {
        if let Some(row) = column
            .iter()
            .position(|v| !(*v >= 0.0 && v.fract() == 0.0 && *v < 1e15))
        {
            return Err(StatisticsError::Value {
                column: name.into(),
                row,
                what: "is no count; give whole numbers from 0".into(),
            });
        }
    }
    if scans == 0 {
        return Err(StatisticsError::not_estimable("there are no scans"));
    }
    let lesions: Vec<f64> = tp.iter().zip(missed).map(|(a, b)| a + b).collect();
    let predicted: Vec<f64> = tp.iter().zip(fp).map(|(a, b)| a + b).collect();
    let twice: Vec<f64> = tp.iter().map(|a| 2.0 * a).collect();
    let all: Vec<f64> = lesions.iter().zip(&predicted).map(|(a, b)| a + b).collect();
    let ones = vec![1.0; scans];
    let mut notes = Vec::new();
    let mut numbers = Vec::new();
    let ratio = |top: &[f64], bottom: &[f64]| Ratio::new(top, bottom, clusters);
    let ratios = [
        (
            "lesion_sensitivity",
            "ratio.tp-to-lesions",
            ratio(tp, &lesions),
            "no scan has a lesion",
        ),
        (
            "lesion_positive_predictive_value",
            "ratio.tp-to-predicted",
            ratio(tp, &predicted),
            "nothing was predicted",
        ),
        (
            "lesion_f1",
            "ratio.pooled-counts",
            ratio(&twice, &all),
            "there are neither lesions nor predictions",
        ),
        (
            "false_positives_per_scan",
            "ratio.fp-to-scans",
            ratio(fp, &ones),
            "there are no scans",
        ),
    ];
    for (name, definition, ratio, reason) in ratios {
        if ratio.bottom == 0.0 {
            numbers.push(Number::none(name, definition, 0, reason));
            continue;
        }
        let linearised = match name {
            "false_positives_per_scan" => {
                ratio.rate(name, definition, resampling.level, &mut notes)?
            }
            "lesion_f1" => ratio.logit(name, definition, resampling.level)?,
            _ => ratio.share(name, definition, resampling.level, &mut notes)?,
        };
        numbers.push(match bootstrap {
            None => linearised,
            Some(interval) => {
                let plain = Number {
                    interval: None,
                    interval_method: None,
                    not_estimable: None,
                    ..linearised
                };
                if ratio.clusters.len() < 2 {
                    plain.without_interval(ONE_CLUSTER)
                } else {
                    let units = Units::independent(ratio.clusters.len());
                    let of = |rows: &[usize]| ratio.of_clusters(rows);
                    let replicates = units.bootstrap(resampling.seed, resampling.replicates, of);
                    let jackknife = match interval {
                        BootstrapInterval::Bca => units.jackknife(of),
                        _ => Vec::new(),
                    };
                    bootstrapped(plain, interval, &replicates, &jackknife, resampling.level)?
                }
            }
        });
    }
    let sum = |v: &[f64]| v.iter().sum::<f64>();
    for (name, total) in [
        ("true_positives", sum(tp)),
        ("false_positives", sum(fp)),
        ("false_negatives", sum(missed)),
    ] {
        numbers.push(Number::plain(name, "count", total, scans));
    }
    numbers.push(Number::plain("scans", "count", scans as f64, scans));
    let clean = fp.iter().filter(|v| **v == 0.0).count();
    numbers.push(Number::plain(
        "scans_without_false_positive",
        "count",
        clean as f64,
        scans,
    ));
    Ok(Answer {
        numbers,
        tables: vec![per_scan(tp, fp, missed)],
        notes,
        ..Answer::default()
    })
}

/// How many scans have how many false positives, and the lesions they hold.
fn per_scan(tp: &[f64], fp: &[f64], missed: &[f64]) -> Table {
    let mut rows: BTreeMap<u64, [u64; 3]> = BTreeMap::new();
    for ((tp, fp), missed) in tp.iter().zip(fp).zip(missed) {
        let [scans, found, lesions] = rows.entry(*fp as u64).or_default();
        *scans += 1;
        *found += *tp as u64;
        *lesions += (*tp + *missed) as u64;
    }
    let whole = |n: u64| Cell::Whole(i64::try_from(n).unwrap_or(i64::MAX));
    Table {
        name: "scans by number of false positives".into(),
        columns: ["false_positives", "scans", "lesions_found", "lesions"]
            .map(String::from)
            .to_vec(),
        rows: rows
            .into_iter()
            .map(|(fp, [scans, found, lesions])| {
                vec![whole(fp), whole(scans), whole(found), whole(lesions)]
            })
            .collect(),
    }
}

const ONE_CLUSTER: &str = "one cluster only, so nothing shows how clusters differ";

/// Y / X over clusters, with its variance by linearisation.
struct Ratio {
    clusters: Vec<(f64, f64)>,
    top: f64,
    bottom: f64,
}

impl Ratio {
    fn new(top: &[f64], bottom: &[f64], codes: Option<&[usize]>) -> Self {
        let rows = top.iter().copied().zip(bottom.iter().copied());
        let clusters: Vec<(f64, f64)> = match codes {
            None => rows.collect(),
            Some(codes) => {
                let mut sums: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
                for ((y, x), code) in rows.zip(codes) {
                    let sum = sums.entry(*code).or_default();
                    *sum = (sum.0 + y, sum.1 + x);
                }
                sums.into_values().collect()
            }
        };
        Self {
            top: clusters.iter().map(|c| c.0).sum(),
            bottom: clusters.iter().map(|c| c.1).sum(),
            clusters,
        }
    }

    fn value(&self) -> f64 {
        self.top / self.bottom
    }

    fn of_clusters(&self, drawn: &[usize]) -> Option<f64> {
        let (y, x) = drawn
            .iter()
            .filter_map(|c| self.clusters.get(*c))
            .fold((0.0, 0.0), |(y, x), c| (y + c.0, x + c.1));
        (x > 0.0).then(|| y / x)
    }

    /// `None` for a single cluster.
    fn variance(&self) -> Option<f64> {
        let number = self.clusters.len() as f64;
        let ratio = self.value();
        let square: f64 = self
            .clusters
            .iter()
            .map(|(y, x)| (y - ratio * x).powi(2))
            .sum();
        (self.clusters.len() > 1)
            .then(|| number / (number - 1.0) * square / (self.bottom * self.bottom))
    }

    /// Student's t for the clusters that hold anything.
    fn t(&self, level: f64) -> f64 {
        t_quantile(f64::midpoint(1.0, level), self.clusters.len() as f64 - 1.0)
    }

    fn number(&self, name: &str, definition: &str) -> Number {
        let number = Number::plain(name, definition, self.value(), self.bottom as usize);
        match self.variance() {
            Some(v) => number.with_standard_error(v.sqrt()),
            None => number,
        }
    }

    /// A proportion of lesions or cases: Wilson's interval with the effective number of them.
    fn share(
        &self,
        name: &str,
        definition: &str,
        level: f64,
        notes: &mut Vec<String>,
    ) -> Result<Number, StatisticsError> {
        let number = self.number(name, definition);
        let (z, p) = (two_sided_z(level)?, self.value());
        let holding = self.clusters.iter().filter(|c| c.1 > 0.0).count() as f64;
        // Every row its own cluster of one: an ordinary proportion.
        let independent = self.clusters.iter().all(|c| c.1 == 0.0 || c.1 == 1.0);
        let boundary = p == 0.0 || p == 1.0;
        let effective = if independent {
            self.bottom
        } else {
            let Some(variance) = self.variance() else {
                return Ok(number.without_interval(ONE_CLUSTER));
            };
            if holding < 2.0 {
                return Ok(number.without_interval(ONE_CLUSTER));
            }
            if boundary {
                notes.push(format!(
                    "{name} stands on its boundary: its interval counts each of the {holding} clusters once"
                ));
                holding
            } else {
                let t = t_quantile(f64::midpoint(1.0, level), holding - 1.0);
                (p * (1.0 - p) / variance).min(self.bottom) * (z / t).powi(2)
            }
        };
        let (lower, upper) = wilson(p, effective, z);
        let method = if independent {
            "wilson"
        } else {
            "wilson.effective-number"
        };
        let number = if boundary {
            Number {
                standard_error: None,
                ..number
            }
        } else {
            number
        };
        Ok(number.with_interval(
            Interval {
                lower,
                upper,
                level,
            },
            method,
        ))
    }

    /// A rate per scan: on the log scale with Student's t.
    fn rate(
        &self,
        name: &str,
        definition: &str,
        level: f64,
        notes: &mut Vec<String>,
    ) -> Result<Number, StatisticsError> {
        let number = self.number(name, definition);
        if self.top == 0.0 {
            notes.push(format!(
                "{name} is 0: its interval is the exact Poisson limit with each of the {} clusters counted once",
                self.clusters.len()
            ));
            let upper = -((1.0 - level) / 2.0).ln() / self.clusters.len() as f64;
            let number = Number {
                standard_error: None,
                ..number
            };
            return Ok(number.with_interval(
                Interval {
                    lower: 0.0,
                    upper,
                    level,
                },
                "poisson.exact.clusters",
            ));
        }
        let Some(variance) = self.variance() else {
            return Ok(number.without_interval(ONE_CLUSTER));
        };
        if variance == 0.0 {
            return Ok(number
                .without_interval("all clusters have the same rate, so their spread is not seen"));
        }
        let half = self.t(level) * variance.sqrt() / self.value();
        let interval = Interval {
            lower: self.value() * (-half).exp(),
            upper: self.value() * half.exp(),
            level,
        };
        Ok(number.with_interval(interval, "linearised.log-t"))
    }

    /// A ratio between 0 and 1 that is no proportion of units: on the logit scale with Student's t.
    fn logit(&self, name: &str, definition: &str, level: f64) -> Result<Number, StatisticsError> {
        let number = self.number(name, definition);
        let p = self.value();
        if p == 0.0 || p == 1.0 {
            let number = Number {
                standard_error: None,
                ..number
            };
            return Ok(
                number.without_interval("it stands on its boundary, where its spread is not seen")
            );
        }
        let Some(variance) = self.variance().filter(|v| *v > 0.0) else {
            return Ok(number.without_interval("the clusters show no spread"));
        };
        let half = self.t(level) * variance.sqrt() / (p * (1.0 - p));
        let centre = (p / (1.0 - p)).ln();
        let back = |l: f64| 1.0 / (1.0 + (-l).exp());
        let interval = Interval {
            lower: back(centre - half),
            upper: back(centre + half),
            level,
        };
        Ok(number.with_interval(interval, "linearised.logit-t"))
    }
}

/// Wilson's score interval for a number of trials that need not be whole.
fn wilson(p: f64, n: f64, z: f64) -> (f64, f64) {
    let scale = 1.0 + z * z / n;
    let centre = (p + z * z / (2.0 * n)) / scale;
    let half = z / scale * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    (
        if p == 0.0 {
            0.0
        } else {
            (centre - half).max(0.0)
        },
        if p == 1.0 {
            1.0
        } else {
            (centre + half).min(1.0)
        },
    )
}

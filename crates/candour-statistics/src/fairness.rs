//! Fairness between groups of a protected attribute: rates of each group, their gaps with an interval
//! by patients and a null band by permutation, calibration within groups.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::Serialize;

use crate::agreement::clip;
use crate::catalogue::{
    CLUSTER, Entry, Group, Kind, LEVEL, Labels, Need, PROBABILITY, REPLICATES, Role, SCORE, SEED,
    Sample, Setting, SettingKind, TRUTH,
};
use crate::distribution::two_sided_z;
use crate::number::{Answer, Cell, Interval, Number, StatisticsError, Table};
use crate::pooling::{expit, forest, observed_over_expected};
use crate::random::Philox;
use crate::rank::placements;
use crate::resample::{BootstrapInterval, Units, quantile};
use crate::subgroup::{Case, Estimate, auc, calls, equality, level_names, share};

/// The statistics of this module.
pub const ENTRIES: &[Entry] = &[Entry {
    id: "fairness",
    group: Group::Fairness,
    title: "Fairness gaps between groups",
    formula: "per group: selection rate, TPR, FPR, PPV; gap: max - min and min / max over groups (or the largest distance from the overall rate); equalised odds: the worse of TPR and FPR (or their mean); demographic parity: selection rate; equal opportunity: TPR; predictive parity: PPV; bootstrap interval over clusters; null band: the gap with groups permuted among clusters",
    source: "Hardt, Price & Srebro 2016; Chouldechova 2017; fairlearn 0.15 metric definitions; Newcombe 1998 (differences); Phipson & Smyth 2010 (p-value)",
    assumptions: "a cluster (patient) belongs to one group; groups below the minimum are not estimable and left out of the gap, with a note; max - min is biased upward, and its percentile interval twice so: the interval may exclude the estimate (a note says so), and its lower end, never below 0, has no meaning as evidence of a gap: read the gap against its null band; p-values are not adjusted for the number of gaps: the plan names the one that counts; the permutation keeps the classes (TPR, FPR, odds, AUC) or the calls (PPV) of each cluster in place",
    compared_with: "fairlearn 0.15.0; R 4.2.2 glm for the calibration intercept",
    roles: &[
        TRUTH,
        Role {
            name: "call",
            what: "the test's call: positive or negative; this or score with threshold",
            kind: Kind::Binary,
            need: Need::Optional,
            missing: false,
        },
        Role {
            need: Need::Optional,
            ..SCORE
        },
        Role {
            need: Need::Optional,
            ..PROBABILITY
        },
        Role {
            name: "group",
            what: "protected attribute, such as sex or ethnicity; an empty cell is the group `(not recorded)`",
            kind: Kind::Label,
            need: Need::One,
            missing: true,
        },
        CLUSTER,
    ],
    settings: &[
        Setting {
            name: "threshold",
            what: "score from which the call is positive",
            kind: SettingKind::OptionalReal(f64::NEG_INFINITY, f64::INFINITY),
            default: None,
        },
        Setting {
            name: "minimum",
            what: "cases (clusters where given) of a rate's denominator below which a group is not estimable",
            kind: SettingKind::Whole(1, 1_000_000),
            default: Some("10"),
        },
        Setting {
            name: "against",
            what: "gaps between the extreme groups, or of each group to the overall rate",
            kind: SettingKind::Choice(&["between-groups", "to-overall"]),
            default: Some("between-groups"),
        },
        Setting {
            name: "odds",
            what: "equalised odds: the worse of both rates, or their mean",
            kind: SettingKind::Choice(&["worst-case", "mean"]),
            default: Some("worst-case"),
        },
        Setting {
            name: "reference",
            what: "group with which every other is compared in the table of differences; the largest when not given",
            kind: SettingKind::OptionalWord,
            default: None,
        },
        Setting {
            name: "interval",
            what: "bootstrap interval of a gap, over clusters: percentile (as fairlearn), basic or bca, which move it against the bias of an extreme over groups",
            kind: SettingKind::Choice(BootstrapInterval::WORDS),
            default: Some("percentile"),
        },
        LEVEL,
        SEED,
        REPLICATES,
    ],
    numbers: &[
        "equalised_odds_difference",
        "equalised_odds_ratio",
        "demographic_parity_difference",
        "demographic_parity_ratio",
        "equal_opportunity_difference",
        "equal_opportunity_ratio",
        "false_positive_rate_difference",
        "false_positive_rate_ratio",
        "predictive_parity_difference",
        "predictive_parity_ratio",
        "auc_difference",
        "equalised_odds_difference_p_value",
        "equalised_odds_ratio_p_value",
        "demographic_parity_difference_p_value",
        "demographic_parity_ratio_p_value",
        "equal_opportunity_difference_p_value",
        "equal_opportunity_ratio_p_value",
        "false_positive_rate_difference_p_value",
        "false_positive_rate_ratio_p_value",
        "predictive_parity_difference_p_value",
        "predictive_parity_ratio_p_value",
        "auc_difference_p_value",
        "selection_rate({group})",
        "true_positive_rate({group})",
        "false_positive_rate({group})",
        "positive_predictive_value({group})",
        "auc({group})",
        "auc_heterogeneity_p_value",
        "observed_over_expected({group})",
        "calibration_intercept({group})",
        "calibration_intercept_heterogeneity_p_value",
    ],
    run: run_fairness,
}];

/// Counts of one group or one cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Diseased, called positive.
    pub true_positive: u64,
    /// Diseased, called negative.
    pub false_negative: u64,
    /// Not diseased, called positive.
    pub false_positive: u64,
    /// Not diseased, called negative.
    pub true_negative: u64,
}

/// The rates that are compared between groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rate {
    /// Share that is called positive.
    Selection,
    /// Share of the diseased that is called positive.
    TruePositive,
    /// Share of the others that is called positive.
    FalsePositive,
    /// Share of the called positive that is diseased.
    PositivePredictive,
}

impl Rate {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Selection,
        Self::TruePositive,
        Self::FalsePositive,
        Self::PositivePredictive,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Selection => "selection_rate",
            Self::TruePositive => "true_positive_rate",
            Self::FalsePositive => "false_positive_rate",
            Self::PositivePredictive => "positive_predictive_value",
        }
    }

    /// Numerator and denominator.
    #[must_use]
    pub fn of(self, c: &Counts) -> (u64, u64) {
        let called = c.true_positive.saturating_add(c.false_positive);
        let not_called = c.false_negative.saturating_add(c.true_negative);
        match self {
            Self::Selection => (called, called.saturating_add(not_called)),
            Self::TruePositive => (
                c.true_positive,
                c.true_positive.saturating_add(c.false_negative),
            ),
            Self::FalsePositive => (
                c.false_positive,
                c.false_positive.saturating_add(c.true_negative),
            ),
            Self::PositivePredictive => (c.true_positive, called),
        }
    }

    fn value(self, c: &Counts) -> Option<f64> {
        let (x, n) = self.of(c);
        (n > 0).then(|| x as f64 / n as f64)
    }
}

/// How gaps are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Against {
    /// Between the extreme groups.
    BetweenGroups,
    /// Each group to the rate of all cases.
    ToOverall,
}

/// Largest difference of a rate and smallest ratio over the groups, as fairlearn's
/// `MetricFrame.difference` and `.ratio`. `None` where a group has no rate or no ratio is defined
/// (0 / 0).
#[must_use]
pub fn gap(
    rate: Rate,
    groups: &[Counts],
    overall: &Counts,
    against: Against,
) -> (Option<f64>, Option<f64>) {
    let values: Option<Vec<f64>> = groups.iter().map(|g| rate.value(g)).collect();
    let (Some(values), Some(all)) = (values, rate.value(overall)) else {
        return (None, None);
    };
    gap_of(&values, all, against)
}

fn gap_of(values: &[f64], overall: f64, against: Against) -> (Option<f64>, Option<f64>) {
    if values.len() < 2 {
        return (None, None);
    }
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    match against {
        Against::BetweenGroups => (Some(high - low), (high > 0.0).then(|| low / high)),
        Against::ToOverall => {
            let ratio = |v: f64| {
                let r = v / overall;
                if r > 1.0 { 1.0 / r } else { r }
            };
            (
                Some((high - overall).max(overall - low)),
                (overall > 0.0).then(|| {
                    values
                        .iter()
                        .map(|v| ratio(*v))
                        .fold(f64::INFINITY, f64::min)
                }),
            )
        }
    }
}

/// The intercept of a logistic model whose slope is fixed at 1, `logit P(y) = a + logit(p)`:
/// calibration-in-the-large on the logit scale, 0 when well calibrated. Its standard error from the
/// information, or with clusters by the sandwich.
///
/// # Errors
/// Not estimable when all or no cases have the event or a probability is 0 or 1.
pub fn calibration_intercept(
    truth: &[bool],
    probability: &[f64],
    cluster: Option<&[usize]>,
) -> Result<(f64, f64), StatisticsError> {
    if truth.len() != probability.len() || cluster.is_some_and(|c| c.len() != truth.len()) {
        return Err(StatisticsError::Data(
            "truth, probability and cluster differ in length".into(),
        ));
    }
    if probability.iter().any(|p| !(*p > 0.0 && *p < 1.0)) {
        return Err(StatisticsError::not_estimable(
            "a predicted probability is 0 or 1: its logit is infinite, and no intercept fits",
        ));
    }
    let events = truth.iter().filter(|t| **t).count();
    if events == 0 || events == truth.len() {
        return Err(StatisticsError::not_estimable(
            "all or no cases have the event: the intercept is infinite",
        ));
    }
    let logits: Vec<f64> = probability.iter().map(|p| (p / (1.0 - p)).ln()).collect();
    // The score falls in the intercept, so its root is unique; Newton within a bracket finds it.
    let (mut low, mut high) = (-1e3, 1e3);
    let mut a = 0.0;
    let score = |a: f64| -> (f64, f64) {
        logits.iter().zip(truth).fold((0.0, 0.0), |(s, i), (l, t)| {
            let p = expit(a + l);
            (s + f64::from(u8::from(*t)) - p, i + p * expit(-a - l))
        })
    };
    for _ in 0..200 {
        let (s, i) = score(a);
        if s > 0.0 {
            low = a
        } else {
            high = a
        }
        let mut next = a + s / i;
        if !(next > low && next < high) {
            next = f64::midpoint(low, high);
        }
        let step = (next - a).abs();
        a = next;
        if step <= 1e-14 * (1.0 + a.abs()) {
            break;
        }
    }
    let (_, information) = score(a);
    let variance = match cluster {
        None => 1.0 / information,
        Some(codes) => {
            let mut sums: BTreeMap<usize, f64> = BTreeMap::new();
            for ((l, t), c) in logits.iter().zip(truth).zip(codes) {
                *sums.entry(*c).or_default() += f64::from(u8::from(*t)) - expit(a + l);
            }
            sums.values().map(|s| s * s).sum::<f64>() / (information * information)
        }
    };
    Ok((a, variance.sqrt()))
}

/// One cluster: its group, its counts, and its rows.
struct Cluster {
    group: usize,
    counts: Counts,
    rows: Vec<usize>,
}

/// The gaps in the order in which they are reported.
const GAPS: [&str; 11] = [
    "equalised_odds_difference",
    "equalised_odds_ratio",
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equal_opportunity_difference",
    "equal_opportunity_ratio",
    "false_positive_rate_difference",
    "false_positive_rate_ratio",
    "predictive_parity_difference",
    "predictive_parity_ratio",
    "auc_difference",
];

struct Study<'a> {
    truth: &'a [bool],
    score: Option<&'a [f64]>,
    clusters: Vec<Cluster>,
    groups: usize,
    /// For each rate, whether the group is compared; then the same for the odds and the AUC.
    compared: [Vec<bool>; 6],
    against: Against,
    mean_odds: bool,
}

impl Study<'_> {
    /// The gaps of these clusters (by place, repeated as often as drawn), their groups given.
    fn gaps(
        &self,
        places: &[usize],
        group_of: &dyn Fn(usize) -> usize,
        area: bool,
    ) -> [Option<f64>; 11] {
        let mut sums = vec![Counts::default(); self.groups];
        let mut overall = Counts::default();
        for c in places
            .iter()
            .filter_map(|p| self.clusters.get(*p).map(|c| (group_of(*p), c)))
        {
            if let Some(slot) = sums.get_mut(c.0) {
                add(slot, &c.1.counts);
            }
            add(&mut overall, &c.1.counts);
        }
        let pick = |mask: &[bool]| -> Vec<Counts> {
            sums.iter()
                .zip(mask)
                .filter(|(_, m)| **m)
                .map(|(c, _)| *c)
                .collect()
        };
        let [selection, tpr, fpr, ppv, odds, _] = &self.compared;
        let one = |rate: Rate, mask: &[bool]| gap(rate, &pick(mask), &overall, self.against);
        let (tpr_odds, fpr_odds) = (
            one(Rate::TruePositive, odds),
            one(Rate::FalsePositive, odds),
        );
        let join = |a: Option<f64>, b: Option<f64>, worse: fn(f64, f64) -> f64| match (a, b) {
            (Some(a), Some(b)) if self.mean_odds => Some(f64::midpoint(a, b)),
            (Some(a), Some(b)) => Some(worse(a, b)),
            _ => None,
        };
        let (s, t, f, p) = (
            one(Rate::Selection, selection),
            one(Rate::TruePositive, tpr),
            one(Rate::FalsePositive, fpr),
            one(Rate::PositivePredictive, ppv),
        );
        [
            join(tpr_odds.0, fpr_odds.0, f64::max),
            join(tpr_odds.1, fpr_odds.1, f64::min),
            s.0,
            s.1,
            t.0,
            t.1,
            f.0,
            f.1,
            p.0,
            p.1,
            area.then(|| self.auc_gap(places, group_of)).flatten(),
        ]
    }

    fn auc_gap(&self, places: &[usize], group_of: &dyn Fn(usize) -> usize) -> Option<f64> {
        let score = self.score?;
        let [.., compared] = &self.compared;
        let mut scores = vec![(Vec::new(), Vec::new()); self.groups];
        let mut all = (Vec::new(), Vec::new());
        for place in places {
            let Some(cluster) = self.clusters.get(*place) else {
                continue;
            };
            for row in &cluster.rows {
                let (Some(s), Some(t)) = (score.get(*row), self.truth.get(*row)) else {
                    continue;
                };
                if let Some(slot) = scores.get_mut(group_of(*place)) {
                    if *t { slot.0.push(*s) } else { slot.1.push(*s) }
                }
                if self.against == Against::ToOverall {
                    if *t { all.0.push(*s) } else { all.1.push(*s) }
                }
            }
        }
        let area = |(pos, neg): &(Vec<f64>, Vec<f64>)| {
            (!pos.is_empty() && !neg.is_empty())
                .then(|| placements(pos, neg).0.iter().sum::<f64>() / pos.len() as f64)
        };
        let values: Option<Vec<f64>> = scores
            .iter()
            .zip(compared)
            .filter(|(_, m)| **m)
            .map(|(s, _)| area(s))
            .collect();
        let overall = if self.against == Against::ToOverall {
            area(&all)?
        } else {
            0.0
        };
        gap_of(&values?, overall, self.against).0
    }

    /// Groups permuted among the clusters that have the same `pattern`.
    fn permuted(&self, random: &mut Philox, pattern: &dyn Fn(&Counts) -> u8) -> Vec<usize> {
        let mut by_pattern: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
        for (place, c) in self.clusters.iter().enumerate() {
            by_pattern
                .entry(pattern(&c.counts))
                .or_default()
                .push(place);
        }
        let mut groups: Vec<usize> = self.clusters.iter().map(|c| c.group).collect();
        for places in by_pattern.values() {
            let mut own: Vec<usize> = places
                .iter()
                .filter_map(|p| self.clusters.get(*p))
                .map(|c| c.group)
                .collect();
            random.shuffle(&mut own);
            for (place, group) in places.iter().zip(own) {
                if let Some(slot) = groups.get_mut(*place) {
                    *slot = group;
                }
            }
        }
        groups
    }

    /// The gaps under the null: selection with groups permuted freely, PPV within calls, the others
    /// within classes.
    fn null(&self, seed: u64, replicate: u64) -> [Option<f64>; 11] {
        // Bootstrap streams start at 0; those of the permutations must not repeat them.
        let mut random = Philox::new(seed, (1 << 63) | replicate);
        let places: Vec<usize> = (0..self.clusters.len()).collect();
        let free = self.permuted(&mut random, &|_| 0);
        let by_truth = self.permuted(&mut random, &|c| {
            u8::from(c.true_positive + c.false_negative > 0)
                + 2 * u8::from(c.false_positive + c.true_negative > 0)
        });
        let by_call = self.permuted(&mut random, &|c| {
            u8::from(c.true_positive + c.false_positive > 0)
                + 2 * u8::from(c.false_negative + c.true_negative > 0)
        });
        let under = |groups: &[usize], area: bool| {
            self.gaps(&places, &|p| groups.get(p).copied().unwrap_or(0), area)
        };
        let (a, b, c) = (
            under(&free, false),
            under(&by_truth, true),
            under(&by_call, false),
        );
        let [eo_d, eo_r, .., auc] = b;
        let [_, _, dp_d, dp_r, ..] = a;
        let [_, _, _, _, tp_d, tp_r, fp_d, fp_r, ..] = b;
        let [_, _, _, _, _, _, _, _, pp_d, pp_r, _] = c;
        [
            eo_d, eo_r, dp_d, dp_r, tp_d, tp_r, fp_d, fp_r, pp_d, pp_r, auc,
        ]
    }
}

fn add(to: &mut Counts, c: &Counts) {
    to.true_positive += c.true_positive;
    to.false_negative += c.false_negative;
    to.false_positive += c.false_positive;
    to.true_negative += c.true_negative;
}

fn run_fairness(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let truth = sample.binary("truth");
    let call = calls(sample)?;
    let score = sample.optional_reals("score");
    let probability = sample.optional_reals("probability");
    let minimum = sample.whole("minimum") as usize;
    let (seed, replicates) = (sample.whole("seed"), sample.whole("replicates"));
    let Some(labels) = sample.labels("group") else {
        return Err(StatisticsError::Data("`group` is missing".into()));
    };
    let (codes, names) = level_names(labels);
    let cluster_codes = sample.labels("cluster").map(Labels::complete);
    let clustered = cluster_codes.is_some();

    let mut by_cluster: BTreeMap<usize, Cluster> = BTreeMap::new();
    for (row, ((t, c), group)) in truth.iter().zip(&call).zip(&codes).enumerate() {
        let of = cluster_codes
            .as_ref()
            .and_then(|c| c.get(row))
            .copied()
            .unwrap_or(row);
        let cluster = by_cluster.entry(of).or_insert_with(|| Cluster {
            group: *group,
            counts: Counts::default(),
            rows: Vec::new(),
        });
        if cluster.group != *group {
            return Err(StatisticsError::Value {
                column: "group".into(),
                row,
                what: "is another group than that of an earlier row of the same cluster; a protected attribute belongs to the patient".into(),
            });
        }
        let slot = match (*t, *c) {
            (true, true) => &mut cluster.counts.true_positive,
            (true, false) => &mut cluster.counts.false_negative,
            (false, true) => &mut cluster.counts.false_positive,
            (false, false) => &mut cluster.counts.true_negative,
        };
        *slot += 1;
        cluster.rows.push(row);
    }
    let clusters: Vec<Cluster> = by_cluster.into_values().collect();
    if clusters.is_empty() {
        return Err(StatisticsError::not_estimable("there are no cases"));
    }
    let rows_of = |group: usize| -> Vec<usize> {
        clusters
            .iter()
            .filter(|c| c.group == group)
            .flat_map(|c| c.rows.iter().copied())
            .collect()
    };
    let cluster_of = |row: usize| {
        cluster_codes
            .as_ref()
            .and_then(|c| c.get(row))
            .copied()
            .unwrap_or(row)
    };
    let flag = |v: &[bool], row: usize| v.get(row).copied().unwrap_or(false);

    // Rates of each group.
    let mut answer = Answer::default();
    let mut rates: Vec<Vec<Result<Estimate, String>>> = Vec::new();
    let mut areas: Vec<Result<Estimate, String>> = Vec::new();
    for group in 0..names.len() {
        let rows = rows_of(group);
        let mut own = Vec::new();
        for rate in Rate::ALL {
            let cases: Vec<Case> = rows
                .iter()
                .filter_map(|row| {
                    let (t, c) = (flag(truth, *row), flag(&call, *row));
                    let (counts, success) = match rate {
                        Rate::Selection => (true, c),
                        Rate::TruePositive => (t, c),
                        Rate::FalsePositive => (!t, c),
                        Rate::PositivePredictive => (c, t),
                    };
                    counts.then(|| Case {
                        value: f64::from(u8::from(success)),
                        positive: t,
                        cluster: cluster_of(*row),
                    })
                })
                .collect();
            own.push(enough(
                &cases,
                minimum,
                clustered,
                share(&cases, clustered, level),
            )?);
        }
        rates.push(own);
        if let Some(score) = score {
            let cases: Vec<Case> = rows
                .iter()
                .filter_map(|row| {
                    score.get(*row).map(|s| Case {
                        value: *s,
                        positive: flag(truth, *row),
                        cluster: cluster_of(*row),
                    })
                })
                .collect();
            let of = |positive: bool| -> Vec<Case> {
                cases
                    .iter()
                    .filter(|c| c.positive == positive)
                    .copied()
                    .collect()
            };
            let area = auc(&cases, clustered, true, level);
            let area = match enough(&of(true), minimum, clustered, area)? {
                Ok(e) => enough(&of(false), minimum, clustered, Ok(e))?,
                Err(reason) => Err(reason),
            };
            areas.push(area);
        }
    }
    let estimable = |rate: usize| -> Vec<bool> {
        rates
            .iter()
            .map(|own| own.get(rate).is_some_and(Result::is_ok))
            .collect()
    };
    let both: Vec<bool> = estimable(1)
        .iter()
        .zip(estimable(2))
        .map(|(a, b)| *a && b)
        .collect();
    let area_mask: Vec<bool> = (0..names.len())
        .map(|g| areas.get(g).is_some_and(Result::is_ok))
        .collect();
    let study = Study {
        truth,
        score,
        groups: names.len(),
        compared: [
            estimable(0),
            estimable(1),
            estimable(2),
            estimable(3),
            both,
            area_mask,
        ],
        against: if sample.word("against") == "to-overall" {
            Against::ToOverall
        } else {
            Against::BetweenGroups
        },
        mean_odds: sample.word("odds") == "mean",
        clusters,
    };

    // Gaps with interval and null band.
    let places: Vec<usize> = (0..study.clusters.len()).collect();
    let own_group = |p: usize| study.clusters.get(p).map_or(0, |c| c.group);
    let observed = study.gaps(&places, &own_group, true);
    let units = Units::independent(study.clusters.len());
    let draws = units.bootstrap(seed, replicates, |places| {
        study.gaps(places, &own_group, true)
    });
    let nulls: Vec<[Option<f64>; 11]> = (0..replicates)
        .into_par_iter()
        .map(|r| study.null(seed, r))
        .collect();
    let kind = BootstrapInterval::from_word(sample.word("interval"));
    let left_out = if kind == BootstrapInterval::Bca {
        units.jackknife(|places| study.gaps(places, &own_group, true))
    } else {
        Vec::new()
    };
    let mut band_rows = Vec::new();
    let mut p_values = Vec::new();
    for (at, (name, value)) in GAPS.iter().zip(observed).enumerate() {
        let pick = |all: &[[Option<f64>; 11]]| -> Vec<Option<f64>> {
            all.iter().map(|g| g.get(at).copied().flatten()).collect()
        };
        let definition = format!(
            "{name}.{}{}",
            sample.word("against"),
            if at < 2 {
                format!(".{}", sample.word("odds"))
            } else {
                String::new()
            }
        );
        if *name == "auc_difference" && score.is_none() {
            continue;
        }
        let Some(value) = value else {
            answer.numbers.push(Number::none(
                *name,
                definition,
                study.clusters.len(),
                "fewer than two groups are estimable, or the ratio is 0 / 0",
            ));
            continue;
        };
        let number = Number::plain(*name, definition, value, study.clusters.len());
        let number = match kind.of(value, &pick(&draws), &pick(&left_out), level) {
            Ok(i) => number.with_interval(i, kind.id()),
            Err(e) => number.without_interval(e.to_string()),
        };
        let number = clip(number, 0.0, 1.0, &mut answer.notes);
        answer.numbers.push(number);
        let ratio = name.ends_with("ratio");
        let mut null: Vec<f64> = pick(&nulls).into_iter().flatten().collect();
        null.sort_unstable_by(f64::total_cmp);
        if null.len() * 10 < nulls.len() * 9 {
            continue;
        }
        // A difference is large, a ratio small, when groups differ.
        let extreme = null
            .iter()
            .filter(|v| {
                if ratio {
                    **v <= value + 1e-12
                } else {
                    **v >= value - 1e-12
                }
            })
            .count();
        let p = (extreme as f64 + 1.0) / (null.len() as f64 + 1.0);
        p_values.push(Number::plain(
            format!("{name}_p_value"),
            "permutation",
            p,
            study.clusters.len(),
        ));
        band_rows.push(vec![
            Cell::Text((*name).into()),
            Cell::Real(value),
            Cell::Real(null.iter().sum::<f64>() / null.len() as f64),
            Cell::Real(quantile(&null, if ratio { 1.0 - level } else { level })),
            Cell::Real(p),
        ]);
    }
    answer.numbers.extend(p_values);

    group_tables(&names, &rates, &areas, &study, sample, &mut answer)?;
    answer.tables.push(Table {
        name: "null band".into(),
        columns: ["gap", "observed", "null_mean", "null_limit", "p_value"]
            .map(str::to_owned)
            .into(),
        rows: band_rows,
    });
    if let Some(probability) = probability {
        calibration(
            &names,
            truth,
            probability,
            cluster_codes.as_deref(),
            &codes,
            minimum,
            level,
            &mut answer,
        )?;
    }
    answer.notes.push("max - min over groups is biased upward, and more so with more and smaller groups: `null_mean` is what equal groups would show, `null_limit` what they would exceed rarely; it grows once more in each resample, so the percentile interval, which is not corrected for that, may leave out the estimate itself: see the setting `interval` and the null band".into());
    answer.notes.push("the lower end of an interval of max - min (the upper end of one of min / max) has no meaning of its own: the figure cannot be below 0 (above 1) and resamples hardly ever reach it, also where the groups are equal; an interval that excludes 0 (1) is no evidence of a gap, the null band is".into());
    answer.notes.push("the criteria cannot all hold at once where prevalence differs between groups (Chouldechova 2017): the plan names the one that counts".into());
    Ok(answer)
}

/// The estimate where its cases are enough, else why there is none.
fn enough(
    cases: &[Case],
    minimum: usize,
    clustered: bool,
    result: Result<Estimate, StatisticsError>,
) -> Result<Result<Estimate, String>, StatisticsError> {
    let mut units: Vec<usize> = cases.iter().map(|c| c.cluster).collect();
    units.sort_unstable();
    units.dedup();
    if units.len() < minimum {
        return Ok(Err(format!(
            "{} {} below the minimum of {minimum}",
            units.len(),
            if clustered { "clusters," } else { "cases," }
        )));
    }
    match result {
        Ok(e) => Ok(Ok(e)),
        Err(StatisticsError::NotEstimable(reason)) => Ok(Err(reason)),
        Err(other) => Err(other),
    }
}

fn group_tables(
    names: &[String],
    rates: &[Vec<Result<Estimate, String>>],
    areas: &[Result<Estimate, String>],
    study: &Study,
    sample: &Sample,
    answer: &mut Answer,
) -> Result<(), StatisticsError> {
    let mut sizes = vec![0usize; names.len()];
    let mut counts = vec![Counts::default(); names.len()];
    for c in &study.clusters {
        if let (Some(size), Some(count)) = (sizes.get_mut(c.group), counts.get_mut(c.group)) {
            *size += c.rows.len();
            add(count, &c.counts);
        }
    }
    let wanted = sample.word("reference");
    let reference = if wanted.is_empty() {
        sizes
            .iter()
            .enumerate()
            .max_by_key(|(at, n)| (**n, usize::MAX - at))
            .map_or(0, |(at, _)| at)
    } else {
        names.iter().position(|n| n == wanted).ok_or_else(|| {
            StatisticsError::setting(
                "reference",
                format!("`{wanted}`"),
                format!("one of the {} groups of the column `group`", names.len()),
            )
        })?
    };
    let reference_name = names.get(reference).cloned().unwrap_or_default();
    let mut group_rows = Vec::new();
    let mut difference_rows = Vec::new();
    let measures = Rate::ALL
        .iter()
        .enumerate()
        .map(|(at, r)| {
            (
                r.word(),
                rates.iter().map(|own| own.get(at)).collect::<Vec<_>>(),
            )
        })
        .chain((!areas.is_empty()).then(|| ("auc", areas.iter().map(Some).collect())));
    for (measure, estimates) in measures {
        let base = estimates
            .get(reference)
            .copied()
            .flatten()
            .and_then(|e| e.as_ref().ok());
        let mut forest_rows = Vec::new();
        for (group, (name, estimate)) in names.iter().zip(&estimates).enumerate() {
            let label = format!("{measure}({name})");
            // What the measure counts, also where it is not estimable: the positives for the TPR.
            let n = match Rate::ALL.into_iter().find(|r| r.word() == measure) {
                Some(rate) => counts.get(group).map_or(0, |c| rate.of(c).1 as usize),
                None => sizes.get(group).copied().unwrap_or(0),
            };
            match estimate {
                Some(Ok(e)) => {
                    let value = e.value.unwrap_or(f64::NAN);
                    let number = Number::plain(label, measure, value, e.n);
                    answer.numbers.push(match e.interval {
                        Some(i) => number.with_interval(i, e.method),
                        None => number.without_interval(e.reason.clone().unwrap_or_default()),
                    });
                    let limit = |f: fn(&Interval) -> f64| {
                        e.interval.as_ref().map_or(Cell::None, |i| Cell::Real(f(i)))
                    };
                    group_rows.push(vec![
                        Cell::Text(measure.into()),
                        Cell::Text(name.clone()),
                        Cell::Whole(e.n as i64),
                        e.events.map_or(Cell::None, |x| Cell::Whole(x as i64)),
                        Cell::Real(value),
                        limit(|i| i.lower),
                        limit(|i| i.upper),
                        e.reason.clone().map_or(Cell::None, Cell::Text),
                    ]);
                    if let Some(i) = e.interval {
                        forest_rows.push((name.clone(), value, i.lower, i.upper));
                    }
                    if group != reference
                        && let Some(base) = base
                    {
                        difference_rows.push(difference(
                            measure,
                            name,
                            &reference_name,
                            e,
                            base,
                            sample.real("level"),
                        )?);
                    }
                }
                other => {
                    let reason = match other {
                        Some(Err(reason)) => reason.clone(),
                        _ => String::new(),
                    };
                    answer
                        .numbers
                        .push(Number::none(label, measure, n, reason.clone()));
                    group_rows.push(vec![
                        Cell::Text(measure.into()),
                        Cell::Text(name.clone()),
                        Cell::Whole(n as i64),
                        Cell::None,
                        Cell::None,
                        Cell::None,
                        Cell::None,
                        Cell::Text(reason),
                    ]);
                    answer.notes.push(format!(
                        "{measure}: group `{name}` is not estimable and left out of the gap"
                    ));
                }
            }
        }
        answer.curves.push(forest(measure, forest_rows));
    }
    answer.tables.push(Table {
        name: "groups".into(),
        columns: [
            "measure",
            "group",
            "n",
            "events",
            "estimate",
            "lower",
            "upper",
            "not_estimable",
        ]
        .map(str::to_owned)
        .into(),
        rows: group_rows,
    });
    answer.tables.push(Table {
        name: "differences".into(),
        columns: [
            "measure",
            "group",
            "reference",
            "difference",
            "lower",
            "upper",
            "method",
        ]
        .map(str::to_owned)
        .into(),
        rows: difference_rows,
    });
    if areas.iter().filter(|a| a.is_ok()).count() >= 2 {
        let good: Vec<&Estimate> = areas.iter().filter_map(|a| a.as_ref().ok()).collect();
        let values: Option<Vec<(f64, f64)>> = good
            .iter()
            .map(|e| match (e.value, e.standard_error) {
                (Some(a), Some(se)) => Some(((a / (1.0 - a)).ln(), (se / (a * (1.0 - a))).powi(2))),
                _ => None,
            })
            .collect();
        if let Some(values) = values {
            let (y, v): (Vec<f64>, Vec<f64>) = values.into_iter().unzip();
            push_test(
                "auc_heterogeneity_p_value",
                "cochran-q.logit",
                &y,
                &v,
                answer,
            )?;
        }
    }
    Ok(())
}

/// Cochran's Q of independent groups.
fn push_test(
    name: &str,
    definition: &str,
    y: &[f64],
    v: &[f64],
    answer: &mut Answer,
) -> Result<(), StatisticsError> {
    let covariance = nalgebra::DMatrix::from_diagonal(&nalgebra::DVector::from_column_slice(v));
    let number =
        equality(y, &covariance).map(|t| Number::plain(name, definition, t.p_value, y.len()));
    answer
        .numbers
        .push(Number::from_result(name, definition, y.len(), number)?);
    Ok(())
}

/// A group against the reference: Newcombe's (1998) hybrid of both groups' intervals for rates, the
/// unpaired Wald difference for AUCs.
fn difference(
    measure: &str,
    name: &str,
    reference: &str,
    e: &Estimate,
    base: &Estimate,
    level: f64,
) -> Result<Vec<Cell>, StatisticsError> {
    let z = two_sided_z(level)?;
    let (Some(a), Some(b)) = (e.value, base.value) else {
        return Err(StatisticsError::not_estimable("a group has no value"));
    };
    let d = a - b;
    let (limits, method) = if measure == "auc" {
        let limits = e.standard_error.zip(base.standard_error).map(|(x, y)| {
            let half = z * x.hypot(y);
            ((d - half).max(-1.0), (d + half).min(1.0))
        });
        (limits, "wald.unpaired")
    } else {
        let limits = e.interval.zip(base.interval).map(|(i, j)| {
            (
                d - (a - i.lower).hypot(j.upper - b),
                d + (i.upper - a).hypot(b - j.lower),
            )
        });
        (limits, "newcombe.hybrid")
    };
    Ok(vec![
        Cell::Text(measure.into()),
        Cell::Text(name.into()),
        Cell::Text(reference.into()),
        Cell::Real(d),
        limits.map_or(Cell::None, |l| Cell::Real(l.0)),
        limits.map_or(Cell::None, |l| Cell::Real(l.1)),
        Cell::Text(method.into()),
    ])
}

#[expect(
    clippy::too_many_arguments,
    reason = "columns of one table, read in one place"
)]
fn calibration(
    names: &[String],
    truth: &[bool],
    probability: &[f64],
    cluster: Option<&[usize]>,
    codes: &[usize],
    minimum: usize,
    level: f64,
    answer: &mut Answer,
) -> Result<(), StatisticsError> {
    let z = two_sided_z(level)?;
    let mut rows = Vec::new();
    let (mut y, mut v) = (Vec::new(), Vec::new());
    for (group, name) in names.iter().enumerate() {
        let picked: Vec<usize> = codes
            .iter()
            .enumerate()
            .filter(|(_, c)| **c == group)
            .map(|(r, _)| r)
            .collect();
        let t: Vec<bool> = picked
            .iter()
            .filter_map(|r| truth.get(*r))
            .copied()
            .collect();
        let p: Vec<f64> = picked
            .iter()
            .filter_map(|r| probability.get(*r))
            .copied()
            .collect();
        let c: Option<Vec<usize>> =
            cluster.map(|c| picked.iter().filter_map(|r| c.get(*r)).copied().collect());
        let (ratio_name, intercept_name) = (
            format!("observed_over_expected({name})"),
            format!("calibration_intercept({name})"),
        );
        let units = c.as_ref().map_or(t.len(), |c| {
            let mut c = c.clone();
            c.sort_unstable();
            c.dedup();
            c.len()
        });
        if units < minimum {
            let reason = format!("{units} units, below the minimum of {minimum}");
            answer.numbers.push(Number::none(
                ratio_name,
                "o-e.ratio",
                t.len(),
                reason.clone(),
            ));
            answer.numbers.push(Number::none(
                intercept_name,
                "calibration-intercept.offset",
                t.len(),
                reason,
            ));
            continue;
        }
        let observed = t.iter().filter(|t| **t).count() as f64;
        let expected: f64 = p.iter().sum();
        let mut ratio = observed_over_expected(observed, expected, t.len() as f64, level)?;
        ratio.name = ratio_name;
        if let Some(c) = &c
            && ratio.value.is_some()
        {
            ratio = clustered_ratio(ratio, &t, &p, c, observed, z, level);
        }
        let fit = calibration_intercept(&t, &p, c.as_deref());
        let number = fit.as_ref().map_err(Clone::clone).map(|(a, se)| {
            let number = Number::plain(
                intercept_name.clone(),
                "calibration-intercept.offset",
                *a,
                t.len(),
            );
            if *se > 0.0 {
                number.with_standard_error(*se).with_interval(
                    Interval {
                        lower: a - z * se,
                        upper: a + z * se,
                        level,
                    },
                    if c.is_some() { "sandwich" } else { "wald" },
                )
            } else {
                number.without_interval("no spread between clusters")
            }
        });
        if let Ok((a, se)) = fit
            && se > 0.0
        {
            y.push(a);
            v.push(se * se);
        }
        let number = Number::from_result(
            intercept_name,
            "calibration-intercept.offset",
            t.len(),
            number,
        )?;
        let real = |x: Option<f64>| x.map_or(Cell::None, Cell::Real);
        rows.push(vec![
            Cell::Text(name.clone()),
            Cell::Whole(t.len() as i64),
            Cell::Real(observed),
            Cell::Real(expected),
            real(ratio.value),
            real(ratio.interval.map(|i| i.lower)),
            real(ratio.interval.map(|i| i.upper)),
            real(number.value),
            real(number.interval.map(|i| i.lower)),
            real(number.interval.map(|i| i.upper)),
        ]);
        answer.numbers.push(ratio);
        answer.numbers.push(number);
    }
    push_test(
        "calibration_intercept_heterogeneity_p_value",
        "cochran-q",
        &y,
        &v,
        answer,
    )?;
    answer.tables.push(Table {
        name: "calibration".into(),
        columns: [
            "group",
            "n",
            "observed",
            "expected",
            "observed_over_expected",
            "lower",
            "upper",
            "intercept",
            "intercept_lower",
            "intercept_upper",
        ]
        .map(str::to_owned)
        .into(),
        rows,
    });
    Ok(())
}

/// The interval of O:E with clusters: var(ln O:E) = C / (C - 1) sum((O_c - R E_c)^2) / O^2.
fn clustered_ratio(
    ratio: Number,
    truth: &[bool],
    probability: &[f64],
    cluster: &[usize],
    observed: f64,
    z: f64,
    level: f64,
) -> Number {
    let value = ratio.value.unwrap_or(f64::NAN);
    let mut sums: BTreeMap<usize, f64> = BTreeMap::new();
    for ((t, p), c) in truth.iter().zip(probability).zip(cluster) {
        *sums.entry(*c).or_default() += f64::from(u8::from(*t)) - value * p;
    }
    let n = sums.len() as f64;
    let se = (n / (n - 1.0) * sums.values().map(|s| s * s).sum::<f64>()).sqrt() / observed;
    let bare = Number {
        interval: None,
        interval_method: None,
        not_estimable: None,
        ..ratio
    };
    if se > 0.0 && se.is_finite() {
        bare.with_interval(
            Interval {
                lower: value * (-z * se).exp(),
                upper: value * (z * se).exp(),
                level,
            },
            "ratio-estimator.log",
        )
    } else {
        bare.without_interval("no event, or no spread between clusters")
    }
}

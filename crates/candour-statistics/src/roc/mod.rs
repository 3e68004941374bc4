//! Receiver operating characteristic: areas, their comparison, operating points, precision and
//! recall, several classes, and areas pooled without moving scores. Everything counts on scores that
//! were sorted once.

mod area;
mod compare;
mod curve;
mod federated;
mod levels;
mod multiclass;
mod operating;
mod partial;
mod precision_recall;
mod venkatraman;

pub use area::{
    Auc, bootstrap_auc, clustered_auc, delong_auc, hanley_mcneil_variance, logit_interval,
    mann_whitney_auc, newcombe_interval, wald_interval,
};
pub use compare::{
    AreaDifference, MarginTests, PairedAreas, UnpairedAreas, margin_tests, paired_areas,
    unpaired_areas,
};
pub use curve::{
    Band, Bootstrap, RocPoint, SensitivityBand, Thresholds, roc_curve, sensitivity_band,
};
pub use federated::{BinnedAuc, ScoreHistogram};
pub use levels::Focus;
pub use multiclass::{OneVersusRest, hand_till, hand_till_univariate, one_versus_rest};
pub use operating::{
    OperatingPoint, OperatingRule, operating_points, sensitivity_at_specificity,
    specificity_at_sensitivity,
};
pub use partial::{partial_auc, partial_auc_interval};
pub use precision_recall::{
    PrecisionRecallPoint, average_precision, average_precision_interval, precision_recall_curve,
};
pub use venkatraman::{RankTies, Venkatraman, venkatraman_paired, venkatraman_unpaired};

use crate::catalogue::{
    CLUSTER, Entry, Group, LEVEL, REPLICATES, SCORE, SEED, Sample, Setting, SettingKind, TRUTH,
};
use crate::distribution::normal_two_sided;
use crate::number::{Answer, Interval, Number, StatisticsError};
use crate::proportion::{digits, idle};
use crate::resample::BootstrapInterval;

/// The entries of this group.
pub const ENTRIES: &[Entry] = &[
    ROC_AUC,
    compare::PAIRED,
    compare::UNPAIRED,
    partial::ENTRY,
    operating::ENTRY,
    venkatraman::ENTRY,
    multiclass::ENTRY,
    precision_recall::ENTRY,
    federated::ENTRY,
];

/// How a bootstrap interval is made.
const BOOTSTRAP: Setting = Setting {
    name: "bootstrap",
    what: "how a bootstrap interval is made: percentile, bca (bias-corrected and accelerated) or basic",
    kind: SettingKind::Choice(BootstrapInterval::WORDS),
    default: Some("percentile"),
};

const THRESHOLDS: Setting = Setting {
    name: "thresholds",
    what: "the number that stands for a cut between two neighbouring scores: midpoint (pROC) or observed (the higher score); positive is `>= threshold`",
    kind: SettingKind::Choice(Thresholds::WORDS),
    default: Some("midpoint"),
};

const ROC_AUC: Entry = Entry {
    id: "roc-auc",
    group: Group::Roc,
    title: "Area under the ROC curve",
    formula: "A = sum over (positive, negative) pairs of [x > y] + [x = y]/2, divided by m n. Variance (DeLong): var(V10)/m + var(V01)/n over the cases' placements; with clusters (Obuchowski): I10/(I10-1) sum A_i^2/m^2 + I01/(I01-1) sum B_i^2/n^2 + 2 I/(I-1) sum A_i B_i/(m n). Intervals: delong A -/+ z se clipped to [0, 1]; logit; newcombe (method 5: (A-t)^2 = z^2 V(t)); hanley_mcneil (exponential model, Wald); bootstrap within classes or by cluster",
    source: "Bamber 1975, J Math Psychol 12:387; DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837; Sun and Xu 2014; Obuchowski 1997, Biometrics 53:567; Newcombe 2006, Stat Med 25:559; Hanley and McNeil 1982, Radiology 143:29",
    assumptions: "Cases (or clusters) are independent; positives and negatives represent those the claim is about. Wald intervals cover too seldom near 1 and with few cases; use logit or newcombe there. At perfect separation the DeLong, logit, Hanley-McNeil and bootstrap intervals are refused and, without clusters, Newcombe's is given beside the value. A bootstrap needs two cases (or clusters) of each class. A band of the curve says in its label whether it holds pointwise or for the whole curve",
    compared_with: "pROC 1.18.0; scikit-learn 1.9.1; MLstatkit 0.1.91; confidenceinterval 1.0.5; definitions in O(n^2) in R 4.2",
    roles: &[TRUTH, SCORE, CLUSTER],
    settings: &[
        LEVEL,
        Setting {
            name: "interval",
            what: "how the interval is made; newcombe and hanley_mcneil take no clusters",
            kind: SettingKind::Choice(&[
                "delong",
                "logit",
                "newcombe",
                "hanley_mcneil",
                "bootstrap",
            ]),
            default: Some("delong"),
        },
        BOOTSTRAP,
        Setting {
            name: "band",
            what: "band of the curve by bootstrap: none, pointwise (percentile at each specificity, as ci.se of pROC) or simultaneous (sup-t over all the specificities)",
            kind: SettingKind::Choice(&["none", "pointwise", "simultaneous"]),
            default: Some("none"),
        },
        Setting {
            name: "specificities",
            what: "specificities at which the band stands",
            kind: SettingKind::Reals,
            default: Some("0,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1"),
        },
        THRESHOLDS,
        REPLICATES,
        SEED,
    ],
    numbers: &[
        "auc",
        "auc_boundary",
        "design_effect",
        "clusters",
        "positives",
        "negatives",
    ],
    run: run_auc,
};

fn run_auc(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (truth, score) = (sample.binary("truth"), sample.reals("score"));
    let clusters = sample.labels("cluster").map(|l| l.complete());
    let cluster = clusters.as_deref();
    let level = sample.real("level");
    let columns = area::Components::new(truth, &[score])?;
    let (m, n) = (columns.positive, columns.negative);
    let value = columns.areas.first().copied().unwrap_or(f64::NAN);
    let mut answer = Answer::default();

    let variance = match cluster {
        None => delong_variance(truth, score),
        Some(codes) => clustered_auc(truth, score, codes, level).map(|auc| auc.variance),
    };
    let mut auc = Number::plain("auc", "auc.mann-whitney", value, m + n);
    if let Ok(v) = &variance {
        auc = auc.with_standard_error(v.sqrt());
    }
    let name = if cluster.is_some() {
        "obuchowski"
    } else {
        "delong"
    };
    let word = sample.word("interval");
    let made = match word {
        "newcombe" | "hanley_mcneil" if cluster.is_some() => {
            return Err(StatisticsError::setting(
                "interval",
                format!("`{word}` with clusters"),
                "it takes rows to be independent; with a cluster column use delong, logit or bootstrap",
            ));
        }
        "newcombe" => {
            newcombe_interval(value, m, n, level).map(|i| (i, "newcombe-2006.method-5".to_owned()))
        }
        "hanley_mcneil" => {
            let model = hanley_mcneil_variance(value, m, n);
            area::positive_variance(value, model).and_then(|()| {
                auc = auc.clone().with_standard_error(model.sqrt());
                let (interval, clipped) = wald_interval(value, model, level)?;
                clip_note(&mut answer, clipped);
                Ok((interval, "hanley-mcneil.wald".to_owned()))
            })
        }
        "bootstrap" => {
            let method = BootstrapInterval::from_word(sample.word("bootstrap"));
            bootstrap_auc(
                truth,
                score,
                cluster,
                method,
                sample.whole("replicates"),
                sample.whole("seed"),
                level,
            )
            .and_then(|i| clip(i, 0.0, 1.0))
            .map(|(i, clipped)| {
                clip_note(&mut answer, clipped);
                (
                    i,
                    format!(
                        "{}.{}",
                        method.id(),
                        if cluster.is_some() {
                            "by-cluster"
                        } else {
                            "stratified-by-class"
                        }
                    ),
                )
            })
        }
        "logit" => variance
            .clone()
            .and_then(|v| logit_interval(value, v, level))
            .map(|i| (i, format!("{name}.logit"))),
        _ => variance.clone().and_then(|v| {
            let (interval, clipped) = wald_interval(value, v, level)?;
            clip_note(&mut answer, clipped);
            Ok((
                interval,
                if cluster.is_some() {
                    "obuchowski.wald".to_owned()
                } else {
                    "delong".to_owned()
                },
            ))
        }),
    };
    let mut boundary = None;
    auc = match made {
        Ok((interval, method)) => auc.with_interval(interval, method),
        Err(StatisticsError::NotEstimable(reason)) => {
            // A constant score is no boundary: nothing was ranked, and no interval is offered.
            if cluster.is_none() && value != 0.5 {
                boundary = Some(
                    Number::plain("auc_boundary", "auc.mann-whitney", value, m + n).with_interval(
                        newcombe_interval(value, m, n, level)?,
                        "newcombe-2006.method-5",
                    ),
                );
                answer.notes.push("the interval asked for is not estimable here; `auc_boundary` carries Newcombe's, which has a sound width at the boundary".into());
            }
            let remedy = if cluster.is_some() {
                "; no interval of `roc-auc` that takes clusters has a width here"
            } else if boundary.is_none() && word != "newcombe" {
                "; interval `newcombe` looks at the area and the numbers of cases alone, and has a width here"
            } else {
                ""
            };
            auc.without_interval(format!("{reason}{remedy}"))
        }
        Err(other) => return Err(other),
    };
    answer.numbers.push(auc);
    answer.numbers.extend(boundary);
    if let (Some(_), Ok(clustered), Ok(independent)) =
        (cluster, &variance, &delong_variance(truth, score))
    {
        answer.numbers.push(Number::plain(
            "design_effect",
            "variance.obuchowski-over-delong",
            clustered / independent,
            m + n,
        ));
    }
    if let Some(codes) = cluster {
        let mut names = codes.to_vec();
        names.sort_unstable();
        names.dedup();
        answer.numbers.push(Number::plain(
            "clusters",
            "count",
            names.len() as f64,
            names.len(),
        ));
        if names.len() < 20 {
            answer.notes.push(format!(
                "{} clusters: a normal interval is too narrow with so few",
                names.len()
            ));
        }
    }
    idle_bootstrap(&mut answer, sample);
    answer
        .numbers
        .push(Number::plain("positives", "count", m as f64, m));
    answer
        .numbers
        .push(Number::plain("negatives", "count", n as f64, n));

    let points = roc_curve(
        truth,
        score,
        Thresholds::from_word(sample.word("thresholds")),
    )?;
    answer.curves.push(curve::figure("ROC curve", &points));
    let band = match sample.word("band") {
        "pointwise" => Some((Band::Pointwise, "pointwise")),
        "simultaneous" => Some((Band::Simultaneous, "simultaneous (sup-t)")),
        _ => None,
    };
    if let Some((band, word)) = band {
        match sensitivity_band(
            truth,
            score,
            sample.list("specificities"),
            band,
            bootstrap_of(sample, cluster),
        ) {
            Ok(limits) => answer.curves.push(curve::band_figure(
                format!("{word} {} % band of sensitivity", digits(100.0 * level)),
                &limits,
            )),
            Err(StatisticsError::NotEstimable(reason)) => {
                answer.notes.push(format!("no band: {reason}"))
            }
            Err(other) => return Err(other),
        }
    }
    Ok(answer)
}

/// An interval cut to a range, and whether that changed it; not estimable where it lies wholly outside, so
/// that nothing but an end of the range would be left.
fn clip(interval: Interval, least: f64, most: f64) -> Result<(Interval, bool), StatisticsError> {
    let cut = Interval {
        lower: interval.lower.clamp(least, most),
        upper: interval.upper.clamp(least, most),
        ..interval
    };
    if cut.lower < cut.upper {
        Ok((cut, cut != interval))
    } else {
        Err(StatisticsError::not_estimable(format!(
            "the whole interval lies outside the possible range, from {least} to {most}"
        )))
    }
}

/// A note when `bootstrap` was set and the interval is no bootstrap.
fn idle_bootstrap(answer: &mut Answer, sample: &Sample) {
    if sample.word("interval") != "bootstrap" {
        idle(
            answer,
            sample,
            "bootstrap",
            "percentile",
            "it says how a bootstrap interval is made, and `interval` is not bootstrap",
        );
    }
}

fn delong_variance(truth: &[bool], score: &[f64]) -> Result<f64, StatisticsError> {
    let class = |c: bool| {
        truth
            .iter()
            .zip(score)
            .filter(|(t, _)| **t == c)
            .map(|(_, s)| *s)
            .collect::<Vec<f64>>()
    };
    delong_auc(&class(true), &class(false), 0.95).map(|auc| auc.variance)
}

fn clip_note(answer: &mut Answer, clipped: bool) {
    if clipped {
        answer.notes.push(
            "a limit lay outside [0, 1] and was clipped; interval `logit` stays inside".into(),
        );
    }
}

/// The bootstrap the sample's settings ask for.
fn bootstrap_of<'a>(sample: &Sample, cluster: Option<&'a [usize]>) -> Bootstrap<'a> {
    Bootstrap {
        cluster,
        replicates: sample.whole("replicates"),
        seed: sample.whole("seed"),
        level: sample.real("level"),
    }
}

/// The two-sided p-value of a normal statistic as a number.
fn normal_p(name: &str, z: f64, n: usize) -> Number {
    Number::plain(name, "normal.two-sided", normal_two_sided(z), n)
}

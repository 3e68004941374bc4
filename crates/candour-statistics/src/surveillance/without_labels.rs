//! What can be said while labels are late or missing, and how often users override the device.

use rayon::prelude::*;

use crate::catalogue::{
    Entry, Group, Kind, LEVEL, Need, PROBABILITY, REPLICATES, Role, SEED, Sample, Setting,
    SettingKind,
};
use crate::number::{Answer, Cell, Curve, Figure, Number, StatisticsError, Table};
use crate::proportion::wilson_interval;
use crate::random::Philox;
use crate::resample::BootstrapInterval;

/// Performance expected from the probabilities alone. A value is absent where its denominator is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// Share of right answers.
    pub accuracy: Option<f64>,
    /// Sensitivity.
    pub sensitivity: Option<f64>,
    /// Specificity.
    pub specificity: Option<f64>,
    /// Positive predictive value.
    pub ppv: Option<f64>,
    /// Negative predictive value.
    pub npv: Option<f64>,
    /// Area under the ROC curve.
    pub auc: Option<f64>,
    /// Prevalence.
    pub prevalence: Option<f64>,
}

/// Confidence-based performance estimate: each case counts as positive with its probability p and as
/// negative with 1 - p (NannyML's CBPE). The area is that of the expected curve, sum of p_i (1 - p_j)
/// over pairs ranked rightly, ties (and a case against itself) half, over sum p times sum (1 - p).
///
/// # Errors
/// When a probability lies outside [0, 1]; not estimable without cases.
pub fn expected_performance(
    probability: &[f64],
    threshold: f64,
) -> Result<Expected, StatisticsError> {
    if probability.iter().any(|p| !(0.0..=1.0).contains(p)) {
        return Err(StatisticsError::Data(
            "a probability lies outside 0 to 1".into(),
        ));
    }
    if probability.is_empty() {
        return Err(StatisticsError::not_estimable("there is no case"));
    }
    let mut sorted = probability.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    Ok(performance(&sorted, &sorted, threshold))
}

/// Performance of the sorted `score` where each case counts `weight` as positive.
fn performance(score: &[f64], weight: &[f64], threshold: f64) -> Expected {
    let (mut positive, mut negative, mut tp, mut fp, mut pairs, mut below) =
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    let mut at = 0;
    for ties in score.chunk_by(|a, b| a == b) {
        let (mut yes, mut no) = (0.0, 0.0);
        for w in weight.iter().skip(at).take(ties.len()) {
            yes += w;
            no += 1.0 - w;
        }
        at += ties.len();
        pairs += yes * (below + 0.5 * no);
        below += no;
        positive += yes;
        negative += no;
        if ties.first().is_some_and(|s| *s >= threshold) {
            tp += yes;
            fp += no;
        }
    }
    let share = |a: f64, b: f64| (b > 0.0).then_some(a / b);
    Expected {
        accuracy: share(tp + negative - fp, positive + negative),
        sensitivity: share(tp, positive),
        specificity: share(negative - fp, negative),
        ppv: share(tp, tp + fp),
        npv: share(negative - fp, positive + negative - tp - fp),
        auc: share(pairs, positive * negative),
        prevalence: share(positive, positive + negative),
    }
}

type Part = (&'static str, fn(&Expected) -> Option<f64>);

const PARTS: [Part; 7] = [
    ("accuracy", |e| e.accuracy),
    ("sensitivity", |e| e.sensitivity),
    ("specificity", |e| e.specificity),
    ("ppv", |e| e.ppv),
    ("npv", |e| e.npv),
    ("auc", |e| e.auc),
    ("prevalence", |e| e.prevalence),
];

fn run_performance(sample: &Sample) -> Result<Answer, StatisticsError> {
    let threshold = sample.real("threshold");
    let level = sample.real("level");
    let seed = sample.whole("seed");
    let expected = expected_performance(sample.reals("probability"), threshold)?;
    let mut sorted = sample.reals("probability").to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len();
    let draws: Vec<Expected> = (0..sample.whole("replicates"))
        .into_par_iter()
        .map(|draw| {
            let mut random = Philox::new(seed, draw);
            let labels: Vec<f64> = sorted
                .iter()
                .map(|p| f64::from(u8::from(random.unit() < *p)))
                .collect();
            performance(&sorted, &labels, threshold)
        })
        .collect();
    let mut numbers = Vec::new();
    for (name, part) in PARTS {
        let definition = format!("cbpe.{name}");
        let full = format!("estimated_{name}");
        numbers.push(match part(&expected) {
            None => Number::none(full, definition, n, "its denominator is 0"),
            Some(value) => {
                let number = Number::plain(full, definition, value, n);
                let values: Vec<Option<f64>> = draws.iter().map(part).collect();
                match BootstrapInterval::Percentile.of(value, &values, &[], level) {
                    Ok(i) => number.with_interval(i, "label-draws.percentile"),
                    Err(reason) => number.without_interval(reason.to_string()),
                }
            }
        });
    }
    Ok(Answer {
        numbers,
        notes: vec![
            "ESTIMATE WITHOUT LABELS: it holds only if the probabilities are calibrated in the present population and the relation of image to disease has not changed; it cannot see a drop caused by either".into(),
            "intervals cover the chance in the labels of these very cases, given calibrated probabilities and independent cases; nothing else".into(),
        ],
        ..Answer::default()
    })
}

fn run_override(sample: &Sample) -> Result<Answer, StatisticsError> {
    let overridden = sample.binary("overridden");
    let level = sample.real("level");
    let definition = "override.share-of-cases";
    let count = |rows: &[bool]| {
        (
            rows.iter().filter(|o| **o).count() as u64,
            rows.len() as u64,
        )
    };
    let number = |name: String, rows: &[bool]| -> Result<Number, StatisticsError> {
        let (x, n) = count(rows);
        Ok(match wilson_interval(x, n, level)? {
            Some(p) => Number::plain(name, definition, p.value, rows.len())
                .with_interval(p.interval, "wilson"),
            None => Number::none(name, definition, 0, "there is no case"),
        })
    };
    let mut numbers = vec![number("override_rate".into(), overridden)?];
    let mut answer = Answer::default();
    if let Some(groups) = sample.labels("group") {
        let (codes, names) = crate::subgroup::level_names(groups);
        let mut forest = Curve::line(Figure::Forest, "override rate", Vec::new(), Vec::new());
        let mut rows = Vec::new();
        for (code, name) in names.iter().enumerate() {
            let of_group: Vec<bool> = overridden
                .iter()
                .zip(&codes)
                .filter(|(_, c)| **c == code)
                .map(|(o, _)| *o)
                .collect();
            let rate = number(format!("override_rate_{name}"), &of_group)?;
            let (x, n) = count(&of_group);
            if let (Some(value), Some(interval)) = (rate.value, rate.interval) {
                forest.x.push(value);
                forest.y.push(code as f64);
                forest.lower.push(interval.lower);
                forest.upper.push(interval.upper);
                forest.labels.push(name.clone());
                rows.push(vec![
                    Cell::Text(name.clone()),
                    Cell::Whole(x as i64),
                    Cell::Whole(n as i64),
                    Cell::Real(value),
                    Cell::Real(interval.lower),
                    Cell::Real(interval.upper),
                ]);
            }
            numbers.push(rate);
        }
        answer.tables.push(Table {
            name: "override rate by group".into(),
            columns: ["group", "overridden", "cases", "rate", "lower", "upper"]
                .map(str::to_owned)
                .to_vec(),
            rows,
        });
        answer.curves.push(forest);
    }
    answer.numbers = numbers;
    Ok(answer)
}

/// Performance without labels.
pub(super) const PERFORMANCE: Entry = Entry {
    id: "performance-without-labels",
    group: Group::Surveillance,
    title: "Performance estimated without labels, from confidence",
    formula: "expected TP = sum of p over p >= t, FP = sum of 1 - p over p >= t, FN = sum of p over p < t, TN = sum of 1 - p over p < t; AUC of the expected curve",
    source: "NannyML, confidence-based performance estimation (CBPE); Guillory 2021",
    assumptions: "The probabilities are calibrated in the present population. No change of the relation between image and disease. Cases independent. An estimate, never a measurement.",
    compared_with: "NumPy 2 by the definition (testdata/statistics/surveillance)",
    roles: &[PROBABILITY],
    settings: &[
        Setting {
            name: "threshold",
            what: "probability from which a case counts as positive",
            kind: SettingKind::Real(0.0, 1.0),
            default: Some("0.5"),
        },
        LEVEL,
        SEED,
        REPLICATES,
    ],
    numbers: &[
        "estimated_accuracy",
        "estimated_sensitivity",
        "estimated_specificity",
        "estimated_ppv",
        "estimated_npv",
        "estimated_auc",
        "estimated_prevalence",
    ],
    run: run_performance,
};

/// Override rate.
pub(super) const OVERRIDE: Entry = Entry {
    id: "override-rate",
    group: Group::Surveillance,
    title: "How often users override the device",
    formula: "overridden cases / cases, in all and by group",
    source: "Wilson 1927 for the interval",
    assumptions: "Cases are independent within a group; many cases of one user are not: read intervals of small groups with that in mind.",
    compared_with: "statsmodels 0.14 proportion_confint(method='wilson')",
    roles: &[
        Role {
            name: "overridden",
            what: "whether the user decided against the device's answer",
            kind: Kind::Binary,
            need: Need::One,
            missing: false,
        },
        Role {
            name: "group",
            what: "group of users: profession, experience, site; an empty cell is the group `(not recorded)`",
            kind: Kind::Label,
            need: Need::Optional,
            missing: true,
        },
    ],
    settings: &[LEVEL],
    numbers: &["override_rate", "override_rate_{group}"],
    run: run_override,
};
